//! The fold: (state, event) → state. What is known about a customer or product as of a moment is
//! the state after all events before it; there is no other definition.

use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;
use shopwise_model::frame::{Frame, NULL_CODE, NULL_INT, Texts};
use shopwise_model::time::{DAY, SECOND};
use shopwise_model::{EventKind, Settings};

use crate::error::{Error, Result};

/// Days, hours and weekdays in the shop's time zone.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: TimeZone,
    /// The offset last looked up, and the hour it was looked up for: offsets change on the hour at
    /// the earliest.
    hour: i64,
    offset: i64,
}

impl Calendar {
    /// Returns the calendar of the shop's time zone.
    ///
    /// # Errors
    /// [`Error::Wrong`] when the zone has no such name.
    pub fn of(settings: &Settings) -> Result<Self> {
        let zone = TimeZone::get(&settings.time_zone)
            .map_err(|_| Error::Wrong(format!("`{}` is no IANA time zone", settings.time_zone)))?;
        Ok(Self { zone, hour: i64::MIN, offset: 0 })
    }

    /// Returns (hour of the day, day of the week from Monday = 0) of a moment.
    pub fn hour_and_weekday(&mut self, moment: i64) -> (i64, i64) {
        let hour = moment.div_euclid(900 * SECOND);
        if hour != self.hour {
            let seconds = jiff::Timestamp::from_microsecond(moment)
                .map_or(0, |moment| i64::from(self.zone.to_offset(moment).seconds()));
            (self.hour, self.offset) = (hour, seconds * SECOND);
        }
        let local = moment.saturating_add(self.offset);
        // The first of January 1970 was a Thursday.
        let weekday = (local.div_euclid(DAY) + 3).rem_euclid(7);
        (local.rem_euclid(DAY) / (3600 * SECOND), weekday)
    }
}

/// What is known about a customer. Counts are of events, money in millionths.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "each field is a column documented in `tables::CUSTOMER_FEATURES`")]
pub struct Customer {
    pub first_seen: i64,
    pub last_seen: i64,
    pub events: i64,
    pub sessions: i64,
    pub views: i64,
    pub carts: i64,
    pub orders: i64,
    pub refunds: i64,
    pub monetary: i64,
    pub refunded: i64,
    pub order_lines: i64,
    pub first_order: i64,
    pub last_order: i64,
    pub weekend: i64,
    pub evening: i64,
    pub ads_shown: i64,
    pub ads_clicked: i64,
    /// Pieces bought by product code.
    pub bought: FxHashMap<u32, i64>,
    session: Option<usize>,
}

/// What is known about a product.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "each field is a column documented in `tables::PRODUCT_FEATURES`")]
pub struct Product {
    pub views: i64,
    pub carts: i64,
    pub orders: i64,
    pub quantity: i64,
    pub refunds: i64,
    pub revenue: i64,
    pub customers: i64,
    pub shown: i64,
    pub clicked: i64,
    pub first_sold: i64,
    pub last_sold: i64,
}

/// A visit.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is a column documented in `tables::SESSIONS`")]
pub struct Session {
    pub customer: u32,
    pub started_at: i64,
    pub ended_at: i64,
    pub events: i64,
    pub views: i64,
    pub carts: i64,
    pub orders: i64,
    pub amount: i64,
}

/// A line of an order.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is a column documented in `tables::ORDER_LINES`")]
pub struct OrderLine {
    pub order: u32,
    pub line: i64,
    pub customer: u32,
    pub product: u32,
    pub occurred_at: i64,
    pub quantity: i64,
    pub unit_price: i64,
    pub amount: i64,
    pub currency: u32,
    pub country: u32,
}

/// The state of the whole shop while its events are replayed in time order.
#[derive(Debug)]
pub struct Replay {
    calendar: Calendar,
    gap: i64,
    rows: u64,
    last_event: Option<[u8; 16]>,
    pub(super) names: Names,
    pub(super) customers: Vec<Customer>,
    pub(super) products: Vec<Product>,
    pub(super) sessions: Vec<Session>,
    pub(super) lines: Vec<OrderLine>,
    /// What came back, by order code: millionths.
    pub(super) refunded: FxHashMap<u32, i64>,
}

/// Texts that the events share; a code is an index.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) customers: Texts,
    pub(super) products: Texts,
    pub(super) orders: Texts,
    pub(super) currencies: Texts,
    pub(super) countries: Texts,
}

/// One event line with codes for its texts.
struct Step {
    kind: EventKind,
    is_new_event: bool,
    customer: u32,
    product: u32,
    order: u32,
    currency: u32,
    country: u32,
    line: i64,
    quantity: i64,
    unit_price: i64,
    amount: i64,
    at: i64,
}

impl Replay {
    /// Returns the state before the first event; a session ends after `session_minutes` of silence.
    #[must_use]
    pub fn new(calendar: Calendar, session_minutes: i64) -> Self {
        Self {
            calendar,
            gap: session_minutes * 60 * SECOND,
            rows: 0,
            last_event: None,
            names: Names::default(),
            customers: Vec::new(),
            products: Vec::new(),
            sessions: Vec::new(),
            lines: Vec::new(),
            refunded: FxHashMap::default(),
        }
    }

    /// Returns the number of event lines replayed.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Replays rows, which must follow the former ones in (occurred_at, event_id, line).
    ///
    /// # Errors
    /// When a column is missing.
    pub fn extend(&mut self, part: &Frame) -> Result<()> {
        let kinds: Vec<EventKind> =
            part.text("kind")?.values().iter().map(|name| EventKind::from_name(name)).collect();
        let kind_codes = part.text("kind")?.codes();
        let customers = recode(part.text("customer")?, &mut self.names.customers);
        let products = recode(part.text("product")?, &mut self.names.products);
        let orders = recode(part.text("order")?, &mut self.names.orders);
        let currencies = recode(part.text("currency")?, &mut self.names.currencies);
        let countries = recode(part.text("country")?, &mut self.names.countries);
        self.customers.resize(self.names.customers.values().len(), Customer::default());
        self.products.resize(self.names.products.values().len(), Product::default());
        let (ids, lines) = (part.id("event_id")?, part.int("line")?);
        let (quantities, prices) = (part.int("quantity")?, part.int("unit_price")?);
        let (amounts, times) = (part.int("amount")?, part.time("occurred_at")?);
        for row in 0..part.rows() {
            let is_new_event = self.last_event != Some(ids[row]);
            self.last_event = Some(ids[row]);
            self.step(&Step {
                kind: kinds[kind_codes[row] as usize],
                is_new_event,
                customer: customers[row],
                product: products[row],
                order: orders[row],
                currency: currencies[row],
                country: countries[row],
                line: lines[row],
                quantity: present(quantities[row]),
                unit_price: present(prices[row]),
                amount: present(amounts[row]),
                at: times[row],
            });
            self.rows += 1;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) {
        if step.kind == EventKind::StockCorrected {
            return;
        }
        if step.customer != NULL_CODE {
            self.step_customer(step);
        }
        if step.product != NULL_CODE {
            self.step_product(step);
        }
        match step.kind {
            EventKind::OrderCompleted => self.lines.push(OrderLine {
                order: step.order,
                line: step.line,
                customer: step.customer,
                product: step.product,
                occurred_at: step.at,
                quantity: step.quantity,
                unit_price: step.unit_price,
                amount: step.amount,
                currency: step.currency,
                country: step.country,
            }),
            EventKind::OrderRefunded if step.order != NULL_CODE => {
                *self.refunded.entry(step.order).or_insert(0) += step.amount;
            }
            _ => {}
        }
    }

    fn step_customer(&mut self, step: &Step) {
        let customer = &mut self.customers[step.customer as usize];
        let silent = step.at - customer.last_seen > self.gap;
        // A refund is booked by the shop: it neither begins a visit nor shows that the customer came.
        let by_shop = step.kind == EventKind::OrderRefunded;
        if customer.events == 0 {
            (customer.first_seen, customer.last_seen) = (step.at, step.at);
        }
        if !by_shop && (customer.session.is_none() || silent) {
            customer.session = Some(self.sessions.len());
            customer.sessions += 1;
            self.sessions.push(Session {
                customer: step.customer,
                started_at: step.at,
                ended_at: step.at,
                events: 0,
                views: 0,
                carts: 0,
                orders: 0,
                amount: 0,
            });
        }
        if !by_shop {
            customer.last_seen = step.at;
        }
        let one = i64::from(step.is_new_event);
        customer.events += one;
        let (hour, weekday) = self.calendar.hour_and_weekday(step.at);
        customer.weekend += one * i64::from(weekday >= 5);
        customer.evening += one * i64::from(hour >= 18);
        apply_to_customer(customer, step, one);
        if let (false, Some(session)) = (by_shop, customer.session) {
            let session = &mut self.sessions[session];
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
    }

    fn step_product(&mut self, step: &Step) {
        let product = &mut self.products[step.product as usize];
        match step.kind {
            EventKind::ProductViewed => product.views += 1,
            EventKind::ProductAdded => product.carts += 1,
            EventKind::RecommendationShown | EventKind::AdShown => product.shown += 1,
            EventKind::RecommendationClicked | EventKind::AdClicked => product.clicked += 1,
            EventKind::OrderRefunded => product.refunds += 1,
            EventKind::OrderCompleted => {
                if product.orders == 0 {
                    product.first_sold = step.at;
                }
                product.orders += 1;
                product.quantity += step.quantity;
                product.revenue += step.amount;
                product.last_sold = step.at;
                if step.customer != NULL_CODE {
                    let bought = &mut self.customers[step.customer as usize].bought;
                    let pieces = bought.entry(step.product).or_insert(0);
                    product.customers += i64::from(*pieces == 0);
                    *pieces += step.quantity.max(1);
                }
            }
            _ => {}
        }
    }
}

fn apply_to_customer(customer: &mut Customer, step: &Step, one: i64) {
    match step.kind {
        EventKind::ProductViewed => customer.views += one,
        EventKind::ProductAdded => customer.carts += one,
        EventKind::AdShown => customer.ads_shown += one,
        EventKind::AdClicked => customer.ads_clicked += one,
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

fn present(value: i64) -> i64 {
    if value == NULL_INT { 0 } else { value }
}

/// Returns the codes of a part's column in the shared texts.
fn recode(column: &Texts, shared: &mut Texts) -> Vec<u32> {
    let codes: Vec<u32> = column.values().iter().map(|value| shared.intern(value)).collect();
    column
        .codes()
        .iter()
        .map(|code| codes.get(*code as usize).copied().unwrap_or(NULL_CODE))
        .collect()
}
