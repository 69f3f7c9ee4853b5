//! Copies articles with their vectors out of a collection, and into one.

use crate::indexing::{COMMIT_INTERVAL, MAX_PENDING_PASSAGES, merge_in_background};
use crate::skipped::unusable;
use crate::text::pluralize;
use crate::{Amount, Error, Progress, Result, Skipped, StoreProgress};
use exchange::Header;
use ingest::ModelInfo;
use ingest::pipeline::EmbeddedArticle;
use serde::Serialize;
use std::time::Instant;
use store::{Collection, Writer};

/// Imported articles are compared with the collection in batches of this many articles or passages.
const BATCH_ARTICLES: usize = 200;
const BATCH_PASSAGES: usize = 1_000;

/// What was exported.
#[derive(Debug, Default, Serialize)]
pub struct ExportReport {
    /// Articles written.
    pub articles: usize,
    /// Passages of these articles.
    pub passages: usize,
}

/// Writes all articles of a collection to `out`.
///
/// # Errors
/// When the collection cannot be read, `out` cannot be written, or `progress` asks to stop.
pub fn export(
    collection: &dyn Collection,
    out: &mut exchange::Writer,
    progress: &dyn Progress,
) -> Result<ExportReport> {
    let mut report = ExportReport::default();
    for_each_article(collection, progress, "writing", &mut |article| {
        out.put(&article)?;
        report.articles += 1;
        report.passages += article.passages.len();
        Ok(())
    })?;
    Ok(report)
}

fn for_each_article(
    collection: &dyn Collection,
    progress: &dyn Progress,
    stage: &'static str,
    take: &mut dyn FnMut(EmbeddedArticle) -> Result<()>,
) -> Result<()> {
    progress.start_stage(stage, Amount::Items(collection.stats()?.articles as u64));
    let (mut failed, mut done) = (None, 0);
    let read = collection.for_each_article(&mut |article| {
        let taken = if progress.is_stopped() {
            Err(Error::Stopped)
        } else {
            take(article)
        };
        done += 1;
        progress.set_position(done);
        // The store can only be told to stop: the error itself is kept here.
        taken.map_err(|error| {
            failed = Some(error);
            store::Error::Stopped
        })
    });
    progress.finish_stage();
    match failed {
        Some(error) => Err(error),
        None => Ok(read?),
    }
}

/// What was imported.
#[derive(Debug, Default, Serialize)]
pub struct ImportReport {
    /// Articles in the source.
    pub articles: usize,
    /// Articles that the collection did not have before.
    pub added: usize,
    /// Articles that replaced another one with the same id.
    pub updated: usize,
    /// Articles that the collection had already.
    pub unchanged: usize,
    /// Articles that could not be used.
    #[serde(flatten)]
    pub skipped: Skipped,
    /// Passages of added and updated articles.
    pub passages: usize,
    /// The time taken, in seconds.
    pub seconds: f64,
    /// Whether the import was stopped before the end.
    pub interrupted: bool,
}

/// Where imported articles come from.
pub enum ImportSource<'a> {
    /// Another collection.
    Collection(&'a dyn Collection),
    /// A file of embedded articles.
    File(Box<exchange::Reader>),
}

impl ImportSource<'_> {
    /// The model, chunking and language of all articles.
    pub fn header(&self) -> Header {
        match self {
            Self::Collection(collection) => header(*collection),
            Self::File(reader) => reader.header().clone(),
        }
    }
}

/// The model, chunking and language of a collection's articles.
pub fn header(collection: &dyn Collection) -> Header {
    let manifest = collection.manifest();
    Header::new(manifest.model.clone(), manifest.chunking, manifest.language)
}

/// Adds the articles of `source`, or replaces those with the same ids. Unchanged articles are left
/// alone, and none is deleted. Commits every few seconds, so that an interrupted import can be
/// resumed by calling again.
///
/// # Errors
/// [`Error::ModelsDiffer`] when the articles were embedded with another model. When the collection
/// cannot be written, or the file is damaged. Articles that cannot be used are only reported.
pub fn import(
    collection: &mut dyn Collection,
    source: ImportSource<'_>,
    threads: usize,
    progress: &dyn Progress,
) -> Result<ImportReport> {
    let (theirs, ours) = (source.header().model, &collection.manifest().model);
    if !theirs.is_compatible_with(ours) {
        let name = |model: &ModelInfo| format!("{:?} ({})", model.name, model.hash);
        return Err(Error::ModelsDiffer {
            ours: name(ours),
            theirs: name(&theirs),
        });
    }
    let started = Instant::now();
    let writer = collection.writer()?;
    // Another process may have committed since the collection was opened. The writer's lock now
    // prevents that.
    collection.refresh()?;
    let mut importer = Importer {
        collection,
        writer,
        batch: Vec::new(),
        report: ImportReport::default(),
        last_commit: Instant::now(),
    };
    let mut result = match source {
        ImportSource::Collection(source) => {
            for_each_article(source, progress, "copying", &mut |article| {
                importer.add(article, progress)
            })
        }
        ImportSource::File(reader) => importer.add_all(*reader, progress),
    };
    if matches!(result, Ok(()) | Err(Error::Stopped)) {
        result = importer.flush(progress).and(result);
    }
    let Importer {
        mut writer,
        mut report,
        ..
    } = importer;
    let finished = (|| {
        match result {
            Err(Error::Stopped) => report.interrupted = true,
            result => result?,
        }
        writer.commit()?;
        if !report.interrupted {
            let store_progress = StoreProgress::new(progress);
            match writer.merge(threads, &|step, done, of| {
                store_progress.update(step, done, of)
            }) {
                // All articles are committed; the next writer will merge.
                Err(store::Error::Stopped) => report.interrupted = true,
                merged => merged?,
            }
        }
        Ok(())
    })();
    drop(writer);
    finished.map_err(|error| Error::PartiallyDone(Box::new(error)))?;
    collection.refresh()?;
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

struct Importer<'a> {
    collection: &'a dyn Collection,
    writer: Box<dyn Writer>,
    /// Articles that have not been compared with the collection yet.
    batch: Vec<EmbeddedArticle>,
    report: ImportReport,
    last_commit: Instant,
}

impl Importer<'_> {
    fn add_all(&mut self, reader: exchange::Reader, progress: &dyn Progress) -> Result<()> {
        progress.start_stage("reading", Amount::Items(0));
        let added = self.add_each(reader, progress);
        progress.finish_stage();
        added
    }

    fn add_each(&mut self, reader: exchange::Reader, progress: &dyn Progress) -> Result<()> {
        for article in reader {
            if progress.is_stopped() {
                return Err(Error::Stopped);
            }
            match article {
                Ok(article) => self.add(article, progress)?,
                Err(error) if error.is_recoverable() => {
                    self.report
                        .skipped
                        .add(unusable(error.to_string()), progress);
                }
                Err(error) => return Err(error.into()),
            }
            progress.set_message(&format!(
                "reading: {}",
                pluralize(self.report.articles, "article")
            ));
        }
        Ok(())
    }

    fn add(&mut self, article: EmbeddedArticle, progress: &dyn Progress) -> Result<()> {
        self.report.articles += 1;
        self.batch.push(article);
        let passages: usize = self
            .batch
            .iter()
            .map(|article| article.passages.len())
            .sum();
        if self.batch.len() >= BATCH_ARTICLES || passages >= BATCH_PASSAGES {
            self.flush(progress)?;
        }
        Ok(())
    }

    /// Writes the batch to the collection.
    fn flush(&mut self, progress: &dyn Progress) -> Result<()> {
        let ids: Vec<&str> = self
            .batch
            .iter()
            .map(|article| article.article.id.as_str())
            .collect();
        let existing = self.collection.article_meta(&ids)?;
        for article in std::mem::take(&mut self.batch) {
            let meta = existing.get(&article.article.id);
            if meta.is_some_and(|meta| meta.fingerprint == article.fingerprint) {
                self.report.unchanged += 1;
                continue;
            }
            let (id, passages) = (article.article.id.clone(), article.passages.len());
            match self.writer.put(article) {
                Ok(()) => {
                    *if meta.is_some() {
                        &mut self.report.updated
                    } else {
                        &mut self.report.added
                    } += 1
                }
                // An invalid vector. The writer has undone the article.
                Err(store::Error::Index(error)) => {
                    self.report
                        .skipped
                        .add(unusable(format!("article {id:?}: {error}")), progress);
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            self.report.passages += passages;
        }
        if self.writer.pending() >= MAX_PENDING_PASSAGES
            || self.last_commit.elapsed() >= COMMIT_INTERVAL
        {
            self.writer.commit()?;
            self.last_commit = Instant::now();
            merge_in_background(&mut *self.writer, progress);
        }
        Ok(())
    }
}
