//! Random events, late ones, merges, unmerges, catalogues and clocks.

use proptest::prelude::*;

use super::model::{Happened, Model};
use super::*;

const KINDS: [EventKind; 6] = [
    EventKind::ProductViewed,
    EventKind::ProductAdded,
    EventKind::OrderCompleted,
    EventKind::OrderRefunded,
    EventKind::ProductsSearched,
    EventKind::PageViewed,
];

/// What segments are made of, in windows of minutes.
const TEXTS: [&str; 24] = [
    "bought within 30 minutes",
    "not bought within 20 minutes",
    "orders of (category = \"tea\") within 60 minutes >= 2 and spent within 90 minutes > 3",
    "views within 10 minutes >= 2 or carts within 20 minutes >= 1",
    "views of (price < 5) within 45 minutes > carts_",
    "last_order before 25 minutes ago",
    "last_seen within 15 minutes and not first_seen within 40 minutes",
    "last_seen after 5 minutes ahead",
    "first_order is unknown",
    "orders >= 2",
    "pieces of (category = \"tea\") >= 3",
    "spent of (price >= 5 or id = \"p2\") within 2 hours >= 4",
    "refunds within 35 minutes >= 1 and refunded > 1",
    "searches within 12 minutes in (1, 3)",
    "events within 25 minutes >= 4",
    "events = 1 or events >= 9",
    "viewed of (category = \"coffee\") and not carted of (category = \"coffee\") within 1 hour",
    "not (viewed within 5 minutes or bought)",
    "views of (price is unknown) within 30 minutes >= 1",
    "orders of (category = \"tea\" and price < 5) within 30 minutes = 0",
    "first_seen before 30 minutes ago and views within 30 minutes = 0",
    "last_seen <= 10 minutes ago or refunded within 50 minutes >= 2",
    "carts of (stock > 0) within 40 minutes >= 2",
    "spent > 6 and last_order >= 1 hour ago",
];

#[derive(Debug, Clone)]
enum Operation {
    /// (customer, kind, minutes before now, lines: (product, quantity, amount))
    Event(usize, usize, i64, Vec<(usize, i64, i64)>),
    /// (pseudonym, person)
    Assign(usize, usize),
    /// Minutes.
    Advance(i64),
    /// (product, category, price, stock)
    Product(usize, usize, i64, i64),
    Define(Vec<usize>),
}

fn operation() -> impl Strategy<Value = Operation> {
    let line = (0..4_usize, 1..3_i64, 0..4_i64);
    prop_oneof![
        10 => (0..5_usize, 0..6_usize, -10..100_i64, prop::collection::vec(line, 1..4))
            .prop_map(|(customer, kind, ago, lines)| Operation::Event(customer, kind, ago, lines)),
        3 => (0..5_usize, 0..6_usize).prop_map(|(own, into)| Operation::Assign(own, into)),
        5 => (0..40_i64).prop_map(Operation::Advance),
        1 => (0..4_usize, 0..3_usize, 0..8_i64, 0..2_i64)
            .prop_map(|(id, of, price, stock)| Operation::Product(id, of, price, stock)),
        1 => prop::collection::vec(0..TEXTS.len(), 0..6).prop_map(Operation::Define),
    ]
}

fn definitions(which: &[usize]) -> Vec<Definition> {
    let mut which = which.to_vec();
    which.sort_unstable();
    which.dedup();
    let of = |at: &usize| definition(&format!("s{at}"), &TEXTS[*at].replace("carts_", "1"));
    which.iter().map(of).collect()
}

/// The segments and the model, side by side.
struct Pair {
    segments: Segments,
    model: Model,
    definitions: Vec<Definition>,
    now: i64,
    /// What was told, to replay it.
    parts: Vec<Frame>,
}

impl Pair {
    fn new(which: &[usize]) -> Self {
        let definitions = definitions(which);
        let segments = empty(definitions.clone());
        Self { segments, model: Model::default(), definitions, now: NOON, parts: Vec::new() }
    }

    fn act(&mut self, operation: &Operation) {
        match operation {
            Operation::Event(customer, kind, ago, lines) => {
                let part = self.event(*customer, KINDS[*kind], *ago, lines);
                self.segments.extend(&part).unwrap();
                self.parts.push(part);
            }
            Operation::Assign(own, into) => {
                let (own, into) = (format!("c{own}"), format!("c{into}"));
                self.segments.assign(&own, &into);
                self.model.person.insert(own, into);
            }
            Operation::Advance(minutes) => self.now += minutes * MINUTE,
            Operation::Product(id, category, price, stock) => {
                let id = format!("p{id}");
                let category = ["tea > green", "coffee", "tea"][*category].to_owned();
                let (price, stock) = (Some(*price * 1_000_000), Some(*stock));
                let product = Product {
                    id: id.clone(),
                    category: Some(category),
                    price: price.filter(|price| *price > 0),
                    stock,
                    ..Product::default()
                };
                self.model.catalogue.insert(id, product);
                let catalogue = self.model.catalogue.values().cloned().collect();
                let compared = self.segments.assortment().compare(catalogue);
                self.segments.know_catalogue(&compared);
            }
            Operation::Define(which) => {
                self.definitions = definitions(which);
                if !self.segments.redefine(self.definitions.clone()) {
                    self.segments = self.replayed(false);
                }
            }
        }
    }

    fn event(
        &mut self,
        customer: usize,
        kind: EventKind,
        ago: i64,
        lines: &[(usize, i64, i64)],
    ) -> Frame {
        let mut events = Events::default();
        let number = u32::try_from(self.parts.len()).unwrap();
        let customer = format!("c{customer}");
        for (line, (product, quantity, amount)) in (0..).zip(lines) {
            let product = format!("p{product}");
            let mut event = Event::new("test", kind, self.now - ago * MINUTE);
            event.event_id[..4].copy_from_slice(&number.to_be_bytes());
            event.line = line;
            event.customer = Some(&customer);
            event.product = Some(&product);
            (event.quantity, event.amount) = (*quantity, amount * 1_000_000);
            events.push(&event);
            self.model.happened.push(Happened {
                event: number,
                customer: customer.clone(),
                kind,
                product: product.clone(),
                quantity: *quantity,
                amount: amount * 1_000_000,
                at: event.occurred_at,
            });
        }
        events.into_frame()
    }

    /// Returns what a start would know.
    fn replayed(&self, is_reversed: bool) -> Segments {
        let catalogue = self.model.catalogue.values().cloned().collect();
        let settings = Settings::default();
        let definitions = self.definitions.clone();
        let mut segments = Segments::new(&settings, definitions, catalogue, &[], self.now).unwrap();
        for (own, into) in &self.model.person {
            segments.assign(own, into);
        }
        let mut parts: Vec<&Frame> = self.parts.iter().collect();
        if is_reversed {
            parts.reverse();
        }
        parts.iter().for_each(|part| segments.extend(part).unwrap());
        segments
    }

    fn check(&mut self, is_replayed: bool) -> std::result::Result<(), TestCaseError> {
        while !self.segments.advance(self.now, 3) {}
        let mut replayed = is_replayed.then(|| self.replayed(true));
        for definition in &self.definitions {
            let expected = self.model.members(definition, self.now);
            let text = definition.expression.text();
            let found = members(&mut self.segments, &definition.id, self.now);
            prop_assert_eq!(&found, &expected, "{}", text);
            let place = self.segments.place(&definition.id).unwrap();
            let count = self.segments.all().nth(place).unwrap().1;
            prop_assert_eq!(count, expected.len() as u64);
            if let Some(replayed) = &mut replayed {
                prop_assert_eq!(members(replayed, &definition.id, self.now), expected);
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn membership_is_that_of_a_recomputation_at_every_moment(
        which in prop::collection::vec(0..TEXTS.len(), 1..9),
        operations in prop::collection::vec(operation(), 1..60),
    ) {
        let mut pair = Pair::new(&which);
        for (at, operation) in operations.iter().enumerate() {
            pair.act(operation);
            pair.check(at + 1 == operations.len())?;
        }
        // Whatever is in a window now leaves it.
        for _ in 0..8 {
            pair.act(&Operation::Advance(23));
            pair.check(false)?;
        }
    }
}
