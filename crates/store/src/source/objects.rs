//! JSON lines as rows: each line one flat object, its keys the columns.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::batch::{BadRow, RawBatch};
use super::lines::{Lines, open_lines};
use crate::{Error, Result};

/// The most different keys of a file; the same as fields of a record.
const KEYS_MAX: usize = 4096;

/// A file of JSON objects, being read.
#[derive(Debug)]
pub struct Objects {
    lines: Lines,
    header: Vec<String>,
    places: BTreeMap<String, usize>,
}

/// Opens a file of JSON lines. It is read once to learn all keys: an object may lack some.
///
/// # Errors
/// When the file cannot be read, is empty, is no text, or holds no object.
pub fn open_objects(path: &Path) -> Result<Objects> {
    let wrong = |message: &str| {
        let path = PathBuf::from(path);
        Error::Input { file: path.display().to_string(), line: 0, message: message.to_owned() }
    };
    let mut objects =
        Objects { lines: open_lines(path)?, header: Vec::new(), places: BTreeMap::new() };
    while let Some(batch) = objects.lines.next_batch()? {
        for row in 0..batch.rows() {
            let Ok(object) = serde_json::from_str::<Map<String, Value>>(batch.text(row, 0)) else {
                continue;
            };
            for key in object.into_iter().map(|(key, _)| key) {
                if !objects.places.contains_key(&key) {
                    objects.places.insert(key.clone(), objects.header.len());
                    objects.header.push(key);
                }
            }
            if objects.header.len() > KEYS_MAX {
                return Err(wrong("more than 4096 different keys"));
            }
        }
    }
    if objects.header.is_empty() {
        return Err(wrong("no line is a JSON object\nhint: one object a line, like {\"id\": 1}"));
    }
    objects.lines = open_lines(path)?;
    Ok(objects)
}

impl Objects {
    /// Returns the names of the columns: every key, in order of first appearance.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Returns the next rows, `None` at the end. Missing keys and null are empty, numbers and truth
    /// values are as JSON writes them, lists of values are joined by `|`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_batch(&mut self) -> Result<Option<RawBatch>> {
        let Some(lines) = self.lines.next_batch()? else { return Ok(None) };
        let mut batch = RawBatch::new(self.header.len());
        batch.bad.clone_from(&lines.bad);
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for row in 0..lines.rows() {
            let (line, text) = (lines.line(row), lines.text(row, 0));
            let mut object = match serde_json::from_str::<Map<String, Value>>(text) {
                Ok(object) => object,
                Err(error) => {
                    batch.bad.push(BadRow::new(line, "", text.as_bytes(), refusal(&error)));
                    continue;
                }
            };
            bytes.clear();
            ends.clear();
            for key in &self.header {
                write(object.remove(key).unwrap_or_default(), &mut bytes);
                ends.push(bytes.len());
            }
            batch.push(line, &bytes, &ends, &self.header);
        }
        Ok(Some(batch))
    }
}

/// Returns why a text is not taken as JSON, in words without place or value.
fn refusal(error: &serde_json::Error) -> &'static str {
    if error.is_data() { "not a JSON object" } else { "not JSON" }
}

fn write(value: Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::String(text) => bytes.extend_from_slice(text.as_bytes()),
        Value::Array(values) => {
            for (at, value) in values.into_iter().enumerate() {
                if at > 0 {
                    bytes.push(b'|');
                }
                write(value, bytes);
            }
        }
        other => bytes.extend_from_slice(other.to_string().as_bytes()),
    }
}
