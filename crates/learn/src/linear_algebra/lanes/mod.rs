//! Loops over vector registers, in single and in double precision.
//!
//! The loops are written once and compiled three times: for any machine, for AVX2 with FMA, and for
//! AVX-512; [`Level::detect`] picks at run time. Results of one level do not depend on the number
//! of threads; levels differ from each other by rounding. What is made of them stands beside:
//! sums over scattered rows ([`rows`]), products of panels ([`product`]).

pub(crate) mod chosen;
pub(crate) mod product;
pub(crate) mod register;
pub(crate) mod rows;

pub(crate) use crate::level::Level;
pub(crate) use register::{Lanes, Number};

use crate::level::Instructions;

impl Level {
    /// Returns how many numbers a register holds, and the `ROWS` of a job.
    pub(crate) fn shape<N: Number>(self) -> [usize; 2] {
        match self.instructions() {
            Instructions::Portable => [N::Portable::COUNT, 4],
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => [N::Avx2::COUNT, 4],
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => [N::Avx512::COUNT, 8],
        }
    }

    /// Runs a job with the instructions of this level.
    #[inline]
    pub(crate) fn run<N: Number, J: Job<N>>(self, job: J) -> J::Output {
        match self.instructions() {
            Instructions::Portable => job.run::<N::Portable, 4>(),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "calls a function compiled for AVX2 and FMA")]
            // SAFETY: a level is only ever made of what this machine knows.
            Instructions::Avx2 => unsafe { run_avx2(job) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "calls a function compiled for AVX-512")]
            // SAFETY: a level is only ever made of what this machine knows.
            Instructions::Avx512 => unsafe { run_avx512(job) },
        }
    }
}

/// Work whose inner loops are compiled once for each level.
///
/// `run` must be `#[inline(always)]`, and so must all it calls, and closures must not touch
/// registers: code that is not inlined is compiled for the plain machine.
pub(crate) trait Job<N: Number> {
    /// What the work returns.
    type Output;

    /// Does the work; `ROWS` rows of two registers of sums fit the registers of this level.
    fn run<L: Lanes<N>, const ROWS: usize>(self) -> Self::Output;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<N: Number, J: Job<N>>(job: J) -> J::Output {
    job.run::<N::Avx2, 4>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
fn run_avx512<N: Number, J: Job<N>>(job: J) -> J::Output {
    job.run::<N::Avx512, 8>()
}
