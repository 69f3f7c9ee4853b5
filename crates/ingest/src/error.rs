//! The errors of this crate.

use disk::PathError;
use notes::{Code, Note};
use std::path::{Path, PathBuf};

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of walking, reading, chunking or embedding. The message names the file, the line if
/// there is one, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[error("{}{}", self.place(), self.message())]
pub enum Error {
    /// A file or folder cannot be read.
    #[error(transparent)]
    Io(#[from] PathError),
    /// A file, or one record of it, violates its format.
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line of the problem, from 1, if known.
        line: Option<u64>,
        /// What was expected and what was found.
        violation: String,
    },
    /// A part of an archive or mail cannot be read.
    Part {
        /// The archive.
        path: PathBuf,
        /// The name of the part.
        part: String,
        /// The error of the part. It does not name the archive.
        error: Box<Error>,
    },
    /// The reader of this format is not compiled in.
    NotBuiltIn {
        /// The file.
        path: PathBuf,
        /// The name of the format.
        format: &'static str,
        /// The cargo feature of the root package that enables the reader.
        feature: &'static str,
    },
    /// A file is not text in any supported encoding.
    Binary {
        /// The file.
        path: PathBuf,
        /// The byte offset of the first byte that is not text.
        offset: usize,
    },
    /// A file or record is over the size limit.
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
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file holds articles that are embedded already.
    AlreadyEmbedded {
        /// The file.
        path: PathBuf,
    },
    /// Two articles have the same id.
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
    /// There is no model of this name.
    UnknownModel {
        /// The name or folder asked for.
        name: String,
        /// What it would be: a model or a reranker.
        kind: &'static str,
    },
    /// The model needs ONNX Runtime, which was not found.
    NoOnnxRuntime {
        /// The name of the model.
        name: String,
        /// The error of loading it.
        loader_error: String,
    },
    /// A model cannot be loaded.
    Model {
        /// The name or folder asked for.
        name: String,
        /// What is wrong and how to fix it.
        reason: String,
    },
    /// A model failed to embed a text.
    Embedding {
        /// The name of the model.
        name: String,
        /// The length of the text in bytes.
        bytes: usize,
        /// The error of the runtime.
        reason: String,
    },
}

impl Error {
    /// A copy with the same message. An I/O error keeps its kind; all other errors become
    /// [`Error::Malformed`].
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Io(PathError { path, source }) => {
                PathError::at(path)(std::io::Error::new(source.kind(), source.to_string())).into()
            }
            other => Self::Malformed {
                path: other.path().map(Path::to_owned).unwrap_or_default(),
                line: other.line(),
                violation: other.message(),
            },
        }
    }

    /// The file or folder that the error is about, if any.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Io(PathError { path, .. })
            | Self::Malformed { path, .. }
            | Self::Part { path, .. }
            | Self::NotBuiltIn { path, .. }
            | Self::Binary { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Empty { path }
            | Self::AlreadyEmbedded { path }
            | Self::DuplicateId { path, .. } => Some(path),
            Self::UnknownModel { .. }
            | Self::NoOnnxRuntime { .. }
            | Self::Model { .. }
            | Self::Embedding { .. } => None,
        }
    }

    /// The path and the line, as they begin the message.
    fn place(&self) -> String {
        match (self.path(), self.line()) {
            (Some(path), Some(line)) => format!("{}:{line}: ", path.display()),
            (Some(path), None) => format!("{}: ", path.display()),
            (None, _) => String::new(),
        }
    }

    /// The message without the path and the line.
    pub fn message(&self) -> String {
        match self {
            Self::Io(PathError { source, .. }) => source.to_string(),
            Self::Malformed { violation, .. } => violation.clone(),
            Self::Part { part, error, .. } => format!("{part}: {}", error.message()),
            Self::NotBuiltIn {
                format, feature, ..
            } => format!("this build does not read {format}; build with `--features {feature}`"),
            Self::Binary { offset, .. } => format!("not text (a zero byte at offset {offset})"),
            Self::TooLarge { bytes, limit, .. } => {
                format!("{bytes} bytes in one article, over the limit of {limit}")
            }
            Self::Empty { .. } => "no text in it".to_owned(),
            Self::AlreadyEmbedded { .. } => "its articles are embedded already".to_owned(),
            Self::DuplicateId { id, first, .. } => {
                format!("the id {id:?} is taken by {first}; ids must differ")
            }
            Self::UnknownModel { name, kind } => {
                format!("model {name:?}: no such {kind} and no such folder")
            }
            Self::NoOnnxRuntime { name, loader_error } => format!(
                "model {name:?}: it needs ONNX Runtime 1.24 or later, which was not found ({loader_error})"
            ),
            Self::Model { name, reason } => format!("model {name:?}: {reason}"),
            Self::Embedding {
                name,
                bytes,
                reason,
            } => format!("model {name:?} failed on a text of {bytes} bytes: {reason}"),
        }
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
        let note = Note::new(Code::ReadFailed, self.message());
        match self.path() {
            Some(path) => note.at(path.display().to_string(), self.line()),
            None => note,
        }
    }

    pub(crate) fn malformed(
        path: impl Into<PathBuf>,
        line: Option<u64>,
        violation: impl Into<String>,
    ) -> Self {
        Self::Malformed {
            path: path.into(),
            line,
            violation: violation.into(),
        }
    }
}
