//! The manifest of a commit, stored as the JSON payload of tantivy's commit.

use crate::Language;
use index::{BuildReport, Params};
use ingest::{Chunking, ModelInfo};
use serde::{Deserialize, Serialize};

/// The description of one commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the manifest and of all other files.
    pub format: u64,
    /// The program that created the collection, with its version.
    pub written_by: String,
    /// The model that made every vector.
    pub model: ModelInfo,
    /// The default chunking of articles.
    pub chunking: Chunking,
    /// The parameters of graph construction.
    pub graph: Params,
    /// The language whose stemmer and stop words are used.
    #[serde(default = "english")]
    pub language: Language,
    /// How the dense and the lexical ranking are fused, if that was tuned; `None` for the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fusion: Option<Fusion>,
    /// The absolute path of the folder that relative names of files start from, as of the last
    /// indexing. It finds the files again if the collection is moved without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The key of the next passage.
    pub next_key: u64,
    /// The number of the next vector segment.
    pub next_segment: u64,
    /// The live vector segments. None if a server keeps the vectors.
    pub segments: Vec<SegmentEntry>,
}

/// Collections of format 1 do not name their language: it was always English.
fn english() -> Language {
    Language::English
}

/// How the dense and the lexical ranking are fused. Only stored here; the `query` crate applies it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fusion {
    /// How scores are normalized.
    pub method: FusionMethod,
    /// The weight of the dense ranking, 0..=1; the lexical ranking has the rest.
    pub dense: f32,
}

/// How the scores of a ranking are normalized before they are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum FusionMethod {
    /// (score − mean) / standard deviation, over the ranking.
    ZScore,
    /// (score − minimum) / (maximum − minimum), over the ranking.
    MinMax,
    /// Min-max with mean ± 3 standard deviations as the bounds: distribution-based score fusion.
    Distribution,
    /// Reciprocal rank fusion (Cormack et al. 2009): 1 / (60 + rank), whatever the scores.
    Rrf,
}

/// A live vector segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentEntry {
    /// Its number: its files are `vectors/NNNNNNNN.vec` and `.graph`.
    pub number: u64,
    /// The number of vectors, deleted ones included.
    pub rows: usize,
    /// The checksum of the vector file.
    pub checksum: String,
    /// Its graph; `None` for small segments.
    pub graph: Option<GraphEntry>,
}

/// Segments with fewer rows get no graph: scanning them takes no longer than a graph search.
pub(crate) const MIN_GRAPH_ROWS: usize = 4096;

impl SegmentEntry {
    /// Whether the segment is large enough for a graph but has none.
    pub fn needs_graph(&self) -> bool {
        self.graph.is_none() && self.rows >= MIN_GRAPH_ROWS
    }
}

/// The graph of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GraphEntry {
    /// The checksum of the graph file.
    pub checksum: String,
    /// The results of the reachability and self-query checks after the build.
    pub health: BuildReport,
}

/// The format of new collections. Older ones are read and written in their own format: format 3 has
/// the v1 analyzer, format 2 also lacks checksum footers, format 1 also lacks filters and a
/// separate title field.
pub const FORMAT: u64 = 4;

impl Manifest {
    /// The manifest of an empty collection.
    pub fn new(model: ModelInfo, chunking: Chunking, graph: Params, language: Language) -> Self {
        Self {
            format: FORMAT,
            written_by: concat!("nigh ", env!("CARGO_PKG_VERSION")).to_owned(),
            model,
            chunking,
            graph,
            language,
            fusion: None,
            base: None,
            next_key: 0,
            next_segment: 0,
            segments: Vec::new(),
        }
    }

    /// The number of stored vectors, deleted ones included.
    pub(crate) fn rows(&self) -> usize {
        self.segments.iter().map(|segment| segment.rows).sum()
    }
}
