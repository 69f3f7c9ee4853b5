//! Whether every node can be reached, and how it is mended where one cannot.
//!
//! HNSW keeps lists short by dropping links, and where many vectors lie close together (copies of
//! one text) it can drop the last link into a group: no search finds it again, and nothing says so.

use crate::top::Hit;
use crate::{Bits, VectorFile, distance};
use serde::{Deserialize, Serialize};

/// What the check after a build found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Nodes that no search could have reached, before mending.
    pub unreachable: usize,
    /// Links added to reach them. After that there are none.
    pub linked: usize,
    /// Nodes with no link to them, before mending.
    pub no_incoming: usize,
}

/// The nodes that can be reached from `entry`.
pub fn reached<'a>(nodes: usize, entry: u32, neighbours: impl Fn(u32) -> &'a [u32]) -> Bits {
    let mut found = Bits::new(nodes);
    spread(&mut found, entry, neighbours);
    found
}

/// Adds to `found` all that can be reached from `start`.
fn spread<'a>(found: &mut Bits, start: u32, neighbours: impl Fn(u32) -> &'a [u32]) {
    let mut waiting = vec![start];
    found.insert(start);
    while let Some(node) = waiting.pop() {
        waiting.extend(neighbours(node).iter().filter(|&&next| found.insert(next)));
    }
}

/// Adds links at level 0 until every node can be reached from `entry`, at the cost of a few lists
/// longer than the rest. `lists` are those of level 0.
pub fn mend(vectors: &VectorFile, entry: u32, lists: &mut [Vec<u32>]) -> Health {
    let nodes = lists.len();
    let mut incoming = Bits::new(nodes);
    for &to in lists.iter().flatten() {
        incoming.insert(to);
    }
    let mut found = reached(nodes, entry, |node| &lists[node as usize]);
    let mut health = Health { unreachable: nodes - found.count(), linked: 0, no_incoming: nodes - incoming.count() };
    for lost in 0..nodes as u32 {
        if found.contains(lost) {
            continue;
        }
        let near = nearest_reached(vectors, lost, &found, lists);
        lists[near as usize].push(lost);
        health.linked += 1;
        if !lists[lost as usize].contains(&near) {
            lists[lost as usize].push(near);
        }
        spread(&mut found, lost, |node| &lists[node as usize]);
    }
    health
}

/// How many of the nearest to choose the shortest list among, so that no one node collects the
/// links to a whole crowd.
const CHOICE: usize = 16;

/// A node already reached and near to `lost`, with a short list.
fn nearest_reached(vectors: &VectorFile, lost: u32, found: &Bits, lists: &[Vec<u32>]) -> u32 {
    let dot = distance::dot();
    let query = vectors.vector(lost);
    // Its own neighbours are near it, and often one of them, or of theirs, has been reached.
    let own = &lists[lost as usize];
    let around = own.iter().chain(own.iter().flat_map(|&n| &lists[n as usize]));
    let mut near: Vec<Hit> = around
        .filter(|&&node| found.contains(node))
        .map(|&row| Hit { row, score: dot(query, vectors.vector(row)) })
        .collect();
    if near.is_empty() {
        near = crate::exact::search(vectors, query, CHOICE, Some(found));
    }
    near.sort_unstable_by(|a, b| b.cmp(a));
    near.dedup_by_key(|hit| hit.row);
    near.truncate(CHOICE);
    near.iter().min_by_key(|hit| lists[hit.row as usize].len()).map_or(0, |hit| hit.row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::testing::{Random, file};

    #[test]
    fn islands_are_linked_in() {
        let dir = tempfile::tempdir().unwrap();
        let mut random = Random(7);
        let rows: Vec<_> = (0..60).map(|_| random.unit(8)).collect();
        let vectors = file(dir.path(), &rows);
        // Three rings of twenty with no link between them, and one node to which nothing leads.
        let ring = |n: u32| vec![n / 20 * 20 + (n + 1) % 20];
        let mut lists: Vec<Vec<u32>> = (0..60).map(ring).collect();
        lists[19] = vec![1];
        lists[0] = vec![1];
        let health = mend(&vectors, 1, &mut lists);
        assert_eq!((health.unreachable, health.no_incoming), (41, 1));
        assert!(health.linked <= 3, "{health:?}");
        assert_eq!(reached(60, 1, |n| &lists[n as usize]).count(), 60);
    }
}
