//! The graph's layout, in memory and on disk alike.

use super::reach::{self, Health};
use crate::file::{Mapped, Writer};
use crate::{Error, Result};
use std::path::Path;

const MAGIC: &[u8; 8] = b"NIGHGRF\n";

/// One level's neighbour lists: those of the node at place `p` are
/// `links[offsets[p]..offsets[p + 1]]`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Lists {
    /// The nodes of the level, increasing; empty at level 0, where a node's place is its number.
    pub nodes: Vec<u32>,
    pub offsets: Vec<u32>,
    pub links: Vec<u32>,
}

impl Lists {
    /// The lists of nodes `0..lists.len()`, or of `nodes` where it is not empty.
    pub fn new(nodes: Vec<u32>, lists: &[Vec<u32>]) -> Self {
        let mut offsets = Vec::with_capacity(lists.len() + 1);
        let mut links = Vec::with_capacity(lists.iter().map(Vec::len).sum());
        offsets.push(0);
        for list in lists {
            links.extend_from_slice(list);
            offsets.push(links.len() as u32);
        }
        Self { nodes, offsets, links }
    }
}

/// An HNSW graph over the rows of a file of vectors.
pub struct Graph {
    words: Words,
    /// Where each level's parts stand among the words, level 0 first.
    levels: Vec<Level>,
    nodes: usize,
    entry: u32,
    m: usize,
    ef_construction: usize,
    health: Health,
}

/// The words of a graph just built, or of a file.
enum Words {
    Owned(Vec<u32>),
    Mapped(Mapped),
}

#[derive(Debug, Clone)]
struct Level {
    nodes: std::ops::Range<usize>,
    offsets: std::ops::Range<usize>,
    links: std::ops::Range<usize>,
}

impl Graph {
    pub(super) fn new(lists: Vec<Lists>, entry: u32, m: usize, ef_construction: usize, health: Health) -> Self {
        let nodes = lists.first().map_or(0, |level| level.offsets.len().saturating_sub(1));
        let mut words = Vec::new();
        let mut put = |part: &[u32]| {
            let start = words.len();
            words.extend_from_slice(part);
            start..words.len()
        };
        let levels = lists
            .iter()
            .map(|l| Level { nodes: put(&l.nodes), offsets: put(&l.offsets), links: put(&l.links) })
            .collect();
        Self { words: Words::Owned(words), levels, nodes, entry, m, ef_construction, health }
    }

    fn words(&self) -> &[u32] {
        match &self.words {
            Words::Owned(words) => words,
            Words::Mapped(file) => bytemuck::cast_slice(file.body()),
        }
    }

    /// How many nodes, which is how many rows its vectors have.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// How many levels.
    pub fn levels(&self) -> usize {
        self.levels.len()
    }

    /// Where every search begins.
    pub fn entry(&self) -> u32 {
        self.entry
    }

    /// The most neighbours it was built with: `m` above level 0, twice that there.
    pub fn m(&self) -> usize {
        self.m
    }

    /// The length of the candidate list it was built with.
    pub fn ef_construction(&self) -> usize {
        self.ef_construction
    }

    /// What the check after the build found and mended.
    pub fn health(&self) -> Health {
        self.health
    }

    /// The checksum of its file; `None` for one just built.
    pub fn checksum(&self) -> Option<&str> {
        match &self.words {
            Words::Owned(_) => None,
            Words::Mapped(file) => Some(&file.sum),
        }
    }

    /// The bytes it takes.
    pub fn bytes(&self) -> usize {
        std::mem::size_of_val(self.words())
    }

    /// The neighbours of `node` at `level`; none if it is not there.
    pub fn neighbours(&self, level: usize, node: u32) -> &[u32] {
        let words = self.words();
        let Some(parts) = self.levels.get(level) else { return &[] };
        let place = match level {
            0 => node as usize,
            _ => match words[parts.nodes.clone()].binary_search(&node) {
                Ok(place) => place,
                Err(_) => return &[],
            },
        };
        let offsets = &words[parts.offsets.clone()];
        match (offsets.get(place), offsets.get(place + 1)) {
            (Some(&start), Some(&end)) => {
                words[parts.links.clone()].get(start as usize..end as usize).unwrap_or_default()
            }
            _ => &[],
        }
    }

    /// Writes it to `path`. Gives the checksum.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn write(&self, path: &Path) -> Result<String> {
        let mut file = Writer::create(path)?;
        let mut table = vec![self.levels.len() as u32];
        for level in &self.levels {
            table.extend([level.nodes.len() as u32, level.offsets.len() as u32, level.links.len() as u32]);
        }
        file.write(bytemuck::cast_slice(&table))?;
        // In a mapped graph the table stands before the levels.
        let start = self.levels.first().map_or(0, |level| level.nodes.start);
        file.write(bytemuck::cast_slice(&self.words()[start..]))?;
        let pair = |low: usize, high: usize| low as u64 | (high as u64) << 32;
        let fields = [
            self.nodes as u64,
            pair(self.entry as usize, self.m),
            pair(self.ef_construction, self.health.unreachable),
            pair(self.health.linked, self.health.no_incoming),
            0,
        ];
        file.finish(MAGIC, &fields)
    }

    /// Maps a file.
    ///
    /// # Errors
    /// When it is not there, of another version, or not as its header says.
    pub fn open(path: &Path) -> Result<Self> {
        let file = Mapped::open(path, MAGIC)?;
        let damaged = |problem: &str| file.damaged(problem.to_owned());
        let words: &[u32] =
            bytemuck::try_cast_slice(file.body()).map_err(|_| damaged("its length is no multiple of four"))?;
        let low = |field: usize| file.fields[field] as u32 as usize;
        let high = |field: usize| (file.fields[field] >> 32) as usize;
        let (nodes, entry) = (file.fields[0] as usize, low(1) as u32);
        let health = Health { unreachable: high(2), linked: low(3), no_incoming: high(3) };
        let count = words.first().copied().unwrap_or_default() as usize;
        let table = words.get(1..1 + 3 * count).ok_or_else(|| damaged("its table of levels is cut off"))?;
        let mut at = 1 + table.len();
        let mut levels = Vec::with_capacity(count);
        for (level, sizes) in table.chunks_exact(3).enumerate() {
            let mut part = |length: u32| {
                let range = at..at + length as usize;
                at = range.end;
                range
            };
            let parts = Level { nodes: part(sizes[0]), offsets: part(sizes[1]), links: part(sizes[2]) };
            let in_level = if level == 0 { nodes } else { parts.nodes.len() };
            if parts.offsets.len() != in_level + 1 || (level == 0 && !parts.nodes.is_empty()) {
                return Err(damaged(&format!(
                    "level {level} has {} offsets for {in_level} nodes",
                    parts.offsets.len()
                )));
            }
            levels.push(parts);
        }
        if at != words.len() || levels.is_empty() || entry as usize >= nodes {
            return Err(damaged("its levels do not fit its length, or its entry is no node"));
        }
        let (m, ef_construction) = (high(1), low(2));
        Ok(Self { levels, nodes, entry, m, ef_construction, health, words: Words::Mapped(file) })
    }

    /// How many of its nodes can be reached from the entry, by walking it.
    pub fn reachable(&self) -> usize {
        reach::reached(self.nodes, self.entry, |node| self.neighbours(0, node)).count()
    }

    /// Reads it all: checksum, every link to a node that is there, every node reached from the
    /// entry.
    ///
    /// # Errors
    /// What does not hold.
    pub fn verify(&self) -> Result<()> {
        let damaged = |problem: String| match &self.words {
            Words::Mapped(file) => file.damaged(problem),
            Words::Owned(_) => Error::Damaged { path: Default::default(), problem },
        };
        if let Words::Mapped(file) = &self.words {
            file.verify()?;
        }
        let words = self.words();
        for (level, parts) in self.levels.iter().enumerate() {
            let offsets = &words[parts.offsets.clone()];
            let sorted = offsets.first() == Some(&0) && offsets.windows(2).all(|pair| pair[0] <= pair[1]);
            if !sorted || offsets.last().map(|&end| end as usize) != Some(parts.links.len()) {
                return Err(damaged(format!("the offsets of level {level} are out of order")));
            }
            let links = words[parts.links.clone()].iter().chain(&words[parts.nodes.clone()]);
            if let Some(stray) = links.into_iter().find(|&&node| node as usize >= self.nodes) {
                return Err(damaged(format!("level {level} names node {stray} of {}", self.nodes)));
            }
        }
        let reached = self.reachable();
        if reached != self.nodes {
            return Err(damaged(format!(
                "{} of its {} nodes cannot be reached from the entry",
                self.nodes - reached,
                self.nodes
            )));
        }
        Ok(())
    }
}
