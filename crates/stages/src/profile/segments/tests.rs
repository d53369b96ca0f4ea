//! Whatever happens in whatever order, membership is that of the dumbest recomputation.

mod catalogue;
mod model;
mod random;

use shopwise_model::frame::Frame;
use shopwise_model::time::{DAY, SECOND};
use shopwise_model::{Event, EventKind, Events};

use super::*;
use crate::language::About;

pub(super) const NOON: i64 = 1_800_000_000 * SECOND;
pub(super) const MINUTE: i64 = 60 * SECOND;

pub(super) fn definition(id: &str, text: &str) -> Definition {
    let expression = Expression::read(text, About::Customers);
    let expression = expression.unwrap_or_else(|mistake| panic!("{mistake}"));
    Definition { id: id.to_owned(), name: id.to_owned(), expression }
}

pub(super) fn empty(definitions: Vec<Definition>) -> Segments {
    Segments::new(&Settings::default(), definitions, Vec::new(), &[], NOON).unwrap()
}

fn one(customer: &str, kind: EventKind, product: &str, at: i64) -> Frame {
    let mut events = Events::default();
    let mut event = Event::new("test", kind, at);
    event.event_id[..8].copy_from_slice(&at.to_be_bytes());
    (event.customer, event.product) = (Some(customer), Some(product));
    (event.quantity, event.amount) = (2, 30 * 1_000_000);
    events.push(&event);
    events.into_frame()
}

fn members(segments: &mut Segments, id: &str, now: i64) -> Vec<String> {
    while !segments.advance(now, 1) {}
    let place = segments.place(id).unwrap();
    segments.members(place, None, 100).into_iter().map(|member| member.person).collect()
}

#[test]
fn membership_begins_with_an_event_and_ends_with_its_window() {
    let mut segments = empty(vec![
        definition("fresh", "bought within 30 days"),
        definition("cold", "not bought within 30 days"),
        definition("big", "spent within 10 days >= 30 and pieces = 2"),
    ]);
    while !segments.advance(NOON, 10) {}
    segments.extend(&one("ann", EventKind::OrderCompleted, "p", NOON)).unwrap();
    for (now, fresh, cold, big) in [
        (NOON, true, false, true),
        (NOON + 10 * DAY - 1, true, false, true),
        (NOON + 10 * DAY, true, false, false),
        (NOON + 30 * DAY - 1, true, false, false),
        (NOON + 30 * DAY, false, true, false),
    ] {
        for (id, is_in) in [("fresh", fresh), ("cold", cold), ("big", big)] {
            assert_eq!(!members(&mut segments, id, now).is_empty(), is_in, "{id} at {now}");
        }
    }
    let since: Vec<_> = segments.of("ann").map(|(own, since)| (own.id.clone(), since)).collect();
    assert_eq!(since, [("cold".to_owned(), Some(NOON + 30 * DAY))]);
    assert!(!segments.is_due(i64::MAX), "no alarm is left");
    assert!(segments.pasts[0].entries.is_empty(), "nothing is kept in vain");
}

#[test]
fn two_visitors_who_become_one_customer_count_together_until_they_are_set_apart() {
    let mut segments = empty(vec![definition("twice", "orders within 30 days >= 2")]);
    segments.extend(&one("a", EventKind::OrderCompleted, "p", NOON - DAY)).unwrap();
    segments.extend(&one("b", EventKind::OrderCompleted, "p", NOON - 2 * DAY)).unwrap();
    assert!(members(&mut segments, "twice", NOON).is_empty());
    segments.assign("a", "ann");
    segments.assign("b", "ann");
    assert_eq!(members(&mut segments, "twice", NOON), ["ann"]);
    assert!(segments.is_member("a", 0) && segments.is_member("ann", 0));
    segments.assign("b", "b");
    assert!(members(&mut segments, "twice", NOON).is_empty());
    assert!(!segments.is_member("a", 0));
}

#[test]
fn other_definitions_hold_at_once_where_enough_is_known() {
    let mut segments = empty(vec![definition("a", "views within 30 days >= 1")]);
    segments.extend(&one("ann", EventKind::ProductViewed, "p", NOON - DAY)).unwrap();
    assert_eq!(members(&mut segments, "a", NOON), ["ann"]);
    let narrower = definition("b", "viewed of (id = \"p\") within 2 days");
    let tried = |segments: &Segments, definition| {
        segments.try_on(definition).map(|mut trial| {
            std::iter::repeat_with(|| segments.go_on(&mut trial, 1)).find_map(|all| all).unwrap()
        })
    };
    assert_eq!(tried(&segments, narrower.clone()), Some(1));
    assert_eq!(tried(&segments, definition("c", "viewed of (id = \"q\") within 2 days")), Some(0));
    assert_eq!(tried(&segments, definition("c", "carts within 2 days >= 1")), None);
    assert!(segments.redefine(vec![narrower, definition("a", "viewed within 30 days")]));
    assert_eq!(members(&mut segments, "b", NOON), ["ann"]);
    assert_eq!(members(&mut segments, "a", NOON), ["ann"]);
    assert_eq!(segments.all().map(|(_, count)| count).collect::<Vec<_>>(), [1, 1]);
    assert!(!segments.redefine(vec![definition("c", "views within 31 days >= 1")]));
    assert!(!segments.redefine(vec![definition("c", "carts within 1 day >= 1")]));
    assert!(segments.redefine(vec![definition("c", "carts >= 0 and last_seen before 1 hour ago")]));
    assert_eq!(members(&mut segments, "c", NOON), ["ann"]);
}

#[test]
fn members_come_in_the_order_of_their_names_a_page_at_a_time() {
    let mut segments = empty(vec![definition("all", "events >= 1")]);
    for (at, name) in (NOON..).zip(["d", "a", "c", "b"]) {
        segments.extend(&one(name, EventKind::PageViewed, "p", at)).unwrap();
    }
    assert_eq!(members(&mut segments, "all", NOON), ["a", "b", "c", "d"]);
    let page = |after| {
        let page = segments.members(0, after, 2).into_iter();
        page.map(|member| member.person).collect::<Vec<_>>()
    };
    assert_eq!(page(None), ["a", "b"]);
    assert_eq!(page(Some("b")), ["c", "d"]);
    assert!(page(Some("d")).is_empty());
}
