//! A soak: events, lists, changes of products and rules, and models that are swapped, all at once
//! and for long. Every list is looked at for what may not stand in it. At the end the server is
//! started anew and meets the same for some minutes: what it then needs, it needs for what it
//! knows, and what it needed more before, time has cost.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::client::Client;
use super::{Seen, number};
use crate::chance::Chance;
use crate::server::{Server, Shop};

/// Callers that ask for lists.
const CALLERS: u64 = 2;
/// Events of a batch.
const BATCH: u64 = 20;
/// How long a product stays away.
const AWAY: Duration = Duration::from_millis(700);
/// How long a customer's list may take to change before he is given up.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the server that is started anew is looked at: as long as it takes to fill what it keeps
/// for lists to come.
const ANEW: u64 = 300;
/// How often what was seen is told.
const TOLD: Duration = Duration::from_secs(60);
/// What some lists are asked to hold, percent-encoded: `price < 5000`.
const FILTER: &str = "price%20%3C%205000";

/// Why a product may not stand in a list.
#[derive(Clone, Copy, PartialEq)]
enum Away {
    /// Hidden or sold out: it stands nowhere.
    Everywhere,
    /// A rule excludes it: it stands in no list for a customer.
    Excluded,
    /// It costs more than the filter lets through.
    Filtered,
}

/// What all threads share.
struct Soak<'a> {
    shop: &'a Shop,
    address: String,
    token: String,
    read_key: String,
    /// What the names of this soak's events and customers begin with.
    run: String,
    products: Vec<String>,
    customers: u64,
    until: Instant,
    /// What may not stand in a list, since the answer that said so.
    away: Mutex<BTreeMap<String, (Away, Instant)>>,
    told: Mutex<Told>,
}

/// What was seen.
#[derive(Default)]
struct Told {
    lists: Vec<f64>,
    changed: Vec<f64>,
    events: u64,
    put_off: u64,
    changes: u64,
    swaps: u64,
    problems: Vec<String>,
}

/// Soaks a shop's server: `PROGRAM SHOP [SECONDS [LISTS_A_SECOND [EVENTS_A_SECOND [CUSTOMERS]]]]`.
/// The shop holds what `shopwise simulate` made and has run once.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let [program, shop, rest @ ..] = arguments else {
        bail!(
            "usage: cargo xtask load soak PROGRAM SHOP [SECONDS [LISTS_A_SECOND [EVENTS_A_SECOND \
             [CUSTOMERS]]]]"
        );
    };
    let (seconds, lists) = (number(rest, 0, 1800)?, number(rest, 1, 300)?);
    let (events, customers) = (number(rest, 2, 200)?, number(rest, 3, 1000)?);
    let shop = Shop { program: program.into(), path: shop.into(), key: String::new() };
    let shop = Shop { key: shop.new_key("write")?, ..shop };
    let read_key = shop.new_key("read")?;
    let token = token(&shop.path)?;
    let soak = |seconds: u64, run: String| {
        let mut server = shop.serve(&[])?;
        let address = server.address()?.to_string();
        println!("the server listened after {:.1} s", server.begun.elapsed().as_secs_f64());
        let products = products(&address, &read_key)?;
        let soak = Soak {
            shop: &shop,
            address,
            token: token.clone(),
            read_key: read_key.clone(),
            run,
            products,
            customers,
            until: Instant::now() + Duration::from_secs(seconds),
            away: Mutex::default(),
            told: Mutex::default(),
        };
        soak.all(&server, lists, events)?;
        let megabytes = server.megabytes()?;
        server.stop()?;
        let problems = held(&soak.told).problems.clone();
        for problem in &problems {
            println!("{problem}");
        }
        if !problems.is_empty() {
            bail!("{} problems", problems.len());
        }
        Ok(megabytes)
    };
    let run = std::process::id();
    let before = soak(seconds, format!("{run}-before"))?;
    println!("and the same with the server started anew");
    let anew = soak(ANEW, format!("{run}-anew"))?;
    println!("{before} MB at the end, {anew} MB after {ANEW} s of a server started anew");
    Ok(())
}

fn token(shop: &Path) -> Result<String> {
    let path = shop.join("vault/admin.token");
    let text = std::fs::read_to_string(&path);
    Ok(text.with_context(|| format!("cannot read `{}`", path.display()))?.trim().to_owned())
}

/// Returns the products that are sold most.
fn products(address: &str, key: &str) -> Result<Vec<String>> {
    let mut client = Client::new(address)?;
    let begun = Instant::now();
    while client.ask("GET /api/popular?n=500", key, "")? != 200 {
        if begun.elapsed() > PATIENCE * 10 {
            bail!("no list: {}", String::from_utf8_lossy(&client.body));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("the first list came after {:.1} s more", begun.elapsed().as_secs_f64());
    let products = listed(&client.body)?;
    if products.len() < 20 {
        bail!("the shop has `{}` popular products, 20 are needed", products.len());
    }
    Ok(products)
}

/// Returns the products of a list.
fn listed(body: &[u8]) -> Result<Vec<String>> {
    let answer: Value = serde_json::from_slice(body)?;
    let items = answer["items"].as_array().context("no list")?;
    Ok(items.iter().filter_map(|item| Some(item["product"].as_str()?.to_owned())).collect())
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Soak<'_> {
    /// Does a thread's work and notes what stopped it.
    fn watch(&self, work: impl FnOnce() -> Result<()>) {
        if let Err(error) = work() {
            self.problem(format!("{error:#}"));
        }
    }

    /// Does everything at once until it is over.
    fn all(&self, server: &Server, lists: u64, events: u64) -> Result<()> {
        std::thread::scope(|scope| {
            for caller in 0..CALLERS {
                scope.spawn(move || self.watch(|| self.lists(caller, lists)));
            }
            scope.spawn(|| self.watch(|| self.events(events)));
            scope.spawn(|| self.watch(|| self.change()));
            scope.spawn(|| self.watch(|| self.follow()));
            scope.spawn(|| self.watch(|| self.swap()));
            self.tell(server)
        })
    }

    fn problem(&self, problem: String) {
        held(&self.told).problems.push(problem);
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Waits for the next turn of so many a second.
    fn pace(due: &mut Instant, rate: f64) {
        *due += Duration::from_secs_f64(1.0 / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }

    /// Notes an answer that is none.
    fn wrong(&self, what: &str, status: u16, client: &Client) {
        let body = String::from_utf8_lossy(&client.body);
        self.problem(format!("{what}: the server answered {status}: {body}"));
    }

    fn lists(&self, caller: u64, rate: u64) -> Result<()> {
        let (mut client, mut chance) = (Client::new(&self.address)?, Chance::new(caller));
        let mut due = Instant::now();
        while !self.is_over() {
            Self::pace(&mut due, rate as f64 / CALLERS as f64);
            let customer = chance.below(self.customers) + 1;
            let product = &self.products[chance.below(self.products.len() as u64) as usize];
            let way = chance.below(5);
            let query = match way {
                0 => "scene=home&n=20&explain=true".to_owned(),
                1 => format!("scene=product&product={product}"),
                2 => format!("scene=cart&product={product}&n=5"),
                3 => format!("scene=home&filter={FILTER}"),
                _ => "scene=win-back&filter=not%20bought%20within%2030%20days".to_owned(),
            };
            let what = format!("GET /api/recommendations/customer-{customer:06}?{query}");
            let sent = Instant::now();
            let status = client.ask(&what, &self.read_key, "")?;
            let took = sent.elapsed().as_secs_f64();
            if status != 200 {
                self.wrong(&what, status, &client);
                continue;
            }
            held(&self.told).lists.push(took);
            self.look(&what, way == 3, sent, &listed(&client.body)?);
        }
        Ok(())
    }

    /// Looks a list through for what may not stand in it.
    fn look(&self, what: &str, is_filtered: bool, sent: Instant, list: &[String]) {
        let away = held(&self.away);
        for product in list {
            // What comes back is taken off before it is told to the server.
            let leaked = away
                .get(product)
                .filter(|(why, since)| *since < sent && (*why != Away::Filtered || is_filtered));
            if leaked.is_some() {
                self.problem(format!("{what} lists `{product}`, which may not be shown"));
            }
        }
    }

    fn events(&self, rate: u64) -> Result<()> {
        let (mut client, mut chance) = (Client::new(&self.address)?, Chance::new(77));
        let (mut due, mut number, run) = (Instant::now(), 0, &self.run);
        while rate > 0 && !self.is_over() {
            Self::pace(&mut due, rate as f64 / BATCH as f64);
            let events: Vec<String> = (0..BATCH)
                .map(|at| {
                    let customer = chance.below(self.customers) + 1;
                    let product = &self.products[chance.below(self.products.len() as u64) as usize];
                    let name = if chance.of(20) { "Product Added" } else { "Product Viewed" };
                    event(&format!("{run}-{number}-{at}"), name, customer, product)
                })
                .collect();
            number += 1;
            let body =
                format!("{{\"writeKey\":\"{}\",\"batch\":[{}]}}", self.shop.key, events.join(","));
            match client.ask("POST /v1/batch", "", &body)? {
                200 => held(&self.told).events += BATCH,
                429 => held(&self.told).put_off += 1,
                status => self.wrong("a batch", status, &client),
            }
        }
        Ok(())
    }

    /// Takes products away in every way and lets them come back.
    fn change(&self) -> Result<()> {
        let (mut client, mut chance) = (Client::new(&self.address)?, Chance::new(5));
        let mut due = Instant::now();
        let mut round = 0_u64;
        while !self.is_over() {
            Self::pace(&mut due, 1.0);
            // The first are the ones that many lists hold.
            let products: Vec<&String> =
                (0..4).map(|way| &self.products[(4 * chance.below(10) + way) as usize]).collect();
            let whole = |body: &str| body.to_owned();
            let [hidden, sold, dear] =
                [r#"{"hidden":true}"#, r#"{"stock":0}"#, r#"{"price":9999}"#].map(whole);
            let rule = format!(
                r#"{{"kind":"exclude","products":"id = \"{}\"","name":"round {round}"}}"#,
                products[3]
            );
            let path = |at: usize| format!("PATCH /api/products/{}", products[at]);
            let set = [
                (path(0), hidden, Away::Everywhere),
                (path(1), sold, Away::Everywhere),
                (path(2), dear, Away::Filtered),
                (whole("PUT /api/rules/soak"), rule, Away::Excluded),
            ];
            for ((what, body, why), product) in set.iter().zip(&products) {
                match client.ask(what, &self.token, body)? {
                    200 => {
                        let since = Instant::now();
                        held(&self.away).insert((*product).clone(), (*why, since));
                    }
                    status => self.wrong(what, status, &client),
                }
            }
            std::thread::sleep(AWAY);
            for product in &products {
                held(&self.away).remove(*product);
            }
            let back = [
                (path(0), r#"{"hidden":false}"#),
                (path(1), r#"{"stock":100}"#),
                (path(2), r#"{"price":20}"#),
                (whole("DELETE /api/rules/soak"), ""),
            ];
            for (what, body) in back {
                match client.ask(&what, &self.token, body)? {
                    200 | 204 => {}
                    status => self.wrong(&what, status, &client),
                }
            }
            held(&self.told).changes += 8;
            round += 1;
        }
        Ok(())
    }

    /// Is new customers who look at something, and waits until their lists show it.
    fn follow(&self) -> Result<()> {
        let mut client = Client::new(&self.address)?;
        let mut due = Instant::now();
        let (mut number, run) = (0_u64, &self.run);
        while !self.is_over() {
            Self::pace(&mut due, 5.0);
            number += 1;
            let customer = format!("new-{run}-{number}");
            let product = &self.products[(50 + number % 300) as usize % self.products.len()];
            let body = format!(
                "{{\"writeKey\":\"{}\",\"messageId\":\"{customer}\",\"userId\":\"{customer}\",\
                 \"event\":\"Product Viewed\",\"properties\":{{\"product_id\":\"{product}\"}}}}",
                self.shop.key
            );
            if client.ask("POST /v1/track", "", &body)? != 200 {
                held(&self.told).put_off += 1;
                continue;
            }
            let acknowledged = Instant::now();
            let what = format!("GET /api/recommendations/{customer}?n=10");
            loop {
                let status = client.ask(&what, &self.read_key, "")?;
                let took = acknowledged.elapsed();
                if status != 200 {
                    self.wrong(&what, status, &client);
                } else if String::from_utf8_lossy(&client.body).contains("\"viewed\"") {
                    held(&self.told).changed.push(took.as_secs_f64());
                    break;
                }
                if took > PATIENCE {
                    self.problem(format!("the list of `{customer}` never showed `{product}`"));
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(())
    }

    /// Lets another model serve, and again the one before.
    fn swap(&self) -> Result<()> {
        while !self.is_over() {
            self.shop.ask("run", &["recommend"])?;
            held(&self.told).swaps += 1;
            for _ in 0..20 {
                if !self.is_over() {
                    std::thread::sleep(Duration::from_secs(1));
                }
            }
            // A baseline is made anew with each run; what recommends only where it is not worse.
            let back = |model| self.shop.ask("models", &["rollback", model]);
            match back("recommend").or_else(|_| back("popular")) {
                Ok(_) => held(&self.told).swaps += 1,
                Err(error) => println!("not rolled back: {error:#}"),
            }
        }
        Ok(())
    }

    /// Tells now and then what was seen.
    fn tell(&self, server: &Server) -> Result<()> {
        let begun = Instant::now();
        let mut due = begun;
        let (mut lists, mut changed) = (Vec::new(), Vec::new());
        while !self.is_over() {
            due = (due + TOLD).min(self.until);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let mut told = held(&self.told);
            lists.append(&mut told.lists);
            changed.append(&mut told.changed);
            let line = format!(
                "{:.0} s: {} lists, {} events ({} put off), {} changes, {} swaps, {} problems",
                begun.elapsed().as_secs_f64(),
                lists.len(),
                told.events,
                told.put_off,
                told.changes,
                told.swaps,
                told.problems.len()
            );
            drop(told);
            println!("{line}; {} MB", server.megabytes()?);
        }
        let waited = |mut seconds: Vec<f64>| {
            seconds.sort_unstable_by(f64::total_cmp);
            Seen { seconds, put_off: 0 }.waiting()
        };
        println!("a list takes {}", waited(lists));
        println!("from an event to the list that it changes {}", waited(changed));
        Ok(())
    }
}

fn event(id: &str, name: &str, customer: u64, product: &str) -> String {
    format!(
        "{{\"type\":\"track\",\"event\":\"{name}\",\"messageId\":\"{id}\",\
         \"userId\":\"customer-{customer:06}\",\"properties\":{{\"product_id\":\"{product}\",\
         \"price\":9.5,\"currency\":\"USD\"}}}}"
    )
}
