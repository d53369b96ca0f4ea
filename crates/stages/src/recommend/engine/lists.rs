//! Lists made ahead, by the places of the catalogue in memory.

use shopwise_learn::recommend::Scored;

use super::shelf::Shelf;
use crate::recommend::related::Related;

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
