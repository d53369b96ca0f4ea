//! Random catalogues, one after another: what is found out about the changes alone is what all of
//! it held against the conditions anew would give.

use proptest::prelude::*;

use super::*;

/// Products that events name.
const PRODUCTS: usize = 6;

/// (product, category, price)
type Made = (usize, usize, i64);

#[derive(Debug, Clone)]
enum Operation {
    See(usize),
    Catalogue(Vec<Made>),
    /// The second is compared before the first is taken.
    Overtaken(Vec<Made>, Vec<Made>),
    /// Compared before there are other definitions.
    Define(usize, Vec<Made>),
}

fn operation() -> impl Strategy<Value = Operation> {
    let made = || prop::collection::vec((0..PRODUCTS + 2, 0..3_usize, 0..80_i64), 0..8);
    prop_oneof![
        3 => (0..PRODUCTS).prop_map(Operation::See),
        6 => made().prop_map(Operation::Catalogue),
        1 => (made(), made()).prop_map(|(first, second)| Operation::Overtaken(first, second)),
        1 => (0..3_usize, made()).prop_map(|(which, made)| Operation::Define(which, made)),
    ]
}

/// Returns definitions of which all look back equally far: many conditions, few, or none.
fn definitions(which: usize) -> Vec<Definition> {
    if which == 2 {
        return vec![definition("any", "viewed within 60 minutes")];
    }
    let of = |(at, products): (usize, String)| {
        definition(&format!("s{at}"), &format!("viewed of ({products}) within 60 minutes"))
    };
    let prices = (0..[70, 2][which]).map(|price| format!("price < {price}"));
    let others = ["category = \"tea\"", "price is unknown", "id = \"p2\""].map(str::to_owned);
    prices.chain(others).enumerate().map(of).collect()
}

/// Returns a catalogue; of a product that stands in it twice the later one counts.
fn catalogue(made: &[Made]) -> Vec<Product> {
    let product = |(id, category, price): &Made| Product {
        id: format!("p{id}"),
        category: ["tea > green", "coffee"].get(*category).map(|name| (*name).to_owned()),
        price: (*price > 0).then_some(*price * 1_000_000),
        ..Product::default()
    };
    made.iter().map(product).collect()
}

fn ready(definitions: Vec<Definition>, products: Vec<Product>) -> Segments {
    Segments::new(&Settings::default(), definitions, products, &[], NOON).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn what_changes_of_a_catalogue_is_what_all_of_it_would_give(
        operations in prop::collection::vec(operation(), 1..16),
    ) {
        // Enough is known for all definitions.
        let mut defined = definitions(0);
        let mut made: Vec<Made> = Vec::new();
        let mut segments = ready(defined.clone(), Vec::new());
        let mut seen: Vec<Frame> = Vec::new();
        for operation in &operations {
            match operation {
                Operation::See(product) => {
                    let at = NOON - seen.len() as i64 * SECOND;
                    let (customer, product) = (format!("c{product}"), format!("p{product}"));
                    seen.push(one(&customer, EventKind::ProductViewed, &product, at));
                    segments.extend(seen.last().unwrap()).unwrap();
                }
                Operation::Catalogue(new) => {
                    made.clone_from(new);
                    let compared = segments.assortment().compare(catalogue(&made));
                    segments.know_catalogue(&compared);
                }
                Operation::Overtaken(first, second) => {
                    made.clone_from(second);
                    let known = segments.assortment();
                    let late = known.clone().compare(catalogue(&made));
                    segments.know_catalogue(&known.compare(catalogue(first)));
                    segments.know_catalogue(&late);
                }
                Operation::Define(which, new) => {
                    made.clone_from(new);
                    defined = definitions(*which);
                    let late = segments.assortment().compare(catalogue(&made));
                    prop_assert!(segments.redefine(defined.clone()));
                    segments.know_catalogue(&late);
                }
            }
            let mut anew = ready(defined.clone(), catalogue(&made));
            seen.iter().for_each(|part| anew.extend(part).unwrap());
            prop_assert_eq!(segments.rules.conditions.len(), anew.rules.conditions.len());
            for product in 0..PRODUCTS as u32 {
                for condition in 0..anew.rules.conditions.len() {
                    let met = segments.products.meets(product, condition);
                    prop_assert_eq!(met, anew.products.meets(product, condition));
                }
            }
            for definition in &defined {
                let own = members(&mut segments, &definition.id, NOON);
                prop_assert_eq!(own, members(&mut anew, &definition.id, NOON));
            }
        }
    }
}

#[test]
fn nobody_is_held_against_rules_for_a_change_that_no_condition_sees() {
    let mut segments = ready(definitions(1), catalogue(&[(0, 0, 9)]));
    segments.extend(&one("ann", EventKind::ProductViewed, "p0", NOON)).unwrap();
    while !segments.advance(NOON, 10) {}
    let mut known = catalogue(&[(0, 0, 9), (1, 0, 1)]);
    known[0].title = "another".to_owned();
    segments.know_catalogue(&segments.assortment().compare(known));
    assert!(!segments.is_due(NOON), "no one saw `p1`, and titles are not asked for");
    segments.know_catalogue(&segments.assortment().compare(catalogue(&[(1, 0, 1)])));
    assert!(segments.is_due(NOON), "`p0` is gone");
    assert_eq!(members(&mut segments, "s2", NOON), Vec::<String>::new());
}
