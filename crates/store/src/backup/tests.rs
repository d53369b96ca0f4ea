use super::*;
use crate::database::testing;
use crate::inbox::{Arrival, Delivery, Inbox};
use crate::{Shelf, Vault};

const LAYOUT: Layout<'_> = Layout {
    files: &["shopwise.toml", "plan.toml"],
    folders: &["vault", "models"],
    ledger: "ledger.db",
    inbox: "inbox.db",
    lake: "lake",
};

const ABOUT: About<'_> = About { program: "1", shop: "s", now: 0 };

fn sqlite(folder: &Path, name: &str) -> String {
    format!("sqlite://{}", folder.join(name).display())
}

fn back_up(folder: &Path, (lake, ledger): (&Lake, &Ledger), file: &Path) -> Result<Written> {
    let inbox = sqlite(folder, "inbox.db");
    write(folder, &LAYOUT, Stores { lake, ledger, inbox: &inbox }, "inbox", file, &ABOUT)
}

fn restore(file: &Path, folder: &Path, aside: Option<&Path>) -> Result<Head> {
    super::restore(file, folder, aside, |_| Ok(()))
}

/// Makes a shop whose inbox has given one number for each of `deliveries`, and whose lake holds it
/// up to each of `held`, in this order.
fn shop(folder: &Path, deliveries: u8, held: &[i64]) -> (Lake, Ledger) {
    std::fs::create_dir(folder).unwrap();
    std::fs::write(folder.join("shopwise.toml"), "name = 's'").unwrap();
    Vault::create(&folder.join("vault"), [7; 32]).unwrap();
    let shelf = Shelf::open(&folder.join("models")).unwrap();
    shelf.write("popular", 1, &[("a.bin", &[1, 2, 3])], &serde_json::json!({})).unwrap();
    let ledger = Ledger::open(&sqlite(folder, "ledger.db")).unwrap();
    ledger.set_setting("colour", "blue").unwrap();
    ledger.take_lease("run", "somebody", 0, i64::MAX).unwrap();
    let inbox = Inbox::open(&sqlite(folder, "inbox.db"), folder).unwrap();
    for number in 0..deliveries {
        let event = Arrival::Event { key: [number + 1; 16], body: vec![number; 100] };
        let source = "web".to_owned();
        inbox.accept(&[Delivery { source, received_at: 0, arrivals: vec![event] }], 0).unwrap();
    }
    let lake = Lake::open(&folder.join("lake"), 64 << 20).unwrap();
    for held in held {
        lake.append(&EVENTS).unwrap().commit(Some(("inbox", *held))).unwrap();
    }
    (lake, ledger)
}

#[test]
fn a_shop_comes_back_as_it_was_and_without_those_who_worked_on_it() {
    let outer = tempfile::tempdir().unwrap();
    let (folder, file) = (outer.path().join("shop"), outer.path().join("file"));
    let (lake, ledger) = shop(&folder, 3, &[1, 2]);
    let written = back_up(&folder, (&lake, &ledger), &file).unwrap();
    assert_eq!((written.head.last, written.head.events_version), (3, Some(2)));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let place = outer.path().join("again");
    let head = restore(&file, &place, None).unwrap();
    assert_eq!(head, written.head);
    let ledger = Ledger::open(&sqlite(&place, "ledger.db")).unwrap();
    assert_eq!(ledger.setting("colour").unwrap().as_deref(), Some("blue"));
    assert_eq!(ledger.leases(1).unwrap(), []);
    let inbox = Inbox::open(&sqlite(&place, "inbox.db"), &place).unwrap();
    assert_eq!(inbox.read(0, 1 << 20).unwrap().len(), 3);
    assert_eq!(inbox.keys().unwrap().0, 3);
    let lake = Lake::open(&place.join("lake"), 64 << 20).unwrap();
    assert_eq!(lake.transaction(&EVENTS, "inbox").unwrap(), Some(2));
    let shelf = Shelf::open(&place.join("models")).unwrap();
    assert_eq!(shelf.read("popular", 1, "a.bin").unwrap(), [1, 2, 3]);
    let key = Vault::open(&place.join("vault")).unwrap();
    let same = Vault::open(&folder.join("vault")).unwrap().pseudonym("customer", "1");
    assert_eq!(key.pseudonym("customer", "1"), same);
    // Nothing is left beside them.
    assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 3);
}

#[test]
fn the_lake_is_taken_no_further_than_the_inbox_goes() {
    let outer = tempfile::tempdir().unwrap();
    let (folder, file) = (outer.path().join("shop"), outer.path().join("file"));
    // As if two entries had come, been drained and compacted after the inbox was copied.
    let (lake, ledger) = shop(&folder, 3, &[1, 3, 4, 5]);
    let written = back_up(&folder, (&lake, &ledger), &file).unwrap();
    assert_eq!((written.head.last, written.head.events_version), (3, Some(2)));
    let place = outer.path().join("again");
    restore(&file, &place, None).unwrap();
    let lake = Lake::open(&place.join("lake"), 64 << 20).unwrap();
    assert_eq!(lake.transaction(&EVENTS, "inbox").unwrap(), Some(3));
    assert_eq!(lake.version(&EVENTS).unwrap(), Some(2));
}

#[test]
fn a_torn_damaged_or_foreign_file_changes_nothing() {
    let outer = tempfile::tempdir().unwrap();
    let (folder, file) = (outer.path().join("shop"), outer.path().join("file"));
    let (lake, ledger) = shop(&folder, 3, &[1]);
    back_up(&folder, (&lake, &ledger), &file).unwrap();
    let error = back_up(&folder, (&lake, &ledger), &file).unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    let whole = std::fs::read(&file).unwrap();
    let place = outer.path().join("again");
    let mut wrong: Vec<Vec<u8>> = vec![Vec::new(), b"no such file at all".to_vec()];
    wrong.extend((1..20).map(|part| whole[..whole.len() * part / 20].to_vec()));
    wrong.push(whole[..whole.len() - 1].to_vec());
    wrong.extend((0..40).map(|part| {
        let mut flipped = whole.clone();
        flipped[whole.len() * part / 40] ^= 1;
        flipped
    }));
    let tar = |entries: &[(&str, &[u8])]| {
        let mut tar = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1).unwrap());
        for (name, bytes) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            // As it is written: a name that leads out would be refused by the library.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            tar.append(&header, *bytes).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    };
    let said = restore(&file, &place, None).unwrap();
    let head = serde_json::to_vec(&Head { format: 99, ..said.clone() });
    std::fs::remove_dir_all(&place).unwrap();
    let good = String::from_utf8(head.unwrap()).unwrap().replace("99", "1").into_bytes();
    wrong.push(tar(&[("other", b"x")]));
    wrong.push(tar(&[(HEAD, b"{\"format\":99}")]));
    wrong.push(tar(&[(HEAD, &good), ("../out", b"x"), (MANIFEST, b"{}")]));
    wrong.push(tar(&[(HEAD, &good), ("a", b"x"), (MANIFEST, b"{\"files\":{}}")]));
    let (torn, mut unharmed) = (outer.path().join("torn"), 0);
    for (number, bytes) in wrong.iter().enumerate() {
        std::fs::write(&torn, bytes).unwrap();
        let error = match restore(&torn, &place, None) {
            Err(error) => error,
            // A bit that nothing is made of: the filling behind an entry. All sums were right.
            Ok(head) => {
                assert!(bytes.len() == whole.len() && head == said, "{number}");
                std::fs::remove_dir_all(&place).unwrap();
                unharmed += 1;
                continue;
            }
        };
        assert!(matches!(error, Error::Input { .. }), "{number}: {error}");
        assert!(error.to_string().contains("hint: nothing was changed"), "{number}: {error}");
        assert!(!place.exists(), "{number}");
        assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 3, "{number}");
    }
    assert!(unharmed <= 4, "{unharmed} of 40 flipped bits were not noticed");
}

#[test]
fn a_shop_in_the_place_moves_aside_and_comes_back_when_nothing_can_take_it() {
    let outer = tempfile::tempdir().unwrap();
    let (folder, file) = (outer.path().join("shop"), outer.path().join("file"));
    let (lake, ledger) = shop(&folder, 1, &[]);
    // What an earlier try left that was killed.
    std::fs::create_dir(outer.path().join(".file.unfinished")).unwrap();
    back_up(&folder, (&lake, &ledger), &file).unwrap();
    assert!(!outer.path().join(".file.unfinished").exists());
    std::fs::create_dir(outer.path().join(".shop.restoring")).unwrap();
    std::fs::write(outer.path().join(".shop.restoring/left"), "x").unwrap();
    // Without a place for it, a shop that is there stays.
    assert!(restore(&file, &folder, None).is_err());
    assert!(folder.join("shopwise.toml").exists() && !folder.join("left").exists());
    let aside = outer.path().join("former");
    restore(&file, &folder, Some(&aside)).unwrap();
    for folder in [&folder, &aside] {
        let inbox = Inbox::open(&sqlite(folder, "inbox.db"), folder).unwrap();
        assert_eq!(inbox.counts().unwrap().total().stored, 1);
    }
    assert!(!outer.path().join(".shop.restoring").exists());
}

#[test]
fn a_shop_moves_into_postgresql_and_comes_back_from_there() {
    let Some(url) = testing::postgres() else { return println!("skipped: no PostgreSQL") };
    let outer = tempfile::tempdir().unwrap();
    let (folder, file) = (outer.path().join("shop"), outer.path().join("file"));
    let (lake, ledger) = shop(&folder, 3, &[1, 2]);
    ledger.set_setting("farbe", "blau \u{1f600}").unwrap();
    {
        let inbox = Inbox::open(&sqlite(&folder, "inbox.db"), &folder).unwrap();
        let aside = |reason: &str, message_id| Arrival::Quarantined {
            reason: reason.to_owned(),
            message_id,
            body: vec![0, 255],
        };
        let arrivals = vec![aside("none", None), aside("some", Some("m".to_owned()))];
        let source = "web".to_owned();
        inbox.accept(&[Delivery { source, received_at: 5, arrivals }], 0).unwrap();
    }
    back_up(&folder, (&lake, &ledger), &file).unwrap();
    let schema = testing::own_schema();
    let database = format!("{url}?options[search_path]={schema}");
    let place = outer.path().join("moved");
    let into = |made: &Path| move_in(made, &LAYOUT, &database);
    super::restore(&file, &place, None, into).unwrap();
    assert!(!place.join("ledger.db").exists() && !place.join("inbox.db").exists());
    // Nothing is put where a shop is.
    let other = outer.path().join("other");
    let error = super::restore(&file, &other, None, into).unwrap_err();
    assert!(error.to_string().contains("holds a shop's ledger already"), "{error}");
    assert!(!other.exists());
    let copied = outer.path().join("copied");
    {
        let ledger = Ledger::open(&database).unwrap();
        let lake = Lake::open(&place.join("lake"), 64 << 20).unwrap();
        let stores = Stores { lake: &lake, ledger: &ledger, inbox: &database };
        write(&place, &LAYOUT, stores, "inbox", &copied, &ABOUT).unwrap();
        let inbox = Inbox::open(&database, &place).unwrap();
        let late = Arrival::Event { key: [9; 16], body: vec![9] };
        let source = "web".to_owned();
        inbox.accept(&[Delivery { source, received_at: 9, arrivals: vec![late] }], 0).unwrap();
        // A number that the database gives comes after those that came with the file.
        let wrong = Arrival::Quarantined { reason: "x".to_owned(), message_id: None, body: vec![] };
        let source = "web".to_owned();
        inbox.accept(&[Delivery { source, received_at: 9, arrivals: vec![wrong] }], 0).unwrap();
        assert_eq!(inbox.quarantine(0, 10).unwrap().iter().map(|one| one.id).max(), Some(3));
    }
    let back = outer.path().join("back");
    restore(&copied, &back, None).unwrap();
    let rows = |folder: &Path| {
        let ledger = Ledger::open(&sqlite(folder, "ledger.db")).unwrap();
        let inbox = Inbox::open(&sqlite(folder, "inbox.db"), folder).unwrap();
        (
            ledger.setting("farbe").unwrap(),
            inbox.read(0, 1 << 20).unwrap(),
            inbox.quarantine(0, 10).unwrap(),
            inbox.counts().unwrap(),
            inbox.keys().unwrap().0,
        )
    };
    assert_eq!(rows(&back), rows(&folder));
    Ledger::drop_schema(&url, &schema).unwrap();
}
