//! What files are called in a collection.

use std::path::{Path, PathBuf};

/// Gives paths their names in a collection: from the folder that holds it (from the current one, if it is elsewhere), or, outside
/// that, whole.
#[derive(Debug, Clone)]
pub struct Names {
    base: PathBuf,
}

impl Names {
    /// For the collection at this location.
    pub fn new(collection: &str) -> Self {
        // No folder holds it.
        if store::remote::is_remote(collection) {
            return Self::here();
        }
        let absolute = std::path::absolute(collection).unwrap_or_else(|_| PathBuf::from(collection));
        let parent = absolute.parent().unwrap_or(&absolute);
        Self { base: parent.canonicalize().unwrap_or_else(|_| parent.to_owned()) }
    }

    /// For a collection in the current folder.
    pub fn here() -> Self {
        Self { base: current() }
    }

    /// The name of a path whose root is canonical.
    pub fn name(&self, path: &Path) -> String {
        let inside = path.strip_prefix(&self.base).ok().filter(|inside| !inside.as_os_str().is_empty());
        let name = inside.unwrap_or(path).to_string_lossy();
        if cfg!(windows) { name.replace('\\', "/") } else { name.into_owned() }
    }

    /// Whether a name is that of a file at or under one of these canonical paths.
    pub(crate) fn are_under<'a>(&self, roots: &'a [PathBuf]) -> impl Fn(&str) -> bool + use<'a> {
        let base = self.base.clone();
        // Names of files are many; what their roots are called is found out once.
        let prefixes: Vec<Option<String>> = roots
            .iter()
            .map(|root| (*root != base).then(|| self.name(root).trim_end_matches('/').to_owned()))
            .collect();
        move |name| {
            prefixes.iter().any(|prefix| match prefix {
                // The base itself: all names but whole paths.
                None => !Path::new(name).is_absolute(),
                Some(prefix) => name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            }) || roots.iter().any(|root| base.starts_with(root) && base.join(name).starts_with(root))
        }
    }

    /// The whole path behind a name.
    pub(crate) fn absolute(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }

    /// The path as it can be opened from here.
    pub fn path(&self, name: &str) -> String {
        let path = self.absolute(name);
        path.strip_prefix(current()).unwrap_or(&path).to_string_lossy().into_owned()
    }
}

/// The current folder, canonical.
fn current() -> PathBuf {
    std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn names_know_the_roots_they_are_under() {
        let names = Names { base: "/home/me".into() };
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
            assert_eq!(names.are_under(&roots)(name), expected, "{name} under {root}");
        }
    }

    #[test]
    fn a_backslash_in_a_name_is_a_character() {
        let names = Names::new("/no/such/folder/.nigh");
        let (file, other) = (Path::new("/no/such/folder/a\\b.txt"), Path::new("/no/such/folder/a/b.txt"));
        assert_eq!((names.name(file).as_str(), names.name(other).as_str()), ("a\\b.txt", "a/b.txt"));
        assert_eq!(names.absolute(&names.name(file)), file);
    }
}
