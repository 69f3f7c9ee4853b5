//! Vectors in; the nearest ids out.
//!
//! A [`Segment`] is an immutable file of unit vectors, each with a 64-bit key and a 128-bit tag
//! that mean nothing here, and, where it is worth it, a second file with an HNSW graph over them and
//! their int8 codes. Both are mapped into memory and searched where they lie: by a walk through the
//! graph ([`graph`]), or by looking at every code or vector ([`exact`]), which gives the true answer.
//! Scores are dot products of unit vectors, so cosines, clamped to −1..=1; of equal scores the vector
//! that was added first comes first.
//!
//! A graph is built in parallel, the same one from the same seed, or by hnsw_rs; then every vector is
//! proved reachable and asked for by itself, and what is not found is linked in.
//!
//! This crate knows ids and vectors, never text; it never prints, and no file, however damaged, makes
//! it panic.

#![deny(missing_docs)]

#[cfg(target_endian = "big")]
compile_error!("the files are little-endian and are mapped as they are");

mod bits;
mod codes;
pub mod distance;
mod error;
pub mod exact;
mod file;
pub mod graph;
mod segment;
mod signs;
mod top;
mod vectors;

pub use bits::Bits;
pub use disk::Files;
pub use error::{Error, Result};
pub use graph::{Builder, FirstPass, Graph, Health, Params};
pub use segment::{Method, Segment};
pub use top::Hit;
pub use vectors::{VectorFile, VectorWriter, check_unit};
