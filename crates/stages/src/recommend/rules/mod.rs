//! The merchant's rules: what must stand in lists, what may not, and what is worth more there.
//!
//! [`Rules`] are rules that were read and checked; [`Rules::holding`] are those that hold in a
//! scene, for a customer, at a moment. [`apply`] lets them work on the candidates of a list before
//! it is composed. What two rules want of one product or place goes to the earlier in this order,
//! within a kind to that of the greater priority, of equal ones to that of the smaller identifier:
//!
//! 1. exclude: the product is in no list, whatever else speaks for it;
//! 2. sponsored: the best of its products stand at its positions;
//! 3. pin: the best of its products stands at its position;
//! 4. quota: so many of its products stand among the first, after what is fixed;
//! 5. boost and bury: relevance times the factors of all that hold.
//!
//! No rule brings in what may not be shown: what is hidden, sold out, out of its time or refused by
//! a filter stands nowhere.

mod apply;
mod check;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::Serialize;
use shopwise_model::Rule;
use shopwise_model::rule::Kind;

use super::engine::{Filter, Scene, Visitor};
use crate::error::{Error, Result};

pub use apply::{Applied, Ground, Outcome, Told, apply};
pub use check::{Warning, warnings};

/// Rules of one shop: each is asked for every candidate of every list.
pub const RULES_MAX: usize = 500;

/// A rule that was read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The rule.
    pub rule: Rule,
    /// Which products it is about.
    pub filter: Arc<Filter>,
}

/// The rules of a shop, in the order of precedence.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    all: Vec<Arc<Held>>,
}

impl Held {
    /// Reads and checks a rule.
    ///
    /// # Errors
    /// What is wrong with it, and what is allowed.
    pub fn new(rule: Rule) -> Result<Self> {
        check::check(&rule)?;
        let filter = Filter::read(&rule.products).map_err(|mistake| {
            let id = &rule.id;
            let what = [format!("the products of rule `{id}`"), format!("规则 `{id}` 的商品条件")];
            Error::Wrong(mistake.behind(what.each_ref().map(String::as_str)))
        })?;
        Ok(Self { rule, filter: Arc::new(filter) })
    }
}

impl Rules {
    /// Reads and checks rules.
    ///
    /// # Errors
    /// What is wrong with the first wrong one; too many of them; two of one identifier.
    pub fn new(rules: Vec<Rule>) -> Result<Self> {
        if rules.len() > RULES_MAX {
            let got = rules.len();
            return Err(Error::Wrong(format!("at most {RULES_MAX} rules, got `{got}`")));
        }
        let held = rules.into_iter().map(|rule| Ok(Arc::new(Held::new(rule)?)));
        let mut all = held.collect::<Result<Vec<_>>>()?;
        all.sort_by(|a, b| a.rule.id.cmp(&b.rule.id));
        if let Some(two) = all.windows(2).find(|two| two[0].rule.id == two[1].rule.id) {
            return Err(Error::Wrong(format!("there are two rules `{}`", two[0].rule.id)));
        }
        // Sorted by identifier already, which decides where the rest is equal.
        all.sort_by_key(|held| (rank(&held.rule.kind), std::cmp::Reverse(held.rule.priority)));
        Ok(Self { all })
    }

    /// Returns these rules with one more, which takes the place of that of its identifier.
    ///
    /// # Errors
    /// As [`Rules::new`].
    pub fn with(&self, rule: &Rule) -> Result<Self> {
        let others = self.all.iter().map(|held| &held.rule).filter(|own| own.id != rule.id);
        Self::new(others.cloned().chain([rule.clone()]).collect())
    }

    /// Returns all rules, in the order of precedence.
    #[must_use]
    pub fn all(&self) -> &[Arc<Held>] {
        &self.all
    }

    /// Returns the rule of an identifier.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.all.iter().map(|held| &held.rule).find(|rule| rule.id == id)
    }

    /// Returns those that hold in a scene, for a customer, at a moment. While it is not known in
    /// which segments he is, what is excluded for some is excluded, and nothing else holds that
    /// asks for them.
    #[must_use]
    pub fn holding(&self, scene: Scene, visitor: &Visitor, at: i64) -> Vec<Arc<Held>> {
        let holds_for = |held: &Held| match visitor.lacks_segments {
            true if held.rule.kind == Kind::Exclude => true,
            true => held.rule.segment.is_none() && !held.filter.needs_segments(),
            false => held.rule.holds_for(&visitor.segments),
        };
        let holds = |held: &Held| {
            held.rule.holds_at(at) && held.rule.holds_in(scene.name()) && holds_for(held)
        };
        self.all.iter().filter(|held| holds(held)).cloned().collect()
    }
}

impl Serialize for Rules {
    fn serialize<S: serde::Serializer>(&self, out: S) -> std::result::Result<S::Ok, S::Error> {
        out.collect_seq(self.all.iter().map(|held| &held.rule))
    }
}

/// Returns the place of a kind in the order of precedence.
fn rank(kind: &Kind) -> u8 {
    match kind {
        Kind::Exclude => 0,
        Kind::Sponsored { .. } => 1,
        Kind::Pin { .. } => 2,
        Kind::Quota { .. } => 3,
        Kind::Boost { .. } | Kind::Bury { .. } => 4,
    }
}
