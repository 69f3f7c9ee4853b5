//! `nigh.toml`: default values of flags, from the current folder or the nearest parent that has the
//! file.

use crate::args::{ChunkArg, CollectionArg, ModeArg};
use crate::milvus;
use anyhow::Context;
use serde::Deserialize;
use std::ffi::OsStr;
use std::path::PathBuf;
use store::{Location, LocationError};

/// The default collection.
pub const DEFAULT_COLLECTION: &str = ".nigh";

/// More threads do not help, and each costs memory.
const MAX_THREADS: usize = 256;

/// The contents of the file. Flags and NIGH_COLLECTION take precedence.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    collection: Option<String>,
    pub model: Option<String>,
    pub chunk: Option<ChunkArg>,
    pub chunk_tokens: Option<usize>,
    pub overlap: Option<usize>,
    pub threads: Option<usize>,
    pub k: Option<u32>,
    pub mode: Option<ModeArg>,
    #[serde(default)]
    milvus: milvus::Settings,
    /// Made of `milvus` and the environment.
    #[serde(skip)]
    backend: milvus::Backend,
    /// The folder of the file, against which relative paths in it are resolved.
    #[serde(skip)]
    folder: PathBuf,
}

impl Config {
    /// Finds and reads the file. Everything is unset if there is none.
    pub fn find() -> anyhow::Result<Self> {
        let config = Self::read()?;
        Ok(Self {
            backend: config.milvus.backend(&config.folder)?,
            ..config
        })
    }

    fn read() -> anyhow::Result<Self> {
        let here = std::env::current_dir().unwrap_or_default();
        for folder in here.ancestors() {
            let path = folder.join("nigh.toml");
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error).with_context(|| path.display().to_string()),
            };
            let config: Self = toml::from_str(&text).with_context(|| path.display().to_string())?;
            if let Some(k) = config.k.filter(|k| !(1..=10_000).contains(k)) {
                anyhow::bail!("{}: k = {k}: expected 1 to 10,000", path.display());
            }
            let model = config.model.map(|model| match folder.join(&model) {
                place if place.is_dir() => place.to_string_lossy().into_owned(),
                _ => model,
            });
            return Ok(Self {
                folder: folder.to_owned(),
                model,
                ..config
            });
        }
        Ok(Self::default())
    }

    /// The location of the collection. An empty variable is as good as none.
    pub fn collection(&self, target: &CollectionArg) -> store::Result<Location> {
        let named = target.collection.as_ref().filter(|name| !name.is_empty());
        match (named, &self.collection) {
            (Some(flag), _) => self.locate(flag),
            (None, Some(name)) => Ok(match self.locate(name.as_ref())? {
                Location::Local(path) => self.folder.join(path).into(),
                remote @ Location::Remote(_) => remote,
            }),
            (None, None) => Ok(DEFAULT_COLLECTION.into()),
        }
    }

    /// The location that a path or URL names.
    pub fn locate(&self, name: &OsStr) -> store::Result<Location> {
        let url = name.to_str().unwrap_or_default();
        match Location::scheme_of(url) {
            None => Ok(name.into()),
            Some("milvus") => self.backend.locate(url),
            Some(scheme) => Err(store::Error::Location {
                url: url.to_owned(),
                reason: LocationError::UnknownScheme {
                    scheme: scheme.to_owned(),
                },
            }),
        }
    }

    /// The number of threads: the flag's, the file's, or one per core.
    pub fn threads(&self, flag: Option<usize>) -> usize {
        flag.or(self.threads)
            .unwrap_or_else(cores)
            .clamp(1, MAX_THREADS)
    }
}

/// The number of CPU cores.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
