//! What a graph is built with.

use serde::{Deserialize, Serialize};
use std::ops::{ControlFlow, RangeInclusive};

/// The algorithm that chooses the neighbors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Builder {
    /// This crate's: batch insertion on int8 codes. The same vectors and seed give the same graph,
    /// byte for byte, on any number of threads and any processor.
    #[default]
    Batch,
    /// The crate hnsw_rs, on f32 vectors. Two builds may differ in a few links.
    HnswRs,
}

/// The valid values of [`Params::m`].
pub const M_RANGE: RangeInclusive<usize> = 2..=128;

/// HNSW construction parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// The most neighbors of a node above level 0; twice that on level 0. 2 to 128.
    pub m: usize,
    /// The size of the candidate list from which a new node's neighbors are chosen. 1 to 10,000.
    pub ef_construction: usize,
    /// Determines the levels of nodes and the insertion order of [`Builder::Batch`]. hnsw_rs
    /// ignores it.
    #[serde(default)]
    pub seed: u64,
    /// The algorithm that chooses the neighbors.
    #[serde(default)]
    pub builder: Builder,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            m: 16,
            ef_construction: 200,
            seed: 0,
            builder: Builder::Batch,
        }
    }
}

/// Called with the number of nodes inserted and their total; `Break` stops the build with
/// [`Error::Stopped`](crate::Error::Stopped).
pub type Progress<'a> = dyn Fn(usize, usize) -> ControlFlow<()> + Sync + 'a;

/// An estimate of the bytes of memory that building a graph over `rows` vectors needs, not counting
/// the mapped vector file.
pub fn estimate_build_memory(rows: usize, dimensions: usize, params: Params) -> u64 {
    // Codes and lists, a second copy of each in the final node order, and the pruned copies of
    // lists.
    let per_node = 2 * dimensions + 24 * params.m + 400;
    let per_node = match params.builder {
        Builder::Batch => per_node,
        // hnsw_rs copies every vector and allocates an object per node, list and link.
        Builder::HnswRs => per_node + 4 * dimensions + 64 * params.m + 1700,
    };
    (rows * per_node) as u64
}
