//! Who asks, and what for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use anyhow::Result;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rustc_hash::FxHashMap;
use shopwise_stages::Shop;
use shopwise_store::ledger::Key;
use shopwise_store::vault::event_id;

use super::limits::Sparing;
use super::reply::ApiError;

/// What a route wants of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Nothing.
    Open,
    /// A write key: to add events, and nothing else.
    Write,
    /// A read key, or the administrator's token: to ask for lists.
    Read,
    /// The administrator's token.
    Admin,
    /// The same, as gorse's clients send it.
    Gorse,
}

/// How long the known keys are used before they are read again: a revoked key works no longer.
const FRESH: Duration = Duration::from_secs(5);

/// Unknown keys make the keys be read again at most this often: sooner than anybody uses a key that
/// he has just made, for libraries drop what a 401 answers. It takes less than a millisecond.
const READ_AGAIN: Duration = Duration::from_millis(20);

/// While events are lost, that is said so often.
const REMIND: Duration = Duration::from_secs(60);

/// Padding or none: some libraries leave it out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The keys as the ledger had them a moment ago.
#[derive(Debug)]
pub(super) struct Keys {
    known: RwLock<Known>,
    /// By source: requests with a revoked key, and when that is said next.
    lost: Mutex<BTreeMap<String, (u64, Instant)>>,
    sparing: Sparing,
}

#[derive(Debug)]
struct Known {
    read_at: Instant,
    /// By a hash: how long it takes to find one says nothing about how those that there are begin.
    keys: FxHashMap<[u8; 16], Arc<Key>>,
    /// Keys whose rows are damaged, perhaps the key itself.
    damaged: usize,
}

impl Keys {
    pub(super) fn read(shop: &Shop) -> Result<Self> {
        let known = RwLock::new(read(shop)?);
        Ok(Self { known, lost: Mutex::default(), sparing: Sparing::new() })
    }

    /// Returns a live key; one that was revoked says so. Blocks now and then to read the ledger.
    pub(super) fn find(&self, shop: &Shop, key: &str) -> Result<Arc<Key>, ApiError> {
        let hash = hash(key);
        let (mut found, age, mut damaged) = {
            let known = self.known.read().unwrap_or_else(|poisoned| poisoned.into_inner());
            (known.keys.get(&hash).cloned(), known.read_at.elapsed(), known.damaged)
        };
        if age > FRESH || (found.is_none() && age > READ_AGAIN) {
            match read(shop) {
                Ok(known) => {
                    found = known.keys.get(&hash).cloned();
                    damaged = known.damaged;
                    *self.known.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = known;
                }
                // Who was known a moment ago may go on.
                Err(error) => {
                    if let Some(left_out) = self.sparing.line(Instant::now()) {
                        tracing::error!(%error, left_out, "the write keys could not be read");
                    }
                    let later = || ApiError::later("the write keys cannot be read now", 5);
                    found = Some(found.ok_or_else(later)?);
                }
            }
        }
        match found {
            Some(key) if key.revoked_at.is_none() => Ok(key),
            Some(key) => {
                self.lose(&key.source);
                Err(ApiError::unknown_key("the write key was revoked"))
            }
            // It may be the one that is damaged: who is told to come later keeps his events.
            None if damaged > 0 => {
                if let Some(left_out) = self.sparing.line(Instant::now()) {
                    let hint = "`shopwise keys list` shows them";
                    tracing::error!(damaged, left_out, hint, "write keys are damaged");
                }
                Err(ApiError::later("a write key of the shop is damaged", 60))
            }
            None => Err(ApiError::unknown_key("the write key is not known")
                .hint("`shopwise keys create SOURCE` makes one")),
        }
    }

    /// Returns a live key if it was read a moment ago: never blocks.
    pub(super) fn fresh(&self, key: &str) -> Option<Arc<Key>> {
        let known = self.known.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let is_fresh = known.read_at.elapsed() <= FRESH;
        known.keys.get(&hash(key)).filter(|key| is_fresh && key.revoked_at.is_none()).cloned()
    }

    /// Counts a request with a revoked key. Libraries drop what a 401 answers: somebody must know
    /// at the first one, and is reminded while it goes on.
    fn lose(&self, source: &str) {
        let mut lost = self.lost.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (count, due) = lost.entry(source.to_owned()).or_insert((0, Instant::now()));
        *count += 1;
        if Instant::now() >= *due {
            *due = Instant::now() + REMIND;
            let requests = *count;
            tracing::warn!(source, requests, "events come with a revoked key and are lost");
        }
    }

    /// Returns how many requests came with a revoked key, by source.
    pub(super) fn lost(&self) -> BTreeMap<String, u64> {
        let lost = self.lost.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        lost.iter().map(|(source, (count, _))| (source.clone(), *count)).collect()
    }
}

fn read(shop: &Shop) -> Result<Known> {
    let keys = shop.ledger.keys()?;
    let damaged = keys.iter().filter(|key| key.is_damaged).count();
    let whole = keys.into_iter().filter(|key| !key.is_damaged);
    let keys = whole.map(|key| (hash(&key.key), Arc::new(key))).collect();
    Ok(Known { read_at: Instant::now(), keys, damaged })
}

fn hash(key: &str) -> [u8; 16] {
    event_id("", key.as_bytes(), 0)
}

/// Returns the key that the `Authorization` header carries: `Basic base64(key:)`, or without the
/// colon, or `Bearer key`.
pub(super) fn of_header(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(LENIENT.decode(rest.trim()).ok()?).ok()?;
    let key = text.split(':').next().unwrap_or_default();
    (!key.is_empty()).then(|| key.to_owned())
}

/// Returns the key that gorse's clients send, or that of the usual header.
pub(super) fn of_api_key(headers: &HeaderMap) -> Option<String> {
    match headers.get("x-api-key") {
        Some(key) => key.to_str().ok().map(str::to_owned),
        None => of_header(headers),
    }
}

/// Refuses a page of a foreign origin the use of a key that names its own.
pub(super) fn check_origin(key: &Key, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(origin) = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()) else {
        return Ok(());
    };
    if key.origins.is_empty() || key.origins.iter().any(|own| own == origin) {
        return Ok(());
    }
    Err(ApiError::forbidden("the write key is not for pages of this origin"))
}

/// Refuses a page of another origin what the browser's user may do: who has logged in to a page of
/// this server sends his token with whatever any page makes his browser ask.
pub(super) fn check_own_page(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_basic = |value: &str| !value.trim_start().to_ascii_lowercase().starts_with("bearer");
    let host = text(header::HOST).unwrap_or_default();
    match text(header::ORIGIN) {
        Some(origin) if text(header::AUTHORIZATION).is_some_and(is_basic) => {
            match origin.split_once("://") {
                Some((_, own)) if own.eq_ignore_ascii_case(host) => Ok(()),
                _ => Err(ApiError::forbidden("this is not for pages of another origin")),
            }
        }
        _ => Ok(()),
    }
}

/// Compares two tokens in a time that says nothing about where they differ.
pub(super) fn is_same(left: &str, right: &str) -> bool {
    let differs = |(left, right): (u8, u8)| left ^ right;
    left.len() == right.len()
        && left.bytes().zip(right.bytes()).map(differs).fold(0, |all, one| all | one) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        headers
    }

    #[test]
    fn keys_are_read_as_libraries_write_them() {
        for (value, key) in [
            ("Basic a2V5Og==", Some("key")),
            ("basic a2V5Og", Some("key")),
            ("Basic a2V5", Some("key")),
            ("Bearer key", Some("key")),
            ("Basic Og==", None),
            ("Basic ???", None),
            ("Digest x", None),
            ("key", None),
        ] {
            assert_eq!(of_header(&header(value)).as_deref(), key, "{value}");
        }
        assert!(is_same("abc", "abc") && !is_same("abc", "abd") && !is_same("abc", "ab"));
    }

    #[test]
    fn a_page_of_another_origin_does_not_use_the_login_of_a_browser() {
        let asks = |authorization: &str, origin: Option<&'static str>| {
            let mut headers = header(authorization);
            headers.insert(header::HOST, "shop.example:8484".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            check_own_page(&headers).is_ok()
        };
        assert!(asks("Basic a2V5Og==", None));
        assert!(asks("Basic a2V5Og==", Some("http://shop.example:8484")));
        assert!(!asks("Basic a2V5Og==", Some("https://evil.example")));
        assert!(!asks("Basic a2V5Og==", Some("null")));
        assert!(asks("Bearer key", Some("https://dashboard.example")));
    }
}
