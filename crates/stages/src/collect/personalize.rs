//! The data sets of Amazon Personalize as CSV: Interactions, Items and Users. Columns are named in
//! capitals, times are seconds since 1970, several values of one column have a bar between them.
//! Which of the three a file is, its columns say.

use super::columns::Header;
use super::entities::{Column, Holds, Items, Users};
use super::interactions::Interactions;
use super::{Importer, Opening};
use crate::error::Result;

const USER: &[&str] = &["USER_ID"];
const ITEM: &[&str] = &["ITEM_ID"];
const TIME: &[&str] = &["TIMESTAMP"];
const TITLE: &[&str] = &["TITLE", "NAME", "PRODUCT_NAME", "ITEM_NAME"];
const CATEGORY: &[&str] = &["CATEGORY", "CATEGORIES", "GENRES", "GENRE"];
/// The levels of a shop's categories, as Personalize calls them where it knows that it is a shop.
const LEVELS: [&[&str]; 3] = [&["CATEGORY_L1"], &["CATEGORY_L2"], &["CATEGORY_L3"]];

pub(super) fn open(opening: &Opening<'_>) -> Result<Box<dyn Importer>> {
    let header = &opening.header;
    match (header.find(USER), header.find(ITEM)) {
        (Some(_), Some(item)) => interactions(opening, item),
        (Some(id), None) => Ok(Box::new(Users { id, others: others(header, &[Some(id)]) })),
        (None, Some(id)) => Ok(items(header, id)),
        (None, None) => header.need(ITEM).map(|id| items(header, id)),
    }
}

fn interactions(opening: &Opening<'_>, item: usize) -> Result<Box<dyn Importer>> {
    let header = &opening.header;
    let mut rows = Interactions::new(opening, item, header.need(TIME)?);
    (rows.user, rows.kind) = (header.find(USER), header.find(&["EVENT_TYPE"]));
    (rows.value, rows.device) =
        (header.find(&["EVENT_VALUE"]), header.find(&["DEVICE", "DEVICE_TYPE"]));
    let used = [rows.user, Some(item), Some(rows.time), rows.kind, rows.value, rows.device];
    rows.others = others(header, &used);
    Ok(Box::new(rows))
}

fn items(header: &Header, id: usize) -> Box<dyn Importer> {
    let levels: Vec<usize> = LEVELS.iter().filter_map(|names| header.find(names)).collect();
    let levels =
        if levels.is_empty() { header.find(CATEGORY).into_iter().collect() } else { levels };
    let title = header.find(TITLE);
    let [brand, price] = [header.find(&["BRAND"]), header.find(&["PRICE"])];
    let since = header.find(&["CREATION_TIMESTAMP"]);
    let mut used = vec![Some(id), title, brand, price, since];
    used.extend(levels.iter().copied().map(Some));
    let categories = levels.into_iter().map(|at| column(header, at, Holds::Texts('|'))).collect();
    let others = others(header, &used);
    Box::new(Items { id, title, categories, brand, price, since, others })
}

/// Returns the columns that are not used.
fn others(header: &Header, used: &[Option<usize>]) -> Vec<Column> {
    let rest = (0..header.names().len()).filter(|at| !used.contains(&Some(*at)));
    rest.map(|at| column(header, at, Holds::Anything)).collect()
}

fn column(header: &Header, at: usize, holds: Holds) -> Column {
    let name = header.names().get(at).map(|name| name.trim().to_lowercase());
    Column { at, name: name.unwrap_or_default(), holds }
}
