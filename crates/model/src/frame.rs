//! A table in memory: named, typed columns of equal length.
//!
//! Missing values are marked inside the columns, so that a kernel sees plain slices: [`NULL_INT`]
//! in integer and time columns, NaN in float columns, [`NULL_CODE`] in text columns.

use std::sync::Arc;

use rustc_hash::FxHashMap;

/// The missing value of integer and time columns.
pub const NULL_INT: i64 = i64::MIN;

/// The missing value among the codes of a text column.
pub const NULL_CODE: u32 = u32::MAX;

/// Why a column could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// There is no column of this name.
    #[error("no column `{name}`; there are: {present}")]
    NoColumn {
        /// The name that was asked for.
        name: String,
        /// The names that exist, joined by commas.
        present: String,
    },
    /// The column holds another kind of values.
    #[error("column `{name}` holds {holds}, not {wanted}")]
    WrongKind {
        /// The name of the column.
        name: String,
        /// The kind it holds.
        holds: &'static str,
        /// The kind that was asked for.
        wanted: &'static str,
    },
    /// Columns of one frame differ in length.
    #[error("column `{name}` has {got} rows, the others have {expected}")]
    Length {
        /// The name of the column.
        name: String,
        /// Rows of the other columns.
        expected: usize,
        /// Rows of this one.
        got: usize,
    },
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 64-bit integers; money in millionths.
    Int,
    /// 64-bit floating point numbers.
    Float,
    /// UTC microseconds since 1970.
    Time,
    /// Truth values, never missing.
    Bool,
    /// Text, each distinct value stored once.
    Text,
    /// 16-byte identifiers, never missing.
    Id,
}

impl Kind {
    /// Returns the name used in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "integers",
            Self::Float => "numbers",
            Self::Time => "times",
            Self::Bool => "truth values",
            Self::Text => "text",
            Self::Id => "identifiers",
        }
    }
}

/// Text values, each distinct one stored once; a row is a code into `values`.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    codes: Vec<u32>,
    values: Vec<Arc<str>>,
    index: FxHashMap<Arc<str>, u32>,
}

impl Texts {
    /// Adds one row.
    pub fn push(&mut self, value: Option<&str>) {
        let code = match (value, self.last()) {
            (None, _) => NULL_CODE,
            // Rows repeat the one before them more often than not; comparing is cheaper.
            (Some(text), Some((code, last))) if text == last => code,
            (Some(text), _) => self.intern(text),
        };
        self.codes.push(code);
    }

    /// Returns the last row with its code, unless it is missing.
    fn last(&self) -> Option<(u32, &str)> {
        let code = *self.codes.last()?;
        Some((code, self.values.get(code as usize)?))
    }

    /// Adds one row by a code that [`Texts::intern`] returned.
    pub fn push_code(&mut self, code: u32) {
        debug_assert!(code == NULL_CODE || (code as usize) < self.values.len());
        self.codes.push(code);
    }

    /// Returns the code of `text`, which is stored if it is new. No row is added.
    ///
    /// # Panics
    /// When there are more than 2³² − 2 distinct values.
    pub fn intern(&mut self, text: &str) -> u32 {
        if let Some(code) = self.index.get(text) {
            return *code;
        }
        let code = u32::try_from(self.values.len()).expect("fewer distinct texts than u32 counts");
        let stored: Arc<str> = Arc::from(text);
        self.values.push(Arc::clone(&stored));
        self.index.insert(stored, code);
        code
    }

    /// Returns the code of `text` if a row or [`Texts::intern`] brought it.
    #[must_use]
    pub fn code_of(&self, text: &str) -> Option<u32> {
        self.index.get(text).copied()
    }

    /// Returns the codes, one a row; [`NULL_CODE`] is a missing value.
    #[must_use]
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// Returns the distinct values in order of first appearance.
    #[must_use]
    pub fn values(&self) -> &[Arc<str>] {
        &self.values
    }

    /// Returns the text of row `row`.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        self.values.get(self.codes[row] as usize).map(AsRef::as_ref)
    }

    /// Returns the rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        self.codes.iter().map(|code| self.values.get(*code as usize).map(AsRef::as_ref))
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Returns whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }
}

impl PartialEq for Texts {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<'a> FromIterator<Option<&'a str>> for Texts {
    fn from_iter<I: IntoIterator<Item = Option<&'a str>>>(rows: I) -> Self {
        let mut texts = Self::default();
        for row in rows {
            texts.push(row);
        }
        texts
    }
}

impl<'a> FromIterator<&'a str> for Texts {
    fn from_iter<I: IntoIterator<Item = &'a str>>(rows: I) -> Self {
        rows.into_iter().map(Some).collect()
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Integers, [`NULL_INT`] where missing.
    Int(Vec<i64>),
    /// Numbers, NaN where missing.
    Float(Vec<f64>),
    /// UTC microseconds, [`NULL_INT`] where missing.
    Time(Vec<i64>),
    /// Truth values.
    Bool(Vec<bool>),
    /// Text.
    Text(Texts),
    /// 16-byte identifiers.
    Id(Vec<[u8; 16]>),
}

impl Column {
    /// Returns an empty column of this kind.
    #[must_use]
    pub fn empty(kind: Kind) -> Self {
        match kind {
            Kind::Int => Self::Int(Vec::new()),
            Kind::Float => Self::Float(Vec::new()),
            Kind::Time => Self::Time(Vec::new()),
            Kind::Bool => Self::Bool(Vec::new()),
            Kind::Text => Self::Text(Texts::default()),
            Kind::Id => Self::Id(Vec::new()),
        }
    }

    /// Returns what the column holds.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Int(_) => Kind::Int,
            Self::Float(_) => Kind::Float,
            Self::Time(_) => Kind::Time,
            Self::Bool(_) => Kind::Bool,
            Self::Text(_) => Kind::Text,
            Self::Id(_) => Kind::Id,
        }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Int(values) | Self::Time(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(texts) => texts.len(),
            Self::Id(values) => values.len(),
        }
    }

    /// Returns whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A table in memory.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame {
    names: Vec<String>,
    columns: Vec<Column>,
}

impl Frame {
    /// Returns the frame with one more column at its end.
    ///
    /// # Panics
    /// When the column's length differs from the others': an error of the calling code.
    #[must_use]
    pub fn with(mut self, name: &str, column: Column) -> Self {
        assert!(
            self.columns.is_empty() || column.len() == self.rows(),
            "column `{name}` has {} rows, the others have {}",
            column.len(),
            self.rows()
        );
        self.names.push(name.to_owned());
        self.columns.push(column);
        self
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Column::len)
    }

    /// Returns the names of the columns in order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the columns in order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns whether there is a column of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }

    /// Returns the column of this name.
    ///
    /// # Errors
    /// [`FrameError::NoColumn`].
    pub fn column(&self, name: &str) -> Result<&Column, FrameError> {
        match self.names.iter().position(|own| own == name) {
            Some(at) => Ok(&self.columns[at]),
            None => {
                Err(FrameError::NoColumn { name: name.to_owned(), present: self.names.join(", ") })
            }
        }
    }

    /// Returns an integer column.
    ///
    /// # Errors
    /// [`FrameError`] when there is none of this name and kind.
    pub fn int(&self, name: &str) -> Result<&[i64], FrameError> {
        match self.column(name)? {
            Column::Int(values) => Ok(values),
            other => Err(wrong_kind(name, other, Kind::Int)),
        }
    }

    /// Returns a column of numbers.
    ///
    /// # Errors
    /// [`FrameError`] when there is none of this name and kind.
    pub fn float(&self, name: &str) -> Result<&[f64], FrameError> {
        match self.column(name)? {
            Column::Float(values) => Ok(values),
            other => Err(wrong_kind(name, other, Kind::Float)),
        }
    }

    /// Returns a column of times.
    ///
    /// # Errors
    /// [`FrameError`] when there is none of this name and kind.
    pub fn time(&self, name: &str) -> Result<&[i64], FrameError> {
        match self.column(name)? {
            Column::Time(values) => Ok(values),
            other => Err(wrong_kind(name, other, Kind::Time)),
        }
    }

    /// Returns a column of truth values.
    ///
    /// # Errors
    /// [`FrameError`] when there is none of this name and kind.
    pub fn bool(&self, name: &str) -> Result<&[bool], FrameError> {
        match self.column(name)? {
            Column::Bool(values) => Ok(values),
            other => Err(wrong_kind(name, other, Kind::Bool)),
        }
    }

    /// Returns a text column.
    ///
    /// # Errors
    /// [`FrameError`] when there is none of this name and kind.
    pub fn text(&self, name: &str) -> Result<&Texts, FrameError> {
        match self.column(name)? {
            Column::Text(texts) => Ok(texts),
            other => Err(wrong_kind(name, other, Kind::Text)),
        }
    }

    /// Returns a column of identifiers.
    ///
    /// # Errors
    /// [`FrameError`] when there is none of this name and kind.
    pub fn id(&self, name: &str) -> Result<&[[u8; 16]], FrameError> {
        match self.column(name)? {
            Column::Id(values) => Ok(values),
            other => Err(wrong_kind(name, other, Kind::Id)),
        }
    }
}

fn wrong_kind(name: &str, column: &Column, wanted: Kind) -> FrameError {
    FrameError::WrongKind {
        name: name.to_owned(),
        holds: column.kind().name(),
        wanted: wanted.name(),
    }
}
