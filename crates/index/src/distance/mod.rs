//! Inner products in the widest instructions the processor has, chosen when the program runs.

// SIMD needs `unsafe`; each block says why it is sound.
#![allow(unsafe_code)]

pub mod amx;
pub mod binary;
pub mod float;
pub mod int8;
pub mod prefetch;

pub use float::{Dot, UnitDistance, dot, paths};

#[cfg(test)]
mod testing {
    use super::*;
    use std::io::Write;

    /// Says which path was not tried, past the capture of what tests print.
    pub fn left_out(path: &str) {
        let _ = writeln!(std::io::stderr(), "not tested here: the path {path}, which this processor cannot run");
    }

    #[test]
    fn paths_that_this_processor_cannot_run_are_named() {
        let all: &[(&str, &[&str])] = if cfg!(target_arch = "x86_64") {
            &[
                ("whole numbers", &["avx512-vnni", "avx-vnni", "avx2", "portable"]),
                ("floats", &["avx512", "avx2", "portable"]),
            ]
        } else if cfg!(target_arch = "aarch64") {
            &[("whole numbers", &["neon", "portable"]), ("floats", &["neon", "portable"])]
        } else {
            &[("whole numbers", &["portable"]), ("floats", &["portable"])]
        };
        let whole: Vec<&str> = int8::paths().into_iter().map(|(name, _)| name).collect();
        let floats: Vec<&str> = float::paths().into_iter().map(|(name, _)| name).collect();
        for ((kind, names), found) in all.iter().zip([whole, floats]) {
            assert!(found.iter().all(|name| names.contains(name)), "{found:?} of {kind}");
            for name in names.iter().filter(|name| !found.contains(name)) {
                left_out(&format!("{name} of {kind}"));
            }
        }
    }
}
