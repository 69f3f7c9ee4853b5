//! Best-first search on one layer, and the greedy descent through the layers above it.

use super::layer::Layer;
use crate::codes::Scorer;

/// The nodes visited by a search, as one epoch stamp per node: starting a new epoch clears the set
/// in O(1).
#[derive(Default)]
pub struct VisitedSet {
    stamps: Vec<u8>,
    epoch: u8,
    /// The size of the current graph. `stamps` can be longer, left over from a larger graph.
    nodes: usize,
}

impl VisitedSet {
    /// Clears the set for a search of a graph of `nodes` nodes.
    pub fn reset(&mut self, nodes: usize) {
        if self.stamps.len() < nodes || self.epoch == u8::MAX {
            self.stamps.clear();
            self.stamps.resize(nodes, 0);
            self.epoch = 0;
        }
        self.epoch += 1;
        self.nodes = nodes;
    }

    /// Returns whether `node` was not visited yet, and marks it. `false` for a node outside the
    /// graph, which only a damaged file can name.
    #[inline(always)]
    pub fn insert(&mut self, node: u32) -> bool {
        match self.stamps[..self.nodes].get_mut(node as usize) {
            Some(stamp) if *stamp != self.epoch => {
                *stamp = self.epoch;
                true
            }
            _ => false,
        }
    }
}

/// A node and its approximate cosine with the query, computed from codes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    pub score: f32,
    /// The node, with [`EXPANDED`] set once its neighbors have been scored.
    node: u32,
}

/// Marks a candidate whose neighbors have been scored.
const EXPANDED: u32 = 1 << 31;
/// The most nodes a graph can have, since the highest bit is [`EXPANDED`].
pub const MAX_NODES: usize = EXPANDED as usize;

impl Candidate {
    pub fn new(node: u32, score: f32) -> Self {
        Self { score, node }
    }

    pub fn node(&self) -> u32 {
        self.node & !EXPANDED
    }
}

/// The best `ef` candidates so far, best first. Among equal scores the one found first comes first.
#[derive(Default)]
pub struct CandidateQueue {
    candidates: Vec<Candidate>,
    ef: usize,
    /// All candidates before this index are expanded.
    first_unexpanded: usize,
}

impl CandidateQueue {
    /// Empties the queue and sets its capacity.
    pub fn reset(&mut self, ef: usize) {
        self.candidates.clear();
        self.ef = ef.max(1);
        self.first_unexpanded = 0;
    }

    /// Inserts a candidate, unless the queue is full and none in it is worse.
    #[inline(always)]
    pub fn push(&mut self, node: u32, score: f32) {
        if self.candidates.len() >= self.ef {
            if self
                .candidates
                .last()
                .is_none_or(|worst| score <= worst.score)
            {
                return;
            }
            self.candidates.pop();
        }
        let at = self
            .candidates
            .partition_point(|candidate| candidate.score >= score);
        self.candidates.insert(at, Candidate { score, node });
        self.first_unexpanded = self.first_unexpanded.min(at);
    }

    /// Returns the best unexpanded candidate and marks it expanded.
    #[inline(always)]
    pub fn next(&mut self) -> Option<u32> {
        let offset = self.unexpanded_offset()?;
        self.first_unexpanded += offset + 1;
        let candidate = &mut self.candidates[self.first_unexpanded - 1];
        let node = candidate.node;
        candidate.node |= EXPANDED;
        Some(node)
    }

    /// The distance from `first_unexpanded` to the best unexpanded candidate.
    #[inline(always)]
    fn unexpanded_offset(&self) -> Option<usize> {
        self.candidates[self.first_unexpanded..]
            .iter()
            .position(|candidate| candidate.node & EXPANDED == 0)
    }

    /// The candidate that [`Self::next`] would return, without marking it.
    #[inline(always)]
    pub fn peek(&self) -> Option<u32> {
        self.unexpanded_offset()
            .map(|offset| self.candidates[self.first_unexpanded + offset].node)
    }

    /// Keeps only the candidates whose node satisfies `keep`.
    pub fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        self.candidates.retain(|candidate| keep(candidate.node()));
    }

    /// The candidates, best first.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }
}

/// Buffers that searches reuse.
#[derive(Default)]
pub struct SearchScratch {
    pub visited: VisitedSet,
    pub queue: CandidateQueue,
    pub batch: Vec<u32>,
    pub sums: Vec<i32>,
}

/// Rows of a batch prefetched while it is collected; the dot-product kernels prefetch the rest.
const PREFETCHED_ROWS: usize = 4;

/// SEARCH-LAYER (algorithm 2 of the paper): leaves the `ef` nearest nodes found from `entry_points`
/// in `scratch.queue`.
pub fn search_layer(
    layer: Layer<'_>,
    scorer: &impl Scorer,
    entry_points: &[u32],
    ef: usize,
    scratch: &mut SearchScratch,
) {
    let SearchScratch {
        visited,
        queue,
        batch,
        sums,
    } = scratch;
    visited.reset(scorer.len());
    queue.reset(ef);
    batch.clear();
    batch.extend(entry_points.iter().filter(|&&node| visited.insert(node)));
    loop {
        scorer.score_rows(batch, sums, |node, score| queue.push(node, score));
        let Some(node) = queue.next() else { break };
        batch.clear();
        for &neighbor in layer.neighbors(node) {
            if visited.insert(neighbor) {
                if batch.len() < PREFETCHED_ROWS {
                    scorer.prefetch(neighbor);
                }
                batch.push(neighbor);
            }
        }
        if let Some(next) = queue.peek() {
            layer.prefetch(next);
        }
    }
}

/// Greedy search from node 0 through `layers`, which come lowest first; returns the nearest node
/// found.
pub fn greedy_descent<'a>(
    layers: impl DoubleEndedIterator<Item = Layer<'a>>,
    scorer: &impl Scorer,
    sums: &mut Vec<i32>,
) -> Candidate {
    let entry = Candidate::new(0, scorer.score_row(0, sums));
    layers.rev().fold(entry, |nearest, layer| {
        greedy_search(layer, scorer, nearest, sums)
    })
}

/// Moves from `start` to the nearest neighbor until no neighbor is nearer: SEARCH-LAYER with ef =
/// 1.
fn greedy_search(
    layer: Layer<'_>,
    scorer: &impl Scorer,
    start: Candidate,
    sums: &mut Vec<i32>,
) -> Candidate {
    let mut nearest = start;
    loop {
        // A flag rather than a comparison with the last node: scores from a damaged file can be
        // NaN.
        let mut moved = false;
        scorer.score_rows(
            valid_neighbors(layer.neighbors(nearest.node()), scorer.len()),
            sums,
            |node, score| {
                if score > nearest.score {
                    nearest = Candidate::new(node, score);
                    moved = true;
                }
            },
        );
        if !moved {
            return nearest;
        }
    }
}

/// The neighbors, or none if one lies outside the graph, as only a damaged file has it.
fn valid_neighbors(neighbors: &[u32], nodes: usize) -> &[u32] {
    if neighbors.iter().all(|&node| (node as usize) < nodes) {
        neighbors
    } else {
        &[]
    }
}
