//! Refused rows: kept with their place and reason, whatever their number.

use std::collections::BTreeMap;
use std::sync::Arc;

use shopwise_model::frame::{Column, Frame, Texts};
use shopwise_model::tables::REFUSED;
use shopwise_store::Lake;
use shopwise_store::lake::Append;

use crate::error::Result;

/// Characters of a refused value that are kept.
const VALUE_CHARACTERS: usize = 200;

/// Rows after which those in memory are written: a file of nothing but bad rows must not fill it.
const ROWS_BUFFERED: usize = 65_536;

/// Different reasons that are counted apart; the reader's own carry numbers.
const REASONS_MAX: usize = 1_000;

/// A refused row with its place.
pub(super) struct Row {
    file: Arc<str>,
    line: i64,
    field: String,
    value: String,
    reason: String,
}

/// The rows that one import refuses.
pub(super) struct Refused<'a> {
    lake: &'a Lake,
    now: i64,
    file: Arc<str>,
    rows: Vec<Row>,
    append: Option<Append>,
    counts: BTreeMap<String, u64>,
}

impl<'a> Refused<'a> {
    pub(super) fn new(lake: &'a Lake, now: i64) -> Self {
        let (rows, counts) = (Vec::new(), BTreeMap::new());
        Self { lake, now, file: Arc::default(), rows, append: None, counts }
    }

    pub(super) fn begin_file(&mut self, file: &str) {
        if *self.file != *file {
            self.file = Arc::from(file);
        }
    }

    pub(super) fn add(&mut self, line: u64, field: &str, value: &[u8], reason: &str) {
        let is_known = self.counts.len() < REASONS_MAX || self.counts.contains_key(reason);
        let reason_counted = if is_known { reason } else { "for other reasons" };
        match self.counts.get_mut(reason_counted) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(reason_counted.to_owned(), 1);
            }
        }
        // A character has at most 4 bytes, so these bytes hold all that is kept.
        let head = &value[..value.len().min(4 * VALUE_CHARACTERS)];
        self.rows.push(Row {
            file: Arc::clone(&self.file),
            line: i64::try_from(line).unwrap_or(i64::MAX),
            field: field.to_owned(),
            value: String::from_utf8_lossy(head).chars().take(VALUE_CHARACTERS).collect(),
            reason: reason.to_owned(),
        });
    }

    /// Returns the rows that are not written yet, which leave.
    pub(super) fn take(&mut self) -> Vec<Row> {
        std::mem::take(&mut self.rows)
    }

    /// Adds rows that another one has refused.
    pub(super) fn give(&mut self, rows: Vec<Row>) {
        self.rows.extend(rows);
    }

    /// Writes the rows when they are many; they become visible with [`Refused::commit`].
    pub(super) fn flush(&mut self) -> Result<()> {
        if self.rows.len() >= ROWS_BUFFERED { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let text = |of: fn(&Row) -> &str| Column::Text(rows.iter().map(of).collect::<Texts>());
        let frame = Frame::default()
            .with("file", text(|row| &row.file))
            .with("line", Column::Int(rows.iter().map(|row| row.line).collect()))
            .with("field", text(|row| &row.field))
            .with("value", text(|row| &row.value))
            .with("reason", text(|row| &row.reason))
            .with("refused_at", Column::Time(vec![self.now; rows.len()]));
        let append = match &mut self.append {
            Some(append) => append,
            None => self.append.insert(self.lake.append(&REFUSED)?),
        };
        Ok(append.write(&frame)?)
    }

    /// Makes the rows visible.
    pub(super) fn commit(&mut self) -> Result<()> {
        self.write()?;
        if let Some(append) = self.append.take() {
            append.commit(None)?;
        }
        Ok(())
    }

    /// Returns how many rows there are for each reason.
    pub(super) fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }
}
