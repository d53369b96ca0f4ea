//! `shopwise backup`: the shop in one file, also while it is served.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use serde_json::json;
use shopwise_stages::collect;
use shopwise_store::backup::{About, Stores, Written};
use shopwise_store::{Lake, backup};

use super::{now, open};
use crate::ShopFolder;

/// Memory of the lake's engine, which has nothing to do here.
const MEMORY: usize = 64 << 20;

#[derive(Debug, clap::Args)]
#[command(long_about = "Writes the shop into one file, also while it is served.\n\n\
    Everything that was acknowledged before is in it: settings, keys, the databases, the tables \
    and the models. The file holds the shop's keys and is readable by its owner only: keep it as \
    you keep them. Reports and exports are left out. What stands in PostgreSQL is in the \
    file as well.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: ShopFolder,
    /// The file to be written, such as shop-2026-03-01.backup; it must not exist
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let (folder, start) = (&arguments.folder.shop, Instant::now());
    let settings = open::settings(folder)?;
    let (lake, ledger) =
        (Lake::open(&folder.join(open::LAYOUT.lake), MEMORY)?, open::ledger(folder, &settings)?);
    let about = About { program: env!("CARGO_PKG_VERSION"), shop: &settings.name, now: now() };
    let written = backup::write(
        folder,
        &open::LAYOUT,
        Stores { lake: &lake, ledger: &ledger, inbox: &open::inbox_url(folder, &settings)? },
        collect::APPLICATION,
        &arguments.file,
        &about,
    )?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(if arguments.json {
        json(arguments, &written, seconds)
    } else {
        text(arguments, &written, seconds)
    })
}

fn json(arguments: &Arguments, written: &Written, seconds: f64) -> String {
    json!({
        "file": arguments.file,
        "bytes": written.bytes,
        "files": written.files,
        "bytes_unpacked": written.bytes_unpacked,
        "last": written.head.last,
        "events_version": written.head.events_version,
        "made_at": written.head.made_at,
        "seconds": seconds,
    })
    .to_string()
}

fn text(arguments: &Arguments, written: &Written, seconds: f64) -> String {
    let (files, bytes) = (written.files, written.bytes);
    format!(
        "wrote `{}`: {files} files in {bytes} bytes, {seconds:.1} s\n\
         it holds the shop's keys: keep it as you keep them",
        arguments.file.display()
    )
}
