//! Best-first search on the flat graph.

use super::Graph;
use crate::top::{Hit, Top};
use crate::{Bits, VectorFile, distance};
use std::cell::RefCell;
use std::collections::BinaryHeap;

/// The nodes a search has seen: a stamp a node, and clearing is a new stamp.
#[derive(Default)]
struct Visited {
    stamps: Vec<u32>,
    now: u32,
}

impl Visited {
    fn begin(&mut self, nodes: usize) {
        if self.stamps.len() < nodes || self.now == u32::MAX {
            self.stamps = vec![0; nodes.max(self.stamps.len())];
            self.now = 0;
        }
        self.now += 1;
    }

    /// Whether `node` is new. A node beyond the graph, which only a damaged file can name, is not.
    fn insert(&mut self, node: u32) -> bool {
        match self.stamps.get_mut(node as usize) {
            Some(stamp) if *stamp != self.now => {
                *stamp = self.now;
                true
            }
            _ => false,
        }
    }
}

thread_local! {
    static VISITED: RefCell<Visited> = RefCell::default();
}

impl Graph {
    /// The `k` nodes nearest to the unit vector `query` that a walk with `ef` candidates finds,
    /// best first, among those in `allowed`. Others are walked over but not returned.
    pub(crate) fn search(
        &self,
        vectors: &VectorFile,
        query: &[f32],
        k: usize,
        ef: usize,
        allowed: Option<&Bits>,
    ) -> Vec<Hit> {
        let dot = distance::dot();
        let score = |row: u32| Hit { row, score: dot(query, vectors.vector(row)).clamp(-1.0, 1.0) };
        let entry = score(self.entry());
        let mut nearest = entry;
        for level in (1..self.levels()).rev() {
            while let Some(next) =
                self.neighbours(level, nearest.row).iter().map(|&n| score(n)).max().filter(|n| *n > nearest)
            {
                nearest = next;
            }
        }
        VISITED.with_borrow_mut(|visited| {
            visited.begin(self.nodes());
            let mut top = Top::new(ef.max(k));
            let mut waiting = BinaryHeap::new();
            // The entry too: the check after the build proves what can be reached from there.
            for start in [nearest, entry] {
                if visited.insert(start.row) {
                    waiting.push(start);
                    if allowed.is_none_or(|allowed| allowed.contains(start.row)) {
                        top.push(start);
                    }
                }
            }
            while let Some(near) = waiting.pop() {
                if top.is_full() && top.worst().is_some_and(|worst| near < worst) {
                    break;
                }
                for &next in self.neighbours(0, near.row) {
                    if !visited.insert(next) {
                        continue;
                    }
                    let hit = score(next);
                    if !top.is_full() || top.worst().is_some_and(|worst| hit > worst) {
                        waiting.push(hit);
                        if allowed.is_none_or(|allowed| allowed.contains(next)) {
                            top.push(hit);
                        }
                    }
                }
            }
            let mut hits = top.into_sorted();
            hits.truncate(k);
            hits
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::{Random, file};
    use crate::graph::{Params, build};
    use crate::{Bits, exact};

    #[test]
    fn only_what_is_allowed_is_returned_and_all_of_it_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let mut random = Random(9);
        let rows: Vec<_> = (0..2000).map(|_| random.unit(16)).collect();
        let vectors = file(dir.path(), &rows);
        let graph = build(&vectors, Params::default(), 2, &|_, _| {}).unwrap();
        let mut allowed = Bits::new(2000);
        for row in (0..2000).step_by(3) {
            allowed.insert(row);
        }
        let (mut found, mut wanted) = (0, 0);
        for _ in 0..50 {
            let query = random.unit(16);
            let truth = exact::search(&vectors, &query, 10, Some(&allowed));
            let got = graph.search(&vectors, &query, 10, 100, Some(&allowed));
            assert!(got.iter().all(|hit| allowed.contains(hit.row)));
            assert_eq!(got.len(), 10);
            wanted += 10;
            found += got.iter().filter(|hit| truth.contains(hit)).count();
        }
        assert!(found as f64 >= 0.98 * wanted as f64, "recall {found}/{wanted}");
    }
}
