//! One file a command, or a few that belong together.

pub mod about;
pub mod bench;
pub mod care;
pub mod demo;
pub mod eval;
pub mod index;
pub mod latency;
pub mod manifest;
mod questions;
pub mod ranking;
pub mod recall;
pub mod run;
pub mod search;
mod stop;
pub mod tune;

pub use questions::Questions;

use anyhow::Context;
use ingest::Embedder;
use ingest::embed::Workload;
use query::Mode;
use store::Collection;

/// The collection's own model, if the mode needs one.
pub fn embedder_for(
    collection: &dyn Collection,
    mode: Mode,
    workload: Workload,
) -> anyhow::Result<Option<Box<dyn Embedder>>> {
    if mode == Mode::Lexical {
        return Ok(None);
    }
    let name = &collection.manifest().model.name;
    let embedder = ingest::embed::load(name, workload);
    embedder
        .map(Some)
        .with_context(|| format!("the collection was made with the model {name:?}; --mode lexical needs none"))
}

/// One embedder for each of `threads`.
pub fn forks(embedder: &dyn Embedder, threads: usize) -> anyhow::Result<Vec<Box<dyn Embedder>>> {
    (0..threads).map(|_| Ok(embedder.fork()?)).collect()
}
