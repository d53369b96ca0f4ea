//! RecBole's atomic files: `.inter`, `.item`, `.user`. Columns are separated by tabs and named
//! `name:type`, with the types `token`, `float`, `token_seq`, `float_seq`; sequences are separated
//! by spaces. Which of the three a file is, its columns say.

use std::path::Path;

use shopwise_model::EventKind;
use shopwise_store::source::OpenOptions;

use super::columns::Header;
use super::entities::{Column, Holds, Items, Users};
use super::interactions::Interactions;
use super::{Importer, Opening};
use crate::error::{Error, Result};

const USER: &[&str] = &["user_id", "user"];
const SESSION: &[&str] = &["session_id", "session"];
const ITEM: &[&str] = &["item_id", "item"];
const TIME: &[&str] = &["timestamp", "time"];
const KIND: &[&str] =
    &["event_type", "action_type", "behavior_type", "behavior", "action", "event"];
const RATING: &[&str] = &["rating"];
const TITLE: &[&str] = &["title", "movie_title", "item_name", "name"];
const CATEGORY: &[&str] = &["categories", "category", "genres", "genre", "class", "tags"];
const BRAND: &[&str] = &["brand", "sales_brand"];
const PRICE: &[&str] = &["price"];

/// Returns how a file is to be opened: a quote is a letter like any other.
pub(super) fn options(_: &Path) -> Result<OpenOptions> {
    Ok(OpenOptions { quotes: false, ..OpenOptions::default() })
}

pub(super) fn open(opening: &Opening<'_>) -> Result<Box<dyn Importer>> {
    let header = &opening.header;
    let (user, item) = (header.find(USER), header.find(ITEM));
    let session = header.find(SESSION);
    match (user, session, item) {
        (None, None, Some(id)) => items(header, id),
        (_, _, Some(_)) => interactions(opening),
        (Some(id), None, None) => Ok(Box::new(Users { id, others: others(header, &[Some(id)])? })),
        (_, _, None) => header.need(ITEM).and_then(|id| items(header, id)),
    }
}

fn interactions(opening: &Opening<'_>) -> Result<Box<dyn Importer>> {
    let header = &opening.header;
    let mut rows = Interactions::new(opening, header.need(ITEM)?, header.need(TIME)?);
    (rows.user, rows.session) = (header.find(USER), header.find(SESSION));
    (rows.kind, rows.value) = (header.find(KIND), header.find(RATING));
    if rows.value.is_some() {
        rows.default_kind = EventKind::ProductReviewed;
    }
    let used = [rows.user, rows.session, Some(rows.item), Some(rows.time), rows.kind, rows.value];
    rows.others = others(header, &used)?;
    Ok(Box::new(rows))
}

fn items(header: &Header, id: usize) -> Result<Box<dyn Importer>> {
    let category = header.find(CATEGORY);
    let [title, brand, price] = [TITLE, BRAND, PRICE].map(|names| header.find(names));
    let used = [Some(id), title, category, brand, price];
    let categories = category.map(|at| column(header, at)).transpose()?.into_iter().collect();
    let others = others(header, &used)?;
    Ok(Box::new(Items { id, title, categories, brand, price, since: None, others }))
}

/// Returns the columns that are not used.
fn others(header: &Header, used: &[Option<usize>]) -> Result<Vec<Column>> {
    let rest = (0..header.names().len()).filter(|at| !used.contains(&Some(*at)));
    rest.map(|at| column(header, at)).collect()
}

fn column(header: &Header, at: usize) -> Result<Column> {
    let whole = header.names().get(at).map_or("", String::as_str);
    let (name, kind) = whole.split_once(':').unwrap_or((whole, "token"));
    let holds = match kind.trim() {
        "token" => Holds::Text,
        "float" => Holds::Number,
        "token_seq" => Holds::Texts(' '),
        "float_seq" => Holds::Numbers(' '),
        other => {
            return Err(Error::Wrong(format!(
                "column `{name}` has the type `{other}`; there are token, float, token_seq and \
                 float_seq"
            )));
        }
    };
    Ok(Column { at, name: name.trim().to_lowercase(), holds })
}
