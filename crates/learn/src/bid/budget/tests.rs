use proptest::prelude::*;

use super::*;

fn budget(total_micros: i64, daily_micros: i64) -> Budget {
    Budget::new(Limits { total_micros: Some(total_micros), daily_micros: Some(daily_micros) })
}

#[test]
fn a_day_by_hand() {
    let mut budget = budget(100, 60);
    let first = budget.reserve(40, 1, 10).unwrap();
    assert_eq!(budget.reserve(30, 1, 10), Err(Refusal::Day { left_micros: 20 }));
    budget.commit(first, 25).unwrap();
    assert_eq!((budget.left_micros(1), budget.spent_on_micros(1)), (35, 25));
    let second = budget.reserve(60, 2, 10).unwrap();
    assert_eq!(budget.reserve(20, 1, 10), Err(Refusal::Total { left_micros: 15 }));
    budget.release(second).unwrap();
    assert_eq!((budget.spent_micros(), budget.held_micros()), (25, 0));
}

#[test]
fn a_price_equal_to_the_daily_budget_is_paid_exactly_once() {
    let mut budget = budget(1000, 100);
    let paid = budget.reserve(100, 1, 10).unwrap();
    assert_eq!(
        budget.reserve(100, 1, 10).unwrap_err().to_string(),
        "the budget of the day has `0` micros left"
    );
    budget.commit(paid, 100).unwrap();
    assert!(budget.reserve(1, 1, 10).is_err());
    assert!(budget.reserve(100, 2, 10).is_ok());
}

#[test]
fn a_notice_that_comes_twice_or_late_is_refused() {
    let mut budget = budget(100, 100);
    let first = budget.reserve(10, 1, 5).unwrap();
    let second = budget.reserve(10, 1, 6).unwrap();
    budget.commit(first, 10).unwrap();
    assert_eq!(budget.commit(first, 10), Err(Refusal::NotOpen));
    assert_eq!(budget.expire(5), 0);
    assert_eq!(budget.expire(6), 1);
    assert_eq!(budget.commit(second, 10), Err(Refusal::NotOpen));
    assert_eq!(budget.release(second), Err(Refusal::NotOpen));
    assert_eq!((budget.spent_micros(), budget.held_micros()), (10, 0));
}

#[test]
fn more_than_was_reserved_cannot_be_spent() {
    let mut budget = budget(100, 100);
    let reservation = budget.reserve(10, 1, 5).unwrap();
    assert_eq!(budget.commit(reservation, 11), Err(Refusal::Cost { cost_micros: 11 }));
    assert_eq!(budget.commit(reservation, -1), Err(Refusal::Cost { cost_micros: -1 }));
    assert_eq!(budget.reserve(-1, 1, 5), Err(Refusal::Cost { cost_micros: -1 }));
    assert!(budget.commit(reservation, 10).is_ok());
}

#[test]
fn a_lowered_limit_refuses_what_comes_next() {
    let mut budget = budget(100, 100);
    let reservation = budget.reserve(80, 1, 5).unwrap();
    budget.limits.total_micros = Some(50);
    assert_eq!(budget.left_micros(1), 0);
    assert_eq!(budget.reserve(1, 2, 5), Err(Refusal::Total { left_micros: 0 }));
    budget.commit(reservation, 80).unwrap();
}

#[test]
fn without_limits_the_sums_do_not_overflow() {
    let mut budget = Budget::new(Limits::default());
    assert!(budget.reserve(i64::MAX, 1, 5).is_ok());
    assert_eq!(budget.reserve(1, 2, 5), Err(Refusal::Total { left_micros: 0 }));
}

/// What can be done to a budget; settling names one of all reservations ever made.
#[derive(Debug, Clone, Copy)]
enum Operation {
    Reserve { cost: i64, day: i32, expires_at: i64 },
    Commit { which: usize, cost: i64 },
    Release { which: usize },
    Expire { now: i64 },
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (-2i64..40, 0i32..3, 0i64..20)
            .prop_map(|(cost, day, expires_at)| Operation::Reserve { cost, day, expires_at }),
        3 => (0usize..30, -2i64..45).prop_map(|(which, cost)| Operation::Commit { which, cost }),
        1 => (0usize..30).prop_map(|which| Operation::Release { which }),
        1 => (0i64..20).prop_map(|now| Operation::Expire { now }),
    ]
}

/// The dumbest correct budget: a list of everything that was granted.
#[derive(Debug, Default)]
struct Model {
    granted: Vec<Granted>,
}

#[derive(Debug, Clone, Copy)]
struct Granted {
    day: i32,
    /// What is held while open, what was spent once settled.
    amount: i64,
    expires_at: i64,
    is_open: bool,
}

impl Model {
    fn used(&self, day: Option<i32>) -> i64 {
        let of_day = self.granted.iter().filter(|one| day.is_none_or(|day| day == one.day));
        of_day.map(|one| one.amount).sum()
    }

    fn may(&self, cost: i64, day: i32, total: i64, daily: i64) -> bool {
        cost >= 0 && self.used(None) + cost <= total && self.used(Some(day)) + cost <= daily
    }

    /// Settles a reservation at a cost if it is open and covers it.
    fn settle(&mut self, which: usize, cost: i64) -> bool {
        match self.granted.get_mut(which) {
            Some(one) if one.is_open && (0..=one.amount).contains(&cost) => {
                one.amount = cost;
                one.is_open = false;
                true
            }
            _ => false,
        }
    }
}

proptest! {
    #[test]
    fn the_budget_is_never_overspent(
        total in 0i64..200,
        daily in 0i64..90,
        operations in prop::collection::vec(operation(), 0..80),
    ) {
        let mut budget = budget(total, daily);
        let mut model = Model::default();
        let mut reservations = Vec::new();
        for operation in operations {
            match operation {
                Operation::Reserve { cost, day, expires_at } => {
                    let may = model.may(cost, day, total, daily);
                    let reserved = budget.reserve(cost, day, expires_at);
                    prop_assert_eq!(reserved.is_ok(), may);
                    if let Ok(reservation) = reserved {
                        reservations.push(reservation);
                        let one = Granted { day, amount: cost, expires_at, is_open: true };
                        model.granted.push(one);
                    }
                }
                Operation::Commit { which, cost } => {
                    let reservation = reservations.get(which);
                    let done = reservation.is_some_and(|one| budget.commit(*one, cost).is_ok());
                    prop_assert_eq!(done, model.settle(which, cost));
                }
                Operation::Release { which } => {
                    let reservation = reservations.get(which);
                    let done = reservation.is_some_and(|one| budget.release(*one).is_ok());
                    prop_assert_eq!(done, model.settle(which, 0));
                }
                Operation::Expire { now } => {
                    let due: Vec<usize> = (0..model.granted.len())
                        .filter(|at| model.granted[*at].is_open)
                        .filter(|at| model.granted[*at].expires_at <= now)
                        .collect();
                    prop_assert_eq!(budget.expire(now), due.len());
                    due.into_iter().for_each(|at| assert!(model.settle(at, 0)));
                }
            }
            prop_assert!(budget.spent_micros() + budget.held_micros() <= total);
            prop_assert_eq!(budget.spent_micros() + budget.held_micros(), model.used(None));
            for day in 0..3 {
                prop_assert!(budget.spent_on_micros(day) <= daily);
                let left = (total - model.used(None)).min(daily - model.used(Some(day)));
                prop_assert_eq!(budget.left_micros(day), left);
            }
        }
    }
}
