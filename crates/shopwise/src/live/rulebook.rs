//! The merchant's rules and the styles of the scenes, in memory.
//!
//! What this process changes holds when it is answered; what another process changes, a second
//! later.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::Result;
use shopwise_model::Rule;
use shopwise_stages::Shop;
use shopwise_stages::recommend::engine::Styles;
use shopwise_stages::recommend::rules::Rules;
use shopwise_store::ledger::Change;

use super::thread;

/// How often the ledger is asked whether the rules have changed.
const LOOK: Duration = Duration::from_secs(1);

/// How often it is looked whether the server still runs.
const STEP: Duration = Duration::from_millis(100);

/// The rules that hold.
#[derive(Debug)]
pub(crate) struct RuleBook {
    shop: Arc<Shop>,
    rules: RwLock<Arc<Rules>>,
    styles: Styles,
    /// The change of the rules that is known. Held while they change.
    known: Mutex<i64>,
}

impl RuleBook {
    /// Reads the rules, and follows the ledger for as long as the book is used.
    pub(crate) fn open(shop: &Arc<Shop>) -> Result<Arc<Self>> {
        let known = Mutex::new(shop.ledger.rules_version()?);
        let rules = RwLock::new(Arc::new(Rules::new(shop.ledger.rules()?)?));
        let styles = Styles::new(&shop.settings)?;
        let book = Arc::new(Self { shop: Arc::clone(shop), rules, styles, known });
        let used = Arc::downgrade(&book);
        thread("rules", move || {
            let mut looked = Instant::now();
            while let Some(book) = used.upgrade() {
                if looked.elapsed() >= LOOK {
                    looked = Instant::now();
                    if let Err(error) = book.follow() {
                        let error = format!("{error:#}");
                        tracing::error!(error, "rules cannot be read: the former ones hold");
                    }
                }
                drop(book);
                std::thread::sleep(STEP);
            }
        })?;
        Ok(book)
    }

    /// Returns the rules of this moment.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns how lists are composed.
    pub(crate) fn styles(&self) -> &Styles {
        &self.styles
    }

    /// Sets a rule: when this returns, it holds.
    pub(crate) fn put(&self, rule: &Rule, change: &Change<'_>) -> Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let rules = Rules::new(self.shop.ledger.rules()?)?.with(rule)?;
        self.shop.ledger.put_rules(std::slice::from_ref(rule), change)?;
        self.hold(rules);
        // Where another process changed something too, the numbers differ, and all is read again.
        *known += 1;
        Ok(())
    }

    /// Takes a rule away; returns whether it was there.
    pub(crate) fn delete(&self, id: &str, change: &Change<'_>) -> Result<bool> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.shop.ledger.delete_rule(id, change)? {
            return Ok(false);
        }
        self.hold(Rules::new(self.shop.ledger.rules()?)?);
        *known += 1;
        Ok(true)
    }

    fn hold(&self, rules: Rules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    fn follow(&self) -> Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let version = self.shop.ledger.rules_version()?;
        if *known != version {
            self.hold(Rules::new(self.shop.ledger.rules()?)?);
            *known = version;
        }
        Ok(())
    }
}
