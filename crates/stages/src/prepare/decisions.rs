//! The propensities that the server noted: with which probability something was shown, where the
//! shop sent the decision alone.
//!
//! They are looked up for some exposures at a time, and not joined in the query that replays
//! events: the hash table of a join holds all of them and cannot spill, and who follows the log
//! replays it beside no other table. The fold does not ask for them.

use std::hash::Hasher as _;

use rustc_hash::{FxHashMap, FxHasher};
use shopwise_model::EventKind;
use shopwise_model::frame::{Column, Frame, NULL_INT};
use shopwise_model::tables::DECISIONS;
use shopwise_model::time::DAY;
use shopwise_store::lake::At;

use crate::error::Result;
use crate::shop::Shop;

/// How long after it was made a list may be shown and still be found, and how far ahead of the
/// server's clock it may seem to be made.
const BEFORE: i64 = 7 * DAY;
const AHEAD: i64 = DAY;

/// What the server noted, as it was at a version; nothing before there is any.
#[derive(Debug)]
pub(super) struct Decisions<'a> {
    shop: &'a Shop,
    pub(super) version: Option<u64>,
}

impl<'a> Decisions<'a> {
    /// Returns what is noted by now.
    pub(super) fn new(shop: &'a Shop) -> Result<Self> {
        Ok(Self { shop, version: shop.lake.version(&DECISIONS)? })
    }

    /// Returns exposures with the propensities that are known of them. What the shop sent stands;
    /// of a list that is not noted, and of a product that did not stand in its list, none is known.
    pub(super) fn fill(&self, shown: Frame) -> Result<Frame> {
        let Some(version) = self.version else { return Ok(shown) };
        let sent = shown.float("propensity")?;
        let lacks = lacking(&shown)?;
        let moments = shown.time("occurred_at")?;
        let wanted = lacks.iter().zip(moments).filter(|(key, _)| key.is_some());
        let moments = wanted.map(|(_, moment)| *moment).filter(|moment| *moment != NULL_INT);
        let Some((first, last)) = moments.fold(None, |bounds, at| {
            let (first, last) = bounds.unwrap_or((at, at));
            Some((at.min(first), at.max(last)))
        }) else {
            return Ok(shown);
        };
        let mut known: FxHashMap<u64, f64> =
            lacks.iter().flatten().map(|key| (*key, f64::NAN)).collect();
        let sql = format!(
            "SELECT decision, product, propensity FROM decisions \
             WHERE decided_at >= {} AND decided_at <= {}",
            moment(first.saturating_sub(BEFORE)),
            moment(last.saturating_add(AHEAD))
        );
        let at = [At { table: DECISIONS.name, version }];
        self.shop.lake.stream_at(&sql, &at, |part| -> Result<()> {
            let (decisions, products) = (part.text("decision")?, part.text("product")?);
            let entries = decisions.iter().zip(products.iter()).zip(part.float("propensity")?);
            for ((decision, product), propensity) in entries {
                let key = decision.zip(product).map(|(decision, product)| key(decision, product));
                if let Some(found) = key.and_then(|key| known.get_mut(&key)) {
                    *found = *propensity;
                }
            }
            Ok(())
        })?;
        let propensity = |(key, sent): (&Option<u64>, &f64)| {
            key.and_then(|key| known.get(&key)).copied().unwrap_or(*sent)
        };
        let filled = lacks.iter().zip(sent).map(propensity).collect();
        let filled = Frame::default().with("propensity", Column::Float(filled));
        let columns = shown.names().iter().zip(shown.columns());
        let others = columns.filter(|(name, _)| *name != "propensity");
        Ok(others.fold(filled, |frame, (name, column)| frame.with(name, column.clone())))
    }
}

/// Returns the entries whose propensities the shop did not send, by [`key`].
fn lacking(shown: &Frame) -> Result<Vec<Option<u64>>> {
    let (kinds, sent) = (shown.text("kind")?, shown.float("propensity")?);
    let (decisions, products) = (shown.text("decision")?, shown.text("product")?);
    let lacks = |row: usize| {
        let is_recommended = kinds.get(row) == Some(EventKind::RecommendationShown.name());
        let entry = decisions.get(row).zip(products.get(row));
        entry
            .filter(|_| is_recommended && sent[row].is_nan())
            .map(|(decision, product)| key(decision, product))
    };
    Ok((0..shown.rows()).map(lacks).collect())
}

fn moment(micros: i64) -> String {
    format!("arrow_cast({micros}, 'Timestamp(Microsecond, Some(\"UTC\"))')")
}

/// Returns a number for an entry of a list. Two entries of one number would be taken for one: of
/// a hundred million, one in some thousand shops.
fn key(decision: &str, product: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(decision.as_bytes());
    hasher.write(product.as_bytes());
    hasher.finish()
}
