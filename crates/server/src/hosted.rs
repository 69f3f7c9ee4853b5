//! The collections that are served, each as of its newest commit.

use crate::map::Map;

use crate::problem::{Problem, Result};
use crate::suggest::Suggestions;
use arc_swap::ArcSwap;
use once_cell::sync::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use store::{Collection, Facet};

/// How the folder ends that a collection is moved to before it is removed.
const GONE: &str = ".nigh-gone";
/// How many values of a field are listed.
const FACET_VALUES: usize = 50;
/// The longest name of a collection.
const LONGEST_NAME: usize = 64;

/// One commit of a collection, and what was worked out of it.
pub struct Snapshot {
    /// Tells apart all commits that this process has opened.
    pub number: u64,
    pub collection: Box<dyn Collection>,
    pub suggestions: OnceCell<Suggestions>,
    ids: OnceCell<Vec<String>>,
    facets: OnceCell<Vec<Facet>>,
    pub map: OnceCell<Map>,
}

/// A collection that is served.
pub struct Hosted {
    pub name: String,
    pub location: PathBuf,
    current: ArcSwap<Snapshot>,
    /// Held while this process writes: those who come at the same time wait for each other.
    pub writing: Arc<tokio::sync::Mutex<()>>,
    /// Held while looking for a newer commit.
    looking: Mutex<()>,
}

/// All of them.
pub struct Collections {
    hosted: RwLock<BTreeMap<String, Arc<Hosted>>>,
    /// The folder in which new ones are made, and whose collections are all served.
    root: Option<PathBuf>,
    /// The one that is meant where none is named.
    default: Option<String>,
    /// What was wrong with each the last time.
    troubled: Mutex<BTreeMap<String, String>>,
}

static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Snapshot {
    fn of(collection: Box<dyn Collection>) -> Arc<Self> {
        Arc::new(Self {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            collection,
            suggestions: OnceCell::new(),
            ids: OnceCell::new(),
            facets: OnceCell::new(),
            map: OnceCell::new(),
        })
    }

    /// The ids of its articles, in order.
    pub fn ids(&self) -> Result<&[String]> {
        let ids = self.ids.get_or_try_init(|| -> Result<_> {
            let mut ids: Vec<String> = self.collection.catalogue()?.articles.into_keys().collect();
            ids.sort_unstable();
            Ok(ids)
        })?;
        Ok(ids)
    }

    /// The fields to filter by, with their commonest values.
    pub fn facets(&self) -> Result<&[Facet]> {
        Ok(self.facets.get_or_try_init(|| self.collection.facets(FACET_VALUES))?)
    }
}

impl Hosted {
    fn open(name: String, location: PathBuf) -> store::Result<Self> {
        let current = ArcSwap::new(Snapshot::of(store::open(&location.to_string_lossy())?));
        Ok(Self { name, location, current, writing: Arc::default(), looking: Mutex::default() })
    }

    /// The newest commit that was opened. Who has it keeps it, whatever is committed meanwhile.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Moves on to the newest commit. Questions that are being answered keep the one they began with.
    pub fn refresh(&self) -> store::Result<()> {
        let _looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.current.load().collection.is_newest()? {
            self.current.store(Snapshot::of(store::open(&self.location())?));
        }
        Ok(())
    }

    pub fn location(&self) -> String {
        self.location.to_string_lossy().into_owned()
    }
}

impl Collections {
    /// The collection at `one`, and all in the folder `root`.
    pub fn open(one: Option<&Path>, root: Option<&Path>) -> store::Result<Self> {
        let mut hosted = BTreeMap::new();
        let mut default = None;
        if let Some(path) = one {
            let name = named_after(path);
            hosted.insert(name.clone(), Arc::new(Hosted::open(name.clone(), path.to_owned())?));
            default = Some(name);
        }
        if let Some(root) = root {
            sweep(root)?;
        }
        let (root, troubled) = (root.map(Path::to_owned), Mutex::default());
        let all = Self { hosted: RwLock::new(hosted), root, default, troubled };
        all.look_for_more()?;
        Ok(all)
    }

    /// Opens what has come into the folder, and lets go of what has gone.
    fn look_for_more(&self) -> store::Result<()> {
        let Some(root) = &self.root else { return Ok(()) };
        let io = |source| store::Error::Io { path: root.clone(), source };
        for entry in std::fs::read_dir(root).map_err(io)? {
            let path = entry.map_err(io)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if is_name(&name) && store::exists(&path.to_string_lossy()).unwrap_or(false) && self.get(&name).is_none() {
                let opened = Hosted::open(name.clone(), path);
                if let Some(hosted) = self.said(&name, opened, "cannot be opened") {
                    self.insert(hosted);
                }
            }
        }
        if let Ok(mut all) = self.hosted.write() {
            all.retain(|_, hosted| {
                !hosted.location.starts_with(root) || store::exists(&hosted.location()).unwrap_or(true)
            });
        }
        Ok(())
    }

    /// Gives what there is; says what is wrong instead, once, not twice a second.
    fn said<T>(&self, of: &str, result: store::Result<T>, what: &str) -> Option<T> {
        let mut troubled = self.troubled.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(found) => {
                troubled.remove(of);
                Some(found)
            }
            Err(error) => {
                let error = error.to_string();
                if troubled.get(of) != Some(&error) {
                    tracing::error!(collection = of, error, "{what}");
                    troubled.insert(of.to_owned(), error);
                }
                None
            }
        }
    }

    fn insert(&self, hosted: Hosted) {
        if let Ok(mut all) = self.hosted.write() {
            all.insert(hosted.name.clone(), Arc::new(hosted));
        }
    }

    fn get(&self, name: &str) -> Option<Arc<Hosted>> {
        self.hosted.read().ok()?.get(name).cloned()
    }

    /// The collection of this name.
    pub fn named(&self, name: &str) -> Result<Arc<Hosted>> {
        self.get(name).ok_or_else(|| Problem::not_found(format!("no collection is called {name:?}")))
    }

    /// The collection of this name, or the one that is meant without.
    pub fn named_or_default(&self, name: Option<&str>) -> Result<Arc<Hosted>> {
        match name {
            Some(name) => self.named(name),
            None => {
                let all = self.all();
                let default = self.default.as_deref().and_then(|name| self.get(name));
                default.or_else(|| all.first().filter(|_| all.len() == 1).cloned()).ok_or_else(|| {
                    let names: Vec<&str> = all.iter().map(|hosted| hosted.name.as_str()).collect();
                    Problem::bad_request(format!("which collection? There are: {}", names.join(", ")))
                })
            }
        }
    }

    /// All, in the order of their names.
    pub fn all(&self) -> Vec<Arc<Hosted>> {
        self.hosted.read().map(|all| all.values().cloned().collect()).unwrap_or_default()
    }

    /// The name of the one that is meant where none is named.
    pub fn default_name(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// Whether new ones can be made.
    pub fn can_create(&self) -> bool {
        self.root.is_some()
    }

    /// Where a new one of this name goes.
    pub fn place_for(&self, name: &str) -> Result<PathBuf> {
        let root = self.root.as_ref().ok_or_else(|| {
            Problem::conflict("this server has no folder for new collections; start it with --root FOLDER")
        })?;
        if !is_name(name) {
            return Err(Problem::bad_request(format!(
                "{name:?} is no name for a collection: expected 1 to {LONGEST_NAME} letters, digits, '-', '_' or '.', the first a letter or digit"
            )));
        }
        if self.get(name).is_some() {
            return Err(Problem::conflict(format!("a collection is called {name:?} already")));
        }
        Ok(root.join(name))
    }

    /// Serves a collection that was just made.
    pub fn add(&self, name: &str, location: PathBuf) -> Result<Arc<Hosted>> {
        self.insert(Hosted::open(name.to_owned(), location)?);
        self.named(name)
    }

    /// Serves it no longer, and removes its folder.
    pub fn remove(&self, name: &str) -> Result<()> {
        let hosted = self.named(name)?;
        let ours = self.root.as_ref().is_some_and(|root| hosted.location.starts_with(root));
        if !ours {
            return Err(Problem::conflict(format!(
                "{name:?} is not in the folder of this server's collections; it is for its owner to remove"
            )));
        }
        // No one can begin to write any more, and no one is writing.
        let writer = hosted.snapshot().collection.writer()?;
        // At once out of the way, so that no half of it is ever found: hidden folders are no collections.
        let number = hosted.snapshot().number;
        let gone = hosted.location.with_file_name(format!(".{name}.{}-{number}{GONE}", std::process::id()));
        std::fs::rename(&hosted.location, &gone)?;
        if let Ok(mut all) = self.hosted.write() {
            // Another one may be there already.
            if all.get(name).is_some_and(|there| Arc::ptr_eq(there, &hosted)) {
                all.remove(name);
            }
        }
        drop(writer);
        if let Err(error) = std::fs::remove_dir_all(&gone) {
            tracing::warn!(%error, folder = %gone.display(), "is left of a collection that was removed");
        }
        Ok(())
    }

    /// Moves everything on to its newest commit.
    pub fn refresh(&self) {
        self.said("", self.look_for_more(), "the folder of collections cannot be read");
        for hosted in self.all() {
            self.said(&hosted.name, hosted.refresh(), "stays as it is: the newest commit cannot be opened");
        }
    }
}

/// Removes what was left when removing a collection was cut short.
fn sweep(root: &Path) -> store::Result<()> {
    let io = |source| store::Error::Io { path: root.to_owned(), source };
    for entry in std::fs::read_dir(root).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') && name.ends_with(GONE) {
            // Another server may be at it.
            if let Err(error) = std::fs::remove_dir_all(&path) {
                tracing::warn!(%error, folder = %path.display(), "is left of a collection that was removed");
            }
        }
    }
    Ok(())
}

/// A folder's name as a collection's: `.nigh` is called after the folder that it is in.
fn named_after(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let names = whole.ancestors().filter_map(Path::file_name).map(|name| name.to_string_lossy());
    let mut names = names.map(|name| name.chars().map(|c| if is_of_name(c) { c } else { '-' }).collect::<String>());
    names.find(|name| is_name(name)).unwrap_or_else(|| "collection".to_owned())
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

/// Names that are a file name everywhere, and no way out of the folder.
fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name.chars().all(is_of_name)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for name in ["a", "Books-2.x", "9", &"x".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "..", ".nigh", "a/b", "a\\b", "a b", "é", "-a", &"x".repeat(65), "a\0"] {
            assert!(!is_name(name), "{name:?}");
        }
    }

    #[test]
    fn what_is_left_of_removed_collections_is_swept_away() {
        let root = tempfile::tempdir().unwrap();
        let (left, other) = (root.path().join(format!(".books.7-1{GONE}")), root.path().join(".git"));
        for folder in [&left, &other] {
            std::fs::create_dir_all(folder.join("text")).unwrap();
        }
        assert!(Collections::open(None, Some(root.path())).unwrap().all().is_empty());
        assert!(!left.exists() && other.exists());
    }

    #[test]
    fn a_hidden_folder_is_called_after_the_one_around_it() {
        assert_eq!(named_after(Path::new("/no/such/books/.nigh")), "books");
        assert_eq!(named_after(Path::new("/no/such/My Books")), "My-Books");
    }
}
