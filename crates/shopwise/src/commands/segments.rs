//! `shopwise segments`: the segments that rules define.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use shopwise_model::frame::{Column, Frame};
use shopwise_model::tables::SEGMENTS;
use shopwise_model::time;
use shopwise_stages::Shop;
use shopwise_stages::language::{About, Expression, Language, Mistake};
use shopwise_stages::profile::segments::{Definition, Member, SEGMENTS_MAX};
use shopwise_store::ledger::SegmentRule;

use super::{now, open};
use crate::ShopFolder;
use crate::live::ruled;

/// The longest name of a segment, in characters.
pub(crate) const NAME_MAX: usize = 200;

/// The longest identifier.
const ID_MAX: usize = 100;

/// Who changes segments on the command line.
const OPERATOR: &str = "command line";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: ShopFolder,
    #[command(subcommand)]
    what: What,
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
}

/// A rule is written as `orders of (category = "tea") within 90 days >= 2`; docs/segments.md says
/// how.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// The segments that rules define
    List,
    /// Says what is wrong with a rule, or how many members it would have
    Check {
        /// The rule
        expression: String,
    },
    /// Defines a segment, or changes it
    Set {
        /// Its identifier
        id: String,
        /// The rule
        expression: String,
        /// Its name for people; the identifier when left out
        #[arg(long)]
        name: Option<String>,
    },
    /// Switches a segment off
    Delete {
        /// Its identifier
        id: String,
    },
}

/// Returns the identifiers of all segments that there are: those of rules that are not off, and
/// those that profiling found.
pub(crate) fn known(shop: &Shop) -> Result<Vec<String>> {
    let ruled = shop.ledger.segment_rules()?.into_iter().filter(|rule| rule.off.is_none());
    let mut all: Vec<String> = ruled.map(|rule| rule.id).collect();
    if shop.lake.version(&SEGMENTS)?.is_some() {
        let found = shop.lake.query("SELECT segment FROM segments")?;
        all.extend(found.text("segment")?.iter().flatten().map(ToOwned::to_owned));
    }
    Ok(all)
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let shop = open::open(&arguments.folder.shop)?;
    match &arguments.what {
        What::List => list(&shop, arguments.json),
        What::Check { expression } => check(&shop, arguments, expression),
        What::Set { id, expression, name } => {
            let name = name.as_deref().unwrap_or(id);
            set(&shop, id, name, expression)?;
            Ok(told(id, "is defined", arguments.json))
        }
        What::Delete { id } => {
            if !shop.ledger.switch_segment_off(id, OPERATOR, now())? {
                bail!("no rule defines a segment `{id}`");
            }
            Ok(told(id, "is switched off", arguments.json))
        }
    }
}

/// Reads a rule of the shop.
pub(crate) fn read(shop: &Shop, expression: &str) -> Result<Expression, Mistake> {
    let zone = TimeZone::get(&shop.settings.time_zone).unwrap_or(TimeZone::UTC);
    Expression::read_in(expression, About::Customers, &zone)
}

/// Returns what is wrong with an identifier.
pub(crate) fn wrong_id(id: &str) -> Option<String> {
    let is_own = |own: char| own.is_alphanumeric() || matches!(own, '-' | '_' | '.');
    let is_right = !id.is_empty() && id.chars().count() <= ID_MAX && id.chars().all(is_own);
    (!is_right).then(|| {
        format!("an identifier has 1 to {ID_MAX} letters, digits, `-`, `_` and `.`, got `{id}`")
    })
}

fn set(shop: &Shop, id: &str, name: &str, expression: &str) -> Result<()> {
    if let Some(why) = wrong_id(id) {
        bail!(why);
    }
    if name.chars().count() > NAME_MAX {
        bail!("the name has more than {NAME_MAX} characters");
    }
    let known = shop.ledger.segment_rules()?;
    if known.iter().filter(|rule| rule.off.is_none() && rule.id != id).count() >= SEGMENTS_MAX {
        bail!("there are {SEGMENTS_MAX} segments already");
    }
    read(shop, expression)?;
    Ok(shop.ledger.put_segment(id, name, expression, OPERATOR, now())?)
}

/// Returns a rule segment as it is shown; how many members it has, where that is known.
pub(crate) fn shown(shop: &Shop, rule: &SegmentRule, members: Option<u64>) -> Value {
    let read = read(shop, &rule.expression);
    let print = |language| read.as_ref().map(|read| read.print(language)).ok();
    let off = rule.off.as_ref().map(|(at, by)| json!({ "at": time::format(*at), "by": by }));
    json!({
        "segment": rule.id, "name": rule.name, "kind": "rule",
        "expression": rule.expression,
        "english": print(Language::English), "chinese": print(Language::Chinese),
        "members": members,
        "created_at": time::format(rule.created_at),
        "changed_at": time::format(rule.changed_at), "changed_by": rule.changed_by,
        "off": off,
    })
}

fn list(shop: &Shop, is_json: bool) -> Result<String> {
    let rules = shop.ledger.segment_rules()?;
    if is_json {
        let all: Vec<Value> = rules.iter().map(|rule| shown(shop, rule, None)).collect();
        return Ok(json!({ "segments": all }).to_string());
    }
    let mut text = String::new();
    for rule in &rules {
        match &rule.off {
            None => writeln!(text, "{:<20} {}  {}", rule.id, rule.name, rule.expression)?,
            Some((at, by)) => {
                let at = time::format(*at);
                writeln!(text, "{:<20} {}  switched off {at} by {by}", rule.id, rule.name)?;
            }
        }
    }
    if text.is_empty() {
        text.push_str(
            "no segment is defined\nnext: shopwise segments set ID 'bought within 30 days'",
        );
    }
    Ok(text.trim_end().to_owned())
}

fn check(shop: &Shop, arguments: &Arguments, expression: &str) -> Result<String> {
    let read = read(shop, expression)?;
    let (english, chinese) = (read.print(Language::English), read.print(Language::Chinese));
    let definition = Definition { id: String::new(), name: String::new(), expression: read };
    let members = members(shop, arguments.folder.shop.as_ref(), definition)?.len();
    Ok(if arguments.json {
        json!({ "ok": true, "english": english, "chinese": chinese, "members": members })
            .to_string()
    } else {
        format!("{english}\n{chinese}\n{members} members")
    })
}

/// Returns the rule that defines a segment, if one does and it is not switched off.
pub(crate) fn rule(shop: &Shop, id: &str) -> Result<Option<SegmentRule>> {
    let rules = shop.ledger.segment_rules()?;
    Ok(rules.into_iter().find(|rule| rule.id == id && rule.off.is_none()))
}

/// Computes the members of a segment that a rule defines, in full.
pub(crate) fn members_of(
    shop: &Shop,
    folder: &std::path::Path,
    rule: &SegmentRule,
) -> Result<Vec<Member>> {
    let expression = read(shop, &rule.expression)?;
    let (id, name) = (rule.id.clone(), rule.name.clone());
    members(shop, folder, Definition { id, name, expression })
}

fn members(shop: &Shop, folder: &std::path::Path, definition: Definition) -> Result<Vec<Member>> {
    let inbox = open::inbox_to_read(folder, &shop.settings)?;
    Ok(ruled::computed(shop, &inbox, &[definition])?.members(0, None, usize::MAX))
}

/// Returns members as a table.
pub(crate) fn table(segment: &str, members: &[Member]) -> Frame {
    let customers = members.iter().map(|member| member.person.as_str()).collect();
    let segments = members.iter().map(|_| segment).collect();
    Frame::default()
        .with("customer", Column::Text(customers))
        .with("segment", Column::Text(segments))
}

fn told(id: &str, told: &str, is_json: bool) -> String {
    if is_json {
        json!({ "segment": id, "told": told }).to_string()
    } else {
        format!("{id} {told}")
    }
}
