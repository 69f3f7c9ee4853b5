//! API keys: who may do what. A file keeps their hashes; the keys themselves are shown once, when they are made.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq;

/// What a key begins with, so that one that was leaked is recognised.
const PREFIX: &str = "nigh_";
/// How many random bytes a key has: nobody guesses them, so a fast hash is enough.
const BYTES: usize = 32;

/// What the holder of a key may do; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Ask, read, judge.
    Read,
    /// Add and delete articles.
    Write,
    /// Make, compact and remove collections.
    Admin,
}

/// A key as the file has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    name: String,
    role: Role,
    /// BLAKE3 of the key, in hexadecimal.
    hash: String,
}

/// All keys.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    #[serde(default, rename = "key")]
    keys: Vec<Key>,
}

/// What can go wrong with a file of keys.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no file of keys.
    #[error("{path}: expected [[key]] tables with name, role and hash: {problem}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// A key of this name is there already.
    #[error("{path}: a key is called {name:?} already")]
    Taken {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// No key has this name.
    #[error("{path}: no key is called {name:?}")]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// The system gives no random numbers.
    #[error("no random numbers can be had: {0}")]
    Random(String),
}

impl Keys {
    /// Reads a file of keys.
    ///
    /// # Errors
    /// When it does not read.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let malformed = |problem: String| Error::Malformed { path: path.to_owned(), problem };
        let mut keys: Self = toml::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        for key in &mut keys.keys {
            let hash = blake3::Hash::from_hex(&key.hash)
                .map_err(|error| malformed(format!("the hash of {:?}: {error}", key.name)))?;
            key.hash = hash.to_hex().to_string();
        }
        Ok(keys)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Names and roles.
    pub fn list(&self) -> impl Iterator<Item = (&str, Role)> {
        self.keys.iter().map(|key| (key.name.as_str(), key.role))
    }

    /// What the holder of a key may do; `None` if it is no key. Takes as long whichever it is, and however much of
    /// it is right.
    pub fn role(&self, key: &str) -> Option<(&str, Role)> {
        let hash = blake3::hash(key.as_bytes()).to_hex();
        let mut found = None;
        for known in &self.keys {
            if bool::from(known.hash.as_bytes().ct_eq(hash.as_bytes())) {
                found = Some((known.name.as_str(), known.role));
            }
        }
        found
    }

    /// Makes a key and puts its hash into the file, which is made if it is not there. Gives the key.
    ///
    /// # Errors
    /// When the name is taken, or the file cannot be written.
    pub fn add(path: &Path, name: &str, role: Role) -> Result<String, Error> {
        let mut keys = if path.exists() { Self::read(path)? } else { Self::default() };
        if keys.keys.iter().any(|key| key.name == name) {
            return Err(Error::Taken { path: path.to_owned(), name: name.to_owned() });
        }
        let mut random = [0; BYTES];
        getrandom::fill(&mut random).map_err(|error| Error::Random(error.to_string()))?;
        let key = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random));
        let hash = blake3::hash(key.as_bytes()).to_hex().to_string();
        keys.keys.push(Key { name: name.to_owned(), role, hash });
        keys.write(path)?;
        Ok(key)
    }

    /// Takes a key out of the file.
    ///
    /// # Errors
    /// When no key has the name, or the file cannot be written.
    pub fn remove(path: &Path, name: &str) -> Result<(), Error> {
        let mut keys = Self::read(path)?;
        let before = keys.keys.len();
        keys.keys.retain(|key| key.name != name);
        if keys.keys.len() == before {
            return Err(Error::Unknown { path: path.to_owned(), name: name.to_owned() });
        }
        keys.write(path)
    }

    fn write(&self, path: &Path) -> Result<(), Error> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        let text = toml::to_string(self)
            .map_err(|error| Error::Malformed { path: path.to_owned(), problem: error.to_string() })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Whole or not at all, and for nobody else's eyes.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(io)?;
        file.persist(path).map_err(|error| io(error.error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_what_its_role_says_until_it_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let reader = Keys::add(&path, "page", Role::Read).unwrap();
        let admin = Keys::add(&path, "me", Role::Admin).unwrap();
        assert!(matches!(Keys::add(&path, "me", Role::Read), Err(Error::Taken { .. })));
        let keys = Keys::read(&path).unwrap();
        assert_eq!(keys.role(&reader), Some(("page", Role::Read)));
        assert_eq!(keys.role(&admin), Some(("me", Role::Admin)));
        assert_eq!(keys.role(""), None);
        assert_eq!(keys.role(&reader[..reader.len() - 1]), None);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&reader) && !text.contains(&admin[PREFIX.len()..]));
        // A hash by another program's hand.
        let upper = text.lines().map(|line| match line.split_once("hash = ") {
            Some((_, hash)) => format!("hash = {}\n", hash.to_uppercase()),
            None => format!("{line}\n"),
        });
        std::fs::write(&path, upper.collect::<String>()).unwrap();
        assert_eq!(Keys::read(&path).unwrap().role(&reader), Some(("page", Role::Read)));
        Keys::remove(&path, "page").unwrap();
        assert_eq!(Keys::read(&path).unwrap().role(&reader), None);
        assert!(matches!(Keys::remove(&path, "page"), Err(Error::Unknown { .. })));
        assert!(Role::Read < Role::Write && Role::Write < Role::Admin);
    }

    #[test]
    fn what_is_no_file_of_keys_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        for text in ["[[key]]\nname = \"a\"\n", "nonsense", "[[key]]\nname=\"a\"\nrole=\"read\"\nhash=\"00\"\n"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(Keys::read(&path), Err(Error::Malformed { .. })), "{text}");
        }
        assert!(matches!(Keys::read(&folder.path().join("none")), Err(Error::Io { .. })));
    }
}
