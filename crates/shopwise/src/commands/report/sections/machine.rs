//! What serves, since when, and what was done?

use shopwise_store::ledger::{Model, Run};

use super::super::contents::Contents;
use super::super::number;
use super::super::number::moment;
use super::super::reasons;
use super::super::section::{Block, Section};
use super::super::table::{self, Table};
use super::super::words::{Words, say};

/// Runs that the page lists.
const RUNS_LISTED: usize = 12;

/// How the states of runs are called.
const STATES: &[(&str, &str, &str)] = &[
    ("done", "✓ done", "✓ 完成"),
    ("skipped", "– nothing to do", "– 未执行"),
    ("failed", "✗ failed", "✗ 失败"),
    ("running", "… running", "… 运行中"),
    ("interrupted", "✗ interrupted", "✗ 中断"),
];

pub(super) fn section(contents: &Contents) -> Section {
    let question = Words::new("What serves, and what was done?", "哪些模型在用，做过哪些运行？");
    let name = Words::new("Models and runs", "模型与运行");
    if contents.runs.is_empty() && contents.models.is_empty() {
        let answer = Words::new("Nothing has run yet.", "还没有运行过。");
        return Section::new("machine", name, question, answer).missing(Words::new(
            "<code>shopwise run</code> runs the whole loop: it prepares, profiles, recommends, \
             advertises and takes feedback in.",
            "执行<code>shopwise run</code>完成整个循环：整理数据、客户画像、推荐、广告、反馈。",
        ));
    }
    let mut section = Section::new("machine", name, question, answer(contents));
    if !contents.models.is_empty() {
        section = section.with(Block::Table(models_table(contents)));
    }
    section.with(Block::Table(runs_table(contents))).advice(Words::new(
        "<code>shopwise models rollback NAME</code> lets the version before serve again; run \
         <code>shopwise run</code> once a day, at night.",
        "<code>shopwise models rollback NAME</code>可退回上一版模型；建议每天夜间执行一次 \
         <code>shopwise run</code>。",
    ))
}

fn serving(contents: &Contents) -> Vec<&Model> {
    contents.models.iter().filter(|model| model.serving).collect()
}

fn answer(contents: &Contents) -> Words {
    let failed = contents.runs.iter().take(RUNS_LISTED).filter(|run| has_failed(run)).count();
    let newest = contents.runs.first().map_or(0, |run| run.started_at);
    let zone = &contents.days.zone;
    let when = if newest == 0 { "–".to_owned() } else { moment(newest, zone) };
    let values = [
        ("models", Words::data(&serving(contents).len().to_string())),
        ("when", Words::data(&when)),
        ("failed", Words::data(&failed.to_string())),
    ];
    if failed == 0 {
        return say(
            "{models} models serve; the last run began {when}, and no recent one failed.",
            "{models}个模型在用；最近一次运行始于{when}，近期没有失败。",
            &values,
        );
    }
    say(
        "{models} models serve; the last run began {when}; {failed} of the recent ones failed.",
        "{models}个模型在用；最近一次运行始于{when}，近期有{failed}次失败。",
        &values,
    )
}

fn has_failed(run: &Run) -> bool {
    matches!(run.status.as_str(), "failed" | "interrupted")
}

fn models_table(contents: &Contents) -> Table {
    let mut table = Table::new(
        "models",
        Words::new(
            "Models that serve, and newer ones that do not",
            "在用的模型，以及未采用的更新版本",
        ),
        vec![
            table::text("Model", "模型"),
            table::number("Version", "版本"),
            table::text("State", "状态"),
            table::text("Made", "生成时间"),
            table::text("Verdict", "判定"),
        ],
    );
    let zone = &contents.days.zone;
    for model in &contents.models {
        let is_newest = contents
            .models
            .iter()
            .filter(|other| other.name == model.name)
            .all(|other| other.version <= model.version);
        if !model.serving && !is_newest {
            continue;
        }
        let state = if model.serving {
            Words::new("✓ serves", "✓ 在用")
        } else {
            Words::new("– does not serve", "– 未采用")
        };
        table.row(vec![
            say(
                "<code>{name}</code>",
                "<code>{name}</code>",
                &[("name", Words::data(&model.name))],
            ),
            Words::data(&model.version.to_string()),
            state,
            Words::data(&moment(model.created_at, zone)),
            say(
                "<span class=words>{why}</span>",
                "<span class=words>{why}</span>",
                &[("why", super::verdict(&model.manifest["verdict"]))],
            ),
        ]);
    }
    table
}

fn runs_table(contents: &Contents) -> Table {
    let mut table = Table::new(
        "runs",
        Words::new("The newest runs", "最近的运行"),
        vec![
            table::text("Started", "开始时间"),
            table::text("Stage", "阶段"),
            table::text("State", "状态"),
            table::number("Rows read", "读入行数"),
            table::number("Rows written", "写出行数"),
            table::number("Seconds", "秒"),
        ],
    );
    for run in contents.runs.iter().take(RUNS_LISTED) {
        let state = match STATES.iter().find(|(own, ..)| *own == run.status) {
            Some((_, en, zh)) => Words::new(en, zh),
            None => Words::data(&run.status),
        };
        let state = match run.metrics["skipped"].as_str() {
            None => state,
            Some(why) => state.and(&say(
                "<span class=words>{why}</span>",
                "<span class=words>{why}</span>",
                &[("why", reasons::words(why))],
            )),
        };
        table.row(vec![
            Words::data(&moment(run.started_at, &contents.days.zone)),
            say("<code>{name}</code>", "<code>{name}</code>", &[("name", Words::data(&run.stage))]),
            state,
            Words::data(&number::exact(run.rows_read as f64)),
            Words::data(&number::exact(run.rows_written as f64)),
            Words::data(&number::decimals(run.seconds, 2)),
        ]);
    }
    table
}
