//! Requests as a hostile caller writes them, to a real server.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use shopwise_hostile::{Target, fuzz};

use super::server::{Server, ShopFolder, base64};

/// How long it is waited for an answer until the server is told that nothing more comes.
const PAUSE: Duration = Duration::from_millis(20);

const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b": ",
    b"POST ",
    b"GET ",
    b"OPTIONS ",
    b" HTTP/1.1",
    b" HTTP/1.0",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: Upgrade\r\n",
    b"Origin: null\r\n",
    b"/v1/batch",
    b"/v1/pixel/track?data=",
    b"/api/products/",
    b"/openapi.json",
    b"%2e%2e/",
    b"?a=%ff",
    b"X-Forwarded-For: ::1\r\n",
    b"X-Retry-Count: 1\r\n",
    b"Authorization: Basic ",
];

/// Returns the status that is answered, or none.
fn status(server: &Server, bytes: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PAUSE)).unwrap();
    drop(stream.write_all(bytes));
    let mut answer = Vec::new();
    if stream.read_to_end(&mut answer).is_err() {
        drop(stream.shutdown(std::net::Shutdown::Write));
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        drop(stream.read_to_end(&mut answer));
    }
    // Who asks first whether he may send the body is told that before.
    let answer = answer.strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&answer);
    let line = answer.split(|byte| *byte == b'\r').next()?;
    std::str::from_utf8(line).ok()?.split(' ').nth(1)?.parse().ok()
}

#[test]
fn fuzz_requests() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    let key = format!("Authorization: Basic {}\r\n", base64(&format!("{}:", shop.key)));
    let token = format!("Authorization: Bearer {}\r\n", shop.token());
    let event = json!({ "type": "track", "event": "Product Viewed", "userId": "u",
        "messageId": "m", "properties": { "product_id": "p" } });
    let batch = json!({ "batch": [event], "sentAt": "2026-01-02T03:04:05Z" }).to_string();
    let request = |method: &str, path: &str, headers: &str, body: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    };
    let product = "{\"title\":\"Mug\",\"price\":9.5,\"stock\":3}";
    let coded = base64(&json!({ "writeKey": shop.key, "userId": "u", "event": "E" }).to_string());
    let pixel = format!("/v1/pixel/track?data={coded}");
    let all = [
        request("POST", "/v1/batch", &key, &batch),
        request("POST", "/v1/t", &key, &event.to_string()),
        request("GET", &pixel, "", ""),
        request("GET", "/v1/projects/k/settings", "X-Forwarded-Proto: https\r\n", ""),
        request("PUT", "/api/products/p", &token, product),
        request("POST", "/api/products/batch", &token, &format!("[{product}]")),
        request("GET", "/api/customers/u", &token, ""),
        request("OPTIONS", "/v1/batch", "Origin: https://shop.example\r\n", ""),
        b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
          3\r\n[{}\r\n0\r\n\r\n"
            .to_vec(),
    ];
    let examples: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    let target = Target {
        name: "requests",
        examples: &examples,
        words: WORDS,
        bytes_max: 64 << 10,
        time_max: Duration::from_secs(25),
    };
    fuzz(&target, |bytes| {
        let status = status(&server, bytes);
        assert!(
            status
                .is_none_or(|status| (200..300).contains(&status) || (400..500).contains(&status)),
            "{status:?}"
        );
        status
    });
    assert_eq!(server.get("/healthz", "").status, 200);
    server.stop();
    let status = shop.status();
    let term = |name: &str| status[name].as_i64().unwrap();
    let parts = ["stored", "duplicate", "quarantined", "refused"].map(term);
    assert_eq!(term("received"), parts.iter().sum::<i64>(), "{status}");
}
