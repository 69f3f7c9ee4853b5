//! The collections that are served, each at its newest commit.

use crate::map::PassageMap;
use crate::problem::{Problem, Result};
use crate::suggest::Suggestions;
use arc_swap::ArcSwap;
use disk::PathError;
use once_cell::sync::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use store::{Collection, Facet, Location};

/// Suffix of the hidden folder that a collection is moved to before it is deleted.
const REMOVED_SUFFIX: &str = ".nigh-gone";
/// How many values of each field the facets list.
const MAX_FACET_VALUES: usize = 50;
/// How many collections an error names.
const MAX_NAMED: usize = 20;
/// The longest name of a collection, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// One commit of a collection, with what was derived from it.
pub struct ServedSnapshot {
    /// Unique among all snapshots that this process has opened.
    pub id: u64,
    pub collection: Box<dyn Collection>,
    ids: OnceCell<Vec<String>>,
    facets: OnceCell<Vec<Facet>>,
    suggestions: OnceCell<Suggestions>,
    map: OnceCell<PassageMap>,
}

/// A collection that is served.
pub struct ServedCollection {
    pub name: String,
    location: Location,
    current: ArcSwap<ServedSnapshot>,
    /// Held while this process writes to the collection, so that its writers queue instead of
    /// failing.
    pub write_lock: Arc<tokio::sync::Mutex<()>>,
    /// Held while looking for a newer commit.
    refresh_lock: Mutex<()>,
}

/// All collections that are served.
pub struct Collections {
    by_name: RwLock<BTreeMap<String, Arc<ServedCollection>>>,
    /// Every collection in this folder is served, and new ones are created in it.
    root: Option<PathBuf>,
    /// The collection to use where a request names none.
    default: Option<String>,
    /// The last error logged about each collection.
    last_errors: Mutex<BTreeMap<String, String>>,
}

static NEXT_SNAPSHOT_ID: AtomicU64 = AtomicU64::new(0);

impl ServedSnapshot {
    fn of(collection: Box<dyn Collection>) -> Arc<Self> {
        Arc::new(Self {
            id: NEXT_SNAPSHOT_ID.fetch_add(1, Ordering::Relaxed),
            collection,
            ids: OnceCell::new(),
            facets: OnceCell::new(),
            suggestions: OnceCell::new(),
            map: OnceCell::new(),
        })
    }

    /// The ids of all articles, sorted.
    pub fn ids(&self) -> Result<&[String]> {
        let ids = self.ids.get_or_try_init(|| -> Result<_> {
            let mut ids: Vec<String> = self.collection.catalog()?.articles.into_keys().collect();
            ids.sort_unstable();
            Ok(ids)
        })?;
        Ok(ids)
    }

    /// The fields to filter by, with their most common values.
    pub fn facets(&self) -> Result<&[Facet]> {
        Ok(self
            .facets
            .get_or_try_init(|| self.collection.facets(MAX_FACET_VALUES))?)
    }

    /// What can be suggested. The first call reads all articles, so it must not be made on an async
    /// thread.
    pub fn suggestions(&self) -> Result<&Suggestions> {
        self.suggestions
            .get_or_try_init(|| Suggestions::of(&*self.collection, self.ids()?))
    }

    /// The map of the passages. The first call reads vectors, so it must not be made on an async
    /// thread.
    pub fn map(&self) -> Result<&PassageMap> {
        self.map
            .get_or_try_init(|| PassageMap::of(&*self.collection))
    }
}

impl ServedCollection {
    fn open(name: String, location: Location) -> store::Result<Self> {
        let current = ArcSwap::new(ServedSnapshot::of(store::open(&location)?));
        Ok(Self {
            name,
            location,
            current,
            write_lock: Arc::default(),
            refresh_lock: Mutex::default(),
        })
    }

    /// The newest commit that has been opened. It stays valid for whoever holds it.
    pub fn snapshot(&self) -> Arc<ServedSnapshot> {
        self.current.load_full()
    }

    /// Switches to the newest commit. Requests in progress keep the snapshot they started with.
    pub fn refresh(&self) -> store::Result<()> {
        let _refreshing = self
            .refresh_lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !self.current.load().collection.is_newest()? {
            self.current
                .store(ServedSnapshot::of(store::open(&self.location)?));
        }
        Ok(())
    }

    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The folder of the collection, if it is in `root`.
    fn folder_in(&self, root: &Path) -> Option<&Path> {
        self.location
            .folder()
            .filter(|folder| folder.starts_with(root))
    }

    /// Where its jobs are kept: in its folder, so that they go where it goes.
    pub fn jobs_folder(&self) -> PathBuf {
        if let Some(folder) = self.location.folder() {
            return folder.join("jobs");
        }
        let state = std::env::var_os("XDG_STATE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(std::env::home_dir()?.join(".local").join("state")));
        let id = &blake3::hash(self.location.to_string().as_bytes()).to_hex()[..16];
        state
            .unwrap_or_else(std::env::temp_dir)
            .join("nigh")
            .join(id)
    }
}

impl Collections {
    /// Opens the collection at `collection` and all collections in the folder `root`.
    pub fn open(collection: Option<&Location>, root: Option<&Path>) -> store::Result<Self> {
        let mut by_name = BTreeMap::new();
        let mut default = None;
        if let Some(location) = collection {
            let name = name_of(location);
            by_name.insert(
                name.clone(),
                Arc::new(ServedCollection::open(name.clone(), location.clone())?),
            );
            default = Some(name);
        }
        if let Some(root) = root {
            remove_leftovers(root)?;
        }
        let (root, last_errors) = (root.map(Path::to_owned), Mutex::default());
        let all = Self {
            by_name: RwLock::new(by_name),
            root,
            default,
            last_errors,
        };
        all.scan_root()?;
        Ok(all)
    }

    /// Opens collections that have appeared in the root folder, and drops those that are gone.
    fn scan_root(&self) -> store::Result<()> {
        let Some(root) = &self.root else {
            return Ok(());
        };
        let io = |error| PathError::at(root)(error);
        for entry in std::fs::read_dir(root).map_err(io)? {
            let path = entry.map_err(io)?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let location = path.into();
            if is_name(&name)
                && store::exists(&location).unwrap_or(false)
                && self.get(&name).is_none()
            {
                let opened = ServedCollection::open(name.clone(), location);
                if let Some(served) = self.log_err(&name, opened, "cannot open the collection") {
                    self.insert(served);
                }
            }
        }
        if let Ok(mut all) = self.by_name.write() {
            all.retain(|_, served| {
                served.folder_in(root).is_none() || store::exists(&served.location).unwrap_or(true)
            });
        }
        Ok(())
    }

    /// Logs an error about a collection unless it is the one logged last: refreshes come twice a
    /// second.
    fn log_err<T>(&self, name: &str, result: store::Result<T>, message: &str) -> Option<T> {
        let mut last_errors = self
            .last_errors
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(value) => {
                last_errors.remove(name);
                Some(value)
            }
            Err(error) => {
                let error = error.to_string();
                if last_errors.get(name) != Some(&error) {
                    tracing::error!(collection = name, error, "{message}");
                    last_errors.insert(name.to_owned(), error);
                }
                None
            }
        }
    }

    fn insert(&self, served: ServedCollection) {
        if let Ok(mut all) = self.by_name.write() {
            all.insert(served.name.clone(), Arc::new(served));
        }
    }

    fn get(&self, name: &str) -> Option<Arc<ServedCollection>> {
        self.by_name.read().ok()?.get(name).cloned()
    }

    /// The collection with this name.
    pub fn named(&self, name: &str) -> Result<Arc<ServedCollection>> {
        self.get(name).ok_or_else(|| {
            Problem::not_found(format!(
                "no collection is called {name:?}; {}",
                self.names()
            ))
        })
    }

    /// The collection with this name, or the default one.
    pub fn named_or_default(&self, name: Option<&str>) -> Result<Arc<ServedCollection>> {
        match name {
            Some(name) => self.named(name),
            None => {
                let all = self.all();
                let default = self.default.as_deref().and_then(|name| self.get(name));
                default
                    .or_else(|| all.first().filter(|_| all.len() == 1).cloned())
                    .ok_or_else(|| {
                        Problem::bad_request(format!("which collection? {}", self.names()))
                    })
            }
        }
    }

    /// The collections there are, in a sentence.
    fn names(&self) -> String {
        let all = self.all();
        let named: Vec<&str> = all
            .iter()
            .take(MAX_NAMED)
            .map(|served| served.name.as_str())
            .collect();
        match all.len() {
            0 => "there are none".to_owned(),
            1..=MAX_NAMED => format!("there are: {}", named.join(", ")),
            many => format!("there are {many}: {}, …", named.join(", ")),
        }
    }

    /// All collections, sorted by name.
    pub fn all(&self) -> Vec<Arc<ServedCollection>> {
        self.by_name
            .read()
            .map(|all| all.values().cloned().collect())
            .unwrap_or_default()
    }

    /// The name of the default collection.
    pub fn default_name(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// Whether new collections can be created.
    pub fn can_create(&self) -> bool {
        self.root.is_some()
    }

    /// The path of a new collection with this name.
    pub fn path_for_new(&self, name: &str) -> Result<PathBuf> {
        let root = self.root.as_ref().ok_or_else(|| {
            Problem::conflict("this server was started without a folder for new collections")
        })?;
        if !is_name(name) {
            return Err(Problem::bad_request(format!(
                "{name:?} is no name for a collection: expected 1 to {MAX_NAME_BYTES} letters, digits, '-', '_' or '.', the first a letter or digit"
            )));
        }
        if self.get(name).is_some() {
            return Err(Problem::conflict(format!(
                "a collection is called {name:?} already"
            )));
        }
        Ok(root.join(name))
    }

    /// Serves a collection that has just been created.
    pub fn add(&self, name: &str, location: PathBuf) -> Result<Arc<ServedCollection>> {
        self.insert(ServedCollection::open(name.to_owned(), location.into())?);
        self.named(name)
    }

    /// Stops serving a collection and deletes its folder.
    pub fn remove(&self, name: &str) -> Result<()> {
        let served = self.named(name)?;
        let root = self.root.as_ref();
        let Some(folder) = root.and_then(|root| served.folder_in(root)) else {
            return Err(Problem::conflict(format!(
                "{name:?} is not in the folder of this server's collections; only its owner can remove it"
            )));
        };
        // Holding the writer proves that nobody is writing, and keeps others from starting.
        let writer = served.snapshot().collection.writer()?;
        // Renamed first, so that nobody ever sees half of it: hidden folders are not collections.
        let id = served.snapshot().id;
        let removed = folder.with_file_name(format!(
            ".{name}.{}-{id}{REMOVED_SUFFIX}",
            std::process::id()
        ));
        std::fs::rename(folder, &removed)?;
        if let Ok(mut all) = self.by_name.write() {
            // A new collection of that name may have taken its place.
            if all
                .get(name)
                .is_some_and(|current| Arc::ptr_eq(current, &served))
            {
                all.remove(name);
            }
        }
        drop(writer);
        if let Err(error) = std::fs::remove_dir_all(&removed) {
            tracing::warn!(%error, folder = %removed.display(), "cannot delete the folder of a removed collection");
        }
        Ok(())
    }

    /// Switches every collection to its newest commit.
    pub fn refresh(&self) {
        self.log_err(
            "",
            self.scan_root(),
            "cannot read the folder of collections",
        );
        for served in self.all() {
            self.log_err(
                &served.name,
                served.refresh(),
                "cannot open the newest commit; still serving the previous one",
            );
        }
    }
}

/// Deletes what an interrupted removal of a collection left behind.
fn remove_leftovers(root: &Path) -> store::Result<()> {
    let io = |error| PathError::at(root)(error);
    for entry in std::fs::read_dir(root).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') && name.ends_with(REMOVED_SUFFIX) {
            // Another server may be deleting it at the same time.
            if let Err(error) = std::fs::remove_dir_all(&path) {
                tracing::warn!(%error, folder = %path.display(), "cannot delete the folder of a removed collection");
            }
        }
    }
    Ok(())
}

/// The name of a collection from its location: `books/.nigh` is called `books`.
fn name_of(location: &Location) -> String {
    let path = match location {
        Location::Local(folder) => folder.canonicalize().unwrap_or_else(|_| folder.clone()),
        Location::Remote(remote) => PathBuf::from(remote.to_string()),
    };
    let names = path
        .ancestors()
        .filter_map(Path::file_name)
        .map(|name| name.to_string_lossy());
    let mut names = names.map(|name| {
        name.chars()
            .map(|c| if is_name_char(c) { c } else { '-' })
            .collect::<String>()
    });
    names
        .find(|name| is_name(name))
        .unwrap_or_else(|| "collection".to_owned())
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

/// Whether a name is a valid file name on every system and cannot leave its folder.
fn is_name(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.chars().all(is_name_char)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_name_rejects_paths_and_hidden_names() {
        for name in ["a", "Books-2.x", "9", &"x".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            ".nigh",
            "a/b",
            "a\\b",
            "a b",
            "é",
            "-a",
            &"x".repeat(65),
            "a\0",
        ] {
            assert!(!is_name(name), "{name:?}");
        }
    }

    #[test]
    fn opening_the_root_deletes_leftovers_of_removed_collections() {
        let root = tempfile::tempdir().unwrap();
        let (left, other) = (
            root.path().join(format!(".books.7-1{REMOVED_SUFFIX}")),
            root.path().join(".git"),
        );
        for folder in [&left, &other] {
            std::fs::create_dir_all(folder.join("text")).unwrap();
        }
        assert!(
            Collections::open(None, Some(root.path()))
                .unwrap()
                .all()
                .is_empty()
        );
        assert!(!left.exists() && other.exists());
    }

    #[test]
    fn a_hidden_folder_takes_the_name_of_its_parent() {
        assert_eq!(name_of(&Location::from("/no/such/books/.nigh")), "books");
        assert_eq!(name_of(&Location::from("/no/such/My Books")), "My-Books");
    }
}
