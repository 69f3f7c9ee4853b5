//! Building in parallel, to the same graph whatever the number of threads.
//!
//! Nodes are inserted in batches. Every node of a batch is searched for, on all threads, in the
//! graph as it was before the batch; then its links are put in; then the links back, which are
//! gathered by the node they start from, so that each list is changed once and by one thread. No step
//! depends on who came first. Dobson, Shen, Blelloch, Dhulipala, Gu, Simhadri and Sun, *Scaling
//! Graph-Based ANNS Algorithms to Billion-Size Datasets*, arXiv:2305.04359.

use super::build::{Params, Progress};
use super::draft::{Draft, Level};
use super::links::width;
use super::select::Selector;
use super::walk::{Near, Scratch, enter, walk};
use crate::codes::{CodeSearch, Coded, Codes, View};
use crate::{Error, Result, VectorFile};
use rayon::prelude::*;

/// The first nodes find their neighbours by looking at each other.
const FIRST: usize = 512;
/// A batch has no more than one in so many of the nodes: those of one batch do not see each other.
const SHARE: usize = 50;
/// But at least so many, for all threads to have work.
const LEAST: usize = 256;

/// A number that looks random, made from another: SplitMix64's mixing.
fn mixed(seed: u64, number: u64) -> u64 {
    let z = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The rows in the order in which they are inserted, and how many of them are on each level. One in
/// `m` of a level's nodes is on the next.
fn order(rows: &[u32], m: usize, seed: u64) -> (Vec<u32>, Vec<usize>) {
    let mut order: Vec<(u64, u32)> = rows.iter().map(|&row| (mixed(seed, u64::from(row)), row)).collect();
    // The number that decides the level also orders: the highest levels have the smallest.
    order.sort_unstable();
    let mut counts = vec![rows.len()];
    let mut limit = u64::MAX / m as u64;
    loop {
        let count = order.partition_point(|(number, _)| *number < limit);
        if count == 0 {
            break;
        }
        counts.push(count);
        limit /= m as u64;
    }
    (order.into_iter().map(|(_, row)| row).collect(), counts)
}

#[derive(Default)]
struct Worker {
    scratch: Scratch,
    selector: Selector,
    coded: Coded,
    candidates: Vec<Near>,
}

/// The neighbours chosen for one node, level 0 first, with their scores.
type Chosen = Vec<Vec<Near>>;

/// Builds the lists over the given rows.
pub fn build(vectors: &VectorFile, rows: &[u32], params: Params, progress: &Progress<'_>) -> Result<Draft> {
    let Params { m, ef_construction, seed, .. } = params;
    let (rows, counts) = order(rows, m, seed);
    let codes = Codes::of(vectors.vectors(), vectors.dimensions(), &rows);
    let levels = counts.iter().enumerate().map(|(level, &n)| Level::new(n, width(level, m) + slack(m))).collect();
    let mut draft = Draft { codes, rows, levels };
    let nodes = draft.rows.len();
    let mut begin = 0;
    while begin < nodes {
        let size = if begin == 0 { FIRST } else { begin.min((nodes / SHARE).max(LEAST)) };
        let end = nodes.min(begin + size);
        let chosen: Vec<Chosen> = (begin as u32..end as u32)
            .into_par_iter()
            .map_init(Worker::default, |worker, node| {
                if begin == 0 {
                    worker.all_pairs(&draft, node, end, m)
                } else {
                    worker.search(&draft, node, ef_construction, m)
                }
            })
            .collect();
        link(&mut draft, begin as u32, &chosen, m);
        begin = end;
        if progress(begin, nodes).is_break() {
            return Err(Error::Stopped);
        }
    }
    trim(&mut draft, m);
    Ok(draft)
}

/// By how much a list may outgrow its width before it is pruned: with it, most links back cost no
/// pruning of their own.
fn slack(m: usize) -> usize {
    m / 2
}

impl Worker {
    /// Chooses among the nearest nodes before `end`, on each level that `node` is on.
    fn all_pairs(&mut self, draft: &Draft, node: u32, end: usize, m: usize) -> Chosen {
        let codes = draft.codes.view();
        let Self { scratch, selector, coded, candidates } = self;
        coded.become_row(&codes, node);
        let on = draft.levels.iter().take_while(|level| (node as usize) < level.nodes);
        on.enumerate()
            .map(|(number, level)| {
                let others: Vec<u32> = (0..level.nodes.min(end) as u32).filter(|&other| other != node).collect();
                candidates.clear();
                codes
                    .scores(coded, &others, &mut scratch.sums, |other, score| candidates.push(Near::new(other, score)));
                sort(candidates);
                selector.select(codes, candidates, width(number, m), m).to_vec()
            })
            .collect()
    }

    /// Chooses among the nearest nodes that walks find, on each level that `node` is on.
    fn search(&mut self, draft: &Draft, node: u32, ef: usize, m: usize) -> Chosen {
        let codes = draft.codes.view();
        let Self { scratch, selector, coded, .. } = self;
        coded.become_row(&codes, node);
        let near = CodeSearch { codes, query: coded };
        let on = draft.levels.iter().take_while(|level| (node as usize) < level.nodes).count();
        let mut start = enter(draft.levels[on..].iter().map(Level::view), &near, &mut scratch.sums);
        let mut found = Vec::with_capacity(on);
        for (number, level) in draft.levels[..on].iter().enumerate().rev() {
            walk(level.view(), &near, &[start.node()], ef, scratch);
            let candidates = scratch.pool.found();
            start = candidates.first().copied().unwrap_or(start);
            found.push(selector.select(codes, candidates, width(number, m), m).to_vec());
        }
        found.reverse();
        found
    }

    /// The list of `node` with the new links among it, pruned to `most`.
    fn prune(&mut self, codes: View<'_>, node: u32, old: &[u32], new: &[Back], most: usize) -> Vec<u32> {
        let Self { scratch, selector, coded, candidates } = self;
        coded.become_row(&codes, node);
        candidates.clear();
        codes.scores(coded, old, &mut scratch.sums, |other, score| candidates.push(Near::new(other, score)));
        candidates.extend(new.iter().map(|back| Near::new(back.from, back.score)));
        sort(candidates);
        candidates.dedup_by_key(|near| near.node());
        selector.select(codes, candidates, most, most).iter().map(Near::node).collect()
    }
}

fn sort(near: &mut [Near]) {
    near.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.node().cmp(&b.node())));
}

/// A link back.
#[derive(Clone, Copy)]
struct Back {
    to: u32,
    score: f32,
    from: u32,
}

/// Puts the chosen links of the nodes from `first` on in, and the links back.
fn link(draft: &mut Draft, first: u32, chosen: &[Chosen], m: usize) {
    let Draft { codes, levels, .. } = draft;
    let codes = codes.view();
    for (number, level) in levels.iter_mut().enumerate() {
        let mut back: Vec<Back> = Vec::new();
        for (from, chosen) in (first..).zip(chosen) {
            // Nodes come with the highest levels first: after one that is not here, none is.
            let Some(links) = chosen.get(number) else { break };
            level.set(from, links.iter().map(Near::node));
            back.extend(links.iter().map(|near| Back { to: near.node(), score: near.score, from }));
        }
        back.par_sort_unstable_by(|a, b| a.to.cmp(&b.to).then(b.score.total_cmp(&a.score)).then(a.from.cmp(&b.from)));
        let groups: Vec<&[Back]> = back.chunk_by(|a, b| a.to == b.to).collect();
        let lists: Vec<Vec<u32>> = groups
            .par_iter()
            .map_init(Worker::default, |worker, group| {
                let old = level.of(group[0].to);
                let added = group.iter().map(|back| back.from).filter(|from| !old.contains(from));
                let list: Vec<u32> = old.iter().copied().chain(added).collect();
                if list.len() <= level.width {
                    list
                } else {
                    worker.prune(codes, group[0].to, old, group, width(number, m))
                }
            })
            .collect();
        groups.iter().zip(lists).for_each(|(group, list)| level.set(group[0].to, list));
    }
}

/// Prunes what outgrew its width and was never pruned.
fn trim(draft: &mut Draft, m: usize) {
    let Draft { codes, levels, .. } = draft;
    let codes = codes.view();
    for (number, level) in levels.iter_mut().enumerate() {
        let most = width(number, m);
        let prune = |worker: &mut Worker, node: u32| {
            let list = level.of(node);
            if list.len() <= most { list.to_vec() } else { worker.prune(codes, node, list, &[], most) }
        };
        let lists: Vec<Vec<u32>> = (0..level.nodes as u32).into_par_iter().map_init(Worker::default, prune).collect();
        let mut trimmed = Level::new(level.nodes, most);
        (0..).zip(lists).for_each(|(node, list)| trimmed.set(node, list));
        *level = trimmed;
    }
}
