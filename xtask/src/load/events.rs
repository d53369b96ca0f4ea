//! Events: batches of 100 of some 600 bytes, each event new.

use anyhow::{Result, bail};

use super::{Load, number};

/// Events of a batch: what the official libraries send at most.
const BATCH: usize = 100;
/// Bytes of an event.
const EVENT_BYTES: usize = 600;

/// Sends events: `ADDRESS KEY [SECONDS [CALLERS [EVENTS_A_SECOND]]]`.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let [address, key, rest @ ..] = arguments else {
        bail!("usage: cargo xtask load ADDRESS:PORT KEY [SECONDS [CALLERS [EVENTS_A_SECOND]]]");
    };
    let (seconds, callers) = (number(rest, 0, 30)?, number(rest, 1, 4)?);
    let rate = number(rest, 2, 0)? as f64 / BATCH as f64;
    let (seen, took) = Load { address, seconds, callers, rate }.drive(|caller, number| {
        let body = batch(key, caller, number);
        let length = body.len();
        format!(
            "POST /v1/batch HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    })?;
    let events = (seen.seconds.len() * BATCH) as f64;
    let rate = events / took;
    let waiting = seen.waiting();
    println!("{events} events in {took:.1} s, {rate:.0} a second; a batch waits {waiting}");
    Ok(())
}

/// Returns a batch of events that nobody has sent before.
fn batch(key: &str, caller: u64, number: u64) -> String {
    let started = std::process::id();
    let mut body = String::with_capacity(BATCH * (EVENT_BYTES + 2) + 100);
    let now = jiff::Timestamp::now();
    body.push_str(&format!("{{\"writeKey\":\"{key}\",\"batch\":["));
    for at in 0..BATCH {
        let customer = (number * 31 + at as u64 * 7919) % 50_000;
        let event = format!(
            "{{\"type\":\"track\",\"event\":\"Product Viewed\",\
             \"messageId\":\"{started}-{caller}-{number}-{at}\",\"userId\":\"u{customer}\",\
             \"anonymousId\":\"v{customer}\",\"timestamp\":\"{now:.3}\",\
             \"properties\":{{\"product_id\":\"p{}\",\"price\":9.5,\"currency\":\"USD\",\
             \"name\":\"Mug\"}},\"context\":{{\"page\":{{\
             \"path\":\"/p\"}},\"userAgent\":\"\"}}}}",
            customer % 997
        );
        let padding = EVENT_BYTES.saturating_sub(event.len());
        if at > 0 {
            body.push(',');
        }
        // The padding goes where a browser names itself.
        let (front, back) = event.split_at(event.len() - 3);
        body.push_str(front);
        body.extend(std::iter::repeat_n('x', padding));
        body.push_str(back);
    }
    body.push_str("]}");
    body
}
