//! `shopwise import`: files of events, products, campaigns and rates.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use serde_json::json;
use shopwise_model::time::DateFormat;
use shopwise_stages::collect::{self, ImportOptions};
use shopwise_stages::{Shop, StageReport};
use shopwise_store::ledger::RunStart;

use super::run::ended;
use super::{now, open, reports_json, reports_text};
use crate::{ShopFolder, printer};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: ShopFolder,
    /// What the files hold
    #[arg(long, value_parser = formats(), hide_possible_values = true, long_help = formats_help())]
    format: String,
    /// The files: separated text or JSON lines (also .gz, .zst), or .parquet
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The name of the source; the format's when left out
    #[arg(long)]
    source: Option<String>,
    /// A column of a csv file and the field it holds; named columns map by themselves when left out
    #[arg(long, value_name = "COLUMN=FIELD")]
    map: Vec<String>,
    /// Names of the columns of a file without a header
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// year-first, day-first, month-first or epoch; detected when left out
    #[arg(long, value_name = "FORMAT")]
    date_format: Option<String>,
    /// The IANA time zone of times without one; the shop's when left out
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// The currency of a file that names none; the shop's when left out
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn formats() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(collect::IMPORTERS.iter().map(|entry| entry.name))
}

/// Returns what each importer reads.
fn formats_help() -> String {
    let mut help = "What the files hold:".to_owned();
    for entry in collect::IMPORTERS {
        help.push_str(&format!("\n- {}: {}", entry.name, entry.about));
    }
    help
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let shop = open::open(&arguments.folder.shop)?;
    let (start, started_at) = (Instant::now(), now());
    let bar = printer::bar("importing");
    let options = options(arguments)?;
    let report = collect::import(
        &shop,
        &arguments.format,
        &arguments.files,
        &options,
        started_at,
        &|rows| {
            bar.set_position(rows);
        },
    );
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    record(&shop, arguments, report.as_ref().ok(), started_at, seconds)?;
    let reports = [(report?, seconds)];
    Ok(if arguments.json {
        serde_json::to_string(&reports_json(&reports))?
    } else {
        reports_text(&reports)
    })
}

/// Leaves a row of the import in the ledger, once it has ended: an import that dies leaves nothing.
fn record(
    shop: &Shop,
    arguments: &Arguments,
    report: Option<&StageReport>,
    started_at: i64,
    seconds: f64,
) -> Result<()> {
    let begun = RunStart {
        stage: collect::NAME,
        lease: None,
        inputs: json!({}),
        parameters: json!({ "format": arguments.format, "files": arguments.files }),
        seed: shop.settings.seed,
    };
    let id = shop.ledger.start_run(&begun, started_at)?;
    Ok(shop.ledger.finish_run(id, &ended(report, seconds), now())?)
}

fn options(arguments: &Arguments) -> Result<ImportOptions> {
    let mut map = Vec::new();
    for pair in &arguments.map {
        let Some((column, field)) = pair.rsplit_once('=') else {
            bail!("--map wants COLUMN=FIELD, got `{pair}`");
        };
        map.push((column.to_owned(), field.to_owned()));
    }
    let date_format = match &arguments.date_format {
        None => None,
        Some(name) => match DateFormat::from_name(name) {
            None => bail!(
                "--date-format must be one of year-first, day-first, month-first, epoch, \
                 got `{name}`"
            ),
            known => known,
        },
    };
    Ok(ImportOptions {
        source: arguments.source.clone(),
        date_format,
        time_zone: arguments.time_zone.clone(),
        currency: arguments.currency.clone(),
        map,
        columns: arguments.columns.clone(),
    })
}
