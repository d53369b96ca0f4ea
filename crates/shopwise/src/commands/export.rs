//! `shopwise export`: a table, or the members of a segment, as a file.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use shopwise_model::Frame;
use shopwise_model::tables::{PROFILES, TABLES};
use shopwise_stages::Shop;
use shopwise_store::lake::TableFile;

use super::open;
use super::show::{cell, quote};
use crate::{ShopFolder, printer};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: ShopFolder,
    /// A table of the lake, such as `events`, or `segment:ID` for the members of a segment
    #[arg(value_name = "TABLE|segment:ID")]
    what: String,
    /// The file: .parquet or .csv
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let shop = open::open(&arguments.folder.shop)?;
    let sql = query(&shop, &arguments.what)?;
    let bar = printer::bar("exporting");
    let rows = write(&shop, &sql, &arguments.output, &|rows| bar.set_position(rows))?;
    bar.finish_and_clear();
    Ok(if arguments.json {
        json!({ "rows": rows, "file": arguments.output }).to_string()
    } else {
        format!("{rows} rows in `{}`", arguments.output.display())
    })
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
        bail!("no table `{what}`, there are: {}, segment:ID", names.join(", "));
    };
    if shop.lake.version(table)?.is_none() {
        bail!("`{what}` is empty: nothing was imported or run yet");
    }
    Ok(format!("SELECT * FROM {what}"))
}

/// Writes the rows of a query; returns how many there are.
fn write(shop: &Shop, sql: &str, path: &Path, progress: &dyn Fn(u64)) -> Result<u64> {
    let mut rows = 0;
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => {
            let mut file = TableFile::new(path);
            shop.lake.stream(sql, |part| -> Result<()> {
                rows += part.rows() as u64;
                progress(rows);
                Ok(file.write(&part)?)
            })?;
            file.close()?;
        }
        Some("csv") => {
            let file = std::fs::File::create(path)
                .with_context(|| format!("cannot write `{}`", path.display()))?;
            let mut file = BufWriter::new(file);
            let mut has_header = false;
            shop.lake.stream(sql, |part| -> Result<()> {
                if !has_header {
                    write_header(&part, &mut file)?;
                    has_header = true;
                }
                rows += part.rows() as u64;
                progress(rows);
                write_rows(&part, &mut file)
            })?;
            file.flush()?;
        }
        _ => bail!("--output must end in .parquet or .csv, got `{}`", path.display()),
    }
    Ok(rows)
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
            let text = cell(column, row).unwrap_or_default();
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
