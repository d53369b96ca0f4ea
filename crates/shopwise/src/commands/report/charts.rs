//! The pictures, as data for the drawing program that the page carries.

use serde_json::{Value, json};
use shopwise_model::frame::Frame;

use super::Contents;

/// One picture: where it stands, what is drawn, and its words in both languages.
pub(super) struct Chart {
    pub(super) id: &'static str,
    pub(super) data: Value,
    pub(super) layout: Value,
    /// Axis titles: (x English, x Chinese, y English, y Chinese).
    pub(super) axes: [&'static str; 4],
}

/// Blue of the Okabe–Ito palette, which colour-blind readers tell apart.
const BLUE: &str = "#0072B2";

/// What segments are told apart by, in the order of `standardised`.
const FEATURES: [(&str, &str); 10] = [
    ("days since seen", "距上次到访"),
    ("tenure", "客户龄"),
    ("orders", "订单数"),
    ("total spent", "累计消费"),
    ("order value", "客单价"),
    ("lines per order", "每单行数"),
    ("products", "商品种类"),
    ("returned", "退货率"),
    ("weekend", "周末占比"),
    ("evening", "晚间占比"),
];

/// Returns the pictures for which there are numbers.
pub(super) fn charts(contents: &Contents) -> Vec<Chart> {
    let mut charts = Vec::new();
    charts.extend(revenue(&contents.months));
    charts.extend(segment_profiles(&contents.segments));
    charts.extend(rfm_grid(&contents.rfm));
    charts.extend(silhouettes(contents));
    charts
}

fn texts(frame: &Frame, name: &str) -> Vec<String> {
    frame.text(name).map_or_else(
        |_| Vec::new(),
        |texts| texts.iter().map(|text| text.unwrap_or("").to_owned()).collect(),
    )
}

fn revenue(months: &Frame) -> Option<Chart> {
    let revenue = months.float("revenue").ok().filter(|values| !values.is_empty())?;
    Some(Chart {
        id: "revenue",
        data: json!([{
            "type": "bar", "x": texts(months, "month"), "y": revenue, "marker": { "color": BLUE },
            "hovertemplate": "%{x}: %{y:,.0f}<extra></extra>",
        }]),
        layout: json!({ "xaxis": { "type": "category" }, "yaxis": { "rangemode": "tozero" } }),
        axes: ["month", "月份", "revenue", "销售额"],
    })
}

fn segment_profiles(segments: &Frame) -> Option<Chart> {
    let rows: Vec<Vec<f64>> = texts(segments, "standardised")
        .iter()
        .filter_map(|text| serde_json::from_str(text).ok())
        .collect();
    if rows.is_empty() {
        return None;
    }
    let both = |of: fn(&(&'static str, &'static str)) -> &'static str| -> Vec<&str> {
        FEATURES.iter().map(of).collect()
    };
    Some(Chart {
        id: "segments",
        data: json!([{
            "type": "heatmap", "z": rows, "x": both(|words| words.0), "x_zh": both(|words| words.1),
            "y": texts(segments, "name_en"), "y_zh": texts(segments, "name_zh"),
            "zmid": 0, "zmin": -2, "zmax": 2,
            "colorscale": [[0, "#D55E00"], [0.5, "#F7F7F7"], [1, "#0072B2"]],
            "texttemplate": "%{z:.1f}", "colorbar": { "thickness": 10, "len": 0.8 },
            "hovertemplate": "%{y}, %{x}: %{z:.2f} SD<extra></extra>",
        }]),
        layout: json!({ "yaxis": { "automargin": true, "autorange": "reversed" } }),
        axes: ["", "", "", ""],
    })
}

fn rfm_grid(rfm: &Frame) -> Option<Chart> {
    let (recency, frequency, customers) = (
        rfm.int("recency_score").ok()?,
        rfm.int("frequency_score").ok()?,
        rfm.int("customers").ok().filter(|counts| !counts.is_empty())?,
    );
    let mut grid = [[0_i64; 5]; 5];
    for ((recency, frequency), count) in recency.iter().zip(frequency).zip(customers) {
        let place = |score: i64| usize::try_from(score - 1).unwrap_or(0).min(4);
        grid[place(*frequency)][place(*recency)] = *count;
    }
    Some(Chart {
        id: "rfm",
        data: json!([{
            "type": "heatmap", "z": grid, "x": [1, 2, 3, 4, 5], "y": [1, 2, 3, 4, 5],
            "colorscale": [[0, "#F7F7F7"], [1, BLUE]], "texttemplate": "%{z}",
            "colorbar": { "thickness": 10, "len": 0.8 },
            "hovertemplate": "R %{x}, F %{y}: %{z}<extra></extra>",
        }]),
        layout: json!({ "xaxis": { "dtick": 1 }, "yaxis": { "dtick": 1 } }),
        axes: ["recency quintile", "最近一次（R）", "frequency quintile", "频次（F）"],
    })
}

fn silhouettes(contents: &Contents) -> Option<Chart> {
    let profile =
        contents.runs.iter().find(|run| run.stage == "profile" && run.status == "done")?;
    let curve = profile.metrics.get("metrics")?.get("curve")?.as_array()?;
    let of = |name: &str| -> Vec<Value> {
        curve.iter().filter_map(|point| point.get(name).cloned()).collect()
    };
    Some(Chart {
        id: "silhouette",
        data: json!([{
            "type": "scatter", "mode": "lines+markers", "x": of("k"), "y": of("silhouette"),
            "line": { "color": BLUE }, "hovertemplate": "k = %{x}: %{y:.4f}<extra></extra>",
        }]),
        layout: json!({ "xaxis": { "dtick": 1 } }),
        axes: ["number of segments k", "分群数 k", "mean silhouette", "平均轮廓系数"],
    })
}
