//! Renumbering nodes so that those a search visits together lie together in memory.

use super::mutable::{MutableGraph, MutableLayer, inverse};
use crate::Bits;

/// Renumbers the nodes of each level in the order in which a breadth-first search of level 0 from
/// node 0 visits them. Nodes of higher levels keep coming first.
pub fn reorder_bfs(graph: MutableGraph) -> MutableGraph {
    let MutableGraph {
        codes,
        rows,
        layers,
    } = graph;
    let nodes = rows.len();
    let Some(layer0) = layers.first() else {
        return MutableGraph {
            codes,
            rows,
            layers,
        };
    };
    let mut order = Vec::with_capacity(nodes);
    let mut visited = Bits::new(nodes);
    for start in 0..nodes as u32 {
        let mut at = order.len();
        if visited.insert(start) {
            order.push(start);
        }
        while let Some(&node) = order.get(at) {
            order.extend(
                layer0
                    .neighbors(node)
                    .iter()
                    .filter(|&&neighbor| visited.insert(neighbor)),
            );
            at += 1;
        }
    }
    let level_of = |node: u32| {
        layers
            .iter()
            .take_while(|layer| (node as usize) < layer.nodes)
            .count()
    };
    // The sort is stable: within a level the BFS order is kept.
    order.sort_by_key(|&node| std::cmp::Reverse(level_of(node)));
    let new_number = inverse(&order, nodes);
    let reordered = layers.iter().map(|layer| {
        let mut new = MutableLayer::new(layer.nodes, layer.width);
        for (number, &old) in (0..).zip(&order[..layer.nodes]) {
            new.set_neighbors(
                number,
                layer
                    .neighbors(old)
                    .iter()
                    .map(|&to| new_number[to as usize]),
            );
        }
        new
    });
    let layers = reordered.collect();
    let rows = order.iter().map(|&old| rows[old as usize]).collect();
    MutableGraph {
        codes: codes.reordered(&order),
        rows,
        layers,
    }
}
