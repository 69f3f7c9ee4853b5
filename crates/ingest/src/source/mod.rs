//! The files that articles are read from.

mod stat;

pub use stat::Stat;

use crate::format::Format;
use notes::{Code, Note};
use std::path::PathBuf;

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path of the file.
    pub path: PathBuf,
    /// Its name in the collection: shown to people, and the id of the article if the file is a
    /// single one.
    pub name: String,
    /// The format to read it as.
    pub format: Format,
    /// Whether the format was detected from the beginning of the file, and the rest may contradict
    /// it.
    pub is_format_guessed: bool,
    /// Its state before it was read; `None` for a stream.
    pub stat: Option<Stat>,
}

impl Source {
    /// The size in bytes; 0 for a stream.
    pub fn bytes(&self) -> u64 {
        self.stat.map_or(0, |stat| stat.bytes)
    }

    /// Whether it is a stream, which can be read only once and in which line numbers have no
    /// lasting meaning.
    pub fn is_stream(&self) -> bool {
        self.stat.is_none()
    }
}

/// Makes a note about a file, or a line of it.
pub(crate) fn note(
    source: &Source,
    line: Option<u64>,
    code: Code,
    message: impl Into<String>,
) -> Note {
    Note::new(code, message).at(&source.name, line)
}
