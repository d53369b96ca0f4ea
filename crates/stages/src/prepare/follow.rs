//! What keeps a state beside the log up to date: the log at a version, what was added to it since,
//! and the customers who must be read again.

use shopwise_model::Frame;
use shopwise_model::tables::EVENTS;
use shopwise_store::lake::At;

use super::fold::{Again, Keeps, Replay};
use super::{SQL, start};
use crate::error::Result;
use crate::shop::Shop;

/// Customers who are read again at the most: for more it takes as long as for all.
pub const AGAIN_MAX: usize = 20_000;

/// Returns the state before the first event, in which persons are as they are known now.
///
/// # Errors
/// When the ledger cannot be read or the settings are wrong.
pub fn nothing(shop: &Shop) -> Result<Replay> {
    let mut replay = start(shop, Keeps::StateAlone)?;
    replay.finish();
    Ok(replay)
}

/// Replays the whole log and returns the state after it.
///
/// # Errors
/// Store errors.
pub fn state(shop: &Shop) -> Result<Replay> {
    match shop.lake.version(&EVENTS)? {
        Some(version) => state_at(shop, version),
        None => nothing(shop),
    }
}

/// Replays the log as it was at a version and returns the state after it.
///
/// # Errors
/// Store errors.
pub fn state_at(shop: &Shop, version: u64) -> Result<Replay> {
    let mut replay = nothing(shop)?;
    let at = [At { table: EVENTS.name, version }];
    shop.lake.stream_in_time(SQL, &at, |part| replay.extend(&part))?;
    replay.settle();
    Ok(replay)
}

/// Hands the rows of some files of the log to `each`, in the order of a replay.
///
/// # Errors
/// Store errors, and those of `each`.
pub fn added(shop: &Shop, files: &[String], each: impl FnMut(Frame) -> Result<()>) -> Result<()> {
    shop.lake.stream_added(&EVENTS, files, &SQL.replace("{slice}", "true"), each)
}

/// Reads the customers of late events again, from the log as it was at a version and from `more`,
/// the rows that the state holds beyond that.
///
/// # Errors
/// Store errors; the state is then not to be used.
pub fn again(shop: &Shop, state: &mut Replay, version: u64, more: &[Frame]) -> Result<()> {
    let mut again = state.begin_again();
    let names = again.names(state);
    of_customers(shop, &names, version, |part| state.extend_again(&mut again, &part))?;
    more.iter().try_for_each(|part| state.extend_again(&mut again, part))
}

/// Replays the log as it was at a version for some customers, named by their pseudonyms, and
/// returns what is known of them, to which [`Replay::extend_again`] adds.
///
/// # Errors
/// Store errors.
pub fn only(shop: &Shop, names: &[String], version: Option<u64>) -> Result<(Replay, Again)> {
    let mut replay = nothing(shop)?;
    let mut only = replay.begin_only(names);
    if let Some(version) = version {
        of_customers(shop, names, version, |part| replay.extend_again(&mut only, &part))?;
    }
    Ok((replay, only))
}

fn of_customers(
    shop: &Shop,
    names: &[impl AsRef<str>],
    version: u64,
    each: impl FnMut(Frame) -> Result<()>,
) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let quoted = |name: &str| format!("'{}'", name.replace('\'', "''"));
    let names: Vec<String> = names.iter().map(|name| quoted(name.as_ref())).collect();
    let sql = SQL.replace("{slice}", &format!("customer IN ({})", names.join(", ")));
    shop.lake.stream_at(&sql, &[At { table: EVENTS.name, version }], each)
}
