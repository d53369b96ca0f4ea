//! Do the adverts’ probabilities mean what they say? Calibration and loss, against baselines.

use serde_json::{Value, json};
use shopwise_stages::advertise;

use super::super::chart::{Colour, Figure, axis, whiskers};
use super::super::contents::Contents;
use super::super::number;
use super::super::section::{Block, Section};
use super::super::table::{self, Table};
use super::super::words::{Words, say};

/// The two response models: the metric of the run, the ids, and what is predicted.
const MODELS: [(&str, &str, [&str; 2]); 2] = [
    ("click", "adverts-click", ["clicks", "点击"]),
    ("conversion", "adverts-conversion", ["orders after a click", "点击后下单"]),
];

/// What a model predicts: a name for the model and its two baselines.
const RIVALS: [(&str, &str, &str); 2] =
    [("rate", "mean rate", "平均比率"), ("linear", "linear regression", "线性回归")];

pub(super) fn section(contents: &Contents) -> Section {
    let question =
        Words::new("Do the adverts’ probabilities mean what they say?", "广告的预测概率可信吗？");
    let name = Words::new("Adverts", "广告预测");
    let measured: Vec<_> = MODELS
        .iter()
        .map(|model| (model, contents.metric(advertise::NAME, model.0)))
        .filter(|(_, value)| value["metrics"].is_object())
        .collect();
    if measured.is_empty() {
        let answer = Words::new(
            "No response to adverts was learned yet.",
            "还没有学到广告的点击与转化规律。",
        );
        return Section::new("adverts", name, question, answer)
            .missing(super::run_stage(contents, advertise::NAME));
    }
    let figures = measured
        .iter()
        .filter_map(|(model, value)| figure(model.1, &Words::new(model.2[0], model.2[1]), value))
        .collect();
    let answer = answer(measured[0].1);
    let mut section = Section::new("adverts", name, question, answer)
        .with(Block::Figures(figures))
        .with(Block::Table(table(&measured)));
    for (model, value) in &measured {
        section = section.with(Block::Note(verdict(&Words::new(model.2[0], model.2[1]), value)));
    }
    for (model, value) in &measured {
        let what = Words::new(model.2[0], model.2[1]);
        section = section.with(Block::Table(curve_table(model.0, &what, value)));
    }
    section.advice(Words::new(
        "A curve below the line promises too much and overbids, one above it underbids. Where a \
         model does not beat the mean rate, let more adverts be shown at random for a while \
         (<code>exploration</code> in <code>shopwise.toml</code>).",
        "曲线低于对角线说明预测偏高、出价过高，高于对角线则相反。若模型不优于平均比率，\
         可适当调高<code>shopwise.toml</code>中的<code>exploration</code>，多收集一些随机投放的数据。",
    ))
}

fn float(value: &Value, name: &str) -> f64 {
    value[name].as_f64().unwrap_or(f64::NAN)
}

fn answer(click: &Value) -> Words {
    let metrics = &click["metrics"];
    let entropy = float(metrics, "normalized_entropy");
    let ratio = float(metrics, "calibration_ratio");
    let off = number::fixed_percent((ratio - 1.0).abs(), 1);
    let direction = if ratio >= 1.0 {
        Words::new("too many", "偏高")
    } else {
        Words::new("too few", "偏低")
    };
    say(
        "Of a clicked and an unclicked advert the model ranks the clicked one higher {auc} of the \
         time; its log loss is {entropy} of what always saying the mean rate loses, and it expects \
         {off} {direction} clicks in all.",
        "随机各取一个被点击和未被点击的广告，模型有{auc}的概率把前者排在前面；\
         归一化熵为{entropy}（平均比率为100%），预计点击总数{direction} {off}。",
        &[
            ("auc", number::fixed_percent(float(metrics, "auc"), 1)),
            ("entropy", number::fixed_percent(entropy, 1)),
            ("off", off),
            ("direction", direction),
        ],
    )
}

/// Fewer outcomes than this in the window are drawn in grey.
const POSITIVES_FEW: f64 = 50.0;

/// One column of the calibration curve.
fn column(curve: &[Value], name: &str) -> Vec<f64> {
    curve.iter().map(|bin| float(bin, name)).collect()
}

fn in_hundredths(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| 100.0 * value).collect()
}

fn figure(id: &'static str, what: &Words, value: &Value) -> Option<Figure> {
    let curve = value["metrics"]["curve"].as_array().filter(|curve| !curve.is_empty())?;
    let predicted = in_hundredths(&column(curve, "predicted"));
    let observed = in_hundredths(&column(curve, "observed"));
    let (low, high) = (in_hundredths(&column(curve, "low")), in_hundredths(&column(curve, "high")));
    let top = predicted.iter().fold(0.0_f64, |most, value| most.max(*value)) * 1.1;
    let positives = float(&value["metrics"], "positives");
    let colour = if positives < POSITIVES_FEW { Colour::Grey } else { Colour::Blue };
    let outside = (0..curve.len())
        .filter(|at| predicted[*at] < low[*at] || predicted[*at] > high[*at])
        .count();
    let bins: Vec<usize> = (0..curve.len()).collect();
    let (centres, widths, heights) = histogram(&predicted, &column(curve, "rows"));
    let rows = float(&value["metrics"], "rows");
    Some(Figure {
        id,
        title: title(what, outside, curve.len(), positives),
        subtitle: say(
            "Predicted and observed rate of {what} in {bins} groups of like predictions, with \
             Wilson 95 % intervals; the dashed line is perfect; below, how predictions are spread",
            "按预测值分{bins}组的{what}预测率与实际率，附Wilson 95%区间；虚线为完全准确；下方为预测值分布",
            &[("what", what.clone()), ("bins", Words::data(&curve.len().to_string()))],
        ),
        data: json!([
            {
                "type": "scatter", "mode": "lines", "x": [0, top], "y": [0, top],
                "hoverinfo": "skip",
                "line": { "color": Colour::Grey.css(), "dash": "dash", "width": 1.5 },
            },
            {
                "type": "scatter", "mode": "lines+markers", "x": predicted, "y": observed,
                "customdata": bins,
                "error_y": whiskers(&observed, &low, &high, colour),
                "line": { "color": colour.css(), "width": 2 },
                "marker": { "color": colour.css(), "size": 7 },
                "hovertemplate": "%{x:.3f} % → %{y:.3f} %<extra></extra>",
            },
            {
                "type": "bar", "x": centres, "y": heights, "width": widths, "yaxis": "y2",
                "marker": {
                    "color": Colour::Grey.css(),
                    "line": { "color": { "css": "--page" }, "width": 1 },
                },
                "hovertemplate": "%{x:.3f} %: %{y:,.0f}<extra></extra>",
            }
        ]),
        layout: layout(top),
        height: 400,
        width_min: 0,
        source: say(
            "Source: run of <code>advertise</code>; the newest {rows} cases, {positives} {what}.",
            "来源：<code>advertise</code>运行记录；最新{rows}例，其中{what} {positives}例。",
            &[
                ("rows", number::count(rows)),
                ("positives", number::count(positives)),
                ("what", what.clone()),
            ],
        ),
    })
}

fn layout(top: f64) -> Value {
    json!({
        "xaxis": axis(
            &Words::new("predicted rate (%)", "预测率（%）"),
            &json!({ "range": [0, top], "anchor": "y2", "nticks": 6 }),
        ),
        "yaxis": axis(
            &Words::new("observed rate (%)", "实际率（%）"),
            &json!({ "domain": [0.32, 1.0], "rangemode": "tozero", "nticks": 6 }),
        ),
        "yaxis2": axis(
            &Words::new("cases per point", "每百分点例数"),
            &json!({ "domain": [0.0, 0.22], "rangemode": "tozero", "nticks": 3 }),
        ),
    })
}

fn title(what: &Words, outside: usize, bins: usize, positives: f64) -> Words {
    let values = [
        ("what", what.clone()),
        ("outside", Words::data(&outside.to_string())),
        ("bins", Words::data(&bins.to_string())),
        ("positives", Words::data(&number::exact(positives))),
    ];
    if positives < POSITIVES_FEW {
        return say(
            "Only {positives} {what} came about: too few to judge the predictions",
            "{what}仅{positives}例，尚不足以检验预测",
            &values,
        );
    }
    if outside == 0 {
        return say(
            "Predicted {what} agree with what came about in all {bins} groups",
            "{what}：{bins}组的预测均与实际相符",
            &values,
        );
    }
    say(
        "Predicted {what} miss the interval in {outside} of {bins} groups",
        "{what}：{bins}组中有{outside}组预测落在区间之外",
        &values,
    )
}

/// Returns centres, widths and heights of bars whose areas are the cases of each group: an edge
/// lies midway between the mean predictions of two groups, the outer ones as far from their mean as
/// the inner.
fn histogram(predicted: &[f64], rows: &[f64]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let mut edges: Vec<f64> = predicted.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).collect();
    let first = predicted.first().copied().unwrap_or(0.0);
    edges.insert(0, (2.0 * first - edges.first().copied().unwrap_or(2.0 * first)).max(0.0));
    let last = predicted.last().copied().unwrap_or(0.0);
    edges.push(last + (last - edges[edges.len() - 1]).max(1e-6));
    let pairs = edges.windows(2);
    let centres = pairs.clone().map(|pair| (pair[0] + pair[1]) / 2.0).collect();
    let widths: Vec<f64> = pairs.map(|pair| (pair[1] - pair[0]).max(1e-6)).collect();
    let heights = rows.iter().zip(&widths).map(|(rows, width)| rows / width).collect();
    (centres, widths, heights)
}

type Measured<'a> = (&'a (&'static str, &'static str, [&'static str; 2]), &'a Value);

fn table(measured: &[Measured<'_>]) -> Table {
    let mut table = Table::new(
        "adverts-table",
        Words::new(
            "Models against baselines on the newest fifth of the cases; normalised entropy below 1 \
             is better than knowing the mean rate alone",
            "模型与基线在最新五分之一数据上的对比；归一化熵小于1表示优于只知道平均比率",
        ),
        vec![
            table::text("Predicts", "预测对象"),
            table::text("Model", "模型"),
            table::number("AUC", "AUC"),
            table::number("Log loss", "对数损失"),
            table::number("Normalised entropy", "归一化熵"),
            table::number("Expected / real", "预期/实际"),
            table::number("Cases", "例数"),
        ],
    );
    for ((_, _, what), value) in measured {
        let own = value["parameters"]["model"].as_str().unwrap_or("model");
        let mut rows = vec![(Words::data(own), &value["metrics"])];
        for (name, en, zh) in RIVALS {
            if value["baseline"][name].is_object() {
                rows.push((Words::new(en, zh), &value["baseline"][name]));
            }
        }
        for (model, metrics) in rows {
            table.row(vec![
                Words::new(what[0], what[1]),
                model,
                Words::data(&number::decimals(float(metrics, "auc"), 4)),
                Words::data(&number::decimals(float(metrics, "log_loss"), 5)),
                Words::data(&number::decimals(float(metrics, "normalized_entropy"), 4)),
                Words::data(&number::decimals(float(metrics, "calibration_ratio"), 3)),
                Words::data(&number::exact(float(metrics, "rows"))),
            ]);
        }
    }
    table
}

fn verdict(what: &Words, value: &Value) -> Words {
    let verdict = &value["verdict"];
    let values = [("what", what.clone()), ("why", super::verdict(verdict))];
    if verdict["publish"] == json!(true) {
        return say("Model of {what}, published: {why}.", "{what}模型已发布：{why}。", &values);
    }
    say("Model of {what}, not published: {why}.", "{what}模型未发布：{why}。", &values)
}

fn curve_table(name: &str, what: &Words, value: &Value) -> Table {
    let id = MODELS.iter().find(|model| model.0 == name).map_or("", |model| model.1);
    let caption =
        say("The numbers of the curve of {what}", "{what}曲线的数字", &[("what", what.clone())]);
    let mut table = Table::new(
        id,
        caption,
        vec![
            table::number("Group", "组"),
            table::number("Cases", "例数"),
            table::number("Predicted, %", "预测 %"),
            table::number("Observed, %", "实际 %"),
            table::number("95 % interval", "95%区间"),
        ],
    );
    let curve = value["metrics"]["curve"].as_array().map_or(&[][..], Vec::as_slice);
    for (at, bin) in curve.iter().enumerate() {
        let share = |name: &str| number::decimals(100.0 * float(bin, name), 3);
        table.row(vec![
            Words::data(&(at + 1).to_string()),
            Words::data(&number::exact(float(bin, "rows"))),
            Words::data(&share("predicted")),
            Words::data(&share("observed")),
            Words::data(&format!("{} – {}", share("low"), share("high"))),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_of_the_histogram_hold_the_cases_of_their_group() {
        let (centres, widths, heights) = histogram(&[1.0, 3.0], &[10.0, 20.0]);
        assert_eq!(centres, [1.0, 3.0]);
        assert_eq!(widths, [2.0, 2.0]);
        assert_eq!(heights, [5.0, 10.0]);
    }
}
