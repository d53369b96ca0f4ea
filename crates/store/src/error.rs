//! What can go wrong in a store.

use std::path::PathBuf;

/// The result of a store's work.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a store could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("cannot use `{}`", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An input file is not what it should be. Line 0 means the whole file.
    #[error(
        "{message} (file `{file}`{})",
        if *line > 0 { format!(", line {line}") } else { String::new() }
    )]
    Input {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong and what to do.
        message: String,
    },
    /// The operational database refused.
    #[error("ledger: {0}")]
    Ledger(#[from] sqlx::Error),
    /// The operational database holds what it cannot hold; it was made anew from the rest.
    #[error("ledger: {0}; it was made anew\nhint: check the disk, make a backup")]
    Damaged(String),
    /// A database could not be brought to this program's version.
    #[error("database: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The inbox's database refused.
    #[error("inbox: {0}")]
    Inbox(#[source] sqlx::Error),
    /// The disk is full: nothing was written. Temporary.
    #[error("inbox: no space left: {0}\nhint: free space on the disk of the inbox")]
    Full(String),
    /// The database is busy or cannot be reached at the moment: nothing was written, or it is not
    /// known whether it was; sending the same again is safe. Temporary.
    #[error("inbox: not available at the moment: {0}")]
    Unavailable(String),
    /// The inbox cannot vouch any more for what it would write, until it is opened again.
    #[error("inbox: {0}\nhint: check the disk, then start again")]
    Broken(String),
    /// The lake or its query engine refused.
    #[error("lake: {0}")]
    Lake(String),
    /// A query of the lake needs more memory than it may have.
    #[error("lake: {0}\nhint: raise `query_memory_mib` in shopwise.toml")]
    Memory(String),
    /// A stored JSON text could not be read or written.
    #[error("stored JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A column is missing or of another kind.
    #[error(transparent)]
    Frame(#[from] shopwise_model::FrameError),
    /// Somebody else works on the shop.
    #[error(
        "the shop is busy: {holder} has worked on it since {since}\n\
         hint: wait for it with --wait, or try again later"
    )]
    Busy {
        /// Who holds the lease.
        holder: String,
        /// Since when, as text.
        since: String,
    },
    /// Settings that cannot be used.
    #[error("settings: {0}")]
    Settings(String),
}

impl Error {
    /// Tells whether the same may succeed in a moment: a full disk, a busy or absent database.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Unavailable(_))
    }

    /// Returns a function that adds the path to an I/O error.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }
}

impl From<deltalake::DeltaTableError> for Error {
    fn from(error: deltalake::DeltaTableError) -> Self {
        Self::Lake(error.to_string())
    }
}

impl From<datafusion::error::DataFusionError> for Error {
    fn from(error: datafusion::error::DataFusionError) -> Self {
        let is_of_memory =
            matches!(error.find_root(), datafusion::error::DataFusionError::ResourcesExhausted(_));
        let said = error.strip_backtrace();
        if is_of_memory { Self::Memory(said) } else { Self::Lake(said) }
    }
}

impl From<datafusion::arrow::error::ArrowError> for Error {
    fn from(error: datafusion::arrow::error::ArrowError) -> Self {
        Self::Lake(error.to_string())
    }
}
