//! Errors of opening, reading and changing a collection.

use disk::PathError;
use std::path::PathBuf;
use tantivy::TantivyError;
use tantivy::directory::error::OpenReadError;

/// This crate's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error of a collection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no collection at this location.
    #[error("no collection at {location}")]
    NotFound {
        /// The folder or URL that was opened.
        location: String,
    },
    /// Something other than a collection is at the location.
    #[error("{location} exists and is not a collection")]
    Occupied {
        /// The folder or URL.
        location: String,
    },
    /// The collection was written by a newer version of nigh.
    #[error(
        "{location}: written by a newer nigh, in format {found}; this program reads up to format {known}"
    )]
    NewerFormat {
        /// The collection's folder or URL.
        location: String,
        /// The collection's format.
        found: u64,
        /// The newest format this program reads.
        known: u64,
    },
    /// Another writer holds the lock.
    #[error("{path} is being written by process {holder}; wait for it, or stop it")]
    Locked {
        /// The collection.
        path: PathBuf,
        /// The id of the process that holds the lock, `(unknown)` if it could not be read.
        holder: String,
    },
    /// A file is corrupt or inconsistent with the others.
    #[error("{path}: {damage}")]
    Damaged {
        /// The file, or the collection's folder.
        path: PathBuf,
        /// What was expected, and what was found instead.
        damage: String,
    },
    /// A passage was put without a vector, and none is stored for its text.
    #[error(
        "article {article:?}: passage {ordinal} has no vector, and none is stored for its text"
    )]
    MissingVector {
        /// The article's id.
        article: String,
        /// The passage's position in the article, from 0.
        ordinal: usize,
    },
    /// A filter on a collection of format 1, which does not index metadata.
    #[error(
        "{path}: this collection was made by an earlier nigh and does not support filters; index the articles into a new one"
    )]
    FiltersUnsupported {
        /// The collection.
        path: PathBuf,
    },
    /// A filter on a field that no article has.
    #[error("no article has a field {field:?}; known fields: {known}")]
    UnknownField {
        /// The field.
        field: String,
        /// The fields that exist, separated by commas.
        known: String,
    },
    /// The background merge panicked. This is a bug; nothing is lost.
    #[error("{path}: the background merge panicked: {message}")]
    MergePanicked {
        /// The collection.
        path: PathBuf,
        /// The panic message.
        message: String,
    },
    /// The location is not valid.
    #[error("{url}: {reason}")]
    Location {
        /// The location.
        url: String,
        /// What is wrong with it.
        reason: LocationError,
    },
    /// The server that keeps the collection refused a request or does not answer.
    #[error("{location}: {answer}")]
    Remote {
        /// The collection.
        location: String,
        /// The server's answer, or why there was none.
        answer: String,
        /// What is behind it, as far as that can be told.
        cause: RemoteCause,
    },
    /// An I/O error.
    #[error(transparent)]
    Io(PathError),
    /// The progress callback asked to stop; earlier commits stay.
    #[error("stopped")]
    Stopped,
    /// An error of a vector or graph file.
    #[error(transparent)]
    Index(index::Error),
    /// An error of the text index.
    #[error("{path}: text index: {source}")]
    Text {
        /// The collection.
        path: PathBuf,
        /// tantivy's error.
        source: TantivyError,
    },
}

/// Why a URL names no location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// There is no backend for the scheme.
    #[error("nothing here keeps collections at {scheme}://")]
    UnknownScheme {
        /// The part of the URL before `://`.
        scheme: String,
    },
    /// The backend of the scheme is not compiled in.
    #[error("this build has no {backend}; build with `--features {feature}`")]
    NotBuiltIn {
        /// The backend.
        backend: &'static str,
        /// The cargo feature of the root package that enables it.
        feature: &'static str,
    },
    /// The URL is not of the form that its backend expects.
    #[error("{found}; expected {expected}")]
    Malformed {
        /// What is wrong with it.
        found: String,
        /// The form of such URLs.
        expected: &'static str,
    },
}

/// Why a server refuses a request or does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteCause {
    /// It does not accept the user or key.
    Credentials,
    /// Its certificate is not signed by a CA that is trusted.
    UntrustedCertificate,
    /// It does not use TLS, and this program does.
    NoTls,
    /// It closed the connection at once, as it does if it uses TLS and this program does not.
    PerhapsTls,
    /// It has no full-text search.
    NoFullTextSearch,
    /// Something else, or it is not known.
    Other,
}

impl From<PathError> for Error {
    fn from(error: PathError) -> Self {
        match crate::local::damage_in(&error.source) {
            Some((path, damage)) => Self::damaged(path, damage.to_string()),
            None => Self::Io(error),
        }
    }
}

impl From<disk::Error> for Error {
    fn from(error: disk::Error) -> Self {
        match error {
            disk::Error::Io(error) => error.into(),
            disk::Error::Damaged { path, damage } => Self::damaged(path, damage.to_string()),
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
    /// Whether a file of the collection is corrupt or missing, so that a repair may help.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. }
            | Self::Index(index::Error::Damaged { .. } | index::Error::Version { .. }) => true,
            Self::Io(error) | Self::Index(index::Error::Io(error)) => {
                error.source.kind() == std::io::ErrorKind::NotFound
            }
            Self::Text { source, .. } => {
                let is_missing =
                    |error: &OpenReadError| matches!(error, OpenReadError::FileDoesNotExist(_));
                matches!(source, TantivyError::DataCorruption(_))
                    || matches!(source, TantivyError::OpenReadError(error) if is_missing(error))
            }
            _ => false,
        }
    }

    pub(crate) fn text(path: impl Into<PathBuf>) -> impl FnOnce(tantivy::TantivyError) -> Self {
        let path = path.into();
        move |source| {
            let io = match &source {
                TantivyError::IoError(io) => Some(io),
                TantivyError::OpenReadError(OpenReadError::IoError { io_error, .. }) => {
                    Some(io_error)
                }
                _ => None,
            };
            match io.and_then(|io| crate::local::damage_in(io)) {
                Some((path, damage)) => Self::damaged(path, damage.to_string()),
                None => Self::Text { path, source },
            }
        }
    }

    pub(crate) fn damaged(path: impl Into<PathBuf>, damage: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.into(),
            damage: damage.into(),
        }
    }
}
