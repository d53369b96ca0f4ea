use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::{BgNbd, GammaGamma, History, Outlook, Purchases, follow};
use crate::error::Error;

fn close(got: f64, expected: f64, tolerance: f64) {
    let error = (got - expected).abs() / expected.abs().max(1.0);
    assert!(error <= tolerance, "got {got}, expected {expected}: off by {error:e}");
}

/// The published model of CDNOW's customers (Fader, Hardie and Lee 2005, table 1).
fn published() -> BgNbd {
    BgNbd::of_parameters([0.243, 4.414, 0.793, 2.426]).unwrap()
}

fn history(repeats: u32, last: u32, age: u32, amount: f64) -> History {
    History { repeats, last, age, amount }
}

/// Histories without any chance in them, that look like a shop's.
fn made_up() -> Vec<History> {
    let one = |place: u32| {
        let age = 60 + place * 37 % 240;
        let repeats = [0, 0, 0, 1, 0, 2, 0, 1, 5, 0, 12, 0, 30][place as usize % 13];
        // Who bought often is still there, who bought once or twice soon left.
        let last = match repeats {
            0 => 0,
            1 | 2 => (place * 53 % (age / 3)).max(repeats),
            _ => (age - age / (1 + place % 7 * 3 + repeats / 4)).max(repeats),
        };
        let amount = if repeats == 0 { 0.0 } else { 10.0 + f64::from(place * 29 % 97) };
        history(repeats, last, age, amount)
    };
    (0..600).map(one).collect()
}

#[test]
fn purchases_become_histories_by_hand() {
    let purchases = Purchases {
        buyers: &[7, 7, 7, 2, 7, 7, 9, 2],
        days: &[4, 1, 1, 6, 9, 13, 8, 12],
        amounts: &[6.0, 2.0, 3.0, 5.0, 1.0, 50.0, 4.0, 8.0],
    };
    let found = follow(purchases, 7, 5).unwrap();
    assert_eq!(found.len(), 2, "who first bought later is not known yet");
    assert_eq!((found[0].buyer, found[0].history), (2, history(0, 0, 1, 0.0)));
    assert_eq!((found[0].purchases, found[0].value), (1, 8.0));
    assert_eq!((found[1].buyer, found[1].history), (7, history(1, 3, 6, 6.0)));
    assert_eq!((found[1].purchases, found[1].value), (1, 1.0));
}

#[test]
fn a_published_forecast_is_met() {
    // Fader and Hardie, Implementing the BG/NBD Model in Excel: 2 purchases, the last after 30.43
    // weeks of 38.86, then 39 weeks: 1.226 purchases.
    let model = published();
    let of = history(2, 213, 272, 0.0);
    close(model.expected(&[of], 273.0)[0], 1.226, 2e-3);
    assert_eq!(model.alive(&history(0, 0, 272, 0.0)), 1.0);
    // 1 / (1 + a/(b + 1) ((α + T)/(α + t))^(r + 2)).
    let by_hand = 1.0
        / (1.0 + 0.793 / 3.426 * ((4.414 + 272.0 / 7.0) / (4.414 + 213.0 / 7.0_f64)).powf(2.243));
    close(model.alive(&of), by_hand, 1e-14);
}

/// Fitted by the Python package lifetimes 0.11.3: `BetaGeoFitter().fit(x, t / 7, age / 7,
/// tol=1e-8)`, `GammaGammaFitter().fit(x, amount)` on the same rows.
#[test]
fn parameters_are_those_of_lifetimes() {
    let histories = made_up();
    let model = BgNbd::fit(&histories, 7.0).unwrap();
    let expected = [0.194_593_8, 0.819_023_4, 0.108_507_2, 0.332_283_4];
    for (got, expected) in model.parameters().into_iter().zip(expected) {
        close(got / expected, 1.0, 1e-4);
    }
    let amounts = GammaGamma::fit(&histories).unwrap();
    for (got, expected) in
        [(amounts.p, 5.710_220_6), (amounts.q, 3.171_779_2), (amounts.v, 24.206_437_7)]
    {
        close(got / expected, 1.0, 1e-3);
    }
    close(model.expected(&histories[10..11], 90.0)[0], 5.353_495_0, 1e-4);
    close(amounts.expected(&histories[10]), 104.698_843_8, 1e-4);
}

#[test]
fn no_other_parameters_are_likelier() {
    let histories = made_up();
    let model = BgNbd::fit(&histories, 7.0).unwrap();
    let amounts = GammaGamma::fit(&histories).unwrap();
    for place in 0..4 {
        for factor in [0.99, 1.01] {
            let mut parameters = model.parameters();
            parameters[place] *= factor;
            assert!(likelihood(&histories, parameters) < model.log_likelihood);
        }
    }
    close(likelihood(&histories, model.parameters()), model.log_likelihood, 1e-12);
    let best = [amounts.p, amounts.q, amounts.v];
    close(likelihood_of_amounts(&histories, best), amounts.log_likelihood, 1e-12);
    for place in 0..3 {
        for factor in [0.99, 1.01] {
            let mut parameters = best;
            parameters[place] *= factor;
            assert!(likelihood_of_amounts(&histories, parameters) < amounts.log_likelihood);
        }
    }
}

/// The likelihood as the paper has it, history by history.
fn likelihood(histories: &[History], [r, alpha, a, b]: [f64; 4]) -> f64 {
    let one = |history: &History| {
        let x = f64::from(history.repeats);
        let (last, age) = (f64::from(history.last) / 7.0, f64::from(history.age) / 7.0);
        let beta = |x: f64, y: f64| (gamma(x) + gamma(y) - gamma(x + y)).exp();
        let rates = (gamma(r + x) - gamma(r)).exp() * alpha.powf(r);
        let stays = beta(a, b + x) / beta(a, b) * rates / (alpha + age).powf(r + x);
        let leaves = if history.repeats > 0 {
            beta(a + 1.0, b + x - 1.0) / beta(a, b) * rates / (alpha + last).powf(r + x)
        } else {
            0.0
        };
        (stays + leaves).ln()
    };
    histories.iter().map(one).sum()
}

fn likelihood_of_amounts(histories: &[History], [p, q, v]: [f64; 3]) -> f64 {
    let one = |history: &History| {
        let (x, m) = (f64::from(history.repeats), history.amount);
        let shape = p * x;
        let constant = gamma(shape + q) - gamma(shape) - gamma(q);
        constant + (v / (v + x * m)).ln() * q + (x * m / (v + x * m)).ln() * shape - m.ln()
    };
    histories.iter().filter(|history| history.repeats > 0).map(one).sum()
}

fn gamma(x: f64) -> f64 {
    super::gamma::Gamma::at(x).log
}

#[test]
fn derivatives_are_those_of_differences() {
    let histories = made_up();
    let sample = super::bg_nbd::sample(&histories);
    let amounts = super::gamma_gamma::sample(&histories);
    check_derivatives([0.3, 5.0, 0.9, 2.2], |parameters| sample.likelihood(parameters));
    check_derivatives([3.0, 0.4, 2.5, 0.7], |parameters| sample.likelihood(parameters));
    check_derivatives([4.0, 3.0, 1.3], |parameters| amounts.likelihood(parameters));
}

fn check_derivatives<const N: usize>(
    at: [f64; N],
    of: impl Fn(&[f64; N]) -> super::newton::Derivatives<N>,
) {
    let here = of(&at);
    for row in 0..N {
        let moved = |step: f64| {
            let mut at = at;
            at[row] += step;
            of(&at)
        };
        let (up, down) = (moved(1e-5), moved(-1e-5));
        let slope = (up.value - down.value) / 2e-5;
        assert!((slope - here.gradient[row]).abs() < 1e-5 * here.value.abs(), "{row}");
        for column in 0..N {
            let slope = (up.gradient[column] - down.gradient[column]) / 2e-5;
            let off = (slope - here.hessian[row][column]).abs();
            assert!(off < 1e-6 * (1.0 + slope.abs()) * 10.0, "{row} {column}: {off}");
        }
    }
}

/// Mean and silence by adding up the distribution of the number of purchases, with integrals over
/// rate and probability to leave done by many small steps.
fn by_integration(model: &BgNbd, of: &History, horizon: f64) -> f64 {
    let (shape, rate) = (model.r + f64::from(of.repeats), model.alpha + f64::from(of.age) / 7.0);
    let b = model.b + f64::from(of.repeats);
    let steps = 50_000;
    let horizon = horizon / 7.0;
    // Over p as a beta(a, b) and λ as a gamma(shape, rate): (1 − e^(−λpt)) / p purchases. The
    // integral over λ is closed: 1 − (rate / (rate + pt))^shape.
    let mut sum = 0.0;
    for step in 0..steps {
        // p = y^(4/a) makes the density smooth where p is small.
        let power = 4.0 / model.a;
        let y = (f64::from(step) + 0.5) / f64::from(steps);
        let p = y.powf(power);
        let density = (1.0 - p).powf(b - 1.0) * power * y.powi(3);
        sum += density * (1.0 - (rate / (rate + p * horizon)).powf(shape)) / p;
    }
    let beta = gamma(model.a) + gamma(b) - gamma(model.a + b);
    model.alive(of) * sum / f64::from(steps) / beta.exp()
}

#[test]
fn expected_purchases_are_the_integral_and_the_sum_of_all_futures() {
    for parameters in [
        [0.243, 4.414, 0.793, 2.426],
        [0.8, 9.0, 1.0, 2.5],
        [2.0, 3.0, 1.7, 1.2],
        [1.5, 12.0, 0.4, 1.6],
    ] {
        let model = BgNbd::of_parameters(parameters).unwrap();
        for of in [history(0, 0, 30, 0.0), history(2, 100, 150, 0.0), history(40, 290, 300, 0.0)] {
            for horizon in [0.0, 7.0, 273.0, 3_000.0] {
                let prospect = model.prospect(&of, horizon);
                let expected = by_integration(&model, &of, horizon);
                close(prospect.expected, expected, 2e-5);
                assert!(prospect.silent >= 1.0 - prospect.alive - 1e-12);
                assert!(prospect.low <= prospect.high);
                // Chebyshev's inequality, in one direction, and a mean within the futures.
                assert!(f64::from(prospect.low) <= prospect.expected + 1e-9);
                assert!(prospect.variance >= 0.0);
            }
        }
    }
}

#[test]
fn nothing_is_singular_where_the_formula_of_the_paper_is() {
    let near = |a: f64, b: f64| {
        let model = BgNbd::of_parameters([0.3, 5.0, a, b]).unwrap();
        model.expected(&[history(0, 0, 70, 0.0)], 100.0)[0]
    };
    close(near(1.0, 2.0), (near(1.0 + 1e-7, 2.0) + near(1.0 - 1e-7, 2.0)) / 2.0, 1e-10);
    close(near(0.4, 0.6), (near(0.4, 0.6 + 1e-7) + near(0.4, 0.6 - 1e-7)) / 2.0, 1e-10);
}

/// Lives drawn from the model itself.
fn drawn(model: &BgNbd, buyers: usize, age: u32, ahead: u32, seed: u64) -> Vec<(History, u32)> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut uniform = move || rng.random::<f64>().max(1e-300);
    (0..buyers)
        .map(|_| {
            // Gamma with whole shapes as a sum of exponentials; beta by two of them.
            let mut sum =
                |shape: f64| -> f64 { (0..shape as usize).map(|_| -uniform().ln()).sum() };
            let rate = sum(model.r) / model.alpha;
            let (left, right) = (sum(model.a), sum(model.b));
            let leaves = left / (left + right);
            let (mut time, mut days) = (0.0, Vec::new());
            loop {
                time += -uniform().ln() / rate * 7.0;
                if time > f64::from(age + ahead) {
                    break;
                }
                days.push(time as u32 + 1);
                if uniform() < leaves {
                    break;
                }
            }
            days.dedup();
            let seen: Vec<u32> = days.iter().copied().filter(|day| *day <= age).collect();
            let later = (days.len() - seen.len()) as u32;
            let last = seen.last().copied().unwrap_or(0);
            (history(seen.len() as u32, last, age, 0.0), later)
        })
        .collect()
}

#[test]
fn a_drawn_world_is_found_again_and_foretold() {
    let truth = BgNbd::of_parameters([1.0, 12.0, 1.0, 3.0]).unwrap();
    let lives = drawn(&truth, 20_000, 400, 200, 3);
    let histories: Vec<History> = lives.iter().map(|life| life.0).collect();
    let model = BgNbd::fit(&histories, 7.0).unwrap();
    for ((name, estimate), truth) in model.estimates().into_iter().zip(truth.parameters()) {
        // Days are whole here, which moves parameters a little: twice the interval.
        let (low, high) = estimate.interval.unwrap();
        let (low, high) = (low * low / estimate.value, high * high / estimate.value);
        assert!(low < truth && truth < high, "{name}: {low} {truth} {high}");
    }
    let paid: Vec<History> = histories
        .iter()
        .enumerate()
        .map(|(row, of)| {
            let amount = if of.repeats > 0 { 20.0 + (row % 50) as f64 } else { 0.0 };
            History { amount, ..*of }
        })
        .collect();
    let amounts = GammaGamma::fit(&paid).unwrap();
    let outlook = Outlook::new(&model, &amounts, &paid, 200.0).unwrap();
    let actual: u32 = lives.iter().map(|life| life.1).sum();
    let (low, high) = outlook.purchases.interval.unwrap();
    let wide = (high - low) / 2.0;
    assert!(
        low - wide < f64::from(actual) && f64::from(actual) < high + wide,
        "{low} {actual} {high}"
    );
    // Nine in ten, and more where few purchases are possible.
    let within = outlook
        .prospects
        .iter()
        .zip(&lives)
        .filter(|(prospect, (_, later))| (prospect.low..=prospect.high).contains(later))
        .count();
    assert!(within > 18_000, "{within} of 20000");
    let silent: f64 = outlook.prospects.iter().map(|prospect| prospect.silent).sum();
    let quiet = lives.iter().filter(|life| life.1 == 0).count() as f64;
    assert!((silent - quiet).abs() < 0.02 * quiet, "{silent} {quiet}");
}

#[test]
fn amounts_are_drawn_to_the_mean_by_hand() {
    let model = GammaGamma::fit(&made_up()).unwrap();
    let (p, q, v) = (model.p, model.q, model.v);
    close(model.expected(&history(0, 0, 9, 0.0)), p * v / (q - 1.0), 1e-14);
    let of = history(3, 5, 9, 40.0);
    close(model.expected(&of), p * (v + 120.0) / (3.0 * p + q - 1.0), 1e-14);
    // One purchase with certainty: E[p/ν² + p²/ν²] − E[p/ν]².
    let (shape, rate) = (3.0 * p + q, v + 120.0);
    let square = rate * rate / ((shape - 1.0) * (shape - 2.0));
    let by_hand = square * (p + p * p) - model.expected(&of).powi(2);
    close(model.variance(&of, 1.0, 0.0).unwrap(), by_hand, 1e-12);
}

#[test]
fn the_unit_of_time_and_of_money_does_not_matter() {
    let histories = made_up();
    let (weeks, days) =
        (BgNbd::fit(&histories, 7.0).unwrap(), BgNbd::fit(&histories, 1.0).unwrap());
    close(days.alpha, weeks.alpha * 7.0, 1e-6);
    close(days.b, weeks.b, 1e-6);
    close(
        days.expected(&histories[8..9], 50.0)[0],
        weeks.expected(&histories[8..9], 50.0)[0],
        1e-6,
    );
    let dear: Vec<History> =
        histories.iter().map(|of| History { amount: of.amount * 1e6, ..*of }).collect();
    let (cheap, dear) = (GammaGamma::fit(&histories).unwrap(), GammaGamma::fit(&dear).unwrap());
    close(dear.v / 1e6, cheap.v, 1e-6);
    close(dear.p, cheap.p, 1e-6);
}

#[test]
fn the_same_bits_at_any_number_of_threads() {
    let mut histories = Vec::new();
    for round in 0..30 {
        let more = made_up().into_iter();
        histories.extend(more.map(|of| History { age: of.age + round * 7, ..of }));
    }
    let all = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let model = BgNbd::fit(&histories, 7.0).unwrap();
            let amounts = GammaGamma::fit(&histories).unwrap();
            let outlook = Outlook::new(&model, &amounts, &histories, 90.0).unwrap();
            (model, amounts, outlook)
        })
    };
    assert_eq!(all(1), all(3));
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let once = vec![history(0, 0, 10, 0.0); 5];
    assert!(matches!(BgNbd::fit(&once, 7.0), Err(Error::TooLittle(_))));
    assert!(matches!(BgNbd::fit(&[], 7.0), Err(Error::TooLittle(_))));
    assert!(matches!(GammaGamma::fit(&once), Err(Error::TooLittle(_))));
    assert!(matches!(BgNbd::fit(&made_up(), 0.0), Err(Error::Parameter { .. })));
    for of in [history(1, 11, 10, 1.0), history(0, 3, 10, 0.0), history(5, 3, 10, 1.0)] {
        assert!(matches!(BgNbd::fit(&[of], 7.0), Err(Error::Parameter { .. })), "{of:?}");
    }
    // All alike: there is no variety to learn from, but an answer or a refusal.
    let alike = vec![history(3, 60, 70, 20.0); 50];
    let refused = |error: Error| assert!(matches!(error, Error::NoSolution(_)));
    BgNbd::fit(&alike, 7.0).map_or_else(refused, |model| assert!(model.r.is_finite()));
    GammaGamma::fit(&alike).map_or_else(refused, |model| assert!(model.p.is_finite()));
    let lengths = Purchases { buyers: &[1], days: &[], amounts: &[1.0] };
    assert!(matches!(follow(lengths, 0, 0), Err(Error::Length { .. })));
}

#[test]
fn where_everybody_leaves_with_the_same_probability_the_forecast_is_that_of_it() {
    // Given the probability p, λ of a gamma distribution: (1 − (rate / (rate + p t))^shape) / p.
    let (a, b) = (325_073.0, 540_811.0);
    let (p, days) = (a / (a + b), 90.0);
    let model = BgNbd::of_parameters([0.42, 15.6, a, b]).unwrap();
    for history in [history(0, 0, 60, 0.0), history(3, 40, 90, 9.0)] {
        let (shape, rate) =
            (0.42 + f64::from(history.repeats), 15.6 + f64::from(history.age) / 7.0);
        let expected = (1.0 - (rate / (rate + p * days / 7.0)).powf(shape)) / p;
        let prospect = model.prospect(&history, days);
        close(prospect.expected, prospect.alive * expected, 1e-5);
        close(model.expected(&[history], days)[0], prospect.expected, 1e-12);
        assert!(prospect.silent < 1.0 && prospect.variance > 0.0, "{prospect:?}");
    }
}
