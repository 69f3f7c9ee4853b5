//! A grid: the collection's articles cut and embedded in every combination that a file names, each
//! asked in every mode. Questions are embedded once a model; a text that two ways of cutting have
//! in common is embedded once.

use super::{Part, Task, judge};
use crate::{Amount, Error, Part as Progress, Result, Watch, articles, embedder_for};
use eval::loss::Searched;
use ingest::embed;
use ingest::pipeline::Plan;
use ingest::walk::Found;
use ingest::{Chunking, Embedder, Embedding, Fingerprint, ModelInfo, Role, Strategy};
use query::Mode;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use store::Collection;

/// The file: each list names the values to try; one that is left out, the collection's own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grid {
    model: Option<Vec<String>>,
    chunk: Option<Vec<Strategy>>,
    chunk_tokens: Option<Vec<usize>>,
    overlap: Option<Vec<usize>>,
}

/// One combination.
#[derive(Clone, PartialEq)]
struct Cell {
    model: String,
    chunking: Chunking,
}

impl Cell {
    /// What it is called in tables; the model is named where there are several.
    fn label(&self, models: bool) -> String {
        let Chunking { strategy, tokens, overlap } = self.chunking;
        let cut = match strategy {
            Strategy::Whole => "whole".to_owned(),
            Strategy::Sentences => format!("sentences {tokens}/{overlap}"),
            Strategy::Markdown => format!("markdown {tokens}/{overlap}"),
        };
        if models { format!("{}, {cut}", self.model) } else { cut }
    }
}

/// Judges every combination and adds it to `part`, in which the collection as it is comes first.
/// `embedder` is that of the collection's model, if it was needed before.
pub fn add(
    file: &Path,
    collection: &dyn Collection,
    embedder: Option<Box<dyn Embedder>>,
    task: &Task<'_>,
    part: &mut Part,
) -> Result<()> {
    let text = std::fs::read_to_string(file).map_err(Error::io(file))?;
    let of_file = |problem: String| Error::unusable(format!("{}: {problem}", file.display()));
    let grid: Grid = toml::from_str(&text).map_err(|error| of_file(error.to_string()))?;
    let own = Cell { model: collection.manifest().model.name.clone(), chunking: collection.manifest().chunking };
    let cells = cells(&grid, &own).map_err(of_file)?;
    let models = cells.iter().any(|cell| cell.model != own.model);
    rename(part, &own.label(models));
    let mut embedders: HashMap<String, Box<dyn Embedder>> = HashMap::new();
    embedders.extend(embedder.map(|embedder| (own.model.clone(), embedder)));
    let folder = tempfile::tempdir().map_err(Error::io(&std::env::temp_dir()))?;
    let others: Vec<&Cell> = cells.iter().filter(|cell| **cell != own).collect();
    for (number, cell) in others.iter().enumerate() {
        let label = cell.label(models);
        task.watch.note(&format!("{} of {}: {label}", number + 1, others.len()));
        if !embedders.contains_key(&cell.model) {
            let loaded = if cell.model == own.model {
                embedder_for(collection, Mode::Dense)?
            } else {
                Some(embed::load(&cell.model)?)
            };
            embedders.extend(loaded.map(|loaded| {
                let remembering: Box<dyn Embedder> = Box::new(Remembering::new(loaded));
                (cell.model.clone(), remembering)
            }));
        }
        let Some(embedder) = embedders.get(&cell.model) else { continue };
        let location = folder.path().join(number.to_string()).to_string_lossy().into_owned();
        let built = build(collection, &location, &**embedder, cell.chunking, task)?;
        let judged = task.gathered.resolve(Some(&*built), task.asked.by)?;
        let new = judge(Some(&*built), Some(&**embedder), &judged, task, Vec::new(), None, Some(&label))?;
        part.systems.extend(new.systems);
        part.tables.extend(new.tables);
        part.losses.extend(new.losses);
        part.misses.extend(new.misses);
        part.timings.embed_s += new.timings.embed_s;
        part.timings.search_s += new.timings.search_s;
        part.timings.judge_s += new.timings.judge_s;
        part.timings.loss_s += new.timings.loss_s;
        std::fs::remove_dir_all(&location).map_err(Error::io(location.as_ref()))?;
        if task.watch.stopped() {
            return Err(Error::Stopped);
        }
    }
    Ok(())
}

/// Puts the label of the collection's own combination before the names of its modes. Run files keep
/// theirs: nothing is known of how they were made.
fn rename(part: &mut Part, label: &str) {
    let modes: HashSet<String> = part
        .systems
        .iter()
        .filter(|system| system.searched != Searched::File || system.reranked.is_some())
        .map(|system| system.run.name.clone())
        .collect();
    let rename = |name: &mut String| {
        if modes.contains(name) {
            *name = format!("{label}, {name}");
        }
    };
    part.systems.iter_mut().for_each(|system| rename(&mut system.run.name));
    part.tables.iter_mut().for_each(|table| rename(&mut table.system));
    part.losses.iter_mut().for_each(|losses| rename(&mut losses.system));
    part.misses.iter_mut().for_each(|miss| rename(&mut miss.system));
}

/// Every combination, each once.
fn cells(grid: &Grid, own: &Cell) -> std::result::Result<Vec<Cell>, String> {
    let models = grid.model.clone().unwrap_or_else(|| vec![own.model.clone()]);
    let strategies: Vec<Strategy> = match &grid.chunk {
        Some(chunks) => chunks.clone(),
        None => vec![own.chunking.strategy],
    };
    let tokens = grid.chunk_tokens.clone().unwrap_or_else(|| vec![own.chunking.tokens]);
    if let Some(few) = tokens.iter().find(|tokens| **tokens < Chunking::LEAST_TOKENS) {
        return Err(format!("chunk_tokens = {few}: expected {} or more", Chunking::LEAST_TOKENS));
    }
    let overlaps = grid.overlap.clone().unwrap_or_else(|| vec![own.chunking.overlap]);
    let mut cells: Vec<Cell> = Vec::new();
    for model in &models {
        // By whatever name it was asked for, it is one model.
        let model = if model == embed::builtin::ALIAS { embed::builtin::NAME } else { model };
        for &strategy in &strategies {
            for &tokens in &tokens {
                for &overlap in &overlaps {
                    let whole = strategy == Strategy::Whole;
                    // Where an article is one passage, the other two say nothing.
                    let Chunking { tokens, overlap, .. } =
                        if whole { own.chunking } else { Chunking { strategy, tokens, overlap } };
                    let cell = Cell { model: model.to_owned(), chunking: Chunking { strategy, tokens, overlap } };
                    if !cells.contains(&cell) {
                        cells.push(cell);
                    }
                }
            }
        }
    }
    if cells.iter().all(|cell| cell == own) {
        return Err(
            "it names nothing but what the collection is; lists it may hold: model, chunk, chunk_tokens, overlap"
                .to_owned(),
        );
    }
    Ok(cells)
}

/// The collection's articles, cut and embedded anew.
fn build(
    from: &dyn Collection,
    location: &str,
    embedder: &dyn Embedder,
    chunking: Chunking,
    task: &Task<'_>,
) -> Result<Box<dyn Collection>> {
    let was = from.manifest();
    let mut built = store::create(location, embedder.model().clone(), chunking, was.graph, was.language)?;
    let mut ids: Vec<String> = from.catalogue()?.articles.into_keys().collect();
    ids.sort_unstable();
    let unread: Mutex<Option<store::Error>> = Mutex::new(None);
    let progress = Progress::begin(task.watch, "indexing", ids.len());
    let stored = ids.iter().map_while(|id| match from.article(id) {
        Ok(stored) => {
            progress.one().ok()?;
            stored.map(|stored| Found::Article(Box::new(stored.article)))
        }
        Err(error) => {
            unread.lock().ok()?.replace(error);
            None
        }
    });
    let plan = Plan::new(chunking, task.asked.threads);
    // Its own progress counts bytes read of files, and there are none.
    let quiet = OnlyStop(task.watch);
    let report = articles::add(&mut *built, embedder.fork()?, stored, &plan, &quiet)?;
    drop(progress);
    if let Some(error) = unread.into_inner().ok().flatten() {
        return Err(error.into());
    }
    if let Some(failed) = report.omitted.skipped.failed.into_iter().next() {
        return Err(Error::Unusable(failed.problem));
    }
    if task.watch.stopped() {
        return Err(Error::Stopped);
    }
    Ok(built)
}

/// Passes on nothing but when to stop.
struct OnlyStop<'a>(&'a dyn Watch);

impl Watch for OnlyStop<'_> {
    fn begin(&self, _: &'static str, _: Amount) {}
    fn done(&self, _: u64) {}
    fn doing(&self, _: &str) {}
    fn end(&self) {}
    fn skipped(&self, _: &str) {}
    fn note(&self, _: &str) {}

    fn stop(&self) -> &AtomicBool {
        self.0.stop()
    }
}

/// An embedder that embeds no text twice.
pub struct Remembering {
    inner: Box<dyn Embedder>,
    known: Arc<Mutex<HashMap<Fingerprint, Embedding>>>,
}

impl Remembering {
    pub fn new(inner: Box<dyn Embedder>) -> Self {
        Self { inner, known: Arc::default() }
    }
}

impl Embedder for Remembering {
    fn model(&self) -> &ModelInfo {
        self.inner.model()
    }

    fn pieces(&self) -> &Arc<embed::WordPieces> {
        self.inner.pieces()
    }

    fn embed(&mut self, text: &str, role: Role) -> ingest::Result<Embedding> {
        let key = Fingerprint::of([if role == Role::Query { "q" } else { "p" }, text].map(str::as_bytes));
        if let Some(known) = self.known.lock().ok().and_then(|known| known.get(&key).cloned()) {
            return Ok(known);
        }
        let embedding = self.inner.embed(text, role)?;
        if let Ok(mut known) = self.known.lock() {
            known.insert(key, embedding.clone());
        }
        Ok(embedding)
    }

    fn fork(&self) -> ingest::Result<Box<dyn Embedder>> {
        Ok(Box::new(Self { inner: self.inner.fork()?, known: self.known.clone() }))
    }
}
