//! The state as bytes, so that a start need not replay the whole log.
//!
//! A snapshot is written in parts while events go on being taken in: each part needs the state for
//! a few milliseconds. Customers of whom something came in meanwhile are written once more at the
//! end, together with all sums, so that the whole is the state of that last moment.
//!
//! It is read only into the same settings, campaigns and rates. Where the catalogue says something
//! else about a product now, the customers who had to do with it are to be read again.

use std::io::Read;

use rustc_hash::{FxHashMap, FxHashSet};
use shopwise_model::Settings;
use shopwise_model::frame::{NULL_CODE, Texts};
use shopwise_model::money::Rate;

use super::coded::{Coded, broken, coded, put_text, read_section, section, take_count, take_text};
use super::{Catalog, Customer, Everybody, InCart, Keeps, Pair, Product, Replay, Thing};
use crate::error::Result;

/// The first bytes, with the version of the format: one more whenever the bytes or what the fold
/// does with an event change.
const MAGIC: &[u8; 8] = b"swstate\x04";

/// Bytes of customers in a part: some milliseconds of writing.
const PART_BYTES: usize = 2 << 20;

// The kinds of sections, in their order.
const BASIS: u8 = 1;
const CUSTOMERS: u8 = 2;
const PRODUCTS: u8 = 3;
const NAMES: u8 = 4;
const END: u8 = 5;

/// A snapshot that is being written.
#[derive(Debug)]
pub struct Snapshot {
    /// The first customer that is not written yet.
    next: usize,
}

coded!(Pair {
    views,
    carts,
    orders,
    reactions,
    pieces,
    rating,
    clicked,
    shown,
    shown_at,
    viewed_at,
    carted_at,
    bought_at,
    reacted_at,
});
coded!(InCart { product, quantity, added_at });
coded!(Product {
    views,
    carts,
    orders,
    quantity,
    refunds,
    revenue,
    customers,
    shown,
    clicked,
    first_sold,
    last_sold,
});

/// Writes these fields of a customer, and what happened with each product.
macro_rules! customer {
    ($($field:ident),* $(,)?) => {
        impl Coded for Customer {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)*
                u32::from(self.session.is_some()).put(out);
                (self.pairs.len() as u64).put(out);
                for (thing, pair) in &self.pairs {
                    thing.put(out);
                    pair.put(out);
                }
            }

            fn take(input: &mut &[u8]) -> Result<Self> {
                $(let $field = Coded::take(input)?;)*
                let session = (u32::take(input)? != 0).then_some(0);
                let count = take_count(input)?;
                // Each is many bytes long, of which `take_count` knows nothing.
                let room = count.min(input.len() / PAIR_BYTES_MIN);
                let mut pairs = FxHashMap::with_capacity_and_hasher(room, Default::default());
                for _ in 0..count {
                    let (thing, pair) = <(u32, Pair)>::take(input)?;
                    pairs.insert(thing, pair);
                }
                Ok(Self { $($field,)* pairs, session })
            }
        }
    };
}

/// Bytes of what happened with a product, at the least.
const PAIR_BYTES_MIN: usize = 17;

customer!(
    first_seen,
    last_seen,
    events,
    sessions,
    views,
    carts,
    orders,
    refunds,
    monetary,
    refunded,
    order_lines,
    first_order,
    last_order,
    weekend,
    evening,
    ads_shown,
    ads_clicked,
    shown,
    clicked,
    visit_before,
    newest,
    categories,
    brands,
    bands,
    price,
    cart,
);

/// Returns the settings, campaigns and rates that a state is made with, as bytes.
pub(super) fn basis(settings: &Settings, catalog: &Catalog, rates: &[Rate]) -> Vec<u8> {
    let mut out = Vec::new();
    put_text(&settings.time_zone, &mut out);
    put_text(&settings.currency, &mut out);
    settings.session_minutes.put(&mut out);
    settings.attribution_days.put(&mut out);
    for (campaign, product, category) in catalog.advertised() {
        put_text(campaign, &mut out);
        put_text(product, &mut out);
        put_text(category, &mut out);
    }
    let mut rates: Vec<&Rate> = rates.iter().collect();
    rates.sort_unstable_by_key(|rate| (rate.currency.as_str(), rate.day));
    for rate in rates {
        put_text(&rate.currency, &mut out);
        i64::from(rate.day).put(&mut out);
        rate.rate.put(&mut out);
    }
    out
}

impl Replay {
    /// Begins a snapshot of a state that is settled. A former one that was not ended is given up.
    pub fn begin_snapshot(&mut self) -> Snapshot {
        self.take_in();
        self.touched = Some(FxHashSet::default());
        Snapshot { next: 0 }
    }

    /// Gives up a snapshot that will not be ended.
    pub fn give_up_snapshot(&mut self) {
        self.touched = None;
    }
}

impl Snapshot {
    /// Appends the first bytes of the snapshot.
    pub fn head(&self, replay: &Replay, out: &mut Vec<u8>) {
        out.extend_from_slice(MAGIC);
        section(BASIS, out, |out| out.extend_from_slice(&replay.basis));
    }

    /// Appends the next customers; false when there are no more.
    pub fn part(&mut self, replay: &Replay, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        section(CUSTOMERS, out, |out| {
            while self.next < replay.customers.len() && out.len() - start < PART_BYTES {
                put_customer(replay, self.next, out);
                self.next += 1;
            }
        });
        self.next < replay.customers.len()
    }

    /// Appends what is left: the state is that of this moment.
    pub fn end(mut self, replay: &mut Replay, out: &mut Vec<u8>) {
        replay.take_in();
        while self.part(replay, out) {}
        let touched = replay.touched.take().unwrap_or_default();
        section(CUSTOMERS, out, |out| {
            touched.iter().for_each(|code| put_customer(replay, *code as usize, out));
        });
        let mut late: Vec<u32> = replay.late.iter().copied().collect();
        late.sort_unstable();
        section(PRODUCTS, out, |out| put_products(replay, out));
        section(NAMES, out, |out| {
            put_names(replay.catalog.categories(), out);
            put_names(replay.catalog.brands(), out);
            put_names(replay.catalog.bands(), out);
            put_names(&replay.names.campaigns, out);
            late.put(out);
            let Everybody { shown, clicked, views, orders, .. } = replay.everybody;
            let [rows, unvalued] = [replay.rows, replay.worth.unvalued];
            ((shown, clicked), ((views, orders), (rows, unvalued))).put(out);
            (replay.customers.len() as u64).put(out);
        });
    }

    /// Appends the last bytes: a note of the caller's, which [`Replay::read`] returns.
    pub fn seal(note: &[u8], out: &mut Vec<u8>) {
        section(END, out, |out| out.extend_from_slice(note));
    }
}

fn put_customer(replay: &Replay, code: usize, out: &mut Vec<u8>) {
    (code as u64).put(out);
    put_text(&replay.names.customers.values()[code], out);
    replay.customers[code].put(out);
}

fn put_names(names: &Texts, out: &mut Vec<u8>) {
    (names.values().len() as u64).put(out);
    names.values().iter().for_each(|name| put_text(name, out));
}

fn put_products(replay: &Replay, out: &mut Vec<u8>) {
    let names = replay.names.products.values();
    for ((name, product), thing) in names.iter().zip(&replay.products).zip(&replay.things) {
        put_text(name, out);
        ((thing.category, thing.brand), (thing.band, thing.log_price)).put(out);
        product.put(out);
    }
}

/// What is read of a snapshot before it fits the shop's catalogue of today.
#[derive(Default)]
struct Reading {
    /// What the catalogue said of each product when the snapshot was written.
    things: Vec<Thing>,
    categories: Vec<String>,
    brands: Vec<String>,
    bands: Vec<String>,
    late: Vec<u32>,
}

impl Replay {
    /// Reads a snapshot into the state before the first event, and returns the caller's note.
    ///
    /// # Errors
    /// [`Error::Wrong`](crate::Error::Wrong) when the bytes are not a whole snapshot of this
    /// version, or settings, campaigns or rates have changed. The state is then worth nothing.
    pub fn read(&mut self, mut input: &mut dyn Read) -> Result<Vec<u8>> {
        debug_assert!(self.keeps == Keeps::StateAlone && self.rows == 0, "a new state");
        let mut magic = [0; MAGIC.len()];
        input.read_exact(&mut magic).map_err(|_| broken("is cut short"))?;
        if magic != *MAGIC {
            return Err(broken("is of another version of the program"));
        }
        let mut reading = Reading::default();
        let mut before = 0;
        loop {
            let (kind, payload) = read_section(&mut input)?;
            let follows = kind == before + 1 || (kind == CUSTOMERS && before == CUSTOMERS);
            if !follows {
                return Err(broken("has a section at the wrong place"));
            }
            before = kind;
            let bytes = &mut payload.as_slice();
            match kind {
                BASIS if payload == self.basis => {}
                BASIS => return Err(broken("was made with other settings, campaigns or rates")),
                CUSTOMERS => self.take_customers(bytes)?,
                PRODUCTS => self.take_products(bytes, &mut reading)?,
                NAMES => self.take_names(bytes, &mut reading)?,
                _ => {
                    self.fit(&reading)?;
                    return Ok(payload);
                }
            }
        }
    }

    fn take_customers(&mut self, input: &mut &[u8]) -> Result<()> {
        while !input.is_empty() {
            let code = u64::take(input)?;
            let name = take_text(input)?;
            let customer = Customer::take(input)?;
            if u64::from(self.names.customers.intern(name)) != code {
                return Err(broken("has a customer at the wrong place"));
            }
            match self.customers.get_mut(code as usize) {
                Some(known) => *known = customer,
                None => self.customers.push(customer),
            }
        }
        Ok(())
    }

    fn take_products(&mut self, input: &mut &[u8], reading: &mut Reading) -> Result<()> {
        while !input.is_empty() {
            let name = take_text(input)?;
            let ((category, brand), (band, log_price)) = Coded::take(input)?;
            reading.things.push(Thing { category, brand, band, log_price, ..Thing::UNKNOWN });
            self.products.push(Product::take(input)?);
            if self.names.products.intern(name) as usize != self.products.len() - 1 {
                return Err(broken("has a product twice"));
            }
        }
        Ok(())
    }

    fn take_names(&mut self, input: &mut &[u8], reading: &mut Reading) -> Result<()> {
        reading.categories = Coded::take(input)?;
        reading.brands = Coded::take(input)?;
        reading.bands = Coded::take(input)?;
        for campaign in <Vec<String>>::take(input)? {
            self.names.campaigns.intern(&campaign);
        }
        reading.late = Coded::take(input)?;
        let everybody = &mut self.everybody;
        let ((shown, clicked), ((views, orders), (rows, unvalued))) = Coded::take(input)?;
        (everybody.shown, everybody.clicked) = (shown, clicked);
        (everybody.views, everybody.orders) = (views, orders);
        (self.rows, self.worth.unvalued) = (rows, unvalued);
        if u64::take(input)? != self.customers.len() as u64 || !input.is_empty() {
            return Err(broken("lacks customers"));
        }
        Ok(())
    }

    /// Fits what was read to the catalogue of today.
    fn fit(&mut self, reading: &Reading) -> Result<()> {
        self.know_new_names();
        let codes = |old: &[String], new: &Texts| -> Vec<u32> {
            old.iter().map(|name| new.code_of(name).unwrap_or(NULL_CODE)).collect()
        };
        let categories = codes(&reading.categories, self.catalog.categories());
        let brands = codes(&reading.brands, self.catalog.brands());
        let bands = codes(&reading.bands, self.catalog.bands());
        let changed: Vec<bool> = reading
            .things
            .iter()
            .zip(&self.things)
            .map(|(old, new)| !is_same(old, new, &categories, &brands))
            .collect();
        let any_changed = changed.contains(&true);
        for (code, customer) in self.customers.iter_mut().enumerate() {
            customer.categories.recode(&categories);
            customer.brands.recode(&brands);
            customer.bands.recode(&bands);
            let had_to_do = |(thing, pair): (&u32, &Pair)| {
                let is_changed = changed.get(*thing as usize).copied().unwrap_or_default();
                is_changed && pair.used_at() > 0
            };
            if any_changed && customer.pairs.iter().any(had_to_do) {
                self.late.insert(u32::try_from(code).unwrap_or(NULL_CODE));
            }
        }
        for code in &reading.late {
            if *code as usize >= self.customers.len() {
                return Err(broken("names a customer that it lacks"));
            }
            self.late.insert(*code);
        }
        self.count_interest();
        Ok(())
    }
}

/// Tells whether the catalogue says of a product what it said when the snapshot was written.
fn is_same(old: &Thing, new: &Thing, categories: &[u32], brands: &[u32]) -> bool {
    let same = |old: u32, new: u32, codes: &[u32]| match old {
        NULL_CODE => new == NULL_CODE,
        old => new != NULL_CODE && codes.get(old as usize) == Some(&new),
    };
    // The band follows from the price.
    same(old.category, new.category, categories)
        && same(old.brand, new.brand, brands)
        && old.log_price.to_bits() == new.log_price.to_bits()
}
