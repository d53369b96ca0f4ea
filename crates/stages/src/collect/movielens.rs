//! Ratings of films: `user item rating time`, in the four spellings in which they are passed
//! around. A file without users is one of films.

use shopwise_model::{Event, EventKind};
use shopwise_store::source::RawBatch;

use super::catalogue::Mention;
use super::films;
use super::keys::Identity;
use super::pseudonyms::Who;
use super::sink::Sink;
use super::values::{field, number};
use super::{Importer, Opening};
use crate::error::Result;

pub(super) fn open(opening: &Opening<'_>) -> Result<Box<dyn Importer>> {
    let header = &opening.header;
    let user = header.find(&["user", "user_id", "userId"]);
    if user.is_none() && header.find(films::TITLE).is_some() {
        return films::open(opening);
    }
    Ok(Box::new(MovieLens {
        user: header.need(&["user", "user_id", "userId"])?,
        item: header.need(films::ITEM)?,
        rating: header.find(&["rating"]),
        time: header.need(&["timestamp", "time"])?,
        content: Vec::new(),
    }))
}

struct MovieLens {
    user: usize,
    item: usize,
    rating: Option<usize>,
    time: usize,
    content: Vec<u8>,
}

impl Importer for MovieLens {
    fn rows(&mut self, batch: &RawBatch, sink: &mut Sink<'_>) -> Result<()> {
        let source = sink.source();
        for row in 0..batch.rows() {
            sink.read_row();
            self.row(batch, row, sink, &source);
        }
        Ok(())
    }
}

impl MovieLens {
    fn row(
        &mut self,
        batch: &RawBatch,
        row: usize,
        sink: &mut Sink<'_>,
        source: &str,
    ) -> Option<()> {
        let line = batch.line(row);
        let text = |column| field(batch, row, Some(column)).unwrap_or_default();
        let (user, item, time) = (text(self.user), text(self.item), text(self.time));
        if user.is_empty() || item.is_empty() {
            let field = if user.is_empty() { "user" } else { "item" };
            sink.refuse(line, field, b"", "must not be empty");
            return None;
        }
        let stars = match self.rating.map(|column| number(text(column))) {
            None => f64::NAN,
            Some(Ok(stars)) => stars,
            Some(Err(reason)) => {
                sink.refuse(
                    line,
                    "rating",
                    self.rating.map_or(&[], |c| batch.field(row, c)),
                    reason,
                );
                return None;
            }
        };
        // Seconds reach 10^11 in the year 5138.
        let seconds = time.parse().ok().filter(|seconds: &f64| seconds.abs() < 1e11);
        let Some(seconds) = seconds else {
            sink.refuse(line, "timestamp", time.as_bytes(), "not seconds since 1970");
            return None;
        };
        self.content.clear();
        for part in [user, item, time, self.rating.map_or("", text)] {
            self.content.extend_from_slice(part.as_bytes());
            self.content.push(0x1f);
        }
        let customer = sink.pseudonym(Who::Customer, user);
        sink.catalogue.mention(item, &Mention::default());
        let mut event = Event::new(source, EventKind::ProductReviewed, (seconds * 1e6) as i64);
        event.customer = Some(&customer);
        event.product = Some(item);
        event.rating = stars;
        sink.push(&event, Identity::Row(&self.content));
        Some(())
    }
}
