//! The names of files in a collection.

use std::path::{Path, PathBuf};
use store::Location;

/// Maps file paths to their names in a collection. The name of a file under the base folder is its
/// path relative to that folder; any other file is named by its absolute path. The base is the
/// folder that holds the collection, or the current folder for a remote collection.
#[derive(Debug, Clone)]
pub struct PathNamer {
    base: PathBuf,
}

impl PathNamer {
    /// For the collection at this location.
    pub fn new(collection: &Location) -> Self {
        let Location::Local(folder) = collection else {
            return Self::for_current_dir();
        };
        let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
        let parent = absolute.parent().unwrap_or(&absolute);
        Self {
            base: parent.canonicalize().unwrap_or_else(|_| parent.to_owned()),
        }
    }

    /// For a collection in the current folder.
    pub fn for_current_dir() -> Self {
        Self {
            base: current_dir(),
        }
    }

    /// The name of a file. `path` must be under a canonical root.
    pub fn name(&self, path: &Path) -> String {
        let relative = path
            .strip_prefix(&self.base)
            .ok()
            .filter(|relative| !relative.as_os_str().is_empty());
        let name = relative.unwrap_or(path).to_string_lossy();
        if cfg!(windows) {
            name.replace('\\', "/")
        } else {
            name.into_owned()
        }
    }

    /// A test of whether the file with a given name is at or under one of these canonical paths.
    pub(crate) fn is_under<'a>(&self, roots: &'a [PathBuf]) -> impl Fn(&str) -> bool + use<'a> {
        let base = self.base.clone();
        // The test is called for every file: the roots are named only once.
        let prefixes: Vec<Option<String>> = roots
            .iter()
            .map(|root| (*root != base).then(|| self.name(root).trim_end_matches('/').to_owned()))
            .collect();
        move |name| {
            prefixes.iter().any(|prefix| match prefix {
                // The root is the base: all relative names are under it.
                None => !Path::new(name).is_absolute(),
                Some(prefix) => name
                    .strip_prefix(prefix)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            }) || roots
                .iter()
                .any(|root| base.starts_with(root) && base.join(name).starts_with(root))
        }
    }

    /// The absolute path of the file with this name.
    pub(crate) fn absolute(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }

    /// The path of the file with this name, relative to the current folder where possible.
    pub fn path(&self, name: &str) -> String {
        let path = self.absolute(name);
        path.strip_prefix(current_dir())
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned()
    }
}

/// The canonical path of the current folder.
fn current_dir() -> PathBuf {
    std::env::current_dir()
        .and_then(|folder| folder.canonicalize())
        .unwrap_or_default()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn is_under_compares_whole_path_components() {
        let names = PathNamer {
            base: "/home/me".into(),
        };
        for (root, name, expected) in [
            ("/home/me", "a.md", true),
            ("/home/me", "docs/a.md", true),
            ("/home/me", "/other/a.md", false),
            ("/home/me/docs", "docs/a.md", true),
            ("/home/me/docs", "docs", true),
            ("/home/me/docs", "docs2/a.md", false),
            ("/other", "/other/a.md", true),
            ("/other", "a.md", false),
            ("/home", "a.md", true),
            ("/home", "/home/you/a.md", true),
            ("/", "a.md", true),
        ] {
            let roots = [PathBuf::from(root)];
            assert_eq!(
                names.is_under(&roots)(name),
                expected,
                "{name} under {root}"
            );
        }
    }

    #[test]
    fn backslash_is_not_a_separator_on_unix() {
        let names = PathNamer::new(&"/no/such/folder/.nigh".into());
        let (file, other) = (
            Path::new("/no/such/folder/a\\b.txt"),
            Path::new("/no/such/folder/a/b.txt"),
        );
        assert_eq!(
            (names.name(file).as_str(), names.name(other).as_str()),
            ("a\\b.txt", "a/b.txt")
        );
        assert_eq!(names.absolute(&names.name(file)), file);
    }
}
