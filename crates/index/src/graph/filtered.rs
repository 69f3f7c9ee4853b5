//! Best-first search for allowed nodes alone.
//!
//! Only allowed nodes are candidates. The neighbours of one are those it links to that are allowed,
//! and those reached through one that is not: two steps for one, so that the allowed nodes stay
//! connected though most of the graph may be missing between them. Patel, Kraft, Guestrin and Zaharia,
//! *ACORN: Performant and Predicate-Agnostic Search Over Vector Embeddings and Structured Data*,
//! arXiv:2403.04871. Where the query lies far from all that is allowed, a walk from the nearest node
//! would not meet any of it; so it also begins at allowed nodes from all over the graph.

use super::links::Links;
use super::walk::{Scratch, Visited};
use crate::Bits;
use crate::codes::Scorer;

/// A walk begins at so many allowed nodes, spread over the graph.
const SEEDS: usize = 32;
/// At most so many nodes are looked at for them.
const PROBES: usize = 4096;
/// An odd number far from a simple fraction of 2³²: its multiples are spread evenly.
const SPREAD: u32 = 0x9e37_79b1;

/// The `most` allowed nodes nearest to `query` that are met on the way from `start` and from seeds,
/// in `scratch.pool`.
pub fn walk(links: Links<'_>, near: &impl Scorer, start: u32, most: usize, allowed: &Bits, scratch: &mut Scratch) {
    let Scratch { visited, pool, batch, sums } = scratch;
    visited.begin(near.len());
    pool.begin(most);
    batch.clear();
    let spread = (0..PROBES as u32).map(|i| ((u64::from(i.wrapping_mul(SPREAD)) * near.len() as u64) >> 32) as u32);
    let seeds = spread.filter(|&node| allowed.contains(node)).take(SEEDS);
    batch.extend(seeds.filter(|&node| visited.insert(node)));
    if allowed.contains(start) && visited.insert(start) {
        batch.push(start);
    }
    // The start stands for its surroundings, allowed itself or not.
    add_neighbours(links, start, allowed, visited, batch);
    loop {
        near.scores(batch, sums, |node, score| pool.offer(node, score));
        let Some(node) = pool.next() else { break };
        batch.clear();
        add_neighbours(links, node, allowed, visited, batch);
    }
}

/// Adds the new allowed neighbours of `node`, and through those that are not allowed theirs, as long
/// as they are no more than a list holds.
fn add_neighbours(links: Links<'_>, node: u32, allowed: &Bits, visited: &mut Visited, batch: &mut Vec<u32>) {
    let full = batch.len() + links.width;
    for &next in links.of(node) {
        if !visited.insert(next) {
            continue;
        }
        if allowed.contains(next) {
            batch.push(next);
            continue;
        }
        for &beyond in links.of(next) {
            if batch.len() >= full {
                return;
            }
            if allowed.contains(beyond) && visited.insert(beyond) {
                batch.push(beyond);
            }
        }
    }
}
