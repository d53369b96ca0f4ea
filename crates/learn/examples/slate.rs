//! How long a page of a list takes: `cargo run --release -p shopwise-learn --example slate -- 200
//! 20` composes pages of 20 places from 200 candidates of 30 categories, 60 brands and 20 sellers,
//! with variety, caps, a promise, two fixed places and two that are left to chance.
#![expect(clippy::print_stdout, reason = "an example shows its figures")]

use std::time::Instant;

use shopwise_learn::Result;
use shopwise_learn::slate::{
    Ask, Candidate, Cap, Exploration, Likeness, Pad, Quota, Style, Way, compose,
};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse().ok());
    let count = arguments.next().unwrap_or(200_u32);
    let length = arguments.next().unwrap_or(20) as usize;
    let candidate = |item: u32| {
        let (score, shown) = (1.0 / (1.0 + item as f32), (item % 7) as f32);
        Candidate { item, score, factor: 1.0, shown, way: Way::Ranked }
    };
    let candidates: Vec<Candidate> = (0..count).map(candidate).collect();
    // The level above a category, the category, the brand, the seller.
    let kinds = [8_u32, 30, 60, 20];
    let code = |of: u32, item: u32| item.wrapping_mul(0x9E37_79B1).rotate_left(of) % of;
    let codes: Vec<u32> =
        kinds.iter().flat_map(|of| (0..count).map(move |item| code(*of, item))).collect();
    let weights = [1.0, 1.0, 1.0, 0.5];
    let likeness = Likeness { weights: &weights, codes: &codes, ..Likeness::default() };
    let counts: Vec<bool> = (0..count).map(|item| item % 5 == 0).collect();
    let style = Style {
        relevance: 0.8,
        half_way: 8.0,
        caps: vec![
            Cap { code: 1, most: 4, first: length },
            Cap { code: 2, most: 4, first: length },
        ],
        exploration: Exploration { share: 0.1, places: vec![3, 7], pool: 50 },
    };
    let quotas = [Quota { counts: &counts, least: 3, first: 10 }];
    let fixed = [(1, 100.min(count as usize - 1)), (4, 150.min(count as usize - 2))];
    let (candidates, fixed, quotas) = (&candidates[..], &fixed[..], &quotas[..]);
    let mut pad = Pad::default();
    let mut page = |seed| {
        let style = &style;
        compose(&Ask { candidates, length, likeness, fixed, quotas, style, seed }, &mut pad)
    };
    const ROUNDS: u64 = 20_000;
    let (mut took, mut drawn) = (Vec::new(), 0);
    for seed in 0..ROUNDS {
        let begun = Instant::now();
        let page = page(seed)?;
        took.push(begun.elapsed().as_nanos());
        drawn += page.iter().filter(|placed| placed.propensity < 0.1).count();
    }
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize] as f64 / 1e3;
    println!("{count} candidates, {length} places: {:.1} µs, p99 {:.1} µs", at(0.5), at(0.99));
    println!("{:.3} of the open places filled by chance", drawn as f64 / (2 * ROUNDS) as f64);
    Ok(())
}
