//! The propensities that the server noted: with which probability something was shown, where the
//! shop sent the decision alone.
//!
//! They are looked up while exposures are written, and not joined in the query that replays events:
//! the hash table of a join takes some 150 bytes a row and cannot spill, so that a few million
//! lists would end the stage, and who follows the log replays it beside no other table. The fold
//! does not ask for them.

use std::hash::Hasher as _;

use rustc_hash::{FxHashMap, FxHasher};
use shopwise_model::EventKind;
use shopwise_model::frame::{Column, Frame};

use crate::error::Result;
use crate::shop::Shop;

const SQL: &str = "SELECT decision, product, propensity FROM decisions";

/// The propensities of all entries of the lists that chance had a hand in, some 30 bytes each.
#[derive(Debug, Default)]
pub(super) struct Decisions(FxHashMap<u64, f64>);

impl Decisions {
    /// Reads what the server noted.
    pub(super) fn read(shop: &Shop) -> Result<Self> {
        let mut noted = FxHashMap::default();
        shop.lake.stream(SQL, |part| -> Result<()> {
            let (decisions, products) = (part.text("decision")?, part.text("product")?);
            let entries = decisions.iter().zip(products.iter()).zip(part.float("propensity")?);
            for ((decision, product), propensity) in entries {
                if let (Some(decision), Some(product)) = (decision, product) {
                    noted.insert(key(decision, product), *propensity);
                }
            }
            Ok(())
        })?;
        Ok(Self(noted))
    }

    /// Returns exposures with the propensities that are known of them. What the shop sent stands;
    /// of a list that is not noted, and of a product that did not stand in its list, none is known.
    pub(super) fn fill(&self, shown: Frame) -> Result<Frame> {
        if self.0.is_empty() {
            return Ok(shown);
        }
        let (kinds, sent) = (shown.text("kind")?, shown.float("propensity")?);
        let (decisions, products) = (shown.text("decision")?, shown.text("product")?);
        let propensity = |row: usize| {
            let is_recommended = kinds.get(row) == Some(EventKind::RecommendationShown.name());
            if !is_recommended || !sent[row].is_nan() {
                return sent[row];
            }
            let entry = decisions.get(row).zip(products.get(row));
            let noted = entry.and_then(|(decision, product)| self.0.get(&key(decision, product)));
            noted.copied().unwrap_or(f64::NAN)
        };
        let filled = (0..shown.rows()).map(propensity).collect();
        let filled = Frame::default().with("propensity", Column::Float(filled));
        let columns = shown.names().iter().zip(shown.columns());
        let others = columns.filter(|(name, _)| *name != "propensity");
        Ok(others.fold(filled, |frame, (name, column)| frame.with(name, column.clone())))
    }
}

/// Returns a number for an entry of a list. Two entries of one number would be taken for one: of a
/// hundred million, one in some thousand shops.
fn key(decision: &str, product: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(decision.as_bytes());
    hasher.write(product.as_bytes());
    hasher.finish()
}
