//! A picture as data for the drawing program that the page carries.
//!
//! Anywhere in `data` and `layout` a pair `{"en": …, "zh": …}` stands for the language of the page
//! and `{"css": "--name"}` for a colour of its theme; the page's script resolves both.

use serde_json::{Value, json};

use super::words::Words;

/// One picture with its words.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    pub(super) id: &'static str,
    /// What it shows, as a sentence.
    pub(super) title: Words,
    /// What is drawn, and over which period.
    pub(super) subtitle: Words,
    pub(super) data: Value,
    pub(super) layout: Value,
    /// Height in pixels.
    pub(super) height: usize,
    /// Width in pixels below which the picture scrolls in its own box; 0 is none.
    pub(super) width_min: usize,
    /// Where the numbers come from, and how many cases there are.
    pub(super) source: Words,
}

/// Colours of the Okabe–Ito palette, lighter ones on dark pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Blue,
    Orange,
    Grey,
    Text,
}

impl Colour {
    /// Returns the colour as the page's script resolves it.
    pub(super) fn css(self) -> Value {
        let name = match self {
            Self::Blue => "--blue",
            Self::Orange => "--orange",
            Self::Grey => "--grey",
            Self::Text => "--text",
        };
        json!({ "css": name })
    }
}

/// Returns an axis with a title and whatever else is set.
pub(super) fn axis(title: &Words, settings: &Value) -> Value {
    let mut axis = json!({ "title": { "text": title } });
    if let (Some(axis), Some(settings)) = (axis.as_object_mut(), settings.as_object()) {
        axis.extend(settings.clone());
    }
    axis
}

/// Returns the line from low to high of estimates, to both sides of the values.
pub(super) fn whiskers(values: &[f64], low: &[f64], high: &[f64], colour: Colour) -> Value {
    let below: Vec<f64> = values.iter().zip(low).map(|(value, low)| value - low).collect();
    let above: Vec<f64> = values.iter().zip(high).map(|(value, high)| high - value).collect();
    json!({
        "type": "data", "symmetric": false, "array": above, "arrayminus": below,
        "color": colour.css(), "thickness": 1.5, "width": 4,
    })
}

/// Returns the sequential scale from the page to blue.
pub(super) fn blues() -> Value {
    json!([[0, { "css": "--heat-low" }], [1, { "css": "--heat-high" }]])
}

/// Returns the scale from orange over nothing to blue.
pub(super) fn diverging() -> Value {
    json!([
        [0, { "css": "--heat-minus" }],
        [0.5, { "css": "--heat-low" }],
        [1, { "css": "--heat-high" }]
    ])
}
