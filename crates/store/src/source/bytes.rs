//! The bytes of a text file, decompressed, in one buffer of fixed size.
//!
//! Tells gzip and zstd by their first bytes, skips a byte order mark, and refuses what is no text.
//! A compressed file that breaks off is no error here: its bytes end, and [`ByteStream::broken`]
//! says so.

use std::fs::File;
use std::io::{BufRead, ErrorKind, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// Bytes read at once: large enough that the calls cost nothing, small enough for the cache.
const CHUNK: usize = 256 * 1024;

/// How many first bytes decide whether a file is text.
const PROBE: usize = 8 * 1024;

/// A file's bytes after decompression.
pub(super) struct ByteStream {
    path: PathBuf,
    input: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    broken: Option<String>,
}

impl std::fmt::Debug for ByteStream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ByteStream").field("path", &self.path).finish_non_exhaustive()
    }
}

impl ByteStream {
    /// Opens a file of text and looks at its first bytes.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut stream = Self::open_binary(path)?;
        stream.refuse_what_is_no_text()?;
        Ok(stream)
    }

    /// Opens a file of whatever bytes.
    pub(super) fn open_binary(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(Error::io(path))?;
        let mut magic = Vec::with_capacity(4);
        file.by_ref().take(4).read_to_end(&mut magic).map_err(Error::io(path))?;
        let whole = std::io::Cursor::new(magic.clone()).chain(file);
        let input: Box<dyn Read + Send> = match magic[..] {
            [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(whole)),
            [0x28, 0xb5, 0x2f, 0xfd] => {
                Box::new(zstd::stream::read::Decoder::new(whole).map_err(Error::io(path))?)
            }
            _ => Box::new(whole),
        };
        let (buffer, broken) = (vec![0; CHUNK], None);
        Ok(Self { path: path.to_owned(), input, buffer, start: 0, end: 0, ended: false, broken })
    }

    fn refuse_what_is_no_text(&mut self) -> Result<()> {
        while self.end < PROBE && !self.ended {
            self.read_more()?;
        }
        let head = &self.buffer[..self.end.min(PROBE)];
        let message = match head {
            [] if self.broken.is_some() => "the compressed file holds no readable byte",
            [] => "the file is empty",
            [b'P', b'A', b'R', b'1', ..] => {
                "this is a Parquet file, not text\nhint: give it the name `….parquet`"
            }
            [b'P', b'K', 3, 4, ..] => {
                "this is a zip or Excel file, not text\nhint: unpack it, or save the sheet as CSV"
            }
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                "this is UTF-16 text\nhint: convert it: iconv -f UTF-16 -t UTF-8 in.csv > out.csv"
            }
            _ if head.contains(&0) => {
                "this is a binary file, not text\nhint: CSV, TSV or JSON lines in UTF-8 are read, \
                 plain or compressed by gzip or zstd"
            }
            _ => {
                self.start = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
                return Ok(());
            }
        };
        Err(self.refusal(message))
    }

    /// Returns an error about the whole file.
    pub(super) fn refusal(&self, message: &str) -> Error {
        let file = self.path.display().to_string();
        Error::Input { file, line: 0, message: message.to_owned() }
    }

    /// Appends to the buffer, which has room, or notes the end.
    fn read_more(&mut self) -> Result<()> {
        match self.input.read(&mut self.buffer[self.end..]) {
            Ok(0) => self.ended = true,
            Ok(count) => self.end += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.raw_os_error().is_none() => {
                // Not the system but the decoder complains: what came before is good.
                self.broken = Some(format!("the compressed file ends in the middle: {error}"));
                self.ended = true;
            }
            Err(error) => return Err(Error::io(&self.path)(error)),
        }
        Ok(())
    }

    /// Returns bytes not yet consumed, empty only at the end.
    pub(super) fn chunk(&mut self) -> Result<&[u8]> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            while self.end == 0 && !self.ended {
                self.read_more()?;
            }
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// Takes `count` bytes of the last [`ByteStream::chunk`] away.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Consumes up to and with the next line feed, in bounded memory. Returns the bytes consumed.
    pub(super) fn skip_line(&mut self) -> Result<u64> {
        let mut skipped = 0;
        loop {
            let mut rest = self.chunk()?;
            if rest.is_empty() {
                return Ok(skipped);
            }
            let before = rest.len();
            let found = rest.skip_until(b'\n').map_or(before, |count| count);
            let ends = self.buffer[self.start + found - 1] == b'\n';
            self.consume(found);
            skipped += found as u64;
            if ends {
                return Ok(skipped);
            }
        }
    }

    /// Returns why the bytes ended too early, once they have.
    pub(super) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Returns the first line (without consuming it) as far as the probe reaches.
    pub(super) fn first_line(&self) -> &[u8] {
        let head = &self.buffer[self.start..self.end.min(PROBE).max(self.start)];
        let begin = head.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let line = &head[begin..];
        let length = line.iter().take_while(|byte| !matches!(byte, b'\r' | b'\n')).count();
        &line[..length]
    }
}

/// Returns the SHA-256 of a file's stored bytes as 64 hexadecimal digits.
///
/// # Errors
/// When the file cannot be read.
pub fn digest(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        match file.read(&mut buffer).map_err(Error::io(path))? {
            0 => return Ok(crate::vault::hexadecimal(&hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}
