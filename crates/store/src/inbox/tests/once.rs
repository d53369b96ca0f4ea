//! Nothing lost, nothing doubled, with two processes and interruptions.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rustc_hash::FxHashSet;

use super::*;

#[derive(Debug, Clone)]
enum Operation {
    /// Who, and the messages and payloads of each delivery.
    Accept(usize, Vec<Vec<(u64, u64)>>),
    /// A transaction of this one fails after all its rows are written.
    Fail(usize, Vec<(u64, u64)>),
    /// This one goes without a word and is opened again.
    Crash(usize),
    Forget(usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    let events = || prop::collection::vec((1..25_u64, 0..2_u64), 0..8);
    prop_oneof![
        10 => (0..2_usize, prop::collection::vec(events(), 1..4))
            .prop_map(|(who, deliveries)| Operation::Accept(who, deliveries)),
        2 => (0..2_usize, events()).prop_map(|(who, events)| Operation::Fail(who, events)),
        2 => (0..2_usize).prop_map(Operation::Crash),
        2 => (0..2_usize).prop_map(Operation::Forget),
    ]
}

fn deliveries(all: &[Vec<(u64, u64)>]) -> Vec<Delivery> {
    let events =
        |some: &Vec<(u64, u64)>| some.iter().map(|(m, p)| event(*m, *p)).collect::<Vec<_>>();
    all.iter().map(|some| delivery("web", events(some))).collect()
}

/// Plays the operations against a plain set; returns what must be stored, in order.
fn play(place: &Place, operations: &[Operation]) {
    let mut inboxes = [place.open(), place.open()];
    let (mut seen, mut expected) = (FxHashSet::default(), Vec::new());
    let (mut received, mut drained) = (0, Vec::new());
    for operation in operations {
        match operation {
            Operation::Accept(who, all) => {
                let verdicts = inboxes[*who].accept(&deliveries(all), 0).unwrap();
                for (pair, verdict) in all.iter().flatten().zip(verdicts.iter().flatten()) {
                    let same_message = seen.iter().any(|(message, _)| *message == pair.0);
                    let new = seen.insert(*pair);
                    let right = match (new, same_message) {
                        (false, _) => Verdict::Duplicate,
                        (true, true) => Verdict::Conflict,
                        (true, false) => Verdict::Stored,
                    };
                    assert_eq!(*verdict, right, "{pair:?}");
                    received += 1;
                    if new {
                        expected.push(text(pair.0, pair.1));
                    }
                }
            }
            Operation::Fail(who, events) => {
                let failed = inboxes[*who].write(1, async |open| {
                    let delivery = delivery("web", events.iter().map(|(m, p)| event(*m, *p)));
                    accept::tests_write(open, &[delivery]).await?;
                    Err::<(), _>(Error::Unavailable("as told".to_owned()))
                });
                assert!(failed.unwrap_err().is_temporary());
            }
            Operation::Crash(who) => inboxes[*who] = place.open(),
            Operation::Forget(who) => {
                let entries = inboxes[*who].read(0, 200).unwrap();
                let Some(last) = entries.last().map(Entry::seq) else { continue };
                for entry in entries {
                    let Entry::Whole { events, .. } = entry else { panic!("{entry:?}") };
                    drained.extend(events);
                }
                inboxes[*who].forget(last).unwrap();
            }
        }
    }
    let counts = inboxes[0].counts().unwrap();
    drained.extend(stored(&inboxes[1]));
    assert_eq!(drained, expected);
    assert!(counts.closes());
    let total = counts.total();
    assert_eq!((total.received, total.stored), (received, expected.len() as i64));
    assert_eq!(inboxes[0].damage().unwrap(), []);
    inboxes[0].refresh().unwrap();
    assert_eq!(inboxes[0].keys().unwrap().0, seen.len());
}

fn games(cases: u32, start: impl Fn(&[Operation])) {
    let mut runner = TestRunner::new(ProptestConfig::with_cases(cases));
    let operations = prop::collection::vec(operation(), 1..40);
    let result = runner.run(&operations, |operations| {
        start(&operations);
        Ok(())
    });
    result.unwrap();
}

#[test]
fn two_processes_lose_and_double_nothing_on_sqlite() {
    games(24, |operations| {
        let folder = tempfile::tempdir().unwrap();
        play(&Place::sqlite(folder.path()), operations);
    });
}

#[test]
fn two_processes_lose_and_double_nothing_on_postgresql() {
    let Some(url) = testing::postgres() else { return };
    games(12, |operations| {
        let schema = testing::own_schema();
        let place = Place { url: url.clone(), schema: Some(schema.clone()) };
        let inbox = place.open();
        let play = || play(&place, operations);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(play));
        testing::drop_schema(&inbox.database, &schema);
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
}

#[test]
fn of_the_same_events_sent_at_once_each_is_stored_once() {
    on_both(|place| {
        let inboxes = [place.open(), place.open()];
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let inbox = &inboxes[thread % 2];
                scope.spawn(move || {
                    for group in 0..20 {
                        let events = (0..10).map(|n| event(group * 10 + n, 0));
                        inbox.accept(&[delivery("web", events)], 0).unwrap();
                    }
                });
            }
        });
        let mut events = stored(&inboxes[0]);
        assert_eq!(events.len(), 200);
        events.sort();
        events.dedup();
        assert_eq!(events.len(), 200);
        let total = inboxes[1].counts().unwrap().total();
        assert_eq!((total.received, total.stored, total.duplicate), (800, 200, 600));
    });
}

#[test]
fn a_busy_database_is_temporary_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::sqlite(folder.path());
    let (inbox, other) = (place.open(), place.open());
    other
        .write(0, async |_| {
            let send = || inbox.accept(&[delivery("web", [event(1, 1)])], 0).unwrap_err();
            let error = std::thread::scope(|scope| scope.spawn(send).join().unwrap());
            assert!(error.is_temporary(), "{error}");
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(!inbox.is_broken());
    let verdicts = inbox.accept(&[delivery("web", [event(1, 1)])], 0).unwrap();
    assert_eq!(verdicts, [[Verdict::Stored]]);
}

#[test]
fn a_full_disk_is_temporary_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = Place::sqlite(folder.path()).open();
    inbox.accept(&[delivery("web", [event(1, 1)])], 0).unwrap();
    let noise: Vec<u8> = (0..100_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
    let large = |message: u8| Arrival::Event { key: [message; 16], body: noise.clone() };
    let limit = |pages: u32| {
        let sql = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
        let set = async |open: &mut transaction::Open<'_>| {
            sqlx::query(sql).fetch_one(&mut *open.connection).await?;
            Ok(())
        };
        inbox.write(0, set).unwrap();
    };
    limit(30);
    let error = inbox.accept(&[delivery("web", [event(2, 2), large(3)])], 0).unwrap_err();
    assert!(matches!(error, Error::Full(_)) && error.is_temporary(), "{error}");
    assert!(!inbox.is_broken());
    assert_eq!(stored(&inbox), [text(1, 1)]);
    let verdicts = inbox.accept(&[delivery("web", [event(2, 2), large(3)])], 0).unwrap();
    assert_eq!(verdicts, [[Verdict::Stored, Verdict::Stored]]);
    assert_eq!(inbox.counts().unwrap().total().received, 3);
}
