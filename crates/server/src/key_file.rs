//! The key file of a running server, read again whenever it changes.

use crate::file_stamp::FileStamp;
use crate::keys::{Error, Keys};
use arc_swap::ArcSwap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A key file.
pub struct KeyFile {
    path: PathBuf,
    read: ArcSwap<(FileStamp, Arc<Keys>)>,
}

impl KeyFile {
    pub fn open(path: &Path) -> Result<Self, Error> {
        let stamp = FileStamp::of(path);
        Ok(Self {
            path: path.to_owned(),
            read: ArcSwap::from_pointee((stamp, Arc::new(Keys::read(path)?))),
        })
    }

    /// The keys that the file has now. While it cannot be read, those that it had before.
    pub fn keys(&self) -> Arc<Keys> {
        let read = self.read.load();
        let stamp = FileStamp::of(&self.path);
        if stamp == read.0 {
            return read.1.clone();
        }
        let keys = match Keys::read(&self.path) {
            Ok(keys) => {
                tracing::info!(keys = keys.list().count(), "read the key file again");
                Arc::new(keys)
            }
            Err(error) => {
                tracing::error!(%error, "cannot read the key file again; the keys stay as they were");
                read.1.clone()
            }
        };
        self.read.store(Arc::new((stamp, keys.clone())));
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Role;

    #[test]
    fn added_and_removed_keys_count_at_once_and_a_damaged_file_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let first = Keys::add(&path, "first", Role::Read).unwrap();
        let file = KeyFile::open(&path).unwrap();
        let knows = |key: &str| file.keys().authenticate(key).is_some();
        let second = Keys::add(&path, "second", Role::Read).unwrap();
        assert!(knows(&first) && knows(&second));
        Keys::remove(&path, "first").unwrap();
        assert!(!knows(&first) && knows(&second));
        std::fs::write(&path, "half of a fil").unwrap();
        assert!(!knows(&first) && knows(&second));
        std::fs::remove_file(&path).unwrap();
        assert!(knows(&second));
        let third = Keys::add(&path, "third", Role::Read).unwrap();
        assert!(knows(&third) && !knows(&second));
    }
}
