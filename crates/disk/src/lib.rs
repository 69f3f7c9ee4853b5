//! Bytes in, under a name; the same bytes out, or an error that names the file.
//!
//! A [`Writer`] gives a file its name once it is whole and on disk, and ends it with a *seal*: a checksum of
//! every page of 4,096 bytes. [`Mapped`] reads it where it lies, and compares each page with its
//! checksum the first time it is asked for: what is read is what was written, at the cost of the pages that are
//! used and no others. Everything that changes a disk goes through the trait [`Disk`], so that tests can stand a
//! failing one in its place.
//!
//! This crate knows nothing of what is in the files; it never prints.

#![deny(missing_docs)]

mod error;
mod files;
mod mapped;
mod seal;
mod writer;

pub use error::{Error, Result};
pub use files::{Disk, Output, System};
pub use mapped::{Map, Mapped};
pub use writer::{Files, Writer, write};
