//! Whether the events tell one consistent story.

use std::collections::{BTreeMap, BTreeSet};

use shopwise_model::EventKind;
use shopwise_model::time::DAY;

use super::*;

fn played() -> (World, Run) {
    let mut world = world(&small());
    let ran = run(&mut world, 90, random);
    (world, ran)
}

fn kinds(frame: &Frame) -> Vec<EventKind> {
    let names = frame.text("kind").unwrap();
    names.iter().map(|name| EventKind::from_name(name.unwrap())).collect()
}

#[test]
fn events_are_in_time_order_with_keys_of_their_own() {
    let (_, ran) = played();
    let frame = &ran.frame;
    let times = frame.time("occurred_at").unwrap();
    assert!(times.is_sorted());
    assert_eq!(times, frame.time("received_at").unwrap());
    let start = Settings::default().starts_at;
    assert!(times[0] >= start && times[times.len() - 1] < start + 90 * DAY);
    let ids = frame.id("event_id").unwrap();
    let lines = frame.int("line").unwrap();
    let keys: BTreeSet<_> = ids.iter().zip(lines).collect();
    assert_eq!(keys.len(), frame.rows());
    let kinds = kinds(frame);
    let prices = frame.int("unit_price").unwrap();
    let quantities = frame.int("quantity").unwrap();
    let amounts = frame.int("amount").unwrap();
    for row in (0..frame.rows()).filter(|row| kinds[*row] == EventKind::OrderCompleted) {
        assert_eq!(amounts[row], prices[row] * quantities[row]);
        assert_eq!(frame.text("currency").unwrap().get(row), Some("USD"));
    }
}

#[test]
fn nothing_is_shown_that_no_decision_names() {
    let (_, ran) = played();
    let frame = &ran.frame;
    let kinds = kinds(frame);
    let is = |kind: EventKind| move |own: &&EventKind| **own == kind;
    let count = |kind: EventKind| kinds.iter().filter(is(kind)).count() as f64;
    let shown = count(EventKind::RecommendationShown) + count(EventKind::AdShown);
    let clicked = count(EventKind::RecommendationClicked) + count(EventKind::AdClicked);
    assert_eq!(shown, ran.sum(|own| f64::from(own.shown)));
    assert_eq!(clicked, ran.sum(|own| f64::from(own.clicked)));
    assert_eq!(count(EventKind::RecommendationShown), 8.0 * ran.outcomes.len() as f64);
    let amounts = frame.int("amount").unwrap();
    let ads = kinds.iter().zip(amounts).filter(|(kind, _)| **kind == EventKind::AdClicked);
    let paid: i64 = ads.map(|(_, amount)| *amount).sum();
    assert_eq!(paid as f64, ran.sum(|own| own.ad_spend as f64));
    // Every exposure and click carries who decided and with which probability.
    let decisions = frame.text("decision").unwrap();
    let propensities = frame.float("propensity").unwrap();
    for (row, kind) in kinds.iter().enumerate() {
        let is_shown = kind.name().ends_with("_shown")
            || matches!(kind, EventKind::AdClicked | EventKind::RecommendationClicked);
        assert_eq!(decisions.get(row).is_some(), is_shown);
        assert_eq!(propensities[row].is_nan(), !is_shown);
    }
}

/// Returns, for each order and product, pieces and value; orders have one line a product.
fn lines(frame: &Frame, kind: EventKind) -> BTreeMap<(String, String), (i64, i64, i64)> {
    let kinds = kinds(frame);
    let (orders, products) = (frame.text("order").unwrap(), frame.text("product").unwrap());
    let quantities = frame.int("quantity").unwrap();
    let amounts = frame.int("amount").unwrap();
    let times = frame.time("occurred_at").unwrap();
    let mut sums = BTreeMap::new();
    for row in (0..frame.rows()).filter(|row| kinds[*row] == kind) {
        let key = (orders.get(row).unwrap().to_owned(), products.get(row).unwrap().to_owned());
        let sum = sums.entry(key).or_insert((0, 0, times[row]));
        *sum = (sum.0 + quantities[row], sum.1 + amounts[row], times[row]);
    }
    sums
}

#[test]
fn refunds_never_exceed_orders() {
    let (_, ran) = played();
    let ordered = lines(&ran.frame, EventKind::OrderCompleted);
    let refunded = lines(&ran.frame, EventKind::OrderRefunded);
    let share = refunded.len() as f64 / ordered.len() as f64;
    assert!((0.05..0.2).contains(&share), "{share}");
    for (key, back) in &refunded {
        let bought = ordered[key];
        assert!(0 < back.0 && back.0 <= bought.0 && back.1 <= bought.1 && back.2 > bought.2);
    }
    let ratings = ran.frame.float("rating").unwrap();
    let rated: Vec<f64> = ratings.iter().copied().filter(|stars| !stars.is_nan()).collect();
    let mean = rated.iter().sum::<f64>() / rated.len() as f64;
    assert!(rated.iter().all(|stars| (1.0..=5.0).contains(stars)));
    assert!((3.0..4.5).contains(&mean), "{mean}");
}

#[test]
fn orders_sum_to_what_came_of_visits() {
    let mut world = world(&small());
    let mut ran = run(&mut world, 60, random);
    // Ten days more bring what was caused before; what they cause themselves is put aside by asking
    // only for orders whose visit lies within the first sixty.
    let after = run(&mut world, 10, random);
    let last = u64::from(small().customers) * 60;
    let mut total = 0;
    for frame in [&ran.frame, &after.frame] {
        for ((order, _), (_, amount, _)) in lines(frame, EventKind::OrderCompleted) {
            let number = order.trim_start_matches('o').split('-').next().unwrap();
            total += if number.parse::<u64>().unwrap() < last { amount } else { 0 };
        }
    }
    assert_eq!(total as f64, ran.sum(|own| own.revenue as f64));
    ran.outcomes.retain(|own| !own.converted);
    assert_eq!(ran.sum(|own| own.revenue as f64), 0.0);
}

#[test]
fn orders_follow_clicks_within_seven_days() {
    let (_, ran) = played();
    let frame = &ran.frame;
    let kinds = kinds(frame);
    let (customers, products) = (frame.text("customer").unwrap(), frame.text("product").unwrap());
    let orders = frame.text("order").unwrap();
    let times = frame.time("occurred_at").unwrap();
    let lines = frame.int("line").unwrap();
    let mut clicks: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    let mut delayed = 0;
    for row in 0..frame.rows() {
        let key = || (customers.get(row).unwrap(), products.get(row).unwrap());
        match kinds[row] {
            EventKind::AdClicked | EventKind::RecommendationClicked => {
                clicks.insert(key(), times[row]);
            }
            // The first line of an order that is not the visit's own is what was clicked before.
            EventKind::OrderCompleted
                if lines[row] == 0 && orders.get(row).unwrap().contains('-') =>
            {
                let waited = times[row] - clicks[&key()];
                assert!(waited > 0 && waited < 7 * DAY, "{waited}");
                delayed += 1;
            }
            _ => {}
        }
    }
    assert!(delayed > 20, "{delayed}");
}

#[test]
fn customers_look_at_what_they_like() {
    let (world, ran) = played();
    let truth = world.customers_truth();
    let favourites = truth.text("favourite_category").unwrap();
    let names = truth.text("customer").unwrap();
    let liked: BTreeMap<&str, &str> =
        names.iter().flatten().zip(favourites.iter().flatten()).collect();
    let products = world.products();
    let category: BTreeMap<&str, &str> =
        products.iter().map(|own| (own.id.as_str(), own.category.as_deref().unwrap())).collect();
    let kinds = kinds(&ran.frame);
    let (customers, viewed) =
        (ran.frame.text("customer").unwrap(), ran.frame.text("product").unwrap());
    let is_view = |row: &usize| kinds[*row] == EventKind::ProductViewed;
    let rows: Vec<usize> = (0..ran.frame.rows()).filter(is_view).collect();
    let hits = rows
        .iter()
        .filter(|row| liked[customers.get(**row).unwrap()] == category[viewed.get(**row).unwrap()]);
    let share = hits.count() as f64 / rows.len() as f64;
    println!("{share:.3} of looks are at the favourite of 24 categories");
    assert!((0.3..0.7).contains(&share), "{share}");
}
