//! `cargo xtask load`: how many events a second a server takes, and how long it makes callers wait.
//!
//! Callers keep their connections and send batches of 100 events of some 600 bytes, one after the
//! other, each event new; where a rate is given, at its times, and a batch that is late waits from
//! the time at which it was due. The server shares the machine with them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// Events of a batch: what the official libraries send at most.
const BATCH: usize = 100;
/// Bytes of an event.
const EVENT_BYTES: usize = 600;

/// What a caller saw.
#[derive(Default)]
struct Seen {
    /// Seconds until each batch was acknowledged.
    seconds: Vec<f64>,
    /// Batches that were put off by 429.
    put_off: u64,
}

/// Sends for some seconds from some callers, as fast as they are answered or at a rate:
/// `ADDRESS KEY [SECONDS [CALLERS [EVENTS_A_SECOND]]]`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [address, key, rest @ ..] = arguments else {
        bail!("usage: cargo xtask load ADDRESS:PORT KEY [SECONDS [CALLERS [EVENTS_A_SECOND]]]");
    };
    let number = |at: usize, default: u64| match rest.get(at) {
        None => Ok(default),
        Some(text) => text.parse::<u64>().with_context(|| format!("`{text}` is no number")),
    };
    let (seconds, callers, rate) = (number(0, 30)?, number(1, 4)?, number(2, 0)?);
    // The time between two batches of a caller.
    let pace = match rate {
        0 => Duration::ZERO,
        rate => Duration::from_secs_f64((BATCH as u64 * callers) as f64 / rate as f64),
    };
    let begun = Instant::now();
    let until = begun + Duration::from_secs(seconds);
    let mut seen = Seen::default();
    let all: Vec<Result<Seen>> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..callers)
            .map(|caller| scope.spawn(move || call(address, key, caller, pace, until)))
            .collect();
        let broke = || Err(anyhow::anyhow!("a caller broke down"));
        calls.into_iter().map(|call| call.join().unwrap_or_else(|_| broke())).collect()
    });
    for one in all {
        let one = one?;
        seen.seconds.extend(one.seconds);
        seen.put_off += one.put_off;
    }
    let took = begun.elapsed().as_secs_f64();
    seen.seconds.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (seen.seconds.len() as f64 * share) as usize;
        1000.0 * seen.seconds.get(place).copied().unwrap_or(f64::NAN)
    };
    let events = (seen.seconds.len() * BATCH) as f64;
    println!(
        "{events} events in {took:.1} s, {:.0} a second; a batch waits {:.1} ms (p50), {:.1} ms \
         (p99), {:.1} ms (most); {} put off",
        events / took,
        at(0.5),
        at(0.99),
        at(1.0 - f64::EPSILON),
        seen.put_off
    );
    Ok(())
}

fn call(address: &str, key: &str, caller: u64, pace: Duration, until: Instant) -> Result<Seen> {
    let stream = TcpStream::connect(address).with_context(|| format!("no server at {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    let mut seen = Seen::default();
    let mut number = 0;
    let mut due = Instant::now();
    while Instant::now() < until {
        let body = batch(key, caller, number);
        let head = format!(
            "POST /v1/batch HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let sent = if pace.is_zero() { Instant::now() } else { due };
        std::thread::sleep(sent.saturating_duration_since(Instant::now()));
        due += pace;
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        match answer(&mut answers)? {
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

/// Reads an answer to its end and returns its status.
fn answer(answers: &mut BufReader<TcpStream>) -> Result<u16> {
    let mut line = String::new();
    answers.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.with_context(|| format!("no HTTP: `{}`", line.trim()))?;
    let mut length = 0;
    loop {
        line.clear();
        answers.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    std::io::copy(&mut answers.by_ref().take(length), &mut std::io::sink())?;
    Ok(status)
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
