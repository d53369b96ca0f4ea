//! What a snapshot says of itself: how much of what happened is in it.

use anyhow::{Context as _, Result};
use rustc_hash::FxHashSet;
use serde_json::json;
use shopwise_store::lake::Standing;

use super::known::Base;

/// The note at the end of a snapshot.
#[derive(Debug)]
pub(super) struct Note {
    /// Entries of the inbox through this one are in the state.
    pub(super) followed: i64,
    /// What came into the lake otherwise through this version is in it.
    pub(super) base: Base,
    /// The events of entries that the lake did not hold at that version: a later commit brings them
    /// together with events that are not in the state.
    pub(super) ahead: FxHashSet<[u8; 16]>,
}

impl Note {
    /// Returns the note as bytes.
    pub(super) fn write(&self) -> Vec<u8> {
        let (version, mark) =
            self.base.standing.map_or((None, 0), |at| (Some(at.version), at.mark));
        let mut ahead: Vec<[u8; 16]> = self.ahead.iter().copied().collect();
        ahead.sort_unstable();
        let about = json!({
            "followed": self.followed, "held": self.base.held, "version": version, "mark": mark,
        });
        let mut bytes = about.to_string().into_bytes();
        bytes.push(b'\n');
        bytes.extend(ahead.as_flattened());
        bytes
    }

    /// Reads a note.
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n').context("the note has no end")?;
        let (about, ahead) = bytes.split_at(end);
        let about: serde_json::Value = serde_json::from_slice(about)?;
        let number = |name: &str| about[name].as_i64().with_context(|| format!("no `{name}`"));
        let version = about["version"].as_u64();
        let mark = u32::try_from(number("mark")?)?;
        let standing = version.map(|version| Standing { version, mark });
        let (ahead, _) = ahead[1..].as_chunks();
        Ok(Self {
            followed: number("followed")?,
            base: Base { standing, held: number("held")? },
            ahead: ahead.iter().copied().collect(),
        })
    }
}
