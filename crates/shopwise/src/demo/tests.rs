//! Does the loop recover what the simulator knows?

mod propensities;

use shopwise_learn::cluster::{KMeans, adjusted_rand_index};
use shopwise_learn::{Matrix, scale};
use shopwise_model::Settings;
use shopwise_model::frame::{Column, Frame, NULL_INT};
use shopwise_stages::Stage;
use shopwise_stages::advertise::Strategy;

use super::*;
use crate::commands::{init, open};

/// A shop in which a world lives under the random policy.
struct Lived {
    _folder: tempfile::TempDir,
    shop: Shop,
    world: World,
    office: Office,
}

impl Lived {
    fn new(settings: &shopwise_simulate::Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop");
        init::make(&path, &Settings::default(), [7; 32]).unwrap();
        let shop = open::open(&path).unwrap();
        let world = World::new(settings, ToOwned::to_owned).unwrap();
        shop.ledger.upsert_products(world.products(), 0).unwrap();
        // Budgets that never end: the simulator's probabilities are asked for, not the campaigns'.
        let mut campaigns = world.campaigns().to_vec();
        for campaign in &mut campaigns {
            (campaign.budget, campaign.budget_day) = (i64::MAX / 4, None);
            (campaign.starts_at, campaign.ends_at) = (0, i64::MAX);
        }
        shop.ledger.upsert_campaigns(&campaigns, 0).unwrap();
        let office = Office::open(&shop, &world, settings.seed).unwrap();
        Self { _folder: folder, shop, world, office }
    }

    fn live(&mut self, days: u32) {
        let mut log = self.shop.lake.append(&EVENTS).unwrap();
        let each = &mut |events: &Frame| Ok(log.write(events)?);
        live(&mut self.world, &mut Policy::Random, &mut self.office, days, each).unwrap();
        log.commit(None).unwrap();
    }

    fn run(&self, names: &[&str]) {
        let stages: Vec<&'static Stage> =
            STAGES.iter().filter(|stage| names.contains(&stage.name)).collect();
        run_loop(&self.shop, &stages, false).unwrap();
    }
}

#[test]
fn k_means_finds_the_planted_segments() {
    let settings = shopwise_simulate::Settings {
        customers: 4000,
        separation: 8.0,
        seed: 5,
        ..shopwise_simulate::Settings::default()
    };
    let mut lived = Lived::new(&settings);
    lived.live(180);
    lived.run(&["prepare"]);
    let truth = lived.world.customers_truth();
    let kinds: std::collections::BTreeMap<&str, i64> = truth
        .text("customer")
        .unwrap()
        .iter()
        .flatten()
        .zip(truth.int("archetype").unwrap().iter().copied())
        .collect();
    // What customers of different kinds do differently; the other features say how long and how
    // often somebody has been there, which is no kind.
    let habits =
        ["average_order", "items_per_order", "return_rate", "weekend_share", "evening_share"];
    let buyers = lived
        .shop
        .lake
        .query(&format!(
            "SELECT customer, {} FROM customer_features WHERE orders > 0 ORDER BY customer",
            habits.join(", ")
        ))
        .unwrap();
    let columns: Vec<&[f64]> = habits.iter().map(|name| buyers.float(name).unwrap()).collect();
    let raw = Matrix::from_columns(&columns).unwrap();
    let scalings: Vec<scale::Column> = columns.iter().map(|column| scale::choose(column)).collect();
    let scaled = scale::fit(&raw, &scalings).unwrap().apply(raw).unwrap();
    let found = KMeans { k: 4, restarts: 10, seed: 1, ..KMeans::default() }.fit(&scaled).unwrap();
    let customers = buyers.text("customer").unwrap();
    let planted: Vec<u32> =
        customers.iter().flatten().map(|name| u32::try_from(kinds[name]).unwrap()).collect();
    let agreement = adjusted_rand_index(&found.labels, &planted).unwrap();
    println!("planted kinds of customers: adjusted Rand {agreement:.3}");
    assert!(agreement >= 0.9, "adjusted Rand {agreement}");
}

/// Predictions beside what the simulator knows, for exposures that no model has seen.
struct Beside {
    predicted: Vec<f64>,
    truth: Vec<f64>,
    /// How often the question arises: 1, or for what follows a click the true chance of a click.
    weight: Vec<f64>,
}

impl Beside {
    /// Returns Σ weight × predicted / Σ weight × truth, of all rows and of each tenth by
    /// prediction.
    fn ratios(&self) -> (f64, Vec<f64>) {
        let mut order: Vec<usize> = (0..self.predicted.len()).collect();
        order.sort_by(|a, b| self.predicted[*a].total_cmp(&self.predicted[*b]));
        let ratio = |rows: &[usize]| {
            let sum = |of: &[f64]| rows.iter().map(|row| self.weight[*row] * of[*row]).sum::<f64>();
            sum(&self.predicted) / sum(&self.truth)
        };
        let tenth = order.len().div_ceil(10);
        (ratio(&order), order.chunks(tenth).map(ratio).collect())
    }

    /// Asks for 2 % in all and 10 % in each tenth, beside what the chance of the outcomes that were
    /// learned from allows.
    fn check(&self, what: &str, chance: f64) {
        let (all, tenths) = self.ratios();
        println!("{what}: predicted / true {all:.4}, by tenth {tenths:.3?}, chance {chance:.3}");
        assert!((all - 1.0).abs() <= 0.02 + chance, "{what}: {all}");
        for ratio in tenths {
            assert!((ratio - 1.0).abs() <= 0.1 + chance, "{what}: a tenth is at {ratio}");
        }
    }
}

#[test]
fn predicted_rates_are_the_simulators_probabilities() {
    let settings = shopwise_simulate::Settings {
        customers: 20_000,
        seed: 11,
        list_slots: 0,
        ad_slots: 8,
        ..shopwise_simulate::Settings::default()
    };
    let mut lived = Lived::new(&settings);
    lived.live(150);
    lived.run(&["prepare", "advertise"]);
    let strategy = Strategy::open(&lived.shop).unwrap().unwrap();
    let orders = "SELECT count(*) AS orders FROM exposures WHERE converted AND settled";
    let learned_from = lived.shop.lake.query(orders).unwrap().int("orders").unwrap()[0];
    let fresh_from = lived.world.day_starts_at();
    lived.world.keep_truth();
    lived.live(15);
    let truth = lived.world.take_truth();
    let known: rustc_hash::FxHashMap<[u8; 16], usize> =
        truth.id("event_id").unwrap().iter().enumerate().map(|(row, id)| (*id, row)).collect();
    lived.run(&["prepare"]);
    let shown = lived
        .shop
        .lake
        .query(&format!(
            "SELECT *, concat(placement, '-', CAST(position AS VARCHAR)) AS place FROM exposures \
             WHERE CAST(occurred_at AS BIGINT) >= {fresh_from}"
        ))
        .unwrap();
    let offers = strategy.offers(&candidates(&shown)).unwrap();
    let rows: Vec<usize> = shown.id("event_id").unwrap().iter().map(|id| known[id]).collect();
    let true_of = |name: &str| {
        let values = truth.float(name).unwrap();
        rows.iter().map(|row| values[*row]).collect::<Vec<f64>>()
    };
    let clicks = Beside {
        predicted: offers.iter().map(|offer| offer.p_click).collect(),
        truth: true_of("p_click"),
        weight: vec![1.0; rows.len()],
    };
    let conversions = Beside {
        predicted: offers.iter().map(|offer| offer.p_conversion).collect(),
        truth: true_of("p_conversion"),
        weight: true_of("p_click"),
    };
    clicks.check("clicks", 0.0);
    // Of n outcomes the share is known to ± 1 / √n; 2.58 of these are the 99 % interval.
    conversions.check("conversions", 2.58 / (learned_from as f64).sqrt());
}

/// Returns exposures as the strategy asks for candidates.
fn candidates(shown: &Frame) -> Frame {
    let mut frame = Frame::default();
    for (name, column) in shown.names().iter().zip(shown.columns()) {
        match name.as_str() {
            "position" => {}
            "place" => frame = frame.with("position", column.clone()),
            name => frame = frame.with(name, column.clone()),
        }
    }
    let rows = frame.rows();
    frame.with("bid", Column::Int(vec![NULL_INT; rows]))
}
