//! Reading back: everything is written beside the shop's place and checked before it moves there.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read};
use std::path::{Component, Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::pack::Hashed;
use super::{FORMAT, HEAD, Head, Layout, MANIFEST, beside, make_private, parent, sync};
use crate::vault::hexadecimal;
use crate::{Error, Ledger, Result, inbox};

/// Bytes of the first and of the last entry: some million files.
const TEXT_MAX: u64 = 256 << 20;

/// Bytes read at once.
const CHUNK: usize = 256 << 10;

/// Makes the shop's folder from a file. What is there may be an empty folder; a shop that is to be
/// replaced moves to `aside`. Nothing is moved before every checksum was right and all is on disk.
/// `finish` is given the folder before it moves to its place.
///
/// # Errors
/// [`Error::Input`] when the file is none of ours, is torn or damaged; when the folder cannot be
/// written or something is in it; what `finish` says. Then all is as it was.
pub fn restore(
    file: &Path,
    folder: &Path,
    aside: Option<&Path>,
    finish: impl FnOnce(&Path) -> Result<()>,
) -> Result<Head> {
    let made = beside(folder, ".restoring")?;
    // What an earlier try left that was killed.
    if made.exists() {
        std::fs::remove_dir_all(&made).map_err(Error::io(&made))?;
    }
    make_private(&made)?;
    let read = unpack(file, &made);
    let moved = read.and_then(|head| {
        finish(&made)?;
        put(&made, folder, aside)?;
        Ok(head)
    });
    if moved.is_err() {
        // The next try removes what stays.
        drop(std::fs::remove_dir_all(&made));
    }
    moved
}

/// Moves the databases of the shop in `folder`, two SQLite files, into one that knows nothing of
/// them yet.
///
/// # Errors
/// When a shop is there already, or one of them cannot be used. What was moved by then stays there.
pub fn move_in(folder: &Path, layout: &Layout<'_>, url: &str) -> Result<()> {
    let (ledger, inbox) = (folder.join(layout.ledger), folder.join(layout.inbox));
    Ledger::move_in(&ledger, url)?;
    inbox::move_in(&inbox, url)?;
    for file in [&ledger, &inbox] {
        std::fs::remove_file(file).map_err(Error::io(file))?;
    }
    Ok(())
}

/// Moves a whole shop to its place.
fn put(made: &Path, folder: &Path, aside: Option<&Path>) -> Result<()> {
    if let Some(aside) = aside {
        std::fs::rename(folder, aside).map_err(Error::io(aside))?;
    }
    // An empty folder in its place is replaced; one with something in it is not.
    if let Err(error) = std::fs::rename(made, folder) {
        if let Some(aside) = aside {
            std::fs::rename(aside, folder).map_err(Error::io(folder))?;
        }
        return Err(Error::io(folder)(error));
    }
    sync(parent(folder))
}

fn unpack(file: &Path, into: &Path) -> Result<Head> {
    let opened = File::open(file).map_err(Error::io(file))?;
    let mut reader = Reader { file, into, folders: BTreeSet::new(), found: Value::Null };
    let packed = zstd::Decoder::new(BufReader::with_capacity(CHUNK, opened))
        .map_err(|error| reader.torn(&error))?;
    let mut tar = tar::Archive::new(packed);
    let mut entries = tar.entries().map_err(|error| reader.torn(&error))?;
    let first = entries.next().ok_or_else(|| reader.foreign())?;
    let head = reader.head(first.map_err(|_| reader.foreign())?)?;
    reader.found = Value::Object(serde_json::Map::new());
    let mut manifest = None;
    for entry in entries {
        let mut entry = entry.map_err(|error| reader.torn(&error))?;
        let name = reader.name(&entry)?;
        if name == MANIFEST {
            manifest = Some(reader.text(&mut entry)?);
            break;
        }
        reader.take(&name, &mut entry)?;
    }
    let manifest = manifest.ok_or_else(|| reader.wrong("its end is missing"))?;
    // To the very end: the last checksum of zstd stands there.
    let mut rest = tar.into_inner();
    std::io::copy(&mut rest, &mut std::io::sink()).map_err(|error| reader.torn(&error))?;
    if manifest["files"] != reader.found {
        return Err(reader.wrong("what is in it is not what its list says"));
    }
    for folder in &reader.folders {
        sync(folder)?;
    }
    sync(into)?;
    Ok(head)
}

/// Takes entries out of a file.
struct Reader<'a> {
    file: &'a Path,
    into: &'a Path,
    folders: BTreeSet<PathBuf>,
    /// As the list at the end of the file describes the same.
    found: Value,
}

impl Reader<'_> {
    fn head(&self, mut entry: tar::Entry<'_, impl Read>) -> Result<Head> {
        if self.name(&entry)? != HEAD {
            return Err(self.foreign());
        }
        let text = self.text(&mut entry)?;
        match text["format"].as_u64() {
            Some(FORMAT) => Ok(serde_json::from_value(text)?),
            Some(format) => Err(self.wrong(&format!(
                "its format is `{format}`, this program reads `{FORMAT}`: update shopwise"
            ))),
            None => Err(self.foreign()),
        }
    }

    /// Returns the name of an entry, which leads nowhere but into the folder.
    fn name(&self, entry: &tar::Entry<'_, impl Read>) -> Result<String> {
        let path = entry.path().map_err(|error| self.torn(&error))?;
        let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        let is_file = entry.header().entry_type() == tar::EntryType::Regular;
        match path.to_str() {
            Some(name) if is_plain && is_file && !name.is_empty() => Ok(name.to_owned()),
            _ => Err(self.wrong("an entry of it is no file of a shop")),
        }
    }

    fn text(&self, entry: &mut impl Read) -> Result<Value> {
        let mut text = Vec::new();
        entry.take(TEXT_MAX).read_to_end(&mut text).map_err(|error| self.torn(&error))?;
        serde_json::from_slice(&text).map_err(|_| self.wrong("a list in it cannot be read"))
    }

    /// Writes an entry as a file, and notes what it is.
    fn take(&mut self, name: &str, entry: &mut tar::Entry<'_, impl Read>) -> Result<()> {
        let path = self.into.join(name);
        let mut folder = parent(&path);
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        while folder != self.into && self.folders.insert(folder.to_owned()) {
            folder = parent(folder);
        }
        let mode = entry.header().mode().unwrap_or(0o600) & 0o777;
        let mut file = new_file(&path, mode).map_err(Error::io(&path))?;
        let mut hashed = Hashed { inner: entry, hash: Sha256::new(), count: 0 };
        let mut buffer = vec![0; CHUNK];
        loop {
            let count = hashed.read(&mut buffer).map_err(|error| self.torn(&error))?;
            if count == 0 {
                break;
            }
            std::io::Write::write_all(&mut file, &buffer[..count]).map_err(Error::io(&path))?;
        }
        file.sync_all().map_err(Error::io(&path))?;
        let digest = hexadecimal(&hashed.hash.finalize());
        self.found[name] = serde_json::json!({ "bytes": hashed.count, "sha256": digest });
        Ok(())
    }

    fn foreign(&self) -> Error {
        self.wrong("it does not begin as `shopwise backup` writes one")
    }

    fn torn(&self, error: &std::io::Error) -> Error {
        self.wrong(&error.to_string())
    }

    fn wrong(&self, what: &str) -> Error {
        let message = format!(
            "this is no back-up of a shop, or it is torn or damaged: {what}\n\
             hint: nothing was changed; take another back-up"
        );
        Error::Input { file: self.file.display().to_string(), line: 0, message }
    }
}

#[cfg(unix)]
fn new_file(path: &Path, mode: u32) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

#[cfg(not(unix))]
fn new_file(path: &Path, _: u32) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}
