//! Runs the pipeline and writes its output to a collection, with periodic commits.

use super::sync::FileSync;
use super::{IndexReport, lock};
use crate::text::{group_thousands, pluralize};
use crate::{Amount, Error, Progress, Result, StoreProgress};
use ingest::Embedder;
use ingest::pipeline::{self, Event, ExistingContent, PipelineOptions, Totals};
use ingest::walk::IngestItem;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use store::{ArticleMeta, Writer};

/// A commit is due after this many passages or this much time, whichever comes first. A crash loses
/// no more than that.
pub const MAX_PENDING_PASSAGES: usize = 4096;
pub const COMMIT_INTERVAL: Duration = Duration::from_secs(5);

/// Which segments to merge after the last commit.
#[derive(Clone, Copy, PartialEq)]
pub enum MergePolicy {
    /// All that the store's merge policy selects.
    All,
    /// Only small segments, and only if there are many.
    SmallSegments,
}

/// Indexes articles into a collection.
pub struct Indexer<'a> {
    pub embedder: Box<dyn Embedder>,
    /// What the pipeline need not read or embed again.
    pub known: &'a dyn ExistingContent,
    /// The articles in the collection, which decide whether an article counts as added or updated.
    pub existing: &'a HashMap<String, ArticleMeta>,
    pub plan: &'a PipelineOptions,
    /// The size of all files, for the progress bar.
    pub bytes: u64,
    pub progress: &'a dyn Progress,
    pub merge: MergePolicy,
}

impl Indexer<'_> {
    /// Indexes everything in `found`, then commits and merges.
    pub fn run(
        self,
        mut writer: Box<dyn Writer>,
        found: impl Iterator<Item = IngestItem> + Send,
        sync: Option<FileSync<'_>>,
    ) -> Result<IndexReport> {
        let (
            started,
            Self {
                embedder,
                known,
                existing,
                plan,
                bytes,
                progress,
                merge,
            },
        ) = (Instant::now(), self);
        if let Some(files) = writer.maintenance() {
            files.set_memory_budget(plan.index_build_memory);
        }
        progress.start_stage("indexing", Amount::Bytes(bytes));
        let mut sink = CollectionSink {
            writer,
            existing,
            report: IndexReport::default(),
            seen: HashSet::new(),
            added_paths: Vec::new(),
            failed: HashSet::new(),
            last_commit: Instant::now(),
            error: None,
            sync,
            progress,
        };
        let result = pipeline::run(
            found,
            embedder,
            known,
            plan,
            progress.stop_flag(),
            &mut |event, totals| {
                let flow = sink.handle(event);
                progress.set_position(totals.bytes);
                let failures = sink.report.omitted.skipped.failures;
                progress.set_message(&status_line(
                    sink.report.articles,
                    failures,
                    totals,
                    started,
                ));
                flow
            },
        );
        let CollectionSink {
            mut writer,
            mut report,
            seen,
            added_paths,
            failed,
            error,
            sync,
            ..
        } = sink;
        let finished = (|| -> Result<()> {
            let totals = match error {
                Some(error) => return Err(error.into()),
                None => result?,
            };
            Totals {
                passages: report.passages,
                embedded: report.embedded,
                tokens: report.tokens,
                truncated_passages: report.truncated,
                truncated_tokens: report.tokens_truncated,
                ..
            } = totals;
            report.interrupted = progress.is_stopped();
            if let Some(sync) = sync.as_ref().filter(|_| !report.interrupted) {
                let outcome = sync.delete_vanished(&mut *writer, &seen, &added_paths, &failed)?;
                (report.deleted, report.kept) = (outcome.deleted, outcome.kept);
                for note in outcome.notes {
                    progress.note(&note.to_string());
                    report.omitted.skipped.notes.push(note);
                }
            }
            progress.set_message("saving");
            writer.commit()?;
            progress.finish_stage();
            if merge == MergePolicy::SmallSegments {
                if let Some(files) = writer.maintenance() {
                    files.merge_small()?;
                }
            } else if !report.interrupted {
                let store_progress = StoreProgress::new(progress);
                match writer.merge(plan.threads, &|step, done, of| {
                    store_progress.update(step, done, of)
                }) {
                    // All articles are committed; the next writer will merge.
                    Err(store::Error::Stopped) => report.interrupted = true,
                    merged => merged?,
                }
            }
            if let Some(Err(error)) = sync.map(|sync| {
                // Articles that were kept are to be looked at again.
                let incomplete = report.interrupted || report.kept > 0;
                sync.save_cache(&mut *writer, incomplete)
            }) {
                progress.note(&format!(
                    "the next run will read all files again, because the cache of read files could not be saved: {error}"
                ));
            }
            Ok(())
        })();
        progress.finish_stage();
        drop(writer);
        finished.map_err(|error| Error::PartiallyDone(Box::new(error)))?;
        report.seconds = started.elapsed().as_secs_f64();
        report.passages_per_second = report.passages as f64 / report.seconds.max(1e-9);
        Ok(report)
    }
}

/// The text of the progress bar.
pub fn status_line(articles: usize, failures: usize, totals: &Totals, started: Instant) -> String {
    let rate = totals.embedded as f64 / started.elapsed().as_secs_f64().max(1e-3);
    format!(
        "{}, {} ({} new at {rate:.0}/s), {}",
        pluralize(articles, "article"),
        pluralize(totals.passages, "passage"),
        group_thousands(totals.embedded),
        pluralize(failures, "failure"),
    )
}

/// Writes the pipeline's events to a collection.
struct CollectionSink<'a> {
    writer: Box<dyn Writer>,
    existing: &'a HashMap<String, ArticleMeta>,
    report: IndexReport,
    /// The ids of all articles that still exist.
    seen: HashSet<String>,
    /// The paths of articles that the collection did not have before.
    added_paths: Vec<String>,
    /// Files and folders that could not be read completely: articles indexed from them before are
    /// kept.
    failed: HashSet<PathBuf>,
    last_commit: Instant,
    error: Option<store::Error>,
    sync: Option<FileSync<'a>>,
    progress: &'a dyn Progress,
}

impl CollectionSink<'_> {
    fn handle(&mut self, event: Event) -> ControlFlow<()> {
        match event {
            Event::Article(article) => {
                self.report.articles += 1;
                self.seen.insert(article.article.id.clone());
                if let Err(error) = self.put(*article) {
                    self.error = Some(error);
                    return ControlFlow::Break(());
                }
            }
            Event::Unchanged(id) => {
                self.report.articles += 1;
                self.report.unchanged += 1;
                self.seen.insert(id);
            }
            Event::Failed(error) => {
                self.failed.extend(error.path().map(Path::to_owned));
                self.report.omitted.skipped.add_error(&error, self.progress);
            }
            Event::Note(note) => self.report.omitted.note(note, self.progress),
            Event::Unsupported(source, kind) => {
                if let (Some(sync), Some(stat)) = (&self.sync, source.stat) {
                    lock(sync.cache).add_unsupported(&source.name, stat, &kind.to_string());
                }
                self.report.omitted.unsupported(source.name, kind);
            }
            Event::SourceCompleted(read) => {
                if let Some(sync) = &self.sync {
                    lock(sync.cache).add_read(read);
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn put(&mut self, article: pipeline::EmbeddedArticle) -> store::Result<()> {
        let exists = self.existing.contains_key(&article.article.id);
        if !exists && self.sync.is_some() {
            self.added_paths.push(article.article.path.clone());
        }
        self.writer.put(article)?;
        *if exists {
            &mut self.report.updated
        } else {
            &mut self.report.added
        } += 1;
        if self.writer.pending() >= MAX_PENDING_PASSAGES
            || self.last_commit.elapsed() >= COMMIT_INTERVAL
        {
            self.writer.commit()?;
            self.last_commit = Instant::now();
            merge_in_background(&mut *self.writer, self.progress);
        }
        Ok(())
    }
}

/// Starts a background merge if there are many small segments. If an earlier one failed, notes that
/// and goes on.
pub fn merge_in_background(writer: &mut dyn Writer, progress: &dyn Progress) {
    let Some(files) = writer.maintenance() else {
        return;
    };
    // One thread: embedding uses all of them already.
    if let Err(error) = files.merge_in_background(1) {
        progress.note(&format!(
            "background merge failed; it is tried again at the end: {error}"
        ));
    }
}
