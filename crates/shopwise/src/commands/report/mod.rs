//! `shopwise report`: one self-contained page of what was learned.
//!
//! The page carries its charts' program, both languages and both themes; it needs no network.

mod cells;
mod chart;
mod contents;
mod page;
mod period;
mod reasons;
mod section;
mod sections;
mod table;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use shopwise_stages::Shop;

use super::{now, open};
use crate::ShopFolder;
use crate::page::{Language, number, words};

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

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let shop = open::open(&arguments.folder.shop)?;
    let path =
        arguments.output.clone().unwrap_or_else(|| arguments.folder.shop.join("report.html"));
    write(&shop, &path, arguments.language)?;
    Ok(format!("wrote {}", path.display()))
}

/// Writes the page of a shop.
pub(crate) fn write(shop: &Shop, path: &Path, language: Language) -> Result<()> {
    let contents = contents::Contents::gather(shop, language, now())?;
    std::fs::write(path, page::render(&contents))
        .with_context(|| format!("cannot write `{}`", path.display()))
}
