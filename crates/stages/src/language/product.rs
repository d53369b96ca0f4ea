//! A product as an expression is asked about it: without any customer.

use shopwise_model::Product;
use shopwise_model::money::units_from_micros;

use super::evaluate::{Known, Subject};
use super::words::Field;

impl Subject for Product {
    fn field(&self, field: Field) -> Known<'_> {
        let amount = |micros: Option<i64>| {
            micros.map_or(Known::Unknown, |micros| Known::Number(units_from_micros(micros)))
        };
        let moment = |at: Option<i64>| at.map_or(Known::Unknown, Known::Moment);
        match field {
            Field::Id => Known::Text(&self.id),
            Field::Title => Known::text(Some(self.title.as_str()).filter(|text| !text.is_empty())),
            Field::Category => Known::text(self.category.as_deref()),
            Field::Brand => Known::text(self.brand.as_deref()),
            Field::Seller => Known::text(self.seller.as_deref()),
            Field::Price => amount(self.price),
            Field::Cost => amount(self.cost),
            Field::Stock => self.stock.map_or(Known::Unknown, |stock| Known::Number(stock as f64)),
            Field::Hidden => Known::Flag(self.is_hidden),
            Field::AvailableFrom => moment(self.available_from),
            Field::AvailableUntil => moment(self.available_until),
            Field::FirstSeen
            | Field::LastSeen
            | Field::FirstOrder
            | Field::LastOrder
            | Field::Segment => Known::Unknown,
        }
    }

    fn attribute(&self, name: &str) -> Known<'_> {
        self.attributes.get(name).map_or(Known::Unknown, Known::of_json)
    }
}
