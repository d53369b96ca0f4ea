use serde_json::json;
use shopwise_model::Rule;

use super::on_both;
use crate::ledger::Change;

fn rule(id: &str, products: &str) -> Rule {
    let text =
        format!(r#"{{"id":"{id}","kind":{{"pin":{{"position":2}}}},"products":"{products}"}}"#);
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_change_of_a_rule_stands_in_the_audit_trail() {
    on_both(|ledger| {
        let change = |at| Change { who: "api", at };
        let (first, second) = (rule("b", "stock > 3"), rule("a", "brand = 1"));
        assert_eq!(ledger.rules_version().unwrap(), 0);
        ledger.put_rules(&[first.clone(), second.clone()], &change(5)).unwrap();
        assert_eq!(ledger.rules().unwrap(), [second.clone(), first.clone()]);
        let other = rule("a", "brand = 2");
        ledger.put_rules(&[first.clone(), other.clone()], &change(6)).unwrap();
        assert!(ledger.delete_rule("b", &change(7)).unwrap());
        assert!(!ledger.delete_rule("b", &change(8)).unwrap());
        assert_eq!(ledger.rules().unwrap(), std::slice::from_ref(&other));
        assert_eq!(ledger.rules_version().unwrap(), 3);
        let trail = ledger.audit(None, 10, Some("rules")).unwrap();
        let told: Vec<_> = trail.iter().map(|one| (one.number, one.at, one.id.as_str())).collect();
        assert_eq!(told, [(1, 5, "b"), (2, 5, "a"), (3, 6, "a"), (4, 7, "b")]);
        assert_eq!(trail[2].before, Some(json!(second)));
        assert_eq!(trail[2].after, Some(json!(other)));
        assert_eq!((&trail[3].before, &trail[3].after), (&Some(json!(first)), &None));
        let numbers = |from, n, kind| -> Vec<i64> {
            let trail = ledger.audit(from, n, kind).unwrap();
            trail.iter().map(|one| one.number).collect()
        };
        assert_eq!(numbers(Some(2), 2, None), [2, 3]);
        assert_eq!(numbers(None, 2, None), [3, 4]);
        assert_eq!(numbers(None, 2, Some("keys")), [0; 0]);
        let whole = ledger.verify_audit().unwrap();
        assert_eq!((whole.entries, whole.broken_at), (4, None));
        assert_eq!(whole.hash, trail[3].hash);
    });
}

#[test]
fn a_silent_change_of_the_audit_trail_is_found() {
    for (sql, broken_at) in [
        ("UPDATE audit SET who = 'nobody' WHERE number = 2", 2),
        ("UPDATE audit SET before_json = '{}' WHERE number = 1", 1),
        ("DELETE FROM audit WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number = 3", 3),
        ("DELETE FROM audit", 1),
    ] {
        on_both(|ledger| {
            for at in 1..=3 {
                let changed = [rule("a", &format!("stock > {at}"))];
                ledger.put_rules(&changed, &Change { who: "api", at }).unwrap();
            }
            assert_eq!(ledger.verify_audit().unwrap().broken_at, None);
            ledger.block(sqlx::query(sql).execute(&ledger.pool)).unwrap();
            assert_eq!(ledger.verify_audit().unwrap().broken_at, Some(broken_at), "{sql}");
        });
    }
}

#[test]
fn changes_at_the_same_time_make_one_chain() {
    on_both(|ledger| {
        std::thread::scope(|scope| {
            for writer in 0..4 {
                scope.spawn(move || {
                    for at in 0..5 {
                        let changed = [rule(&format!("r{writer}"), &format!("stock > {at}"))];
                        ledger.put_rules(&changed, &Change { who: "api", at }).unwrap();
                    }
                });
            }
        });
        let found = ledger.verify_audit().unwrap();
        assert_eq!((found.entries, found.broken_at), (20, None));
    });
}
