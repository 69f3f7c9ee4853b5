//! The k nearest neighbors; ties go to the lower row.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A row with its cosine to a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbor {
    /// The row number in its segment.
    pub row: u32,
    /// The cosine with the query, −1..=1.
    pub score: f32,
}

impl Eq for Neighbor {}

/// A nearer one is greater: one with a higher score or, if equal, a lower row.
impl Ord for Neighbor {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then(other.row.cmp(&self.row))
    }
}

impl PartialOrd for Neighbor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Keeps the best `k` of the neighbors pushed.
pub struct TopK {
    heap: BinaryHeap<Reverse<Neighbor>>,
    k: usize,
}

impl TopK {
    pub fn new(k: usize) -> Self {
        Self {
            heap: BinaryHeap::with_capacity(k.min(1 << 16) + 1),
            k,
        }
    }

    pub fn push(&mut self, neighbor: Neighbor) {
        if self.heap.len() < self.k {
            self.heap.push(Reverse(neighbor));
        } else if self.worst().is_some_and(|worst| neighbor > worst) {
            self.heap.pop();
            self.heap.push(Reverse(neighbor));
        }
    }

    pub fn is_full(&self) -> bool {
        self.heap.len() >= self.k
    }

    pub fn worst(&self) -> Option<Neighbor> {
        self.heap.peek().map(|Reverse(neighbor)| *neighbor)
    }

    /// The neighbors, best first.
    pub fn into_sorted(self) -> Vec<Neighbor> {
        let mut neighbors: Vec<Neighbor> = self
            .heap
            .into_iter()
            .map(|Reverse(neighbor)| neighbor)
            .collect();
        neighbors.sort_unstable_by(|a, b| b.cmp(a));
        neighbors
    }
}
