//! The shapes of gorse's JSON, and what they are among ours.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use shopwise_model::time::{self, DateFormat};
use shopwise_model::{EventKind, Product};
use shopwise_store::ledger::CustomerTraits;

use crate::attributes::{CATEGORIES, KNOWN_SINCE};
use crate::collect::identity::names_nobody;
use crate::collect::segment::{is_personal_text, kept_labels, moment_of};

/// A JSON object.
pub type Object = Map<String, Value>;

/// Characters of an identifier, as of a product's.
const ID_CHARACTERS_MAX: usize = 200;

/// Bytes of labels as JSON: a catalogue is held in memory.
const LABELS_BYTES_MAX: usize = 64 << 10;

/// Bytes of a comment.
const COMMENT_BYTES_MAX: usize = 4 << 10;

/// The attribute that holds an item's labels.
const LABELS: &str = "labels";

/// What is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The key.
    pub field: &'static str,
    /// What stands there.
    pub value: String,
    /// Why it cannot be taken.
    pub reason: &'static str,
}

impl Wrong {
    pub(super) fn new(field: &'static str, value: &str, reason: &'static str) -> Self {
        Self { field, value: value.to_owned(), reason }
    }
}

type Result<T> = std::result::Result<T, Wrong>;

/// Something to recommend.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Item {
    /// Its identifier.
    pub id: String,
    /// Whether it is kept off every list.
    pub is_hidden: bool,
    /// What it belongs to; `None` where nothing was said.
    pub categories: Option<Vec<String>>,
    /// Since when it is there, UTC microseconds.
    pub at: Option<i64>,
    /// Whatever describes it.
    pub labels: Value,
    /// What people call it.
    pub comment: String,
}

/// Somebody to recommend something to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct User {
    /// The shop's identifier.
    pub id: String,
    /// Whatever describes him.
    pub labels: Value,
    /// A note for people.
    pub comment: String,
}

/// What somebody did with something.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Feedback {
    /// What he did, in the shop's word.
    pub name: String,
    /// Who it was.
    pub user: String,
    /// With what.
    pub item: String,
    /// How much of it.
    pub value: f64,
    /// When first, UTC microseconds.
    pub at: Option<i64>,
    /// When last.
    pub updated: Option<i64>,
    /// Whatever describes it.
    pub labels: Value,
    /// A note for people.
    pub comment: String,
}

impl Item {
    /// Reads an item.
    ///
    /// # Errors
    /// When a field is not what it must be.
    pub fn read(object: &Object) -> Result<Self> {
        let mut item = Self { id: id(object, "ItemId")?, ..Self::default() };
        item.change(object)?;
        Ok(item)
    }

    /// Changes what an object names; what is null stays as it is.
    ///
    /// # Errors
    /// When a field is not what it must be.
    pub fn change(&mut self, object: &Object) -> Result<()> {
        match object.get("IsHidden") {
            None | Some(Value::Null) => {}
            Some(Value::Bool(is_hidden)) => self.is_hidden = *is_hidden,
            Some(other) => return Err(wrong("IsHidden", other, "must be true or false")),
        }
        match object.get("Categories") {
            None | Some(Value::Null) => {}
            Some(Value::Array(list)) => {
                let one = |one: &Value| {
                    let text = one.as_str().filter(|text| is_id(text)).map(str::to_owned);
                    text.ok_or_else(|| wrong("Categories", one, "must be short texts"))
                };
                self.categories = Some(list.iter().map(one).collect::<Result<_>>()?);
            }
            Some(other) => return Err(wrong("Categories", other, "must be a list")),
        }
        self.at = moment_at(object, "Timestamp")?.or(self.at);
        if let Some(labels) = labels(object)? {
            self.labels = labels;
        }
        if let Some(comment) = comment(object)? {
            self.comment = comment;
        }
        Ok(())
    }

    /// Returns the item as a product. Its first category is the product's.
    #[must_use]
    pub fn into_product(self) -> Product {
        let category = self.categories.as_ref().and_then(|all| all.first().cloned());
        let given = self.categories.map_or(Value::Null, Value::from);
        let at = self.at.map_or(Value::Null, |at| time::format(at).into());
        let attributes = [(CATEGORIES, given), (KNOWN_SINCE, at), (LABELS, self.labels)];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value));
        let title = if self.comment.is_empty() { self.id.clone() } else { self.comment };
        Product {
            id: self.id,
            title,
            category,
            is_hidden: self.is_hidden,
            attributes: BTreeMap::from(attributes),
            ..Product::default()
        }
    }

    /// Puts the item in place of what was known of its product, but for what gorse has no word for.
    pub fn replace(self, product: &mut Product) {
        let new = self.into_product();
        (product.title, product.category) = (new.title, new.category);
        (product.id, product.is_hidden) = (new.id, new.is_hidden);
        product.attributes.extend(new.attributes);
        product.attributes.retain(|_, value| !value.is_null());
    }

    /// Returns a product as an item.
    #[must_use]
    pub fn of_product(product: &Product) -> Self {
        let categories = categories(product);
        let listed = product.attributes.get(CATEGORIES).is_some_and(Value::is_array);
        let since = product.attributes.get(KNOWN_SINCE).and_then(Value::as_str);
        let is_named = product.title != product.id;
        Self {
            id: product.id.clone(),
            is_hidden: product.is_hidden,
            categories: (listed || !categories.is_empty()).then_some(categories),
            at: since.and_then(moment),
            labels: product.attributes.get(LABELS).cloned().unwrap_or_default(),
            comment: if is_named { product.title.clone() } else { String::new() },
        }
    }

    /// Returns the item as gorse writes it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "ItemId": self.id, "IsHidden": self.is_hidden, "Categories": self.categories,
            "Timestamp": said_to_be(self.at), "Labels": self.labels, "Comment": self.comment,
        })
    }
}

/// Returns every category of a product: those of the list that its own is the first of, else its
/// own.
#[must_use]
pub fn categories(product: &Product) -> Vec<String> {
    let listed = product.attributes.get(CATEGORIES).and_then(Value::as_array);
    let listed = listed.map(|all| all.iter().filter_map(Value::as_str).map(str::to_owned));
    let listed: Vec<String> = listed.into_iter().flatten().collect();
    match &product.category {
        Some(own) if listed.first() != Some(own) => vec![own.clone()],
        _ => listed,
    }
}

impl User {
    /// Reads a user.
    ///
    /// # Errors
    /// When a field is not what it must be.
    pub fn read(object: &Object) -> Result<Self> {
        let id = id(object, "UserId")?;
        if names_nobody(&id) {
            return Err(Wrong::new("UserId", &id, "must name somebody"));
        }
        let mut user = Self { id, ..Self::default() };
        user.change(object)?;
        Ok(user)
    }

    /// Changes what an object names; what is null stays as it is.
    ///
    /// # Errors
    /// When a field is not what it must be.
    pub fn change(&mut self, object: &Object) -> Result<()> {
        if let Some(labels) = labels(object)? {
            self.labels = labels;
        }
        if let Some(comment) = comment(object)? {
            self.comment = comment;
        }
        Ok(())
    }

    /// Returns what the ledger holds of the user: labels that say who he is are left out.
    #[must_use]
    pub fn into_traits(self, customer: String) -> CustomerTraits {
        let labels = kept_labels(&self.labels);
        CustomerTraits { customer, name: self.id, labels, comment: self.comment }
    }

    /// Returns the user that the ledger holds.
    #[must_use]
    pub fn of_traits(traits: CustomerTraits) -> Self {
        Self { id: traits.name, labels: traits.labels, comment: traits.comment }
    }

    /// Returns the user as gorse writes it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "UserId": self.id, "Labels": self.labels, "Comment": self.comment })
    }
}

impl Feedback {
    /// Reads feedback.
    ///
    /// # Errors
    /// When a field is not what it must be.
    pub fn read(object: &Object) -> Result<Self> {
        let user = id(object, "UserId")?;
        if names_nobody(&user) {
            return Err(Wrong::new("UserId", &user, "must name somebody"));
        }
        let name = id(object, "FeedbackType")?;
        if is_personal_text(&name) {
            return Err(Wrong::new("FeedbackType", &name, "must be a short word"));
        }
        let value = match object.get("Value") {
            None | Some(Value::Null) => 0.0,
            Some(value) => {
                value.as_f64().ok_or_else(|| wrong("Value", value, "must be a number"))?
            }
        };
        Ok(Self {
            name,
            user,
            item: id(object, "ItemId")?,
            value,
            at: moment_at(object, "Timestamp")?,
            updated: moment_at(object, "Updated")?,
            labels: labels(object)?.unwrap_or_default(),
            comment: comment(object)?.unwrap_or_default(),
        })
    }

    /// Returns what has no column among our events.
    #[must_use]
    pub fn extra(&self, kind: EventKind) -> Object {
        let mut extra = Object::new();
        extra.insert("feedback".to_owned(), self.name.as_str().into());
        if self.value != 0.0 {
            extra.insert("feedback_value".to_owned(), self.value.into());
        }
        if !self.labels.is_null() {
            extra.insert("feedback_labels".to_owned(), self.labels.clone());
        }
        if kind == EventKind::Other {
            extra.insert("event".to_owned(), self.name.as_str().into());
        }
        extra
    }

    /// Returns the feedback as gorse writes it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "FeedbackType": self.name, "UserId": self.user, "ItemId": self.item,
            "Value": self.value, "Timestamp": said_to_be(self.at),
            "Updated": said_to_be(self.updated.or(self.at)), "Labels": self.labels,
            "Comment": self.comment,
        })
    }
}

/// Returns a moment as gorse writes it; a missing one is the beginning of its calendar.
#[must_use]
pub fn said_to_be(at: Option<i64>) -> String {
    at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), time::format)
}

/// Returns the moment that a text names: a date with the year first or the month first, or seconds
/// since 1970, in UTC where no zone is named.
#[must_use]
pub fn moment(text: &str) -> Option<i64> {
    let zone = TimeZone::UTC;
    moment_of(&text.into(), &zone).or_else(|| time::parse(text, DateFormat::MonthFirst, &zone))
}

fn moment_at(object: &Object, key: &'static str) -> Result<Option<i64>> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() || text.starts_with("0001-01-01T") => Ok(None),
        Some(value @ Value::String(text)) => {
            moment(text).map(Some).ok_or_else(|| wrong(key, value, "not a date"))
        }
        Some(other) => Err(wrong(key, other, "must be a text")),
    }
}

fn id(object: &Object, key: &'static str) -> Result<String> {
    match object.get(key) {
        Some(Value::String(id)) if is_id(id) => Ok(id.trim().to_owned()),
        None | Some(Value::Null) => Err(Wrong::new(key, "", "must not be empty")),
        Some(value) => Err(wrong(key, value, "must be a text of 1 to 200 characters")),
    }
}

/// Returns whether a text can be an identifier.
#[must_use]
pub fn is_id(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains('\0') && text.chars().count() <= ID_CHARACTERS_MAX
}

/// Returns the labels that an object names: texts, numbers, or such by names, as deep as one likes.
fn labels(object: &Object) -> Result<Option<Value>> {
    let Some(labels) = object.get("Labels").filter(|labels| !labels.is_null()) else {
        return Ok(None);
    };
    if !are_labels(labels) {
        return Err(wrong("Labels", labels, "must be texts, numbers or objects of them"));
    }
    if labels.to_string().len() > LABELS_BYTES_MAX {
        return Err(Wrong::new("Labels", "", "must be at most 64 KiB"));
    }
    Ok(Some(labels.clone()))
}

fn are_labels(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(_) | Value::Number(_) => true,
        Value::Array(list) => {
            list.iter().all(Value::is_string) || list.iter().all(Value::is_number)
        }
        Value::Object(object) => object.values().all(are_labels),
        Value::Bool(_) => false,
    }
}

fn comment(object: &Object) -> Result<Option<String>> {
    match object.get("Comment") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= COMMENT_BYTES_MAX && !text.contains('\0') => {
            Ok(Some(text.clone()))
        }
        Some(Value::String(_)) => Err(Wrong::new("Comment", "", "must be at most 4 KiB")),
        Some(other) => Err(wrong("Comment", other, "must be a text")),
    }
}

fn wrong(field: &'static str, value: &Value, reason: &'static str) -> Wrong {
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Wrong { field, value, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: &Value) -> Object {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn an_item_comes_back_from_a_product_as_it_was() {
        for given in [
            json!({"ItemId": "1", "IsHidden": true, "Categories": ["d", "e"], "Labels": ["a", "b"],
                "Timestamp": "2022-08-07T00:26:46Z", "Comment": "comment"}),
            json!({"ItemId": "1", "IsHidden": false, "Categories": [], "Comment": "",
                "Timestamp": "0001-01-01T00:00:00Z", "Labels": {"v": [0.5, 1], "of": {"x": "y"}}}),
            json!({"ItemId": "1", "IsHidden": false, "Categories": null, "Comment": "",
                "Timestamp": "0001-01-01T00:00:00Z", "Labels": null}),
        ] {
            let item = Item::read(&object(&given)).unwrap();
            let mut product = Product { price: Some(5), ..Product::default() };
            item.replace(&mut product);
            assert_eq!(Item::of_product(&product).to_json(), given);
            assert_eq!(product.price, Some(5), "what gorse has no word for stays");
        }
        let product = Product {
            category: Some("new".to_owned()),
            attributes: [(CATEGORIES.to_owned(), json!(["old", "new"]))].into(),
            ..Product::default()
        };
        assert_eq!(categories(&product), ["new"], "the list is of another category");
    }

    #[test]
    fn wrong_fields_say_which_and_why() {
        for (given, field) in [
            (json!({}), "ItemId"),
            (json!({"ItemId": 1}), "ItemId"),
            (json!({"ItemId": "a\0"}), "ItemId"),
            (json!({"ItemId": "a".repeat(201)}), "ItemId"),
            (json!({"ItemId": "a", "IsHidden": "no"}), "IsHidden"),
            (json!({"ItemId": "a", "Categories": "b"}), "Categories"),
            (json!({"ItemId": "a", "Categories": [1]}), "Categories"),
            (json!({"ItemId": "a", "Timestamp": "soon"}), "Timestamp"),
            (json!({"ItemId": "a", "Timestamp": 5}), "Timestamp"),
            (json!({"ItemId": "a", "Labels": ["a", 1]}), "Labels"),
            (json!({"ItemId": "a", "Labels": {"a": true}}), "Labels"),
            (json!({"ItemId": "a", "Comment": 7}), "Comment"),
        ] {
            assert_eq!(Item::read(&object(&given)).unwrap_err().field, field, "{given}");
        }
        let feedback = |value: Value| {
            let mut all = json!({"FeedbackType": "like", "UserId": "u", "ItemId": "i"});
            all.as_object_mut().unwrap().extend(object(&value));
            Feedback::read(&object(&all))
        };
        assert_eq!(feedback(json!({"Value": "5"})).unwrap_err().field, "Value");
        assert_eq!(feedback(json!({"UserId": "null"})).unwrap_err().field, "UserId");
        assert_eq!(feedback(json!({"FeedbackType": "a@b.c"})).unwrap_err().field, "FeedbackType");
        assert_eq!(feedback(json!({})).unwrap().value, 0.0);
    }

    #[test]
    fn moments_are_read_as_clients_write_them() {
        for text in ["2022-02-24", "2022-02-24T00:00:00Z", "02/24/2022", "1645660800"] {
            assert_eq!(moment(text), Some(1_645_660_800_000_000), "{text}");
        }
        assert_eq!(said_to_be(None), "0001-01-01T00:00:00Z");
    }
}
