//! What the server says about itself: figures that Prometheus reads, logs without a person in them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::server::{Server, ShopFolder, base64};

/// A name, an address and a number that must stand in no log.
const PERSON: [&str; 3] = ["ann.private", "Ann%40private", "4915112345678"];

fn requests(shop: &ShopFolder, server: &Server) -> Vec<super::server::Answer> {
    let address = "ann.private@mail.example";
    let token = format!("Authorization: Bearer {}\r\n", shop.token());
    let key = format!("Authorization: Basic {}\r\n", base64(&format!("{}:", shop.key)));
    let good = json!({ "batch": [
        { "type": "identify", "userId": address, "messageId": "m1",
            "traits": { "email": address, "phone": "+4915112345678", "name": "ann.private" } },
        { "type": "track", "event": address, "userId": address, "messageId": address,
            "context": { "page": { "url": format!("https://shop.example/?mail={address}") } } },
        { "type": address, "userId": address },
        { "type": "track", "event": "X", "userId": address, "timestamp": address },
        { "type": "track", "event": "X", "userId": address, "messageId": address, "a": 1 },
    ], "context": { "ip": "ann.private" } });
    let mut answers = Vec::new();
    let mut send = |method: &str, path: &str, headers: &str, body: &str| {
        answers.push(server.send(method, path, headers, body.as_bytes()).unwrap());
    };
    send("POST", "/v1/batch", &key, &good.to_string());
    send(
        "POST",
        "/v1/batch",
        &key,
        &format!("{{\"batch\":[{{\"userId\":\"{address}\"}},\"{address}"),
    );
    send("POST", "/v1/batch", &key, address);
    send("POST", &format!("/v1/batch?{address}"), "", &good.to_string());
    send("POST", &format!("/v1/{address}"), &key, &good.to_string());
    send(address, "/v1/batch", &key, "{}");
    let name = base64(&format!("{address}:"));
    send("POST", "/v1/batch", &format!("Authorization: Basic {name}\r\n"), "{}");
    send("POST", "/v1/batch", &format!("{key}Content-Encoding: {address}\r\n"), "{}");
    send(
        "POST",
        "/v1/batch",
        &format!(
            "{key}Origin: https://{address}\r\nUser-Agent: {address}\r\n\
         Cookie: mail={address}\r\nReferer: https://shop.example/{address}\r\n"
        ),
        "{",
    );
    send("GET", &format!("/v1/pixel/track?data={}", base64(&good.to_string())), "", "");
    send("GET", &format!("/v1/pixel/track?data={address}"), "", "");
    send("GET", &format!("/v1/projects/{address}/settings"), "", "");
    send("GET", &format!("/api/customers/{address}"), &token, "");
    send("GET", "/api/customers/Ann%40private", &token, "");
    send("PUT", &format!("/api/products/{address}"), &token, &format!("{{\"{address}\":1}}"));
    send("PUT", "/api/products/a", &token, &format!("{{\"price\":\"{address}\"}}"));
    send("DELETE", &format!("/api/products/{address}"), &token, "");
    send(
        "POST",
        "/api/products/batch",
        &token,
        &format!("[{{\"id\":\"{address}\",\"price\":-1}}]"),
    );
    answers
}

#[test]
fn logs_are_json_with_the_numbers_of_requests_and_say_nothing_of_a_person() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    let answers = requests(&shop, &server);
    let refused: BTreeSet<String> = answers
        .iter()
        .filter(|answer| answer.status >= 400 && answer.head.contains("x-request-id"))
        .map(|answer| {
            let id = answer.json()["request_id"].as_str().unwrap().to_owned();
            assert!(answer.head.contains(&format!("x-request-id: {id}")), "{answer:?}");
            id
        })
        .collect();
    assert!(refused.len() >= 8, "{refused:?}");
    let token = format!("Authorization: Bearer {}\r\n", shop.token());
    let figures = String::from_utf8(server.get("/metrics", &token).body).unwrap();
    let process = server.process();
    let log = {
        // The last lines are written when the server ends.
        let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
        let all = |log: &str| refused.iter().all(|id| log.contains(&format!("\"{id}\"")));
        while !all(&server.log()) {
            assert!(std::time::Instant::now() < until, "{}", server.log());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        server.log()
    };
    assert!(process > 0);
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
    }
    assert!(log.contains("identifiers came again with other events"), "{log}");
    for word in PERSON {
        assert!(!log.contains(word), "{word} stands in the log: {log}");
        assert!(!figures.contains(word), "{word} stands in the figures: {figures}");
    }
    // What was said is there otherwise.
    assert!(log.lines().count() >= refused.len());
    server.stop();
}

#[test]
fn figures_are_as_prometheus_reads_them() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    requests(&shop, &server);
    let token = format!("Authorization: Bearer {}\r\n", shop.token());
    let answer = server.get("/metrics", &token);
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{answer:?}");
    let text = String::from_utf8(answer.body).unwrap();
    let samples = read(&text).unwrap_or_else(|wrong| panic!("{wrong} in\n{text}"));
    let named = |name: &str| samples.iter().filter(|sample| sample.name == name).count();
    assert!(named("shopwise_events_total") >= 5);
    assert!(named("shopwise_request_seconds_bucket") > 10);
    server.stop();
    // A parser that takes everything would prove nothing.
    for wrong in [
        "a 1\n",
        "# TYPE a counter\na{b=\"c} 1\n",
        "# TYPE a counter\na{b=\"\\c\"} 1\n",
        "# TYPE a counter\na one\n",
        "# TYPE a counter\na 1",
        "# TYPE a counter\na 1\na 2\n",
        "# TYPE a counter\na 1\n# TYPE b gauge\nb 1\n# TYPE a counter\n",
        "# TYPE a sum\na 1\n",
        "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
        "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_sum 1\na_count 2\n",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

/// One line of figures.
#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// Reads Prometheus' text format 0.0.4, strictly: each figure declared before it is used, in one
/// group, no sample twice, buckets that rise up to the count.
fn read(text: &str) -> Result<Vec<Sample>, String> {
    if !text.ends_with('\n') {
        return Err("no line's end at the end".to_owned());
    }
    let mut kinds: BTreeMap<&str, &str> = BTreeMap::new();
    let (mut samples, mut seen) = (Vec::new(), BTreeSet::new());
    let mut current = "";
    for line in text.lines() {
        if let Some(about) = line.strip_prefix("# HELP ") {
            let (name, words) = about.split_once(' ').ok_or("HELP without words")?;
            if kinds.contains_key(name) || words.is_empty() {
                return Err(format!("HELP of {name} comes late"));
            }
        } else if let Some(about) = line.strip_prefix("# TYPE ") {
            let (name, kind) = about.split_once(' ').ok_or("TYPE without a kind")?;
            if !["counter", "gauge", "histogram", "summary", "untyped"].contains(&kind) {
                return Err(format!("there is no kind `{kind}`"));
            }
            if kinds.insert(name, kind).is_some() {
                return Err(format!("{name} is declared twice"));
            }
            current = name;
        } else {
            let sample = sample(line)?;
            let kind = kinds.get(current).copied().unwrap_or_default();
            let suffix = sample.name.strip_prefix(current).filter(|_| !current.is_empty());
            let fits = match suffix {
                Some("") => kind != "histogram",
                Some("_bucket" | "_sum" | "_count") => kind == "histogram",
                _ => false,
            };
            if !fits {
                return Err(format!("{} was not declared", sample.name));
            }
            if !seen.insert((sample.name.clone(), sample.labels.clone())) {
                return Err(format!("{line} is there twice"));
            }
            samples.push(sample);
        }
    }
    histograms(&samples)?;
    Ok(samples)
}

fn sample(line: &str) -> Result<Sample, String> {
    let wrong = |what: &str| format!("{what}: {line}");
    let is_name = |text: &str| {
        let mut characters = text.chars();
        characters.next().is_some_and(|first| first.is_ascii_alphabetic() || "_:".contains(first))
            && characters.all(|one| one.is_ascii_alphanumeric() || "_:".contains(one))
    };
    let end = line.find(['{', ' ']).ok_or(wrong("no value"))?;
    let (name, mut rest) = line.split_at(end);
    if !is_name(name) {
        return Err(wrong("no name"));
    }
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, behind) = rest.split_once("=\"").ok_or(wrong("no label"))?;
            let mut value = String::new();
            let mut characters = behind.char_indices();
            let end = loop {
                match characters.next().ok_or(wrong("a label without an end"))? {
                    (at, '"') => break at + 1,
                    (_, '\\') => match characters.next().ok_or(wrong("half an escape"))?.1 {
                        'n' => value.push('\n'),
                        plain @ ('\\' | '"') => value.push(plain),
                        other => return Err(wrong(&format!("the escape {other}"))),
                    },
                    (_, plain) => value.push(plain),
                }
            };
            if !is_name(label) || labels.insert(label.to_owned(), value).is_some() {
                return Err(wrong("a label"));
            }
            rest = behind.get(end..).unwrap_or_default();
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').ok_or(wrong("labels without an end"))?;
    }
    let value = rest.strip_prefix(' ').ok_or(wrong("no blank"))?;
    let value = value.parse().map_err(|_| wrong("no number"))?;
    Ok(Sample { name: name.to_owned(), labels, value })
}

/// Checks that the buckets of each histogram rise and end at its count.
fn histograms(samples: &[Sample]) -> Result<(), String> {
    for count in samples.iter().filter(|sample| sample.name.ends_with("_count")) {
        let base = count.name.trim_end_matches("_count");
        let of = |sample: &&Sample| {
            let mut labels = sample.labels.clone();
            labels.remove("le");
            sample.name == format!("{base}_bucket") && labels == count.labels
        };
        let mut last = (f64::NEG_INFINITY, 0.0);
        for bucket in samples.iter().filter(of) {
            let end: f64 = bucket.labels["le"].parse().map_err(|_| "an `le` that is no number")?;
            if end <= last.0 || bucket.value < last.1 {
                return Err(format!("the buckets of {base} do not rise"));
            }
            last = (end, bucket.value);
        }
        if last != (f64::INFINITY, count.value) {
            return Err(format!("the buckets of {base} do not end at the count"));
        }
    }
    Ok(())
}
