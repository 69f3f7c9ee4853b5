//! Remote collections: backends register themselves for a URL scheme.

use crate::{Collection, Error, Manifest, Result};
use std::sync::{OnceLock, PoisonError, RwLock};

/// A backend that stores collections on a server.
pub trait Remote: Send + Sync {
    /// Opens the collection at `location`.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Remote`] when the server does not answer.
    fn open(&self, location: &str) -> Result<Box<dyn Collection>>;

    /// Creates an empty collection.
    ///
    /// # Errors
    /// [`Error::Occupied`] when there is one already, or [`Error::Remote`].
    fn create(&self, location: &str, manifest: Manifest) -> Result<Box<dyn Collection>>;

    /// Whether there is a collection at `location`.
    ///
    /// # Errors
    /// [`Error::Remote`] when the server does not answer.
    fn exists(&self, location: &str) -> Result<bool>;
}

type Registry = RwLock<Vec<(&'static str, &'static dyn Remote)>>;
static REGISTRY: OnceLock<Registry> = OnceLock::new();

/// Makes `remote` responsible for locations that begin with `scheme://`. A later registration of
/// the same scheme replaces an earlier one.
pub fn register(scheme: &'static str, remote: Box<dyn Remote>) {
    let registry = REGISTRY.get_or_init(Registry::default);
    // Leaked because a backend lives as long as the program.
    registry
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .push((scheme, Box::leak(remote)));
}

/// Whether `location` is a URL, as opposed to a path on this machine.
pub fn is_remote(location: &str) -> bool {
    scheme_of(location).is_some()
}

fn scheme_of(location: &str) -> Option<&str> {
    let (scheme, _) = location.split_once("://")?;
    (!scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .then_some(scheme)
}

/// The backend responsible for `location`; `None` if it is a path on this machine.
pub(crate) fn backend_of(location: &str) -> Result<Option<&'static dyn Remote>> {
    let Some(scheme) = scheme_of(location) else {
        return Ok(None);
    };
    let registry = REGISTRY
        .get_or_init(Registry::default)
        .read()
        .unwrap_or_else(PoisonError::into_inner);
    match registry
        .iter()
        .rev()
        .find(|(registered, _)| *registered == scheme)
    {
        Some((_, remote)) => Ok(Some(*remote)),
        None => Err(Error::Location {
            problem: format!("{location}: nothing here keeps collections at {scheme}://"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_not_remote_and_unknown_schemes_are_errors() {
        for folder in [".nigh", "/a/b", "a:b", "C:\\a", "a/b://c", "://x"] {
            assert!(!is_remote(folder), "{folder}");
        }
        assert!(is_remote("milvus://host/a"));
        let message = backend_of("nowhere://host/a").err().unwrap().to_string();
        assert_eq!(
            message,
            "nowhere://host/a: nothing here keeps collections at nowhere://"
        );
    }
}
