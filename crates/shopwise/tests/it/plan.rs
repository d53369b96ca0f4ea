//! The tracking plan of a shop: what differs from it is kept, counted and shown.

use serde_json::json;

use super::server::{Server, ShopFolder};
use super::{fail, shown, succeed};

#[test]
fn what_differs_from_the_plan_is_kept_counted_and_shown() {
    let shop = ShopFolder::new();
    let plan = shop.path.join("tracking-plan.toml");
    std::fs::write(&plan, "[[event]]\nname = \"Wheel Spun\"\nproperties = { prize = \"txt\" }\n")
        .unwrap();
    let path = shown(&shop.path);
    let message = fail(&["serve", "--shop", path, "--listen", "127.0.0.1:0"], 1);
    assert!(message.contains("tracking-plan.toml") && message.contains("line 3"), "{message}");
    std::fs::write(&plan, "[[event]]\nname = \"Wheel Spun\"\nrequired = [\"prize\"]\n").unwrap();
    let server = Server::start(&shop.path);
    let event = |id: &str, name: &str, properties: serde_json::Value| {
        json!({ "type": "track", "event": name, "messageId": id, "userId": "u1",
                "timestamp": "2026-01-02T03:04:05Z", "properties": properties })
    };
    let events = [
        event("m1", "Wheel Spun", json!({ "more": [1] })),
        event("m2", "Wheel Spun", json!({ "prize": "a mug", "more": 1 })),
        event("m3", "Product Viewed", json!({ "product_id": "p1", "price": "9.5" })),
        event("m4", "Something Else", json!({ "price": "9.5" })),
    ];
    let body = json!({ "batch": events }).to_string();
    for verdict in ["stored", "duplicate"] {
        let answer = server.post("/v1/batch", &shop.key, body.as_bytes()).unwrap();
        assert_eq!(answer.json()["verdicts"], json!({ verdict: 4 }));
    }
    server.stop();
    assert_eq!(shop.exported(), ["m1", "m2", "m3", "m4"]);
    let status = shop.status();
    assert_eq!(status["violations"], 2, "{status}");
    assert_eq!(status["silent_sources"], json!([]));
    let table = succeed(&["status", "--shop", path, "--violations"]);
    for words in [
        ["web", "Wheel Spun", "prize", "missing"],
        ["web", "Product Viewed", "price", "not a number"],
    ] {
        let line = table.lines().find(|line| line.contains(words[1])).unwrap();
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
    let server = Server::start(&shop.path);
    let token = format!("Authorization: Bearer {}\r\n", shop.token());
    let figures = String::from_utf8(server.get("/metrics", &token).body).unwrap();
    for line in [
        "shopwise_plan_violations_total{source=\"web\"} 2",
        "shopwise_source_silent{source=\"web\"} 0",
    ] {
        assert!(figures.lines().any(|own| own == line), "{line} in {figures}");
    }
    // The first request with a revoked key is counted: its library will not send it again.
    succeed(&["keys", "--shop", path, "revoke", &shop.key]);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(8);
    while server.post("/v1/batch", &shop.key, body.as_bytes()).unwrap().status != 401 {
        assert!(std::time::Instant::now() < until, "the revoked key still works");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let figures = String::from_utf8(server.get("/metrics", &token).body).unwrap();
    let line = "shopwise_revoked_key_requests_total{source=\"web\"} 1";
    assert!(figures.lines().any(|own| own == line), "{figures}");
    server.stop();
}
