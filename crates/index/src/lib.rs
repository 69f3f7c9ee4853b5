//! Takes unit vectors, each with a 64-bit key and a 128-bit fingerprint; gives back the rows
//! nearest to a query vector.
//!
//! A [`Segment`] is an immutable file of vectors ([`VectorFile`]) and, if it is large enough, a
//! second file with an HNSW [`Graph`] over them and their int8 codes. Both are memory-mapped. A
//! search either traverses the graph ([`graph`]) or scans codes or vectors ([`exact`]), which gives
//! the exact answer. Scores are dot products of unit vectors, that is cosines, clamped to −1..=1;
//! ties go to the row added first.
//!
//! A graph is built in parallel, by this crate (deterministically, from a seed) or by hnsw_rs.
//! After the build, links are added until every vector is reachable and, as far as links can do
//! that, found by a search for itself.
//!
//! This crate never sees text, never interprets keys and fingerprints, never prints, and never
//! panics on a damaged file.

#![deny(missing_docs)]

#[cfg(target_endian = "big")]
compile_error!("files are little-endian and are mapped without conversion");

mod binary;
mod bits;
mod codes;
pub mod distance;
mod error;
pub mod exact;
pub mod graph;
mod rescore;
mod section_file;
mod segment;
mod top_k;
mod vectors;

pub use bits::Bits;
pub use disk::WriteOptions;
pub use error::{Error, Result};
pub use graph::{BuildReport, Builder, Graph, Params, Quantization};
pub use segment::{SearchStrategy, Segment};
pub use top_k::Neighbor;
pub use vectors::{VectorFile, VectorWriter, check_unit};
