use proptest::prelude::*;
use serde_json::{Value, json};
use shopwise_learn::slate::{self, Ask, Likeness, Pad, Placed, Standing, Style, compose};

use super::*;

/// A rule of this kind about the items that are divisible by a number, which stands for the text.
fn rule(id: &str, kind: Value, divisor: u32) -> Rule {
    let mut fields = json!({ "id": id, "products": format!("stock = {divisor}") });
    fields["kind"] = kind;
    serde_json::from_value(fields).unwrap()
}

fn divisor(held: &Held) -> u32 {
    held.rule.products.trim_start_matches("stock = ").parse().unwrap()
}

fn candidates(count: u32) -> Vec<slate::Candidate> {
    let candidate = |item| slate::Candidate {
        item,
        score: (count - item) as f32,
        factor: 1.0,
        shown: 0.0,
        way: slate::Way::Ranked,
    };
    (0..count).map(candidate).collect()
}

/// Lets rules work on the items 0 … 19 of a catalogue of 60, and composes a page of 10. What is
/// divisible by 13 may not be shown.
fn composed(rules: &Rules, length: usize) -> (Vec<Placed>, Applied) {
    let holding = rules.holding(Scene::Home, &Visitor::default(), 0);
    let is_meant = |rule: usize, item: u32| item.is_multiple_of(divisor(&holding[rule]));
    let may_stand = |item: u32| !item.is_multiple_of(13);
    let all = |rule: usize| -> Box<dyn Iterator<Item = u32>> {
        let divisor = divisor(&holding[rule]);
        Box::new((0..60_u32).filter(move |item| item.is_multiple_of(divisor)))
    };
    let ground = Ground { is_meant: &is_meant, may_stand: &may_stand, all: &all };
    let mut candidates = candidates(20);
    candidates.retain(|one| may_stand(one.item));
    let applied = apply(&holding, &ground, length, &mut candidates);
    let quotas = applied.quotas();
    let (likeness, style) = (Likeness::default(), &Style::default());
    let (candidates, fixed, quotas) = (&candidates[..], &applied.fixed[..], &quotas[..]);
    let ask = Ask { candidates, length, likeness, fixed, quotas, style, seed: 0 };
    (compose(&ask, &mut Pad::default()).unwrap(), applied)
}

fn items(rules: Vec<Rule>) -> Vec<u32> {
    let (page, _) = composed(&Rules::new(rules).unwrap(), 10);
    page.iter().map(|placed| placed.item).collect()
}

#[test]
fn each_kind_does_what_it_says() {
    // 0 and 13 may not be shown.
    assert_eq!(items(vec![])[..5], [1, 2, 3, 4, 5]);
    assert_eq!(items(vec![rule("a", json!("exclude"), 2)])[..5], [1, 3, 5, 7, 9]);
    let pin = |position: usize| json!({ "pin": { "position": position } });
    assert_eq!(items(vec![rule("a", pin(2), 7)])[..4], [1, 7, 2, 3]);
    assert_eq!(items(vec![rule("a", pin(2), 29)])[..4], [1, 29, 2, 3], "from the catalogue");
    assert_eq!(items(vec![rule("a", pin(2), 26)])[..4], [1, 2, 3, 4], "it may not be shown");
    let advert = json!({ "sponsored": { "positions": [1, 4], "label": "Advert" } });
    assert_eq!(items(vec![rule("a", advert, 7)])[..5], [7, 1, 2, 14, 3]);
    let quota = json!({ "quota": { "share": 0.5, "first": 4 } });
    assert_eq!(items(vec![rule("a", quota, 5)])[..5], [1, 5, 2, 10, 3]);
    let quota = json!({ "quota": { "count": 2, "first": 4 } });
    assert_eq!(items(vec![rule("a", quota, 19)])[..5], [1, 19, 2, 38, 3]);
    let factor = |kind: &str, factor: f64| json!({ kind: { "factor": factor } });
    assert_eq!(items(vec![rule("a", factor("boost", 20.0), 19)])[..3], [19, 1, 2]);
    assert_eq!(items(vec![rule("a", factor("bury", 0.0), 2)])[..4], [1, 3, 5, 7]);
}

#[test]
fn what_two_rules_want_goes_to_the_earlier_in_the_order() {
    let pin = |id: &str, divisor, priority| Rule {
        priority,
        ..rule(id, json!({ "pin": { "position": 1 } }), divisor)
    };
    let advert = json!({ "sponsored": { "positions": [1], "label": "Advert" } });
    assert_eq!(items(vec![pin("a", 7, 0), pin("b", 11, 1)])[0], 11, "the greater priority");
    assert_eq!(items(vec![pin("b", 11, 0), pin("a", 7, 0)])[0], 7, "the smaller identifier");
    assert_eq!(items(vec![pin("a", 7, 9), rule("b", advert, 17)])[0], 17, "adverts before pins");
    let exclude = rule("z", json!("exclude"), 7);
    assert_eq!(items(vec![pin("a", 7, 9), exclude])[0], 1, "what is excluded stands nowhere");
    let rules = Rules::new(vec![pin("a", 7, 0), pin("b", 11, 1)]).unwrap();
    let (page, applied) = composed(&rules, 10);
    let told = |rule: &str, outcome| Told { rule: rule.to_owned(), outcome };
    let taken = Outcome::Taken(1, "b".to_owned());
    assert_eq!(applied.told, [told("b", Outcome::Fixed(1)), told("a", taken)]);
    assert_eq!(applied.moved_by(page[0].candidate).collect::<Vec<_>>(), [0]);
}

#[test]
fn a_rule_holds_in_its_scene_for_its_segment_and_in_its_time() {
    let rule = Rule {
        scenes: vec!["cart".to_owned()],
        segment: Some("champions".to_owned()),
        from: Some(10),
        until: Some(20),
        ..rule("a", json!("exclude"), 2)
    };
    let held = |rule: &Rule, scene, segment: &str, at| {
        let rules = Rules::new(vec![rule.clone()]).unwrap();
        let segments = vec![segment.to_owned()];
        rules.holding(scene, &Visitor { segments, ..Visitor::default() }, at).len() == 1
    };
    assert!(held(&rule, Scene::Cart, "champions", 10));
    assert!(!held(&rule, Scene::Home, "champions", 10));
    assert!(!held(&rule, Scene::Cart, "others", 10));
    assert!(
        !held(&rule, Scene::Cart, "champions", 20) && !held(&rule, Scene::Cart, "champions", 9)
    );
    assert!(!held(&Rule { is_on: false, ..rule }, Scene::Cart, "champions", 10));
}

#[test]
fn what_is_wrong_with_a_rule_is_said_with_what_is_allowed() {
    let good = || rule("a", json!("exclude"), 2);
    let wrong = |rule: Rule| Held::new(rule).unwrap_err().to_string();
    let kind = |kind: Value| wrong(rule("a", kind, 2));
    assert!(wrong(Rule { id: "a/b".to_owned(), ..good() }).contains("letters"));
    assert!(wrong(Rule { scenes: vec!["shop".to_owned()], ..good() }).contains("win-back"));
    assert!(wrong(Rule { from: Some(2), until: Some(2), ..good() }).contains("after `from`"));
    assert!(wrong(Rule { products: "price <".to_owned(), ..good() }).contains("rule `a`"));
    assert!(kind(json!({ "pin": { "position": 0 } })).contains("from 1 to 500"));
    assert!(kind(json!({ "boost": { "factor": 0.5 } })).contains("above 1"));
    assert!(kind(json!({ "bury": { "factor": 1.0 } })).contains("below 1"));
    assert!(kind(json!({ "quota": { "first": 5 } })).contains("`count` or of a `share`"));
    assert!(kind(json!({ "quota": { "count": 6, "first": 5 } })).contains("`first`"));
    let sponsored = |positions: Value, label: &str| {
        kind(json!({ "sponsored": { "positions": positions, "label": label } }))
    };
    assert!(sponsored(json!([]), "Advert").contains("1 to 20"));
    assert!(sponsored(json!([2, 2]), "Advert").contains("once"));
    assert!(sponsored(json!([2]), " ").contains("`label`"));
    assert!(Rules::new(vec![good(), good()]).unwrap_err().to_string().contains("two rules"));
}

#[test]
fn what_may_not_be_meant_so_is_a_warning() {
    let pin = |id: &str, divisor| rule(id, json!({ "pin": { "position": 1 } }), divisor);
    let elsewhere = Rule { scenes: vec!["cart".to_owned()], ..pin("c", 3) };
    let over = Rule { until: Some(5), ..pin("d", 3) };
    let home = Rule { scenes: vec!["home".to_owned()], ..pin("a", 2) };
    let later = Rule { from: Some(50), ..pin("e", 1_000) };
    let known = Rule { segment: Some("vip".to_owned()), ..home };
    let unknown = Rule { segment: Some("wip".to_owned()), ..later };
    let rules = Rules::new(vec![known, pin("b", 2), elsewhere, over, unknown]).unwrap();
    let segments = ["vip".to_owned()];
    let matching = |held: &Held| usize::from(divisor(held) < 100);
    let told: Vec<(String, String)> = warnings(&rules, 10, &segments, matching)
        .into_iter()
        .map(|one| (one.rule, one.message))
        .collect();
    let has = |rule: &str, part: &str| {
        told.iter().any(|(own, message)| own == rule && message.contains(part))
    };
    assert!(has("b", "rule `a`") && !has("c", "rule `a`"), "{told:?}");
    assert!(has("c", "rule `b`") && has("d", "over") && has("e", "no product"), "{told:?}");
    assert!(has("e", "no segment `wip`"), "{told:?}");
    assert!(!told.iter().any(|(own, _)| own == "a"), "{told:?}");
    let excluded = Rules::new(vec![pin("a", 2), rule("b", json!("exclude"), 2)]).unwrap();
    assert!(warnings(&excluded, 0, &[], |_| 1)[0].message.contains("excludes"));
}

fn any_rule() -> impl Strategy<Value = (Value, u32, i64)> {
    let kind = prop_oneof![
        Just(json!("exclude")),
        (1_usize..12).prop_map(|position| json!({ "pin": { "position": position } })),
        (1_usize..5).prop_map(|position| {
            json!({ "sponsored": { "positions": [position, position + 3], "label": "Ad" } })
        }),
        (1_usize..4).prop_map(|count| json!({ "quota": { "count": count, "first": 10 } })),
        (2_u32..50).prop_map(|factor| json!({ "boost": { "factor": factor } })),
        Just(json!({ "bury": { "factor": 0.1 } })),
    ];
    (kind, 2_u32..20, 0_i64..3)
}

proptest! {
    #[test]
    fn rules_keep_their_word(
        made in prop::collection::vec(any_rule(), 0..8),
        length in 1_usize..15,
    ) {
        let made = made.into_iter().enumerate().map(|(at, (kind, divisor, priority))| Rule {
            priority,
            ..rule(&format!("r{at}"), kind, divisor)
        });
        let rules = Rules::new(made.collect()).unwrap();
        let (page, applied) = composed(&rules, length);
        prop_assert_eq!(&page, &composed(&rules, length).0, "the same again");
        let mut once: Vec<u32> = page.iter().map(|placed| placed.item).collect();
        once.sort_unstable();
        once.dedup();
        prop_assert_eq!(once.len(), page.len(), "nothing stands twice");
        let excluding: Vec<u32> = rules.all().iter()
            .filter(|held| held.rule.kind == Kind::Exclude)
            .map(|held| divisor(held))
            .collect();
        for item in &once {
            prop_assert!(!item.is_multiple_of(13), "what may not be shown");
            prop_assert!(excluding.iter().all(|by| !item.is_multiple_of(*by)), "what is excluded");
        }
        if page.len() == length {
            for told in &applied.told {
                let held = rules.all().iter().find(|held| held.rule.id == told.rule).unwrap();
                if let Outcome::Fixed(position) = told.outcome {
                    let placed = page[position - 1];
                    prop_assert_eq!(placed.standing, Standing::Fixed);
                    prop_assert!(placed.item.is_multiple_of(divisor(held)));
                }
            }
        }
        let is_quota = |held: &&Arc<Held>| matches!(held.rule.kind, Kind::Quota { .. });
        let quotas: Vec<_> = rules.all().iter().filter(is_quota).collect();
        if let ([held], true) = (&quotas[..], page.len() >= 10) {
            let Kind::Quota { count: Some(count), .. } = held.rule.kind else { unreachable!() };
            let there = (0..60_u32).filter(|item| {
                item.is_multiple_of(divisor(held)) && !item.is_multiple_of(13)
                    && page.iter().skip(10).all(|placed| {
                        placed.item != *item || placed.standing != Standing::Fixed
                    })
                    && excluding.iter().all(|by| !item.is_multiple_of(*by))
            });
            let stand = page.iter().take(10).filter(|one| one.item.is_multiple_of(divisor(held)));
            let free = 10 - applied.fixed.iter().filter(|(place, _)| *place < 10).count();
            prop_assert!(stand.count() >= count.min(there.count()).min(free));
        }
    }
}
