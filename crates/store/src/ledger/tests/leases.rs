//! A lease is held by one, ends by itself, and is never lost to damage unsaid.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use sqlx::Row as _;

use super::{on_both, sqlite};
use crate::Error;
use crate::ledger::{Lease, Ledger};

#[test]
fn a_busy_shop_names_the_holder_and_since_when() {
    on_both(|ledger| {
        let lease = ledger.take_lease("shop", "process 7", 0, 60_000_000).unwrap();
        let error = ledger.take_lease("shop", "process 8", 59_999_999, 1).unwrap_err();
        let Error::Busy { holder, since } = error else { panic!("{error}") };
        assert_eq!((holder.as_str(), since.as_str()), ("process 7", "1970-01-01T00:00:00Z"));
        ledger.take_lease("another shop", "process 8", 1, 1).unwrap();
        ledger.release_lease(&lease).unwrap();
        ledger.take_lease("shop", "process 8", 2, 1).unwrap();
    });
}

#[test]
fn of_two_threads_exactly_one_gets_the_lease() {
    on_both(|ledger| {
        for round in 0..10 {
            let name = format!("round {round}");
            let take = |holder: &str| ledger.take_lease(&name, holder, 1, 10).is_ok();
            let won = std::thread::scope(|scope| {
                let other = scope.spawn(|| take("a"));
                [take("b"), other.join().unwrap()]
            });
            assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
        }
    });
}

#[derive(Debug, Clone, Copy)]
enum Operation {
    Take { who: usize, ttl: i64 },
    Renew { who: usize, ttl: i64 },
    Release { who: usize },
    Wait(i64),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        (0..2_usize, 1..5_i64).prop_map(|(who, ttl)| Operation::Take { who, ttl }),
        (0..2_usize, 1..5_i64).prop_map(|(who, ttl)| Operation::Renew { who, ttl }),
        (0..2_usize).prop_map(|who| Operation::Release { who }),
        (1..4_i64).prop_map(Operation::Wait),
    ]
}

/// Plays the operations against a model of one row: (who, number of the taking, end).
fn play(ledger: &Ledger, name: &str, operations: &[Operation]) {
    let mut now = 0;
    let mut row: Option<(usize, usize, i64)> = None;
    let mut held: [Option<(Lease, usize)>; 2] = [None, None];
    for (number, operation) in operations.iter().enumerate() {
        match *operation {
            Operation::Wait(time) => now += time,
            Operation::Take { who, ttl } => {
                let free = row.is_none_or(|(_, _, end)| end <= now);
                let taken = ledger.take_lease(name, ["a", "b"][who], now, ttl);
                assert_eq!(taken.is_ok(), free, "{number}: {operation:?} {taken:?}");
                if let Ok(lease) = taken {
                    held[who] = Some((lease, number));
                    row = Some((who, number, now + ttl));
                }
            }
            Operation::Renew { who, ttl } => {
                let Some((lease, taking)) = &held[who] else { continue };
                let mine = row.is_some_and(|(holder, own, _)| (holder, own) == (who, *taking));
                assert_eq!(ledger.renew_lease(lease, now, ttl).unwrap(), mine, "{number}");
                if mine {
                    row = Some((who, *taking, now + ttl));
                }
            }
            Operation::Release { who } => {
                let Some((lease, taking)) = &held[who] else { continue };
                ledger.release_lease(lease).unwrap();
                row = row.filter(|(holder, own, _)| (*holder, *own) != (who, *taking));
            }
        }
    }
}

#[test]
fn leases_behave_like_one_row_with_an_end() {
    on_both(|ledger| {
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(16));
        let games = AtomicU32::new(0);
        let operations = prop::collection::vec(operation(), 1..14);
        let result = runner.run(&operations, |operations| {
            let game = games.fetch_add(1, Ordering::Relaxed);
            play(ledger, &format!("game {game}"), &operations);
            Ok(())
        });
        result.unwrap();
    });
}

#[test]
fn neither_a_damaged_counter_nor_a_lease_from_the_future_holds_work_up() {
    on_both(|ledger| {
        let now = 1_800_000_000_000_000;
        let first = ledger.take_lease("drain", "a", now, 10).unwrap();
        for value in [i64::MAX, i64::MIN, -1] {
            let query = sqlx::query("UPDATE counters SET value = $1 WHERE name = 'lease'");
            ledger.block(query.bind(value).execute(&ledger.pool)).unwrap();
            let next = ledger.take_lease("drain", "b", now + 100, 10).unwrap();
            assert!(next.token > first.token, "{next:?}");
            ledger.release_lease(&next).unwrap();
        }
        // Taken when the clock was a week ahead.
        ledger.take_lease("drain", "a", now + 7 * shopwise_model::time::DAY, 10).unwrap();
        assert_eq!(ledger.take_lease("drain", "b", now, 10).unwrap().holder, "b");
        assert!(ledger.take_lease("drain", "c", now, 10).is_err());
        // A bit of its end is turned: minutes, not days.
        ledger.take_lease("drain", "a", now + (1 << 26), 10).unwrap();
        assert_eq!(ledger.take_lease("drain", "b", now, 10).unwrap().holder, "b");
    });
}

/// Makes the entry of a lease in the index point at row 0 in place of row 1, as one bit of the file
/// does.
fn turn_a_bit_of_the_index(folder: &Path, name: &str) {
    let file = folder.join("ledger.db");
    let ledger = sqlite(folder);
    let numbers = ledger.block(async {
        let sql = "SELECT rootpage, (SELECT page_size FROM pragma_page_size) AS size
                   FROM sqlite_schema WHERE name = 'sqlite_autoindex_leases_1'";
        let row = sqlx::query(sql).fetch_one(&ledger.pool).await.unwrap();
        ["rootpage", "size"].map(|column| row.get::<i64, _>(column) as usize)
    });
    ledger.database.close();
    let [page, size] = numbers;
    let mut bytes = std::fs::read(&file).unwrap();
    // A record: the length of its head, the kinds of its two values, the values. Kind 9 is the
    // number 1, kind 8 the number 0.
    let mut record = vec![3, 13 + 2 * name.len() as u8, 9];
    record.extend_from_slice(name.as_bytes());
    let own = &bytes[(page - 1) * size..page * size];
    let at = own.windows(record.len()).position(|window| window == record).unwrap();
    bytes[(page - 1) * size + at + 2] = 8;
    std::fs::write(&file, bytes).unwrap();
}

#[test]
fn a_damaged_index_is_told_and_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = sqlite(folder.path());
    ledger.take_lease("drain", "a", 0, 10).unwrap();
    ledger.database.close();
    turn_a_bit_of_the_index(folder.path(), "drain");
    let ledger = sqlite(folder.path());
    let told = ledger.take_lease("drain", "b", 20, 10).unwrap_err();
    assert!(matches!(&told, Error::Damaged(what) if what.contains("`drain`")), "{told}");
    assert_eq!(ledger.take_lease("drain", "b", 20, 10).unwrap().holder, "b");
    assert!(matches!(ledger.take_lease("drain", "c", 21, 10), Err(Error::Busy { .. })));
}
