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
        }
    }
}
