//! The gamma function's logarithm and its first two derivatives, for positive arguments.

/// From here on Stirling's series is exact to rounding; smaller arguments are shifted up to it.
const LARGE: f64 = 12.0;

/// Stirling's coefficients B₂ₙ / (2n (2n − 1)), n from 1.
const STIRLING: [f64; 8] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1_260.0,
    -1.0 / 1_680.0,
    1.0 / 1_188.0,
    -691.0 / 360_360.0,
    1.0 / 156.0,
    -3_617.0 / 122_400.0,
];

/// ln √(2π).
const HALF_LOG_TWO_PI: f64 = 0.918_938_533_204_672_8;

/// The gamma function at one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gamma {
    /// ln Γ(x).
    pub(super) log: f64,
    /// ψ(x), its first derivative.
    pub(super) first: f64,
    /// ψ′(x), its second derivative.
    pub(super) second: f64,
}

impl Gamma {
    /// Returns ln Γ and its derivatives at `x` > 0, each to about 10⁻¹⁴.
    ///
    /// By Stirling's series, after Γ(x) = Γ(x + 1) / x has brought x above 12 (NIST DLMF 5.11.1,
    /// 5.11.2, 5.15.8 and 5.5.1). ln Γ(5) = ln 24.
    pub(super) fn at(x: f64) -> Self {
        debug_assert!(x > 0.0, "the gamma function is asked for at {x}");
        let (mut product, mut first, mut second, mut shifted) = (1.0, 0.0, 0.0, x);
        while shifted < LARGE {
            product *= shifted;
            first -= 1.0 / shifted;
            second += 1.0 / (shifted * shifted);
            shifted += 1.0;
        }
        let (log, inverse) = (shifted.ln(), 1.0 / shifted);
        let square = inverse * inverse;
        // Powers x^-(2n − 1) of the series, of which each derivative takes one down.
        let (mut of_log, mut of_first, mut of_second, mut power) = (0.0, 0.0, 0.0, inverse);
        for (place, coefficient) in STIRLING.iter().enumerate() {
            let order = (2 * place + 1) as f64;
            let term = coefficient * power;
            of_log += term;
            of_first += order * term;
            of_second += order * (order + 1.0) * term;
            power *= square;
        }
        Self {
            log: (shifted - 0.5) * log - shifted + HALF_LOG_TWO_PI + of_log - product.ln(),
            first: first + log - 0.5 * inverse - of_first * inverse,
            second: second + inverse + 0.5 * square + of_second * square,
        }
    }

    /// Adds `factor` times another place's values.
    pub(super) fn add(&mut self, factor: f64, other: Self) {
        self.log += factor * other.log;
        self.first += factor * other.first;
        self.second += factor * other.second;
    }

    /// Nothing, to add to.
    pub(super) const ZERO: Self = Self { log: 0.0, first: 0.0, second: 0.0 };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, expected: f64) {
        assert!((got - expected).abs() <= 2e-14 * expected.abs().max(1.0), "{got} {expected}");
    }

    #[test]
    fn whole_and_half_numbers_are_known() {
        near(Gamma::at(5.0).log, 24_f64.ln());
        near(Gamma::at(1.0).log, 0.0);
        near(Gamma::at(0.5).log, std::f64::consts::PI.sqrt().ln());
        // ψ(1) = −γ, ψ(½) = −γ − 2 ln 2, ψ′(1) = π²/6, ψ′(½) = π²/2.
        let euler = 0.577_215_664_901_532_9;
        near(Gamma::at(1.0).first, -euler);
        near(Gamma::at(0.5).first, -euler - 2.0 * 2_f64.ln());
        let pi_squared = std::f64::consts::PI.powi(2);
        near(Gamma::at(1.0).second, pi_squared / 6.0);
        near(Gamma::at(0.5).second, pi_squared / 2.0);
        // ln 99! as a sum.
        near(Gamma::at(100.0).log, (2..100).map(|factor| f64::from(factor).ln()).sum());
    }

    #[test]
    fn one_up_is_what_the_recurrence_says() {
        for x in [1e-6, 0.03, 0.7, 3.3, 11.9, 12.1, 400.0] {
            let (here, up) = (Gamma::at(x), Gamma::at(x + 1.0));
            near(here.log, up.log - x.ln());
            near(here.first, up.first - 1.0 / x);
            near(here.second, up.second + 1.0 / (x * x));
        }
    }
}
