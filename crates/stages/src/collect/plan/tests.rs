use serde_json::json;

use super::*;

fn found(plan: &Plan, event: &str, properties: &Value) -> Vec<String> {
    let call = json!({"type": "track", "event": event, "properties": properties});
    let violations = plan.check(call.as_object().unwrap());
    violations.iter().map(|one| format!("{}: {}", one.property, one.reason.text())).collect()
}

#[test]
fn a_good_order_differs_in_nothing() {
    // The specification's own example, in which revenue is before the discount.
    let order = json!({
        "order_id": "50314b8e", "total": 27.5, "subtotal": 22.5, "revenue": 25.0, "shipping": 3,
        "tax": 2, "discount": 2.5, "currency": "USD", "gift": true,
        "products": [{"product_id": "507f", "price": 19, "quantity": 1}, {"sku": "x"}],
    });
    let plan = Plan::default();
    for name in ["Order Completed", "Completed Order", "order_completed", "orderCompleted"] {
        assert_eq!(found(&plan, name, &order), [""; 0], "{name}");
    }
    // Revenue after the discount: 22.50 + 3.00 + 2.00.
    let mut after = order;
    after["revenue"] = json!(22.5);
    assert_eq!(found(&plan, "Order Completed", &after), [""; 0]);
    after["revenue"] = json!(20);
    assert_eq!(found(&plan, "Order Completed", &after), ["total: not revenue + shipping + tax"]);
}

#[test]
fn what_a_shop_gets_wrong_is_named() {
    let plan = Plan::default();
    let order = json!({
        "order_id": "", "total": "27.50", "products": [{"price": "2.55"}, {"price": "3"}, 7],
    });
    let expected = [
        "order_id: missing",
        "total: not a number",
        "currency: money without a currency",
        "products[].product_id: missing",
        "products[].price: not a number",
        "products[]: not an object",
    ];
    assert_eq!(found(&plan, "Order Completed", &order), expected);
    assert_eq!(
        found(&plan, "Product Viewed", &json!({"product_id": 7})),
        ["product_id: not a text"]
    );
    assert_eq!(found(&plan, "Cart Viewed", &json!({"products": {}})), ["products: not a list"]);
    assert_eq!(found(&plan, "Wheel Spun", &json!({"prize": 7})), [""; 0]);
    let page = json!({"type": "page", "event": "Order Completed"});
    assert_eq!(plan.check(page.as_object().unwrap()), []);
}

#[test]
fn a_shop_adds_its_own_events_and_changes_ours() {
    let text = r#"
        [[event]]
        name = "Wheel Spun"
        aliases = ["Spun Wheel"]
        required = ["prize", "place"]
        properties = { prize = "text", spins = "number", won = "flag" }

        [[event]]
        name = "order completed"
        required = ["order_id"]
    "#;
    let plan = Plan::with(text).unwrap();
    let spun = json!({"prize": 7, "spins": "2", "won": 1, "more": []});
    let expected = [
        "prize: not a text",
        "spins: not a number",
        "won: neither true nor false",
        "place: missing",
    ];
    assert_eq!(found(&plan, "spun_wheel", &spun), expected);
    assert_eq!(found(&plan, "Completed Order", &json!({"total": 1})), ["order_id: missing"]);
    assert_eq!(plan.name_of("WHEEL SPUN"), Some("Wheel Spun"));
    for wrong in ["[[event]]", "event = 7", "[[event]]\nname = \" \"", "[[event]]\nnam = \"x\""] {
        assert!(Plan::with(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_is_wrong_with_a_plan_is_told_with_its_line() {
    let told = |text: &str| Plan::with(text).unwrap_err().to_string();
    let twice = "[[event]]\nname = \"Wheel Spun\"\n\n[[event]]\nname = \"wheel_spun\"";
    assert!(told(twice).contains("stands in line 2 already (line 5, field `name`"));
    assert!(told("\n[[event]]\nname = \"?\"").contains("(line 3, field `name`, got `?`)"));
    let kind = told("[[event]]\nname = \"a\"\nproperties = { prize = \"texts\" }");
    assert!(kind.contains("line 3") && kind.contains("texts"), "{kind}");
}

#[test]
fn violations_are_counted_in_a_bounded_number() {
    let violation = |at: usize| Violation {
        event: format!("e{at}"),
        property: "p".to_owned(),
        reason: Reason::Missing,
    };
    let mut violations = Violations::default();
    violations.count((0..VIOLATIONS_MAX + 5).map(violation));
    violations.count([violation(0)]);
    let rows: Vec<_> = violations.rows().collect();
    assert_eq!(rows.len(), VIOLATIONS_MAX + 1);
    assert_eq!(rows.first(), Some(&(["e0", "p", "missing"], 2)));
    assert_eq!(rows.last(), Some(&(["others", "", "different"], 5)));
}

#[test]
fn the_specification_is_complete_and_well_written() {
    let plan = Plan::default();
    assert_eq!(plan.events.len(), SPECIFICATION.len());
    let count = |name: &str| plan.declared(name).unwrap().properties.len();
    assert_eq!((count("Product Added"), count("Order Completed")), (13, 12));
    for event in &plan.events {
        for property in &event.properties {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            assert!(property.name.bytes().all(is_plain), "{}: {}", event.name, property.name);
        }
    }
}
