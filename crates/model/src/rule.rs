//! What a merchant wants of lists, as data.

use serde::{Deserialize, Serialize};

/// A rule of the merchant, as JSON has it. Unknown names are refused.
///
/// ```
/// use shopwise_model::rule::{Kind, Rule};
/// let rule: Rule = serde_json::from_str(r#"{
///     "id": "tea-first", "kind": { "boost": { "factor": 2 } }, "products": "category = \"tea\"",
///     "scenes": ["home"], "until": "2027-01-01T00:00:00Z"
/// }"#)?;
/// assert_eq!(rule.kind, Kind::Boost { factor: 2.0 });
/// assert!(rule.is_on && rule.holds_at(0) && !rule.holds_at(1_798_761_600_000_000));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The identifier: letters, digits, `-`, `_` and `.`.
    pub id: String,
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// The products that it is about, in the language of filters.
    pub products: String,
    /// The scenes in which it holds, such as `home`; none means all.
    #[serde(default)]
    pub scenes: Vec<String>,
    /// The segment of the customers for whom it holds; none means all.
    #[serde(default)]
    pub segment: Option<String>,
    /// The first moment at which it holds, UTC microseconds; `None` is always.
    #[serde(default, with = "moment")]
    pub from: Option<i64>,
    /// The first moment at which it holds no longer; `None` is never.
    #[serde(default, with = "moment")]
    pub until: Option<i64>,
    /// Of two rules of one kind that want the same, the one of the greater number has it.
    #[serde(default)]
    pub priority: i64,
    /// Whether it holds at all.
    #[serde(rename = "on", default = "yes")]
    pub is_on: bool,
}

/// What a rule does with its products. Positions are counted from 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Kind {
    /// They stand in no list.
    Exclude,
    /// The best of them stand at these positions, marked with a label.
    Sponsored {
        /// Where they stand.
        positions: Vec<usize>,
        /// What the shop writes beside them, such as `Advert`.
        label: String,
    },
    /// The best of them stands at this position.
    Pin {
        /// Where it stands.
        position: usize,
    },
    /// At least so many of them stand among the first, spread evenly.
    Quota {
        /// How many; either this or `share`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<usize>,
        /// Which share of the first, above 0 to 1, rounded up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        share: Option<f64>,
        /// The number of positions that are looked at.
        first: usize,
    },
    /// Their relevance is multiplied by a factor above 1.
    Boost {
        /// The factor.
        factor: f64,
    },
    /// Their relevance is multiplied by a factor below 1.
    Bury {
        /// The factor.
        factor: f64,
    },
}

impl Rule {
    /// Returns whether it holds at a moment, UTC microseconds.
    #[must_use]
    pub fn holds_at(&self, at: i64) -> bool {
        self.is_on
            && self.from.is_none_or(|from| from <= at)
            && self.until.is_none_or(|until| at < until)
    }

    /// Returns whether it holds in a scene.
    #[must_use]
    pub fn holds_in(&self, scene: &str) -> bool {
        self.scenes.is_empty() || self.scenes.iter().any(|own| own == scene)
    }

    /// Returns whether it holds for a customer in these segments.
    #[must_use]
    pub fn holds_for(&self, segments: &[String]) -> bool {
        self.segment.as_ref().is_none_or(|own| segments.contains(own))
    }
}

impl Kind {
    /// Returns the name, as JSON has it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Exclude => "exclude",
            Self::Sponsored { .. } => "sponsored",
            Self::Pin { .. } => "pin",
            Self::Quota { .. } => "quota",
            Self::Boost { .. } => "boost",
            Self::Bury { .. } => "bury",
        }
    }

    /// Returns the positions that it wants, from 1.
    #[must_use]
    pub fn positions(&self) -> &[usize] {
        match self {
            Self::Sponsored { positions, .. } => positions,
            Self::Pin { position } => std::slice::from_ref(position),
            Self::Exclude | Self::Quota { .. } | Self::Boost { .. } | Self::Bury { .. } => &[],
        }
    }
}

fn yes() -> bool {
    true
}

/// Moments as text, such as `2026-12-01T08:00:00Z`.
mod moment {
    use jiff::tz::TimeZone;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::time::{self, DateFormat};

    #[expect(clippy::ref_option, reason = "serde wants it so")]
    pub(super) fn serialize<S: Serializer>(at: &Option<i64>, out: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => out.serialize_str(&time::format(*at)),
            None => out.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
        let parsed = time::parse(&text, DateFormat::YearFirst, &TimeZone::UTC);
        parsed.map(Some).ok_or_else(|| {
            let like = "2026-12-01T08:00:00Z";
            serde::de::Error::custom(format!("a moment must be like `{like}`, got `{text}`"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_comes_back_from_json_as_it_was() {
        let text = r#"{"id":"a","kind":{"pin":{"position":3}},"products":"id = \"t1\"",
            "from":"2026-12-01T08:00:00Z","segment":"champions","priority":5,"on":false}"#;
        let rule: Rule = serde_json::from_str(text).unwrap();
        assert_eq!(rule.kind.positions(), [3]);
        let again = serde_json::from_str(&serde_json::to_string(&rule).unwrap()).unwrap();
        assert_eq!(rule, again);
        let all = r#"{"id":"a","kind":"exclude","products":"stock < 3"}"#;
        assert_eq!(serde_json::from_str::<Rule>(all).unwrap().kind, Kind::Exclude);
    }

    #[test]
    fn what_no_rule_has_is_refused_and_what_is_allowed_told() {
        let wrong = |text: &str| serde_json::from_str::<Rule>(text).unwrap_err().to_string();
        let message = wrong(r#"{"id":"a","kind":"exclude","products":"x","boost":3}"#);
        assert!(message.contains("`boost`") && message.contains("`priority`"), "{message}");
        let message = wrong(r#"{"id":"a","kind":{"pin":{"place":3}},"products":"x"}"#);
        assert!(message.contains("`position`"), "{message}");
        let message = wrong(r#"{"id":"a","kind":"hide","products":"x"}"#);
        assert!(message.contains("`sponsored`"), "{message}");
        let message = wrong(r#"{"id":"a","kind":"exclude","products":"x","from":"soon"}"#);
        assert!(message.contains("2026-12-01"), "{message}");
    }
}
