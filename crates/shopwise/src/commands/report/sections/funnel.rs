//! Where do visits end? From visits over product views and carts to orders.

use serde_json::json;
use shopwise_learn::evaluate::binary::{Z_95, wilson_interval};

use super::super::cells::Cells;
use super::super::chart::{Colour, Figure, axis};
use super::super::contents::Contents;
use super::super::number;
use super::super::section::{Block, Section};
use super::super::table::{self, Table};
use super::super::words::{Words, say};

/// The steps: the column, and what it is called.
const STEPS: [(&str, &str, &str); 4] = [
    ("visits", "visits", "访问"),
    ("viewed", "saw a product", "浏览商品"),
    ("carted", "filled the cart", "加入购物车"),
    ("ordered", "ordered", "下单"),
];

/// What to look at where most visits are lost, by step.
const REMEDIES: [(&str, &str); 3] = [
    (
        "Most visits are lost before a product is seen: look at landing pages, search and the \
         products on the home page.",
        "流失最多的是看到商品之前：请检查落地页、搜索和首页的商品。",
    ),
    (
        "Most visits are lost between product page and cart: look at prices, pictures, stock and \
         the recommendations on the product page.",
        "流失最多的是从商品页到购物车：请检查价格、图片、库存和商品页上的推荐。",
    ),
    (
        "Most visits are lost between cart and order: look at delivery costs, means of payment \
         and the length of the checkout.",
        "流失最多的是从购物车到下单：请检查运费、支付方式和结算步骤。",
    ),
];

pub(super) fn section(contents: &Contents) -> Section {
    let question = Words::new("Where do visits end?", "访问在哪一步流失？");
    let name = Words::new("Funnel", "转化漏斗");
    let cells = Cells(&contents.funnel);
    let counts: Vec<f64> = STEPS.iter().map(|(column, ..)| cells.count(column, 0)).collect();
    if counts[0] == 0.0 {
        let answer = Words::new("No visits are known yet.", "还没有访问数据。");
        return Section::new("funnel", name, question, answer)
            .missing(super::run_stage(contents, "prepare"));
    }
    if counts[1] == 0.0 {
        let answer = say(
            "{visits} visits are known, but no product view: the shop’s events begin with \
             the order.",
            "已知{visits}次访问，但没有商品浏览事件：本店的数据从下单开始。",
            &[("visits", number::count(counts[0]))],
        );
        return Section::new("funnel", name, question, answer).missing(Words::new(
            "Events <code>product_viewed</code> and <code>product_added</code> bring the steps \
             before the order; <code>shopwise import --format csv</code> reads them from a file.",
            "补充<code>product_viewed</code>（浏览）和<code>product_added</code>（加购）事件\
             即可看到下单前的步骤，可用<code>shopwise import --format csv</code>从文件导入。",
        ));
    }
    let weakest = weakest(&counts);
    Section::new("funnel", name, question, answer(&counts, weakest))
        .with(Block::Figures(vec![figure(contents, &counts, weakest)]))
        .with(Block::Table(table(&counts)))
        .with(Block::Note(outside(cells, &counts)))
        .advice(Words::new(REMEDIES[weakest].0, REMEDIES[weakest].1))
}

/// Returns the step, from 0, that loses the largest share of the visits that reach it.
fn weakest(counts: &[f64]) -> usize {
    let passed = |step: usize| counts[step + 1] / counts[step].max(1.0);
    (0..REMEDIES.len()).min_by(|a, b| passed(*a).total_cmp(&passed(*b))).unwrap_or(0)
}

fn answer(counts: &[f64], weakest: usize) -> Words {
    let (from, to) = (counts[weakest], counts[weakest + 1]);
    let steps = [
        Words::new("to a product page", "进入商品页"),
        Words::new("from the product page to the cart", "从商品页到购物车"),
        Words::new("from the cart to the order", "从购物车到下单"),
    ];
    say(
        "Of 100 visits {ordered} go all the way to an order; the narrowest step is {step}, which \
         {rate} take.",
        "每100次访问有{ordered}次走到下单；最窄的一步是{step}，通过率{rate}。",
        &[
            ("ordered", Words::data(&number::decimals(100.0 * counts[3] / counts[0], 1))),
            ("step", steps[weakest].clone()),
            ("rate", number::percent(to / from.max(1.0), from)),
        ],
    )
}

fn figure(contents: &Contents, counts: &[f64], weakest: usize) -> Figure {
    let label = |step: usize| {
        let own = Words::data(&number::exact(counts[step]));
        let rate = number::percent(counts[step] / counts[step.max(1) - 1].max(1.0), counts[0]);
        let values = [("count", own), ("rate", rate)];
        match step {
            0 => say("{count}", "{count}", &values),
            _ => say("{count} · {rate}", "{count} · {rate}", &values),
        }
    };
    let names: Vec<Words> = STEPS.iter().map(|(_, en, zh)| Words::new(en, zh)).collect();
    let labels: Vec<Words> = (0..STEPS.len()).map(label).collect();
    let inside = |count: &f64| if *count > 0.6 * counts[0] { "inside" } else { "outside" };
    let places: Vec<&str> = counts.iter().map(inside).collect();
    let what = &STEPS[weakest + 1];
    Figure {
        id: "funnel-chart",
        title: say(
            "The narrowest step: “{step}”",
            "最窄的一步：“{step}”",
            &[("step", Words::new(what.1, what.2))],
        ),
        subtitle: say(
            "Visits that reached each step, and the share of the step before, {span}",
            "到达每一步的访问次数及占上一步的比例，{span}",
            &[("span", Words::data(&contents.span()))],
        ),
        data: json!([{
            "type": "bar", "orientation": "h", "x": counts, "y": names, "text": labels,
            "textposition": places, "insidetextanchor": "start", "customdata": [0, 1, 2, 3],
            "cliponaxis": false, "constraintext": "none",
            "marker": { "color": Colour::Blue.css() },
            "insidetextfont": { "color": { "css": "--page" } },
            "hovertemplate": "%{y}: %{x:,}<extra></extra>",
        }]),
        layout: json!({
            "xaxis": axis(
                &Words::new("visits", "访问次数"),
                &json!({ "rangemode": "tozero", "nticks": 6 }),
            ),
            "yaxis": axis(
                &Words::default(),
                &json!({ "autorange": "reversed", "showgrid": false }),
            ),
            "bargap": 0.35,
        }),
        height: 260,
        width_min: 0,
        source: super::source("sessions", number::count(counts[0]), Words::new("visits", "次访问")),
    }
}

fn table(counts: &[f64]) -> Table {
    let mut table = Table::new(
        "funnel-chart",
        Words::new("The same numbers, with 95 % intervals", "同一组数字及95%区间"),
        vec![
            table::text("Step", "步骤"),
            table::number("Visits", "访问次数"),
            table::number("Of the step before, %", "占上一步 %"),
            table::number("Of all visits, %", "占全部访问 %"),
        ],
    );
    for (step, (_, en, zh)) in STEPS.iter().enumerate() {
        let before =
            if step == 0 { Words::data("–") } else { of(counts[step], counts[step - 1]) };
        table.row(vec![
            Words::new(en, zh),
            Words::data(&number::exact(counts[step])),
            before,
            if step == 0 { Words::data("100") } else { of(counts[step], counts[0]) },
        ]);
    }
    table
}

/// Returns a share in hundredths with its interval.
fn of(part: f64, whole: f64) -> Words {
    let (low, high) = wilson_interval(part as usize, whole as usize, Z_95);
    let text = |share: f64| number::decimals(100.0 * share, 2);
    let share = part / whole.max(1.0);
    Words::data(&format!("{} ({}–{})", text(share), text(low), text(high)))
}

fn outside(cells: Cells<'_>, counts: &[f64]) -> Words {
    let anyhow = cells.count("ordered_anyhow", 0);
    say(
        "In all {ordered} visits ordered something; {outside} of them skipped a step, such as with \
         a cart that was filled in an earlier visit.",
        "全部访问中有{ordered}次下单，其中{outside}次未依次经过各步，例如购物车在此前访问中已加好。",
        &[
            ("ordered", number::count(anyhow)),
            ("outside", number::count((anyhow - counts[3]).max(0.0))),
        ],
    )
}
