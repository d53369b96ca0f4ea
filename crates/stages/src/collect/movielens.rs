//! Ratings of films: `user item rating time`, in the four spellings in which they are passed around.

use rustc_hash::FxHashMap;
use shopwise_model::{Event, EventKind};
use shopwise_store::source::RawBatch;

use super::sink::Sink;
use super::{Importer, Opening};
use crate::error::Result;

/// The columns of the spellings without a header.
pub(super) const COLUMNS: &[&str] = &["user", "item", "rating", "timestamp"];

pub(super) fn open(opening: &Opening<'_>) -> Result<Box<dyn Importer>> {
    let header = &opening.header;
    Ok(Box::new(MovieLens {
        user: header.need(&["user", "user_id", "userId"])?,
        item: header.need(&["item", "item_id", "movie_id", "movieId"])?,
        rating: header.find(&["rating"]),
        time: header.need(&["timestamp", "time"])?,
        repeats: FxHashMap::default(),
    }))
}

struct MovieLens {
    user: usize,
    item: usize,
    rating: Option<usize>,
    time: usize,
    /// How often each row stood in the file: equal rows stay.
    repeats: FxHashMap<Vec<u8>, i64>,
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
        let text =
            |column| std::str::from_utf8(batch.field(row, column)).unwrap_or_default().trim();
        let (user, item, time) = (text(self.user), text(self.item), text(self.time));
        if user.is_empty() || item.is_empty() {
            let field = if user.is_empty() { "user" } else { "item" };
            sink.refuse(line, field, b"", "must not be empty");
            return None;
        }
        let stars = match self.rating.map(text) {
            None => f64::NAN,
            Some(stars) => match stars.parse::<f64>() {
                Ok(stars) if stars.is_finite() => stars,
                _ => {
                    sink.refuse(line, "rating", stars.as_bytes(), "not a number");
                    return None;
                }
            },
        };
        // Seconds reach 10^11 in the year 5138.
        let seconds = time.parse().ok().filter(|seconds: &f64| seconds.abs() < 1e11);
        let Some(seconds) = seconds else {
            sink.refuse(line, "timestamp", time.as_bytes(), "not seconds since 1970");
            return None;
        };
        let content = [user, item, time, &stars.to_string()].join("\x1f").into_bytes();
        let repeat = self.repeats.entry(content.clone()).or_insert(0);
        let customer = sink.pseudonym(user);
        sink.product(item, None);
        let mut event = Event::new(source, EventKind::ProductReviewed, (seconds * 1e6) as i64);
        event.line = *repeat;
        *repeat += 1;
        event.customer = Some(&customer);
        event.product = Some(item);
        event.rating = stars;
        sink.push(&event, &content);
        Some(())
    }
}
