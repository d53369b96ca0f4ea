//! Finding columns by name, however the file spells them.

use crate::error::{Error, Result};

/// The header of a file; names are compared without case, spaces, `_`, `-` and RecBole's `:type`.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    names: Vec<String>,
    plain: Vec<String>,
}

impl Header {
    pub(crate) fn new(names: &[String]) -> Self {
        let plain = names.iter().map(|name| plain(name)).collect();
        Self { names: names.to_vec(), plain }
    }

    /// Returns the column that has one of these names.
    pub(crate) fn find(&self, any_of: &[&str]) -> Option<usize> {
        any_of.iter().find_map(|wanted| {
            let wanted = plain(wanted);
            self.plain.iter().position(|name| *name == wanted)
        })
    }

    /// Returns the names of the columns.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the column that has one of these names, or an error that lists the columns there
    /// are.
    pub(crate) fn need(&self, any_of: &[&str]) -> Result<usize> {
        self.find(any_of).ok_or_else(|| {
            Error::Wrong(format!(
                "column `{}` is missing; the file has: {}\nhint: is it the right --format?",
                any_of.first().unwrap_or(&""),
                self.names.join(", ")
            ))
        })
    }
}

fn plain(name: &str) -> String {
    let name = name.split(':').next().unwrap_or(name);
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
