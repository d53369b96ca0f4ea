//! Lists of everybody for a scene, as the server would give them this moment: for letters, and for
//! shops that show what was worked out overnight.
//!
//! What customers did is known up to when the lists are begun, the events included that are on
//! their way into the lake. A million lists take minutes: each part of them is made at its own
//! moment, of the catalogue and the rules as they are then.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use shopwise_learn::slate::{Exploration, Style};
use shopwise_model::frame::{Column, Frame, Texts};
use shopwise_stages::Shop;
use shopwise_stages::prepare::fold::Replay;
use shopwise_stages::profile::segments::{Segments, definitions};
use shopwise_stages::recommend::engine::{
    Engine, House, LENGTH_MAX, Listed, Page, Question, Scene, Styles, Visitor,
};
use shopwise_stages::recommend::rules::Rules;

use crate::commands::{init, now, open};
use crate::live::profiled::Profiled;
use crate::live::visitor::visitor;
use crate::live::{Known, ruled};

/// Customers whose lists are made of one moment and written at once.
const PART: usize = 5_000;

/// Returns the scene that is meant.
///
/// # Errors
/// When there is no such scene, or its lists want to know about which product they are.
pub(super) fn scene(name: &str) -> Result<Scene> {
    let of_everybody = |scene: Scene| !scene.wants_products() || scene == Scene::Cart;
    match Scene::from_name(name).filter(|scene| of_everybody(*scene)) {
        Some(scene) => Ok(scene),
        None => {
            let all = Scene::ALL.iter().filter(|(_, scene)| of_everybody(*scene));
            let names: Vec<&str> = all.map(|(name, _)| *name).collect();
            bail!("lists of everybody are made for {}, got `{name}`", names.join(", "))
        }
    }
}

/// Gives `each` the lists of everybody of whom something is known, `length` products each:
/// `decision`, `customer`, `position` from 1, `product`, `score`, `propensity`, `reason`.
pub(super) fn write(
    shop: &Shop,
    folder: &Path,
    (scene, length): (Scene, usize),
    mut each: impl FnMut(Frame) -> Result<()>,
) -> Result<()> {
    if !(1..=LENGTH_MAX).contains(&length) {
        bail!("--size must be from 1 to {LENGTH_MAX} for lists, got `{length}`");
    }
    let mut offer = Offer::open(shop)?;
    // What is shown by chance cannot be learned from in time.
    let exploration = Exploration::default();
    let style = Style { exploration, ..Styles::new(&shop.settings)?.of(scene) };
    let everybody = Everybody::read(shop, folder)?;
    let mut part = Part::default();
    for codes in everybody.state.newest(usize::MAX).chunks(PART) {
        offer.refresh()?;
        for code in codes {
            let Some((person, visitor)) = everybody.visitor(*code, offer.at) else { continue };
            if scene == Scene::Cart && visitor.cart.is_empty() {
                continue;
            }
            let decision = init::new_id(offer.at);
            let page = Page { n: length, filter: None, at: offer.at };
            let question = Question { scene, visitor: &visitor, products: &[], page };
            let seed = House::seed(&decision);
            let house = House { rules: &offer.rules, style: &style, seed };
            let (answer, _) = offer.engine.list_in(&question, &house)?;
            part.add(&decision, &person, &answer.items);
        }
        each(std::mem::take(&mut part).into_frame())?;
    }
    // Where there is nobody the file has its columns all the same.
    each(part.into_frame())
}

/// What lists are made of beside the customers, and the moment at which that was so.
struct Offer<'a> {
    shop: &'a Shop,
    engine: Engine,
    rules: Rules,
    /// The changes of the catalogue and of the rules that are known.
    versions: [i64; 2],
    at: i64,
}

impl<'a> Offer<'a> {
    fn open(shop: &'a Shop) -> Result<Self> {
        // Before what is read: what changes meanwhile is noticed with the next part.
        let (at, versions) = (now(), versions(shop)?);
        let (engine, rules) = (Engine::open(shop)?, Rules::new(shop.ledger.rules()?)?);
        Ok(Self { shop, engine, rules, versions, at })
    }

    /// Brings it to this moment.
    fn refresh(&mut self) -> Result<()> {
        let (at, versions) = (now(), versions(self.shop)?);
        if self.versions[0] != versions[0] {
            self.engine.replace_products(self.shop.ledger.products()?);
        }
        if self.versions[1] != versions[1] {
            self.rules = Rules::new(self.shop.ledger.rules()?)?;
        }
        (self.at, self.versions) = (at, versions);
        Ok(())
    }
}

fn versions(shop: &Shop) -> Result<[i64; 2]> {
    Ok([shop.ledger.products_version()?, shop.ledger.rules_version()?])
}

/// Everybody of whom something is known.
struct Everybody<'a> {
    shop: &'a Shop,
    state: Replay,
    segments: Option<Segments>,
    profiled: Profiled,
}

impl<'a> Everybody<'a> {
    fn read(shop: &'a Shop, folder: &Path) -> Result<Self> {
        let inbox = open::inbox_to_read(folder, &shop.settings)?;
        let state = Known::of_now(shop, &inbox)?.state;
        let defined = definitions(shop)?.definitions;
        let segments = match defined.is_empty() {
            true => None,
            false => Some(ruled::computed(shop, &inbox, &defined)?),
        };
        Ok(Self { shop, state, segments, profiled: Profiled::read(shop)? })
    }

    /// Returns the person of a customer, and what is known of it at a moment; `None` where it is
    /// asked for by another of its customers.
    fn visitor(&self, code: u32, at: i64) -> Option<(Arc<str>, Visitor)> {
        let (person, names) = self.state.names_of(code);
        // A person of several names is asked for once, under the first of those that are known.
        if names.iter().find_map(|name| self.state.customer(name)) != Some(code) {
            return None;
        }
        let mut visitor = visitor(&self.state, &self.shop.vault, &person, at);
        if let Some(segments) = &self.segments {
            let own = segments.of(&person).map(|(segment, _)| segment.id.clone());
            visitor.segments = own.collect();
        }
        let own = self.profiled.of(names.iter().map(AsRef::as_ref));
        visitor.segments.extend(own.map(|own| own.id.clone()));
        Some((person, visitor))
    }
}

/// Rows of some lists.
#[derive(Default)]
struct Part {
    lists: usize,
    decisions: Texts,
    customers: Texts,
    positions: Vec<i64>,
    products: Texts,
    scores: Vec<f64>,
    propensities: Vec<f64>,
    reasons: Texts,
}

impl Part {
    fn add(&mut self, decision: &str, customer: &Arc<str>, items: &[Listed]) {
        self.lists += 1;
        for (position, item) in (1..).zip(items) {
            self.decisions.push(Some(decision));
            self.customers.push(Some(customer));
            self.positions.push(position);
            self.products.push(Some(&item.product));
            self.scores.push(f64::from(item.score));
            self.propensities.push(item.propensity);
            self.reasons.push(Some(item.reason));
        }
    }

    fn into_frame(self) -> Frame {
        Frame::default()
            .with("decision", Column::Text(self.decisions))
            .with("customer", Column::Text(self.customers))
            .with("position", Column::Int(self.positions))
            .with("product", Column::Text(self.products))
            .with("score", Column::Float(self.scores))
            .with("propensity", Column::Float(self.propensities))
            .with("reason", Column::Text(self.reasons))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shopwise_model::{Product, Rule, Settings, time};
    use shopwise_store::inbox::{Arrival, Delivery};
    use shopwise_store::ledger::Change;

    use super::*;

    fn shop(folder: &Path) -> Shop {
        init::make(folder, &Settings::default(), [7; 32]).unwrap();
        open::open(folder).unwrap()
    }

    fn product(id: &str) -> Product {
        Product { id: id.to_owned(), title: id.to_owned(), ..Product::default() }
    }

    #[test]
    fn lists_of_everybody_need_no_product() {
        assert!(scene("e-mail").is_ok() && scene("cart").is_ok());
        let told = scene("product").unwrap_err().to_string();
        assert!(told.ends_with("got `product`") && told.contains("win-back"), "{told}");
    }

    #[test]
    fn what_waits_for_the_lake_is_known_to_the_lists() {
        let folder = tempfile::tempdir().unwrap();
        let shop = shop(folder.path());
        shop.ledger.upsert_products(&["p0", "p1", "p2"].map(product), 0).unwrap();
        let customers = || {
            let mut customers = Vec::new();
            let parts = |part: Frame| -> Result<()> {
                let own = part.text("customer")?;
                customers.extend(own.iter().flatten().map(str::to_owned));
                Ok(())
            };
            write(&shop, folder.path(), (Scene::Cart, 3), parts).unwrap();
            customers.dedup();
            customers
        };
        assert_eq!(customers(), Vec::<String>::new());
        let body = json!({
            "type": "track", "event": "Product Added", "messageId": "first", "userId": "ann",
            "timestamp": time::format(now()),
            "properties": { "product_id": "p0", "quantity": 1, "price": 9.5 },
        });
        let (key, body) = ((1_u128 << 64).to_be_bytes(), body.to_string().into_bytes());
        let arrivals = vec![Arrival::Event { key, body }];
        let delivery = Delivery { source: "web".to_owned(), received_at: now(), arrivals };
        let inbox = open::inbox(folder.path(), &shop.settings).unwrap();
        inbox.accept(&[delivery], now()).unwrap();
        assert_eq!(customers(), [shop.vault.pseudonym("customer", "ann")]);
    }

    #[test]
    fn a_later_part_is_made_of_what_is_so_by_then() {
        let folder = tempfile::tempdir().unwrap();
        let shop = shop(folder.path());
        shop.ledger.upsert_products(&[product("p0")], 0).unwrap();
        let mut offer = Offer::open(&shop).unwrap();
        let begun = offer.at;
        let hidden = Product { is_hidden: true, ..product("p0") };
        shop.ledger.upsert_products(&[hidden, product("p1")], 1).unwrap();
        let rule = json!({ "id": "no-p1", "kind": "exclude", "products": "id = \"p1\"" });
        let rule: Rule = serde_json::from_value(rule).unwrap();
        shop.ledger.put_rules(&[rule], &Change { who: "test", at: 1 }).unwrap();
        let told = |offer: &Offer<'_>| {
            let is_hidden = offer.engine.product("p0").map(|product| product.is_hidden);
            (is_hidden, offer.engine.knows("p1"), offer.rules.all().len())
        };
        assert_eq!(told(&offer), (Some(false), false, 0));
        offer.refresh().unwrap();
        assert_eq!(told(&offer), (Some(true), true, 1));
        assert!(offer.at >= begun);
    }
}
