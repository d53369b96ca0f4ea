//! One event line before its texts are written: small, copyable, sortable by time.

use shopwise_model::decision::VisitDecision;
use shopwise_model::frame::NULL_INT;
use shopwise_model::{Event, EventKind, Events};

use crate::catalog::Catalog;
use crate::chance::{Chance, Purpose};
use crate::customers::{CHANNELS, COUNTRIES, DEVICES};
use crate::shop::Shop;

/// What stands in an index when there is none.
pub(crate) const NONE: u32 = u32::MAX;
/// Queries below this index are categories, the others brands.
pub(crate) const BRAND_QUERIES: u32 = 1 << 16;

/// One event line; indexes are [`NONE`] where missing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draft {
    pub(crate) occurred_at: i64,
    /// The visit that caused the event.
    pub(crate) visit: u64,
    pub(crate) unit_price: i64,
    pub(crate) propensity: f64,
    /// What tells the event from others of its kind and visit.
    pub(crate) number: u32,
    pub(crate) customer: u32,
    pub(crate) product: u32,
    pub(crate) campaign: u32,
    /// Index of the decision among those of the day.
    pub(crate) decision: u32,
    /// Number of the order within the visit.
    pub(crate) order: u32,
    pub(crate) query: u32,
    pub(crate) line: u16,
    pub(crate) quantity: u16,
    pub(crate) position: u16,
    pub(crate) rating: u8,
    pub(crate) device: u8,
    pub(crate) channel: u8,
    pub(crate) kind: EventKind,
}

/// Returns the identifier of an event: different for each visit, kind and number, since a branch of
/// [`Chance`] maps different numbers to different places.
pub(crate) fn event_id(root: Chance, visit: u64, kind: EventKind, number: u32) -> [u8; 16] {
    let own = root.to(Purpose::Visits).of(visit);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&own.bits().to_be_bytes());
    let code = ((kind as u64) << 32) | u64::from(number);
    id[8..].copy_from_slice(&own.of(code).bits().to_be_bytes());
    id
}

/// Writes drafts as events, in the order of time and then of generation.
pub(crate) fn write(
    shop: &Shop,
    drafts: &[Draft],
    decisions: &[VisitDecision],
    events: &mut Events,
) {
    let mut order: Vec<(i64, u32)> =
        drafts.iter().enumerate().map(|(at, draft)| (draft.occurred_at, at as u32)).collect();
    order.sort_unstable();
    let mut order_text = String::new();
    for (_, at) in order {
        let draft = &drafts[at as usize];
        order_text.clear();
        if draft.order != NONE {
            write_order(&mut order_text, draft.visit, draft.order);
        }
        events.push(&event(shop, draft, decisions, &order_text));
    }
}

/// Writes the identifier of an order: the visit, and a number for orders after it.
fn write_order(text: &mut String, visit: u64, order: u32) {
    use std::fmt::Write as _;
    let written =
        if order == 0 { write!(text, "o{visit}") } else { write!(text, "o{visit}-{order}") };
    written.expect("writing to a String cannot fail");
}

fn event<'a>(
    shop: &'a Shop,
    draft: &Draft,
    decisions: &'a [VisitDecision],
    order: &'a str,
) -> Event<'a> {
    let mut event = Event::new("simulator", draft.kind, draft.occurred_at);
    let customer = draft.customer as usize;
    event.event_id = event_id(shop.chance, draft.visit, draft.kind, draft.number);
    event.line = i64::from(draft.line);
    event.customer = Some(&shop.names[customer]);
    event.country = Some(COUNTRIES[shop.customers[customer].country as usize]);
    event.device = Some(DEVICES[draft.device as usize]);
    event.channel = Some(CHANNELS[draft.channel as usize]);
    if draft.product != NONE {
        event.product = Some(&shop.catalog.products[draft.product as usize].id);
    }
    if draft.quantity > 0 {
        event.quantity = i64::from(draft.quantity);
    }
    if draft.unit_price != NULL_INT {
        event.unit_price = draft.unit_price;
        event.amount = draft.unit_price * i64::from(draft.quantity.max(1));
        event.currency = Some(&shop.currency);
    }
    if draft.order != NONE {
        event.order = Some(order);
    }
    if draft.rating > 0 {
        event.rating = f64::from(draft.rating);
    }
    if draft.query != NONE {
        event.query = Some(if draft.query < BRAND_QUERIES {
            Catalog::category_words(draft.query as u16)
        } else {
            Catalog::brand_name((draft.query - BRAND_QUERIES) as u16)
        });
    }
    if draft.position > 0 {
        event.position = i64::from(draft.position);
        event.placement = Some(if draft.campaign == NONE { "home" } else { "banner" });
    }
    if draft.campaign != NONE {
        let campaign = &shop.campaigns.campaigns[draft.campaign as usize];
        event.campaign = Some(&campaign.id);
        event.creative = Some(&campaign.creative);
        if draft.kind == EventKind::AdClicked {
            event.amount = campaign.bid_per_click;
            event.currency = Some(&shop.currency);
        }
    }
    if draft.decision != NONE {
        let decision = &decisions[draft.decision as usize];
        event.decision = Some(&decision.decision);
        event.variant = Some(decision.policy);
        event.propensity = draft.propensity;
    }
    event
}
