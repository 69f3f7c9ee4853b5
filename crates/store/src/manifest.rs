//! What a commit says of itself, carried as JSON in tantivy's commit.

use index::{Health, Params};
use ingest::{Chunking, ModelInfo};
use serde::{Deserialize, Serialize};

/// One commit of a collection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this structure and of the records.
    pub format: u64,
    /// The program that wrote it.
    pub written_by: String,
    /// The model of every vector in it.
    pub model: ModelInfo,
    /// How articles are cut unless the caller says otherwise.
    pub chunking: Chunking,
    /// How graphs are built.
    pub graph: Params,
    /// The key that the next passage will get.
    pub next_key: u64,
    /// The number that the next vector segment will get.
    pub next_segment: u64,
    /// The live vector segments.
    pub segments: Vec<SegmentEntry>,
}

/// One vector segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentEntry {
    /// Its number: its files are `vectors/NNNNNNNN.vec` and `.graph`.
    pub number: u64,
    /// How many vectors.
    pub rows: usize,
    /// The checksum of the vectors' file.
    pub checksum: String,
    /// Its graph, if it has one.
    pub graph: Option<GraphEntry>,
}

/// The graph of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GraphEntry {
    /// The checksum of its file.
    pub checksum: String,
    /// What the check after its build found.
    pub health: Health,
}

/// The format written and read here.
pub const FORMAT: u64 = 1;

impl Manifest {
    /// That of an empty collection.
    pub fn new(model: ModelInfo, chunking: Chunking, graph: Params) -> Self {
        Self {
            format: FORMAT,
            written_by: concat!("nigh ", env!("CARGO_PKG_VERSION")).to_owned(),
            model,
            chunking,
            graph,
            next_key: 0,
            next_segment: 0,
            segments: Vec::new(),
        }
    }

    /// How many vectors there are, dead ones included.
    pub fn rows(&self) -> usize {
        self.segments.iter().map(|segment| segment.rows).sum()
    }
}
