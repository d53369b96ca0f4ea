//! Are the propensities that lists are logged with the right ones? Weighted by their inverse, the
//! clicks of a shop that explores a little are those of a shop that fills its places evenly by
//! chance, which the simulator knows.

use rustc_hash::FxHashMap;
use shopwise_learn::slate::{Exploration, Style};
use shopwise_model::decision::{Choice, VisitDecision};
use shopwise_model::{EventKind, Events};
use shopwise_simulate::Shown;
use shopwise_stages::prepare::fold::Replay;
use shopwise_stages::prepare::follow;
use shopwise_stages::recommend::engine::{Engine, House, Listed, Page, Question, Scene};
use shopwise_stages::recommend::rules::Rules;

use super::*;
use crate::live::visitor::visitor;

/// Places of a list, all of them open to chance.
const PLACES: usize = 4;
/// From how many products chance takes, beside the one that stands there.
const POOL: usize = 10;
/// The share of chance in the shop that is logged.
const SHARE: f64 = 0.3;

/// A shop that serves lists from its engine.
struct Serving {
    engine: Engine,
    state: Replay,
    rules: Rules,
    /// The world's index of each product.
    indexes: FxHashMap<String, u32>,
}

impl Serving {
    fn list(&self, lived: &Lived, who: &str, at: i64, share: f64, seed: u64) -> Vec<Listed> {
        let visitor = visitor(&self.state, &lived.shop.vault, who, at);
        let places = (0..PLACES).collect();
        let exploration = Exploration { share, places, pool: POOL };
        let style = Style { exploration, ..Style::default() };
        let page = Page { n: PLACES, filter: None, at };
        let question = Question { scene: Scene::Home, visitor: &visitor, products: &[], page };
        let house = House { rules: &self.rules, style: &style, seed };
        self.engine.list_in(&question, &house).unwrap().0.items
    }

    fn index(&self, item: &Listed) -> u32 {
        self.indexes[&item.product]
    }
}

/// Sums over visits.
#[derive(Default)]
struct Mean {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    fn mean(&self) -> f64 {
        self.sum / self.count
    }

    fn standard_error(&self) -> f64 {
        let mean = self.mean();
        ((self.squares / self.count - mean * mean) / self.count).sqrt()
    }
}

/// Returns the propensities of what was clicked, by decision.
fn clicks(events: &Frame) -> FxHashMap<String, Vec<f64>> {
    let (kinds, decisions) = (events.text("kind").unwrap(), events.text("decision").unwrap());
    let mut clicks: FxHashMap<String, Vec<f64>> = FxHashMap::default();
    for (row, propensity) in events.float("propensity").unwrap().iter().enumerate() {
        if kinds.get(row) == Some(EventKind::RecommendationClicked.name()) {
            let decision = decisions.get(row).unwrap().to_owned();
            clicks.entry(decision).or_default().push(*propensity);
        }
    }
    clicks
}

#[test]
fn inverse_propensities_give_the_rate_of_the_uniform_policy() {
    let settings = shopwise_simulate::Settings {
        customers: 6000,
        list_slots: PLACES as u32,
        ad_slots: 0,
        seed: 3,
        ..shopwise_simulate::Settings::default()
    };
    let mut lived = Lived::new(&settings);
    lived.shop.settings.race_seconds = 5;
    lived.live(30);
    lived.run(&["prepare", "recommend"]);
    let products = lived.world.products().iter().zip(0..);
    let mut serving = Serving {
        engine: Engine::open(&lived.shop).unwrap(),
        state: follow::state(&lived.shop).unwrap(),
        rules: Rules::default(),
        indexes: products.map(|(product, index)| (product.id.clone(), index)).collect(),
    };
    // Clicks a visit: as they came, weighted, and of the uniform policy as the simulator knows it.
    let (mut plain, mut weighted, mut uniform) =
        (Mean::default(), Mean::default(), Mean::default());
    for _ in 0..20 {
        let visits = lived.world.begin_day();
        let mut shown = Vec::new();
        for visit in &visits {
            let who = lived.world.customer(visit.customer).to_owned();
            let list = |share, seed| serving.list(&lived, &who, visit.occurred_at, share, seed);
            let [own, drawn] = [list(0.0, 0), list(1.0, visit.visit)];
            let rate = |list: &[Listed]| -> f64 {
                let odds = |(at, item)| {
                    let shown = Shown::Product(serving.index(item));
                    lived.world.odds(visit.customer, shown, at + 1).p_click
                };
                list.iter().enumerate().map(odds).sum()
            };
            let own_share = 1.0 / (POOL + 1) as f64;
            uniform.add(own_share * rate(&own) + (1.0 - own_share) * rate(&drawn));
            let listed = list(SHARE, visit.visit);
            let decision = format!("d{}", visit.visit);
            shown.push(decision.clone());
            let choice =
                |item: &Listed| Choice { index: serving.index(item), propensity: item.propensity };
            let list = listed.iter().map(choice).collect();
            let decision = VisitDecision { decision, policy: "engine", list, ads: Vec::new() };
            lived.world.meet(decision).unwrap();
        }
        let mut events = Events::default();
        lived.world.close_day(&mut events).unwrap();
        let events = events.into_frame();
        let clicks = clicks(&events);
        for decision in &shown {
            let clicked = clicks.get(decision).map_or(&[][..], Vec::as_slice);
            plain.add(clicked.len() as f64);
            let each = 1.0 / (POOL + 1) as f64;
            weighted.add(clicked.iter().map(|propensity| each / propensity).sum());
        }
        serving.state.extend(&events).unwrap();
        serving.state.settle();
    }
    let error = weighted.standard_error();
    println!(
        "clicks a visit: {:.4} as they came, {:.4} weighted (standard error {error:.4}), {:.4} of \
         the uniform policy; {} visits",
        plain.mean(),
        weighted.mean(),
        uniform.mean(),
        plain.count
    );
    assert!((weighted.mean() - uniform.mean()).abs() < 2.58 * error);
    // Else no weights would do as well.
    assert!((plain.mean() - uniform.mean()).abs() > 3.0 * error);
}
