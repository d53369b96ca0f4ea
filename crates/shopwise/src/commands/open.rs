//! Opening a shop's folder: settings, lake, ledger, vault, models.

use std::path::Path;

use anyhow::{Context, Result, bail};
use shopwise_model::Settings;
use shopwise_stages::Shop;
use shopwise_stages::collect::plan::Plan;
use shopwise_store::backup::Layout;
use shopwise_store::{Inbox, Lake, Ledger, Shelf, Vault};

/// The file that makes a folder a shop.
pub(crate) const SETTINGS: &str = "shopwise.toml";

/// Where everything stands in a shop's folder, for a back-up. Reports and exports are left out.
pub(crate) const LAYOUT: Layout<'_> = Layout {
    files: &[SETTINGS, PLAN],
    folders: &["vault", "models"],
    ledger: LEDGER,
    inbox: INBOX,
    lake: LAKE,
};

/// The file that declares which events a shop sends.
const PLAN: &str = "tracking-plan.toml";

const LEDGER: &str = "ledger.db";
const INBOX: &str = "inbox.db";
const LAKE: &str = "lake";

/// The beginning of the environment variables that stand above the file.
const PREFIX: &str = "SHOPWISE_";

/// Opens the shop in `folder`.
pub(crate) fn open(folder: &Path) -> Result<Shop> {
    let settings = settings(folder)?;
    let memory = usize::try_from(settings.query_memory_mib << 20).unwrap_or(usize::MAX);
    Ok(Shop {
        lake: Lake::open(&folder.join(LAKE), memory)?,
        ledger: ledger(folder, &settings)?,
        vault: Vault::open(&folder.join("vault"))?.with_calling_code(settings.calling_code),
        shelf: Shelf::open(&folder.join("models"))?,
        settings,
        plan: Plan::default(),
    })
}

/// Opens the shop in `folder` to take events in, which are held against its tracking plan.
pub(crate) fn open_to_collect(folder: &Path) -> Result<Shop> {
    Ok(Shop { plan: plan(folder)?, ..open(folder)? })
}

/// Returns the tracking plan of the shop in `folder`: Segment's specification, and above it the
/// shop's file if there is one.
fn plan(folder: &Path) -> Result<Plan> {
    let path = folder.join(PLAN);
    match std::fs::read_to_string(&path) {
        Ok(text) => Plan::with(&text).with_context(|| format!("cannot use `{}`", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Plan::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

/// Opens the inbox of the shop in `folder`: a file of its own, so that nobody who writes to the
/// ledger holds up an acknowledgement.
pub(crate) fn inbox(folder: &Path, settings: &Settings) -> Result<Inbox> {
    Ok(Inbox::open(&inbox_url(folder, settings)?, folder)?)
}

/// Returns the address of the inbox of the shop in `folder`.
pub(crate) fn inbox_url(folder: &Path, settings: &Settings) -> Result<String> {
    database(folder, settings, INBOX)
}

/// Opens the ledger of the shop in `folder`.
pub(crate) fn ledger(folder: &Path, settings: &Settings) -> Result<Ledger> {
    Ok(Ledger::open(&database(folder, settings, LEDGER)?)?)
}

/// As [`inbox`], for a look at what waits: at once, however many keys there are.
pub(crate) fn inbox_to_read(folder: &Path, settings: &Settings) -> Result<Inbox> {
    Ok(Inbox::open_to_read(&inbox_url(folder, settings)?, folder)?)
}

/// Returns the settings of the shop in `folder`: the file, and above it the environment.
pub(crate) fn settings(folder: &Path) -> Result<Settings> {
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
    let mut table: toml::Table =
        toml::from_str(&text).with_context(|| format!("wrong setting in `{}`", path.display()))?;
    for name in toml::Table::try_from(Settings::default())?.keys() {
        if let Some(value) = variable(name) {
            table.insert(name.clone(), literal(value));
        }
    }
    table.try_into().with_context(|| {
        format!("wrong setting in `{}`, or in a variable {PREFIX}…", path.display())
    })
}

#[expect(clippy::disallowed_methods, reason = "the program's one reader of settings")]
fn variable(name: &str) -> Option<String> {
    std::env::var(format!("{PREFIX}{}", name.to_uppercase())).ok()
}

/// Returns what a variable says: a number or a truth value where it reads as one, else a text.
fn literal(text: String) -> toml::Value {
    let parsed = toml::from_str::<toml::Table>(&format!("value = {text}"));
    let value = parsed.ok().and_then(|mut table| table.remove("value"));
    value.filter(|value| !value.is_table()).unwrap_or(toml::Value::String(text))
}

/// Returns the address of a database of the shop: the one of the settings, or a file in its folder.
fn database(folder: &Path, settings: &Settings, file: &str) -> Result<String> {
    if settings.ledger.is_empty() { embedded(folder, file) } else { Ok(settings.ledger.clone()) }
}

/// Returns the address of an embedded database of the shop in `folder`.
pub(crate) fn embedded(folder: &Path, file: &str) -> Result<String> {
    let folder = folder
        .canonicalize()
        .with_context(|| format!("cannot use the folder `{}`", folder.display()))?;
    Ok(format!("sqlite://{}", folder.join(file).display()))
}
