//! Errors of operations on collections.

use disk::PathError;
use std::path::{Path, PathBuf};

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An operation on a collection failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is invalid, or does not fit the collection.
    #[error("{0}")]
    Unusable(String),
    /// The operating system reported an error.
    #[error(transparent)]
    Io(#[from] PathError),
    /// The model that made the collection cannot be loaded.
    #[error(
        "the collection was made with the model {name:?}, which cannot be loaded; --mode lexical needs none"
    )]
    Model {
        /// The model's name.
        name: String,
        /// Why it cannot be loaded.
        source: ingest::Error,
    },
    /// The operation was asked to stop.
    #[error("stopped")]
    Stopped,
    /// The operation failed after some of its work had been committed.
    #[error("stopped; what was saved before is kept, and the same command goes on from there: {0}")]
    PartiallyDone(Box<Error>),
    /// Reading or embedding failed.
    #[error(transparent)]
    Ingest(#[from] ingest::Error),
    /// The collection reported an error.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Searching failed.
    #[error(transparent)]
    Query(#[from] query::Error),
    /// A file of embedded articles cannot be read or written.
    #[error(transparent)]
    Exchange(#[from] exchange::Error),
    /// Evaluation failed.
    #[error(transparent)]
    Eval(#[from] eval::Error),
}

impl Error {
    pub(crate) fn unusable(problem: impl Into<String>) -> Self {
        Self::Unusable(problem.into())
    }
}
