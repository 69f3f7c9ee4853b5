//! The interface of a collection, wherever it is stored: snapshots to read from, and writers.

mod listing;
mod maintenance;
mod reader;
mod writer;

pub use listing::{ArticleMeta, Catalog, Facet, FacetValue, Listing};
pub use maintenance::{CheckReport, Maintenance, Progress, Salvage, Step};
pub use reader::{
    DenseSearch, PassageKey, PassageRef, QueryInterpretation, Reader, ScoredPassage, StoredArticle,
    StoredPassage, WordScore,
};
pub use writer::{CompactReport, Writer};

use crate::{Manifest, Result};
use ingest::Fingerprint;
use serde::Serialize;

/// The size of a collection.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stats {
    /// Number of articles.
    pub articles: usize,
    /// Number of passages.
    pub passages: usize,
    /// Number of questions that articles bring along, as FAQ entries do.
    pub questions: usize,
    /// Vectors of deleted passages that no merge has dropped yet.
    pub dead_vectors: usize,
    /// Number of vector segments.
    pub segments: usize,
    /// Number of segments with a graph.
    pub graphs: usize,
    /// Links added after the builds so that every vector is reachable and found by a search for
    /// itself. `None` if a remote server keeps the graphs.
    #[serde(rename = "linked_in")]
    pub links_added: Option<usize>,
    /// Vectors that a search for themselves with a short candidate list still misses. `None` if a
    /// remote server keeps the graphs.
    #[serde(rename = "not_found_by_themselves")]
    pub self_misses: Option<usize>,
    /// Size of text, metadata and lexical index in bytes. `None` if it is not known.
    pub text_bytes: Option<u64>,
    /// Size of vectors and graphs in bytes. `None` if it is not known.
    pub vector_bytes: Option<u64>,
}

/// A snapshot of a collection: results never change until [`Collection::refresh`].
///
/// Every method that reads, here and in the supertraits, can fail with
/// [`Error::Damaged`](crate::Error::Damaged) when a file is corrupt, or
/// [`Error::Io`](crate::Error::Io); a remote collection with
/// [`Error::Remote`](crate::Error::Remote).
pub trait Collection: Reader + Listing + Send + Sync {
    /// The manifest of the commit.
    fn manifest(&self) -> &Manifest;

    /// The size of the collection.
    ///
    /// # Errors
    /// Any error of reading.
    fn stats(&self) -> Result<Stats>;

    /// Whether this snapshot is of the newest commit.
    ///
    /// # Errors
    /// Any error of reading.
    fn is_newest(&self) -> Result<bool>;

    /// Moves on to the newest commit.
    ///
    /// # Errors
    /// Any error of opening it; the snapshot then stays as it was.
    fn refresh(&mut self) -> Result<()>;

    /// Identifies the commit. `None` for collections without commits, as on a remote server.
    fn commit_id(&self) -> Option<Fingerprint> {
        None
    }

    /// The bytes that [`Maintenance::write_cache`] stored, if they are present and undamaged.
    fn read_cache(&self) -> Option<Vec<u8>> {
        None
    }

    /// Takes the writer lock and returns the writer that holds it.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked) when another writer holds the lock.
    fn writer(&self) -> Result<Box<dyn Writer>>;

    /// Verifies every file, graph and passage.
    ///
    /// # Errors
    /// [`Error::Stopped`](crate::Error::Stopped). Everything else that is wrong is in the report.
    fn check(&self, progress: &Progress<'_>) -> Result<CheckReport>;

    /// What a repair left to do; `None` if a server keeps the collection.
    fn salvage(&self) -> Option<&dyn Salvage> {
        None
    }
}
