//! What stands in an address behind the path: read once, checked, and refused where nobody asked.

use axum::http::Uri;
use url::form_urlencoded;

use super::reply::ApiError;

/// The parameters of a request, in their order.
#[derive(Debug)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads the parameters; one that is not among `known` is refused.
    pub(super) fn read(uri: &Uri, known: &[&str]) -> Result<Self, ApiError> {
        let text = uri.query().unwrap_or_default().as_bytes();
        let pairs: Vec<(String, String)> = form_urlencoded::parse(text).into_owned().collect();
        match pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(Self { pairs }),
            Some((name, _)) => Err(ApiError::bad(format!(
                "there is no parameter `{name}`; there are {}",
                known.join(", ")
            ))),
        }
    }

    /// Returns the last value of a parameter.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.pairs.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Returns all values of a parameter.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let named = self.pairs.iter().filter(|(own, _)| own == name);
        named.map(|(_, value)| value.clone()).collect()
    }

    /// Returns a whole number within bounds.
    pub(super) fn whole(
        &self,
        name: &str,
        [least, most]: [usize; 2],
        usual: usize,
    ) -> Result<usize, ApiError> {
        let Some(text) = self.text(name) else { return Ok(usual) };
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| {
            ApiError::bad(format!("`{name}` must be a number from {least} to {most}, got `{text}`"))
        })
    }

    /// Returns a flag.
    pub(super) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.text(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1" | "") => Ok(true),
            Some(other) => {
                Err(ApiError::bad(format!("`{name}` must be true or false, got `{other}`")))
            }
        }
    }
}
