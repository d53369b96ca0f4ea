//! The administrator's token: who has it may see and change everything.

use std::io::Write as _;
use std::path::Path;

use super::{hexadecimal, new_private_file};
use crate::{Error, Result};

/// The file of the token.
const TOKEN_FILE: &str = "admin.token";

/// Characters below which a token is no token.
const TOKEN_MIN: usize = 32;

/// Returns the administrator's token of the vault in `dir`. Where there is none it is made from
/// the random bytes, readable by its owner only.
///
/// # Errors
/// When the file cannot be read or written, or holds no token.
pub fn admin_token(dir: &Path, random: impl FnOnce() -> Result<[u8; 32]>) -> Result<String> {
    let path = dir.join(TOKEN_FILE);
    if path.exists() {
        let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
        let token = text.trim();
        if token.len() < TOKEN_MIN || !token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let shown = path.display();
            return Err(Error::Settings(format!(
                "`{shown}` holds no token: at least {TOKEN_MIN} letters and digits are expected\n\
                 hint: remove the file, and the next start makes a new one"
            )));
        }
        return Ok(token.to_owned());
    }
    let token = hexadecimal(&random()?);
    let mut file = new_private_file(&path).map_err(Error::io(&path))?;
    file.write_all(token.as_bytes()).and_then(|()| file.sync_all()).map_err(Error::io(&path))?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let first = admin_token(folder.path(), || Ok([0xab; 32])).unwrap();
        assert_eq!(first, "ab".repeat(32));
        assert_eq!(admin_token(folder.path(), || Ok([1; 32])).unwrap(), first);
        std::fs::write(folder.path().join(TOKEN_FILE), "short").unwrap();
        let error = admin_token(folder.path(), || Ok([1; 32])).unwrap_err().to_string();
        assert!(error.contains("holds no token"), "{error}");
    }
}
