//! Dot products with the widest instructions that the processor supports, chosen at run time.

// SIMD intrinsics are `unsafe`; each block says why it is sound.
#![allow(unsafe_code)]

pub mod amx;
pub mod binary;
pub mod float;
pub mod int8;
pub mod prefetch;

pub use float::{Dot, UnitDistance, dot, implementations};

#[cfg(test)]
mod testing {
    use super::*;
    use std::io::Write;

    /// Reports an implementation that was not tested. Written to standard error directly, which the
    /// test harness does not capture.
    pub fn report_skipped(name: &str) {
        let _ = writeln!(
            std::io::stderr(),
            "not tested: {name}, which this processor lacks or NIGH_CPU forbids"
        );
    }

    #[test]
    fn unsupported_implementations_are_reported() {
        let all: &[(&str, &[&str])] = if cfg!(target_arch = "x86_64") {
            &[
                ("int8", &["avx512-vnni", "avx-vnni", "avx2", "portable"]),
                ("f32", &["avx512", "avx2", "portable"]),
            ]
        } else if cfg!(target_arch = "aarch64") {
            &[
                ("int8", &["neon", "portable"]),
                ("f32", &["neon", "portable"]),
            ]
        } else {
            &[("int8", &["portable"]), ("f32", &["portable"])]
        };
        let int8: Vec<&str> = int8::implementations()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let floats: Vec<&str> = float::implementations()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        for ((kind, names), found) in all.iter().zip([int8, floats]) {
            assert!(
                found.iter().all(|name| names.contains(name)),
                "{found:?} of {kind}"
            );
            for name in names.iter().filter(|name| !found.contains(name)) {
                report_skipped(&format!("{name} of {kind}"));
            }
        }
    }
}
