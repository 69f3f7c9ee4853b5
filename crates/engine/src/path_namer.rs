//! The names of files in a collection.

use crate::Result;
use std::path::{Path, PathBuf};
use store::{Collection, Location};

/// Maps file paths to their names in a collection. The name of a file under the base folder is its
/// path relative to that folder; any other file is named by its absolute path. The base is the
/// folder that holds the collection, or the current folder for a remote collection. If a collection
/// was moved without its files, the base is still the folder that held it before.
#[derive(Debug, Clone)]
pub struct PathNamer {
    base: PathBuf,
    /// The base when the collection was last indexed, if that was another.
    earlier: Option<PathBuf>,
}

/// How many files are looked for to tell where they are.
const MAX_SOUGHT: usize = 1000;

impl PathNamer {
    /// For the collection at this location.
    pub fn new(collection: &Location) -> Self {
        let Location::Local(folder) = collection else {
            return Self::for_current_dir();
        };
        let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
        // A link to a collection is that collection.
        let place = absolute.canonicalize().unwrap_or(absolute);
        let parent = place.parent().unwrap_or(&place);
        Self {
            base: parent.canonicalize().unwrap_or_else(|_| parent.to_owned()),
            earlier: None,
        }
    }

    /// For a collection in the current folder.
    pub fn for_current_dir() -> Self {
        Self {
            base: current_dir(),
            earlier: None,
        }
    }

    /// For an open collection at this location. Finds its files also where they were before the
    /// collection was moved.
    pub fn of(collection: &dyn Collection, location: &Location) -> Self {
        let new = Self::new(location);
        let recorded = collection.manifest().base.as_ref().map(PathBuf::from);
        Self {
            earlier: recorded.filter(|recorded| *recorded != new.base),
            ..new
        }
    }

    /// For an open collection at this location whose files are to be named: from the folder that
    /// holds it or, if none of its files are there, from the folder that held it before.
    ///
    /// # Errors
    /// When the collection cannot be read.
    pub fn for_indexing(collection: &dyn Collection, location: &Location) -> Result<Self> {
        let namer = Self::of(collection, location);
        let Some(earlier) = &namer.earlier else {
            return Ok(namer);
        };
        let articles = collection.catalog()?.articles;
        let names = articles.values().map(|article| article.path.as_str());
        let mut names: Vec<&str> = names.filter(|name| Path::new(name).is_relative()).collect();
        names.sort_unstable();
        names.dedup();
        let has_any = |folder: &Path| {
            let mut sought = names.iter().take(MAX_SOUGHT);
            sought.any(|name| folder.join(name).exists())
        };
        let moved_alone = !has_any(&namer.base) && has_any(earlier);
        Ok(Self {
            base: if moved_alone {
                earlier.clone()
            } else {
                namer.base
            },
            earlier: None,
        })
    }

    /// The folder that relative names start from.
    pub fn base(&self) -> &Path {
        &self.base
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
        let earlier = self.earlier.as_ref().map(|earlier| earlier.join(name));
        let path = match earlier {
            Some(earlier) if !path.exists() && earlier.exists() => earlier,
            _ => path,
        };
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
            earlier: None,
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
