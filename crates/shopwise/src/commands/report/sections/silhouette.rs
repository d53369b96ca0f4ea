//! How many segments are there? The silhouette for each number of them.

use serde_json::{Value, json};

use super::super::chart::{Colour, Figure, axis};
use super::super::contents::Contents;
use super::super::number;
use super::super::section::{Block, Section};
use super::super::table::{self, Table};
use super::super::words::{Words, say};

/// How Kaufman and Rousseeuw (1990, table 4) read a mean silhouette: from here on, and the words.
const READING: [(f64, &str, &str); 4] = [
    (0.71, "a strong structure", "结构很清晰"),
    (0.51, "a reasonable structure", "结构较清晰"),
    (0.26, "a weak structure: customers shade into each other", "结构较弱，客户之间界线模糊"),
    (f64::MIN, "hardly any structure: take the segments as a rough grid", "几乎没有结构，仅供粗分"),
];

pub(super) fn section(contents: &Contents) -> Section {
    let question = Words::new("How many segments are there?", "分成几群合适？");
    let name = Words::new("Number of segments", "分群数");
    let curve = contents.metric("profile", "curve").as_array().filter(|curve| !curve.is_empty());
    let Some(curve) = curve else {
        let answer = Words::new("No number of segments was tried yet.", "还没有试过分群数。");
        return Section::new("silhouette", name, question, answer)
            .missing(super::run_stage(contents, "profile"));
    };
    let chosen = contents.metric("profile", "segments").as_u64().unwrap_or(0);
    let score = contents.metric("profile", "silhouette").as_f64().unwrap_or(f64::NAN);
    let reading = READING.iter().find(|(from, ..)| score >= *from).unwrap_or(&READING[3]);
    let answer = say(
        "{chosen} segments separate customers best: mean silhouette {score} of at most 1, \
         {reading}.",
        "分成{chosen}群区分得最好：平均轮廓系数{score}（最大为1），{reading}。",
        &[
            ("chosen", Words::data(&chosen.to_string())),
            ("score", Words::data(&number::decimals(score, 3))),
            ("reading", Words::new(reading.1, reading.2)),
        ],
    );
    Section::new("silhouette", name, question, answer)
        .with(Block::Figures(vec![figure(contents, curve, chosen)]))
        .with(Block::Table(table(curve, chosen)))
        .advice(Words::new(
            "A shop that wants fewer groups to talk to sets <code>segments_max</code> in \
             <code>shopwise.toml</code> and runs <code>shopwise run profile</code> again.",
            "如果希望分群更少、便于运营，可在<code>shopwise.toml</code>中调低 \
             <code>segments_max</code>，再执行<code>shopwise run profile</code>。",
        ))
}

fn column(curve: &[Value], name: &str) -> Vec<f64> {
    curve.iter().map(|point| point[name].as_f64().unwrap_or(f64::NAN)).collect()
}

fn figure(contents: &Contents, curve: &[Value], chosen: u64) -> Figure {
    let (k, scores) = (column(curve, "k"), column(curve, "silhouette"));
    let is_chosen = |k: &f64| *k as u64 == chosen;
    let sizes: Vec<u32> = k.iter().map(|k| if is_chosen(k) { 13 } else { 7 }).collect();
    let texts: Vec<Words> = k
        .iter()
        .map(|k| if is_chosen(k) { Words::new("taken", "采用") } else { Words::default() })
        .collect();
    let rows: Vec<usize> = (0..k.len()).collect();
    let customers = contents.done("profile").map_or(0, |run| run.rows_read);
    Figure {
        id: "silhouette-chart",
        title: say(
            "The silhouette is highest at {chosen} segments",
            "分成{chosen}群时轮廓系数最高",
            &[("chosen", Words::data(&chosen.to_string()))],
        ),
        subtitle: Words::new(
            "Mean silhouette of k-means for each number of segments tried; how much nearer a \
             customer is to the own segment than to the next",
            "各候选分群数下k-means的平均轮廓系数：客户离本群比离最近他群近多少",
        ),
        data: json!([{
            "type": "scatter", "mode": "lines+markers+text", "x": k, "y": scores, "text": texts,
            "textposition": "top center", "customdata": rows, "cliponaxis": false,
            "line": { "color": Colour::Blue.css(), "width": 2 },
            "marker": { "color": Colour::Blue.css(), "size": sizes },
            "hovertemplate": "k = %{x}: %{y:.4f}<extra></extra>",
        }]),
        layout: json!({
            "xaxis": axis(&Words::new("number of segments k", "分群数 k"), &json!({ "dtick": 1 })),
            "yaxis": axis(
                &Words::new("mean silhouette (−1 to 1)", "平均轮廓系数（−1至1）"),
                &json!({ "rangemode": "tozero" }),
            ),
        }),
        height: 300,
        width_min: 0,
        source: say(
            "Source: run of <code>profile</code>; {customers} buyers.",
            "来源：<code>profile</code>运行记录，共{customers}位购买客户。",
            &[("customers", number::count(customers as f64))],
        ),
    }
}

fn table(curve: &[Value], chosen: u64) -> Table {
    let mut table = Table::new(
        "silhouette-chart",
        Words::new("The same numbers", "同一组数字"),
        vec![
            table::number("Segments k", "分群数 k"),
            table::number("Mean silhouette", "平均轮廓系数"),
            table::number("Inertia", "簇内平方和"),
            table::text("", ""),
        ],
    );
    let (k, scores) = (column(curve, "k"), column(curve, "silhouette"));
    for (row, inertia) in column(curve, "inertia").into_iter().enumerate() {
        let taken = k[row] as u64 == chosen;
        table.row(vec![
            Words::data(&number::exact(k[row])),
            Words::data(&number::decimals(scores[row], 4)),
            Words::data(&number::exact(inertia)),
            if taken { Words::new("taken", "采用") } else { Words::default() },
        ]);
    }
    table
}
