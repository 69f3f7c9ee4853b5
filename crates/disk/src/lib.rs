//! Takes bytes and a path; gives back the same bytes, or an error that names the file. Corrupt data
//! is never used.
//!
//! A [`Writer`] writes to a temporary file, ends it with a *seal* (a footer with an XXH3 checksum
//! for each page of 4,096 bytes), syncs it and renames it into place. [`MappedFile`] maps a
//! finished file and verifies each page the first time it is read, so opening costs nothing and
//! reading costs only the pages used. Every change to a collection goes through the [`FileSystem`]
//! trait, so tests can inject failures. An [`AtomicFile`] is for what other programs read: exports,
//! run files, reports.
//!
//! This crate never interprets the contents of files, never prints and never panics on a damaged
//! file.

#![deny(missing_docs)]

mod atomic_file;
mod error;
mod file_system;
mod mapped;
mod seal;
mod writer;

pub use atomic_file::AtomicFile;
pub use error::{Damage, Error, PathError, Result};
pub use file_system::{FileSystem, OsFileSystem, WritableFile};
pub use mapped::{MappedFile, Mmap};
pub use writer::{WriteOptions, Writer, atomic_write};
