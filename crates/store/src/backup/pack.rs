//! Writing: entries one after the other, each hashed while it is read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Read, Write as _};
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{HEAD, Head, MANIFEST};
use crate::vault::{hexadecimal, new_private_file};
use crate::{Error, Result};

/// zstd's level: most of the bytes are Parquet files, which are packed already.
const LEVEL: i32 = 1;

/// What is not finished is no part of a shop.
const UNFINISHED: &str = ".unfinished";

/// A file that is being written.
pub(super) struct Packer {
    path: std::path::PathBuf,
    tar: tar::Builder<zstd::Encoder<'static, BufWriter<File>>>,
    files: BTreeMap<String, Value>,
    bytes: u64,
}

impl Packer {
    pub(super) fn begin(path: &Path, head: &Head) -> Result<Self> {
        let wrong = || Error::io(path);
        let file = BufWriter::new(new_private_file(path).map_err(wrong())?);
        let mut packed = zstd::Encoder::new(file, LEVEL).map_err(wrong())?;
        packed.include_checksum(true).map_err(wrong())?;
        let tar = tar::Builder::new(packed);
        let mut packer = Self { path: path.to_owned(), tar, files: BTreeMap::new(), bytes: 0 };
        packer.add_text(HEAD, &serde_json::to_vec_pretty(head)?)?;
        Ok(packer)
    }

    /// Adds a file as it is.
    pub(super) fn add(&mut self, name: &str, path: &Path) -> Result<()> {
        self.add_with(name, path, 0o777)
    }

    /// Adds a file that only its owner may read.
    pub(super) fn add_private(&mut self, name: &str, path: &Path) -> Result<()> {
        self.add_with(name, path, 0o600)
    }

    /// Adds the files of a folder and of the folders in it, by name.
    pub(super) fn add_folder(&mut self, name: &str, folder: &Path) -> Result<()> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
            let entry = entry.map_err(Error::io(folder))?;
            let Ok(own) = entry.file_name().into_string() else { continue };
            if !own.starts_with(UNFINISHED) {
                entries.push((format!("{name}/{own}"), entry.path()));
            }
        }
        entries.sort_unstable();
        for (name, path) in entries {
            match path.is_dir() {
                true => self.add_folder(&name, &path)?,
                false => self.add(&name, &path)?,
            }
        }
        Ok(())
    }

    fn add_with(&mut self, name: &str, path: &Path, mask: u32) -> Result<()> {
        let file = File::open(path).map_err(Error::io(path))?;
        let about = file.metadata().map_err(Error::io(path))?;
        let mut header = header(about.len());
        header.set_mode(mode(&about) & mask);
        let mut hashed = Hashed { inner: file.take(about.len()), hash: Sha256::new(), count: 0 };
        self.tar.append_data(&mut header, name, &mut hashed).map_err(Error::io(&self.path))?;
        if hashed.count != about.len() {
            let shown = path.display();
            let problem = format!("`{shown}` became shorter while it was read");
            return Err(Error::Settings(format!("{problem}\nhint: try again")));
        }
        let digest = hexadecimal(&hashed.hash.finalize());
        self.files.insert(name.to_owned(), json!({ "bytes": hashed.count, "sha256": digest }));
        self.bytes += hashed.count;
        Ok(())
    }

    fn add_text(&mut self, name: &str, text: &[u8]) -> Result<()> {
        let mut header = header(text.len() as u64);
        header.set_mode(0o600);
        self.tar.append_data(&mut header, name, text).map_err(Error::io(&self.path))
    }

    /// Ends the file and forces it to disk; returns the number of files in it and their bytes.
    pub(super) fn finish(mut self) -> Result<(usize, u64)> {
        let manifest = json!({ "files": self.files });
        self.add_text(MANIFEST, &serde_json::to_vec(&manifest)?)?;
        let wrong = || Error::io(&self.path);
        let packed = self.tar.into_inner().map_err(wrong())?;
        let mut file = packed.finish().map_err(wrong())?;
        file.flush().map_err(wrong())?;
        file.get_ref().sync_all().map_err(wrong())?;
        Ok((self.files.len(), self.bytes))
    }
}

fn header(bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(bytes);
    header.set_mtime(0);
    header
}

#[cfg(unix)]
fn mode(about: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&about.permissions())
}

#[cfg(not(unix))]
fn mode(_: &std::fs::Metadata) -> u32 {
    0o600
}

/// Hashes what is read through it.
pub(super) struct Hashed<R> {
    pub(super) inner: R,
    pub(super) hash: Sha256,
    pub(super) count: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.count += count as u64;
        Ok(count)
    }
}
