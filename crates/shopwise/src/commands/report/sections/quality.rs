//! Can the data be trusted? What came in, what was refused, what a reader should doubt.

use std::path::Path;

use serde_json::json;
use shopwise_model::money::units_from_micros;

use super::super::cells::Cells;
use super::super::chart::{Colour, Figure, axis};
use super::super::contents::Contents;
use super::super::number;
use super::super::number::moment;
use super::super::section::{Block, Section};
use super::super::table::{self, Table};
use super::super::words::{Words, say};

/// How kinds of events are called.
const KINDS: &[(&str, &str, &str)] = &[
    ("page_viewed", "page viewed", "浏览页面"),
    ("identified", "identified", "识别身份"),
    ("products_searched", "products searched", "搜索商品"),
    ("product_list_viewed", "list viewed", "浏览列表"),
    ("product_clicked", "product clicked", "点击商品"),
    ("product_viewed", "product viewed", "浏览商品"),
    ("product_added", "put into the cart", "加入购物车"),
    ("product_removed", "taken out of the cart", "移出购物车"),
    ("cart_viewed", "cart viewed", "查看购物车"),
    ("checkout_started", "checkout started", "开始结算"),
    ("order_completed", "ordered", "下单"),
    ("order_refunded", "refunded", "退款"),
    ("order_cancelled", "order cancelled", "取消订单"),
    ("product_reviewed", "reviewed", "评价"),
    ("stock_corrected", "stock corrected", "库存修正"),
    ("recommendation_shown", "recommendation shown", "展示推荐"),
    ("recommendation_clicked", "recommendation clicked", "点击推荐"),
    ("ad_shown", "advert shown", "展示广告"),
    ("ad_clicked", "advert clicked", "点击广告"),
    ("other", "other", "其他"),
];

/// What can be wrong with a property.
const PROBLEMS: &[(&str, &str)] = &[
    ("missing", "缺失"),
    ("not a text", "不是文本"),
    ("not a number", "不是数字"),
    ("neither true nor false", "不是真假值"),
    ("not a list", "不是列表"),
    ("not an object", "不是对象"),
    ("money without a currency", "有金额而无币种"),
    ("not revenue + shipping + tax", "不等于收入＋运费＋税"),
];

/// Violations of the tracking plan that are listed; `status --violations` lists all.
const VIOLATIONS: usize = 100;

pub(super) fn section(contents: &Contents) -> Section {
    let question = Words::new("Can the data be trusted?", "数据可信吗？");
    let name = Words::new("Data quality", "数据质量");
    let kinds = Cells(&contents.kinds);
    let refused = sum(Cells(&contents.refused), "rows");
    if kinds.rows() == 0 && refused == 0.0 {
        let answer = Words::new("Nothing has come in yet.", "还没有收到任何数据。");
        return Section::new("quality", name, question, answer).missing(Words::new(
            "<code>shopwise import</code> brings data; every row that it refuses is kept with its \
             file, line and reason and is listed here.",
            "用<code>shopwise import</code>导入数据；每一条拒收行都会连同文件、行号和原因列在这里。",
        ));
    }
    let mut section = Section::new("quality", name, question, answer(contents, refused))
        .with(Block::Figures(vec![figure(contents, kinds)]))
        .with(Block::Table(kinds_table(contents, kinds)))
        .with(Block::Table(doubts_table(contents)));
    if refused > 0.0 {
        section = section.with(Block::Table(refused_table(contents)));
    }
    if !contents.violations.is_empty() {
        section = section.with(Block::Table(violations_table(contents)));
    }
    section.advice(Words::new(
        "Look at the first refused line of each reason, mend the export and import the file again: \
         events that are already there are recognised and not counted twice.",
        "查看每种原因的首个拒收行，修正导出后重新导入即可：已有的事件会被识别，不会重复计数。",
    ))
}

fn sum(cells: Cells<'_>, column: &str) -> f64 {
    (0..cells.rows()).map(|row| cells.count(column, row)).sum()
}

fn kind_name(kind: &str) -> Words {
    match KINDS.iter().find(|(own, ..)| *own == kind) {
        Some((_, en, zh)) => Words::new(en, zh),
        None => Words::data(kind),
    }
}

fn answer(contents: &Contents, refused: f64) -> Words {
    let lines = sum(Cells(&contents.kinds), "lines");
    let doubtful = Cells(&contents.doubtful);
    let odd = doubtful.count("price_zero", 0) + doubtful.count("outlier", 0);
    say(
        "{lines} event lines were taken in and {refused} refused ({share}); {odd} order lines have \
         a price of 0 or an outlying amount.",
        "共收录{lines}行事件，拒收{refused}行（{share}）；{odd}条订单行单价为0或金额异常。",
        &[
            ("lines", number::count(lines)),
            ("refused", number::count(refused)),
            ("share", number::percent(refused / (lines + refused).max(1.0), lines + refused)),
            ("odd", number::count(odd)),
        ],
    )
}

fn figure(contents: &Contents, kinds: Cells<'_>) -> Figure {
    let rows: Vec<usize> = (0..kinds.rows()).collect();
    let names: Vec<Words> = rows.iter().map(|row| kind_name(kinds.text("kind", *row))).collect();
    let events: Vec<f64> = rows.iter().map(|row| kinds.count("events", *row)).collect();
    Figure {
        id: "quality-chart",
        title: say(
            "Most frequent: “{kind}”",
            "最多的事件：“{kind}”",
            &[("kind", names.first().cloned().unwrap_or_default())],
        ),
        subtitle: say(
            "Events by kind, {span}; logarithmic scale",
            "按类型统计的事件数，{span}；对数坐标",
            &[("span", Words::data(&contents.span()))],
        ),
        data: json!([{
            "type": "scatter", "mode": "markers+text", "x": events, "y": names,
            "text": events.iter().map(|value| number::exact(*value)).collect::<Vec<_>>(),
            "textposition": "middle right", "customdata": rows, "cliponaxis": false,
            "marker": { "color": Colour::Blue.css(), "size": 9 },
            "hovertemplate": "%{y}: %{x:,}<extra></extra>",
        }]),
        layout: json!({
            "xaxis": axis(
                &Words::new("events (logarithmic)", "事件数（对数）"),
                &json!({ "type": "log", "dtick": 1, "tickangle": 0, "tickformat": "~s",
                    "range": log_range(&events), }),
            ),
            "yaxis": axis(&Words::default(), &json!({ "autorange": "reversed" })),
        }),
        height: 100 + 26 * kinds.rows(),
        width_min: 0,
        source: super::source(
            "events",
            number::count(sum(kinds, "lines")),
            Words::new("lines", "行"),
        ),
    }
}

/// Returns the ends of a logarithmic axis in powers of ten, with room for figures at the right.
fn log_range(events: &[f64]) -> [f64; 2] {
    let most = events.iter().copied().fold(1.0, f64::max).log10();
    let least = events.iter().copied().fold(f64::MAX, f64::min).max(1.0).log10();
    let from = (least - 0.3).floor().max(0.0).min(most.floor());
    [from, most + 0.35 * (most - from).max(1.0)]
}

fn kinds_table(contents: &Contents, kinds: Cells<'_>) -> Table {
    let mut table = Table::new(
        "quality-chart",
        Words::new("The same numbers", "同一组数字"),
        vec![
            table::text("Kind of event", "事件类型"),
            table::number("Events", "事件数"),
            table::number("Lines", "行数"),
            table::number("Last one", "最近一次"),
        ],
    );
    for row in 0..kinds.rows() {
        let kind = kinds.text("kind", row);
        table.row(vec![
            say(
                "{name} <code>{kind}</code>",
                "{name} <code>{kind}</code>",
                &[("name", kind_name(kind)), ("kind", Words::data(kind))],
            ),
            Words::data(&number::exact(kinds.count("events", row))),
            Words::data(&number::exact(kinds.count("lines", row))),
            Words::data(&moment(kinds.int("last_at", row), &contents.days.zone)),
        ]);
    }
    table
}

/// Returns what a reader should doubt; duplicates stand in the ledger only where a run counted
/// them.
fn doubts_table(contents: &Contents) -> Table {
    let doubtful = Cells(&contents.doubtful);
    let lines = doubtful.count("lines", 0);
    let mut table = Table::new(
        "doubts",
        Words::new("What to doubt in the orders", "订单中值得怀疑之处"),
        vec![
            table::text("What", "内容"),
            table::number("Order lines", "订单行数"),
            table::number("Share", "占比"),
        ],
    );
    let mut row = |words: Words, count: f64| {
        let share = number::percent(count / lines.max(1.0), lines);
        table.row(vec![words, Words::data(&number::exact(count)), share]);
    };
    row(Words::new("price of 0", "单价为0"), doubtful.count("price_zero", 0));
    let worth = units_from_micros(doubtful.int("outlier_amount", 0));
    let outliers = say(
        "outlying amount, worth {worth}",
        "金额异常，合计{worth}",
        &[("worth", number::money(&contents.settings.currency, worth))],
    );
    row(outliers, doubtful.count("outlier", 0));
    let foreign = contents.metric("prepare", "rows_without_rate").as_f64().unwrap_or(0.0);
    let currency = [("currency", Words::data(&contents.settings.currency))];
    let foreign_words = say(
        "an amount that has no rate to {currency} (left out of sums)",
        "没有折算为{currency}的汇率（不计入合计）",
        &currency,
    );
    row(foreign_words, foreign);
    row(Words::new("no known customer", "没有客户标识"), doubtful.count("anonymous", 0));
    let counted = |run: &shopwise_store::ledger::Run| run.metrics["metrics"]["duplicates"].as_f64();
    let duplicates: Vec<f64> = contents.runs.iter().filter_map(counted).collect();
    let known = if duplicates.is_empty() {
        Words::new("dropped, not recorded", "已剔除，未记录数量")
    } else {
        Words::data(&number::exact(duplicates.iter().sum()))
    };
    table.row(vec![
        Words::new("duplicate events at import", "导入时的重复事件"),
        known,
        Words::data("–"),
    ]);
    table
}

fn refused_table(contents: &Contents) -> Table {
    let refused = Cells(&contents.refused);
    let mut table = Table::new(
        "refused",
        Words::new("Refused rows by reason and file", "拒收行：按原因和文件"),
        vec![
            table::text("Reason", "原因"),
            table::text("File", "文件"),
            table::number("Rows", "行数"),
            table::number("First at line", "首个行号"),
        ],
    );
    for row in 0..refused.rows() {
        let file = Path::new(refused.text("file", row));
        let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        table.row(vec![
            Words::data(refused.text("reason", row)),
            Words::data(&name),
            Words::data(&number::exact(refused.count("rows", row))),
            Words::data(&number::exact(refused.count("line", row))),
        ]);
    }
    table
}

/// Returns in what events differ from the tracking plan, the most frequent first; all are kept.
fn violations_table(contents: &Contents) -> Table {
    let mut table = Table::new(
        "violations",
        Words::new(
            "Events that differ from the tracking plan (all are kept)",
            "与埋点计划不符的事件（均已保留）",
        ),
        vec![
            table::text("Source", "来源"),
            table::text("Event", "事件"),
            table::text("Property", "属性"),
            table::text("Problem", "问题"),
            table::number("Events", "事件数"),
        ],
    );
    for one in contents.violations.iter().take(VIOLATIONS) {
        table.row(vec![
            Words::data(&one.source),
            Words::data(&one.event),
            Words::data(&one.property),
            problem(&one.reason),
            Words::data(&number::exact(one.found as f64)),
        ]);
    }
    table
}

fn problem(reason: &str) -> Words {
    match PROBLEMS.iter().find(|(own, _)| *own == reason) {
        Some((en, zh)) => Words::new(en, zh),
        None => Words::data(reason),
    }
}
