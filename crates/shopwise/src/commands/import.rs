//! `shopwise import`: files of events, products, campaigns and rates.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::json;
use shopwise_model::EventKind;
use shopwise_model::time::DateFormat;
use shopwise_stages::collect::{self, ImportOptions, Ways};
use shopwise_stages::{Shop, StageReport};
use shopwise_store::ledger::RunStart;

use tokio::signal::unix::{SignalKind, signal};

use super::run::ended;
use super::{now, open, reports_json, reports_text};
use crate::{ShopFolder, holder, printer};

/// How long a follower's lease lasts, in microseconds, and how often it is renewed.
const LEASE_TIME: i64 = 10_000_000;
const RENEWAL: Duration = Duration::from_secs(2);

/// How often a file that is followed is looked at.
const LOOK: Duration = Duration::from_millis(250);

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
    /// What a name of events means: --kind like=product_added; --kind =order_completed is for rows
    /// that name none
    #[arg(long, value_name = "NAME=KIND")]
    kind: Vec<String>,
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
    /// Go on with what is added to one file of JSON lines, also when it is moved away and made
    /// anew, until Ctrl-C or SIGTERM; started again it neither loses nor doubles a line
    #[arg(long)]
    follow: bool,
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
    let shop = open::open_to_collect(&arguments.folder.shop)?;
    let (start, started_at) = (Instant::now(), now());
    let bar = printer::bar("importing");
    let options = options(arguments)?;
    let progress = |rows| bar.set_position(rows);
    let (format, files) = (&arguments.format, &arguments.files);
    let report = match arguments.follow {
        true => follow(&shop, arguments, &options, &progress),
        false => collect::import(&shop, format, files, &options, started_at, &progress)
            .map_err(anyhow::Error::from),
    };
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

/// Imports a file while it grows, under a lease: a second one would not know what this one has
/// taken a moment ago.
fn follow(
    shop: &Shop,
    arguments: &Arguments,
    options: &ImportOptions,
    progress: &dyn Fn(u64),
) -> Result<StageReport> {
    let [file] = arguments.files.as_slice() else {
        bail!("--follow follows one file\nhint: start one for each, with a --source of its own");
    };
    let told = Arc::new(AtomicBool::new(false));
    listen_for_the_end(&told)?;
    let source = arguments.source.as_ref().unwrap_or(&arguments.format);
    let name = format!("follow {source}");
    let lease = holder::take(shop, &name, "import --follow", LEASE_TIME)?;
    let (renewed, lost) = (Cell::new(Instant::now()), Cell::new(false));
    let stops = || {
        if renewed.get().elapsed() > RENEWAL {
            // A ledger that does not answer for a moment is asked again; the lease outlives it.
            lost.set(matches!(shop.ledger.renew_lease(&lease, now(), LEASE_TIME), Ok(false)));
            renewed.set(Instant::now());
        }
        lost.get() || told.load(Ordering::Acquire)
    };
    printer::progress(&format!("following `{}`; Ctrl-C ends it", file.display()));
    let ways = Ways {
        now: &now,
        pause: &|| std::thread::sleep(LOOK),
        stops: &stops,
        progress,
        warn: &|text| printer::progress(text),
    };
    let report = collect::follow(shop, &arguments.format, file, options, &ways);
    shop.ledger.release_lease(&lease)?;
    if lost.get() {
        bail!("another process follows `{source}` now: this one stood still for too long");
    }
    Ok(report?)
}

/// Sets a flag when the program is told to stop.
fn listen_for_the_end(told: &Arc<AtomicBool>) -> Result<()> {
    let told = Arc::clone(told);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        });
        told.store(true, Ordering::Release);
    })?;
    Ok(())
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
        kinds: arguments.kind.iter().map(|pair| kind(pair)).collect::<Result<_>>()?,
        columns: arguments.columns.clone(),
    })
}

/// Reads `NAME=KIND`.
fn kind(pair: &str) -> Result<(String, EventKind)> {
    let Some((name, kind)) = pair.rsplit_once('=') else {
        bail!("--kind wants NAME=KIND, got `{pair}`");
    };
    match EventKind::from_name(kind) {
        EventKind::Other if kind != EventKind::Other.name() => {
            let all = EventKind::ALL.iter().map(|kind| kind.name());
            let names = all.chain([EventKind::Other.name()]).collect::<Vec<_>>().join(", ");
            bail!("there is no kind `{kind}` of events, there are: {names}")
        }
        known => Ok((name.to_owned(), known)),
    }
}
