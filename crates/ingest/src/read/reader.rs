//! What a reader of a format is.

use crate::article::Article;
use crate::source::Source;
use crate::{Error, Result};
use notes::Note;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// Files of embedded articles have their header under this key: in the metadata of a Parquet file,
/// in the first line of a JSON Lines file.
pub const EMBEDDED_ARTICLES_KEY: &str = "nigh";

/// An item that a reader emits.
#[derive(Debug)]
pub enum Item {
    /// An article.
    Article(Box<Article>),
    /// The error of one record; reading goes on after it.
    Failed(Error),
    /// What was guessed, changed or omitted in reading.
    Note(Note),
}

impl From<Result<Article>> for Item {
    fn from(read: Result<Article>) -> Self {
        read.map_or_else(Self::Failed, |article| Self::Article(Box::new(article)))
    }
}

/// Receives each item; returns `Break` to stop reading.
pub type Emit<'a> = dyn FnMut(Item) -> ControlFlow<()> + 'a;

/// A reader of one format.
pub trait Reader {
    /// Passes every article of `source` to `emit`, in file order. Articles over `limit` bytes are
    /// reported as errors.
    ///
    /// # Errors
    /// If the file as a whole cannot be read: usually [`Error::Io`], [`Error::Malformed`],
    /// [`Error::Binary`], [`Error::TooLarge`] or [`Error::Empty`]. Errors of single records go to
    /// `emit`, and reading goes on.
    fn read(&self, source: &Source, limit: u64, emit: &mut Emit<'_>) -> Result<()>;
}

/// Emits items until the receiver breaks.
pub fn emit_all(items: impl IntoIterator<Item = Item>, emit: &mut Emit<'_>) -> ControlFlow<()> {
    items.into_iter().try_for_each(emit)
}

/// Limits on reading one article. The `Debug` text is part of a stored key by which unchanged files
/// are recognized: renaming a field causes all files to be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The maximum size of an article in bytes.
    pub bytes: u64,
    /// The time limit in seconds; applies in a [`Sandbox`](super::sandbox::Sandbox) only.
    pub seconds: u64,
    /// The memory limit in bytes; applies in a [`Sandbox`](super::sandbox::Sandbox) only.
    pub memory: u64,
}

impl Limits {
    /// The default limits: 16 MiB, 60 s, 2 GiB.
    pub const DEFAULT: Self = Self {
        bytes: 16 << 20,
        seconds: 60,
        memory: 2 << 30,
    };
}
