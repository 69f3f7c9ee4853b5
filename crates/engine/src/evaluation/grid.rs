//! Grid evaluation: chunks and embeds the collection's articles with every combination of models
//! and chunking options in a file, and evaluates each in every mode. Queries are embedded once per
//! model, and so are texts that several combinations share.

use super::{Results, Task, evaluate_systems};
use crate::{Amount, Error, Progress, Result, Stage, embedder_for, indexing};
use disk::PathError;
use eval::misses::SystemKind;
use ingest::embed;
use ingest::pipeline::PipelineOptions;
use ingest::walk::IngestItem;
use ingest::{Chunking, Embedder, Embedding, Fingerprint, ModelInfo, Role, Strategy};
use query::Mode;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use store::Collection;

/// The grid file. Each list names the values to try; a missing one stands for the collection's own
/// value.
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
    /// The name in tables. `with_model` is set where the grid has several models.
    fn label(&self, with_model: bool) -> String {
        let Chunking {
            strategy,
            tokens,
            overlap,
        } = self.chunking;
        let chunking = match strategy {
            Strategy::Whole => "whole".to_owned(),
            Strategy::Sentences => format!("sentences {tokens}/{overlap}"),
            Strategy::Markdown => format!("markdown {tokens}/{overlap}"),
        };
        if with_model {
            format!("{}, {chunking}", self.model)
        } else {
            chunking
        }
    }
}

/// Evaluates every combination and appends it to `results`, which hold those of the collection
/// itself. `embedder` is the collection's own, if it has been loaded.
pub fn evaluate_grid(
    file: &Path,
    collection: &dyn Collection,
    embedder: Option<Box<dyn Embedder>>,
    task: &Task<'_>,
    results: &mut Results,
) -> Result<()> {
    let text = std::fs::read_to_string(file).map_err(PathError::at(file))?;
    let in_file = |error: GridError| Error::unusable(format!("{}: {error}", file.display()));
    let grid: Grid = toml::from_str(&text).map_err(|error| in_file(error.into()))?;
    let original = Cell {
        model: collection.manifest().model.name.clone(),
        chunking: collection.manifest().chunking,
    };
    let cells = cells(&grid, &original).map_err(in_file)?;
    let with_model = cells.iter().any(|cell| cell.model != original.model);
    prefix_modes(results, &original.label(with_model));
    let mut embedders: HashMap<String, Box<dyn Embedder>> = HashMap::new();
    embedders.extend(embedder.map(|embedder| (original.model.clone(), embedder)));
    let folder = tempfile::tempdir().map_err(PathError::at(&std::env::temp_dir()))?;
    let others: Vec<&Cell> = cells.iter().filter(|cell| **cell != original).collect();
    for (number, cell) in others.iter().enumerate() {
        let label = cell.label(with_model);
        task.progress
            .note(&format!("{} of {}: {label}", number + 1, others.len()));
        if !embedders.contains_key(&cell.model) {
            let loaded = if cell.model == original.model {
                embedder_for(collection, Mode::Dense)?
            } else {
                Some(embed::load(&cell.model)?)
            };
            embedders.extend(loaded.map(|loaded| {
                let caching: Box<dyn Embedder> = Box::new(CachingEmbedder::new(loaded));
                (cell.model.clone(), caching)
            }));
        }
        let Some(embedder) = embedders.get(&cell.model) else {
            continue;
        };
        let cell_folder = folder.path().join(number.to_string());
        let location = cell_folder.clone().into();
        let built = build(collection, &location, &**embedder, cell.chunking, task)?;
        let judged = task.data.resolve(Some(&*built), task.options.by)?;
        let new = evaluate_systems(
            Some(&*built),
            Some(&**embedder),
            &judged,
            task,
            Vec::new(),
            None,
            Some(&label),
        )?;
        results.systems.extend(new.systems);
        results.tables.extend(new.tables);
        results.losses.extend(new.losses);
        results.misses.extend(new.misses);
        results.timings.embed_s += new.timings.embed_s;
        results.timings.search_s += new.timings.search_s;
        results.timings.judge_s += new.timings.judge_s;
        results.timings.loss_s += new.timings.loss_s;
        std::fs::remove_dir_all(&cell_folder).map_err(PathError::at(&cell_folder))?;
        if task.progress.is_stopped() {
            return Err(Error::Stopped);
        }
    }
    Ok(())
}

/// Puts `label` before the names of the collection's own modes. Run files keep their names, because
/// nothing is known of how they were made.
fn prefix_modes(results: &mut Results, label: &str) {
    let modes: HashSet<String> = results
        .systems
        .iter()
        .filter(|system| system.searched != SystemKind::File || system.reranked.is_some())
        .map(|system| system.run.name.clone())
        .collect();
    let rename = |name: &mut String| {
        if modes.contains(name) {
            *name = format!("{label}, {name}");
        }
    };
    results
        .systems
        .iter_mut()
        .for_each(|system| rename(&mut system.run.name));
    results
        .tables
        .iter_mut()
        .for_each(|table| rename(&mut table.system));
    results
        .losses
        .iter_mut()
        .for_each(|losses| rename(&mut losses.system));
    results
        .misses
        .iter_mut()
        .for_each(|miss| rename(&mut miss.system));
}

/// What is wrong with a file of options.
#[derive(Debug, thiserror::Error)]
enum GridError {
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    #[error("chunk_tokens = {0}: expected {min} or more", min = Chunking::MIN_TOKENS)]
    TooFewTokens(usize),
    #[error(
        "it lists only the collection's own values; list others for model, chunk, chunk_tokens or overlap"
    )]
    NothingNew,
}

/// All combinations, without duplicates.
fn cells(grid: &Grid, original: &Cell) -> Result<Vec<Cell>, GridError> {
    let models = grid
        .model
        .clone()
        .unwrap_or_else(|| vec![original.model.clone()]);
    let strategies: Vec<Strategy> = match &grid.chunk {
        Some(chunks) => chunks.clone(),
        None => vec![original.chunking.strategy],
    };
    let tokens = grid
        .chunk_tokens
        .clone()
        .unwrap_or_else(|| vec![original.chunking.tokens]);
    if let Some(tokens) = tokens.iter().find(|tokens| **tokens < Chunking::MIN_TOKENS) {
        return Err(GridError::TooFewTokens(*tokens));
    }
    let overlaps = grid
        .overlap
        .clone()
        .unwrap_or_else(|| vec![original.chunking.overlap]);
    let mut cells: Vec<Cell> = Vec::new();
    for model in &models {
        // The built-in model has two names.
        let model = if model == embed::builtin::ALIAS {
            embed::builtin::NAME
        } else {
            model
        };
        for &strategy in &strategies {
            for &tokens in &tokens {
                for &overlap in &overlaps {
                    let whole = strategy == Strategy::Whole;
                    // An article that is one passage has no chunk size and no overlap.
                    let Chunking {
                        tokens, overlap, ..
                    } = if whole {
                        original.chunking
                    } else {
                        Chunking {
                            strategy,
                            tokens,
                            overlap,
                        }
                    };
                    let cell = Cell {
                        model: model.to_owned(),
                        chunking: Chunking {
                            strategy,
                            tokens,
                            overlap,
                        },
                    };
                    if !cells.contains(&cell) {
                        cells.push(cell);
                    }
                }
            }
        }
    }
    if cells.iter().all(|cell| cell == original) {
        return Err(GridError::NothingNew);
    }
    Ok(cells)
}

/// Builds a collection of the same articles at `location`, with another model or other chunking
/// options.
fn build(
    from: &dyn Collection,
    location: &store::Location,
    embedder: &dyn Embedder,
    chunking: Chunking,
    task: &Task<'_>,
) -> Result<Box<dyn Collection>> {
    let original = from.manifest();
    let mut built = store::create(
        location,
        embedder.model().clone(),
        chunking,
        original.graph,
        original.language,
    )?;
    let mut ids: Vec<String> = from.catalog()?.articles.into_keys().collect();
    ids.sort_unstable();
    let read_error: Mutex<Option<store::Error>> = Mutex::new(None);
    let stage = Stage::start(task.progress, "indexing", ids.len());
    let stored = ids.iter().map_while(|id| match from.article(id) {
        Ok(stored) => {
            stage.advance().ok()?;
            stored.map(|stored| IngestItem::Article(Box::new(stored.article)))
        }
        Err(error) => {
            read_error.lock().ok()?.replace(error);
            None
        }
    });
    let plan = PipelineOptions::new(chunking, task.options.threads);
    // Indexing reports bytes read from files, but these articles come from a collection.
    let stop_only = StopOnly(task.progress);
    let report = indexing::add(&mut *built, embedder.fork()?, stored, &plan, &stop_only)?;
    drop(stage);
    if let Some(error) = read_error.into_inner().ok().flatten() {
        return Err(error.into());
    }
    if let Some(failed) = report.omitted.skipped.failed.into_iter().next() {
        return Err(Error::Unusable(failed.problem));
    }
    if task.progress.is_stopped() {
        return Err(Error::Stopped);
    }
    Ok(built)
}

/// Passes on only the stop flag.
struct StopOnly<'a>(&'a dyn Progress);

impl Progress for StopOnly<'_> {
    fn start_stage(&self, _: &'static str, _: Amount) {}
    fn set_position(&self, _: u64) {}
    fn set_message(&self, _: &str) {}
    fn finish_stage(&self) {}
    fn skipped(&self, _: &str) {}
    fn note(&self, _: &str) {}

    fn stop_flag(&self) -> &AtomicBool {
        self.0.stop_flag()
    }
}

/// Embeds no text twice. Forks share the cache.
pub struct CachingEmbedder {
    inner: Box<dyn Embedder>,
    cache: Arc<Mutex<HashMap<Fingerprint, Embedding>>>,
}

impl CachingEmbedder {
    pub fn new(inner: Box<dyn Embedder>) -> Self {
        Self {
            inner,
            cache: Arc::default(),
        }
    }
}

impl Embedder for CachingEmbedder {
    fn model(&self) -> &ModelInfo {
        self.inner.model()
    }

    fn tokenizer(&self) -> &Arc<embed::Tokenizer> {
        self.inner.tokenizer()
    }

    fn embed(&mut self, text: &str, role: Role) -> ingest::Result<Embedding> {
        let key =
            Fingerprint::of([if role == Role::Query { "q" } else { "p" }, text].map(str::as_bytes));
        if let Some(embedding) = self
            .cache
            .lock()
            .ok()
            .and_then(|cache| cache.get(&key).cloned())
        {
            return Ok(embedding);
        }
        let embedding = self.inner.embed(text, role)?;
        if let Ok(mut cache) = self.cache.lock() {
            cache.insert(key, embedding.clone());
        }
        Ok(embedding)
    }

    fn fork(&self) -> ingest::Result<Box<dyn Embedder>> {
        Ok(Box::new(Self {
            inner: self.inner.fork()?,
            cache: self.cache.clone(),
        }))
    }
}
