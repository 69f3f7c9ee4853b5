//! The exact answer: every vector is looked at.

use crate::top::{Hit, Top};
use crate::{Bits, VectorFile, distance};
use rayon::prelude::*;

/// Fewer rows than this are scanned on the calling thread.
const PARALLEL_ROWS: usize = 4096;

/// The `k` rows nearest to the unit vector `query`, best first, among those in `allowed`.
pub fn search(vectors: &VectorFile, query: &[f32], k: usize, allowed: Option<&Bits>) -> Vec<Hit> {
    let (dot, dimensions) = (distance::dot(), vectors.dimensions());
    let scan = |first: usize, block: &[f32]| {
        let mut top = Top::new(k);
        for (row, vector) in (first as u32..).zip(block.chunks_exact(dimensions)) {
            if allowed.is_none_or(|allowed| allowed.contains(row)) {
                top.push(Hit { row, score: dot(query, vector).clamp(-1.0, 1.0) });
            }
        }
        top.into_sorted()
    };
    if vectors.rows() < PARALLEL_ROWS {
        return scan(0, vectors.vectors());
    }
    let block = PARALLEL_ROWS / 2;
    let parts: Vec<Vec<Hit>> =
        vectors.vectors().par_chunks(block * dimensions).enumerate().map(|(i, part)| scan(i * block, part)).collect();
    let mut top = Top::new(k);
    parts.into_iter().flatten().for_each(|hit| top.push(hit));
    top.into_sorted()
}
