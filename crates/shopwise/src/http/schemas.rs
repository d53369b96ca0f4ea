//! What bodies of requests and answers look like, by the names that the list of routes uses: JSON
//! Schema 2020-12, as OpenAPI 3.1 has it.

use serde_json::{Value, json};

use super::products::AMOUNT_MAX;

/// Returns every schema by its name.
pub(super) fn schemas() -> Value {
    let mut all = events();
    let apart = [super::rules::schemas(), super::gorse::schemas()];
    let parts = [products(), lists(), segments(), answers(), states()];
    for part in parts.into_iter().chain(apart) {
        if let (Value::Object(all), Value::Object(part)) = (&mut all, part) {
            all.extend(part);
        }
    }
    all
}

/// What libraries send. Hardly anything is forbidden: an event that cannot be kept goes into
/// quarantine and is answered with 200, as anything else would make a library drop its batch.
fn events() -> Value {
    let named = |about: &str| json!({ "description": about });
    let event = json!({
        "userId": named("the shop's identifier of the customer"),
        "anonymousId": named("that of the browser"),
        "messageId": named("the same when the same event is sent again; at most 100 characters"),
        "event": named("track: what happened"),
        "properties": named("track, page, screen: what is to be said about it"),
        "traits": named("identify, group: what is known"),
        "groupId": named("group: of which group"),
        "previousId": named("alias: the former identifier"),
        "timestamp": named("when it happened; now when left out"),
        "context": named("page, library, locale and so on"),
        "writeKey": named("the key, where the head of the request has none"),
    });
    let about = "an event; that it is whole is looked at when it has arrived";
    json!({
        "Event": {
            "description": "one event; a list of them is taken as well",
            "anyOf": [
                { "type": "object", "minProperties": 1, "properties": event, "description": about },
                { "type": "array", "description": about },
            ],
        },
        "Batch": {
            "description": "an envelope, one event, or a list of events",
            "anyOf": [
                { "type": "object", "required": ["batch"], "properties": {
                    "batch": { "type": "array", "description":
                        "events; those beyond 2,500 are refused one by one, and counted" },
                    "sentAt": named("the client's clock when it sent this"),
                    "writeKey": named("the key, where the head of the request has none"),
                    "context": named("what each event takes over that does not say it itself"),
                    "integrations": named("the same"),
                } },
                { "$ref": "#/components/schemas/Event" },
            ],
        },
        "Taken": {
            "type": "object",
            "required": ["success", "verdicts"],
            "properties": {
                "success": { "const": true },
                "verdicts": {
                    "description": "how many events became what; what does not occur is left out",
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "stored": { "$ref": "#/components/schemas/Count" },
                        "duplicate": { "$ref": "#/components/schemas/Count" },
                        "quarantined": { "$ref": "#/components/schemas/Count" },
                        "refused": { "$ref": "#/components/schemas/Count" },
                    },
                },
            },
        },
        "Count": { "type": "integer", "minimum": 0 },
        "Settings": {
            "type": "object",
            "required": ["integrations", "plan", "metrics"],
            "properties": {
                "integrations": { "type": "object" },
                "plan": { "type": "object" },
                "metrics": { "type": "object" },
            },
        },
        "Success": {
            "type": "object", "required": ["success"],
            "properties": { "success": { "const": true } },
        },
    })
}

/// The catalogue. Amounts are in units of the shop's currency.
fn products() -> Value {
    let amount = json!({ "type": ["number", "null"], "minimum": 0, "maximum": AMOUNT_MAX });
    let text = json!({ "type": ["string", "null"] });
    // Shops number their categories: a number is taken as its digits.
    let word = json!({ "type": ["string", "number", "null"] });
    let stock = json!({ "type": ["integer", "null"], "minimum": 0, "maximum": i64::MAX });
    let moment = json!({ "type": ["string", "null"], "format": "date-time" });
    let fields = |word: &Value| {
        json!({
            "title": word, "category": word, "brand": word, "price": amount, "cost": amount,
            "stock": stock, "seller": word, "hidden": { "type": ["boolean", "null"] },
            "available_from": moment, "available_until": moment,
            "attributes": { "type": ["object", "null"], "maxProperties": 200,
                "propertyNames": { "minLength": 1, "maxLength": 100 } },
        })
    };
    let mut with_id = fields(&text);
    with_id["id"] = json!({ "type": "string", "pattern": "\\S", "maxLength": 200 });
    json!({
        "ProductFields": {
            "type": "object", "additionalProperties": false, "properties": fields(&word),
        },
        "Product": { "type": "object", "additionalProperties": false, "properties": with_id,
            "required": ["id", "title", "category", "brand", "price", "cost", "stock"] },
        "Products": {
            "description": "each product is looked at by itself; what is wrong is told",
            "anyOf": [
                { "$ref": "#/components/schemas/ProductList" },
                { "type": "object", "required": ["products"],
                    "properties": { "products": { "$ref": "#/components/schemas/ProductList" } } },
            ],
        },
        "ProductList": { "type": "array", "maxItems": 20_000, "description":
            "products like the fields of one, with `id`" },
        "Written": {
            "type": "object",
            "required": ["written", "refused"],
            "properties": {
                "written": { "$ref": "#/components/schemas/Count" },
                "refused": { "type": "array", "items": {
                    "type": "object",
                    "required": ["index", "reason"],
                    "properties": {
                        "index": { "$ref": "#/components/schemas/Count" },
                        "reason": { "type": "string" },
                    },
                } },
            },
        },
        "Deleted": {
            "type": "object", "required": ["deleted"],
            "properties": { "deleted": { "type": "string" } },
        },
    })
}

/// Lists of products.
fn lists() -> Value {
    let count = json!({ "$ref": "#/components/schemas/Count" });
    json!({
        "List": {
            "type": "object",
            "required": ["decision", "model", "items"],
            "properties": {
                "decision": { "type": "string", "description":
                    "goes back with what was shown: `Recommendation Shown`, `decision`" },
                "model": { "type": ["object", "null"], "properties": {
                    "name": { "type": "string" }, "version": count } },
                "next": { "type": ["string", "null"], "description":
                    "where `of` was asked for: what the next page is asked with" },
                "items": { "type": "array", "items": {
                    "type": "object",
                    "required": ["product", "score", "position", "propensity", "reasons"],
                    "properties": {
                        "product": { "type": "string" },
                        "score": { "type": "number" },
                        "position": { "type": "integer", "minimum": 1 },
                        "propensity": { "type": "number", "minimum": 0, "maximum": 1,
                            "description": "the probability of standing at its position" },
                        "reasons": { "type": "array", "items": { "type": "object" } },
                        "label": { "type": "string", "description":
                            "what the shop writes beside what is sponsored" },
                        "explanation": { "type": "object" },
                    },
                } },
            },
        }
    })
}

/// Segments: those of rules, and those that profiling found.
fn segments() -> Value {
    let text = json!({ "type": ["string", "null"] });
    let expression = json!({ "type": "string", "description":
        "who is in it, such as `orders of (category = \"tea\") within 90 days >= 2`" });
    let members = json!({ "type": ["integer", "null"], "minimum": 0,
        "description": "null while that is being found out" });
    json!({
        "SegmentFields": {
            "type": "object", "additionalProperties": false, "required": ["expression"],
            "properties": { "expression": expression,
                "name": { "type": ["string", "null"], "maxLength": 200 } },
        },
        "SegmentRule": {
            "type": "object", "additionalProperties": false, "required": ["expression"],
            "properties": { "expression": expression },
        },
        "SegmentChecked": {
            "type": "object",
            "required": ["ok"],
            "properties": {
                "ok": { "type": "boolean" }, "english": text, "chinese": text,
                "members": members,
                "mistake": {
                    "type": "object",
                    "required": ["start", "length", "message", "hint", "text"],
                    "properties": {
                        "start": { "$ref": "#/components/schemas/Count" },
                        "length": { "$ref": "#/components/schemas/Count" },
                        "message": { "type": "string" }, "hint": text,
                        "text": { "type": "string", "description": "all of it, with the place" },
                    },
                },
            },
        },
        "Segment": {
            "type": "object",
            "required": ["segment", "name", "kind", "members"],
            "properties": { "segment": { "type": "string" }, "name": text,
                "kind": { "enum": ["rule", "profile"] }, "members": members },
        },
        "Segments": {
            "type": "object",
            "required": ["segments"],
            "properties": { "segments": { "type": "array",
                "items": { "$ref": "#/components/schemas/Segment" } } },
        },
        "Members": {
            "type": "object",
            "required": ["segment", "members", "next"],
            "properties": {
                "segment": { "type": "string" },
                "members": { "type": "array", "items": {
                    "type": "object",
                    "required": ["customer", "since"],
                    "properties": { "customer": { "type": "string" }, "since": text },
                } },
                "next": text,
            },
        },
    })
}

fn answers() -> Value {
    let count = json!({ "$ref": "#/components/schemas/Count" });
    let moment = json!({ "type": ["string", "null"], "description": "RFC 3339, UTC" });
    json!({
        "Object": { "type": "object" },
        "Customer": {
            "type": "object",
            "required": ["customer", "events", "orders", "monetary", "currency", "recent"],
            "properties": {
                "customer": { "type": "string", "description": "a pseudonym" },
                "events": count, "sessions": count, "views": count, "carts": count,
                "orders": count, "refunds": count,
                "monetary": { "type": "number" }, "refunded": { "type": "number" },
                "currency": { "type": "string" },
                "first_seen": moment, "last_seen": moment,
                "first_order": moment, "last_order": moment,
                "recent": { "type": "array", "items": {
                    "type": "object",
                    "properties": { "product": { "type": "string" }, "at": { "type": "string" },
                        "views": count, "carts": count, "orders": count,
                        "pieces": { "type": "number" } },
                } },
                "segments": { "type": "array", "items": {
                    "type": "object",
                    "properties": { "segment": { "type": "string" }, "name": { "type": "string" },
                        "kind": { "enum": ["rule", "profile"] }, "since": moment },
                } },
                "tags": { "type": "array", "items": {
                    "type": "object",
                    "properties": { "tag": { "type": "string" },
                        "weight": { "type": "number", "description": "interest in views, fading" },
                        "share": { "type": "number" },
                        "lift": { "type": "number", "description": "times everybody's share" } },
                } },
            },
        },
        "Why": {
            "type": "object",
            "required": ["customer", "tag", "weight", "half_life_days", "events"],
            "properties": {
                "customer": { "type": "string", "description": "a pseudonym" },
                "tag": { "type": "string" },
                "weight": { "type": "number", "description": "the sum of the events' weights" },
                "half_life_days": { "type": "number" },
                "events": { "type": "array", "items": {
                    "type": "object",
                    "properties": { "event_id": { "type": "string" }, "kind": { "type": "string" },
                        "product": { "type": "string" }, "at": { "type": "string" },
                        "weight": { "type": "number" } },
                } },
            },
        },
    })
}

/// What the server says of itself, and of what went wrong.
fn states() -> Value {
    json!({
        "Health": {
            "type": "object", "required": ["status"], "properties": { "status": { "const": "ok" } },
        },
        "Ready": {
            "type": "object", "required": ["status"],
            "properties": { "status": { "const": "ready" } },
        },
        "NotReady": {
            "type": "object", "required": ["status", "why"],
            "properties": { "status": { "const": "no" }, "why": { "type": "string" } },
        },
        "Error": {
            "type": "object",
            "additionalProperties": false,
            "required": ["code", "message", "hint", "request_id"],
            "properties": {
                "code": { "type": "string" },
                "message": { "type": "string" },
                "hint": { "type": ["string", "null"] },
                "request_id": { "type": "string" },
            },
        },
    })
}
