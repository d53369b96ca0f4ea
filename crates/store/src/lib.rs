//! The stores: the lake (big tables and the query engine), the ledger (operational database), the
//! vault (keys, pseudonyms) and the inbox (what was collected and is not in the lake yet); the
//! shelf of models; a shop in one file, for keeping; and the reading of files that bring data.
//!
//! The only crate that names DataFusion, Delta, Arrow, SQL drivers and ciphers. It decides nothing.

pub mod backup;
mod checksum;
mod database;
pub mod error;
pub mod inbox;
pub mod lake;
pub mod ledger;
pub mod shelf;
pub mod source;
pub mod vault;

pub use error::{Error, Result};
pub use inbox::Inbox;
pub use lake::Lake;
pub use ledger::Ledger;
pub use shelf::Shelf;
pub use vault::Vault;
