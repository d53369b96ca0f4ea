//! What is written appears whole, once, and is checked when it is read.

use datafusion::object_store::ObjectStoreExt as _;
use shopwise_model::event::{Event, EventKind, Events};
use shopwise_model::tables::EVENTS;

use super::*;
use crate::lake::Lake;

fn disk() -> (tempfile::TempDir, Disk, Path) {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::from_filesystem_path(folder.path()).unwrap();
    (folder, Disk::new(), root)
}

#[tokio::test]
async fn a_name_is_given_once_and_an_object_is_what_was_put() {
    let (folder, disk, root) = disk();
    let name = root.clone().join("log").join("0.json");
    let new = || PutOptions::from(PutMode::Create);
    disk.put_opts(&name, "first".into(), new()).await.unwrap();
    let again = disk.put_opts(&name, "second".into(), new()).await;
    assert!(matches!(again, Err(Error::AlreadyExists { .. })), "{again:?}");
    let bytes = disk.get(&name).await.unwrap().bytes().await.unwrap();
    assert_eq!(&bytes[..], b"first");
    let listed: Vec<ObjectMeta> = disk.list(Some(&root)).try_collect().await.unwrap();
    assert_eq!(listed.iter().map(|found| &found.location).collect::<Vec<_>>(), [&name]);
    disk.delete(&name).await.unwrap();
    let left = std::fs::read_dir(folder.path().join("log")).unwrap().count();
    assert_eq!(left, 0, "neither what was staged nor the sums stay");
}

#[tokio::test]
async fn a_log_is_listed_as_the_library_lists_it() {
    let (folder, disk, root) = disk();
    let log = root.clone().join("table").join("_delta_log");
    let all = |offset: Path| {
        let (own, other) = (
            disk.list_with_offset(Some(&log), &offset).try_collect::<Vec<_>>(),
            disk.files.list_with_offset(Some(&log), &offset).try_collect::<Vec<_>>(),
        );
        async move {
            let mut other = other.await.unwrap();
            other.retain(is_shown);
            other.sort_unstable_by(|a, b| a.location.cmp(&b.location));
            let bare = |one: ObjectMeta| (one.location, one.size, one.last_modified);
            let own: Vec<_> = own.await.unwrap().into_iter().map(bare).collect();
            assert_eq!(own, other.into_iter().map(bare).collect::<Vec<_>>(), "{offset}");
            own.len()
        }
    };
    assert_eq!(all(log.clone().join("0")).await, 0, "of no folder");
    for name in ["000.json", "001.json", "001.checkpoint.parquet", "002.json", "_last_checkpoint"] {
        disk.put(&log.clone().join(name), name.into()).await.unwrap();
    }
    std::fs::write(folder.path().join("table/_delta_log/002.json#1"), "half").unwrap();
    for (from, wanted) in [("0", 5), ("000.json", 4), ("001", 4), ("001.json", 2), ("2", 1)] {
        assert_eq!(all(log.clone().join(from)).await, wanted, "{from}");
    }
}

#[tokio::test]
async fn parts_may_end_in_any_order_and_appear_together() {
    let (_folder, disk, root) = disk();
    let name = root.join("part.parquet");
    let mut upload = disk.put_multipart_opts(&name, PutMultipartOptions::default()).await.unwrap();
    let (first, second) = (upload.put_part("first ".into()), upload.put_part("second".into()));
    second.await.unwrap();
    first.await.unwrap();
    assert!(matches!(disk.get(&name).await, Err(Error::NotFound { .. })));
    upload.complete().await.unwrap();
    let bytes = disk.get(&name).await.unwrap().bytes().await.unwrap();
    assert_eq!(&bytes[..], b"first second");
    let ranges = disk.get_ranges(&name, &[0..1, 6..12]).await.unwrap();
    assert_eq!([&ranges[0][..], &ranges[1][..]], [&b"f"[..], &b"second"[..]]);
}

#[test]
fn a_table_that_was_being_made_when_the_power_went_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path(), 256 << 20).unwrap();
    let log = folder.path().join("events/_delta_log");
    make_folder(&log).unwrap();
    std::fs::write(log.join("00000000000000000000.json#1"), "{}").unwrap();
    assert_eq!(lake.transaction(&EVENTS, "inbox").unwrap(), None);
    assert_eq!(lake.query("SELECT * FROM events").unwrap().rows(), 0);
    let append = lake.append(&EVENTS).unwrap();
    append.commit(Some(("inbox", 7))).unwrap();
    assert_eq!(lake.transaction(&EVENTS, "inbox").unwrap(), Some(7));
}

#[test]
fn a_flipped_byte_of_the_lake_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path(), 256 << 20).unwrap();
    let mut events = Events::default();
    for at in 0..100_u64 {
        let mut event = Event::new("test", EventKind::ProductViewed, 1_000_000);
        event.event_id = u128::from(at).to_be_bytes();
        events.push(&event);
    }
    let mut append = lake.append(&EVENTS).unwrap();
    append.write(&events.into_frame()).unwrap();
    append.commit(None).unwrap();
    let table = folder.path().join("events");
    let entry = std::fs::read_dir(&table).unwrap().flatten().find(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.ends_with(".parquet")
    });
    let file = entry.unwrap().path();
    let count = || lake.query("SELECT count(event_id) AS n FROM events WHERE line >= 0");
    assert!(count().is_ok());
    let whole = std::fs::read(&file).unwrap();
    for at in [4, whole.len() / 2, whole.len() - 20, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let problem = count().unwrap_err().to_string();
        assert!(problem.contains("damaged") && problem.contains("part-"), "{at}: {problem}");
    }
    std::fs::write(&file, whole).unwrap();
    assert!(count().is_ok());
}
