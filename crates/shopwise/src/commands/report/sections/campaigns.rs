//! What do the campaigns bring for their money?

use serde_json::json;
use shopwise_model::Campaign;
use shopwise_model::money::units_from_micros;

use super::super::cells::Cells;
use super::super::chart::{Colour, Figure, axis};
use super::super::contents::Contents;
use super::super::number;
use super::super::section::{Block, Section};
use super::super::table::{self, Table};
use super::super::words::{Words, escape, say, shortened};

/// Campaigns in the picture; the table holds them all.
const DRAWN_MAX: usize = 12;
/// Letters of a name that fit beside a bar on a phone.
const LABEL_LETTERS: usize = 20;

/// What is known of one campaign.
struct Row<'a> {
    id: &'a str,
    known: Option<&'a Campaign>,
    shown: f64,
    clicks: f64,
    orders: f64,
    spend: f64,
    value: f64,
}

impl Row<'_> {
    fn name(&self) -> &str {
        self.known.map_or(self.id, |campaign| &campaign.name)
    }

    fn budget(&self) -> f64 {
        self.known.map_or(f64::NAN, |campaign| units_from_micros(campaign.budget))
    }
}

pub(super) fn section(contents: &Contents) -> Section {
    let question =
        Words::new("What do the campaigns bring for their money?", "广告活动的钱花得值吗？");
    let name = Words::new("Campaigns", "广告活动");
    let rows = rows(contents);
    if rows.iter().all(|row| row.shown == 0.0) {
        let answer = if rows.is_empty() {
            Words::new("There are no campaigns yet.", "还没有广告活动。")
        } else {
            Words::new("No advert was shown yet.", "广告尚未展示过。")
        };
        return Section::new("campaigns", name, question, answer).missing(Words::new(
            "<code>shopwise import --format campaigns FILE</code> brings campaigns; events \
             <code>ad_shown</code> and <code>ad_clicked</code> with the campaign’s id bring what \
             came of them.",
            "用<code>shopwise import --format campaigns FILE</code>导入广告活动；\
             带活动编号的<code>ad_shown</code>、<code>ad_clicked</code>事件会带来效果数据。",
        ));
    }
    Section::new("campaigns", name, question, answer(contents, &rows))
        .with(Block::Figures(vec![figure(contents, &rows)]))
        .with(Block::Table(table(contents, &rows)))
        .advice(Words::new(
            "Move budget from campaigns with few orders for their cost to those with many; a \
             campaign far below its budget wants a higher bid or a wider audience.",
            "把预算从订单少、花费高的活动转给回报高的活动；花费远低于预算的活动，\
             可以提高出价或放宽人群。",
        ))
}

/// Returns every campaign of the ledger and every other one that was shown, most expensive first.
fn rows(contents: &Contents) -> Vec<Row<'_>> {
    let cells = Cells(&contents.shown);
    let mut rows: Vec<Row<'_>> = (0..cells.rows())
        .map(|row| {
            let id = cells.text("campaign", row);
            Row {
                id,
                known: contents.campaigns.iter().find(|campaign| campaign.id == id),
                shown: cells.count("shown", row),
                clicks: cells.count("clicks", row),
                orders: cells.count("orders", row),
                spend: units_from_micros(cells.int("cost", row)),
                value: units_from_micros(cells.int("value", row)),
            }
        })
        .collect();
    for campaign in &contents.campaigns {
        if !rows.iter().any(|row| row.id == campaign.id) {
            let (shown, clicks, orders, spend, value) = (0.0, 0.0, 0.0, 0.0, 0.0);
            let id = &campaign.id;
            rows.push(Row { id, known: Some(campaign), shown, clicks, orders, spend, value });
        }
    }
    rows.sort_by(|a, b| b.spend.total_cmp(&a.spend).then(a.id.cmp(b.id)));
    rows
}

fn sum(rows: &[Row<'_>], of: fn(&Row<'_>) -> f64) -> f64 {
    rows.iter().map(of).filter(|value| value.is_finite()).sum()
}

fn answer(contents: &Contents, rows: &[Row<'_>]) -> Words {
    let money = |value: f64| number::money(&contents.settings.currency, value);
    let (spend, budget) = (sum(rows, |row| row.spend), sum(rows, |row| row.budget()));
    let (clicks, shown) = (sum(rows, |row| row.clicks), sum(rows, |row| row.shown));
    let count = rows.iter().filter(|row| row.shown > 0.0).count();
    say(
        "{count} campaigns spent {spend} of a budget of {budget} on {clicks} clicks ({rate} of \
         {shown} adverts shown), {cost} each, which led to {orders} orders worth {value}.",
        "{count}个广告活动共花费{spend}（总预算{budget}），获得{clicks}次点击\
         （曝光{shown}次，点击率{rate}），单次点击{cost}，带来{orders}笔订单、{value}销售额。",
        &[
            ("count", Words::data(&count.to_string())),
            ("spend", money(spend)),
            ("budget", money(budget)),
            ("clicks", number::count(clicks)),
            ("rate", number::percent(clicks / shown.max(1.0), shown)),
            ("shown", number::count(shown)),
            ("cost", money(spend / clicks.max(1.0))),
            ("orders", number::count(sum(rows, |row| row.orders))),
            ("value", money(sum(rows, |row| row.value))),
        ],
    )
}

fn title(rows: &[Row<'_>]) -> Words {
    let full = rows.iter().filter(|row| row.spend >= 0.95 * row.budget()).count();
    say(
        "{full} of {all} campaigns have used up their budget (95 % or more)",
        "{all}个活动中有{full}个已用完预算（95%以上）",
        &[("full", Words::data(&full.to_string())), ("all", Words::data(&rows.len().to_string()))],
    )
}

fn figure(contents: &Contents, rows: &[Row<'_>]) -> Figure {
    let currency = &contents.settings.currency;
    let drawn = &rows[..rows.len().min(DRAWN_MAX)];
    let places: Vec<usize> = (0..drawn.len()).collect();
    let labels: Vec<String> =
        drawn.iter().map(|row| escape(&shortened(row.name(), LABEL_LETTERS))).collect();
    let names: Vec<String> = drawn.iter().map(|row| escape(row.name())).collect();
    let spend: Vec<f64> = drawn.iter().map(|row| row.spend).collect();
    let budget: Vec<Option<f64>> =
        drawn.iter().map(|row| Some(row.budget()).filter(|value| value.is_finite())).collect();
    Figure {
        id: "campaigns-chart",
        title: title(rows),
        subtitle: say(
            "Bar: spent on clicks; upright mark: budget in all; the {count} campaigns that spent \
             most, {span}",
            "条形为点击花费，竖线为总预算；花费最高的{count}个活动，{span}",
            &[
                ("count", Words::data(&drawn.len().to_string())),
                ("span", Words::data(&contents.span())),
            ],
        ),
        data: json!([
            {
                "type": "bar", "orientation": "h", "x": spend, "y": places, "text": names,
                "textposition": "none", "customdata": places,
                "marker": { "color": Colour::Blue.css() },
                "hovertemplate": "%{text}: %{x:,.2f}<extra></extra>",
            },
            {
                "type": "scatter", "mode": "markers", "x": budget, "y": places, "text": names,
                "customdata": places,
                "marker": {
                    "color": Colour::Orange.css(), "symbol": "line-ns-open", "size": 18,
                    "line": { "width": 3, "color": Colour::Orange.css() },
                },
                "hovertemplate": "%{text}: %{x:,.2f}<extra></extra>",
            }
        ]),
        layout: json!({
            "xaxis": axis(
                &say(
                    "spend and budget ({currency})",
                    "花费与预算（{currency}）",
                    &[("currency", Words::data(currency))],
                ),
                &json!({ "rangemode": "tozero", "nticks": 6 }),
            ),
            "yaxis": axis(
                &Words::default(),
                &json!({
                    "autorange": "reversed", "tickvals": places, "ticktext": labels,
                    "showgrid": false,
                }),
            ),
            "bargap": 0.35,
        }),
        height: 100 + 28 * drawn.len(),
        width_min: 0,
        source: super::source(
            "exposures",
            number::count(sum(rows, |row| row.shown)),
            Words::new("adverts shown", "次广告曝光"),
        ),
    }
}

fn table(contents: &Contents, rows: &[Row<'_>]) -> Table {
    let currency = &contents.settings.currency;
    let mut table = Table::new(
        "campaigns-chart",
        Words::new(
            "The same numbers; click rates with Wilson 95 % intervals",
            "同一组数字；点击率附Wilson 95%区间",
        ),
        vec![
            table::text("Campaign", "广告活动"),
            table::money("Spend", "花费", currency),
            table::money("Budget", "预算", currency),
            table::number("Used", "已用"),
            table::number("Shown", "曝光"),
            table::number("Clicks", "点击"),
            table::number("Click rate", "点击率"),
            table::money("Cost per click", "单次点击成本", currency),
            table::number("Orders", "订单"),
            table::money("Value", "销售额", currency),
        ],
    );
    for row in rows {
        let money = |value: f64| Words::data(&number::decimals(value, 2));
        let per_click = if row.clicks > 0.0 { row.spend / row.clicks } else { f64::NAN };
        table.row(vec![
            Words::data(row.name()),
            money(row.spend),
            money(row.budget()),
            number::fixed_percent(row.spend / row.budget(), 0),
            Words::data(&number::exact(row.shown)),
            Words::data(&number::exact(row.clicks)),
            number::rate(row.clicks, row.shown),
            money(per_click),
            Words::data(&number::exact(row.orders)),
            money(row.value),
        ]);
    }
    table
}
