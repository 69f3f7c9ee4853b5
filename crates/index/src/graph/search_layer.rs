//! Best-first search over one level, and the way down to it.

use super::links::Links;
use crate::codes::Scorer;

/// The nodes a search has seen: a stamp a node, and clearing is a new stamp.
#[derive(Default)]
pub struct Visited {
    stamps: Vec<u8>,
    now: u8,
    /// How many nodes the graph has; there can be stamps for more, of a larger one searched before.
    nodes: usize,
}

impl Visited {
    pub fn begin(&mut self, nodes: usize) {
        if self.stamps.len() < nodes || self.now == u8::MAX {
            self.stamps.clear();
            self.stamps.resize(nodes, 0);
            self.now = 0;
        }
        self.now += 1;
        self.nodes = nodes;
    }

    /// Whether `node` is new. A node beyond the graph, which only a damaged file can name, is not.
    #[inline(always)]
    pub fn insert(&mut self, node: u32) -> bool {
        match self.stamps[..self.nodes].get_mut(node as usize) {
            Some(stamp) if *stamp != self.now => {
                *stamp = self.now;
                true
            }
            _ => false,
        }
    }
}

/// A node and its cosine as the codes have it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    pub score: f32,
    node: u32,
}

/// Marks a node whose neighbours have been looked at.
const DONE: u32 = 1 << 31;
/// So many nodes a graph can have.
pub const MOST_NODES: usize = DONE as usize;

impl Near {
    pub fn new(node: u32, score: f32) -> Self {
        Self { score, node }
    }

    pub fn node(&self) -> u32 {
        self.node & !DONE
    }
}

/// The best candidates so far, best first; of equals the first met comes first.
#[derive(Default)]
pub struct Pool {
    near: Vec<Near>,
    most: usize,
    /// No candidate before this one is left to look at.
    next: usize,
}

impl Pool {
    pub fn begin(&mut self, most: usize) {
        self.near.clear();
        self.most = most.max(1);
        self.next = 0;
    }

    /// Takes a candidate in, unless it is no better than all of a full pool.
    #[inline(always)]
    pub fn offer(&mut self, node: u32, score: f32) {
        if self.near.len() >= self.most {
            if self.near.last().is_none_or(|worst| score <= worst.score) {
                return;
            }
            self.near.pop();
        }
        let at = self.near.partition_point(|near| near.score >= score);
        self.near.insert(at, Near { score, node });
        self.next = self.next.min(at);
    }

    /// The best candidate whose neighbours have not been looked at, which they are now.
    #[inline(always)]
    pub fn next(&mut self) -> Option<u32> {
        let ahead = self.peek()?;
        self.next += ahead + 1;
        let near = &mut self.near[self.next - 1];
        let node = near.node;
        near.node |= DONE;
        Some(node)
    }

    /// How far ahead the next candidate to look at is.
    #[inline(always)]
    fn peek(&self) -> Option<usize> {
        self.near[self.next..].iter().position(|near| near.node & DONE == 0)
    }

    /// The candidate that will be next, if none better comes.
    #[inline(always)]
    pub fn after(&self) -> Option<u32> {
        self.peek().map(|ahead| self.near[self.next + ahead].node)
    }

    /// Leaves only the candidates whose node is wanted.
    pub fn retain(&mut self, wanted: impl Fn(u32) -> bool) {
        self.near.retain(|near| wanted(near.node()));
    }

    /// Best first.
    pub fn found(&self) -> &[Near] {
        &self.near
    }
}

/// What searches need room for, kept from one to the next.
#[derive(Default)]
pub struct Scratch {
    pub visited: Visited,
    pub pool: Pool,
    pub batch: Vec<u32>,
    pub sums: Vec<i32>,
}

/// How many rows of a batch are asked for before it is complete; the products ask for the rest.
const FIRST_ROWS: usize = 4;

/// The `most` nodes nearest to `query` that are met on the way from `starts`, in `scratch.pool`.
pub fn walk(links: Links<'_>, near: &impl Scorer, starts: &[u32], most: usize, scratch: &mut Scratch) {
    let Scratch { visited, pool, batch, sums } = scratch;
    visited.begin(near.len());
    pool.begin(most);
    batch.clear();
    batch.extend(starts.iter().filter(|&&start| visited.insert(start)));
    loop {
        near.scores(batch, sums, |node, score| pool.offer(node, score));
        let Some(node) = pool.next() else { break };
        batch.clear();
        for &neighbour in links.of(node) {
            if visited.insert(neighbour) {
                if batch.len() < FIRST_ROWS {
                    near.prefetch(neighbour);
                }
                batch.push(neighbour);
            }
        }
        if let Some(after) = pool.after() {
            links.prefetch(after);
        }
    }
}

/// The node near the query that the levels `above`, lowest first, lead to from node 0.
pub fn enter<'a>(above: impl DoubleEndedIterator<Item = Links<'a>>, near: &impl Scorer, sums: &mut Vec<i32>) -> Near {
    let start = near.near(0, sums);
    above.rev().fold(start, |nearest, links| descend(links, near, nearest, sums))
}

/// Goes from `start` to ever nearer neighbours until none is nearer; gives the last node.
fn descend(links: Links<'_>, near: &impl Scorer, start: Near, sums: &mut Vec<i32>) -> Near {
    let mut nearest = start;
    loop {
        // Said by a flag: a damaged file's scores can be no numbers, which no comparison calls equal.
        let mut moved = false;
        near.scores(within(links.of(nearest.node()), near.len()), sums, |node, score| {
            if score > nearest.score {
                nearest = Near::new(node, score);
                moved = true;
            }
        });
        if !moved {
            return nearest;
        }
    }
}

/// The neighbours, or none where one is beyond the graph, as only a damaged file has it.
fn within(neighbours: &[u32], nodes: usize) -> &[u32] {
    if neighbours.iter().all(|&node| (node as usize) < nodes) { neighbours } else { &[] }
}
