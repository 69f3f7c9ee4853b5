//! Best-first search among allowed nodes only.
//!
//! Only allowed nodes become candidates. A candidate's neighbors are those of its links that are
//! allowed, and the allowed neighbors of those that are not: this two-hop expansion keeps the
//! allowed nodes connected even when most nodes between them are filtered out. Patel, Kraft,
//! Guestrin and Zaharia, *ACORN: Performant and Predicate-Agnostic Search Over Vector Embeddings
//! and Structured Data*, arXiv:2403.04871. If the query lies far from every allowed node, a search
//! from the nearest node would find none of them, so it also starts at allowed nodes from
//! all over the graph.

use super::layer::Layer;
use super::search_layer::{SearchScratch, VisitedSet};
use crate::Bits;
use crate::codes::Scorer;

/// Allowed nodes, spread over the graph, that the search starts from besides the entry point.
const SEEDS: usize = 32;
/// The most nodes tested to find the seeds.
const MAX_SEED_PROBES: usize = 4096;
/// 2³² divided by the golden ratio: multiples of it modulo 2³² are evenly spread.
const SEED_STRIDE: u32 = 0x9e37_79b1;

/// Leaves the `ef` nearest allowed nodes found from `entry_point` and the seeds in `scratch.queue`.
pub fn search_layer_filtered(
    layer: Layer<'_>,
    scorer: &impl Scorer,
    entry_point: u32,
    ef: usize,
    allowed: &Bits,
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
    let probes = (0..MAX_SEED_PROBES as u32)
        .map(|i| ((u64::from(i.wrapping_mul(SEED_STRIDE)) * scorer.len() as u64) >> 32) as u32);
    let seeds = probes.filter(|&node| allowed.contains(node)).take(SEEDS);
    batch.extend(seeds.filter(|&node| visited.insert(node)));
    if allowed.contains(entry_point) && visited.insert(entry_point) {
        batch.push(entry_point);
    }
    // The neighborhood of the entry point counts whether or not the entry point itself is allowed.
    push_allowed_neighbors(layer, entry_point, allowed, visited, batch);
    loop {
        scorer.score_rows(batch, sums, |node, score| queue.push(node, score));
        let Some(node) = queue.next() else { break };
        batch.clear();
        push_allowed_neighbors(layer, node, allowed, visited, batch);
    }
}

/// Adds the unvisited allowed neighbors of `node` to `batch`, and those of its neighbors that are
/// not allowed. Expansion stops once it has added as many nodes as a list holds.
fn push_allowed_neighbors(
    layer: Layer<'_>,
    node: u32,
    allowed: &Bits,
    visited: &mut VisitedSet,
    batch: &mut Vec<u32>,
) {
    let limit = batch.len() + layer.width;
    for &neighbor in layer.neighbors(node) {
        if !visited.insert(neighbor) {
            continue;
        }
        if allowed.contains(neighbor) {
            batch.push(neighbor);
            continue;
        }
        for &second in layer.neighbors(neighbor) {
            if batch.len() >= limit {
                return;
            }
            if allowed.contains(second) && visited.insert(second) {
                batch.push(second);
            }
        }
    }
}
