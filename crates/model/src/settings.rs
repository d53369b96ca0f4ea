//! The settings of a shop: `shopwise.toml`.

/// The settings of a shop, each with its default. Unknown names in the file are refused.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The shop's name, shown in reports.
    pub name: String,
    /// The IANA time zone in which days are meant and naive times are read.
    pub time_zone: String,
    /// The ISO 4217 code in which values are summed.
    pub currency: String,
    /// The calling code of the country that telephone numbers without one belong to, such as 86; 0
    /// for none. Changed later, only new events meet under the new form.
    pub calling_code: u32,
    /// Minutes without an event after which a new session begins.
    pub session_minutes: u32,
    /// Days after an exposure in which an order counts as its outcome.
    pub attribution_days: u32,
    /// Memory that queries may use before they spill to disk, in MiB.
    pub query_memory_mib: u64,
    /// The seed of everything that is drawn by chance.
    pub seed: u64,
    /// The smallest number of segments tried; equal to the largest it fixes the number.
    pub segments_min: u32,
    /// The largest number of segments tried.
    pub segments_max: u32,
    /// Seconds of two cores for which a run looks for better recommendations, by estimates of what
    /// fitting takes, so that equal data give equal models.
    pub race_seconds: u32,
    /// The share of traffic on which adverts are drawn by chance.
    pub exploration: f64,
    /// The address of the operational database, `postgres://user@host/database`; empty for a file
    /// in the shop's folder.
    pub ledger: String,
    /// Where the server listens: an address and a port. Only this machine reaches 127.0.0.1.
    pub listen: String,
    /// The time of day, in the shop's time zone, at which the server runs the loop, `HH:MM`; empty
    /// for never.
    pub run_at: String,
    /// How lists are composed in each scene.
    pub scenes: Scenes,
}

/// How lists are composed, by scene: tables such as `[scenes.home]`.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "docs/rules.md says what each scene is")]
pub struct Scenes {
    pub home: SceneSettings,
    pub product: SceneSettings,
    pub cart: SceneSettings,
    pub search: SceneSettings,
    #[serde(rename = "win-back")]
    pub win_back: SceneSettings,
    #[serde(rename = "e-mail")]
    pub email: SceneSettings,
}

/// How lists are composed in a scene; what is left out has the scene's own default.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SceneSettings {
    /// How much relevance counts against variety, above 0 to 1: home, win-back and e-mail .8, cart
    /// .9, product and search 1.
    pub relevance: Option<f64>,
    /// Showings without a click that halve an item's worth; 0 for never: 8, in a search 0.
    pub fatigue: Option<f64>,
    /// At most so many of a category among the first; 0 for any number: home, win-back and e-mail
    /// 4, else 0.
    pub category_most: Option<u32>,
    /// The same of a brand: as of a category.
    pub brand_most: Option<u32>,
    /// The same of a seller: 0.
    pub seller_most: Option<u32>,
    /// The number of positions in which these are counted: 12.
    pub first: Option<u32>,
    /// The probability with which an open position is filled by chance, 0 to 1: 0. Letters are
    /// never filled by chance.
    pub exploration: Option<f64>,
    /// The positions that are open to chance, from 1: 4 and 8.
    pub exploration_positions: Option<Vec<u32>>,
    /// How many of the next best chance draws from: 50.
    pub exploration_pool: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "my shop".to_owned(),
            time_zone: "UTC".to_owned(),
            currency: "USD".to_owned(),
            calling_code: 0,
            session_minutes: 30,
            attribution_days: 7,
            query_memory_mib: 2048,
            seed: 42,
            segments_min: 2,
            segments_max: 10,
            race_seconds: 60,
            exploration: 0.1,
            ledger: String::new(),
            listen: "127.0.0.1:8484".to_owned(),
            run_at: "03:00".to_owned(),
            scenes: Scenes::default(),
        }
    }
}
