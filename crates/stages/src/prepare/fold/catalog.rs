//! What the fold knows about things before anything happened to them: category, brand, price.

use rustc_hash::FxHashMap;
use shopwise_model::frame::{NULL_CODE, Texts};
use shopwise_model::money::units_from_micros;
use shopwise_model::{Campaign, Product};

/// What is shown: a product, or a campaign for a product or a category.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thing {
    /// The campaign's code, or [`NULL_CODE`] where it is shown without one.
    pub campaign: u32,
    /// The product's code, or [`NULL_CODE`].
    pub product: u32,
    /// The category's code, or [`NULL_CODE`].
    pub category: u32,
    /// The brand's code, or [`NULL_CODE`].
    pub brand: u32,
    /// The code of its [`price_band`], or [`NULL_CODE`].
    pub band: u32,
    /// The natural logarithm of the price in units; NaN when the price is not known.
    pub log_price: f64,
}

impl Thing {
    /// Nothing is known about it.
    pub const UNKNOWN: Self = Self {
        campaign: NULL_CODE,
        product: NULL_CODE,
        category: NULL_CODE,
        brand: NULL_CODE,
        band: NULL_CODE,
        log_price: f64::NAN,
    };

    /// Returns the key under which it is remembered that the thing was shown: an advert tires by
    /// itself, whatever else shows its product.
    #[must_use]
    pub fn shown_as(self) -> u32 {
        if self.campaign == NULL_CODE { self.product } else { self.campaign | ADVERTS_FROM }
    }
}

/// What separates codes of campaigns from those of products.
const ADVERTS_FROM: u32 = 1 << 31;

/// Products and campaigns of the shop by name, with codes for categories, brands, bands of prices.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    things: FxHashMap<String, Thing>,
    campaigns: FxHashMap<String, (Option<String>, u32)>,
    categories: Texts,
    brands: Texts,
    bands: Texts,
}

impl Catalog {
    /// Returns the catalogue of the shop.
    #[must_use]
    pub fn new(products: &[Product], campaigns: &[Campaign]) -> Self {
        let mut catalog = Self::default();
        for product in products {
            let category = code(&mut catalog.categories, product.category.as_deref());
            let brand = code(&mut catalog.brands, product.brand.as_deref());
            let price = product.price.filter(|price| *price > 0).map(units_from_micros);
            let log_price = price.map_or(f64::NAN, f64::ln);
            let band = code(&mut catalog.bands, product.price.and_then(price_band).as_deref());
            let thing = Thing { category, brand, band, log_price, ..Thing::UNKNOWN };
            catalog.things.insert(product.id.clone(), thing);
        }
        for campaign in campaigns {
            let category = code(&mut catalog.categories, campaign.category.as_deref());
            let about = (campaign.product.clone(), category);
            catalog.campaigns.insert(campaign.id.clone(), about);
        }
        catalog
    }

    /// Returns what is known of a product; the code is left to the caller.
    pub(super) fn product(&self, name: &str) -> Thing {
        self.things.get(name).copied().unwrap_or(Thing::UNKNOWN)
    }

    /// Returns the product or the category that a campaign advertises.
    pub(super) fn campaign(&self, name: &str) -> (Option<&str>, u32) {
        self.campaigns
            .get(name)
            .map_or((None, NULL_CODE), |(product, category)| (product.as_deref(), *category))
    }

    pub(super) fn categories(&self) -> &Texts {
        &self.categories
    }

    pub(super) fn brands(&self) -> &Texts {
        &self.brands
    }

    pub(super) fn bands(&self) -> &Texts {
        &self.bands
    }

    /// Returns what each campaign advertises, (campaign, product, category) by name.
    pub(super) fn advertised(&self) -> Vec<(&str, &str, &str)> {
        let mut all: Vec<_> = self
            .campaigns
            .iter()
            .map(|(name, (product, category))| {
                let category = self.categories.values().get(*category as usize);
                let product = product.as_deref().unwrap_or_default();
                (name.as_str(), product, category.map_or("", AsRef::as_ref))
            })
            .collect();
        all.sort_unstable();
        all
    }
}

/// Returns the prices among which one in millionths lies, in units: `20-50` for 30, bounded by one,
/// two or five times a power of ten, the lower bound within. `None` for what costs nothing.
#[must_use]
pub fn price_band(price: i64) -> Option<String> {
    const STEPS: [i64; 3] = [1, 2, 5];
    let power = 10_i64.pow(price.checked_ilog10()?);
    let step = STEPS.iter().rposition(|step| step * power <= price)?;
    let low = units_from_micros(STEPS[step] * power);
    let high = match STEPS.get(step + 1) {
        Some(next) => units_from_micros(next * power),
        None => 10.0 * units_from_micros(power),
    };
    Some(format!("{low}-{high}"))
}

fn code(texts: &mut Texts, value: Option<&str>) -> u32 {
    value.map_or(NULL_CODE, |value| texts.intern(value))
}

#[cfg(test)]
mod tests {
    use super::price_band;

    #[test]
    fn a_band_holds_its_lower_bound() {
        let band = |price: i64| price_band(price).unwrap_or_default();
        assert_eq!(band(0), "");
        assert_eq!(band(-1), "");
        assert_eq!(band(19_990_000), "10-20");
        assert_eq!(band(20_000_000), "20-50");
        assert_eq!(band(999_999), "0.5-1");
        assert_eq!(band(1), "0.000001-0.000002");
        assert_eq!(band(i64::MAX), "5000000000000-10000000000000");
    }
}
