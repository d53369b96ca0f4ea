//! Learned audiences: who will like a product, a brand, a category.
//!
//! The model that recommends is asked the other way round: of everybody with a history, how much it
//! says for the products that are meant, added up. What is merely popular says nothing about
//! anybody, so that a shop in which it alone serves has no audiences.

use shopwise_learn::recommend::{Scored, recommend_all};
use shopwise_model::Product;
use shopwise_model::frame::{Column, Frame, Texts};

use super::NAME;
use super::log::{Log, TEST};
use super::serving::Serving;
use super::table::translated;
use crate::error::{Error, Result};
use crate::shop::Shop;

/// How products are meant: by their identifier, their brand or their category.
const KINDS: [&str; 3] = ["product", "brand", "category"];

/// Returns the `size` customers who will most like what is meant, `product:ID`, `brand:NAME` or
/// `category:NAME`: `customer`, `rank` from 1, `score` above 0.
///
/// # Errors
/// Store errors; when nothing is meant that the model knows, or no model serves.
pub fn audience(shop: &Shop, meant: &str, size: usize) -> Result<Frame> {
    let catalog = shop.ledger.products()?;
    let Some(serving) = Serving::open(shop, NAME)? else {
        let what = "no model of recommendations serves but what is popular";
        return Err(Error::Wrong(format!("{what}\nhint: `shopwise run` looks for a better one")));
    };
    let wanted = wanted(&serving, &catalog, meant)?;
    let log = Log::read(&shop.lake, &catalog, &|_| {})?;
    let known = translated(&log, &log.until(TEST)?, serving.products())?;
    let count = wanted.iter().filter(|is_wanted| **is_wanted).count();
    let options = serving.options(count, Some(&wanted));
    let has_history = |user: &u32| !known.row(*user as usize).0.is_empty();
    let users: Vec<u32> = (0..known.n_users() as u32).filter(has_history).collect();
    let lists = recommend_all(&*serving.model, &known, &users, &options);
    // What fills lists up has scores of 0 and less.
    let total = |list: &[Scored]| list.iter().map(|one| one.score.max(0.0)).sum::<f32>();
    let scored = lists.iter().map(|(user, list)| (total(list), user));
    let mut scored: Vec<(f32, u32)> = scored.filter(|(score, _)| *score > 0.0).collect();
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.truncate(size);
    let names: Texts =
        scored.iter().map(|(_, user)| log.customers[*user as usize].as_str()).collect();
    Ok(Frame::default()
        .with("customer", Column::Text(names))
        .with("rank", Column::Int((1..).take(scored.len()).collect()))
        .with("score", Column::Float(scored.iter().map(|(score, _)| f64::from(*score)).collect())))
}

/// Returns for each product of the model whether it is meant.
fn wanted(serving: &Serving, catalog: &[Product], meant: &str) -> Result<Vec<bool>> {
    let parts = meant.split_once(':').filter(|(kind, _)| KINDS.contains(kind));
    let Some((kind, name)) = parts else {
        let kinds = "product:ID, brand:NAME or category:NAME";
        return Err(Error::Wrong(format!("`{meant}` is no audience: it reads {kinds}")));
    };
    let mut wanted = vec![false; serving.products().len()];
    let mut mark = |id: &str| {
        if let Some(place) = serving.index_of(id) {
            wanted[place as usize] = true;
        }
    };
    if kind == "product" {
        mark(name);
    } else {
        let is_meant = |product: &&Product| {
            let own = if kind == "brand" { &product.brand } else { &product.category };
            own.as_deref() == Some(name)
        };
        catalog.iter().filter(is_meant).for_each(|product| mark(&product.id));
    }
    if wanted.contains(&true) {
        return Ok(wanted);
    }
    Err(Error::Wrong(format!(
        "the model knows no product of `{meant}`\nhint: `shopwise run recommend` makes it know new \
         ones"
    )))
}
