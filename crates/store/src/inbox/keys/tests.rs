use std::time::Instant;

use proptest::prelude::*;
use rustc_hash::FxHashSet;

use super::*;

#[derive(Debug, Clone, Copy)]
enum Operation {
    Insert(u128),
    Remove(u128),
    Shrink,
    Settle,
}

/// Keys that crowd: few tables, few places within, few messages; and some anywhere.
fn crowded() -> impl Strategy<Value = u128> {
    let near = (0..2_u128, 0..4_u128, 0..40_u128, 0..3_u128).prop_map(
        |(table, place, message, payload)| table << 118 | place << 116 | message << 64 | payload,
    );
    let edge = (0..4_u128, 0..3_u128)
        .prop_map(|(message, payload)| ((1 << 118) - 1 - (message << 64)) | payload);
    prop_oneof![8 => near, 2 => edge, 1 => any::<u128>()]
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        12 => crowded().prop_map(Operation::Insert),
        8 => crowded().prop_map(Operation::Remove),
        1 => Just(Operation::Shrink),
        2 => Just(Operation::Settle),
    ]
}

fn expected(model: &FxHashSet<u128>, key: u128) -> Known {
    let same = model.iter().any(|other| message(*other) == message(key));
    match (model.contains(&key), same) {
        (true, _) => Known::Key,
        (false, true) => Known::Message,
        (false, false) => Known::Nothing,
    }
}

proptest! {
    #[test]
    fn they_behave_like_a_plain_set_in_memory_and_on_disk(
        operations in prop::collection::vec(operation(), 1..400),
        asked in prop::collection::vec(crowded(), 40),
        least in prop_oneof![Just(5), Just(40), Just(1 << 20)],
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (mut keys, mut model) = (Keys::with_least(folder.path(), least), FxHashSet::default());
        for operation in operations {
            match operation {
                Operation::Insert(bits) => {
                    let key = key(bits.to_be_bytes());
                    prop_assert_eq!(keys.look(key).unwrap(), expected(&model, key));
                    if model.insert(key) {
                        keys.insert_all(&mut [key]);
                    }
                }
                Operation::Remove(bits) => {
                    let key = key(bits.to_be_bytes());
                    keys.remove_all(&mut vec![key]).unwrap();
                    model.remove(&key);
                }
                Operation::Shrink => keys.shrink(),
                Operation::Settle => keys.settle(),
            }
            prop_assert_eq!(keys.len(), model.len());
        }
        let asked = asked.into_iter().map(|bits| key(bits.to_be_bytes()));
        for key in model.iter().copied().chain(asked) {
            prop_assert_eq!(keys.look(key).unwrap(), expected(&model, key));
        }
        let mut half: Vec<_> = model.iter().copied().filter(|key| key % 2 == 1).collect();
        keys.remove_all(&mut half).unwrap();
        model.retain(|key| key % 2 == 0);
        prop_assert_eq!(keys.len(), model.len());
    }
}

/// Key number `number` of an endless row of random ones (Steele and others 2014, SplitMix64).
fn random(number: u64) -> u128 {
    let mix = |mut bits: u64| {
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    let high = mix(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    u128::from(high) << 64 | u128::from(mix(high))
}

/// Keys number `first` to `last`.
fn some(first: u64, last: u64) -> Vec<u128> {
    (first..=last).map(random).collect()
}

/// A set of that many keys, at most a tenth of them in memory.
fn on_disk(folder: &Path, count: u64) -> Keys {
    let mut keys = Keys::with_least(folder, count as usize / 10);
    for first in (1..=count).step_by(1_000) {
        keys.insert_all(&mut some(first, (first + 999).min(count)));
        keys.settle();
    }
    keys
}

#[test]
fn memory_grows_by_two_bytes_a_key_and_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut keys = Keys::with_least(folder.path(), 1 << 20);
    keys.insert_all(&mut some(1, 400_000));
    let per_key = keys.bytes() as f64 / keys.len() as f64;
    assert!((20.0..23.5).contains(&per_key), "{per_key}");
    let mut keys = on_disk(folder.path(), 400_000);
    let on_disk: usize = keys.runs.iter().map(Run::len).sum();
    let bytes: usize = keys.runs.iter().map(Run::bytes).sum();
    assert!(on_disk >= 300_000, "{on_disk}");
    assert!((2.0..2.1).contains(&(bytes as f64 / on_disk as f64)), "{bytes}");
    let absent = (400_001..=500_000).map(random).filter(|key| {
        assert_eq!(keys.look(*key).unwrap(), Known::Nothing);
        keys.runs.iter().any(|run| run.may_hold(*key))
    });
    // Eight runs: some two of a thousand each.
    assert!(absent.count() < 3_000);
    keys.remove_all(&mut some(1, 399_000)).unwrap();
    keys.shrink();
    assert!(keys.bytes() < 100_000, "{}", keys.bytes());
    assert!(some(399_001, 400_000).into_iter().all(|key| keys.look(key).unwrap() == Known::Key));
    let gone = some(1, 399_000).into_iter();
    assert!(gone.into_iter().all(|key| keys.look(key).unwrap() == Known::Nothing));
    // Nothing of it has a name.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_damaged_file_is_never_believed() {
    let folder = tempfile::tempdir().unwrap();
    let mut keys = on_disk(folder.path(), 10_000);
    assert!(testing::damage(&mut keys) > 0);
    assert!(!keys.is_spoiled());
    assert!(keys.look(random(1)).is_err());
    assert!(keys.is_spoiled());
    assert!(keys.remove_all(&mut vec![random(2)]).is_err());
    let again = keys.emptied();
    assert_eq!((again.len(), again.is_spoiled()), (0, false));
}

#[test]
fn without_a_disk_they_stay_in_memory() {
    let mut keys = Keys::with_least(Path::new("/nowhere/at/all"), 100);
    for first in (1..=1_000).step_by(50) {
        keys.insert_all(&mut some(first, first + 49));
        keys.settle();
    }
    assert_eq!((keys.len(), keys.runs.len()), (1_000, 0));
    assert!(some(1, 1_000).into_iter().all(|key| keys.look(key).unwrap() == Known::Key));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "only the environment asks for slow tests")]
fn a_hundred_million_keys_fit_and_are_found() {
    let Some(count) = std::env::var("RUN_SLOW").ok().map(|_| 100_000_000_u64) else { return };
    let folder = tempfile::tempdir_in(".").unwrap();
    let mut keys = Keys::with_least(folder.path(), 1 << 20);
    let nanoseconds = |since: Instant, count: u64| since.elapsed().as_nanos() / u128::from(count);
    let start = Instant::now();
    for first in (1..=count).step_by(1_000_000) {
        keys.insert_all(&mut some(first, first + 999_999));
    }
    println!("in batches: {} ns a key", nanoseconds(start, count));
    keys.settle();
    let runs = keys.runs.len();
    println!("{:.2} bytes a key, {runs} runs", keys.bytes() as f64 / keys.len() as f64);
    let start = Instant::now();
    let present = (1..=1_000_000).map(|number| random(number * 99));
    assert!(present.into_iter().all(|key| keys.look(key).unwrap() == Known::Key));
    println!("present: {} ns a look", nanoseconds(start, 1_000_000));
    let start = Instant::now();
    let absent = (count + 1..=count + 10_000_000).map(random);
    assert!(absent.into_iter().all(|key| keys.look(key).unwrap() == Known::Nothing));
    println!("absent: {} ns a look", nanoseconds(start, 10_000_000));
    let (start, mut most) = (Instant::now(), 0);
    for first in (count + 1..=count + 10_000_000).step_by(300) {
        let start = Instant::now();
        keys.insert_all(&mut some(first, first + 299));
        most = most.max(start.elapsed().as_millis());
    }
    println!("by 300: {} ns a key, at most {most} ms", nanoseconds(start, 10_000_000));
    let start = Instant::now();
    for first in (1..=10_000_000).step_by(1_000_000) {
        keys.remove_all(&mut some(first, first + 999_999)).unwrap();
    }
    println!("taken out: {} ns a key", nanoseconds(start, 10_000_000));
}
