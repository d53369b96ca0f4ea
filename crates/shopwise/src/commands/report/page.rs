//! The page itself: words and tables around the pictures, in both languages.

use std::fmt::Write as _;

use serde_json::json;
use shopwise_model::frame::{Frame, NULL_INT};
use shopwise_model::money::units_from_micros;
use shopwise_model::time;

use super::Contents;
use super::charts::{self, Chart};

/// Returns the whole page.
pub(super) fn render(contents: &Contents) -> String {
    let charts = charts::charts(contents);
    let mut body = String::new();
    headline(&mut body, contents);
    if contents.kinds.rows() == 0 {
        empty(&mut body);
    }
    section(
        &mut body,
        &charts,
        "revenue",
        ("How does revenue develop?", "销售额走势如何？"),
        (
            "Sum of order lines by month; refunds are not subtracted.",
            "按月汇总订单金额，未扣除退款。",
        ),
    );
    section(
        &mut body,
        &charts,
        "segments",
        ("Who are the customers?", "客户分为哪几类？"),
        (
            "Mean of each feature in each segment, in standard deviations from the mean of all buyers.",
            "各分群的特征均值，以标准差表示与全体购买客户均值之差。",
        ),
    );
    segments_table(&mut body, contents);
    section(
        &mut body,
        &charts,
        "rfm",
        ("Who came lately, and how often?", "谁最近来过，来得多勤？"),
        (
            "Customers by quintile of recency and of frequency; 5 is best.",
            "按最近一次消费与频次五分位统计的客户数，5 为最好。",
        ),
    );
    section(
        &mut body,
        &charts,
        "silhouette",
        ("How many segments are there?", "分成几群合适？"),
        (
            "Mean silhouette for each number of segments; the highest was taken.",
            "不同分群数的平均轮廓系数，取最高者。",
        ),
    );
    products_table(&mut body, contents);
    quality(&mut body, contents);
    runs(&mut body, contents);
    PAGE.replace("{{language}}", contents.language)
        .replace("{{title}}", &escape(&contents.settings.name))
        .replace("{{body}}", &body)
        .replace("{{charts}}", &script_json(&charts))
        .replace("{{library}}", &plotly::Plot::offline_js_sources())
}

const PAGE: &str = include_str!("page.html");

fn script_json(charts: &[Chart]) -> String {
    let all: Vec<_> = charts
        .iter()
        .map(|chart| json!({ "id": chart.id, "data": chart.data, "layout": chart.layout, "axes": chart.axes }))
        .collect();
    // `</script>` inside a title would end the script.
    json!(all).to_string().replace('<', "\\u003c")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Returns a phrase in both languages; the page shows one.
fn both(english: &str, chinese: &str) -> String {
    format!("<span class=en>{english}</span><span class=zh>{chinese}</span>")
}

fn add(body: &mut String, text: &str) {
    body.push_str(text);
    body.push('\n');
}

fn int(frame: &Frame, name: &str) -> i64 {
    let first = frame.int(name).ok().and_then(|values| values.first().copied());
    first.filter(|value| *value != NULL_INT).unwrap_or(0)
}

/// Returns 1234567 as `1,234,567`.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("−{text}") } else { text }
}

fn headline(body: &mut String, contents: &Contents) {
    let orders = int(&contents.totals, "orders");
    let customers = int(&contents.totals, "customers");
    let amount = units_from_micros(int(&contents.totals, "amount"));
    let refunded = units_from_micros(int(&contents.totals, "refunded"));
    let currency = escape(&contents.settings.currency);
    let (total, average) = (grouped(amount), grouped(amount / orders.max(1) as f64));
    let share = 100.0 * refunded / amount.max(f64::MIN_POSITIVE);
    if orders == 0 {
        return;
    }
    let (orders, customers) = (grouped(orders as f64), grouped(customers as f64));
    let sentence = both(
        &format!(
            "{customers} known customers and anonymous visitors placed {orders} orders worth {currency} {total}: {currency} {average} an order; {share:.1} % was refunded."
        ),
        &format!(
            "{customers} 位已知客户及匿名访客共下单 {orders} 笔，金额 {currency} {total}，客单价 {currency} {average}，退款占 {share:.1}%。"
        ),
    );
    add(body, &format!("<p class=lead>{sentence}</p>"));
}

fn empty(body: &mut String) {
    let words = both(
        "There are no events yet. Import some with <code>shopwise import</code>, then <code>shopwise run</code>.",
        "还没有任何事件。请先用 <code>shopwise import</code> 导入数据，再执行 <code>shopwise run</code>。",
    );
    add(body, &format!("<p class=lead>{words}</p>"));
}

fn section(
    body: &mut String,
    charts: &[Chart],
    id: &str,
    question: (&str, &str),
    caption: (&str, &str),
) {
    if charts.iter().any(|chart| chart.id == id) {
        add(body, &format!("<h2>{}</h2>", both(question.0, question.1)));
        add(body, &format!("<p class=note>{}</p>", both(caption.0, caption.1)));
        add(body, &format!("<div class=chart id=\"{id}\"></div>"));
    }
}

/// Adds a table; cells are HTML, numbers stand right.
fn table(body: &mut String, head: &[(&str, &str)], rows: &[Vec<String>], numbers_from: usize) {
    let mut text = String::from("<div class=wide><table><thead><tr>");
    for (at, (english, chinese)) in head.iter().enumerate() {
        let class = if at >= numbers_from { " class=number" } else { "" };
        text += &format!("<th{class}>{}</th>", both(english, chinese));
    }
    text += "</tr></thead><tbody>";
    for row in rows {
        text += "<tr>";
        for (at, cell) in row.iter().enumerate() {
            let class = if at >= numbers_from { " class=number" } else { "" };
            text += &format!("<td{class}>{cell}</td>");
        }
        text += "</tr>";
    }
    add(body, &(text + "</tbody></table></div>"));
}

fn segments_table(body: &mut String, contents: &Contents) {
    let frame = &contents.segments;
    let text = |name: &str, row: usize| {
        frame.text(name).ok().and_then(|texts| texts.get(row)).map(escape).unwrap_or_default()
    };
    let float = |name: &str, row: usize| frame.float(name).map_or(f64::NAN, |values| values[row]);
    let rows: Vec<Vec<String>> = (0..frame.rows())
        .map(|row| {
            let count = frame.int("customers").map_or(0, |values| values[row]);
            vec![
                both(&text("name_en", row), &text("name_zh", row)),
                both(&text("description_en", row), &text("description_zh", row)),
                grouped(count as f64),
                format!("{:.1} %", 100.0 * float("share", row)),
                grouped(float("revenue", row)),
                format!("{:.1} %", 100.0 * float("revenue_share", row)),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let head = [
            ("Segment", "分群"),
            ("What sets it apart", "与众不同之处"),
            ("Customers", "客户数"),
            ("Share", "占比"),
            ("Revenue", "销售额"),
            ("Share", "占比"),
        ];
        table(body, &head, &rows, 2);
    }
}

fn products_table(body: &mut String, contents: &Contents) {
    let frame = &contents.products;
    if frame.rows() == 0 {
        return;
    }
    add(body, &format!("<h2>{}</h2>", both("What sells?", "什么卖得好？")));
    let title = |row: usize| {
        frame.text("title").ok().and_then(|texts| texts.get(row)).map(escape).unwrap_or_default()
    };
    let int = |name: &str, row: usize| frame.int(name).map_or(0, |values| values[row]);
    let rows: Vec<Vec<String>> = (0..frame.rows())
        .map(|row| {
            let revenue = frame.float("revenue").map_or(0.0, |values| values[row]);
            vec![
                title(row),
                grouped(revenue),
                grouped(int("quantity", row) as f64),
                grouped(int("orders", row) as f64),
                grouped(int("customers", row) as f64),
            ]
        })
        .collect();
    let head = [
        ("Product", "商品"),
        ("Revenue", "销售额"),
        ("Pieces", "件数"),
        ("Order lines", "订单行数"),
        ("Customers", "客户数"),
    ];
    table(body, &head, &rows, 1);
}

fn quality(body: &mut String, contents: &Contents) {
    add(body, &format!("<h2>{}</h2>", both("Can the data be trusted?", "数据可信吗？")));
    let frame = &contents.kinds;
    let mut rows = Vec::new();
    for row in 0..frame.rows() {
        let kind = frame.text("kind").ok().and_then(|texts| texts.get(row)).unwrap_or("");
        let count = |name: &str| frame.int(name).map_or(0, |values| values[row]) as f64;
        rows.push(vec![
            both(&format!("events: {}", kind.replace('_', " ")), &format!("事件：{kind}")),
            grouped(count("events")),
            grouped(count("lines")),
        ]);
    }
    let refused = &contents.refused;
    for row in 0..refused.rows() {
        let reason = refused.text("reason").ok().and_then(|texts| texts.get(row)).map(escape);
        let reason = reason.unwrap_or_default();
        let count = refused.int("rows").map_or(0, |values| values[row]) as f64;
        rows.push(vec![
            both(&format!("refused: {reason}"), &format!("拒收：{reason}")),
            String::new(),
            grouped(count),
        ]);
    }
    for (name, english, chinese) in [
        ("price_zero", "order lines with a price of 0", "单价为 0 的订单行"),
        ("outlier", "order lines with an outlying amount", "金额异常的订单行"),
    ] {
        let count = int(&contents.doubtful, name) as f64;
        rows.push(vec![both(english, chinese), String::new(), grouped(count)]);
    }
    table(body, &[("What", "内容"), ("Events", "事件数"), ("Lines", "行数")], &rows, 1);
}

fn runs(body: &mut String, contents: &Contents) {
    add(body, &format!("<h2>{}</h2>", both("What was done, and when?", "做过哪些运行？")));
    let rows: Vec<Vec<String>> = contents
        .runs
        .iter()
        .map(|run| {
            let skipped = run.metrics.get("skipped").and_then(|why| why.as_str()).unwrap_or("");
            vec![
                time::format(run.started_at),
                escape(&run.stage),
                escape(&format!("{} {skipped}", run.status)),
                grouped(run.rows_read as f64),
                grouped(run.rows_written as f64),
                format!("{:.2}", run.seconds),
            ]
        })
        .collect();
    let head = [
        ("Started (UTC)", "开始时间（UTC）"),
        ("Stage", "阶段"),
        ("Status", "状态"),
        ("Rows read", "读入行数"),
        ("Rows written", "写出行数"),
        ("Seconds", "秒"),
    ];
    table(body, &head, &rows, 3);
    let mut when = String::new();
    if write!(when, "{}", time::format(contents.written_at)).is_ok() {
        let words = both(&format!("Written {when}."), &format!("生成于 {when}。"));
        add(body, &format!("<p class=note>{words}</p>"));
    }
}
