//! Where to look next for better settings of one model.
//!
//! Tree-structured Parzen estimators (Bergstra et al. 2011, "Algorithms for hyper-parameter
//! optimization", section 4), the kernels over all settings at once: with `l` the density of the
//! best quarter of the settings seen so far and `g` that of the others, of 24 points drawn from `l`
//! the one with the largest `l / g` is tried next. The model's own defaults come first, then some
//! points drawn evenly.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::super::{Entry, Kind, Parameter, Parameters, Search, Value};
use crate::error::Result;

/// Settings that are seen before densities are trusted.
const DRAWN_EVENLY: usize = 6;
/// One in so many of the settings seen is good.
const GOOD_ONE_IN: usize = 4;
/// Points drawn from the good density, of which one is tried.
const DRAWS: usize = 24;
/// The width of a kernel around a single point, in the whole range.
const WIDTH: f64 = 0.2;

/// A place in the space: for each searched setting a number from 0 to 1, or the index of a word.
pub(super) type Point = Vec<f64>;

/// The settings of a model among which to search.
#[derive(Debug)]
pub(super) struct Space {
    entry: &'static Entry,
    searched: Vec<&'static Parameter>,
}

/// A setting that was tried, and how good it is.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) point: Point,
    pub(super) score: f64,
}

impl Space {
    pub(super) fn of(entry: &'static Entry) -> Self {
        let is_searched = |parameter: &&Parameter| parameter.search != Search::Default;
        Self { entry, searched: entry.parameters.iter().filter(is_searched).collect() }
    }

    /// Returns whether there is nothing but the defaults.
    pub(super) fn is_empty(&self) -> bool {
        self.searched.is_empty()
    }

    /// Returns where the defaults stand, the nearest place where they are outside.
    pub(super) fn default_point(&self) -> Point {
        let place = |parameter: &&Parameter| match (parameter.search, parameter.default()) {
            (Search::Words(words), Value::Text(word)) => {
                words.iter().position(|one| *one == word).unwrap_or(0) as f64
            }
            (search, Value::Whole(value)) => place_of(search, f64::from(value)),
            (search, Value::Real(value)) => place_of(search, f64::from(value)),
            (_, Value::Text(_)) => 0.0,
        };
        self.searched.iter().map(place).collect()
    }

    /// Returns the settings at a point, numbers with three digits.
    ///
    /// # Errors
    /// [`crate::Error::Parameter`] when a range goes beyond what the model allows.
    pub(super) fn settings(&self, point: &[f64]) -> Result<Parameters> {
        let mut settings = self.entry.defaults();
        for (parameter, place) in self.searched.iter().zip(point) {
            let text = match (parameter.search, parameter.kind) {
                (Search::Words(words), _) => words[*place as usize].to_owned(),
                (search, Kind::Whole { .. }) => format!("{:.0}", value_at(search, *place)),
                (search, _) => shortened(value_at(search, *place)),
            };
            settings.set(parameter.name, &text)?;
        }
        Ok(settings)
    }

    /// Returns the point to try after those that were seen.
    pub(super) fn propose(&self, seen: &[Seen], random: &mut Pcg64Mcg) -> Point {
        if seen.is_empty() {
            return self.default_point();
        }
        if seen.len() < DRAWN_EVENLY {
            return self.searched.iter().map(|one| drawn(one.search, random)).collect();
        }
        let mut order: Vec<&Seen> = seen.iter().collect();
        order.sort_by(|left, right| right.score.total_cmp(&left.score));
        let (good, others) = order.split_at(seen.len().div_ceil(GOOD_ONE_IN));
        let mut best = (f64::NEG_INFINITY, Point::new());
        for _ in 0..DRAWS {
            let point = self.draw_near(good, random);
            let promise = self.density(good, &point).ln() - self.density(others, &point).ln();
            if promise > best.0 {
                best = (promise, point);
            }
        }
        best.1
    }

    /// Draws from the density of `good`.
    fn draw_near(&self, good: &[&Seen], random: &mut Pcg64Mcg) -> Point {
        let chosen = random.random_range(0..=good.len());
        let width = self.width(good.len());
        let one = |(at, parameter): (usize, &&Parameter)| {
            // The last of the kernels is as wide as everything.
            let Some(centre) = good.get(chosen).map(|seen| seen.point[at]) else {
                return drawn(parameter.search, random);
            };
            if matches!(parameter.search, Search::Words(_)) {
                let strays = random.random::<f64>() < stray(good.len());
                return if strays { drawn(parameter.search, random) } else { centre };
            }
            reflected(centre + width * normal(random))
        };
        self.searched.iter().enumerate().map(one).collect()
    }

    fn density(&self, seen: &[&Seen], at: &[f64]) -> f64 {
        let width = self.width(seen.len());
        let even: f64 = self.searched.iter().map(|one| 1.0 / n_words(one.search)).product();
        let kernel = |one: &&Seen| -> f64 {
            let places = self.searched.iter().zip(one.point.iter().zip(at));
            let factor = |(parameter, (centre, at)): (&&Parameter, (&f64, &f64))| {
                if matches!(parameter.search, Search::Words(_)) {
                    let strays = stray(seen.len());
                    let stays = if centre == at { 1.0 - strays } else { 0.0 };
                    return stays + strays / n_words(parameter.search);
                }
                // What would fall outside is reflected at the ends.
                [*centre, -centre, 2.0 - centre]
                    .iter()
                    .map(|centre| (-0.5 * ((at - centre) / width).powi(2)).exp())
                    .sum::<f64>()
                    / (width * std::f64::consts::TAU.sqrt())
            };
            places.map(factor).product()
        };
        (even + seen.iter().map(kernel).sum::<f64>()) / (seen.len() + 1) as f64
    }

    /// Returns how wide each of `n` kernels is (Scott 1992, the rule for densities).
    fn width(&self, n: usize) -> f64 {
        WIDTH * (n.max(1) as f64).powf(-1.0 / (self.searched.len() + 4) as f64)
    }
}

/// Returns how likely a kernel among `n` takes any word instead of its own.
fn stray(n: usize) -> f64 {
    1.0 / (n + 1) as f64
}

fn n_words(search: Search) -> f64 {
    if let Search::Words(words) = search { words.len() as f64 } else { 1.0 }
}

fn drawn(search: Search, random: &mut Pcg64Mcg) -> f64 {
    match search {
        Search::Words(words) => random.random_range(0..words.len()) as f64,
        Search::Even(..) | Search::Log(..) | Search::Default => random.random(),
    }
}

/// Returns a number of mean 0 and deviation 1 (Box and Muller 1958).
fn normal(random: &mut Pcg64Mcg) -> f64 {
    let (radius, angle) = (1.0 - random.random::<f64>(), random.random::<f64>());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// Folds a number into 0 to 1.
fn reflected(number: f64) -> f64 {
    let folded = number.abs() % 2.0;
    if folded > 1.0 { 2.0 - folded } else { folded }
}

fn place_of(search: Search, value: f64) -> f64 {
    let place = match search {
        Search::Even(low, high) => (value - f64::from(low)) / f64::from(high - low),
        Search::Log(low, high) => {
            let [low, high] = [low, high].map(|end| f64::from(end).ln());
            (value.ln() - low) / (high - low)
        }
        Search::Words(_) | Search::Default => 0.0,
    };
    place.clamp(0.0, 1.0)
}

fn value_at(search: Search, place: f64) -> f64 {
    match search {
        Search::Even(low, high) => f64::from(low) + place * f64::from(high - low),
        Search::Log(low, high) => {
            let [low, high] = [low, high].map(|end| f64::from(end).ln());
            (low + place * (high - low)).exp()
        }
        Search::Words(_) | Search::Default => 0.0,
    }
}

/// Returns a number with three digits that count, as text.
fn shortened(value: f64) -> String {
    format!("{value:.2e}").parse::<f32>().unwrap_or(value as f32).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::super::MODELS;
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn all_that_is_searched_is_allowed() {
        let mut random = Pcg64Mcg::seed_from_u64(1);
        for entry in MODELS {
            let space = Space::of(entry);
            let ends = [0.0, 1.0].map(|end| {
                let place = |one: &&Parameter| match one.search {
                    Search::Words(words) => end * (words.len() - 1) as f64,
                    Search::Even(..) | Search::Log(..) | Search::Default => end,
                };
                space.searched.iter().map(place).collect::<Point>()
            });
            for point in ends {
                space.settings(&point).unwrap();
            }
            for _ in 0..20 {
                let point: Point =
                    space.searched.iter().map(|one| drawn(one.search, &mut random)).collect();
                space.settings(&point).unwrap();
            }
        }
    }

    #[test]
    fn places_and_values_by_hand() {
        let log = Search::Log(1.0, 100.0);
        assert!((value_at(log, 0.5) - 10.0).abs() < 1e-9);
        assert!((place_of(log, 10.0) - 0.5).abs() < 1e-9);
        assert_eq!(place_of(Search::Even(0.0, 4.0), 9.0), 1.0);
        assert_eq!(shortened(0.012_345), "0.0123");
        assert_eq!(shortened(1234.5), "1230");
        assert_eq!([reflected(-0.25), reflected(1.25), reflected(2.5)], [0.25, 0.75, 0.5]);
    }

    #[test]
    fn a_hidden_optimum_is_found_in_fewer_steps_than_by_chance() {
        // Regularization 40, factors 120, the word asymmetric: away from every default.
        let entry = Entry::find("item-knn").unwrap();
        let space = Space::of(entry);
        let wanted = |point: &Point| {
            let distance = |(at, one): (usize, &&Parameter)| match one.name {
                "similarity" => 0.5 * f64::from(u8::from(point[at] != 2.0)),
                "asymmetry" | "neighbours" => (point[at] - 0.8).powi(2),
                _ => 0.0,
            };
            -space.searched.iter().enumerate().map(distance).sum::<f64>()
        };
        let (mut guided, mut even) = (0.0, 0.0);
        for seed in 0..20 {
            let mut random = Pcg64Mcg::seed_from_u64(seed);
            let mut seen: Vec<Seen> = Vec::new();
            for _ in 0..40 {
                let point = space.propose(&seen, &mut random);
                seen.push(Seen { score: wanted(&point), point });
            }
            guided += seen.iter().map(|one| one.score).fold(f64::NEG_INFINITY, f64::max);
            let by_chance = (0..40).map(|_| {
                let point: Point =
                    space.searched.iter().map(|one| drawn(one.search, &mut random)).collect();
                wanted(&point)
            });
            even += by_chance.fold(f64::NEG_INFINITY, f64::max);
        }
        assert!(guided > even / 3.0, "{guided} is not three times nearer than {even}");
    }
}
