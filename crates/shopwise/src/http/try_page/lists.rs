//! The lists of each scene beside what is popular, with reasons, scores and what moved.

use std::cmp::Ordering;

use shopwise_stages::recommend::engine::{Answer, Listed, Moved, Scene};

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
    let heading = match seen.other.model {
        Some(_) => model(contents, &seen.other),
        None => contents.text("What is popular (no model yet)", "热门商品（暂无模型）").to_owned(),
    };
    html += &format!("</div>\n<div class=other><h3>{heading}</h3>\n");
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
            head(contents, item, &marks(contents, seen, at, item)),
            reason(contents, item),
            tree(contents, item),
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
        "<div class=head><strong title=\"{}\">{}</strong>{mark}\
         <span class=soft>{offer}</span></div>",
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

/// Returns what stands beside a title: what the shop writes there, and how the entry moved.
fn marks(contents: &Contents, seen: &Seen, at: usize, item: &Listed) -> String {
    let label = item.moved.as_ref().and_then(|moved| moved.label.as_ref());
    let label = label.map(|label| format!("<span class=label>{}</span>", escape(label)));
    label.unwrap_or_default() + &moved(contents, seen, at, item)
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
    let title = because.clone().unwrap_or_default();
    let what = [("what", Words { en: title.clone(), zh: title })];
    let (en, zh) = match (item.reason, because.is_some()) {
        ("bought", true) => ("because he bought “{what}”", "因为买过“{what}”"),
        ("viewed", true) => {
            ("because he looked at “{what}” or put it into the cart", "因为浏览过或加购过“{what}”")
        }
        ("rated", true) => ("because he rated “{what}”", "因为评价过“{what}”"),
        ("similar content", true) => ("reads like “{what}”", "与“{what}”内容相近"),
        ("similar", _) => ("is like what the page is about", "与页面上的商品相似"),
        ("same kind", _) => ("is of the same kind", "同类商品"),
        ("together", _) => ("is bought together with it", "常与之一起购买"),
        ("search", _) => ("found by the search", "搜索命中"),
        ("rule", _) => ("a rule of the shop brought it in", "由店铺的运营规则加入"),
        ("new", _) => ("new: no model knows it yet", "新品，模型还没有它的数据"),
        _ => ("many customers want it", "很多客户喜欢"),
    };
    contents.say(en, zh, &what)
}

/// Returns the tree of a score: its parts make the whole. What of the history speaks for a product
/// stands below its relevance, in the model's own measure.
fn tree(contents: &Contents, item: &Listed) -> String {
    let decimals = |value: f32| number::decimals(f64::from(value), 3);
    let row = |what: &str, value: f32, inner: &str| {
        let value = decimals(value);
        format!("<li><span>{what}</span> <span class=number>{value}</span>{inner}</li>")
    };
    let mut because = String::new();
    for (id, value) in item.parts.iter().take(PARTS_MAX) {
        because += &row(&contents.title(id), *value, "");
    }
    if item.parts.len() > PARTS_MAX {
        let rest = item.parts.iter().skip(PARTS_MAX).map(|(_, value)| value).sum();
        because += &row(contents.text("others", "其他商品"), rest, "");
    }
    if !because.is_empty() {
        let what = contents.text("in the model’s own measure:", "模型给出的分值：");
        because = format!("<ul><li class=soft>{what}</li>{because}</ul>");
    }
    let mut rows = String::new();
    let mut notes = String::new();
    match &item.moved {
        None => rows += &row(source(contents, item), item.score, &because),
        Some(moved) => {
            rows += &row(source(contents, item), moved.parts.base, &because);
            for (what, value) in [
                (contents.text("rules", "运营规则"), moved.parts.boost),
                (
                    contents.text("shown before without a click", "展示过但未点击"),
                    moved.parts.fatigue,
                ),
                (contents.text("like what stands above", "与前面的商品相似"), moved.parts.likeness),
            ] {
                rows += &row(what, value, "");
            }
            notes = standing(contents, moved);
        }
    }
    let (word, score) = (contents.text("score", "得分"), decimals(item.score));
    format!(
        "<details><summary>{word} {score}</summary><ul class=tree><li><span>{word}</span> \
         <span class=number>{score}</span><ul>{rows}</ul></li></ul>{notes}</details>"
    )
}

/// Returns what gave a product its relevance.
fn source(contents: &Contents, item: &Listed) -> &'static str {
    match item.source {
        "model" => contents.text("relevance, by the model", "相关性（模型）"),
        "similar" => {
            contents.text("relevance, by likeness to the page", "相关性（与页面商品相似）")
        }
        "together" => contents.text("relevance, bought together", "相关性（经常一起购买）"),
        "search" => contents.text("relevance, by the search", "相关性（搜索排名）"),
        "new" => contents.text("relevance, new", "相关性（新品）"),
        "same kind" => contents.text("relevance, of the same kind", "相关性（同类商品）"),
        "rule" => contents.text("relevance, brought in by a rule", "相关性（由规则加入）"),
        _ => contents.text("relevance, by popularity", "相关性（热门程度）"),
    }
}

/// Says why an entry stands at its place, where that is not its score alone.
fn standing(contents: &Contents, moved: &Moved) -> String {
    let mut said = Vec::new();
    let why = match moved.standing {
        "fixed" => contents.text("A rule fixed its place.", "位置由规则固定。"),
        "owed" => contents.text("A rule owed it a place.", "由规则保证展示。"),
        "uncapped" => contents.text(
            "Only more of one kind was left than is wanted.",
            "同类商品已达上限，但没有其他商品可选。",
        ),
        "drawn" => contents.text("Chance put it there, to learn.", "随机探索所选。"),
        _ => "",
    };
    if !why.is_empty() {
        said.push(why.to_owned());
    }
    if !moved.rules.is_empty() {
        let rules: Vec<String> = moved.rules.iter().map(|rule| escape(rule)).collect();
        let rules = [("rules", Words { en: rules.join(", "), zh: rules.join("、") })];
        said.push(contents.say("Rules: {rules}.", "相关规则：{rules}。", &rules));
    }
    if let Some(before) = moved.before {
        let before = [("before", Words::data(&before.to_string()))];
        let by_score = contents.say(
            "By its score alone it is number {before}.",
            "仅按得分排在第{before}位。",
            &before,
        );
        said.push(by_score);
    }
    if said.is_empty() {
        return String::new();
    }
    format!("<p class=note>{}</p>", said.join(contents.text(" ", "")))
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
