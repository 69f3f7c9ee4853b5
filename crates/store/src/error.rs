//! What can go wrong with a collection.

use std::path::PathBuf;
use tantivy::TantivyError;
use tantivy::directory::error::OpenReadError;

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that opening, reading or changing a collection can report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error("no collection at {path}; `nigh index PATH… -c {path}` makes one")]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Something else is there.
    #[error("{path} is there and is no collection; give another place with -c")]
    Occupied {
        /// The place.
        path: PathBuf,
    },
    /// Made by a later program.
    #[error("{path}: collection format {found}; this program reads format {known}. A newer nigh made it")]
    NewerFormat {
        /// The collection.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The format known here.
        known: u64,
    },
    /// Another process is writing.
    #[error("{path} is being written by process {holder}; wait for it, or stop it")]
    Locked {
        /// The collection.
        path: PathBuf,
        /// The other process.
        holder: String,
    },
    /// A file is not as it should be.
    #[error("{path}: {problem}")]
    Damaged {
        /// The file or collection.
        path: PathBuf,
        /// What was expected and what was found.
        problem: String,
    },
    /// A passage came without a vector, and none is stored for its text.
    #[error("article {article:?}: no vector for its passage {ordinal}, and none stored for its text")]
    MissingVector {
        /// The article.
        article: String,
        /// Which of its passages, from 0.
        ordinal: usize,
    },
    /// A condition on a collection that has nothing to put one on.
    #[error(
        "{path}: an earlier nigh made this collection, without what filters need; index the articles into a new one"
    )]
    NoFacts {
        /// The collection.
        path: PathBuf,
    },
    /// A condition on a field that no article has.
    #[error("no article has a field {field:?}; there are: {known}")]
    UnknownField {
        /// The field.
        field: String,
        /// Those that there are.
        known: String,
    },
    /// The thread that merges in the background panicked: a fault of the program. Nothing is lost.
    #[error("{path}: merging panicked: {said}")]
    MergePanicked {
        /// The collection.
        path: PathBuf,
        /// What it said.
        said: String,
    },
    /// No place for a collection.
    #[error("{problem}")]
    Location {
        /// What was expected and what was found.
        problem: String,
    },
    /// A server that keeps the collection refused, or does not answer.
    #[error("{location}: {problem}")]
    Remote {
        /// The collection.
        location: String,
        /// What it said.
        problem: String,
    },
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It was told to stop; what was committed stays.
    #[error("stopped")]
    Stopped,
    /// From the vectors or the graph.
    #[error(transparent)]
    Index(index::Error),
    /// From the text index.
    #[error("{path}: text index: {source}")]
    Text {
        /// The collection.
        path: PathBuf,
        /// What tantivy said.
        source: TantivyError,
    },
}

impl From<disk::Error> for Error {
    fn from(error: disk::Error) -> Self {
        match error {
            disk::Error::Io { path, source } => Self::Io { path, source },
            disk::Error::Damaged { path, problem } => Self::Damaged { path, problem },
        }
    }
}

impl From<index::Error> for Error {
    fn from(error: index::Error) -> Self {
        match error {
            index::Error::Stopped => Self::Stopped,
            error => Self::Index(error),
        }
    }
}

impl Error {
    /// Whether a file of the collection is damaged or gone, so that mending it may help.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Index(index::Error::Damaged { .. } | index::Error::Version { .. }) => true,
            Self::Io { source, .. } | Self::Index(index::Error::Io { source, .. }) => {
                source.kind() == std::io::ErrorKind::NotFound
            }
            Self::Text { source, .. } => {
                let gone = |error: &OpenReadError| matches!(error, OpenReadError::FileDoesNotExist(_));
                matches!(source, TantivyError::DataCorruption(_))
                    || matches!(source, TantivyError::OpenReadError(error) if gone(error))
            }
            _ => false,
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| match crate::local::damage(&source) {
            Some((path, problem)) => Self::damaged(path, problem),
            None => Self::Io { path, source },
        }
    }

    pub(crate) fn text(path: impl Into<PathBuf>) -> impl FnOnce(tantivy::TantivyError) -> Self {
        let path = path.into();
        move |source| {
            let io = match &source {
                TantivyError::IoError(io) => Some(io),
                TantivyError::OpenReadError(OpenReadError::IoError { io_error, .. }) => Some(io_error),
                _ => None,
            };
            match io.and_then(|io| crate::local::damage(io)) {
                Some((path, problem)) => Self::damaged(path, problem),
                None => Self::Text { path, source },
            }
        }
    }

    pub(crate) fn damaged(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), problem: problem.into() }
    }
}
