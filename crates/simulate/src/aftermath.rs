//! What comes after a click or an order: orders some days later, refunds, reviews.

use std::collections::BTreeMap;

use shopwise_model::EventKind;
use shopwise_model::time::{DAY, SECOND};

use crate::chance::{Chance, Purpose};
use crate::draft::Draft;
use crate::shop::Shop;
use crate::taste::utility;
use crate::visit::Guest;

/// The largest number of days between a click and its order: with a moment that may lie later in
/// the day it stays below seven days of 24 hours.
const DELAY_DAYS_MAX: u32 = 6;
/// Days in which the inclination to order falls to 1/e.
const DELAY_DAYS: f64 = 2.5;
/// The hour from which an order no longer follows later the same day.
const SAME_DAY_UNTIL: i64 = 20 * 3_600 * SECOND;
/// The share of order lines that are reviewed.
const REVIEWS: f64 = 0.12;
/// The share of order lines of two pieces.
const PAIRS: f64 = 0.1;
/// More lines than any order has: what separates orders where their lines are numbered.
const LINES_MAX: u32 = 512;

/// Takes drafts of today and keeps those of later days.
#[derive(Debug)]
pub(crate) struct Sink<'a> {
    pub(crate) starts_at: i64,
    pub(crate) today: u32,
    pub(crate) drafts: &'a mut Vec<Draft>,
    pub(crate) later: &'a mut BTreeMap<u32, Vec<Draft>>,
}

impl Sink<'_> {
    pub(crate) fn push(&mut self, draft: Draft) {
        let day = ((draft.occurred_at - self.starts_at) / DAY) as u32;
        if day <= self.today {
            self.drafts.push(draft);
        } else {
            self.later.entry(day).or_default().push(draft);
        }
    }

    /// Returns the first moment of tomorrow.
    pub(crate) fn day_ends_at(&self) -> i64 {
        self.starts_at + (i64::from(self.today) + 1) * DAY
    }
}

/// An order that is placed now or later.
pub(crate) struct Order<'a> {
    /// The visit that caused it.
    pub(crate) guest: &'a Guest,
    /// Its number among the orders that the visit caused.
    pub(crate) number: u32,
    pub(crate) occurred_at: i64,
    /// The products, one a line.
    pub(crate) lines: &'a [u32],
}

/// Returns whether the day is a Saturday or Sunday.
pub(crate) fn is_weekend(starts_at: i64, day: u32) -> bool {
    // 1970-01-01 was a Thursday, which is day 3 of a week that begins on Monday.
    (starts_at.div_euclid(DAY) + i64::from(day) + 3).rem_euclid(7) >= 5
}

/// Returns the moment of an order that follows `clock` by hours or days.
pub(crate) fn later_moment(shop: &Shop, guest: &Guest, clock: i64, chance: Chance) -> i64 {
    let midnight = shop.starts_at + i64::from(guest.day) * DAY;
    let same_day = clock - midnight < SAME_DAY_UNTIL;
    let customer = &shop.customers[guest.customer as usize];
    let weights = (0..=DELAY_DAYS_MAX).map(|days| {
        let suits = customer.weekday(is_weekend(shop.starts_at, guest.day + days));
        let is_possible = days > 0 || same_day;
        f64::from(u8::from(is_possible)) * suits * (-f64::from(days) / DELAY_DAYS).exp()
    });
    let days = chance.of(1_000).pick(weights) as i64;
    if days > 0 {
        return midnight + days * DAY + customer.moment(chance.of(1_001));
    }
    // Between one hour later and five to midnight.
    let (from, to) = (clock + 3_600 * SECOND, midnight + DAY - 300 * SECOND);
    from + (chance.of(1_002).unit() * (to - from).max(0) as f64) as i64
}

/// Places an order with what follows from it; returns its value in millionths.
pub(crate) fn place(shop: &Shop, order: &Order<'_>, sink: &mut Sink<'_>) -> i64 {
    let guest = order.guest;
    let chance = shop.chance.to(Purpose::Visits).of(guest.visit);
    let mut revenue = 0;
    for (line, product) in order.lines.iter().enumerate() {
        let number = order.number * LINES_MAX + line as u32;
        let is_pair = chance.to(Purpose::Quantity).of(u64::from(number)).happens(PAIRS);
        let mut draft = guest.draft(EventKind::OrderCompleted, order.number, order.occurred_at);
        draft.line = line as u16;
        draft.product = *product;
        draft.order = order.number;
        draft.quantity = 1 + u16::from(is_pair);
        draft.unit_price = shop.catalog.prices[*product as usize];
        revenue += draft.unit_price * i64::from(draft.quantity);
        sink.push(draft);
        follow_up(shop, &draft, number, sink);
    }
    revenue
}

/// Plans the refund and the review of an order line.
fn follow_up(shop: &Shop, line: &Draft, number: u32, sink: &mut Sink<'_>) {
    let customer = &shop.customers[line.customer as usize];
    let visit = shop.chance.to(Purpose::Visits).of(line.visit);
    let day = ((line.occurred_at - shop.starts_at) / DAY) as u32;
    let midnight = |days: u32| shop.starts_at + i64::from(day + days) * DAY;
    let back = visit.to(Purpose::Return).of(u64::from(number));
    let is_returned = back.of(0).happens(f64::from(customer.return_rate));
    if is_returned {
        // The shop books refunds in office hours.
        let seconds = 9.0 * 3600.0 + 8.0 * 3600.0 * back.of(1).unit();
        let days = 3 + back.of(2).below(12) as u32;
        let mut refund = *line;
        refund.kind = EventKind::OrderRefunded;
        refund.occurred_at = midnight(days) + (seconds * SECOND as f64) as i64;
        refund.number = number;
        refund.line = 0;
        if refund.quantity > 1 && back.of(3).happens(0.5) {
            refund.quantity -= 1;
        }
        sink.push(refund);
    }
    let own = visit.to(Purpose::Review).of(u64::from(number));
    if own.of(0).happens(REVIEWS) {
        let weights =
            (0..14).map(|days| customer.weekday(is_weekend(shop.starts_at, day + 4 + days)));
        let days = 4 + own.of(1).pick(weights) as u32;
        let liked = utility(&shop.catalog, customer, line.product);
        let stars =
            3.0 + 0.6 * liked - 1.5 * f64::from(u8::from(is_returned)) + 0.8 * own.of(2).normal();
        let mut review = *line;
        review.kind = EventKind::ProductReviewed;
        review.occurred_at = midnight(days) + customer.moment(own.of(3));
        review.number = number;
        review.line = 0;
        review.quantity = 0;
        review.unit_price = shopwise_model::frame::NULL_INT;
        review.rating = stars.round().clamp(1.0, 5.0) as u8;
        sink.push(review);
    }
}
