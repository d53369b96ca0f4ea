//! Which pseudonyms are one person now.

use rustc_hash::FxHashMap;
use shopwise_model::frame::Texts;

/// Pseudonyms by person. A person is the code of the pseudonym after which it is named.
#[derive(Debug, Default)]
pub(super) struct Persons {
    pub(super) names: Texts,
    /// The person of each pseudonym.
    person: Vec<u32>,
    /// The pseudonyms of each person that is not just the one after which it is named.
    members: FxHashMap<u32, Vec<u32>>,
}

impl Persons {
    pub(super) fn len(&self) -> usize {
        self.person.len()
    }

    /// Returns the code of a pseudonym, known or not.
    pub(super) fn intern(&mut self, pseudonym: &str) -> u32 {
        let code = self.names.intern(pseudonym);
        if code as usize == self.person.len() {
            self.person.push(code);
        }
        code
    }

    /// Returns the person that a pseudonym belongs to.
    pub(super) fn of(&self, code: u32) -> u32 {
        self.person[code as usize]
    }

    /// Returns the pseudonyms of a person.
    pub(super) fn members<'a>(&'a self, person: &'a u32) -> &'a [u32] {
        match self.members.get(person) {
            Some(members) => members,
            None if self.of(*person) == *person => std::slice::from_ref(person),
            None => &[],
        }
    }

    /// Is told whom a pseudonym belongs to; returns the two persons that change.
    pub(super) fn assign(&mut self, pseudonym: &str, person: &str) -> Option<[u32; 2]> {
        // Most are alone, and many never did anything.
        if pseudonym == person && self.names.code_of(pseudonym).is_none() {
            return None;
        }
        let (own, into) = (self.intern(pseudonym), self.intern(person));
        let from = self.of(own);
        if from == into {
            return None;
        }
        if let Some(members) = self.members.get_mut(&from) {
            members.retain(|member| *member != own);
        }
        let alone = self.members(&into).to_vec();
        self.members.entry(into).or_insert(alone).push(own);
        self.person[own as usize] = into;
        if self.members.get(&from).is_some_and(|left| left.is_empty() || left[..] == [from]) {
            self.members.remove(&from);
        }
        Some([from, into])
    }
}
