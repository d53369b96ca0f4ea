use super::*;
use crate::interactions::{Events, Repeats};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

const CUSTOMERS: u32 = 200;
const ITEMS: u32 = 240;
const CATEGORIES: u32 = 12;

/// The category of an item.
fn category(item: u32) -> u32 {
    item % CATEGORIES
}

/// Customers who have two favourite categories and take whatever is popular in them; the last two
/// things of each are what comes later.
fn shop() -> (Interactions, Interactions, Vec<Vec<Field>>) {
    let mut random = Pcg64Mcg::seed_from_u64(3);
    let (mut users, mut items, mut ages) = (Vec::new(), Vec::new(), Vec::new());
    let (mut later_users, mut later_items) = (Vec::new(), Vec::new());
    for user in 0..CUSTOMERS {
        let favourites = [random.random_range(0..CATEGORIES), random.random_range(0..CATEGORIES)];
        let mut own = Vec::new();
        while own.len() < 5 {
            let place = (random.random::<f64>().powi(2) * f64::from(ITEMS / CATEGORIES)) as u32;
            let item = place * CATEGORIES + favourites[usize::from(random.random::<bool>())];
            if !own.contains(&item) {
                own.push(item);
            }
        }
        for (age, item) in own.iter().enumerate() {
            if age < 2 {
                later_users.push(user);
                later_items.push(*item);
            } else {
                users.push(user);
                items.push(*item);
                ages.push(age as f32);
            }
        }
    }
    let shape = (CUSTOMERS as usize, ITEMS as usize);
    let weights = vec![1.0; users.len()];
    let events = Events { users: &users, items: &items, weights: &weights, ages: Some(&ages) };
    let rest = Interactions::from_events(shape.0, shape.1, events, Repeats::KeepLast).unwrap();
    let weights = vec![1.0; later_users.len()];
    let events = Events { users: &later_users, items: &later_items, weights: &weights, ages: None };
    let later = Interactions::from_events(shape.0, shape.1, events, Repeats::KeepLast).unwrap();
    let field = |item| Field::new("category", format!("c{}", category(item)));
    (rest, later, (0..ITEMS).map(|item| vec![field(item)]).collect())
}

fn fitted(names: &[&str], rest: &Interactions) -> Vec<Arc<dyn Recommender>> {
    let fit = |name: &&str| {
        let entry = Entry::find(name).unwrap();
        entry.fit(&Training::new(rest), &entry.defaults()).unwrap().into()
    };
    names.iter().map(fit).collect()
}

/// The mean share of what came later among the first ten.
fn recall(model: &dyn Recommender, rest: &Interactions, later: &Interactions) -> f64 {
    let mut pad = Pad::default();
    let found = (0..CUSTOMERS).map(|user| {
        let list = model.recommend(History::of(rest, user), &ListOptions::unseen(10), &mut pad);
        let wanted = later.row(user as usize).0;
        list.iter().filter(|one| wanted.contains(&one.item)).count() as f64 / 2.0
    });
    found.sum::<f64>() / f64::from(CUSTOMERS)
}

#[test]
fn chances_are_learned_that_no_member_knows_and_are_true() {
    let (rest, later, documents) = shop();
    // Neither of them reads categories.
    let members = fitted(&["popular", "item-knn"], &rest);
    let documents = Some(&documents[..]);
    let pupil = Pupil { documents, depth: 240, seen: Seen::Remove, seed: 1 };
    let chances = pupil.learn(members.clone(), &rest, [&rest, &later]).unwrap();
    let ranker = Ranker::of(members.clone(), chances.clone(), &rest, documents, 240).unwrap();
    let own = recall(&ranker, &rest, &later);
    for member in &members {
        let other = recall(&**member, &rest, &later);
        assert!(own > other + 0.05, "{own} against {other} of {}", member.name());
    }
    let figures = ranker.figures();
    let share = figures.iter().find(|(name, _)| *name == "category_share").unwrap().1;
    assert!(share > 1.0, "{share}");
    // Of what is said to be taken with some chance, so many are taken.
    let (mut said, mut taken, mut pad) = (0.0, 0, Pad::default());
    for user in 0..CUSTOMERS {
        let options = ListOptions::unseen(ITEMS as usize);
        let list = ranker.recommend(History::of(&rest, user), &options, &mut pad);
        let wanted = later.row(user as usize).0;
        for one in list.iter().filter(|one| one.score > 0.1) {
            said += f64::from(one.score);
            taken += u32::from(wanted.contains(&one.item));
        }
    }
    assert!((said / f64::from(taken) - 1.0).abs() < 0.15, "{said} said, {taken} taken");
    assert!(chances.fits(2) && !chances.fits(3));
    let bytes = saved::to_bytes(&ranker);
    let loaded = saved::from_bytes(&bytes).unwrap();
    let history = History::of(&rest, 7);
    let lists = [&ranker as &dyn Recommender, &*loaded]
        .map(|model| model.recommend(history, &ListOptions::unseen(30), &mut pad));
    assert_eq!(lists[0], lists[1]);
}

#[test]
fn without_anything_taken_members_count_alike() {
    let (rest, _, documents) = shop();
    let members = fitted(&["popular", "item-knn"], &rest);
    let nothing =
        Interactions::from_triples(CUSTOMERS as usize, ITEMS as usize, &[], &[], &[], Repeats::Add);
    let pupil = Pupil { documents: Some(&documents), depth: 50, seen: Seen::Remove, seed: 1 };
    let chances = pupil.learn(members, &rest, [&rest, &nothing.unwrap()]).unwrap();
    assert_eq!(chances, Chances::alike(2));
}

#[test]
fn what_a_candidate_tells_is_right_by_hand() {
    let events = Events {
        users: &[0, 0, 0, 1],
        items: &[0, 1, 2, 3],
        weights: &[1.0, 4.0, 1.0, 1.0],
        ages: Some(&[9.0, 0.0, 5.0, 7.0]),
    };
    let known = Interactions::from_events(2, 5, events, Repeats::KeepLast).unwrap();
    let fields = |category: &str, band: &str| {
        vec![Field::new("category", category), Field::new("price_band", band)]
    };
    let documents = [
        fields("a", "10"),
        fields("a", "12"),
        fields("b", "14"),
        fields("a", "9"),
        fields("c", "no number"),
    ];
    let facts = Facts::of(&known, Some(&documents));
    let customer = facts.customer(History::of(&known, 0));
    let mut row = [f64::NAN; COLUMNS.len()];
    // Recencies by items: 1 is the youngest, then 2, then 0.
    let fade = |younger: f64| (-younger / 5.0).exp2();
    let [first, second, third] = [fade(0.0), fade(1.0), fade(2.0)];
    let all = first + second + third;
    let band = (12.0 * first + 14.0 * second + 10.0 * third) / all;
    facts.describe(&customer, 3, &mut row);
    let near = |got: f64, wanted: f64| assert!((got - wanted).abs() < 1e-6, "{got} {wanted}");
    near(row[0], 2_f64.ln());
    assert_eq!(row[2..5], [0.0; 3]);
    near(row[5], (first + third) / all);
    near(row[7], band - 9.0);
    near(row[8], 4_f64.ln());
    facts.describe(&customer, 1, &mut row);
    assert_eq!(row[2], 1.0);
    near(row[3], 5_f64.ln());
    near(row[4], 1.0);
    // The item itself says nothing of its category.
    near(row[5], third / (second + third));
    facts.describe(&customer, 4, &mut row);
    assert_eq!((row[5], row[7]), (0.0, 0.0));
}
