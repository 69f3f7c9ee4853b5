//! Neighbour lists of one fixed width, one after the other.

use crate::distance::prefetch::prefetch;
use crate::file::Guard;

/// Fills a list up.
pub const NONE: u32 = u32::MAX;

/// The most links of a node on a level.
pub fn width(level: usize, m: usize) -> usize {
    if level == 0 { 2 * m } else { m }
}

/// The lists of one level.
#[derive(Clone, Copy)]
pub struct Links<'a> {
    pub links: &'a [u32],
    pub width: usize,
    pub guard: Guard<'a>,
}

impl<'a> Links<'a> {
    /// The neighbours of `node`; none if it is not there.
    #[inline(always)]
    pub fn of(&self, node: u32) -> &'a [u32] {
        let start = node as usize * self.width;
        let Some(list) = self.links.get(start..start + self.width) else { return &[] };
        self.guard.check(start * size_of::<u32>()..(start + self.width) * size_of::<u32>());
        &list[..length(list)]
    }

    /// Asks for a list that will be read soon.
    #[inline(always)]
    pub fn prefetch(&self, node: u32) {
        let start = node as usize * self.width;
        if let Some(list) = self.links.get(start..start + self.width) {
            prefetch(list, usize::MAX);
        }
    }
}

/// How much of a list is filled.
#[inline(always)]
pub fn length(list: &[u32]) -> usize {
    list.iter().position(|&link| link == NONE).unwrap_or(list.len())
}
