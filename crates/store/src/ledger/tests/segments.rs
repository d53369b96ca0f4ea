use super::*;

#[test]
fn a_segment_that_is_switched_off_says_by_whom_and_comes_back_when_it_is_defined_again() {
    on_both(|ledger| {
        assert_eq!(ledger.segments_version().unwrap(), 0);
        ledger.put_segment("tea", "茶客", "bought within 30 days", "ann", 1).unwrap();
        ledger.put_segment("a", "A", "orders > 1", "ann", 2).unwrap();
        ledger.put_segment("tea", "Tea", "bought within 60 days", "bob", 3).unwrap();
        let off = ["tea", "tea", "none"].map(|id| ledger.switch_segment_off(id, "eve", 4).unwrap());
        assert_eq!(off, [true, false, false]);
        assert_eq!(ledger.segments_version().unwrap(), 4, "each change counts");
        let tea = SegmentRule {
            id: "tea".to_owned(),
            name: "Tea".to_owned(),
            expression: "bought within 60 days".to_owned(),
            created_at: 1,
            changed_at: 3,
            changed_by: "bob".to_owned(),
            off: Some((4, "eve".to_owned())),
        };
        let all = ledger.segment_rules().unwrap();
        assert_eq!(all[1], tea);
        assert_eq!((all[0].id.as_str(), all.len()), ("a", 2));
        ledger.put_segment("tea", "Tea", "bought within 60 days", "bob", 5).unwrap();
        let on = SegmentRule { changed_at: 5, off: None, ..tea };
        assert_eq!(ledger.segment_rules().unwrap()[1], on);
    });
}
