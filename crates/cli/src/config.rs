//! `nigh.toml`: defaults for flags, from this folder or the nearest one above that has it.

use crate::args::{ChunkArg, ModeArg, OnCollection};
use crate::milvus;
use anyhow::Context;
use serde::Deserialize;
use std::path::PathBuf;

/// The collection where nothing else is said.
const COLLECTION: &str = ".nigh";

/// More threads than this are no help, and each costs memory.
const MOST_THREADS: usize = 256;

/// What the file may say; flags and NIGH_COLLECTION win.
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
    /// The folder of the file; relative paths in it count from there.
    #[serde(skip)]
    folder: PathBuf,
}

impl Config {
    /// Reads the file, if there is one.
    pub fn find() -> anyhow::Result<Self> {
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
            return Ok(Self { folder: folder.to_owned(), ..config });
        }
        Ok(Self::default())
    }

    /// Has collections on Milvus opened as the environment and the file say.
    pub fn register(&self) -> anyhow::Result<()> {
        self.milvus.register(&self.folder)
    }

    /// Where the collection is.
    pub fn collection(&self, on: &OnCollection) -> String {
        match (&on.collection, &self.collection) {
            (Some(flag), _) => flag.clone(),
            (None, Some(name)) if store::remote::is_remote(name) => name.clone(),
            (None, Some(name)) => self.folder.join(name).to_string_lossy().into_owned(),
            (None, None) => COLLECTION.to_owned(),
        }
    }

    /// How many threads: the flag, the file, or one a core.
    pub fn threads(&self, flag: Option<usize>) -> usize {
        flag.or(self.threads).unwrap_or_else(cores).clamp(1, MOST_THREADS)
    }
}

/// How many cores there are.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
