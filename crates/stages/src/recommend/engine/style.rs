//! How pages are composed in each scene, where the shop's settings say nothing else.

use std::hash::Hasher as _;

use rustc_hash::FxHasher;
use shopwise_learn::slate::{Cap, Exploration, NONE, Style};
use shopwise_model::Product;
use shopwise_model::settings::{SceneSettings, Settings};

use super::Scene;
use crate::error::{Error, Result};

/// How much alike two products are that share the first level of the category, the category, the
/// brand, the seller: codes 0 to 3.
pub(super) const WEIGHTS: [f32; 4] = [1.0, 1.0, 1.0, 0.5];

/// Returns the codes by which a product is like others, in the order of [`WEIGHTS`].
pub(super) fn codes(product: &Product) -> [u32; WEIGHTS.len()] {
    let category = product.category.as_deref();
    let top = category.and_then(|path| path.split(" > ").next());
    let texts = [top, category, product.brand.as_deref(), product.seller.as_deref()];
    texts.map(|text| text.map_or(NONE, code))
}

/// Returns a number for a text. Two texts of one number would be taken for one kind, once in four
/// thousand million.
fn code(text: &str) -> u32 {
    let mut hasher = FxHasher::default();
    hasher.write(text.as_bytes());
    let word = hasher.finish();
    ((word ^ (word >> 32)) as u32).min(NONE - 1)
}

/// The codes that can be capped.
const CATEGORY: usize = 1;
const BRAND: usize = 2;
const SELLER: usize = 3;

/// The style of each scene.
#[derive(Debug, Clone, PartialEq)]
pub struct Styles(Vec<(Scene, Style)>);

impl Styles {
    /// Returns the styles that the settings want.
    ///
    /// # Errors
    /// What is out of range, and what is allowed.
    pub fn new(settings: &Settings) -> Result<Self> {
        let of = &settings.scenes;
        let all = [
            (Scene::Home, &of.home),
            (Scene::Product, &of.product),
            (Scene::Cart, &of.cart),
            (Scene::Search, &of.search),
            (Scene::WinBack, &of.win_back),
            (Scene::Email, &of.email),
        ];
        let style = |(scene, own): (Scene, &SceneSettings)| {
            let style = style(scene, own);
            style.check().map_err(|error| {
                Error::Wrong(format!("{error} (setting `scenes.{}`)", scene.name()))
            })?;
            Ok((scene, style))
        };
        Ok(Self(all.into_iter().map(style).collect::<Result<_>>()?))
    }

    /// Returns the style of a scene.
    #[must_use]
    pub fn of(&self, scene: Scene) -> Style {
        let found = self.0.iter().find(|(own, _)| *own == scene);
        found.map_or_else(Style::default, |(_, style)| style.clone())
    }
}

/// Returns the style of a scene: what the settings say, else its default.
fn style(scene: Scene, own: &SceneSettings) -> Style {
    // On a product's page and in a search the customer wants what is alike.
    let (relevance, most) = match scene {
        Scene::Home | Scene::WinBack | Scene::Email => (0.8, 4),
        Scene::Cart => (0.9, 0),
        Scene::Product | Scene::Search => (1.0, 0),
    };
    // What was searched for does not tire.
    let half_way = if scene == Scene::Search { 0.0 } else { 8.0 };
    let first = own.first.unwrap_or(12) as usize;
    let caps = [
        (CATEGORY, own.category_most.unwrap_or(most)),
        (BRAND, own.brand_most.unwrap_or(most)),
        (SELLER, own.seller_most.unwrap_or(0)),
    ];
    let caps = caps.into_iter().filter(|(_, most)| *most > 0);
    let half_way = own.fatigue.unwrap_or(half_way);
    // A letter cannot be learned from in time.
    let share = if scene == Scene::Email { 0.0 } else { own.exploration.unwrap_or(0.0) };
    let places = own.exploration_positions.clone().unwrap_or_else(|| vec![4, 8]);
    Style {
        relevance: own.relevance.unwrap_or(relevance),
        half_way: if half_way == 0.0 { f64::INFINITY } else { half_way },
        caps: caps.map(|(code, most)| Cap { code, most: most as usize, first }).collect(),
        exploration: Exploration {
            share,
            places: places
                .into_iter()
                .filter_map(|place| (place as usize).checked_sub(1))
                .collect(),
            pool: own.exploration_pool.unwrap_or(50) as usize,
        },
    }
}
