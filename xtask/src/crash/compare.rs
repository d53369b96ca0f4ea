//! What was acknowledged against what is there, by message id.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use super::callers::Known;
use crate::server::Shop;

/// How the events of a shop compare with what its callers know.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    /// Events that were acknowledged.
    pub(super) acknowledged: u64,
    /// Of those, the ones of which a line is missing.
    pub(super) lost: Vec<String>,
    /// Events with more lines than they became, acknowledged or not.
    pub(super) doubled: Vec<String>,
    /// Events that were never acknowledged and are there in part.
    pub(super) halved: Vec<String>,
    /// Events that nobody sent.
    pub(super) strange: Vec<String>,
    /// Events that are there.
    pub(super) there: u64,
}

impl Compared {
    /// Returns whether every acknowledged event is there once, and no other more than once.
    pub(super) fn is_well(&self) -> bool {
        [&self.lost, &self.doubled, &self.halved, &self.strange].iter().all(|ids| ids.is_empty())
    }

    /// Says what is wrong, with a few message ids.
    pub(super) fn problem(&self) -> String {
        let few = |name: &str, ids: &[String]| {
            let some: Vec<&str> = ids.iter().take(3).map(String::as_str).collect();
            if ids.is_empty() {
                String::new()
            } else {
                format!("{name} {} ({}); ", ids.len(), some.join(", "))
            }
        };
        [
            few("lost", &self.lost),
            few("doubled", &self.doubled),
            few("in part", &self.halved),
            few("never sent", &self.strange),
        ]
        .concat()
    }
}

/// Compares the events that a shop exports with what the callers know.
pub(super) fn compare(known: &Known, shop: &Shop) -> Result<Compared> {
    let found = counts(&shop.exported()?)?;
    let [acknowledged, open] = known.expected();
    Ok(judge(&acknowledged, &open, &found))
}

/// Returns how many lines of an export each message id has.
fn counts(exported: &str) -> Result<BTreeMap<String, u64>> {
    let mut lines = exported.lines();
    let head = lines.next().context("an export without a head")?;
    let place = head.split(',').position(|name| name == "message_id");
    let place = place.context("an export without `message_id`")?;
    let mut found = BTreeMap::new();
    for line in lines {
        let id = line.split(',').nth(place).context("a line that is too short")?;
        *found.entry(id.to_owned()).or_default() += 1;
    }
    Ok(found)
}

fn judge(
    acknowledged: &BTreeMap<String, u64>,
    open: &BTreeMap<String, u64>,
    found: &BTreeMap<String, u64>,
) -> Compared {
    let mut compared = Compared { acknowledged: acknowledged.len() as u64, ..Compared::default() };
    compared.there = found.len() as u64;
    let lost = acknowledged.iter().filter(|(id, lines)| found.get(*id).unwrap_or(&0) < *lines);
    compared.lost = lost.map(|(id, _)| id.clone()).collect();
    for (id, count) in found {
        let list = match acknowledged.get(id).or_else(|| open.get(id)) {
            None => &mut compared.strange,
            Some(lines) if count > lines => &mut compared.doubled,
            Some(lines) if count < lines && open.contains_key(id) => &mut compared.halved,
            Some(_) => continue,
        };
        list.push(id.clone());
    }
    compared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
        counts.iter().map(|(id, count)| ((*id).to_owned(), *count)).collect()
    }

    #[test]
    fn what_is_lost_doubled_in_part_or_never_sent_is_seen() {
        let (acknowledged, open) = (ids(&[("a", 1), ("b", 2)]), ids(&[("c", 2)]));
        let judged = |found: &[(&str, u64)]| judge(&acknowledged, &open, &ids(found));
        assert!(judged(&[("a", 1), ("b", 2)]).is_well());
        assert!(judged(&[("a", 1), ("b", 2), ("c", 2)]).is_well());
        assert_eq!(judged(&[("b", 2)]).lost, ["a"]);
        assert_eq!(judged(&[("a", 1), ("b", 1)]).lost, ["b"]);
        assert_eq!(judged(&[("a", 2), ("b", 2)]).doubled, ["a"]);
        assert_eq!(judged(&[("a", 1), ("b", 2), ("c", 3)]).doubled, ["c"]);
        assert_eq!(judged(&[("a", 1), ("b", 2), ("c", 1)]).halved, ["c"]);
        assert_eq!(judged(&[("a", 1), ("b", 2), ("d", 1)]).strange, ["d"]);
    }

    #[test]
    fn lines_are_counted_by_message_id() {
        let text = "kind,message_id,amount\nview,a,\norder,b,1\norder,b,2\n";
        assert_eq!(counts(text).unwrap(), ids(&[("a", 1), ("b", 2)]));
        assert!(counts("kind,amount\n").is_err());
    }
}
