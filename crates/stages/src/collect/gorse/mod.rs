//! gorse's users, items and feedback: as its server exports them (JSON lines of `/api/bulk/users`,
//! `/api/bulk/items`, `/api/bulk/feedback`), as `gorse-cli dump` writes them (one binary file of
//! all three), and as its clients send them.
//!
//! An item is a product, a user what the shop says of a customer, feedback an event that keeps its
//! own name.

mod dump;
pub mod log;
mod shapes;

use serde_json::Value;
use shopwise_model::{Event, EventKind};
use shopwise_store::source::RawBatch;

pub use shapes::{Feedback, Item, Object, User, Wrong, categories, is_id, moment, said_to_be};

pub(super) use dump::Dump;

use super::catalogue::{Has, Mention};
use super::csv_map::complete;
use super::keys::Identity;
use super::kinds::Kinds;
use super::pseudonyms::Who;
use super::segment::masked;
use super::sink::Sink;
use super::{Importer, Opening};
use crate::error::Result;

/// What an item says of a product: title, category, and whether it is hidden.
const HAS: Has = [true, true, false, false, false, false, false, true, false, false];

pub(super) fn open(opening: &Opening<'_>) -> Result<Box<dyn Importer>> {
    Ok(Box::new(Gorse { kinds: Kinds::new(opening.options), name: Vec::new() }))
}

struct Gorse {
    kinds: Kinds,
    name: Vec<u8>,
}

impl Importer for Gorse {
    fn rows(&mut self, batch: &RawBatch, sink: &mut Sink<'_>) -> Result<()> {
        let (source, currency) = (sink.source(), sink.currency());
        for row in 0..batch.rows() {
            sink.read_row();
            let (line, text) = (batch.line(row), batch.text(row, 0));
            let Ok(object) = serde_json::from_str::<Object>(text) else {
                sink.refuse(line, "", masked(text).as_bytes(), "not a JSON object");
                continue;
            };
            if let Err(wrong) = self.take(&object, sink, &source, &currency) {
                sink.refuse(line, wrong.field, masked(&wrong.value).as_bytes(), wrong.reason);
            }
        }
        Ok(())
    }
}

impl Gorse {
    fn take(
        &mut self,
        object: &Object,
        sink: &mut Sink<'_>,
        source: &str,
        currency: &str,
    ) -> std::result::Result<(), Wrong> {
        if object.contains_key("FeedbackType") {
            let feedback = Feedback::read(object)?;
            return self.feedback(&feedback, sink, source, currency);
        }
        if object.contains_key("ItemId") {
            sink.catalogue.product(Item::read(object)?.into_product(), HAS);
            return Ok(());
        }
        let user = User::read(object)?;
        let customer = sink.pseudonym(Who::Customer, &user.id);
        sink.describe(user.into_traits(customer.to_string()));
        Ok(())
    }

    fn feedback(
        &mut self,
        feedback: &Feedback,
        sink: &mut Sink<'_>,
        source: &str,
        currency: &str,
    ) -> std::result::Result<(), Wrong> {
        let kind = self.kinds.of_feedback(&feedback.name);
        let Some(at) = feedback.at else {
            return Err(Wrong::new("Timestamp", "", "must not be empty"));
        };
        let mut event = Event::new(source, kind, at);
        event.product = Some(&feedback.item);
        event.currency = Some(currency);
        if kind == EventKind::ProductReviewed {
            event.rating = feedback.value;
        }
        let extra = super::segment::kept_of_thing(&feedback.extra(kind));
        let extra = Value::Object(extra).to_string();
        event.extra = Some(&extra);
        complete(&mut event).map_err(|reason| Wrong::new("Value", "", reason))?;
        let customer = sink.pseudonym(Who::Customer, &feedback.user);
        event.customer = Some(&customer);
        sink.name(&customer, &feedback.user);
        sink.catalogue.mention(&feedback.item, &Mention::default());
        // One that has gained value since an earlier dump is the one that it was.
        self.name.clear();
        for part in [&feedback.name, &feedback.user, &feedback.item] {
            self.name.extend_from_slice(part.as_bytes());
            self.name.push(0x1f);
        }
        self.name.extend_from_slice(&at.to_le_bytes());
        sink.push(&event, Identity::Given(&self.name, 0));
        Ok(())
    }
}
