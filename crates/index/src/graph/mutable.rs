//! A graph under construction: neighbor lists that still change.

use super::layer::{Layer, NO_NEIGHBOR, list_len};
use crate::codes::QuantizedVectors;
use crate::section_file::Guard;

/// A graph whose lists can be changed. Nodes are numbered so that those of each level come first: a
/// level has nodes `0..n`, and node 0 is on the highest one and is the entry point of every search.
pub struct MutableGraph {
    /// The code of each node.
    pub codes: QuantizedVectors,
    /// The row of each node.
    pub rows: Vec<u32>,
    /// The layer of each level, level 0 first.
    pub layers: Vec<MutableLayer>,
}

/// The neighbor lists of one level.
pub struct MutableLayer {
    /// How many nodes are on this level: `0..nodes`.
    pub nodes: usize,
    /// The capacity of each list.
    pub width: usize,
    /// `nodes × width`, row-major, padded with [`NO_NEIGHBOR`].
    pub links: Vec<u32>,
}

impl MutableLayer {
    pub fn new(nodes: usize, width: usize) -> Self {
        Self {
            nodes,
            width,
            links: vec![NO_NEIGHBOR; nodes * width],
        }
    }

    pub fn view(&self) -> Layer<'_> {
        Layer {
            links: &self.links,
            width: self.width,
            guard: Guard::default(),
        }
    }

    pub fn neighbors(&self, node: u32) -> &[u32] {
        self.view().neighbors(node)
    }

    fn slots(&mut self, node: u32) -> &mut [u32] {
        let start = node as usize * self.width;
        &mut self.links[start..start + self.width]
    }

    /// Replaces the list of `node`. Neighbors beyond `width` are dropped.
    pub fn set_neighbors(&mut self, node: u32, neighbors: impl IntoIterator<Item = u32>) {
        let slots = self.slots(node);
        slots.fill(NO_NEIGHBOR);
        slots
            .iter_mut()
            .zip(neighbors)
            .for_each(|(slot, link)| *slot = link);
    }

    /// Adds a link if the list of `node` has room; returns whether it had.
    pub fn push(&mut self, node: u32, to: u32) -> bool {
        let slots = self.slots(node);
        match slots.get_mut(list_len(slots)) {
            Some(slot) => {
                *slot = to;
                true
            }
            None => false,
        }
    }

    /// Inserts a link at the front in place of the last link that `can_drop` accepts. Returns the
    /// dropped link; `None`, without a change, if there is no such link.
    pub fn replace(&mut self, node: u32, to: u32, can_drop: impl Fn(u32) -> bool) -> Option<u32> {
        let slots = self.slots(node);
        let at = slots
            .iter()
            .rposition(|&link| link != NO_NEIGHBOR && can_drop(link))?;
        let dropped = slots[at];
        slots[..=at].rotate_right(1);
        slots[0] = to;
        Some(dropped)
    }
}

/// Inverts a permutation: the position in `order` of each of `0..count`; 0 for numbers that are not
/// in it.
pub fn inverse(order: &[u32], count: usize) -> Vec<u32> {
    let mut positions = vec![0; count];
    (0..)
        .zip(order)
        .for_each(|(position, &number)| positions[number as usize] = position);
    positions
}
