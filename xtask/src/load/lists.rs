//! Lists: questions for many customers in turn, each for his list of ten.

use anyhow::{Context as _, Result, bail};

use super::{Load, number};

/// Asks for lists: `ADDRESS KEY [SECONDS [CALLERS [LISTS_A_SECOND [CUSTOMERS|FILE [QUERY]]]]]`: for
/// so many customers of a simulated shop, or for those that a file names, one in each line.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let [address, key, rest @ ..] = arguments else {
        bail!(
            "usage: cargo xtask load lists ADDRESS:PORT KEY [SECONDS [CALLERS [LISTS_A_SECOND \
             [CUSTOMERS|FILE [QUERY]]]]]"
        );
    };
    let (seconds, callers) = (number(rest, 0, 30)?, number(rest, 1, 4)?);
    let rate = number(rest, 2, 0)? as f64;
    let named = named(rest.get(3).map_or("1000", String::as_str))?;
    let customers = named.len() as u64;
    let query = rest.get(4).map_or("n=10", String::as_str);
    let (seen, took) = Load { address, seconds, callers, rate }.drive(|caller, number| {
        // Far apart one after the other.
        let customer = (caller + number * callers).wrapping_mul(0x9e37_79b9_7f4a_7c15) % customers;
        format!(
            "GET /api/recommendations/{}?{query} HTTP/1.1\r\nHost: {address}\r\n\
             Authorization: Bearer {key}\r\n\r\n",
            named[customer as usize]
        )
    })?;
    let lists = seen.seconds.len();
    let (rate, waiting) = (lists as f64 / took, seen.waiting());
    println!("{lists} lists in {took:.1} s, {rate:.0} a second; a list takes {waiting}");
    Ok(())
}

/// Returns the names of the customers of a simulated shop, or those in a file.
fn named(customers: &str) -> Result<Vec<String>> {
    if let Ok(customers) = customers.parse::<u64>() {
        return Ok((1..=customers.max(1)).map(|own| format!("customer-{own:06}")).collect());
    }
    let text = std::fs::read_to_string(customers);
    let text = text.with_context(|| format!("`{customers}` is no number, and no file to read"))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let named: Vec<String> = lines.map(ToOwned::to_owned).collect();
    if named.is_empty() {
        bail!("`{customers}` names nobody");
    }
    Ok(named)
}
