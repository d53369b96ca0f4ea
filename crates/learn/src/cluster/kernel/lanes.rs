//! A register of numbers, for each set of instructions the kernels are compiled for.
//!
//! Written with the processor's own operations because the compiler, given plain arrays, keeps the
//! sums in memory (measured: five times slower). Only [`super::Level::measure`] chooses a type,
//! after it has seen that the processor knows the instructions; nothing else may name one.

#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "vector instructions, chosen by `Level` after detection")
)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256d, __m512d, _CMP_LT_OQ, _mm_cvtsd_f64, _mm_min_pd, _mm_min_sd, _mm_unpackhi_pd,
    _mm256_add_pd, _mm256_andnot_pd, _mm256_blendv_pd, _mm256_castpd256_pd128, _mm256_cmp_pd,
    _mm256_extractf128_pd, _mm256_fmadd_pd, _mm256_fnmadd_pd, _mm256_loadu_pd, _mm256_max_pd,
    _mm256_min_pd, _mm256_set1_pd, _mm256_sqrt_pd, _mm256_storeu_pd, _mm256_sub_pd, _mm512_abs_pd,
    _mm512_add_pd, _mm512_cmp_pd_mask, _mm512_fmadd_pd, _mm512_fnmadd_pd, _mm512_loadu_pd,
    _mm512_mask_blend_pd, _mm512_max_pd, _mm512_min_pd, _mm512_reduce_min_pd, _mm512_set1_pd,
    _mm512_sqrt_pd, _mm512_storeu_pd, _mm512_sub_pd,
};

/// The most numbers that a register holds.
pub(in crate::cluster) const LANES_MAX: usize = 8;

/// Several numbers that are worked on at once, lane by lane.
pub(in crate::cluster) trait Lanes: Copy {
    /// How many: at most [`LANES_MAX`].
    const COUNT: usize;
    /// Returns the same number in each lane.
    fn splat(value: f64) -> Self;
    /// Returns the first `COUNT` of some numbers.
    fn load(values: &[f64]) -> Self;
    /// Writes the lanes over the first `COUNT` of some numbers.
    fn store(self, values: &mut [f64]);
    /// Returns the lanes; places from `COUNT` on hold nothing of use.
    fn to_array(self) -> [f64; LANES_MAX];
    /// self + other.
    fn plus(self, other: Self) -> Self;
    /// self − other.
    fn minus(self, other: Self) -> Self;
    /// sum + self · other.
    fn times_plus(self, other: Self, sum: Self) -> Self;
    /// sum − self · other.
    fn times_from(self, other: Self, sum: Self) -> Self;
    /// |self|.
    fn magnitude(self) -> Self;
    /// The larger.
    fn larger(self, other: Self) -> Self;
    /// The smaller.
    fn smaller(self, other: Self) -> Self;
    /// Returns the smallest of all lanes.
    fn smallest(self) -> f64;
    /// Returns the sum of all lanes.
    #[inline(always)]
    fn total(self) -> f64 {
        let mut total = 0.0;
        for lane in &self.to_array()[..Self::COUNT] {
            total += lane;
        }
        total
    }
    /// √self.
    fn root(self) -> Self;
    /// `yes` where self < other, `no` elsewhere.
    fn where_less(self, other: Self, yes: Self, no: Self) -> Self;
}

/// Two numbers without any special instruction.
#[derive(Debug, Clone, Copy)]
pub(in crate::cluster) struct Two([f64; 2]);

impl Two {
    #[inline(always)]
    fn map(self, other: Self, operation: impl Fn(f64, f64) -> f64) -> Self {
        Self([operation(self.0[0], other.0[0]), operation(self.0[1], other.0[1])])
    }
}

impl Lanes for Two {
    const COUNT: usize = 2;

    #[inline(always)]
    fn splat(value: f64) -> Self {
        Self([value; 2])
    }

    #[inline(always)]
    fn load(values: &[f64]) -> Self {
        Self([values[0], values[1]])
    }

    #[inline(always)]
    fn store(self, values: &mut [f64]) {
        values[..2].copy_from_slice(&self.0);
    }

    #[inline(always)]
    fn to_array(self) -> [f64; LANES_MAX] {
        [self.0[0], self.0[1], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.map(other, |x, y| x + y)
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.map(other, |x, y| x - y)
    }

    #[inline(always)]
    fn times_plus(self, other: Self, sum: Self) -> Self {
        self.map(other, |x, y| x * y).plus(sum)
    }

    #[inline(always)]
    fn times_from(self, other: Self, sum: Self) -> Self {
        sum.minus(self.map(other, |x, y| x * y))
    }

    #[inline(always)]
    fn magnitude(self) -> Self {
        Self([self.0[0].abs(), self.0[1].abs()])
    }

    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        self.map(other, |x, y| if x > y { x } else { y })
    }

    #[inline(always)]
    fn smaller(self, other: Self) -> Self {
        self.map(other, |x, y| if x < y { x } else { y })
    }

    #[inline(always)]
    fn smallest(self) -> f64 {
        if self.0[0] < self.0[1] { self.0[0] } else { self.0[1] }
    }

    #[inline(always)]
    fn root(self) -> Self {
        Self([self.0[0].sqrt(), self.0[1].sqrt()])
    }

    #[inline(always)]
    fn where_less(self, other: Self, yes: Self, no: Self) -> Self {
        let pick =
            |lane: usize| if self.0[lane] < other.0[lane] { yes.0[lane] } else { no.0[lane] };
        Self([pick(0), pick(1)])
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for __m256d {
    const COUNT: usize = 4;

    #[inline(always)]
    fn splat(value: f64) -> Self {
        // SAFETY: `Level` has detected AVX2 and FMA.
        unsafe { _mm256_set1_pd(value) }
    }

    #[inline(always)]
    fn load(values: &[f64]) -> Self {
        let values = &values[..Self::COUNT];
        // SAFETY: there are `COUNT` values; `Level` has detected AVX2 and FMA.
        unsafe { _mm256_loadu_pd(values.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, values: &mut [f64]) {
        let values = &mut values[..Self::COUNT];
        // SAFETY: there is room for `COUNT` values; `Level` has detected AVX2 and FMA.
        unsafe { _mm256_storeu_pd(values.as_mut_ptr(), self) }
    }

    #[inline(always)]
    fn to_array(self) -> [f64; LANES_MAX] {
        let mut values = [0.0; LANES_MAX];
        self.store(&mut values);
        values
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        // SAFETY: `Level` has detected AVX2 and FMA.
        unsafe { _mm256_add_pd(self, other) }
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        // SAFETY: `Level` has detected AVX2 and FMA.
        unsafe { _mm256_sub_pd(self, other) }
    }

    #[inline(always)]
    fn times_plus(self, other: Self, sum: Self) -> Self {
        // SAFETY: `Level` has detected AVX2 and FMA.
        unsafe { _mm256_fmadd_pd(self, other, sum) }
    }

    #[inline(always)]
    fn times_from(self, other: Self, sum: Self) -> Self {
        // SAFETY: `Level` has detected AVX2 and FMA.
        unsafe { _mm256_fnmadd_pd(self, other, sum) }
    }

    #[inline(always)]
    fn magnitude(self) -> Self {
        // SAFETY: `Level` has detected AVX2 and FMA.
        unsafe { _mm256_andnot_pd(_mm256_set1_pd(-0.0), self) }
    }

    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        // SAFETY: `Level` has detected AVX2 and FMA.
        unsafe { _mm256_max_pd(self, other) }
    }

    #[inline(always)]
    fn smaller(self, other: Self) -> Self {
        // SAFETY: `Level` has detected AVX2 and FMA.
        unsafe { _mm256_min_pd(self, other) }
    }

    #[inline(always)]
    fn smallest(self) -> f64 {
        // SAFETY: `Level` has detected AVX2 and FMA.
        unsafe {
            let high = _mm256_extractf128_pd::<1>(self);
            let two = _mm_min_pd(_mm256_castpd256_pd128(self), high);
            _mm_cvtsd_f64(_mm_min_sd(two, _mm_unpackhi_pd(two, two)))
        }
    }

    #[inline(always)]
    fn root(self) -> Self {
        // SAFETY: `Level` has detected AVX2 and FMA.
        unsafe { _mm256_sqrt_pd(self) }
    }

    #[inline(always)]
    fn where_less(self, other: Self, yes: Self, no: Self) -> Self {
        // SAFETY: `Level` has detected AVX2 and FMA.
        unsafe { _mm256_blendv_pd(no, yes, _mm256_cmp_pd::<_CMP_LT_OQ>(self, other)) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for __m512d {
    const COUNT: usize = 8;

    #[inline(always)]
    fn splat(value: f64) -> Self {
        // SAFETY: `Level` has detected AVX-512.
        unsafe { _mm512_set1_pd(value) }
    }

    #[inline(always)]
    fn load(values: &[f64]) -> Self {
        let values = &values[..Self::COUNT];
        // SAFETY: there are `COUNT` values; `Level` has detected AVX-512.
        unsafe { _mm512_loadu_pd(values.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, values: &mut [f64]) {
        let values = &mut values[..Self::COUNT];
        // SAFETY: there is room for `COUNT` values; `Level` has detected AVX-512.
        unsafe { _mm512_storeu_pd(values.as_mut_ptr(), self) }
    }

    #[inline(always)]
    fn to_array(self) -> [f64; LANES_MAX] {
        let mut values = [0.0; LANES_MAX];
        self.store(&mut values);
        values
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        // SAFETY: `Level` has detected AVX-512.
        unsafe { _mm512_add_pd(self, other) }
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        // SAFETY: `Level` has detected AVX-512.
        unsafe { _mm512_sub_pd(self, other) }
    }

    #[inline(always)]
    fn times_plus(self, other: Self, sum: Self) -> Self {
        // SAFETY: `Level` has detected AVX-512.
        unsafe { _mm512_fmadd_pd(self, other, sum) }
    }

    #[inline(always)]
    fn times_from(self, other: Self, sum: Self) -> Self {
        // SAFETY: `Level` has detected AVX-512.
        unsafe { _mm512_fnmadd_pd(self, other, sum) }
    }

    #[inline(always)]
    fn magnitude(self) -> Self {
        // SAFETY: `Level` has detected AVX-512.
        unsafe { _mm512_abs_pd(self) }
    }

    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        // SAFETY: `Level` has detected AVX-512.
        unsafe { _mm512_max_pd(self, other) }
    }

    #[inline(always)]
    fn smaller(self, other: Self) -> Self {
        // SAFETY: `Level` has detected AVX-512.
        unsafe { _mm512_min_pd(self, other) }
    }

    #[inline(always)]
    fn smallest(self) -> f64 {
        // SAFETY: `Level` has detected AVX-512.
        unsafe { _mm512_reduce_min_pd(self) }
    }

    #[inline(always)]
    fn root(self) -> Self {
        // SAFETY: `Level` has detected AVX-512.
        unsafe { _mm512_sqrt_pd(self) }
    }

    #[inline(always)]
    fn where_less(self, other: Self, yes: Self, no: Self) -> Self {
        // SAFETY: `Level` has detected AVX-512.
        unsafe { _mm512_mask_blend_pd(_mm512_cmp_pd_mask::<_CMP_LT_OQ>(self, other), no, yes) }
    }
}
