use super::*;

#[test]
fn violations_of_a_list_are_counted_once_however_often_it_is_read() {
    on_both(|ledger| {
        let found = |event: &str, found, last_at| Violated {
            source: "web".to_owned(),
            event: event.to_owned(),
            property: "price".to_owned(),
            reason: "not a number".to_owned(),
            found,
            last_at,
        };
        let progress = |from, through| Some(Progress { name: "inbox", from, through });
        let add =
            |one: &Violated, progress| ledger.add_violations(std::slice::from_ref(one), progress);
        assert_eq!(ledger.counted_through("inbox").unwrap(), 0);
        add(&found("Order Completed", 2, 5), progress(0, 10)).unwrap();
        // Who counts from where it had been before comes too late, and nothing is counted.
        assert!(add(&found("Order Completed", 2, 6), progress(0, 12)).is_err());
        assert_eq!(ledger.counted_through("inbox").unwrap(), 10);
        add(&found("Order Completed", 1, 7), progress(10, 12)).unwrap();
        add(&found("Cart Viewed", 1, 8), None).unwrap();
        assert_eq!(ledger.counted_through("inbox").unwrap(), 12);
        let expected = [found("Order Completed", 3, 7), found("Cart Viewed", 1, 8)];
        assert_eq!(ledger.violations().unwrap(), expected);
    });
}
