use super::*;

#[test]
fn each_arrival_gets_its_verdict_and_the_counts_close() {
    on_both(|place| {
        let inbox = place.open();
        let aside = Arrival::Quarantined {
            reason: "no type".into(),
            message_id: Some("a\0b".into()),
            body: b"{\xff".to_vec(),
        };
        let refused = Arrival::Refused { reason: "too large".into() };
        let first = delivery("web", [event(1, 1), event(1, 1), event(1, 2), aside, refused]);
        let verdicts = inbox.accept(&[first, delivery("app", [event(1, 1), event(2, 1)])], 0);
        use Verdict::{Conflict, Duplicate, Quarantined, Refused, Stored};
        let expected =
            [vec![Stored, Duplicate, Conflict, Quarantined, Refused], vec![Duplicate, Stored]];
        assert_eq!(verdicts.unwrap(), expected);
        assert_eq!(stored(&inbox), [text(1, 1), text(1, 2), text(2, 1)]);
        let marked = inbox.read(0, 1_000).unwrap().into_iter().map(|entry| match entry {
            Entry::Whole { conflicts, .. } => conflicts,
            Entry::Damaged { seq, problem } => panic!("{seq}: {problem}"),
        });
        assert_eq!(marked.collect::<Vec<_>>(), [vec![1], vec![]]);
        let counts = inbox.counts().unwrap();
        let web = Tally {
            received: 5,
            stored: 2,
            duplicate: 1,
            quarantined: 1,
            refused: 1,
            conflicts: 1,
        };
        assert_eq!(counts.sources["web"], web);
        assert!(counts.closes());
        assert_eq!((counts.total().received, counts.total().stored), (7, 3));
        assert_eq!((counts.pending, counts.pending_since, counts.last), (3, Some(7), 2));
        assert_eq!(counts.refusals[&("web".to_owned(), "too large".to_owned())], 1);
        let aside = inbox.quarantine(0, 10).unwrap().remove(0);
        assert_eq!(aside.body.as_deref(), Some(b"{\xff".as_slice()));
        assert_eq!(aside.message_id.as_deref(), Some("a\u{fffd}b"));
        assert_eq!(inbox.quarantined(aside.id).unwrap(), Some(aside));
        assert_eq!(inbox.quarantined(999).unwrap(), None);
    });
}

#[test]
fn what_is_replayed_or_discarded_moves_in_the_counts() {
    on_both(|place| {
        let inbox = place.open();
        let aside = |body: &[u8]| Arrival::Quarantined {
            reason: "odd".into(),
            message_id: None,
            body: body.to_vec(),
        };
        let arrivals = [event(1, 1), aside(b"1"), aside(b"2"), aside(b"3"), aside(b"4")];
        inbox.accept(&[delivery("web", arrivals)], 0).unwrap();
        let ids: Vec<i64> = inbox.quarantine(0, 10).unwrap().iter().map(|one| one.id).collect();
        let replay = |id, message: u64| {
            let Arrival::Event { key, body } = event(message, 1) else { unreachable!() };
            Replay { id, key, body }
        };
        let replays = [replay(ids[0], 1), replay(ids[1], 2), replay(ids[2], 2), replay(999, 5)];
        let verdicts = inbox.replay(&replays, 0).unwrap();
        let (stored_once, again) = (Some(Verdict::Stored), Some(Verdict::Duplicate));
        assert_eq!(verdicts, [again, stored_once, again, None]);
        assert_eq!(inbox.replay(&replays, 0).unwrap(), [None; 4]);
        assert!(inbox.discard(ids[3], "given up").unwrap());
        assert!(!inbox.discard(ids[3], "given up").unwrap());
        assert_eq!(stored(&inbox), [text(1, 1), text(2, 1)]);
        let counts = inbox.counts().unwrap();
        let tally = counts.sources["web"];
        assert!(counts.closes());
        assert_eq!((tally.received, tally.stored, tally.duplicate), (5, 2, 2));
        assert_eq!((tally.quarantined, tally.refused), (0, 1));
        assert_eq!(
            inbox.accept(&[delivery("web", [event(2, 1)])], 0).unwrap(),
            [[Verdict::Duplicate]]
        );
    });
}

#[test]
fn entries_are_read_in_order_by_bytes_and_forgotten() {
    on_both(|place| {
        let inbox = place.open();
        let deliveries: Vec<_> = (0..500).map(|n| delivery("web", [event(n, n)])).collect();
        inbox.accept(&deliveries, 0).unwrap();
        let some = inbox.read(0, 100).unwrap();
        assert!((2..6).contains(&some.len()), "{}", some.len());
        assert_eq!(inbox.read(0, 0).unwrap().len(), 1);
        assert_eq!(inbox.read(500, 1_000).unwrap(), []);
        assert_eq!(inbox.forget(450).unwrap(), 450);
        assert_eq!(inbox.forget(450).unwrap(), 0);
        assert_eq!(inbox.read(0, 0).unwrap()[0].seq(), 451);
        assert_eq!(inbox.counts().unwrap().pending, 50);
        let error = inbox.forget(501).unwrap_err().to_string();
        assert!(error.contains("`501`"), "{error}");
        inbox.forget(500).unwrap();
        assert_eq!(inbox.counts().unwrap().pending_since, None);
        let again = place.open();
        assert_eq!(again.damage().unwrap(), []);
        let verdicts = again.accept(&deliveries, 0).unwrap();
        assert!(verdicts.iter().flatten().all(|verdict| *verdict == Verdict::Duplicate));
        assert_eq!(stored(&again), Vec::<Vec<u8>>::new());
    });
}

#[test]
fn keys_expire_by_day_in_every_process() {
    const DAY: i64 = 86_400_000_000;
    on_both(|place| {
        let (one, two, sleepy) = (place.open(), place.open(), place.open());
        let send = |inbox: &Inbox, message, day: i64| {
            inbox.accept(&[delivery("web", [event(message, 0)])], day * DAY).unwrap()[0][0]
        };
        assert_eq!(send(&one, 1, 10), Verdict::Stored);
        assert_eq!(send(&one, 2, 11), Verdict::Stored);
        assert_eq!(one.expire(11).unwrap(), 1);
        assert_eq!(one.expire(11).unwrap(), 0);
        assert_eq!(send(&two, 2, 12), Verdict::Duplicate);
        assert_eq!(send(&two, 1, 40), Verdict::Stored);
        assert_eq!(send(&one, 1, 40), Verdict::Duplicate);
        // Two expiries later the rows are gone that would say what to take out.
        assert_eq!(one.expire(12).unwrap(), 1);
        assert_eq!(one.expire(13).unwrap(), 0);
        assert_eq!(send(&sleepy, 2, 41), Verdict::Stored);
        assert_eq!(send(&sleepy, 1, 41), Verdict::Duplicate);
        // A clock that went back: the key is kept from now on all the same.
        assert_eq!(send(&one, 9, 1), Verdict::Stored);
        assert_eq!(send(&place.open(), 9, 42), Verdict::Duplicate);
        assert_eq!(sleepy.expire(14).unwrap(), 1);
        assert!(one.counts().unwrap().closes());
    });
}

#[test]
fn what_is_beyond_the_limits_is_refused_whole() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = Place::sqlite(folder.path()).open();
    let long = "x".repeat(NAME_BYTES_MAX + 1);
    let large = Arrival::Event { key: [1; 16], body: vec![b' '; EVENTS_BYTES_MAX] };
    let refused = |reason: &str| Arrival::Refused { reason: reason.to_owned() };
    for bad in [
        vec![delivery(&long, [])],
        vec![delivery("a\0", [])],
        vec![delivery("web", [refused(&long)])],
        vec![delivery("web", [event(1, 1), large])],
        vec![delivery("web", vec![refused("no"); EVENTS_MAX + 1])],
        vec![delivery("web", []); DELIVERIES_MAX + 1],
    ] {
        let error = inbox.accept(&bad, 0).unwrap_err();
        assert!(!error.is_temporary() && error.to_string().contains("must be ≤"), "{error}");
    }
    assert_eq!(inbox.counts().unwrap().last, 0);
    assert_eq!(inbox.accept(&[], 0).unwrap(), Vec::<Vec<Verdict>>::new());
}

#[test]
fn a_large_delivery_comes_back_whole() {
    on_both(|place| {
        let inbox = place.open();
        let body: Vec<u8> =
            (0..3_000_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
        let large = Arrival::Event { key: [1; 16], body: body.clone() };
        inbox.accept(&[delivery("web", [large, event(2, 2)])], 0).unwrap();
        assert_eq!(stored(&inbox), [body, text(2, 2)]);
    });
}

#[test]
fn a_ledger_and_an_inbox_share_a_schema() {
    let Some(url) = testing::postgres() else { return };
    let schema = testing::own_schema();
    let ledger = crate::Ledger::open_in_schema(&url, &schema).unwrap();
    let inbox = Inbox::open_in_schema(&url, &schema, &std::env::temp_dir()).unwrap();
    drop(ledger);
    crate::Ledger::open_in_schema(&url, &schema).unwrap();
    testing::drop_schema(&inbox.database, &schema);
}

#[test]
fn what_each_source_sent_is_counted_by_ten_minutes_and_forgotten_after_weeks() {
    on_both(|place| {
        let inbox = place.open();
        let at = |source: &str, slot: i64, arrivals: Vec<Arrival>| Delivery {
            received_at: slot * SLOT + 5,
            ..delivery(source, arrivals)
        };
        let day = 20_000;
        let slot = day * 144;
        let refused = || Arrival::Refused { reason: "too many".to_owned() };
        let deliveries = [
            at("web", slot, vec![event(1, 1), event(1, 1)]),
            at("till", slot, vec![event(2, 1)]),
            at("web", slot + 3, vec![refused()]),
            at("web", slot + 4, vec![]),
        ];
        inbox.accept(&deliveries, slot * SLOT).unwrap();
        inbox.accept(&[at("web", slot, vec![event(3, 1)])], slot * SLOT).unwrap();
        let activity = inbox.activity().unwrap();
        let web = &activity["web"];
        assert_eq!((web.first, web.slots.len()), (slot, 2), "{web:?}");
        assert_eq!((web.received(slot, slot + 3), web.received(slot, slot + 4)), (3, 4));
        assert_eq!((web.active(slot, slot + 9), web.received(slot + 9, slot)), (2, 0));
        assert_eq!(activity["till"].received(0, i64::MAX), 1);
        inbox.expire(day + 36 - KEY_DAYS).unwrap();
        assert_eq!(inbox.activity().unwrap().len(), 2);
        inbox.expire(day + 37 - KEY_DAYS).unwrap();
        assert!(inbox.activity().unwrap().is_empty());
    });
}
