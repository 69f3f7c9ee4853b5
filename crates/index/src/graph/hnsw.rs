//! The graph as it is searched, in memory and on disk alike.

use super::build::{M, Params};
use super::draft::Draft;
use super::first;
use super::links::{Links, width};
use super::reach::{self, Health};
use crate::codes::{self, Codes};
use crate::file::{Array, FIRST, Mapped, Writer};
use crate::signs::Signs;
use crate::{Bits, Error, Result, VectorFile};
use disk::Files;
use std::path::Path;
use std::sync::{Arc, OnceLock};

pub(super) const MAGIC: &[u8; 8] = b"NIGHGRF\n";

/// An HNSW graph over the rows of a file of vectors, with their int8 codes.
///
/// Nodes are numbered by level, those of the highest first, and within a level along the links; node
/// 0 is where every search begins.
pub struct Graph {
    /// The rows of every node, one after the other: most nodes have one, and those with the very same
    /// vector share a node.
    rows: Array<u32>,
    /// Where the rows of each node begin, and where the last one's end.
    firsts: Array<u32>,
    /// The lists of each level, one after the other; see `levels`.
    links: Array<u32>,
    pub(crate) codes: Codes,
    /// How many nodes there are on each level.
    levels: Vec<usize>,
    m: usize,
    ef_construction: usize,
    health: Health,
    /// The file it is from.
    file: Option<Arc<Mapped>>,
    /// The node of each row, worked out when first asked for.
    nodes: OnceLock<Vec<u32>>,
    /// The signs of each node's numbers, likewise.
    pub(super) signs: OnceLock<Signs>,
}

/// The rows of each node.
#[derive(Clone, Copy)]
pub(crate) struct Groups<'a> {
    rows: &'a [u32],
    firsts: &'a [u32],
}

impl<'a> Groups<'a> {
    /// Those of one node, increasing; none where a damaged file says so.
    #[inline(always)]
    pub fn of(&self, node: u32) -> &'a [u32] {
        let ends = (self.firsts.get(node as usize), self.firsts.get(node as usize + 1));
        let (Some(&start), Some(&end)) = ends else { return &[] };
        self.rows.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Those of one node that are allowed.
    #[inline(always)]
    pub fn allowed(self, node: u32, allowed: Option<&'a Bits>) -> impl Iterator<Item = u32> + 'a {
        self.of(node).iter().copied().filter(move |&row| allowed.is_none_or(|allowed| allowed.contains(row)))
    }

    /// Whether one of a node's rows is.
    #[inline(always)]
    pub fn any(self, node: u32, allowed: Option<&'a Bits>) -> bool {
        self.allowed(node, allowed).next().is_some()
    }
}

/// More levels than any graph has.
pub(super) const MOST_LEVELS: usize = 64;

/// The sections of the file.
const ROWS: usize = 0;
const FIRSTS: usize = 1;
const LEVELS: usize = 2;
const LINKS: usize = 3;
const SCALES: usize = 4;
const ERRORS: usize = 5;
const CODES: usize = 6;
const SECTIONS: usize = 7;

fn pair(low: usize, high: usize) -> u64 {
    low as u64 & 0xffff_ffff | (high as u64) << 32
}

fn unpair(pair: u64) -> (usize, usize) {
    (pair as u32 as usize, (pair >> 32) as usize)
}

impl Graph {
    /// The graph of a draft, with the rows of each of its nodes.
    pub(super) fn new(draft: Draft, twins: &[Vec<u32>], params: Params, health: Health) -> Self {
        let levels = draft.levels.iter().map(|level| level.nodes).collect();
        let links = draft.levels.into_iter().flat_map(|level| level.links).collect();
        let mut firsts = vec![0];
        firsts.extend(twins.iter().scan(0, |sum, rows| {
            *sum += rows.len() as u32;
            Some(*sum)
        }));
        Self {
            rows: Array::Owned(twins.concat()),
            firsts: Array::Owned(firsts),
            links: Array::Owned(links),
            codes: draft.codes,
            levels,
            m: params.m,
            ef_construction: params.ef_construction,
            health,
            file: None,
            nodes: OnceLock::new(),
            signs: OnceLock::new(),
        }
    }

    /// How many nodes: different vectors.
    pub fn nodes(&self) -> usize {
        self.firsts.len() - 1
    }

    /// How many rows its vectors have.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The rows of each node, looked up once for a search.
    pub(crate) fn groups(&self) -> Groups<'_> {
        Groups { rows: &self.rows, firsts: &self.firsts }
    }

    /// How many levels.
    pub fn levels(&self) -> usize {
        self.levels.len()
    }

    /// The most neighbours it was built with: `m` above level 0, twice that there.
    pub fn m(&self) -> usize {
        self.m
    }

    /// The length of the candidate list it was built with.
    pub fn ef_construction(&self) -> usize {
        self.ef_construction
    }

    /// What the checks after the build found and mended.
    pub fn health(&self) -> Health {
        self.health
    }

    /// The checksum of its file; `None` for one just built.
    pub fn checksum(&self) -> Option<&str> {
        self.file.as_ref().map(|file| file.sum.as_str())
    }

    /// The node that stands for a row; node 0 where, in a damaged file, none does.
    pub(crate) fn node_of(&self, row: u32) -> u32 {
        let nodes = self.nodes.get_or_init(|| {
            let mut nodes = vec![0; self.rows()];
            let groups = self.groups();
            for node in 0..self.nodes() as u32 {
                for &row in groups.of(node) {
                    if let Some(slot) = nodes.get_mut(row as usize) {
                        *slot = node;
                    }
                }
            }
            nodes
        });
        nodes.get(row as usize).copied().unwrap_or_default()
    }

    pub(super) fn level(&self, level: usize) -> Links<'_> {
        let start: usize = (0..level).map(|l| self.levels[l] * width(l, self.m)).sum();
        let width = width(level, self.m);
        let guard = self.links.guard().from(start * size_of::<u32>());
        Links { links: &self.links[start..start + self.levels[level] * width], width, guard }
    }

    /// Writes it to `path`. Gives the checksum.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn write(&self, files: &Files, path: &Path) -> Result<String> {
        let mut file = Writer::create(files, path, SECTIONS)?;
        let levels: Vec<u32> = self.levels.iter().map(|&nodes| nodes as u32).collect();
        let sections: [&[u8]; SECTIONS] = [
            bytemuck::cast_slice(&self.rows),
            bytemuck::cast_slice(&self.firsts),
            bytemuck::cast_slice(&levels),
            bytemuck::cast_slice(&self.links),
            bytemuck::cast_slice(&self.codes.scales),
            bytemuck::cast_slice(&self.codes.errors),
            &self.codes.bytes,
        ];
        for (number, section) in sections.into_iter().enumerate() {
            if number > 0 {
                file.next_section()?;
            }
            file.write(section)?;
        }
        let health = self.health;
        file.finish(
            MAGIC,
            [
                self.nodes() as u64,
                self.codes.stride as u64,
                pair(self.m, self.ef_construction),
                health.unreachable as u64,
                health.linked as u64,
                health.no_incoming as u64,
                health.asked as u64,
                health.lost as u64,
                0,
                0,
                0,
            ],
        )
    }

    /// Maps the file of the graph over `vectors`.
    ///
    /// # Errors
    /// When it is not there, of another version, not as its header says, or of other vectors.
    pub fn open(path: &Path, vectors: &VectorFile) -> Result<Self> {
        let file = Arc::new(Mapped::open(path, MAGIC)?);
        let graph = if file.version == FIRST { first::read(&file, vectors)? } else { Self::map(&file)? };
        let (rows, stride) = (vectors.rows(), codes::stride(vectors.dimensions()));
        if graph.rows() != rows || graph.codes.stride != stride {
            return Err(file.damaged(format!(
                "{} rows and codes of {} bytes, but its vectors are {rows} and need {stride}",
                graph.rows(),
                graph.codes.stride
            )));
        }
        Ok(Self { file: Some(file), ..graph })
    }

    fn map(file: &Arc<Mapped>) -> Result<Self> {
        let fields = file.fields.map(|field| usize::try_from(field).unwrap_or(usize::MAX));
        let (m, ef_construction) = unpair(file.fields[2]);
        let counts: Array<u32> = Array::checked_section(file, LEVELS)?;
        let levels: Vec<usize> = counts.iter().map(|&nodes| nodes as usize).collect();
        let graph = Self {
            rows: Array::checked_section(file, ROWS)?,
            firsts: Array::checked_section(file, FIRSTS)?,
            links: Array::section(file, LINKS)?,
            codes: Codes {
                stride: fields[1],
                bytes: Array::section(file, CODES)?,
                scales: Array::checked_section(file, SCALES)?,
                errors: Array::checked_section(file, ERRORS)?,
            },
            levels,
            m,
            ef_construction,
            health: Health {
                unreachable: fields[3],
                linked: fields[4],
                no_incoming: fields[5],
                asked: fields[6],
                lost: fields[7],
            },
            file: None,
            nodes: OnceLock::new(),
            signs: OnceLock::new(),
        };
        let nodes = graph.firsts.len().saturating_sub(1);
        let sorted = graph.levels.len() <= MOST_LEVELS
            && graph.levels.windows(2).all(|pair| pair[0] >= pair[1])
            && graph.levels.iter().all(|&nodes| nodes > 0);
        if !M.contains(&m) {
            return Err(file.damaged(format!("M is {m}; expected 2 to 128")));
        }
        let links: Option<usize> = (0..)
            .zip(&graph.levels)
            .try_fold(0usize, |sum, (level, &nodes)| sum.checked_add(nodes.checked_mul(width(level, m))?));
        let fits = graph.levels.first() == Some(&nodes)
            && (1..super::walk::MOST_NODES).contains(&nodes)
            && fields[0] == nodes
            && sorted
            && links == Some(graph.links.len())
            && graph.codes.scales.len() == nodes
            && graph.codes.errors.len() == nodes
            && Some(graph.codes.bytes.len()) == nodes.checked_mul(graph.codes.stride);
        if !fits {
            return Err(file.damaged("its sections do not fit each other".to_owned()));
        }
        Ok(graph)
    }

    /// That nothing that was looked at so far was damaged.
    pub(crate) fn intact(&self) -> Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.intact())
    }

    /// How many of its nodes can be reached from node 0, by walking it.
    pub fn reachable(&self) -> usize {
        let level0 = self.level(0);
        reach::Ways::find(self.nodes(), |node| level0.of(node)).count()
    }

    /// Reads it all: checksums, every link to a node of its level, every row once, every node reached
    /// from the first.
    ///
    /// # Errors
    /// What does not hold.
    pub fn verify(&self) -> Result<()> {
        let damaged = |problem: String| match &self.file {
            Some(file) => file.damaged(problem),
            None => Error::Damaged { path: Default::default(), problem },
        };
        if let Some(file) = &self.file {
            file.verify()?;
        }
        let ends = self.firsts.first() == Some(&0) && self.firsts.last().map(|&end| end as usize) == Some(self.rows());
        if !ends || self.firsts.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(damaged("its nodes do not share out its rows".to_owned()));
        }
        let mut rows = Bits::new(self.rows());
        if let Some(row) = self.rows.iter().find(|&&row| !rows.insert(row)) {
            return Err(damaged(format!("row {row} is not there or has two nodes")));
        }
        for (level, &nodes) in self.levels.iter().enumerate() {
            let lists = self.level(level);
            for node in 0..nodes as u32 {
                if let Some(stray) = lists.of(node).iter().find(|&&to| to as usize >= nodes) {
                    return Err(damaged(format!("node {node} links to {stray}, but level {level} has {nodes} nodes")));
                }
            }
        }
        let reached = self.reachable();
        if reached != self.nodes() {
            return Err(damaged(format!(
                "{} of its {} nodes cannot be reached from the first",
                self.nodes() - reached,
                self.nodes()
            )));
        }
        Ok(())
    }
}
