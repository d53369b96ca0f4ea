//! Lines of text: JSON lines, and files whose separator is longer than one byte.

use std::io::BufRead;
use std::path::Path;

use super::batch::{BadRow, LINE_BYTES_MAX, RawBatch};
use super::bytes::ByteStream;
use crate::Result;

/// What [`LineReader::next`] found.
pub(super) enum Found {
    /// A line stands in the buffer.
    Line(u64),
    /// A line that is bad as a whole.
    Bad(BadRow),
    /// No line is left.
    End,
}

/// Cuts a stream of bytes into lines.
#[derive(Debug)]
pub(super) struct LineReader {
    stream: ByteStream,
    line: u64,
    told: bool,
}

impl LineReader {
    pub(super) fn new(stream: ByteStream) -> Self {
        Self { stream, line: 0, told: false }
    }

    /// Reads the next line that is not empty into `text`, without its end.
    pub(super) fn next(&mut self, text: &mut Vec<u8>) -> Result<Found> {
        loop {
            text.clear();
            let ended = self.read_line(text)?;
            if text.is_empty() && !ended {
                return Ok(self.after_the_end());
            }
            self.line += 1;
            if !ended && let Some(reason) = self.stream.broken() {
                self.told = true;
                return Ok(Found::Bad(BadRow::new(self.line, "", text, reason)));
            }
            if text.len() > LINE_BYTES_MAX {
                let reason = format!("a line longer than {LINE_BYTES_MAX} bytes");
                return Ok(Found::Bad(BadRow::new(self.line, "", text, reason)));
            }
            if !text.is_empty() {
                return Ok(Found::Line(self.line));
            }
        }
    }

    /// Reads one line; of a line that is too long only the beginning. Returns whether a line feed
    /// ended it.
    fn read_line(&mut self, text: &mut Vec<u8>) -> Result<bool> {
        loop {
            let mut rest = self.stream.chunk()?;
            if rest.is_empty() {
                return Ok(false);
            }
            let before = rest.len();
            let found = rest.read_until(b'\n', text).map_or(before, |count| count);
            self.stream.consume(found);
            if text.last() == Some(&b'\n') {
                text.pop();
                if text.last() == Some(&b'\r') {
                    text.pop();
                }
                return Ok(true);
            }
            if text.len() > LINE_BYTES_MAX + 1 {
                self.stream.skip_line()?;
                return Ok(true);
            }
        }
    }

    fn after_the_end(&mut self) -> Found {
        match self.stream.broken() {
            Some(reason) if !self.told => {
                self.told = true;
                Found::Bad(BadRow::new(self.line + 1, "", b"", reason))
            }
            _ => Found::End,
        }
    }
}

/// A file of lines, read in batches of one column.
#[derive(Debug)]
pub struct Lines {
    reader: LineReader,
    names: [String; 1],
    text: Vec<u8>,
}

/// Opens a file of lines, plain or compressed. Empty lines are skipped.
///
/// # Errors
/// When the file cannot be read, is empty or is no text.
pub fn open_lines(path: &Path) -> Result<Lines> {
    let reader = LineReader::new(ByteStream::open(path)?);
    Ok(Lines { reader, names: [String::new()], text: Vec::new() })
}

impl Lines {
    /// Returns the next lines with their numbers, `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_batch(&mut self) -> Result<Option<RawBatch>> {
        let mut batch = RawBatch::new(1);
        while !batch.is_full() {
            match self.reader.next(&mut self.text)? {
                Found::Line(line) => {
                    batch.push(line, &self.text, &[self.text.len()], &self.names);
                }
                Found::Bad(bad) => batch.bad.push(bad),
                Found::End => break,
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }
}
