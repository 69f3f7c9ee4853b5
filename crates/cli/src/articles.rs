//! Indexing: walk, read, cut, embed, store, with progress and a report.

use crate::output::{self, styled};
use crate::progress::{self, Steps};
use crate::text::counted;
use crate::{Partly, output::style};
use ingest::pipeline::{self, Event, Known, Plan, Totals};
use ingest::walk::{Found, walk};
use ingest::{Embedder, Fingerprint, Format};
use serde::Serialize;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use store::{Catalogue, Change, Collection, Language, Writer};

/// What is waiting is committed at the latest when it is this many passages, or this long ago: so
/// much a kill can cost.
const COMMIT_PASSAGES: usize = 4096;
const COMMIT_EVERY: Duration = Duration::from_secs(5);

/// Gives paths their names in a collection: from the folder that holds it, or, outside that, whole.
#[derive(Debug, Clone)]
pub struct Names {
    base: PathBuf,
}

impl Names {
    pub fn new(collection: &str) -> Self {
        let absolute = std::path::absolute(collection).unwrap_or_else(|_| PathBuf::from(collection));
        let parent = absolute.parent().unwrap_or(&absolute);
        Self { base: parent.canonicalize().unwrap_or_else(|_| parent.to_owned()) }
    }

    /// The name of a path whose root is canonical.
    pub fn name(&self, path: &Path) -> String {
        let inside = path.strip_prefix(&self.base).ok().filter(|inside| !inside.as_os_str().is_empty());
        inside.unwrap_or(path).to_string_lossy().replace('\\', "/")
    }

    /// The whole path behind a name.
    fn absolute(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }

    /// The path as it can be opened from here.
    pub fn path(&self, name: &str) -> String {
        let path = self.absolute(name);
        let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
        path.strip_prefix(&here).unwrap_or(&path).to_string_lossy().into_owned()
    }
}

/// What to index.
pub struct Job<'a> {
    /// Canonical paths.
    pub roots: &'a [PathBuf],
    pub format: Option<Format>,
    pub plan: Plan,
    pub names: &'a Names,
    /// What builds graphs from now on, if it is said.
    pub builder: Option<index::Builder>,
}

/// A file or record that could not be used.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    pub problem: String,
}

/// What indexing did.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Articles read, failures not counted.
    pub articles: usize,
    pub added: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub deleted: usize,
    pub failed: Vec<Failure>,
    /// Files in walked folders in no format read here.
    pub unsupported: usize,
    /// Passages of added and updated articles.
    pub passages: usize,
    /// Of these, embedded now.
    pub embedded: usize,
    /// Word pieces embedded now.
    pub pieces: usize,
    /// Passages that the model's window cut, and the word pieces it cost them.
    pub cut: usize,
    pub pieces_cut: usize,
    pub seconds: f64,
    pub passages_per_second: f64,
    /// Stopped by Ctrl-C.
    pub interrupted: bool,
}

/// The bytes there are to read under the roots; `Err` with the number of files in no format read
/// here if there are none of another.
pub fn survey(job: &Job<'_>) -> Result<u64, usize> {
    let (mut bytes, mut any, mut unsupported) = (0, false, 0);
    for found in walk(job.roots, job.format, |_| String::new()) {
        match found {
            Found::Unsupported(_) => unsupported += 1,
            Found::Failed(..) | Found::Article(_) => any = true,
            Found::Source(source) => {
                any = true;
                bytes += source.bytes;
            }
        }
    }
    if any { Ok(bytes) } else { Err(unsupported) }
}

/// The most articles, and bytes of each, that are looked at to tell a language.
const LOOKED_AT: usize = 50;
const LOOKED_INTO: usize = 2000;

/// The language that most of the first articles under the job's roots are in; English where none tells.
pub fn language(job: &Job<'_>) -> Language {
    let mut found: Vec<Language> = Vec::new();
    for source in walk(job.roots, job.format, |_| String::new()) {
        let Found::Source(source) = source else { continue };
        // What is wrong with an article is said when it is indexed.
        let _ = ingest::read::read(&source, job.plan.article_limit, &mut |article| {
            if let Ok(article) = article {
                let body = article.body.first().map_or("", |span| span.of(&article.text));
                found.push(Language::detect(&body[..body.floor_char_boundary(LOOKED_INTO)]));
            }
            if found.len() < LOOKED_AT { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        if found.len() >= LOOKED_AT {
            break;
        }
    }
    let count = |language: &Language| found.iter().filter(|other| *other == language).count();
    found.iter().copied().max_by_key(|language| (count(language), *language)).unwrap_or(Language::English)
}

/// Brings the collection up to date with what is under the job's roots.
pub fn index(
    collection: &mut dyn Collection,
    embedder: Box<dyn Embedder>,
    job: &Job<'_>,
    bytes: u64,
    stop: &AtomicBool,
) -> anyhow::Result<Report> {
    let begun = Instant::now();
    let mut writer = collection.writer()?;
    // Another writer may have committed since the collection was opened; from here on none can.
    collection.refresh()?;
    let known = collection.catalogue()?;
    let bar = progress::bytes(bytes);
    writer.set_chunking(job.plan.chunking);
    if let Some(builder) = job.builder {
        writer.set_builder(builder);
    }
    let mut sink = Sink {
        writer,
        report: Report::default(),
        seen: HashSet::new(),
        troubled: HashSet::new(),
        committed: Instant::now(),
        error: None,
        bar: bar.clone(),
    };
    let found = walk(job.roots, job.format, |path| job.names.name(path));
    let held = Held { catalogue: &known, names: job.names };
    let result = pipeline::run(found, embedder, &held, &job.plan, stop, &mut |event, totals| {
        let flow = sink.take(event);
        bar.set_position(totals.bytes);
        bar.set_message(said(&sink.report, totals, begun));
        flow
    });
    let Sink { mut writer, mut report, seen, troubled, error, .. } = sink;
    let finish = (|| -> anyhow::Result<()> {
        let totals = match error {
            Some(error) => return Err(error.into()),
            None => result?,
        };
        Totals {
            passages: report.passages,
            embedded: report.embedded,
            pieces: report.pieces,
            cut: report.cut,
            pieces_cut: report.pieces_cut,
            ..
        } = totals;
        report.interrupted = stop.load(Ordering::Relaxed);
        if !report.interrupted {
            report.deleted = delete_vanished(&mut *writer, &known, job, &seen, &troubled)?;
        }
        bar.set_message("saving");
        writer.commit()?;
        bar.finish_and_clear();
        if !report.interrupted {
            let steps = Steps::default();
            writer.merge(job.plan.threads, &|step, done, of| steps.show(step, done, of))?;
        }
        Ok(())
    })();
    bar.finish_and_clear();
    drop(writer);
    finish.map_err(|error| {
        Partly(error.context("stopped; what was saved before is kept, and the same command goes on from there"))
    })?;
    collection.refresh()?;
    report.seconds = begun.elapsed().as_secs_f64();
    report.passages_per_second = report.passages as f64 / report.seconds.max(1e-9);
    Ok(report)
}

/// What the collection holds, and whether the files it came from are still there.
struct Held<'a> {
    catalogue: &'a Catalogue,
    names: &'a Names,
}

impl Known for Held<'_> {
    fn article(&self, id: &str, fingerprint: &Fingerprint) -> bool {
        self.catalogue.article(id, fingerprint)
    }

    fn vector(&self, text: &Fingerprint) -> bool {
        self.catalogue.vector(text)
    }

    fn source(&self, id: &str) -> Option<&str> {
        let path = self.catalogue.source(id)?;
        self.names.absolute(path).exists().then_some(path)
    }
}

fn said(report: &Report, totals: &Totals, begun: Instant) -> String {
    let rate = totals.embedded as f64 / begun.elapsed().as_secs_f64().max(1e-3);
    format!(
        "{}, {} ({} new at {rate:.0}/s), {}",
        counted(report.articles, "article"),
        counted(totals.passages, "passage"),
        indicatif::HumanCount(totals.embedded as u64),
        counted(report.failed.len(), "failure"),
    )
}

/// Takes the pipeline's events into the collection.
struct Sink {
    writer: Box<dyn Writer>,
    report: Report,
    /// Every id that is still there.
    seen: HashSet<String>,
    /// Files and folders with something wrong in them: what they held before is kept.
    troubled: HashSet<PathBuf>,
    committed: Instant,
    error: Option<store::Error>,
    bar: indicatif::ProgressBar,
}

impl Sink {
    fn take(&mut self, event: Event) -> ControlFlow<()> {
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
                self.troubled.extend(error.path().map(Path::to_owned));
                self.bar.suspend(|| output::note(format_args!("{} {error}", styled(style::BAD, "skipped"))));
                self.report.failed.push(Failure { problem: error.to_string() });
            }
            Event::Unsupported(_) => self.report.unsupported += 1,
        }
        ControlFlow::Continue(())
    }

    fn put(&mut self, article: pipeline::EmbeddedArticle) -> store::Result<()> {
        match self.writer.put(article)? {
            Change::Added => self.report.added += 1,
            Change::Updated => self.report.updated += 1,
        }
        if self.writer.pending() >= COMMIT_PASSAGES || self.committed.elapsed() >= COMMIT_EVERY {
            self.writer.commit()?;
            self.committed = Instant::now();
            // All threads embed; this one takes its share of their time.
            self.writer.merge_in_background(1)?;
        }
        Ok(())
    }
}

/// Deletes the articles of the indexed roots whose file or record is gone.
fn delete_vanished(
    writer: &mut dyn Writer,
    known: &Catalogue,
    job: &Job<'_>,
    seen: &HashSet<String>,
    troubled: &HashSet<PathBuf>,
) -> store::Result<usize> {
    let gone = |path: &Path| {
        job.roots.iter().any(|root| path.starts_with(root)) && !troubled.iter().any(|trouble| path.starts_with(trouble))
    };
    let articles =
        known.articles.iter().filter(|(id, card)| !seen.contains(*id) && gone(&job.names.absolute(&card.path)));
    let mut ids: Vec<&String> = articles.map(|(id, _)| id).collect();
    ids.sort_unstable();
    ids.iter().try_fold(0, |count, id| Ok(count + usize::from(writer.delete(id)?)))
}
