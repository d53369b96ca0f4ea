//! `shopwise report`: one self-contained page of what was learned.
//!
//! The page carries its charts' program, both languages and both themes; it needs no network.

mod charts;
mod page;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use shopwise_model::Settings;
use shopwise_model::frame::Frame;
use shopwise_stages::Shop;
use shopwise_store::ledger::Run;

use super::{now, open};
use crate::ShopFolder;

/// Runs that the page lists.
const RUNS: u32 = 12;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: ShopFolder,
    /// The page to write; `report.html` in the shop's folder when left out
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The language that the page opens in; it can be switched on the page
    #[arg(long, value_enum, default_value = "en")]
    language: Language,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    En,
    Zh,
}

/// Everything that the page shows.
struct Contents {
    settings: Settings,
    language: &'static str,
    written_at: i64,
    totals: Frame,
    months: Frame,
    segments: Frame,
    rfm: Frame,
    products: Frame,
    kinds: Frame,
    refused: Frame,
    doubtful: Frame,
    runs: Vec<Run>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let shop = open::open(&arguments.folder.shop)?;
    let path =
        arguments.output.clone().unwrap_or_else(|| arguments.folder.shop.join("report.html"));
    write(&shop, &path, arguments.language)?;
    Ok(format!("wrote {}", path.display()))
}

/// Writes the page of a shop.
pub(crate) fn write(shop: &Shop, path: &Path, language: Language) -> Result<()> {
    let contents = gather(shop, language)?;
    std::fs::write(path, page::render(&contents))
        .with_context(|| format!("cannot write `{}`", path.display()))
}

fn gather(shop: &Shop, language: Language) -> Result<Contents> {
    let query = |sql: &str| shop.lake.query(sql);
    Ok(Contents {
        settings: shop.settings.clone(),
        language: if language == Language::Zh { "zh" } else { "en" },
        written_at: now(),
        totals: query(include_str!("totals.sql"))?,
        months: query(include_str!("months.sql"))?,
        segments: query("SELECT * FROM segments ORDER BY revenue DESC, segment")?,
        rfm: query(include_str!("rfm.sql"))?,
        products: query(include_str!("products.sql"))?,
        kinds: query(
            "SELECT kind, count(DISTINCT event_id) AS events, count(*) AS lines FROM events GROUP BY kind ORDER BY events DESC, kind",
        )?,
        refused: query(
            "SELECT reason, count(*) AS rows FROM refused GROUP BY reason ORDER BY rows DESC, reason",
        )?,
        doubtful: query(
            "SELECT CAST(sum(CASE WHEN price_zero THEN 1 ELSE 0 END) AS BIGINT) AS price_zero, CAST(sum(CASE WHEN outlier THEN 1 ELSE 0 END) AS BIGINT) AS outlier FROM order_lines",
        )?,
        runs: shop.ledger.runs(RUNS, now())?,
    })
}
