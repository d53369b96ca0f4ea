use super::*;

/// `count` numbers that look random, uniform on 0 … 1.
fn uniform(seed: u64, count: usize) -> Vec<f64> {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    (0..count).map(|_| (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64).collect()
}

fn each_alone(rows: usize) -> Vec<u64> {
    (0..rows as u64).collect()
}

#[test]
fn the_interval_of_a_mean_agrees_with_its_standard_error() {
    let values = uniform(1, 4000);
    let interval = Bootstrap::default().mean(&each_alone(4000), &values).unwrap();
    let half = 1.96 * (1.0 / 12.0 / 4000.0f64).sqrt();
    assert!(((interval.high - interval.low) / (2.0 * half) - 1.0).abs() < 0.1);
    assert!(interval.covers(interval.estimate) && interval.covers(0.5));
}

#[test]
fn rows_of_one_customer_are_drawn_together() {
    // Each value ten times: the interval must be that of 400 values, not of 4000.
    let values = uniform(2, 400);
    let repeated: Vec<f64> = values.iter().flat_map(|value| [*value; 10]).collect();
    let cluster: Vec<u64> = (0..4000).map(|row| row / 10).collect();
    let settings = Bootstrap::default();
    let clustered = settings.mean(&cluster, &repeated).unwrap();
    let once = settings.mean(&each_alone(400), &values).unwrap();
    assert!((clustered.low - once.low).abs() < 1e-12);
    assert!((clustered.high - once.high).abs() < 1e-12);
}

#[test]
fn a_ratio_is_the_ratio_of_the_sums() {
    let cluster = [7, 7, 9];
    let rows =
        Ratio { cluster: &cluster, numerator: &[1.0, 2.0, 0.0], denominator: &[1.0, 1.0, 4.0] };
    let interval = Bootstrap::default().ratio(&rows).unwrap();
    assert_eq!(interval.estimate, 0.5);
    // The draws are both 7, one of each, or both 9.
    assert_eq!((interval.low, interval.high), (0.0, 1.5));
}

#[test]
fn pairing_takes_away_what_differs_between_customers() {
    let base = uniform(3, 2000);
    let better: Vec<f64> = base.iter().map(|value| value + 0.01).collect();
    let settings = Bootstrap::default();
    let paired = settings.paired(&better, &base).unwrap();
    assert!((paired.difference.estimate - 0.01).abs() < 1e-12);
    assert!(paired.difference.low > 0.0099 && paired.difference.high < 0.0101);
    let relative = paired.relative.unwrap();
    assert!(relative.low > 0.019 && relative.high < 0.021);
    let (cluster, ones) = (each_alone(2000), vec![1.0; 2000]);
    let [first, second] = [&better, &base].map(|numerator| Ratio {
        cluster: &cluster,
        numerator,
        denominator: &ones,
    });
    let ratios = settings.ratio_difference(&first, &second).unwrap();
    assert!((ratios.difference.low - paired.difference.low).abs() < 1e-12);
    assert!((ratios.relative.unwrap().estimate - relative.estimate).abs() < 1e-12);
}

#[test]
fn customers_seen_by_one_policy_only_still_count() {
    let ones = [1.0; 2];
    let first = Ratio { cluster: &[1, 2], numerator: &[1.0, 3.0], denominator: &ones };
    let second = Ratio { cluster: &[3, 4], numerator: &[1.0, 1.0], denominator: &ones };
    let result = Bootstrap::default().ratio_difference(&first, &second).unwrap();
    assert_eq!(result.difference.estimate, 1.0);
    assert_eq!(result.relative.unwrap().estimate, 1.0);
}

#[test]
fn a_difference_relative_to_nothing_is_none() {
    let result = Bootstrap::default().paired(&[1.0, 2.0], &[0.0, 0.0]).unwrap();
    assert_eq!(result.difference.estimate, 1.5);
    assert_eq!(result.relative, None);
}

#[test]
fn intervals_cover_the_truth_as_often_as_they_say() {
    let settings = Bootstrap { resamples: 200, level: 0.9, seed: 5 };
    let covered = (0..400)
        .filter(|seed| {
            let values = uniform(1000 + seed, 60);
            settings.mean(&each_alone(60), &values).unwrap().covers(0.5)
        })
        .count();
    // Of 400 about 360; three standard errors are 18, and a percentile interval is a little short.
    assert!((335..=380).contains(&covered), "{covered}");
}

#[test]
fn the_same_seed_gives_the_same_bits_at_any_number_of_threads() {
    let values = uniform(9, 501);
    let cluster = each_alone(501);
    let [one, many] = [1, 3].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Bootstrap::default().mean(&cluster, &values).unwrap())
    });
    assert_eq!(one, many);
    let other = Bootstrap { seed: 43, ..Bootstrap::default() }.mean(&cluster, &values).unwrap();
    assert_ne!(one, other);
}

#[test]
fn malformed_input_is_refused() {
    let settings = Bootstrap::default();
    assert!(matches!(settings.mean(&[], &[]), Err(Error::TooLittle(_))));
    assert!(matches!(settings.mean(&[1], &[1.0, 2.0]), Err(Error::Length { .. })));
    assert!(matches!(settings.mean(&[1], &[f64::NAN]), Err(Error::NotFinite { .. })));
    let nothing = Ratio { cluster: &[1], numerator: &[1.0], denominator: &[0.0] };
    assert_eq!(
        settings.ratio(&nothing).unwrap_err().to_string(),
        "too little data: the denominators add up to 0"
    );
    assert!(settings.paired(&[1.0], &[]).is_err());
    assert!(Bootstrap { resamples: 1, ..settings }.mean(&[1], &[1.0]).is_err());
    assert!(Bootstrap { level: 1.0, ..settings }.mean(&[1], &[1.0]).is_err());
}

#[test]
fn quantiles_are_interpolated() {
    assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
    assert_eq!(quantile(&[5.0], 0.025), 5.0);
}
