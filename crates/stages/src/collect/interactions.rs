//! Tables of interactions, as recommenders exchange them: who, with what, when, and what he did.

use serde_json::{Map, Value};
use shopwise_model::{Event, EventKind};
use shopwise_store::source::RawBatch;

use super::catalogue::Mention;
use super::csv_map::complete;
use super::entities::Column;
use super::identity::names_nobody;
use super::keys::Identity;
use super::kinds::Kinds;
use super::pseudonyms::Who;
use super::segment::kept_of_thing;
use super::sink::Sink;
use super::values::{Reason, field, number, seconds};
use super::{Importer, Opening};
use crate::error::Result;

/// Where the columns of interactions stand.
#[derive(Debug)]
pub(super) struct Interactions {
    pub(super) user: Option<usize>,
    /// Who it was where no user is named.
    pub(super) session: Option<usize>,
    pub(super) item: usize,
    /// Seconds since 1970.
    pub(super) time: usize,
    /// The name of what was done.
    pub(super) kind: Option<usize>,
    /// Stars, or whatever the kind measures.
    pub(super) value: Option<usize>,
    pub(super) device: Option<usize>,
    /// What has no column of ours: kept in `extra`.
    pub(super) others: Vec<Column>,
    /// What rows are that do not say it.
    pub(super) default_kind: EventKind,
    kinds: Kinds,
    content: Vec<u8>,
}

/// What is wrong with a row: column, value, reason.
pub(super) type Wrong<'b> = (String, &'b str, Reason);

impl Interactions {
    /// Returns an importer of rows with these columns for who, what and when.
    pub(super) fn new(opening: &Opening<'_>, item: usize, time: usize) -> Self {
        Self {
            user: None,
            session: None,
            item,
            time,
            kind: None,
            value: None,
            device: None,
            others: Vec::new(),
            default_kind: EventKind::ProductViewed,
            kinds: Kinds::new(opening.options),
            content: Vec::new(),
        }
    }
}

impl Importer for Interactions {
    fn rows(&mut self, batch: &RawBatch, sink: &mut Sink<'_>) -> Result<()> {
        let (source, currency) = (sink.source(), sink.currency());
        for row in 0..batch.rows() {
            sink.read_row();
            if let Err((field, value, reason)) = self.row(batch, row, sink, &source, &currency) {
                sink.refuse(batch.line(row), &field, value.as_bytes(), reason);
            }
        }
        Ok(())
    }
}

impl Interactions {
    fn row<'b>(
        &mut self,
        batch: &'b RawBatch,
        row: usize,
        sink: &mut Sink<'_>,
        source: &str,
        currency: &str,
    ) -> std::result::Result<(), Wrong<'b>> {
        let text = |column: Option<usize>| field(batch, row, column);
        let wrong = |field: &str, value, reason| (field.to_owned(), value, reason);
        let item = text(Some(self.item)).ok_or(wrong("item", "", "must not be empty"))?;
        let time = text(Some(self.time)).unwrap_or_default();
        let at = seconds(time).map_err(|reason| wrong("timestamp", time, reason))?;
        let session = text(self.session);
        let user = text(self.user).filter(|user| !names_nobody(user));
        let who = user.map(|user| (Who::Customer, user));
        let who = who.or_else(|| Some((Who::Anonymous, session?)));
        let (who, name) = who.ok_or(wrong("user", text(self.user).unwrap_or_default(), NOBODY))?;
        let done = text(self.kind);
        let kind = match done {
            Some(name) => self.kinds.of_feedback(name),
            None => self.kinds.said("").unwrap_or(self.default_kind),
        };
        let value = text(self.value);
        let measure = value.map(number).transpose();
        let measure =
            measure.map_err(|reason| wrong("value", value.unwrap_or_default(), reason))?;
        let mut event = Event::new(source, kind, at);
        (event.product, event.session, event.device) = (Some(item), session, text(self.device));
        event.currency = Some(currency);
        let mut extra = Map::new();
        if kind == EventKind::ProductReviewed {
            event.rating = measure.unwrap_or(f64::NAN);
        } else if let Some(measure) = measure {
            extra.insert("feedback_value".to_owned(), measure.into());
        }
        if let Some(name) = done {
            extra.insert("feedback".to_owned(), name.into());
            if kind == EventKind::Other {
                extra.insert("event".to_owned(), name.into());
            }
        }
        for column in &self.others {
            let value = column.value(batch, row)?;
            extra.insert(column.name.clone(), value);
        }
        let extra = kept_of_thing(&extra);
        let extra = (!extra.is_empty()).then(|| Value::Object(extra).to_string());
        event.extra = extra.as_deref();
        complete(&mut event).map_err(|reason| wrong("value", "", reason))?;
        let customer = sink.pseudonym(who, name);
        event.customer = Some(&customer);
        sink.catalogue.mention(item, &Mention::default());
        self.content.clear();
        for column in 0..batch.columns() {
            self.content.extend_from_slice(batch.field(row, column));
            self.content.push(0x1f);
        }
        sink.push(&event, Identity::Row(&self.content));
        Ok(())
    }
}

/// Why a row without a user is refused.
pub(super) const NOBODY: Reason = "must name somebody";
