//! Searching the graph: a walk on codes, then rescoring with the vectors.

use super::filtered::search_layer_filtered;
use super::hnsw::Graph;
use super::search_layer::{Candidate, SearchScratch, greedy_descent, search_layer};
use crate::binary::BinaryCodes;
use crate::codes::{QuantizedScorer, QuantizedVector, Scorer};
use crate::rescore::{UpperBoundCandidate, rescore};
use crate::top_k::Neighbor;
use crate::{Bits, VectorFile};
use serde::Serialize;
use std::cell::RefCell;

/// The codes that a walk through the graph compares. Results are rescored with the f32 vectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantization {
    /// One byte per dimension: nearly the exact cosine.
    #[default]
    Int8,
    /// One bit per dimension, its sign: an eighth of the memory traffic, but the same recall needs
    /// a larger `ef`. Computed from the int8 codes by the first search that uses them.
    Binary,
}

thread_local! {
    static SCRATCH: RefCell<SearchScratch> = RefCell::default();
}

/// Candidates beyond the first `k` are rescored if their approximate cosine is at most this
/// fraction of the codes' error bound below the k-th best. The errors of single dimensions are
/// independent and mostly cancel: with 384 dimensions this is seven standard deviations.
const RESCORE_MARGIN: f32 = 0.25;

/// If at least this fraction of the rows is allowed, an unfiltered search with a larger `ef` finds
/// enough of them.
const DENSE_FILTER_RATIO: f32 = 0.25;
/// Below this fraction the two-hop expansion misses more, and `ef` is doubled.
const SPARSE_FILTER_RATIO: f32 = 0.1;
/// If, among the nearest rows of an unfiltered search, less than this fraction of the expected
/// number is allowed, the allowed rows lie far from the query and from each other, and only a scan
/// of them finds the nearest.
const MIN_EXPECTED_ALLOWED: f32 = 0.5;

impl Graph {
    /// Returns the `k` nearest rows to the unit vector `query` that a search with `ef` candidates
    /// finds, best first, among those in `allowed`. Returns `None` if the allowed rows lie so far
    /// from the query that a graph search misses them.
    pub(crate) fn search(
        &self,
        vectors: &VectorFile,
        query: &[f32],
        k: usize,
        ef: usize,
        quantization: Quantization,
        allowed: Option<&Bits>,
    ) -> Option<Vec<Neighbor>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let (candidates, margin) = match quantization {
                Quantization::Int8 => {
                    let (codes, query) = (self.codes.view(), QuantizedVector::new(query));
                    let scorer = QuantizedScorer {
                        codes,
                        query: &query,
                    };
                    let candidates = self.candidates(&scorer, ef.max(k), allowed, scratch)?;
                    (
                        candidates,
                        RESCORE_MARGIN * query.error_bound(query.error()),
                    )
                }
                Quantization::Binary => {
                    let new_codes = || BinaryCodes::new(self.codes.view(), vectors.dimensions());
                    let scorer = self.binary_codes.get_or_init(new_codes).scorer(query);
                    // Binary scores are rough: every candidate is rescored.
                    (
                        self.candidates(&scorer, ef.max(k), allowed, scratch)?,
                        f32::INFINITY,
                    )
                }
            };
            let node_rows = self.node_rows();
            let rows = candidates.iter().flat_map(|candidate| {
                let upper_bound = candidate.score + margin;
                node_rows
                    .allowed(candidate.node(), allowed)
                    .map(move |row| UpperBoundCandidate { row, upper_bound })
            });
            Some(rescore(vectors, query, k, rows))
        })
    }

    /// The nearest allowed nodes that a search with `ef` candidates finds.
    fn candidates<'a>(
        &self,
        scorer: &impl Scorer,
        ef: usize,
        allowed: Option<&Bits>,
        scratch: &'a mut SearchScratch,
    ) -> Option<&'a [Candidate]> {
        let above = (1..self.levels()).map(|level| self.layer(level));
        let entry = greedy_descent(above, scorer, &mut scratch.sums);
        // Node 0 is an entry point too, since reachability is proved from there.
        let (layer0, entry_points) = (self.layer(0), [entry.node(), 0]);
        let Some(allowed) = allowed else {
            search_layer(layer0, scorer, &entry_points, ef, scratch);
            return Some(scratch.queue.candidates());
        };
        let node_rows = self.node_rows();
        let ratio = allowed.count() as f32 / self.rows() as f32;
        let unfiltered_ef = if ratio >= DENSE_FILTER_RATIO {
            (ef as f32 / ratio) as usize
        } else {
            ef
        };
        search_layer(layer0, scorer, &entry_points, unfiltered_ef, scratch);
        let found = scratch.queue.candidates().len();
        scratch
            .queue
            .retain(|node| node_rows.any_allowed(node, Some(allowed)));
        if (scratch.queue.candidates().len() as f32) < MIN_EXPECTED_ALLOWED * ratio * found as f32 {
            return None;
        }
        if ratio < DENSE_FILTER_RATIO {
            let ef = if ratio < SPARSE_FILTER_RATIO {
                2 * ef
            } else {
                ef
            };
            // A set of nodes rather than rows, since most nodes that the two-hop expansion tests
            // are not allowed.
            let mut nodes = Bits::new(self.nodes());
            allowed
                .iter()
                .for_each(|row| _ = nodes.insert(self.node_of(row)));
            search_layer_filtered(layer0, scorer, entry.node(), ef, &nodes, scratch);
        }
        Some(scratch.queue.candidates())
    }
}
