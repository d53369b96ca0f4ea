//! A file that gets its name when its bytes are durable.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Result, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a new name may meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Nothing: it fails where the name is taken.
    New,
    /// Another file, whose place it takes.
    InPlace,
}

/// A file on its way; gone when dropped.
#[derive(Debug)]
pub(super) struct Staged {
    file: Arc<File>,
    staged: PathBuf,
    path: PathBuf,
}

impl Staged {
    /// Begins the file of this path, in its folder, which is made if it is missing.
    pub(super) fn begin(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        let mut number = 1;
        loop {
            // The library takes no name that ends so for an object.
            let mut staged = path.as_os_str().to_owned();
            staged.push(format!("#{number}"));
            let staged = PathBuf::from(staged);
            match OpenOptions::new().read(true).write(true).create_new(true).open(&staged) {
                Ok(file) => {
                    return Ok(Self { file: Arc::new(file), staged, path: path.to_owned() });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.as_ref().write_all(bytes)
    }

    /// Returns the file, to be written to.
    pub(super) fn shared(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Makes the bytes durable and then gives them their name, which is durable when the folder is.
    pub(super) fn publish(self, how: How) -> Result<PathBuf> {
        self.file.sync_all()?;
        match how {
            How::New => std::fs::hard_link(&self.staged, &self.path)?,
            How::InPlace => std::fs::rename(&self.staged, &self.path)?,
        }
        Ok(self.path.clone())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Not there any more where it took another file's place.
        drop(std::fs::remove_file(&self.staged));
    }
}

/// Makes a folder and those above it, and their names durable.
pub(in crate::lake) fn make_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above {
        make_folder(above)?;
    }
    match std::fs::create_dir(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_folder(above.unwrap_or(Path::new(".")))
}

/// Makes the names in a folder durable.
pub(in crate::lake) fn sync_folder(path: &Path) -> Result<()> {
    File::open(path)?.sync_all()
}
