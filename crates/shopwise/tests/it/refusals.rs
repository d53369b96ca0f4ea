//! Wrong use and wrong files: a message that says what and where, never a panic.

use crate::{fail, json, run, shown, succeed, text};

#[test]
fn wrong_words_end_with_two_and_wrong_places_with_one() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = shown(folder.path());
    assert!(fail(&["runn"], 2).contains("runn"));
    assert!(fail(&["import", "--shop", nowhere], 2).contains("--format"));
    for command in [
        &["run", "--shop", nowhere][..],
        &["report", "--shop", nowhere],
        &["models", "--shop", nowhere, "list"],
        &["show", "--shop", nowhere, "customer", "ann"],
    ] {
        let message = fail(command, 1);
        assert!(message.contains("is not a shop") && message.contains("hint:"), "{message}");
    }
    assert!(succeed(&["--help"]).contains("demo"));
}

#[test]
fn an_empty_shop_says_how_to_begin() {
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("shop");
    let shop = shown(&shop);
    succeed(&["init", shop]);
    assert!(fail(&["init", shop], 1).contains("is a shop already"));
    let done = json(&["run", "--json", "--shop", shop]);
    for stage in done["stages"].as_array().unwrap() {
        assert!(stage["skipped"].is_string(), "{stage}");
    }
    succeed(&["report", "--shop", shop]);
    let page = std::fs::read_to_string(folder.path().join("shop/report.html")).unwrap();
    assert!(page.contains("shopwise import"));
    let message = fail(&["show", "--shop", shop, "customer", "ann"], 1);
    assert!(message.contains("hint:"), "{message}");
    let message = fail(&["models", "--shop", shop, "rollback", "recommend"], 1);
    assert!(message.contains("hint:"), "{message}");
    let message = fail(&["run", "--shop", shop, "dream"], 1);
    assert!(message.contains("unknown stage `dream`"), "{message}");
}

#[test]
fn a_wrong_setting_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("shop");
    succeed(&["init", shown(&shop)]);
    std::fs::write(shop.join("shopwise.toml"), "curency = \"EUR\"\n").unwrap();
    let message = fail(&["run", "--shop", shown(&shop)], 1);
    assert!(message.contains("curency") && message.contains("shopwise.toml"), "{message}");
    std::fs::write(shop.join("shopwise.toml"), "time_zone = \"Mars/Base\"\n").unwrap();
    let output = run(&["run", "--shop", shown(&shop)]);
    assert!(!text(&output.stderr).contains("panicked"));
}

#[test]
fn one_customer_and_one_product_are_a_shop() {
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("shop");
    let file = folder.path().join("sales.csv");
    let mut sales = String::from("when,who,item,pieces,price\n");
    for day in 1..=9 {
        sales += &format!("2024-03-0{day},ann,tea,1,3.50\n");
    }
    std::fs::write(&file, sales).unwrap();
    let shop = shown(&shop);
    succeed(&["init", shop]);
    let mut import = vec!["import", "--json", "--shop", shop, "--format", "csv"];
    for map in
        ["when=occurred_at", "who=customer", "item=product", "pieces=quantity", "price=unit_price"]
    {
        import.extend(["--map", map]);
    }
    import.push(shown(&file));
    assert_eq!(json(&import)["rows"]["written"], 9);
    let done = json(&["run", "--json", "--shop", shop]);
    assert_eq!(done["stages"][0]["metrics"]["orders"], 9);
    succeed(&["report", "--shop", shop]);
    assert_eq!(json(&["show", "--json", "--shop", shop, "customer", "ann"])["orders"], 9);
}
