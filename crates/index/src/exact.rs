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

/// Queries that go through a block of vectors together, while it is in the cache.
const TILE: usize = 16;
/// Vectors in a block: with 384 dimensions, 400 kB.
const BLOCK: usize = 256;

/// The `k` rows nearest to each of many unit vectors (`queries × dimensions`, row-major), on all
/// cores. Each answer is that of [`search`].
pub fn search_many(vectors: &VectorFile, queries: &[f32], k: usize) -> Vec<Vec<Hit>> {
    let (dot, dimensions) = (distance::dot(), vectors.dimensions());
    let tile = |queries: &[f32]| {
        let mut tops: Vec<Top> = queries.chunks_exact(dimensions).map(|_| Top::new(k)).collect();
        for (first, block) in (0u32..).step_by(BLOCK).zip(vectors.vectors().chunks(BLOCK * dimensions)) {
            for (query, top) in queries.chunks_exact(dimensions).zip(&mut tops) {
                for (row, vector) in (first..).zip(block.chunks_exact(dimensions)) {
                    top.push(Hit { row, score: dot(query, vector).clamp(-1.0, 1.0) });
                }
            }
        }
        tops.into_iter().map(Top::into_sorted).collect::<Vec<_>>()
    };
    queries.par_chunks(TILE * dimensions).flat_map_iter(tile).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::testing::{Random, file};

    #[test]
    fn many_at_once_get_the_answers_of_one_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut random = Random(11);
        let mut rows: Vec<_> = (0..1000).map(|_| random.unit(24)).collect();
        rows.extend(rows[..50].to_vec());
        let vectors = file(dir.path(), &rows);
        let queries: Vec<Vec<f32>> = (0..40).map(|_| random.unit(24)).collect();
        for k in [1, 10, 2000] {
            let found = search_many(&vectors, &queries.concat(), k);
            let one_by_one: Vec<Vec<Hit>> = queries.iter().map(|query| search(&vectors, query, k, None)).collect();
            assert_eq!(found, one_by_one);
        }
        assert!(search_many(&vectors, &[], 3).is_empty());
    }
}
