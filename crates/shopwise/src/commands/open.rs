//! Opening a shop's folder: settings, lake, ledger, vault, models.

use std::path::Path;

use anyhow::{Context, Result, bail};
use shopwise_model::Settings;
use shopwise_stages::Shop;
use shopwise_store::{Lake, Ledger, Shelf, Vault};

/// The file that makes a folder a shop.
pub(crate) const SETTINGS: &str = "shopwise.toml";

/// Opens the shop in `folder`.
pub(crate) fn open(folder: &Path) -> Result<Shop> {
    let path = folder.join(SETTINGS);
    if !path.is_file() {
        bail!(
            "`{}` is not a shop: there is no {SETTINGS}\n\
             hint: make one with `shopwise init DIR`, or name it with --shop DIR",
            folder.display()
        );
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let settings: Settings =
        toml::from_str(&text).with_context(|| format!("wrong setting in `{}`", path.display()))?;
    let memory = usize::try_from(settings.query_memory_mib << 20).unwrap_or(usize::MAX);
    Ok(Shop {
        lake: Lake::open(&folder.join("lake"), memory)?,
        ledger: Ledger::open(&ledger_url(folder)?)?,
        vault: Vault::open(&folder.join("vault"))?,
        shelf: Shelf::open(&folder.join("models"))?,
        settings,
    })
}

/// Returns the address of the embedded database of the shop in `folder`.
pub(crate) fn ledger_url(folder: &Path) -> Result<String> {
    let folder = folder
        .canonicalize()
        .with_context(|| format!("cannot use the folder `{}`", folder.display()))?;
    Ok(format!("sqlite://{}", folder.join("ledger.db").display()))
}
