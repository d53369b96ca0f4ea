//! Nobody pays more than his budget, whatever is clicked.

use super::*;
use shopwise_model::Settings;
use shopwise_model::time::DAY;

fn campaign(id: &str, budget: i64, budget_day: Option<i64>) -> Campaign {
    Campaign {
        id: id.to_owned(),
        bid_per_click: 10,
        budget,
        budget_day,
        starts_at: 0,
        ends_at: 10 * DAY,
        ..Campaign::default()
    }
}

fn desk(campaigns: Vec<Campaign>) -> Desk {
    Desk::new(campaigns, Calendar::of(&Settings::default()).unwrap())
}

fn offer(value_click: f64) -> Offer {
    Offer { value_click, p_click: 0.5, ..Offer::default() }
}

#[test]
fn dates_segments_and_money_decide_who_may_be_shown() {
    let mut late = campaign("late", 100, None);
    late.starts_at = 5 * DAY;
    let mut meant = campaign("meant", 100, None);
    meant.segments = vec!["segment-1".to_owned()];
    let desk = desk(vec![campaign("a", 100, None), campaign("poor", 9, None), late, meant]);
    assert_eq!(desk.eligible(None, DAY), [0]);
    assert_eq!(desk.eligible(Some("segment-1"), DAY), [0, 3]);
    assert_eq!(desk.eligible(Some("segment-2"), 6 * DAY), [0, 2]);
    assert_eq!(desk.eligible(None, 10 * DAY), [0_usize; 0]);
}

#[test]
fn slots_are_filled_by_value_without_repeating() {
    let mut desk = desk((0..3).map(|_| campaign("a", 100, None)).collect());
    let offers = [offer(1.0), offer(3.0), offer(2.0)];
    let shown = desk.decide(1, 0, &[0, 1, 2], &offers, 0.3, &[0.9, 0.9]).unwrap();
    assert_eq!(shown.iter().map(|one| one.campaign).collect::<Vec<_>>(), [1, 2]);
    assert!((shown[0].propensity - 0.8).abs() < 1e-15);
    assert!((shown[1].propensity - 0.85).abs() < 1e-15);
}

#[test]
fn what_is_shown_is_set_aside_until_the_visit_is_over() {
    let mut desk = desk(vec![campaign("a", 25, None)]);
    for visit in 0..2 {
        assert_eq!(desk.decide(visit, 0, &[0], &[offer(1.0)], 0.0, &[0.5]).unwrap().len(), 1);
    }
    assert_eq!(desk.eligible(None, 0), [0_usize; 0]);
    desk.clicked(0, 0, 10);
    desk.close();
    assert_eq!(desk.spent_micros(0), 10);
    assert_eq!(desk.eligible(None, 0), [0]);
    desk.clicked(1, 0, 10);
    assert_eq!(desk.spent_micros(0), 10, "a click after the visit is over costs nothing");
}

#[test]
fn a_daily_budget_begins_anew() {
    let mut desk = desk(vec![campaign("a", 100, Some(10))]);
    desk.decide(0, 0, &[0], &[offer(1.0)], 0.0, &[0.5]).unwrap();
    desk.clicked(0, 0, 10);
    assert_eq!(desk.eligible(None, 0), [0_usize; 0]);
    assert_eq!(desk.eligible(None, DAY), [0]);
}

proptest::proptest! {
    #[test]
    fn budgets_are_never_overspent(
        visits in proptest::collection::vec((0_u32..6, 0.0..1.0_f64, 0_u8..4), 1..200),
        budget in 0_i64..200,
        budget_day in 0_i64..60,
    ) {
        let mut desk = desk(vec![
            campaign("a", budget, Some(budget_day)),
            campaign("b", budget, None),
            campaign("c", 1000, Some(budget_day)),
        ]);
        let mut paid = [[0_i64; 6]; 3];
        for (visit, (day, draw, clicks)) in visits.iter().enumerate() {
            let (visit, at) = (visit as u64, i64::from(*day) * DAY);
            let eligible = desk.eligible(None, at);
            let offers = vec![offer(1.0); eligible.len()];
            let shown = desk.decide(visit, at, &eligible, &offers, 0.5, &[*draw, *draw]).unwrap();
            for one in shown.iter().take(usize::from(*clicks)) {
                desk.clicked(visit, one.campaign, 10);
                paid[one.campaign][*day as usize] += 10;
            }
            if *clicks == 3 {
                desk.close();
            }
        }
        for (place, days) in paid.iter().enumerate() {
            let campaign = &desk.campaigns()[place];
            proptest::prop_assert_eq!(days.iter().sum::<i64>(), desk.spent_micros(place));
            proptest::prop_assert!(desk.spent_micros(place) <= campaign.budget);
            for day in days {
                proptest::prop_assert!(*day <= campaign.budget_day.unwrap_or(i64::MAX));
            }
        }
    }
}
