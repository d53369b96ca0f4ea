//! Policies: what each visit of a day is shown, and with which probability it was chosen.

use anyhow::Result;
use shopwise_learn::bid::{Offer, Place, slate};
use shopwise_model::decision::{Choice, VisitContext, VisitDecision};
use shopwise_stages::advertise::{Desk, Shown};

use super::learned::Learned;

/// A way to decide.
pub(crate) enum Policy {
    /// Everything by chance, evenly.
    Random,
    /// The same for everybody: what sells best, and the campaigns that are clicked most.
    Popular {
        /// Products by index in the world, best first.
        products: Vec<u32>,
        /// Campaigns by place at the desk, best first.
        campaigns: Vec<usize>,
    },
    /// What was learned about each customer, and a share of chance to go on learning.
    Learned(Box<Learned>),
}

/// What all policies work with.
pub(crate) struct Office {
    pub(crate) desk: Desk,
    /// The segment of each customer of the world.
    pub(crate) segments: Vec<Option<String>>,
    /// How many products the world has.
    pub(crate) products: usize,
    pub(crate) seed: u64,
}

impl Policy {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Popular { .. } => "popular",
            Self::Learned(_) => "learned",
        }
    }

    /// Looks at the visits of a day before the first of them is decided.
    pub(super) fn look_at(&mut self, office: &Office, visits: &[VisitContext]) -> Result<()> {
        match self {
            Self::Learned(learned) => learned.look_at(office, visits),
            Self::Random | Self::Popular { .. } => Ok(()),
        }
    }

    /// Decides for the visit at a place among those of the day.
    pub(super) fn decide(
        &self,
        office: &mut Office,
        at: usize,
        visit: &VisitContext,
    ) -> Result<VisitDecision> {
        Ok(VisitDecision {
            decision: format!("d{}", visit.visit),
            policy: self.name(),
            list: self.list(office, at, visit)?,
            ads: self.ads(office, at, visit)?,
        })
    }

    fn list(&self, office: &Office, at: usize, visit: &VisitContext) -> Result<Vec<Choice>> {
        let draws: Vec<f64> = (0..visit.list_slots).map(|slot| office.draw(visit, slot)).collect();
        let places = match self {
            Self::Random => slate(&[], office.products, 1.0, &draws)?,
            Self::Popular { products, .. } => slate(products, office.products, 0.0, &draws)?,
            Self::Learned(learned) => {
                let exploration = learned.exploration;
                slate(learned.list(at), office.products, exploration, &draws)?
            }
        };
        let choice = |place: &Place| Choice { index: place.item, propensity: place.propensity };
        Ok(places.iter().map(choice).collect())
    }

    fn ads(&self, office: &mut Office, at: usize, visit: &VisitContext) -> Result<Vec<Choice>> {
        let segment = office.segments[visit.customer as usize].as_deref();
        let eligible = office.desk.eligible(segment, visit.occurred_at);
        let (offers, exploration): (Vec<Offer>, f64) = match self {
            Self::Random => (vec![Offer::default(); eligible.len()], 1.0),
            Self::Popular { campaigns, .. } => {
                let rank = |campaign: &usize| {
                    campaigns.iter().position(|own| own == campaign).unwrap_or(campaigns.len())
                };
                let value =
                    |campaign| Offer { value_view: -(rank(campaign) as f64), ..Offer::default() };
                (eligible.iter().map(value).collect(), 0.0)
            }
            Self::Learned(learned) => (learned.offers(at, &eligible), learned.exploration),
        };
        let draws: Vec<f64> =
            (0..visit.ad_slots).map(|slot| office.draw(visit, ADS_FROM + slot)).collect();
        let (number, moment) = (visit.visit, visit.occurred_at);
        let shown = office.desk.decide(number, moment, &eligible, &offers, exploration, &draws)?;
        let choice =
            |one: &Shown| Choice { index: one.campaign as u32, propensity: one.propensity };
        Ok(shown.iter().map(choice).collect())
    }
}

/// Draws of a visit from here on are for adverts.
const ADS_FROM: usize = 1000;

impl Office {
    /// Returns a number from 0 to below 1 that depends on nothing but the seed, the visit and the
    /// slot: policies meet the same luck. The mixing is that of splitmix64.
    pub(super) fn draw(&self, visit: &VisitContext, slot: usize) -> f64 {
        let mut state = self.seed;
        for part in [visit.visit, slot as u64] {
            state = state.wrapping_add(part).wrapping_add(0x9e37_79b9_7f4a_7c15);
            state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            state ^= state >> 31;
        }
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}
