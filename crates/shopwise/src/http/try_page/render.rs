//! The page: who is chosen and how, then the person and his lists.

use shopwise_model::Product;
use shopwise_model::money::units_from_micros;
use shopwise_stages::language::Deed;
use shopwise_stages::recommend::engine::Scene;

use super::contents::Contents;
use super::form::{Form, LENGTH_MAX, PATH, written};
use super::{lists, person};
use crate::page::words::{Words, escape, say, shortened};
use crate::page::{Language, STYLE, number};

const OWN_STYLE: &str = include_str!("try.css");

/// Letters of a title that are shown.
const TITLE_MAX: usize = 80;

/// Returns the whole page.
pub(super) fn page(contents: &Contents) -> String {
    let language = contents.language.name();
    let title = contents.text("Be any customer", "以任意客户的身份查看");
    let mut page = format!(
        "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title} · shopwise</title>\n<link rel=\"icon\" href=\"data:,\">\n\
         <style>\n{STYLE}{OWN_STYLE}</style>\n</head>\n<body>\n\
         <a class=skip href=\"#lists\">{skip}</a>\n<main>\n\
         <header><h1>{title}</h1>{switch}</header>\n",
        skip = contents.text("To the lists", "跳到列表"),
        switch = switch(contents),
    );
    page += &format!("<p class=answer>{}</p>\n", answer(contents));
    page += &form(contents);
    page += &wrong(contents);
    if contents.form.customer.is_some() {
        page += &supposed(contents);
        page += &lists::section(contents);
        page += &person::section(contents);
    } else {
        page += &person::choice(contents);
    }
    page += &format!(
        "<footer><p class=note>{}</p></footer>\n</main>\n</body>\n</html>\n",
        contents.say(
            "Times in {zone}, money in {currency}. The page changes nothing and stores nothing.",
            "时间均为{zone}时区，金额单位为{currency}。本页不改动也不保存任何数据。",
            &[
                ("zone", Words::data(&contents.zone_name)),
                ("currency", Words::data(&contents.currency)),
            ],
        )
    );
    page
}

impl Contents {
    /// Returns a phrase in the language of the page.
    pub(super) fn text(&self, en: &'static str, zh: &'static str) -> &'static str {
        match self.language {
            Language::En => en,
            Language::Zh => zh,
        }
    }

    /// Returns a phrase in the language of the page, filled.
    pub(super) fn say(&self, en: &str, zh: &str, values: &[(&str, Words)]) -> String {
        say(en, zh, values).of(self.language).to_owned()
    }

    /// Returns what a product is called, escaped: its identifier where it has no title.
    pub(super) fn title(&self, id: &str) -> String {
        let title = self.products.get(id).map(|product| product.title.trim());
        escape(&shortened(title.filter(|title| !title.is_empty()).unwrap_or(id), TITLE_MAX))
    }

    /// Returns price and stock of a product, as far as they are known.
    pub(super) fn offer(&self, product: &Product) -> String {
        let price = product.price.map(|price| {
            let price = number::money(&self.currency, units_from_micros(price));
            price.of(self.language).to_owned()
        });
        let stock = product.stock.map(|stock| {
            let stock = Words::data(&number::exact(stock as f64));
            self.say("{stock} in stock", "库存{stock}件", &[("stock", stock)])
        });
        price.into_iter().chain(stock).collect::<Vec<_>>().join(" · ")
    }

    /// Returns a moment in the shop's time zone; – for never.
    pub(super) fn moment(&self, at: i64) -> String {
        if at > 0 { number::moment(at, &self.zone) } else { "–".to_owned() }
    }
}

/// Returns a link to the page as another form asks for it.
pub(super) fn link(form: &Form, text: &str) -> String {
    format!("<a href=\"{}\">{text}</a>", escape(&form.address()))
}

/// Returns what a scene is called.
pub(super) fn scene(scene: Scene) -> [&'static str; 2] {
    match scene {
        Scene::Home => ["First page", "首页"],
        Scene::Product => ["Page of a product", "商品页"],
        Scene::Cart => ["Cart", "购物车"],
        Scene::Search => ["Results of a search", "搜索结果"],
        Scene::WinBack => ["Winning back", "老客召回"],
        Scene::Email => ["E-mail", "邮件"],
    }
}

/// Returns what was done, in a word.
pub(super) fn deed(deed: Deed) -> [&'static str; 2] {
    match deed {
        Deed::Viewed => ["looked at", "浏览"],
        Deed::Carted => ["put into the cart", "加购"],
        Deed::Bought => ["bought", "购买"],
    }
}

/// Returns the link to the other language.
fn switch(contents: &Contents) -> String {
    let (other, name) = match contents.language {
        Language::En => (Language::Zh, "中文"),
        Language::Zh => (Language::En, "English"),
    };
    let form = Form { language: Some(other), ..contents.form.clone() };
    format!("<span lang=\"{}\">{}</span>", other.name(), link(&form, name))
}

/// Returns the answer in a sentence.
fn answer(contents: &Contents) -> String {
    let Some(person) = &contents.person else {
        return contents
            .text(
                "Name a customer and see what each place of the shop shows to him, and why.",
                "输入一位客户，即可看到店铺各处会向他展示哪些商品，以及原因。",
            )
            .to_owned();
    };
    let who = match (&person.name, contents.form.customer.as_deref()) {
        (_, None | Some("")) => Words::new("A stranger", "陌生访客"),
        (_, Some(id)) => Words::data(&shortened(id, 60)),
    };
    let Some(first) = contents.scenes.first() else { return String::new() };
    let [en, zh] = scene(first.scene);
    let all = first.list.items.len();
    let is_other = |at: usize, product: &str| {
        first.other.items.get(at).is_none_or(|other| other.product != product)
    };
    let items = first.list.items.iter().enumerate();
    let own = items.filter(|(at, item)| is_other(*at, &item.product)).count();
    let mut values = vec![
        ("who", who),
        ("scene", Words::new(&en.to_lowercase(), zh)),
        ("own", Words::data(&own.to_string())),
        ("all", Words::data(&all.to_string())),
    ];
    if all == 0 {
        return contents.say(
            "{who} gets nothing here: no product may stand in the list “{scene}”.",
            "{who}在“{scene}”中看不到任何商品：没有符合条件的商品。",
            &values,
        );
    }
    if let Some(before) = &first.before {
        let is_moved = |(at, item): &(usize, &_)| lists::place(before, item) != Some(*at);
        let moved = first.list.items.iter().enumerate().filter(is_moved).count();
        values.push(("moved", Words::data(&moved.to_string())));
        return contents.say(
            "What is supposed below changes {moved} of the {all} places of the list “{scene}” for \
             {who}.",
            "加入以下假设的行为后，{who}的“{scene}”列表中，{all}个位置有{moved}个发生变化。",
            &values,
        );
    }
    contents.say(
        "{who}: {own} of the {all} places of the list “{scene}” differ from what is popular.",
        "{who}的“{scene}”列表中，{all}个位置有{own}个与热门商品榜不同。",
        &values,
    )
}

/// Returns the form; what is supposed and the language travel along unseen.
fn form(contents: &Contents) -> String {
    let form = &contents.form;
    let field = |name: &str, label: &str, value: &str, hint: &str| {
        format!(
            "<label>{label}<input name=\"{name}\" value=\"{}\" placeholder=\"{}\" \
             autocomplete=off></label>\n",
            escape(value),
            escape(hint)
        )
    };
    let mut html = format!("<form action=\"{PATH}\" method=get>\n");
    html += &field(
        "customer",
        contents.text("Customer", "客户"),
        form.customer.as_deref().unwrap_or_default(),
        contents.text("identifier; empty: a stranger", "客户编号；留空为陌生访客"),
    );
    html += &scenes(contents);
    let named = form.products.iter().map(String::as_str);
    for product in named.chain(std::iter::once("")) {
        html += &field(
            "product",
            contents.text("Product of the page", "页面商品"),
            product,
            contents.text("identifier", "商品编号"),
        );
    }
    html += &field(
        "filter",
        contents.text("Only where", "筛选条件"),
        &form.filter,
        contents.text("price < 50 and not bought", "价格 < 50 且 非 购买过"),
    );
    html += &format!(
        "<label class=short>{}<input name=n type=number min=1 max={LENGTH_MAX} value={}></label>\n",
        contents.text("Entries", "商品数"),
        form.length()
    );
    for (deed, product) in &form.did {
        let value = escape(&written(*deed, product));
        html += &format!("<input type=hidden name=did value=\"{value}\">\n");
    }
    if let Some(language) = form.language {
        html += &format!("<input type=hidden name=language value={}>\n", language.name());
    }
    html + &format!("<button>{}</button>\n</form>\n", contents.text("Show", "查看"))
}

fn scenes(contents: &Contents) -> String {
    let mut html = format!(
        "<label>{}<select name=scene><option value=\"\">{}</option>",
        contents.text("Scene", "场景"),
        contents.text("all", "全部")
    );
    for (name, own) in Scene::ALL {
        let selected = if contents.form.scene == Some(own) { " selected" } else { "" };
        let [en, zh] = scene(own);
        html += &format!("<option value={name}{selected}>{}</option>", contents.text(en, zh));
    }
    html + "</select></label>\n"
}

/// Returns what of the address could not be read, each with its place.
fn wrong(contents: &Contents) -> String {
    let mut html = String::new();
    for words in &contents.wrong {
        html += &format!("<p class=wrong role=alert>{}</p>\n", words.of(contents.language));
    }
    if let Some(mistake) = &contents.mistake {
        let at = [("at", Words::data(&(mistake.start + 1).to_string()))];
        let mistake = mistake.clone().told_in(contents.language.into());
        html += &format!(
            "<div class=wrong role=alert><p>{}</p><pre>{}</pre></div>\n",
            contents.say(
                "The filter cannot be read from character {at} on; the lists are not filtered.",
                "筛选条件从第{at}个字符起无法识别，以下列表未经筛选。",
                &at,
            ),
            escape(&mistake.to_string())
        );
    }
    html
}

/// Returns what he is supposed to have done, each to be taken away again.
fn supposed(contents: &Contents) -> String {
    let form = &contents.form;
    if form.did.is_empty() {
        return String::new();
    }
    let mut html = format!(
        "<div class=supposed><p>{}</p><ul>\n",
        contents.text(
            "Supposed, and stored nowhere: a moment ago the customer",
            "假设客户刚刚有以下行为（不会保存）："
        )
    );
    for (at, (own, product)) in form.did.iter().enumerate() {
        let [en, zh] = deed(*own);
        html += &format!(
            "<li>{} <strong>{}</strong> {}</li>\n",
            contents.text(en, zh),
            contents.title(product),
            link(&form.without(at), contents.text("take away", "移除"))
        );
    }
    let none = Form { did: Vec::new(), ..form.clone() };
    html + &format!(
        "</ul><p>{}</p></div>\n",
        link(&none, contents.text("Take all away", "全部移除"))
    )
}
