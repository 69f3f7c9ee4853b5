//! What can go wrong with a question.

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that asking can report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing was asked.
    #[error("the question is empty")]
    EmptyQuestion,
    /// The collection's vectors are another model's.
    #[error(
        "dense search needs the model {expected_name:?} ({expected}) that the collection was made with; {found_name:?} is ({found})"
    )]
    OtherModel {
        /// The collection's model.
        expected_name: String,
        /// Its hash.
        expected: String,
        /// The model at hand.
        found_name: String,
        /// Its hash.
        found: String,
    },
    /// A dense search without a model.
    #[error("{0} search needs a model, and none was given")]
    NoModel(&'static str),
    /// From the collection.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// From the model.
    #[error(transparent)]
    Ingest(#[from] ingest::Error),
}
