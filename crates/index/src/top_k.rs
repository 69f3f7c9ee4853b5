//! The k best hits; ties go to the lower row.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A row and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The row number in its segment.
    pub row: u32,
    /// The cosine with the query, −1..=1.
    pub score: f32,
}

impl Eq for Hit {}

/// A better hit is greater: one with a higher score or, if equal, a lower row.
impl Ord for Hit {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then(other.row.cmp(&self.row))
    }
}

impl PartialOrd for Hit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Keeps the best `k` of the hits pushed.
pub struct TopK {
    heap: BinaryHeap<Reverse<Hit>>,
    k: usize,
}

impl TopK {
    pub fn new(k: usize) -> Self {
        Self {
            heap: BinaryHeap::with_capacity(k.min(1 << 16) + 1),
            k,
        }
    }

    pub fn push(&mut self, hit: Hit) {
        if self.heap.len() < self.k {
            self.heap.push(Reverse(hit));
        } else if self.worst().is_some_and(|worst| hit > worst) {
            self.heap.pop();
            self.heap.push(Reverse(hit));
        }
    }

    pub fn is_full(&self) -> bool {
        self.heap.len() >= self.k
    }

    pub fn worst(&self) -> Option<Hit> {
        self.heap.peek().map(|Reverse(hit)| *hit)
    }

    /// The hits, best first.
    pub fn into_sorted(self) -> Vec<Hit> {
        let mut hits: Vec<Hit> = self.heap.into_iter().map(|Reverse(hit)| hit).collect();
        hits.sort_unstable_by(|a, b| b.cmp(a));
        hits
    }
}
