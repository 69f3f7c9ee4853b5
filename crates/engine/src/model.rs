//! The embedding model of a collection.

use crate::{Error, Result};
use ingest::Embedder;
use query::Mode;
use store::Collection;

/// Loads the collection's model, or gives `None` for [`Mode::Lexical`], which needs no model.
///
/// # Errors
/// [`Error::Model`] when the model cannot be loaded.
pub fn embedder_for(collection: &dyn Collection, mode: Mode) -> Result<Option<Box<dyn Embedder>>> {
    if mode == Mode::Lexical {
        Ok(None)
    } else {
        load_model(collection).map(Some)
    }
}

pub(crate) fn load_model(collection: &dyn Collection) -> Result<Box<dyn Embedder>> {
    let name = &collection.manifest().model.name;
    ingest::embed::load(name).map_err(|source| Error::Model {
        name: name.clone(),
        source,
    })
}

/// Makes an embedder for each of `threads` threads.
///
/// # Errors
/// When an embedder cannot be forked.
pub fn fork_embedder(embedder: &dyn Embedder, threads: usize) -> Result<Vec<Box<dyn Embedder>>> {
    (0..threads).map(|_| Ok(embedder.fork()?)).collect()
}
