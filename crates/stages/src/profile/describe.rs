//! Words for segments: what sets each apart, with effect sizes, in Chinese and English.

use shopwise_learn::Matrix;
use shopwise_learn::cluster::Clustering;
use shopwise_model::frame::{Column, Frame};

/// Differences smaller than this many standard deviations are not worth a word (Cohen 1988 calls
/// 0.2 small, 0.5 medium).
const EFFECT_MIN: f64 = 0.3;

/// The most differences that a description names.
const DIFFERENCES_MAX: usize = 3;

/// A segment with everything that is said about it.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) id: String,
    name: (String, String),
    customers: usize,
    share: f64,
    revenue: f64,
    revenue_share: f64,
    description: (String, String),
    standardised: Vec<f64>,
}

/// How a feature is called: name, English, Chinese.
const WORDS: &[(&str, &str, &str)] = &[
    ("recency_days", "days since last seen", "距上次到访天数"),
    ("tenure_days", "days as a customer", "成为客户天数"),
    ("orders", "orders", "订单数"),
    ("monetary", "total spent", "累计消费"),
    ("average_order", "average order value", "客单价"),
    ("items_per_order", "lines per order", "每单商品行数"),
    ("products", "different products", "购买商品种类"),
    ("return_rate", "share returned", "退货率"),
    ("weekend_share", "weekend share", "周末占比"),
    ("evening_share", "evening share", "晚间占比"),
];

/// Returns the segments in the order of the clustering's labels. `raw` and `scaled` have one row a
/// customer and the columns of `features`.
pub(super) fn segments(
    features: &[&str],
    raw: &Matrix,
    scaled: &Matrix,
    clustering: &Clustering,
    currency: &str,
) -> Vec<Segment> {
    let monetary = features.iter().position(|name| *name == "monetary");
    let revenue_of = |row: usize| monetary.map_or(0.0, |at| raw.row(row)[at]);
    let total: f64 = (0..raw.rows()).map(revenue_of).sum();
    let mut taken: Vec<(String, String)> = Vec::new();
    (0..clustering.k())
        .map(|label| {
            let rows: Vec<usize> =
                (0..raw.rows()).filter(|row| clustering.labels[*row] as usize == label).collect();
            let standardised = effects(scaled, &rows);
            let revenue: f64 = rows.iter().map(|row| revenue_of(*row)).sum();
            let name = unique(name(features, &standardised), &taken);
            taken.push(name.clone());
            Segment {
                id: format!("segment-{}", label + 1),
                name,
                customers: rows.len(),
                share: rows.len() as f64 / raw.rows() as f64,
                revenue,
                revenue_share: if total > 0.0 { revenue / total } else { 0.0 },
                description: description(features, raw, &rows, &standardised, currency),
                standardised,
            }
        })
        .collect()
}

/// Returns for each column how many standard deviations the rows' mean lies from the mean of all.
fn effects(scaled: &Matrix, rows: &[usize]) -> Vec<f64> {
    (0..scaled.columns())
        .map(|column| {
            let all = scaled.column(column);
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let variance =
                all.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / all.len() as f64;
            let own = rows.iter().map(|row| all[*row]).sum::<f64>() / rows.len().max(1) as f64;
            if variance > 0.0 { (own - mean) / variance.sqrt() } else { 0.0 }
        })
        .collect()
}

/// Names a segment by value and by how lately it came: the two questions that a shop asks first.
fn name(features: &[&str], effects: &[f64]) -> (String, String) {
    let effect =
        |name: &str| features.iter().position(|own| *own == name).map_or(0.0, |at| effects[at]);
    let value = (effect("orders") + effect("monetary")) / 2.0;
    let (english, chinese) = match (value, effect("recency_days")) {
        (value, recency) if value > 0.5 && recency < 0.3 => ("Valued regulars", "高价值常客"),
        (value, _) if value > 0.5 => ("Valued, drifting away", "高价值流失预警客户"),
        (value, recency) if value > -0.5 && recency < 0.3 => ("Active middle", "活跃普通客户"),
        (value, _) if value > -0.5 => ("Cooling middle", "渐冷普通客户"),
        (_, recency) if recency < 0.3 => ("Occasional, recent", "近期低频客户"),
        _ => ("Occasional, gone quiet", "沉睡低频客户"),
    };
    (english.to_owned(), chinese.to_owned())
}

fn unique(name: (String, String), taken: &[(String, String)]) -> (String, String) {
    let same = taken
        .iter()
        .filter(|other| **other == name || other.0.starts_with(&format!("{} (", name.0)));
    match same.count() {
        0 => name,
        before => (format!("{} ({})", name.0, before + 1), format!("{}（{}）", name.1, before + 1)),
    }
}

fn description(
    features: &[&str],
    raw: &Matrix,
    rows: &[usize],
    effects: &[f64],
    currency: &str,
) -> (String, String) {
    let mut order: Vec<usize> =
        (0..features.len()).filter(|at| effects[*at].abs() >= EFFECT_MIN).collect();
    order.sort_by(|a, b| effects[*b].abs().total_cmp(&effects[*a].abs()));
    order.truncate(DIFFERENCES_MAX);
    if order.is_empty() {
        return ("close to the average customer".to_owned(), "接近平均客户".to_owned());
    }
    let mut english = Vec::new();
    let mut chinese = Vec::new();
    for at in order {
        let words = WORDS.iter().find(|words| words.0 == features[at]);
        let (_, en, zh) = words.copied().unwrap_or((features[at], features[at], features[at]));
        let own = median(rows.iter().map(|row| raw.row(*row)[at]).collect());
        let all = median(raw.column(at));
        let unit = if matches!(features[at], "monetary" | "average_order") { currency } else { "" };
        let (sign, word) = if effects[at] > 0.0 { ('+', "高") } else { ('−', "低") };
        let size = effects[at].abs();
        english.push(
            format!("{en} {sign}{size:.1} SD (median {own:.1} against {all:.1} {unit}")
                .trim_end()
                .to_owned()
                + ")",
        );
        chinese.push(
            format!("{zh}偏{word} {size:.1} 个标准差（中位数 {own:.1}，全体 {all:.1} {unit}")
                .trim_end()
                .to_owned()
                + "）",
        );
    }
    (english.join("; "), chinese.join("；"))
}

fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Returns the segments as rows of the table.
pub(super) fn table(segments: &[Segment]) -> Frame {
    let text = |of: &dyn Fn(&Segment) -> &str| Column::Text(segments.iter().map(of).collect());
    let float = |of: &dyn Fn(&Segment) -> f64| Column::Float(segments.iter().map(of).collect());
    let standardised: Vec<String> = segments
        .iter()
        .map(|segment| serde_json::to_string(&segment.standardised).unwrap_or_default())
        .collect();
    Frame::default()
        .with("segment", text(&|segment| &segment.id))
        .with("name_en", text(&|segment| &segment.name.0))
        .with("name_zh", text(&|segment| &segment.name.1))
        .with("customers", Column::Int(segments.iter().map(|row| row.customers as i64).collect()))
        .with("share", float(&|segment| segment.share))
        .with("revenue", float(&|segment| segment.revenue))
        .with("revenue_share", float(&|segment| segment.revenue_share))
        .with("description_en", text(&|segment| &segment.description.0))
        .with("description_zh", text(&|segment| &segment.description.1))
        .with("standardised", Column::Text(standardised.iter().map(String::as_str).collect()))
}
