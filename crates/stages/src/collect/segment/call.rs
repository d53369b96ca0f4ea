//! One call: who, when, what; one event line a product.

use std::borrow::Cow;
use std::rc::Rc;

use jiff::tz::TimeZone;
use serde_json::Value;
use shopwise_model::frame::NULL_INT;
use shopwise_model::money::is_currency;
use shopwise_model::{Event, EventKind};

use super::items::{self, Item, amount, items};
use super::moment::{self, Clock, set_right};
use super::people;
use super::privacy::{About, is_personal, kept};
use super::{Object, Refusal, first, text_of};
use crate::collect::catalogue::Mention;
use crate::collect::csv_map::complete;
use crate::collect::identity::names_nobody;
use crate::collect::keys::Identity;
use crate::collect::pseudonyms::Who;
use crate::collect::sink::Sink;
use crate::collect::values::{number, propensity};
use crate::collect::vocabulary::{kind_of, specified};
use crate::collect::wire::Verb;

/// Keys of properties that become columns.
const USED: &[&str] = &[
    "products",
    "product_id",
    "productId",
    "sku",
    "price",
    "quantity",
    "position",
    "brand",
    "currency",
    "order_id",
    "query",
    "rating",
    "campaign",
    "campaign_id",
    "creative",
    "creative_id",
    "decision",
    "decision_id",
    "propensity",
    "placement",
    "experiment",
    "experiment_id",
    "channel",
    "device",
    "store",
    "affiliation",
    "country",
    "session_id",
];

/// What every event of an import has.
#[derive(Debug)]
pub(in crate::collect) struct Defaults<'a> {
    pub(in crate::collect) source: &'a str,
    pub(in crate::collect) currency: &'a str,
}

/// A call with the batch around it and its text.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) call: &'a Object,
    pub(super) envelope: &'a Object,
    pub(super) text: &'a str,
    /// A hash of what it says, where another event has its identifier already.
    pub(super) said: Option<u64>,
}

/// Who a call is about.
pub(super) struct Person {
    pub(super) customer: Rc<str>,
    /// Whether the shop knows him.
    pub(super) is_user: bool,
    /// The visitor before he was known.
    pub(super) anonymous: Option<Rc<str>>,
}

impl<'a> Call<'a> {
    /// Hands the call's event to the sink, or says what is wrong.
    pub(super) fn take(&self, shop: &Defaults<'_>, sink: &mut Sink<'_>) -> Result<(), Refusal> {
        let verb = self.verb()?;
        let occurred_at = self.moment(sink.zone())?;
        let empty = Object::new();
        let properties = self.properties(verb)?.unwrap_or(&empty);
        let (kind, name) = self.kind(verb)?;
        let items = items(if verb == Verb::Track { properties } else { &empty })?;
        let facts = Facts::read(self, properties, shop)?;
        let person = self.person(sink)?;
        let mut event = Event::new(shop.source, kind, occurred_at);
        event.customer = Some(&person.customer);
        facts.fill(&mut event)?;
        let lines = lines(&event, &items, properties)?;
        if verb == Verb::Identify {
            people::keep(&person.customer, properties, sink);
        }
        let mut extra = self.extra(verb, properties, name.as_deref(), event.variant.is_some());
        if let Some(anonymous) = &person.anonymous {
            extra.insert("anonymous".to_owned(), Value::from(&**anonymous));
        }
        let previous = first(self.call, &["previousId"]).filter(|_| verb == Verb::Alias);
        let previous = previous.map(|id| sink.pseudonym(Who::Anonymous, &id));
        if let Some(previous) = &previous {
            extra.insert("previous".to_owned(), Value::from(&**previous));
        }
        let who = people::Who { kind, verb, at: occurred_at, properties, previous };
        people::see(self, &person, &who, sink);
        self.push(&lines, &items, extra, sink);
        Ok(())
    }

    /// Says what is wrong with a call that [`Call::take`] would refuse.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let verb = self.verb()?;
        let occurred_at = self.moment(&TimeZone::UTC)?;
        let empty = Object::new();
        let properties = self.properties(verb)?.unwrap_or(&empty);
        let (kind, _) = self.kind(verb)?;
        let items = items(if verb == Verb::Track { properties } else { &empty })?;
        let shop = Defaults { source: "", currency: "" };
        let facts = Facts::read(self, properties, &shop)?;
        self.names()?;
        let mut event = Event::new(shop.source, kind, occurred_at);
        facts.fill(&mut event)?;
        lines(&event, &items, properties).map(|_| ())
    }

    fn properties(&self, verb: Verb) -> Result<Option<&'a Object>, Refusal> {
        let key = match verb {
            Verb::Identify | Verb::Group => "traits",
            Verb::Track | Verb::Page | Verb::Screen | Verb::Alias => "properties",
        };
        match self.call.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(properties)) => Ok(Some(properties)),
            Some(other) => Err(refusal(key, other, "not a JSON object")),
        }
    }

    fn verb(&self) -> Result<Verb, Refusal> {
        let verb = match self.call.get("type") {
            Some(Value::String(verb)) => verb.as_str(),
            None if self.call.contains_key("event") => "track",
            None => "",
            Some(other) => return Err(refusal("type", other, "must be a text")),
        };
        Verb::from_name(verb).ok_or_else(|| {
            let reason = "must be track, identify, page, screen, group or alias";
            ("type".to_owned(), verb.to_owned(), reason)
        })
    }

    /// Returns the kind, and the name where the kind does not say it.
    fn kind(&self, verb: Verb) -> Result<(EventKind, Option<Cow<'a, str>>), Refusal> {
        Ok(match verb {
            Verb::Page | Verb::Screen => (EventKind::PageViewed, first(self.call, &["name"])),
            Verb::Identify => (EventKind::Identified, None),
            Verb::Alias if first(self.call, &["previousId"]).is_none() => {
                return Err(("previousId".to_owned(), String::new(), "must not be empty"));
            }
            Verb::Alias => (EventKind::Identified, Some("alias".into())),
            Verb::Group => (EventKind::Other, Some("group".into())),
            Verb::Track => {
                let Some(name) = first(self.call, &["event"]) else {
                    return Err(("event".to_owned(), String::new(), "must not be empty"));
                };
                let kind = kind_of(&name);
                let name = specified(&name).map_or(name, Cow::Borrowed);
                (kind, (kind == EventKind::Other).then_some(name))
            }
        })
    }

    /// Returns when it happened: `timestamp`; else the client's time, set right by how far its
    /// clock was off when it sent; else when it was sent or received.
    fn moment(&self, zone: &TimeZone) -> Result<i64, Refusal> {
        let read = |key: &str| -> Result<Option<i64>, Refusal> {
            let value = match self.call.get(key).or_else(|| self.envelope.get(key)) {
                None | Some(Value::Null) => return Ok(None),
                Some(value) => value,
            };
            let moment = moment::read(value, zone);
            moment.map(Some).ok_or_else(|| refusal(key, value, "not a date"))
        };
        if let Some(moment) = read("timestamp")? {
            return Ok(moment);
        }
        let (original, sent) = (read("originalTimestamp")?, read("sentAt")?);
        let received = read("receivedAt")?;
        if let (Some(original), Some(received)) = (original, received) {
            return Ok(set_right(original, sent, received, Clock::of(self.context())));
        }
        let missing = || ("timestamp".to_owned(), String::new(), "must not be empty");
        original.or(sent).or(received).ok_or_else(missing)
    }

    /// Returns the user and the visitor that a call names, at least one of them.
    fn names(&self) -> Result<[Option<Cow<'a, str>>; 2], Refusal> {
        let named = |key: &str| {
            let name = first(self.call, &[key])?;
            (!names_nobody(&name)).then_some(name)
        };
        let names = [named("userId"), named("anonymousId")];
        if names == [None, None] {
            let value = first(self.call, &["userId", "anonymousId"]).unwrap_or_default();
            let reason = "`userId` or `anonymousId` must name somebody";
            return Err(("userId".to_owned(), value.into_owned(), reason));
        }
        Ok(names)
    }

    fn person(&self, sink: &mut Sink<'_>) -> Result<Person, Refusal> {
        let [user, anonymous] = self.names()?;
        let anonymous = anonymous.map(|id| sink.pseudonym(Who::Anonymous, &id));
        let user = user.map(|id| sink.pseudonym(Who::Customer, &id));
        Ok(match (user, anonymous) {
            (Some(customer), anonymous) => Person { customer, is_user: true, anonymous },
            (None, anonymous) => {
                let customer = anonymous.unwrap_or_else(|| Rc::from(""));
                Person { customer, is_user: false, anonymous: None }
            }
        })
    }

    /// Returns what has no column, without what says who somebody is.
    fn extra(
        &self,
        verb: Verb,
        properties: &Object,
        name: Option<&str>,
        has_variant: bool,
    ) -> Object {
        let about = match verb {
            Verb::Identify | Verb::Group => About::Person,
            Verb::Track | Verb::Page | Verb::Screen | Verb::Alias => About::Thing,
        };
        let mut used = USED.to_vec();
        if properties.contains_key("product_id") || properties.contains_key("sku") {
            used.extend(["name", "category"]);
        }
        if has_variant {
            used.extend(["variant", "variation_id"]);
        }
        let mut extra = kept(properties, about, &used);
        if let Some(name) = name.filter(|name| !is_personal(name)) {
            let key = if matches!(verb, Verb::Page | Verb::Screen) { "page" } else { "event" };
            extra.insert(key.to_owned(), Value::from(name));
        }
        let context = self.context();
        if let Some(Value::Object(campaign)) = context.and_then(|context| context.get("campaign")) {
            let campaign = kept(campaign, About::Thing, &[]);
            if !campaign.is_empty() {
                extra.insert("utm".to_owned(), Value::Object(campaign));
            }
        }
        extra
    }

    pub(super) fn context(&self) -> Option<&'a Object> {
        let own = self.call.get("context").or_else(|| self.envelope.get("context"));
        own.and_then(Value::as_object)
    }

    /// Hands one event line a product to the sink. What concerns the whole call stands on the
    /// first.
    fn push(
        &self,
        lines: &[Event<'_>],
        items: &[Item<'_>],
        mut extra: Object,
        sink: &mut Sink<'_>,
    ) {
        let message_id = first(self.call, &["messageId"]);
        let mut event_id = None;
        for (at, (event, item)) in lines.iter().zip(items).enumerate() {
            let line = at as i64;
            if item.is_listed {
                extra.extend(kept(item.object, About::Thing, items::KEYS));
            }
            let text = (!extra.is_empty()).then(|| Value::Object(extra.clone()).to_string());
            extra.clear();
            let event =
                Event { extra: text.as_deref(), message_id: message_id.as_deref(), ..*event };
            if let Some(product) = &item.product {
                let mention = Mention {
                    title: item.title.as_deref(),
                    category: item.category.as_deref(),
                    brand: item.brand.as_deref(),
                };
                sink.catalogue.mention(product, &mention);
            }
            let identity = match (event_id, &message_id, self.said) {
                (Some(event_id), ..) => Identity::LineOf(event_id, line),
                (None, Some(message), Some(said)) => Identity::Second(message.as_bytes(), said),
                (None, Some(message), None) => Identity::Given(message.as_bytes(), line),
                (None, None, _) => Identity::Row(self.text.as_bytes()),
            };
            event_id = Some(sink.push(&event, identity).event_id);
        }
    }
}

/// The columns that a call fills on all its lines.
struct Facts<'a> {
    texts: [Option<Cow<'a, str>>; 13],
    currency: Option<String>,
    default_currency: &'a str,
    rating: f64,
    propensity: f64,
}

impl<'a> Facts<'a> {
    fn read(call: &Call<'a>, properties: &'a Object, shop: &Defaults<'a>) -> Result<Self, Refusal> {
        let own = |keys: &[&str]| first(properties, keys);
        let context = |outer: &str, keys: &[&str]| match call.context()?.get(outer)? {
            Value::Object(inner) => first(inner, keys),
            other => text_of(other),
        };
        let real = |key: &str, parse: fn(&str) -> Result<f64, &'static str>| {
            let Some(value) = properties.get(key) else { return Ok(f64::NAN) };
            let Some(text) = text_of(value) else { return Ok(f64::NAN) };
            parse(&text).map_err(|reason| refusal(key, value, reason))
        };
        let query = match properties.get("query") {
            Some(Value::Object(query)) => Some(Value::Object(query.clone()).to_string().into()),
            _ => own(&["query"]),
        };
        let currency = own(&["currency"]).map(|code| code.to_uppercase());
        if let Some(wrong) = currency.as_ref().filter(|code| !is_currency(code)) {
            let reason = "must be three letters (ISO 4217)";
            return Err(("currency".to_owned(), wrong.clone(), reason));
        }
        let texts = [
            own(&["session_id"]).or_else(|| context("sessionId", &[])),
            own(&["order_id"]),
            query.filter(|query| !is_personal(query)),
            own(&["placement"]),
            own(&["campaign", "campaign_id"]),
            own(&["creative", "creative_id"]),
            own(&["decision", "decision_id"]),
            own(&["experiment", "experiment_id"]),
            own(&["variant", "variation_id"]),
            own(&["channel"]).or_else(|| context("channel", &[])),
            own(&["device"]).or_else(|| context("device", &["type"])),
            own(&["store", "affiliation"]),
            own(&["country"]).or_else(|| context("location", &["country"])),
        ];
        Ok(Self {
            texts,
            currency,
            default_currency: shop.currency,
            rating: real("rating", number)?,
            propensity: real("propensity", propensity)?,
        })
    }

    fn fill<'b>(&'b self, event: &mut Event<'b>) -> Result<(), Refusal> {
        let [session, order, query, placement, campaign, creative, decision, rest @ ..] =
            &self.texts;
        let [experiment, variant, channel, device, store, country] = rest;
        (event.session, event.order) = (session.as_deref(), order.as_deref());
        (event.query, event.placement) = (query.as_deref(), placement.as_deref());
        (event.campaign, event.creative) = (campaign.as_deref(), creative.as_deref());
        (event.decision, event.experiment) = (decision.as_deref(), experiment.as_deref());
        (event.channel, event.device) = (channel.as_deref(), device.as_deref());
        (event.store, event.country) = (store.as_deref(), country.as_deref());
        // A product's variant is its colour or size; that of something shown, or tried, is the
        // policy.
        let is_shown = event.decision.is_some() || event.experiment.is_some();
        event.variant = variant.as_deref().filter(|_| is_shown);
        event.currency = self.currency.as_deref().or(Some(self.default_currency));
        (event.rating, event.propensity) = (self.rating, self.propensity);
        Ok(())
    }
}

/// Returns one event line a product, from what they share.
fn lines<'b>(
    event: &Event<'b>,
    items: &'b [Item<'_>],
    properties: &Object,
) -> Result<Vec<Event<'b>>, Refusal> {
    let mut lines = Vec::with_capacity(items.len());
    for item in items {
        let mut line = Event {
            product: item.product.as_deref(),
            quantity: item.quantity,
            unit_price: item.price,
            position: item.position,
            propensity: item.propensity.unwrap_or(event.propensity),
            ..*event
        };
        complete(&mut line).map_err(|reason| ("price".to_owned(), String::new(), reason))?;
        lines.push(line);
    }
    // What a whole order is worth is the line's worth when there is one line without a price.
    if let [line] = &mut lines[..]
        && matches!(line.kind, EventKind::OrderCompleted | EventKind::OrderRefunded)
        && line.amount == NULL_INT
    {
        for key in ["revenue", "total", "value", "subtotal"] {
            if line.amount == NULL_INT {
                line.amount = amount(properties, key, "")?;
            }
        }
        complete(line).map_err(|reason| ("total".to_owned(), String::new(), reason))?;
    }
    Ok(lines)
}

fn refusal(key: &str, value: &Value, reason: &'static str) -> Refusal {
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    (key.to_owned(), value, reason)
}
