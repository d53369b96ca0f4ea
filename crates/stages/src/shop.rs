//! A shop's stores and settings, opened together and handed to the stages.

use shopwise_model::Settings;
use shopwise_store::{Lake, Ledger, Shelf, Vault};

use crate::collect::plan::Plan;

/// The stores and settings of one shop.
#[derive(Debug)]
pub struct Shop {
    /// The big tables.
    pub lake: Lake,
    /// The operational database.
    pub ledger: Ledger,
    /// Keys and pseudonyms.
    pub vault: Vault,
    /// The published models.
    pub shelf: Shelf,
    /// The settings of `shopwise.toml`.
    pub settings: Settings,
    /// Which events are expected, with which properties.
    pub plan: Plan,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns a new shop in a folder.
    pub(crate) fn shop(folder: &std::path::Path) -> Shop {
        let ledger = format!("sqlite://{}", folder.join("ledger.db").display());
        Shop {
            lake: Lake::open(&folder.join("lake"), 256 << 20).unwrap(),
            ledger: Ledger::open(&ledger).unwrap(),
            vault: Vault::create(&folder.join("vault"), [7; 32]).unwrap(),
            shelf: Shelf::open(&folder.join("models")).unwrap(),
            settings: Settings::default(),
            plan: Plan::default(),
        }
    }
}
