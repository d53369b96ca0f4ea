//! The same seed gives the same bits, and a decision disturbs only what it causes.

use proptest::prelude::*;

use super::*;
use crate::Error;

fn short() -> Settings {
    Settings { customers: 1_500, days: 30, ..Settings::default() }
}

/// Returns the rows of some customers, as the debug text of each value of each column.
fn rows_of(frame: &Frame, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    use shopwise_model::Column;
    let customers = frame.text("customer").unwrap();
    let wanted = (0..frame.rows()).filter(|row| is_wanted(customers.get(*row).unwrap()));
    wanted
        .map(|row| {
            let cells = frame.columns().iter().map(|column| match column {
                Column::Int(values) | Column::Time(values) => values[row].to_string(),
                Column::Float(values) => values[row].to_bits().to_string(),
                Column::Bool(values) => values[row].to_string(),
                Column::Text(texts) => texts.get(row).unwrap_or("-").to_owned(),
                Column::Id(ids) => format!("{:?}", ids[row]),
            });
            cells.collect::<Vec<_>>().join(",")
        })
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let first = run(&mut world(&short()), 30, random);
    let second = run(&mut world(&short()), 30, random);
    let all = |run: &Run| rows_of(&run.frame, |_| true);
    assert_eq!(all(&first), all(&second));
    assert_eq!(first.outcomes, second.outcomes);
    let other = run(&mut world(&Settings { seed: 43, ..short() }), 30, random);
    assert_ne!(all(&first), all(&other));
}

#[test]
fn a_copy_goes_on_as_the_original_does() {
    let mut original = world(&short());
    run(&mut original, 10, random);
    original.begin_day();
    let mut copy = original.clone();
    let all = |run: &Run| rows_of(&run.frame, |_| true);
    assert_eq!(all(&run(&mut original, 15, random)), all(&run(&mut copy, 15, random)));
}

#[test]
fn a_decision_disturbs_only_its_customer() {
    let mut start = world(&Settings { separation: 0.0, ..short() });
    run(&mut start, 5, random);
    let other = start.begin_day()[3].clone();
    // One customer is shown his best on every visit, the others what they would have been shown.
    let different = |world: &World, visit: &VisitContext| {
        let mut decided = random(world, visit);
        if visit.customer == other.customer {
            let odds = |product: u32| {
                world.odds(visit.customer, crate::Shown::Product(product), 1).p_click
            };
            let scores: Vec<f64> = (0..world.products().len() as u32).map(odds).collect();
            decided.list = best(&scores, visit.list_slots);
        }
        decided
    };
    let name = start.customer(other.customer).to_owned();
    let first = run(&mut start.clone(), 25, random);
    let second = run(&mut start.clone(), 25, different);
    let others = |run: &Run| rows_of(&run.frame, |customer| customer != name);
    let own = |run: &Run| rows_of(&run.frame, |customer| customer == name);
    assert_eq!(others(&first), others(&second));
    assert_ne!(own(&first), own(&second));
    let visits = |run: &Run| run.outcomes.iter().map(|own| own.customer).collect::<Vec<_>>();
    assert_eq!(visits(&first), visits(&second));
}

#[test]
fn wrong_settings_are_refused_in_words() {
    let refused = |settings: Settings| {
        World::new(&settings, str::to_owned).map(|_| ()).unwrap_err().to_string()
    };
    let base = Settings::default;
    for (settings, message) in [
        (Settings { customers: 0, ..base() }, "customers must be from 1 to 10,000,000, got `0`"),
        (Settings { days: 4_000, ..base() }, "days must be from 1 to 3,650, got `4000`"),
        (Settings { products: 0, ..base() }, "products must be from 1 to 1,000,000, got `0`"),
        (Settings { tastes: f64::NAN, ..base() }, "tastes must be from 0 to 10, got `NaN`"),
        (Settings { separation: -1.0, ..base() }, "separation must be from 0 to 10, got `-1`"),
        (
            Settings { currency: "usd".to_owned(), ..base() },
            "currency must be three capital letters, got `usd`",
        ),
        (
            Settings { starts_at: 1, ..base() },
            "starts_at must be midnight in UTC microseconds, in the years 1970 to 2199, got `1`",
        ),
    ] {
        assert_eq!(refused(settings), message);
    }
}

#[test]
fn wrong_decisions_are_refused_and_nothing_happens() {
    let mut world = world(&short());
    let mut events = Events::default();
    let early = world.end_day(&[], &mut events).unwrap_err();
    assert_eq!(early, Error::NotBegun { day: 0 });
    let visits = world.begin_day();
    let good: Vec<VisitDecision> = visits.iter().map(|visit| random(&world, visit)).collect();
    let message = |world: &mut World, decisions: &[VisitDecision]| {
        let mut events = Events::default();
        let error = world.end_day(decisions, &mut events).unwrap_err();
        assert!(events.is_empty());
        error.to_string()
    };
    let count = visits.len();
    assert_eq!(
        message(&mut world, &good[1..]),
        format!("day 0 has {count} visits, got {} decisions", count - 1)
    );
    let mut wrong = good.clone();
    wrong[2].list[0].index = 1_000;
    assert_eq!(message(&mut world, &wrong), "decision 2: product must be below 1000, got `1000`");
    wrong.clone_from(&good);
    wrong[1].ads[0].propensity = 0.0;
    assert_eq!(
        message(&mut world, &wrong),
        "decision 1: propensity must be above 0 and at most 1, got `0`"
    );
    wrong.clone_from(&good);
    wrong[0].ads = vec![good[0].ads[0]; 3];
    assert_eq!(message(&mut world, &wrong), "decision 0: ads must be at most 2 long, got `3`");
    assert_eq!(world.begin_day(), visits);
    assert_eq!(world.end_day(&good, &mut events).unwrap().len(), count);
    assert_eq!(world.day(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn no_settings_within_their_ranges_break_a_world(
        customers in 1_u32..200,
        days in 1_u32..20,
        products in 1_u32..60,
        campaigns in 0_u32..4,
        tastes in 0.0..10.0_f64,
        separation in 0.0..10.0_f64,
        slots in (0_u32..12, 0_u32..4),
        seed: u64,
    ) {
        let settings = Settings {
            customers, days, products, campaigns, tastes, separation, seed,
            list_slots: slots.0, ad_slots: slots.1, ..Settings::default()
        };
        let mut world = world(&settings);
        world.keep_truth();
        let ran = run(&mut world, days + 10, |world, visit| {
            let same = |slots: usize, count: usize| {
                let slots = if count == 0 { 0 } else { slots };
                vec![Choice { index: 0, propensity: 1.0 }; slots]
            };
            let list = same(visit.list_slots, world.products().len());
            decision(visit, list, same(visit.ad_slots, world.campaigns().len()))
        });
        let truth = world.take_truth();
        for name in ["p_click", "p_conversion"] {
            prop_assert!(truth.float(name).unwrap().iter().all(|p| (0.0..=1.0).contains(p)));
        }
        prop_assert!(ran.outcomes.iter().all(|own| own.clicked <= own.shown));
    }
}
