//! Changing a collection.

use super::{Maintenance, Progress};
use crate::Result;
use crate::manifest::Fusion;
use ingest::Chunking;
use ingest::pipeline::EmbeddedArticle;
use serde::Serialize;

/// The result of [`Writer::compact`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CompactReport {
    /// Vectors of deleted passages that were dropped.
    pub dropped: usize,
    /// Vector segments before.
    pub segments_before: usize,
    /// Vector segments after.
    pub segments_after: usize,
}

/// Changes a collection. Nothing is visible to readers before [`Writer::commit`]; dropping the
/// writer discards what was not committed.
pub trait Writer {
    /// Adds an article, replacing any with the same id.
    ///
    /// # Errors
    /// [`Error::MissingVector`](crate::Error::MissingVector) when a passage has no vector and none
    /// is stored for its text, [`Error::Index`](crate::Error::Index) when a vector has the wrong
    /// length, or any error of writing.
    fn put(&mut self, article: EmbeddedArticle) -> Result<()>;

    /// Deletes an article. Returns whether it existed.
    ///
    /// # Errors
    /// Any error of writing.
    fn delete(&mut self, id: &str) -> Result<bool>;

    /// Sets the default chunking of this collection.
    fn set_chunking(&mut self, chunking: Chunking);

    /// Sets how the dense and the lexical ranking are fused; `None` for the default.
    fn set_fusion(&mut self, fusion: Option<Fusion>);

    /// Records another name of the same model: the place it was moved to.
    fn set_model_name(&mut self, name: &str);

    /// The number of passages added since the last commit.
    fn pending(&self) -> usize;

    /// Makes all changes since the last commit visible, atomically and durably.
    ///
    /// # Errors
    /// Any error of writing, such as a full disk; the last commit stays in place.
    fn commit(&mut self) -> Result<()>;

    /// Prepares what was written for searching, after a series of commits. A local collection
    /// waits for the background merge, merges segments until few are left, and builds the graphs of
    /// those large enough for one. A server writes buffered rows to its index.
    ///
    /// # Errors
    /// As for [`Writer::commit`], and [`Error::Stopped`](crate::Error::Stopped).
    fn merge(&mut self, threads: usize, progress: &Progress<'_>) -> Result<()>;

    /// Drops what belongs to no article. A local collection then has one segment with a newly
    /// built graph.
    ///
    /// # Errors
    /// As for [`Writer::merge`].
    fn compact(&mut self, threads: usize, progress: &Progress<'_>) -> Result<CompactReport>;

    /// The work on segments and files; `None` if a server does it by itself.
    fn maintenance(&mut self) -> Option<&mut dyn Maintenance> {
        None
    }
}
