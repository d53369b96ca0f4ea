//! A shop's stores and settings, opened together and handed to the stages.

use shopwise_model::Settings;
use shopwise_store::{Lake, Ledger, Shelf, Vault};

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
}
