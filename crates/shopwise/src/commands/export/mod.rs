//! `shopwise export`: a table, the members of a segment, those who will like something, or
//! everybody's list, as a file.

mod lists;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use shopwise_model::Frame;
use shopwise_model::frame::Column;
use shopwise_model::tables::{PROFILES, TABLES};
use shopwise_stages::{Shop, recommend};
use shopwise_store::lake::TableFile;
use shopwise_store::ledger::SegmentRule;

use super::show::{cell, quote};
use super::{open, segments};
use crate::{ShopFolder, printer};

/// Customers in an audience when nobody says.
const AUDIENCE: usize = 1000;

/// Products in a list when nobody says.
const LENGTH: usize = 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: ShopFolder,
    /// A table of the lake, such as `events`; `segment:ID` for the members of a segment;
    /// `audience:product:ID`, `audience:brand:NAME`, `audience:category:NAME` for the customers who
    /// will like that most; or `lists:SCENE` for the lists of everybody, of this moment, with
    /// `home`, `cart`, `win-back` or `e-mail`
    #[arg(value_name = "TABLE|segment:ID|audience:KIND:NAME|lists:SCENE")]
    what: String,
    /// The most customers in an audience [default: 1000], or products in a list [default: 10]
    #[arg(long, value_name = "N")]
    size: Option<usize>,
    /// The file: .parquet or .csv
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let shop = open::open(&arguments.folder.shop)?;
    let bar = printer::bar("exporting");
    let mut file = Output::new(&arguments.output)?;
    let mut rows = 0;
    let filled = fill(&shop, arguments, |part| {
        rows += part.rows() as u64;
        bar.set_position(rows);
        file.write(&part)
    });
    file.close(filled)?;
    bar.finish_and_clear();
    Ok(if arguments.json {
        json!({ "rows": rows, "file": arguments.output }).to_string()
    } else {
        format!("{rows} rows in `{}`", arguments.output.display())
    })
}

/// Hands over what is meant, piece by piece.
fn fill(
    shop: &Shop,
    arguments: &Arguments,
    mut write: impl FnMut(Frame) -> Result<()>,
) -> Result<()> {
    let (what, folder) = (arguments.what.as_str(), &arguments.folder.shop);
    if let Some(meant) = what.strip_prefix("audience:") {
        let size = arguments.size.unwrap_or(AUDIENCE);
        write(recommend::audience(shop, meant, size)?)
    } else if let Some(scene) = what.strip_prefix("lists:") {
        let length = arguments.size.unwrap_or(LENGTH);
        lists::write(shop, folder, (lists::scene(scene)?, length), write)
    } else if let Some(rule) = segment_rule(shop, what)? {
        let members = segments::members_of(shop, folder, &rule)?;
        write(segments::table(&rule.id, &members))
    } else {
        shop.lake.stream(&query(shop, what)?, write)
    }
}

/// Returns the rule of the segment that is meant, if one is.
fn segment_rule(shop: &Shop, what: &str) -> Result<Option<SegmentRule>> {
    let id = what.strip_prefix("segment:");
    Ok(id.map(|id| segments::rule(shop, id)).transpose()?.flatten())
}

fn query(shop: &Shop, what: &str) -> Result<String> {
    if let Some(segment) = what.strip_prefix("segment:") {
        if shop.lake.version(&PROFILES)?.is_none() {
            bail!("there are no segments yet\nhint: `shopwise run` makes them");
        }
        let segment = quote(segment);
        return Ok(format!("SELECT * FROM profiles WHERE segment = {segment} ORDER BY customer"));
    }
    let Some(table) = TABLES.iter().find(|table| table.name == what) else {
        let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        let others = "segment:ID, audience:KIND:NAME, lists:SCENE";
        bail!("no table `{what}`, there are: {}, {others}", names.join(", "));
    };
    if shop.lake.version(table)?.is_none() {
        bail!("`{what}` is empty: nothing was imported or run yet");
    }
    Ok(format!("SELECT * FROM {what}"))
}

/// The file that is written. It bears another name until it is whole, so that a mistake or a stop
/// half-way leaves what stood there as it was.
struct Output {
    path: PathBuf,
    part: PathBuf,
    rows: Rows,
}

enum Rows {
    Parquet(Box<TableFile>),
    Csv(Option<BufWriter<File>>),
}

impl Output {
    fn new(path: &Path) -> Result<Self> {
        let part = path.with_added_extension("part");
        let rows = match path.extension().and_then(|extension| extension.to_str()) {
            Some("parquet") => Rows::Parquet(Box::new(TableFile::new(&part))),
            Some("csv") => Rows::Csv(None),
            _ => bail!("--output must end in .parquet or .csv, got `{}`", path.display()),
        };
        Ok(Self { path: path.to_owned(), part, rows })
    }

    fn write(&mut self, part: &Frame) -> Result<()> {
        match &mut self.rows {
            Rows::Parquet(file) => Ok(file.write(part)?),
            Rows::Csv(Some(file)) => write_rows(part, file),
            Rows::Csv(none) => {
                let file = File::create(&self.part)
                    .with_context(|| format!("cannot write `{}`", self.path.display()))?;
                let file = none.insert(BufWriter::new(file));
                write_header(part, file)?;
                write_rows(part, file)
            }
        }
    }

    /// Ends the file, or takes away what there is of it when it could not be filled.
    fn close(self, filled: Result<()>) -> Result<()> {
        let ended = filled.and_then(|()| match self.rows {
            Rows::Parquet(file) => Ok(file.close()?),
            Rows::Csv(Some(mut file)) => Ok(file.flush()?),
            Rows::Csv(None) => Ok(()),
        });
        let cannot = || format!("cannot write `{}`", self.path.display());
        match ended {
            Ok(()) => std::fs::rename(&self.part, &self.path).with_context(cannot),
            Err(error) => {
                // It may not have been begun.
                drop(std::fs::remove_file(&self.part));
                Err(error)
            }
        }
    }
}

fn write_header(part: &Frame, file: &mut impl Write) -> Result<()> {
    Ok(writeln!(file, "{}", part.names().join(","))?)
}

fn write_rows(part: &Frame, file: &mut impl Write) -> Result<()> {
    for row in 0..part.rows() {
        for (at, column) in part.columns().iter().enumerate() {
            if at > 0 {
                file.write_all(b",")?;
            }
            let text = match column {
                // In full: others go on reckoning with it.
                Column::Float(values) if !values[row].is_nan() => values[row].to_string(),
                _ => cell(column, row).unwrap_or_default(),
            };
            if text.contains(['"', ',', '\n', '\r']) {
                write!(file, "\"{}\"", text.replace('"', "\"\""))?;
            } else {
                file.write_all(text.as_bytes())?;
            }
        }
        file.write_all(b"\n")?;
    }
    Ok(())
}
