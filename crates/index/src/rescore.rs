//! Rescoring candidates with the f32 vectors.

use crate::top_k::{Neighbor, TopK};
use crate::{VectorFile, distance};
use std::collections::VecDeque;

/// A row and an upper bound of its cosine with the query.
#[derive(Clone, Copy)]
pub struct UpperBoundCandidate {
    pub row: u32,
    pub upper_bound: f32,
}

/// How many rows ahead vectors are prefetched.
const PREFETCH_DISTANCE: usize = 3;

/// Returns the best `k` candidates by exact cosine, best first. `candidates` must come in
/// descending order of their upper bounds; scoring stops at the first one that can no longer be
/// among the best `k`.
pub fn rescore(
    vectors: &VectorFile,
    query: &[f32],
    k: usize,
    candidates: impl Iterator<Item = UpperBoundCandidate>,
) -> Vec<Neighbor> {
    let dot = distance::dot();
    // Only a damaged file names rows that do not exist.
    let mut candidates = candidates.filter(|candidate| (candidate.row as usize) < vectors.rows());
    let mut prefetched = VecDeque::with_capacity(PREFETCH_DISTANCE + 1);
    let mut top = TopK::new(k);
    loop {
        while prefetched.len() <= PREFETCH_DISTANCE
            && let Some(next) = candidates.next()
        {
            vectors.prefetch(next.row);
            prefetched.push_back(next);
        }
        let Some(UpperBoundCandidate { row, upper_bound }) = prefetched.pop_front() else {
            break;
        };
        if top
            .worst()
            .is_some_and(|worst| top.is_full() && upper_bound < worst.score)
        {
            break;
        }
        top.push(Neighbor {
            row,
            score: dot(query, vectors.vector(row)).clamp(-1.0, 1.0),
        });
    }
    top.into_sorted()
}
