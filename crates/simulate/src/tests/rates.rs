//! The rates a shop sees, and whether the truth kept beside the events is true.

use std::collections::BTreeMap;

use shopwise_model::time::DAY;

use super::*;

#[test]
fn random_exposures_have_the_rates_of_a_shop() {
    for seed in [1, 2, 3] {
        let settings = Settings { seed, ..small() };
        let ran = run(&mut world(&settings), 90, random);
        let visits = ran.outcomes.len() as f64;
        let a_day = visits / f64::from(settings.customers) / 90.0;
        let clicks = ran.sum(|own| f64::from(own.clicked)) / ran.sum(|own| f64::from(own.shown));
        let orders = ran.mean(|own| f64::from(u8::from(own.converted)));
        let events = ran.frame.rows() as f64 / visits;
        println!(
            "seed {seed}: {a_day:.4} visits a day; {clicks:.4} clicks an exposure; a visit \
             {orders:.4} orders, {events:.1} events, revenue {:.3}",
            ran.revenue()
        );
        assert!((0.05..0.07).contains(&a_day), "{a_day}");
        assert!((0.014..0.021).contains(&clicks), "{clicks}");
        assert!((0.02..0.03).contains(&orders), "{orders}");
        assert!((12.0..18.0).contains(&events), "{events}");
    }
}

#[test]
fn the_truth_of_exposures_is_calibrated() {
    let mut world = world(&small());
    world.keep_truth();
    let ran = run(&mut world, 90, random);
    let truth = world.take_truth();
    let clicked = truth.bool("clicked").unwrap();
    let ordered = truth.bool("ordered").unwrap();
    let p_click = truth.float("p_click").unwrap();
    let p_conversion = truth.float("p_conversion").unwrap();
    let count = |flags: &[bool]| flags.iter().filter(|flag| **flag).count() as f64;
    let shown = ran.sum(|own| f64::from(own.shown));
    assert_eq!(truth.rows() as f64, shown);
    assert_eq!(count(clicked), ran.sum(|own| f64::from(own.clicked)));
    assert!(is_binomial(count(clicked), p_click.iter().copied()));
    let clicks = clicked.iter().zip(p_conversion).filter(|(clicked, _)| **clicked);
    assert!(is_binomial(count(ordered), clicks.map(|(_, p)| *p)));
    let rate = count(ordered) / count(clicked);
    let caused = count(ordered) / ran.sum(|own| f64::from(u8::from(own.converted)));
    println!("{rate:.4} orders a click, {caused:.3} of orders caused");
    assert!((0.04..0.12).contains(&rate), "{rate}");
    assert!((0.4..0.65).contains(&caused), "{caused}");
    // High probabilities are clicked more: the truth also tells exposures apart.
    let middle = {
        let mut sorted = p_click.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() * 9 / 10]
    };
    let of = |is_high: bool| {
        let rows = || p_click.iter().zip(clicked).filter(|(p, _)| (**p > middle) == is_high);
        let clicks = rows().filter(|(_, clicked)| **clicked).count() as f64;
        assert!(is_binomial(clicks, rows().map(|(p, _)| *p)));
        clicks / rows().count() as f64
    };
    assert!(of(true) > 2.0 * of(false));
    assert_eq!(world.take_truth().rows(), 0);
}

#[test]
fn customers_join_and_lapse() {
    let settings = Settings { days: 180, ..small() };
    let mut world = world(&settings);
    let truth = world.customers_truth();
    let (joined, lapses) = (truth.time("joined_at").unwrap(), truth.time("lapses_at").unwrap());
    let ran = run(&mut world, 180, random);
    let index: BTreeMap<&str, usize> =
        truth.text("customer").unwrap().iter().flatten().zip(0..).collect();
    let kinds = ran.frame.text("kind").unwrap();
    let (customers, times) =
        (ran.frame.text("customer").unwrap(), ran.frame.time("occurred_at").unwrap());
    let (mut lost, mut late) = (0.0, 0.0);
    for row in (0..ran.frame.rows()).filter(|row| kinds.get(*row) == Some("page_viewed")) {
        let customer = index[customers.get(row).unwrap()];
        assert!(times[row] >= joined[customer]);
        late += f64::from(u8::from(joined[customer] > settings.starts_at));
        lost += f64::from(u8::from(times[row] > lapses[customer] + 45 * DAY));
    }
    let visits = ran.outcomes.len() as f64;
    println!(
        "{:.3} of visits by those who joined, {:.4} by lost ones",
        late / visits,
        lost / visits
    );
    assert!((0.15..0.4).contains(&(late / visits)));
    assert!(lost / visits < 0.02);
}
