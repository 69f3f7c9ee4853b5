//! Collections that are not on this machine: whoever keeps them says so here, and is asked for locations that begin with
//! its name.

use crate::{Collection, Error, Manifest, Result};
use std::sync::{OnceLock, PoisonError, RwLock};

/// Keeps collections elsewhere.
pub trait Remote: Send + Sync {
    /// Opens the collection at `location`.
    ///
    /// # Errors
    /// When there is none, or it cannot be reached.
    fn open(&self, location: &str) -> Result<Box<dyn Collection>>;

    /// Makes an empty collection.
    ///
    /// # Errors
    /// When one is there already, or it cannot be made.
    fn create(&self, location: &str, manifest: Manifest) -> Result<Box<dyn Collection>>;

    /// Whether a collection is at `location`.
    ///
    /// # Errors
    /// When that cannot be told.
    fn exists(&self, location: &str) -> Result<bool>;
}

type Known = RwLock<Vec<(&'static str, &'static dyn Remote)>>;
static KNOWN: OnceLock<Known> = OnceLock::new();

/// From now on locations that begin with `scheme` and `://` are those of `remote`.
pub fn register(scheme: &'static str, remote: Box<dyn Remote>) {
    let known = KNOWN.get_or_init(Known::default);
    // For as long as the program runs, like the program itself.
    known.write().unwrap_or_else(PoisonError::into_inner).push((scheme, Box::leak(remote)));
}

/// Whether a location is that of something elsewhere: a name, `://`, and more.
pub fn is_remote(location: &str) -> bool {
    scheme_of(location).is_some()
}

fn scheme_of(location: &str) -> Option<&str> {
    let (scheme, _) = location.split_once("://")?;
    (!scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(scheme)
}

/// Who keeps the collection at a location; `None` for one on this machine.
pub(crate) fn of(location: &str) -> Result<Option<&'static dyn Remote>> {
    let Some(scheme) = scheme_of(location) else { return Ok(None) };
    let known = KNOWN.get_or_init(Known::default).read().unwrap_or_else(PoisonError::into_inner);
    match known.iter().rev().find(|(of, _)| *of == scheme) {
        Some((_, remote)) => Ok(Some(*remote)),
        None => Err(Error::Location { problem: format!("{location}: nothing here keeps collections at {scheme}://") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_no_remote_place() {
        for folder in [".nigh", "/a/b", "a:b", "C:\\a", "a/b://c", "://x"] {
            assert!(!is_remote(folder), "{folder}");
        }
        assert!(is_remote("milvus://host/a"));
        let said = of("nowhere://host/a").err().unwrap().to_string();
        assert_eq!(said, "nowhere://host/a: nothing here keeps collections at nowhere://");
    }
}
