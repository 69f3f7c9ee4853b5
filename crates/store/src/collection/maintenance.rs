//! Looking after the files of a collection: merging, checking and repairing.

use crate::Result;
use ingest::{Article, Fingerprint};
use serde::Serialize;
use std::ops::ControlFlow;

/// A long-running step of writing or checking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Copying vectors into a new segment.
    Merge,
    /// Building the graph of a segment.
    Graph,
    /// Verifying passages.
    Check,
}

/// Called with a step, the units done and the units in total. Returning [`ControlFlow::Break`] ends
/// the work with [`Error::Stopped`](crate::Error::Stopped); commits made so far stay.
pub type Progress<'a> = dyn Fn(Step, usize, usize) -> ControlFlow<()> + Sync + 'a;

/// The result of [`Collection::check`](super::Collection::check).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckReport {
    /// Number of files verified.
    pub files: usize,
    /// Passages whose text is their article's at their span.
    pub passages: usize,
    /// Vectors proved reachable from the entry point of their graph. `None` if a remote server
    /// keeps the graphs.
    pub reachable: Option<usize>,
    /// Everything that is wrong, each entry naming its file or id.
    pub problems: Vec<String>,
}

/// What [`remove_damage`](crate::remove_damage) left to do for a caller with the model.
pub trait Salvage {
    /// The ids of articles with missing passages or vectors. There are none unless
    /// [`remove_damage`](crate::remove_damage) left out a damaged file.
    ///
    /// # Errors
    /// Any error of reading.
    fn incomplete(&self) -> Result<Vec<String>>;

    /// Articles that [`remove_damage`](crate::remove_damage) read out of damaged files and that have to be put
    /// back.
    ///
    /// # Errors
    /// Any error of reading.
    fn salvaged(&self) -> Result<Vec<Article>>;
}

/// Work on the segments and other files of a collection in a folder.
pub trait Maintenance {
    /// Sets the builder of graphs.
    fn set_builder(&mut self, builder: index::Builder);

    /// Limits merges to segments whose graphs can be built within this many bytes of memory; `None`
    /// for no limit. [`Writer::compact`](super::Writer::compact) makes one segment regardless.
    fn set_memory_budget(&mut self, bytes: Option<u64>);

    /// Records the folder that relative names of files start from.
    fn set_base(&mut self, base: &str);

    /// Starts merging on a background thread if there are many small segments and no such merge is
    /// running. `threads` threads build its graph. The first commit after it has finished uses the
    /// merged segment; until then readers and this writer use the old ones. Dropping the writer
    /// cancels the merge.
    ///
    /// # Errors
    /// When the thread cannot be started; or, once, the error that the previous background merge
    /// failed with. That merge changed nothing, and this writer starts no further ones.
    fn merge_in_background(&mut self, threads: usize) -> Result<()>;

    /// Merges small segments if there are many. Cheap enough to call after every small commit.
    ///
    /// # Errors
    /// As for [`Writer::commit`](super::Writer::commit).
    fn merge_small(&mut self) -> Result<()>;

    /// Discards the salvaged articles. To be called once a commit holds them.
    ///
    /// # Errors
    /// Any error of writing.
    fn forget_salvaged(&mut self) -> Result<()>;

    /// Stores bytes that save a caller work and can be recomputed if they are lost. `make` gets the
    /// [id](super::Collection::commit_id) of the newest commit.
    ///
    /// # Errors
    /// Any error of writing.
    fn write_cache(&mut self, make: &mut dyn FnMut(Fingerprint) -> Vec<u8>) -> Result<()>;
}
