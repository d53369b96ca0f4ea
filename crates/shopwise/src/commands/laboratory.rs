//! `shopwise lab`: runs one algorithm and shows its result.

use anyhow::Result;

use crate::lab::{self, LabCommand};

pub(crate) fn run(command: &LabCommand) -> Result<String> {
    let as_json = command.json();
    let result = lab::run(command)?;
    Ok(if as_json { serde_json::to_string(&result)? } else { lab::summary(&result) })
}
