//! API keys and roles. The key file holds hashes only; a key itself is shown once, when it is
//! created.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use disk::PathError;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq;

/// A fixed prefix, so that secret scanners recognize a leaked key.
const KEY_PREFIX: &str = "nigh_";
/// Random bytes in a key: enough that it cannot be guessed, so a fast hash is fine.
const KEY_BYTES: usize = 32;

/// What the holder of a key may do. Each role includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Search, read articles, run evaluations.
    Read,
    /// Add and delete articles.
    Write,
    /// Create, compact and delete collections.
    Admin,
}

/// A key as stored in the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    name: String,
    role: Role,
    /// BLAKE3 of the key in lower-case hexadecimal.
    hash: String,
}

/// The keys of one key file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    #[serde(default, rename = "key")]
    keys: Vec<Key>,
}

/// What can go wrong with a key file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading or writing it failed.
    #[error(transparent)]
    Io(#[from] PathError),
    /// It is not a key file.
    #[error("{path}: expected [[key]] tables with name, role and hash: {reason}")]
    Malformed {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        reason: SyntaxError,
    },
    /// The name is in use already.
    #[error("{path}: a key is called {name:?} already")]
    NameTaken {
        /// The key file.
        path: PathBuf,
        /// The name of the key.
        name: String,
    },
    /// No key has this name.
    #[error("{path}: no key is called {name:?}")]
    UnknownName {
        /// The key file.
        path: PathBuf,
        /// The name of the key.
        name: String,
    },
    /// The operating system provides no random numbers.
    #[error("cannot get random numbers: {0}")]
    Random(String),
}

/// Why a file is no key file.
#[derive(Debug, thiserror::Error)]
pub enum SyntaxError {
    /// It is not TOML, or has other tables.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    /// Its keys cannot be written as TOML.
    #[error(transparent)]
    Unwritable(#[from] toml::ser::Error),
    /// A hash is not one of BLAKE3.
    #[error("the hash of {name:?}: {error}")]
    Hash {
        /// The name of the key.
        name: String,
        /// What is wrong with the hash.
        error: blake3::HexError,
    },
}

impl Keys {
    /// Reads a key file.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Malformed`] if it is not a key file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(PathError::at(path))?;
        let malformed = |reason: SyntaxError| Error::Malformed {
            path: path.to_owned(),
            reason,
        };
        let mut keys: Self = toml::from_str(&text).map_err(|error| malformed(error.into()))?;
        for key in &mut keys.keys {
            let hash = blake3::Hash::from_hex(&key.hash).map_err(|error| {
                let name = key.name.clone();
                malformed(SyntaxError::Hash { name, error })
            })?;
            key.hash = hash.to_hex().to_string();
        }
        Ok(keys)
    }

    /// Whether the file has no keys.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The name and role of each key.
    pub fn list(&self) -> impl Iterator<Item = (&str, Role)> {
        self.keys.iter().map(|key| (key.name.as_str(), key.role))
    }

    /// The name and role of a key, or `None` if it is unknown. The time this takes does not depend
    /// on whether, or how much of, the key is right.
    pub fn authenticate(&self, key: &str) -> Option<(&str, Role)> {
        let hash = blake3::hash(key.as_bytes()).to_hex();
        let mut found = None;
        for known in &self.keys {
            if bool::from(known.hash.as_bytes().ct_eq(hash.as_bytes())) {
                found = Some((known.name.as_str(), known.role));
            }
        }
        found
    }

    /// Creates a key, adds its hash to the file, and returns the key. A missing file is created.
    ///
    /// # Errors
    /// [`Error::NameTaken`], [`Error::Random`], or any error of reading or writing the file.
    pub fn add(path: &Path, name: &str, role: Role) -> Result<String, Error> {
        let mut keys = if path.exists() {
            Self::read(path)?
        } else {
            Self::default()
        };
        if keys.keys.iter().any(|key| key.name == name) {
            return Err(Error::NameTaken {
                path: path.to_owned(),
                name: name.to_owned(),
            });
        }
        let mut random = [0; KEY_BYTES];
        getrandom::fill(&mut random).map_err(|error| Error::Random(error.to_string()))?;
        let key = format!("{KEY_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random));
        let hash = blake3::hash(key.as_bytes()).to_hex().to_string();
        keys.keys.push(Key {
            name: name.to_owned(),
            role,
            hash,
        });
        keys.write(path)?;
        Ok(key)
    }

    /// Removes the key with this name from the file.
    ///
    /// # Errors
    /// [`Error::UnknownName`], or any error of reading or writing the file.
    pub fn remove(path: &Path, name: &str) -> Result<(), Error> {
        let mut keys = Self::read(path)?;
        let before = keys.keys.len();
        keys.keys.retain(|key| key.name != name);
        if keys.keys.len() == before {
            return Err(Error::UnknownName {
                path: path.to_owned(),
                name: name.to_owned(),
            });
        }
        keys.write(path)
    }

    fn write(&self, path: &Path) -> Result<(), Error> {
        let io = |error| PathError::at(path)(error);
        let text = toml::to_string(self).map_err(|error| Error::Malformed {
            path: path.to_owned(),
            reason: error.into(),
        })?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        // A temporary file is readable by its owner only, and renaming it is atomic.
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
    fn a_key_has_its_role_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let reader = Keys::add(&path, "page", Role::Read).unwrap();
        let admin = Keys::add(&path, "me", Role::Admin).unwrap();
        assert!(matches!(
            Keys::add(&path, "me", Role::Read),
            Err(Error::NameTaken { .. })
        ));
        let keys = Keys::read(&path).unwrap();
        assert_eq!(keys.authenticate(&reader), Some(("page", Role::Read)));
        assert_eq!(keys.authenticate(&admin), Some(("me", Role::Admin)));
        assert_eq!(keys.authenticate(""), None);
        assert_eq!(keys.authenticate(&reader[..reader.len() - 1]), None);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&reader) && !text.contains(&admin[KEY_PREFIX.len()..]));
        // Other programs may write hashes in upper case.
        let upper = text.lines().map(|line| match line.split_once("hash = ") {
            Some((_, hash)) => format!("hash = {}\n", hash.to_uppercase()),
            None => format!("{line}\n"),
        });
        std::fs::write(&path, upper.collect::<String>()).unwrap();
        assert_eq!(
            Keys::read(&path).unwrap().authenticate(&reader),
            Some(("page", Role::Read))
        );
        Keys::remove(&path, "page").unwrap();
        assert_eq!(Keys::read(&path).unwrap().authenticate(&reader), None);
        assert!(matches!(
            Keys::remove(&path, "page"),
            Err(Error::UnknownName { .. })
        ));
        assert!(Role::Read < Role::Write && Role::Write < Role::Admin);
    }

    #[test]
    fn reading_a_malformed_or_missing_key_file_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        for text in [
            "[[key]]\nname = \"a\"\n",
            "nonsense",
            "[[key]]\nname=\"a\"\nrole=\"read\"\nhash=\"00\"\n",
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(
                matches!(Keys::read(&path), Err(Error::Malformed { .. })),
                "{text}"
            );
        }
        assert!(matches!(
            Keys::read(&folder.path().join("none")),
            Err(Error::Io(_))
        ));
    }
}
