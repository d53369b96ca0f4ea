//! Since when identifiers are one person: what was known at an earlier moment knew less.
//!
//! Of a person, as the rules see it now, the active edges and the merges are taken in the order of
//! their moments. Each that unites two groups makes the one join the other: the group whose name is
//! younger joins the name of the older one, so that the last name left is the person's. The joins
//! are a tree; cut to those up to a moment it shows who was one person then, as far as that was not
//! taken back later.

use rustc_hash::FxHashMap;

use super::graph::Graph;
use super::names::{Kind, Pseudonym, Status};

impl Graph {
    /// Returns whom each identifier of a part joined and when; `None` for one that names its
    /// person. `statuses` says which edges hold.
    pub(super) fn joins(
        &self,
        part: &[u32],
        statuses: &[(u32, Status)],
    ) -> Vec<Option<(u32, i64)>> {
        let mut joined = vec![None; part.len()];
        if part.len() == 1 {
            return joined;
        }
        let places: FxHashMap<u32, u32> = part.iter().copied().zip(0..).collect();
        let mut unions: Vec<(i64, [u32; 2])> = Vec::new();
        for (at, _) in statuses.iter().filter(|(_, status)| *status == Status::Active) {
            let link = self.link(*at);
            unions.push((link.at, link.ends));
        }
        for node in part {
            for (other, decision) in self.merged.get(node).into_iter().flatten() {
                let found = self.decisions.binary_search_by_key(decision, |one| one.id);
                if let Ok(found) = found {
                    unions.push((self.decisions[found].at, [*node, *other]));
                }
            }
        }
        // Which of equal moments is first decides the tree, not who is together after them.
        unions.sort_by_cached_key(|(at, ends)| {
            let mut names = ends.map(|end| self.names[end as usize]);
            names.sort_unstable();
            (*at, names)
        });
        let mut above: Vec<u32> = (0..part.len() as u32).collect();
        for (at, ends) in unions {
            let [Some(a), Some(b)] = ends.map(|end| places.get(&end)) else { continue };
            let (a, b) = (root(&mut above, *a), root(&mut above, *b));
            if a == b {
                continue;
            }
            let [a_age, b_age] = [a, b].map(|place| self.age(part[place as usize]));
            let (older, younger) = if a_age < b_age { (a, b) } else { (b, a) };
            above[younger as usize] = older;
            joined[younger as usize] = Some((part[older as usize], at));
        }
        joined
    }

    /// Returns how old a name is: of a person's identifiers the smallest names it.
    pub(super) fn age(&self, node: u32) -> (bool, i64, Pseudonym) {
        let member = self.member(node);
        (member.kind != Kind::Customer, member.first_at, self.names[node as usize])
    }
}

fn root(above: &mut [u32], mut place: u32) -> u32 {
    while above[place as usize] != place {
        let next = above[above[place as usize] as usize];
        above[place as usize] = next;
        place = next;
    }
    place
}
