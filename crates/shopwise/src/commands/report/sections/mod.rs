//! The questions of the page, one a file, in the order in which they are asked.

mod adverts;
mod campaigns;
mod funnel;
mod headline;
mod machine;
mod outlook;
mod policies;
mod products;
mod quality;
mod recommendations;
mod revenue;
mod segments;
mod silhouette;
mod tastes;
mod value;

use serde_json::Value;

use super::contents::Contents;
use super::number;
use super::reasons;
use super::section::Section;
use super::words::{Words, say};

/// Returns every section in order.
pub(super) fn all(contents: &Contents) -> Vec<Section> {
    let mut sections = vec![headline::section(contents)];
    sections.push(revenue::section(contents));
    sections.push(funnel::section(contents));
    sections.push(segments::section(contents));
    sections.push(value::section(contents));
    sections.push(outlook::section(contents));
    sections.push(tastes::section(contents));
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
        "执行<code>shopwise run {stage}</code>即可得到。",
        &[("stage", Words::data(stage))],
    );
    match contents.skipped(stage) {
        None => how,
        Some(why) => how.and(&say(
            " The last time it had nothing to do: {why}.",
            "上次未执行，原因：{why}。",
            &[("why", reasons::words(why))],
        )),
    }
}

/// Returns why a model was published or not, by its comparisons.
fn verdict(verdict: &Value) -> Words {
    let comparisons = verdict["comparisons"].as_array().map_or(&[][..], Vec::as_slice);
    if comparisons.is_empty() {
        return match verdict["publish"].as_bool() {
            Some(true) => Words::new("a simple model that can always serve", "简单模型，随时可用"),
            Some(false) => Words::new("there was nobody to judge by", "没有可供评估的客户"),
            None => Words::data("–"),
        };
    }
    let is_passed = |one: &&Value| one["passed"] == Value::Bool(true);
    let Some(failed) = comparisons.iter().find(|one| !is_passed(one)) else {
        return Words::new(
            "better than every baseline, and not worse than what served before, if anything did",
            "优于所有基线，且不逊于此前在用的模型（如有）",
        );
    };
    let float = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let text = |value: &Value| Words::data(&number::decimals(float(value), 4));
    let difference = &failed["difference"];
    let values = [
        ("with", Words::data(failed["with"].as_str().unwrap_or("–"))),
        ("own", text(&failed["candidate"])),
        ("other", text(&failed["other"])),
        ("low", text(&difference["low"])),
        ("high", text(&difference["high"])),
    ];
    if float(&difference["high"]) < 0.0 {
        return say(
            "worse than <code>{with}</code>: {own} against {other}, difference {low} to {high}",
            "不如<code>{with}</code>：{own}对{other}，差值{low}至{high}",
            &values,
        );
    }
    say(
        "not surely better than <code>{with}</code>: {own} against {other}, difference {low} to \
         {high} (95 %)",
        "未能显著优于<code>{with}</code>：{own}对{other}，差值{low}至{high}（95%区间）",
        &values,
    )
}

/// Returns where the numbers of a picture come from.
fn source(table: &str, cases: Words, what: Words) -> Words {
    say(
        "Source: table <code>{table}</code>; {cases} {what}.",
        "来源：表<code>{table}</code>，共{cases}{what}。",
        &[("table", Words::data(table)), ("cases", cases), ("what", what)],
    )
}
