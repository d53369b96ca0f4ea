//! What amounts are worth in the shop's currency.

use shopwise_model::Calendar;
use shopwise_model::frame::{NULL_CODE, Texts};
use shopwise_model::money::{Rate, Rates};

use super::Step;

/// The shop's currency and the dated rates of others.
#[derive(Debug)]
pub(super) struct Worth {
    own: u32,
    rates: Rates,
    /// Rows whose amount could not be valued.
    pub(super) unvalued: u64,
}

impl Worth {
    pub(super) fn new(own: &str, rates: &[Rate], currencies: &mut Texts) -> Self {
        Self { own: currencies.intern(own), rates: Rates::new(own, rates), unvalued: 0 }
    }

    /// Values the amount of a step by the rate of its day. A row without a currency is meant in the
    /// shop's own.
    pub(super) fn value(&mut self, step: &mut Step, currencies: &Texts, calendar: &Calendar) {
        if step.currency == self.own || step.currency == NULL_CODE || step.amount == 0 {
            return;
        }
        let currency = currencies.values()[step.currency as usize].as_ref();
        match self.rates.convert(step.amount, currency, calendar.day(step.at)) {
            Some(amount) => step.amount = amount,
            None => {
                self.unvalued += 1;
                (step.amount, step.is_valued) = (0, false);
            }
        }
    }
}
