//! Errors of operations on collections.

use disk::PathError;

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
    /// The articles of another collection or file were embedded with another model.
    #[error("the collection was made with the model {ours}, and these articles with {theirs}")]
    ModelsDiffer {
        /// The collection's model, with its hash.
        ours: String,
        /// The model of the articles, with its hash.
        theirs: String,
    },
    /// There are no queries to evaluate.
    #[error("which questions?")]
    NoQueries,
    /// There are no relevance judgements to evaluate with.
    #[error("no relevance judgements")]
    NoJudgements,
    /// No article asks questions of its own, as those in the question-and-answer layout do.
    #[error(
        "no article of the collection asks questions of its own; index files in the question-and-answer layout"
    )]
    NoArticleQuestions,
    /// The mode whose results are to be reranked is not evaluated.
    #[error("the reranked mode, {0}, is not among those that are evaluated")]
    RerankedModeMissing(&'static str),
    /// The model that made the collection cannot be loaded.
    #[error("the collection was made with the model {name:?}, which cannot be loaded")]
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
    /// Vectors or a graph outside a collection cannot be read, built or searched.
    #[error(transparent)]
    Index(#[from] index::Error),
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
