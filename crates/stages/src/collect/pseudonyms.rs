//! Pseudonyms of one import, made once for each identifier that comes again soon.

use std::hash::{Hash as _, Hasher as _};
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use shopwise_store::Vault;

/// Whose identifier it is. Equal identifiers of different kinds are different people.
pub(crate) use super::identity::Kind as Who;

/// Identifiers remembered at a time: some 100 MB. Rows of one customer stand near each other.
const REMEMBERED: usize = 1 << 20;

/// Identifiers of a kind that are kept from step to step: some 15 MB.
const KEPT: usize = 1 << 17;

/// Makes pseudonyms and counts the different ones.
pub(super) struct Pseudonyms<'a> {
    vault: &'a Vault,
    remembered: [FxHashMap<Box<str>, Rc<str>>; Who::ALL.len()],
    /// 64 bits of each customer: among 10 million two share them with a probability of 3·10⁻⁶.
    seen: FxHashSet<u64>,
}

impl<'a> Pseudonyms<'a> {
    pub(super) fn new(vault: &'a Vault) -> Self {
        Self { vault, remembered: Default::default(), seen: FxHashSet::default() }
    }

    pub(super) fn of(&mut self, who: Who, identifier: &str) -> Rc<str> {
        let (kind, remembered) = (who.name(), &mut self.remembered[who as usize]);
        if let Some(known) = remembered.get(identifier) {
            return Rc::clone(known);
        }
        let made: Rc<str> = Rc::from(self.vault.pseudonym(kind, identifier));
        let mut hasher = FxHasher::default();
        made.hash(&mut hasher);
        self.seen.insert(hasher.finish());
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(Box::from(identifier), Rc::clone(&made));
        made
    }

    /// Forgets most of it, for who goes on and on: who comes again soon is still known.
    pub(super) fn forget_some(&mut self) {
        self.seen.clear();
        for remembered in &mut self.remembered {
            if remembered.len() > KEPT {
                remembered.clear();
            }
        }
    }

    /// Returns how many different customers there were.
    pub(super) fn count(&self) -> usize {
        self.seen.len()
    }
}
