//! A collection's own model.

use crate::{Error, Result};
use ingest::Embedder;
use query::Mode;
use store::Collection;

/// The collection's own model, if the mode needs one.
///
/// # Errors
/// When it cannot be loaded.
pub fn embedder_for(collection: &dyn Collection, mode: Mode) -> Result<Option<Box<dyn Embedder>>> {
    if mode == Mode::Lexical { Ok(None) } else { model_of(collection).map(Some) }
}

/// The collection's own model.
pub(crate) fn model_of(collection: &dyn Collection) -> Result<Box<dyn Embedder>> {
    let name = &collection.manifest().model.name;
    ingest::embed::load(name).map_err(|source| Error::Model { name: name.clone(), source })
}

/// One embedder for each of `threads`.
///
/// # Errors
/// When the model cannot be had once more.
pub fn forks(embedder: &dyn Embedder, threads: usize) -> Result<Vec<Box<dyn Embedder>>> {
    (0..threads).map(|_| Ok(embedder.fork()?)).collect()
}
