//! What sells? The products with the largest revenue, and how much hangs on few of them.

use serde_json::json;

use super::super::cells::Cells;
use super::super::chart::{Colour, Figure, axis};
use super::super::contents::Contents;
use super::super::number;
use super::super::section::{Block, Section};
use super::super::table::{self, Table};
use super::super::words::{Words, escape, say, shortened};

/// Letters of a title that fit beside a bar on a phone.
const LABEL_LETTERS: usize = 22;

pub(super) fn section(contents: &Contents) -> Section {
    let question = Words::new("What sells?", "什么卖得好？");
    let name = Words::new("Products", "商品");
    let cells = Cells(&contents.products);
    if cells.rows() == 0 {
        let answer = Words::new("Nothing was sold yet.", "还没有卖出商品。");
        return Section::new("products", name, question, answer)
            .missing(super::run_stage(contents, "prepare"));
    }
    Section::new("products", name, question, answer(contents, cells))
        .with(Block::Figures(vec![figure(contents, cells)]))
        .with(Block::Table(table(contents, cells)))
        .advice(Words::new(
            "Keep these in stock first, but see below whether an outlying order stands behind one; \
             a product that many buy once and few look at again is a door, one that the same \
             customers return for is a habit.",
            "优先保证这些商品的库存，并对照“数据质量”确认是否由异常大单造成；\
             多数人只买一次的是引流商品，同一批客户反复购买的是复购商品。",
        ))
}

fn top(cells: Cells<'_>) -> f64 {
    (0..cells.rows()).map(|row| cells.float("revenue", row)).sum()
}

fn answer(contents: &Contents, cells: Cells<'_>) -> Words {
    let all = Cells(&contents.assortment);
    let (products, revenue) = (all.count("products", 0), all.float("revenue", 0));
    say(
        "“{first}” sells best with {amount}; the best {count} of {products} products sold bring \
         {share} of the revenue, and {most} bring 80 %.",
        "卖得最好的是“{first}”，销售额{amount}；在售出的{products}种商品中，\
         前{count}种贡献{share}的销售额，{most}种合计贡献80%。",
        &[
            ("first", Words::data(cells.text("title", 0))),
            ("amount", number::money(&contents.settings.currency, cells.float("revenue", 0))),
            ("count", Words::data(&cells.rows().to_string())),
            ("products", number::count(products)),
            ("share", number::fixed_percent(top(cells) / revenue.max(f64::MIN_POSITIVE), 1)),
            ("most", number::count(all.count("products_to_80", 0))),
        ],
    )
}

fn figure(contents: &Contents, cells: Cells<'_>) -> Figure {
    let currency = &contents.settings.currency;
    let rows = 0..cells.rows();
    let places: Vec<usize> = rows.clone().collect();
    let titles: Vec<String> = rows
        .clone()
        .map(|row| escape(&shortened(cells.text("title", row), LABEL_LETTERS)))
        .collect();
    let whole: Vec<String> = rows.clone().map(|row| escape(cells.text("title", row))).collect();
    let revenue: Vec<f64> = rows.map(|row| cells.float("revenue", row)).collect();
    let sold = Cells(&contents.assortment).count("products", 0);
    Figure {
        id: "products-chart",
        title: say(
            "“{first}” leads",
            "“{first}”居首",
            &[("first", Words::data(cells.text("title", 0)))],
        ),
        subtitle: say(
            "The {count} products with the largest revenue, before refunds, {span}",
            "销售额最高的{count}种商品（未扣除退款），{span}",
            &[
                ("count", Words::data(&cells.rows().to_string())),
                ("span", Words::data(&contents.span())),
            ],
        ),
        data: json!([{
            "type": "bar", "orientation": "h", "x": revenue, "y": places, "text": whole,
            "textposition": "none", "customdata": places, "marker": { "color": Colour::Blue.css() },
            "hovertemplate": "%{text}: %{x:,.2f}<extra></extra>",
        }]),
        layout: json!({
            "xaxis": axis(
                &say(
                    "revenue ({currency})",
                    "销售额（{currency}）",
                    &[("currency", Words::data(currency))],
                ),
                &json!({ "rangemode": "tozero", "nticks": 6 }),
            ),
            "yaxis": axis(
                &Words::default(),
                &json!({
                    "autorange": "reversed", "tickvals": places, "ticktext": titles,
                    "showgrid": false,
                }),
            ),
            "bargap": 0.3,
        }),
        height: 100 + 26 * cells.rows(),
        width_min: 0,
        source: super::source(
            "product_features",
            number::count(sold),
            Words::new("products sold", "种售出商品"),
        ),
    }
}

fn table(contents: &Contents, cells: Cells<'_>) -> Table {
    let revenue = Cells(&contents.assortment).float("revenue", 0);
    let mut table = Table::new(
        "products-chart",
        Words::new("The same numbers", "同一组数字"),
        vec![
            table::text("Product", "商品"),
            table::money("Revenue", "销售额", &contents.settings.currency),
            table::number("Of all revenue", "占销售额"),
            table::number("Pieces", "件数"),
            table::number("Order lines", "订单行数"),
            table::number("Customers", "客户数"),
        ],
    );
    for row in 0..cells.rows() {
        let own = cells.float("revenue", row);
        let count = |name: &str| Words::data(&number::exact(cells.count(name, row)));
        let title = Words::data(cells.text("title", row));
        let once = Words::new(" (one order line only)", "（仅一条订单行）");
        let is_once = cells.int("orders", row) == 1;
        table.row(vec![
            if is_once { title.and(&once) } else { title },
            Words::data(&number::decimals(own, 2)),
            number::fixed_percent(own / revenue.max(f64::MIN_POSITIVE), 1),
            count("quantity"),
            count("orders"),
            count("customers"),
        ]);
    }
    table
}
