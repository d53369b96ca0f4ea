//! The questions of the page, one a file, in the order in which they are asked.

mod adverts;
mod campaigns;
mod funnel;
mod headline;
mod machine;
mod policies;
mod products;
mod quality;
mod recommendations;
mod revenue;
mod segments;
mod silhouette;
mod value;

use super::contents::Contents;
use super::section::Section;
use super::words::{Words, say};

/// Returns every section in order.
pub(super) fn all(contents: &Contents) -> Vec<Section> {
    let mut sections = vec![headline::section(contents)];
    sections.push(revenue::section(contents));
    sections.push(funnel::section(contents));
    sections.push(segments::section(contents));
    sections.push(value::section(contents));
    sections.push(silhouette::section(contents));
    sections.push(products::section(contents));
    sections.push(recommendations::section(contents));
    sections.push(adverts::section(contents));
    sections.push(campaigns::section(contents));
    sections.push(policies::section(contents));
    sections.push(quality::section(contents));
    sections.push(machine::section(contents));
    sections
}

/// Returns how to bring what a stage makes, with what its newest run said if it had nothing to do.
fn run_stage(contents: &Contents, stage: &str) -> Words {
    let how = say(
        "<code>shopwise run {stage}</code> makes it.",
        "执行 <code>shopwise run {stage}</code> 即可得到。",
        &[("stage", Words::data(stage))],
    );
    match contents.skipped(stage) {
        None => how,
        Some(why) => how.and(&say(
            " The last time it had nothing to do: {why}.",
            "上次未执行，原因：{why}。",
            &[("why", Words::data(why))],
        )),
    }
}

/// Returns where the numbers of a picture come from.
fn source(table: &str, cases: Words, what: Words) -> Words {
    say(
        "Source: table <code>{table}</code>; {cases} {what}.",
        "来源：表 <code>{table}</code>，共 {cases} {what}。",
        &[("table", Words::data(table)), ("cases", cases), ("what", what)],
    )
}
