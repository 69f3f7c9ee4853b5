//! One file a command, or a few that belong together.

pub mod about;
pub mod bench;
pub mod care;
pub mod demo;
pub mod index;
pub mod run;
pub mod search;

use anyhow::{Context, bail};
use ingest::Embedder;
use ingest::embed::Workload;
use query::{Mode, Searcher};
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

/// What `ask` makes of every item, in their order, on several threads with a searcher each.
pub fn ask_all<T: Sync, R: Send>(
    collection: &dyn Collection,
    embedder: Option<Box<dyn Embedder>>,
    threads: usize,
    items: &[T],
    ask: impl Fn(&mut Searcher<'_>, &T) -> anyhow::Result<R> + Sync,
) -> anyhow::Result<Vec<R>> {
    let mut embedders =
        (1..threads).map(|_| embedder.as_ref().map(|e| e.fork()).transpose()).collect::<Result<Vec<_>, _>>()?;
    embedders.push(embedder);
    let next = AtomicUsize::new(0);
    let work = |embedder| -> anyhow::Result<Vec<(usize, R)>> {
        let mut searcher = Searcher::new(collection, embedder)?;
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return Ok(done) };
            done.push((at, ask(&mut searcher, item)?));
        }
    };
    let mut answers: Vec<(usize, R)> = Vec::with_capacity(items.len());
    std::thread::scope(|scope| {
        let workers: Vec<_> = embedders.into_iter().map(|embedder| scope.spawn(|| work(embedder))).collect();
        for worker in workers {
            answers.extend(worker.join().unwrap_or_else(|_| bail!("a search thread panicked"))?);
        }
        anyhow::Ok(())
    })?;
    answers.sort_unstable_by_key(|(at, _)| *at);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}
