//! What can go wrong in a stage.

/// The result of a stage.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a stage could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A store refused.
    #[error(transparent)]
    Store(#[from] shopwise_store::Error),
    /// An algorithm refused its input.
    #[error(transparent)]
    Learn(#[from] shopwise_learn::Error),
    /// A table lacks a column that the stage reads.
    #[error(transparent)]
    Frame(#[from] shopwise_model::FrameError),
    /// What was asked for cannot be done; the text says why and what to do.
    #[error("{0}")]
    Wrong(String),
}

/// Returns the calendar of the shop's time zone.
///
/// # Errors
/// [`Error::Wrong`] when the settings name no time zone.
pub(crate) fn calendar(settings: &shopwise_model::Settings) -> Result<shopwise_model::Calendar> {
    shopwise_model::Calendar::of(settings)
        .ok_or_else(|| Error::Wrong(format!("`{}` is no IANA time zone", settings.time_zone)))
}
