//! Which requests there are: paths and the six calls.

/// The six calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Somebody did something.
    Track,
    /// Somebody says who he is.
    Identify,
    /// A page was seen.
    Page,
    /// A screen of a program was seen.
    Screen,
    /// Somebody belongs to a group.
    Group,
    /// Two names are one person.
    Alias,
}

impl Verb {
    /// Every call.
    pub const ALL: &[Self] =
        &[Self::Track, Self::Identify, Self::Page, Self::Screen, Self::Group, Self::Alias];

    /// Returns the name as in `type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Identify => "identify",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Group => "group",
            Self::Alias => "alias",
        }
    }

    /// Returns the call of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|verb| verb.name() == name)
    }
}

/// What kind of request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// A batch, or one call that says itself what it is.
    Batch,
    /// One call, whose type the path says.
    Call(Verb),
}

impl Endpoint {
    /// Returns what the last segment of a path asks for: `batch`, `b`, `import`, the name of a
    /// call, or its first letter, which is all that the browser's library writes.
    #[must_use]
    pub fn from_segment(segment: &str) -> Option<Self> {
        if matches!(segment, "batch" | "b" | "import") {
            return Some(Self::Batch);
        }
        let is_it = |verb: &&Verb| verb.name() == segment || verb.name().get(..1) == Some(segment);
        Verb::ALL.iter().find(is_it).copied().map(Self::Call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_libraries_is_known() {
        for (segment, verb) in [
            ("t", Verb::Track),
            ("i", Verb::Identify),
            ("p", Verb::Page),
            ("s", Verb::Screen),
            ("g", Verb::Group),
            ("a", Verb::Alias),
            ("screen", Verb::Screen),
        ] {
            assert_eq!(Endpoint::from_segment(segment), Some(Endpoint::Call(verb)), "{segment}");
        }
        for segment in ["batch", "b", "import"] {
            assert_eq!(Endpoint::from_segment(segment), Some(Endpoint::Batch));
        }
        for segment in ["", "m", "T", "tracks", "settings"] {
            assert_eq!(Endpoint::from_segment(segment), None);
        }
    }
}
