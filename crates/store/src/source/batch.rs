//! A batch of rows as text: one buffer of bytes and the place of each field in it.

/// Rows in a full batch, bad ones counted.
pub const BATCH_ROWS: usize = 64 * 1024;

/// Bytes after which a batch is full: offsets fit into 32 bits, and memory stays bounded.
pub const BATCH_BYTES: usize = 32 << 20;

/// The longest line or record. What is longer is a bad row: no shop writes such rows, and a file
/// without line ends must not fill the memory.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// The reason of a row whose text is not UTF-8.
pub const NOT_UTF8: &str = "not valid UTF-8";

/// Characters kept of a bad row.
const VALUE_CHARS_MAX: usize = 200;

/// A row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// The column that is wrong; empty when it is the whole row.
    pub field: String,
    /// The beginning of what stood there, at most 200 characters.
    pub value: String,
    /// What is wrong.
    pub reason: String,
}

impl BadRow {
    pub(crate) fn new(line: u64, field: &str, value: &[u8], reason: impl Into<String>) -> Self {
        // A character has at most 4 bytes, so these bytes hold all that is kept.
        let head = &value[..value.len().min(4 * VALUE_CHARS_MAX)];
        let value = String::from_utf8_lossy(head).chars().take(VALUE_CHARS_MAX).collect();
        Self { line, field: field.to_owned(), value, reason: reason.into() }
    }
}

/// Rows of equally many fields, each valid UTF-8 without NUL.
#[derive(Debug, Clone, Default)]
pub struct RawBatch {
    columns: usize,
    bytes: Vec<u8>,
    /// Row-major; field `i` is `bytes[ends[i]..ends[i + 1]]`.
    ends: Vec<u32>,
    lines: Vec<u64>,
    /// The rows that could not be read.
    pub bad: Vec<BadRow>,
}

impl RawBatch {
    pub(crate) fn new(columns: usize) -> Self {
        Self { columns, ends: vec![0], ..Self::default() }
    }

    /// Returns a batch of one column, whose rows are these texts with their numbers.
    #[must_use]
    pub fn of_texts(texts: &[(u64, String)], bad: Vec<BadRow>) -> Self {
        let mut batch = Self { bad, ..Self::new(1) };
        for (line, text) in texts {
            batch.push(*line, text.as_bytes(), &[text.len()], &[String::new()]);
        }
        batch
    }

    /// Returns the number of good rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    /// Returns the number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Returns the line on which the row begins, from 1.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn line(&self, row: usize) -> u64 {
        self.lines[row]
    }

    /// Returns the lines of all rows.
    #[must_use]
    pub fn lines(&self) -> &[u64] {
        &self.lines
    }

    /// Returns a field's bytes: valid UTF-8.
    ///
    /// # Panics
    /// When there is no such row or column.
    #[must_use]
    #[inline]
    pub fn field(&self, row: usize, column: usize) -> &[u8] {
        debug_assert!(column < self.columns);
        let at = row * self.columns + column;
        &self.bytes[self.ends[at] as usize..self.ends[at + 1] as usize]
    }

    /// Returns a field as text.
    ///
    /// # Panics
    /// When there is no such row or column.
    #[must_use]
    pub fn text(&self, row: usize, column: usize) -> &str {
        std::str::from_utf8(self.field(row, column)).expect("rows were checked when they were read")
    }

    /// Returns all fields of the row joined without a separator: together with the fields' lengths
    /// it is the row's content.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn row_bytes(&self, row: usize) -> &[u8] {
        let (first, last) = (row * self.columns, (row + 1) * self.columns);
        &self.bytes[self.ends[first] as usize..self.ends[last] as usize]
    }

    pub(crate) fn is_full(&self) -> bool {
        self.lines.len() + self.bad.len() >= BATCH_ROWS || self.bytes.len() >= BATCH_BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.bad.is_empty()
    }

    /// Adds a row whose fields stand joined in `bytes` and end at `ends`, or a bad row.
    pub(crate) fn push(&mut self, line: u64, bytes: &[u8], ends: &[usize], names: &[String]) {
        if let Some(bad) = fault(line, bytes, ends, names) {
            self.bad.push(bad);
            return;
        }
        let base = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.ends.extend(ends.iter().map(|end| (base + end) as u32));
        self.lines.push(line);
    }
}

/// Returns what is wrong with a record.
fn fault(line: u64, bytes: &[u8], ends: &[usize], names: &[String]) -> Option<BadRow> {
    if ends.len() != names.len() {
        let reason = format!("{} fields expected, {} found", names.len(), ends.len());
        return Some(BadRow::new(line, "", &joined(bytes, ends), reason));
    }
    if bytes.is_ascii() && !bytes.contains(&0) {
        return None;
    }
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts.zip(ends).zip(names).find_map(|((start, end), name)| {
        let field = &bytes[start..*end];
        if field.contains(&0) {
            return Some(BadRow::new(line, name, field, "a NUL byte in text"));
        }
        let valid = std::str::from_utf8(field).is_ok();
        (!valid).then(|| BadRow::new(line, name, field, NOT_UTF8))
    })
}

/// Returns the fields with commas between them, for showing.
fn joined(bytes: &[u8], ends: &[usize]) -> Vec<u8> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let fields: Vec<&[u8]> = starts.zip(ends).map(|(start, end)| &bytes[start..*end]).collect();
    fields.join(&b","[..])
}
