//! A register of numbers, for each set of instructions the loops are compiled for.
//!
//! Written with the processor's own operations because the compiler, given plain arrays, keeps the
//! sums in memory. Only [`super::Level::run`] chooses a type, after it has seen that the processor
//! knows the instructions; nothing else may name one.

#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "vector instructions, chosen by `Level` after detection")
)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, __m256d, __m512, __m512d, _mm256_add_pd, _mm256_add_ps, _mm256_fmadd_pd,
    _mm256_fmadd_ps, _mm256_fnmadd_pd, _mm256_fnmadd_ps, _mm256_loadu_pd, _mm256_loadu_ps,
    _mm256_mul_pd, _mm256_mul_ps, _mm256_set1_pd, _mm256_set1_ps, _mm256_storeu_pd,
    _mm256_storeu_ps, _mm512_add_pd, _mm512_add_ps, _mm512_fmadd_pd, _mm512_fmadd_ps,
    _mm512_fnmadd_pd, _mm512_fnmadd_ps, _mm512_loadu_pd, _mm512_loadu_ps, _mm512_mul_pd,
    _mm512_mul_ps, _mm512_reduce_add_pd, _mm512_reduce_add_ps, _mm512_set1_pd, _mm512_set1_ps,
    _mm512_storeu_pd, _mm512_storeu_ps,
};
use std::ops::{Add, Div, Mul, Sub};

/// The most numbers that a register holds.
pub(crate) const LANES_MAX: usize = 16;

/// A kind of number that registers are made of.
pub(crate) trait Number:
    Copy
    + Default
    + Send
    + Sync
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + 'static
{
    /// A register without any special instruction.
    type Portable: Lanes<Self>;
    /// A register of AVX2.
    #[cfg(target_arch = "x86_64")]
    type Avx2: Lanes<Self>;
    /// A register of AVX-512.
    #[cfg(target_arch = "x86_64")]
    type Avx512: Lanes<Self>;

    /// Returns the number in double precision.
    fn wide(self) -> f64;
    /// Returns the nearest number of this kind.
    fn near(value: f64) -> Self;
}

impl Number for f32 {
    type Portable = Plain<Self, 4>;
    #[cfg(target_arch = "x86_64")]
    type Avx2 = __m256;
    #[cfg(target_arch = "x86_64")]
    type Avx512 = __m512;

    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn near(value: f64) -> Self {
        value as Self
    }
}

impl Number for f64 {
    type Portable = Plain<Self, 2>;
    #[cfg(target_arch = "x86_64")]
    type Avx2 = __m256d;
    #[cfg(target_arch = "x86_64")]
    type Avx512 = __m512d;

    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }

    #[inline(always)]
    fn near(value: f64) -> Self {
        value
    }
}

/// Several numbers that are worked on at once, lane by lane.
pub(crate) trait Lanes<N: Number>: Copy {
    /// How many: at most [`LANES_MAX`].
    const COUNT: usize;
    /// Returns the same number in each lane.
    fn splat(value: N) -> Self;
    /// Returns the first `COUNT` of some numbers.
    fn load(values: &[N]) -> Self;
    /// Writes the lanes over the first `COUNT` of some numbers.
    fn store(self, values: &mut [N]);
    /// self + other.
    fn plus(self, other: Self) -> Self;
    /// self · other.
    fn times(self, other: Self) -> Self;
    /// sum + self · other.
    fn times_plus(self, other: Self, sum: Self) -> Self;
    /// sum − self · other.
    fn times_from(self, other: Self, sum: Self) -> Self;
    /// Returns the sum of all lanes, by halves.
    #[inline(always)]
    fn total(self) -> N {
        let mut values = [N::default(); LANES_MAX];
        self.store(&mut values);
        let mut half = Self::COUNT / 2;
        while half > 0 {
            for lane in 0..half {
                values[lane] = values[lane] + values[lane + half];
            }
            half /= 2;
        }
        values[0]
    }
}

/// Some numbers without any special instruction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain<N, const COUNT: usize>([N; COUNT]);

impl<N: Number, const COUNT: usize> Plain<N, COUNT> {
    #[inline(always)]
    fn map(self, other: Self, operation: impl Fn(N, N) -> N) -> Self {
        let mut lanes = self.0;
        for (lane, other) in lanes.iter_mut().zip(other.0) {
            *lane = operation(*lane, other);
        }
        Self(lanes)
    }
}

impl<N: Number, const COUNT: usize> Lanes<N> for Plain<N, COUNT> {
    const COUNT: usize = COUNT;

    #[inline(always)]
    fn splat(value: N) -> Self {
        Self([value; COUNT])
    }

    #[inline(always)]
    fn load(values: &[N]) -> Self {
        let mut lanes = [N::default(); COUNT];
        lanes.copy_from_slice(&values[..COUNT]);
        Self(lanes)
    }

    #[inline(always)]
    fn store(self, values: &mut [N]) {
        values[..COUNT].copy_from_slice(&self.0);
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.map(other, |x, y| x + y)
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        self.map(other, |x, y| x * y)
    }

    #[inline(always)]
    fn times_plus(self, other: Self, sum: Self) -> Self {
        self.times(other).plus(sum)
    }

    #[inline(always)]
    fn times_from(self, other: Self, sum: Self) -> Self {
        sum.map(self.times(other), |x, y| x - y)
    }
}

/// Makes a register of the processor into lanes.
#[cfg(target_arch = "x86_64")]
macro_rules! lanes {
    ($register:ty, $number:ty, $count:literal, $splat:ident, $load:ident, $store:ident,
     $plus:ident, $times:ident, $times_plus:ident, $times_from:ident $(, $total:ident)?) => {
        // SAFETY of every block: `Level` has detected the instructions, and slices are cut to
        // `COUNT` numbers before they are read or written.
        impl Lanes<$number> for $register {
            const COUNT: usize = $count;

            #[inline(always)]
            fn splat(value: $number) -> Self {
                // SAFETY: see above.
                unsafe { $splat(value) }
            }

            #[inline(always)]
            fn load(values: &[$number]) -> Self {
                let values = &values[..$count];
                // SAFETY: see above.
                unsafe { $load(values.as_ptr()) }
            }

            #[inline(always)]
            fn store(self, values: &mut [$number]) {
                let values = &mut values[..$count];
                // SAFETY: see above.
                unsafe { $store(values.as_mut_ptr(), self) }
            }

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                // SAFETY: see above.
                unsafe { $plus(self, other) }
            }

            #[inline(always)]
            fn times(self, other: Self) -> Self {
                // SAFETY: see above.
                unsafe { $times(self, other) }
            }

            #[inline(always)]
            fn times_plus(self, other: Self, sum: Self) -> Self {
                // SAFETY: see above.
                unsafe { $times_plus(self, other, sum) }
            }

            #[inline(always)]
            fn times_from(self, other: Self, sum: Self) -> Self {
                // SAFETY: see above.
                unsafe { $times_from(self, other, sum) }
            }

            $(
                #[inline(always)]
                fn total(self) -> $number {
                    // SAFETY: see above.
                    unsafe { $total(self) }
                }
            )?
        }
    };
}

#[cfg(target_arch = "x86_64")]
lanes!(
    __m256,
    f32,
    8,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    _mm256_mul_ps,
    _mm256_fmadd_ps,
    _mm256_fnmadd_ps
);
#[cfg(target_arch = "x86_64")]
lanes!(
    __m256d,
    f64,
    4,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_add_pd,
    _mm256_mul_pd,
    _mm256_fmadd_pd,
    _mm256_fnmadd_pd
);
#[cfg(target_arch = "x86_64")]
lanes!(
    __m512,
    f32,
    16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_add_ps,
    _mm512_mul_ps,
    _mm512_fmadd_ps,
    _mm512_fnmadd_ps,
    _mm512_reduce_add_ps
);
#[cfg(target_arch = "x86_64")]
lanes!(
    __m512d,
    f64,
    8,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_add_pd,
    _mm512_mul_pd,
    _mm512_fmadd_pd,
    _mm512_fnmadd_pd,
    _mm512_reduce_add_pd
);
