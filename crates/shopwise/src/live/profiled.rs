//! Which segment each customer is in of those that profiling found, in memory: for rules and
//! filters of lists that name one.

use anyhow::Result;
use shopwise_model::tables::{PROFILES, SEGMENTS};
use shopwise_stages::Shop;
use shopwise_stages::collect::identity::Pseudonym;

/// A segment that profiling found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// Its identifier.
    pub(crate) id: String,
    /// Its name in English.
    pub(crate) english: String,
    /// Its name in Chinese.
    pub(crate) chinese: String,
}

/// The segments that the newest run found, by customer.
#[derive(Debug, Default)]
pub(crate) struct Profiled {
    /// The version of the profiles; `None` before there are some.
    version: Option<u64>,
    segments: Vec<Named>,
    /// The place of each customer's segment among those, in the order of pseudonyms: 16 bytes a
    /// customer.
    places: Vec<(Pseudonym, u32)>,
}

impl Profiled {
    /// Reads who is in which.
    pub(crate) fn read(shop: &Shop) -> Result<Self> {
        let version = shop.lake.version(&PROFILES)?;
        if version.is_none() || shop.lake.version(&SEGMENTS)?.is_none() {
            return Ok(Self::default());
        }
        let mut all = Self { version, ..Self::default() };
        let named = shop.lake.query("SELECT segment, name_en, name_zh FROM segments")?;
        let [ids, english, chinese] =
            [named.text("segment")?, named.text("name_en")?, named.text("name_zh")?];
        for row in 0..named.rows() {
            let [id, english, chinese] =
                [ids, english, chinese].map(|texts| texts.get(row).unwrap_or_default().to_owned());
            all.segments.push(Named { id, english, chinese });
        }
        shop.lake.stream("SELECT customer, segment FROM profiles", |part| {
            let (customers, segments) = (part.text("customer")?, part.text("segment")?);
            for (customer, segment) in customers.iter().zip(segments.iter()) {
                let customer = customer.and_then(Pseudonym::parse);
                // There are few.
                let place = all.segments.iter().position(|own| Some(own.id.as_str()) == segment);
                if let (Some(customer), Some(place)) = (customer, place) {
                    all.places.push((customer, place as u32));
                }
            }
            Ok::<_, anyhow::Error>(())
        })?;
        all.places.sort_unstable();
        all.places.shrink_to_fit();
        Ok(all)
    }

    /// Returns whether no run has profiled customers since.
    pub(crate) fn is_newest(&self, shop: &Shop) -> Result<bool> {
        Ok(shop.lake.version(&PROFILES)? == self.version)
    }

    /// Returns the segment of a person: that of the first of his pseudonyms that was profiled.
    pub(crate) fn of<'a>(&self, pseudonyms: impl IntoIterator<Item = &'a str>) -> Option<&Named> {
        let place = |name: &str| {
            let own = Pseudonym::parse(name)?;
            let at = self.places.binary_search_by_key(&own, |(customer, _)| *customer).ok()?;
            self.segments.get(self.places[at].1 as usize)
        };
        pseudonyms.into_iter().find_map(place)
    }
}
