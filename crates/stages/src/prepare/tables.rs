//! The state after the last event as tables.

use std::borrow::Cow;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use shopwise_model::Product as Catalogued;
use shopwise_model::frame::{Column, Frame, NULL_CODE, NULL_INT, Texts};
use shopwise_model::money::units_from_micros;
use shopwise_model::time::DAY;

use super::fold::{Customer, Pair, Product, Replay, Session};
use super::outlier;
use super::tastes::{Taste, Tastes};

/// The derived tables, and what was noticed.
pub(super) struct Built {
    pub(super) sessions: Frame,
    pub(super) orders: Frame,
    pub(super) order_lines: Frame,
    pub(super) customers: Frame,
    pub(super) products: Frame,
    pub(super) tags: Frame,
    pub(super) outlier_lines: usize,
}

/// A row of the table of customers: a person, who may have been seen as several customers.
struct Row<'a> {
    name: &'a Arc<str>,
    customer: Cow<'a, Customer>,
}

/// Builds the tables. Customers and products stand in the order of their first event. `hidden` are
/// (pseudonym, tag) of the tags that customers want gone.
pub(super) fn build(replay: &Replay, catalog: &[Catalogued], hidden: &[(String, String)]) -> Built {
    let people = People::of(replay);
    let amounts: Vec<i64> = replay.lines.iter().map(|line| line.amount).collect();
    let outliers = outlier::flags(&amounts);
    let catalog: FxHashMap<&str, &Catalogued> =
        catalog.iter().map(|product| (product.id.as_str(), product)).collect();
    Built {
        orders: orders(replay, &outliers),
        order_lines: order_lines(replay, &outliers),
        customers: customers(replay, &people, &catalog),
        products: products(replay, &people, &catalog),
        tags: tags(replay, &people, hidden),
        sessions: sessions(replay, &people.visits),
        outlier_lines: outliers.iter().filter(|outlier| **outlier).count(),
    }
}

/// Returns the column of the persons behind customers.
fn persons(replay: &Replay, codes: impl Iterator<Item = u32>) -> Column {
    let names = replay.names.customers.values();
    let name = |code: u32| replay.persons.name(code).or_else(|| names.get(code as usize));
    Column::Text(codes.map(|code| name(code).map(AsRef::as_ref)).collect())
}

fn named(names: &Texts, codes: impl Iterator<Item = u32>) -> Column {
    let values: &[Arc<str>] = names.values();
    Column::Text(codes.map(|code| values.get(code as usize).map(AsRef::as_ref)).collect())
}

fn ints<T>(rows: &[T], of: impl Fn(&T) -> i64) -> Column {
    Column::Int(rows.iter().map(of).collect())
}

fn times<T>(rows: &[T], of: impl Fn(&T) -> i64) -> Column {
    Column::Time(rows.iter().map(of).collect())
}

fn floats<T>(rows: &[T], of: impl Fn(&T) -> f64) -> Column {
    Column::Float(rows.iter().map(of).collect())
}

fn sessions(replay: &Replay, rows: &[Session]) -> Frame {
    let names: Vec<String> = (0..rows.len()).map(|at| format!("s{at}")).collect();
    Frame::default()
        .with("session", Column::Text(names.iter().map(String::as_str).collect()))
        .with("customer", persons(replay, rows.iter().map(|row| row.customer)))
        .with("started_at", times(rows, |row| row.started_at))
        .with("ended_at", times(rows, |row| row.ended_at))
        .with("events", ints(rows, |row| row.events))
        .with("views", ints(rows, |row| row.views))
        .with("carts", ints(rows, |row| row.carts))
        .with("orders", ints(rows, |row| row.orders))
        .with("amount", ints(rows, |row| row.amount))
}

/// An order while its lines are added up.
struct Order {
    order: u32,
    customer: u32,
    country: u32,
    occurred_at: i64,
    lines: i64,
    quantity: i64,
    amount: i64,
    outlier: bool,
}

fn orders(replay: &Replay, outliers: &[bool]) -> Frame {
    let mut rows: Vec<Order> = Vec::new();
    let mut places: FxHashMap<u32, usize> = FxHashMap::default();
    for (line, outlier) in replay.lines.iter().zip(outliers) {
        let place = match places.get(&line.order) {
            // Lines without an order's name are orders of their own.
            Some(place) if line.order != NULL_CODE => *place,
            _ => {
                places.insert(line.order, rows.len());
                rows.push(Order {
                    order: line.order,
                    customer: line.customer,
                    country: line.country,
                    occurred_at: line.occurred_at,
                    lines: 0,
                    quantity: 0,
                    amount: 0,
                    outlier: false,
                });
                rows.len() - 1
            }
        };
        let order = &mut rows[place];
        order.lines += 1;
        order.quantity += line.quantity;
        if line.amount != NULL_INT {
            order.amount += line.amount;
        }
        order.outlier |= *outlier;
    }
    let names = &replay.names;
    Frame::default()
        .with("order", named(&names.orders, rows.iter().map(|row| row.order)))
        .with("customer", persons(replay, rows.iter().map(|row| row.customer)))
        .with("occurred_at", times(&rows, |row| row.occurred_at))
        .with("lines", ints(&rows, |row| row.lines))
        .with("quantity", ints(&rows, |row| row.quantity))
        .with("amount", ints(&rows, |row| row.amount))
        .with("refunded", ints(&rows, |row| replay.refunded.get(&row.order).copied().unwrap_or(0)))
        .with("country", named(&names.countries, rows.iter().map(|row| row.country)))
        .with("outlier", Column::Bool(rows.iter().map(|row| row.outlier).collect()))
}

fn order_lines(replay: &Replay, outliers: &[bool]) -> Frame {
    let (rows, names) = (&replay.lines, &replay.names);
    Frame::default()
        .with("order", named(&names.orders, rows.iter().map(|row| row.order)))
        .with("line", ints(rows, |row| row.line))
        .with("customer", persons(replay, rows.iter().map(|row| row.customer)))
        .with("product", named(&names.products, rows.iter().map(|row| row.product)))
        .with("occurred_at", times(rows, |row| row.occurred_at))
        .with("quantity", ints(rows, |row| row.quantity))
        .with("unit_price", ints(rows, |row| row.unit_price))
        .with("amount", ints(rows, |row| row.amount))
        .with("price_zero", Column::Bool(rows.iter().map(|row| row.unit_price == 0).collect()))
        .with("outlier", Column::Bool(outliers.to_vec()))
}

/// The persons at the end of the log, and what counting customers would count twice.
struct People<'a> {
    rows: Vec<Row<'a>>,
    /// The visits: of a person seen as several customers those that touch are one.
    visits: Cow<'a, [Session]>,
    /// By product: how many buyers are persons that were counted before.
    counted_twice: Vec<i64>,
}

impl<'a> People<'a> {
    fn of(replay: &'a Replay) -> Self {
        let names = replay.names.customers.values();
        let (visits, counts) = visits(replay);
        let mut people =
            Self { rows: Vec::new(), visits, counted_twice: vec![0; replay.products.len()] };
        for (code, customer) in (0..).zip(&replay.customers) {
            let Some(codes) = replay.persons.together(code) else {
                let own = &names[code as usize];
                let name = replay.persons.name(code).unwrap_or(own);
                people.rows.push(Row { name, customer: Cow::Borrowed(customer) });
                continue;
            };
            // He stands where the first of his events does.
            if codes.iter().min() != Some(&code) {
                continue;
            }
            let members = codes.iter().map(|code| &replay.customers[*code as usize]);
            let members: Vec<&Customer> = members.collect();
            let mut whole = Customer::joined(&members, i64::MAX, replay.gap, |_| true);
            let name = replay.persons.name(code).unwrap_or(&names[code as usize]);
            whole.sessions = counts.get(name).copied().unwrap_or(whole.sessions);
            for (product, _) in bought(&whole) {
                let has = |member: &&&Customer| {
                    member.pairs.get(product).is_some_and(|pair| pair.pieces > 0)
                };
                let buyers = members.iter().filter(has).count() as i64;
                people.counted_twice[*product as usize] += buyers - 1;
            }
            people.rows.push(Row { name, customer: Cow::Owned(whole) });
        }
        people
    }
}

/// Returns the visits in the order in which they began, and how many each person had that was seen
/// as several customers.
fn visits(replay: &Replay) -> (Cow<'_, [Session]>, FxHashMap<&Arc<str>, i64>) {
    let mut counts: FxHashMap<&Arc<str>, i64> = FxHashMap::default();
    if replay.sessions.iter().all(|visit| replay.persons.name(visit.customer).is_none()) {
        return (Cow::Borrowed(&replay.sessions), counts);
    }
    let mut visits: Vec<Session> = Vec::with_capacity(replay.sessions.len());
    let mut latest: FxHashMap<&Arc<str>, usize> = FxHashMap::default();
    for visit in &replay.sessions {
        let Some(person) = replay.persons.name(visit.customer) else {
            visits.push(visit.clone());
            continue;
        };
        let open = latest.get(person).map(|at| &mut visits[*at]);
        match open.filter(|open| visit.started_at - open.ended_at <= replay.gap) {
            Some(open) => open.join(visit),
            None => {
                latest.insert(person, visits.len());
                *counts.entry(person).or_insert(0) += 1;
                visits.push(visit.clone());
            }
        }
    }
    (Cow::Owned(visits), counts)
}

fn share(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Returns what happened with the products that a customer has bought.
fn bought(customer: &Customer) -> impl Iterator<Item = (&u32, &Pair)> {
    customer.pairs.iter().filter(|(_, pair)| pair.pieces > 0)
}

/// Returns the category of a product and what share of the customer's pieces it has: the largest
/// one, the earliest in the alphabet among equals.
fn top_category<'a>(
    customer: &Customer,
    products: &[Arc<str>],
    catalog: &FxHashMap<&str, &'a Catalogued>,
) -> (usize, Option<&'a str>, f64) {
    let mut pieces = std::collections::BTreeMap::<&str, i64>::new();
    for (code, pair) in bought(customer) {
        let product = catalog.get(products[*code as usize].as_ref());
        if let Some(category) = product.and_then(|product| product.category.as_deref()) {
            *pieces.entry(category).or_insert(0) += pair.pieces;
        }
    }
    let whole: i64 = pieces.values().sum();
    let top = pieces.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
    (
        pieces.len(),
        top.map(|(name, _)| *name),
        top.map_or(f64::NAN, |(_, count)| share(*count, whole)),
    )
}

fn customers(
    replay: &Replay,
    people: &People<'_>,
    catalog: &FxHashMap<&str, &Catalogued>,
) -> Frame {
    let rows = &people.rows;
    let last = rows.iter().map(|row| row.customer.last_seen).max().unwrap_or(0);
    let days = |micros: i64| micros as f64 / DAY as f64;
    let products = replay.names.products.values();
    let tops: Vec<_> =
        rows.iter().map(|row| top_category(&row.customer, products, catalog)).collect();
    let names: Texts = rows.iter().map(|row| Some(row.name.as_ref())).collect();
    let rows: Vec<&Customer> = rows.iter().map(|row| row.customer.as_ref()).collect();
    let rows = rows.as_slice();
    let interval = |row: &&Customer| match row.orders {
        0 | 1 => f64::NAN,
        orders => days(row.last_order - row.first_order) / (orders - 1) as f64,
    };
    let price_level = |row: &&Customer| {
        let pieces: i64 = bought(row).map(|(_, pair)| pair.pieces).sum();
        if pieces == 0 { f64::NAN } else { units_from_micros(row.monetary) / pieces as f64 }
    };
    let average = |row: &&Customer| match row.orders {
        0 => f64::NAN,
        orders => units_from_micros(row.monetary) / orders as f64,
    };
    Frame::default()
        .with("customer", Column::Text(names))
        .with("first_seen", times(rows, |row| row.first_seen))
        .with("last_seen", times(rows, |row| row.last_seen))
        .with("events", ints(rows, |row| row.events))
        .with("sessions", ints(rows, |row| row.sessions))
        .with("views", ints(rows, |row| row.views))
        .with("carts", ints(rows, |row| row.carts))
        .with("orders", ints(rows, |row| row.orders))
        .with("refunds", ints(rows, |row| row.refunds))
        .with("monetary", floats(rows, |row| units_from_micros(row.monetary)))
        .with("average_order", floats(rows, average))
        .with("recency_days", floats(rows, |row| days(last - row.last_seen)))
        .with("tenure_days", floats(rows, |row| days(last - row.first_seen)))
        .with("interval_days", floats(rows, interval))
        .with("items_per_order", floats(rows, |row| share(row.order_lines, row.orders)))
        .with("products", ints(rows, |row| bought(row).count() as i64))
        .with("categories", Column::Int(tops.iter().map(|top| top.0 as i64).collect()))
        .with("top_category", Column::Text(tops.iter().map(|top| top.1).collect()))
        .with("top_category_share", Column::Float(tops.iter().map(|top| top.2).collect()))
        .with("price_level", floats(rows, price_level))
        .with("return_rate", floats(rows, |row| share(row.refunded, row.monetary).min(1.0)))
        .with("weekend_share", floats(rows, |row| share(row.weekend, row.events)))
        .with("evening_share", floats(rows, |row| share(row.evening, row.events)))
        .with("ads_shown", ints(rows, |row| row.ads_shown))
        .with("ads_clicked", ints(rows, |row| row.ads_clicked))
}

/// Returns what customers turn to more than others.
fn tags(replay: &Replay, people: &People<'_>, hidden: &[(String, String)]) -> Frame {
    let hidden: FxHashSet<(Arc<str>, &str)> = hidden
        .iter()
        .filter_map(|(name, tag)| Some((replay.names_of(replay.customer(name)?).0, tag.as_str())))
        .collect();
    let tastes = Tastes::of(replay);
    let mut customers = Texts::default();
    let mut found: Vec<Taste> = Vec::new();
    for row in &people.rows {
        for taste in tastes.of_customer(&row.customer) {
            if !hidden.contains(&(Arc::clone(row.name), taste.tag().as_str())) {
                customers.push(Some(row.name));
                found.push(taste);
            }
        }
    }
    let tags: Vec<String> = found.iter().map(Taste::tag).collect();
    Frame::default()
        .with("customer", Column::Text(customers))
        .with("tag", Column::Text(tags.iter().map(String::as_str).collect()))
        .with("kind", Column::Text(found.iter().map(|taste| taste.kind).collect()))
        .with("name", Column::Text(found.iter().map(|taste| taste.name.as_ref()).collect()))
        .with("weight", floats(&found, |taste| taste.weight))
        .with("share", floats(&found, |taste| taste.share))
        .with("lift", floats(&found, |taste| taste.lift))
}

fn products(replay: &Replay, people: &People<'_>, catalog: &FxHashMap<&str, &Catalogued>) -> Frame {
    let rows = &replay.products;
    let names = &replay.names.products;
    let known: Vec<Option<&&Catalogued>> =
        names.values().iter().map(|id| catalog.get(id.as_ref())).collect();
    let text = |of: fn(&Catalogued) -> Option<&str>| {
        Column::Text(known.iter().map(|product| product.and_then(|product| of(product))).collect())
    };
    let sold = |row: &Product, at: i64| if row.orders == 0 { NULL_INT } else { at };
    let average = |row: &Product| match row.quantity {
        0 => f64::NAN,
        quantity => units_from_micros(row.revenue) / quantity as f64,
    };
    let codes = (0..rows.len()).map(|code| u32::try_from(code).unwrap_or(NULL_CODE));
    let counted = |(row, twice): (&Product, &i64)| row.customers - twice;
    let buyers = rows.iter().zip(&people.counted_twice).map(counted).collect();
    Frame::default()
        .with("product", named(names, codes))
        .with("title", text(|product| Some(&product.title)))
        .with("category", text(|product| product.category.as_deref()))
        .with("brand", text(|product| product.brand.as_deref()))
        .with("views", ints(rows, |row| row.views))
        .with("carts", ints(rows, |row| row.carts))
        .with("orders", ints(rows, |row| row.orders))
        .with("quantity", ints(rows, |row| row.quantity))
        .with("refunds", ints(rows, |row| row.refunds))
        .with("revenue", floats(rows, |row| units_from_micros(row.revenue)))
        .with("average_price", floats(rows, average))
        .with("customers", Column::Int(buyers))
        .with("shown", ints(rows, |row| row.shown))
        .with("clicked", ints(rows, |row| row.clicked))
        .with("first_sold", times(rows, |row| sold(row, row.first_sold)))
        .with("last_sold", times(rows, |row| sold(row, row.last_sold)))
}
