//! Callers who mean no good: silent, slow, large, many, unknown. Bounded, refused, and everybody
//! else is served on.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{Answer, Server, ShopFolder, base64, exchange};
use super::{program, shown, succeed, text};

/// Silent connections, where the system allows as many open files.
const SILENT: usize = 10_000;

/// How long anybody else may wait for his answer meanwhile, on a machine that runs other tests.
const OTHERS_WAIT: Duration = Duration::from_secs(3);

fn event(id: &str) -> Value {
    json!({ "type": "track", "event": "Product Viewed", "messageId": id, "userId": "u",
        "timestamp": "2026-01-02T03:04:05Z", "properties": { "product_id": "p" } })
}

fn batch(id: &str) -> Vec<u8> {
    json!({ "batch": [event(id)] }).to_string().into_bytes()
}

/// Asserts that an event is taken at once.
fn is_served(server: &Server, key: &str, id: &str) {
    let begun = Instant::now();
    let answer = server.post("/v1/batch", key, &batch(id)).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(begun.elapsed() < OTHERS_WAIT, "{id}: after {:?}", begun.elapsed());
}

/// Connects from another address of this machine.
fn connect_from(address: [u8; 4], to: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let connected = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((address, 0)))?;
        socket.connect(to).await?.into_std()
    });
    let stream = connected.unwrap();
    stream.set_nonblocking(false).unwrap();
    stream
}

fn head(key: &str, length: usize) -> String {
    let key = base64(&format!("{key}:"));
    format!(
        "POST /v1/batch HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic {key}\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

/// Returns what is answered without more being sent.
fn answered(stream: TcpStream) -> Answer {
    exchange(stream, b"").unwrap()
}

#[test]
fn thousands_of_silent_connections_cost_nobody_else_an_answer() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    is_served(&server, &shop.key, "before");
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap() as usize;
    let count = SILENT.min(files.saturating_sub(300));
    let before = server.memory();
    let begun = Instant::now();
    let mut silent = Vec::with_capacity(count);
    for number in 0..count {
        let mut stream = TcpStream::connect(server.address).unwrap();
        // Some say nothing, some do not come to an end.
        if number % 2 == 0 {
            stream.write_all(b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
        }
        silent.push(stream);
    }
    let opened = begun.elapsed();
    for number in 0..20 {
        is_served(&server, &shop.key, &format!("meanwhile {number}"));
    }
    let grown = server.memory().zip(before).map(|(after, before)| after.saturating_sub(before));
    println!(
        "{count} connections opened in {:.1} s; memory grew by {:.1} MB",
        opened.as_secs_f64(),
        grown.unwrap_or(0) as f64 / 1e6
    );
    let each = grown.unwrap_or(0) as usize / count;
    assert!(each < 40_000, "{each} bytes for a silent connection");
    drop(silent);
    is_served(&server, &shop.key, "after");
    server.stop();
    assert_eq!(shop.exported().len(), 22);
}

#[test]
fn where_few_files_may_be_open_the_silent_make_room_for_the_others() {
    let shop = ShopFolder::new();
    let mut limited = std::process::Command::new("sh");
    // 700 leave some 190 connections, and one address has three quarters of them.
    limited.args(["-c", "ulimit -n 700; exec \"$0\" \"$@\""]).arg(program(&[]).get_program());
    let server = Server::start_as(limited, &shop.path);
    let mut silent = Vec::new();
    for number in 0..500 {
        silent.push(TcpStream::connect(server.address).unwrap());
        if number % 50 == 0 {
            is_served(&server, &shop.key, &format!("m{number}"));
        }
    }
    // Those that came first were cut, those that came last were not.
    let is_cut = |stream: &mut TcpStream| {
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        stream.read(&mut [0]).is_ok()
    };
    assert!(is_cut(&mut silent[0]));
    assert!(!is_cut(&mut silent[499]));
    server.stop();
    assert_eq!(shop.exported().len(), 10);
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_may_open_no_more_files_neither_ends_nor_spins() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    is_served(&server, &shop.key, "before");
    let process = server.process().to_string();
    let open = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count();
    let allow = |files: usize| {
        let limit = format!("--nofile={files}:20000");
        let told = std::process::Command::new("prlimit").args(["--pid", &process, &limit]).output();
        told.is_ok_and(|told| told.status.success())
    };
    if !allow(open + 4) {
        println!("skipped: no `prlimit`, or it may not change limits");
        return;
    }
    let cpu = || {
        let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        let fields: Vec<&str> = text.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let connections: Vec<_> =
        (0..100).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    let before = cpu();
    std::thread::sleep(Duration::from_secs(1));
    // In hundredths of a second.
    let spent = cpu() - before;
    assert!(spent < 50, "{spent} % of a core in refusing");
    let log = server.log();
    let lines = log.lines().filter(|line| line.contains("could not be accepted")).count();
    assert!((1..=100).contains(&lines), "{lines} lines about it");
    assert!(allow(20_000));
    drop(connections);
    is_served(&server, &shop.key, "after");
    server.stop();
    assert_eq!(shop.exported(), ["after", "before"]);
}

#[test]
fn slow_bodies_hold_no_room() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    // Four times as much as there is room for, if announcing were taking.
    let mut slow: Vec<TcpStream> = (0..128)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream.write_all(head(&shop.key, 4 << 20).as_bytes()).unwrap();
            stream.write_all(b"{\"batch\":[").unwrap();
            stream
        })
        .collect();
    for number in 0..10 {
        for stream in &mut slow {
            stream.write_all(b" ").unwrap();
        }
        is_served(&server, &shop.key, &format!("m{number}"));
    }
    drop(slow);
    server.stop();
    assert_eq!(shop.exported().len(), 10);
}

#[test]
fn one_address_cannot_take_all_the_room() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    let length = 4 << 20;
    let nearly = vec![b' '; length - 1];
    let begun = Instant::now();
    let mut large = Vec::new();
    // Half of the room is 16 bodies.
    for _ in 0..16 {
        let mut stream = connect_from([127, 0, 0, 9], server.address);
        stream.write_all(head(&shop.key, length).as_bytes()).unwrap();
        stream.write_all(&nearly).unwrap();
        large.push(stream);
    }
    // Who comes before the server has read it all is still let in.
    let refused = (0..20).find_map(|_| {
        let mut beyond = connect_from([127, 0, 0, 9], server.address);
        beyond.write_all(head(&shop.key, length).as_bytes()).unwrap();
        beyond.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut answer = Vec::new();
        drop(beyond.read_to_end(&mut answer));
        (!answer.is_empty()).then(|| text(&answer).to_lowercase())
    });
    let refused = refused.unwrap();
    assert!(refused.starts_with("http/1.1 429 "), "{refused}");
    assert!(refused.contains("\nretry-after: 2\r"), "{refused}");
    is_served(&server, &shop.key, "another address");
    // What holds much and does not move is given up after a few seconds.
    for stream in large {
        assert_eq!(answered(stream).status, 408);
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
    let again = connect_from([127, 0, 0, 9], server.address);
    let body = batch("the same address");
    let bytes = [head(&shop.key, body.len()).as_bytes(), &body].concat();
    assert_eq!(exchange(again, &bytes).unwrap().status, 200);
    server.stop();
    assert_eq!(shop.exported(), ["another address", "the same address"]);
}

#[test]
fn what_is_too_large_is_refused_however_it_is_announced() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    let key = base64(&format!("{}:", shop.key));
    // By its length: before any of it is read.
    let stream = TcpStream::connect(server.address).unwrap();
    let mut waiting = stream.try_clone().unwrap();
    waiting.write_all(head(&shop.key, 100 << 20).as_bytes()).unwrap();
    assert_eq!(answered(stream).status, 413);
    // In pieces: as soon as it is too much.
    let mut chunked = format!(
        "POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {key}\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for _ in 0..100 {
        chunked.extend_from_slice(b"100000\r\n");
        chunked.extend(std::iter::repeat_n(b'[', 1 << 20));
        chunked.extend_from_slice(b"\r\n");
    }
    assert_eq!(server.raw(&chunked).unwrap().status, 413);
    // A head that does not end.
    let endless = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}", "x".repeat(1 << 20));
    assert_eq!(server.raw(endless.as_bytes()).unwrap().status, 431);
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(100_000));
    assert!(matches!(server.raw(long.as_bytes()).unwrap().status, 414 | 431));
    // A key that nobody knows: before any of the body is read.
    let stream = TcpStream::connect(server.address).unwrap();
    let mut waiting = stream.try_clone().unwrap();
    waiting.write_all(head("nobody", 4 << 20).as_bytes()).unwrap();
    assert_eq!(answered(stream).status, 401);
    is_served(&server, &shop.key, "m");
    server.stop();
    assert_eq!(shop.exported(), ["m"]);
}

#[test]
fn bombs_of_many_members_are_refused() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    let pack = |bytes: &[u8]| {
        let mut packing = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packing.write_all(bytes).unwrap();
        packing.finish().unwrap()
    };
    let blanks = pack(&vec![b' '; 1 << 20]);
    let nested = pack(&pack(&pack(&vec![b' '; 200 << 20])));
    let many = blanks.repeat(1000);
    let empty = pack(b"").repeat(200_000);
    let good = [pack(b"{\"batch\":["), pack(event("m").to_string().as_bytes()), pack(b"]}")];
    let headers = format!(
        "Authorization: Basic {}\r\nContent-Encoding: gzip\r\n",
        base64(&format!("{}:", shop.key))
    );
    for (what, body, status) in [
        ("many members", many, 413),
        ("packed three times", nested, 400),
        ("empty members", empty, 400),
        ("members that are one event", good.concat(), 200),
    ] {
        let begun = Instant::now();
        let answer = server.send("POST", "/v1/batch", &headers, &body).unwrap();
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        assert!(begun.elapsed() < OTHERS_WAIT, "{what} took {:?}", begun.elapsed());
    }
    server.stop();
    assert_eq!(shop.exported(), ["m"]);
}

#[test]
fn wrong_keys_are_answered_so_often_and_cost_right_ones_nothing() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    let mut statuses = std::collections::BTreeMap::new();
    for number in 0..400 {
        let answer = if number % 2 == 0 {
            server.post("/v1/batch", &format!("guess {number}"), &batch("never")).unwrap()
        } else {
            server.get("/metrics", &format!("Authorization: Bearer guess{number}\r\n"))
        };
        if answer.status == 429 {
            assert!(answer.head.contains("\nretry-after: 5\r"), "{answer:?}");
        }
        *statuses.entry(answer.status).or_insert(0) += 1;
    }
    assert!(statuses[&401] >= 100 && statuses[&429] > 0 && statuses.len() == 2, "{statuses:?}");
    is_served(&server, &shop.key, "m");
    let token = format!("Authorization: Bearer {}\r\n", shop.token());
    assert_eq!(server.get("/metrics", &token).status, 200);
    // A caller behind a proxy of this machine is another one.
    let headers = "Authorization: Bearer guess\r\nX-Forwarded-For: 10.0.0.1, 192.0.2.7\r\n";
    assert_eq!(server.get("/metrics", headers).status, 401);
    server.stop();
    assert_eq!(shop.exported(), ["m"]);
}

/// Sends requests on some connections without waiting for answers, the same bytes on each, and
/// returns how often each status was answered.
fn flood(server: &Server, requests: &str) -> std::collections::BTreeMap<String, usize> {
    let last = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let all = format!("{requests}{last}");
    let mut counts = std::collections::BTreeMap::new();
    let answers: Vec<String> = std::thread::scope(|scope| {
        let one = || {
            let mut stream = TcpStream::connect(server.address).unwrap();
            let mut writing = stream.try_clone().unwrap();
            scope.spawn(|| writing.write_all(all.as_bytes()).map(|()| drop(writing)));
            let mut answers = Vec::new();
            stream.read_to_end(&mut answers).unwrap();
            text(&answers)
        };
        let calls: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    for answer in &answers {
        for (_, behind) in answer.match_indices("HTTP/1.1 ").map(|(at, _)| answer.split_at(at)) {
            let status: String = behind.chars().skip(9).take(3).collect();
            *counts.entry(status).or_insert(0) += 1;
        }
        let waits = answer.to_lowercase().matches("\nretry-after: 1\r").count();
        assert_eq!(waits, answer.matches("HTTP/1.1 429 ").count());
    }
    counts
}

#[test]
fn rates_are_limited_by_address_and_by_key_and_the_refused_learn_when_to_come_again() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    // Twice 2,000 may come at once.
    let health = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(5_000);
    let counts = flood(&server, &health);
    println!("by address: {counts:?}");
    assert!(counts["200"] >= 4_000 && counts["429"] > 0 && counts.len() == 2, "{counts:?}");
    // The key is the same, the addresses are not; nothing is sent, so that the disk has no part.
    let key = base64(&format!("{}:", shop.key));
    let one = |number: usize| {
        format!(
            "POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {key}\r\n\
             X-Forwarded-For: 10.0.{}.{}\r\nContent-Length: 0\r\n\r\n",
            number / 256,
            number % 256
        )
    };
    let counts = flood(&server, &(0..5_000).map(one).collect::<String>());
    println!("by key: {counts:?}");
    assert!(counts["400"] >= 4_000 && counts["429"] > 0, "{counts:?}");
    // A moment later there is room again.
    std::thread::sleep(Duration::from_millis(500));
    is_served(&server, &shop.key, "m");
    server.stop();
    assert_eq!(shop.exported(), ["m"]);
}

#[test]
fn pages_of_other_origins_may_collect_and_nothing_else() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    let asks = |path: &str, method: &str| {
        let headers = format!(
            "Origin: https://evil.example\r\nAccess-Control-Request-Method: {method}\r\n\
             Access-Control-Request-Headers: authorization\r\n"
        );
        server.send("OPTIONS", path, &headers, b"").unwrap()
    };
    let collected = asks("/v1/batch", "POST");
    assert_eq!(collected.status, 204);
    assert!(collected.head.contains("access-control-allow-origin: https://evil.example"));
    assert!(collected.head.contains("access-control-allow-headers: authorization"));
    for (path, method) in
        [("/api/products/p", "PUT"), ("/api/customers/u", "GET"), ("/metrics", "GET")]
    {
        let answer = asks(path, method);
        assert!(!answer.head.contains("access-control-allow"), "{path}: {answer:?}");
        let token = shop.token();
        let headers = format!("Origin: https://evil.example\r\nAuthorization: Bearer {token}\r\n");
        let answer = server.send(method, path, &headers, b"{}").unwrap();
        assert!(!answer.head.contains("access-control-allow"), "{path}: {answer:?}");
    }
    let made = succeed(&[
        "keys",
        "--shop",
        shown(&shop.path),
        "create",
        "page",
        "--origin",
        "https://shop.example",
        "--json",
    ]);
    let made: Value = serde_json::from_str(&made).unwrap();
    let key = base64(&format!("{}:", made["key"].as_str().unwrap()));
    let until = Instant::now() + Duration::from_secs(5);
    let from = |origin: &str| {
        let headers = format!("Authorization: Basic {key}\r\n{origin}");
        server.send("POST", "/v1/b", &headers, &batch("m")).unwrap().status
    };
    while from("Origin: https://shop.example\r\n") != 200 {
        assert!(Instant::now() < until, "the new key is not known");
        std::thread::sleep(Duration::from_millis(100));
    }
    for origin in [
        "https://elsewhere.example",
        "http://shop.example",
        "https://shop.example.evil.example",
        "https://shop.example:8443",
        "null",
        "https://SHOP.example/",
    ] {
        assert_eq!(from(&format!("Origin: {origin}\r\n")), 403, "{origin}");
    }
    server.stop();
}

#[test]
fn answers_that_nobody_reads_are_bounded() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    let before = server.memory();
    let one = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(10_000);
    let greedy: Vec<TcpStream> = (0..50)
        .map(|_| {
            let stream = TcpStream::connect(server.address).unwrap();
            let mut writing = stream.try_clone().unwrap();
            writing.set_write_timeout(Some(Duration::from_millis(20))).unwrap();
            drop(writing.write_all(&one));
            stream
        })
        .collect();
    for number in 0..10 {
        is_served(&server, &shop.key, &format!("m{number}"));
    }
    let grown = server.memory().zip(before).map(|(after, before)| after.saturating_sub(before));
    assert!(grown.unwrap_or(0) < 50 << 20, "{grown:?}");
    drop(greedy);
    server.stop();
}
