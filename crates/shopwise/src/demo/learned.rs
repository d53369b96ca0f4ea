//! The learned policy: published models, asked with the state of the fold beside the log.

use anyhow::{Context, Result};
use shopwise_learn::bid::Offer;
use shopwise_learn::recommend::Pad;
use shopwise_model::decision::VisitContext;
use shopwise_model::frame::{Column, Frame, Texts};
use shopwise_model::tables::EXPOSURE_FEATURES;
use shopwise_model::time::DAY;
use shopwise_simulate::World;
use shopwise_stages::Shop;
use shopwise_stages::advertise::Strategy;
use shopwise_stages::prepare::fold::{Replay, Thing};
use shopwise_stages::prepare::follow;
use shopwise_stages::recommend::{self, Serving};

use super::policy::Office;

/// Products of a list that are asked for beyond its slots: exploration may take some of the best.
const SPARE: usize = 4;

/// Published models and what is known about each customer now.
pub(crate) struct Learned {
    serving: Serving,
    strategy: Strategy,
    state: Replay,
    /// Names of the world's customers, and the world's index of each product that is served.
    customers: Vec<String>,
    products: Vec<u32>,
    pub(super) exploration: f64,
    /// For each visit of the day the best products, by index in the world.
    lists: Vec<Vec<u32>>,
    /// For each visit of the day what each campaign is worth, by place at the desk.
    offers: Vec<Vec<Offer>>,
}

impl Learned {
    pub(super) fn open(shop: &Shop, world: &World) -> Result<Self> {
        let serving = Serving::open(shop, recommend::NAME)?
            .or(Serving::open(shop, recommend::BASELINE)?)
            .context("no recommendation model was published")?;
        let strategy = Strategy::open(shop)?.context("no response model was published")?;
        let index = |id: &String| world.products().iter().position(|product| product.id == *id);
        let known = serving.products().iter();
        let products = known.map(|id| index(id).map_or(u32::MAX, |index| index as u32)).collect();
        let names = (0..world.customers()).map(|at| world.customer(at as u32).to_owned());
        Ok(Self {
            serving,
            strategy,
            state: follow::state(shop)?,
            customers: names.collect(),
            products,
            exploration: shop.settings.exploration,
            lists: Vec::new(),
            offers: Vec::new(),
        })
    }

    /// Takes in the events of a day that is over.
    pub(super) fn learn(&mut self, events: &Frame) -> Result<()> {
        self.state.extend(events)?;
        self.state.settle();
        Ok(())
    }

    /// Works out what the visits of a day are best shown.
    pub(super) fn look_at(&mut self, office: &Office, visits: &[VisitContext]) -> Result<()> {
        let mut pad = Pad::default();
        self.lists.clear();
        for visit in visits {
            let history = self.history(visit);
            let length = visit.list_slots + SPARE;
            let best = self.serving.recommend(&history, length, None, &mut pad);
            let indexes = best.iter().map(|scored| self.products[scored.item as usize]);
            self.lists.push(indexes.filter(|index| *index != u32::MAX).collect());
        }
        self.offers = self.worth(office, visits)?;
        Ok(())
    }

    /// Returns the best products of a visit, by index in the world.
    pub(super) fn list(&self, at: usize) -> &[u32] {
        &self.lists[at]
    }

    /// Returns what the eligible campaigns are worth in a visit.
    pub(super) fn offers(&self, at: usize, eligible: &[usize]) -> Vec<Offer> {
        eligible.iter().map(|campaign| self.offers[at][*campaign]).collect()
    }

    /// Returns what a visitor has looked at and bought, as the served model counts it.
    fn history(&self, visit: &VisitContext) -> Vec<(u32, f32, f32)> {
        let Some(code) = self.state.customer(&self.customers[visit.customer as usize]) else {
            return Vec::new();
        };
        let names = self.state.product_names();
        let mut history = Vec::new();
        let known = self.state.state_of(code, visit.occurred_at);
        for (product, pair) in &known.pairs {
            let looked = pair.views.saturating_add(pair.reactions);
            let weight = recommend::weight::of_counts(looked, pair.carts, pair.orders);
            let name = names.get(*product as usize).filter(|_| weight > 0.0);
            if let Some(product) = name.and_then(|name| self.serving.index_of(name)) {
                let days = (visit.occurred_at - pair.used_at()).max(0) as f64 / DAY as f64;
                history.push((product, weight, days as f32));
            }
        }
        history.sort_unstable_by_key(|entry| entry.0);
        history
    }

    /// Scores every campaign for every visit of the day in one table.
    fn worth(&mut self, office: &Office, visits: &[VisitContext]) -> Result<Vec<Vec<Offer>>> {
        let campaigns = office.desk.campaigns();
        if campaigns.is_empty() {
            return Ok(vec![Vec::new(); visits.len()]);
        }
        let things: Vec<Thing> =
            campaigns.iter().map(|campaign| self.state.advertised(&campaign.id)).collect();
        let rows = visits.len() * campaigns.len();
        let mut known: Vec<Vec<f64>> = vec![Vec::with_capacity(rows); EXPOSURE_FEATURES.len()];
        let (mut device, mut channel) = (Texts::default(), Texts::default());
        let (mut names, mut bids) = (Texts::default(), Vec::with_capacity(rows));
        for visit in visits {
            let customer = self.state.customer(&self.customers[visit.customer as usize]);
            for (campaign, thing) in campaigns.iter().zip(&things) {
                let features = self.state.features(customer, *thing, visit.occurred_at);
                for (column, value) in known.iter_mut().zip(features) {
                    column.push(value);
                }
                device.push(Some(visit.device));
                channel.push(Some(visit.channel));
                names.push(Some(&campaign.id));
                bids.push(campaign.bid_per_click);
            }
        }
        let all = |text: &str| Column::Text((0..rows).map(|_| text).collect());
        let mut candidates = Frame::default()
            .with("campaign", Column::Text(names))
            .with("placement", all("banner"))
            .with("position", all("banner-1"))
            .with("device", Column::Text(device))
            .with("channel", Column::Text(channel))
            .with("bid", Column::Int(bids));
        for (name, values) in EXPOSURE_FEATURES.iter().zip(known) {
            candidates = candidates.with(name, Column::Float(values));
        }
        let offers = self.strategy.offers(&candidates)?;
        Ok(offers.chunks(campaigns.len()).map(<[Offer]>::to_vec).collect())
    }
}
