//! The exact answer: every vector is looked at, or its code where that tells enough.

use crate::codes::{Coded, View};
use crate::distance::amx;
use crate::graph::Groups;
use crate::top::{Hit, Top};
use crate::{Bits, Graph, VectorFile, distance};
use rayon::prelude::*;
use std::collections::VecDeque;

/// Fewer rows than this are scanned on the calling thread.
const PARALLEL_ROWS: usize = 4096;

/// The `k` rows nearest to the unit vector `query`, best first, among those in `allowed`.
pub fn search(vectors: &VectorFile, query: &[f32], k: usize, allowed: Option<&Bits>) -> Vec<Hit> {
    let (dot, dimensions) = (distance::dot(), vectors.dimensions());
    let scan = |first: usize, block: &[f32]| {
        let mut top = Top::new(k);
        for (row, vector) in (first as u32..).zip(block.chunks_exact(dimensions)) {
            if allowed.is_none_or(|allowed| allowed.contains(row)) {
                top.push(Hit { row, score: dot(query, vector).clamp(-1.0, 1.0) });
            }
        }
        top.into_sorted()
    };
    if vectors.rows() < PARALLEL_ROWS {
        return scan(0, vectors.vectors());
    }
    let block = PARALLEL_ROWS / 2;
    let parts: Vec<Vec<Hit>> =
        vectors.vectors().par_chunks(block * dimensions).enumerate().map(|(i, part)| scan(i * block, part)).collect();
    let mut top = Top::new(k);
    parts.into_iter().flatten().for_each(|hit| top.push(hit));
    top.into_sorted()
}

/// Codes that are looked at together: with 384 dimensions, 400 kB.
const CODES: usize = 1024;

/// Where no more than one in so many is allowed, these are looked up instead of going through all.
const SPARSE: usize = 4;

/// What [`search`] gives, a few times faster: the codes of a graph's nodes tell, with a bound on
/// their error, which vectors could be among the `k` nearest, and only these are looked at.
pub fn search_codes(vectors: &VectorFile, graph: &Graph, query: &[f32], k: usize, allowed: Option<&Bits>) -> Vec<Hit> {
    let scan = Scan { codes: graph.codes.view(), errors: &graph.codes.errors, groups: graph.groups(), allowed };
    let coded = Coded::of(query);
    let all = 0..graph.nodes() as u32;
    let nodes: Vec<u32> = match allowed.filter(|allowed| allowed.count() <= graph.nodes() / SPARSE) {
        Some(allowed) => {
            let mut nodes: Vec<u32> = allowed.iter().map(|row| graph.node_of(row)).collect();
            nodes.sort_unstable();
            nodes.dedup();
            nodes
        }
        None if allowed.is_none() => all.collect(),
        None => all.into_par_iter().filter(|&node| scan.groups.any(node, allowed)).collect(),
    };
    let parts: Vec<Vec<Possible>> = nodes
        .par_chunks(CODES)
        .with_min_len(PARALLEL_ROWS / CODES)
        .fold(
            || Possibles::new(k),
            |mut possibles, block| {
                scan.block(block, &coded, &mut possibles);
                possibles
            },
        )
        .map(Possibles::into_vec)
        .collect();
    best(vectors, query, k, sorted(parts.concat()))
}

/// Vectors are asked for so many rows before they are read.
const AHEAD: usize = 3;

/// The best `k` by their vectors of rows that come with the highest cosine each could have, highest
/// first: only as many are looked at as could matter.
pub(crate) fn best(
    vectors: &VectorFile,
    query: &[f32],
    k: usize,
    possible: impl Iterator<Item = Possible>,
) -> Vec<Hit> {
    let dot = distance::dot();
    // Only a damaged file names rows that are not there.
    let mut possible = possible.filter(|possible| (possible.row as usize) < vectors.rows());
    let mut ahead = VecDeque::with_capacity(AHEAD + 1);
    let mut top = Top::new(k);
    loop {
        while ahead.len() <= AHEAD
            && let Some(next) = possible.next()
        {
            vectors.prefetch(next.row);
            ahead.push_back(next);
        }
        let Some(Possible { row, most }) = ahead.pop_front() else { break };
        if top.worst().is_some_and(|worst| top.is_full() && most < worst.score) {
            break;
        }
        top.push(Hit { row, score: dot(query, vectors.vector(row)).clamp(-1.0, 1.0) });
    }
    top.into_sorted()
}

fn sorted(mut possible: Vec<Possible>) -> impl Iterator<Item = Possible> {
    possible.sort_unstable_by(|a, b| b.most.total_cmp(&a.most));
    possible.into_iter()
}

/// A row and the highest cosine it could have.
#[derive(Clone, Copy)]
pub(crate) struct Possible {
    pub row: u32,
    pub most: f32,
}

/// The rows that could be among the best `k`.
struct Possibles {
    /// The `k` best of the lowest cosines that rows could have: no row whose highest is below the
    /// worst of them can be among the best.
    least: Top,
    rows: Vec<Possible>,
    /// When there are so many, those that have become impossible are dropped.
    full: usize,
}

impl Possibles {
    fn new(k: usize) -> Self {
        Self { least: Top::new(k), rows: Vec::new(), full: k.saturating_mul(2).max(1024) }
    }

    fn floor(&self) -> f32 {
        self.least.worst().filter(|_| self.least.is_full()).map_or(f32::NEG_INFINITY, |worst| worst.score)
    }

    fn push(&mut self, row: u32, score: f32, bound: f32) {
        self.rows.push(Possible { row, most: score + bound });
        self.least.push(Hit { row, score: score - bound });
        if self.rows.len() >= self.full {
            let floor = self.floor();
            self.rows.retain(|possible| possible.most >= floor);
            self.full = self.full.max(2 * self.rows.len());
        }
    }

    fn into_vec(mut self) -> Vec<Possible> {
        let floor = self.floor();
        self.rows.retain(|possible| possible.most >= floor);
        self.rows
    }
}

/// What a score must reach to matter, for several queries side by side.
struct Floors {
    scales: [f32; amx::QUERIES],
    biases: [i32; amx::QUERIES],
    floors: [f32; amx::QUERIES],
}

impl Floors {
    fn new(queries: &[Coded]) -> Self {
        // Where there are fewer queries, nothing is above the floor of the others.
        let mut own =
            Self { scales: [1.0; amx::QUERIES], biases: [0; amx::QUERIES], floors: [f32::INFINITY; amx::QUERIES] };
        for (at, query) in queries.iter().enumerate() {
            (own.scales[at], own.biases[at]) = query.parts();
        }
        own
    }

    /// Takes the floors as they are now, less what scores can be wrong where rows' errors are at most
    /// `error`.
    fn set(&mut self, queries: &[Coded], possibles: &[Possibles], error: f32) {
        for ((floor, query), possibles) in self.floors.iter_mut().zip(queries).zip(possibles) {
            *floor = possibles.floor() - query.bound(error);
        }
    }

    #[inline(always)]
    fn any_above(&self, sums: &[i32; amx::QUERIES], scale: f32) -> bool {
        let score = |at: usize| scale * (self.scales[at] * (sums[at] - self.biases[at]) as f32);
        // All of them, without a branch between.
        (0..amx::QUERIES).fold(false, |any, at| any | (score(at) >= self.floors[at]))
    }
}

struct Scan<'a> {
    codes: View<'a>,
    errors: &'a [f32],
    groups: Groups<'a>,
    allowed: Option<&'a Bits>,
}

impl Scan<'_> {
    /// Looks at the codes of some nodes in a row, for many queries at once.
    fn tiles(&self, nodes: &[u32], tiles: &amx::Queries, queries: &[Coded], possibles: &mut [Possibles]) {
        let mut sums = [[0; amx::QUERIES]; amx::ROWS];
        let (whole, rest) = nodes.as_chunks::<{ amx::ROWS }>();
        let mut floors = Floors::new(queries);
        for rows in whole {
            let (start, end) = (rows[0] as usize, rows[0] as usize + amx::ROWS);
            tiles.sums(self.codes.rows(start..end), &mut sums);
            floors.set(queries, possibles, self.errors[start..end].iter().copied().fold(0.0, f32::max));
            for (&node, sums) in rows.iter().zip(&sums) {
                let scale = self.codes.scale(node);
                // Most rows are below every floor: this is to be quick.
                if !floors.any_above(sums, scale) {
                    continue;
                }
                for ((query, &sum), possibles) in queries.iter().zip(sums).zip(&mut *possibles) {
                    let (score, bound) = (query.score(sum, scale), query.bound(self.errors[node as usize]));
                    if score + bound >= possibles.floor() {
                        self.groups.allowed(node, self.allowed).for_each(|row| possibles.push(row, score, bound));
                    }
                }
            }
        }
        queries.iter().zip(possibles).for_each(|(query, possibles)| self.block(rest, query, possibles));
    }

    /// Looks at the codes of some nodes.
    fn block(&self, nodes: &[u32], query: &Coded, possibles: &mut Possibles) {
        let mut floor = possibles.floor();
        self.codes.scores(query, nodes, &mut Vec::new(), |node, score| {
            let bound = query.bound(self.errors[node as usize]);
            if score + bound >= floor {
                self.groups.allowed(node, self.allowed).for_each(|row| possibles.push(row, score, bound));
                floor = possibles.floor();
            }
        });
    }
}

/// Queries that go through a block together, while it is in the cache.
const TILE: usize = amx::QUERIES;
/// Vectors in a block: with 384 dimensions, 400 kB.
const BLOCK: usize = 256;

/// The `k` rows nearest to each of many unit vectors (`queries × dimensions`, row-major), on all
/// cores. Each answer is that of [`search`].
pub fn search_many(vectors: &VectorFile, queries: &[f32], k: usize) -> Vec<Vec<Hit>> {
    let (dot, dimensions) = (distance::dot(), vectors.dimensions());
    let tile = |queries: &[f32]| {
        let mut tops: Vec<Top> = queries.chunks_exact(dimensions).map(|_| Top::new(k)).collect();
        for (first, block) in (0u32..).step_by(BLOCK).zip(vectors.vectors().chunks(BLOCK * dimensions)) {
            for (query, top) in queries.chunks_exact(dimensions).zip(&mut tops) {
                for (row, vector) in (first..).zip(block.chunks_exact(dimensions)) {
                    top.push(Hit { row, score: dot(query, vector).clamp(-1.0, 1.0) });
                }
            }
        }
        tops.into_iter().map(Top::into_sorted).collect::<Vec<_>>()
    };
    queries.par_chunks(TILE * dimensions).flat_map_iter(tile).collect()
}

/// What [`search_many`] gives, through codes.
pub fn search_codes_many(vectors: &VectorFile, graph: &Graph, queries: &[f32], k: usize) -> Vec<Vec<Hit>> {
    let (codes, groups) = (graph.codes.view(), graph.groups());
    let scan = Scan { codes, errors: &graph.codes.errors, groups, allowed: None };
    let dimensions = vectors.dimensions();
    let nodes: Vec<u32> = (0..graph.nodes() as u32).collect();
    let tile = |queries: &[f32]| {
        let coded: Vec<Coded> = queries.chunks_exact(dimensions).map(Coded::of).collect();
        let mut possibles: Vec<Possibles> = coded.iter().map(|_| Possibles::new(k)).collect();
        let slices: Vec<&[i8]> = coded.iter().map(Coded::code).collect();
        let tiles = amx::Queries::new(&slices, graph.codes.stride);
        for block in nodes.chunks(CODES) {
            match &tiles {
                Some(tiles) => scan.tiles(block, tiles, &coded, &mut possibles),
                None => coded.iter().zip(&mut possibles).for_each(|(coded, p)| scan.block(block, coded, p)),
            }
        }
        let answers = queries.chunks_exact(dimensions).zip(possibles);
        answers.map(|(query, possibles)| best(vectors, query, k, sorted(possibles.into_vec()))).collect::<Vec<_>>()
    };
    queries.par_chunks(TILE * dimensions).flat_map_iter(tile).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::testing::{Random, file};
    use crate::{Params, graph};
    use std::ops::ControlFlow;

    #[test]
    fn many_at_once_and_through_codes_get_the_answers_of_one_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut random = Random(11);
        let mut rows: Vec<_> = (0..5000).map(|_| random.unit(24)).collect();
        // Equals, and some that only their last bits tell apart.
        rows.extend(rows[..50].to_vec());
        let seventh = rows[7].clone();
        rows.extend((0..50).map(|_| random.near(&seventh, 1e-6)));
        let vectors = file(dir.path(), &rows);
        let graph = graph::build(&vectors, Params { m: 4, ef_construction: 10, ..Params::default() }, 2, &|_, _| {
            ControlFlow::Continue(())
        })
        .unwrap();
        let mut queries: Vec<Vec<f32>> = (0..40).map(|_| random.unit(24)).collect();
        queries.push(rows[7].clone());
        for k in [1, 10, 60, 6000] {
            let one_by_one: Vec<Vec<Hit>> = queries.iter().map(|query| search(&vectors, query, k, None)).collect();
            assert_eq!(search_many(&vectors, &queries.concat(), k), one_by_one);
            assert_eq!(search_codes_many(&vectors, &graph, &queries.concat(), k), one_by_one);
            for (query, expected) in queries.iter().zip(&one_by_one) {
                assert_eq!(search_codes(&vectors, &graph, query, k, None), *expected);
            }
            for step in [2, 9] {
                let mut allowed = Bits::new(rows.len());
                (0..rows.len() as u32).step_by(step).for_each(|row| _ = allowed.insert(row));
                for query in &queries {
                    let expected = search(&vectors, query, k, Some(&allowed));
                    assert_eq!(search_codes(&vectors, &graph, query, k, Some(&allowed)), expected);
                }
            }
        }
        assert!(search_many(&vectors, &[], 3).is_empty());
        assert!(search_codes_many(&vectors, &graph, &[], 3).is_empty());
    }
}
