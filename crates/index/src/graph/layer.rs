//! Neighbor lists of one layer, each of the same fixed width.

use crate::distance::prefetch::prefetch;
use crate::section_file::Guard;

/// Pads neighbor lists shorter than the width.
pub const NO_NEIGHBOR: u32 = u32::MAX;

/// The most neighbors of a node on a level: the paper's M_max0 = 2M on level 0, and M_max = M
/// above.
pub fn max_neighbors(level: usize, m: usize) -> usize {
    if level == 0 { 2 * m } else { m }
}

/// A read-only view of the neighbor lists of one layer.
#[derive(Clone, Copy)]
pub struct Layer<'a> {
    /// `nodes × width`, row-major, padded with [`NO_NEIGHBOR`].
    pub links: &'a [u32],
    pub width: usize,
    pub guard: Guard<'a>,
}

impl<'a> Layer<'a> {
    /// The neighbors of `node`; empty if the layer has no such node.
    #[inline(always)]
    pub fn neighbors(&self, node: u32) -> &'a [u32] {
        let start = node as usize * self.width;
        let Some(list) = self.links.get(start..start + self.width) else {
            return &[];
        };
        self.guard
            .verify(start * size_of::<u32>()..(start + self.width) * size_of::<u32>());
        &list[..list_len(list)]
    }

    /// Prefetches the list of a node that will be visited soon.
    #[inline(always)]
    pub fn prefetch(&self, node: u32) {
        let start = node as usize * self.width;
        if let Some(list) = self.links.get(start..start + self.width) {
            prefetch(list, usize::MAX);
        }
    }
}

/// The length of a list without its padding.
#[inline(always)]
pub fn list_len(list: &[u32]) -> usize {
    list.iter()
        .position(|&link| link == NO_NEIGHBOR)
        .unwrap_or(list.len())
}
