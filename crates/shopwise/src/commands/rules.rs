//! `shopwise rules`: what the merchant wants of lists, as files of JSON.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use shopwise_model::Rule;
use shopwise_stages::Shop;
use shopwise_stages::recommend::rules::{Held, Rules, warnings};
use shopwise_store::ledger::Change;

use super::{now, open, segments};
use crate::ShopFolder;

/// Who changes rules from here.
const WHO: &str = "command line";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: ShopFolder,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Lists the rules as JSON, the first of precedence first
    List,
    /// Says what is wrong with the rules of a file, and what may not be meant so
    Check {
        /// A file with a rule or a list of rules
        file: PathBuf,
    },
    /// Sets the rules of a file; others stay
    Set {
        /// A file with a rule or a list of rules
        file: PathBuf,
    },
    /// Takes a rule away
    Delete {
        /// The rule
        id: String,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let shop = open::open(&arguments.folder.shop)?;
    match &arguments.what {
        What::List => Ok(serde_json::to_string_pretty(&Rules::new(shop.ledger.rules()?)?)?),
        What::Check { file } => {
            let (_, rules) = read(&shop, file)?;
            let told = odd(&shop, &rules)?;
            Ok(json!({ "rules": rules.all().len(), "warnings": told }).to_string())
        }
        What::Set { file } => {
            let (given, rules) = read(&shop, file)?;
            shop.ledger.put_rules(&given, &Change { who: WHO, at: now() })?;
            let told = odd(&shop, &rules)?;
            Ok(json!({ "set": given.len(), "warnings": told }).to_string())
        }
        What::Delete { id } => {
            if !shop.ledger.delete_rule(id, &Change { who: WHO, at: now() })? {
                bail!("there is no rule `{id}`\nhint: `shopwise rules list` lists them");
            }
            Ok(json!({ "deleted": id }).to_string())
        }
    }
}

/// Returns the rules of a file, and all of the shop as they would be with them.
fn read(shop: &Shop, file: &Path) -> Result<(Vec<Rule>, Rules)> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    let wrong = || format!("`{}` has no rules", file.display());
    let value: Value = serde_json::from_str(&text).with_context(wrong)?;
    let given: Vec<Rule> = match value {
        Value::Array(_) => serde_json::from_value(value).with_context(wrong)?,
        one => vec![serde_json::from_value(one).with_context(wrong)?],
    };
    Rules::new(given.clone())?;
    let is_given = |rule: &Rule| given.iter().any(|own| own.id == rule.id);
    let others = shop.ledger.rules()?.into_iter().filter(|rule| !is_given(rule));
    let all = Rules::new(others.chain(given.iter().cloned()).collect())?;
    Ok((given, all))
}

fn odd(shop: &Shop, rules: &Rules) -> Result<Value> {
    let products = shop.ledger.products()?;
    let meant = |held: &Held| products.iter().filter(|product| held.filter.lets(product)).count();
    Ok(json!(warnings(rules, now(), &segments::known(shop)?, meant)))
}

/// `shopwise audit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    folder: ShopFolder,
    #[command(subcommand)]
    what: Option<Look>,
    /// The number of the first entry; the newest ones when left out
    #[arg(long)]
    from: Option<i64>,
    /// How many entries
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..))]
    n: i64,
    /// What was changed, such as `rules`
    #[arg(long)]
    kind: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Look {
    /// Computes the chain of hashes anew: fails where an entry is not as it was written
    Verify,
}

pub(crate) fn audit(arguments: &Audit) -> Result<String> {
    let shop = open::open(&arguments.folder.shop)?;
    if arguments.what.is_some() {
        let found = shop.ledger.verify_audit()?;
        if let Some(number) = found.broken_at {
            bail!("entry `{number}` of the audit trail is missing or not as it was written");
        }
        return Ok(json!({ "entries": found.entries, "hash": found.hash }).to_string());
    }
    let entries = shop.ledger.audit(arguments.from, arguments.n, arguments.kind.as_deref())?;
    let mut text = String::new();
    for entry in &entries {
        writeln!(text, "{}", crate::http::rules::shown(entry))?;
    }
    Ok(text.trim_end().to_owned())
}
