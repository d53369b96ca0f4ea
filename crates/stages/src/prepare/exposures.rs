//! What was shown, and what came of it.
//!
//! An exposure is clicked by a click event of the same decision on the same thing; a click within
//! the attribution time before an order of what was shown makes the exposure converted, the last
//! such click before the order alone. Exposures wait here until nothing more can come of them and
//! leave in the order in which they were shown, so that memory is bounded by a few days of traffic.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use shopwise_model::EventKind;
use shopwise_model::frame::{Column, Frame, NULL_CODE, NULL_INT, Texts};
use shopwise_model::tables::EXPOSURE_FEATURES;
use shopwise_model::time::DAY;

use super::features::Features;
use super::fold::{Names, OTHERS, Persons, Step, Thing};

/// A click comes within a day of the exposure, or is not one of it.
const CLICK_DAYS: i64 = 1;

/// One thing shown.
#[derive(Debug, Clone)]
pub(super) struct Exposure {
    step: Step,
    thing: Thing,
    known: Features,
    clicked: bool,
    /// When what was shown was bought, or [`NULL_INT`].
    converted_at: i64,
    settled: bool,
    value: i64,
    cost: i64,
}

/// A click that an order may follow.
#[derive(Debug, Clone, Copy)]
struct Click {
    thing: Thing,
    at: i64,
    number: u64,
}

/// What a click names: the decision, whether it is an advert, and the campaign or product.
type Key = (u32, bool, u32);

/// Exposures whose outcome is still open, and those that are settled.
#[derive(Debug, Default)]
pub(super) struct Exposures {
    /// Days in which an order counts as the outcome of a click.
    attribution_days: i64,
    open: VecDeque<Exposure>,
    /// The number of the first open exposure; numbers rise by one.
    first: u64,
    by_decision: FxHashMap<Key, u64>,
    clicks: FxHashMap<u32, Vec<Click>>,
    settled: Vec<Exposure>,
}

impl Exposures {
    pub(super) fn new(attribution_days: i64) -> Self {
        Self { attribution_days, ..Self::default() }
    }

    /// Settles the exposures of which nothing more can come at `now`.
    pub(super) fn advance(&mut self, now: i64) {
        let limit = now - (self.attribution_days + CLICK_DAYS) * DAY;
        while self.open.front().is_some_and(|exposure| exposure.step.at < limit) {
            if let Some(mut exposure) = self.open.pop_front() {
                self.by_decision.remove(&key(&exposure.step, exposure.thing));
                exposure.settled = true;
                self.settled.push(exposure);
                self.first += 1;
            }
        }
    }

    /// Takes a thing shown and what was known about it.
    pub(super) fn show(&mut self, step: &Step, thing: Thing, known: Features) {
        let number = self.first + self.open.len() as u64;
        if step.decision != NULL_CODE {
            self.by_decision.insert(key(step, thing), number);
        }
        self.open.push_back(Exposure {
            step: *step,
            thing,
            known,
            clicked: false,
            converted_at: NULL_INT,
            settled: false,
            value: 0,
            cost: 0,
        });
    }

    /// Takes a click.
    pub(super) fn click(&mut self, step: &Step, thing: Thing) {
        let Some(number) = self.by_decision.get(&key(step, thing)).copied() else { return };
        let Some(exposure) = self.at(number) else { return };
        if step.at - exposure.step.at > CLICK_DAYS * DAY {
            return;
        }
        exposure.clicked = true;
        if step.kind == EventKind::AdClicked {
            exposure.cost += step.amount;
        }
        if step.customer != NULL_CODE {
            let oldest = step.at - self.attribution_days * DAY;
            let clicks = self.clicks.entry(step.customer).or_default();
            clicks.retain(|click| click.at >= oldest);
            clicks.push(Click { thing, at: step.at, number });
        }
    }

    /// Takes an order line: the last click on what was bought has led to it, by any of the
    /// `customers` that its person was seen as.
    pub(super) fn order(&mut self, step: &Step, bought: Thing, customers: &[u32]) {
        let oldest = step.at - self.attribution_days * DAY;
        let led = |click: &&Click| {
            let same = match click.thing.product {
                NULL_CODE => click.thing.category == bought.category,
                product => product == bought.product,
            };
            same && click.at >= oldest
        };
        let last_led = |customer| self.clicks.get(customer)?.iter().rev().find(led);
        let last =
            customers.iter().filter_map(last_led).max_by_key(|click| (click.at, click.number));
        let Some(number) = last.map(|click| click.number) else { return };
        if let Some(exposure) = self.at(number) {
            if exposure.converted_at == NULL_INT {
                exposure.converted_at = step.at;
            }
            exposure.value += step.amount;
        }
    }

    fn at(&mut self, number: u64) -> Option<&mut Exposure> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.open.get_mut(place)
    }

    /// Returns how many exposures are settled and not yet taken.
    pub(super) fn ready(&self) -> usize {
        self.settled.len()
    }

    /// Returns the settled exposures, which leave.
    pub(super) fn take_settled(&mut self) -> Vec<Exposure> {
        std::mem::take(&mut self.settled)
    }

    /// Returns all that is left: the settled, then the open ones.
    pub(super) fn take_all(&mut self) -> Vec<Exposure> {
        let mut all = self.take_settled();
        self.first += self.open.len() as u64;
        self.by_decision.clear();
        all.extend(self.open.drain(..));
        all
    }
}

fn key(step: &Step, thing: Thing) -> Key {
    let is_advert = matches!(step.kind, EventKind::AdShown | EventKind::AdClicked);
    let named = if is_advert && step.campaign != NULL_CODE { step.campaign } else { thing.product };
    (step.decision, is_advert, named)
}

/// Returns exposures as rows of the table.
pub(super) fn frame(rows: &[Exposure], names: &Names, persons: &Persons) -> Frame {
    let text = |values: &[Arc<str>], of: &dyn Fn(&Exposure) -> u32| texts(rows, values, of);
    let int = |of: &dyn Fn(&Exposure) -> i64| Column::Int(rows.iter().map(of).collect());
    let flag = |of: &dyn Fn(&Exposure) -> bool| Column::Bool(rows.iter().map(of).collect());
    let kinds = rows.iter().map(|row| row.step.kind.name()).collect();
    let mut frame = Frame::default()
        .with("event_id", Column::Id(rows.iter().map(|row| row.step.event_id).collect()))
        .with("line", int(&|row| row.step.line))
        .with("kind", Column::Text(kinds))
        .with("customer", persons_of(rows, names, persons))
        .with("product", text(names.products.values(), &|row| row.thing.product))
        .with("campaign", text(names.campaigns.values(), &|row| row.step.campaign))
        .with("position", int(&|row| row.step.position))
        .with("decision", text(names.decisions.values(), &|row| row.step.decision))
        .with("propensity", Column::Float(rows.iter().map(|row| row.step.propensity).collect()))
        .with("occurred_at", Column::Time(rows.iter().map(|row| row.step.at).collect()))
        .with("clicked", flag(&|row| row.clicked))
        .with("converted", flag(&|row| row.converted_at != NULL_INT))
        .with("converted_at", Column::Time(rows.iter().map(|row| row.converted_at).collect()))
        .with("settled", flag(&|row| row.settled))
        .with("value", int(&|row| row.value))
        .with("cost", int(&|row| row.cost));
    for (at, name) in OTHERS.iter().enumerate() {
        frame = frame.with(name, text(names.others.values(), &|row| row.step.others[at]));
    }
    for (at, name) in EXPOSURE_FEATURES.iter().enumerate() {
        let values = rows.iter().map(|row| row.known[at]).collect();
        frame = frame.with(name, Column::Float(values));
    }
    frame
}

/// Returns the column of persons; a row stands beside others of the same.
fn persons_of(rows: &[Exposure], names: &Names, persons: &Persons) -> Column {
    let mut column = Texts::default();
    for row in rows {
        let own = names.customers.values().get(row.step.customer as usize);
        let name = persons.name(row.step.customer).or(own);
        column.push(name.map(AsRef::as_ref));
    }
    Column::Text(column)
}

/// Returns a column of texts by their codes; rows beside each other often share theirs.
fn texts(rows: &[Exposure], values: &[Arc<str>], of: &dyn Fn(&Exposure) -> u32) -> Column {
    let mut column = Texts::default();
    let mut last = (NULL_CODE, NULL_CODE);
    for row in rows {
        let code = of(row);
        if code != last.0 {
            let text = values.get(code as usize);
            last = (code, text.map_or(NULL_CODE, |text| column.intern(text)));
        }
        column.push_code(last.1);
    }
    Column::Text(column)
}
