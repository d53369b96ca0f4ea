//! Lists: made by our engine, told as gorse tells them.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use rustc_hash::FxHashSet;
use serde_json::{Value, json};
use shopwise_learn::slate::{Exploration, Style};
use shopwise_model::EventKind;
use shopwise_stages::collect::gorse::{Feedback, moment};
use shopwise_stages::collect::kind_of_feedback;
use shopwise_stages::prepare::fold::Alike;
use shopwise_stages::recommend::engine::{
    Answer, Done, Engine, Filter, House, LENGTH_MAX, Listed, Page, Question, Scene, Visitor,
};
use shopwise_stages::recommend::rules::Rules;
use shopwise_stages::recommend::weight;

use super::{COUNT, Query, feedback, objects, part, refused};
use crate::commands::now;
use crate::http::recommend::{engine, known};
use crate::http::reply::{ApiError, json_response};
use crate::http::{App, Call, blocking, body};
use crate::live::view::pseudonyms;

/// Entries up to which a list is chosen from the same candidates, however long it is.
const SHALLOW: usize = 200;

/// What a list is asked for.
struct Asked {
    n: usize,
    offset: usize,
    filter: Option<Arc<Filter>>,
    /// Whose products are left out.
    user: Option<String>,
    query: Query,
}

impl Asked {
    /// Reads what is asked for; the category may stand in the path, at a place.
    fn read(call: &Call, category: usize) -> Result<Self, ApiError> {
        let query = Query::read(&call.uri);
        let in_path = call.path.get(category).cloned();
        let named = query.pairs.iter().filter(|(name, _)| name == "category");
        let named = named.map(|(_, value)| value.clone()).filter(|value| !value.is_empty());
        let categories: Vec<String> = in_path.map_or_else(|| named.collect(), |own| vec![own]);
        Ok(Self {
            n: query.whole("n", COUNT, LENGTH_MAX)?,
            offset: query.whole("offset", 0, LENGTH_MAX)?,
            filter: within(&categories)?,
            user: query.text("user-id").map(str::to_owned),
            query,
        })
    }

    fn page(&self, n: usize, at: i64) -> Page<'_> {
        Page { n: n.min(LENGTH_MAX), filter: self.filter.as_ref(), at }
    }

    /// Returns what is asked for of a list that begins with the best: `of` makes it, as long as it
    /// is told.
    fn cut(
        &self,
        app: &App,
        of: impl FnOnce(usize) -> Result<Vec<Listed>, ApiError>,
    ) -> Result<Vec<Listed>, ApiError> {
        let had: FxHashSet<String> = match &self.user {
            None => FxHashSet::default(),
            Some(user) => {
                let done = known(app, user, now())?.done.into_iter();
                done.filter(|done| done.weight > 0.0).map(|done| done.product).collect()
            }
        };
        let list = of(self.n + self.offset + had.len())?.into_iter();
        let left = list.filter(|one| !had.contains(&one.product));
        Ok(left.skip(self.offset).take(self.n).collect())
    }
}

/// Returns a filter that lets products of all these categories through.
fn within(categories: &[String]) -> Result<Option<Arc<Filter>>, ApiError> {
    if categories.is_empty() {
        return Ok(None);
    }
    let quoted = |text: &String| format!("\"{}\"", text.replace('"', "\"\""));
    let one = |category: &String| {
        let category = quoted(category);
        format!("(category = {category} or attribute.categories contains {category})")
    };
    let text = categories.iter().map(one).collect::<Vec<_>>().join(" and ");
    let filter = Filter::read(&text);
    let filter = filter.map_err(|_| ApiError::bad("no product can have such a category"))?;
    Ok(Some(Arc::new(filter)))
}

fn scored(list: &[Listed]) -> Response {
    let one = |one: &Listed| json!({ "Id": one.product, "Score": one.score });
    json_response(StatusCode::OK, &Value::Array(list.iter().map(one).collect()))
}

/// Returns the list of the first page for a visitor under the merchant's rules, without chance:
/// pages of it must fit together.
fn personal(
    app: &App,
    asked: &Asked,
    visitor: &Visitor,
    n: usize,
) -> Result<Vec<Listed>, ApiError> {
    // Pages are cut from one list: what is fixed and promised depends on its length, and beyond
    // some depth what it is chosen from.
    let n = if n > SHALLOW { LENGTH_MAX } else { SHALLOW };
    let (scene, page) = (Scene::Home, asked.page(n, now()));
    let question = Question { scene, visitor, products: &[], page };
    let style = Style { exploration: Exploration::default(), ..app.rules.styles().of(scene) };
    let house = House { rules: &app.rules.rules(), style: &style, seed: 0 };
    let (answer, _) = engine(app)?.list_in(&question, &house).map_err(anyhow::Error::from)?;
    Ok(answer.items)
}

/// Returns what the merchant's rules leave of a list that is the same for everybody.
fn ruled(
    app: &App,
    (asked, n): (&Asked, usize),
    of: impl FnOnce(&Engine, Page<'_>, &Rules) -> Option<Answer>,
) -> Result<Vec<Listed>, ApiError> {
    let page = Page { n, ..asked.page(n, now()) };
    let answer = of(&*engine(app)?, page, &app.rules.rules());
    Ok(answer.map_or_else(Vec::new, |answer| answer.items))
}

/// Answers what to show a user, and notes that it was shown where that is asked for.
pub(super) async fn recommend(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let user = part(&call, 0)?;
    let asked = Asked::read(&call, 1)?;
    let shown_as = asked.query.text("write-back-type").map(str::to_owned);
    let delay = asked.query.text("write-back-delay");
    let delay = delay.map_or(Some(0), microseconds);
    let delay = delay.ok_or_else(|| ApiError::bad("`write-back-delay` must be like 1h10m0s"))?;
    let visitor = known(&app, &user, now())?;
    let list = asked.cut(&app, |n| personal(&app, &asked, &visitor, n))?;
    if let Some(name) = shown_as {
        let due = now().saturating_add(delay);
        let products: Vec<&str> = list.iter().map(|one| one.product.as_str()).collect();
        feedback::shown(&app, &user, &name, &products, due).await?;
    }
    let version = call.headers.get("x-api-version").and_then(|value| value.to_str().ok());
    if version.map(str::trim) == Some("2") {
        return Ok(scored(&list));
    }
    let ids: Vec<Value> = list.into_iter().map(|one| one.product.into()).collect();
    Ok(json_response(StatusCode::OK, &Value::Array(ids)))
}

/// Answers the same with its scores.
pub(super) async fn collaborative(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let (user, asked) = (part(&call, 0)?, Asked::read(&call, 1)?);
    let visitor = known(&app, &user, now())?;
    Ok(scored(&asked.cut(&app, |n| personal(&app, &asked, &visitor, n))?))
}

/// Answers what to show somebody of whom nothing is known but what he did just now.
pub(super) async fn session(app: Arc<App>, mut call: Call) -> Result<Response, ApiError> {
    let asked = Asked::read(&call, 0)?;
    let held = body::read(&app, &mut call).await?;
    let mut visitor = Visitor::default();
    let at = now();
    for mut given in objects(&held.bytes)? {
        // Who nobody knows has no name either.
        given.insert("UserId".to_owned(), "somebody".into());
        let given = Feedback::read(&given).map_err(|wrong| refused(&wrong))?;
        let weight = match kind_of_feedback(&given.name) {
            EventKind::Other => 0.0,
            EventKind::ProductAdded => weight::of_counts(0, 1, 0),
            EventKind::OrderCompleted => weight::of_counts(0, 0, 1),
            _ => weight::of_counts(1, 0, 0),
        };
        let viewed_at = given.at.unwrap_or(at).min(at);
        let done = Done { product: given.item, weight, viewed_at, ..Done::default() };
        visitor.done.push(done);
    }
    let had: FxHashSet<String> = visitor.done.iter().map(|done| done.product.clone()).collect();
    let list = asked.cut(&app, |n| {
        let mut list = personal(&app, &asked, &visitor, n + had.len())?;
        list.retain(|one| !had.contains(&one.product));
        Ok(list)
    })?;
    Ok(scored(&list))
}

/// Answers what most customers want; whatever the list is called in gorse's settings.
pub(super) async fn popular(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    plain(&app, &Asked::read(&call, 0)?)
}

pub(super) async fn not_personal(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    plain(&app, &Asked::read(&call, 1)?)
}

fn plain(app: &App, asked: &Asked) -> Result<Response, ApiError> {
    let popular =
        |engine: &Engine, page: Page<'_>, rules: &Rules| Some(engine.popular(page, rules));
    Ok(scored(&asked.cut(app, |n| ruled(app, (asked, n), popular))?))
}

/// Answers what came last, with the second in which it came.
pub(super) async fn latest(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let asked = Asked::read(&call, 0)?;
    let engine = engine(&app)?;
    let latest = |engine: &Engine, page: Page<'_>, rules: &Rules| Some(engine.latest(page, rules));
    let list = asked.cut(&app, |n| ruled(&app, (&asked, n), latest))?;
    let one = |one: &Listed| {
        let since = engine.known_since(&one.product).as_deref().and_then(moment);
        json!({ "Id": one.product, "Score": since.unwrap_or(0).div_euclid(1_000_000) as f64 })
    };
    Ok(json_response(StatusCode::OK, &Value::Array(list.iter().map(one).collect())))
}

/// Answers what is like an item.
pub(super) async fn neighbours(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let (item, asked) = (part(&call, 0)?, Asked::read(&call, 1)?);
    similar(&app, &asked, &item, Engine::similar)
}

/// Answers what is like an item, whatever that is called in gorse's settings; what is called
/// `together` is what is bought together with it.
pub(super) async fn item_to_item(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let (name, item, asked) = (part(&call, 0)?, part(&call, 1)?, Asked::read(&call, 2)?);
    let list = if name == "together" { Engine::together } else { Engine::similar };
    similar(&app, &asked, &item, list)
}

fn similar(
    app: &App,
    asked: &Asked,
    item: &str,
    list: fn(&Engine, &str, Page<'_>, &Rules) -> Option<Answer>,
) -> Result<Response, ApiError> {
    let near = |engine: &Engine, page: Page<'_>, rules: &Rules| list(engine, item, page, rules);
    Ok(scored(&asked.cut(app, |n| ruled(app, (asked, n), near))?))
}

/// Answers who is like a user: who had to do with the same items.
pub(super) async fn alike(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    // Behind the name that a list of such users has in gorse's settings, if there is one.
    let user = part(&call, call.path.len().saturating_sub(1))?;
    let asked = Asked::read(&call, usize::MAX)?;
    blocking(&app, move |app| {
        let known = || {
            let known = app.live.known().read();
            known.map_err(|_| anyhow::anyhow!("the live state is lost"))
        };
        let mut alike = {
            let known = known()?;
            let state = &known.state;
            let names = pseudonyms(&app.shop.vault, &user);
            let customer = names.iter().find_map(|name| state.customer(name));
            let Some(customer) = customer else { return Ok(scored(&[])) };
            Alike::new(state, customer, now(), asked.n + asked.offset)
        };
        // Events are not kept waiting for all of it.
        while alike.step(&known()?.state) {}
        let mut list = Vec::new();
        for found in alike.found().into_iter().skip(asked.offset) {
            let (_, names) = known()?.state.names_of(found.customer);
            let name = named(app, &names)?.unwrap_or_else(|| found.person.as_ref().to_owned());
            list.push(json!({ "Id": name, "Score": found.similarity }));
        }
        Ok(json_response(StatusCode::OK, &list.into()))
    })
    .await
}

/// Returns what the shop calls a person who has these pseudonyms, if it told gorse's paths.
fn named(app: &App, pseudonyms: &[Arc<str>]) -> Result<Option<String>, ApiError> {
    for name in pseudonyms {
        if let Some(traits) = app.shop.ledger.traits_of(name)? {
            return Ok(Some(traits.name));
        }
    }
    Ok(None)
}

/// Returns a duration as Go writes it, `1h10m0.5s`, in microseconds; negative ones are none.
fn microseconds(text: &str) -> Option<i64> {
    const UNITS: [(&str, f64); 7] =
        [("ms", 1e3), ("us", 1.0), ("µs", 1.0), ("ns", 1e-3), ("h", 36e8), ("m", 6e7), ("s", 1e6)];
    let mut rest = text.trim_start_matches('+');
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|one: char| !one.is_ascii_digit() && one != '.')?;
        let (number, behind) = rest.split_at_checked(digits)?;
        let (unit, scale) = UNITS.iter().find(|(unit, _)| behind.starts_with(unit))?;
        total += number.parse::<f64>().ok()? * scale;
        rest = behind.strip_prefix(unit)?;
    }
    // A hundred years are for ever.
    (!text.is_empty() && total < 3.2e15).then_some(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, micros) in [
            ("1h10m0.5s", Some(4_200_500_000)),
            ("10m", Some(600_000_000)),
            ("1500ms", Some(1_500_000)),
            ("0", Some(0)),
            ("", None),
            ("5", None),
            ("-1s", None),
            ("h", None),
            ("1e9h", None),
            ("99999999999h", None),
        ] {
            assert_eq!(microseconds(text), micros, "{text}");
        }
    }

    #[test]
    fn categories_of_any_text_become_a_filter_or_a_refusal() {
        assert!(within(&[]).unwrap().is_none());
        for hostile in ["books", "a\"b", "茶 > 绿茶", "\" or price > 0 or \"", "'", "\u{201d}"] {
            if let Err(error) = within(&[hostile.to_owned()]) {
                assert_eq!(error.status().as_u16(), 400, "{hostile}");
            }
        }
    }
}
