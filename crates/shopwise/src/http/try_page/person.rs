//! Who the customer is: what he did, what he turns to, and among whom to choose.

use shopwise_model::money::units_from_micros;

use super::contents::{Contents, Person};
use super::form::Form;
use super::render::link;
use crate::page::number;
use crate::page::words::{Words, escape};

/// Products that are listed: what he used last.
const RECENT: usize = 20;

/// Returns customers among whom to choose, and a stranger.
pub(super) fn choice(contents: &Contents) -> String {
    let whose =
        |customer: &str| Form { customer: Some(customer.to_owned()), ..contents.form.clone() };
    let mut html = format!(
        "<section id=lists><h2>{}</h2>\n",
        contents.text("Who was here last?", "最近来过的客户")
    );
    if contents.newest.is_empty() {
        html += &format!(
            "<div class=missing><p>{}</p><p>{}</p></div>\n",
            contents.text("Nobody has been here yet.", "还没有客户来过。"),
            contents.text(
                "<code>shopwise import</code> brings in what happened, and a page with \
                 <code>shopwise.js</code> tells what happens.",
                "请用<code>shopwise import</code>导入历史事件，或在网页中加入\
                 <code>shopwise.js</code>实时采集。",
            )
        );
    } else {
        html += &format!(
            "<div class=wide tabindex=0 role=region aria-label=\"{}\"><table><thead><tr>\
             <th scope=col>{}</th><th scope=col>{}</th><th scope=col class=number>{}</th>\
             <th scope=col class=number>{}</th></tr></thead><tbody>\n",
            contents.text("Who was here last", "最近来过的客户"),
            contents.text("customer", "客户"),
            contents.text("seen last", "最近来访"),
            contents.text("views", "浏览"),
            contents.text("orders", "订单"),
        );
        for one in &contents.newest {
            html += &format!(
                "<tr><td>{}</td><td>{}</td><td class=number>{}</td><td class=number>{}</td></tr>\n",
                link(&whose(&one.name), &escape(&one.name)),
                contents.moment(one.last_seen),
                number::exact(one.views as f64),
                number::exact(one.orders as f64)
            );
        }
        html += "</tbody></table></div>\n";
    }
    let stranger = contents.text("A stranger: nothing is known of him", "陌生访客：没有任何记录");
    html + &format!("<p>{}</p></section>\n", link(&whose(""), stranger))
}

/// Returns what is known of the customer.
pub(super) fn section(contents: &Contents) -> String {
    let Some(person) = &contents.person else { return String::new() };
    let mut html =
        format!("<section id=person><h2>{}</h2>\n", contents.text("Who is he?", "他是谁？"));
    if person.name.is_none() {
        html += &unknown(contents);
    }
    let is_known = person.name.is_some() || !contents.form.did.is_empty();
    if is_known {
        html += &tiles(contents, person);
        html += &facts(contents, person);
        html += &recent(contents, person);
    }
    html + "</section>\n"
}

fn unknown(contents: &Contents) -> String {
    let is_stranger = contents.form.customer.as_deref().is_none_or(str::is_empty);
    let (what, how) = if is_stranger {
        (
            contents.text(
                "Nothing is known of a stranger: he gets what is popular.",
                "对陌生访客一无所知，因此展示热门商品。",
            ),
            contents.text(
                "Suppose that he looks at something, and see his lists change.",
                "可以假设他浏览了某件商品，看看列表如何变化。",
            ),
        )
    } else {
        (
            contents.text(
                "Nothing is known of this customer: he gets what is popular.",
                "没有这位客户的记录，因此展示热门商品。",
            ),
            contents.text(
                "Take the identifier that events carry: the shop’s own, that of the browser, an \
                 e-mail address, a telephone or loyalty number, or the pseudonym. He is known a \
                 moment after his first event.",
                "请使用事件中的标识：店铺客户编号、浏览器标识、邮箱、手机号、会员号或匿名编号。\
                 客户的第一个事件到达后，这里很快就会有他的记录。",
            ),
        )
    };
    format!("<div class=missing><p>{what}</p><p>{how}</p></div>\n")
}

fn tiles(contents: &Contents, person: &Person) -> String {
    let counts = &person.visitor.counts;
    let money = |micros| {
        let words = number::money(&contents.currency, units_from_micros(micros));
        words.of(contents.language).to_owned()
    };
    let count = |count: i64| number::count(count as f64).of(contents.language).to_owned();
    let tiles = [
        (contents.text("visits", "来访"), count(counts.sessions)),
        (contents.text("products looked at", "浏览"), count(counts.views)),
        (contents.text("put into the cart", "加购"), count(counts.carts)),
        (contents.text("orders", "订单"), count(counts.orders)),
        (contents.text("spent", "消费金额"), money(counts.spent)),
        (contents.text("sent back", "退款金额"), money(counts.refunded)),
    ];
    let mut html = String::from("<dl class=tiles>\n");
    for (what, figure) in tiles {
        html += &format!("<div><dt>{what}</dt><dd class=large>{figure}</dd></div>\n");
    }
    html + "</dl>\n"
}

fn facts(contents: &Contents, person: &Person) -> String {
    let visitor = &person.visitor;
    let mut rows = vec![
        (contents.text("seen first", "首次来访"), contents.moment(visitor.first_seen)),
        (contents.text("seen last", "最近来访"), contents.moment(visitor.last_seen)),
        (contents.text("ordered last", "最近下单"), contents.moment(visitor.last_order)),
    ];
    if let Some(name) = &person.name {
        rows.insert(0, (contents.text("pseudonym", "匿名编号"), escape(name)));
    }
    let none = contents.text("none yet", "暂无").to_owned();
    let between = contents.text(", ", "、");
    let or_none =
        |list: Vec<String>| if list.is_empty() { none.clone() } else { list.join(between) };
    let named = |(id, name): &(String, Words)| {
        format!("{} <code>{}</code>", name.of(contents.language), escape(id))
    };
    let is_found = |id: &String| person.segment.as_ref().is_some_and(|(own, _)| own == id);
    let others = visitor.segments.iter().filter(|id| !is_found(id)).map(|id| escape(id));
    let segments = person.segment.iter().map(named).chain(others).collect();
    rows.push((contents.text("segments", "所属分群"), or_none(segments)));
    let tag = |(tag, lift): &(String, f64)| {
        let (kind, name) = tag.split_once(':').unwrap_or(("", tag));
        let kind = match kind {
            "category" => contents.text("category", "品类"),
            "brand" => contents.text("brand", "品牌"),
            "price" => contents.text("price", "价格"),
            _ => "",
        };
        format!("{kind} {} (×{})", escape(name), number::decimals(*lift, 1))
    };
    let tags: Vec<String> = person.tags.iter().map(tag).collect();
    rows.push((contents.text("turns to more than others do", "偏好（与平均相比）"), or_none(tags)));
    let expected = person.expected.iter().map(tag).collect();
    rows.push((contents.text("expected to turn to", "预计偏好（与平均相比）"), or_none(expected)));
    let cart = visitor.cart.iter().map(|id| contents.title(id)).collect();
    rows.push((contents.text("in the cart", "购物车"), or_none(cart)));
    let mut html = String::from("<dl class=facts>\n");
    for (what, value) in rows {
        html += &format!("<div><dt>{what}</dt><dd>{value}</dd></div>\n");
    }
    html + "</dl>\n"
}

/// Returns what he had to do with last.
fn recent(contents: &Contents, person: &Person) -> String {
    let used: Vec<_> =
        person.visitor.done.iter().filter(|done| done.used_at() > 0).take(RECENT).collect();
    if used.is_empty() {
        return String::new();
    }
    let caption = contents.text(
        "The products that he used last, and when he did so last",
        "他最近接触的商品及最近一次的时间",
    );
    let mut html = format!(
        "<h3>{caption}</h3><div class=wide tabindex=0 role=region aria-label=\"{caption}\"><table>\
         <thead><tr><th scope=col>{}</th><th scope=col>{}</th><th scope=col>{}</th>\
         <th scope=col>{}</th><th scope=col>{}</th></tr></thead><tbody>\n",
        contents.text("product", "商品"),
        contents.text("looked at", "浏览"),
        contents.text("put into the cart", "加购"),
        contents.text("bought", "购买"),
        contents.text("clicked, liked or rated", "点击、收藏或评分"),
    );
    for done in used {
        let is_supposed = contents.form.did.iter().any(|(_, product)| *product == done.product);
        let mark = contents.text("supposed", "假设");
        let mark =
            if is_supposed { format!(" <span class=mark>{mark}</span>") } else { String::new() };
        let stars = match done.rating.is_nan() {
            true => String::new(),
            false => format!(" (★{})", number::decimals(f64::from(done.rating), 1)),
        };
        html += &format!(
            "<tr><td>{}{mark}</td><td>{}</td><td>{}</td><td>{}</td><td>{}{stars}</td></tr>\n",
            contents.title(&done.product),
            contents.moment(done.viewed_at),
            contents.moment(done.carted_at),
            contents.moment(done.bought_at),
            contents.moment(done.reacted_at)
        );
    }
    html + "</tbody></table></div>\n"
}
