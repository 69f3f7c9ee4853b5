//! Search: a walk on codes, then the exact cosines of what it found.

use super::walk::{Near, Scratch, descend, walk};
use super::{Graph, filter};
use crate::codes::{CodeSearch, Coded, Scorer};
use crate::distance::prefetch::prefetch;
use crate::signs::Signs;
use crate::top::{Hit, Top};
use crate::{Bits, VectorFile, distance};
use std::cell::RefCell;

/// What a walk through the graph compares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FirstPass {
    /// Codes of a byte a number: nearly the cosine.
    #[default]
    Int8,
    /// Signs, a bit a number: an eighth of the memory, and a longer candidate list for the same recall.
    /// They are made from the codes by the first search that asks for them.
    Binary,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Vectors are asked for so many rows before they are read.
const AHEAD: usize = 3;
/// Of the candidates beyond the first k, those are looked at whose cosine, as the codes have it, lies
/// at most this share of the codes' greatest possible error below the k-th best. Errors of single
/// values fall out evenly and mostly cancel: with 384 of them this is seven standard deviations.
const MARGIN: f32 = 0.25;

/// Where at least this share of the rows is allowed, a walk over all finds enough of them.
const MANY: f32 = 0.25;
/// Where less than this share is allowed, two steps for one miss more, and the candidate list is twice as long.
const LITTLE: f32 = 0.1;
/// Where among the nearest of all rows less than this of the expected share is allowed, the allowed
/// ones lie elsewhere: the nearest of them are far from the query and from each other, and only a
/// look at each finds them.
const RARE: f32 = 0.5;

impl Graph {
    /// The `k` rows nearest to the unit vector `query` that a walk with `ef` candidates finds, best
    /// first, among those in `allowed`. `None` where these lie so far from the query that no
    /// walk leads there.
    pub(crate) fn search(
        &self,
        vectors: &VectorFile,
        query: &[f32],
        k: usize,
        ef: usize,
        first: FirstPass,
        allowed: Option<&Bits>,
    ) -> Option<Vec<Hit>> {
        let hits = Rescored { graph: self, vectors, query, allowed };
        SCRATCH.with_borrow_mut(|scratch| match first {
            FirstPass::Int8 => {
                let (codes, coded) = (self.codes.view(), Coded::of(query));
                let found = self.candidates(&CodeSearch { codes, query: &coded }, ef.max(k), allowed, scratch)?;
                Some(hits.best(k, found, MARGIN * coded.bound(coded.error())))
            }
            FirstPass::Binary => {
                let signs = self.signs.get_or_init(|| Signs::of(self.codes.view(), vectors.dimensions()));
                let found = self.candidates(&signs.search(query), ef.max(k), allowed, scratch)?;
                // What a sign says is rough: all of them are looked at.
                Some(hits.best(k, found, f32::INFINITY))
            }
        })
    }

    /// The `ef` allowed nodes nearest to a query that a walk meets.
    fn candidates<'a>(
        &self,
        near: &impl Scorer,
        ef: usize,
        allowed: Option<&Bits>,
        scratch: &'a mut Scratch,
    ) -> Option<&'a [Near]> {
        let mut nearest = near.near(0, &mut scratch.sums);
        for level in (1..self.levels()).rev() {
            nearest = descend(self.level(level), near, nearest, &mut scratch.sums);
        }
        // From node 0 too: the check after the build proves what can be reached from there.
        let (level0, starts) = (self.level(0), [nearest.node(), 0]);
        let Some(allowed) = allowed else {
            walk(level0, near, &starts, ef, scratch);
            return Some(scratch.pool.found());
        };
        let groups = self.groups();
        let share = allowed.count() as f32 / self.rows() as f32;
        walk(level0, near, &starts, if share >= MANY { (ef as f32 / share) as usize } else { ef }, scratch);
        let all = scratch.pool.found().len();
        scratch.pool.retain(|node| groups.any(node, allowed));
        if (scratch.pool.found().len() as f32) < RARE * share * all as f32 {
            return None;
        }
        if share < MANY {
            let most = if share < LITTLE { 2 * ef } else { ef };
            // By nodes, since most of what two steps reach is looked up here and dropped.
            let mut nodes = Bits::new(self.nodes());
            allowed.iter().for_each(|row| _ = nodes.insert(self.node_of(row)));
            filter::walk(level0, near, nearest.node(), most, &nodes, scratch);
        }
        Some(scratch.pool.found())
    }
}

/// What turns nodes into hits.
struct Rescored<'a> {
    graph: &'a Graph,
    vectors: &'a VectorFile,
    query: &'a [f32],
    allowed: Option<&'a Bits>,
}

impl Rescored<'_> {
    /// The best `k` rows of the nodes found, by their exact cosines.
    fn best(&self, k: usize, found: &[Near], margin: f32) -> Vec<Hit> {
        let (dot, groups) = (distance::dot(), self.graph.groups());
        let vector = |near: &Near| self.vectors.vector(groups.of(near.node()).first().copied().unwrap_or_default());
        let mut top = Top::new(k);
        for (at, near) in found.iter().enumerate() {
            if top.worst().is_some_and(|worst| top.is_full() && near.score + margin < worst.score) {
                break;
            }
            if let Some(next) = found.get(at + AHEAD) {
                prefetch(vector(next), usize::MAX);
            }
            let score = dot(self.query, vector(near)).clamp(-1.0, 1.0);
            for &row in groups.of(near.node()) {
                // Only a damaged file names rows that are not there.
                let there = (row as usize) < self.vectors.rows();
                if there && self.allowed.is_none_or(|allowed| allowed.contains(row)) {
                    top.push(Hit { row, score });
                }
            }
        }
        top.into_sorted()
    }
}
