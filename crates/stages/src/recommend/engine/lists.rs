//! Lists made ahead, by the places of the catalogue in memory; and what is of one kind, for
//! products of which customers have said nothing yet.

use rustc_hash::FxHashSet;
use shopwise_learn::recommend::Scored;
use shopwise_learn::slate::NONE;
use shopwise_model::rule::Kind;

use super::candidates::{Looked, NEW, is_set};
use super::shelf::Shelf;
use super::style::WEIGHTS;
use super::{Answer, Engine, LATEST, LENGTH_MAX, Listed, Page, Question, Scene, Visitor};
use crate::recommend::related::{Related, SIMILAR, TOGETHER};
use crate::recommend::rules::Rules;
use crate::recommend::serving::POPULAR;

/// The way of what is of one kind into a list.
pub(super) const KIND: &str = "same kind";

/// A list that is the same for everybody.
#[derive(Debug, Clone, Copy)]
pub(super) enum Made {
    /// What is like the product at a place.
    Alike(u32),
    /// What is bought together with it.
    Beside(u32),
    /// What most customers want.
    Popular,
    /// What came last.
    Latest,
}

/// What belongs to each product.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// By place: where its list begins and ends.
    bounds: Vec<(u32, u32)>,
    entries: Vec<Scored>,
}

impl Lists {
    /// Returns the lists by the places of a catalogue, which learns the products that it lacks.
    pub(super) fn of(related: Option<&Related>, shelf: &mut Shelf) -> Self {
        let Some(related) = related else { return Self::default() };
        let places: Vec<u32> = related.products().iter().map(|id| shelf.know(id)).collect();
        let mut lists = Self::default();
        lists.bounds.resize(shelf.len(), (0, 0));
        for (at, place) in places.iter().enumerate() {
            let from = lists.entries.len() as u32;
            let placed = |one: Scored| Scored { item: places[one.item as usize], ..one };
            lists.entries.extend(related.list(at).map(placed));
            lists.bounds[*place as usize] = (from, lists.entries.len() as u32);
        }
        lists
    }

    /// Returns what belongs to the product at a place, best first.
    pub(super) fn list(&self, place: u32) -> &[Scored] {
        let (from, to) = self.bounds.get(place as usize).copied().unwrap_or_default();
        &self.entries[from as usize..to as usize]
    }
}

impl Engine {
    /// Returns what may stand of a list that is the same for everybody, as long as it is asked for.
    pub(super) fn looked_up(
        &self,
        made: Made,
        (scene, page, rules): (Scene, Page<'_>, &Rules),
        model: Option<(&'static str, i64)>,
    ) -> Answer {
        let visitor = Visitor::default();
        let question = Question { scene, visitor: &visitor, products: &[], page };
        let (shelf, allowed) = self.allowed(page.filter, (&visitor, page.at));
        let looked = Looked::new(&question, &shelf, None);
        let flags = looked.standing(&allowed);
        let mut excluded = rules.holding(scene, &visitor, page.at);
        excluded.retain(|held| held.rule.kind == Kind::Exclude);
        let is_excluded =
            |place| excluded.iter().any(|held| looked.is_meant_by(&held.filter, place));
        let may_stand = |(one, _): &(Scored, &'static str)| {
            is_set(&flags, one.item) && looked.may_stand(one.item) && !is_excluded(one.item)
        };
        let listed = |(one, source): (Scored, &'static str)| Listed {
            product: shelf.id(one.item).to_owned(),
            score: one.score,
            propensity: 1.0,
            source,
            reason: source,
            parts: Vec::new(),
            moved: None,
        };
        let entries = self.entries(made, &shelf, &flags).filter(may_stand);
        let items = entries.take(page.n).map(listed).collect();
        Answer { model, items }
    }

    /// Returns the entries of a list, best first, with the way of each into it.
    fn entries<'a>(
        &'a self,
        made: Made,
        shelf: &'a Shelf,
        flags: &'a [bool],
    ) -> Box<dyn Iterator<Item = (Scored, &'static str)> + 'a> {
        match made {
            Made::Beside(place) => {
                Box::new(self.beside.list(place).iter().map(|one| (*one, TOGETHER)))
            }
            Made::Alike(place) => {
                let list = self.alike.list(place);
                // Worked out only where the list does not fill the page.
                let kin = std::iter::once_with(move || {
                    let known: FxHashSet<u32> = list.iter().map(|one| one.item).collect();
                    let kin = self.kin(shelf, place, flags).into_iter();
                    kin.filter(move |one| !known.contains(&one.item)).map(|one| (one, KIND))
                });
                Box::new(list.iter().map(|one| (*one, SIMILAR)).chain(kin.flatten()))
            }
            Made::Popular => {
                let entry = |item| match self.popular.get(self.rank(item) as usize) {
                    Some(one) => (*one, POPULAR),
                    None => (Scored { item, score: 0.0 }, NEW),
                };
                Box::new(self.in_order(flags).map(entry))
            }
            Made::Latest => Box::new(shelf.latest().map(|one| (one, LATEST))),
        }
    }

    /// Returns products of the same kind as the one at a place, by what the catalogue says of them:
    /// the likest first, of equally alike ones the more popular, then the newer.
    pub(super) fn kin(&self, shelf: &Shelf, place: u32, flags: &[bool]) -> Vec<Scored> {
        let own = shelf.codes(place);
        let all: f32 = WEIGHTS.iter().sum();
        let alike = |item: u32| {
            let other = shelf.codes(item);
            let same = (0..WEIGHTS.len()).filter(|at| own[*at] != NONE && own[*at] == other[*at]);
            let score = same.map(|at| WEIGHTS[at]).sum::<f32>() / all;
            (item != place && score > 0.0 && is_set(flags, item)).then_some(Scored { item, score })
        };
        let mut kin: Vec<Scored> = (0..shelf.len() as u32).filter_map(alike).collect();
        let order = |a: &Scored, b: &Scored| {
            let popular = || self.rank(a.item).cmp(&self.rank(b.item));
            b.score.total_cmp(&a.score).then_with(popular).then(b.item.cmp(&a.item))
        };
        if kin.len() > LENGTH_MAX {
            kin.select_nth_unstable_by(LENGTH_MAX, order);
            kin.truncate(LENGTH_MAX);
        }
        kin.sort_unstable_by(order);
        kin
    }
}
