//! The lake keeps what was committed, and only that.

use super::*;
use shopwise_model::event::{Event, EventKind, Events};
use shopwise_model::frame::{Column, Kind, NULL_INT, Texts};
use shopwise_model::tables::{EVENTS, Field, IDENTITIES, REFUSED};

fn lake() -> (tempfile::TempDir, Lake) {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path(), 256 << 20).unwrap();
    (folder, lake)
}

fn events(from: i64, count: i64) -> Frame {
    let mut events = Events::default();
    for at in from..from + count {
        let customer = format!("c{}", at % 3);
        let mut event = Event::new("test", EventKind::OrderCompleted, at * 1_000_000);
        event.event_id = u128::try_from(at).unwrap().to_be_bytes();
        event.customer = (at % 5 != 0).then_some(customer.as_str());
        event.amount = if at % 2 == 0 { at } else { NULL_INT };
        event.rating = if at % 2 == 0 { f64::NAN } else { 0.5 };
        events.push(&event);
    }
    events.into_frame()
}

#[test]
fn what_was_written_reads_back_missing_values_included() {
    let (_folder, lake) = lake();
    let written = events(0, 10);
    let mut append = lake.append(&EVENTS).unwrap();
    append.write(&written).unwrap();
    assert_eq!(lake.query("SELECT * FROM events").unwrap().rows(), 0, "nothing before the commit");
    let version = append.commit(Some(("import", 1))).unwrap();
    assert_eq!(version, lake.version(&EVENTS).unwrap());
    let read = lake.query("SELECT * FROM events ORDER BY occurred_at").unwrap();
    assert_eq!(read.names(), written.names());
    for name in ["customer", "kind", "order"] {
        assert_eq!(read.text(name).unwrap(), written.text(name).unwrap(), "{name}");
    }
    assert_eq!(read.id("event_id").unwrap(), written.id("event_id").unwrap());
    assert_eq!(read.int("amount").unwrap(), written.int("amount").unwrap());
    assert_eq!(read.time("occurred_at").unwrap(), written.time("occurred_at").unwrap());
    assert!(read.float("rating").unwrap()[0].is_nan());
}

#[test]
fn a_rebuilt_table_holds_the_new_rows_only_and_nothing_changes_before_the_commit() {
    let (_folder, lake) = lake();
    lake.replace(&EVENTS, &events(0, 10)).unwrap();
    let count = || {
        let frame = lake.query("SELECT count(*) AS n FROM events").unwrap();
        frame.int("n").unwrap()[0]
    };
    let mut dropped = lake.rebuild(&EVENTS).unwrap();
    dropped.write(&events(0, 3)).unwrap();
    drop(dropped);
    assert_eq!(count(), 10);
    let mut rebuild = lake.rebuild(&EVENTS).unwrap();
    rebuild.write(&events(20, 3)).unwrap();
    rebuild.write(&events(30, 4)).unwrap();
    assert_eq!(count(), 10);
    rebuild.commit(None).unwrap();
    assert_eq!(count(), 7);
    lake.rebuild(&EVENTS).unwrap().commit(None).unwrap();
    assert_eq!(count(), 0);
}

#[test]
fn a_stream_may_use_the_lake_and_stops_when_told() {
    let (_folder, lake) = lake();
    lake.replace(&EVENTS, &events(0, 10)).unwrap();
    let mut seen = 0;
    let stopped = lake.stream("SELECT * FROM events", |part| {
        seen += lake.query("SELECT count(*) AS n FROM events")?.int("n").unwrap()[0];
        assert!(part.rows() > 0);
        Err(Error::Lake("enough".to_owned()))
    });
    assert!(stopped.unwrap_err().to_string().contains("enough"));
    assert_eq!(seen, 10);
}

#[test]
fn a_stream_of_no_rows_tells_the_columns() {
    let (_folder, lake) = lake();
    lake.replace(&EVENTS, &events(0, 10)).unwrap();
    let mut seen = Vec::new();
    let sql = "SELECT product, kind FROM events WHERE false";
    let each = |part: Frame| -> Result<()> {
        seen.push((part.rows(), part.names().join(" ")));
        Ok(())
    };
    lake.stream(sql, each).unwrap();
    assert_eq!(seen, [(0, "product kind".to_owned())]);
}

#[test]
fn an_older_version_can_be_read() {
    let (_folder, lake) = lake();
    let mut versions = Vec::new();
    for part in 0..3 {
        let mut append = lake.append(&EVENTS).unwrap();
        append.write(&events(part * 10, 10)).unwrap();
        versions.push(append.commit(None).unwrap().unwrap());
    }
    for (part, version) in versions.iter().enumerate() {
        let at = At { table: "events", version: *version };
        let frame = lake.query_at("SELECT count(*) AS n FROM events", &[at]).unwrap();
        assert_eq!(frame.int("n").unwrap(), [10 * (i64::try_from(part).unwrap() + 1)]);
    }
    lake.compact(&EVENTS).unwrap();
    let frame = lake.query("SELECT count(*) AS n FROM events").unwrap();
    assert_eq!(frame.int("n").unwrap(), [30]);
}

#[test]
fn a_dropped_append_leaves_nothing() {
    let (_folder, lake) = lake();
    let mut append = lake.append(&EVENTS).unwrap();
    append.write(&events(0, 10)).unwrap();
    drop(append);
    assert_eq!(lake.query("SELECT * FROM events").unwrap().rows(), 0);
}

#[test]
fn replacing_leaves_only_the_new_rows() {
    let (_folder, lake) = lake();
    let rows = |reasons: &[&str]| {
        let count = reasons.len();
        let same = |text: &'static str| Column::Text(vec![text; count].into_iter().collect());
        Frame::default()
            .with("file", same("a.csv"))
            .with("line", Column::Int((1..).take(count).collect()))
            .with("field", same("price"))
            .with("value", same("-1"))
            .with("reason", Column::Text(reasons.iter().copied().collect::<Texts>()))
            .with("refused_at", Column::Time(vec![0; count]))
    };
    lake.replace(&REFUSED, &rows(&["a", "b", "c"])).unwrap();
    lake.replace(&REFUSED, &rows(&["d"])).unwrap();
    let read = lake.query("SELECT reason FROM refused").unwrap();
    assert_eq!(read.text("reason").unwrap().get(0), Some("d"));
    assert_eq!(read.rows(), 1);
    lake.replace(&REFUSED, &REFUSED.empty()).unwrap();
    assert_eq!(lake.query("SELECT reason FROM refused").unwrap().rows(), 0);
}

#[test]
fn a_table_of_an_earlier_version_is_empty_until_it_is_rebuilt() {
    const FORMER: Table =
        Table { name: "identities", fields: &[Field { name: "customer", kind: Kind::Text }] };
    let (_folder, lake) = lake();
    let one = Frame::default().with("customer", Column::Text(["a"].into_iter().collect()));
    lake.replace(&FORMER, &one).unwrap();
    let rows = || lake.query("SELECT customer, person FROM identities").unwrap().rows();
    assert_eq!(rows(), 0);
    lake.replace(&IDENTITIES, &one.with("person", Column::Text(["b"].into_iter().collect())))
        .unwrap();
    assert_eq!(rows(), 1);
}

#[test]
fn a_wrong_query_is_an_error_that_names_the_column() {
    let (_folder, lake) = lake();
    let error = lake.query("SELECT nothing FROM events").unwrap_err().to_string();
    assert!(error.contains("nothing"), "{error}");
}

#[test]
fn a_table_file_reads_back() {
    let (folder, _lake) = lake();
    let path = folder.path().join("events.parquet");
    let written = events(0, 5);
    write_table_file(&path, &written).unwrap();
    let read = read_table_file(&path).unwrap();
    assert_eq!(read.text("customer").unwrap(), written.text("customer").unwrap());
    std::fs::write(&path, b"not parquet").unwrap();
    assert!(matches!(read_table_file(&path), Err(Error::Input { .. })));
}

#[test]
fn what_a_table_gained_is_told_commit_by_commit() {
    let (folder, lake) = lake();
    let since = |since| lake.commits_since(&EVENTS, "inbox", since).unwrap();
    let add = |from: i64, count: i64, name: Option<(&str, i64)>| {
        let mut append = lake.append(&EVENTS).unwrap();
        append.write(&events(from, count)).unwrap();
        append.commit(name).unwrap();
    };
    assert_eq!(lake.standing(&EVENTS, "inbox").unwrap(), None);
    assert_eq!(since(None), Some(Vec::new()));
    add(0, 3, Some(("inbox", 7)));
    let (standing, held) = lake.standing(&EVENTS, "inbox").unwrap().unwrap();
    assert_eq!(held, Some(7));
    assert_eq!(since(None).unwrap().len(), 2, "the table was made, then written");
    assert_eq!(since(Some(standing)), Some(Vec::new()));
    add(10, 2, None);
    add(20, 1, Some(("inbox", 9)));
    lake.compact(&EVENTS).unwrap();
    add(30, 4, Some(("inbox", 11)));
    let commits = since(Some(standing)).unwrap();
    let with_rows: Vec<_> = commits.iter().filter(|commit| !commit.added.is_empty()).collect();
    let names: Vec<_> = with_rows.iter().map(|commit| commit.transaction).collect();
    assert_eq!(names, [None, Some(9), Some(11)]);
    assert!(!commits.iter().any(|commit| commit.has_removed));
    let newest = lake.standing(&EVENTS, "inbox").unwrap().unwrap().0;
    assert_eq!(commits.last().unwrap().standing, newest);
    // The files are read as they were, though two of them were joined since.
    let files: Vec<String> = with_rows.iter().flat_map(|commit| commit.added.clone()).collect();
    let mut moments = Vec::new();
    let sql = "SELECT occurred_at FROM events ORDER BY occurred_at";
    let each = |part: Frame| -> Result<()> {
        moments.extend(part.time("occurred_at")?.iter().map(|at| at / 1_000_000));
        Ok(())
    };
    lake.stream_added(&EVENTS, &files, sql, each).unwrap();
    assert_eq!(moments, [10, 11, 20, 30, 31, 32, 33]);
    lake.replace(&EVENTS, &events(0, 1)).unwrap();
    assert!(since(Some(newest)).unwrap().iter().any(|commit| commit.has_removed));
    // Another table has come to the same version.
    std::fs::remove_dir_all(folder.path().join("events")).unwrap();
    for from in 0..3 {
        add(from, 1, None);
    }
    assert_eq!(since(Some(standing)), None);
}

#[test]
fn an_open_table_knows_what_others_wrote_and_when_it_was_made_anew() {
    let (folder, lake) = lake();
    let count = || {
        let frame =
            lake.query("SELECT count(*) AS n, max(occurred_at) AS last FROM events").unwrap();
        (frame.int("n").unwrap()[0], frame.time("last").unwrap()[0] / 1_000_000)
    };
    let add = |lake: &Lake, rows: Frame, number: i64| {
        let mut append = lake.append(&EVENTS).unwrap();
        append.write(&rows).unwrap();
        append.commit(Some(("inbox", number))).unwrap();
    };
    add(&lake, events(0, 3), 1);
    assert_eq!(count(), (3, 2));
    let other = Lake::open(folder.path(), 256 << 20).unwrap();
    add(&other, events(10, 4), 2);
    assert_eq!(lake.transaction(&EVENTS, "inbox").unwrap(), Some(2));
    assert_eq!(count(), (7, 13));
    // As many commits as before, of other rows.
    std::fs::remove_dir_all(folder.path().join("events")).unwrap();
    let other = Lake::open(folder.path(), 256 << 20).unwrap();
    add(&other, events(50, 1), 8);
    add(&other, events(60, 1), 9);
    assert_eq!(count(), (2, 60));
    assert_eq!(lake.transaction(&EVENTS, "inbox").unwrap(), Some(9));
}

/// What a server does every two seconds, `SHOPWISE_COMMITS` times: prints what it costs, and holds
/// that the log is summed up.
#[test]
fn speed_of_many_commits() {
    #[expect(clippy::disallowed_methods, reason = "a measurement may ask for more commits")]
    let commits: i64 = std::env::var("SHOPWISE_COMMITS").map_or(45, |text| text.parse().unwrap());
    let (folder, lake) = lake();
    let folder = folder.path().join("events/_delta_log");
    let memory = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
            / 1024
    };
    let mut seconds = [0.0; 3];
    for at in 0..commits {
        let mut from = std::time::Instant::now();
        let mut lap = |of: usize| {
            seconds[of] += from.elapsed().as_secs_f64();
            from = std::time::Instant::now();
        };
        assert_eq!(lake.transaction(&EVENTS, "inbox").unwrap(), (at > 0).then_some(at));
        lap(0);
        let mut append = lake.append(&EVENTS).unwrap();
        append.write(&events(at * 400, 400)).unwrap();
        append.commit(Some(("inbox", at + 1))).unwrap();
        lap(1);
        if at % 64 == 63 {
            lake.compact(&EVENTS).unwrap();
            lap(2);
        }
        if at % 256 == 255 {
            let files = std::fs::read_dir(&folder).unwrap().count();
            let [ask, write, join] = seconds.map(|seconds| seconds * 1e3 / 256.0);
            println!(
                "{at}: ms a commit {ask:.1} asking, {write:.1} writing, {join:.1} joining; {} MB, \
                 {files} files of log",
                memory()
            );
            seconds = [0.0; 3];
        }
    }
    let checkpoint = std::fs::read_to_string(folder.join("_last_checkpoint")).unwrap();
    let checkpoint: serde_json::Value = serde_json::from_str(&checkpoint).unwrap();
    let newest = lake.version(&EVENTS).unwrap().unwrap();
    assert!(newest - checkpoint["version"].as_u64().unwrap() < 20, "{newest}, {checkpoint}");
}

#[test]
fn slices_of_time_are_what_one_sort_gives() {
    let (_folder, lake) = lake();
    // A row a second, written in parts that do not follow each other.
    for from in [20_000, 0, 9_000] {
        let mut append = lake.append(&EVENTS).unwrap();
        append.write(&events(from, 5_000)).unwrap();
        append.commit(None).unwrap();
    }
    let sql =
        "SELECT event_id, occurred_at FROM events WHERE {slice} ORDER BY occurred_at, event_id";
    let mut seen = Vec::new();
    let mut pieces = 0;
    lake.stream_in_slices(sql, &[], 3_000, |part| -> Result<()> {
        seen.extend_from_slice(part.time("occurred_at")?);
        pieces += 1;
        Ok(())
    })
    .unwrap();
    let all = lake.query(&sql.replace("{slice}", "true")).unwrap();
    assert_eq!(seen, all.time("occurred_at").unwrap());
    assert!(seen.len() == 15_000 && pieces > 4, "{pieces}");
}
