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

use anyhow::{Context, bail};
use ingest::Embedder;
use ingest::embed::Workload;
use query::Mode;
use std::sync::atomic::{AtomicUsize, Ordering};
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

/// What `work` makes of every item, in their order, on a thread for each of `states`.
pub fn in_parallel<S: Send, T: Sync, R: Send>(
    states: Vec<S>,
    items: &[T],
    work: impl Fn(&mut S, &T) -> anyhow::Result<R> + Sync,
) -> anyhow::Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let run = |mut state: S| -> anyhow::Result<Vec<(usize, R)>> {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return Ok(done) };
            done.push((at, work(&mut state, item)?));
        }
    };
    let mut all: Vec<(usize, R)> = Vec::with_capacity(items.len());
    std::thread::scope(|scope| {
        let run = &run;
        let workers: Vec<_> = states.into_iter().map(|state| scope.spawn(move || run(state))).collect();
        for worker in workers {
            all.extend(worker.join().unwrap_or_else(|_| bail!("a thread panicked"))?);
        }
        anyhow::Ok(())
    })?;
    all.sort_unstable_by_key(|(at, _)| *at);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}
