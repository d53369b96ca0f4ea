//! The shelf of published models: a folder `<name>/<version>/` each, with `manifest.json` and data
//! files.
//!
//! A version is whole or not there at all: it is written beside its place, forced to disk and moved
//! there by one rename. Nothing is ever changed in place, so a reader needs no lock; writers hold
//! the shop's lease. Which version serves is said by the ledger, what the files mean by the stage
//! that made them.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::vault::hexadecimal;

/// How the folders are laid out; a manifest that says another number is not read.
const LAYOUT: u64 = 1;

/// The file that describes a version.
const MANIFEST: &str = "manifest.json";

/// How the folder of a version begins before it is whole. No version begins so.
const UNFINISHED: &str = ".unfinished-";

/// The models of one shop.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// Opens the shelf in `folder`, which is made if it is missing.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        Ok(Self { folder: folder.canonicalize().map_err(Error::io(folder))? })
    }

    /// Writes a version, whole or not at all. The manifest, an object, gains `layout`, and under
    /// `files` the length and SHA-256 of each data file, by which reading notices damage. What an
    /// interrupted writer left of this model is swept.
    ///
    /// # Errors
    /// [`Error::Settings`] when a name is not made of small letters, digits, `-`, `_` and `.`, when
    /// the manifest is no object, or when the version exists; [`Error::Io`] when writing fails.
    pub fn write(
        &self,
        name: &str,
        version: i64,
        files: &[(&str, &[u8])],
        manifest: &Value,
    ) -> Result<()> {
        let place = self.place(name, version)?;
        if place.exists() {
            return Err(Error::Settings(format!("model `{name}` version `{version}` exists")));
        }
        let manifest = described(files, manifest)?;
        let shelf = self.folder.join(name);
        std::fs::create_dir_all(&shelf).map_err(Error::io(&shelf))?;
        sweep(&shelf)?;
        let unfinished = shelf.join(format!("{UNFINISHED}{version}"));
        std::fs::create_dir(&unfinished).map_err(Error::io(&unfinished))?;
        for (file, bytes) in files {
            write_file(&unfinished.join(file), bytes)?;
        }
        write_file(&unfinished.join(MANIFEST), &serde_json::to_vec_pretty(&manifest)?)?;
        sync(&unfinished)?;
        std::fs::rename(&unfinished, &place).map_err(Error::io(&place))?;
        sync(&shelf)?;
        sync(&self.folder)
    }

    /// Returns the bytes of one data file.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::Settings`] when the manifest does not name it
    /// or it is not as it was written.
    pub fn read(&self, name: &str, version: i64, file: &str) -> Result<Vec<u8>> {
        let manifest = self.manifest(name, version)?;
        let path = self.place(name, version)?.join(file);
        let Some(about) = manifest["files"].get(file) else {
            let what = format!("model `{name}` version `{version}` has no file `{file}`");
            return Err(Error::Settings(what));
        };
        let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
        if *about != description(&bytes) {
            return Err(Error::Settings(format!(
                "`{}` is damaged: it is not as it was written\nhint: `shopwise models rollback \
                 {name}` returns to the version before, `shopwise run` makes a new one",
                path.display()
            )));
        }
        Ok(bytes)
    }

    /// Returns the manifest of a version.
    ///
    /// # Errors
    /// [`Error::Io`] when there is none, [`Error::Settings`] when another version of the program
    /// laid it out.
    pub fn manifest(&self, name: &str, version: i64) -> Result<Value> {
        let path = self.place(name, version)?.join(MANIFEST);
        let text = std::fs::read(&path).map_err(Error::io(&path))?;
        let manifest: Value = serde_json::from_slice(&text)?;
        match manifest["layout"].as_u64() {
            Some(LAYOUT) => Ok(manifest),
            _ => Err(Error::Settings(format!(
                "model `{name}` version `{version}` has layout `{}`, this program reads `{LAYOUT}`\
                 \nhint: `shopwise run` makes the model again",
                manifest["layout"]
            ))),
        }
    }

    /// Returns the whole versions of a model, ascending; none when it was never written.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be read.
    pub fn versions(&self, name: &str) -> Result<Vec<i64>> {
        check(name)?;
        let shelf = self.folder.join(name);
        if !shelf.is_dir() {
            return Ok(Vec::new());
        }
        let mut versions = Vec::new();
        for entry in std::fs::read_dir(&shelf).map_err(Error::io(&shelf))? {
            let entry = entry.map_err(Error::io(&shelf))?;
            versions.extend(entry.file_name().to_str().and_then(|name| name.parse::<i64>().ok()));
        }
        versions.sort_unstable();
        Ok(versions)
    }

    fn place(&self, name: &str, version: i64) -> Result<PathBuf> {
        check(name)?;
        Ok(self.folder.join(name).join(version.to_string()))
    }
}

/// Returns the manifest with what is known of the files.
fn described(files: &[(&str, &[u8])], manifest: &Value) -> Result<Value> {
    let mut manifest = manifest.clone();
    let Some(fields) = manifest.as_object_mut() else {
        return Err(Error::Settings(format!("a manifest must be an object, got `{manifest}`")));
    };
    let mut about = serde_json::Map::new();
    for (file, bytes) in files {
        check(file)?;
        if *file == MANIFEST || about.insert((*file).to_owned(), description(bytes)).is_some() {
            return Err(Error::Settings(format!("a model has one file `{file}` only")));
        }
    }
    fields.insert("layout".to_owned(), json!(LAYOUT));
    fields.insert("files".to_owned(), Value::Object(about));
    Ok(manifest)
}

fn description(bytes: &[u8]) -> Value {
    json!({ "bytes": bytes.len(), "sha256": hexadecimal(&Sha256::digest(bytes)) })
}

/// Refuses names that would leave the shelf or hide on it.
fn check(name: &str) -> Result<()> {
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
    };
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(plain) {
        let allowed = "small letters, digits, `-`, `_` and `.`";
        return Err(Error::Settings(format!(
            "a model's name must be made of {allowed}, got `{name}`"
        )));
    }
    Ok(())
}

/// Removes what interrupted writers left.
fn sweep(shelf: &Path) -> Result<()> {
    for entry in std::fs::read_dir(shelf).map_err(Error::io(shelf))? {
        let entry = entry.map_err(Error::io(shelf))?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            std::fs::remove_dir_all(entry.path()).map_err(Error::io(entry.path()))?;
        }
    }
    Ok(())
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create_new(path).map_err(Error::io(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::io(path))
}

/// Forces a folder's list of names to disk.
fn sync(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf() -> (tempfile::TempDir, Shelf) {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(&folder.path().join("models")).unwrap();
        (folder, shelf)
    }

    #[test]
    fn a_version_reads_back_as_it_was_written() {
        let (_folder, shelf) = shelf();
        shelf.write("popular", 1, &[("a.bin", &[1, 2, 3]), ("b.bin", &[])], &json!({})).unwrap();
        shelf.write("popular", 2, &[("a.bin", &[4])], &json!({ "format": 7 })).unwrap();
        assert_eq!(shelf.read("popular", 1, "a.bin").unwrap(), [1, 2, 3]);
        assert_eq!(shelf.read("popular", 1, "b.bin").unwrap(), [0_u8; 0]);
        assert_eq!(shelf.read("popular", 2, "a.bin").unwrap(), [4]);
        assert_eq!(shelf.manifest("popular", 2).unwrap()["format"], 7);
        assert_eq!(shelf.versions("popular").unwrap(), [1, 2]);
        assert_eq!(shelf.versions("other").unwrap(), [0_i64; 0]);
        let error = shelf.write("popular", 2, &[], &json!({})).unwrap_err();
        assert_eq!(error.to_string(), "settings: model `popular` version `2` exists");
    }

    #[test]
    fn a_half_written_version_is_invisible_and_swept() {
        let (folder, shelf) = shelf();
        let left = folder.path().join("models/popular/.unfinished-1");
        std::fs::create_dir_all(&left).unwrap();
        std::fs::write(left.join("a.bin"), [9]).unwrap();
        assert_eq!(shelf.versions("popular").unwrap(), [0_i64; 0]);
        assert!(shelf.manifest("popular", 1).is_err());
        assert!(shelf.read("popular", 1, "a.bin").is_err());
        shelf.write("popular", 1, &[("a.bin", &[1])], &json!({})).unwrap();
        assert!(!left.exists());
        assert_eq!(shelf.read("popular", 1, "a.bin").unwrap(), [1]);
    }

    #[test]
    fn damage_and_foreign_layouts_are_refused_with_a_hint() {
        let (folder, shelf) = shelf();
        shelf.write("popular", 1, &[("a.bin", &[1, 2, 3])], &json!({})).unwrap();
        let place = folder.path().join("models/popular/1");
        std::fs::write(place.join("a.bin"), [1, 2, 4]).unwrap();
        let error = shelf.read("popular", 1, "a.bin").unwrap_err().to_string();
        assert!(error.contains("damaged") && error.contains("hint:"), "{error}");
        std::fs::write(place.join(MANIFEST), r#"{ "layout": 99 }"#).unwrap();
        let error = shelf.manifest("popular", 1).unwrap_err().to_string();
        assert!(error.contains("layout `99`") && error.contains("hint:"), "{error}");
    }

    #[test]
    fn names_that_leave_the_shelf_are_refused() {
        let (_folder, shelf) = shelf();
        for name in ["", "..", ".hidden", "a/b", "A", "a b"] {
            assert!(shelf.write(name, 1, &[], &json!({})).is_err(), "{name}");
            assert!(shelf.write("good", 1, &[(name, &[])], &json!({})).is_err(), "{name}");
            assert!(shelf.versions(name).is_err(), "{name}");
        }
        assert!(shelf.write("good", 1, &[(MANIFEST, &[])], &json!({})).is_err());
        assert!(shelf.write("good", 1, &[("a", &[]), ("a", &[])], &json!({})).is_err());
        assert!(shelf.write("good", 1, &[], &json!(3)).is_err());
        assert_eq!(shelf.versions("good").unwrap(), [0_i64; 0]);
    }
}
