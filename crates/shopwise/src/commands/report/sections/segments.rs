//! Who are the customers? Segments, what sets each apart, and what each is worth.

use serde_json::json;

use super::super::cells::Cells;
use super::super::chart::{Figure, axis, diverging};
use super::super::contents::Contents;
use super::super::number;
use super::super::section::{Block, Section};
use super::super::table::{self, Table};
use super::super::words::{Words, say};

/// Standard deviations at which the colours of the heat map end.
const COLOUR_LIMIT: f64 = 2.0;

/// How features are called in the picture; which there are, the run says.
const LABELS: &[(&str, &str, &str)] = &[
    ("recency_days", "days since seen", "距上次到访"),
    ("tenure_days", "days as customer", "客户龄"),
    ("orders", "orders", "订单数"),
    ("monetary", "total spent", "累计消费"),
    ("average_order", "order value", "客单价"),
    ("items_per_order", "lines per order", "每单行数"),
    ("products", "different products", "商品种类"),
    ("return_rate", "share returned", "退货率"),
    ("weekend_share", "weekend share", "周末占比"),
    ("evening_share", "evening share", "晚间占比"),
    ("sessions", "visits", "访问次数"),
    ("views", "product views", "商品浏览"),
    ("price_level", "price level", "价格档次"),
];

pub(super) fn section(contents: &Contents) -> Section {
    let question = Words::new("Who are the customers?", "客户分为哪几类？");
    let name = Words::new("Segments", "客户分群");
    let cells = Cells(&contents.segments);
    if cells.rows() == 0 {
        let answer = Words::new("There are no segments yet.", "还没有客户分群。");
        return Section::new("segments", name, question, answer)
            .missing(super::run_stage(contents, "profile"));
    }
    let mut section = Section::new("segments", name, question, answer(cells));
    if let Some(figure) = figure(contents, cells) {
        section = section.with(Block::Figures(vec![figure]));
    }
    section.with(Block::Table(table(contents, cells))).advice(Words::new(
        "Name a segment in a campaign’s <code>segments</code> to reach only those customers; \
         <code>shopwise show segment ID</code> tells what is known about one.",
        "在广告活动的<code>segments</code>中填写分群编号即可只面向这些客户；\
         <code>shopwise show segment ID</code>可查看某个分群的详情。",
    ))
}

fn title(cells: Cells<'_>, row: usize) -> Words {
    let (en, zh) = (cells.text("name_en", row), cells.text("name_zh", row));
    Words { en: Words::data(en).en, zh: Words::data(zh).zh }
}

fn answer(cells: Cells<'_>) -> Words {
    let customers: f64 = (0..cells.rows()).map(|row| cells.count("customers", row)).sum();
    say(
        "The {customers} customers who bought fall into {segments} segments; “{top}” are {share} \
         of them and bring {revenue} of the revenue.",
        "{customers}位购买客户分为{segments}个分群；“{top}”占其中{share}，贡献{revenue}的销售额。",
        &[
            ("customers", number::count(customers)),
            ("segments", Words::data(&cells.rows().to_string())),
            ("top", title(cells, 0)),
            ("share", number::percent(cells.float("share", 0), customers)),
            ("revenue", number::percent(cells.float("revenue_share", 0), customers)),
        ],
    )
}

/// Returns the features by which the newest run told customers apart.
fn features(contents: &Contents) -> Vec<Words> {
    let names = contents.parameter("profile", "features").as_array();
    let names = names.map_or(&[][..], Vec::as_slice).iter().filter_map(|name| name.as_str());
    names
        .map(|name| match LABELS.iter().find(|(own, ..)| *own == name) {
            Some((_, en, zh)) => Words::new(en, zh),
            None => Words::data(&name.replace('_', " ")),
        })
        .collect()
}

fn figure(contents: &Contents, cells: Cells<'_>) -> Option<Figure> {
    let means: Vec<Vec<f64>> = (0..cells.rows())
        .filter_map(|row| serde_json::from_str(cells.text("standardised", row)).ok())
        .collect();
    let features = features(contents);
    // Segments of one run beside the features of another would be a lie.
    let fits = |means: &Vec<f64>| means.len() == features.len();
    if means.len() != cells.rows() || features.is_empty() || !means.iter().all(fits) {
        return None;
    }
    let by_feature: Vec<Vec<f64>> =
        (0..features.len()).map(|at| means.iter().map(|row| row[at]).collect()).collect();
    let names: Vec<Words> = (0..cells.rows()).map(|row| column_name(cells, row)).collect();
    let customers: f64 = (0..cells.rows()).map(|row| cells.count("customers", row)).sum();
    let height = 120 + 30 * features.len();
    Some(Figure {
        id: "segments-chart",
        title: most_apart(cells, &by_feature, &features),
        subtitle: Words::new(
            "Mean of each feature in each segment, in standard deviations from the mean of all \
             buyers; blue is above, orange below; the share of the customers stands at each name",
            "各分群的特征均值，以标准差表示与全体购买客户均值之差；蓝色为高，橙色为低；名称下方为客户占比",
        ),
        data: json!([{
            "type": "heatmap", "z": by_feature, "x": names, "y": features,
            "zmid": 0, "zmin": -COLOUR_LIMIT, "zmax": COLOUR_LIMIT, "colorscale": diverging(),
            "decimals": 1, "xgap": 2, "ygap": 2, "showscale": false,
            "hovertemplate": "%{x}<br>%{y}: %{z:.2f} SD<extra></extra>",
        }]),
        layout: json!({
            "xaxis": axis(
                &Words::new("segment", "分群"),
                &json!({
                    "type": "category", "showgrid": false, "side": "top", "tickangle": 0,
                }),
            ),
            "yaxis": axis(
                &Words::default(),
                &json!({ "type": "category", "autorange": "reversed", "showgrid": false }),
            ),
        }),
        height,
        width_min: 110 + 72 * cells.rows(),
        source: super::source(
            "segments",
            number::count(customers),
            Words::new("buyers", "位购买客户"),
        ),
    })
}

/// Returns a segment's name broken into lines, with its size below.
fn column_name(cells: Cells<'_>, row: usize) -> Words {
    let share = number::fixed_percent(cells.float("share", row), 0);
    let words = title(cells, row);
    let mut en = String::new();
    let mut line = 0;
    for word in words.en.split(' ') {
        if line > 0 && line + word.len() > 9 {
            en.push_str("<br>");
            line = 0;
        } else if line > 0 {
            en.push(' ');
        }
        en.push_str(word);
        line += word.len() + 1;
    }
    let letters: Vec<char> = words.zh.chars().collect();
    let lines = letters.len().div_ceil(5).max(1);
    let zh: Vec<String> = letters
        .chunks(letters.len().div_ceil(lines).max(1))
        .map(|part| part.iter().collect())
        .collect();
    let name = Words { en, zh: zh.join("<br>") };
    say("{name}<br>{share}", "{name}<br>{share}", &[("name", name), ("share", share)])
}

/// Returns which cell of the map stands out most.
fn most_apart(cells: Cells<'_>, by_feature: &[Vec<f64>], features: &[Words]) -> Words {
    let mut most = (0, 0);
    for (feature, row) in by_feature.iter().enumerate() {
        for (segment, value) in row.iter().enumerate() {
            if value.abs() > by_feature[most.0][most.1].abs() {
                most = (feature, segment);
            }
        }
    }
    let value = by_feature[most.0][most.1];
    let direction =
        if value > 0.0 { Words::new("above", "高出") } else { Words::new("below", "低于") };
    say(
        "“{segment}” stand out most: {feature} {value} standard deviations {direction} the mean",
        "“{segment}”最突出：{feature}{direction}均值{value}个标准差",
        &[
            ("segment", title(cells, most.1)),
            ("feature", features[most.0].clone()),
            ("value", Words::data(&number::decimals(value.abs(), 1))),
            ("direction", direction),
        ],
    )
}

fn table(contents: &Contents, cells: Cells<'_>) -> Table {
    let currency = &contents.settings.currency;
    let caption = Words::new("Size and value of the segments", "各分群的规模与价值");
    let mut table = Table::new(
        "segments-table",
        caption,
        vec![
            table::text("Segment", "分群"),
            table::number("Customers", "客户数"),
            table::number("Share", "占比"),
            table::money("Revenue", "销售额", currency),
            table::number("Share", "占比"),
            table::money("Revenue per customer", "人均销售额", currency),
            table::text("What sets it apart", "与众不同之处"),
        ],
    );
    for row in 0..cells.rows() {
        let customers = cells.count("customers", row);
        let revenue = cells.float("revenue", row);
        let (en, zh) = (cells.text("description_en", row), cells.text("description_zh", row));
        let words = Words { en: Words::data(en).en, zh: Words::data(zh).zh };
        table.row(vec![
            say(
                "{name} <code>{id}</code>",
                "{name} <code>{id}</code>",
                &[("name", title(cells, row)), ("id", Words::data(cells.text("segment", row)))],
            ),
            Words::data(&number::exact(customers)),
            number::fixed_percent(cells.float("share", row), 1),
            Words::data(&number::exact(revenue)),
            number::fixed_percent(cells.float("revenue_share", row), 1),
            Words::data(&number::decimals(revenue / customers.max(1.0), 2)),
            say("<span class=words>{it}</span>", "<span class=words>{it}</span>", &[("it", words)]),
        ]);
    }
    table
}
