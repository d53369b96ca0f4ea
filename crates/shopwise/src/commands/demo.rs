//! `shopwise demo`: a simulated shop, the whole loop, what learning brought, and the server on it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use shopwise_model::Settings;
use shopwise_simulate::World;
use shopwise_stages::Shop;

use super::{init, open, report, reports_json, reports_text, serve};
use crate::demo::{self, Comparison, Done, Plan};
use crate::holder;
use crate::page::Language;
use crate::printer;

/// The setting in the ledger that marks a demo's shop, which the next demo may replace.
const MARK: &str = "made_by";
const DEMO: &str = "demo";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder of the shop; a demo's shop that is there is replaced
    #[arg(long, value_name = "DIR", default_value = "shopwise-demo")]
    dir: PathBuf,
    /// How many customers the shop has
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    customers: u32,
    /// Days under the random policy, from which the loop learns
    #[arg(long, value_name = "D", default_value_t = 180)]
    days: u32,
    /// Days in which the three policies act side by side
    #[arg(long, value_name = "D", default_value_t = 28)]
    policy_days: u32,
    /// Decides everything that is drawn by chance
    #[arg(long, value_name = "S", default_value_t = 42)]
    seed: u64,
    /// How strong tastes are; 0 is a world in which there is nothing to learn
    #[arg(long, value_name = "STRENGTH", default_value_t = 1.0)]
    tastes: f64,
    /// The address and port on which the shop is served when the loop is done
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// End with the report instead of serving
    #[arg(long)]
    no_serve: bool,
    /// The language that the report opens in; it can be switched on the page
    #[arg(long, value_enum, default_value = "en")]
    language: Language,
    /// Print one JSON object, and end
    #[arg(long)]
    json: bool,
}

/// Seconds in which a run of the demo looks for better recommendations: nobody waits for long.
const RACE_SECONDS: u32 = 10;

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let start = Instant::now();
    let policy_days = arguments.policy_days;
    for (flag, days) in [("--days", arguments.days), ("--policy-days", policy_days)] {
        if !(1..=1825).contains(&days) {
            bail!("{flag} must be from 1 to 1,825, got `{days}`");
        }
    }
    let world = simulate_settings(arguments);
    // Wrong settings are refused before anything is made.
    world.check()?;
    let settings = Settings {
        name: "Demo shop".to_owned(),
        currency: world.currency.clone(),
        seed: arguments.seed,
        race_seconds: RACE_SECONDS,
        ..Settings::default()
    };
    // Nobody waits a minute to hear that somebody else listens there.
    let door = match arguments.no_serve || arguments.json {
        true => None,
        false => Some(serve::Door::open(arguments.listen.as_ref().unwrap_or(&settings.listen))?),
    };
    clear(&arguments.dir)?;
    init::make(&arguments.dir, &settings, key(arguments.seed))?;
    let shop = open::open(&arguments.dir)?;
    shop.ledger.set_setting(MARK, DEMO)?;
    let mut world = World::new(&world, |name| shop.vault.pseudonym("customer", name))?;
    let plan = Plan { days: arguments.days, policy_days, seed: arguments.seed };
    let done = demo::run(&shop, &mut world, &plan)?;
    let page = arguments.dir.join("report.html");
    let reported = Instant::now();
    report::write(&shop, &page, arguments.language)?;
    let mut seconds = done.seconds.clone();
    seconds.push(("report", reported.elapsed().as_secs_f64()));
    let total = start.elapsed().as_secs_f64();
    if arguments.json {
        return Ok(in_json(&done, &seconds, total).to_string());
    }
    let text = in_text(&done, total, &page);
    let Some(door) = door else { return Ok(text) };
    let page = try_page(&shop, &arguments.dir, &door)?;
    drop((shop, world));
    let served = format!("the shop is served until Ctrl-C; be any of its customers: {page}");
    printer::output(&format!("{text}\n{served}"));
    serve::serve(&arguments.dir, door, true)
}

/// Returns the address of the page on which one is a customer, the one who bought last.
fn try_page(shop: &Shop, folder: &Path, door: &serve::Door) -> Result<String> {
    let last = shop.lake.query("SELECT customer FROM orders ORDER BY occurred_at DESC LIMIT 1")?;
    let customer = last.text("customer")?.iter().next().flatten();
    let customer = customer.map(|name| format!("?customer={name}")).unwrap_or_default();
    // A made shop has no secrets, so that its token may stand in an address.
    Ok(format!("http://{}@{}/try{customer}", init::admin_token(folder)?, door.address()?))
}

fn simulate_settings(arguments: &Arguments) -> shopwise_simulate::Settings {
    shopwise_simulate::Settings {
        customers: arguments.customers,
        // Customers go on joining and campaigns go on running while the policies act.
        days: arguments.days.saturating_add(arguments.policy_days),
        seed: arguments.seed,
        tastes: arguments.tastes,
        ..shopwise_simulate::Settings::default()
    }
}

/// Removes the shop of an earlier demo that nobody works on; anything else that is in the way is
/// left alone.
fn clear(folder: &Path) -> Result<()> {
    let is_empty = |folder: &Path| {
        std::fs::read_dir(folder).map(|mut entries| entries.next().is_none()).unwrap_or(true)
    };
    if !folder.exists() || is_empty(folder) {
        return Ok(());
    }
    let shop = folder.join(open::SETTINGS).is_file().then(|| open::open(folder)).transpose()?;
    let mark = shop.as_ref().map(|shop| shop.ledger.setting(MARK)).transpose()?.flatten();
    let Some(shop) = shop.filter(|_| mark.as_deref() == Some(DEMO)) else {
        bail!(
            "`{}` is not empty and was not made by the demo\nhint: name another folder with --dir",
            folder.display()
        );
    };
    holder::refuse_in_use(&shop.ledger)?;
    drop(shop);
    std::fs::remove_dir_all(folder)
        .with_context(|| format!("cannot replace `{}`", folder.display()))
}

/// Returns the key of a demo's shop: the same seed gives the same pseudonyms.
fn key(seed: u64) -> [u8; 32] {
    let mut key = *b"a demo's key protects nobody .. ";
    key[24..].copy_from_slice(&seed.to_le_bytes());
    key
}

fn in_json(done: &Done, seconds: &[(&'static str, f64)], total: f64) -> Value {
    let mut object = reports_json(&done.reports);
    for (name, took) in seconds {
        object["seconds"][*name] = json!(took);
    }
    object["seconds"]["total"] = json!(total);
    object["events"] = json!(done.events);
    object["policies"] = json!(done.comparison.policies);
    let lift: BTreeMap<String, Value> = done
        .comparison
        .lift
        .iter()
        .map(|(name, lift)| {
            let difference = lift.difference;
            let told = json!({
                "revenue_per_visit": difference.estimate,
                "interval": [difference.low, difference.high],
                "relative": lift.relative,
            });
            (format!("learned_vs_{name}"), told)
        })
        .collect();
    object["lift"] = json!(lift);
    object
}

fn in_text(done: &Done, total: f64, page: &Path) -> String {
    let mut text = reports_text(&last_of_each(done));
    text += "\n\n";
    text += &policies_text(&done.comparison);
    let events = done.events;
    text += &format!("\n{events} event lines, {total:.0} s in all; the page: {}", page.display());
    text
}

/// Returns the second run of each stage: the first one was on the way.
fn last_of_each(done: &Done) -> Vec<(shopwise_stages::StageReport, f64)> {
    done.reports[done.reports.len() / 2..].to_vec()
}

fn policies_text(comparison: &Comparison) -> String {
    let mut text = String::from(
        "policy      visits  clicks/shown  orders/visit  revenue/visit  95 % interval\n",
    );
    let mut add = |line: std::fmt::Arguments<'_>| {
        text.write_fmt(line).expect("writing to a string does not fail");
    };
    for one in &comparison.policies {
        add(format_args!(
            "{:<10} {:>7} {:>12.2}% {:>12.2}% {:>14.3}  {:.3} to {:.3}\n",
            one.name,
            one.visits,
            100.0 * one.click_rate,
            100.0 * one.conversion_rate,
            one.revenue_per_visit,
            one.interval[0],
            one.interval[1]
        ));
    }
    for (name, lift) in &comparison.lift {
        let share = lift.relative.map(|share| format!(" ({:+.1} %)", 100.0 * share.estimate));
        add(format_args!(
            "learned against {name}: {:+.3} a visit{}, 95 % interval {:+.3} to {:+.3}\n",
            lift.difference.estimate,
            share.unwrap_or_default(),
            lift.difference.low,
            lift.difference.high
        ));
    }
    text
}
