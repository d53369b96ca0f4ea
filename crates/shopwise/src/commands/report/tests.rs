//! The page as a reader and a browser take it.

use std::path::Path;

use shopwise_model::event::{Event, EventKind, Events};
use shopwise_model::tables::{EVENTS, REFUSED};
use shopwise_model::{Product, Settings};
use shopwise_stages::{STAGES, Shop, Work};

use super::contents::Contents;
use super::{Language, page};
use crate::commands::{init, open};

/// The sections, in order.
const SECTIONS: [&str; 15] = [
    "headline",
    "revenue",
    "funnel",
    "segments",
    "value",
    "outlook",
    "tastes",
    "silhouette",
    "products",
    "recommendations",
    "adverts",
    "campaigns",
    "policies",
    "quality",
    "machine",
];

/// A title that would end a script, open a tag and fill a template if it were let through.
const TITLE: &str = "</script><img src=x onerror=alert(1)> \"{orders}\" & 'co'";

const DAY: i64 = 86_400_000_000;
/// 2024-03-01, noon in London.
const START: i64 = 1_709_294_400_000_000;

fn shop(folder: &Path) -> Shop {
    let settings = Settings {
        name: TITLE.to_owned(),
        currency: "GBP".to_owned(),
        time_zone: "Europe/London".to_owned(),
        ..Settings::default()
    };
    init::make(folder, &settings, [7; 32]).unwrap();
    open::open(folder).unwrap()
}

/// Returns the page without the drawing program.
fn written(shop: &Shop) -> String {
    let contents = Contents::gather(shop, Language::En, START + 100 * DAY).unwrap();
    let page = page::render(&contents);
    let (before, library) = page.split_once("<script type=\"text/javascript\">").unwrap();
    let (library, after) = library.split_once("</script>").unwrap();
    assert!(library.contains("plotly.js v") && library.len() > 1 << 20);
    format!("{before}{after}")
}

/// Returns a page's text without tags, in English.
fn english(page: &str) -> String {
    let mut text = String::new();
    let mut rest = page;
    while let Some((before, behind)) = rest.split_once('<') {
        text.push_str(before);
        rest = behind.split_once('>').map_or("", |(_, after)| after);
        if behind.starts_with("span class=zh") {
            rest = rest.split_once("</span>").map_or("", |(_, after)| after);
        }
    }
    text
}

/// Thirty customers order every third day: product `p1` for 10.00 twice; every tenth order comes
/// back. Visits look at the product and put it into the cart first.
fn fill(shop: &Shop) {
    let mut events = Events::default();
    let mut number = 0_u128;
    let mut push = |event: Event<'_>| {
        number += 1;
        events.push(&Event { event_id: number.to_be_bytes(), ..event });
    };
    for order in 0..300_i64 {
        let customer = format!("c{:02}", order % 30);
        let name = format!("o{order}");
        let at = START + order / 5 * DAY + order % 5 * 3_600_000_000;
        let base = |kind, at| Event {
            customer: Some(&customer),
            product: Some("p1"),
            quantity: 2,
            unit_price: 10_000_000,
            amount: 20_000_000,
            currency: Some("GBP"),
            ..Event::new("test", kind, at)
        };
        push(base(EventKind::ProductViewed, at));
        push(base(EventKind::ProductAdded, at + 60_000_000));
        let placed = base(EventKind::OrderCompleted, at + 120_000_000);
        push(Event { order: Some(&name), ..placed });
        if order % 10 == 0 {
            let back = base(EventKind::OrderRefunded, at + 180_000_000);
            push(Event { order: Some(&name), ..back });
        }
    }
    let mut append = shop.lake.append(&EVENTS).unwrap();
    append.write(&events.into_frame()).unwrap();
    append.commit(None).unwrap();
    shop.lake.append(&REFUSED).unwrap().commit(None).unwrap();
    let product = Product { id: "p1".to_owned(), title: TITLE.to_owned(), ..Product::default() };
    shop.ledger.upsert_products(&[product], START).unwrap();
    for stage in STAGES {
        (stage.run)(&Work { shop, now: START, progress: &|_| {} }).unwrap();
    }
}

fn check_whole(page: &str) {
    let mut rest = page;
    for section in SECTIONS {
        let behind = rest.split_once(&format!("<section id=\"{section}\""));
        rest = behind.unwrap_or_else(|| panic!("no section `{section}`, or out of order")).1;
    }
    let count = |what: &str| page.matches(what).count();
    assert!(count("<span class=en ") > 30);
    assert_eq!(count("<span class=en "), count("<span class=zh "));
    assert!(!page.contains("<img") && !page.contains("src=\"http"));
    assert_eq!(count("</script>"), 1, "only the page's own script ends");
    for unfilled in ["{orders}</", "{{", "NaN", ">inf<"] {
        assert!(!page.replace(&super::words::escape(TITLE), "").contains(unfilled), "{unfilled}");
    }
}

#[test]
fn an_empty_shop_says_how_to_begin() {
    let folder = tempfile::tempdir().unwrap();
    let page = written(&shop(folder.path()));
    check_whole(&page);
    assert_eq!(page.matches("class=missing").count(), SECTIONS.len());
    assert!(page.contains("shopwise import --format csv"));
    assert!(page.contains("const figures = [];"));
}

#[test]
fn a_small_shop_has_every_section_and_headline_numbers_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    fill(&shop);
    let page = written(&shop);
    check_whole(&page);
    let text = english(&page);
    // 300 orders of 20.00; thirty of them came back; sixty days.
    for expected in [
        "From 2024-03-01 to 2024-04-29, 30 known customers made 300 orders worth £6,000",
        "£20.00 each",
        "10\u{202f}% of that came back",
        "Of 100 visits 100.0 go all the way to an order",
        "bring 80 %",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    // 28 days of five orders: 140 against 140.
    assert!(page.contains("<td class=number>140</td><td class=number>140</td>"));
    assert!(page.contains(&super::words::escape(TITLE)));
}
