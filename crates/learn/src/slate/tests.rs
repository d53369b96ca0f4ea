use proptest::prelude::*;

use super::explore::explore;
use super::page::ranked;
use super::*;
use crate::evaluate::bootstrap::Bootstrap;
use crate::evaluate::policy::{self, Log};

fn candidate(item: u32, score: f32) -> Candidate {
    Candidate { item, score, factor: 1.0, shown: 0.0, way: Way::Ranked }
}

/// Candidates 0, 1, … with the scores n, n − 1, …
fn falling(count: u32) -> Vec<Candidate> {
    (0..count).map(|item| candidate(item, (count - item) as f32)).collect()
}

fn ask<'a>(candidates: &'a [Candidate], style: &'a Style, length: usize) -> Ask<'a> {
    let (likeness, fixed, quotas) = (Likeness::default(), &[], &[]);
    Ask { candidates, length, likeness, fixed, quotas, style, seed: 7 }
}

fn items(page: &[Placed]) -> Vec<u32> {
    page.iter().map(|placed| placed.item).collect()
}

fn composed(ask: &Ask<'_>) -> Vec<Placed> {
    compose(ask, &mut Pad::default()).unwrap()
}

#[test]
fn factors_and_showings_move_items_and_the_parts_make_the_whole() {
    // Relevance 1, .55, .1.
    let mut candidates = falling(3);
    candidates[0].shown = 8.0;
    candidates[2].factor = 10.0;
    let style = Style { half_way: 8.0, ..Style::default() };
    let page = composed(&ask(&candidates, &style, 3));
    assert_eq!(items(&page), [2, 1, 0]);
    let near = |own: f32, other: f32| assert!((own - other).abs() < 1e-6, "{own} {other}");
    near(page[0].parts.base, 0.1);
    near(page[0].parts.boost, 0.9);
    near(page[0].parts.value(), 1.0);
    near(page[2].parts.fatigue, -0.5);
    near(page[2].parts.value(), 0.5);
}

#[test]
fn likeness_counts_shared_codes_and_vectors() {
    let codes = [1, 1, 2, NONE, 5, 6, 5, NONE];
    let vectors = [1.0, 0.0, 0.6, 0.8, 0.0, 1.0, 0.0, 0.0];
    let likeness =
        Likeness { weights: &[2.0, 1.0], codes: &codes, vectors: &vectors, vectors_weight: 1.0 };
    let mut nearest = [0.0; 4];
    likeness.near(0, &mut nearest, &mut Vec::new());
    for (own, other) in nearest.iter().zip([1.0, (2.0 + 0.6) / 4.0, 0.25, 0.0]) {
        assert!((own - other).abs() < 1e-6, "{nearest:?}");
    }
    // Whoever has no codes is like nobody, not even like others without.
    likeness.near(3, &mut nearest, &mut Vec::new());
    assert_eq!(nearest[3], 0.0);
}

#[test]
fn no_more_of_a_kind_than_allowed_until_nothing_else_is_left() {
    let candidates = falling(6);
    let codes = [1, 1, 1, 2, NONE, NONE];
    let style = Style { caps: vec![Cap { code: 0, most: 1, first: 5 }], ..Style::default() };
    let likeness = Likeness { weights: &[1.0], codes: &codes, ..Likeness::default() };
    let page = composed(&Ask { likeness, ..ask(&candidates, &style, 6) });
    assert_eq!(items(&page), [0, 3, 4, 5, 1, 2]);
    assert_eq!(page[4].standing, Standing::Uncapped);
    assert_eq!(page[5].standing, Standing::Ranked, "behind the first five nothing is capped");
    // What is fixed further down counts from the start.
    let fixed = [(2, 2)];
    let page = composed(&Ask { likeness, fixed: &fixed, ..ask(&candidates, &style, 4) });
    assert_eq!(items(&page), [3, 4, 2, 5]);
}

#[test]
fn what_is_promised_is_spread_over_the_page() {
    let candidates = falling(10);
    let counts: Vec<bool> = (0..10).map(|at| at >= 7).collect();
    let quotas = [Quota { counts: &counts, least: 2, first: 4 }];
    let style = Style::default();
    let page = composed(&Ask { quotas: &quotas, ..ask(&candidates, &style, 6) });
    assert_eq!(items(&page), [0, 7, 1, 8, 2, 3]);
    assert_eq!(page[1].standing, Standing::Owed(0));
    // The last place is fixed: the promise is kept before it.
    let fixed = [(3, 3), (1, 4)];
    let ask = Ask { quotas: &quotas, fixed: &fixed, ..ask(&candidates, &style, 6) };
    assert_eq!(items(&composed(&ask)), [7, 4, 8, 3, 0, 1]);
}

#[test]
fn what_is_fixed_stands_at_its_place_or_at_the_end() {
    let mut candidates = falling(3);
    candidates.push(Candidate { way: Way::Fixed, ..candidate(9, 0.0) });
    let style = Style::default();
    let fixed = [(1, 3)];
    let page = composed(&Ask { fixed: &fixed, ..ask(&candidates, &style, 3) });
    assert_eq!(items(&page), [0, 9, 1]);
    let fixed = [(9, 3), (8, 0)];
    let page = composed(&Ask { fixed: &fixed, ..ask(&candidates, &style, 10) });
    assert_eq!(items(&page), [1, 2, 0, 9]);
    assert_eq!(page[3].standing, Standing::Fixed);
}

#[test]
fn what_is_asked_wrongly_is_refused() {
    let candidates = falling(3);
    let style = Style::default();
    let good = ask(&candidates, &style, 3);
    let wrong = |ask: &Ask<'_>| compose(ask, &mut Pad::default()).unwrap_err().to_string();
    for relevance in [0.0, 1.1, f64::NAN] {
        let style = Style { relevance, ..Style::default() };
        assert!(wrong(&Ask { style: &style, ..good }).contains("relevance"));
    }
    assert!(wrong(&Ask { fixed: &[(0, 3)], ..good }).contains("candidates"));
    assert!(wrong(&Ask { fixed: &[(0, 1), (2, 1)], ..good }).contains("once"));
    let infinite = [candidate(0, f32::INFINITY)];
    assert!(wrong(&ask(&infinite, &style, 1)).contains("finite"));
    let capped = Style { caps: vec![Cap { code: 0, most: 1, first: 1 }], ..Style::default() };
    assert!(wrong(&Ask { style: &capped, ..good }).contains("cap"));
}

/// Eight candidates, of which two may come by chance alone, and two open places.
fn open() -> (Vec<Candidate>, Style) {
    let mut candidates = falling(8);
    candidates.iter_mut().skip(6).for_each(|one| one.way = Way::Drawn);
    let exploration = Exploration { share: 0.3, places: vec![1, 3], pool: 1 };
    (candidates, Style { exploration, ..Style::default() })
}

#[test]
fn propensities_are_what_counting_out_all_draws_finds() {
    let (candidates, style) = open();
    let ask = ask(&candidates, &style, 4);
    let mut pad = Pad::default();
    let before = ranked(&ask, &mut pad);
    // The pool: 4, 6 and 7. Each place stays, or draws one of what is left.
    let (share, pool) = (0.3, 3);
    let mut found = [[0.0; 8]; 4];
    let mut told = [[0.0; 8]; 4];
    for first in 0..=pool {
        let left = if first == 0 { pool } else { pool - 1 };
        for second in 0..=left {
            let chance = |which: usize, of: usize| match which {
                0 => 1.0 - share,
                _ => share / of as f64,
            };
            let draw = |which: usize, of: usize| match which {
                0 => [0.99, 0.0],
                which => [0.0, (which as f64 - 0.5) / of as f64],
            };
            let mut page = before.clone();
            explore(&ask, &pad, &mut page, |place| match place {
                1 => draw(first, pool),
                _ => draw(second, left),
            });
            for (place, placed) in page.iter().enumerate() {
                let item = placed.item as usize;
                found[place][item] += chance(first, pool) * chance(second, left);
                told[place][item] = placed.propensity;
            }
        }
    }
    for (found, told) in found.iter().flatten().zip(told.iter().flatten()) {
        assert!((found - told).abs() < 1e-12, "{found} {told}");
    }
    assert!((found[1][6] - 0.1).abs() < 1e-12);
}

#[test]
fn inverse_propensities_tell_what_a_uniform_policy_earns() {
    const PAGES: u64 = 40_000;
    let (candidates, style) = open();
    // Clicks hang on the item and on the place.
    let click = |item: u32, place: usize| (0.05 + 0.1 * f64::from(item)) / (1.0 + place as f64);
    let (mut reward, mut propensity, mut target) = (Vec::new(), Vec::new(), Vec::new());
    let mut pad = Pad::default();
    for seed in 0..PAGES {
        let page = compose(&Ask { seed, ..ask(&candidates, &style, 4) }, &mut pad).unwrap();
        for place in [1, 3] {
            let placed = page[place];
            let draw = explore::draws(!seed, place)[0];
            reward.push(f64::from(u8::from(draw < click(placed.item, place))));
            propensity.push(placed.propensity);
            target.push(1.0 / f64::from(placed.choices));
        }
    }
    let log = Log {
        reward: &reward,
        propensity: &propensity,
        target: &target,
        expected: None,
        cluster: None,
    };
    let found = policy::evaluate(&log, &Bootstrap::default()).unwrap();
    // Evenly one of the place's own (1, 3) and of the pool (4, 6, 7).
    let even = |own: u32, place: usize| {
        [own, 4, 6, 7].iter().map(|item| click(*item, place)).sum::<f64>() / 4.0
    };
    let truth = (even(1, 1) + even(3, 3)) / 2.0;
    assert!(found.ips.low <= truth && truth <= found.ips.high, "{truth} {:?}", found.ips);
    assert!(found.ips.high - found.ips.low < 0.1 * truth, "{:?}", found.ips);
    let shown = found.logged;
    assert!(truth < shown.low || shown.high < truth, "the log itself says something else");
}

/// The definition of maximal marginal relevance, computed anew for every place.
fn by_definition(candidates: &[Candidate], codes: &[u32], lambda: f64, length: usize) -> Vec<u32> {
    let alike = |a: usize, b: usize| f64::from(u8::from(codes[a] == codes[b]));
    let mut relevance = Vec::new();
    let mut pad = Pad::default();
    let style = Style::default();
    ranked(&ask(candidates, &style, candidates.len()), &mut pad);
    for at in 0..candidates.len() {
        relevance.push(f64::from(pad.worth(at)));
    }
    let mut page: Vec<usize> = Vec::new();
    while page.len() < length.min(candidates.len()) {
        let value = |at: usize| {
            let nearest = page.iter().map(|other| alike(at, *other)).fold(0.0, f64::max);
            lambda * relevance[at] - (1.0 - lambda) * nearest
        };
        let left = (0..candidates.len()).filter(|at| !page.contains(at));
        let best = left.reduce(|a, b| if value(b) > value(a) + 1e-9 { b } else { a });
        page.extend(best);
    }
    page.into_iter().map(|at| at as u32).collect()
}

fn made() -> impl Strategy<Value = (Vec<Candidate>, Vec<u32>)> {
    let one = (0_u16..1000, 0_u8..4, 0_u8..20, 0_u8..5);
    prop::collection::vec((one, 0_u32..4), 1..30).prop_map(|made| {
        let candidate =
            |(item, ((score, factor, shown, way), _)): (usize, &((_, u8, u8, u8), _))| Candidate {
                item: item as u32,
                score: f32::from(*score),
                factor: f32::from(*factor),
                shown: f32::from(*shown),
                way: [Way::Drawn, Way::Ranked, Way::Ranked, Way::Ranked, Way::Fixed][*way as usize],
            };
        let candidates = made.iter().enumerate().map(candidate).collect();
        (candidates, made.iter().map(|(_, code)| *code).collect())
    })
}

proptest! {
    #[test]
    fn the_page_is_that_of_the_definition(
        scores in prop::collection::hash_set(0_u32..1000, 1..25),
        kinds in prop::collection::vec(0_u32..4, 25),
        tenths in 1_u32..=10,
        length in 0_usize..30,
    ) {
        let candidates: Vec<Candidate> =
            (0..).zip(scores).map(|(item, score)| candidate(item, score as f32)).collect();
        let codes = &kinds[..candidates.len()];
        let lambda = f64::from(tenths) / 10.0;
        let style = Style { relevance: lambda, ..Style::default() };
        let likeness = Likeness { weights: &[1.0], codes, ..Likeness::default() };
        let page = composed(&Ask { likeness, ..ask(&candidates, &style, length) });
        // Two orders are equally good where sums differ by less than single precision knows.
        let own: Vec<u32> = items(&page);
        let other = by_definition(&candidates, codes, lambda, length);
        let close = |a: &u32, b: &u32| {
            a == b || page.windows(2).any(|two| {
                (two[0].parts.value() - two[1].parts.value()).abs() < 1e-4
            })
        };
        prop_assert!(own.iter().zip(&other).all(|(a, b)| close(a, b)), "{own:?} {other:?}");
    }

    #[test]
    fn pages_keep_what_was_asked_of_them(
        (candidates, codes) in made(),
        most in 1_usize..3,
        least in 0_usize..4,
        share in 0.0_f64..=1.0,
        place in 0_usize..12,
        seed in any::<u64>(),
    ) {
        let count = candidates.len();
        let length = 10;
        let counts: Vec<bool> = codes.iter().map(|code| *code == 2).collect();
        let quotas = [Quota { counts: &counts, least, first: 8 }];
        let fixed = [(place, count - 1)];
        let exploration = Exploration { share, places: vec![0, 2, 5, 9, 40], pool: 5 };
        let caps = vec![Cap { code: 0, most, first: 6 }];
        let style = Style { relevance: 0.6, half_way: 5.0, caps, exploration };
        let likeness = Likeness { weights: &[1.0], codes: &codes, ..Likeness::default() };
        let fixed = if place < length { &fixed[..] } else { &[] };
        let plain = ask(&candidates, &style, length);
        let asked = Ask { likeness, quotas: &quotas, fixed, seed, ..plain };
        let page = composed(&asked);
        prop_assert_eq!(&page, &composed(&asked), "the same seed, the same page");
        let ranked = candidates.iter().enumerate().filter(|(at, one)| {
            one.way == Way::Ranked || fixed.iter().any(|(_, own)| own == at)
        });
        prop_assert_eq!(page.len(), ranked.count().min(length));
        let mut once: Vec<usize> = page.iter().map(|placed| placed.candidate).collect();
        once.sort_unstable();
        once.dedup();
        prop_assert_eq!(once.len(), page.len());
        for (at, placed) in page.iter().enumerate() {
            prop_assert!(placed.propensity > 0.0 && placed.propensity <= 1.0);
            let way = candidates[placed.candidate].way;
            match placed.standing {
                Standing::Fixed => prop_assert!(fixed[0].0 == at || at + 1 == page.len()),
                Standing::Drawn => prop_assert!(way != Way::Fixed),
                _ => prop_assert_eq!(way, Way::Ranked),
            }
            let worth = placed.parts.base + placed.parts.boost + placed.parts.fatigue;
            prop_assert!(worth > -1e-6 && placed.parts.likeness <= 0.0);
        }
        let standing = page.iter().take(8).filter(|one| counts[one.candidate]).count();
        let fixed_elsewhere = usize::from(fixed.iter().any(|(_, at)| counts[*at]));
        let there = (0..count).filter(|at| counts[*at] && candidates[*at].way == Way::Ranked);
        let there = there.filter(|at| fixed.iter().all(|(_, own)| own != at)).count();
        if page.len() == length && there + fixed_elsewhere >= least && place < 8 {
            prop_assert!(standing >= least.min(7), "{standing} of {least}");
        }
        // What moves up to the end of a short page was not counted there.
        let is_loose = |(at, one): (usize, &Placed)| match one.standing {
            Standing::Uncapped | Standing::Owed(_) => true,
            Standing::Fixed => fixed[0].0 != at,
            Standing::Ranked | Standing::Drawn => false,
        };
        if !page.iter().enumerate().take(6).any(is_loose) {
            for code in 0..4 {
                let same = page.iter().take(6).filter(|one| codes[one.candidate] == code);
                prop_assert!(same.count() <= most);
            }
        }
    }
}
