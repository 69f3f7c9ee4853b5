//! Ensures that every node can be reached and is found by a search for its own vector.
//!
//! HNSW keeps lists short by dropping links. Where many vectors lie close together (copies of one
//! text) it can drop the last link into a group, which then no search finds, without any sign of
//! it.

use super::mutable::{MutableGraph, MutableLayer};
use super::params::Progress;
use super::reachability::BfsTree;
use super::report::BuildReport;
use super::search_layer::{SearchScratch, greedy_descent, search_layer};
use crate::codes::{QuantizedScorer, QuantizedVector};
use crate::{Bits, Error, Result, VectorFile};
use rayon::prelude::*;
use std::collections::HashSet;

/// The candidate list size of searches for a node's own vector.
const EF: usize = 64;
/// A node is linked from one of this many nearest candidates. Were it always the nearest, a dense
/// group would become a chain.
const HOST_CANDIDATES: usize = 16;
/// How often nodes that a search missed are linked in and searched for again.
const MAX_ROUNDS: usize = 8;
/// Self-queries between two calls of the progress callback.
const PROGRESS_INTERVAL: usize = 1 << 14;
/// A result whose dot product with the query is at most this much below the query's own counts as
/// the same vector.
const SELF_TOLERANCE: f64 = 1e-5;

/// Adds links on level 0 until every node can be reached from node 0. No list grows beyond its
/// width.
pub fn repair_connectivity(graph: &mut MutableGraph) -> (BuildReport, BfsTree) {
    let MutableGraph { codes, layers, .. } = graph;
    let codes = codes.view();
    let layer = &mut layers[0];
    let nodes = layer.nodes;
    let mut has_incoming = Bits::new(nodes);
    for node in 0..nodes as u32 {
        layer
            .neighbors(node)
            .iter()
            .for_each(|&to| _ = has_incoming.insert(to));
    }
    let mut tree = BfsTree::new(nodes, |node| layer.neighbors(node));
    let mut report = BuildReport {
        unreachable: nodes - tree.count_reachable(),
        no_incoming: nodes - has_incoming.count(),
        ..BuildReport::default()
    };
    let (mut scratch, mut query) = (SearchScratch::default(), QuantizedVector::default());
    for node in 0..nodes as u32 {
        if tree.reaches(node) {
            continue;
        }
        query.load_row(&codes, node);
        // A search from node 0 finds only nodes that can be reached from it.
        search_layer(
            layer.view(),
            &QuantizedScorer {
                codes,
                query: &query,
            },
            &[0],
            EF,
            &mut scratch,
        );
        let nearest: Vec<u32> = scratch
            .queue
            .candidates()
            .iter()
            .map(|candidate| candidate.node())
            .collect();
        if let Some(link) = link_in(layer, &tree, node, &nearest) {
            report.links_added += 1;
            tree.attach(link.host, node, |node| layer.neighbors(node));
        }
    }
    (report, tree)
}

/// A link added by [`link_in`].
struct AddedLink {
    /// The node that the link starts from.
    host: u32,
    /// The neighbor that `host` no longer links to.
    dropped: Option<u32>,
}

/// Links one of the reachable nodes `nearest` (nearest first) to `node`. A link that has to be
/// dropped for it is never an edge of `tree`. Returns `None` only if every link of every reachable
/// node is a tree edge, which cannot happen if lists hold two or more.
fn link_in(
    layer: &mut MutableLayer,
    tree: &BfsTree,
    node: u32,
    nearest: &[u32],
) -> Option<AddedLink> {
    let nearest = &nearest[..nearest.len().min(HOST_CANDIDATES)];
    let (before, after) = nearest.split_at(node as usize % nearest.len().max(1));
    if let Some(&host) = nearest.iter().find(|&&host| layer.push(host, node)) {
        return Some(AddedLink {
            host,
            dropped: None,
        });
    }
    // All lists are full. If all their links are tree edges, try every reachable node.
    let reachable = (0..tree.len() as u32).filter(|&other| other != node && tree.reaches(other));
    for host in after.iter().chain(before).copied().chain(reachable) {
        if let Some(dropped) = layer.replace(host, node, |link| !tree.is_edge(host, link)) {
            return Some(AddedLink {
                host,
                dropped: Some(dropped),
            });
        }
        if layer.push(host, node) {
            return Some(AddedLink {
                host,
                dropped: None,
            });
        }
    }
    None
}

/// Searches for every node by its own vector, and links each that is missed from where its search
/// ended. Records the number of queries, and of those that still fail, in `report`.
///
/// # Errors
/// [`Error::Stopped`] if `progress` returns `Break`.
pub fn ensure_self_recall(
    graph: &mut MutableGraph,
    tree: &BfsTree,
    vectors: &VectorFile,
    report: &mut BuildReport,
    progress: &Progress<'_>,
) -> Result<()> {
    let mut queries: Vec<u32> = (0..graph.rows.len() as u32).collect();
    report.self_queries = queries.len();
    // Nodes that their last query did not find. A node that cannot be linked in is not queried
    // again and stays here.
    let mut missed = HashSet::new();
    for round in 0..=MAX_ROUNDS {
        let query = |buffers: &mut (SearchScratch, QuantizedVector), &node: &u32| {
            (node, self_query(graph, vectors, node, buffers))
        };
        let mut results: Vec<(u32, SelfQuery)> = Vec::new();
        for block in queries.chunks(PROGRESS_INTERVAL) {
            if progress(graph.rows.len(), graph.rows.len()).is_break() {
                return Err(Error::Stopped);
            }
            results.par_extend(block.par_iter().map_init(Default::default, query));
        }
        queries.clear();
        for (node, result) in results {
            match result {
                SelfQuery::Found => _ = missed.remove(&node),
                SelfQuery::CrowdedOut => _ = missed.insert(node),
                SelfQuery::Missed { nearest } => {
                    missed.insert(node);
                    if round < MAX_ROUNDS
                        && let Some(link) = link_in(&mut graph.layers[0], tree, node, &nearest)
                    {
                        queries.push(node);
                        queries.extend(link.dropped);
                        report.links_added += 1;
                    }
                }
            }
        }
        queries.sort_unstable();
        queries.dedup();
    }
    report.self_misses = missed.len();
    Ok(())
}

/// The result of a search for a node by its own vector.
enum SelfQuery {
    /// The node, or one with nearly the same vector, is among the results.
    Found,
    /// The node was visited, but others that look as near by their codes displaced it. Another link
    /// would not help.
    CrowdedOut,
    /// The node was not visited. `nearest` are the results, nearest first.
    Missed { nearest: Vec<u32> },
}

fn self_query(
    graph: &MutableGraph,
    vectors: &VectorFile,
    node: u32,
    (scratch, query): &mut (SearchScratch, QuantizedVector),
) -> SelfQuery {
    let codes = graph.codes.view();
    query.load_row(&codes, node);
    let scorer = QuantizedScorer { codes, query };
    let entry = greedy_descent(
        graph.layers[1..].iter().map(MutableLayer::view),
        &scorer,
        &mut scratch.sums,
    );
    search_layer(
        graph.layers[0].view(),
        &scorer,
        &[entry.node(), 0],
        EF,
        scratch,
    );
    let nearest: Vec<u32> = scratch
        .queue
        .candidates()
        .iter()
        .map(|candidate| candidate.node())
        .collect();
    let vector = |node: u32| vectors.vector(graph.rows[node as usize]);
    // Summed sequentially, so that the result is the same on every processor.
    let dot = |a: &[f32], b: &[f32]| {
        a.iter()
            .zip(b)
            .map(|(x, y)| f64::from(*x) * f64::from(*y))
            .sum::<f64>()
    };
    let threshold = dot(vector(node), vector(node)) - SELF_TOLERANCE;
    if nearest.contains(&node)
        || nearest
            .iter()
            .any(|&other| dot(vector(other), vector(node)) >= threshold)
    {
        SelfQuery::Found
    } else if scratch.visited.insert(node) {
        SelfQuery::Missed { nearest }
    } else {
        SelfQuery::CrowdedOut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::QuantizedVectors;
    use crate::graph::testing::{Random, vector_file};

    #[test]
    fn self_misses_counts_nodes_that_cannot_be_linked_in() {
        let mut random = Random(3);
        let rows: Vec<Vec<f32>> = (0..2000).map(|_| random.unit(8)).collect();
        let folder = tempfile::tempdir().unwrap();
        let vectors = vector_file(folder.path(), &rows);
        // A cycle: every node is reachable, all links but the last are tree edges, and a search
        // soon gets stuck.
        let mut layer = MutableLayer::new(2000, 1);
        (0..2000).for_each(|node| layer.set_neighbors(node, [(node + 1) % 2000]));
        let numbers: Vec<u32> = (0..2000).collect();
        let codes = QuantizedVectors::new(&rows.concat(), 8, &numbers);
        let mut graph = MutableGraph {
            codes,
            rows: numbers,
            layers: vec![layer],
        };
        let (mut report, tree) = repair_connectivity(&mut graph);
        let go_on = |_, _| std::ops::ControlFlow::Continue(());
        ensure_self_recall(&mut graph, &tree, &vectors, &mut report, &go_on).unwrap();
        let mut buffers = Default::default();
        let is_missed = |&node: &u32| {
            !matches!(
                self_query(&graph, &vectors, node, &mut buffers),
                SelfQuery::Found
            )
        };
        let missed = (0..2000).filter(is_missed).count();
        assert!(missed > 1000, "{missed}");
        assert_eq!(report.self_misses, missed);
    }

    #[test]
    fn repair_connects_islands_when_all_lists_are_full() {
        let mut random = Random(7);
        let vectors: Vec<f32> = (0..60).flat_map(|_| random.unit(8)).collect();
        let rows: Vec<u32> = (0..60).collect();
        for width in [2, 3] {
            // Three rings of twenty nodes without a link between them, and one node without an
            // incoming link.
            let mut layer = MutableLayer::new(60, width);
            (0..60).for_each(|n| layer.set_neighbors(n, [n / 20 * 20 + (n + 1) % 20]));
            layer.set_neighbors(19, [1]);
            let codes = QuantizedVectors::new(&vectors, 8, &rows);
            let mut graph = MutableGraph {
                codes,
                rows: rows.clone(),
                layers: vec![layer],
            };
            graph.layers[0].set_neighbors(0, [1]);
            let (report, _) = repair_connectivity(&mut graph);
            assert_eq!((report.unreachable, report.no_incoming), (40, 1));
            assert!((2..=4).contains(&report.links_added), "{report:?}");
            assert_eq!(
                BfsTree::new(60, |n| graph.layers[0].neighbors(n)).count_reachable(),
                60
            );
            assert!((0..60).all(|n| (1..=width).contains(&graph.layers[0].neighbors(n).len())));
        }
    }
}
