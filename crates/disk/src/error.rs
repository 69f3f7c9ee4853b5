//! Errors of this crate.

use std::path::PathBuf;

/// A result whose error is this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call failed.
    #[error(transparent)]
    Io(#[from] PathError),
    /// The file's contents do not match its checksums.
    #[error("{path}: {damage}")]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// What was expected and what was found.
        damage: Damage,
    },
}

/// How the contents of a file differ from its seal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// There is no seal: the file is cut off, or another program wrote it.
    #[error("{length} bytes found, and no seal at their end")]
    NoSeal {
        /// The length of the file in bytes.
        length: usize,
    },
    /// The seal itself is damaged.
    #[error("{part}: checksum {expected:016x} expected, {found:016x} found")]
    Seal {
        /// The part of the seal.
        part: &'static str,
        /// The checksum that it states.
        expected: u64,
        /// That of what is there.
        found: u64,
    },
    /// The file has another length than its seal.
    #[error("its seal is for {sealed} bytes, but {found} precede it")]
    Length {
        /// The length that was sealed, in bytes.
        sealed: u64,
        /// The number of bytes before the footer.
        found: usize,
    },
    /// The file was renamed, or exchanged for another.
    #[error("it was written under another name")]
    OtherName,
    /// A page differs from its checksum.
    #[error("damaged: bytes {start} to {end} do not match their checksum")]
    Page {
        /// The first byte of the page.
        start: usize,
        /// The byte after its last.
        end: usize,
    },
}

/// A failed system call, with the file or folder that it was for. All crates share it.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct PathError {
    /// The file or folder.
    pub path: PathBuf,
    /// The operating system's error.
    pub source: std::io::Error,
}

impl PathError {
    /// Adds a path to an error; for use with `map_err`.
    pub fn at(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self { path, source }
    }
}
