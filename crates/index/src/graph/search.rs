//! Search: a walk on codes, then the exact cosines of what it found.

use super::walk::{Near, Scratch, enter, walk};
use super::{Graph, filter};
use crate::codes::{CodeSearch, Coded, Scorer};
use crate::exact::{self, Possible};
use crate::signs::Signs;
use crate::top::Hit;
use crate::{Bits, VectorFile};
use serde::Serialize;
use std::cell::RefCell;

/// What a walk through the graph compares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
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
        SCRATCH.with_borrow_mut(|scratch| {
            let (found, margin) = match first {
                FirstPass::Int8 => {
                    let (codes, coded) = (self.codes.view(), Coded::of(query));
                    let search = CodeSearch { codes, query: &coded };
                    (self.candidates(&search, ef.max(k), allowed, scratch)?, MARGIN * coded.bound(coded.error()))
                }
                FirstPass::Binary => {
                    let signs = self.signs.get_or_init(|| Signs::of(self.codes.view(), vectors.dimensions()));
                    // What a sign says is rough: all of them are looked at.
                    (self.candidates(&signs.search(query), ef.max(k), allowed, scratch)?, f32::INFINITY)
                }
            };
            let groups = self.groups();
            let possible = found.iter().flat_map(|near| {
                groups.allowed(near.node(), allowed).map(move |row| Possible { row, most: near.score + margin })
            });
            Some(exact::best(vectors, query, k, possible))
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
        let nearest = enter((1..self.levels()).map(|level| self.level(level)), near, &mut scratch.sums);
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
        scratch.pool.retain(|node| groups.any(node, Some(allowed)));
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
