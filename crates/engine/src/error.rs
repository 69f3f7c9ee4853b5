//! What can go wrong with work on a collection.

use std::path::{Path, PathBuf};

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that work on a collection can report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for makes no sense, or not with this collection.
    #[error("{0}")]
    Unusable(String),
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The collection's own model cannot be had.
    #[error("the collection was made with the model {name:?}; --mode lexical needs none")]
    Model {
        /// The model.
        name: String,
        /// Why not.
        source: ingest::Error,
    },
    /// It was told to stop.
    #[error("stopped")]
    Stopped,
    /// It failed when some of it was done and kept.
    #[error("stopped; what was saved before is kept, and the same command goes on from there: {0}")]
    Partly(Box<Error>),
    /// From reading or embedding.
    #[error(transparent)]
    Ingest(#[from] ingest::Error),
    /// From the collection.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// From searching.
    #[error(transparent)]
    Query(#[from] query::Error),
    /// From a file of embedded articles.
    #[error(transparent)]
    Exchange(#[from] exchange::Error),
    /// From judging.
    #[error(transparent)]
    Eval(#[from] eval::Error),
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn unusable(problem: impl Into<String>) -> Self {
        Self::Unusable(problem.into())
    }
}
