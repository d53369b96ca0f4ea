//! How good are the recommendations? Candidates against each other on the newest window, what was
//! published and why, and some lists as customers see them.

use serde_json::{Value, json};
use shopwise_learn::evaluate::binary::Z_95;
use shopwise_stages::recommend;
use shopwise_store::ledger::Model;

use super::super::cells::Cells;
use super::super::chart::{Colour, Figure, axis, whiskers};
use super::super::contents::Contents;
use super::super::number;
use super::super::section::{Block, Section};
use super::super::table::{self, Table};
use super::super::words::{Words, say};

/// By what candidates are chosen.
const MEASURE: &str = "ndcg@10";

/// The columns of the table of candidates: metric and words.
const MEASURES: [(&str, &str, &str); 5] = [
    (MEASURE, "nDCG@10", "nDCG@10"),
    ("recall@10", "Recall@10", "召回率@10"),
    ("hit_rate@10", "Hit rate@10", "命中率@10"),
    ("mrr@10", "MRR@10", "MRR@10"),
    ("coverage@10", "Products shown, of all", "商品覆盖率"),
];

/// A model that ran in the race.
struct Candidate {
    name: String,
    validation: f64,
    test: Value,
}

impl Candidate {
    fn value(&self, measure: &str) -> f64 {
        self.test[measure].as_f64().unwrap_or(f64::NAN)
    }

    fn error(&self, measure: &str) -> f64 {
        self.test["standard_error"][measure].as_f64().unwrap_or(f64::NAN)
    }
}

pub(super) fn section(contents: &Contents) -> Section {
    let question = Words::new("How good are the recommendations?", "推荐得准不准？");
    let name = Words::new("Recommendations", "推荐");
    let Some(model) = newest(contents) else {
        return Section::new("recommendations", name, question, unjudged(contents))
            .missing(super::run_stage(contents, recommend::NAME))
            .with_lists(contents);
    };
    let candidates = candidates(model);
    let chosen = chosen(contents, model, &candidates);
    let section =
        Section::new("recommendations", name, question, answer(model, &candidates, &chosen));
    let section = section
        .with(Block::Figures(vec![figure(model, &candidates, &chosen)]))
        .with(Block::Table(table(&candidates, &chosen)));
    section.with(Block::Note(verdict(model))).with_lists(contents).advice(Words::new(
        "Put the lists on the home page and beside products first, and keep a share of visits on \
         the <code>random</code> or <code>popular</code> policy: only there is seen what \
         recommending brings.",
        "先在首页和商品页展示推荐，并保留一部分访问使用<code>random</code>或 \
         <code>popular</code>策略作对照，才能看出推荐带来的提升。",
    ))
}

/// Returns the newest model that ran in a race.
fn newest(contents: &Contents) -> Option<&Model> {
    let own = |model: &&Model| model.name == recommend::NAME;
    let mut models: Vec<&Model> = contents.models.iter().filter(own).collect();
    models.sort_by_key(|model| -model.version);
    models.into_iter().find(|model| model.metrics["candidates"].is_object())
}

fn unjudged(contents: &Contents) -> Words {
    if Cells(&contents.lists).count("rows", 0) > 0.0 {
        return Words::new(
            "Lists are there, but nobody could judge them: too few customers took something in the \
             newest days. What is popular serves.",
            "已生成推荐列表，但近期有行为的客户太少，无法评估；目前按热门商品推荐。",
        );
    }
    Words::new("There are no recommendations yet.", "还没有推荐。")
}

fn candidates(model: &Model) -> Vec<Candidate> {
    let measured = model.metrics["candidates"].as_object();
    let mut candidates: Vec<Candidate> = measured
        .into_iter()
        .flatten()
        .map(|(name, value)| Candidate {
            name: name.clone(),
            validation: value["validation"][MEASURE].as_f64().unwrap_or(f64::NAN),
            test: value["test"].clone(),
        })
        .collect();
    candidates
        .sort_by(|a, b| b.value(MEASURE).total_cmp(&a.value(MEASURE)).then(a.name.cmp(&b.name)));
    candidates
}

/// Returns the name of the candidate that was chosen: by the validation window alone.
fn chosen(contents: &Contents, model: &Model, candidates: &[Candidate]) -> String {
    let is_of_run = contents
        .models
        .iter()
        .filter(|other| other.name == recommend::NAME)
        .all(|other| other.version <= model.version);
    if let (true, Some(name)) = (is_of_run, contents.parameter(recommend::NAME, "model").as_str()) {
        return name.to_owned();
    }
    let best = candidates.iter().max_by(|a, b| a.validation.total_cmp(&b.validation));
    best.map(|best| best.name.clone()).unwrap_or_default()
}

fn find<'a>(candidates: &'a [Candidate], name: &str) -> Option<&'a Candidate> {
    candidates.iter().find(|candidate| candidate.name == name)
}

fn answer(model: &Model, candidates: &[Candidate], chosen: &str) -> Words {
    let popular = find(candidates, recommend::BASELINE).map_or(f64::NAN, |own| own.value(MEASURE));
    let own = find(candidates, chosen);
    let value = own.map_or(f64::NAN, |own| own.value(MEASURE));
    let hits = own.map_or(f64::NAN, |own| own.value("hit_rate@10"));
    let judges = model.metrics["customers_judged"].as_f64().unwrap_or(0.0);
    say(
        "For {hits} of {judges} customers a list of ten held something that they took in the \
         newest days; <code>{chosen}</code> reaches an nDCG@10 of {value}, what is merely popular \
         {popular}.",
        "在{judges}位客户中，{hits}的人近期所选商品出现在10件推荐里；\
         <code>{chosen}</code>的nDCG@10为{value}，只推热门商品为{popular}。",
        &[
            ("hits", number::percent(hits, judges)),
            ("judges", number::count(judges)),
            ("chosen", Words::data(chosen)),
            ("value", Words::data(&number::decimals(value, 4))),
            ("popular", Words::data(&number::decimals(popular, 4))),
        ],
    )
}

fn figure(model: &Model, candidates: &[Candidate], chosen: &str) -> Figure {
    let values: Vec<f64> = candidates.iter().map(|own| own.value(MEASURE)).collect();
    let error = |own: &Candidate| Z_95 * own.error(MEASURE);
    let low: Vec<f64> = candidates.iter().map(|own| own.value(MEASURE) - error(own)).collect();
    let high: Vec<f64> = candidates.iter().map(|own| own.value(MEASURE) + error(own)).collect();
    let is_chosen = |own: &Candidate| own.name == chosen;
    let colours: Vec<Value> = candidates
        .iter()
        .map(|own| if is_chosen(own) { Colour::Blue.css() } else { Colour::Grey.css() })
        .collect();
    let names: Vec<Words> = candidates
        .iter()
        .map(|own| {
            let name = Words::data(&own.name);
            if is_chosen(own) { name.and(&Words::new(" (chosen)", "（采用）")) } else { name }
        })
        .collect();
    let rows: Vec<usize> = (0..candidates.len()).collect();
    let best = candidates.first().map(|own| own.name.as_str()).unwrap_or_default();
    let window = model.metrics["window_from"].as_str().unwrap_or_default();
    let day: String = window.chars().take(10).collect();
    Figure {
        id: "recommendations-chart",
        title: say(
            "<code>{best}</code> ranks best on the newest window",
            "在最新时段上<code>{best}</code>排序最好",
            &[("best", Words::data(best))],
        ),
        subtitle: say(
            "nDCG@10 of each candidate with its 95 % interval (1.96 standard errors over \
             customers), on what customers took from {day} on",
            "各候选模型的nDCG@10及95%区间（客户间标准误的1.96倍），以{day}起客户所选商品评估",
            &[("day", Words::data(&day))],
        ),
        data: json!([{
            "type": "bar", "orientation": "h", "x": values, "y": names, "customdata": rows,
            "marker": { "color": colours },
            "error_x": whiskers(&values, &low, &high, Colour::Text),
            "hovertemplate": "%{y}: %{x:.4f}<extra></extra>",
        }]),
        layout: json!({
            "xaxis": axis(
                &Words::new("nDCG@10 (0 to 1)", "nDCG@10（0至1）"),
                &json!({ "rangemode": "tozero", "nticks": 6 }),
            ),
            "yaxis": axis(&Words::default(), &json!({ "autorange": "reversed" })),
            "bargap": 0.4,
        }),
        height: 100 + 34 * candidates.len(),
        width_min: 0,
        source: say(
            "Source: model <code>recommend</code> version {version}; {judges} of {eligible} \
             customers who took something, {new} of them new.",
            "来源：模型<code>recommend</code>第{version}版；{eligible}位有行为的客户中评估了 \
             {judges}位，其中新客户{new}位。",
            &[
                ("version", Words::data(&model.version.to_string())),
                ("judges", counted(model, "customers_judged")),
                ("eligible", counted(model, "customers_in_window")),
                ("new", counted(model, "customers_new_in_window")),
            ],
        ),
    }
}

fn counted(model: &Model, name: &str) -> Words {
    number::count(model.metrics[name].as_f64().unwrap_or(0.0))
}

fn table(candidates: &[Candidate], chosen: &str) -> Table {
    let mut head = vec![
        table::text("Candidate", "候选模型"),
        table::number("nDCG@10 when choosing", "选择时nDCG@10"),
    ];
    head.extend(MEASURES.iter().map(|(_, en, zh)| table::number(en, zh)));
    let caption = Words::new(
        "The same numbers; ± is one standard error; chosen on the window before, judged on the \
         newest",
        "同一组数字；± 为一个标准误；用前一时段选择，用最新时段评估",
    );
    let mut table = Table::new("recommendations-chart", caption, head);
    for own in candidates {
        let mark = if own.name == chosen {
            Words::new(" (chosen)", "（采用）")
        } else {
            Words::default()
        };
        let mut row = vec![
            say("<code>{name}</code>", "<code>{name}</code>", &[("name", Words::data(&own.name))])
                .and(&mark),
            Words::data(&number::decimals(own.validation, 4)),
        ];
        row.extend(MEASURES.iter().map(|(measure, ..)| {
            let value = number::decimals(own.value(measure), 4);
            let error = own.error(measure);
            if error.is_finite() {
                Words::data(&format!("{value} ±{}", number::decimals(error, 4)))
            } else {
                Words::data(&value)
            }
        }));
        table.row(row);
    }
    table
}

/// Returns what was decided about publishing, and what did not run.
fn verdict(model: &Model) -> Words {
    let verdict = &model.manifest["verdict"];
    let version = Words::data(&model.version.to_string());
    let values = [("version", version), ("why", super::verdict(verdict))];
    let mut words = if verdict["publish"] == json!(true) {
        say("Version {version} was published: {why}.", "第{version}版已发布：{why}。", &values)
    } else {
        let zh = "第{version}版未发布：{why}。";
        say("Version {version} was not published: {why}.", zh, &values)
    };
    for (name, why) in model.metrics["left_out"].as_object().into_iter().flatten() {
        words = words.and(&say(
            " <code>{name}</code> did not run: {why}.",
            " <code>{name}</code>未参与：<span lang=en>{why}</span>。",
            &[("name", Words::data(name)), ("why", Words::data(why.as_str().unwrap_or("–")))],
        ));
    }
    words
}

impl Section {
    /// Returns the section with the lists of some customers.
    fn with_lists(self, contents: &Contents) -> Self {
        let cells = Cells(&contents.examples);
        let mut lists: Vec<(String, Words, Vec<Words>)> = Vec::new();
        for row in 0..cells.rows() {
            let customer = cells.text("customer", row);
            if lists.last().is_none_or(|(last, ..)| last != customer) {
                lists.push((customer.to_owned(), heading(cells, row), Vec::new()));
            }
            if let Some((_, _, entries)) = lists.last_mut() {
                entries.push(entry(cells, row));
            }
        }
        if lists.is_empty() {
            return self;
        }
        let all = Cells(&contents.lists);
        let intro = say(
            "{customers} customers have a list; {products} products stand in them. Some of \
             them, the first five products each:",
            "{customers}位客户有推荐列表，涉及{products}种商品。以下为其中几位客户的前五项：",
            &[
                ("customers", number::count(all.count("customers", 0))),
                ("products", number::count(all.count("products", 0))),
            ],
        );
        let lists = lists.into_iter().map(|(_, heading, entries)| (heading, entries)).collect();
        self.with(Block::Note(intro)).with(Block::Lists(lists))
    }
}

fn heading(cells: Cells<'_>, row: usize) -> Words {
    let short: String = cells.text("customer", row).chars().take(8).collect();
    let segment = Words {
        en: Words::data(cells.text("name_en", row)).en,
        zh: Words::data(cells.text("name_zh", row)).zh,
    };
    let orders = match cells.int("orders", row) {
        1 => Words::new("1 order", "1笔订单"),
        orders => say(
            "{count} orders",
            "{count}笔订单",
            &[("count", Words::data(&number::exact(orders as f64)))],
        ),
    };
    let values = [("short", Words::data(&short)), ("orders", orders), ("segment", segment)];
    if cells.text("name_en", row).is_empty() {
        return say("Customer {short}…: {orders}", "客户{short}…：{orders}", &values);
    }
    say("Customer {short}…: {orders}, “{segment}”", "客户{short}…：{orders}，{segment}", &values)
}

fn entry(cells: Cells<'_>, row: usize) -> Words {
    let values = [
        ("title", Words::data(cells.text("title", row))),
        ("because", Words::data(cells.text("because", row))),
    ];
    let is_same = cells.text("title", row) == cells.text("because", row);
    match cells.text("reason", row) {
        recommend::BOUGHT if is_same => say(
            "{title} <span class=soft>because you bought it before</span>",
            "{title}<span class=soft>，因为您以前买过</span>",
            &values,
        ),
        recommend::VIEWED if is_same => say(
            "{title} <span class=soft>because you looked at it before</span>",
            "{title}<span class=soft>，因为您以前看过</span>",
            &values,
        ),
        recommend::BOUGHT => say(
            "{title} <span class=soft>because you bought {because}</span>",
            "{title}<span class=soft>，因为您买过{because}</span>",
            &values,
        ),
        recommend::VIEWED => say(
            "{title} <span class=soft>because you looked at {because}</span>",
            "{title}<span class=soft>，因为您看过{because}</span>",
            &values,
        ),
        recommend::RATED => say(
            "{title} <span class=soft>because you rated {because}</span>",
            "{title}<span class=soft>，因为您评价过{because}</span>",
            &values,
        ),
        recommend::SIMILAR => say(
            "{title} <span class=soft>because it is like {because}</span>",
            "{title}<span class=soft>，与{because}相似</span>",
            &values,
        ),
        _ => say(
            "{title} <span class=soft>because many bought it</span>",
            "{title}<span class=soft>，热门商品</span>",
            &values,
        ),
    }
}
