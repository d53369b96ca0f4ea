//! The state after the last event as tables.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use shopwise_model::Product as Catalogued;
use shopwise_model::frame::{Column, Frame, NULL_CODE, NULL_INT, Texts};
use shopwise_model::money::units_from_micros;
use shopwise_model::time::DAY;

use super::fold::{Customer, Pair, Product, Replay};
use super::outlier;

/// The derived tables, and what was noticed.
pub(super) struct Built {
    pub(super) sessions: Frame,
    pub(super) orders: Frame,
    pub(super) order_lines: Frame,
    pub(super) customers: Frame,
    pub(super) products: Frame,
    pub(super) outlier_lines: usize,
}

/// Builds the tables. Customers and products stand in the order of their first event.
pub(super) fn build(replay: &Replay, catalog: &[Catalogued]) -> Built {
    let amounts: Vec<i64> = replay.lines.iter().map(|line| line.amount).collect();
    let outliers = outlier::flags(&amounts);
    let catalog: FxHashMap<&str, &Catalogued> =
        catalog.iter().map(|product| (product.id.as_str(), product)).collect();
    Built {
        sessions: sessions(replay),
        orders: orders(replay, &outliers),
        order_lines: order_lines(replay, &outliers),
        customers: customers(replay, &catalog),
        products: products(replay, &catalog),
        outlier_lines: outliers.iter().filter(|outlier| **outlier).count(),
    }
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

fn sessions(replay: &Replay) -> Frame {
    let rows = &replay.sessions;
    let names: Vec<String> = (0..rows.len()).map(|at| format!("s{at}")).collect();
    Frame::default()
        .with("session", Column::Text(names.iter().map(String::as_str).collect()))
        .with("customer", named(&replay.names.customers, rows.iter().map(|row| row.customer)))
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
        .with("customer", named(&names.customers, rows.iter().map(|row| row.customer)))
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
        .with("customer", named(&names.customers, rows.iter().map(|row| row.customer)))
        .with("product", named(&names.products, rows.iter().map(|row| row.product)))
        .with("occurred_at", times(rows, |row| row.occurred_at))
        .with("quantity", ints(rows, |row| row.quantity))
        .with("unit_price", ints(rows, |row| row.unit_price))
        .with("amount", ints(rows, |row| row.amount))
        .with("price_zero", Column::Bool(rows.iter().map(|row| row.unit_price == 0).collect()))
        .with("outlier", Column::Bool(outliers.to_vec()))
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

fn customers(replay: &Replay, catalog: &FxHashMap<&str, &Catalogued>) -> Frame {
    let rows = &replay.customers;
    let last = rows.iter().map(|row| row.last_seen).max().unwrap_or(0);
    let days = |micros: i64| micros as f64 / DAY as f64;
    let tops: Vec<_> =
        rows.iter().map(|row| top_category(row, replay.names.products.values(), catalog)).collect();
    let codes = (0..rows.len()).map(|code| u32::try_from(code).unwrap_or(NULL_CODE));
    let interval = |row: &Customer| match row.orders {
        0 | 1 => f64::NAN,
        orders => days(row.last_order - row.first_order) / (orders - 1) as f64,
    };
    let price_level = |row: &Customer| {
        let pieces: i64 = bought(row).map(|(_, pair)| pair.pieces).sum();
        if pieces == 0 { f64::NAN } else { units_from_micros(row.monetary) / pieces as f64 }
    };
    let average = |row: &Customer| match row.orders {
        0 => f64::NAN,
        orders => units_from_micros(row.monetary) / orders as f64,
    };
    Frame::default()
        .with("customer", named(&replay.names.customers, codes))
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

fn products(replay: &Replay, catalog: &FxHashMap<&str, &Catalogued>) -> Frame {
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
        .with("customers", ints(rows, |row| row.customers))
        .with("shown", ints(rows, |row| row.shown))
        .with("clicked", ints(rows, |row| row.clicked))
        .with("first_sold", times(rows, |row| sold(row, row.first_sold)))
        .with("last_sold", times(rows, |row| sold(row, row.last_sold)))
}
