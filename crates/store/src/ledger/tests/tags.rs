use super::*;

#[test]
fn a_tag_that_a_customer_wants_gone_is_known_by_any_of_his_pseudonyms() {
    on_both(|ledger| {
        let names = ["c1", "c2"].map(str::to_owned);
        let new = ["c2", "c2", "c3"].map(|name| ledger.hide_tag(name, "brand:甲", 1).unwrap());
        assert_eq!(new, [true, false, true]);
        assert_eq!(ledger.hidden_tags_of(&names).unwrap(), ["brand:甲"]);
        assert_eq!(ledger.hidden_tags().unwrap().len(), 2);
        assert_eq!([(); 2].map(|()| ledger.unhide_tag(&names, "brand:甲").unwrap()), [true, false]);
    });
}
