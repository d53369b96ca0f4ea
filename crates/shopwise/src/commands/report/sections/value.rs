//! Who came lately, and how often? The grid of recency and frequency, and the value groups.

use serde_json::json;

use super::super::cells::Cells;
use super::super::chart::{Figure, axis, blues};
use super::super::contents::Contents;
use super::super::number;
use super::super::section::{Block, Section};
use super::super::table::{self, Table};
use super::super::words::{Words, say};

/// The value groups: identifier, names, and what to do with each.
const GROUPS: [(&str, [&str; 2], [&str; 2]); 6] = [
    (
        "champions",
        ["champions", "核心客户"],
        ["thank them: early access, no discounts", "回馈：优先体验，不必打折"],
    ),
    (
        "loyal",
        ["loyal", "忠诚客户"],
        ["offer what goes with what they bought", "推荐与已购商品搭配的商品"],
    ),
    ("recent", ["recent", "新近客户"], ["win the second order within weeks", "几周内争取第二单"]),
    (
        "occasional",
        ["occasional", "偶尔购买"],
        ["remind with news, not with discounts", "用上新提醒，不急于打折"],
    ),
    (
        "at_risk",
        ["at risk", "流失预警"],
        ["win back now: they were worth much", "立即挽回：曾是高价值客户"],
    ),
    (
        "lost",
        ["lost", "已流失"],
        ["leave alone, or one last cheap mail", "不再打扰，或最后发一次低成本邮件"],
    ),
];

pub(super) fn section(contents: &Contents) -> Section {
    let question = Words::new("Who came lately, and how often?", "谁最近来过，买得多勤？");
    let name = Words::new("Value groups", "价值分组");
    let cells = Cells(&contents.value_groups);
    if cells.rows() == 0 {
        let answer = Words::new("No customer is valued yet.", "还没有对客户评分。");
        return Section::new("value", name, question, answer)
            .missing(super::run_stage(contents, "profile"));
    }
    Section::new("value", name, question, answer(contents, cells))
        .with(Block::Figures(vec![figure(contents)]))
        .with(Block::Table(grid_table(contents)))
        .with(Block::Table(groups_table(contents, cells)))
        .advice(Words::new(
            "Spend on “at risk” before “lost”: of two equal discounts the first one has more to \
             win back.",
            "先挽回“流失预警”，再考虑“已流失”：同样的优惠，前者能挽回的更多。",
        ))
}

fn group_name(id: &str) -> Words {
    match GROUPS.iter().find(|(own, ..)| *own == id) {
        Some((_, names, _)) => Words::new(names[0], names[1]),
        None => Words::data(id),
    }
}

fn sum(cells: Cells<'_>, column: &str) -> f64 {
    (0..cells.rows()).map(|row| cells.float(column, row)).filter(|value| value.is_finite()).sum()
}

fn answer(contents: &Contents, cells: Cells<'_>) -> Words {
    let (customers, revenue) = (sum(cells, "customers"), sum(cells, "revenue"));
    let share = |id: &str, column: &str, whole: f64| {
        let row = (0..cells.rows()).find(|row| cells.text("value_group", *row) == id);
        let part = row.map_or(0.0, |row| cells.float(column, row));
        (part, number::percent(part / whole.max(1.0), customers))
    };
    let risk = share("at_risk", "customers", customers);
    say(
        "Champions are {champions} of the buyers and {champions_revenue} of their revenue; {risk} \
         buyers worth {risk_revenue} of it have not come for long and are at risk.",
        "核心客户占购买客户的{champions}，贡献{champions_revenue}的销售额；\
         {risk}位曾贡献{risk_revenue}销售额的客户久未到访，有流失风险。",
        &[
            ("champions", share("champions", "customers", customers).1),
            ("champions_revenue", share("champions", "revenue", revenue).1),
            ("risk", number::count(risk.0)),
            ("risk_revenue", share("at_risk", "revenue", revenue).1),
        ],
    )
    .and(&skewed(contents))
}

/// Returns a word about most buyers having ordered once, where it is so: quintiles of equal values
/// cannot be told apart.
fn skewed(contents: &Contents) -> Words {
    let grid = grid(contents);
    let customers: i64 = grid.iter().flatten().sum();
    let largest = grid.iter().map(|row| row.iter().sum::<i64>()).max().unwrap_or(0);
    if 5 * largest < 2 * customers {
        return Words::default();
    }
    Words::new(
        " Many buyers ordered equally often, so they share one quintile of frequency.",
        "许多客户的购买次数相同，因此落在同一频次档。",
    )
}

fn grid(contents: &Contents) -> [[i64; 5]; 5] {
    let cells = Cells(&contents.rfm);
    let mut grid = [[0_i64; 5]; 5];
    for row in 0..cells.rows() {
        let place = |name: &str| usize::try_from(cells.int(name, row) - 1).unwrap_or(0).min(4);
        grid[place("frequency_score")][place("recency_score")] += cells.int("customers", row);
    }
    grid
}

fn figure(contents: &Contents) -> Figure {
    let grid = grid(contents);
    let customers: i64 = grid.iter().flatten().sum();
    let good: i64 = grid[3..].iter().flat_map(|row| &row[3..]).sum();
    Figure {
        id: "value-chart",
        title: say(
            "{share} of the buyers came lately and often (upper right)",
            "{share}的购买客户既来得近又买得勤（右上角）",
            &[("share", number::percent(good as f64 / customers.max(1) as f64, customers as f64))],
        ),
        subtitle: say(
            "Customers by quintile of recency and of frequency, 5 is best, as of {last}",
            "按最近一次与频次五分位统计的客户数，5为最好，截至{last}",
            &[("last", Words::data(&last_day(contents)))],
        ),
        data: json!([{
            "type": "heatmap", "z": grid, "x": [1, 2, 3, 4, 5], "y": [1, 2, 3, 4, 5],
            "colorscale": blues(), "xgap": 2, "ygap": 2,
            "showscale": false, "hovertemplate": "R %{x}, F %{y}: %{z:,}<extra></extra>",
        }]),
        layout: json!({
            "xaxis": axis(
                &Words::new("recency quintile (5 = came lately)", "最近一次五分位（5 = 最近来过）"),
                &json!({ "dtick": 1, "showgrid": false }),
            ),
            "yaxis": axis(
                &Words::new("frequency quintile (5 = often)", "频次五分位（5 = 最频繁）"),
                &json!({ "dtick": 1, "showgrid": false }),
            ),
        }),
        height: 340,
        width_min: 0,
        source: super::source(
            "profiles",
            number::count(customers as f64),
            Words::new("buyers", "位购买客户"),
        ),
    }
}

fn last_day(contents: &Contents) -> String {
    contents.days.days.last().map(|(day, _)| day.to_string()).unwrap_or_default()
}

fn grid_table(contents: &Contents) -> Table {
    let mut head = vec![table::text("Frequency quintile", "频次五分位")];
    for recency in 1..=5 {
        head.push(table::number(&format!("R {recency}"), &format!("R {recency}")));
    }
    let caption =
        Words::new("The same numbers: customers by R and F", "同一组数字：按R、F的客户数");
    let mut table = Table::new("value-chart", caption, head);
    for (frequency, row) in grid(contents).iter().enumerate().rev() {
        let mut cells = vec![Words::data(&format!("F {}", frequency + 1))];
        cells.extend(row.iter().map(|count| Words::data(&number::exact(*count as f64))));
        table.row(cells);
    }
    table
}

fn groups_table(contents: &Contents, cells: Cells<'_>) -> Table {
    let currency = &contents.settings.currency;
    let mut table = Table::new(
        "value-groups",
        Words::new("Value groups and what to do with each", "价值分组与对策"),
        vec![
            table::text("Group", "分组"),
            table::number("Customers", "客户数"),
            table::number("Share", "占比"),
            table::money("Revenue", "销售额", currency),
            table::number("Share", "占比"),
            table::number("Orders each", "人均订单"),
            table::number("Days since seen, mean", "平均未到访天数"),
            table::text("What to do", "对策"),
        ],
    );
    let (customers, revenue) = (sum(cells, "customers"), sum(cells, "revenue"));
    for row in 0..cells.rows() {
        let id = cells.text("value_group", row);
        let advice = GROUPS.iter().find(|(own, ..)| *own == id);
        let (own, worth) = (cells.count("customers", row), cells.float("revenue", row));
        table.row(vec![
            group_name(id),
            Words::data(&number::exact(own)),
            number::fixed_percent(own / customers.max(1.0), 1),
            Words::data(&number::exact(worth)),
            number::fixed_percent(worth / revenue.max(1.0), 1),
            Words::data(&number::decimals(cells.float("orders", row), 1)),
            Words::data(&number::decimals(cells.float("recency_days", row), 0)),
            advice.map_or_else(Words::default, |(_, _, words)| Words::new(words[0], words[1])),
        ]);
    }
    table
}
