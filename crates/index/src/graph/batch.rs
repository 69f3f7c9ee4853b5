//! Parallel batch insertion, with a result that does not depend on scheduling.
//!
//! Nodes are inserted in batches. Each batch is searched for in parallel against the graph built so
//! far; then its forward links are written, then the reverse links, grouped by target so that each
//! list is changed once and by one thread. Dobson, Shen, Blelloch, Dhulipala, Gu, Simhadri and Sun,
//! *Scaling Graph-Based ANNS Algorithms to Billion-Size Datasets*, arXiv:2305.04359.

use super::layer::max_neighbors;
use super::mutable::{MutableGraph, MutableLayer};
use super::params::{Params, Progress};
use super::search_layer::{Candidate, SearchScratch, greedy_descent, search_layer};
use super::select::NeighborSelector;
use crate::codes::{QuantizedScorer, QuantizedVector, QuantizedVectors, QuantizedView};
use crate::{Error, Result, VectorFile};
use rayon::prelude::*;

/// The size of the first batch, whose nodes find their neighbors by comparing all pairs.
const FIRST_BATCH_SIZE: usize = 512;
/// A batch has at most one in this many of all nodes, because nodes of one batch do not find each
/// other.
const BATCH_SIZE_DIVISOR: usize = 50;
/// A batch limited by [`BATCH_SIZE_DIVISOR`] has at least this many nodes, so that all threads have
/// work.
const MIN_BATCH_SIZE: usize = 256;

/// A hash of `seed` and `number`: the output function of SplitMix64.
fn splitmix64(seed: u64, number: u64) -> u64 {
    let z = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Shuffles the rows into insertion order and assigns levels: returns the order and the number of
/// nodes on each level. On average one in `m` nodes of a level is also on the next.
fn insertion_order(rows: &[u32], m: usize, seed: u64) -> (Vec<u32>, Vec<usize>) {
    let mut order: Vec<(u64, u32)> = rows
        .iter()
        .map(|&row| (splitmix64(seed, u64::from(row)), row))
        .collect();
    // The hash decides both: nodes with the smallest hashes come first and are on the highest
    // levels.
    order.sort_unstable();
    let mut level_sizes = vec![rows.len()];
    let mut limit = u64::MAX / m as u64;
    loop {
        let count = order.partition_point(|(hash, _)| *hash < limit);
        if count == 0 {
            break;
        }
        level_sizes.push(count);
        limit /= m as u64;
    }
    (order.into_iter().map(|(_, row)| row).collect(), level_sizes)
}

/// The buffers of one thread.
#[derive(Default)]
struct Worker {
    scratch: SearchScratch,
    selector: NeighborSelector,
    query: QuantizedVector,
    candidates: Vec<Candidate>,
}

/// The neighbors selected for one node, for each of its levels from 0.
type Selected = Vec<Vec<Candidate>>;

/// Builds a graph over the given rows.
///
/// # Errors
/// [`Error::Stopped`] if `progress` returns `Break`.
pub fn build(
    vectors: &VectorFile,
    rows: &[u32],
    params: Params,
    progress: &Progress<'_>,
) -> Result<MutableGraph> {
    let Params {
        m,
        ef_construction,
        seed,
        ..
    } = params;
    let (rows, level_sizes) = insertion_order(rows, m, seed);
    let codes = QuantizedVectors::new(vectors.vectors(), vectors.dimensions(), &rows);
    let new_layer = |(level, &nodes)| MutableLayer::new(nodes, max_neighbors(level, m) + slack(m));
    let layers = level_sizes.iter().enumerate().map(new_layer).collect();
    let mut graph = MutableGraph {
        codes,
        rows,
        layers,
    };
    let nodes = graph.rows.len();
    let mut begin = 0;
    while begin < nodes {
        let size = if begin == 0 {
            FIRST_BATCH_SIZE
        } else {
            begin.min((nodes / BATCH_SIZE_DIVISOR).max(MIN_BATCH_SIZE))
        };
        let end = nodes.min(begin + size);
        let selected: Vec<Selected> = (begin as u32..end as u32)
            .into_par_iter()
            .map_init(Worker::default, |worker, node| {
                if begin == 0 {
                    worker.select_from_all(&graph, node, end, m)
                } else {
                    worker.select_by_search(&graph, node, ef_construction, m)
                }
            })
            .collect();
        add_links(&mut graph, begin as u32, &selected, m);
        begin = end;
        if progress(begin, nodes).is_break() {
            return Err(Error::Stopped);
        }
    }
    prune_overfull(&mut graph, m);
    Ok(graph)
}

/// How far a list may grow beyond its final width before it is pruned: most reverse links then need
/// no pruning of their own.
fn slack(m: usize) -> usize {
    m / 2
}

impl Worker {
    /// Selects neighbors among all nodes before `end`, on each level of `node`.
    fn select_from_all(
        &mut self,
        graph: &MutableGraph,
        node: u32,
        end: usize,
        m: usize,
    ) -> Selected {
        let codes = graph.codes.view();
        let Self {
            scratch,
            selector,
            query,
            candidates,
        } = self;
        query.load_row(&codes, node);
        let node_layers = graph
            .layers
            .iter()
            .take_while(|layer| (node as usize) < layer.nodes);
        node_layers
            .enumerate()
            .map(|(level, layer)| {
                let others: Vec<u32> = (0..layer.nodes.min(end) as u32)
                    .filter(|&other| other != node)
                    .collect();
                candidates.clear();
                codes.score_rows(query, &others, &mut scratch.sums, |other, score| {
                    candidates.push(Candidate::new(other, score));
                });
                sort_nearest_first(candidates);
                selector
                    .select_neighbors(codes, candidates, max_neighbors(level, m), m)
                    .to_vec()
            })
            .collect()
    }

    /// Selects neighbors among the `ef` nearest nodes that a search finds, on each level of `node`.
    fn select_by_search(
        &mut self,
        graph: &MutableGraph,
        node: u32,
        ef: usize,
        m: usize,
    ) -> Selected {
        let codes = graph.codes.view();
        let Self {
            scratch,
            selector,
            query,
            ..
        } = self;
        query.load_row(&codes, node);
        let scorer = QuantizedScorer { codes, query };
        let levels = graph
            .layers
            .iter()
            .take_while(|layer| (node as usize) < layer.nodes)
            .count();
        let above = graph.layers[levels..].iter().map(MutableLayer::view);
        let mut entry = greedy_descent(above, &scorer, &mut scratch.sums);
        let mut selected = Vec::with_capacity(levels);
        for (level, layer) in graph.layers[..levels].iter().enumerate().rev() {
            search_layer(layer.view(), &scorer, &[entry.node()], ef, scratch);
            let candidates = scratch.queue.candidates();
            entry = candidates.first().copied().unwrap_or(entry);
            selected.push(
                selector
                    .select_neighbors(codes, candidates, max_neighbors(level, m), m)
                    .to_vec(),
            );
        }
        selected.reverse();
        selected
    }

    /// Selects `max` neighbors of `node` from its old neighbors and the sources of new reverse
    /// links.
    fn prune(
        &mut self,
        codes: QuantizedView<'_>,
        node: u32,
        old: &[u32],
        new: &[ReverseLink],
        max: usize,
    ) -> Vec<u32> {
        let Self {
            scratch,
            selector,
            query,
            candidates,
        } = self;
        query.load_row(&codes, node);
        candidates.clear();
        codes.score_rows(query, old, &mut scratch.sums, |other, score| {
            candidates.push(Candidate::new(other, score))
        });
        candidates.extend(new.iter().map(|link| Candidate::new(link.from, link.score)));
        sort_nearest_first(candidates);
        candidates.dedup_by_key(|candidate| candidate.node());
        selector
            .select_neighbors(codes, candidates, max, max)
            .iter()
            .map(Candidate::node)
            .collect()
    }
}

/// Sorts by descending score, ties by node.
fn sort_nearest_first(candidates: &mut [Candidate]) {
    candidates.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.node().cmp(&b.node())));
}

/// A link to be added to the list of `to`, because `from` has selected `to` as a neighbor.
#[derive(Clone, Copy)]
struct ReverseLink {
    to: u32,
    score: f32,
    from: u32,
}

/// Writes the selected links of the nodes from `first` on, and the reverse links.
fn add_links(graph: &mut MutableGraph, first: u32, selected: &[Selected], m: usize) {
    let MutableGraph { codes, layers, .. } = graph;
    let codes = codes.view();
    for (level, layer) in layers.iter_mut().enumerate() {
        let mut reverse: Vec<ReverseLink> = Vec::new();
        for (from, selected) in (first..).zip(selected) {
            // Nodes are ordered by descending level: all nodes after one that is not on this level
            // are not either.
            let Some(neighbors) = selected.get(level) else {
                break;
            };
            layer.set_neighbors(from, neighbors.iter().map(Candidate::node));
            reverse.extend(neighbors.iter().map(|to| ReverseLink {
                to: to.node(),
                score: to.score,
                from,
            }));
        }
        reverse.par_sort_unstable_by(|a, b| {
            a.to.cmp(&b.to)
                .then(b.score.total_cmp(&a.score))
                .then(a.from.cmp(&b.from))
        });
        let groups: Vec<&[ReverseLink]> = reverse.chunk_by(|a, b| a.to == b.to).collect();
        let lists: Vec<Vec<u32>> = groups
            .par_iter()
            .map_init(Worker::default, |worker, group| {
                let old = layer.neighbors(group[0].to);
                let added = group
                    .iter()
                    .map(|link| link.from)
                    .filter(|from| !old.contains(from));
                let list: Vec<u32> = old.iter().copied().chain(added).collect();
                if list.len() <= layer.width {
                    list
                } else {
                    worker.prune(codes, group[0].to, old, group, max_neighbors(level, m))
                }
            })
            .collect();
        groups
            .iter()
            .zip(lists)
            .for_each(|(group, list)| layer.set_neighbors(group[0].to, list));
    }
}

/// Prunes the lists that still use their slack, and reduces every layer to its final width.
fn prune_overfull(graph: &mut MutableGraph, m: usize) {
    let MutableGraph { codes, layers, .. } = graph;
    let codes = codes.view();
    for (level, layer) in layers.iter_mut().enumerate() {
        let max = max_neighbors(level, m);
        let prune = |worker: &mut Worker, node: u32| {
            let list = layer.neighbors(node);
            if list.len() <= max {
                list.to_vec()
            } else {
                worker.prune(codes, node, list, &[], max)
            }
        };
        let lists: Vec<Vec<u32>> = (0..layer.nodes as u32)
            .into_par_iter()
            .map_init(Worker::default, prune)
            .collect();
        let mut pruned = MutableLayer::new(layer.nodes, max);
        (0..)
            .zip(lists)
            .for_each(|(node, list)| pruned.set_neighbors(node, list));
        *layer = pruned;
    }
}
