//! The page on which to be any customer, as a browser asks for it.

use serde_json::json;

use super::recommend::Learned;
use super::server::{Answer, Server, ShopFolder, base64};

/// Asks as a browser does that was told the administrator's token as the user's name.
fn get(server: &Server, shop: &ShopFolder, query: &str, language: &str) -> Answer {
    let token = base64(&format!("{}:", shop.token().trim()));
    let headers = format!("Authorization: Basic {token}\r\nAccept-Language: {language}\r\n");
    server.get(&format!("/try{query}"), &headers)
}

fn page(server: &Server, shop: &ShopFolder, query: &str, language: &str) -> String {
    let answer = get(server, shop, query, language);
    let page = String::from_utf8(answer.body).unwrap();
    assert_eq!(answer.status, 200, "{query}: {page}");
    assert!(answer.head.contains("content-type: text/html; charset=utf-8"), "{}", answer.head);
    assert!(answer.head.contains("content-security-policy: default-src 'none'"));
    assert!(answer.head.contains("cache-control: no-store"));
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");
    page
}

/// Returns the products of a page's own list of the first scene, in their order.
fn listed(page: &str) -> Vec<String> {
    let list = page.split("<ol class=entries>").nth(1).unwrap().split("</ol>").next().unwrap();
    let titled = list.split("<strong title=\"").skip(1);
    titled.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn a_marketer_is_any_customer_and_supposes_what_he_does() {
    let learned = Learned::new();
    let (server, shop) = (&learned.server, &learned.shop);
    let all = page(server, shop, "?customer=c1&n=4", "en");
    for scene in ["home", "product", "cart", "search", "win-back", "e-mail"] {
        assert!(all.contains(&format!("<section id=\"{scene}\"")), "{scene}");
    }
    let before = page(server, shop, "?customer=nobody&scene=home", "en");
    assert!(before.contains("Nothing is known of this customer") && !before.contains("▲"));
    let supposed = "?customer=nobody&scene=home&did=viewed:p0100&did=carted:p0101";
    let after = page(server, shop, supposed, "en");
    assert_ne!(listed(&before), listed(&after));
    assert!(after.contains("★ new") && after.contains("No longer there: "), "{after}");
    assert!(after.contains("because he looked at “"), "{after}");
    // Nothing of it is stored.
    let again = page(server, shop, "?customer=nobody&scene=home", "en");
    assert_eq!(listed(&before), listed(&again));
    let chinese = page(server, shop, supposed, "zh-CN,zh;q=0.9,en;q=0.8");
    assert_eq!(listed(&after), listed(&chinese));
    assert!(chinese.contains("因为浏览过或加购过“") && !chinese.contains("because he"));
    let choice = page(server, shop, "", "en");
    let first = choice.split("/try?customer=").nth(1).unwrap().split('"').next().unwrap();
    let known = page(server, shop, &format!("?customer={first}&scene=home"), "en");
    assert!(known.contains("<dl class=tiles>") && !known.contains("Nothing is known"), "{known}");
    hostile_words_stay_text(&learned);
    assert!(!server.log().contains("\"a request failed\""), "{}", server.log());
    learned.server.stop();
}

fn hostile_words_stay_text(learned: &Learned) {
    let (server, shop) = (&learned.server, &learned.shop);
    let title = "<img src=x onerror=alert(1)>\"'";
    learned.product("PUT", "evil", &json!({ "title": title, "price": 1 }));
    let query = "?customer=%22%3E%3Cscript%3E&did=viewed:evil&product=evil&\
                 filter=price%20%3C%3C%203&scene=%3Cb%3E&n=0";
    let page = page(server, shop, query, "en");
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<b>"));
    assert!(page.contains("&lt;img src=x") && page.contains("There is no scene “&lt;b&gt;”"));
    assert!(page.contains("The filter cannot be read from character") && page.contains('^'));
    assert_eq!(get(server, shop, "?colour=red", "en").status, 400);
}

#[test]
fn a_shop_without_anything_says_what_to_do_and_a_browser_is_asked_for_the_token() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    let refused = server.get("/try", "");
    assert_eq!(refused.status, 401);
    assert!(refused.head.contains("www-authenticate: basic realm=\"shopwise\""));
    let elsewhere = server.get("/metrics", "");
    assert!(elsewhere.status == 401 && !elsewhere.head.contains("www-authenticate"));
    assert!(page(&server, &shop, "", "zh").contains("还没有客户来过"));
    let empty = page(&server, &shop, "?customer=", "en");
    assert!(empty.contains("shopwise import --format products"), "{empty}");
    server.stop();
}
