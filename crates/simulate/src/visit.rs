//! One visit: what is seen, clicked, browsed and bought, as drafts of events.
//!
//! What nothing shown has caused (browsing, organic orders) does not depend on the decision; clicks
//! and what follows from them do. Draws for a shown thing hang on the thing, not on its place, so
//! that two policies that show the same product meet the same customer in the same mood.

use shopwise_model::EventKind;
use shopwise_model::decision::{VisitDecision, VisitOutcome};
use shopwise_model::frame::NULL_INT;
use shopwise_model::time::SECOND;

use crate::aftermath::{self, Order, Sink};
use crate::chance::{Chance, Purpose};
use crate::customers::Customer;
use crate::draft::{BRAND_QUERIES, Draft, NONE, event_id};
use crate::shop::Shop;
use crate::taste::{Shown, utility};
use crate::truth::Exposures;

/// Mean number of products that are looked at without having been shown.
const BROWSED: f64 = 2.2;
/// The largest number of those.
const BROWSED_MAX: usize = 15;
/// The share of visits with a search.
const SEARCHES: f64 = 0.35;
/// The share of looks after which the product is put into the cart though nothing is bought.
const CARTS: f64 = 0.04;
/// The share of full carts with which checkout begins though nothing is bought.
const CHECKOUTS: f64 = 0.25;
/// The share of caused orders that follow in the same visit.
const AT_ONCE: f64 = 0.75;
/// How much liked categories draw those who browse.
const FOCUS: f64 = 0.9;
/// The largest number of further products in an order.
const BASKET_MAX: usize = 12;
/// What separates places of adverts from places of the list in numbers of events.
const AD_SLOTS_FROM: u32 = 128;
/// What separates campaigns from products where something shown is numbered.
const CAMPAIGNS_FROM: u32 = 1 << 31;
/// Days in which the weight of having been shown falls to 1/e.
const FORGETTING_DAYS: f64 = 7.0;
/// Days after which having been shown is forgotten altogether.
const FORGOTTEN_DAYS: u16 = 28;
/// The parts in which one time of having been shown is kept.
const SEEN_PARTS: f64 = 4096.0;

/// One visit before anything is decided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guest {
    pub(crate) visit: u64,
    pub(crate) customer: u32,
    pub(crate) day: u32,
    pub(crate) occurred_at: i64,
    pub(crate) device: u8,
    pub(crate) channel: u8,
}

impl Guest {
    /// Returns an event of the visit with everything else missing.
    pub(crate) fn draft(&self, kind: EventKind, number: u32, occurred_at: i64) -> Draft {
        Draft {
            occurred_at,
            visit: self.visit,
            unit_price: NULL_INT,
            propensity: f64::NAN,
            number,
            customer: self.customer,
            product: NONE,
            campaign: NONE,
            decision: NONE,
            order: NONE,
            query: NONE,
            line: 0,
            quantity: 0,
            position: 0,
            rating: 0,
            device: self.device,
            channel: self.channel,
            kind,
        }
    }
}

/// How often a customer was shown a thing lately, in 8 bytes: there are millions of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    thing: u32,
    /// The day of the last time, counted modulo 2^16.
    day: u16,
    /// How much the times counted on that day, in parts of [`SEEN_PARTS`].
    weight: u16,
}

/// Returns how often the thing was shown lately: each time counts exp(−days ago / 7).
pub(crate) fn shown_lately(seen: &[Seen], shown: Shown, day: u32) -> f64 {
    let thing = number_of(shown);
    seen.iter().find(|own| own.thing == thing).map_or(0.0, |own| own.faded(day))
}

impl Seen {
    fn days_ago(self, day: u32) -> u16 {
        (day as u16).wrapping_sub(self.day)
    }

    fn faded(self, day: u32) -> f64 {
        let ago = self.days_ago(day);
        let weight = f64::from(self.weight) / SEEN_PARTS;
        if ago == 0 { weight } else { weight * (-f64::from(ago) / FORGETTING_DAYS).exp() }
    }
}

fn number_of(shown: Shown) -> u32 {
    match shown {
        Shown::Product(product) => product,
        Shown::Campaign(campaign) => CAMPAIGNS_FROM | campaign,
    }
}

fn remember(seen: &mut Vec<Seen>, shown: Shown, lately: f64, day: u32) {
    // The conversion saturates: beyond 16 times nobody gets more tired.
    let weight = ((lately + 1.0) * SEEN_PARTS).round() as u16;
    let now = Seen { thing: number_of(shown), day: day as u16, weight };
    match seen.iter_mut().find(|own| own.thing == now.thing) {
        Some(own) => *own = now,
        None => seen.push(now),
    }
}

/// Something shown that was clicked.
struct Click {
    shown: Shown,
    exposure: Draft,
    slot: u32,
    p_conversion: f64,
}

/// A visit under way.
struct Stay<'a, 'b> {
    shop: &'a Shop,
    guest: Guest,
    customer: &'a Customer,
    chance: Chance,
    clock: i64,
    /// How many steps were taken: numbers dwells and looks.
    steps: u32,
    adds: u32,
    /// What is bought at the end of the visit.
    bought: Vec<u32>,
    sink: &'a mut Sink<'b>,
    outcome: VisitOutcome,
}

/// Plays one visit; `decision` is what to show and its index among those of the day.
pub(crate) fn play(
    shop: &Shop,
    guest: Guest,
    (decision_idx, decision): (u32, &VisitDecision),
    seen: &mut Vec<Seen>,
    sink: &mut Sink<'_>,
    truth: &mut Option<Exposures>,
) -> VisitOutcome {
    let mut stay = Stay {
        shop,
        guest,
        customer: &shop.customers[guest.customer as usize],
        chance: shop.chance.to(Purpose::Visits).of(guest.visit),
        clock: guest.occurred_at,
        steps: 0,
        adds: 0,
        bought: Vec::new(),
        sink,
        outcome: VisitOutcome { customer: guest.customer, ..VisitOutcome::default() },
    };
    stay.sink.push(guest.draft(EventKind::PageViewed, 0, stay.clock));
    // What is shown was decided at the first moment of the visit.
    let clicks = stay.show(decision_idx, decision, seen, truth);
    stay.clock += SECOND;
    for click in &clicks {
        let ordered = stay.follow(click);
        if let Some(truth) = truth {
            truth.follow(&exposure_id(shop, &click.exposure), ordered);
        }
    }
    stay.browse();
    stay.leave();
    stay.outcome
}

fn exposure_id(shop: &Shop, draft: &Draft) -> [u8; 16] {
    event_id(shop.chance, draft.visit, draft.kind, draft.number)
}

impl Stay<'_, '_> {
    /// Lets some seconds pass.
    fn step(&mut self, least: f64, spread: f64) {
        let share = self.chance.to(Purpose::Dwell).of(u64::from(self.steps)).unit();
        self.steps += 1;
        let last = self.sink.day_ends_at() - SECOND;
        let passed = ((least + spread * share) * SECOND as f64) as i64;
        self.clock = (self.clock + passed).min(last);
    }

    /// Shows what was decided; returns what is clicked, best place first, the list before adverts.
    fn show(
        &mut self,
        decision_idx: u32,
        decision: &VisitDecision,
        seen: &mut Vec<Seen>,
        truth: &mut Option<Exposures>,
    ) -> Vec<Click> {
        let day = self.guest.day;
        seen.retain(|own| own.days_ago(day) < FORGOTTEN_DAYS);
        seen.reserve_exact(decision.list.len() + decision.ads.len());
        let mut clicks = Vec::new();
        let list = decision.list.iter().map(|choice| (Shown::Product(choice.index), choice));
        let ads = decision.ads.iter().map(|choice| (Shown::Campaign(choice.index), choice));
        let places = list.enumerate().map(|(at, (shown, choice))| (at, at as u32, shown, choice));
        let ad_places = ads
            .enumerate()
            .map(|(at, (shown, choice))| (at, AD_SLOTS_FROM + at as u32, shown, choice));
        for (at, slot, shown, choice) in places.chain(ad_places) {
            let mut exposure = self.exposure(shown, slot, at + 1);
            exposure.decision = decision_idx;
            exposure.propensity = choice.propensity;
            self.sink.push(exposure);
            let lately = shown_lately(seen, shown, day);
            remember(seen, shown, lately, day);
            let (shop, customer) = (self.shop, self.customer);
            let all = (&shop.catalog, &shop.campaigns);
            let p_click = shop.bases.p_click(all, customer, shown, at + 1, lately);
            let draw = self.chance.to(Purpose::Click).of(u64::from(number_of(shown)));
            let is_clicked = draw.happens(p_click);
            let p_conversion = if is_clicked || truth.is_some() {
                shop.bases.p_conversion(&shop.catalog, customer, exposure.product)
            } else {
                0.0
            };
            if let Some(truth) = truth {
                truth.add(exposure_id(shop, &exposure), p_click, p_conversion, is_clicked);
            }
            if is_clicked {
                if let Shown::Campaign(_) = shown {
                    self.outcome.ads_clicked |= 1 << at;
                }
                clicks.push(Click { shown, exposure, slot, p_conversion });
            }
            self.outcome.shown += 1;
        }
        clicks
    }

    fn exposure(&self, shown: Shown, slot: u32, position: usize) -> Draft {
        let (kind, product, campaign) = match shown {
            Shown::Product(product) => (EventKind::RecommendationShown, product, NONE),
            Shown::Campaign(campaign) => {
                let product = self.shop.campaigns.products[campaign as usize];
                (EventKind::AdShown, product, campaign)
            }
        };
        let mut draft = self.guest.draft(kind, slot, self.clock);
        draft.product = product;
        draft.campaign = campaign;
        draft.position = position as u16;
        draft
    }

    /// Follows a click to the product's page; returns whether an order of the product came of it.
    fn follow(&mut self, click: &Click) -> bool {
        self.step(3.0, 20.0);
        let mut draft = click.exposure;
        draft.occurred_at = self.clock;
        draft.kind = match click.shown {
            Shown::Product(_) => EventKind::RecommendationClicked,
            Shown::Campaign(campaign) => {
                let paid = &self.shop.campaigns.campaigns[campaign as usize];
                self.outcome.ad_spend += paid.bid_per_click;
                EventKind::AdClicked
            }
        };
        self.sink.push(draft);
        self.outcome.clicked += 1;
        let product = draft.product;
        self.look(product);
        let own = self.chance.to(Purpose::Convert).of(u64::from(number_of(click.shown)));
        if !own.of(0).happens(click.p_conversion) {
            if own.of(1).happens(CARTS * 3.0) {
                self.add(product);
            }
            return false;
        }
        if own.of(2).happens(AT_ONCE) {
            self.buy(product);
        } else {
            self.order_later(product, click.slot + 1);
        }
        true
    }

    /// Plans an order of the product for later the same day or one of the six days after.
    fn order_later(&mut self, product: u32, number: u32) {
        let chance = self.chance.to(Purpose::Delay).of(u64::from(number));
        let moment = aftermath::later_moment(self.shop, &self.guest, self.clock, chance);
        let lines = self.fill(vec![product], chance);
        let order = Order { guest: &self.guest, number, occurred_at: moment, lines: &lines };
        self.outcome.revenue += aftermath::place(self.shop, &order, self.sink);
        self.outcome.converted = true;
    }

    /// Looks at products by taste; some are put into the cart, some visits buy.
    fn browse(&mut self) {
        let own = self.chance.to(Purpose::Browse);
        let is_buying = own.of(0).happens(self.shop.bases.p_organic(self.customer));
        let count = own.of(1).count(BROWSED, BROWSED_MAX).max(usize::from(is_buying));
        let bought = own.of(2).below(count);
        let search = self.chance.to(Purpose::Search);
        for at in 0..count {
            let product = self.choose(own.of(3).of(at as u64));
            if at == 0 && search.of(0).happens(SEARCHES) {
                self.search(product, search.of(1));
            }
            self.step(5.0, 40.0);
            self.look(product);
            if is_buying && at == bought {
                self.buy(product);
            } else if self.chance.to(Purpose::Cart).of(at as u64).happens(CARTS) {
                self.add(product);
            }
        }
    }

    fn search(&mut self, product: u32, chance: Chance) {
        self.step(2.0, 15.0);
        let catalog = &self.shop.catalog;
        let mut draft = self.guest.draft(EventKind::ProductsSearched, 0, self.clock);
        draft.query = if chance.happens(0.7) {
            u32::from(catalog.categories[product as usize])
        } else {
            BRAND_QUERIES + u32::from(catalog.brands[product as usize])
        };
        self.sink.push(draft);
    }

    /// Ends the visit: checkout and one order of everything that is bought.
    fn leave(&mut self) {
        let is_buying = !self.bought.is_empty();
        let draw = self.chance.to(Purpose::Cart).of(1 << 32);
        if is_buying || (self.adds > 0 && draw.happens(CHECKOUTS)) {
            self.step(5.0, 20.0);
            self.sink.push(self.guest.draft(EventKind::CheckoutStarted, 0, self.clock));
        }
        if !is_buying {
            return;
        }
        let bought = std::mem::take(&mut self.bought);
        let direct = bought.len();
        let lines = self.fill(bought, self.chance.to(Purpose::Basket));
        for product in &lines[direct..] {
            self.look(*product);
            self.add(*product);
        }
        self.step(20.0, 60.0);
        let order = Order { guest: &self.guest, number: 0, occurred_at: self.clock, lines: &lines };
        self.outcome.revenue += aftermath::place(self.shop, &order, self.sink);
        self.outcome.converted = true;
    }

    fn look(&mut self, product: u32) {
        self.step(1.0, 4.0);
        let mut draft = self.guest.draft(EventKind::ProductViewed, self.steps, self.clock);
        draft.product = product;
        draft.unit_price = self.shop.catalog.prices[product as usize];
        self.sink.push(draft);
    }

    fn add(&mut self, product: u32) {
        self.step(3.0, 20.0);
        let mut draft = self.guest.draft(EventKind::ProductAdded, self.adds, self.clock);
        draft.product = product;
        draft.quantity = 1;
        draft.unit_price = self.shop.catalog.prices[product as usize];
        self.sink.push(draft);
        self.adds += 1;
    }

    /// Puts a product into the cart to be ordered, once.
    fn buy(&mut self, product: u32) {
        self.add(product);
        if !self.bought.contains(&product) {
            self.bought.push(product);
        }
    }

    /// Returns the order's products with what else falls into the basket.
    fn fill(&self, mut products: Vec<u32>, chance: Chance) -> Vec<u32> {
        // Exponential sizes around the mean, the closer to it the further archetypes lie apart.
        let spread = f64::from(self.customer.basket_spread);
        let size =
            f64::from(self.customer.basket) * (1.0 - spread + spread * chance.of(0).exponential());
        let count = ((size + chance.of(3).unit()) as usize).min(BASKET_MAX);
        for at in 0..count {
            let product = self.choose(chance.of(1).of(at as u64));
            if !products.contains(&product) {
                products.push(product);
            }
        }
        products
    }

    /// Returns a product as the customer would choose it himself.
    fn choose(&self, chance: Chance) -> u32 {
        let (catalog, customer) = (&self.shop.catalog, self.customer);
        let focus = -(-FOCUS * f64::from(customer.category_tastes[0])).exp_m1();
        let category = if chance.of(0).happens(focus) {
            let weights = customer.category_tastes.iter().map(|own| f64::from(*own).exp_m1());
            customer.categories[chance.of(1).pick(weights)]
        } else {
            catalog.draw_category(chance.of(1))
        };
        let mut products = [0; 4];
        for (at, product) in products.iter_mut().enumerate() {
            *product = catalog.draw_product(category, chance.of(2).of(at as u64));
        }
        // Appeal has had its say in the draw of the four.
        let weights = products.map(|product| {
            let appeal = f64::from(catalog.appeals[product as usize]);
            (utility(catalog, customer, product) - appeal).exp()
        });
        products[chance.of(3).pick(weights.into_iter())]
    }
}
