//! Definitions made ready: which counts they need, and what an event can change.

use shopwise_model::EventKind;

use super::Definition;
use super::past::{KINDS, Kind, Totals};
use crate::language::{Expression, Field, History, Language, Measure, Of};

/// The most segments of a shop.
pub const SEGMENTS_MAX: usize = 512;

/// Some of the segments, by their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Those(pub(super) [u64; SEGMENTS_MAX / 64]);

impl Those {
    pub(super) const ALL: Self = Self([u64::MAX; SEGMENTS_MAX / 64]);

    fn add(&mut self, segment: usize) {
        self.0[segment / 64] |= 1 << (segment % 64);
    }

    pub(super) fn join(&mut self, other: Self) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own |= other;
        }
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn has(&self, segment: usize) -> bool {
        self.0[segment / 64] >> (segment % 64) & 1 == 1
    }
}

/// What is added up of the entries of a base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sum {
    /// Events, whatever lines they have.
    Events,
    Pieces,
    Amount,
}

/// A count over entries, in several windows.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) measure: Measure,
    pub(super) sum: Sum,
    /// The place of the condition on products.
    pub(super) condition: Option<usize>,
    /// (microseconds, place of the value), the shortest first.
    pub(super) windows: Vec<(i64, usize)>,
    /// The segments that look at it.
    pub(super) segments: Those,
}

/// Where the value of a count is found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Total(Measure),
    Value(Measure, usize),
}

/// A definition with the places of its counts.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) definition: Definition,
    /// By the number of the count.
    pub(super) places: Vec<Place>,
}

/// All definitions, made ready together: what several of them count is counted once.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) rules: Vec<Rule>,
    pub(super) bases: Vec<Base>,
    /// How many values there are.
    pub(super) values: usize,
    pub(super) conditions: Vec<Expression>,
    /// The bases that an entry of each kind may add to.
    pub(super) by_kind: [Vec<usize>; KINDS],
    /// The segments that look at something else which an event of each kind changes.
    pub(super) touched: [Those; KINDS],
    /// How long after which moment of a customer a segment may turn by itself.
    pub(super) turns: Vec<(Field, [i64; 2])>,
    /// How long entries of each kind are needed, in microseconds; 0 is not at all.
    pub(super) kept: [i64; KINDS],
}

impl Rules {
    pub(super) fn new(definitions: Vec<Definition>) -> Self {
        let mut rules = Self::default();
        for definition in definitions.into_iter().take(SEGMENTS_MAX) {
            rules.add(definition);
        }
        for (at, base) in rules.bases.iter_mut().enumerate() {
            base.windows.sort_unstable();
            let longest = base.windows.last().map_or(0, |(window, _)| *window);
            for kind in kinds(base.measure) {
                rules.by_kind[kind].push(at);
                rules.kept[kind] = rules.kept[kind].max(longest);
            }
        }
        rules
    }

    fn add(&mut self, definition: Definition) {
        let segment = self.rules.len();
        let expression = definition.expression.clone();
        let mut places = vec![Place::Total(Measure::Events); expression.histories()];
        expression.each_test(|test| {
            if let Some(history) = test.history()
                && let Some(place) = places.get_mut(history.number)
            {
                *place = self.place(history, segment);
            }
            if let Some(turns) = test.turns()
                && !self.turns.contains(&turns)
            {
                self.turns.push(turns);
            }
            let field = test.field();
            if field.is_some_and(|field| matches!(field, Field::FirstOrder | Field::LastOrder)) {
                self.touched[Kind::Order as usize].add(segment);
            } else if field.is_some() {
                self.touched.iter_mut().for_each(|touched| touched.add(segment));
            }
        });
        self.rules.push(Rule { definition, places });
    }

    /// Returns where a count is found; it gets a place if it has none.
    fn place(&mut self, history: &History, segment: usize) -> Place {
        let measure = history.measure;
        let condition = match &history.of {
            Of::Products(products) => Some(self.condition(products)),
            Of::Anything | Of::ThisProduct => None,
        };
        let window = match (history.window, condition) {
            (Some(window), _) => window.micros(),
            // Of products that are told apart as they are now: each entry is kept.
            (None, Some(_)) => i64::MAX,
            (None, None) => {
                for kind in kinds(measure) {
                    self.touched[kind].add(segment);
                }
                return Place::Total(measure);
            }
        };
        let is_it = |base: &Base| base.measure == measure && base.condition == condition;
        let at = self.bases.iter().position(is_it).unwrap_or_else(|| {
            let sum = match measure {
                Measure::Pieces => Sum::Pieces,
                Measure::Spent | Measure::Refunded => Sum::Amount,
                _ => Sum::Events,
            };
            let (windows, segments) = (Vec::new(), Those::default());
            self.bases.push(Base { measure, sum, condition, windows, segments });
            self.bases.len() - 1
        });
        let base = &mut self.bases[at];
        base.segments.add(segment);
        let known = base.windows.iter().find(|(own, _)| *own == window).map(|(_, value)| *value);
        let value = known.unwrap_or_else(|| {
            base.windows.push((window, self.values));
            self.values += 1;
            self.values - 1
        });
        Place::Value(measure, value)
    }

    fn condition(&mut self, products: &Expression) -> usize {
        let known = self.conditions.iter().position(|own| own == products);
        known.unwrap_or_else(|| {
            self.conditions.push(products.clone());
            self.conditions.len() - 1
        })
    }

    /// Returns the place of a segment.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.rules.iter().position(|rule| rule.definition.id == id)
    }
}

impl Definition {
    /// Returns whether two definitions have the same members, whatever they are called.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        self.id == other.id
            && self.expression.print(Language::English) == other.expression.print(Language::English)
    }
}

/// Returns the kinds of entries that a measure counts.
fn kinds(measure: Measure) -> impl Iterator<Item = usize> {
    let of = move |kind: usize| match measure {
        Measure::Events | Measure::Sessions => true,
        Measure::Views => kind == Kind::View as usize,
        Measure::Carts => kind == Kind::Cart as usize,
        Measure::Orders | Measure::Pieces | Measure::Spent => kind == Kind::Order as usize,
        Measure::Refunds | Measure::Refunded => kind == Kind::Refund as usize,
        Measure::Searches => kind == Kind::Search as usize,
    };
    (0..KINDS).filter(move |kind| of(*kind))
}

impl Totals {
    /// Returns a count over everything that ever happened; amounts in millionths.
    pub(super) fn of(&self, measure: Measure) -> i64 {
        let events = |kind: Kind| i64::from(self.events[kind as usize]);
        match measure {
            Measure::Events => self.all_events(),
            // Filters alone count visits.
            Measure::Sessions => 0,
            Measure::Views => events(Kind::View),
            Measure::Carts => events(Kind::Cart),
            Measure::Orders => events(Kind::Order),
            Measure::Pieces => self.pieces,
            Measure::Spent => self.spent,
            Measure::Refunds => events(Kind::Refund),
            Measure::Refunded => self.refunded,
            Measure::Searches => events(Kind::Search),
        }
    }
}

impl Kind {
    /// Returns the kind of entries that an event of a kind makes.
    pub(super) fn of(kind: EventKind) -> Self {
        match kind {
            EventKind::ProductViewed => Self::View,
            EventKind::ProductAdded => Self::Cart,
            EventKind::OrderCompleted => Self::Order,
            EventKind::OrderRefunded => Self::Refund,
            EventKind::ProductsSearched => Self::Search,
            _ => Self::Other,
        }
    }
}
