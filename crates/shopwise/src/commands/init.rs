//! `shopwise init`: a new shop.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use shopwise_model::Settings;
use shopwise_store::{Lake, Ledger, Shelf, Vault};

use super::open::{SETTINGS, embedded, inbox};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder of the new shop
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The shop's name, shown in reports
    #[arg(long)]
    name: Option<String>,
    /// The ISO 4217 code in which values are summed
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// The IANA time zone in which days are meant
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let folder = &arguments.folder;
    let path = folder.join(SETTINGS);
    if path.exists() {
        bail!("`{}` is a shop already", folder.display());
    }
    let mut settings = Settings::default();
    if let Some(name) = &arguments.name {
        settings.name.clone_from(name);
    }
    if let Some(currency) = &arguments.currency {
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            bail!("currency must be three capital letters (ISO 4217), got `{currency}`");
        }
        settings.currency.clone_from(currency);
    }
    if let Some(zone) = &arguments.time_zone {
        jiff::tz::TimeZone::get(zone)
            .map_err(|_| anyhow::anyhow!("`{zone}` is no IANA time zone"))?;
        settings.time_zone.clone_from(zone);
    }
    make(folder, &settings, random_key()?)?;
    Ok(format!(
        "made the shop `{}`\n\
         next: shopwise import --shop {} --format csv|online-retail|segment|movielens FILE",
        settings.name,
        folder.display()
    ))
}

/// Makes the folder, the stores and, last, the settings: only then is the folder a shop.
pub(crate) fn make(folder: &Path, settings: &Settings, key: [u8; 32]) -> Result<()> {
    let path = folder.join(SETTINGS);
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    Vault::create(&folder.join("vault"), key)?;
    Lake::open(&folder.join("lake"), 1 << 20)?;
    admin_token(folder)?;
    Ledger::open(&embedded(folder, "ledger.db")?)?;
    inbox(folder, settings)?;
    Shelf::open(&folder.join("models"))?;
    std::fs::write(&path, toml::to_string_pretty(settings)?)
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(())
}

/// Returns the administrator's token of the shop in `folder`, made where there is none.
pub(crate) fn admin_token(folder: &Path) -> Result<String> {
    let random =
        || random_key().map_err(|error| shopwise_store::Error::Settings(format!("{error:#}")));
    Ok(shopwise_store::vault::admin_token(&folder.join("vault"), random)?)
}

/// Returns random bytes of the system.
pub(crate) fn random_key() -> Result<[u8; 32]> {
    let mut key = [0; 32];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut key))
        .context("the system gives no random bytes")?;
    Ok(key)
}

/// Returns a new message identifier: a UUID of version 7, whose first 48 bits are milliseconds.
pub(crate) fn new_id(now: i64) -> String {
    // Without random bytes the moment alone must do: the identifier has no other use.
    let random = random_key().unwrap_or_default();
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&random[..16]);
    bytes[..6].copy_from_slice(&(now / 1000).to_be_bytes()[2..]);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}
