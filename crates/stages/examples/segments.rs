//! Rule segments under random events: are they exact, and what do they cost? `cargo run --release
//! -p shopwise-stages --example segments -- 1000000 100000` takes a million events of 100,000
//! customers in.
//!
//! Events come in their order but for one in ten, which comes up to forty days late; pseudonyms
//! become one person and are set apart again; the clock goes on and windows end. Ten times on the
//! way the members of 200 segments are compared with those of a replay of everything that came, in
//! another order.
#![expect(clippy::print_stdout, reason = "an example shows its figures")]

use std::time::Instant;

use shopwise_hostile::Random;
use shopwise_model::time::{DAY, SECOND};
use shopwise_model::{Event, EventKind, Events, Frame, Product, Settings};
use shopwise_stages::Result;
use shopwise_stages::language::{About, Expression};
use shopwise_stages::profile::segments::{Definition, Segments};

const SEGMENTS: usize = 200;
const PRODUCTS: usize = 2_000;
const BEGIN: i64 = 1_800_000_000 * SECOND;
/// The days over which events are spread.
const DAYS: i64 = 120;
/// Events that are taken in at a time.
const BATCH: usize = 500;
const COMPARISONS: usize = 10;

/// How many in a hundred events are of each kind.
const KINDS: [(usize, EventKind); 6] = [
    (55, EventKind::ProductViewed),
    (12, EventKind::ProductAdded),
    (6, EventKind::OrderCompleted),
    (1, EventKind::OrderRefunded),
    (6, EventKind::ProductsSearched),
    (20, EventKind::PageViewed),
];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse().ok());
    let events = arguments.next().unwrap_or(1_000_000);
    let customers = arguments.next().unwrap_or(100_000);
    let mut shop = Shop::new(events, customers);
    let mut live = shop.empty(BEGIN)?;
    live.advance(BEGIN, usize::MAX);
    let (mut seconds, mut slowest, mut compared) = (0.0, 0.0_f64, 0);
    let batches = events.div_ceil(BATCH);
    for batch in 1..=batches {
        let rows = shop.batch();
        let (own, into) = shop.decide();
        let begun = Instant::now();
        live.extend(&rows)?;
        live.assign(&own, &into);
        live.advance(shop.now, usize::MAX);
        let took = begun.elapsed().as_secs_f64();
        seconds += took;
        slowest = slowest.max(took);
        shop.rows.push(rows);
        if batch % batches.div_ceil(COMPARISONS) == 0 || batch == batches {
            compared += shop.compare(&live)?;
        }
    }
    let members: u64 = live.all().map(|(_, members)| members).sum();
    println!("{events} events of {customers} customers, {SEGMENTS} segments");
    println!("{members} memberships at the end; {compared} compared on the way, all equal");
    let each = 1e6 * seconds / events as f64;
    println!("{each:.1} µs an event, windows' ends included; {} evaluations", live.evaluations());
    println!("slowest batch of {BATCH} events: {:.0} ms", 1e3 * slowest);
    let bytes = live.bytes() as f64;
    println!("{:.0} MB, {:.0} bytes a customer", bytes / 1e6, bytes / customers as f64);
    Ok(())
}

struct Shop {
    random: Random,
    customers: usize,
    /// Microseconds between two events.
    pace: i64,
    now: i64,
    count: u64,
    catalogue: Vec<Product>,
    definitions: Vec<Definition>,
    rows: Vec<Frame>,
    assigned: Vec<(String, String)>,
}

impl Shop {
    fn new(events: usize, customers: usize) -> Self {
        let product = |at: usize| Product {
            id: format!("p{at}"),
            category: Some(format!("c{} > d{}", at % 20, at % 100)),
            brand: Some(format!("b{}", at % 50)),
            price: Some(1_000_000 * (1 + at as i64 * 37 % 200)),
            ..Product::default()
        };
        Self {
            random: Random::new(7),
            customers,
            pace: DAYS * DAY / events.max(1) as i64,
            now: BEGIN,
            count: 0,
            catalogue: (0..PRODUCTS).map(product).collect(),
            definitions: (0..SEGMENTS).map(definition).collect(),
            rows: Vec::new(),
            assigned: Vec::new(),
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.random.below(limit)
    }

    fn empty(&self, now: i64) -> Result<Segments> {
        let (settings, definitions) = (Settings::default(), self.definitions.clone());
        Segments::new(&settings, definitions, self.catalogue.clone(), &[], now)
    }

    /// Returns what happens next.
    fn batch(&mut self) -> Frame {
        let mut events = Events::default();
        for _ in 0..BATCH {
            self.now += self.pace;
            self.count += 1;
            let mut place = self.below(100);
            let kind = KINDS.iter().find(|(share, _)| {
                let is_it = place < *share;
                place = place.saturating_sub(*share);
                is_it
            });
            let kind = kind.map_or(EventKind::PageViewed, |(_, kind)| *kind);
            let is_late = self.below(10) == 0;
            let late = if is_late { self.below(40 * 86_400) as i64 * SECOND } else { 0 };
            // Some do more than others.
            let who = self.below(self.customers).min(self.below(self.customers));
            let customer = format!("customer {who}");
            let lines = if kind == EventKind::OrderCompleted { 1 + self.below(3) } else { 1 };
            for line in 0..lines {
                let product = format!("p{}", self.below(PRODUCTS));
                let mut event = Event::new("made", kind, self.now - late);
                event.event_id[..8].copy_from_slice(&self.count.to_be_bytes());
                event.line = line as i64;
                event.customer = Some(&customer);
                event.product = (kind != EventKind::PageViewed).then_some(product.as_str());
                event.quantity = 1 + self.below(2) as i64;
                event.amount = 1_000_000 * (1 + self.below(200) as i64);
                events.push(&event);
            }
        }
        events.into_frame()
    }

    /// Makes somebody one with somebody else, or again one by himself.
    fn decide(&mut self) -> (String, String) {
        let own = self.below(self.customers);
        let into = if self.below(3) == 0 { own } else { self.below(self.customers) };
        let decided = (format!("customer {own}"), format!("customer {into}"));
        self.assigned.push(decided.clone());
        decided
    }

    /// Returns how many memberships are those of a replay of everything.
    fn compare(&self, live: &Segments) -> Result<u64> {
        let mut replayed = self.empty(self.now)?;
        for rows in self.rows.iter().rev() {
            replayed.extend(rows)?;
        }
        for (own, into) in &self.assigned {
            replayed.assign(own, into);
        }
        replayed.advance(self.now, usize::MAX);
        let mut compared = 0;
        for place in 0..SEGMENTS {
            let names = |segments: &Segments| {
                let members = segments.members(place, None, usize::MAX).into_iter();
                members.map(|member| member.person).collect::<Vec<_>>()
            };
            let (live, replayed) = (names(live), names(&replayed));
            let text = self.definitions[place].expression.text();
            assert!(live == replayed, "{text}: {} and {}", live.len(), replayed.len());
            compared += live.len() as u64;
        }
        Ok(compared)
    }
}

/// Returns one of the segments: twenty kinds of rules, each with ten kinds of products and windows.
fn definition(at: usize) -> Definition {
    let (kind, own) = (at % 20, at / 20);
    let days = [1, 2, 3, 7, 10, 14, 30, 45, 60, 90][own];
    let category = format!("category = \"c{own}\"");
    let text = match kind {
        0 => format!("bought within {days} days"),
        1 => format!("not bought within {days} days and orders >= 1"),
        2 => format!("orders of ({category}) within 90 days >= 2"),
        3 => format!("spent of ({category}) within {days} days > 100"),
        4 => format!("views of ({category}) within {days} days >= 3"),
        5 => format!("carts within {days} days >= 2 and not bought within {days} days"),
        6 => format!("searches within {days} days >= {}", 1 + own % 3),
        7 => format!("last_seen before {days} days ago"),
        8 => format!("last_order within {days} days and spent > 500"),
        9 => format!("viewed of (price > {}) within {days} days", 190 - own),
        10 => format!("pieces of (brand = \"b{own}\") within 60 days >= 2"),
        11 => format!("refunds within {days} days >= 1"),
        12 => format!("first_seen within {days} days"),
        13 => format!("views within 1 day >= {} or carts within 2 days >= 2", 2 + own),
        14 => format!("carted of ({category}) within 7 days and not bought of ({category})"),
        15 => format!("spent within {days} days >= {}", 50 * (own + 1)),
        16 => format!("orders = {own}"),
        17 => format!("viewed of (brand in (\"b{own}\", \"b9\")) within {days} days"),
        18 => format!("first_order within {days} days or pieces > {}", 10 + own),
        _ => format!("views of ({category} and price < 50) within 30 days > {own}"),
    };
    let expression = Expression::read(&text, About::Customers);
    let expression = expression.unwrap_or_else(|mistake| panic!("{mistake}"));
    Definition { id: format!("s{at}"), name: text, expression }
}
