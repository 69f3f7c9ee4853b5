//! The errors of a search.

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a search.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The query is empty or white space.
    #[error("the question is empty")]
    EmptyQuery,
    /// The embedder runs another model than the one the collection was made with.
    #[error(
        "the query model {found_model:?} ({found_hash}) does not match the collection's model {expected_model:?} ({expected_hash})"
    )]
    ModelMismatch {
        /// The name of the collection's model.
        expected_model: String,
        /// The hash of the collection's model.
        expected_hash: String,
        /// The name of the embedder's model.
        found_model: String,
        /// The hash of the embedder's model.
        found_hash: String,
    },
    /// Dense or hybrid search without a model; holds the mode's name.
    #[error("{0} search needs a model, and none was given")]
    NoModel(&'static str),
    /// Reading the collection failed, or the filter is invalid.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The model failed.
    #[error(transparent)]
    Ingest(#[from] ingest::Error),
}
