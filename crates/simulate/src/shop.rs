//! What never changes in a world: the shop and its customers. Copies of a world share it.

use crate::campaigns::Campaigns;
use crate::catalog::Catalog;
use crate::chance::Chance;
use crate::customers::{self, Customer};
use crate::settings::Settings;
use crate::taste::Bases;

/// The shop and its customers.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) chance: Chance,
    pub(crate) catalog: Catalog,
    pub(crate) campaigns: Campaigns,
    pub(crate) customers: Vec<Customer>,
    /// The customers as events carry them.
    pub(crate) names: Vec<Box<str>>,
    pub(crate) bases: Bases,
    pub(crate) currency: String,
    pub(crate) starts_at: i64,
    pub(crate) list_slots: usize,
    pub(crate) ad_slots: usize,
}

impl Shop {
    /// Invents the shop of settings that were checked.
    pub(crate) fn new(settings: &Settings, name: impl Fn(&str) -> String) -> Self {
        let chance = Chance::new(settings.seed);
        let catalog = Catalog::new(settings, chance);
        let campaigns = Campaigns::new(settings, &catalog, chance);
        let customers = customers::invent(settings, &catalog, chance);
        let names = (0..settings.customers)
            .map(|at| name(&format!("customer-{:06}", at + 1)).into_boxed_str())
            .collect();
        let slots = [settings.list_slots as usize, settings.ad_slots as usize];
        let bases = Bases::new(&customers, (&catalog, &campaigns), slots, chance);
        Self {
            chance,
            catalog,
            campaigns,
            customers,
            names,
            bases,
            currency: settings.currency.clone(),
            starts_at: settings.starts_at,
            list_slots: slots[0],
            ad_slots: slots[1],
        }
    }
}
