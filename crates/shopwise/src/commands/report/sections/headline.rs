//! How is the shop doing? Customers, orders, revenue, refunds, and what changed lately.

use shopwise_model::money::MICROS;

use super::super::cells::Cells;
use super::super::contents::{Contents, WINDOW_DAYS};
use super::super::number::{self, Better};
use super::super::period::Sums;
use super::super::section::{Block, Section};
use super::super::table::{self, Table};
use super::super::words::{Words, say};

/// Fewer orders than this in a window make its changes chance.
const ORDERS_FEW: f64 = 50.0;

pub(super) fn section(contents: &Contents) -> Section {
    let question = Words::new("How is the shop doing?", "店铺经营得怎么样？");
    let name = Words::new("Overview", "概览");
    if contents.days.days.is_empty() {
        let answer = Words::new(
            "There is nothing to report yet: the shop has no events.",
            "暂时没有可报告的内容：店铺还没有任何事件。",
        );
        return Section::new("headline", name, question, answer).missing(beginning());
    }
    let section = Section::new("headline", name, question, answer(contents));
    let section = section.with(Block::Tiles(tiles(contents)));
    match windows(contents) {
        Some([new, old]) => section
            .with(Block::Table(changes(contents, &new, &old)))
            .with(Block::Note(caution(&new, &old))),
        None => section.with(Block::Note(Words::new(
            "Fewer than 56 days of events: there is nothing to compare the newest 28 days with.",
            "事件不足56天，最近28天尚无可比的前一期。",
        ))),
    }
}

/// Returns how a new shop begins.
fn beginning() -> Words {
    Words::new(
        "To begin: <code>shopwise import --format csv --map … FILE</code> brings a file of orders \
         or of events, then <code>shopwise run</code> works everything out and \
         <code>shopwise report</code> writes this page again. <code>shopwise import --help</code> \
         lists the formats. To look around first, <code>shopwise demo</code> makes a simulated \
         shop.",
        "第一步：用<code>shopwise import --format csv --map … FILE</code>导入订单或事件文件，\
         再执行<code>shopwise run</code>完成计算，最后用<code>shopwise report</code>重新生成本页。\
         支持的格式见<code>shopwise import --help</code>。\
         想先看看效果，可用<code>shopwise demo</code>生成一家模拟店铺。",
    )
}

fn money(contents: &Contents, micros: f64) -> Words {
    number::money(&contents.settings.currency, micros / MICROS as f64)
}

fn answer(contents: &Contents) -> Words {
    let (all, totals) = (contents.days.all(), Cells(&contents.totals));
    let buyers = totals.count("buyers", 0);
    if all.orders == 0.0 {
        return say(
            "{span}, {customers} customers were seen; none has ordered yet.",
            "{span}共有{customers}位客户到访，尚无订单。",
            &[
                ("customers", number::count(totals.count("customers", 0))),
                ("span", contents.range_words()),
            ],
        );
    }
    let anonymous = totals.count("anonymous_orders", 0);
    let others = say(
        " (and {anonymous} orders without a name)",
        "（另有{anonymous}笔匿名订单）",
        &[("anonymous", number::count(anonymous))],
    );
    say(
        "{span}, {buyers} known customers{others} made {orders} orders worth {revenue}, \
         {average} each; {refunds} of that came back.",
        "{span}，{buyers}位已知客户{others}共下单{orders}笔，金额{revenue}，客单价{average}；\
         退款占{refunds}。",
        &[
            ("span", contents.range_words()),
            ("buyers", number::count(buyers)),
            ("others", if anonymous > 0.0 { others } else { Words::default() }),
            ("orders", number::count(all.orders)),
            ("revenue", money(contents, all.amount)),
            ("average", money(contents, all.amount / all.orders)),
            ("refunds", number::percent(all.refunded / all.amount.max(1.0), all.orders)),
        ],
    )
}

fn tiles(contents: &Contents) -> Vec<[Words; 3]> {
    let (all, totals) = (contents.days.all(), Cells(&contents.totals));
    let buyers = totals.count("buyers", 0);
    let customers = totals.count("customers", 0);
    let none = Words::default;
    vec![
        [
            Words::new("Customers who bought", "购买客户"),
            number::count(buyers),
            say(
                "of {all} known",
                "已知客户{all}位",
                &[("all", number::count(customers.max(buyers)))],
            ),
        ],
        [Words::new("Orders", "订单数"), number::count(all.orders), none()],
        [Words::new("Revenue", "销售额"), money(contents, all.amount), none()],
        [
            Words::new("Average order value", "客单价"),
            money(contents, if all.orders > 0.0 { all.amount / all.orders } else { f64::NAN }),
            none(),
        ],
        [
            Words::new("Refunds", "退款"),
            money(contents, all.refunded),
            say(
                "{share} of revenue",
                "占销售额{share}",
                &[("share", number::percent(all.refunded / all.amount.max(1.0), all.orders))],
            ),
        ],
    ]
}

/// Returns the sums of the newest 28 days and of the 28 before.
fn windows(contents: &Contents) -> Option<[Sums; 2]> {
    let newest = |skip| contents.days.newest(WINDOW_DAYS, skip);
    Some([newest(0)?, newest(WINDOW_DAYS)?])
}

fn changes(contents: &Contents, new: &Sums, old: &Sums) -> Table {
    let caption = Words::new(
        "The newest 28 days against the 28 before, counted back from the last event",
        "最近28天与此前28天对比（从最后一个事件往前数）",
    );
    let mut table = Table::new(
        "changes",
        caption,
        vec![
            table::text("What", "指标"),
            table::number("Newest 28 days", "最近28天"),
            table::number("28 days before", "此前28天"),
            table::number("Change", "变化"),
        ],
    );
    let buyers = Cells(&contents.buyers);
    let count = |value: f64| Words::data(&number::exact(value));
    let amount = |micros: f64| {
        let value = micros / MICROS as f64;
        Words::data(&number::decimals(value, if value < 1000.0 { 2 } else { 0 }))
    };
    let mut row = |en: &str, zh: &str, pair: [f64; 2], show: &dyn Fn(f64) -> Words, better| {
        let [new, old] = pair;
        let change = number::change(new, old, better);
        table.row(vec![Words::new(en, zh), show(new), show(old), change]);
    };
    let customers = [buyers.count("newest", 0), buyers.count("before", 0)];
    row("Customers who bought", "购买客户", customers, &count, Better::More);
    row("Orders", "订单数", [new.orders, old.orders], &count, Better::More);
    row("Revenue", "销售额", [new.amount, old.amount], &amount, Better::More);
    let average = |sums: &Sums| sums.amount / sums.orders.max(1.0);
    row("Average order value", "客单价", [average(new), average(old)], &amount, Better::More);
    row("Refunds", "退款", [new.refunded, old.refunded], &amount, Better::Less);
    if Cells(&contents.funnel).count("viewed", 0) == 0.0 {
        return table;
    }
    row("Visits", "访问次数", [new.visits, old.visits], &count, Better::More);
    let share = |sums: &Sums| sums.visits_ordering / sums.visits.max(1.0);
    let digits = if new.visits.min(old.visits) < 10_000.0 { 1 } else { 2 };
    let percent = |value: f64| number::fixed_percent(value, digits);
    row("Visits with an order", "下单访问占比", [share(new), share(old)], &percent, Better::More);
    table
}

fn caution(new: &Sums, old: &Sums) -> Words {
    if new.orders.min(old.orders) < ORDERS_FEW {
        return Words::new(
            "Fewer than 50 orders in a window: changes of this size are mostly chance.",
            "某一期订单不足50笔，这样的变化多半出于偶然。",
        );
    }
    Words::new(
        "Refunds count on the day on which they were booked; revenue is before refunds.",
        "退款按入账日统计；销售额未扣除退款。",
    )
}
