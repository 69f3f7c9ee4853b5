//! Inner products in the widest instructions the processor has, chosen when the program runs.

// SIMD needs `unsafe`; each block says why it is sound.
#![allow(unsafe_code)]

pub mod amx;
pub mod binary;
pub mod float;
pub mod int8;
pub mod prefetch;

pub use float::{Dot, UnitDistance, dot, paths};
