//! A file of lines that grows: what is there, and then what comes.
//!
//! A line is handed out when its end is there. A file that was moved away and made anew (rotated)
//! is read to its end first; one that was cut off begins anew. Files are told apart by device and
//! inode, so that one that was moved away while nobody looked is found beside its place.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::batch::{BadRow, LINE_BYTES_MAX, RawBatch};
use crate::{Error, Result};

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

/// How often a file that was moved away must have had nothing new before it is left: who writes may
/// go on for a moment until he is told.
const QUIET: u32 = 8;

/// How far a file was read: enough to find it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mark {
    /// The device and the inode.
    pub file: (u64, u64),
    /// Bytes of whole lines.
    pub position: u64,
    /// Lines.
    pub line: u64,
}

/// What came.
#[derive(Debug)]
pub enum Grown {
    /// Lines.
    Lines(RawBatch),
    /// Nothing at the moment.
    Nothing,
    /// The lines that follow are of another file, or of the same one from its beginning.
    NewFile,
}

/// A file of lines, being followed.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    file: File,
    mark: Mark,
    /// What was read and is no whole line yet, from `start` on.
    rest: Vec<u8>,
    start: usize,
    /// Within a line that is too long.
    skips: bool,
    /// How often there was nothing since the file was moved away.
    quiet: u32,
    names: [String; 1],
}

impl Tail {
    /// Opens the file at its beginning. If `former` is a mark in a file that was moved away since,
    /// and that file lies beside this one under a name that begins alike, it comes first. Returns
    /// the lines of the first file that were read when the mark was made.
    ///
    /// # Errors
    /// When the file cannot be read, or is compressed.
    pub fn open(path: &Path, former: Option<Mark>) -> Result<(Self, u64)> {
        let mut file = File::open(path).map_err(Error::io(path))?;
        let mut about = file.metadata().map_err(Error::io(path))?;
        if !about.is_file() {
            return Err(refusal(path, "this is no file that can grow"));
        }
        let mut first = Vec::new();
        file.by_ref().take(4).read_to_end(&mut first).map_err(Error::io(path))?;
        if matches!(first[..], [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd]) {
            return Err(refusal(path, "a compressed file cannot be followed"));
        }
        file.seek(SeekFrom::Start(0)).map_err(Error::io(path))?;
        if let Some(former) = former.filter(|former| former.file != name_of(&about))
            && let Some((moved, moved_about)) = find(path, former.file)?
        {
            (file, about) = (moved, moved_about);
        }
        let is_same =
            |former: &Mark| former.file == name_of(&about) && former.position <= about.len();
        let known = former.filter(is_same).map_or(0, |former| former.line);
        let tail = Self {
            path: path.to_owned(),
            file,
            mark: Mark { file: name_of(&about), position: 0, line: 0 },
            rest: Vec::new(),
            start: 0,
            skips: false,
            quiet: 0,
            names: [String::new()],
        };
        Ok((tail, known))
    }

    /// Returns how far the file has been handed out.
    #[must_use]
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// Returns what has come since the last call; never waits.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&mut self) -> Result<Grown> {
        let mut batch = RawBatch::new(1);
        loop {
            self.cut(&mut batch);
            if batch.is_full() || self.read_more()? == 0 {
                break;
            }
        }
        if !batch.is_empty() {
            self.quiet = 0;
            return Ok(Grown::Lines(batch));
        }
        let Some(next) = self.successor()? else { return Ok(Grown::Nothing) };
        if self.start < self.rest.len() {
            // Nothing will end this line any more.
            self.rest.push(b'\n');
            self.cut(&mut batch);
            self.mark.position -= 1;
            if !batch.is_empty() {
                return Ok(Grown::Lines(batch));
            }
        }
        let about = next.metadata().map_err(Error::io(&self.path))?;
        (self.file, self.quiet, self.skips) = (next, 0, false);
        (self.rest, self.start) = (Vec::new(), 0);
        self.mark = Mark { file: name_of(&about), position: 0, line: 0 };
        Ok(Grown::NewFile)
    }

    /// Reads a piece; returns its bytes.
    fn read_more(&mut self) -> Result<usize> {
        self.rest.drain(..self.start);
        self.start = 0;
        let before = self.rest.len();
        self.rest.resize(before + CHUNK, 0);
        let read = match self.file.read(&mut self.rest[before..]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
            read => read.map_err(Error::io(&self.path)),
        };
        self.rest.truncate(before + *read.as_ref().unwrap_or(&0));
        read
    }

    /// Moves whole lines into the batch.
    fn cut(&mut self, batch: &mut RawBatch) {
        while !batch.is_full() {
            let rest = &self.rest[self.start..];
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                if rest.len() > LINE_BYTES_MAX {
                    self.too_long(batch);
                }
                return;
            };
            let text = &rest[..end];
            self.mark.line += 1;
            self.mark.position += end as u64 + 1;
            let mut text = text.strip_suffix(b"\r").unwrap_or(text);
            if self.mark.line == 1 {
                text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
            }
            if std::mem::take(&mut self.skips) {
                // The end of a line that has been told.
            } else if text.len() > LINE_BYTES_MAX {
                let reason = format!("a line longer than {LINE_BYTES_MAX} bytes");
                batch.bad.push(BadRow::new(self.mark.line, "", text, reason));
            } else if !text.is_empty() {
                batch.push(self.mark.line, text, &[text.len()], &self.names);
            }
            self.start += end + 1;
        }
    }

    /// Drops the beginning of a line that is too long; it is told once.
    fn too_long(&mut self, batch: &mut RawBatch) {
        let rest = &self.rest[self.start..];
        if !self.skips {
            let reason = format!("a line longer than {LINE_BYTES_MAX} bytes");
            batch.bad.push(BadRow::new(self.mark.line + 1, "", rest, reason));
        }
        self.skips = true;
        self.mark.position += rest.len() as u64;
        self.start = self.rest.len();
    }

    /// Returns the file that follows this one, when this one has ended.
    fn successor(&mut self) -> Result<Option<File>> {
        let own = self.file.metadata().map_err(Error::io(&self.path))?;
        let read = self.mark.position + (self.rest.len() - self.start) as u64;
        if own.len() < read {
            let again = self.file.try_clone().map_err(Error::io(&self.path))?;
            (&again).seek(SeekFrom::Start(0)).map_err(Error::io(&self.path))?;
            return Ok(Some(again));
        }
        let next = match File::open(&self.path) {
            // Moved away, and not there again yet.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(Error::io(&self.path))?,
        };
        let about = next.metadata().map_err(Error::io(&self.path))?;
        if name_of(&about) == self.mark.file {
            self.quiet = 0;
            return Ok(None);
        }
        self.quiet += 1;
        Ok((self.quiet > QUIET).then_some(next))
    }
}

fn refusal(path: &Path, message: &str) -> Error {
    let hint = "hint: import it without --follow";
    let file = path.display().to_string();
    Error::Input { file, line: 0, message: format!("{message}\n{hint}") }
}

#[cfg(unix)]
fn name_of(about: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (about.dev(), about.ino())
}

/// Elsewhere files are told apart by when they were made.
#[cfg(not(unix))]
fn name_of(about: &Metadata) -> (u64, u64) {
    let made = about.created().ok().and_then(|made| made.elapsed().ok());
    (0, made.map_or(0, |age| age.as_secs()))
}

/// Looks for a file beside `path` whose name begins as that of `path` does without its ending.
fn find(path: &Path, file: (u64, u64)) -> Result<Option<(File, Metadata)>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        let entry = entry.map_err(Error::io(folder))?;
        if !entry.file_name().to_string_lossy().starts_with(&stem) {
            continue;
        }
        // What vanishes meanwhile is not it.
        let Ok(opened) = File::open(entry.path()) else { continue };
        let about = opened.metadata().map_err(Error::io(folder))?;
        if about.is_file() && name_of(&about) == file {
            return Ok(Some((opened, about)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn lines(tail: &mut Tail) -> Vec<String> {
        let mut lines = Vec::new();
        while let Grown::Lines(batch) = tail.read().unwrap() {
            lines.extend((0..batch.rows()).map(|row| batch.text(row, 0).to_owned()));
            lines.extend(batch.bad.iter().map(|bad| format!("bad {}", bad.reason)));
        }
        lines
    }

    /// Looks until there is another file.
    fn turn(tail: &mut Tail) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..=QUIET + 2 {
            match tail.read().unwrap() {
                Grown::NewFile => return all,
                Grown::Nothing => {}
                Grown::Lines(batch) => {
                    all.extend((0..batch.rows()).map(|row| batch.text(row, 0).to_owned()));
                }
            }
        }
        panic!("no other file came: {all:?}");
    }

    fn append(path: &Path, text: &str) {
        let mut file = File::options().append(true).create(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn a_line_comes_when_its_end_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        append(&path, "\u{feff}one\r\n\ntw");
        let (mut tail, known) = Tail::open(&path, None).unwrap();
        assert_eq!((lines(&mut tail), known), (vec!["one".to_owned()], 0));
        append(&path, "o");
        assert!(lines(&mut tail).is_empty());
        append(&path, "\nthree\nf");
        assert_eq!(lines(&mut tail), ["two", "three"]);
        assert_eq!((tail.mark().line, tail.mark().position), (4, 19));
        let long = "x".repeat(3 * LINE_BYTES_MAX);
        append(&path, &format!("{long}\nfour\n"));
        let found = lines(&mut tail);
        assert_eq!(found.len(), 2, "told once");
        assert!(found.contains(&"four".to_owned()));
    }

    #[test]
    fn a_file_that_was_moved_away_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("log.jsonl"), folder.path().join("log.jsonl.1"));
        append(&path, "one\n");
        let (mut tail, _) = Tail::open(&path, None).unwrap();
        assert_eq!(lines(&mut tail), ["one"]);
        std::fs::rename(&path, &moved).unwrap();
        assert!(matches!(tail.read().unwrap(), Grown::Nothing));
        append(&path, "three\n");
        assert!(matches!(tail.read().unwrap(), Grown::Nothing));
        // Who writes has not noticed yet; the last line never ends.
        append(&moved, "two\nhalf");
        assert_eq!(turn(&mut tail), ["two", "half"]);
        assert_eq!(lines(&mut tail), ["three"]);
        assert_eq!(tail.mark().line, 1);
    }

    #[test]
    fn a_file_that_was_cut_off_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        append(&path, "one\ntwo\n");
        let (mut tail, _) = Tail::open(&path, None).unwrap();
        assert_eq!(lines(&mut tail), ["one", "two"]);
        std::fs::write(&path, "three\n").unwrap();
        assert!(matches!(tail.read().unwrap(), Grown::NewFile));
        assert_eq!(lines(&mut tail), ["three"]);
    }

    #[test]
    fn a_file_that_was_moved_away_while_nobody_looked_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        append(&path, "one\n");
        let (mut tail, _) = Tail::open(&path, None).unwrap();
        assert_eq!(lines(&mut tail), ["one"]);
        let mark = tail.mark();
        drop(tail);
        append(&path, "two\n");
        let (mut tail, known) = Tail::open(&path, Some(mark)).unwrap();
        assert_eq!((known, lines(&mut tail)), (1, vec!["one".to_owned(), "two".to_owned()]));
        std::fs::rename(&path, folder.path().join("log-1.jsonl")).unwrap();
        append(&path, "three\n");
        append(&folder.path().join("other"), "no\n");
        let (mut tail, known) = Tail::open(&path, Some(mark)).unwrap();
        assert_eq!(known, 1);
        assert_eq!(turn(&mut tail), ["one", "two"]);
        assert_eq!(lines(&mut tail), ["three"]);
    }

    #[test]
    fn what_cannot_grow_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl.gz");
        std::fs::write(&path, [0x1f, 0x8b, 8, 0]).unwrap();
        let error = Tail::open(&path, None).unwrap_err().to_string();
        assert!(error.contains("compressed") && error.contains("hint:"), "{error}");
        assert!(Tail::open(folder.path(), None).is_err());
        assert!(Tail::open(&folder.path().join("none"), None).is_err());
    }
}
