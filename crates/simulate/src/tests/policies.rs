//! Whether knowing tastes pays, and that it does not where there are none.

use std::collections::BTreeMap;

use shopwise_model::{EventKind, Product};

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
    let world = world(&settings);
    let bare = world.odds(0, Shown::Product(0), 1);
    for customer in (0..settings.customers).step_by(7) {
        for product in (0..settings.products).step_by(11) {
            assert_eq!(world.odds(customer, Shown::Product(product), 1), bare);
        }
    }
    let advert = world.odds(0, Shown::Campaign(0), 1);
    for campaign in 1..settings.campaigns {
        assert_eq!(world.odds(5, Shown::Campaign(campaign), 1), advert);
    }
    let price = |at: usize| runs[0].frame.int("unit_price").unwrap()[at];
    let priced: Vec<i64> =
        (0..runs[0].frame.rows()).map(price).filter(|price| *price > 0).collect();
    assert!(priced.iter().all(|price| *price == priced[0]));
}

/// What everybody looked at and bought: for each customer the category he looked at most, for each
/// product how often it was ordered, with looks to break ties.
fn learn(world: &World, log: &Run) -> (Vec<Option<String>>, Vec<f64>) {
    let products = world.products();
    let index: BTreeMap<&str, usize> =
        products.iter().enumerate().map(|(at, own)| (own.id.as_str(), at)).collect();
    let mut looks: BTreeMap<&str, BTreeMap<&str, u32>> = BTreeMap::new();
    let mut popular = vec![0.0; products.len()];
    let text = |name: &str| log.frame.text(name).unwrap();
    let (kinds, customers, viewed) = (text("kind"), text("customer"), text("product"));
    for row in 0..log.frame.rows() {
        match EventKind::from_name(kinds.get(row).unwrap()) {
            EventKind::ProductViewed => {
                let product = index[viewed.get(row).unwrap()];
                popular[product] += 0.1;
                let category = products[product].category.as_deref().unwrap();
                let own = looks.entry(customers.get(row).unwrap()).or_default();
                *own.entry(category).or_insert(0) += 1;
            }
            EventKind::OrderCompleted => popular[index[viewed.get(row).unwrap()]] += 1.0,
            _ => {}
        }
    }
    let favourites = (0..world.customers() as u32)
        .map(|customer| {
            let own = looks.get(world.customer(customer))?;
            own.iter().max_by_key(|(_, count)| **count).map(|(category, _)| (*category).to_owned())
        })
        .collect();
    (favourites, popular)
}

#[test]
fn tastes_can_be_learnt_from_what_customers_look_at() {
    let mut start = world(&small());
    let log = run(&mut start, 60, random);
    let (favourites, popular) = learn(&start, &log);
    let clicks = |scores: &dyn Fn(&World, u32) -> Vec<f64>| {
        let ran = run(&mut start.clone(), 30, |world, visit| {
            let scores = scores(world, visit.customer);
            decision(visit, best(&scores, visit.list_slots), Vec::new())
        });
        ran.sum(|own| f64::from(own.clicked)) / ran.sum(|own| f64::from(own.shown))
    };
    let learnt = clicks(&|world, customer| {
        let liked = favourites[customer as usize].as_deref();
        let is_liked = |own: &Product| own.category.as_deref() == liked;
        let bonus = |own: &Product| if is_liked(own) { 1e6 } else { 0.0 };
        world.products().iter().zip(&popular).map(|(own, score)| score + bonus(own)).collect()
    });
    let best_sellers = clicks(&|_, _| popular.clone());
    let chance = clicks(&|world, customer| {
        let own = Chance::new(u64::from(customer)).of(u64::from(world.day()));
        (0..popular.len() as u64).map(|at| own.of(at).unit()).collect()
    });
    println!("click rates: learnt {learnt:.4}, best sellers {best_sellers:.4}, chance {chance:.4}");
    assert!(learnt > 1.3 * best_sellers, "{learnt} {best_sellers}");
    assert!(best_sellers > 1.1 * chance, "{best_sellers} {chance}");
}

#[test]
fn low_places_and_repetition_are_clicked_less() {
    let mut world = world(&small());
    let visit = world.begin_day()[0].clone();
    let shown = Shown::Product(7);
    let p = |world: &World, position: usize| world.odds(visit.customer, shown, position).p_click;
    assert!(p(&world, 2) < p(&world, 1) && p(&world, 8) < 0.7 * p(&world, 1));
    let before = p(&world, 1);
    run(&mut world, 1, |_, visit| {
        decision(visit, vec![Choice { index: 7, propensity: 1.0 }], Vec::new())
    });
    let after = p(&world, 1);
    assert!(after < before);
    // Yesterday's exposure counts exp(−1/7): the logit falls by 0.12 of that.
    let logit = |p: f64| (p / (1.0 - p)).ln();
    let fell = logit(before) - logit(after);
    assert!((fell - 0.12 * (-1.0_f64 / 7.0).exp()).abs() < 1e-6, "{fell}");
    run(&mut world, 29, |_, visit| decision(visit, Vec::new(), Vec::new()));
    assert!(logit(before) - logit(p(&world, 1)) < 0.003);
}
