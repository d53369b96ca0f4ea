//! `shopwise restore`: the shop's folder from the file of a back-up.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use shopwise_store::{Error, backup};

use super::{now, open};
use crate::{ShopFolder, holder, printer};

#[derive(Debug, clap::Args)]
#[command(long_about = "Makes the shop's folder from the file of a back-up.\n\n\
    The folder must not exist or be empty. With --force a shop that is there is moved aside, never \
    deleted; it must be stopped. Every checksum is verified before anything is moved. Where the \
    setting `ledger` names PostgreSQL, the ledger and the inbox go there, and there must be none \
    yet; SHOPWISE_LEDGER='' in the environment keeps them in the folder instead.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: ShopFolder,
    /// The file that `shopwise backup` wrote
    file: PathBuf,
    /// Put it in the place of the shop that is there, which is moved aside
    #[arg(long)]
    force: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let folder = place(&arguments.folder.shop)?;
    let aside = aside(&folder, arguments.force)?;
    let head = backup::restore(&arguments.file, &folder, aside.as_deref(), |made| {
        let settings =
            open::settings(made).map_err(|error| Error::Settings(format!("{error:#}")))?;
        if settings.ledger.is_empty() {
            return Ok(());
        }
        backup::move_in(made, &open::LAYOUT, &settings.ledger)
    })?;
    if arguments.json {
        let former = &aside;
        return Ok(json!({ "shop": folder, "made_at": head.made_at, "former": former }).to_string());
    }
    let mut text = format!("restored `{}` as of {}", folder.display(), head.made_at);
    if let Some(aside) = aside {
        text.push_str(&format!("\nthe shop that was there is now `{}`", aside.display()));
    }
    Ok(text)
}

/// Returns the place of the shop with a name of its own: `.` has none.
fn place(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        let shown = folder.display();
        return folder.canonicalize().with_context(|| format!("cannot use the folder `{shown}`"));
    }
    Ok(folder.to_owned())
}

/// Returns where a shop moves that is there, if one is.
fn aside(folder: &Path, force: bool) -> Result<Option<PathBuf>> {
    let shown = folder.display();
    if !folder.exists() {
        return Ok(None);
    }
    let mut entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot look into `{shown}`"))?;
    if entries.next().is_none() {
        return Ok(None);
    }
    if !folder.join(open::SETTINGS).is_file() {
        bail!("`{shown}` is no shop and not empty\nhint: choose another folder");
    }
    if !force {
        bail!(
            "there is a shop in `{shown}`\n\
             hint: choose another folder, or put the back-up in its place with --force"
        );
    }
    refuse_in_use(folder)?;
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(format!(".before-{}", now() / 1_000_000));
    Ok(Some(folder.with_file_name(name)))
}

/// Refuses when somebody works on the shop that is to be replaced. A shop that cannot be opened may
/// be the very reason why it is restored.
fn refuse_in_use(folder: &Path) -> Result<()> {
    match open::settings(folder).and_then(|settings| open::ledger(folder, &settings)) {
        Ok(ledger) => holder::refuse_in_use(&ledger),
        Err(error) => {
            printer::progress(&format!(
                "the shop that is there cannot be opened, so nobody knows whether it is in use: \
                 {error:#}"
            ));
            Ok(())
        }
    }
}
