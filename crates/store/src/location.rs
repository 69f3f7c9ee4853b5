//! Where a collection is: in a folder, or on a server.

use crate::{Collection, Manifest, Result};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a collection is.
#[derive(Clone)]
pub enum Location {
    /// In a folder on this machine.
    Local(PathBuf),
    /// On a server.
    Remote(Arc<dyn Remote>),
}

/// A collection on a server, existing or not. Displays its URL.
pub trait Remote: fmt::Display + Send + Sync {
    /// Opens the collection.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound), or [`Error::Remote`](crate::Error::Remote) when
    /// the server does not answer.
    fn open(&self) -> Result<Box<dyn Collection>>;

    /// Creates an empty collection.
    ///
    /// # Errors
    /// [`Error::Occupied`](crate::Error::Occupied) when there is one already, or
    /// [`Error::Remote`](crate::Error::Remote).
    fn create(&self, manifest: Manifest) -> Result<Box<dyn Collection>>;

    /// Whether there is a collection.
    ///
    /// # Errors
    /// [`Error::Remote`](crate::Error::Remote) when the server does not answer.
    fn exists(&self) -> Result<bool>;
}

impl Location {
    /// The scheme of a URL; `None` if the text is a path.
    pub fn scheme_of(text: &str) -> Option<&str> {
        let (scheme, _) = text.split_once("://")?;
        (!scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            .then_some(scheme)
    }

    /// The folder of a local collection.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Local(folder) => Some(folder),
            Self::Remote(_) => None,
        }
    }
}

impl<P: Into<PathBuf>> From<P> for Location {
    fn from(folder: P) -> Self {
        Self::Local(folder.into())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(folder) => folder.display().fmt(f),
            Self::Remote(remote) => remote.fmt(f),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_of_tells_urls_from_paths() {
        for folder in [".nigh", "/a/b", "a:b", "C:\\a", "a/b://c", "://x"] {
            assert_eq!(Location::scheme_of(folder), None, "{folder}");
        }
        assert_eq!(Location::scheme_of("milvus://host/a"), Some("milvus"));
    }
}
