//! What happened: one event, its kinds, and many events as columns.

use crate::frame::{Column, Frame, NULL_INT, Texts};
use crate::tables::EVENTS;

macro_rules! kinds {
    ($($variant:ident $name:literal $doc:literal),* $(,)?) => {
        /// The kind of an event: the Segment e-commerce vocabulary, exposures, and what files
        /// bring.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub enum EventKind {
            $(#[doc = $doc] $variant),*,
            #[doc = "Any other event; its own name stands in `extra`."]
            #[default]
            Other,
        }

        impl EventKind {
            /// Every kind but [`EventKind::Other`].
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Returns the name in the `kind` column.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* Self::Other => "other" }
            }

            /// Returns the kind of this name; unknown names are [`EventKind::Other`].
            #[must_use]
            pub fn from_name(name: &str) -> Self {
                match name { $($name => Self::$variant,)* _ => Self::Other }
            }
        }
    };
}

kinds! {
    PageViewed "page_viewed" "A page or screen was seen.",
    Identified "identified" "A person made himself known.",
    ProductsSearched "products_searched" "A search was made; the words stand in `query`.",
    ProductListViewed "product_list_viewed" "A list of products was seen.",
    ProductClicked "product_clicked" "A product in a list was clicked.",
    ProductViewed "product_viewed" "A product's page was seen.",
    ProductAdded "product_added" "A product was put into the cart.",
    ProductRemoved "product_removed" "A product was taken out of the cart.",
    CartViewed "cart_viewed" "The cart was seen.",
    CheckoutStarted "checkout_started" "Checkout began.",
    OrderCompleted "order_completed" "An order was placed; one line a product.",
    OrderRefunded "order_refunded" "Goods came back; one line a product, quantities positive.",
    OrderCancelled "order_cancelled" "An order was cancelled.",
    ProductReviewed "product_reviewed" "A review or rating was given; stars stand in `rating`.",
    StockCorrected "stock_corrected" "Stock was corrected; no customer took part.",
    RecommendationShown "recommendation_shown" "A recommended product was shown.",
    RecommendationClicked "recommendation_clicked" "A recommended product was clicked.",
    AdShown "ad_shown" "An advert was shown.",
    AdClicked "ad_clicked" "An advert was clicked.",
}

/// One line of one event, borrowed. Times are UTC microseconds, money is millionths of the
/// currency's unit. Empty is `None`, or [`NULL_INT`] and NaN for numbers.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "each field is a column documented in `tables::EVENTS`")]
pub struct Event<'a> {
    pub event_id: [u8; 16],
    pub line: i64,
    pub message_id: Option<&'a str>,
    pub source: &'a str,
    pub kind: EventKind,
    pub customer: Option<&'a str>,
    pub session: Option<&'a str>,
    pub product: Option<&'a str>,
    pub quantity: i64,
    pub unit_price: i64,
    pub amount: i64,
    pub currency: Option<&'a str>,
    pub order: Option<&'a str>,
    pub rating: f64,
    pub query: Option<&'a str>,
    pub placement: Option<&'a str>,
    pub position: i64,
    pub campaign: Option<&'a str>,
    pub creative: Option<&'a str>,
    pub decision: Option<&'a str>,
    pub propensity: f64,
    pub experiment: Option<&'a str>,
    pub variant: Option<&'a str>,
    pub channel: Option<&'a str>,
    pub device: Option<&'a str>,
    pub store: Option<&'a str>,
    pub country: Option<&'a str>,
    pub occurred_at: i64,
    pub received_at: i64,
    pub extra: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// Returns an event of this kind with everything else missing.
    #[must_use]
    pub fn new(source: &'a str, kind: EventKind, occurred_at: i64) -> Self {
        Self {
            event_id: [0; 16],
            line: 0,
            message_id: None,
            source,
            kind,
            customer: None,
            session: None,
            product: None,
            quantity: NULL_INT,
            unit_price: NULL_INT,
            amount: NULL_INT,
            currency: None,
            order: None,
            rating: f64::NAN,
            query: None,
            placement: None,
            position: NULL_INT,
            campaign: None,
            creative: None,
            decision: None,
            propensity: f64::NAN,
            experiment: None,
            variant: None,
            channel: None,
            device: None,
            store: None,
            country: None,
            occurred_at,
            received_at: occurred_at,
            extra: None,
        }
    }
}

/// Many event lines as columns, in the order of [`EVENTS`].
#[derive(Debug, Clone, Default)]
pub struct Events {
    ids: Vec<[u8; 16]>,
    ints: [Vec<i64>; 5],
    floats: [Vec<f64>; 2],
    times: [Vec<i64>; 2],
    texts: [Texts; 20],
}

impl Events {
    /// Adds one line.
    pub fn push(&mut self, event: &Event<'_>) {
        self.ids.push(event.event_id);
        let ints = [event.line, event.quantity, event.unit_price, event.amount, event.position];
        for (column, value) in self.ints.iter_mut().zip(ints) {
            column.push(value);
        }
        self.floats[0].push(event.rating);
        self.floats[1].push(event.propensity);
        self.times[0].push(event.occurred_at);
        self.times[1].push(event.received_at);
        for (column, value) in self.texts.iter_mut().zip(texts_of(event)) {
            column.push(value);
        }
    }

    /// Returns the number of lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Returns whether there is no line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Returns the columns as a frame in the order of [`EVENTS`].
    ///
    /// # Panics
    /// Never: the columns of each kind are as many as the table has, which a test shows.
    #[must_use]
    pub fn into_frame(self) -> Frame {
        let mut ints = self.ints.into_iter();
        let mut floats = self.floats.into_iter();
        let mut times = self.times.into_iter();
        let mut texts = self.texts.into_iter();
        let mut ids = Some(self.ids);
        let mut frame = Frame::default();
        for field in EVENTS.fields {
            use crate::frame::Kind;
            let column = match field.kind {
                Kind::Id => ids.take().map(Column::Id),
                Kind::Int => ints.next().map(Column::Int),
                Kind::Float => floats.next().map(Column::Float),
                Kind::Time => times.next().map(Column::Time),
                Kind::Text => texts.next().map(Column::Text),
                Kind::Bool => None,
            };
            frame = frame.with(field.name, column.expect("a test counts the columns of each kind"));
        }
        frame
    }
}

/// Returns the text values in the order in which text columns stand in [`EVENTS`].
fn texts_of<'a>(event: &Event<'a>) -> [Option<&'a str>; 20] {
    [
        event.message_id,
        Some(event.source),
        Some(event.kind.name()),
        event.customer,
        event.session,
        event.product,
        event.currency,
        event.order,
        event.query,
        event.placement,
        event.campaign,
        event.creative,
        event.decision,
        event.experiment,
        event.variant,
        event.channel,
        event.device,
        event.store,
        event.country,
        event.extra,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_lands_in_the_column_of_its_name() {
        let mut event = Event::new("file", EventKind::AdShown, 7);
        event.line = 1;
        event.quantity = 2;
        event.unit_price = 3;
        event.amount = 4;
        event.position = 5;
        event.rating = 0.5;
        event.propensity = 0.25;
        event.received_at = 8;
        event.customer = Some("c");
        event.order = Some("o");
        event.variant = Some("v");
        event.extra = Some("{}");
        let mut events = Events::default();
        events.push(&event);
        let frame = events.into_frame();
        assert_eq!(frame.names().len(), EVENTS.fields.len());
        for (name, value) in
            [("line", 1), ("quantity", 2), ("unit_price", 3), ("amount", 4), ("position", 5)]
        {
            assert_eq!(frame.int(name).unwrap(), [value], "{name}");
        }
        assert_eq!(frame.float("rating").unwrap(), [0.5]);
        assert_eq!(frame.float("propensity").unwrap(), [0.25]);
        assert_eq!(frame.time("occurred_at").unwrap(), [7]);
        assert_eq!(frame.time("received_at").unwrap(), [8]);
        for (name, value) in [
            ("source", "file"),
            ("kind", "ad_shown"),
            ("customer", "c"),
            ("order", "o"),
            ("variant", "v"),
            ("extra", "{}"),
        ] {
            assert_eq!(frame.text(name).unwrap().get(0), Some(value), "{name}");
        }
        assert_eq!(frame.text("query").unwrap().get(0), None);
    }

    #[test]
    fn names_of_kinds_read_back() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_name(kind.name()), *kind);
        }
    }
}
