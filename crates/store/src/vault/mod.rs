//! The shop's key, and the names that hide who a customer is.
//!
//! A pseudonym is a keyed hash: who has the events but not the key can neither read an identifier
//! out of them nor try one. Randomness comes from the caller. Event identifiers are hashes without
//! a key.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization as _;

use crate::{Error, Result};

#[cfg(test)]
mod tests;
mod token;

pub use token::admin_token;

/// The name of the key's file.
const KEY_FILE: &str = "shop.key";

/// Hexadecimal digits of a pseudonym: 96 bits. Among n identifiers the probability that any two
/// share a pseudonym is below n² / 2⁹⁷ (birthday bound): for 10 million identifiers 6·10⁻¹⁶.
const PSEUDONYM_DIGITS: usize = 24;

/// The calling code of the country whose numbers keep their zero abroad.
const ITALY: u32 = 39;

/// The shop's key, opened.
#[derive(Clone)]
pub struct Vault {
    /// The hash with the key already taken in, copied for each pseudonym.
    keyed: Hmac<Sha256>,
    /// The country that telephone numbers without one belong to; 0 when nobody has said.
    calling_code: u32,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Vault(key hidden)")
    }
}

impl Vault {
    /// Makes the vault's folder and writes the key, readable by its owner only. A key that exists
    /// is never replaced: every pseudonym depends on it.
    ///
    /// # Errors
    /// When there is a key already, or the file cannot be written.
    pub fn create(dir: &Path, key: [u8; 32]) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
        let path = dir.join(KEY_FILE);
        let mut file = new_private_file(&path).map_err(Error::io(&path))?;
        file.write_all(&key).and_then(|()| file.sync_all()).map_err(Error::io(&path))?;
        File::open(dir).and_then(|folder| folder.sync_all()).map_err(Error::io(dir))?;
        Ok(Self::from_key(&key))
    }

    /// Opens the vault.
    ///
    /// # Errors
    /// When the key cannot be read or is not 32 bytes long.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(KEY_FILE);
        let file = File::open(&path).map_err(Error::io(&path))?;
        let mut key = Vec::with_capacity(33);
        file.take(33).read_to_end(&mut key).map_err(Error::io(&path))?;
        let key: [u8; 32] = key.try_into().map_err(|_| {
            let shown = path.display();
            Error::Settings(format!("the key in `{shown}` is damaged: 32 bytes are expected"))
        })?;
        Ok(Self::from_key(&key))
    }

    fn from_key(key: &[u8; 32]) -> Self {
        let keyed = <Hmac<Sha256> as KeyInit>::new_from_slice(key);
        Self { keyed: keyed.expect("HMAC takes keys of any length"), calling_code: 0 }
    }

    /// Says which country telephone numbers without one belong to, by its calling code, such as 86;
    /// 0 for none.
    #[must_use]
    pub fn with_calling_code(self, calling_code: u32) -> Self {
        Self { calling_code, ..self }
    }

    /// Returns the pseudonym of an identifier: `c` and 24 hexadecimal digits of
    /// HMAC-SHA256(key, kind ‖ 0x1f ‖ value), where the value is written as [`Self::normal`] has
    /// it.
    #[must_use]
    pub fn pseudonym(&self, kind: &str, value: &str) -> String {
        let mut hash = self.keyed.clone();
        hash.update(kind.as_bytes());
        hash.update(&[0x1f]);
        hash.update(self.normal(kind, value).as_bytes());
        let digest = hash.finalize().into_bytes();
        format!("c{}", hexadecimal(&digest[..PSEUDONYM_DIGITS / 2]))
    }

    /// Returns an identifier as it is hashed, so that the shop counter and the web meet in it.
    ///
    /// An `email` is trimmed, in compatible characters (NFKC: `ａnn＠shop.org` is `ann@shop.org`)
    /// and in lower case. A `phone` is its digits, with a `+` in front when it had one or began
    /// with `00`: `+86 138-0013-8000` and `0086 13800138000` are both `+8613800138000`, as E.164
    /// writes it. One without its country is the shop's, when that is known: the zero it is dialled
    /// with at home goes, save in Italy, where it is part of the number. Another value is trimmed.
    #[must_use]
    pub fn normal<'a>(&self, kind: &str, value: &'a str) -> Cow<'a, str> {
        match kind {
            "email" => value.nfkc().collect::<String>().trim().to_lowercase().into(),
            "phone" => phone(value, self.calling_code).into(),
            _ => value.trim().into(),
        }
    }
}

fn phone(value: &str, calling_code: u32) -> String {
    let plain: String = value.nfkc().collect();
    // `+44 (0) 20 …`: the zero is dialled only without the country.
    let plain = plain.replace("(0)", "");
    let digits: String = plain.chars().filter(char::is_ascii_digit).collect();
    if plain.trim_start().starts_with('+') {
        return format!("+{digits}");
    }
    match digits.strip_prefix("00") {
        Some(abroad) if !abroad.is_empty() => format!("+{abroad}"),
        _ if calling_code == 0 || digits.is_empty() => digits,
        _ => {
            let own = digits.strip_prefix('0').filter(|_| calling_code != ITALY);
            format!("+{calling_code}{}", own.unwrap_or(&digits))
        }
    }
}

/// Returns the identifier of an event: the first 16 bytes of SHA-256(length of source ‖ source ‖
/// occurrence ‖ content), lengths and numbers as 8 bytes, the lowest first.
///
/// `content` is the row or message; `occurrence` counts equal contents within one file, from 0, so
/// that importing a file twice changes nothing and equal rows within it stay apart.
#[must_use]
pub fn event_id(source: &str, content: &[u8], occurrence: u64) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update((source.len() as u64).to_le_bytes());
    hash.update(source.as_bytes());
    hash.update(occurrence.to_le_bytes());
    hash.update(content);
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    id
}

/// Returns two lower-case digits a byte.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    text
}

#[cfg(unix)]
pub(crate) fn new_private_file(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
pub(crate) fn new_private_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}
