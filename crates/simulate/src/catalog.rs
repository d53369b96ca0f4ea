//! What the shop sells: categories, brands, prices, and how much a product appeals to everybody.

use shopwise_model::Product;
use shopwise_model::money::MICROS;

use crate::chance::{Chance, Purpose};
use crate::settings::Settings;

/// A category: its levels, the price in the middle of it, and what its products are called.
struct Kind(&'static str, f64, [&'static str; 4]);

const KINDS: [Kind; 24] = [
    Kind("Home > Kitchen", 28.0, ["kettle", "pan", "knife set", "toaster"]),
    Kind("Electronics > Audio", 34.0, ["headphones", "speaker", "earbuds", "turntable"]),
    Kind("Fashion > Shoes", 36.0, ["sneakers", "boots", "sandals", "loafers"]),
    Kind("Beauty > Skin care", 20.0, ["face cream", "cleanser", "serum", "sunscreen"]),
    Kind("Sports > Outdoor", 34.0, ["tent", "sleeping bag", "backpack", "camp stove"]),
    Kind("Family > Toys", 22.0, ["puzzle", "building blocks", "doll house", "board game"]),
    Kind("Home > Bedroom", 32.0, ["duvet", "pillow", "sheet set", "blanket"]),
    Kind("Electronics > Phones", 38.0, ["phone case", "charger", "power bank", "screen guard"]),
    Kind("Fashion > Women", 30.0, ["dress", "blouse", "cardigan", "skirt"]),
    Kind("Beauty > Fragrance", 34.0, ["perfume", "body mist", "scented candle", "cologne"]),
    Kind("Sports > Fitness", 28.0, ["yoga mat", "dumbbells", "skipping rope", "foam roller"]),
    Kind("Family > Books", 18.0, ["novel", "cookbook", "atlas", "picture book"]),
    Kind("Home > Garden", 26.0, ["watering can", "plant pot", "pruner", "garden lamp"]),
    Kind("Electronics > Computers", 40.0, ["keyboard", "mouse", "webcam", "laptop stand"]),
    Kind("Fashion > Men", 30.0, ["shirt", "jeans", "sweater", "jacket"]),
    Kind("Beauty > Make-up", 20.0, ["lipstick", "mascara", "eye shadow", "foundation"]),
    Kind("Sports > Cycling", 34.0, ["helmet", "bike light", "bottle cage", "bike lock"]),
    Kind("Family > Baby", 24.0, ["bib set", "baby monitor", "sling", "rattle"]),
    Kind("Home > Storage", 22.0, ["shelf", "basket", "box set", "hook rail"]),
    Kind("Electronics > Cameras", 42.0, ["tripod", "lens cloth", "camera bag", "memory card"]),
    Kind("Fashion > Bags", 34.0, ["tote", "wallet", "weekender", "belt bag"]),
    Kind("Beauty > Hair", 22.0, ["shampoo", "hair dryer", "brush", "hair oil"]),
    Kind("Sports > Swimming", 24.0, ["swimsuit", "goggles", "swim cap", "towel"]),
    Kind("Family > Pets", 22.0, ["dog leash", "cat bed", "pet bowl", "scratching post"]),
];

const BRANDS: [&str; 24] = [
    "Nordal",
    "Aveline",
    "Brightwell",
    "Castor",
    "Dunmore",
    "Elvia",
    "Fennick",
    "Grovely",
    "Halden",
    "Isolde",
    "Juniper",
    "Kestrel",
    "Lumo",
    "Marlow",
    "Nimbus",
    "Orchard",
    "Pellet",
    "Quill",
    "Rowan",
    "Sorrel",
    "Tindra",
    "Umbra",
    "Vesper",
    "Willow",
];

const ADJECTIVES: [&str; 12] = [
    "classic", "compact", "soft", "light", "bold", "natural", "urban", "everyday", "premium",
    "slim", "vintage", "bright",
];

/// How many brands make things of one category.
const BRANDS_A_CATEGORY: usize = 6;
/// The price of everything in a world without tastes, units.
const PRICE_WITHOUT_TASTES: f64 = 25.0;

/// The catalogue as columns, `(n_products)` each.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) products: Vec<Product>,
    /// Prices in millionths.
    pub(crate) prices: Vec<i64>,
    pub(crate) categories: Vec<u16>,
    pub(crate) brands: Vec<u16>,
    /// The natural logarithm of the price in units.
    pub(crate) ln_prices: Vec<f32>,
    /// What is added to every customer's utility.
    pub(crate) appeals: Vec<f32>,
    /// Products of each category: `members[starts[category]..starts[category + 1]]`.
    starts: Vec<usize>,
    members: Vec<u32>,
    /// Within each category, the running sum of exp(appeal).
    sums: Vec<f32>,
    /// How much each category is liked in general.
    weights: Vec<f64>,
}

impl Catalog {
    /// Invents the catalogue of these settings.
    pub(crate) fn new(settings: &Settings, chance: Chance) -> Self {
        let count = settings.products as usize;
        let kinds = KINDS.len().min(count);
        let weights: Vec<f64> = (0..kinds)
            .map(|kind| 0.4 * chance.to(Purpose::Category).of(kind as u64).normal())
            .map(|log_weight| (settings.tastes * log_weight).exp())
            .collect();
        let mut catalog = Self {
            products: Vec::with_capacity(count),
            prices: Vec::with_capacity(count),
            categories: Vec::with_capacity(count),
            brands: Vec::with_capacity(count),
            ln_prices: Vec::with_capacity(count),
            appeals: Vec::with_capacity(count),
            starts: Vec::new(),
            members: Vec::new(),
            sums: Vec::new(),
            weights,
        };
        let digits = (count.to_string().len()).max(4);
        for at in 0..count {
            catalog.add(at, digits, settings.tastes, chance.to(Purpose::Product).of(at as u64));
        }
        catalog.index();
        catalog
    }

    fn add(&mut self, at: usize, digits: usize, tastes: f64, chance: Chance) {
        // The first products take one category each, so that none is empty.
        let kinds = self.weights.len();
        let category = if at < kinds { at } else { chance.of(0).below(kinds) };
        let Kind(levels, middle, nouns) = &KINDS[category];
        let brand = (category * 5 + chance.of(1).below(BRANDS_A_CATEGORY)) % BRANDS.len();
        let level = 0.2 * (brand as f64 / BRANDS.len() as f64 - 0.5);
        let spread = (middle / PRICE_WITHOUT_TASTES).ln() + level + 0.3 * chance.of(2).normal();
        let price = PRICE_WITHOUT_TASTES * (spread.clamp(-2.0, 2.0) * tastes.min(1.0)).exp();
        let cents = (price * 10.0).round() as i64 * 10 - 1;
        // A few products appeal far more than most: the tail to the right is exponential.
        let appeal = 0.2 * chance.of(3).normal() + 0.2 * (chance.of(4).exponential() - 1.0);
        let appeal = appeal.clamp(-0.8, 0.8);
        let adjective = ADJECTIVES[chance.of(5).below(ADJECTIVES.len())];
        let noun = nouns[chance.of(6).below(nouns.len())];
        let micros = cents * (MICROS / 100);
        let margin = 0.3 + 0.25 * chance.of(7).unit();
        let stock = 200.0 * chance.of(8).normal().exp();
        self.products.push(Product {
            id: format!("p{:0digits$}", at + 1),
            title: format!("{} {adjective} {noun} {}", BRANDS[brand], 100 + at % 900),
            category: Some((*levels).to_owned()),
            brand: Some(BRANDS[brand].to_owned()),
            price: Some(micros),
            cost: Some((cents as f64 * (1.0 - margin)).round() as i64 * (MICROS / 100)),
            stock: Some(stock as i64 + 1),
            ..Product::default()
        });
        self.prices.push(micros);
        self.categories.push(category as u16);
        self.brands.push(brand as u16);
        self.ln_prices.push((cents as f64 / 100.0).ln() as f32);
        self.appeals.push((tastes * appeal) as f32);
    }

    fn index(&mut self) {
        let mut members: Vec<u32> = (0..self.products.len() as u32).collect();
        members.sort_by_key(|product| self.categories[*product as usize]);
        let mut last = None;
        let mut sum = 0.0;
        for (place, product) in members.iter().enumerate() {
            let category = self.categories[*product as usize];
            if last != Some(category) {
                self.starts.push(place);
                sum = 0.0;
            }
            last = Some(category);
            sum += self.appeals[*product as usize].exp();
            self.sums.push(sum);
        }
        self.starts.push(members.len());
        self.members = members;
    }

    /// Returns a category, the liked ones more often.
    pub(crate) fn draw_category(&self, chance: Chance) -> u16 {
        chance.pick(self.weights.iter().copied()) as u16
    }

    /// Returns a product of the category with a probability proportional to exp(appeal).
    pub(crate) fn draw_product(&self, category: u16, chance: Chance) -> u32 {
        let range = self.starts[category as usize]..self.starts[category as usize + 1];
        let sums = &self.sums[range.clone()];
        let wanted = chance.unit() as f32 * sums.last().copied().unwrap_or(0.0);
        let place = sums.partition_point(|sum| *sum <= wanted).min(sums.len() - 1);
        self.members[range.start + place]
    }

    /// Returns any product, each as likely as the others.
    pub(crate) fn draw_any(&self, chance: Chance) -> u32 {
        chance.below(self.products.len()) as u32
    }

    /// Returns the name of a category, its levels joined by ` > `.
    pub(crate) fn category_name(category: u16) -> &'static str {
        KINDS[category as usize].0
    }

    /// Returns the name of a brand.
    pub(crate) fn brand_name(brand: u16) -> &'static str {
        BRANDS[brand as usize]
    }

    /// Returns the words with which a category is searched: its last level.
    pub(crate) fn category_words(category: u16) -> &'static str {
        let name = Self::category_name(category);
        name.rsplit(" > ").next().unwrap_or(name)
    }
}
