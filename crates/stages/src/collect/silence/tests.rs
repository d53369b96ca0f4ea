use super::*;

const DAY: i64 = 144;

/// Draws numbers from a seed (SplitMix64).
struct Draw(u64);

impl Draw {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let (first, second) = (self.uniform().max(1e-300), self.uniform());
        (-2.0 * first.ln()).sqrt() * (std::f64::consts::TAU * second).cos()
    }

    fn poisson(&mut self, mean: f64) -> i64 {
        if mean > 200.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as i64;
        }
        let (mut product, mut count) = (self.uniform(), 0);
        while product > (-mean).exp() {
            product *= self.uniform();
            count += 1;
        }
        count
    }
}

/// A shop's source: quiet nights, busy evenings, another level at the weekend, and every day a
/// level of its own (a standard deviation of 30 %).
fn simulated(events_day: f64, days: i64, seed: u64) -> Activity {
    let mut draw = Draw(seed);
    let mut activity = Activity { first: 0, ..Activity::default() };
    let mut level = 1.0;
    for slot in 0..days * DAY {
        let (day, hour) = (slot / DAY, (slot % DAY) as f64 / 6.0);
        if slot % DAY == 0 {
            level = (0.3 * draw.normal()).exp();
        }
        let night = if hour < 6.0 { 0.05 } else { 1.0 };
        let evening = 1.0 + (-(hour - 20.0).powi(2) / 8.0).exp();
        let weekend = if day % 7 >= 5 { 0.5 } else { 1.0 };
        let mean = events_day / DAY as f64 * night * evening * weekend * level;
        let count = draw.poisson(mean);
        if count > 0 {
            activity.slots.insert(slot, count);
        }
    }
    activity
}

fn ends_at(slot: i64) -> [i64; WEEKS + 1] {
    std::array::from_fn(|week| slot - WEEK * week as i64)
}

fn look(activity: &Activity, slot: i64) -> Option<Silent> {
    let known = Activity {
        first: activity.first,
        slots: activity.slots.range(..=slot).map(|(slot, count)| (*slot, *count)).collect(),
    };
    judge(&known, slot)
}

/// Judges a source by all that is known of it, which ends with this slot.
fn judge(known: &Activity, slot: i64) -> Option<Silent> {
    gap(known, &ends_at(slot)).or_else(|| too_few(known, &ends_at(slot)))
}

#[test]
fn cycles_nights_and_bad_days_raise_no_alarm() {
    let (mut looks, mut alarms) = (0, Vec::new());
    for (number, events_day) in [10.0, 60.0, 400.0, 3_000.0, 100_000.0].into_iter().enumerate() {
        for seed in 0..4 {
            let activity = simulated(events_day, 63, 100 * number as u64 + seed);
            let mut known = Activity::default();
            let mut rest = activity.slots.into_iter().peekable();
            // Every half an hour for eight weeks.
            for slot in (7 * DAY..63 * DAY).step_by(3) {
                known.slots.extend(std::iter::from_fn(|| rest.next_if(|next| next.0 <= slot)));
                looks += 1;
                alarms.extend(judge(&known, slot).map(|silent| (events_day, seed, silent)));
            }
        }
    }
    assert_eq!((looks, alarms.len()), (53_760, 0), "{alarms:?}");
}

/// Returns after how many slots a source that ends is told to be silent.
fn delay(mut activity: Activity, ends: i64) -> i64 {
    activity.slots.retain(|slot, _| *slot < ends);
    let told = (ends..ends + 5 * DAY).find(|slot| look(&activity, *slot).is_some());
    let told = told.unwrap() - ends;
    // Once told it stays told, through the quiet night and the next weeks.
    for later in (ends + told..ends + 17 * DAY).step_by(7) {
        assert!(look(&activity, later).is_some(), "slot {later} of a silence since {ends}");
    }
    told
}

#[test]
fn a_source_that_ends_is_told_soon_and_until_something_comes() {
    let noon = 42 * DAY + 72;
    let mut found = Vec::new();
    for (events_day, hours_max) in [(60.0, 24.0), (400.0, 8.0), (3_000.0, 1.5), (100_000.0, 1.0)] {
        for seed in 0..4 {
            let slots = delay(simulated(events_day, 63, seed), noon);
            found.push((events_day, slots));
            assert!(slots as f64 / 6.0 <= hours_max, "{found:?}");
        }
    }
    // One event is enough to end it.
    let mut activity = simulated(3_000.0, 63, 1);
    activity.slots.retain(|slot, _| *slot < noon);
    assert!(look(&activity, noon + 30).is_some());
    activity.slots.insert(noon + 31, 1);
    assert!(gap(&activity, &ends_at(noon + 31)).is_none());
}

#[test]
fn a_source_that_loses_nine_of_ten_events_is_told_too() {
    let noon = 42 * DAY + 72;
    let mut activity = simulated(20_000.0, 43, 5);
    for (_, count) in activity.slots.range_mut(noon..) {
        *count /= 20;
    }
    let told = (noon..noon + DAY).find(|slot| look(&activity, *slot).is_some());
    assert!(told.is_some_and(|told| told - noon <= 12), "{told:?}");
}

#[test]
fn new_sources_and_those_that_send_in_heaps_raise_no_alarm() {
    let mut new = simulated(3_000.0, 6, 1);
    new.slots.retain(|slot, _| *slot < 5 * DAY);
    assert!((0..7 * DAY).all(|slot| look(&new, slot).is_none()));
    // From then on it has a past.
    assert!(look(&new, 7 * DAY + 144).is_some());
    let mut heaps = Activity::default();
    for day in 0..56 {
        // At three in the night, give or take an hour.
        heaps.slots.insert(day * DAY + 18 + day * 5 % 13 - 6, 5_000);
    }
    assert!((8 * DAY..56 * DAY).all(|slot| look(&heaps, slot).is_none()));
}

#[test]
fn an_outage_a_week_ago_does_not_hide_one_today() {
    let noon = 42 * DAY + 72;
    let mut activity = simulated(20_000.0, 43, 9);
    activity.slots.retain(|slot, _| !(noon - WEEK..noon - WEEK + 36).contains(slot));
    activity.slots.retain(|slot, _| *slot < noon);
    assert!(look(&activity, noon + 6).is_some());
}

#[test]
fn the_bound_is_the_distributions() {
    // Summed in Python with lgamma: 9.42e-7 and 1.01e-6; 7.46e-7 and 1.05e-6.
    assert!(is_too_few(122, 1000) && !is_too_few(123, 1000));
    assert!(is_too_few(20, 200) && !is_too_few(21, 200));
    // (10 / 30)¹⁰ = 1.7e-5.
    assert!(!is_too_few(0, 20));
}

#[test]
fn the_same_time_of_the_week_is_by_the_shops_clock() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    // Monday, 2026-03-30 10:00 in Berlin, the day after the clocks went forward.
    let now = "2026-03-30T08:00:00Z".parse::<Timestamp>().unwrap().as_microsecond();
    let ends = ends(&zone, now);
    assert_eq!(ends[0] - ends[1], WEEK - 6);
    assert_eq!(ends[1] - ends[2], WEEK);
}

#[test]
fn what_the_inbox_counted_tells_that_a_source_has_fallen_silent() {
    use shopwise_store::inbox::{Arrival, Delivery};
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("inbox.db").display());
    let inbox = Inbox::open(&url, folder.path()).unwrap();
    let begin = 2_900_000;
    for slot in (begin..begin + 8 * DAY).step_by(2) {
        let arrivals = vec![Arrival::Refused { reason: "x".to_owned() }; 5];
        let (source, received_at) = ("web".to_owned(), slot * SLOT);
        inbox.accept(&[Delivery { source, received_at, arrivals }], received_at).unwrap();
    }
    let silent = |slot: i64| silent(&inbox, "Asia/Shanghai", slot * SLOT + 1).unwrap();
    assert!(silent(begin + 8 * DAY).is_empty());
    let found = silent(begin + 8 * DAY + 12);
    assert_eq!(found.len(), 1);
    let Silent { source, minutes, received, expected, .. } = &found[0];
    assert_eq!((source.as_str(), *minutes, *received, *expected), ("web", 130, 0, 30));
}
