//! Listing the log of a table from an entry on.
//!
//! The library's own store asks the disk three times about every file of the folder, about those
//! before the entry as well. A server writes tens of thousands of entries a day, and lists them
//! with each.

use std::io::ErrorKind;
use std::path::Path as FilePath;

use datafusion::object_store::ObjectMeta;
use datafusion::object_store::path::Path;

use super::sums;

/// The folder of a table's log.
const FOLDER: &str = "_delta_log";

/// Returns the name in a log's folder behind which is listed; `None` when `prefix` is no such
/// folder, or `offset` not in it.
pub(super) fn name_in(prefix: &Path, offset: &Path) -> Option<String> {
    let name = offset.as_ref().strip_prefix(prefix.as_ref())?.strip_prefix('/')?;
    let is_log = prefix.filename() == Some(FOLDER) && !name.contains('/');
    is_log.then(|| name.to_owned())
}

/// Returns the files of a folder whose names come after a name, in order. Nothing is listed of a
/// folder that is not there.
pub(super) fn after(
    folder: &FilePath,
    prefix: &Path,
    name: &str,
) -> std::io::Result<Vec<ObjectMeta>> {
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let own = entry.file_name();
        // What a crash left half written has a # in its name.
        let wanted = own.to_str().filter(|own| *own > name && !sums::is_name(own));
        let Some(own) = wanted.filter(|own| !own.contains('#')) else { continue };
        let metadata = match entry.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        if metadata.is_file() {
            found.push(ObjectMeta {
                location: prefix.clone().join(own),
                last_modified: metadata.modified()?.into(),
                size: metadata.len(),
                e_tag: None,
                version: None,
            });
        }
    }
    found.sort_unstable_by(|a, b| a.location.cmp(&b.location));
    Ok(found)
}
