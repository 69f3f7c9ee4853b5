//! What can go wrong between a path and a vector.

use notes::{Code, Note};
use std::path::PathBuf;

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that reading, cutting or embedding can report. The text names the file, the line
/// where there is one, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file, or one record of it, is not what its format asks for.
    #[error("{path}{}: {problem}", line.map(|l| format!(":{l}")).unwrap_or_default())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1, where the problem stands.
        line: Option<u64>,
        /// What was expected and what was found.
        problem: String,
    },
    /// A file whose reader was left out when the program was built.
    #[error("{path}: this build does not read {format}; build with `--features {feature}`")]
    NotBuiltIn {
        /// The file.
        path: PathBuf,
        /// What it is.
        format: &'static str,
        /// The cargo feature of the root package that has the reader.
        feature: &'static str,
    },
    /// A file whose bytes are not text in any encoding read here.
    #[error("{path}: not text (a zero byte at offset {offset}); give --format if it is text in an unusual encoding")]
    Binary {
        /// The file.
        path: PathBuf,
        /// Where the first byte stands that no text has.
        offset: usize,
    },
    /// A file or record over the size limit.
    #[error("{path}{}: {bytes} bytes in one article, over the limit of {limit}; split it, or raise --max-article-bytes", line.map(|l| format!(":{l}")).unwrap_or_default())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The line of the record, in formats with several records a file.
        line: Option<u64>,
        /// Its size (or, for a line still being read, at least this).
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Nothing to index in a file.
    #[error("{path}: no text in it")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Two articles claim one id.
    #[error("{path}{}: the id {id:?} is taken by {first}; ids must differ", line.map(|l| format!(":{l}")).unwrap_or_default())]
    DuplicateId {
        /// The later file.
        path: PathBuf,
        /// The line of the later record.
        line: Option<u64>,
        /// The id.
        id: String,
        /// Where it was seen first.
        first: String,
    },
    /// A model that is not known, or whose files are incomplete.
    #[error("model {name:?}: {problem}")]
    Model {
        /// The name or folder asked for.
        name: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The model failed on a text.
    #[error("model {name:?} failed on a text of {bytes} bytes: {problem}")]
    Embedding {
        /// The model.
        name: String,
        /// The length of the text.
        bytes: usize,
        /// What the runtime said.
        problem: String,
    },
}

impl Error {
    /// An [`Error::Io`] for `path`, to be given to `map_err`.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// The same error once more: what the system said only as its kind and text.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Io { path, source } => {
                Self::Io { path: path.clone(), source: std::io::Error::new(source.kind(), source.to_string()) }
            }
            other => {
                let path = other.path().map(std::path::Path::to_owned).unwrap_or_default();
                Self::Malformed { path, line: other.line(), problem: other.problem() }
            }
        }
    }

    /// The file or folder it is about, if it is about one.
    pub fn path(&self) -> Option<&std::path::Path> {
        match self {
            Self::Io { path, .. }
            | Self::Malformed { path, .. }
            | Self::NotBuiltIn { path, .. }
            | Self::Binary { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Empty { path }
            | Self::DuplicateId { path, .. } => Some(path),
            Self::Model { .. } | Self::Embedding { .. } => None,
        }
    }

    /// What is wrong, without the path and the line.
    pub fn problem(&self) -> String {
        let path = self.path().map(|path| path.display().to_string()).unwrap_or_default();
        let place = self.line().map_or_else(|| format!("{path}: "), |line| format!("{path}:{line}: "));
        let said = self.to_string();
        said.strip_prefix(&place).unwrap_or(&said).to_owned()
    }

    /// The line of the file, from 1, if it is about one.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Malformed { line, .. } | Self::TooLarge { line, .. } | Self::DuplicateId { line, .. } => *line,
            _ => None,
        }
    }

    /// As a note on what could not be read.
    pub fn to_note(&self) -> Note {
        let note = Note::new(Code::ReadFailed, self.problem());
        match self.path() {
            Some(path) => note.at(path.display().to_string(), self.line()),
            None => note,
        }
    }

    pub(crate) fn malformed(path: impl Into<PathBuf>, line: Option<u64>, problem: impl Into<String>) -> Self {
        Self::Malformed { path: path.into(), line, problem: problem.into() }
    }
}
