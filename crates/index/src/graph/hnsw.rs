//! The finished graph, in memory or mapped from a file.

use super::layer::{Layer, max_neighbors};
use super::mutable::MutableGraph;
use super::params::Params;
use super::reachability::BfsTree;
use super::report::BuildReport;
use crate::binary::BinaryCodes;
use crate::codes::QuantizedVectors;
use crate::section_file::{Array, SectionFile};
use crate::{Bits, Error, Result};
use std::sync::{Arc, OnceLock};

/// The most levels a graph can have.
pub(super) const MAX_LEVELS: usize = 64;

/// An HNSW graph over the rows of a vector file, with their int8 codes.
///
/// Nodes are numbered by descending level and, within a level, in BFS order. Node 0 is the entry
/// point of every search.
pub struct Graph {
    /// The rows of all nodes, node after node. Most nodes have one row; rows with exactly the same
    /// vector share a node.
    pub(super) rows: Array<u32>,
    /// Where the rows of each node begin in `rows`, and where the last node's end: `nodes + 1`
    /// entries.
    pub(super) row_offsets: Array<u32>,
    /// The neighbor lists of all levels, level 0 first.
    pub(super) links: Array<u32>,
    pub(crate) codes: QuantizedVectors,
    /// The number of nodes on each level, level 0 first.
    pub(super) level_sizes: Vec<usize>,
    pub(super) m: usize,
    pub(super) ef_construction: usize,
    pub(super) report: BuildReport,
    /// The file it was opened from; `None` for a graph just built.
    pub(super) file: Option<Arc<SectionFile>>,
    /// The node of each row, computed on first use.
    pub(super) row_nodes: OnceLock<Vec<u32>>,
    /// The binary code of each node, computed on first use.
    pub(super) binary_codes: OnceLock<BinaryCodes>,
}

/// The rows of each node.
#[derive(Clone, Copy)]
pub(crate) struct NodeRows<'a> {
    rows: &'a [u32],
    offsets: &'a [u32],
}

impl<'a> NodeRows<'a> {
    /// The rows of a node, increasing. Empty if a damaged file says so.
    #[inline(always)]
    pub fn of(&self, node: u32) -> &'a [u32] {
        let ends = (
            self.offsets.get(node as usize),
            self.offsets.get(node as usize + 1),
        );
        let (Some(&start), Some(&end)) = ends else {
            return &[];
        };
        self.rows
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    /// The rows of a node that are in `allowed`; all of them if that is `None`.
    #[inline(always)]
    pub fn allowed(self, node: u32, allowed: Option<&'a Bits>) -> impl Iterator<Item = u32> + 'a {
        self.of(node)
            .iter()
            .copied()
            .filter(move |&row| allowed.is_none_or(|allowed| allowed.contains(row)))
    }

    /// Whether any row of a node is in `allowed`.
    #[inline(always)]
    pub fn any_allowed(self, node: u32, allowed: Option<&'a Bits>) -> bool {
        self.allowed(node, allowed).next().is_some()
    }
}

impl Graph {
    /// Freezes a graph; `node_rows` are the rows of each of its nodes.
    pub(super) fn new(
        graph: MutableGraph,
        node_rows: &[Vec<u32>],
        params: Params,
        report: BuildReport,
    ) -> Self {
        let level_sizes = graph.layers.iter().map(|layer| layer.nodes).collect();
        let links = graph
            .layers
            .into_iter()
            .flat_map(|layer| layer.links)
            .collect();
        let mut row_offsets = vec![0];
        row_offsets.extend(node_rows.iter().scan(0, |sum, rows| {
            *sum += rows.len() as u32;
            Some(*sum)
        }));
        Self {
            rows: Array::Owned(node_rows.concat()),
            row_offsets: Array::Owned(row_offsets),
            links: Array::Owned(links),
            codes: graph.codes,
            level_sizes,
            m: params.m,
            ef_construction: params.ef_construction,
            report,
            file: None,
            row_nodes: OnceLock::new(),
            binary_codes: OnceLock::new(),
        }
    }

    /// The number of nodes, which is the number of distinct vectors.
    pub fn nodes(&self) -> usize {
        self.row_offsets.len() - 1
    }

    /// The number of rows of the vector file.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The rows of each node, for the duration of a search.
    pub(crate) fn node_rows(&self) -> NodeRows<'_> {
        NodeRows {
            rows: &self.rows,
            offsets: &self.row_offsets,
        }
    }

    /// The number of levels.
    pub fn levels(&self) -> usize {
        self.level_sizes.len()
    }

    /// The most neighbors of a node above level 0; twice that on level 0.
    pub fn m(&self) -> usize {
        self.m
    }

    /// The size of the candidate list during construction.
    pub fn ef_construction(&self) -> usize {
        self.ef_construction
    }

    /// What the checks after the build found and repaired.
    pub fn build_report(&self) -> BuildReport {
        self.report
    }

    /// The checksum of its file in hex; `None` for a graph just built.
    pub fn checksum(&self) -> Option<&str> {
        self.file.as_ref().map(|file| file.checksum.as_str())
    }

    /// The node of a row; node 0 if no node has it, which only a damaged file says.
    pub(crate) fn node_of(&self, row: u32) -> u32 {
        let nodes = self.row_nodes.get_or_init(|| {
            let mut nodes = vec![0; self.rows()];
            let node_rows = self.node_rows();
            for node in 0..self.nodes() as u32 {
                for &row in node_rows.of(node) {
                    if let Some(slot) = nodes.get_mut(row as usize) {
                        *slot = node;
                    }
                }
            }
            nodes
        });
        nodes.get(row as usize).copied().unwrap_or_default()
    }

    pub(super) fn layer(&self, level: usize) -> Layer<'_> {
        let start: usize = (0..level)
            .map(|l| self.level_sizes[l] * max_neighbors(l, self.m))
            .sum();
        let width = max_neighbors(level, self.m);
        let guard = self.links.guard().offset(start * size_of::<u32>());
        Layer {
            links: &self.links[start..start + self.level_sizes[level] * width],
            width,
            guard,
        }
    }

    /// Fails if any part of the file read so far was damaged.
    pub(crate) fn ensure_reads_valid(&self) -> Result<()> {
        self.file
            .as_ref()
            .map_or(Ok(()), |file| file.ensure_reads_valid())
    }

    /// Counts the nodes that can be reached from node 0 along level 0, by a breadth-first search.
    pub fn count_reachable(&self) -> usize {
        let layer0 = self.layer(0);
        BfsTree::new(self.nodes(), |node| layer0.neighbors(node)).count_reachable()
    }

    /// Reads the whole file and checks its checksums, that every link leads to a node of its level,
    /// that every row has exactly one node, and that every node can be reached from node 0.
    ///
    /// # Errors
    /// [`Error::Damaged`], with the first check that fails.
    pub fn verify(&self) -> Result<()> {
        let damaged = |damage: String| match &self.file {
            Some(file) => file.damaged(damage),
            None => Error::Damaged {
                path: Default::default(),
                damage,
            },
        };
        if let Some(file) = &self.file {
            file.verify()?;
        }
        let offsets = &*self.row_offsets;
        let spans = offsets.first() == Some(&0)
            && offsets.last().map(|&end| end as usize) == Some(self.rows());
        if !spans || offsets.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(damaged("its nodes do not partition its rows".to_owned()));
        }
        let mut rows = Bits::new(self.rows());
        if let Some(row) = self.rows.iter().find(|&&row| !rows.insert(row)) {
            return Err(damaged(format!(
                "row {row} does not exist or has two nodes"
            )));
        }
        for (level, &nodes) in self.level_sizes.iter().enumerate() {
            let layer = self.layer(level);
            for node in 0..nodes as u32 {
                if let Some(invalid) = layer
                    .neighbors(node)
                    .iter()
                    .find(|&&to| to as usize >= nodes)
                {
                    return Err(damaged(format!(
                        "node {node} links to {invalid}, but level {level} has {nodes} nodes"
                    )));
                }
            }
        }
        let reachable = self.count_reachable();
        if reachable != self.nodes() {
            return Err(damaged(format!(
                "{} of its {} nodes cannot be reached from the first",
                self.nodes() - reachable,
                self.nodes()
            )));
        }
        Ok(())
    }
}
