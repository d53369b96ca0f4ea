//! The tables behind the pictures.

use std::fmt::Write as _;

use super::words::{Words, escape, say};

/// From so many rows on a table scrolls inside its own box.
const ROWS_OPEN: usize = 14;

/// What stands above a column.
#[derive(Debug, Clone)]
pub(super) struct Head {
    words: Words,
    is_number: bool,
}

/// Returns the head of a column of words.
pub(super) fn text(en: &str, zh: &str) -> Head {
    Head { words: Words::new(en, zh), is_number: false }
}

/// Returns the head of a column of numbers, which stand right.
pub(super) fn number(en: &str, zh: &str) -> Head {
    Head { words: Words::new(en, zh), is_number: true }
}

/// Returns the head of a column of amounts in a currency.
pub(super) fn money(en: &str, zh: &str, currency: &str) -> Head {
    let unit = escape(currency);
    Head {
        words: Words { en: format!("{en} ({unit})"), zh: format!("{zh}（{unit}）") },
        is_number: true,
    }
}

/// A table; rows are cells of HTML.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// The picture whose numbers it holds, or a name of its own.
    pub(super) id: &'static str,
    caption: Words,
    head: Vec<Head>,
    rows: Vec<Vec<Words>>,
}

impl Table {
    /// Returns a table without rows.
    pub(super) fn new(id: &'static str, caption: Words, head: Vec<Head>) -> Self {
        Self { id, caption, head, rows: Vec::new() }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: Vec<Words>) {
        debug_assert_eq!(cells.len(), self.head.len(), "one cell for each column");
        self.rows.push(cells);
    }

    /// Returns the table as HTML; a row carries its number, by which pictures find it.
    pub(super) fn html(&self) -> String {
        let is_long = self.rows.len() > ROWS_OPEN;
        let class = if is_long { "wide long" } else { "wide" };
        let rows = [("rows", Words::data(&self.rows.len().to_string()))];
        let scrolls = say(" ({rows} rows, scroll)", "（共{rows}行，可滚动）", &rows);
        let caption = if is_long { self.caption.and(&scrolls) } else { self.caption.clone() };
        let caption = caption.html();
        let mut html = format!(
            "<p class=caption id=\"{id}-caption\">{caption}</p>\
             <div class=\"{class}\" role=region tabindex=0 aria-labelledby=\"{id}-caption\">\
             <table id=\"{id}-table\" aria-labelledby=\"{id}-caption\"><thead><tr>",
            id = self.id
        );
        let mut add = |piece: std::fmt::Arguments<'_>| {
            html.write_fmt(piece).expect("writing to a string does not fail");
        };
        for head in &self.head {
            add(format_args!("<th scope=col{}>{}</th>", class_of(head), head.words.html()));
        }
        add(format_args!("</tr></thead><tbody>"));
        for row in &self.rows {
            add(format_args!("<tr>"));
            for (cell, head) in row.iter().zip(&self.head) {
                add(format_args!("<td{}>{}</td>", class_of(head), cell.html()));
            }
            add(format_args!("</tr>"));
        }
        add(format_args!("</tbody></table></div>\n"));
        html
    }
}

fn class_of(head: &Head) -> &'static str {
    if head.is_number { " class=number" } else { "" }
}
