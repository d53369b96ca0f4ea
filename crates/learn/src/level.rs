//! What this machine's processor can do, found out at run time.

/// Which instructions loops may use: one of those that this machine knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level(Instructions);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instructions {
    /// Those of any machine.
    Portable,
    /// AVX2 with FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512, and the former.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Instructions {
    /// From the plainest on.
    const ALL: &[Self] = &[
        Self::Portable,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "x86_64")]
        Self::Avx512,
    ];

    fn known_to_this_machine(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f") && Self::Avx2.known_to_this_machine()
            }
        }
    }
}

impl Level {
    /// Returns the best level of this machine.
    pub(crate) fn detect() -> Self {
        Self::available().last().unwrap_or(Self(Instructions::Portable))
    }

    /// Returns every level that this machine can run, from the plainest on.
    pub(crate) fn available() -> impl Iterator<Item = Self> {
        let known = Instructions::ALL.iter().filter(|each| each.known_to_this_machine());
        known.map(|each| Self(*each))
    }

    /// Returns the instructions.
    pub(crate) fn instructions(self) -> Instructions {
        self.0
    }
}
