//! A shop in one file: written while the shop is served, read back into a folder.
//!
//! The file is a tar packed by zstd, so that `tar --zstd -tf` looks into it. Its first entry says
//! what it is, its last one the length and SHA-256 of every other. In between are the settings and
//! the keys as they are, the databases as SQLite files of one moment each, of each table of the
//! lake one version, and the models. A shop whose databases stand in PostgreSQL gives the same
//! file, and any such file can be put into PostgreSQL.
//!
//! What was acknowledged before must be there once, although the inbox and the lake are copied one
//! after the other. The inbox forgets an entry when the lake has it, so its copy may lack what only
//! newer versions of the lake hold: it is taken first. Of the events then the newest version is
//! taken that holds nothing beyond the last entry of that copy: what the inbox was given later
//! would be missing from its keys and its numbers would be given a second time. The ledger is last:
//! it may know more than the lake, never less.

mod pack;
#[cfg(test)]
mod tests;
mod unpack;

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shopwise_model::tables::{EVENTS, TABLES};

use crate::{Error, Lake, Ledger, Result, inbox};
use pack::Packer;

pub use unpack::{move_in, restore};

/// How such a file is laid out; another number is not read.
const FORMAT: u64 = 1;

/// The first entry.
const HEAD: &str = "shopwise-backup.json";

/// The last entry.
const MANIFEST: &str = "shopwise-manifest.json";

/// Where the parts of a shop are within its folder.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'a> {
    /// Files that are copied as they are; the first one must be there.
    pub files: &'a [&'a str],
    /// Folders that are copied with the files in them.
    pub folders: &'a [&'a str],
    /// The SQLite file of the ledger, where it is one.
    pub ledger: &'a str,
    /// The SQLite file of the inbox, where it is one.
    pub inbox: &'a str,
    /// The folder of the lake.
    pub lake: &'a str,
}

/// What such a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How the file is laid out.
    pub format: u64,
    /// The version of the program that wrote it.
    pub program: String,
    /// The shop's name.
    pub shop: String,
    /// When it was begun, UTC.
    pub made_at: String,
    /// The last entry of the inbox that the file covers.
    pub last: i64,
    /// The version of the events in it; none when there were none.
    pub events_version: Option<u64>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The beginning of the file.
    pub head: Head,
    /// Files in it.
    pub files: usize,
    /// Bytes of those files.
    pub bytes_unpacked: u64,
    /// Bytes of the file itself.
    pub bytes: u64,
}

/// Where the stores of a shop are, opened or by URL.
#[derive(Debug, Clone, Copy)]
pub struct Stores<'a> {
    /// The tables.
    pub lake: &'a Lake,
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The URL of the inbox, which is not opened: a copy needs none of its keys in memory.
    pub inbox: &'a str,
}

/// Who writes, and when: what the program knows.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The version of the program.
    pub program: &'a str,
    /// The shop's name.
    pub shop: &'a str,
    /// The moment, UTC microseconds.
    pub now: i64,
}

/// Writes the shop in `folder` into a new file, readable by its owner only: it holds the keys.
/// Whatever happens there is a whole file, or none; what an earlier try for the same file left is
/// removed. `application` names the commits of the inbox in the lake.
///
/// # Errors
/// When the file exists, a part of the shop cannot be read, or the file cannot be written.
pub fn write(
    folder: &Path,
    layout: &Layout<'_>,
    stores: Stores<'_>,
    application: &str,
    file: &Path,
    about: &About<'_>,
) -> Result<Written> {
    if file.exists() {
        let shown = file.display();
        return Err(Error::Settings(format!(
            "`{shown}` exists already\nhint: choose another name"
        )));
    }
    let work = Work::begin(file)?;
    let (ledger_copy, inbox_copy) = (work.folder.join("ledger"), work.folder.join("inbox"));
    let copied = inbox::copy(stores.inbox, &inbox_copy)?;
    let mut pinned = Vec::new();
    for table in TABLES {
        let most = (table.name == EVENTS.name).then_some((application, copied.last));
        pinned.extend(stores.lake.pin(table, most)?);
    }
    let events = pinned.iter().find(|table| table.name == EVENTS.name);
    let held = events.and_then(|events| events.held).unwrap_or(0);
    if held < copied.forgotten {
        return Err(Error::Settings(format!(
            "the inbox has forgotten entries up to {}, but the lake holds them up to {held} only",
            copied.forgotten
        )));
    }
    stores.ledger.copy(&ledger_copy, copied.last)?;
    let head = Head {
        format: FORMAT,
        program: about.program.to_owned(),
        shop: about.shop.to_owned(),
        made_at: shopwise_model::time::format(about.now),
        last: copied.last,
        events_version: events.map(|events| events.version),
    };
    let mut packer = Packer::begin(&work.file, &head)?;
    for (at, name) in layout.files.iter().enumerate() {
        if at == 0 || folder.join(name).exists() {
            packer.add(name, &folder.join(name))?;
        }
    }
    packer.add_private(layout.inbox, &inbox_copy)?;
    packer.add_private(layout.ledger, &ledger_copy)?;
    for table in &pinned {
        for name in &table.files {
            packer.add(&format!("{}/{name}", layout.lake), &folder.join(layout.lake).join(name))?;
        }
    }
    for name in layout.folders {
        packer.add_folder(name, &folder.join(name))?;
    }
    let (files, bytes_unpacked) = packer.finish()?;
    let bytes = work.file.metadata().map_err(Error::io(&work.file))?.len();
    std::fs::rename(&work.file, file).map_err(Error::io(file))?;
    drop(work);
    sync(parent(file))?;
    Ok(Written { head, files, bytes_unpacked, bytes })
}

/// A folder beside the file that is to be made, gone when it is done or has failed.
struct Work {
    folder: PathBuf,
    file: PathBuf,
}

impl Work {
    fn begin(file: &Path) -> Result<Self> {
        let folder = beside(file, ".unfinished")?;
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(Error::io(&folder))?;
        }
        make_private(&folder)?;
        Ok(Self { file: folder.join("file"), folder })
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What stays is removed by the next try.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Returns a hidden name beside a file or folder.
fn beside(path: &Path, ending: &str) -> Result<PathBuf> {
    let Some(name) = path.file_name() else {
        let shown = path.display();
        return Err(Error::Settings(format!("`{shown}` has no name of its own")));
    };
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(ending);
    Ok(parent(path).join(hidden))
}

/// Returns the folder in which a file or folder lies.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a folder that only its owner may look into.
fn make_private(folder: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(Error::io(folder))
}

/// Forces a folder's list of names to disk.
fn sync(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io(folder))
}
