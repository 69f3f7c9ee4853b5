//! Search: a walk on codes, then the exact cosines of what it found.

use super::walk::{Near, Scratch, descend, walk};
use super::{Graph, filter};
use crate::codes::Coded;
use crate::distance::prefetch::prefetch;
use crate::top::{Hit, Top};
use crate::{Bits, VectorFile, distance};
use std::cell::RefCell;

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
/// Where among the nearest of all rows less than this of the expected share is allowed, the allowed
/// ones lie elsewhere: the nearest of them are far from the query and from each other, and only a
/// look at each finds them.
const RARE: f32 = 0.5;

impl Graph {
    /// The `k` nodes nearest to the unit vector `query` that a walk with `ef` candidates finds,
    /// best first, among the rows in `allowed`. `None` where these lie so far from the query that no
    /// walk leads there.
    pub(crate) fn search(
        &self,
        vectors: &VectorFile,
        query: &[f32],
        k: usize,
        ef: usize,
        allowed: Option<&Bits>,
    ) -> Option<Vec<Hit>> {
        let codes = self.codes.view();
        let coded = Coded::of(query);
        SCRATCH.with_borrow_mut(|scratch| {
            let mut nearest = codes.near(&coded, 0, &mut scratch.sums);
            for level in (1..self.levels()).rev() {
                nearest = descend(self.level(level), codes, &coded, nearest, &mut scratch.sums);
            }
            let (level0, ef) = (self.level(0), ef.max(k));
            let share = allowed.map_or(1.0, |allowed| allowed.count() as f32 / self.rows() as f32);
            let most = if share >= MANY { (ef as f32 / share) as usize } else { ef };
            // From node 0 too: the check after the build proves what can be reached from there.
            walk(level0, codes, &coded, &[nearest.node(), 0], most, scratch);
            let mut found = scratch.pool.found();
            let met;
            if let Some(allowed) = allowed {
                let groups = self.groups();
                let allowed = |node: u32| groups.any(node, allowed);
                met = found.iter().copied().filter(|near| allowed(near.node())).collect::<Vec<_>>();
                if (met.len() as f32) < RARE * share * found.len() as f32 {
                    return None;
                }
                found = if share >= MANY {
                    &met
                } else {
                    filter::walk(level0, codes, &coded, nearest.node(), most, allowed, scratch);
                    scratch.pool.found()
                };
            }
            let hits = Rescored { graph: self, vectors, query, allowed };
            Some(hits.best(k, found, MARGIN * coded.bound(coded.error())))
        })
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
                if self.allowed.is_none_or(|allowed| allowed.contains(row)) {
                    top.push(Hit { row, score });
                }
            }
        }
        top.into_sorted()
    }
}
