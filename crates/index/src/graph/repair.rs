//! Whether every node can be reached, and how it is mended where one cannot.
//!
//! HNSW keeps lists short by dropping links, and where many vectors lie close together (copies of
//! one text) it can drop the last link into a group: no search finds it again, and nothing says so.

use super::build::Progress;
use super::draft::{Draft, Level};
use super::links::NONE;
use super::walk::{Scratch, enter, walk};
use crate::codes::{CodeSearch, Coded};
use crate::{Bits, Error, Result, VectorFile};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// What the checks after a build found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Nodes that no search could have reached, before mending.
    pub unreachable: usize,
    /// Links added to reach them, and to find those that searches for themselves did not. After that
    /// none is unreachable.
    pub linked: usize,
    /// Nodes with no link to them, before mending.
    pub no_incoming: usize,
    /// So many nodes were searched for by their own vectors with a short candidate list,
    #[serde(default)]
    pub asked: usize,
    /// and so many of these were not found, nor an equal, after all linking in.
    #[serde(default)]
    pub lost: usize,
}

/// How each node is reached from node 0: the node before it on the way, [`NONE`] where there is no
/// way. All links but those from a node's `before` to it can be dropped without losing anybody.
pub struct Ways {
    before: Vec<u32>,
}

impl Ways {
    pub fn find<'a>(nodes: usize, neighbours: impl Fn(u32) -> &'a [u32]) -> Self {
        let mut ways = Self { before: vec![NONE; nodes] };
        if nodes > 0 {
            ways.extend(0, 0, neighbours);
        }
        ways
    }

    /// Adds `start`, reached from `before`, and all that can be reached from it.
    fn extend<'a>(&mut self, before: u32, start: u32, neighbours: impl Fn(u32) -> &'a [u32]) {
        let mut waiting = std::collections::VecDeque::from([start]);
        self.before[start as usize] = before;
        while let Some(node) = waiting.pop_front() {
            for &next in neighbours(node) {
                if let Some(way) = self.before.get_mut(next as usize).filter(|way| **way == NONE) {
                    *way = node;
                    waiting.push_back(next);
                }
            }
        }
    }

    fn reaches(&self, node: u32) -> bool {
        self.before[node as usize] != NONE
    }

    /// How many nodes are reached.
    pub fn count(&self) -> usize {
        self.before.iter().filter(|&&before| before != NONE).count()
    }

    /// Makes one of the reached nodes `near`, nearest first, link to `lost`: gives that one, and the node
    /// that it no longer links to, if any. No way leads over a link that is dropped. `None` only if
    /// every link of every node were needed, which in lists of two or more cannot be.
    fn link_in(&self, level: &mut Level, lost: u32, near: &[u32]) -> Option<(u32, Option<u32>)> {
        let near = &near[..near.len().min(HOSTS)];
        let (before, after) = near.split_at(lost as usize % near.len().max(1));
        if let Some(&host) = near.iter().find(|&&host| level.push(host, lost)) {
            return Some((host, None));
        }
        // All are full. Should all their links be needed, somebody's far off is not.
        let anybody = (0..self.before.len() as u32).filter(|&node| node != lost && self.reaches(node));
        for host in after.iter().chain(before).copied().chain(anybody) {
            let spare = |link: u32| self.before[link as usize] != host;
            if let Some(dropped) = level.replace(host, lost, spare) {
                return Some((host, Some(dropped)));
            }
            if level.push(host, lost) {
                return Some((host, None));
            }
        }
        None
    }
}

/// How long a candidate list finds who is to link to a lost node.
const EF: usize = 64;
/// One of so many of these is to link to it: were it always the nearest, a crowd would become a chain.
const HOSTS: usize = 16;

/// Adds links at level 0 until every node can be reached from node 0. No list grows beyond its width.
pub fn mend(draft: &mut Draft) -> (Health, Ways) {
    let Draft { codes, levels, .. } = draft;
    let codes = codes.view();
    let level = &mut levels[0];
    let nodes = level.nodes;
    let mut incoming = Bits::new(nodes);
    for node in 0..nodes as u32 {
        level.of(node).iter().for_each(|&to| _ = incoming.insert(to));
    }
    let mut ways = Ways::find(nodes, |node| level.of(node));
    let unreachable = nodes - ways.count();
    let mut health = Health { unreachable, no_incoming: nodes - incoming.count(), ..Health::default() };
    let (mut scratch, mut coded) = (Scratch::default(), Coded::default());
    for lost in 0..nodes as u32 {
        if ways.reaches(lost) {
            continue;
        }
        coded.become_row(&codes, lost);
        // A walk from node 0 meets only what can be reached from there.
        walk(level.view(), &CodeSearch { codes, query: &coded }, &[0], EF, &mut scratch);
        let near: Vec<u32> = scratch.pool.found().iter().map(|near| near.node()).collect();
        if let Some((host, _)) = ways.link_in(level, lost, &near) {
            health.linked += 1;
            ways.extend(host, lost, |node| level.of(node));
        }
    }
    (health, ways)
}

/// So many times at most nodes that were not met get another link and are asked for again.
const ROUNDS: usize = 8;
/// So many are asked for between two questions whether to go on.
const BLOCK: usize = 1 << 14;
/// One as near as this to what was asked for is its equal.
const EQUAL: f64 = 1e-5;

/// Searches for every node by its own vector and links those that are not met to where the search for
/// them ended. Writes how many were asked for, and how many of them are still not found.
///
/// # Errors
/// [`Error::Stopped`] when `progress` says so.
pub fn make_findable(
    draft: &mut Draft,
    ways: &Ways,
    vectors: &VectorFile,
    health: &mut Health,
    progress: &Progress<'_>,
) -> Result<()> {
    let mut asked: Vec<u32> = (0..draft.rows.len() as u32).collect();
    health.asked = asked.len();
    // Not found when last asked for. Those that nothing could link in are not asked for again.
    let mut lost = HashSet::new();
    for round in 0..=ROUNDS {
        let ask = |room: &mut (Scratch, Coded), &node: &u32| (node, ask(draft, vectors, node, room));
        let mut answers: Vec<(u32, Asked)> = Vec::new();
        for block in asked.chunks(BLOCK) {
            if progress(draft.rows.len(), draft.rows.len()).is_break() {
                return Err(Error::Stopped);
            }
            answers.par_extend(block.par_iter().map_init(Default::default, ask));
        }
        asked.clear();
        for (node, answer) in answers {
            match answer {
                Asked::Found => _ = lost.remove(&node),
                Asked::Crowded => _ = lost.insert(node),
                Asked::Missed(near) => {
                    lost.insert(node);
                    if round < ROUNDS
                        && let Some((_, dropped)) = ways.link_in(&mut draft.levels[0], node, &near)
                    {
                        asked.push(node);
                        asked.extend(dropped);
                        health.linked += 1;
                    }
                }
            }
        }
        asked.sort_unstable();
        asked.dedup();
    }
    health.lost = lost.len();
    Ok(())
}

/// What became of a search for a node by its own vector.
enum Asked {
    /// It was found, or an equal.
    Found,
    /// It was met and crowded out by others that to the codes look as near: another link would not help.
    Crowded,
    /// It was not met, but these, nearest first.
    Missed(Vec<u32>),
}

fn ask(draft: &Draft, vectors: &VectorFile, node: u32, room: &mut (Scratch, Coded)) -> Asked {
    let (scratch, coded) = room;
    let codes = draft.codes.view();
    coded.become_row(&codes, node);
    let search = CodeSearch { codes, query: coded };
    let nearest = enter(draft.levels[1..].iter().map(Level::view), &search, &mut scratch.sums);
    walk(draft.levels[0].view(), &search, &[nearest.node(), 0], EF, scratch);
    let near: Vec<u32> = scratch.pool.found().iter().map(|near| near.node()).collect();
    let vector = |node: u32| vectors.vector(draft.rows[node as usize]);
    // Summed one after the other, so that every processor decides alike.
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let own = dot(vector(node), vector(node)) - EQUAL;
    if near.contains(&node) || near.iter().any(|&near| dot(vector(near), vector(node)) >= own) {
        Asked::Found
    } else if scratch.visited.insert(node) {
        Asked::Missed(near)
    } else {
        Asked::Crowded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::Codes;
    use crate::graph::testing::Random;

    #[test]
    fn a_node_that_nothing_can_link_in_is_counted_as_lost() {
        let mut random = Random(3);
        let rows: Vec<Vec<f32>> = (0..2000).map(|_| random.unit(8)).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vec");
        let mut writer = crate::VectorWriter::create(&crate::Files::default(), &path, 8).unwrap();
        rows.iter().zip(0..).for_each(|(row, key)| _ = writer.push(key, [0; 16], row).unwrap());
        writer.finish().unwrap();
        let vectors = VectorFile::open(&path).unwrap();
        // A chain: all can be reached, every link is needed for that, and a search soon turns back.
        let mut level = Level::new(2000, 1);
        (0..2000).for_each(|node| level.set(node, [(node + 1) % 2000]));
        let numbers: Vec<u32> = (0..2000).collect();
        let mut draft = Draft { codes: Codes::of(&rows.concat(), 8, &numbers), rows: numbers, levels: vec![level] };
        let (mut health, ways) = mend(&mut draft);
        make_findable(&mut draft, &ways, &vectors, &mut health, &|_, _| std::ops::ControlFlow::Continue(())).unwrap();
        let mut room = Default::default();
        let lost = (0..2000).filter(|&node| !matches!(ask(&draft, &vectors, node, &mut room), Asked::Found)).count();
        assert!(lost > 1000, "{lost}");
        assert_eq!(health.lost, lost);
    }

    #[test]
    fn islands_are_linked_in_though_all_lists_are_full() {
        let mut random = Random(7);
        let vectors: Vec<f32> = (0..60).flat_map(|_| random.unit(8)).collect();
        let rows: Vec<u32> = (0..60).collect();
        for width in [2, 3] {
            // Three rings of twenty with no link between them, and one node to which nothing leads.
            let mut level = Level::new(60, width);
            (0..60).for_each(|n| level.set(n, [n / 20 * 20 + (n + 1) % 20]));
            level.set(19, [1]);
            let mut draft = Draft { codes: Codes::of(&vectors, 8, &rows), rows: rows.clone(), levels: vec![level] };
            draft.levels[0].set(0, [1]);
            let (health, _) = mend(&mut draft);
            assert_eq!((health.unreachable, health.no_incoming), (40, 1));
            assert!((2..=4).contains(&health.linked), "{health:?}");
            assert_eq!(Ways::find(60, |n| draft.levels[0].of(n)).count(), 60);
            assert!((0..60).all(|n| (1..=width).contains(&draft.levels[0].of(n).len())));
        }
    }
}
