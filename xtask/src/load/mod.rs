//! `cargo xtask load`: how much a server does a second, and how long it makes callers wait.
//!
//! Callers keep their connections and send one request after the other; where a rate is given, at
//! its times, and one that is late waits from the time at which it was due. The server shares the
//! machine with them.

mod client;
mod events;
mod lists;
mod soak;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use client::Client;

/// What a caller saw.
#[derive(Default)]
struct Seen {
    /// Seconds until each request was answered.
    seconds: Vec<f64>,
    /// Requests that were put off by 429.
    put_off: u64,
}

/// What is sent, and how.
struct Load<'a> {
    address: &'a str,
    seconds: u64,
    callers: u64,
    /// Requests a second of all callers together; 0 for as fast as they are answered.
    rate: f64,
}

/// Runs the load that the arguments name.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    match arguments.split_first() {
        Some((first, rest)) if first == "lists" => lists::run(rest),
        Some((first, rest)) if first == "soak" => soak::run(rest),
        _ => events::run(arguments),
    }
}

/// Returns the number at a place of the arguments.
fn number(arguments: &[String], at: usize, default: u64) -> Result<u64> {
    match arguments.get(at) {
        None => Ok(default),
        Some(text) => text.parse().with_context(|| format!("`{text}` is no number")),
    }
}

impl Load<'_> {
    /// Sends what `request` makes of the caller's number and his request's, and tells how long each
    /// waited, sorted.
    fn drive(&self, request: impl Fn(u64, u64) -> String + Sync) -> Result<(Seen, f64)> {
        let begun = Instant::now();
        let until = begun + Duration::from_secs(self.seconds);
        // The time between two requests of a caller.
        let pace = match self.rate > 0.0 {
            true => Duration::from_secs_f64(self.callers as f64 / self.rate),
            false => Duration::ZERO,
        };
        let request = &request;
        let all: Vec<Result<Seen>> = std::thread::scope(|scope| {
            let call = |caller| scope.spawn(move || self.call(caller, pace, until, request));
            let calls: Vec<_> = (0..self.callers).map(call).collect();
            let broke = || Err(anyhow::anyhow!("a caller broke down"));
            calls.into_iter().map(|call| call.join().unwrap_or_else(|_| broke())).collect()
        });
        let mut seen = Seen::default();
        for one in all {
            let one = one?;
            seen.seconds.extend(one.seconds);
            seen.put_off += one.put_off;
        }
        seen.seconds.sort_unstable_by(f64::total_cmp);
        Ok((seen, begun.elapsed().as_secs_f64()))
    }

    fn call(
        &self,
        caller: u64,
        pace: Duration,
        until: Instant,
        request: &(impl Fn(u64, u64) -> String + Sync),
    ) -> Result<Seen> {
        let mut client = Client::new(self.address)?;
        let mut seen = Seen::default();
        let mut number = 0;
        let mut due = Instant::now();
        while Instant::now() < until {
            let request = request(caller, number);
            let sent = if pace.is_zero() { Instant::now() } else { due };
            std::thread::sleep(sent.saturating_duration_since(Instant::now()));
            due += pace;
            match client.send(request.as_bytes())? {
                200 => {
                    seen.seconds.push(sent.elapsed().as_secs_f64());
                    number += 1;
                }
                429 => {
                    seen.put_off += 1;
                    std::thread::sleep(Duration::from_millis(100));
                }
                status => bail!("the server answered {status}"),
            }
        }
        Ok(seen)
    }
}

impl Seen {
    /// Returns the milliseconds within which a share of all requests was answered.
    fn within(&self, share: f64) -> f64 {
        let place = (self.seconds.len() as f64 * share) as usize;
        1000.0 * self.seconds.get(place).copied().unwrap_or(f64::NAN)
    }

    /// Returns what is told of the waiting.
    fn waiting(&self) -> String {
        format!(
            "{:.1} ms (p50), {:.1} ms (p99), {:.1} ms (most); {} put off",
            self.within(0.5),
            self.within(0.99),
            self.within(1.0 - f64::EPSILON),
            self.put_off
        )
    }
}
