//! What do customers turn to? The categories and brands that set them apart.

use super::super::cells::Cells;
use super::super::contents::Contents;
use super::super::number;
use super::super::section::{Block, Section};
use super::super::table::{self, Table};
use super::super::words::{Words, say};

pub(super) fn section(contents: &Contents) -> Section {
    let question = Words::new("What do customers turn to?", "客户偏爱什么？");
    let name = Words::new("Tastes", "偏好标签");
    let cells = Cells(&contents.tags);
    if cells.rows() == 0 {
        let answer = Words::new("No tastes are known yet.", "还没有偏好标签。");
        let how = Words::new(
            "Import products with their categories and brands, then run \
             <code>shopwise run prepare</code>.",
            "导入带有类目与品牌的商品，然后执行<code>shopwise run prepare</code>。",
        );
        return Section::new("tastes", name, question, answer).missing(how);
    }
    let answer = say(
        "{customers} customers turn to {kind} “{name}” more than others do: {share} of their \
         interest on average, {lift} times everybody’s.",
        "{customers}位客户特别偏爱{kind}“{name}”：平均占其兴趣的{share}，是总体的{lift}倍。",
        &[
            ("customers", number::count(cells.count("customers", 0))),
            ("kind", kind(cells.text("kind", 0))),
            ("name", Words::data(cells.text("name", 0))),
            ("share", number::fixed_percent(cells.float("share", 0), 0)),
            ("lift", Words::data(&number::decimals(cells.float("lift", 0), 1))),
        ],
    );
    Section::new("tastes", name, question, answer).with(Block::Table(table(cells))).advice(
        Words::new(
            "<code>shopwise tags why CUSTOMER TAG</code> lists the events that made a tag; \
             <code>shopwise tags delete CUSTOMER TAG</code> takes it off for good.",
            "<code>shopwise tags why CUSTOMER TAG</code>列出产生该标签的事件；\
             <code>shopwise tags delete CUSTOMER TAG</code>永久删除该标签。",
        ),
    )
}

fn kind(kind: &str) -> Words {
    match kind {
        "category" => Words::new("the category", "类目"),
        "brand" => Words::new("the brand", "品牌"),
        other => Words::data(other),
    }
}

fn table(cells: Cells<'_>) -> Table {
    let mut table = Table::new(
        "tastes-table",
        Words::new("The commonest tastes", "最常见的偏好"),
        vec![
            table::text("Tag", "标签"),
            table::number("Customers", "客户数"),
            table::number("Share of their interest, mean", "平均兴趣占比"),
            table::number("Times everybody’s", "相对总体倍数"),
        ],
    );
    for row in 0..cells.rows() {
        table.row(vec![
            Words::data(cells.text("tag", row)),
            Words::data(&number::exact(cells.count("customers", row))),
            number::fixed_percent(cells.float("share", row), 1),
            Words::data(&number::decimals(cells.float("lift", row), 1)),
        ]);
    }
    table
}
