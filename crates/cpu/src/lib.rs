//! The instruction sets that SIMD kernels may use: what the processor has, up to the ceiling that
//! the environment variable `NIGH_CPU` sets.
//!
//! The crate asks the processor and the system, and reads one variable. It has no kernels: those of `encoder` and
//! `index` test for the features that they need and ask [`allows`] besides.

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub mod amx;

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
    /// The tiles of AMX, for bytes, with [`Self::Vnni`].
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

    /// Whether the processor has it and the system lets this process use it.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let avx2 = has!("avx2") && has!("fma");
            let vnni =
                has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512vnni");
            match self {
                Self::Portable => true,
                Self::Avx2 => avx2,
                Self::AvxVnni => avx2 && has!("avxvnni"),
                Self::Vnni => vnni,
                #[cfg(target_os = "linux")]
                Self::Amx => vnni && amx::is_available(),
                #[cfg(not(target_os = "linux"))]
                Self::Amx => false,
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
