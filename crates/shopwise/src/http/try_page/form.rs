//! What the page was asked: its address, read and written.

use axum::http::{HeaderMap, header};
use shopwise_stages::language::Deed;
use shopwise_stages::recommend::engine::Scene;
use url::form_urlencoded::Serializer;

use super::super::query::Query;
use crate::page::Language;
use crate::page::words::{Words, say};

/// The path of the page.
pub(super) const PATH: &str = "/try";

/// What may stand in the address.
pub(super) const PARAMETERS: &[&str] =
    &["customer", "scene", "product", "filter", "n", "did", "language"];

/// Entries of a list when nobody says: what a screen shows of two lists beside each other.
const LENGTH: usize = 6;
pub(super) const LENGTH_MAX: usize = 50;

/// Products and supposed events that are taken: an address is not much longer.
pub(super) const PRODUCTS_MAX: usize = 50;
pub(super) const DID_MAX: usize = 20;

/// What may be supposed, as addresses say it.
pub(super) const DEEDS: [(&str, Deed); 3] =
    [("viewed", Deed::Viewed), ("carted", Deed::Carted), ("bought", Deed::Bought)];

/// What the page was asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Form {
    /// Whose lists; empty for a stranger, `None` while nobody was chosen.
    pub(super) customer: Option<String>,
    /// Which scene; `None` for all.
    pub(super) scene: Option<Scene>,
    /// What the page of a product, the cart or the search is about.
    pub(super) products: Vec<String>,
    /// What may stand in the lists.
    pub(super) filter: String,
    /// The length; `None` for the usual one.
    pub(super) n: Option<usize>,
    /// What the customer is supposed to have done, the newest last.
    pub(super) did: Vec<(Deed, String)>,
    /// The language; `None` for that of the browser.
    pub(super) language: Option<Language>,
}

impl Form {
    /// Reads an address. What cannot be read is left out and said.
    pub(super) fn read(query: &Query) -> (Self, Vec<Words>) {
        let mut wrong = Vec::new();
        let mut form = Self {
            customer: query.text("customer").map(|text| text.trim().to_owned()),
            filter: query.text("filter").map(|text| text.trim().to_owned()).unwrap_or_default(),
            language: match query.text("language") {
                Some("zh") => Some(Language::Zh),
                Some("en") => Some(Language::En),
                _ => None,
            },
            ..Self::default()
        };
        let scene = query.text("scene").filter(|text| !text.is_empty());
        form.scene = scene.and_then(Scene::from_name);
        if let (Some(name), None) = (scene, form.scene) {
            let values = [("name", Words::data(name))];
            wrong.push(say(
                "There is no scene “{name}”: all are shown.",
                "没有名为“{name}”的场景，以下显示全部场景。",
                &values,
            ));
        }
        let n = query.text("n").map(str::trim).filter(|text| !text.is_empty());
        form.n = n.and_then(|text| text.parse().ok()).filter(|n| (1..=LENGTH_MAX).contains(n));
        if let (Some(text), None) = (n, form.n) {
            let most = Words::data(&LENGTH_MAX.to_string());
            let values = [("text", Words::data(text)), ("most", most)];
            wrong.push(say(
                "A list has 1 to {most} entries, not “{text}”.",
                "每个列表可显示1到{most}件商品，“{text}”不在此范围内。",
                &values,
            ));
        }
        let products = query.texts("product").into_iter().map(|id| id.trim().to_owned());
        form.products = products.filter(|id| !id.is_empty()).take(PRODUCTS_MAX).collect();
        for text in query.texts("did").iter().take(DID_MAX) {
            match supposed(text) {
                Some(did) => form.did.push(did),
                None => wrong.push(say(
                    "“{text}” is nothing that can be supposed: it is written \
                     <code>viewed:PRODUCT</code>, <code>carted:PRODUCT</code> or \
                     <code>bought:PRODUCT</code>.",
                    "无法识别假设的行为“{text}”，应写成<code>viewed:商品编号</code>、\
                     <code>carted:商品编号</code>或<code>bought:商品编号</code>。",
                    &[("text", Words::data(text))],
                )),
            }
        }
        (form, wrong)
    }

    /// Returns the length of the lists.
    pub(super) fn length(&self) -> usize {
        self.n.unwrap_or(LENGTH)
    }

    /// Returns the address that asks the same.
    pub(super) fn address(&self) -> String {
        let mut query = Serializer::for_suffix(format!("{PATH}?"), PATH.len() + 1);
        if let Some(customer) = &self.customer {
            query.append_pair("customer", customer);
        }
        if let Some(scene) = self.scene {
            query.append_pair("scene", scene.name());
        }
        for product in &self.products {
            query.append_pair("product", product);
        }
        if !self.filter.is_empty() {
            query.append_pair("filter", &self.filter);
        }
        if let Some(n) = self.n {
            query.append_pair("n", &n.to_string());
        }
        for (deed, product) in &self.did {
            query.append_pair("did", &written(*deed, product));
        }
        if let Some(language) = self.language {
            query.append_pair("language", language.name());
        }
        query.finish()
    }

    /// Returns the form with one more supposed event.
    pub(super) fn and(&self, deed: Deed, product: &str) -> Self {
        let mut form = self.clone();
        form.did.push((deed, product.to_owned()));
        form
    }

    /// Returns the form without one of the supposed events.
    pub(super) fn without(&self, at: usize) -> Self {
        let mut form = self.clone();
        form.did.remove(at);
        form
    }
}

/// Returns a supposed event as addresses carry it.
pub(super) fn written(deed: Deed, product: &str) -> String {
    let name = DEEDS.iter().find(|(_, own)| *own == deed).map_or("", |(name, _)| name);
    format!("{name}:{product}")
}

fn supposed(text: &str) -> Option<(Deed, String)> {
    let (name, product) = text.split_once(':')?;
    let deed = DEEDS.iter().find(|(own, _)| *own == name).map(|(_, deed)| *deed)?;
    (!product.is_empty()).then(|| (deed, product.to_owned()))
}

/// Returns the first language that a browser asks for and the page speaks.
pub(super) fn asked(headers: &HeaderMap) -> Language {
    let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let speaks = |part: &str| {
        let tag = part.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match tag.split('-').next() {
            Some("zh") => Some(Language::Zh),
            Some("en") => Some(Language::En),
            _ => None,
        }
    };
    asked.unwrap_or_default().split(',').find_map(speaks).unwrap_or(Language::En)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> (Form, Vec<Words>) {
        let uri = format!("/try?{query}").parse().unwrap();
        Form::read(&Query::read(&uri, PARAMETERS).unwrap())
    }

    #[test]
    fn an_address_is_read_as_it_was_written() {
        let form = Form {
            customer: Some("a&b=\"<张三>".to_owned()),
            scene: Some(Scene::WinBack),
            products: vec!["p 1".to_owned(), "p&2".to_owned()],
            filter: "price < 50 and not bought".to_owned(),
            n: Some(9),
            did: vec![(Deed::Viewed, "a:b".to_owned()), (Deed::Bought, "茶".to_owned())],
            language: Some(Language::Zh),
        };
        let address = form.address();
        let (again, wrong) = read(address.split_once('?').unwrap().1);
        assert_eq!((again, wrong.len()), (form.clone(), 0));
        assert_eq!(form.and(Deed::Carted, "x").without(2), form);
    }

    #[test]
    fn what_cannot_be_read_is_said_and_left_out() {
        let (form, wrong) = read("scene=nowhere&n=0&did=stole:p1&did=bought:&did=viewed:p2");
        assert_eq!(wrong.len(), 4);
        assert_eq!((form.scene, form.n), (None, None));
        assert_eq!(form.did, [(Deed::Viewed, "p2".to_owned())]);
        assert_eq!(read("").0, Form::default());
    }

    #[test]
    fn the_browser_says_which_language() {
        let mut headers = HeaderMap::new();
        assert_eq!(asked(&headers), Language::En);
        for (value, language) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Zh),
            ("de, en;q=0.7, zh;q=0.3", Language::En),
            ("ZH", Language::Zh),
            ("fr", Language::En),
        ] {
            headers.insert(header::ACCEPT_LANGUAGE, value.parse().unwrap());
            assert_eq!(asked(&headers), language, "{value}");
        }
    }
}
