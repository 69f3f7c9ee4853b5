//! The errors of this crate.

use disk::PathError;
use notes::{Code, Note};
use std::path::PathBuf;

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of walking, reading, chunking or embedding. The message names the file, the line if
/// there is one, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read.
    #[error(transparent)]
    Io(#[from] PathError),
    /// A file, or one record of it, violates its format.
    #[error("{path}{}: {problem}", line.map(|l| format!(":{l}")).unwrap_or_default())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line of the problem, from 1, if known.
        line: Option<u64>,
        /// What was expected and what was found.
        problem: String,
    },
    /// The reader of this format is not compiled in.
    #[error("{path}: this build does not read {format}; build with `--features {feature}`")]
    NotBuiltIn {
        /// The file.
        path: PathBuf,
        /// The name of the format.
        format: &'static str,
        /// The cargo feature of the root package that enables the reader.
        feature: &'static str,
    },
    /// A file is not text in any supported encoding.
    #[error(
        "{path}: not text (a zero byte at offset {offset}); give --format if it is text in an unusual encoding"
    )]
    Binary {
        /// The file.
        path: PathBuf,
        /// The byte offset of the first byte that is not text.
        offset: usize,
    },
    /// A file or record is over the size limit.
    #[error("{path}{}: {bytes} bytes in one article, over the limit of {limit}; split it, or raise --max-article-bytes", line.map(|l| format!(":{l}")).unwrap_or_default())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The line of the record, from 1, in formats with several records per file.
        line: Option<u64>,
        /// The size of the file or record in bytes; a lower bound if it was not read to its end.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A file contains no text.
    #[error("{path}: no text in it")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Two articles have the same id.
    #[error("{path}{}: the id {id:?} is taken by {first}; ids must differ", line.map(|l| format!(":{l}")).unwrap_or_default())]
    DuplicateId {
        /// The later file.
        path: PathBuf,
        /// The line of the later record.
        line: Option<u64>,
        /// The id of both.
        id: String,
        /// Where the first one is: `path` or `path:line`.
        first: String,
    },
    /// A model is unknown or cannot be loaded.
    #[error("model {name:?}: {problem}")]
    Model {
        /// The name or folder asked for.
        name: String,
        /// What is wrong and how to fix it.
        problem: String,
    },
    /// A model failed to embed a text.
    #[error("model {name:?} failed on a text of {bytes} bytes: {problem}")]
    Embedding {
        /// The name of the model.
        name: String,
        /// The length of the text in bytes.
        bytes: usize,
        /// The error of the runtime.
        problem: String,
    },
}

impl Error {
    /// A copy with the same message. An I/O error keeps its kind; all other errors become
    /// [`Error::Malformed`].
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Io(PathError { path, source }) => Self::Io(PathError {
                path: path.clone(),
                source: std::io::Error::new(source.kind(), source.to_string()),
            }),
            other => {
                let path = other
                    .path()
                    .map(std::path::Path::to_owned)
                    .unwrap_or_default();
                Self::Malformed {
                    path,
                    line: other.line(),
                    problem: other.problem(),
                }
            }
        }
    }

    /// The file or folder that the error is about, if any.
    pub fn path(&self) -> Option<&std::path::Path> {
        match self {
            Self::Io(PathError { path, .. })
            | Self::Malformed { path, .. }
            | Self::NotBuiltIn { path, .. }
            | Self::Binary { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Empty { path }
            | Self::DuplicateId { path, .. } => Some(path),
            Self::Model { .. } | Self::Embedding { .. } => None,
        }
    }

    /// The message without the path and the line.
    pub fn problem(&self) -> String {
        let path = self
            .path()
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        let place = self
            .line()
            .map_or_else(|| format!("{path}: "), |line| format!("{path}:{line}: "));
        let message = self.to_string();
        message.strip_prefix(&place).unwrap_or(&message).to_owned()
    }

    /// The line that the error is about, from 1, if any.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Malformed { line, .. }
            | Self::TooLarge { line, .. }
            | Self::DuplicateId { line, .. } => *line,
            _ => None,
        }
    }

    /// The error as a note with the code [`Code::ReadFailed`].
    pub fn to_note(&self) -> Note {
        let note = Note::new(Code::ReadFailed, self.problem());
        match self.path() {
            Some(path) => note.at(path.display().to_string(), self.line()),
            None => note,
        }
    }

    pub(crate) fn malformed(
        path: impl Into<PathBuf>,
        line: Option<u64>,
        problem: impl Into<String>,
    ) -> Self {
        Self::Malformed {
            path: path.into(),
            line,
            problem: problem.into(),
        }
    }
}
