//! Which nodes can be reached from the entry point.

use super::layer::NO_NEIGHBOR;
use std::collections::VecDeque;

/// A breadth-first search tree rooted at node 0. Dropping any link that is not a tree edge keeps
/// every node reachable.
pub struct BfsTree {
    /// The parent of each node, 0 for node 0; [`NO_NEIGHBOR`] if the node is unreachable.
    parents: Vec<u32>,
}

impl BfsTree {
    /// Explores a graph of `nodes` nodes from node 0.
    pub fn new<'a>(nodes: usize, neighbors: impl Fn(u32) -> &'a [u32]) -> Self {
        let mut tree = Self {
            parents: vec![NO_NEIGHBOR; nodes],
        };
        if nodes > 0 {
            tree.attach(0, 0, neighbors);
        }
        tree
    }

    /// Adds the edge `parent → start`, and everything that can be reached from `start`.
    pub fn attach<'a>(&mut self, parent: u32, start: u32, neighbors: impl Fn(u32) -> &'a [u32]) {
        let mut queue = VecDeque::from([start]);
        self.parents[start as usize] = parent;
        while let Some(node) = queue.pop_front() {
            for &neighbor in neighbors(node) {
                if let Some(parent) = self
                    .parents
                    .get_mut(neighbor as usize)
                    .filter(|parent| **parent == NO_NEIGHBOR)
                {
                    *parent = node;
                    queue.push_back(neighbor);
                }
            }
        }
    }

    /// Whether `node` can be reached from node 0.
    pub fn reaches(&self, node: u32) -> bool {
        self.parents[node as usize] != NO_NEIGHBOR
    }

    /// Whether the link `from → to` is an edge of the tree, and so must not be dropped.
    pub fn is_edge(&self, from: u32, to: u32) -> bool {
        self.parents[to as usize] == from
    }

    /// The number of nodes, reachable or not.
    pub fn len(&self) -> usize {
        self.parents.len()
    }

    /// The number of reachable nodes.
    pub fn count_reachable(&self) -> usize {
        self.parents
            .iter()
            .filter(|&&parent| parent != NO_NEIGHBOR)
            .count()
    }
}
