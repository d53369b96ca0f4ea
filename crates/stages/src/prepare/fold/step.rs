//! One event line with codes for its texts: what the fold takes in.

use shopwise_model::EventKind;
use shopwise_model::frame::{Frame, NULL_CODE, NULL_INT, Texts};

use super::Keeps;
use crate::error::Result;

/// Texts that the events share; a code is an index.
#[derive(Debug, Default)]
pub(in crate::prepare) struct Names {
    pub(in crate::prepare) customers: Texts,
    pub(in crate::prepare) products: Texts,
    pub(in crate::prepare) orders: Texts,
    pub(in crate::prepare) currencies: Texts,
    pub(in crate::prepare) countries: Texts,
    pub(in crate::prepare) campaigns: Texts,
    pub(in crate::prepare) decisions: Texts,
    /// Creatives, placements, experiments, variants, devices and channels.
    pub(in crate::prepare) others: Texts,
}

/// One event line.
#[derive(Debug, Clone, Copy)]
pub(in crate::prepare) struct Step {
    pub(in crate::prepare) kind: EventKind,
    pub(in crate::prepare) is_new_event: bool,
    pub(in crate::prepare) event_id: [u8; 16],
    pub(in crate::prepare) line: i64,
    pub(in crate::prepare) customer: u32,
    pub(in crate::prepare) product: u32,
    pub(in crate::prepare) order: u32,
    pub(in crate::prepare) currency: u32,
    pub(in crate::prepare) country: u32,
    pub(in crate::prepare) campaign: u32,
    pub(in crate::prepare) decision: u32,
    pub(in crate::prepare) others: [u32; OTHERS.len()],
    pub(in crate::prepare) position: i64,
    pub(in crate::prepare) propensity: f64,
    /// NaN when not rated.
    pub(in crate::prepare) rating: f64,
    pub(in crate::prepare) quantity: i64,
    pub(in crate::prepare) unit_price: i64,
    /// In the shop's currency; 0 when it is not known what it is worth there.
    pub(in crate::prepare) amount: i64,
    /// Whether the amount is known in the shop's currency.
    pub(in crate::prepare) is_valued: bool,
    pub(in crate::prepare) at: i64,
}

/// The columns behind [`Step::others`], in order; the table of exposures has the same names.
pub(in crate::prepare) const OTHERS: [&str; 6] =
    ["creative", "placement", "experiment", "variant", "device", "channel"];

/// Returns the rows of a part as steps. `last_event` is the event of the row before the first one.
/// Names that only the tables show, an order's or a decision's, are kept for them alone: they are
/// as many as there are events.
pub(super) fn steps(
    part: &Frame,
    names: &mut Names,
    mut last_event: Option<[u8; 16]>,
    keeps: Keeps,
) -> Result<Vec<Step>> {
    let kinds: Vec<EventKind> =
        part.text("kind")?.values().iter().map(|name| EventKind::from_name(name)).collect();
    let kind_codes = part.text("kind")?.codes();
    let customers = recode(part.text("customer")?, &mut names.customers);
    let products = recode(part.text("product")?, &mut names.products);
    let currencies = recode(part.text("currency")?, &mut names.currencies);
    let campaigns = recode(part.text("campaign")?, &mut names.campaigns);
    let for_tables = |column: &Texts, shared: &mut Texts| match keeps {
        Keeps::Everything => recode(column, shared),
        Keeps::StateAlone => vec![NULL_CODE; column.len()],
    };
    let orders = for_tables(part.text("order")?, &mut names.orders);
    let countries = for_tables(part.text("country")?, &mut names.countries);
    let decisions = for_tables(part.text("decision")?, &mut names.decisions);
    let mut others = Vec::with_capacity(OTHERS.len());
    for name in OTHERS {
        others.push(for_tables(part.text(name)?, &mut names.others));
    }
    let (ids, lines) = (part.id("event_id")?, part.int("line")?);
    let (quantities, prices) = (part.int("quantity")?, part.int("unit_price")?);
    let (amounts, times) = (part.int("amount")?, part.time("occurred_at")?);
    let (positions, propensities) = (part.int("position")?, part.float("propensity")?);
    let ratings = part.float("rating")?;
    let mut steps = Vec::with_capacity(part.rows());
    for row in 0..part.rows() {
        let is_new_event = last_event != Some(ids[row]);
        last_event = Some(ids[row]);
        steps.push(Step {
            kind: kinds.get(kind_codes[row] as usize).copied().unwrap_or_default(),
            is_new_event,
            event_id: ids[row],
            line: lines[row],
            customer: customers[row],
            product: products[row],
            order: orders[row],
            currency: currencies[row],
            country: countries[row],
            campaign: campaigns[row],
            decision: decisions[row],
            others: std::array::from_fn(|at| others[at][row]),
            position: positions[row],
            propensity: propensities[row],
            rating: ratings[row],
            quantity: present(quantities[row]),
            unit_price: present(prices[row]),
            amount: present(amounts[row]),
            is_valued: true,
            at: times[row],
        });
    }
    Ok(steps)
}

fn present(value: i64) -> i64 {
    if value == NULL_INT { 0 } else { value }
}

/// Returns the codes of a part's column in the shared texts.
fn recode(column: &Texts, shared: &mut Texts) -> Vec<u32> {
    let codes: Vec<u32> = column.values().iter().map(|value| shared.intern(value)).collect();
    column
        .codes()
        .iter()
        .map(|code| codes.get(*code as usize).copied().unwrap_or(NULL_CODE))
        .collect()
}
