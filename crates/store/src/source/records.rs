//! Records of separated fields: cuts bytes into fields by the rules of RFC 4180, or at a separator
//! of several bytes without quotes.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::batch::{BadRow, LINE_BYTES_MAX};
use super::bytes::ByteStream;
use super::lines::{Found, LineReader};
use super::{OpenOptions, Separator};
use crate::Result;

/// The most fields of a record: wider ones are bad rows.
const FIELDS_MAX: usize = 4096;

/// One record: its fields joined, and where each ends.
#[derive(Debug, Default)]
pub(super) struct Record {
    buffer: Vec<u8>,
    used: usize,
    ends: Vec<usize>,
    fields: usize,
}

impl Record {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.used]
    }

    pub(super) fn ends(&self) -> &[usize] {
        &self.ends[..self.fields]
    }

    /// Adds a field; false when there are too many.
    fn add(&mut self, field: &[u8]) -> bool {
        if self.fields == FIELDS_MAX {
            return false;
        }
        if self.fields == self.ends.len() {
            self.ends.resize(2 * self.fields, 0);
        }
        let end = self.used + field.len();
        if end > self.buffer.len() {
            self.buffer.resize(2 * end, 0);
        }
        self.buffer[self.used..end].copy_from_slice(field);
        self.ends[self.fields] = end;
        self.used = end;
        self.fields += 1;
        true
    }

    /// Reads every byte above 127 as the character of that number.
    pub(super) fn latin1_to_utf8(&mut self) {
        if self.bytes().is_ascii() {
            return;
        }
        let mut text = String::with_capacity(2 * self.used);
        let mut start = 0;
        for end in &mut self.ends[..self.fields] {
            text.extend(self.buffer[start..*end].iter().map(|byte| char::from(*byte)));
            start = *end;
            *end = text.len();
        }
        self.used = text.len();
        self.buffer = text.into_bytes();
    }
}

/// Cuts a stream of bytes into records.
#[derive(Debug)]
pub(super) enum Records {
    /// A separator of one byte, with quotes.
    Quoted(Box<Quoted>),
    /// A separator of several bytes.
    Split {
        /// The lines that are split.
        lines: LineReader,
        /// The separator.
        by: &'static [u8],
    },
}

impl Records {
    pub(super) fn new(stream: ByteStream, separator: Separator, options: &OpenOptions) -> Self {
        match separator {
            Separator::DoubleColon => Self::Split { lines: LineReader::new(stream), by: b"::" },
            Separator::Byte(byte) => {
                let parser = ReaderBuilder::new().delimiter(byte).quoting(options.quotes).build();
                let special = Special::new(byte, options.quotes);
                Self::Quoted(Box::new(Quoted { stream, parser, special, line: 1, told: false }))
            }
        }
    }

    /// Reads the next record that is not an empty line.
    pub(super) fn next(&mut self, record: &mut Record) -> Result<Found> {
        match self {
            Self::Quoted(quoted) => quoted.next(record),
            Self::Split { lines, by } => {
                let found = lines.next(&mut record.buffer)?;
                split(record, by);
                Ok(found)
            }
        }
    }
}

/// Removes the separators from the line in the record's buffer and notes where fields end.
fn split(record: &mut Record, by: &[u8]) {
    record.ends.clear();
    let (mut from, mut to) = (0, 0);
    while from < record.buffer.len() {
        if record.buffer[from..].starts_with(by) {
            record.ends.push(to);
            from += by.len();
        } else {
            record.buffer[to] = record.buffer[from];
            (from, to) = (from + 1, to + 1);
        }
    }
    record.ends.push(to);
    record.used = to;
    record.fields = record.ends.len();
}

/// Reads quoted records.
#[derive(Debug)]
pub(super) struct Quoted {
    stream: ByteStream,
    parser: Reader,
    special: Special,
    line: u64,
    told: bool,
}

impl Quoted {
    fn next(&mut self, record: &mut Record) -> Result<Found> {
        self.skip_line_ends()?;
        let start = self.line;
        self.parser.set_line(start);
        (record.used, record.fields) = (0, 0);
        if record.buffer.is_empty() {
            record.buffer.resize(4096, 0);
            record.ends.resize(64, 0);
        }
        if self.special.cut_line(&mut self.stream, record)? {
            self.line += 1;
            return Ok(Found::Line(start));
        }
        (record.used, record.fields) = (0, 0);
        loop {
            let chunk = self.stream.chunk()?;
            let at_end = chunk.is_empty();
            let room = &mut record.buffer[record.used..];
            let ends = &mut record.ends[record.fields..];
            let (result, read, wrote, ended) = self.parser.read_record(chunk, room, ends);
            self.stream.consume(read);
            record.used += wrote;
            record.fields += ended;
            self.line = self.parser.line();
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    if let Some(reason) = grow(record) {
                        return self.skip_the_rest(start, record, &reason);
                    }
                }
                ReadRecordResult::Record if at_end && self.stream.broken().is_some() => {
                    return Ok(self.end(start, record));
                }
                ReadRecordResult::Record => return Ok(Found::Line(start)),
                ReadRecordResult::End => return Ok(self.end(start, record)),
            }
            if record.used > LINE_BYTES_MAX {
                let reason = too_long();
                return self.skip_the_rest(start, record, &reason);
            }
        }
    }

    /// Consumes the line ends before a record, so that its first line is known.
    fn skip_line_ends(&mut self) -> Result<()> {
        loop {
            let chunk = self.stream.chunk()?;
            match chunk.first() {
                Some(b'\n') => self.line += 1,
                Some(b'\r') => {}
                _ => return Ok(()),
            }
            self.stream.consume(1);
        }
    }

    /// Goes on with the next line of the file: if a quote was never closed, all that followed would
    /// otherwise belong to this record.
    fn skip_the_rest(&mut self, start: u64, record: &Record, reason: &str) -> Result<Found> {
        self.stream.skip_line()?;
        self.parser.reset();
        self.line += 1;
        Ok(Found::Bad(BadRow::new(start, "", record.bytes(), reason)))
    }

    fn end(&mut self, line: u64, record: &Record) -> Found {
        match self.stream.broken() {
            Some(reason) if !self.told => {
                self.told = true;
                Found::Bad(BadRow::new(line, "", record.bytes(), reason))
            }
            _ => Found::End,
        }
    }
}

/// The bytes that mean something in a line. A line without quotes, which almost every line is, is
/// cut at the separators alone: without the parser, with the same fields.
struct Special {
    separator: u8,
    is_special: [bool; 256],
}

impl std::fmt::Debug for Special {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Special").field(&char::from(self.separator)).finish()
    }
}

impl Special {
    fn new(separator: u8, quotes: bool) -> Self {
        let mut is_special = [false; 256];
        for byte in [separator, b'\r', b'\n'] {
            is_special[usize::from(byte)] = true;
        }
        is_special[usize::from(b'"')] |= quotes;
        Self { separator, is_special }
    }

    /// Cuts the line that the stream is at, if the buffered bytes hold it whole and it needs no
    /// parser. False leaves the stream where it was.
    fn cut_line(&self, stream: &mut ByteStream, record: &mut Record) -> Result<bool> {
        let chunk = stream.chunk()?;
        let mut start = 0;
        for (at, byte) in chunk.iter().enumerate() {
            if !self.is_special[usize::from(*byte)] {
                continue;
            }
            let is_end = *byte != self.separator;
            let line_end = match (byte, chunk.get(at + 1)) {
                (b'\n', _) => 1,
                (b'\r', Some(b'\n')) => 2,
                _ if is_end => return Ok(false),
                _ => 0,
            };
            if !record.add(&chunk[start..at]) {
                return Ok(false);
            }
            start = at + 1;
            if line_end > 0 {
                stream.consume(at + line_end);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn too_long() -> String {
    format!("a record longer than {LINE_BYTES_MAX} bytes, or a quote that is never closed")
}

/// Makes room for a longer record, or says why there is none.
fn grow(record: &mut Record) -> Option<String> {
    if record.used >= LINE_BYTES_MAX {
        return Some(too_long());
    }
    if record.fields >= FIELDS_MAX {
        return Some(format!("more than {FIELDS_MAX} fields"));
    }
    if record.used == record.buffer.len() {
        record.buffer.resize(2 * record.used, 0);
    }
    if record.fields == record.ends.len() {
        record.ends.resize(2 * record.fields, 0);
    }
    None
}
