//! What does learning bring? Policies beside each other, with lifts over chance.

use serde_json::{Value, json};
use shopwise_stages::feedback;

use super::super::cells::Cells;
use super::super::chart::{Colour, Figure, axis, whiskers};
use super::super::contents::Contents;
use super::super::number;
use super::super::period::date_of;
use super::super::section::{Block, Section};
use super::super::table::{self, Table};
use super::super::words::{Words, say};

/// The policy that others are compared with.
const RANDOM: &str = "random";
/// What the picture shows.
const REVENUE: &str = "revenue_per_visit";

/// The metrics: column, words, and whether it is money (otherwise a share).
const METRICS: [(&str, &str, &str, Unit); 5] = [
    (REVENUE, "Revenue per visit", "每次访问销售额", Unit::Money),
    ("conversion_rate", "Visits with an order", "访问转化率", Unit::Share),
    ("ad_click_rate", "Click rate of adverts", "广告点击率", Unit::Share),
    ("recommendation_click_rate", "Click rate of recommendations", "推荐点击率", Unit::Share),
    ("ad_spend_per_visit", "Advert spend per visit", "每次访问广告花费", Unit::Money),
];

/// Fewer cases than this are shown in grey and said to be few.
const CASES_FEW: f64 = 100.0;

/// The segment of customers who are in none: they never bought.
const NO_SEGMENT: &str = "none";

/// In what a metric is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Money,
    Share,
}

pub(super) fn section(contents: &Contents) -> Section {
    let question = Words::new("What does learning bring?", "学习带来了多少提升？");
    let name = Words::new("Policies", "策略对比");
    let cells = Cells(&contents.feedback);
    let whole = rows(cells, |row| is_of(cells, row, REVENUE, ""));
    if whole.is_empty() {
        let answer = Words::new("No policy has been measured yet.", "还没有可供对比的策略数据。");
        return Section::new("policies", name, question, answer)
            .missing(super::run_stage(contents, feedback::NAME));
    }
    let mut section = Section::new("policies", name, question, answer(contents, cells, &whole));
    let mut figures = vec![figure(contents, cells, &whole)];
    figures.extend(lift_figure(contents, cells));
    section = section.with(Block::Figures(figures));
    if let Some(words) = apart(contents) {
        section = section.with(Block::Note(words));
    }
    section = section.with(Block::Table(table(contents, cells)));
    if let Some(table) = segments_table(contents, cells) {
        section = section.with(Block::Table(table));
    }
    if let Some(table) = elsewhere_table(cells) {
        section = section.with(Block::Table(table));
    }
    section.advice(Words::new(
        "Raise the share of traffic of a policy whose lift lies above 0 with its whole interval; \
         where the interval holds 0, go on measuring before deciding.",
        "提升区间完全大于0的策略可以扩大流量；区间仍包含0的，应继续观察后再决定。",
    ))
}

fn rows(cells: Cells<'_>, keep: impl Fn(usize) -> bool) -> Vec<usize> {
    (0..cells.rows()).filter(|row| keep(*row)).collect()
}

fn is_of(cells: Cells<'_>, row: usize, metric: &str, segment: &str) -> bool {
    cells.text("method", row) == "observed"
        && cells.text("metric", row) == metric
        && cells.text("segment", row) == segment
}

fn money(contents: &Contents, value: f64) -> Words {
    number::money(&contents.settings.currency, value)
}

fn answer(contents: &Contents, cells: Cells<'_>, whole: &[usize]) -> Words {
    let best = whole
        .iter()
        .filter(|row| cells.float("lift", **row).is_finite())
        .max_by(|a, b| cells.float("lift", **a).total_cmp(&cells.float("lift", **b)));
    let Some(best) = best.copied() else {
        return say(
            "“{policy}” brings {revenue} a visit; there is no policy <code>random</code> in the \
             log to compare with.",
            "“{policy}”每次访问带来{revenue}；日志中没有可对照的<code>random</code>策略。",
            &[
                ("policy", Words::data(cells.text("policy", whole[0]))),
                ("revenue", money(contents, cells.float("estimate", whole[0]))),
            ],
        );
    };
    let (low, high) = (cells.float("lift_low", best), cells.float("lift_high", best));
    let reading = if low > 0.0 {
        Words::new("surely more than chance", "显著高于随机")
    } else if high < 0.0 {
        Words::new("surely less than chance", "显著低于随机")
    } else {
        Words::new("which may be chance", "可能只是偶然")
    };
    let lift = cells.float("lift", best);
    let sign = Words::data(if lift >= 0.0 { "+" } else { "" });
    say(
        "“{policy}” brings {revenue} a visit, {lift} against showing things at random (95 % \
         interval {low} to {high}): {reading}.",
        "“{policy}”每次访问带来{revenue}，与随机展示相差{lift}（95%区间{low}至{high}），{reading}。",
        &[
            ("policy", Words::data(cells.text("policy", best))),
            ("revenue", money(contents, cells.float("estimate", best))),
            ("lift", sign.and(&money(contents, lift))),
            ("low", money(contents, low)),
            ("high", money(contents, high)),
            ("reading", reading),
        ],
    )
}

fn figure(contents: &Contents, cells: Cells<'_>, whole: &[usize]) -> Figure {
    let mut sorted = whole.to_vec();
    sorted.sort_by(|a, b| cells.float("estimate", *b).total_cmp(&cells.float("estimate", *a)));
    let of =
        |name: &str| -> Vec<f64> { sorted.iter().map(|row| cells.float(name, *row)).collect() };
    let names: Vec<Words> =
        sorted.iter().map(|row| Words::data(cells.text("policy", *row))).collect();
    let (values, low, high) = (of("estimate"), of("low"), of("high"));
    let colours: Vec<Value> =
        sorted.iter().map(|row| colour_of(cells.text("policy", *row)).css()).collect();
    let visits: f64 = sorted.iter().map(|row| cells.count("visits", *row)).sum();
    Figure {
        id: "policies-chart",
        title: say(
            "“{best}” brings most per visit",
            "“{best}”每次访问销售额最高",
            &[("best", names[0].clone())],
        ),
        subtitle: Words::new(
            "Revenue per visit under each policy, with 95 % intervals over customers",
            "各策略下每次访问的销售额，附按客户重抽样的95%区间",
        ),
        data: json!([{
            "type": "bar", "orientation": "h", "x": values, "y": names,
            "marker": { "color": colours },
            "error_x": whiskers(&values, &low, &high, Colour::Text),
            "hovertemplate": "%{y}: %{x:.3f}<extra></extra>",
        }]),
        layout: json!({
            "xaxis": axis(
                &say(
                    "revenue per visit ({currency})",
                    "每次访问销售额（{currency}）",
                    &[("currency", Words::data(&contents.settings.currency))],
                ),
                &json!({ "rangemode": "tozero", "nticks": 6 }),
            ),
            "yaxis": axis(&Words::default(), &json!({ "autorange": "reversed" })),
            "bargap": 0.5,
        }),
        height: 120 + 44 * sorted.len(),
        width_min: 0,
        source: super::source("feedback", number::count(visits), Words::new("visits", "次访问")),
    }
}

/// Returns the colour of a policy: the same everywhere.
fn colour_of(policy: &str) -> Colour {
    match policy {
        RANDOM => Colour::Grey,
        "popular" => Colour::Orange,
        _ => Colour::Blue,
    }
}

/// Returns a segment's name for people.
fn segment_name(contents: &Contents, id: &str) -> Words {
    let cells = Cells(&contents.segments);
    let row = (0..cells.rows()).find(|row| cells.text("segment", *row) == id);
    match (row, id) {
        (Some(row), _) => Words {
            en: Words::data(cells.text("name_en", row)).en,
            zh: Words::data(cells.text("name_zh", row)).zh,
        },
        (None, "") => Words::new("all customers", "全部客户"),
        (None, NO_SEGMENT) => Words::new("not bought yet", "尚未购买"),
        (None, other) => Words::data(other),
    }
}

/// Returns the lift within each segment; `None` where none is known.
fn lift_figure(contents: &Contents, cells: Cells<'_>) -> Option<Figure> {
    let known = rows(cells, |row| {
        cells.text("method", row) == "observed"
            && cells.text("metric", row) == REVENUE
            && cells.text("segment", row) != NO_SEGMENT
            && cells.float("lift", row).is_finite()
    });
    let policy = cells.text("policy", *known.first()?);
    let mut own: Vec<usize> =
        known.iter().copied().filter(|row| cells.text("policy", *row) == policy).collect();
    own.sort_by(|a, b| {
        let is_whole = |row: usize| cells.text("segment", row).is_empty();
        is_whole(*b)
            .cmp(&is_whole(*a))
            .then(cells.float("lift", *b).total_cmp(&cells.float("lift", *a)))
    });
    let of = |name: &str| -> Vec<f64> { own.iter().map(|row| cells.float(name, *row)).collect() };
    let (values, low, high) = (of("lift"), of("lift_low"), of("lift_high"));
    let names: Vec<Words> =
        own.iter().map(|row| segment_name(contents, cells.text("segment", *row))).collect();
    let sure = low.iter().filter(|low| **low > 0.0).count();
    Some(Figure {
        id: "policies-lift",
        title: say(
            "The lift of “{policy}” is sure in {sure} of {all} groups",
            "“{policy}”的提升在{all}组中有{sure}组显著",
            &[
                ("policy", Words::data(policy)),
                ("sure", Words::data(&sure.to_string())),
                ("all", Words::data(&own.len().to_string())),
            ],
        ),
        subtitle: Words::new(
            "Difference of revenue per visit against the policy random, all customers and each \
             segment, with 95 % intervals",
            "与random策略相比每次访问销售额之差，全部客户及各分群，附95%区间",
        ),
        data: json!([{
            "type": "scatter", "mode": "markers", "x": values, "y": names,
            "marker": { "color": colour_of(policy).css(), "size": 9 },
            "error_x": whiskers(&values, &low, &high, colour_of(policy)),
            "hovertemplate": "%{y}: %{x:+.3f}<extra></extra>",
        }]),
        layout: json!({
            "xaxis": axis(
                &say(
                    "lift per visit ({currency})",
                    "每次访问的提升（{currency}）",
                    &[("currency", Words::data(&contents.settings.currency))],
                ),
                &json!({ "zerolinewidth": 2, "rangemode": "tozero", "nticks": 6 }),
            ),
            "yaxis": axis(
                &Words::default(),
                &json!({ "autorange": "reversed", "type": "category" }),
            ),
        }),
        height: 110 + 34 * own.len(),
        width_min: 0,
        source: super::source(
            "feedback",
            number::count(own.iter().map(|row| cells.count("visits", *row)).fold(0.0, f64::max)),
            Words::new("visits", "次访问"),
        ),
    })
}

/// Returns a warning where policies acted at different times: the difference then holds what else
/// changed between them.
fn apart(contents: &Contents) -> Option<Words> {
    let cells = Cells(&contents.policies);
    let span = |row: usize| (cells.int("first_at", row), cells.int("last_at", row));
    let random = (0..cells.rows()).find(|row| cells.text("policy", *row) == RANDOM)?;
    let own = span(random);
    let other = (0..cells.rows()).find(|row| {
        let (first, last) = span(*row);
        *row != random && (first > own.1 || last < own.0)
    })?;
    let day = |micros: i64| Words::data(&date_of(micros, &contents.days.zone).to_string());
    Some(say(
        "Mind: <code>random</code> acted from {a} to {b}, <code>{other}</code> from {c} to {d}. \
         What else changed between those times, such as the season, is part of the difference.",
        "注意：<code>random</code>的时段为{a}至{b}，<code>{other}</code>为{c}至{d}，\
         期间的其他变化（如季节）也包含在差异之中。",
        &[
            ("a", day(own.0)),
            ("b", day(own.1)),
            ("other", Words::data(cells.text("policy", other))),
            ("c", day(span(other).0)),
            ("d", day(span(other).1)),
        ],
    ))
}

fn unit_of(metric: &str) -> Unit {
    METRICS.iter().find(|own| own.0 == metric).map_or(Unit::Share, |own| own.3)
}

/// Returns `1.23 (1.10 – 1.35)`, in hundredths for shares.
fn interval(cells: Cells<'_>, row: usize, names: [&str; 3], unit: Unit) -> Words {
    let [value, low, high] = names.map(|name| cells.float(name, row));
    if !value.is_finite() {
        return Words::data("–");
    }
    let text = |value: f64| match unit {
        Unit::Money => number::decimals(value, 3),
        Unit::Share => number::decimals(100.0 * value, 2),
    };
    let mark = if unit == Unit::Share { " %" } else { "" };
    let words = Words::data(&format!("{}{mark} ({} – {})", text(value), text(low), text(high)));
    if cells.count("visits", row) >= CASES_FEW {
        return words;
    }
    say(
        "<span class=soft>{words}, few cases</span>",
        "<span class=soft>{words}，例数少</span>",
        &[("words", words)],
    )
}

const ESTIMATE: [&str; 3] = ["estimate", "low", "high"];
const LIFT: [&str; 3] = ["lift", "lift_low", "lift_high"];

fn table(contents: &Contents, cells: Cells<'_>) -> Table {
    let mut table = Table::new(
        "policies-table",
        say(
            "Policies over all customers, with 95 % intervals; money in {currency}",
            "各策略在全部客户上的结果，附95%区间；金额单位{currency}",
            &[("currency", Words::data(&contents.settings.currency))],
        ),
        vec![
            table::text("Measure", "指标"),
            table::text("Policy", "策略"),
            table::number("Visits", "访问次数"),
            table::number("Estimate", "数值"),
            table::number("Lift against random", "相对随机的提升"),
        ],
    );
    for (metric, en, zh, unit) in METRICS {
        for row in rows(cells, |row| is_of(cells, row, metric, "")) {
            table.row(vec![
                Words::new(en, zh),
                Words::data(cells.text("policy", row)),
                Words::data(&number::exact(cells.count("visits", row))),
                interval(cells, row, ESTIMATE, unit),
                interval(cells, row, LIFT, unit),
            ]);
        }
    }
    table
}

fn segments_table(contents: &Contents, cells: Cells<'_>) -> Option<Table> {
    let mut within = rows(cells, |row| {
        let is_main = matches!(cells.text("metric", row), REVENUE | "conversion_rate");
        is_main && cells.text("method", row) == "observed" && !cells.text("segment", row).is_empty()
    });
    if within.is_empty() {
        return None;
    }
    within.sort_by_key(|row| {
        (cells.text("segment", *row), cells.text("metric", *row), cells.text("policy", *row))
    });
    let mut table = Table::new(
        "policies-segments",
        say(
            "Within segments as they are now, so who never bought cannot have ordered: compare \
             policies, not segments; groups of fewer than 100 visits are left out; money in \
             {currency}",
            "各分群内的结果，按目前的分群统计，因此“尚未购买”者必无订单：请比较策略，不要比较分群；\
             不足100次访问的组未列出；金额单位{currency}",
            &[("currency", Words::data(&contents.settings.currency))],
        ),
        vec![
            table::text("Segment", "分群"),
            table::text("Measure", "指标"),
            table::text("Policy", "策略"),
            table::number("Visits", "访问次数"),
            table::number("Estimate", "数值"),
            table::number("Lift against random", "相对随机的提升"),
        ],
    );
    for row in within {
        let metric = cells.text("metric", row);
        let words = METRICS.iter().find(|own| own.0 == metric);
        table.row(vec![
            segment_name(contents, cells.text("segment", row)),
            words.map_or_else(|| Words::data(metric), |own| Words::new(own.1, own.2)),
            Words::data(cells.text("policy", row)),
            Words::data(&number::exact(cells.count("visits", row))),
            interval(cells, row, ESTIMATE, unit_of(metric)),
            interval(cells, row, LIFT, unit_of(metric)),
        ]);
    }
    Some(table)
}

/// Returns what policies that never acted would have brought, judged from another one's log.
fn elsewhere_table(cells: Cells<'_>) -> Option<Table> {
    let judged = rows(cells, |row| cells.text("method", row) != "observed");
    if judged.is_empty() {
        return None;
    }
    let mut table = Table::new(
        "policies-elsewhere",
        Words::new(
            "Estimates from the log, not observations: click rates of adverts that policies which \
             never acted would have had; IPS weighs each case by its inverse propensity, SNIPS \
             divides by the sum of the weights; cases are the effective sample",
            "以下是由日志推算的估计值，而非实际观测：未曾投放的策略本会得到的广告点击率；\
             IPS按倾向概率的倒数加权，SNIPS再除以权重之和；例数为有效样本量",
        ),
        vec![
            table::text("Policy", "策略"),
            table::text("Method", "方法"),
            table::number("Cases", "例数"),
            table::number("Click rate", "点击率"),
        ],
    );
    for row in judged {
        table.row(vec![
            Words::data(cells.text("policy", row)),
            Words::data(&cells.text("method", row).to_uppercase()),
            Words::data(&number::exact(cells.count("visits", row))),
            interval(cells, row, ESTIMATE, unit_of(cells.text("metric", row))),
        ]);
    }
    Some(table)
}
