use super::*;
use crate::interactions::Repeats;

/// 300 users and 200 items of two tastes; each has half of the items of his own.
fn tastes() -> Interactions {
    let pairs = (0..300_u32).flat_map(|user| (0..200_u32).map(move |item| (user, item)));
    let own = |(user, item): &(u32, u32)| user % 2 == item % 2 && (user * 31 + item * 17) % 7 < 3;
    let (users, items): (Vec<u32>, Vec<u32>) = pairs.filter(own).unzip();
    let ones = vec![1.0; users.len()];
    Interactions::from_triples(300, 200, &users, &items, &ones, Repeats::Add).unwrap()
}

fn fit(all: &Interactions, threads: usize) -> Bpr {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let rates = Rates { step: 0.05, hold: 0.01, popularity: 0.5 };
    pool.install(|| Bpr::fit(&Training::new(all), 8, 30, rates))
}

#[test]
fn a_step_by_hand() {
    let pad = |values: [f32; 2]| {
        let mut row = vec![0.0; 16];
        row[..2].copy_from_slice(&values);
        row
    };
    let (mut x, mut y, mut z) = (pad([1.0, 0.0]), pad([2.0, 1.0]), pad([0.0, 1.0]));
    struct Step<'a>([&'a mut [f32]; 3]);
    impl Job<f32> for Step<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes<f32>, const ROWS: usize>(self) {
            let [x, y, z] = self.0;
            step::<L>(x, y, z, Rates { step: 0.1, hold: 0.5, popularity: 0.5 });
        }
    }
    Level::detect().run(Step([&mut x, &mut y, &mut z]));
    // σ(−2) = .1192; x + .1 (σ (y − z) − .5 x), y + .1 (σ x − .5 y), z − .1 (σ x + .5 z).
    let pull = 0.1 / (1.0 + 2.0_f32.exp());
    assert!((x[0] - (0.95 + 2.0 * pull)).abs() < 1e-6 && x[1].abs() < 1e-6);
    assert!((y[0] - (1.9 + pull)).abs() < 1e-6 && (y[1] - 0.95).abs() < 1e-6);
    assert!((z[0] + pull).abs() < 1e-6 && (z[1] - 0.95).abs() < 1e-6);
}

#[test]
fn many_groups_give_the_same_bits_at_any_number_of_threads() {
    let all = tastes();
    let (one, three) = (fit(&all, 1), fit(&all, 3));
    assert_eq!((&one.users, &one.items), (&three.users, &three.items));
}

#[test]
fn everybody_gets_what_is_to_his_taste_newcomers_too() {
    let all = tastes();
    let model = fit(&all, 2);
    for user in 0..20 {
        for user_known in [Some(user), None] {
            let history = History { user: user_known, ..History::of(&all, user) };
            let list = model.recommend(history, &ListOptions::unseen(10), &mut Pad::default());
            let own = list.iter().filter(|one| one.item % 2 == user % 2).count();
            assert!(own >= 9, "{own} of 10 for {user_known:?}");
        }
    }
}
