//! Tastes that are expected: categories and brands that a customer's list holds more of than the
//! lists of all do.
//!
//! Tags say what somebody did turn to; this is what those like him turn to, or what lies near it
//! among the factors: whatever the model that serves goes by. Places in a list count with the
//! discount of nDCG (Järvelin & Kekäläinen 2002). Products that only fill a list up say nothing
//! about anybody.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use shopwise_model::Product;
use shopwise_model::frame::{Column, Frame, NULL_CODE, Texts};

use super::serving::POPULAR;
use crate::error::Result;

/// How many times everybody's share a customer's own must be.
const LIFT_MIN: f64 = 1.5;

/// Tastes of one kind that are named.
const OF_A_KIND: usize = 3;

/// What everybody's share counts beside a list: as much as its first place.
const PRIOR: f64 = 1.0;

/// What names a product within a kind.
type Naming = fn(&Product) -> Option<&str>;

/// The kinds of tastes.
const KINDS: [(&str, Naming); 2] = [
    ("category", |product| product.category.as_deref()),
    ("brand", |product| product.brand.as_deref()),
];

/// A taste: of which customer and of what, by codes; share and lift.
struct Expected {
    customer: u32,
    kind: &'static str,
    name: u32,
    share: f64,
    lift: f64,
}

/// Returns the tastes that the rows of the table of recommendations let expect, but for the
/// (customer, tag) that customers want gone.
pub(super) fn rows(
    lists: &Frame,
    catalog: &[Product],
    hidden: &[(String, String)],
) -> Result<Frame> {
    let (customers, products) = (lists.text("customer")?, lists.text("product")?);
    let (ranks, reasons) = (lists.int("rank")?, lists.text("reason")?);
    let places: FxHashMap<&str, &Product> =
        catalog.iter().map(|product| (product.id.as_str(), product)).collect();
    let mut names = Texts::default();
    let mut found: Vec<Expected> = Vec::new();
    for (kind, of) in KINDS {
        let own_names: Vec<u32> = products
            .values()
            .iter()
            .map(|id| match places.get(id.as_ref()).and_then(|product| of(product)) {
                Some(name) => names.intern(name),
                None => NULL_CODE,
            })
            .collect();
        let entry = |row: usize| {
            let name = *own_names.get(*products.codes().get(row)? as usize)?;
            let says = name != NULL_CODE && reasons.get(row) != Some(POPULAR);
            says.then(|| (name, 1.0 / (ranks[row] as f64 + 1.0).log2()))
        };
        let everybody = sums((0..lists.rows()).filter_map(entry));
        let mut row = 0;
        for list in customers.codes().chunk_by(|a, b| a == b) {
            let own = sums((row..row + list.len()).filter_map(entry));
            row += list.len();
            let taste =
                |(name, share, lift)| Expected { customer: list[0], kind, name, share, lift };
            found.extend(strongest(&own, &everybody).into_iter().map(taste));
        }
    }
    let names = names.values();
    let tag = |one: &Expected| format!("{}:{}", one.kind, names[one.name as usize]);
    let customer = |one: &Expected| customers.values()[one.customer as usize].as_ref();
    let hidden: FxHashSet<(&str, &str)> =
        hidden.iter().map(|(customer, tag)| (customer.as_str(), tag.as_str())).collect();
    found.retain(|one| !hidden.contains(&(customer(one), tag(one).as_str())));
    let tags: Vec<String> = found.iter().map(tag).collect();
    Ok(Frame::default()
        .with("customer", Column::Text(found.iter().map(customer).collect()))
        .with("tag", Column::Text(tags.iter().map(String::as_str).collect()))
        .with("kind", Column::Text(found.iter().map(|one| one.kind).collect()))
        .with(
            "name",
            Column::Text(found.iter().map(|one| names[one.name as usize].as_ref()).collect()),
        )
        .with("share", Column::Float(found.iter().map(|one| one.share).collect()))
        .with("lift", Column::Float(found.iter().map(|one| one.lift).collect())))
}

fn sums(entries: impl Iterator<Item = (u32, f64)>) -> BTreeMap<u32, f64> {
    let mut sums = BTreeMap::new();
    for (name, weight) in entries {
        *sums.entry(name).or_insert(0.0) += weight;
    }
    sums
}

/// Returns (name, share, lift) of what a list holds more of, the largest share first.
fn strongest(own: &BTreeMap<u32, f64>, everybody: &BTreeMap<u32, f64>) -> Vec<(u32, f64, f64)> {
    let [all, of_all]: [f64; 2] = [own, everybody].map(|sums| sums.values().sum());
    let taste = |(name, weight): (&u32, &f64)| {
        let expected = everybody.get(name)? / of_all;
        let share = (weight + PRIOR * expected) / (all + PRIOR);
        (share >= LIFT_MIN * expected).then(|| (*name, share, share / expected))
    };
    let mut found: Vec<_> = own.iter().filter_map(taste).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    found.truncate(OF_A_KIND);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_shoes_among_lists_of_cups_is_a_taste_for_shoes() {
        let product = |id: &str, category: &str| Product {
            id: id.to_owned(),
            category: Some(category.to_owned()),
            ..Product::default()
        };
        let catalog = [product("boot", "shoes"), product("mug", "cups"), product("jug", "cups")];
        let rows = [
            ("ann", "boot", 1, "bought"),
            ("ann", "mug", 2, POPULAR),
            ("bob", "mug", 1, "bought"),
            ("bob", "jug", 2, "bought"),
            ("cem", "jug", 1, "viewed"),
            ("cem", "boot", 2, POPULAR),
        ];
        let lists = Frame::default()
            .with("customer", Column::Text(rows.iter().map(|row| row.0).collect()))
            .with("product", Column::Text(rows.iter().map(|row| row.1).collect()))
            .with("rank", Column::Int(rows.iter().map(|row| row.2).collect()))
            .with("reason", Column::Text(rows.iter().map(|row| row.3).collect()));
        let found = super::rows(&lists, &catalog, &[]).unwrap();
        assert_eq!(found.rows(), 1, "{found:?}");
        assert_eq!(found.text("customer").unwrap().get(0), Some("ann"));
        assert_eq!(found.text("tag").unwrap().get(0), Some("category:shoes"));
        // Everybody: shoes 1 of 3 first places and one second, whose discount is 1/log2(3).
        let everybody = 1.0 / (3.0 + 1.0 / 3_f64.log2());
        let share = (1.0 + everybody) / 2.0;
        assert!((found.float("share").unwrap()[0] - share).abs() < 1e-12);
        assert!((found.float("lift").unwrap()[0] - share / everybody).abs() < 1e-12);
        let hidden = [("ann".to_owned(), "category:shoes".to_owned())];
        assert_eq!(super::rows(&lists, &catalog, &hidden).unwrap().rows(), 0);
    }
}
