//! Rates, lifts and judgements as a person would work them out.

use super::*;

/// Visits of two policies: of every ten customers `random` sells to one and `learned` to two.
fn visits() -> Frame {
    let rows = 0..400_usize;
    let policy: Texts =
        rows.clone().map(|row| if row % 2 == 0 { "random" } else { "learned" }).collect();
    let names: Vec<String> = rows.clone().map(|row| format!("c{}", row / 2)).collect();
    let sells = |row: usize| match row % 2 {
        0 => (row / 2).is_multiple_of(10),
        _ => (row / 2).is_multiple_of(5),
    };
    let float = |of: &dyn Fn(usize) -> f64| Column::Float(rows.clone().map(of).collect());
    Frame::default()
        .with("policy", Column::Text(policy))
        .with("segment", Column::Text(rows.clone().map(|_| "segment-1").collect()))
        .with("customer", Column::Text(names.iter().map(String::as_str).collect()))
        .with("ads_shown", float(&|_| 2.0))
        .with("ads_clicked", float(&|row| f64::from(u8::from(sells(row)))))
        .with("recommendations_shown", float(&|_| 0.0))
        .with("recommendations_clicked", float(&|_| 0.0))
        .with("ordered", float(&|row| f64::from(u8::from(sells(row)))))
        .with("revenue", float(&|row| if sells(row) { 30.0 } else { 0.0 }))
        .with("spend", float(&|_| 0.0))
}

#[test]
fn rates_and_lift_by_hand() {
    let measured = observed(&visits(), &Bootstrap::default()).unwrap();
    let find = |policy: &str, metric: &str, segment: &str| {
        measured
            .iter()
            .find(|row| row.policy == policy && row.metric == metric && row.segment == segment)
            .unwrap()
    };
    assert!((find("random", "conversion_rate", "").estimate.estimate - 0.1).abs() < 1e-12);
    assert!((find("learned", "ad_click_rate", "").estimate.estimate - 0.1).abs() < 1e-12);
    let revenue = find("learned", "revenue_per_visit", "segment-1");
    assert!((revenue.estimate.estimate - 6.0).abs() < 1e-12);
    let lift = revenue.lift.unwrap();
    assert!((lift.estimate - 3.0).abs() < 1e-12);
    // Every second of the buying customers buys under `learned` alone: 20 of 200.
    assert!(lift.low > 1.0 && lift.high < 5.0, "{lift:?}");
    assert!(find("random", "revenue_per_visit", "").lift.is_none());
    // Nothing was recommended: there is no rate.
    assert!(!measured.iter().any(|row| row.metric == "recommendation_click_rate"));
}

#[test]
fn a_policy_that_never_acted_is_judged_from_the_log() {
    // Two campaigns, drawn evenly; b is clicked by half of segment 2, a by a tenth of segment 1.
    let rows = 0..8000_usize;
    let segment = |row: usize| if row % 4 < 2 { "segment-1" } else { "segment-2" };
    let campaign = |row: usize| if row.is_multiple_of(2) { "a" } else { "b" };
    let clicks = |row: usize| match (segment(row), campaign(row)) {
        ("segment-2", "b") => (row / 4).is_multiple_of(2),
        ("segment-1", "a") => (row / 4).is_multiple_of(10),
        _ => false,
    };
    let names: Vec<String> = rows.clone().map(|row| format!("c{}", row / 8)).collect();
    let adverts = Frame::default()
        .with("customer", Column::Text(names.iter().map(String::as_str).collect()))
        .with("policy", Column::Text(rows.clone().map(|_| "random").collect()))
        .with("segment", Column::Text(rows.clone().map(segment).collect()))
        .with("campaign", Column::Text(rows.clone().map(campaign).collect()))
        .with("propensity", Column::Float(vec![0.5; rows.len()]))
        .with("occurred_at", Column::Time(vec![0; rows.len()]))
        .with("clicked", Column::Float(rows.map(|row| f64::from(u8::from(clicks(row)))).collect()));
    let judged = elsewhere::judge(&adverts, &Bootstrap::default()).unwrap();
    let value = |policy: &str, method: &str| {
        let found =
            judged.iter().find(|row| row.policy.starts_with(policy) && row.method == method);
        found.unwrap().estimate
    };
    // Showing b to all: (0 + ½) / 2; showing each segment its own: (1/10 + ½) / 2.
    assert!((value("best-campaign (", "ips").estimate - 0.25).abs() < 1e-9);
    assert!((value("best-campaign-per-segment", "snips").estimate - 0.3).abs() < 1e-9);
    assert!(value("best-campaign-per-segment", "ips").covers(0.3));
}
