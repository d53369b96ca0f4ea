//! Preparing: events become sessions, orders and features.
//!
//! The events are replayed once in time order through [`fold::Replay`]; the tables it leaves
//! replace the former ones. Deleting a derived table and preparing again gives the same rows.

mod decisions;
mod exposures;
pub mod features;
pub mod fold;
pub mod follow;
mod outlier;
mod tables;
pub mod tastes;

use shopwise_model::frame::{Column, Frame};
use shopwise_model::tables::{
    CUSTOMER_FEATURES, DECISIONS, EVENTS, EXPOSURES, IDENTITIES, ORDER_LINES, ORDERS,
    PRODUCT_FEATURES, SESSIONS, TAGS,
};
use shopwise_store::lake::Append;
use shopwise_store::ledger::Identity;

use crate::error::Result;
use crate::report::StageReport;
use crate::shop::Shop;
use crate::stage::Work;
use decisions::Decisions;
use fold::{Catalog, Keeps, Persons, Replay};

/// The stage's name.
pub const NAME: &str = "prepare";

/// Exposures that are written together: enough for a column to be packed well.
const EXPOSURES_TOGETHER: usize = 65_536;

/// Only what the fold reads, in the one order in which it may be replayed.
const SQL: &str = include_str!("replay.sql");

/// Rebuilds the derived tables from the events.
///
/// # Errors
/// Store errors; the former tables then stay as they were, each on its own.
pub fn run(work: &Work<'_>) -> Result<StageReport> {
    let shop = work.shop;
    let Some(version) = shop.lake.version(&EVENTS)? else {
        return Ok(StageReport::skipped(NAME, "there are no events yet; import some"));
    };
    let mut report = StageReport::new(NAME);
    report.inputs.insert(EVENTS.name, version);
    report.parameter("session_minutes", shop.settings.session_minutes);
    report.parameter("time_zone", shop.settings.time_zone.clone());
    let decisions = Decisions::new(shop)?;
    report.inputs.extend(decisions.version.map(|version| (DECISIONS.name, version)));
    let mut replay = start(shop, Keeps::Everything)?;
    let mut shown = shop.lake.rebuild(&EXPOSURES)?;
    shop.lake.stream_in_time(SQL, &[], |part| -> Result<()> {
        replay.extend(&part)?;
        if replay.exposures.ready() >= EXPOSURES_TOGETHER {
            let settled = replay.exposures.take_settled();
            let settled = exposures::frame(&settled, &replay.names, &replay.persons);
            shown.write(&decisions.fill(settled)?)?;
        }
        (work.progress)(replay.rows());
        Ok(())
    })?;
    replay.finish();
    report.rows_read = replay.rows();
    write_exposures(&mut replay, &decisions, shown, &mut report)?;
    let built = tables::build(&replay, &shop.ledger.products()?, &shop.ledger.hidden_tags()?);
    for (table, frame) in [
        (&SESSIONS, &built.sessions),
        (&ORDERS, &built.orders),
        (&ORDER_LINES, &built.order_lines),
        (&CUSTOMER_FEATURES, &built.customers),
        (&PRODUCT_FEATURES, &built.products),
        (&TAGS, &built.tags),
        (&IDENTITIES, &identities(&shop.ledger.identities()?)),
    ] {
        shop.lake.replace(table, frame)?;
        report.rows_written += frame.rows() as u64;
        report.metric(table.name, frame.rows());
    }
    report.metric("rows_without_rate", replay.unvalued_rows());
    report.metric("outlier_lines", built.outlier_lines);
    Ok(report)
}

/// Returns who is who, as a table.
fn identities(rows: &[Identity]) -> Frame {
    let joined = || rows.iter().map(|row| &row.assignment).filter(|row| row.joined.is_some());
    Frame::default()
        .with("customer", Column::Text(joined().map(|row| Some(row.pseudonym.as_str())).collect()))
        .with("person", Column::Text(joined().map(|row| Some(row.person.as_str())).collect()))
}

/// Returns the state before the first event of a shop.
fn start(shop: &Shop, keeps: Keeps) -> Result<Replay> {
    let ledger = &shop.ledger;
    let catalog = Catalog::new(&ledger.products()?, &ledger.campaigns()?);
    let replay = Replay::new(&shop.settings, catalog, &ledger.rates()?, keeps)?;
    Ok(replay.with_persons(Persons::new(&ledger.identities()?)))
}

fn write_exposures(
    replay: &mut Replay,
    decisions: &Decisions<'_>,
    mut shown: Append,
    report: &mut StageReport,
) -> Result<()> {
    let open = replay.exposures.take_all();
    let open = exposures::frame(&open, &replay.names, &replay.persons);
    shown.write(&decisions.fill(open)?)?;
    report.rows_written += shown.rows() as u64;
    report.metric(EXPOSURES.name, shown.rows());
    shown.commit(None)?;
    Ok(())
}

#[cfg(test)]
mod tests;
