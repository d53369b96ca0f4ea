//! Who will buy again, and for how much? What the next quarter brings, and who drifts away.

use serde_json::{Value, json};

use super::super::cells::Cells;
use super::super::chart::{Colour, Figure, axis};
use super::super::contents::Contents;
use super::super::number;
use super::super::section::{Block, Section};
use super::super::table::{self, Table};
use super::super::words::{Words, say};

/// The steps of the life-cycle: identifier, names, and what to do with each.
const STEPS: [(&str, [&str; 2], [&str; 2]); 4] = [
    (
        "new",
        ["new: first bought in the last 30 days", "新客：30天内首次购买"],
        [
            "win the second purchase: a welcome, and what goes with the first",
            "争取第二单：欢迎并推荐搭配商品",
        ],
    ),
    (
        "active",
        ["active: more likely than not to buy", "活跃：多半会再买"],
        ["no discounts: they come anyway", "不必打折：本来就会再来"],
    ),
    (
        "cooling",
        ["cooling: 10 to 50 % likely to buy", "渐冷：再买概率10%至50%"],
        ["remind now, while it is cheap", "趁早提醒，成本最低"],
    ),
    (
        "lost",
        ["lost: less than 10 % likely to buy", "流失：再买概率不足10%"],
        ["spend little, or nothing", "少投入，或不投入"],
    ),
];

pub(super) fn section(contents: &Contents) -> Section {
    let question = Words::new("Who will buy again, and for how much?", "谁会再买，会买多少？");
    let name = Words::new("Outlook", "未来展望");
    let outlook = contents.metric("profile", "outlook");
    if Cells(&contents.life_cycle).rows() == 0 || outlook.is_null() {
        let answer = Words::new("Nothing can be foretold yet.", "还无法预测。");
        let how = match contents.metric("profile", "outlook_left_out").as_str() {
            Some(why) => say(
                "The purchases do not tell: {why}.",
                "购买记录不足以预测：{why}。",
                &[("why", Words::data(why))],
            ),
            None => super::run_stage(contents, "profile"),
        };
        return Section::new("outlook", name, question, answer).missing(how);
    }
    let mut section = Section::new("outlook", name, question, answer(contents, outlook))
        .with(Block::Figures(vec![figure(contents)]))
        .with(Block::Table(churn_table(contents)))
        .with(Block::Table(steps_table(contents)));
    if let Some(note) = look_back(contents) {
        section = section.with(Block::Note(note));
    }
    section.advice(Words::new(
        "<code>shopwise show customer ID</code> tells when a customer is expected next, and for \
         how much; <code>shopwise export profiles --output FILE</code> writes it for all.",
        "<code>shopwise show customer ID</code>可查看某位客户预计何时再来、会买多少；\
         <code>shopwise export profiles --output FILE</code>导出全部客户。",
    ))
}

fn float(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// Returns an interval in words: `1,234 to 2,345`.
fn range(interval: &Value, text: impl Fn(f64) -> String) -> Words {
    match (interval[0].as_f64(), interval[1].as_f64()) {
        (Some(low), Some(high)) => say(
            "{low} to {high}",
            "{low}至{high}",
            &[("low", Words::data(&text(low))), ("high", Words::data(&text(high)))],
        ),
        _ => Words::new("no interval", "无区间"),
    }
}

fn answer(contents: &Contents, outlook: &Value) -> Words {
    let currency = &contents.settings.currency;
    let (purchases, value) = (&outlook["purchases"], &outlook["value"]);
    say(
        "In the {days} days after the last event the {customers} buyers are expected to buy \
         {purchases} times ({range}) for {value} ({value_range}).",
        "最后一条事件之后的{days}天内，{customers}位购买客户预计购买{purchases}次（{range}），\
         金额{value}（{value_range}）。",
        &[
            ("days", Words::data(&outlook["days"].to_string())),
            ("customers", number::count(float(&outlook["customers"]))),
            ("purchases", number::count(float(&purchases["expected"]))),
            ("range", range(&purchases["interval"], number::exact)),
            ("value", number::money(currency, float(&value["expected"]))),
            ("value_range", range(&value["interval"], number::exact)),
        ],
    )
}

/// Returns how the same models, fitted a quarter earlier, stand to what followed.
fn look_back(contents: &Contents) -> Option<Words> {
    let past = contents.metric("profile", "outlook_before");
    let purchases = past.get("purchases")?;
    let text = |name: &str| Words::data(&number::decimals(float(&past[name]), 3));
    Some(say(
        "Asked {days} days earlier about the {customers} buyers of then, the same models expected \
         {expected} purchases ({range}); {followed} followed. Their error for a customer is \
         {error} purchases on average, that of each customer’s own rate going on {own}.",
        "若在{days}天前询问：对当时的{customers}位客户，同一模型预计{expected}次购买（{range}），\
         实际发生{followed}次。每位客户平均误差{error}次；按其自身频率外推的误差为{own}次。",
        &[
            ("days", Words::data(&past["days"].to_string())),
            ("customers", number::count(float(&past["customers"]))),
            ("expected", number::count(float(&purchases["expected"]))),
            ("range", range(&purchases["interval"], number::exact)),
            ("followed", number::count(float(&purchases["followed"]))),
            ("error", text("mean_absolute_error")),
            ("own", text("mean_absolute_error_of_own_rate")),
        ],
    ))
}

/// Returns the tenths of the probability to stay away: label, customers, expected value.
fn tenths(contents: &Contents) -> Vec<(String, f64, f64)> {
    let cells = Cells(&contents.churn);
    let row_of = |tenth: i64| (0..cells.rows()).find(|row| cells.int("tenth", *row) == tenth);
    (0..10)
        .map(|tenth| {
            let row = row_of(tenth);
            let of = |name: &str| row.map_or(0.0, |row| cells.float(name, row));
            (format!("{}–{}", 10 * tenth, 10 * tenth + 10), of("customers"), of("value"))
        })
        .collect()
}

fn figure(contents: &Contents) -> Figure {
    let tenths = tenths(contents);
    let customers: f64 = tenths.iter().map(|tenth| tenth.1).sum();
    let likely: f64 = tenths[..5].iter().map(|tenth| tenth.1).sum();
    let labels: Vec<&str> = tenths.iter().map(|tenth| tenth.0.as_str()).collect();
    let counts: Vec<f64> = tenths.iter().map(|tenth| tenth.1).collect();
    Figure {
        id: "outlook-chart",
        title: say(
            "{share} of the buyers are more likely than not to buy within the quarter",
            "{share}的购买客户在本季度内多半会再买",
            &[("share", number::percent(likely / customers.max(1.0), customers))],
        ),
        subtitle: Words::new(
            "Customers by the probability that they buy nothing within 90 days, in hundredths",
            "按90天内不再购买的概率（%）统计的客户数",
        ),
        data: json!([{
            "type": "bar", "x": labels, "y": counts, "marker": { "color": Colour::Blue.css() },
            "hovertemplate": "%{x} %: %{y:,}<extra></extra>",
        }]),
        layout: json!({
            "xaxis": axis(
                &Words::new("probability to stay away (%)", "不再购买的概率（%）"),
                &json!({ "type": "category", "showgrid": false }),
            ),
            "yaxis": axis(&Words::new("customers", "客户数"), &json!({ "rangemode": "tozero" })),
        }),
        height: 300,
        width_min: 0,
        source: super::source(
            "profiles",
            number::count(customers),
            Words::new("buyers", "位购买客户"),
        ),
    }
}

fn churn_table(contents: &Contents) -> Table {
    let currency = &contents.settings.currency;
    let mut table = Table::new(
        "outlook-chart",
        Words::new("The same numbers, with what each tenth brings", "同一组数字及各档预计金额"),
        vec![
            table::text("Probability to stay away (%)", "不再购买的概率（%）"),
            table::number("Customers", "客户数"),
            table::money("Expected", "预计金额", currency),
        ],
    );
    for (label, customers, value) in tenths(contents) {
        table.row(vec![
            Words::data(&label),
            Words::data(&number::exact(customers)),
            Words::data(&number::exact(value)),
        ]);
    }
    table
}

fn steps_table(contents: &Contents) -> Table {
    let currency = &contents.settings.currency;
    let cells = Cells(&contents.life_cycle);
    let mut table = Table::new(
        "life-cycle",
        Words::new("Where customers stand, and what to do", "客户所处阶段与对策"),
        vec![
            table::text("Step", "阶段"),
            table::number("Customers", "客户数"),
            table::number("Expected purchases", "预计购买次数"),
            table::money("Expected", "预计金额", currency),
            table::number("Stay away, mean", "平均流失概率"),
            table::text("What to do", "对策"),
        ],
    );
    for row in 0..cells.rows() {
        let id = cells.text("life_cycle", row);
        let step = STEPS.iter().find(|(own, ..)| *own == id);
        table.row(vec![
            step.map_or_else(|| Words::data(id), |(_, names, _)| Words::new(names[0], names[1])),
            Words::data(&number::exact(cells.count("customers", row))),
            Words::data(&number::exact(cells.float("purchases", row))),
            Words::data(&number::exact(cells.float("value", row))),
            number::fixed_percent(cells.float("churn", row), 0),
            step.map_or_else(Words::default, |(_, _, words)| Words::new(words[0], words[1])),
        ]);
    }
    table
}
