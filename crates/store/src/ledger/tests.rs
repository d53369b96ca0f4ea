mod leases;
mod rules;
mod segments;
mod tags;
mod violations;

use serde_json::json;
use shopwise_model::money::Rate;
use shopwise_model::{Campaign, Product};

use super::*;
use crate::database::testing;

/// Runs the check on SQLite and, where it answers, on PostgreSQL.
pub(super) fn on_both(check: impl Fn(&Ledger)) {
    let folder = tempfile::tempdir().unwrap();
    check(&sqlite(folder.path()));
    let Some(url) = testing::postgres() else {
        println!("skipped on PostgreSQL: none answers");
        return;
    };
    let schema = testing::own_schema();
    let ledger = Ledger::open_in_schema(&url, &schema).unwrap();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&ledger)));
    testing::drop_schema(&ledger.database, &schema);
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

fn sqlite(folder: &std::path::Path) -> Ledger {
    Ledger::open(&format!("sqlite://{}/ledger.db", folder.display())).unwrap()
}

#[test]
fn products_are_added_and_replaced() {
    on_both(|ledger| {
        let mug = Product { id: "2".into(), title: "马克杯".into(), ..Product::default() };
        let lamp = Product {
            id: "10".into(),
            title: "lamp".into(),
            category: Some("home > light".into()),
            brand: Some("Lux".into()),
            price: Some(-1),
            cost: Some(i64::MAX),
            stock: Some(0),
            seller: Some("灯具店".into()),
            is_hidden: true,
            available_from: Some(-1),
            available_until: Some(i64::MAX),
            attributes: [("watts".to_owned(), 40.into()), ("on".to_owned(), true.into())].into(),
        };
        assert_eq!(ledger.products_version().unwrap(), 0);
        ledger.upsert_products(&[mug.clone(), lamp.clone()], 1).unwrap();
        assert_eq!(ledger.products().unwrap(), [lamp.clone(), mug.clone()]);
        assert_eq!(ledger.product("10").unwrap(), Some(lamp));
        let lamp = Product { id: "10".into(), title: "lamp 2".into(), ..Product::default() };
        ledger.upsert_products(std::slice::from_ref(&lamp), 2).unwrap();
        assert_eq!(ledger.products().unwrap(), [lamp, mug.clone()]);
        assert!(ledger.delete_product("10").unwrap() && !ledger.delete_product("10").unwrap());
        assert_eq!(ledger.products().unwrap(), [mug]);
        assert_eq!(ledger.products_version().unwrap(), 3, "each change counts, no other call does");
    });
}

#[test]
fn campaigns_come_back_as_they_were() {
    on_both(|ledger| {
        let spring = Campaign {
            id: "spring".into(),
            name: "Spring".into(),
            product: Some("10".into()),
            creative: "banner".into(),
            bid_per_click: 250_000,
            budget: 1_000_000_000,
            budget_day: Some(5),
            starts_at: 1,
            ends_at: 2,
            segments: vec!["a".into(), "b".into()],
            ..Campaign::default()
        };
        let other = Campaign { id: "autumn".into(), ..Campaign::default() };
        ledger.upsert_campaigns(&[spring.clone(), other.clone()], 1).unwrap();
        ledger.upsert_campaigns(std::slice::from_ref(&spring), 2).unwrap();
        assert_eq!(ledger.campaigns().unwrap(), [other, spring]);
    });
}

#[test]
fn a_rate_of_the_same_day_is_replaced() {
    on_both(|ledger| {
        let rate = |currency: &str, day, rate| Rate { currency: currency.into(), day, rate };
        let (euro, yen) = (rate("EUR", 20_000, 1.1), rate("JPY", -1, 0.0067));
        ledger.upsert_rates(&[yen.clone(), rate("EUR", 20_000, 9.0)], 1).unwrap();
        ledger.upsert_rates(&[euro.clone(), rate("EUR", 19_999, 1.0)], 2).unwrap();
        assert_eq!(ledger.rates().unwrap(), [rate("EUR", 19_999, 1.0), euro, yen]);
    });
}

#[test]
fn a_ledger_of_an_earlier_version_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = sqlite(folder.path());
    let sql = "DROP TABLE currency_rates; DROP TABLE identity_edges; \
               DROP TABLE identity_evidence; DROP TABLE identity_decisions; \
               DROP TABLE persons; DROP TABLE keys; ALTER TABLE identities DROP COLUMN joined; \
               ALTER TABLE identities DROP COLUMN since; DROP INDEX identities_person; \
               DROP TABLE plan_violations; DROP TABLE plan_progress; DROP TABLE hidden_tags; \
               DROP TABLE segments; DROP TABLE customer_traits; DROP TABLE rules; \
               DROP TABLE audit; \
               ALTER TABLE products DROP COLUMN seller; \
               ALTER TABLE products DROP COLUMN hidden; \
               ALTER TABLE products DROP COLUMN available_from; \
               ALTER TABLE products DROP COLUMN available_until; \
               ALTER TABLE products DROP COLUMN attributes; \
               DELETE FROM _sqlx_migrations WHERE version > 1";
    ledger.block(sqlx::raw_sql(sql).execute(&ledger.pool)).unwrap();
    ledger.set_setting("format", "1").unwrap();
    drop(ledger);
    let ledger = sqlite(folder.path());
    assert_eq!(ledger.rates().unwrap(), []);
    assert_eq!(ledger.setting("format").unwrap().as_deref(), Some("1"));
}

fn assignment(person: &str, joined: Option<(String, i64)>) -> Assignment {
    Assignment { pseudonym: "c1".to_owned(), person: person.to_owned(), joined }
}

#[test]
fn only_a_changed_identity_gets_a_new_version() {
    on_both(|ledger| {
        for (state, person) in ["c1", "c1", "c2"].into_iter().enumerate() {
            let assigned = vec![assignment(person, None)];
            let changes = IdentityChanges { assigned, ..IdentityChanges::default() };
            assert!(ledger.change_identities(&changes, state as i64, 1).unwrap());
            // Whoever has not seen that writes nothing.
            assert!(!ledger.change_identities(&changes, state as i64, 1).unwrap());
        }
        let expected = Identity { assignment: assignment("c2", None), version: 2 };
        assert_eq!(ledger.identities().unwrap(), [expected]);
        // Whom it joined is another row of the tree, not another person.
        let joined = assignment("c2", Some(("c3".to_owned(), 7)));
        let changes =
            IdentityChanges { assigned: vec![joined.clone()], ..IdentityChanges::default() };
        assert!(ledger.change_identities(&changes, 3, 1).unwrap());
        let expected = Identity { assignment: joined, version: 2 };
        assert_eq!(ledger.identities().unwrap(), [expected]);
        let seen =
            Identifier { pseudonym: "c1".into(), kind: "customer".into(), value: "17850".into() };
        ledger.keep_identifiers(&[seen.clone(), seen.clone()], 1).unwrap();
        assert_eq!(ledger.identifiers("c1").unwrap(), [seen]);
        assert_eq!(ledger.identifiers("c9").unwrap(), []);
    });
}

fn start(lease: Option<&Lease>) -> RunStart<'_> {
    let (inputs, parameters) = (json!({"events": 3}), json!({"k": 5}));
    RunStart { stage: "profile", lease, inputs, parameters, seed: u64::MAX }
}

#[test]
fn a_run_says_how_it_ended() {
    on_both(|ledger| {
        let id = ledger.start_run(&start(None), 10).unwrap();
        assert_eq!(ledger.runs(1, 11).unwrap()[0].status, "running");
        let end = RunEnd {
            status: "done",
            rows_read: 100,
            rows_written: 90,
            refused: json!({"no price": 10}),
            metrics: json!({"silhouette": 0.5}),
            seconds: 0.25,
        };
        ledger.finish_run(id, &end, 12).unwrap();
        assert!(ledger.finish_run(id, &end, 13).is_err());
        let run = ledger.runs(5, 14).unwrap().remove(0);
        assert_eq!((run.id, run.stage.as_str(), run.status.as_str()), (1, "profile", "done"));
        assert_eq!((run.rows_read, run.rows_written, run.seconds), (100, 90, 0.25));
        assert_eq!(run.refused, json!({"no price": 10}));
        assert_eq!((run.inputs, run.parameters), (json!({"events": 3}), json!({"k": 5})));
        assert_eq!((run.seed, run.started_at, run.finished_at), (u64::MAX, 10, Some(12)));
        assert_eq!(ledger.start_run(&start(None), 20).unwrap(), 2);
        let ids: Vec<i64> = ledger.runs(5, 21).unwrap().iter().map(|run| run.id).collect();
        assert_eq!(ids, [2, 1]);
    });
}

#[test]
fn a_run_whose_lease_is_gone_was_interrupted() {
    on_both(|ledger| {
        let lease = ledger.take_lease("shop", "first", 0, 100).unwrap();
        ledger.start_run(&start(Some(&lease)), 1).unwrap();
        let status = |now| ledger.runs(1, now).unwrap().remove(0).status;
        assert_eq!(status(99), "running");
        assert_eq!(status(100), "interrupted");
        assert!(ledger.renew_lease(&lease, 90, 100).unwrap());
        assert_eq!(status(189), "running");
        ledger.take_lease("shop", "second", 190, 100).unwrap();
        assert_eq!(status(191), "interrupted");
    });
}

#[test]
fn a_model_serves_until_it_is_rolled_back() {
    on_both(|ledger| {
        assert_eq!(ledger.serving("segments").unwrap(), None);
        for version in [1, 2, 3] {
            let (manifest, metrics) = (json!({"version": version}), json!({"auc": 0.7}));
            let baseline = json!({"auc": 0.5});
            let model = NewModel { name: "segments", version, manifest, metrics, baseline };
            ledger.add_model(&model, version).unwrap();
            assert!(ledger.add_model(&model, version).is_err());
        }
        assert_eq!(ledger.serving("segments").unwrap(), None);
        ledger.publish("segments", 1, 10).unwrap();
        ledger.publish("segments", 3, 11).unwrap();
        assert!(ledger.publish("segments", 4, 12).is_err());
        let serving = ledger.serving("segments").unwrap().unwrap();
        assert_eq!((serving.version, serving.manifest), (3, json!({"version": 3})));
        assert_eq!(ledger.rollback("segments", 13).unwrap().version, 1);
        let error = ledger.rollback("segments", 14).unwrap_err().to_string();
        assert!(error.contains("no earlier version"), "{error}");
        assert!(ledger.rollback("nothing", 15).is_err());
        let all = ledger.models().unwrap();
        let versions: Vec<_> = all.iter().map(|model| (model.version, model.serving)).collect();
        assert_eq!(versions, [(3, false), (2, false), (1, true)]);
    });
}

#[test]
fn a_source_has_two_live_keys_while_they_are_changed() {
    on_both(|ledger| {
        let key = |name: &str| Key {
            key: name.into(),
            source: "web".into(),
            scope: "write".into(),
            origins: vec!["https://shop.example".into()],
            created_at: 1,
            revoked_at: None,
            is_damaged: false,
        };
        ledger.add_key(&key("a")).unwrap();
        ledger.add_key(&key("b")).unwrap();
        let error = ledger.add_key(&key("c")).unwrap_err().to_string();
        assert!(error.contains("revoke one"), "{error}");
        ledger.add_key(&Key { scope: "read".into(), ..key("r") }).unwrap();
        assert!(ledger.revoke_key("a", 5).unwrap());
        assert!(!ledger.revoke_key("a", 6).unwrap());
        ledger.add_key(&key("c")).unwrap();
        let all = ledger.keys().unwrap();
        let names: Vec<_> = all.iter().map(|key| (key.key.as_str(), key.revoked_at)).collect();
        assert_eq!(names, [("a", Some(5)), ("b", None), ("c", None), ("r", None)]);
        assert_eq!(all[1], key("b"));
    });
}

#[test]
fn a_changed_key_is_told_and_the_others_are_as_they_were() {
    on_both(|ledger| {
        let key = |name: &str, source: &str| Key {
            key: name.into(),
            source: source.into(),
            scope: "write".into(),
            origins: vec!["https://shop.example".into()],
            created_at: 1,
            revoked_at: None,
            is_damaged: false,
        };
        for (name, source) in [("a", "web"), ("b", "app"), ("c", "till")] {
            ledger.add_key(&key(name, source)).unwrap();
        }
        for change in ["source = 'wea' WHERE key = 'a'", "origins = '[' WHERE key = 'b'"] {
            let query = sqlx::query(sqlx::AssertSqlSafe(format!("UPDATE keys SET {change}")));
            ledger.block(query.execute(&ledger.pool)).unwrap();
        }
        let damaged = |ledger: &Ledger| -> Vec<_> {
            ledger.keys().unwrap().into_iter().map(|key| (key.key, key.is_damaged)).collect()
        };
        let expected = [("a", true), ("b", true), ("c", false)];
        assert_eq!(damaged(ledger), expected.map(|(key, is)| (key.to_owned(), is)));
        assert!(ledger.revoke_key("b", 5).unwrap());
        assert!(ledger.revoke_key("c", 5).unwrap());
        assert_eq!(damaged(ledger), [("a".to_owned(), true), ("c".to_owned(), false)]);
    });
}

#[test]
fn versions_and_settings_are_kept() {
    on_both(|ledger| {
        assert_eq!(ledger.table_version("events").unwrap(), None);
        ledger.set_table_version("events", 1, 1).unwrap();
        ledger.set_table_version("events", 7, 2).unwrap();
        assert_eq!(ledger.table_version("events").unwrap(), Some(7));
        assert_eq!(ledger.setting("format").unwrap(), None);
        ledger.set_setting("format", "1").unwrap();
        ledger.set_setting("format", "2").unwrap();
        assert_eq!(ledger.setting("format").unwrap().as_deref(), Some("2"));
    });
}

#[test]
fn what_was_written_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    sqlite(folder.path()).set_setting("format", "1").unwrap();
    assert_eq!(sqlite(folder.path()).setting("format").unwrap().as_deref(), Some("1"));
}

#[test]
fn commits_are_synced_and_readers_do_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = sqlite(folder.path());
    let pragma =
        |sql: &'static str| ledger.block(sqlx::query(sql).fetch_one(&ledger.pool)).unwrap();
    assert_eq!(pragma("PRAGMA journal_mode").get::<String, _>(0), "wal");
    assert_eq!(pragma("PRAGMA synchronous").get::<i64, _>(0), 2);
}

#[test]
fn two_programs_open_a_new_shop_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let opened: Vec<_> = std::thread::scope(|scope| {
        let open = || {
            let url = format!("sqlite://{}/ledger.db", folder.path().display());
            Ledger::open(&url).map(drop)
        };
        let others: Vec<_> = (0..3).map(|_| scope.spawn(open)).collect();
        others.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
}

#[test]
fn a_newer_ledger_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = sqlite(folder.path());
    let sql = "UPDATE _sqlx_migrations SET version = 999 WHERE version = 2";
    ledger.block(sqlx::query(sql).execute(&ledger.pool)).unwrap();
    let url = format!("sqlite://{}/ledger.db", folder.path().display());
    let error = Ledger::open(&url).unwrap_err().to_string();
    assert!(error.contains("a newer shopwise wrote") && error.contains("`999`"), "{error}");
}

#[test]
fn a_wrong_url_or_schema_is_explained() {
    let error = Ledger::open("mysql://shop").unwrap_err().to_string();
    assert!(error.contains("`mysql://shop`"), "{error}");
    let error = Ledger::open_in_schema("postgres://nowhere", "x; DROP").unwrap_err().to_string();
    assert!(error.contains("`x; DROP`"), "{error}");
    assert!(Ledger::open("sqlite:///nowhere/at/all/ledger.db").is_err());
}

#[test]
fn it_works_on_a_blocking_thread_of_another_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let outer = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let path = folder.path().to_owned();
    let ledger = outer.block_on(async {
        let work = move || {
            let ledger = sqlite(&path);
            ledger.set_setting("format", "1").unwrap();
            ledger
        };
        tokio::task::spawn_blocking(work).await.unwrap()
    });
    // Dropped where dropping a runtime would panic.
    outer.block_on(async move { drop(ledger) });
}
