//! What is wrong with a rule, and what may not be meant so.

use serde::Serialize;
use shopwise_model::Rule;
use shopwise_model::rule::Kind;

use super::{Held, Rules};
use crate::error::{Error, Result};
use crate::recommend::engine::{LENGTH_MAX, Scene};

/// Characters of an identifier, of a name and of a label.
const ID_MAX: usize = 100;
const NAME_MAX: usize = 200;
const LABEL_MAX: usize = 60;

/// Positions that one rule may fill.
const POSITIONS_MAX: usize = 20;

/// The largest factor: from the last candidate to far above the first.
const FACTOR_MAX: f64 = 1000.0;

/// Priorities stay where everybody can read them.
const PRIORITY_MAX: i64 = 1_000_000;

/// What may not be meant so. A rule with a warning holds all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The rule.
    pub rule: String,
    /// What is odd about it.
    pub message: String,
}

/// Checks what JSON cannot say.
pub(super) fn check(rule: &Rule) -> Result<()> {
    let wrong = |what: &str, got: &dyn std::fmt::Display, allowed: &str| {
        Err(Error::Wrong(format!("{what} must be {allowed}, got `{got}` (rule `{}`)", rule.id)))
    };
    let plain = |own: char| own.is_alphanumeric() || "-_.".contains(own);
    if rule.id.is_empty() || rule.id.chars().count() > ID_MAX || !rule.id.chars().all(plain) {
        let allowed = format!("1 to {ID_MAX} letters, digits, `-`, `_` or `.`");
        return wrong("`id`", &rule.id, &allowed);
    }
    if rule.name.chars().count() > NAME_MAX {
        let allowed = format!("at most {NAME_MAX} characters");
        return wrong("`name`", &rule.name.chars().count(), &allowed);
    }
    if let Some(scene) = rule.scenes.iter().find(|name| Scene::from_name(name).is_none()) {
        let names: Vec<&str> = Scene::ALL.iter().map(|(name, _)| *name).collect();
        return wrong("a scene", scene, &format!("one of {}", names.join(", ")));
    }
    if let (Some(from), Some(until)) = (rule.from, rule.until)
        && from >= until
    {
        return wrong("`until`", &shopwise_model::time::format(until), "after `from`");
    }
    if !(-PRIORITY_MAX..=PRIORITY_MAX).contains(&rule.priority) {
        let allowed = format!("from -{PRIORITY_MAX} to {PRIORITY_MAX}");
        return wrong("`priority`", &rule.priority, &allowed);
    }
    check_kind(rule, wrong)
}

fn check_kind(
    rule: &Rule,
    wrong: impl Fn(&str, &dyn std::fmt::Display, &str) -> Result<()>,
) -> Result<()> {
    let places = 1..=LENGTH_MAX;
    let positions = rule.kind.positions();
    if let Some(position) = positions.iter().find(|own| !places.contains(own)) {
        return wrong("a position", position, &format!("from 1 to {LENGTH_MAX}"));
    }
    match &rule.kind {
        Kind::Exclude | Kind::Pin { .. } => Ok(()),
        Kind::Sponsored { positions, label } => {
            let is_twice = |at: usize| positions[..at].contains(&positions[at]);
            if positions.is_empty() || positions.len() > POSITIONS_MAX {
                let allowed = format!("1 to {POSITIONS_MAX}");
                return wrong("the number of positions", &positions.len(), &allowed);
            }
            if let Some(at) = (0..positions.len()).find(|at| is_twice(*at)) {
                return wrong("a position", &positions[at], "named once");
            }
            if label.trim().is_empty() || label.chars().count() > LABEL_MAX {
                return wrong("`label`", label, &format!("1 to {LABEL_MAX} characters"));
            }
            Ok(())
        }
        Kind::Quota { count, share, first } => {
            if !places.contains(first) {
                return wrong("`first`", first, &format!("from 1 to {LENGTH_MAX}"));
            }
            match (count, share) {
                (Some(count), None) if (1..=*first).contains(count) => Ok(()),
                (Some(count), None) => wrong("`count`", count, "from 1 to `first`"),
                (None, Some(share)) if *share > 0.0 && *share <= 1.0 => Ok(()),
                (None, Some(share)) => wrong("`share`", share, "above 0 to 1"),
                _ => wrong("a quota", &"both or neither", "of a `count` or of a `share`"),
            }
        }
        Kind::Boost { factor } if *factor > 1.0 && *factor <= FACTOR_MAX => Ok(()),
        Kind::Boost { factor } => wrong("`factor`", factor, &format!("above 1 to {FACTOR_MAX}")),
        Kind::Bury { factor } if (0.0..1.0).contains(factor) => Ok(()),
        Kind::Bury { factor } => wrong("`factor`", factor, "from 0 to below 1"),
    }
}

/// Returns what may not be meant so at a moment, there being these segments. `matching` counts the
/// products of the catalogue that a rule is about.
#[must_use]
pub fn warnings(
    rules: &Rules,
    at: i64,
    segments: &[String],
    matching: impl Fn(&Held) -> usize,
) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut warn = |rule: &Rule, message: String| {
        found.push(Warning { rule: rule.id.clone(), message });
    };
    for (place, held) in rules.all().iter().enumerate() {
        let rule = &held.rule;
        if !rule.is_on {
            continue;
        }
        if rule.until.is_some_and(|until| until <= at) {
            warn(rule, "its time is over".to_owned());
            continue;
        }
        if matching(held) == 0 {
            warn(rule, "no product of the catalogue is meant by it".to_owned());
        }
        if let Some(segment) = rule.segment.as_ref().filter(|own| !segments.contains(own)) {
            warn(rule, format!("there is no segment `{segment}` now"));
        }
        let others = rules.all()[..place].iter().map(|held| &held.rule);
        for other in others.filter(|other| other.is_on && meet(rule, other)) {
            let positions = rule.kind.positions();
            for position in positions.iter().filter(|at| other.kind.positions().contains(at)) {
                let message = format!("position {position} is wanted by rule `{}`, too", other.id);
                warn(rule, format!("{message}, which has it"));
            }
            if other.kind == Kind::Exclude
                && rule.kind != Kind::Exclude
                && other.products.trim() == rule.products.trim()
            {
                warn(rule, format!("rule `{}` excludes the same products", other.id));
            }
        }
    }
    found
}

/// Returns whether two rules may hold for one list.
fn meet(one: &Rule, other: &Rule) -> bool {
    let scenes = one.scenes.is_empty() || other.scenes.is_empty();
    let in_time = |one: &Rule, other: &Rule| {
        one.from.zip(other.until).is_none_or(|(from, until)| from < until)
    };
    // A customer may be in two segments.
    (scenes || one.scenes.iter().any(|scene| other.scenes.contains(scene)))
        && in_time(one, other)
        && in_time(other, one)
}
