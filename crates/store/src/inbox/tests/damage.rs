//! Flipped bytes: found, named, and nothing else touched.

use std::os::unix::fs::FileExt as _;

use super::*;

/// Fills an inbox and closes it, so that all of it is in the one file; returns what it holds.
fn filled(folder: &Path) -> Vec<(i64, Vec<Vec<u8>>)> {
    let inbox = Place::sqlite(folder).open();
    for n in 0..40 {
        let events: Vec<_> = (0..n % 9).map(|m| event(n * 100 + m, m * n)).collect();
        let aside =
            Arrival::Quarantined { reason: "odd".into(), message_id: None, body: vec![7; 30] };
        inbox.accept(&[delivery("web", events.into_iter().chain([aside]))], 0).unwrap();
    }
    let entries = inbox.read(0, usize::MAX).unwrap().into_iter().map(|entry| match entry {
        Entry::Whole { seq, events, .. } => (seq, events),
        Entry::Damaged { .. } => panic!("{entry:?}"),
    });
    let entries = entries.collect();
    close(&inbox);
    entries
}

/// Closes an inbox so that its log is written back.
fn close(inbox: &Inbox) {
    let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
    inbox.write(0, async |_| Ok(())).unwrap();
    let pool = &inbox.database.pool;
    inbox.database.block(async {
        sqlx::query(sql).fetch_all(pool).await.unwrap();
        pool.close().await;
    });
}

fn flip(file: &Path, place: u64) {
    let file = std::fs::File::options().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, place).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], place).unwrap();
}

/// Where bytes stand in a file.
fn find(file: &Path, bytes: &[u8]) -> u64 {
    let all = std::fs::read(file).unwrap();
    all.windows(bytes.len()).position(|window| window == bytes).unwrap() as u64
}

fn body_of(seq: i64, file: &str) -> Vec<u8> {
    let inbox = Inbox::open(file, &std::env::temp_dir()).unwrap();
    let sql = "SELECT body FROM inbox_entries WHERE seq = $1";
    let row = inbox.query(async |pool| Ok(sqlx::query(sql).bind(seq).fetch_one(pool).await?));
    let body = sqlx::Row::try_get(&row.unwrap(), 0).unwrap();
    close(&inbox);
    body
}

#[test]
fn a_flipped_byte_costs_one_entry_and_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::sqlite(folder.path());
    let expected = filled(folder.path());
    let file = folder.path().join("inbox.db");
    flip(&file, find(&file, &body_of(17, &place.url)) + 20);
    let inbox = place.open();
    for _ in 0..2 {
        let entries = inbox.read(0, usize::MAX).unwrap();
        assert_eq!(entries.len(), 40);
        for (entry, (seq, events)) in entries.into_iter().zip(&expected) {
            match entry {
                Entry::Whole { events: read, .. } => {
                    assert_eq!((read, *seq != 17), (events.clone(), true));
                }
                Entry::Damaged { seq: damaged, .. } => assert_eq!((damaged, *seq), (17, 17)),
            }
        }
        assert_eq!(inbox.counts().unwrap().damaged, 1);
    }
    inbox.forget(40).unwrap();
    assert_eq!(inbox.damage().unwrap()[0].seq, 17);
    assert!(inbox.counts().unwrap().closes());
}

#[test]
fn a_deleted_row_is_missed() {
    on_both(|place| {
        let inbox = place.open();
        let all: Vec<_> = (0..6).map(|n| delivery("web", [event(n, n)])).collect();
        inbox.accept(&all, 0).unwrap();
        inbox.forget(1).unwrap();
        let sql = "DELETE FROM inbox_entries WHERE seq IN (2, 4, 6)";
        inbox.query(async |pool| Ok(sqlx::query(sql).execute(pool).await?)).unwrap();
        let inbox = place.open();
        let entries = inbox.read(0, usize::MAX).unwrap();
        let damaged = entries.iter().filter(|entry| matches!(entry, Entry::Damaged { .. }));
        assert_eq!(damaged.map(Entry::seq).collect::<Vec<_>>(), [2, 4, 6]);
        assert_eq!(entries.len(), 5);
        assert_eq!(inbox.counts().unwrap().damaged, 3);
    });
}

#[test]
fn a_sequence_that_fell_back_is_put_right_and_said() {
    on_both(|place| {
        let inbox = place.open();
        let all: Vec<_> = (0..6).map(|n| delivery("web", [event(n, n)])).collect();
        inbox.accept(&all, 0).unwrap();
        let sql = "UPDATE inbox_sequence SET value = 3, forgotten = 5";
        inbox.query(async |pool| Ok(sqlx::query(sql).execute(pool).await?)).unwrap();
        let error = inbox.accept(&all, 0).unwrap_err();
        assert!(matches!(error, Error::Broken(_)) && inbox.is_broken(), "{error}");
        let inbox = place.open();
        assert_eq!(inbox.damage().unwrap()[0].part, "sequence");
        assert_eq!(stored(&inbox).len(), 6);
        assert_eq!(inbox.accept(&all, 0).unwrap(), [[Verdict::Duplicate]; 6]);
    });
}

#[test]
fn damaged_keys_are_said_and_the_others_still_known() {
    on_both(|place| {
        let inbox = place.open();
        let all = [delivery("web", (0..9).map(|n| event(n, n)))];
        inbox.accept(&all, 0).unwrap();
        let sql = "UPDATE inbox_keys SET crc = crc + 1";
        inbox.query(async |pool| Ok(sqlx::query(sql).execute(pool).await?)).unwrap();
        let inbox = place.open();
        assert_eq!(inbox.damage().unwrap()[0].part, "keys");
        assert_eq!(inbox.accept(&all, 0).unwrap(), [[Verdict::Duplicate; 9]]);
    });
}

/// Copies an inbox as a crash leaves it: the log is not written back.
fn crashed(inbox: &Inbox, from: &Path, to: &Path) -> Place {
    for file in ["inbox.db", "inbox.db-wal"] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
    assert!(!inbox.is_broken());
    Place::sqlite(to)
}

#[test]
fn a_byte_flipped_in_the_log_is_never_silent() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = Place::sqlite(folder.path()).open();
    for n in 0..30 {
        inbox.accept(&[delivery("web", [event(n, n)])], 0).unwrap();
    }
    let length = std::fs::metadata(folder.path().join("inbox.db-wal")).unwrap().len();
    let whole = tempfile::tempdir().unwrap();
    let place = crashed(&inbox, folder.path(), whole.path());
    let again = place.open();
    assert_eq!((stored(&again).len(), again.damage().unwrap()), (30, vec![]));
    for byte in (0..length).step_by(4_099).chain([0, 9, 17, 25, length - 1]) {
        let copy = tempfile::tempdir().unwrap();
        let place = crashed(&inbox, folder.path(), copy.path());
        flip(&copy.path().join("inbox.db-wal"), byte);
        let Ok(damaged) = Inbox::open(&place.url, &std::env::temp_dir()) else { continue };
        let complete = stored(&damaged).len() == 30;
        let said = damaged.damage().unwrap().iter().any(|damage| damage.part == "log");
        assert!(complete || said, "byte {byte}");
        assert!(!said || copy.path().join("inbox.db-wal.damaged").exists());
    }
}

#[test]
fn a_torn_end_of_the_log_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = Place::sqlite(folder.path()).open();
    for n in 0..5 {
        inbox.accept(&[delivery("web", [event(n, n)])], 0).unwrap();
    }
    let copy = tempfile::tempdir().unwrap();
    let place = crashed(&inbox, folder.path(), copy.path());
    let log = std::fs::File::options().write(true).open(copy.path().join("inbox.db-wal")).unwrap();
    log.set_len(log.metadata().unwrap().len() - 100).unwrap();
    let torn = place.open();
    assert_eq!((stored(&torn).len(), torn.damage().unwrap()), (4, vec![]));
}

#[test]
fn a_log_that_ends_before_what_was_acknowledged_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = Place::sqlite(folder.path()).open();
    for n in 0..5 {
        inbox.accept(&[delivery("web", [event(n, n)])], 0).unwrap();
    }
    let copy = tempfile::tempdir().unwrap();
    let place = crashed(&inbox, folder.path(), copy.path());
    let mark = "inbox.db-last";
    std::fs::copy(folder.path().join(mark), copy.path().join(mark)).unwrap();
    assert_eq!(place.open().damage().unwrap(), [], "nothing is missing yet");
    let cut = tempfile::tempdir().unwrap();
    let place = crashed(&inbox, folder.path(), cut.path());
    std::fs::copy(folder.path().join(mark), cut.path().join(mark)).unwrap();
    let log = std::fs::File::options().write(true).open(cut.path().join("inbox.db-wal")).unwrap();
    log.set_len(log.metadata().unwrap().len() - 100).unwrap();
    let torn = place.open();
    let whole = |inbox: &Inbox| {
        let entries = inbox.read(0, usize::MAX).unwrap();
        entries.iter().filter(|entry| matches!(entry, Entry::Whole { .. })).count()
    };
    assert_eq!(whole(&torn), 4);
    let damage = torn.damage().unwrap();
    assert_eq!((damage[0].part.as_str(), damage[0].seq), ("entries", 5), "{damage:?}");
    assert_eq!((damage[1].part.as_str(), damage[1].seq), ("log", 5), "{damage:?}");
    // Its number is not given again, and what was lost may be sent again.
    torn.accept(&[delivery("web", [event(4, 4)])], 0).unwrap();
    assert_eq!(torn.last().unwrap(), 6);
    assert_eq!(whole(&torn), 5);
    // A mark that is damaged itself says nothing.
    drop(torn);
    std::fs::write(cut.path().join(mark), [9; 16]).unwrap();
    assert_eq!(place.open().damage().unwrap().len(), 2);
}

/// Opens a damaged inbox, reads, counts and writes; tells whether any of it said so. What is read
/// without a word must be right.
fn said(place: &Place, expected: &[(i64, Vec<Vec<u8>>)]) -> bool {
    let Ok(inbox) = Inbox::open(&place.url, &std::env::temp_dir()) else { return true };
    let mut said = false;
    match inbox.read(0, usize::MAX) {
        Ok(entries) => {
            for entry in &entries {
                let Entry::Whole { seq, events, .. } = entry else {
                    said = true;
                    continue;
                };
                let right = expected.iter().any(|(number, right)| (number, right) == (seq, events));
                assert!(right, "{entry:?}");
            }
            assert!(said || entries.len() == expected.len(), "silently {}", entries.len());
        }
        Err(_) => said = true,
    }
    match inbox.quarantine(0, 1_000) {
        Ok(all) => {
            let whole = all.iter().filter_map(|one| one.body.as_ref());
            let whole = whole.inspect(|body| assert_eq!(**body, [7; 30])).count();
            said |= whole < all.len();
            assert!(said || whole == 40, "silently {whole}");
        }
        Err(_) => said = true,
    }
    said |= inbox.counts().map_or(true, |counts| !counts.closes() || counts.damaged > 0);
    let again = (0..40).flat_map(|n| (0..n % 9).map(move |m| event(n * 100 + m, m * n)));
    match inbox.accept(&[delivery("web", again), delivery("web", [event(999_999, 0)])], 0) {
        Ok(verdicts) => {
            let twice = verdicts[0].iter().any(|verdict| *verdict != Verdict::Duplicate);
            assert!(said || !twice, "silently twice");
        }
        Err(_) => said = true,
    }
    said |= inbox.forget(40).is_err();
    said
}

#[test]
fn wherever_a_byte_is_flipped_what_is_read_is_right_or_said_to_be_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let expected = filled(folder.path());
    let file = folder.path().join("inbox.db");
    let whole = std::fs::read(&file).unwrap();
    let (mut found, mut flips) = (0, 0);
    // A step that is no divisor of the page hits headers, cells and free space alike.
    for byte in (0..whole.len() as u64).step_by(397) {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("inbox.db");
        std::fs::write(&copy, &whole).unwrap();
        flip(&copy, byte);
        found += usize::from(said(&Place::sqlite(folder.path()), &expected));
        flips += 1;
    }
    println!("{found} of {flips} flipped bytes were said; the others stand in free space");
    assert!(found * 10 > flips, "{found} of {flips}");
}

#[test]
fn numbers_that_the_lake_holds_are_not_given_again() {
    on_both(|place| {
        let inbox = place.open();
        inbox.accept(&[delivery("web", [event(1, 1)])], 0).unwrap();
        assert!(!inbox.resume_behind(1).unwrap(), "as it should be");
        assert!(inbox.resume_behind(10).unwrap());
        assert!(!inbox.resume_behind(10).unwrap());
        inbox.accept(&[delivery("web", [event(2, 2)])], 0).unwrap();
        let entries = inbox.read(10, usize::MAX).unwrap();
        assert!(matches!(&entries[..], [Entry::Whole { seq: 11, .. }]), "{entries:?}");
        let damage = inbox.damage().unwrap();
        assert!(matches!(&damage[..], [Damage { part, seq: 1, .. }] if part == "sequence"));
        inbox.forget(11).unwrap();
        assert_eq!(inbox.read(0, usize::MAX).unwrap(), []);
    });
}

#[test]
fn keys_whose_file_is_damaged_are_read_anew_and_that_is_told() {
    on_both(|place| {
        let inbox = place.open();
        for first in (0..400).step_by(40) {
            let events = (first..first + 40).map(|number| event(number << 40, 1));
            inbox.accept(&[delivery("web", events)], 0).unwrap();
        }
        let damaged = keys::testing::damage(&mut inbox.writer.lock().unwrap().keys);
        assert!(damaged > 0);
        // Known or not, every event gets its verdict.
        let events = (380..420).map(|number| event(number << 40, 1));
        let verdicts = &inbox.accept(&[delivery("web", events)], 0).unwrap()[0];
        assert_eq!(verdicts[..20], [Verdict::Duplicate; 20]);
        assert_eq!(verdicts[20..], [Verdict::Stored; 20]);
        let damage = inbox.damage().unwrap();
        assert_eq!(damage.len(), 1, "{damage:?}");
        assert!(damage[0].problem.contains("read anew"), "{damage:?}");
        assert_eq!(inbox.keys().unwrap().0, 420);
    });
}
