//! The disk that loses power (`disk.c`): built when needed, and its durable image beside a shop.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, Result, bail};

const SOURCE: &str = include_str!("disk.c");

/// Builds the disk and returns the library.
pub(super) fn build(folder: &Path) -> Result<PathBuf> {
    let (source, library) = (folder.join("disk.c"), folder.join("disk.so"));
    std::fs::write(&source, SOURCE)?;
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .args([&library, &source])
        .args(["-ldl", "-lpthread"])
        .output()
        .context("cannot start `cc`")?;
    if !output.status.success() {
        bail!("the disk does not build: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(library)
}

/// What the disk holds of a folder if the power is cut now.
pub(super) struct Image {
    folder: PathBuf,
    of: PathBuf,
}

impl Image {
    /// Makes the image of a folder all of which is durable.
    pub(super) fn new(of: &Path) -> Result<Self> {
        let mut name = of.as_os_str().to_owned();
        name.push(".image");
        let image = Self { folder: PathBuf::from(name), of: of.to_owned() };
        image.make()?;
        Ok(image)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn of(&self) -> &Path {
        &self.of
    }

    fn make(&self) -> Result<()> {
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder)?;
        }
        std::fs::create_dir_all(self.folder.join("inodes"))?;
        copy(&self.of, &self.folder.join("tree"), &self.folder.join("inodes"))
    }

    /// Cuts the power: the folder is what was durable.
    pub(super) fn cut(&self) -> Result<()> {
        std::fs::remove_dir_all(&self.of)?;
        std::fs::rename(self.folder.join("tree"), &self.of)?;
        self.make()
    }
}

fn copy(from: &Path, to: &Path, inodes: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            copy(&path, &to.join(entry.file_name()), inodes)?;
        } else if kind.is_file() && !entry.file_name().to_string_lossy().ends_with("-shm") {
            let about = entry.metadata()?;
            let born = about.created()?.duration_since(UNIX_EPOCH)?;
            let (seconds, nanos) = (born.as_secs(), born.subsec_nanos());
            let inode = inodes.join(format!("{:x}-{seconds}.{nanos:09}", about.ino()));
            if !inode.exists() {
                std::io::copy(&mut File::open(&path)?, &mut File::create(&inode)?)?;
            }
            std::fs::hard_link(&inode, to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Copies a folder with all it holds.
pub(super) fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
