//! What bodies of gorse's API look like.

use serde_json::{Value, json};

/// Returns the schemas that the routes of this API name.
pub(in crate::http) fn schemas() -> Value {
    let id =
        json!({ "type": "string", "pattern": "^[^\\u0000]*\\S[^\\u0000]*$", "maxLength": 200 });
    let word = json!({ "type": ["string", "null"] });
    let moment = json!({ "type": ["string", "null"],
        "description": "a date with the year first; nothing is none" });
    let labels = json!({ "description": "texts, numbers, or such by names" });
    let user = json!({ "Labels": labels, "Comment": word });
    let item = json!({
        "IsHidden": { "type": ["boolean", "null"] },
        "Categories": { "type": ["array", "null"], "items": id },
        "Timestamp": moment, "Labels": labels, "Comment": word,
    });
    let with = |fields: &Value, name: &str| {
        let mut fields = fields.clone();
        fields[name] = id.clone();
        json!({ "type": "object", "required": [name], "properties": fields })
    };
    let list = |one: &str| {
        json!({ "type": "array", "maxItems": 20_000, "items":
            { "$ref": format!("#/components/schemas/{one}") } })
    };
    let feedback = json!({
        "FeedbackType": id, "UserId": id, "ItemId": id, "Timestamp": moment, "Labels": labels,
        "Value": { "type": ["number", "null"] }, "Comment": word,
    });
    let key = ["FeedbackType", "UserId", "ItemId"];
    let score = json!({ "type": "object", "required": ["Id", "Score"],
        "properties": { "Id": { "type": "string" }, "Score": { "type": "number" } } });
    json!({
        "GorseUser": with(&user, "UserId"),
        "GorseUsers": list("GorseUser"),
        "GorseUserPatch": { "type": "object", "properties": user },
        "GorseItem": with(&item, "ItemId"),
        "GorseItems": list("GorseItem"),
        "GorseItemPatch": { "type": "object", "properties": item },
        "GorseFeedback": { "type": "array", "maxItems": 20_000,
            "items": { "type": "object", "required": key, "properties": feedback } },
        "GorseSession": { "type": "array", "maxItems": 20_000, "items":
            { "type": "object", "required": ["FeedbackType", "ItemId"],
                "properties": { "FeedbackType": id, "ItemId": id, "Timestamp": moment } } },
        "GorseSuccess": { "type": "object", "required": ["RowAffected"], "properties":
            { "RowAffected": { "$ref": "#/components/schemas/Count" } } },
        "GorsePage": { "type": "object", "required": ["Cursor"], "properties": {
            "Cursor": { "type": "string", "description": "empty behind the last page" },
            "Users": { "type": "array" }, "Items": { "type": "array" },
            "Feedback": { "type": "array" },
        } },
        "GorseList": { "type": "array" },
        "GorseScores": { "type": "array", "items": score },
        "GorseHealth": { "type": "object", "required": ["Ready"], "properties":
            { "Ready": { "type": "boolean" } } },
    })
}
