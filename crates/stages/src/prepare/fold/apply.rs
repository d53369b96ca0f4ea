//! What each kind of event changes in the state.

use shopwise_model::EventKind;
use shopwise_model::frame::{NULL_CODE, NULL_INT};

use super::interest::{FATIGUE_HALF_LIFE_DAYS, left};
use super::{Customer, InCart, Keeps, OrderLine, Replay, Session, Step, Thing};

/// Products that a cart is known to hold; beyond that the one that lay longest is forgotten.
const CART_MAX: usize = 100;

/// How much a view, a cart and an order say about taste, in views. Whole numbers: their sums over
/// the shop are then the same in any order.
const VIEW: f64 = 1.0;
const CART: f64 = 2.0;
const ORDER: f64 = 3.0;

impl Replay {
    /// Takes in the rows that wait: first describes what is shown, then changes the state.
    pub(super) fn take_in(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        if let Some(first) = waiting.first() {
            self.exposures.advance(first.at);
            self.persons.advance(first.at);
        }
        for step in &waiting {
            let is_shown = matches!(step.kind, EventKind::AdShown | EventKind::RecommendationShown);
            if is_shown && self.keeps == Keeps::Everything {
                let thing = self.thing_of(step);
                let known = crate::prepare::features::read(self, step.customer, thing, step.at);
                self.exposures.show(step, thing, known);
            }
        }
        for step in &waiting {
            self.step(step);
        }
        waiting.clear();
        self.waiting = waiting;
    }

    fn step(&mut self, step: &Step) {
        if step.kind == EventKind::StockCorrected {
            return;
        }
        let thing = self.thing_of(step);
        let is_first = step.customer != NULL_CODE && self.step_customer(step, thing);
        if thing.product != NULL_CODE {
            self.step_product(step, thing.product as usize, is_first);
        }
        if self.keeps == Keeps::StateAlone {
            return;
        }
        match step.kind {
            EventKind::AdClicked | EventKind::RecommendationClicked => {
                self.exposures.click(step, thing);
            }
            EventKind::OrderCompleted => {
                let one = [step.customer];
                let several = self.persons.together(step.customer);
                self.exposures.order(step, thing, several.as_deref().unwrap_or(&one));
                self.lines.push(OrderLine {
                    order: step.order,
                    line: step.line,
                    customer: step.customer,
                    product: step.product,
                    occurred_at: step.at,
                    quantity: step.quantity,
                    unit_price: step.unit_price,
                    amount: if step.is_valued { step.amount } else { NULL_INT },
                    country: step.country,
                });
            }
            EventKind::OrderRefunded if step.order != NULL_CODE => {
                *self.refunded.entry(step.order).or_insert(0) += step.amount;
            }
            _ => {}
        }
    }

    /// Takes in a row of a customer who is read again: all others know it already.
    pub(super) fn step_again(&mut self, step: &Step) {
        if step.kind != EventKind::StockCorrected {
            let thing = self.thing_of(step);
            self.step_customer(step, thing);
        }
    }

    /// Adds everybody's interest up from the sums of the products.
    pub(super) fn count_interest(&mut self) {
        for (product, thing) in self.products.iter().zip(&self.things) {
            let weight = VIEW * product.views as f64
                + CART * product.carts as f64
                + ORDER * product.orders as f64;
            self.everybody.add(*thing, weight);
        }
    }

    /// Takes in what an event says about its customer; returns whether it is the first time that he
    /// buys the product.
    pub(super) fn step_customer(&mut self, step: &Step, thing: Thing) -> bool {
        let customer = &mut self.customers[step.customer as usize];
        let key = (step.at, step.event_id);
        if customer.events > 0 && key < customer.newest {
            self.late.insert(step.customer);
        } else {
            customer.newest = key;
        }
        if let Some(touched) = &mut self.touched {
            touched.insert(step.customer);
        }
        let silent = step.at - customer.last_seen > self.gap;
        // A refund is booked by the shop: it neither begins a visit nor shows that the customer
        // came.
        let by_shop = step.kind == EventKind::OrderRefunded;
        if customer.events == 0 {
            (customer.first_seen, customer.last_seen) = (step.at, step.at);
            customer.visit_before = step.at;
        }
        if !by_shop && (customer.session.is_none() || silent) {
            customer.visit_before = customer.last_seen;
            customer.session = Some(self.sessions.len());
            customer.sessions += 1;
            if self.keeps == Keeps::Everything {
                self.sessions.push(Session::begin(step.customer, step.at));
            }
        }
        if !by_shop {
            customer.last_seen = step.at;
        }
        let one = i64::from(step.is_new_event);
        customer.events += one;
        let (hour, weekday) = self.calendar.hour_and_weekday(step.at);
        customer.weekend += one * i64::from(weekday >= 5);
        customer.evening += one * i64::from(hour >= 18);
        count(customer, step, one);
        let is_first = remember(customer, step, thing);
        if let (false, Some(session)) = (by_shop, customer.session)
            && let Some(session) = self.sessions.get_mut(session)
        {
            visit(session, step, one);
        }
        is_first
    }

    /// Takes in what an event says about its product: sums, so that the order of events is nothing
    /// to them.
    fn step_product(&mut self, step: &Step, code: usize, is_first: bool) {
        let product = &mut self.products[code];
        let weight = weight(step.kind);
        self.everybody.add(self.things[code], weight);
        match step.kind {
            EventKind::ProductViewed => {
                product.views += 1;
                self.everybody.views += 1;
            }
            EventKind::ProductAdded => product.carts += 1,
            EventKind::RecommendationShown | EventKind::AdShown => {
                product.shown += 1;
                self.everybody.shown += 1;
            }
            EventKind::RecommendationClicked | EventKind::AdClicked => {
                product.clicked += 1;
                self.everybody.clicked += 1;
            }
            EventKind::OrderRefunded => product.refunds += 1,
            EventKind::OrderCompleted => {
                let sold = if product.orders == 0 {
                    (step.at, step.at)
                } else {
                    (product.first_sold.min(step.at), product.last_sold.max(step.at))
                };
                (product.first_sold, product.last_sold) = sold;
                product.orders += 1;
                self.everybody.orders += 1;
                product.quantity += step.quantity;
                product.revenue += step.amount;
                product.customers += i64::from(is_first);
            }
            _ => {}
        }
    }
}

/// Returns what an event says about taste, in views.
pub(in crate::prepare) fn weight(kind: EventKind) -> f64 {
    match kind {
        EventKind::ProductViewed => VIEW,
        EventKind::ProductAdded => CART,
        EventKind::OrderCompleted => ORDER,
        _ => 0.0,
    }
}

fn count(customer: &mut Customer, step: &Step, one: i64) {
    match step.kind {
        EventKind::ProductViewed => customer.views += one,
        EventKind::ProductAdded => customer.carts += one,
        EventKind::AdShown => {
            customer.ads_shown += one;
            customer.shown += 1;
        }
        EventKind::AdClicked => {
            customer.ads_clicked += one;
            customer.clicked += 1;
        }
        EventKind::RecommendationShown => customer.shown += 1,
        EventKind::RecommendationClicked => customer.clicked += 1,
        EventKind::OrderRefunded => {
            customer.refunds += one;
            customer.refunded += step.amount;
        }
        EventKind::OrderCompleted => {
            if customer.orders == 0 {
                customer.first_order = step.at;
            }
            customer.orders += one;
            customer.order_lines += 1;
            customer.monetary += step.amount;
            customer.last_order = step.at;
        }
        _ => {}
    }
}

/// Remembers what the customer looked at, bought and was shown; returns whether it is the first
/// time that he buys the product.
fn remember(customer: &mut Customer, step: &Step, thing: Thing) -> bool {
    if thing.product == NULL_CODE {
        if step.kind == EventKind::OrderCompleted {
            // It does not say what was ordered: what was to be.
            customer.cart.clear();
        }
        return false;
    }
    let weight = weight(step.kind);
    if weight > 0.0 {
        if thing.category != NULL_CODE {
            customer.categories.add(thing.category, weight, step.at);
        }
        if thing.brand != NULL_CODE {
            customer.brands.add(thing.brand, weight, step.at);
        }
        if thing.band != NULL_CODE {
            customer.bands.add(thing.band, weight, step.at);
        }
        if !thing.log_price.is_nan() {
            customer.price.add(thing.log_price, weight, step.at);
        }
    }
    match step.kind {
        EventKind::ProductViewed => {
            let pair = customer.pairs.entry(thing.product).or_default();
            pair.views += 1;
            pair.viewed_at = pair.viewed_at.max(step.at);
        }
        EventKind::ProductAdded => {
            let pair = customer.pairs.entry(thing.product).or_default();
            pair.carts += 1;
            pair.carted_at = pair.carted_at.max(step.at);
            put_in(&mut customer.cart, thing.product, step);
        }
        EventKind::ProductRemoved => take_out(&mut customer.cart, thing.product, step.quantity),
        EventKind::OrderCompleted => {
            // What was ordered has left the cart, however many pieces of it.
            take_out(&mut customer.cart, thing.product, i64::MAX);
            let pair = customer.pairs.entry(thing.product).or_default();
            let is_first = pair.pieces == 0;
            pair.orders += 1;
            pair.pieces += step.quantity.max(1);
            pair.bought_at = pair.bought_at.max(step.at);
            return is_first;
        }
        // A review without stars says nothing of what he thinks of it.
        EventKind::ProductReviewed if step.rating.is_nan() => {}
        EventKind::ProductClicked | EventKind::ProductReviewed => {
            let pair = customer.pairs.entry(thing.product).or_default();
            pair.react(false, step.rating, step.at);
        }
        EventKind::RecommendationClicked => {
            let pair = customer.pairs.entry(thing.product).or_default();
            pair.react(true, f64::NAN, step.at);
        }
        EventKind::AdShown | EventKind::RecommendationShown => {
            let pair = customer.pairs.entry(thing.shown_as()).or_default();
            let left = left(pair.shown_at, step.at, FATIGUE_HALF_LIFE_DAYS);
            pair.shown = pair.shown * left + 1.0;
            pair.shown_at = step.at;
        }
        _ => {}
    }
    false
}

/// Puts pieces into a cart; an event that names no quantity means one.
fn put_in(cart: &mut Vec<InCart>, product: u32, step: &Step) {
    let pieces = step.quantity.max(1);
    match cart.iter_mut().find(|held| held.product == product) {
        Some(held) => {
            held.quantity = held.quantity.saturating_add(pieces);
            held.added_at = step.at;
        }
        None => {
            if cart.len() == CART_MAX {
                cart.remove(0);
            }
            cart.push(InCart { product, quantity: pieces, added_at: step.at });
        }
    }
}

/// Takes pieces out of a cart.
fn take_out(cart: &mut Vec<InCart>, product: u32, pieces: i64) {
    if let Some(place) = cart.iter().position(|held| held.product == product) {
        cart[place].quantity -= pieces.max(1);
        if cart[place].quantity <= 0 {
            cart.remove(place);
        }
    }
}

fn visit(session: &mut Session, step: &Step, one: i64) {
    session.ended_at = step.at;
    session.events += one;
    match step.kind {
        EventKind::ProductViewed => session.views += one,
        EventKind::ProductAdded => session.carts += one,
        EventKind::OrderCompleted => {
            session.orders += one;
            session.amount += step.amount;
        }
        _ => {}
    }
}
