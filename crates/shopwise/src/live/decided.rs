//! What lists were left to chance, on its way to the lake: the products of each, and the
//! probability with which each stood at its place.
//!
//! The shop tells by the decision alone what it showed; with which probability that came only the
//! server knows. A list is noted as it is given, and the drainer moves what was noted some seconds
//! later. It is not made durable before the list is answered: of what waits when the process is
//! killed the propensity stays unknown, and it is not learned from.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use shopwise_model::Frame;
use shopwise_model::frame::{Column, Texts};
use shopwise_model::tables::DECISIONS;
use shopwise_stages::recommend::engine::Listed;
use shopwise_store::Lake;

/// Entries that wait at the most, some 60 bytes each: what a busy server gives in half a minute,
/// for whom the lake is slow.
const ROWS_MAX: usize = 1_000_000;
/// Commits after which the small files are joined.
const COMMITS_JOINED: u32 = 64;

/// The lists that wait for the lake.
#[derive(Debug, Default)]
pub(crate) struct Decided(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    lists: Vec<List>,
    /// Entries of these, and of those that are being moved.
    rows: usize,
    /// Entries that were left out since this was told last.
    left_out: usize,
    /// Commits since the small files were joined.
    commits: u32,
}

/// A list that chance had a hand in.
#[derive(Debug)]
struct List {
    decision: String,
    scene: &'static str,
    at: i64,
    /// Products with their propensities, in the order of their positions.
    entries: Vec<(String, f64)>,
}

impl Decided {
    /// Notes the list of a decision in a scene, given at a moment, if chance had a hand in it. All
    /// its entries are noted: of a product that is not among them nothing is known then.
    pub(crate) fn note(&self, decision: &str, scene: &'static str, items: &[Listed], at: i64) {
        if items.iter().all(|item| item.propensity >= 1.0) {
            return;
        }
        let entries = items.iter().map(|item| (item.product.clone(), item.propensity)).collect();
        let list = List { decision: decision.to_owned(), scene, at, entries };
        let mut waiting = self.hold();
        if waiting.rows + items.len() > ROWS_MAX {
            waiting.left_out += items.len();
            return;
        }
        waiting.rows += items.len();
        waiting.lists.push(list);
    }

    /// Moves what waits into the lake, in one commit, and returns the number of entries. What could
    /// not be moved goes on waiting.
    pub(super) fn drain(&self, lake: &Lake) -> Result<usize> {
        let (lists, left_out) = {
            let mut waiting = self.hold();
            (std::mem::take(&mut waiting.lists), std::mem::take(&mut waiting.left_out))
        };
        if left_out > 0 {
            tracing::warn!(left_out, "too many decisions wait for the lake: some are not noted");
        }
        if lists.is_empty() {
            return Ok(0);
        }
        let rows = frame(&lists);
        if let Err(error) = write(lake, &rows) {
            let mut waiting = self.hold();
            let newer = std::mem::replace(&mut waiting.lists, lists);
            waiting.lists.extend(newer);
            return Err(error);
        }
        let commits = {
            let mut waiting = self.hold();
            waiting.rows -= rows.rows();
            waiting.commits += 1;
            waiting.commits
        };
        if commits >= COMMITS_JOINED {
            lake.compact(&DECISIONS)?;
            self.hold().commits = 0;
        }
        Ok(rows.rows())
    }

    fn hold(&self) -> MutexGuard<'_, Waiting> {
        // A list is put in whole or not at all.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(lake: &Lake, rows: &Frame) -> Result<()> {
    let mut append = lake.append(&DECISIONS)?;
    append.write(rows)?;
    append.commit(None)?;
    Ok(())
}

/// Returns lists as rows of the table.
fn frame(lists: &[List]) -> Frame {
    let (mut decisions, mut scenes, mut products) =
        (Texts::default(), Texts::default(), Texts::default());
    let (mut positions, mut propensities, mut moments) = (Vec::new(), Vec::new(), Vec::new());
    for list in lists {
        for (position, (product, propensity)) in (1..).zip(&list.entries) {
            decisions.push(Some(&list.decision));
            scenes.push(Some(list.scene));
            products.push(Some(product));
            positions.push(position);
            propensities.push(*propensity);
            moments.push(list.at);
        }
    }
    Frame::default()
        .with("decision", Column::Text(decisions))
        .with("scene", Column::Text(scenes))
        .with("product", Column::Text(products))
        .with("position", Column::Int(positions))
        .with("propensity", Column::Float(propensities))
        .with("decided_at", Column::Time(moments))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(product: &str, propensity: f64) -> Listed {
        Listed {
            product: product.to_owned(),
            score: 0.0,
            propensity,
            source: "model",
            reason: "bought",
            parts: Vec::new(),
            moved: None,
        }
    }

    fn lake(folder: &tempfile::TempDir) -> Lake {
        Lake::open(&folder.path().join("lake"), 64 << 20).unwrap()
    }

    #[test]
    fn lists_that_chance_had_a_hand_in_are_noted_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (decided, lake) = (Decided::default(), lake(&folder));
        assert_eq!(decided.drain(&lake).unwrap(), 0);
        assert!(lake.version(&DECISIONS).unwrap().is_none(), "nothing is written for nothing");
        decided.note("d1", "home", &[listed("tea", 1.0), listed("cup", 1.0)], 1);
        decided.note("d2", "cart", &[listed("tea", 1.0), listed("cup", 0.25)], 2);
        decided.note("d3", "home", &[listed("pot", 0.875)], 3);
        assert_eq!(decided.drain(&lake).unwrap(), 3);
        assert_eq!(decided.drain(&lake).unwrap(), 0);
        let sql = "SELECT * FROM decisions ORDER BY decided_at, position";
        let rows = lake.query(sql).unwrap();
        let texts = |name: &str| rows.text(name).unwrap().iter().flatten().collect::<Vec<_>>();
        assert_eq!(texts("decision"), ["d2", "d2", "d3"]);
        assert_eq!(texts("scene"), ["cart", "cart", "home"]);
        assert_eq!(texts("product"), ["tea", "cup", "pot"]);
        assert_eq!(rows.int("position").unwrap(), [1, 2, 1]);
        assert_eq!(rows.float("propensity").unwrap(), [1.0, 0.25, 0.875]);
        assert_eq!(rows.time("decided_at").unwrap(), [2, 2, 3]);
    }

    #[test]
    fn what_could_not_be_moved_goes_on_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let (decided, lake) = (Decided::default(), lake(&folder));
        // Something else lies where the table belongs.
        let place = folder.path().join("lake").join(DECISIONS.name);
        std::fs::write(&place, "").unwrap();
        decided.note("d1", "home", &[listed("tea", 0.5)], 1);
        assert!(decided.drain(&lake).is_err());
        decided.note("d2", "home", &[listed("cup", 0.5)], 2);
        std::fs::remove_file(&place).unwrap();
        assert_eq!(decided.drain(&lake).unwrap(), 2);
        assert_eq!(decided.hold().rows, 0);
        let rows = lake.query("SELECT decision FROM decisions ORDER BY decision").unwrap();
        let decisions: Vec<_> = rows.text("decision").unwrap().iter().flatten().collect();
        assert_eq!(decisions, ["d1", "d2"]);
    }

    #[test]
    fn beyond_a_number_of_entries_lists_are_left_out_whole() {
        let decided = Decided::default();
        let items = vec![listed("tea", 0.5); 1_000];
        for _ in 0..=ROWS_MAX / items.len() {
            decided.note("d1", "home", &items, 1);
        }
        let waiting = decided.hold();
        assert_eq!((waiting.rows, waiting.left_out), (ROWS_MAX, items.len()));
        assert_eq!(waiting.lists.len(), ROWS_MAX / items.len());
    }
}
