//! Indexing: keeps a collection up to date with files and folders, or adds single articles to it.
//!
//! [`Scan`] walks the roots of an [`IndexJob`]; [`index()`] reads, chunks, embeds and stores what
//! has changed, and gives an [`IndexReport`].

mod lookup;
mod run;
mod scan;
mod sync;

pub use scan::{Scan, detect_language};
pub use sync::report_if_unchanged;

pub(crate) use lookup::NoVectors;
pub(crate) use run::{COMMIT_INTERVAL, MAX_PENDING_PASSAGES, merge_in_background, status_line};

use crate::source_cache::SourceCache;
use crate::{Omitted, PathNamer, Progress, Result};
use ingest::pipeline::PipelineOptions;
use ingest::walk::IngestItem;
use ingest::{Article, Embedder, Format};
use lookup::CatalogLookup;
use run::{Indexer, MergePolicy};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use store::Collection;
use sync::{ChangedFiles, FileSync, reader_id};

/// What to index, and how.
pub struct IndexJob<'a> {
    /// Files and folders, as canonical paths.
    pub roots: &'a [PathBuf],
    /// The format of every file; `None` detects it.
    pub format: Option<Format>,
    /// How to chunk and embed.
    pub plan: PipelineOptions,
    /// Names the files.
    pub names: &'a PathNamer,
    /// The graph builder that the collection uses from now on; `None` leaves it as it is.
    pub builder: Option<index::Builder>,
    /// Which articles to delete whose file or record no longer exists.
    pub deletions: Deletions,
}

/// Which articles under the roots of an [`IndexJob`] are deleted because their file or record no
/// longer exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletions {
    /// None.
    Never,
    /// Those under roots that still have more than a tenth of their articles. A root that is
    /// suddenly empty is more likely a disk that is not mounted.
    Plausible,
    /// All.
    Always,
}

/// What indexing did.
#[derive(Debug, Default, Serialize)]
pub struct IndexReport {
    /// Articles read, without failures.
    pub articles: usize,
    /// Articles that the collection did not have before.
    pub added: usize,
    /// Articles that replaced another one with the same id.
    pub updated: usize,
    /// Articles that the collection had already.
    pub unchanged: usize,
    /// Articles deleted because their file or record no longer exists.
    pub deleted: usize,
    /// Articles kept though they no longer exist, because nearly all of their root is gone; see
    /// [`Deletions::Plausible`].
    pub kept: usize,
    /// What was skipped, left out or guessed.
    #[serde(flatten)]
    pub omitted: Omitted,
    /// Passages of added and updated articles.
    pub passages: usize,
    /// Passages that had to be embedded; the others had a vector already.
    pub embedded: usize,
    /// Tokens embedded.
    #[serde(rename = "pieces")]
    pub tokens: usize,
    /// Passages truncated to the model's window.
    #[serde(rename = "cut")]
    pub truncated: usize,
    /// Tokens that truncation removed.
    #[serde(rename = "pieces_cut")]
    pub tokens_truncated: usize,
    /// The time taken, in seconds.
    pub seconds: f64,
    /// Passages of added and updated articles per second.
    pub passages_per_second: f64,
    /// Whether indexing was stopped before the end.
    pub interrupted: bool,
}

/// Brings a collection up to date with the files under the job's roots: adds new articles, replaces
/// changed ones, and deletes those whose file or record no longer exists. Commits every few
/// seconds.
///
/// # Errors
/// When the collection cannot be written or the model fails. Articles that cannot be read are only
/// reported.
pub fn index(
    collection: &mut dyn Collection,
    embedder: Box<dyn Embedder>,
    job: &IndexJob<'_>,
    scan: &Scan,
    progress: &dyn Progress,
) -> Result<IndexReport> {
    let mut writer = collection.writer()?;
    // Another process may have committed since the collection was opened. The writer's lock now
    // prevents that.
    collection.refresh()?;
    let catalog = collection.catalog()?;
    writer.set_chunking(job.plan.chunking);
    // A model in a folder may have been moved.
    let (model, current) = (embedder.model(), &collection.manifest().model);
    if model.hash == current.hash && ingest::embed::is_folder(&current.name) {
        writer.set_model_name(&model.name);
    }
    if let Some(files) = writer.maintenance() {
        files.set_base(&job.names.base().to_string_lossy());
    }
    if let (Some(builder), Some(files)) = (job.builder, writer.maintenance()) {
        files.set_builder(builder);
    }
    let mut cache = SourceCache::new(&reader_id(job), collection.read_cache().as_deref());
    cache.start_update(scan.started);
    // The reader's thread looks files up in it, and this one adds those that were read.
    let cache = Mutex::new(cache);
    let sync = (job.deletions != Deletions::Never).then_some(FileSync {
        job,
        scan,
        catalog: &catalog,
        cache: &cache,
    });
    let files = ChangedFiles::new(job, scan, &cache, &catalog);
    let lookup = CatalogLookup {
        catalog: &catalog,
        names: job.names,
    };
    let indexer = Indexer {
        embedder,
        known: &lookup,
        existing: &catalog.articles,
        plan: &job.plan,
        bytes: scan.walk.bytes(),
        progress,
        merge: MergePolicy::All,
    };
    let mut report = indexer.run(writer, files.iter(), sync)?;
    report.omitted.leave_out(&scan.walk.skipped, job.names);
    collection.refresh()?;
    Ok(report)
}

/// Adds articles, or replaces those with the same ids. Deletes none.
///
/// # Errors
/// As for [`index()`].
pub fn add(
    collection: &mut dyn Collection,
    embedder: Box<dyn Embedder>,
    articles: impl Iterator<Item = IngestItem> + Send,
    plan: &PipelineOptions,
    progress: &dyn Progress,
) -> Result<IndexReport> {
    let writer = collection.writer()?;
    collection.refresh()?;
    let catalog = collection.catalog()?;
    let indexer = Indexer {
        embedder,
        known: &catalog,
        existing: &catalog.articles,
        plan,
        bytes: 0,
        progress,
        merge: MergePolicy::All,
    };
    let report = indexer.run(writer, articles, None)?;
    collection.refresh()?;
    Ok(report)
}

/// Adds an article, or replaces the one with the same id. The cost does not depend on the size of
/// the collection.
///
/// # Errors
/// As for [`index()`].
pub fn add_one(
    collection: &mut dyn Collection,
    embedder: Box<dyn Embedder>,
    article: Article,
    plan: &PipelineOptions,
    progress: &dyn Progress,
) -> Result<IndexReport> {
    let writer = collection.writer()?;
    if !collection.is_newest()? {
        collection.refresh()?;
    }
    let existing = collection.article_meta(&[&article.id])?;
    let indexer = Indexer {
        embedder,
        known: &NoVectors(&existing),
        existing: &existing,
        plan,
        bytes: 0,
        progress,
        merge: MergePolicy::SmallSegments,
    };
    indexer.run(
        writer,
        std::iter::once(IngestItem::Article(Box::new(article))),
        None,
    )
}

/// Writes articles even if the collection has them unchanged. `select` chooses them once no other
/// process can change the collection.
///
/// # Errors
/// As for [`index()`].
pub(crate) fn replace_articles(
    collection: &mut dyn Collection,
    embedder: Box<dyn Embedder>,
    select: &dyn Fn(&dyn Collection) -> Result<Vec<IngestItem>>,
    plan: &PipelineOptions,
    progress: &dyn Progress,
) -> Result<IndexReport> {
    let writer = collection.writer()?;
    collection.refresh()?;
    let articles = select(collection)?.into_iter();
    // Without its articles, the catalog still knows which texts have vectors.
    let mut catalog = collection.catalog()?;
    let existing = std::mem::take(&mut catalog.articles);
    let indexer = Indexer {
        embedder,
        known: &catalog,
        existing: &existing,
        plan,
        bytes: 0,
        progress,
        merge: MergePolicy::All,
    };
    let report = indexer.run(writer, articles, None)?;
    collection.refresh()?;
    Ok(report)
}

fn lock(cache: &Mutex<SourceCache>) -> MutexGuard<'_, SourceCache> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}
