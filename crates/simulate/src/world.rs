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
    /// Today's visits, once asked for.
    waiting: Option<Vec<Guest>>,
    /// What each customer was shown lately.
    seen: Vec<Vec<Seen>>,
    /// What was caused before and happens on a later day.
    later: BTreeMap<u32, Vec<Draft>>,
    truth: Option<Exposures>,
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
            waiting: None,
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
        if self.waiting.is_none() {
            self.waiting = Some(self.guests());
        }
        let guests = self.waiting.iter().flatten();
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

    /// Shows what was decided, one decision a visit in the order of [`World::begin_day`]; adds the
    /// day's events in time order, those of earlier causes included, and returns what came of each
    /// visit. Orders count in the visit that caused them, also those that follow within 7 days;
    /// refunds are not taken off. When there is an error nothing has happened.
    ///
    /// # Errors
    /// [`Error::NotBegun`] before [`World::begin_day`]; [`Error::Decisions`] when there is not one
    /// decision a visit; [`Error::Decision`] when one shows more than there is room for or what
    /// does not exist, or when a propensity is not a probability.
    pub fn end_day(
        &mut self,
        decisions: &[VisitDecision],
        events: &mut Events,
    ) -> Result<Vec<VisitOutcome>> {
        let day = self.day;
        let Some(guests) = &self.waiting else { return Err(Error::NotBegun { day }) };
        if guests.len() != decisions.len() {
            let (visits, decisions) = (guests.len(), decisions.len());
            return Err(Error::Decisions { day, visits, decisions });
        }
        for (at, decision) in decisions.iter().enumerate() {
            self.check(at, decision)?;
        }
        let guests = self.waiting.take().unwrap_or_default();
        let mut drafts = self.later.remove(&day).unwrap_or_default();
        let mut sink = Sink {
            starts_at: self.shop.starts_at,
            today: day,
            drafts: &mut drafts,
            later: &mut self.later,
        };
        let mut outcomes = Vec::with_capacity(guests.len());
        for (at, (guest, decision)) in guests.into_iter().zip(decisions).enumerate() {
            let seen = &mut self.seen[guest.customer as usize];
            let decision = (at as u32, decision);
            let truth = &mut self.truth;
            outcomes.push(visit::play(&self.shop, guest, decision, seen, &mut sink, truth));
        }
        draft::write(&self.shop, &drafts, decisions, events);
        self.day += 1;
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
