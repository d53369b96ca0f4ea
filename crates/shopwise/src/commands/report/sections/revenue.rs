//! How does revenue develop?

use serde_json::{Value, json};
use shopwise_model::money::MICROS;

use super::super::chart::{Colour, Figure, axis};
use super::super::contents::Contents;
use super::super::number;
use super::super::period::{Period, Step};
use super::super::section::{Block, Section};
use super::super::table::{self, Table};
use super::super::words::{Words, escape, say};

pub(super) fn section(contents: &Contents) -> Section {
    let question = Words::new("How does revenue develop?", "销售额走势如何？");
    let name = Words::new("Revenue", "销售额");
    let step = contents.days.step();
    let periods = contents.days.periods(step);
    let Some(best) = best(&periods) else {
        let answer = Words::new("There are no orders yet.", "还没有订单。");
        return Section::new("revenue", name, question, answer).missing(Words::new(
            "<code>shopwise import</code> brings orders, <code>shopwise run prepare</code> adds \
             them up.",
            "用<code>shopwise import</code>导入订单，再执行<code>shopwise run prepare</code>汇总。",
        ));
    };
    let answer = answer(contents, step, &periods, best);
    Section::new("revenue", name, question, answer)
        .with(Block::Figures(vec![figure(contents, step, &periods, best)]))
        .with(Block::Table(table(contents, step, &periods)))
        .advice(Words::new(
            "Look behind the best and the weakest period in “What sells?” and in the campaigns \
             below; a fall that the calendar explains needs no campaign.",
            "对照下文的“什么卖得好”和广告活动，弄清最好与最差时段的原因；\
             季节因素造成的回落不必投放广告。",
        ))
}

/// Returns the period with the largest revenue; `None` where there is none at all.
fn best(periods: &[Period]) -> Option<&Period> {
    let best = periods.iter().max_by(|a, b| a.sums.amount.total_cmp(&b.sums.amount))?;
    (best.sums.orders > 0.0).then_some(best)
}

fn label(period: &Period, step: Step) -> String {
    match step {
        Step::Month => period.first.strftime("%Y-%m").to_string(),
        Step::Day | Step::Week => period.first.to_string(),
    }
}

fn name_of(step: Step) -> Words {
    match step {
        Step::Day => Words::new("day", "日"),
        Step::Week => Words::new("week", "周"),
        Step::Month => Words::new("month", "月"),
    }
}

fn money(contents: &Contents, micros: f64) -> Words {
    number::money(&contents.settings.currency, micros / MICROS as f64)
}

fn answer(contents: &Contents, step: Step, periods: &[Period], best: &Period) -> Words {
    let whole: Vec<&Period> = periods.iter().filter(|period| period.is_whole).collect();
    let mean = |periods: &[&Period]| {
        periods.iter().map(|period| period.sums.amount).sum::<f64>() / periods.len() as f64
    };
    let peak = say(
        "The best {step} was {best} with {amount}",
        "销售额最高的{step}为{best}，达{amount}",
        &[
            ("step", name_of(step)),
            ("best", Words::data(&label(best, step))),
            ("amount", money(contents, best.sums.amount)),
        ],
    );
    if whole.len() < 6 {
        return peak.and(&Words::new(".", "。"));
    }
    let third = whole.len() / 3;
    let (early, late) = (mean(&whole[..third]), mean(&whole[whole.len() - third..]));
    let change = number::change(late, early, number::Better::More);
    peak.and(&say(
        "; the last third of all whole {step}s brought {late} a {step}, {change} on the first \
         third.",
        "；最近三分之一时段平均每{step}{late}，与最初三分之一相比{change}。",
        &[("step", name_of(step)), ("late", money(contents, late)), ("change", change)],
    ))
}

fn figure(contents: &Contents, step: Step, periods: &[Period], best: &Period) -> Figure {
    let currency = &contents.settings.currency;
    let dates: Vec<String> = periods.iter().map(|period| period.first.to_string()).collect();
    let amounts: Vec<f64> =
        periods.iter().map(|period| period.sums.amount / MICROS as f64).collect();
    let rows: Vec<usize> = (0..periods.len()).collect();
    let drawn: Vec<Option<f64>> = periods
        .iter()
        .zip(&amounts)
        .map(|(period, amount)| period.is_whole.then_some(*amount))
        .collect();
    let size: u32 = if periods.len() > 60 { 4 } else { 7 };
    let hollow: Vec<u32> =
        periods.iter().map(|period| if period.is_whole { 0 } else { size + 2 }).collect();
    let unit = [("currency", Words::data(currency)), ("step", name_of(step))];
    let hover = format!("%{{x}}: %{{y:,.2f}} {}<extra></extra>", escape(currency));
    Figure {
        id: "revenue-chart",
        title: say(
            "Revenue peaked in the {step} of {best}",
            "{best}所在{step}销售额最高",
            &[("step", name_of(step)), ("best", Words::data(&label(best, step)))],
        ),
        subtitle: say(
            "Revenue by {step}, before refunds, {span}; a hollow point is a {step} that the data \
             covers only in part",
            "按{step}汇总的销售额（未扣除退款），{span}；空心点表示数据不满一{step}",
            &[("step", name_of(step)), ("span", Words::data(&contents.span()))],
        ),
        data: json!([
            {
                "type": "scatter", "mode": "lines+markers", "x": dates,
                "y": beside_parts(periods, &amounts), "customdata": rows, "hovertemplate": hover,
                "line": { "color": Colour::Grey.css(), "width": 1.5, "dash": "dot" },
                "marker": { "color": Colour::Blue.css(), "symbol": "circle-open", "size": hollow },
            },
            {
                "type": "scatter", "mode": "lines+markers", "x": dates, "y": drawn,
                "customdata": rows, "hovertemplate": hover,
                "line": { "color": Colour::Blue.css(), "width": 2 },
                "marker": { "color": Colour::Blue.css(), "size": size },
            }
        ]),
        layout: json!({
            "xaxis": axis(
                &say("{step}", "{step}", &unit),
                &json!({
                    "type": "date", "tickformat": date_format(step), "tick0": dates[0],
                    "dtick": tick_step(step, periods.len()),
                }),
            ),
            "yaxis": axis(
                &say("revenue ({currency})", "销售额（{currency}）", &unit),
                &json!({ "rangemode": "tozero" }),
            ),
        }),
        height: 340,
        width_min: 0,
        source: super::source(
            "orders",
            number::count(contents.days.all().orders),
            Words::new("orders", "笔订单"),
        ),
    }
}

/// Returns the amounts of periods that the data covers only in part, and of their neighbours, to
/// which a dotted line leads.
fn beside_parts(periods: &[Period], amounts: &[f64]) -> Vec<Option<f64>> {
    let is_part = |at: usize| periods.get(at).is_some_and(|period| !period.is_whole);
    (0..periods.len())
        .map(|at| {
            let is_beside = is_part(at) || is_part(at + 1) || (at > 0 && is_part(at - 1));
            is_beside.then_some(amounts[at])
        })
        .collect()
}

/// Returns the distance of ticks, so that they stand under points and do not crowd.
fn tick_step(step: Step, periods: usize) -> Value {
    const DAY_MILLIS: usize = 86_400_000;
    let every = periods.div_ceil(10).max(1);
    match step {
        Step::Day => json!(every * DAY_MILLIS),
        Step::Week => json!(every * 7 * DAY_MILLIS),
        Step::Month => json!(format!("M{every}")),
    }
}

fn date_format(step: Step) -> &'static str {
    if step == Step::Month { "%Y-%m" } else { "%Y-%m-%d" }
}

fn table(contents: &Contents, step: Step, periods: &[Period]) -> Table {
    let currency = &contents.settings.currency;
    let mut table = Table::new(
        "revenue-chart",
        Words::new(
            "The same numbers; * the data covers only a part",
            "同一组数字；* 表示数据不完整",
        ),
        vec![
            match step {
                Step::Day => table::text("Day", "日"),
                Step::Week => table::text("Week from Monday", "周（周一起）"),
                Step::Month => table::text("Month", "月"),
            },
            table::money("Revenue", "销售额", currency),
            table::number("Orders", "订单数"),
            table::money("Average order value", "客单价", currency),
            table::money("Refunds", "退款", currency),
        ],
    );
    for period in periods {
        let sums = &period.sums;
        let amount = |micros: f64| Words::data(&number::decimals(micros / MICROS as f64, 2));
        let mark = if period.is_whole { "" } else { " *" };
        table.row(vec![
            Words::data(&format!("{}{mark}", label(period, step))),
            amount(sums.amount),
            Words::data(&number::exact(sums.orders)),
            amount(if sums.orders > 0.0 { sums.amount / sums.orders } else { f64::NAN }),
            amount(sums.refunded),
        ]);
    }
    table
}
