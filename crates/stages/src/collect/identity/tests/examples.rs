//! Small enough to be drawn.

use shopwise_model::time::DAY;
use shopwise_store::Vault;

use super::*;

#[test]
fn a_login_on_two_devices_makes_one_customer() {
    let mut given = Given::new();
    given.see(customer(1), browser(1), Evidence::Identify, 10);
    given.see(browser(2), customer(1), Evidence::Login, 20);
    given.see(customer(1), node(Kind::Loyalty, 1), Evidence::Import, 5);
    assert!(given.together(browser(1), browser(2)));
    assert_eq!(given.person(node(Kind::Loyalty, 1)), customer(1).pseudonym);
    assert_eq!(given.identities.members(browser(2).pseudonym).len(), 4);
    assert_eq!(given.ledger.person_version(&customer(1).pseudonym.to_string()).unwrap(), 3);
}

#[test]
fn a_tablet_in_the_shop_makes_nobody_one() {
    let mut given = Given::new();
    let tablet = browser(9);
    given.see(customer(1), tablet, Evidence::Identify, 10);
    given.see(email(1), tablet, Evidence::Order, 12);
    assert!(given.together(customer(1), tablet));
    given.see(customer(2), tablet, Evidence::Identify, 20);
    given.see(customer(1), tablet, Evidence::Login, 30);
    assert!(!given.together(customer(1), customer(2)));
    assert_eq!(given.person(tablet), tablet.pseudonym);
    assert_eq!(given.suspended(tablet), [Status::Shared; 3]);
    let at = |at| given.identities.person_at(&given.ledger, tablet.pseudonym, at).unwrap();
    let (ann, ben) = (customer(1).pseudonym, customer(2).pseudonym);
    assert_eq!([0, 10, 19, 20, 29, 30].map(at), [ann, ann, ann, ben, ben, ann]);
    assert_eq!(given.identities.shared(), [tablet]);
    // A human knows that both are one: it is that customer's tablet.
    given.merge(customer(1), customer(2));
    assert!(given.together(tablet, customer(2)));
    assert_eq!(given.suspended(tablet), []);
    given.unmerge(customer(1), customer(2));
    assert_eq!(given.person(tablet), tablet.pseudonym);
}

#[test]
fn a_family_address_belongs_to_one_of_the_family() {
    let mut given = Given::new();
    given.see(customer(2), email(1), Evidence::Order, 20);
    assert!(given.together(customer(2), email(1)));
    // The one who had it earlier has it, though this was heard later.
    given.see(customer(1), email(1), Evidence::Order, 10);
    assert!(given.together(customer(1), email(1)));
    assert!(!given.together(customer(1), customer(2)));
    assert_eq!(given.suspended(customer(2)), [Status::Limit(Kind::Customer)]);
    // Six have an address that is nobody's.
    for number in 3..=6 {
        given.see(customer(number), email(1), Evidence::Order, 30);
    }
    assert_eq!(given.person(email(1)), email(1).pseudonym);
    assert_eq!(given.suspended(email(1)), [Status::Shared; 6]);
}

#[test]
fn a_wrong_alias_is_undone() {
    let mut given = Given::new();
    given.see(customer(1), browser(1), Evidence::Identify, 10);
    given.see(browser(2), email(2), Evidence::Order, 11);
    given.see(browser(1), browser(2), Evidence::Alias, 12);
    assert!(given.together(customer(1), email(2)));
    given.unmerge(browser(1), browser(2));
    assert!(given.together(customer(1), browser(1)));
    assert!(given.together(browser(2), email(2)));
    assert!(!given.together(customer(1), email(2)));
    // Later evidence does not bring them together, a human does.
    given.see(browser(1), browser(2), Evidence::Identify, 13);
    given.see(customer(1), email(2), Evidence::Order, 14);
    assert!(!given.together(browser(1), browser(2)));
    given.merge(browser(1), browser(2));
    assert!(given.together(customer(1), email(2)));
    let lines = given.identities.explain(&given.ledger, email(2).pseudonym).unwrap().lines();
    let text: Vec<&str> = lines.iter().map(|(_, text)| text.as_str()).collect();
    assert!(text[0].ends_with("4 identifiers, version 5"), "{text:#?}");
    assert!(text.iter().any(|line| line.contains("taken back")), "{text:#?}");
    assert!(
        text.contains(
            &"alias 1970-01-01T00:00:00.000012Z to 1970-01-01T00:00:00.000012Z, web event 12"
        ),
        "{text:#?}"
    );
}

#[test]
fn a_merge_by_hand_holds_whole_and_comes_apart_whole() {
    let mut given = Given::new();
    for (owner, first) in [(1, 0), (2, 10)] {
        for number in 0..4 {
            given.see(customer(owner), email(first + number), Evidence::Order, 10);
        }
        given.see(customer(owner), browser(first), Evidence::Login, 20);
    }
    let before: Vec<Node> = given.identities.members(customer(1).pseudonym);
    given.merge(browser(0), email(11));
    assert_eq!(given.identities.members(browser(0).pseudonym).len(), 12);
    given.now += 1;
    let person = given.person(customer(1));
    given.identities.unmerge_person(&given.ledger, person, "ben", given.now).unwrap();
    assert_eq!(given.identities.members(customer(1).pseudonym), before);
    // The next seam is the weakest edge.
    given.identities.unmerge_person(&given.ledger, person, "ben", given.now).unwrap();
    assert_eq!(given.identities.members(customer(1).pseudonym).len(), 5);
    assert_eq!(given.person(browser(0)), browser(0).pseudonym);
    let alone = browser(0).pseudonym;
    let error = given.identities.unmerge_person(&given.ledger, alone, "ben", given.now);
    assert!(error.unwrap_err().to_string().contains("not made of several"));
}

#[test]
fn a_sixth_address_is_listed_not_merged() {
    let mut given = Given::new();
    for number in 0..6 {
        given.see(customer(1), email(number), Evidence::Order, 10 + number as i64);
    }
    assert_eq!(given.suspended(customer(1)), [Status::Limit(Kind::Email)]);
    assert_eq!(given.person(email(5)), email(5).pseudonym);
    // The weaker of two edges waits: a file is less than an order.
    given.see(customer(1), email(0), Evidence::Import, 9);
    assert!(given.together(customer(1), email(0)));
}

#[test]
fn a_name_with_too_many_neighbours_is_nobody() {
    let mut given = Given::new();
    let edges = (0..=NEIGHBOURS_MAX)
        .map(|number| edge(node(Kind::Email, 1), browser(number), Evidence::Order, number as i64));
    given.observe(&edges.collect::<Vec<_>>());
    assert_eq!(given.person(browser(0)), browser(0).pseudonym);
    assert_eq!(given.suspended(browser(0)), [Status::Crowded]);
}

#[test]
fn nobody_is_not_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(folder.path(), [7; 32]).unwrap();
    for value in ["", " ", "-1", "000-00", "null", "None", "UNDEFINED", "anonymous", "unknown"] {
        for kind in Kind::ALL {
            assert_eq!(Node::of(&vault, kind, value), None, "{kind:?} {value:?}");
        }
    }
    assert_eq!(Node::of(&vault, Kind::Email, "Test@shop.org"), None);
    assert_eq!(Node::of(&vault, Kind::Phone, "+000 000"), None);
    let phone = |value| Node::of(&vault, Kind::Phone, value).unwrap();
    assert_eq!(phone("+86 138-0013-8000"), phone("0086 13800138000"));
    assert_eq!(
        Node::of(&vault, Kind::Email, " Ann@shop.org").unwrap().pseudonym.to_string(),
        vault.pseudonym("email", "ann@shop.org")
    );
}

#[test]
fn the_counter_and_the_web_meet_in_a_loyalty_number() {
    let mut given = Given::new();
    let card = node(Kind::Loyalty, 7);
    given.see(card, node(Kind::Phone, 1), Evidence::Import, 5);
    given.see(customer(1), card, Evidence::Identify, 50);
    assert_eq!(given.person(node(Kind::Phone, 1)), customer(1).pseudonym);
}

#[test]
fn an_identifier_has_one_kind_and_is_not_its_own_neighbour() {
    let mut given = Given::new();
    let mut other = browser(1);
    other.kind = Kind::Device;
    let edges = [
        edge(customer(1), browser(1), Evidence::Login, 1),
        edge(customer(1), other, Evidence::Login, 2),
        edge(customer(1), customer(1), Evidence::Login, 3),
    ];
    assert_eq!(given.observe(&edges).refused, 2);
    let error = given.identities.merge(&given.ledger, other, email(1), "ann", 4).unwrap_err();
    assert!(error.to_string().contains("must be of kind anonymous"), "{error}");
    let itself = given.identities.unmerge(&given.ledger, email(1), email(1), "ann", 4);
    assert!(itself.is_err());
}

#[test]
fn what_is_known_already_changes_nothing() {
    let mut given = Given::new();
    let seen = edge(customer(1), browser(1), Evidence::Login, DAY);
    assert_eq!(given.observe(&[seen.clone(), seen.clone()]).assigned.len(), 2);
    let later = Edge { at: 2 * DAY, ..seen.clone() };
    assert_eq!(given.observe(&[seen, later]), Changes::default());
    let evidence = given.ledger.identity_evidence(&customer(1).pseudonym.to_string()).unwrap();
    assert_eq!(evidence.iter().map(|seen| seen.day).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn two_processes_see_each_others_changes() {
    let mut given = Given::new();
    given.see(customer(1), browser(1), Evidence::Login, 1);
    let mut other = Identities::open(&given.ledger).unwrap();
    other.unmerge(&given.ledger, customer(1), browser(1), "ann", 2).unwrap();
    given.see(browser(1), email(1), Evidence::Order, 3);
    assert!(!given.together(customer(1), email(1)));
    assert!(other.refresh(&given.ledger).unwrap());
    assert_eq!(other.person_of(email(1).pseudonym), given.person(email(1)));
}
