//! What a commit says of itself, carried as JSON in tantivy's commit.

use crate::Language;
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
    /// The language of its words.
    #[serde(default = "english")]
    pub language: Language,
    /// How the lists of a question are fused, where that was fitted to questions of its user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fusion: Option<Fusion>,
    /// The key that the next passage will get.
    pub next_key: u64,
    /// The number that the next vector segment will get.
    pub next_segment: u64,
    /// The live vector segments.
    pub segments: Vec<SegmentEntry>,
}

/// Collections of format 1 had one language.
fn english() -> Language {
    Language::English
}

/// How a dense and a lexical list become one. What it means is for `query` to say; here it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fusion {
    /// What makes the scores of the two lists comparable.
    pub method: FusionMethod,
    /// What the dense list counts, 0..=1; the lexical list counts the rest.
    pub dense: f32,
}

/// What makes the scores of two lists comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum FusionMethod {
    /// Standard deviations from the list's mean.
    ZScore,
    /// From 0, the list's lowest, to 1, its highest.
    MinMax,
    /// From 0, three standard deviations below the list's mean, to 1, three above it.
    Distribution,
    /// Ranks alone: 1 / (60 + rank).
    Rrf,
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

/// A segment with fewer rows has no graph: looking at each of them takes no longer.
pub(crate) const GRAPH_ROWS: usize = 4096;

impl SegmentEntry {
    /// Whether it is big enough for a graph and has none.
    pub fn lacks_graph(&self) -> bool {
        self.graph.is_none() && self.rows >= GRAPH_ROWS
    }
}

/// The graph of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GraphEntry {
    /// The checksum of its file.
    pub checksum: String,
    /// What the check after its build found.
    pub health: Health,
}

/// The format written here. Earlier ones are read, and go on as they are: format 3 with the first analysis of words,
/// format 2 also without seals, format 1 also without conditions and without titles apart.
pub const FORMAT: u64 = 4;

impl Manifest {
    /// That of an empty collection.
    pub fn new(model: ModelInfo, chunking: Chunking, graph: Params, language: Language) -> Self {
        Self {
            format: FORMAT,
            written_by: concat!("nigh ", env!("CARGO_PKG_VERSION")).to_owned(),
            model,
            chunking,
            graph,
            language,
            fusion: None,
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
