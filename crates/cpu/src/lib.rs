//! The instruction sets that SIMD kernels may use: what the processor has, up to the ceiling that
//! the environment variable `NIGH_CPU` sets.
//!
//! The crate asks the processor and reads one variable. It has no kernels: those of `encoder` and
//! `index` test for the features that they need and ask [`allows`] besides.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::sync::OnceLock;

/// The environment variable that sets the ceiling: the [name](InstructionSet::name) of an
/// instruction set.
const VARIABLE: &str = "NIGH_CPU";

/// A set of instructions. A later one of the same architecture is the faster one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstructionSet {
    /// None but those that the compiler takes by itself.
    Portable,
    /// NEON.
    Neon,
    /// NEON with dot products of bytes.
    NeonDot,
    /// AVX2 with FMA.
    Avx2,
    /// AVX2 with VNNI.
    AvxVnni,
    /// AVX-512 with VNNI; also what needs AVX-512 alone.
    Vnni,
    /// The tiles of AMX, for bytes.
    Amx,
}

impl InstructionSet {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Portable,
        Self::Neon,
        Self::NeonDot,
        Self::Avx2,
        Self::AvxVnni,
        Self::Vnni,
        Self::Amx,
    ];

    /// The name that `NIGH_CPU` takes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Neon => "neon",
            Self::NeonDot => "neon-dot",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avxvnni",
            Self::Vnni => "vnni",
            Self::Amx => "amx",
        }
    }

    /// Whether the processor has it. The system may still refuse AMX.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let avx2 = has!("avx2") && has!("fma");
            match self {
                Self::Portable => true,
                Self::Avx2 => avx2,
                Self::AvxVnni => avx2 && has!("avxvnni"),
                Self::Vnni => {
                    has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512vnni")
                }
                Self::Amx => has_amx(),
                Self::Neon | Self::NeonDot => false,
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            match self {
                Self::Portable | Self::Neon => true,
                Self::NeonDot => std::arch::is_aarch64_feature_detected!("dotprod"),
                Self::Avx2 | Self::AvxVnni | Self::Vnni | Self::Amx => false,
            }
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        {
            self == Self::Portable
        }
    }
}

impl std::fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether the processor has AMX tiles and their instructions for bytes.
#[cfg(target_arch = "x86_64")]
fn has_amx() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    const TILES_AND_BYTES: u32 = 1 << 24 | 1 << 25;
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & TILES_AND_BYTES == TILES_AND_BYTES
}

/// `NIGH_CPU` names no instruction set that this processor has.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{VARIABLE}: expected one of {expected} on this processor, found {found}")]
pub struct Error {
    expected: String,
    found: String,
}

/// The ceiling that `NIGH_CPU` sets; `None` without one. Read once.
///
/// # Errors
/// [`Error`] if it names no instruction set that this processor has.
pub fn ceiling() -> Result<Option<InstructionSet>, Error> {
    static CEILING: OnceLock<Result<Option<InstructionSet>, Error>> = OnceLock::new();
    CEILING
        .get_or_init(|| parse(std::env::var(VARIABLE).ok().as_deref()))
        .clone()
}

/// The instruction set of a name that `NIGH_CPU` may have.
///
/// # Errors
/// [`Error`] if it names none that this processor has.
fn parse(name: Option<&str>) -> Result<Option<InstructionSet>, Error> {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let available = || {
        InstructionSet::ALL
            .into_iter()
            .filter(|set| set.is_available())
    };
    available()
        .find(|set| set.name() == name)
        .map(Some)
        .ok_or_else(|| Error {
            expected: available()
                .map(InstructionSet::name)
                .collect::<Vec<_>>()
                .join(", "),
            found: name.to_owned(),
        })
}

/// Whether the ceiling allows kernels of a set. A ceiling that is an [`Error`] allows all: who
/// starts the program has to ask for it.
pub fn allows(set: InstructionSet) -> bool {
    !matches!(ceiling(), Ok(Some(ceiling)) if set > ceiling)
}

/// Whether the processor has a set and the ceiling allows it.
pub fn supports(set: InstructionSet) -> bool {
    allows(set) && set.is_available()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_sets_are_found_by_name() {
        for set in InstructionSet::ALL
            .into_iter()
            .filter(|set| set.is_available())
        {
            assert_eq!(parse(Some(set.name())).unwrap(), Some(set));
        }
        assert_eq!(parse(None).unwrap(), None);
        assert_eq!(parse(Some("")).unwrap(), None);
    }

    #[test]
    fn unknown_sets_are_reported_with_those_available() {
        let error = parse(Some("abacus")).unwrap_err().to_string();
        assert!(
            error.starts_with("NIGH_CPU: expected one of portable")
                && error.ends_with("found abacus"),
            "{error}"
        );
    }
}
