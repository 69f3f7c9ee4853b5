//! Exact search: by a scan of all vectors, or of their codes followed by rescoring.

use crate::codes::{QuantizedVector, QuantizedView};
use crate::distance::amx;
use crate::graph::NodeRows;
use crate::rescore::{UpperBoundCandidate, rescore};
use crate::top_k::{Neighbor, TopK};
use crate::{Bits, Graph, VectorFile, distance};
use rayon::prelude::*;

/// Smaller files are scanned on the calling thread.
const MIN_PARALLEL_ROWS: usize = 4096;

/// Scans all vectors. Returns the `k` rows nearest to the unit vector `query`, best first, among
/// those in `allowed` (`None` for all).
pub fn search(
    vectors: &VectorFile,
    query: &[f32],
    k: usize,
    allowed: Option<&Bits>,
) -> Vec<Neighbor> {
    let (dot, dimensions) = (distance::dot(), vectors.dimensions());
    let scan = |first: usize, block: &[f32]| {
        let mut top = TopK::new(k);
        for (row, vector) in (first as u32..).zip(block.chunks_exact(dimensions)) {
            if allowed.is_none_or(|allowed| allowed.contains(row)) {
                top.push(Neighbor {
                    row,
                    score: dot(query, vector).clamp(-1.0, 1.0),
                });
            }
        }
        top.into_sorted()
    };
    if vectors.rows() < MIN_PARALLEL_ROWS {
        return scan(0, vectors.vectors());
    }
    let block = MIN_PARALLEL_ROWS / 2;
    let parts: Vec<Vec<Neighbor>> = vectors
        .vectors()
        .par_chunks(block * dimensions)
        .enumerate()
        .map(|(i, part)| scan(i * block, part))
        .collect();
    let mut top = TopK::new(k);
    parts.into_iter().flatten().for_each(|hit| top.push(hit));
    top.into_sorted()
}

/// Codes scanned at a time: with 384 dimensions, 400 kB.
const CODES_PER_BLOCK: usize = 1024;

/// If at most one in this many nodes is allowed, the allowed ones are looked up; otherwise all
/// nodes are filtered.
const SPARSE_FILTER_DIVISOR: usize = 4;

/// Returns exactly what [`search`] does, several times faster: scans the codes of the graph's
/// nodes, whose error bounds tell which vectors could be among the `k` nearest, and rescores only
/// those.
pub fn search_quantized(
    vectors: &VectorFile,
    graph: &Graph,
    query: &[f32],
    k: usize,
    allowed: Option<&Bits>,
) -> Vec<Neighbor> {
    let scan = Scan {
        codes: graph.codes.view(),
        errors: &graph.codes.errors,
        node_rows: graph.node_rows(),
        allowed,
    };
    let quantized_query = QuantizedVector::new(query);
    let all = 0..graph.nodes() as u32;
    let nodes: Vec<u32> =
        match allowed.filter(|allowed| allowed.count() <= graph.nodes() / SPARSE_FILTER_DIVISOR) {
            Some(allowed) => {
                let mut nodes: Vec<u32> = allowed.iter().map(|row| graph.node_of(row)).collect();
                nodes.sort_unstable();
                nodes.dedup();
                nodes
            }
            None if allowed.is_none() => all.collect(),
            None => all
                .into_par_iter()
                .filter(|&node| scan.node_rows.any_allowed(node, allowed))
                .collect(),
        };
    let parts: Vec<Vec<UpperBoundCandidate>> = nodes
        .par_chunks(CODES_PER_BLOCK)
        .with_min_len(MIN_PARALLEL_ROWS / CODES_PER_BLOCK)
        .fold(
            || UpperBoundCandidates::new(k),
            |mut candidates, block| {
                scan.block(block, &quantized_query, &mut candidates);
                candidates
            },
        )
        .map(UpperBoundCandidates::into_vec)
        .collect();
    rescore(vectors, query, k, highest_bound_first(parts.concat()))
}

fn highest_bound_first(
    mut candidates: Vec<UpperBoundCandidate>,
) -> impl Iterator<Item = UpperBoundCandidate> {
    candidates.sort_unstable_by(|a, b| b.upper_bound.total_cmp(&a.upper_bound));
    candidates.into_iter()
}

/// The rows that could be among the best `k`.
struct UpperBoundCandidates {
    /// The `k` highest lower bounds: a row whose upper bound is below all of them is not among the
    /// best `k`.
    lower_bounds: TopK,
    rows: Vec<UpperBoundCandidate>,
    /// At this length, rows that can no longer be among the best are removed.
    prune_at: usize,
}

impl UpperBoundCandidates {
    fn new(k: usize) -> Self {
        Self {
            lower_bounds: TopK::new(k),
            rows: Vec::new(),
            prune_at: k.saturating_mul(2).max(1024),
        }
    }

    /// What the upper bound of a row must reach for the row to be among the best `k`.
    fn threshold(&self) -> f32 {
        self.lower_bounds
            .worst()
            .filter(|_| self.lower_bounds.is_full())
            .map_or(f32::NEG_INFINITY, |worst| worst.score)
    }

    /// Adds a row whose cosine is within `score ± error_bound`.
    fn push(&mut self, row: u32, score: f32, error_bound: f32) {
        self.rows.push(UpperBoundCandidate {
            row,
            upper_bound: score + error_bound,
        });
        self.lower_bounds.push(Neighbor {
            row,
            score: score - error_bound,
        });
        if self.rows.len() >= self.prune_at {
            let threshold = self.threshold();
            self.rows
                .retain(|candidate| candidate.upper_bound >= threshold);
            self.prune_at = self.prune_at.max(2 * self.rows.len());
        }
    }

    fn into_vec(mut self) -> Vec<UpperBoundCandidate> {
        let threshold = self.threshold();
        self.rows
            .retain(|candidate| candidate.upper_bound >= threshold);
        self.rows
    }
}

/// For each query of a tile, the score that a row must reach to be a candidate.
struct Thresholds {
    scales: [f32; amx::TILE_QUERIES],
    biases: [i32; amx::TILE_QUERIES],
    thresholds: [f32; amx::TILE_QUERIES],
}

impl Thresholds {
    fn new(queries: &[QuantizedVector]) -> Self {
        // If the tile has fewer queries, no score reaches the thresholds of the missing ones.
        let mut result = Self {
            scales: [1.0; amx::TILE_QUERIES],
            biases: [0; amx::TILE_QUERIES],
            thresholds: [f32::INFINITY; amx::TILE_QUERIES],
        };
        for (at, query) in queries.iter().enumerate() {
            (result.scales[at], result.biases[at]) = query.scale_and_bias();
        }
        result
    }

    /// Updates the thresholds for rows whose residuals have norms of at most `error`.
    fn update(
        &mut self,
        queries: &[QuantizedVector],
        candidates: &[UpperBoundCandidates],
        error: f32,
    ) {
        for ((threshold, query), candidates) in
            self.thresholds.iter_mut().zip(queries).zip(candidates)
        {
            *threshold = candidates.threshold() - query.error_bound(error);
        }
    }

    /// Whether the score for any query reaches its threshold.
    #[inline(always)]
    fn any_reaches(&self, sums: &[i32; amx::TILE_QUERIES], scale: f32) -> bool {
        let score = |at: usize| scale * (self.scales[at] * (sums[at] - self.biases[at]) as f32);
        // No short circuit, so that the loop is vectorized.
        (0..amx::TILE_QUERIES).fold(false, |any, at| any | (score(at) >= self.thresholds[at]))
    }
}

/// A scan of codes.
struct Scan<'a> {
    codes: QuantizedView<'a>,
    errors: &'a [f32],
    node_rows: NodeRows<'a>,
    allowed: Option<&'a Bits>,
}

impl Scan<'_> {
    /// Scores consecutive nodes against a tile of queries.
    fn tile(
        &self,
        nodes: &[u32],
        tile: &amx::QueryTile,
        queries: &[QuantizedVector],
        candidates: &mut [UpperBoundCandidates],
    ) {
        let mut sums = [[0; amx::TILE_QUERIES]; amx::BLOCK_ROWS];
        let (whole, rest) = nodes.as_chunks::<{ amx::BLOCK_ROWS }>();
        let mut thresholds = Thresholds::new(queries);
        for rows in whole {
            let (start, end) = (rows[0] as usize, rows[0] as usize + amx::BLOCK_ROWS);
            tile.sums(self.codes.rows(start..end), &mut sums);
            thresholds.update(
                queries,
                candidates,
                self.errors[start..end].iter().copied().fold(0.0, f32::max),
            );
            for (&node, sums) in rows.iter().zip(&sums) {
                let scale = self.codes.scale(node);
                // Most rows are below every threshold, so this check must be fast.
                if !thresholds.any_reaches(sums, scale) {
                    continue;
                }
                for ((query, &sum), candidates) in queries.iter().zip(sums).zip(&mut *candidates) {
                    let (score, error_bound) = (
                        query.score(sum, scale),
                        query.error_bound(self.errors[node as usize]),
                    );
                    if score + error_bound >= candidates.threshold() {
                        let rows = self.node_rows.allowed(node, self.allowed);
                        rows.for_each(|row| candidates.push(row, score, error_bound));
                    }
                }
            }
        }
        queries
            .iter()
            .zip(candidates)
            .for_each(|(query, candidates)| self.block(rest, query, candidates));
    }

    /// Scores nodes against one query.
    fn block(&self, nodes: &[u32], query: &QuantizedVector, candidates: &mut UpperBoundCandidates) {
        let mut threshold = candidates.threshold();
        self.codes
            .score_rows(query, nodes, &mut Vec::new(), |node, score| {
                let error_bound = query.error_bound(self.errors[node as usize]);
                if score + error_bound >= threshold {
                    self.node_rows
                        .allowed(node, self.allowed)
                        .for_each(|row| candidates.push(row, score, error_bound));
                    threshold = candidates.threshold();
                }
            });
    }
}

/// Queries that scan each block together while it is in the cache.
const QUERIES_PER_TASK: usize = amx::TILE_QUERIES;
/// Vectors scanned at a time: with 384 dimensions, 400 kB.
const VECTORS_PER_BLOCK: usize = 256;

/// Answers many queries (unit vectors, `queries × dimensions`, row-major) exactly as [`search`]
/// does, in parallel.
pub fn search_many(vectors: &VectorFile, queries: &[f32], k: usize) -> Vec<Vec<Neighbor>> {
    let (dot, dimensions) = (distance::dot(), vectors.dimensions());
    let scan = |queries: &[f32]| {
        let mut tops: Vec<TopK> = queries
            .chunks_exact(dimensions)
            .map(|_| TopK::new(k))
            .collect();
        let blocks = vectors.vectors().chunks(VECTORS_PER_BLOCK * dimensions);
        for (first, block) in (0u32..).step_by(VECTORS_PER_BLOCK).zip(blocks) {
            for (query, top) in queries.chunks_exact(dimensions).zip(&mut tops) {
                for (row, vector) in (first..).zip(block.chunks_exact(dimensions)) {
                    top.push(Neighbor {
                        row,
                        score: dot(query, vector).clamp(-1.0, 1.0),
                    });
                }
            }
        }
        tops.into_iter().map(TopK::into_sorted).collect::<Vec<_>>()
    };
    queries
        .par_chunks(QUERIES_PER_TASK * dimensions)
        .flat_map_iter(scan)
        .collect()
}

/// Answers many queries exactly as [`search_quantized`] does, in parallel.
pub fn search_quantized_many(
    vectors: &VectorFile,
    graph: &Graph,
    queries: &[f32],
    k: usize,
) -> Vec<Vec<Neighbor>> {
    let (codes, node_rows) = (graph.codes.view(), graph.node_rows());
    let scan = Scan {
        codes,
        errors: &graph.codes.errors,
        node_rows,
        allowed: None,
    };
    let dimensions = vectors.dimensions();
    let nodes: Vec<u32> = (0..graph.nodes() as u32).collect();
    let search = |queries: &[f32]| {
        let quantized: Vec<QuantizedVector> = queries
            .chunks_exact(dimensions)
            .map(QuantizedVector::new)
            .collect();
        let mut candidates: Vec<_> = quantized
            .iter()
            .map(|_| UpperBoundCandidates::new(k))
            .collect();
        let slices: Vec<&[i8]> = quantized.iter().map(QuantizedVector::code).collect();
        let tile = amx::QueryTile::new(&slices, graph.codes.stride);
        for block in nodes.chunks(CODES_PER_BLOCK) {
            match &tile {
                Some(tile) => scan.tile(block, tile, &quantized, &mut candidates),
                None => quantized
                    .iter()
                    .zip(&mut candidates)
                    .for_each(|(query, c)| scan.block(block, query, c)),
            }
        }
        let candidates = candidates
            .into_iter()
            .map(|candidates| highest_bound_first(candidates.into_vec()));
        let answers = queries.chunks_exact(dimensions).zip(candidates);
        answers
            .map(|(query, candidates)| rescore(vectors, query, k, candidates))
            .collect::<Vec<_>>()
    };
    queries
        .par_chunks(QUERIES_PER_TASK * dimensions)
        .flat_map_iter(search)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::testing::{Random, vector_file};
    use crate::{Params, graph};
    use std::ops::ControlFlow;

    #[test]
    fn all_variants_return_identical_hits() {
        let dir = tempfile::tempdir().unwrap();
        let mut random = Random(11);
        let mut rows: Vec<_> = (0..5000).map(|_| random.unit(24)).collect();
        // Duplicates, and vectors that differ only in their last bits.
        rows.extend(rows[..50].to_vec());
        let seventh = rows[7].clone();
        rows.extend((0..50).map(|_| random.near(&seventh, 1e-6)));
        let vectors = vector_file(dir.path(), &rows);
        let graph = graph::build(
            &vectors,
            Params {
                m: 4,
                ef_construction: 10,
                ..Params::default()
            },
            2,
            &|_, _| ControlFlow::Continue(()),
        )
        .unwrap();
        let mut queries: Vec<Vec<f32>> = (0..40).map(|_| random.unit(24)).collect();
        queries.push(rows[7].clone());
        for k in [1, 10, 60, 6000] {
            let one_by_one: Vec<Vec<Neighbor>> = queries
                .iter()
                .map(|query| search(&vectors, query, k, None))
                .collect();
            assert_eq!(search_many(&vectors, &queries.concat(), k), one_by_one);
            assert_eq!(
                search_quantized_many(&vectors, &graph, &queries.concat(), k),
                one_by_one
            );
            for (query, expected) in queries.iter().zip(&one_by_one) {
                assert_eq!(
                    search_quantized(&vectors, &graph, query, k, None),
                    *expected
                );
            }
            for step in [2, 9] {
                let mut allowed = Bits::new(rows.len());
                (0..rows.len() as u32)
                    .step_by(step)
                    .for_each(|row| _ = allowed.insert(row));
                for query in &queries {
                    let expected = search(&vectors, query, k, Some(&allowed));
                    assert_eq!(
                        search_quantized(&vectors, &graph, query, k, Some(&allowed)),
                        expected
                    );
                }
            }
        }
        assert!(search_many(&vectors, &[], 3).is_empty());
        assert!(search_quantized_many(&vectors, &graph, &[], 3).is_empty());
    }
}
