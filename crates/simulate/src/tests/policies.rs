//! Whether knowing tastes pays, and that it does not where there are none.

use super::*;
use crate::Shown;

/// What a place in front of a customer is worth to the shop: expected orders times the price.
fn worth(world: &World, customer: u32, shown: Shown, product: usize) -> f64 {
    let odds = world.odds(customer, shown, 1);
    odds.p_click * odds.p_conversion * world.products()[product].price.unwrap() as f64
}

fn product_of(world: &World, campaign: usize) -> usize {
    let id = world.campaigns()[campaign].product.as_deref();
    world.products().iter().position(|own| Some(own.id.as_str()) == id).unwrap()
}

/// Returns what every product and every campaign is worth in front of one customer.
fn worths(world: &World, customer: u32, advertised: &[usize]) -> [Vec<f64>; 2] {
    let products = 0..world.products().len();
    let campaigns = advertised.iter().enumerate();
    [
        products.map(|at| worth(world, customer, Shown::Product(at as u32), at)).collect(),
        campaigns
            .map(|(at, product)| worth(world, customer, Shown::Campaign(at as u32), *product))
            .collect(),
    ]
}

/// Returns the mean revenue a visit of showing each his best, all the best of most, and anything.
fn compare(settings: &Settings, days: u32) -> [Run; 3] {
    let mut start = world(settings);
    let advertised: Vec<usize> =
        (0..start.campaigns().len()).map(|at| product_of(&start, at)).collect();
    let mut sums = [vec![0.0; start.products().len()], vec![0.0; advertised.len()]];
    for customer in (0..settings.customers).step_by(10) {
        for (sum, own) in sums.iter_mut().zip(worths(&start, customer, &advertised)) {
            sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        }
    }
    let oracle = run(&mut start.clone(), days, |world, visit| {
        let [list, ads] = worths(world, visit.customer, &advertised);
        decision(visit, best(&list, visit.list_slots), best(&ads, visit.ad_slots))
    });
    let popular = run(&mut start.clone(), days, |_, visit| {
        decision(visit, best(&sums[0], visit.list_slots), best(&sums[1], visit.ad_slots))
    });
    [oracle, popular, run(&mut start, days, random)]
}

#[test]
fn knowing_tastes_beats_popularity_and_popularity_beats_chance() {
    for seed in [42, 43] {
        let runs = compare(&Settings { seed, ..small() }, 60);
        let [oracle, popular, random] = runs.each_ref().map(Run::revenue);
        let clicks = runs
            .each_ref()
            .map(|ran| ran.sum(|own| f64::from(own.clicked)) / ran.sum(|own| f64::from(own.shown)));
        println!("revenue {oracle:.2} {popular:.2} {random:.2}, click rates {clicks:.4?}");
        assert!(oracle > 1.4 * random, "{oracle} {random}");
        assert!(oracle > 1.2 * popular, "{oracle} {popular}");
        assert!(popular > 1.05 * random, "{popular} {random}");
    }
}

#[test]
fn where_there_are_no_tastes_no_policy_is_better() {
    let settings = Settings { tastes: 0.0, ..small() };
    let runs = compare(&settings, 60);
    let [oracle, popular, random] = runs.each_ref().map(Run::revenue);
    let spread = |ran: &Run| {
        let mean = ran.revenue();
        let square = ran.mean(|own| (own.revenue as f64 / 1e6 - mean).powi(2));
        (square / ran.outcomes.len() as f64).sqrt()
    };
    println!("revenue {oracle:.3} {popular:.3} {random:.3}");
    let noise = spread(&runs[0]) + spread(&runs[2]);
    // Showing the same again and again tires; with one visit in 16 days hardly.
    assert!((popular - random).abs() < 3.0 * noise, "{popular} {random} {noise}");
    assert!((oracle - random).abs() < 3.0 * noise, "{oracle} {random} {noise}");
    let price = |at: usize| runs[0].frame.int("unit_price").unwrap()[at];
    let priced: Vec<i64> =
        (0..runs[0].frame.rows()).map(price).filter(|price| *price > 0).collect();
    assert!(priced.iter().all(|price| *price == priced[0]));
}
