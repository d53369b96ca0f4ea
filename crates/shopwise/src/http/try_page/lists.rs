//! The lists of each scene beside what is popular, with reasons, scores and what moved.

use std::cmp::Ordering;

use shopwise_stages::recommend::engine::{Answer, Listed, Scene};

use super::contents::{Contents, Seen};
use super::form::{DEEDS, DID_MAX, Form};
use super::render::{link, scene};
use crate::page::number;
use crate::page::words::{Words, escape};

/// Parts of a score that are named; the others are one.
const PARTS_MAX: usize = 8;

/// Returns the place of an entry in another list, from 0.
pub(super) fn place(list: &Answer, item: &Listed) -> Option<usize> {
    list.items.iter().position(|own| own.product == item.product)
}

/// Returns the lists of all scenes that were asked for.
pub(super) fn section(contents: &Contents) -> String {
    let mut html = String::from("<div id=lists>\n");
    html += &missing(contents);
    for seen in &contents.scenes {
        html += &lists(contents, seen);
    }
    html + "</div>\n"
}

/// Says what the lists lack, and what to do.
fn missing(contents: &Contents) -> String {
    let (what, how) = if !contents.has_products {
        (
            contents.text(
                "The catalogue has no product that may be shown.",
                "商品目录中没有可展示的商品。",
            ),
            contents.text(
                "<code>shopwise import --format products FILE</code> brings products in; \
                 <code>PUT /api/products/ID</code> does so one by one.",
                "请用<code>shopwise import --format products 文件</code>导入商品，\
                 或用<code>PUT /api/products/编号</code>逐个添加。",
            ),
        )
    } else if contents.scenes.iter().all(|seen| seen.list.model.is_none()) {
        (
            contents.text(
                "No model serves yet: everybody gets what the catalogue holds, the newest first.",
                "还没有可用的模型：所有客户看到的都是商品目录中的商品，新品在前。",
            ),
            contents.text(
                "<code>shopwise run recommend</code> learns one from the events; the server takes \
                 it up within a second.",
                "请运行<code>shopwise run recommend</code>，从事件中训练模型；训练完成后一秒内生效。",
            ),
        )
    } else {
        return String::new();
    };
    format!("<div class=missing><p>{what}</p><p>{how}</p></div>\n")
}

fn lists(contents: &Contents, seen: &Seen) -> String {
    let [en, zh] = scene(seen.scene);
    let name = seen.scene.name();
    let mut html = format!(
        "<section id=\"{name}\" aria-labelledby=\"{name}-title\"><h2 id=\"{name}-title\">{}</h2>\n\
         <p class=subtitle>{}</p>\n<div class=pair>\n<div>",
        contents.text(en, zh),
        about(contents, seen)
    );
    html += &format!("<h3>{}</h3>\n{}", model(contents, &seen.list), own(contents, seen));
    html += &gone(contents, seen);
    html += &format!("</div>\n<div class=other><h3>{}</h3>\n", model(contents, &seen.other));
    html += &other(contents, seen);
    html + "</div>\n</div></section>\n"
}

/// Says which model made a list.
fn model(contents: &Contents, answer: &Answer) -> String {
    let Some((name, version)) = answer.model else {
        return contents.text("Without a model", "未使用模型").to_owned();
    };
    let version = ("version", Words::data(&version.to_string()));
    if name == "popular" {
        return contents.say(
            "What is popular (version {version})",
            "热门商品（版本{version}）",
            &[version],
        );
    }
    let name = ("name", Words::data(name));
    contents.say(
        "His list (model {name}, version {version})",
        "他的列表（模型{name}，版本{version}）",
        &[name, version],
    )
}

/// Says what a scene is about.
fn about(contents: &Contents, seen: &Seen) -> String {
    let titles: Vec<String> = seen.about.iter().take(5).map(|id| contents.title(id)).collect();
    let more = if seen.about.len() > titles.len() { " …" } else { "" };
    let joined = |between: &str| titles.join(between) + more;
    let what = [("what", Words { en: joined(", "), zh: joined("、") })];
    let example = match (seen.is_example, seen.scene) {
        (true, Scene::Search) => contents.text(
            " Nobody named what a search found: what is popular stands for it.",
            "尚未指定搜索结果，以热门商品代替。",
        ),
        (true, _) => contents.text(
            " Nobody named a product: it is the one he used last, or the most popular one.",
            "尚未指定商品，以他最近接触的商品（或最热门的商品）代替。",
        ),
        (false, _) => "",
    };
    let text = match seen.scene {
        Scene::Home => {
            contents.text("All that is known of him decides.", "依据对他的全部了解。").to_owned()
        }
        Scene::Product => {
            contents.say("Beside {what}: what is like it.", "与{what}相近的商品。", &what)
        }
        Scene::Cart if titles.is_empty() => contents
            .text(
                "What is bought together with what lies in his cart.",
                "常与他购物车中的商品一起购买的商品。",
            )
            .to_owned(),
        Scene::Cart => {
            contents.say("Bought together with {what}.", "常与{what}一起购买的商品。", &what)
        }
        Scene::Search => contents.say(
            "What the search found, in his order: {what}.",
            "搜索命中的商品，按他的偏好排序：{what}。",
            &what,
        ),
        Scene::WinBack => contents
            .text(
                "For somebody who has not come for long: what he looked at and left, and what is \
                 near it.",
                "用于召回久未光顾的客户：他看过而没有买的商品，以及相近的商品。",
            )
            .to_owned(),
        Scene::Email => contents
            .text("As the first page, without chance.", "与首页相同，但不含随机探索。")
            .to_owned(),
    };
    text + example
}

fn own(contents: &Contents, seen: &Seen) -> String {
    if seen.list.items.is_empty() {
        return empty(contents);
    }
    let mut html = String::from("<ol class=entries>\n");
    for (at, item) in seen.list.items.iter().enumerate() {
        html += &format!(
            "<li>{}<p>{}</p>{}{}</li>\n",
            head(contents, item, &moved(contents, seen, at, item)),
            reason(contents, item),
            tree(contents, seen, item),
            deeds(contents, &item.product)
        );
    }
    html + "</ol>\n"
}

/// Returns what a product is called and offered for.
fn head(contents: &Contents, item: &Listed, mark: &str) -> String {
    let product = contents.products.get(&item.product);
    let offer = product.map(|product| contents.offer(product)).unwrap_or_default();
    format!(
        "<div class=head><strong title=\"{}\">{}</strong>{mark}<span class=soft>{offer}</span></div>",
        escape(&item.product),
        contents.title(&item.product)
    )
}

/// Says that nothing may stand in a list, and why.
fn empty(contents: &Contents) -> String {
    let how = if contents.form.filter.is_empty() {
        contents.text(
            "What is hidden, sold out or out of its time is in no list.",
            "已隐藏、已售罄或不在销售期内的商品不会出现在任何列表中。",
        )
    } else {
        contents
            .text("Nothing passes the filter: make it wider.", "没有商品符合筛选条件，请放宽条件。")
    };
    let what = contents.text("The list is empty.", "列表为空。");
    format!("<div class=missing><p>{what}</p><p>{how}</p></div>\n")
}

/// Says how an entry moved by what is supposed.
fn moved(contents: &Contents, seen: &Seen, at: usize, item: &Listed) -> String {
    let Some(before) = &seen.before else { return String::new() };
    let Some(was) = place(before, item) else {
        return format!("<span class=mark>{}</span>", contents.text("★ new", "★ 新进"));
    };
    let by = |by: usize| [("by", Words::data(&by.to_string()))];
    let text = match at.cmp(&was) {
        Ordering::Equal => return String::new(),
        Ordering::Less => contents.say("▲ up {by}", "▲ 升{by}位", &by(was - at)),
        Ordering::Greater => contents.say("▼ down {by}", "▼ 降{by}位", &by(at - was)),
    };
    format!("<span class=mark>{text}</span>")
}

/// Says what is in the list no longer.
fn gone(contents: &Contents, seen: &Seen) -> String {
    let Some(before) = &seen.before else { return String::new() };
    let left = before.items.iter().filter(|item| place(&seen.list, item).is_none());
    let titles: Vec<String> = left.map(|item| contents.title(&item.product)).collect();
    if titles.is_empty() {
        return String::new();
    }
    let what = [("what", Words { en: titles.join(", "), zh: titles.join("、") })];
    let text = contents.say("No longer there: {what}", "不再出现：{what}", &what);
    format!("<p class=note>{text}</p>\n")
}

/// Says why an entry stands there.
fn reason(contents: &Contents, item: &Listed) -> String {
    let because = item.parts.first().map(|(id, _)| contents.title(id));
    let what = [("what", Words { en: because.clone().unwrap_or_default(), zh: String::new() })];
    let [(name, Words { en, .. })] = what;
    let what = [(name, Words { zh: en.clone(), en })];
    let (en, zh) = match (item.reason, because.is_some()) {
        ("bought", true) => ("because he bought {what}", "因为买过“{what}”"),
        ("viewed", true) => {
            ("because he looked at {what} or put it into the cart", "因为浏览过或加购过“{what}”")
        }
        ("similar content", true) => ("reads like {what}", "与“{what}”内容相近"),
        ("similar", _) => ("is like what the page is about", "与页面上的商品相似"),
        ("together", _) => ("is bought together with it", "常与之一起购买"),
        ("search", _) => ("found by the search", "搜索命中"),
        ("new", _) => ("new: no model knows it yet", "新品，模型还没有它的数据"),
        _ => ("many customers want it", "很多客户喜欢"),
    };
    contents.say(en, zh, &what)
}

/// Returns the tree of a score.
fn tree(contents: &Contents, seen: &Seen, item: &Listed) -> String {
    let decimals = |value: f32| number::decimals(f64::from(value), 3);
    let source = match item.source {
        "model" => contents.text("the model", "模型"),
        "similar" => contents.text("like what the page is about", "与页面商品相似"),
        "together" => contents.text("bought together", "经常一起购买"),
        "search" => contents.text("place among the results", "搜索排名"),
        "new" => contents.text("new", "新品"),
        _ => contents.text("popularity", "热门程度"),
    };
    let row = |what: &str, value: f32| {
        format!("<li><span>{what}</span> <span class=number>{}</span></li>", decimals(value))
    };
    let mut parts = String::new();
    for (id, value) in item.parts.iter().take(PARTS_MAX) {
        parts += &row(&contents.title(id), *value);
    }
    let named: f32 = item.parts.iter().take(PARTS_MAX).map(|(_, value)| value).sum();
    let is_sum = item.source == "model" && !is_joined(seen.scene);
    if is_sum && !item.parts.is_empty() && (item.score - named).abs() >= 0.0005 {
        parts += &row(contents.text("everything else", "其他因素"), item.score - named);
    }
    let note = if is_joined(seen.scene) {
        contents.text(
            "<p class=note>Here what belongs to the page counts up to 1, and what the model says \
             up to one half; parts are in the model’s own measure.</p>",
            "<p class=note>此处与页面的相关性最高计1分，模型的判断最高计0.5分；各部分为模型自身的分值。</p>",
        )
    } else {
        ""
    };
    format!(
        "<details><summary>{} {}</summary><ul class=tree><li><span>{source}</span> \
         <span class=number>{}</span><ul>{parts}</ul></li></ul>{note}</details>",
        contents.text("score", "得分"),
        decimals(item.score),
        decimals(item.score)
    )
}

/// Returns whether the score of a scene joins the page with the model.
fn is_joined(scene: Scene) -> bool {
    matches!(scene, Scene::Product | Scene::Cart | Scene::Search)
}

/// Returns links that suppose something about a product.
fn deeds(contents: &Contents, product: &str) -> String {
    if contents.form.did.len() >= DID_MAX {
        return String::new();
    }
    let words = [["look at", "浏览"], ["put into cart", "加购"], ["buy", "购买"]];
    let links = DEEDS.iter().zip(words).map(|((_, deed), [en, zh])| {
        let form: Form = contents.form.and(*deed, product);
        link(&form, contents.text(en, zh))
    });
    let links: Vec<String> = links.collect();
    let what = contents.text("suppose:", "假设：");
    format!("<p class=deeds><span class=soft>{what}</span> {}</p>", links.join(" "))
}

/// Returns the second list, each entry with its place in the first.
fn other(contents: &Contents, seen: &Seen) -> String {
    if seen.other.items.is_empty() {
        return empty(contents);
    }
    let mut html = String::from("<ol class=entries>\n");
    for item in &seen.other.items {
        let mark = match place(&seen.list, item) {
            Some(at) => {
                let at = [("at", Words::data(&(at + 1).to_string()))];
                contents.say("also number {at} in his list", "也在他的列表第{at}位", &at)
            }
            None => contents.text("not in his list", "不在他的列表中").to_owned(),
        };
        html += &format!("<li>{}<p class=soft>{mark}</p></li>\n", head(contents, item, ""));
    }
    html + "</ol>\n"
}
