//! A graph while it is being built: lists that still change, over nodes numbered by level.

use super::links::{Links, NONE, length};
use crate::codes::Codes;
use crate::file::Guard;

/// Nodes are numbered so that those of every level come first: node 0 is on the highest one, and is
/// where searches begin.
pub struct Draft {
    pub codes: Codes,
    /// The row of each node.
    pub rows: Vec<u32>,
    /// The lists of each level.
    pub levels: Vec<Level>,
}

pub struct Level {
    /// How many nodes it has: `0..nodes`.
    pub nodes: usize,
    pub width: usize,
    pub links: Vec<u32>,
}

impl Level {
    pub fn new(nodes: usize, width: usize) -> Self {
        Self { nodes, width, links: vec![NONE; nodes * width] }
    }

    pub fn view(&self) -> Links<'_> {
        Links { links: &self.links, width: self.width, guard: Guard::default() }
    }

    pub fn of(&self, node: u32) -> &[u32] {
        self.view().of(node)
    }

    fn slots(&mut self, node: u32) -> &mut [u32] {
        let start = node as usize * self.width;
        &mut self.links[start..start + self.width]
    }

    /// Takes the given list, of at most `width` links, in place of the node's.
    pub fn set(&mut self, node: u32, list: impl IntoIterator<Item = u32>) {
        let slots = self.slots(node);
        slots.fill(NONE);
        slots.iter_mut().zip(list).for_each(|(slot, link)| *slot = link);
    }

    /// Adds a link, if there is room.
    pub fn push(&mut self, node: u32, to: u32) -> bool {
        let slots = self.slots(node);
        match slots.get_mut(length(slots)) {
            Some(slot) => {
                *slot = to;
                true
            }
            None => false,
        }
    }

    /// Puts a link first, in the place of the last one that `spare` allows to drop; gives that one.
    pub fn replace(&mut self, node: u32, to: u32, spare: impl Fn(u32) -> bool) -> Option<u32> {
        let slots = self.slots(node);
        let at = slots.iter().rposition(|&link| link != NONE && spare(link))?;
        let dropped = slots[at];
        slots[..=at].rotate_right(1);
        slots[0] = to;
        Some(dropped)
    }
}

/// The place of each of `0..count` in `order`; 0 for those that are not in it.
pub fn inverse(order: &[u32], count: usize) -> Vec<u32> {
    let mut places = vec![0; count];
    (0..).zip(order).for_each(|(place, &number)| places[number as usize] = place);
    places
}
