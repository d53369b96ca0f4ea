//! The page itself: sections in order, the script with the pictures, and the drawing program.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::contents::Contents;
use super::number::moment;
use super::section::{Block, Section};
use super::sections;
use super::words::{Words, escape, say};
use crate::page::STYLE as BASE;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Returns the whole page.
pub(super) fn render(contents: &Contents) -> String {
    let sections = sections::all(contents);
    let mut parts: Vec<(&str, String)> = vec![
        ("language", contents.language.name().to_owned()),
        ("title", escape(&contents.settings.name)),
        ("style", [BASE, STYLE].concat()),
        ("contents", list_of(&sections)),
        ("body", sections.iter().map(html).collect()),
        ("written", written(contents).html()),
        ("figures", figures(&sections)),
        ("script", SCRIPT.to_owned()),
        ("library", library()),
    ];
    // The largest part last, and each once: nothing in a part is taken for a place.
    let mut page = String::with_capacity(6 << 20);
    let mut rest = PAGE;
    while let Some((before, behind)) = rest.split_once("{{") {
        page.push_str(before);
        let (name, after) = behind.split_once("}}").unwrap_or((behind, ""));
        if let Some((_, part)) = parts.iter_mut().find(|(own, _)| *own == name) {
            page.push_str(part);
        }
        rest = after;
    }
    page.push_str(rest);
    page
}

/// Returns the script of the drawing program alone: what comes behind it sets formulas, which the
/// page has none of.
fn library() -> String {
    const END: &str = "</script>";
    let sources = plotly::Plot::offline_js_sources();
    match sources.split_once(END) {
        Some((library, _)) => format!("{library}{END}"),
        None => sources,
    }
}

fn list_of(sections: &[Section]) -> String {
    let mut list = String::new();
    for section in sections {
        let (id, name) = (section.id, section.name.html());
        list += &format!("<li><a href=\"#{id}\">{name}</a></li>\n");
    }
    list
}

fn written(contents: &Contents) -> Words {
    let when = moment(contents.written_at, &contents.days.zone);
    say(
        "Written {when}, times in {zone}. Money in {currency}. Everything here was worked out \
         from the shop’s own folder; the page asks nothing of the network.",
        "生成于{when}，时间均为{zone}时区，金额单位为{currency}。\
         所有数字都由店铺自己的数据算出，本页不访问网络。",
        &[
            ("when", Words::data(&when)),
            ("zone", Words::data(&contents.settings.time_zone)),
            ("currency", Words::data(&contents.settings.currency)),
        ],
    )
}

fn html(section: &Section) -> String {
    let mut html = format!(
        "<section id=\"{id}\" aria-labelledby=\"{id}-question\">\n\
         <h2 id=\"{id}-question\">{}</h2>\n",
        section.question.html(),
        id = section.id
    );
    if !section.answer.en.is_empty() {
        html += &format!("<p class=answer>{}</p>\n", section.answer.html());
    }
    section.blocks.iter().for_each(|block| html += &block_html(block));
    if let Some(advice) = &section.advice {
        let todo = Words::new("What to do", "怎么做").html();
        html += &format!("<p class=advice><strong>{todo}</strong> {}</p>\n", advice.html());
    }
    html + "</section>\n"
}

fn block_html(block: &Block) -> String {
    match block {
        Block::Table(table) => table.html(),
        Block::Note(words) => format!("<p class=note>{}</p>\n", words.html()),
        Block::Missing(what, how) => {
            format!("<div class=missing><p>{}</p>\n<p>{}</p></div>\n", what.html(), how.html())
        }
        Block::Tiles(tiles) => {
            let mut html = String::from("<dl class=tiles>\n");
            for [what, figure, change] in tiles {
                html += &format!(
                    "<div><dt>{}</dt><dd class=large>{}</dd><dd>{}</dd></div>\n",
                    what.html(),
                    figure.html(),
                    change.html()
                );
            }
            html + "</dl>\n"
        }
        Block::Lists(lists) => {
            let mut html = String::from("<div class=beside>\n");
            for (heading, entries) in lists {
                html += &format!("<div class=list><h3>{}</h3><ol>\n", heading.html());
                for entry in entries {
                    html += &format!("<li>{}</li>\n", entry.html());
                }
                html += "</ol></div>\n";
            }
            html + "</div>\n"
        }
        Block::Figures(figures) => {
            let class = if figures.len() > 1 { "beside" } else { "alone" };
            let mut html = format!("<div class={class}>\n");
            for figure in figures {
                write!(
                    html,
                    "<figure><h3 id=\"{id}-title\">{title}</h3><p class=subtitle>{subtitle}</p>\n\
                     <div class=scroll><div class=chart id=\"{id}\" tabindex=0 role=img \
                     style=\"height:{height}px;min-width:{width}px\" \
                     aria-labelledby=\"{id}-title\"></div></div>\n\
                     <figcaption>{source}</figcaption></figure>\n",
                    id = figure.id,
                    title = figure.title.html(),
                    subtitle = figure.subtitle.html(),
                    height = figure.height,
                    width = figure.width_min,
                    source = figure.source.html(),
                )
                .expect("writing to a string does not fail");
            }
            html + "</div>\n"
        }
    }
}

fn figures(sections: &[Section]) -> String {
    let mut all: Vec<Value> = Vec::new();
    for section in sections {
        for block in &section.blocks {
            if let Block::Figures(figures) = block {
                for figure in figures {
                    let (id, data, layout) = (figure.id, &figure.data, &figure.layout);
                    all.push(json!({ "id": id, "data": data, "layout": layout }));
                }
            }
        }
    }
    // `</script>` inside a title would end the script; the two separators end a line in old ones.
    json!(all)
        .to_string()
        .replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}
