//! What of an exposure a response model reads.

use shopwise_model::frame::Frame;
use shopwise_model::tables::EXPOSURE_FEATURES;

use crate::cases::Cases;
use crate::error::Result;

/// Where and for whom something is shown, as categories.
pub const CATEGORIES: [&str; 5] = ["campaign", "placement", "position", "device", "channel"];

/// Returns the columns of a frame that has [`EXPOSURE_FEATURES`] and [`CATEGORIES`].
pub(super) fn of(frame: &Frame) -> Result<Cases<'_>> {
    Cases::of(frame, &EXPOSURE_FEATURES, &CATEGORIES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shopwise_model::tables::EXPOSURES;

    #[test]
    fn the_table_of_exposures_has_these_columns() {
        for name in CATEGORIES {
            assert!(EXPOSURES.fields.iter().any(|field| field.name == name), "{name}");
        }
    }
}
