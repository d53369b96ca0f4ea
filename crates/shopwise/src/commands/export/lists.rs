//! Lists of everybody for a scene, as the server would give them this moment: for letters, and for
//! shops that show what was worked out overnight.

use std::sync::Arc;

use anyhow::{Result, bail};
use shopwise_model::frame::{Column, Frame, Texts};
use shopwise_stages::Shop;
use shopwise_stages::prepare::follow;
use shopwise_stages::profile::segments::definitions;
use shopwise_stages::recommend::engine::{
    Engine, House, LENGTH_MAX, Listed, Page, Question, Scene, Styles,
};
use shopwise_stages::recommend::rules::Rules;

use crate::commands::{init, now, open};
use crate::live::profiled::Profiled;
use crate::live::ruled;
use crate::live::visitor::visitor;

/// Customers whose lists are written at once.
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
    folder: &std::path::Path,
    (scene, length): (Scene, usize),
    mut each: impl FnMut(Frame) -> Result<()>,
) -> Result<()> {
    if !(1..=LENGTH_MAX).contains(&length) {
        bail!("--size must be from 1 to {LENGTH_MAX} for lists, got `{length}`");
    }
    let engine = Engine::open(shop)?;
    let (rules, styles) = (Rules::new(shop.ledger.rules()?)?, Styles::new(&shop.settings)?);
    let style = styles.of(scene);
    let state = follow::state(shop)?;
    let defined = definitions(shop)?.definitions;
    let segments = match defined.is_empty() {
        true => None,
        false => {
            let inbox = open::inbox_to_read(folder, &shop.settings)?;
            Some(ruled::computed(shop, &inbox, &defined)?)
        }
    };
    let profiled = Profiled::read(shop)?;
    let at = now();
    let mut part = Part::default();
    for code in state.newest(usize::MAX) {
        let (person, names) = state.names_of(code);
        // A person of several names is asked for once, under the first of those that are known.
        if names.iter().find_map(|name| state.customer(name)) != Some(code) {
            continue;
        }
        let mut visitor = visitor(&state, &shop.vault, &person, at);
        if scene == Scene::Cart && visitor.cart.is_empty() {
            continue;
        }
        if let Some(segments) = &segments {
            let own = segments.of(&person).map(|(segment, _)| segment.id.clone());
            visitor.segments = own.collect();
        }
        let own = profiled.of(names.iter().map(AsRef::as_ref));
        visitor.segments.extend(own.map(|own| own.id.clone()));
        let decision = init::new_id(at);
        let page = Page { n: length, filter: None, at };
        let question = Question { scene, visitor: &visitor, products: &[], page };
        let house = House { rules: &rules, style: &style, seed: House::seed(&decision) };
        let (answer, _) = engine.list_in(&question, &house)?;
        part.add(&decision, &person, &answer.items);
        if part.lists == PART {
            each(std::mem::take(&mut part).into_frame())?;
        }
    }
    each(part.into_frame())
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
    use super::*;

    #[test]
    fn lists_of_everybody_need_no_product() {
        assert!(scene("e-mail").is_ok() && scene("cart").is_ok());
        let told = scene("product").unwrap_err().to_string();
        assert!(told.ends_with("got `product`") && told.contains("win-back"), "{told}");
    }
}
