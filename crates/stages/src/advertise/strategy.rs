//! What is showing each advert worth? The published models, asked about candidates.

use serde::{Deserialize, Serialize};
use shopwise_learn::bid::choose::Offer;
use shopwise_model::frame::{Frame, NULL_INT};
use shopwise_model::money::units_from_micros;

use super::cases;
use super::response::Predictor;
use super::{CLICK, CONVERSION, FILE, FORMAT};
use crate::error::{Error, Result};
use crate::publish;
use crate::shop::Shop;

/// The conversion model with what an order is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Conversion {
    pub(super) predictor: Predictor,
    /// The value of an order of what was shown, in prices of it: pieces bought together count.
    pub(super) prices_per_order: f64,
}

/// The published response models of a shop.
#[derive(Debug, Clone)]
pub struct Strategy {
    click: Predictor,
    conversion: Conversion,
}

impl Strategy {
    /// Opens the models that serve; `None` when there is no model of clicks or of conversions yet.
    ///
    /// # Errors
    /// Store errors; a model laid out by another version of the program is refused.
    pub fn open(shop: &Shop) -> Result<Option<Self>> {
        let click = open(shop, CLICK)?;
        let conversion = open(shop, CONVERSION)?;
        Ok(click.zip(conversion).map(|(click, conversion)| Self { click, conversion }))
    }

    /// Returns what showing each candidate is worth, in units of the currency. A candidate is a row
    /// with the columns of exposures that are known beforehand (features, campaign, placement,
    /// position as `placement-position`, device, channel) and `bid`, what a click pays, in
    /// millionths.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn offers(&self, candidates: &Frame) -> Result<Vec<Offer>> {
        let cases = cases::of(candidates)?;
        let table = cases.table()?;
        let clicks = self.click.predict(&table)?;
        let conversions = self.conversion.predictor.predict(&table)?;
        let bids = candidates.int("bid")?;
        let prices = candidates.float("product_price")?;
        let offers = (0..candidates.rows()).map(|row| Offer {
            value_click: if bids[row] == NULL_INT { 0.0 } else { units_from_micros(bids[row]) },
            value_conversion: prices[row].exp() * self.conversion.prices_per_order,
            p_click: clicks[row],
            p_conversion: conversions[row],
            ..Offer::default()
        });
        Ok(offers.collect())
    }
}

/// Opens the serving model of a name.
pub(super) fn open<T: for<'a> Deserialize<'a>>(shop: &Shop, name: &str) -> Result<Option<T>> {
    let Some((version, manifest)) = publish::serving(shop, name)? else { return Ok(None) };
    publish::check_format(name, &manifest, FORMAT)?;
    let bytes = shop.shelf.read(name, version, FILE)?;
    let model = serde_json::from_slice(&bytes).map_err(|error| {
        let hint = "hint: `shopwise run` makes the model again";
        Error::Wrong(format!("model `{name}` version `{version}` is damaged: {error}\n{hint}"))
    })?;
    Ok(Some(model))
}
