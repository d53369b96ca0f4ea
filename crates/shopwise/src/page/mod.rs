//! What every page of the program has in common: its looks, its two languages and how figures are
//! written. Pages themselves stand where they are asked for.

pub(crate) mod number;
pub(crate) mod words;

/// Colours of both themes, type, and what pages are made of.
pub(crate) const STYLE: &str = include_str!("page.css");

/// A language in which pages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    En,
    Zh,
}

impl Language {
    /// Returns the code, as pages and addresses carry it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }
}

/// A page tells in its own language what is wrong with a filter.
impl From<Language> for shopwise_stages::language::Language {
    fn from(language: Language) -> Self {
        match language {
            Language::En => Self::English,
            Language::Zh => Self::Chinese,
        }
    }
}
