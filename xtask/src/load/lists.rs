//! Lists: questions for many customers in turn, each for his list of ten.

use anyhow::{Result, bail};

use super::{Load, number};

/// Asks for lists: `ADDRESS KEY [SECONDS [CALLERS [LISTS_A_SECOND [CUSTOMERS [QUERY]]]]]`.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let [address, key, rest @ ..] = arguments else {
        bail!(
            "usage: cargo xtask load lists ADDRESS:PORT KEY [SECONDS [CALLERS [LISTS_A_SECOND \
             [CUSTOMERS [QUERY]]]]]"
        );
    };
    let (seconds, callers) = (number(rest, 0, 30)?, number(rest, 1, 4)?);
    let (rate, customers) = (number(rest, 2, 0)? as f64, number(rest, 3, 1000)?);
    let query = rest.get(4).map_or("n=10", String::as_str);
    let (seen, took) = Load { address, seconds, callers, rate }.drive(|caller, number| {
        // Customers of a simulated shop, far apart one after the other.
        let customer = (caller + number * callers).wrapping_mul(0x9e37_79b9_7f4a_7c15) % customers;
        format!(
            "GET /api/recommendations/customer-{:06}?{query} HTTP/1.1\r\nHost: {address}\r\n\
             Authorization: Bearer {key}\r\n\r\n",
            customer + 1
        )
    })?;
    let lists = seen.seconds.len();
    let (rate, waiting) = (lists as f64 / took, seen.waiting());
    println!("{lists} lists in {took:.1} s, {rate:.0} a second; a list takes {waiting}");
    Ok(())
}
