//! Profiling: which customers are alike, what sets each group apart, and what each customer is
//! worth.
//!
//! Behaviour segments come from k-means over scaled features, the number of segments from the
//! silhouette; value groups come from recency, frequency and monetary quintiles; what is to be
//! expected of each comes from when he bought so far. Only customers who have bought are profiled:
//! the others have nothing yet to be told apart by.

mod describe;
mod newcomers;
mod outlook;
mod rfm;
pub mod segments;

use serde_json::json;
use shopwise_learn::cluster::{Choice, KMeans, SILHOUETTE_ROWS, choose_k};
use shopwise_learn::{Matrix, scale};
use shopwise_model::frame::{Column, Frame, Texts};
use shopwise_model::tables::{CUSTOMER_FEATURES, PROFILES, SEGMENTS};

use crate::error::{Result, calendar};
use crate::report::StageReport;
use crate::stage::Work;

/// The stage's name.
pub const NAME: &str = "profile";

/// Fewer customers than this are not worth a segment.
const CUSTOMERS_MIN: usize = 20;

/// Starts of k-means for each k.
const RESTARTS: usize = 10;

/// What customers are told apart by.
const FEATURES: &[&str] = &[
    "recency_days",
    "tenure_days",
    "orders",
    "monetary",
    "average_order",
    "items_per_order",
    "products",
    "return_rate",
    "weekend_share",
    "evening_share",
];

const SQL: &str = include_str!("buyers.sql");
const ORDERS: &str = include_str!("orders.sql");
const NEWCOMERS: &str = include_str!("newcomers.sql");
const LAST: &str = "SELECT MAX(last_seen) AS at FROM customer_features";

/// Segments the customers who bought, and writes `profiles` and `segments`.
///
/// # Errors
/// Store errors, and what the clustering refuses.
pub fn run(work: &Work<'_>) -> Result<StageReport> {
    let shop = work.shop;
    let Some(version) = shop.lake.version(&CUSTOMER_FEATURES)? else {
        return Ok(StageReport::skipped(NAME, "customers are not prepared yet; run `prepare`"));
    };
    let buyers = shop.lake.query(SQL)?;
    if buyers.rows() < CUSTOMERS_MIN {
        let why = format!("{} customers have bought, {CUSTOMERS_MIN} are needed", buyers.rows());
        return Ok(StageReport::skipped(NAME, why));
    }
    let mut report = StageReport::new(NAME);
    report.inputs.insert(CUSTOMER_FEATURES.name, version);
    report.rows_read = buyers.rows() as u64;
    let raw = features(&buyers)?;
    let columns: Vec<scale::Column> =
        (0..raw.columns()).map(|at| scale::choose(&raw.column(at))).collect();
    let scaler = scale::fit(&raw, &columns)?;
    let scaled = scaler.apply(raw.clone())?;
    (work.progress)(report.rows_read);
    let kmeans = KMeans { restarts: RESTARTS, seed: shop.settings.seed, ..KMeans::default() };
    let [least, most] = [shop.settings.segments_min, shop.settings.segments_max]
        .map(|count| (count as usize).clamp(2, buyers.rows() - 1));
    let choice = choose_k(&scaled, least..=most.max(least), &kmeans, SILHOUETTE_ROWS)?;
    record(&mut report, &choice, &scaler);
    let segments =
        describe::segments(FEATURES, &raw, &scaled, &choice.best, &shop.settings.currency);
    let scores = rfm::scores(
        buyers.float("recency_days")?,
        buyers.float("orders")?,
        buyers.float("monetary")?,
    );
    let last = shop.lake.query(LAST)?.time("at")?.first().copied().unwrap_or(0);
    let expected = expect(work, last, &mut report)?;
    let newcomers = newcomers::learn(&shop.lake.query(NEWCOMERS)?, last)?;
    report.metric("newcomers", newcomers.report.clone());
    let found = Found {
        scaled: &scaled,
        choice: &choice,
        segments: &segments,
        scores: &scores,
        newcomers: &newcomers,
    };
    let profiles = profiles(&buyers, &found, expected.as_ref())?;
    let table = describe::table(&segments);
    // Who sees new profiles finds their segments.
    shop.lake.replace(&SEGMENTS, &table)?;
    shop.lake.replace(&PROFILES, &profiles)?;
    report.rows_written = (profiles.rows() + table.rows()) as u64;
    Ok(report)
}

fn features(buyers: &Frame) -> Result<Matrix> {
    let columns: Vec<&[f64]> =
        FEATURES.iter().map(|name| buyers.float(name)).collect::<std::result::Result<_, _>>()?;
    Ok(Matrix::from_columns(&columns)?)
}

fn record(report: &mut StageReport, choice: &Choice, scaler: &scale::Scaler) {
    report.metric("segments", choice.best.k());
    report.metric("silhouette", choice.quality.silhouette);
    report.metric("calinski_harabasz", choice.quality.calinski_harabasz);
    report.metric("davies_bouldin", choice.quality.davies_bouldin);
    let curve: Vec<_> = choice
        .curve
        .iter()
        .map(|point| {
            let (k, inertia, silhouette) = (point.k, point.inertia, point.silhouette);
            json!({ "k": k, "inertia": inertia, "silhouette": silhouette })
        })
        .collect();
    report.metric("curve", curve);
    report.parameter("features", FEATURES);
    report.parameter("restarts", RESTARTS);
    report.parameter("scaling", serde_json::to_value(scaler).unwrap_or_default());
}

/// Returns what is to be expected of the customers after the moment `last`; nothing, and why in the
/// report, where their purchases do not tell.
fn expect(
    work: &Work<'_>,
    last: i64,
    report: &mut StageReport,
) -> Result<Option<outlook::Expected>> {
    let calendar = calendar(&work.shop.settings)?;
    let until = calendar.day(last);
    let orders = outlook::Orders::read(&work.shop.lake.query(ORDERS)?, &calendar)?;
    let expected = match outlook::expect(&orders, until) {
        Ok(expected) => expected,
        Err(why) => {
            report.metric("outlook_left_out", why.to_string());
            return Ok(None);
        }
    };
    report.metric("outlook", expected.report());
    match outlook::look_back(&orders, until) {
        Ok(past) => report.metric("outlook_before", past),
        Err(why) => report.metric("outlook_before_left_out", why.to_string()),
    }
    Ok(Some(expected))
}

/// What was found out about the customers who bought, in their order.
struct Found<'a> {
    scaled: &'a Matrix,
    choice: &'a Choice,
    segments: &'a [describe::Segment],
    scores: &'a [rfm::Scores],
    newcomers: &'a newcomers::Newcomers,
}

fn profiles(
    buyers: &Frame,
    found: &Found<'_>,
    expected: Option<&outlook::Expected>,
) -> Result<Frame> {
    let Found { scaled, choice, segments, scores, newcomers } = *found;
    let labels = &choice.best.labels;
    let segment: Texts = labels.iter().map(|label| segments[*label as usize].id.as_str()).collect();
    let distance = labels
        .iter()
        .enumerate()
        .map(|(row, label)| {
            let center = choice.best.centers.row(*label as usize);
            let squares = scaled.row(row).iter().zip(center).map(|(a, b)| (a - b) * (a - b));
            squares.sum::<f64>().sqrt()
        })
        .collect();
    let customers = buyers.text("customer")?;
    let mut profiles = Frame::default()
        .with("customer", Column::Text(customers.clone()))
        .with("segment", Column::Text(segment))
        .with("recency_score", Column::Int(scores.iter().map(|row| row.recency).collect()))
        .with("frequency_score", Column::Int(scores.iter().map(|row| row.frequency).collect()))
        .with("monetary_score", Column::Int(scores.iter().map(|row| row.monetary).collect()))
        .with("rfm_group", Column::Text(scores.iter().map(rfm::Scores::group).collect()))
        .with("distance", Column::Float(distance));
    for name in ["discount_share", "return_share"] {
        profiles = profiles.with(name, Column::Float(buyers.float(name)?.to_vec()));
    }
    profiles = profiles.with("repeat_likely", Column::Float(newcomers.column(customers)));
    let ahead = outlook::columns(customers, expected);
    for (name, column) in ahead.names().iter().zip(ahead.columns()) {
        profiles = profiles.with(name, column.clone());
    }
    Ok(profiles)
}
