//! The desk: the engine that makes lists, and what keeps it up to date.
//!
//! A model that was published or rolled back, by this process or another, is loaded beside the one
//! that serves and takes its place between two questions. The catalogue follows the ledger; what
//! this process changes is known at once.

use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use shopwise_model::Product;
use shopwise_stages::Shop;
use shopwise_stages::recommend::engine::{Engine, Versions};
use shopwise_store::Ledger;
use tokio::sync::watch;

use super::thread;
use crate::commands::now;

/// How often the ledger is asked what serves and whether the catalogue has changed.
const LOOK: Duration = Duration::from_secs(1);

/// No change of the catalogue has this number.
const UNKNOWN: i64 = -1;

/// Makes lists, of what serves now.
#[derive(Debug)]
pub(crate) struct Desk {
    shop: Arc<Shop>,
    /// None where it cannot be loaded: events are collected all the same.
    engine: RwLock<Option<Arc<Engine>>>,
    /// The change of the catalogue that is known. Held while the catalogue changes, so that what is
    /// in memory never falls behind what was answered.
    known: Mutex<i64>,
}

impl Desk {
    /// Loads what serves. Where something of it is damaged that is said, and tried again while the
    /// server runs.
    pub(crate) fn open(shop: &Arc<Shop>) -> Self {
        let (shop, engine, known) = (Arc::clone(shop), RwLock::new(None), Mutex::new(UNKNOWN));
        let desk = Self { shop, engine, known };
        if let Err(error) = desk.follow() {
            tell(&error);
        }
        desk
    }

    /// Returns the engine of this moment: a question is answered by one, whatever happens.
    pub(crate) fn engine(&self) -> Option<Arc<Engine>> {
        self.engine.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Writes the products that `changed` makes of what the ledger holds: when this returns, every
    /// list knows them.
    pub(crate) fn write_products<E: From<shopwise_store::Error>>(
        &self,
        changed: impl FnOnce(&Ledger) -> Result<Vec<Product>, E>,
    ) -> Result<Vec<Product>, E> {
        let mut known = self.hold();
        let products = changed(&self.shop.ledger)?;
        self.shop.ledger.upsert_products(&products, now())?;
        if let Some(engine) = self.engine() {
            products.iter().for_each(|product| engine.put_product(product.clone()));
        }
        // Where another process changed something too, the numbers differ, and all is read again.
        *known += i64::from(!products.is_empty());
        Ok(products)
    }

    /// Takes a product off; returns whether it was there.
    pub(crate) fn delete_product(&self, id: &str) -> shopwise_store::Result<bool> {
        let mut known = self.hold();
        let was_there = self.shop.ledger.delete_product(id)?;
        if let Some(engine) = self.engine() {
            engine.remove_product(id);
        }
        *known += i64::from(was_there);
        Ok(was_there)
    }

    fn hold(&self) -> MutexGuard<'_, i64> {
        self.known.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Follows the ledger on a thread of its own until the server stops.
    pub(crate) fn watch(
        self: &Arc<Self>,
        stopped: watch::Receiver<bool>,
    ) -> Result<JoinHandle<()>> {
        let desk = Arc::clone(self);
        thread("desk", move || {
            let mut looked = Instant::now();
            let mut was_refused = false;
            while !*stopped.borrow() && stopped.has_changed().is_ok() {
                std::thread::sleep(Duration::from_millis(50));
                if looked.elapsed() < LOOK {
                    continue;
                }
                looked = Instant::now();
                let followed = desk.follow();
                if let (Err(error), false) = (&followed, was_refused) {
                    tell(error);
                }
                was_refused = followed.is_err();
            }
        })
    }

    /// Loads what serves if it is not what is loaded, and the catalogue if it has changed.
    fn follow(&self) -> Result<()> {
        let served = self.engine();
        let versions = Versions::now(&self.shop)?;
        let (engine, loaded_with) = match served {
            Some(engine) if engine.versions() == versions => (engine, None),
            _ => {
                let begun = Instant::now();
                let version = self.shop.ledger.products_version()?;
                // Others are let on to the thread of whoever asks what takes long.
                let engine = Engine::open(&self.shop)?;
                let engine = engine.with_aside(|work| tokio::task::block_in_place(work));
                let engine = Arc::new(engine);
                let seconds = begun.elapsed().as_secs_f64();
                tracing::info!(seconds, "the models are loaded");
                (engine, Some(version))
            }
        };
        let mut known = self.hold();
        let version = self.shop.ledger.products_version()?;
        // What was changed while a model was loaded may not be in what it was loaded with.
        if loaded_with.unwrap_or(*known) != version {
            engine.replace_products(self.shop.ledger.products()?);
        }
        if loaded_with.is_some() {
            *self.engine.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(engine);
        }
        *known = version;
        Ok(())
    }
}

/// Says why what serves is not loaded.
fn tell(error: &anyhow::Error) {
    let error = format!("{error:#}");
    tracing::error!(error, "what serves cannot be loaded: what was loaded before goes on");
}
