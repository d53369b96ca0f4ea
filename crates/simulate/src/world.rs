//! The world: a shop that lives day by day and is told what to show.

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::sync::Arc;

use shopwise_model::decision::{Choice, VisitContext, VisitDecision, VisitOutcome};
use shopwise_model::time::DAY;
use shopwise_model::{Campaign, Events, Frame, Product};

use crate::aftermath::{Sink, is_weekend};
use crate::chance::Purpose;
use crate::customers::{CHANNELS, DEVICES};
use crate::draft::{self, Draft};
use crate::settings::{Error, Result, Settings};
use crate::shop::Shop;
use crate::taste::{Odds, Shown};
use crate::truth::{self, Exposures};
use crate::visit::{self, Guest, Seen};

/// How much more is going on late in November than on average.
const SEASON: f64 = 0.2;
/// The day of the year on which most is going on.
const SEASON_PEAK: f64 = 330.0;

/// A shop with its customers, at the beginning or in the middle of a day. A copy meets the same
/// chances: it differs only by what is decided.
#[derive(Debug, Clone)]
pub struct World {
    shop: Arc<Shop>,
    day: u32,
    /// Today, once its visits were asked for.
    today: Option<Today>,
    /// What each customer was shown lately.
    seen: Vec<Vec<Seen>>,
    /// What was caused before and happens on a later day.
    later: BTreeMap<u32, Vec<Draft>>,
    truth: Option<Exposures>,
}

/// A day under way.
#[derive(Debug, Clone)]
struct Today {
    guests: Vec<Guest>,
    /// What happens today: what earlier days caused, then the visits that were met.
    drafts: Vec<Draft>,
    /// The decisions of the visits that were met.
    decisions: Vec<VisitDecision>,
}

impl World {
    /// Invents a shop. `name` turns the identifier of a customer (`customer-000017`, from 1) into
    /// what events carry.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first setting that is outside its range.
    pub fn new(settings: &Settings, name: impl Fn(&str) -> String) -> Result<Self> {
        settings.check()?;
        Ok(Self {
            shop: Arc::new(Shop::new(settings, name)),
            day: 0,
            today: None,
            seen: vec![Vec::new(); settings.customers as usize],
            later: BTreeMap::new(),
            truth: None,
        })
    }

    /// Returns the catalogue; decisions name products by their index in it.
    #[must_use]
    pub fn products(&self) -> &[Product] {
        &self.shop.catalog.products
    }

    /// Returns the campaigns; decisions name them by their index. The world shows what it is told:
    /// a campaign's dates, budget and segments are the caller's to respect.
    #[must_use]
    pub fn campaigns(&self) -> &[Campaign] {
        &self.shop.campaigns.campaigns
    }

    /// Returns the number of customers.
    #[must_use]
    pub fn customers(&self) -> usize {
        self.shop.customers.len()
    }

    /// Returns a customer as events carry him.
    ///
    /// # Panics
    /// When there is no such customer.
    #[must_use]
    pub fn customer(&self, customer: u32) -> &str {
        &self.shop.names[customer as usize]
    }

    /// Returns the day that is under way or about to begin, from 0.
    #[must_use]
    pub fn day(&self) -> u32 {
        self.day
    }

    /// Returns the first moment of the day, UTC microseconds.
    #[must_use]
    pub fn day_starts_at(&self) -> i64 {
        self.shop.starts_at + i64::from(self.day) * DAY
    }

    /// Returns today's visits in time order, at most one a customer. Asked again before the day's
    /// end, it returns the same.
    pub fn begin_day(&mut self) -> Vec<VisitContext> {
        if self.today.is_none() {
            let drafts = self.later.remove(&self.day).unwrap_or_default();
            self.today = Some(Today { guests: self.guests(), drafts, decisions: Vec::new() });
        }
        let guests = self.today.iter().flat_map(|today| &today.guests);
        guests
            .map(|guest| VisitContext {
                visit: guest.visit,
                customer: guest.customer,
                occurred_at: guest.occurred_at,
                device: DEVICES[guest.device as usize],
                channel: CHANNELS[guest.channel as usize],
                list_slots: self.shop.list_slots,
                ad_slots: self.shop.ad_slots,
            })
            .collect()
    }

    fn guests(&self) -> Vec<Guest> {
        let shop = &*self.shop;
        let midnight = self.day_starts_at();
        let weekend = is_weekend(shop.starts_at, self.day);
        let day_of_year = midnight.div_euclid(DAY) as f64 % 365.25;
        let season = 1.0 + SEASON * (TAU * (day_of_year - SEASON_PEAK) / 365.25).cos();
        let first = u64::from(self.day) * shop.customers.len() as u64;
        let visits = shop.chance.to(Purpose::Visits);
        let mut guests = Vec::new();
        for (at, customer) in shop.customers.iter().enumerate() {
            let probability = customer.visit_probability(self.day, weekend, season);
            let visit = first + at as u64;
            let chance = visits.of(visit);
            if !chance.to(Purpose::Comes).happens(probability) {
                continue;
            }
            let start = chance.to(Purpose::Start);
            let (device, channel) = customer.way(start);
            guests.push(Guest {
                visit,
                customer: at as u32,
                day: self.day,
                occurred_at: midnight + customer.moment(start),
                device,
                channel,
            });
        }
        guests.sort_by_key(|guest| (guest.occurred_at, guest.customer));
        guests
    }

    /// Shows the next visitor of the day what was decided for him and returns what came of it.
    /// Orders count in the visit that caused them, also those that follow within 7 days; refunds
    /// are not taken off. When there is an error nothing has happened.
    ///
    /// # Errors
    /// [`Error::NotBegun`] before [`World::begin_day`]; [`Error::Decisions`] when all visitors were
    /// met; [`Error::Decision`] when a decision shows more than there is room for or what does not
    /// exist, or when a propensity is not a probability.
    pub fn meet(&mut self, decision: VisitDecision) -> Result<VisitOutcome> {
        let day = self.day;
        let Some(today) = &self.today else { return Err(Error::NotBegun { day }) };
        let at = today.decisions.len();
        let Some(guest) = today.guests.get(at).copied() else {
            return Err(Error::Decisions { day, visits: at, decisions: at + 1 });
        };
        self.check(at, &decision)?;
        let Self { shop, today: Some(today), seen, later, truth, .. } = self else {
            return Err(Error::NotBegun { day });
        };
        let mut sink =
            Sink { starts_at: shop.starts_at, today: day, drafts: &mut today.drafts, later };
        let seen = &mut seen[guest.customer as usize];
        let shown = (at as u32, &decision);
        let outcome = visit::play(shop, guest, shown, seen, &mut sink, truth);
        today.decisions.push(decision);
        Ok(outcome)
    }

    /// Ends the day whose visitors were all met: adds its events in time order, those of earlier
    /// causes included.
    ///
    /// # Errors
    /// [`Error::NotBegun`] before [`World::begin_day`]; [`Error::Decisions`] when there are
    /// visitors who were not met.
    pub fn close_day(&mut self, events: &mut Events) -> Result<()> {
        let day = self.day;
        let Some(today) = &self.today else { return Err(Error::NotBegun { day }) };
        let (visits, decisions) = (today.guests.len(), today.decisions.len());
        if visits != decisions {
            return Err(Error::Decisions { day, visits, decisions });
        }
        if let Some(today) = self.today.take() {
            draft::write(&self.shop, &today.drafts, &today.decisions, events);
        }
        self.day += 1;
        Ok(())
    }

    /// Meets all visitors of the day, one decision a visit in the order of [`World::begin_day`],
    /// and closes the day. When there is an error nothing has happened.
    ///
    /// # Errors
    /// As [`World::meet`] and [`World::close_day`].
    pub fn end_day(
        &mut self,
        decisions: &[VisitDecision],
        events: &mut Events,
    ) -> Result<Vec<VisitOutcome>> {
        let day = self.day;
        let Some(today) = &self.today else { return Err(Error::NotBegun { day }) };
        let met = today.decisions.len();
        if today.guests.len() != met + decisions.len() {
            let visits = today.guests.len();
            return Err(Error::Decisions { day, visits, decisions: met + decisions.len() });
        }
        for (at, decision) in decisions.iter().enumerate() {
            self.check(met + at, decision)?;
        }
        let outcomes = decisions.iter().map(|decision| self.meet(decision.clone()));
        let outcomes = outcomes.collect::<Result<Vec<_>>>()?;
        self.close_day(events)?;
        Ok(outcomes)
    }

    fn check(&self, at: usize, decision: &VisitDecision) -> Result<()> {
        let shop = &*self.shop;
        let products = shop.catalog.products.len();
        let campaigns = shop.campaigns.campaigns.len();
        check_choices(at, ["list", "product"], &decision.list, shop.list_slots, products)?;
        check_choices(at, ["ads", "campaign"], &decision.ads, shop.ad_slots, campaigns)
    }

    /// Returns the true probabilities behind showing something to a customer today at a position
    /// from 1 on: for policies that know everything, and for tests.
    ///
    /// # Panics
    /// When there is no such customer, product or campaign.
    #[must_use]
    pub fn odds(&self, customer: u32, shown: Shown, position: usize) -> Odds {
        let shop = &*self.shop;
        let (product, _) = shop.campaigns.product(shown);
        let lately = visit::shown_lately(&self.seen[customer as usize], shown, self.day);
        let all = (&shop.catalog, &shop.campaigns);
        let customer = &shop.customers[customer as usize];
        Odds {
            p_click: shop.bases.p_click(all, customer, shown, position, lately),
            p_conversion: shop.bases.p_conversion(&shop.catalog, customer, product),
        }
    }

    /// Keeps the truth of every exposure from now on; see [`World::take_truth`].
    pub fn keep_truth(&mut self) {
        self.truth.get_or_insert_default();
    }

    /// Returns the truth of the exposures kept since the last call, one row each in the order of
    /// visits and places, and forgets it: the key `event_id`, `line`; `p_click`, the probability of
    /// a click at that moment; `p_conversion`, the probability that a click leads to an order of
    /// that product within 7 days; `clicked`; and `ordered`, whether a click led to one.
    pub fn take_truth(&mut self) -> Frame {
        self.truth.as_mut().map(std::mem::take).unwrap_or_default().into_frame()
    }

    /// Returns the truth of customers, one row each in the order of their indexes: `customer` as
    /// events carry it, `archetype` (from 0), `archetype_name`, `favourite_category` and
    /// `favourite_brand` (missing in a world without tastes), `price_sensitivity`,
    /// `preferred_price` (units), `visits_per_day` (while active), `weekend_share`,
    /// `evening_share`, `items_per_order`, `return_rate`, `joined_at`, `lapses_at`.
    #[must_use]
    pub fn customers_truth(&self) -> Frame {
        truth::customers(&self.shop)
    }
}

fn check_choices(
    at: usize,
    [list, thing]: [&'static str; 2],
    choices: &[Choice],
    slots: usize,
    count: usize,
) -> Result<()> {
    let wrong = |name, allowed, value| Error::Decision { at, name, allowed, value };
    if choices.len() > slots {
        return Err(wrong(list, format!("at most {slots} long"), choices.len().to_string()));
    }
    for choice in choices {
        if choice.index as usize >= count {
            return Err(wrong(thing, format!("below {count}"), choice.index.to_string()));
        }
        if !(choice.propensity > 0.0 && choice.propensity <= 1.0) {
            let allowed = "above 0 and at most 1".to_owned();
            return Err(wrong("propensity", allowed, choice.propensity.to_string()));
        }
    }
    Ok(())
}
