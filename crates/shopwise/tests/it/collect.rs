//! The door for events, through the real port.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{Server, ShopFolder, base64};
use super::{fail, shown, succeed};

fn viewed(id: &str, user: &str) -> Value {
    json!({
        "type": "track", "event": "Product Viewed", "messageId": id, "userId": user,
        "timestamp": "2026-01-02T03:04:05.678Z",
        "properties": { "product_id": "p1", "price": 9.5 },
    })
}

fn batch(events: &[Value]) -> Vec<u8> {
    json!({ "batch": events, "sentAt": "2026-01-02T03:04:06.000Z" }).to_string().into_bytes()
}

#[test]
fn one_bad_event_never_costs_its_batch_and_can_be_looked_at() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    let nobody = json!({ "type": "track", "event": "Product Viewed", "messageId": "m2" });
    let body = batch(&[viewed("m1", "u1"), nobody, viewed("m3", "u1")]);
    let text = String::from_utf8(body).unwrap().replacen("9.5", "NaN", 1);
    let answer = server.post("/v1/batch", &shop.key, text.as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["verdicts"], json!({ "stored": 2, "quarantined": 1 }));
    // The same again, sent at another time, is known.
    let again = text.replace("03:04:06.000", "03:09:00.000");
    let answer = server.post("/v1/batch", &shop.key, again.as_bytes()).unwrap();
    assert_eq!(answer.json()["verdicts"], json!({ "duplicate": 2, "quarantined": 1 }));
    server.stop();
    assert_eq!(shop.exported(), ["m1", "m3"]);
    let status = shop.status();
    for (term, count) in [("received", 6), ("stored", 2), ("duplicate", 2), ("quarantined", 2)] {
        assert_eq!(status[term], json!(count), "{term} of {status}");
    }
    let list = succeed(&["quarantine", "--shop", shown(&shop.path), "list"]);
    assert!(list.contains("userId"), "{list}");
    let shown_one = succeed(&["quarantine", "--shop", shown(&shop.path), "show", "1"]);
    assert!(shown_one.contains("\"messageId\":\"m2\""), "{shown_one}");
    let replayed = succeed(&["quarantine", "--shop", shown(&shop.path), "replay"]);
    assert!(replayed.contains("2 stay in quarantine"), "{replayed}");
    fail(&["quarantine", "--shop", shown(&shop.path), "show", "77"], 1);
}

#[test]
fn another_event_under_a_known_identifier_is_an_event_of_its_own() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    let other = {
        let mut other = viewed("m1", "u1");
        other["properties"]["price"] = json!(10.5);
        other
    };
    let send = |events: &[Value]| {
        let answer = server.post("/v1/batch", &shop.key, &batch(events)).unwrap();
        answer.json()["verdicts"].clone()
    };
    assert_eq!(send(&[viewed("m1", "u1"), other.clone()]), json!({ "stored": 2 }));
    assert_eq!(send(&[other, viewed("m1", "u1")]), json!({ "duplicate": 2 }));
    server.stop();
    let status = shop.status();
    assert_eq!((&status["conflicts"], &status["stored"]), (&json!(1), &json!(2)), "{status}");
    assert_eq!(shop.exported(), ["m1", "m1"]);
    let text = std::fs::read_to_string(shop.path.join("export.csv")).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let column = |name: &str| header.iter().position(|own| *own == name).unwrap();
    let (id, price) = (column("event_id"), column("unit_price"));
    let rows: std::collections::BTreeSet<_> = lines.map(|row| (row[id], row[price])).collect();
    let ids: std::collections::BTreeSet<_> = rows.iter().map(|(id, _)| *id).collect();
    assert_eq!((rows.len(), ids.len()), (2, 2), "{rows:?}");
}

#[test]
fn an_acknowledged_event_is_known_within_a_tenth_of_a_second_and_after_a_start() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    let token = format!("Authorization: Bearer {}\r\n", shop.token());
    let views = |server: &Server| {
        let answer = server.get("/api/customers/u1", &token);
        answer.json()["views"].as_i64().unwrap_or(0)
    };
    let mut waits = Vec::new();
    for number in 1..=9 {
        let body = batch(&[viewed(&format!("m{number}"), "u1")]);
        assert_eq!(server.post("/v1/batch", &shop.key, &body).unwrap().status, 200);
        let acknowledged = Instant::now();
        while views(&server) < number {
            assert!(acknowledged.elapsed() < Duration::from_secs(10), "not known at all");
        }
        waits.push(acknowledged.elapsed());
    }
    // Some may wait behind other tests; where nothing else runs none does.
    waits.sort_unstable();
    println!("known after {waits:?}");
    assert!(waits[2] < Duration::from_millis(100), "{waits:?}");
    assert_eq!(server.get("/api/customers/u2", &token).status, 404);
    server.kill();
    let server = Server::start(&shop.path);
    assert_eq!(views(&server), 9);
    server.stop();
    // By the snapshot, and by a replay because it is damaged.
    let snapshot = shop.path.join("live").join("state.snapshot");
    assert!(snapshot.is_file());
    let server = Server::start(&shop.path);
    assert_eq!(views(&server), 9);
    server.kill();
    let mut bytes = std::fs::read(&snapshot).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&snapshot, bytes).unwrap();
    let server = Server::start(&shop.path);
    assert_eq!(views(&server), 9);
}

#[test]
fn show_tells_what_was_acknowledged_a_moment_ago() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    let asked = || {
        let told = succeed(&["show", "--json", "--shop", shown(&shop.path), "customer", "u1"]);
        serde_json::from_str::<Value>(&told).unwrap()
    };
    let sent = |id: &str, event: &str, pieces: i64| {
        let item = json!({ "product_id": "p1", "quantity": pieces, "price": 9.5 });
        let event = json!({
            "type": "track", "event": event, "messageId": id, "userId": "u1",
            "timestamp": format!("2026-01-02T03:04:0{id}Z"),
            "properties": { "order_id": "o1", "products": [item] },
        });
        assert_eq!(server.post("/v1/batch", &shop.key, &batch(&[event])).unwrap().status, 200);
        asked()
    };
    let first = sent("1", "Product Added", 2);
    assert_eq!(first["carts"], json!(1));
    assert_eq!(first["cart"][0]["product"], json!("p1"), "{first}");
    assert_eq!(first["cart"][0]["quantity"], json!(2));
    assert_eq!(sent("2", "Product Removed", 1)["cart"][0]["quantity"], json!(1));
    let last = sent("3", "Order Completed", 1);
    assert_eq!(last["cart"], json!([]));
    assert_eq!((&last["orders"], &last["monetary"]), (&json!(1), &json!(9.5)), "{last}");
    // What the loop finds out stands beside what is known this moment.
    server.stop();
    succeed(&["run", "--shop", shown(&shop.path), "prepare"]);
    let server = Server::start(&shop.path);
    assert_eq!(
        server.post("/v1/batch", &shop.key, &batch(&[viewed("4", "u1")])).unwrap().status,
        200
    );
    let prepared = asked();
    assert_eq!((&prepared["views"], &prepared["average_order"]), (&json!(1), &json!(9.5)));
    let text = succeed(&["show", "--shop", shown(&shop.path), "customer", "u1"]);
    assert!(text.contains("monetary               9.500"), "{text}");
    fail(&["show", "--shop", shown(&shop.path), "customer", "nobody"], 1);
}

#[test]
fn a_customer_sees_his_tags_and_why_and_takes_one_off() {
    let shop = ShopFolder::new();
    let products = shop.path.join("products.csv");
    std::fs::write(
        &products,
        "id,title,category\np1,Green tea,茶 & more\np2,Cup,Cups\np3,Plate,Plates\n",
    )
    .unwrap();
    let folder = shown(&shop.path);
    succeed(&["import", "--shop", folder, "--format", "products", shown(&products)]);
    let server = Server::start(&shop.path);
    let mut events: Vec<Value> = (0..3).map(|at| viewed(&format!("a{at}"), "u1")).collect();
    for (other, product) in (0..18).zip(["p2", "p3"].into_iter().cycle()) {
        let mut event = viewed(&format!("b{other}"), &format!("of {product}"));
        event["properties"]["product_id"] = json!(product);
        events.push(event);
    }
    assert_eq!(server.post("/v1/batch", &shop.key, &batch(&events)).unwrap().status, 200);
    let token = format!("Authorization: Bearer {}\r\n", shop.token());
    let known = Instant::now();
    while server.get("/api/customers/u1", &token).status != 200 {
        assert!(known.elapsed() < Duration::from_secs(10), "not known at all");
    }
    let tags = || server.get("/api/customers/u1", &token).json()["tags"].clone();
    let tag = "category:茶 & more";
    assert_eq!((tags()[0]["tag"].as_str(), tags()[0]["weight"].as_f64()), (Some(tag), Some(3.0)));
    let path = "/api/customers/u1/tags/category%3A%E8%8C%B6%20%26%20more";
    // The events are looked for in the lake.
    let why = || server.get(path, &token);
    while why().status != 200 {
        assert!(known.elapsed() < Duration::from_secs(30), "{:?}", why());
        std::thread::sleep(Duration::from_millis(100));
    }
    let found = why().json();
    assert_eq!(found["events"].as_array().map(Vec::len), Some(3), "{found}");
    assert_eq!(found["weight"], json!(3.0));
    assert_eq!(server.get("/api/customers/u1/tags/tea", &token).status, 400);
    assert_eq!(server.get("/api/customers/u3/tags/brand:tea", &token).status, 404);
    assert_eq!(server.send("DELETE", path, "", b"").unwrap().status, 401);
    assert_eq!(server.send("DELETE", path, &token, b"").unwrap().status, 200);
    assert_eq!(tags(), json!([]));
    server.stop();
    succeed(&["run", "--shop", folder, "prepare"]);
    let list = succeed(&["tags", "--shop", folder, "list", "u1"]);
    assert!(list.contains("deleted") && !list.contains('%'), "{list}");
    let output = shop.path.join("tags.csv");
    succeed(&["export", "--shop", folder, "tags", "--output", shown(&output)]);
    let rows = std::fs::read_to_string(&output).unwrap();
    assert!(!rows.contains('茶') && rows.contains("category:Cups"), "{rows}");
    succeed(&["tags", "--shop", folder, "restore", "u1", tag]);
    let list = succeed(&["tags", "--shop", folder, "list", "u1"]);
    assert!(list.contains(tag) && list.contains('%'), "{list}");
}

#[test]
fn everything_but_the_door_is_closed_without_the_token() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    for path in ["/api/customers/u1", "/metrics"] {
        assert_eq!(server.get(path, "").status, 401, "{path}");
        let wrong = format!("Authorization: Basic {}\r\n", base64(&format!("{}:", shop.key)));
        assert_eq!(server.get(path, &wrong).status, 401, "{path}");
    }
    for path in ["/healthz", "/readyz", "/openapi.json", "/shopwise.js"] {
        assert_eq!(server.get(path, "").status, 200, "{path}");
    }
    assert_eq!(
        server.post("/v1/batch", "wrong", &batch(&[viewed("m1", "u")])).unwrap().status,
        401
    );
    let made = succeed(&[
        "keys",
        "--shop",
        shown(&shop.path),
        "create",
        "page",
        "--origin",
        "https://shop.example",
    ]);
    let key = made.trim();
    let send = |origin: &str| {
        let headers =
            format!("Authorization: Basic {}\r\nOrigin: {origin}\r\n", base64(&format!("{key}:")));
        server.send("POST", "/v1/b", &headers, &batch(&[viewed("m9", "u")])).unwrap()
    };
    // A key that was just made is known after a moment.
    let until = Instant::now() + Duration::from_secs(5);
    while send("https://shop.example").status != 200 {
        assert!(Instant::now() < until, "the new key is not known");
        std::thread::sleep(Duration::from_millis(100));
    }
    let foreign = send("https://elsewhere.example");
    assert_eq!(foreign.status, 403);
    assert!(foreign.head.contains("access-control-allow-origin: https://elsewhere.example"));
    succeed(&["keys", "--shop", shown(&shop.path), "revoke", key]);
    let until = Instant::now() + Duration::from_secs(8);
    while send("https://shop.example").status != 401 {
        assert!(Instant::now() < until, "the revoked key still works");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn hostile_requests_are_bounded_and_others_are_served_on() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    // Heads that never end, and bodies that never come.
    let slow: Vec<TcpStream> = (0..200)
        .map(|number| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            let head: &[u8] = if number % 2 == 0 {
                b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nX-Slow: "
            } else {
                b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
            };
            stream.write_all(head).unwrap();
            stream
        })
        .collect();
    let large = vec![b'['; 100 << 20];
    assert_eq!(server.post("/v1/batch", &shop.key, &large).unwrap().status, 413);
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![b' '; 200 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let headers = format!(
        "Authorization: Basic {}\r\nContent-Encoding: gzip\r\n",
        base64(&format!("{}:", shop.key))
    );
    assert_eq!(server.send("POST", "/v1/batch", &headers, &bomb).unwrap().status, 413);
    for body in [&b""[..], b"\xff\xfe", b"{\"batch\":", b"[[[[[[", b"\0\0\0\0"] {
        let answer = server.post("/v1/batch", &shop.key, body).unwrap();
        assert!(matches!(answer.status, 200 | 400), "{body:?}: {answer:?}");
    }
    for bytes in
        [&b"\0\0\0\0\r\n\r\n"[..], b"GET / HTTP/9.9\r\n\r\n", b"PUT /v1/batch HTTP/1.1\r\n\r\n"]
    {
        if let Ok(answer) = server.raw(bytes) {
            assert!(answer.status < 500, "{answer:?}");
        }
    }
    let ok = server.post("/v1/batch", &shop.key, &batch(&[viewed("m1", "u1")])).unwrap();
    assert_eq!(ok.status, 200);
    drop(slow);
    server.stop();
    assert_eq!(shop.exported(), ["m1"]);
}

#[test]
fn an_envelope_that_makes_a_small_request_large_costs_nobody_anything() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    let events: Vec<Value> = (0..2500).map(|at| viewed(&format!("m{at}"), "u1")).collect();
    let filler = "x".repeat(8000);
    let body = json!({ "batch": events, "context": { "a": filler },
        "integrations": { "b": filler } });
    let answer = server.post("/v1/batch", &shop.key, body.to_string().as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["verdicts"], json!({ "stored": 2500 }));
    server.stop();
    assert_eq!(shop.exported().len(), 2500);
}

#[test]
fn an_image_in_a_mail_is_always_an_image() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    let event = json!({ "writeKey": shop.key, "userId": "u1", "event": "Email Opened",
        "messageId": "mail", "timestamp": "2026-01-02T03:04:05Z" });
    let good = format!("/v1/pixel/track?data={}", base64(&event.to_string()));
    for path in [good.as_str(), "/v1/pixel/track?data=nonsense", "/v1/pixel/none"] {
        let answer = server.get(path, "");
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(&answer.body[..6], b"GIF89a", "{path}");
    }
    server.stop();
    assert_eq!(shop.exported(), ["mail"]);
}

#[test]
fn a_connection_that_says_nothing_does_not_keep_the_server_from_stopping() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    let mut silent = TcpStream::connect(server.address).unwrap();
    assert_eq!(server.get("/healthz", "").status, 200);
    server.stop();
    let mut rest = Vec::new();
    // Closed, or cut: it has ended either way.
    drop(silent.read_to_end(&mut rest));
}
