//! Indexing: walk, read, cut, embed, store, with progress and a report.

use crate::text::{counted, grouped};
use crate::{Amount, Error, Names, Result, Skipped, Steps, Watch};
use ingest::pipeline::{self, Event, Known, Plan, Totals};
use ingest::read::Limits;
use ingest::walk::{Found, walk};
use ingest::{Article, Embedder, Fingerprint, Format};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use store::{ArticleCard, Catalogue, Collection, Language, Writer};

/// What is waiting is committed at the latest when it is this many passages, or this long ago: so
/// much a kill can cost.
pub(crate) const COMMIT_PASSAGES: usize = 4096;
pub(crate) const COMMIT_EVERY: Duration = Duration::from_secs(5);

/// What to index.
pub struct Job<'a> {
    /// Files and folders, as canonical paths.
    pub roots: &'a [PathBuf],
    /// The format of every file, instead of finding it out.
    pub format: Option<Format>,
    /// How to cut and embed.
    pub plan: Plan,
    /// What files are called.
    pub names: &'a Names,
    /// What builds graphs from now on, if it is said.
    pub builder: Option<index::Builder>,
    /// Whether articles under the roots whose file or record is gone are deleted.
    pub delete_vanished: bool,
}

/// What indexing did.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Articles read, failures not counted.
    pub articles: usize,
    /// Of these, those that were not there before.
    pub added: usize,
    /// Those that took the place of another with their id.
    pub updated: usize,
    /// Those that were there already.
    pub unchanged: usize,
    /// Articles whose file or record is gone.
    pub deleted: usize,
    /// Files and records that could not be used.
    #[serde(flatten)]
    pub skipped: Skipped,
    /// Files in walked folders in no format read here.
    pub unsupported: usize,
    /// Passages of added and updated articles.
    pub passages: usize,
    /// Of these, embedded now.
    pub embedded: usize,
    /// Word pieces embedded now.
    pub pieces: usize,
    /// Passages that the model's window cut.
    pub cut: usize,
    /// The word pieces that it cost them.
    pub pieces_cut: usize,
    /// How long it took.
    pub seconds: f64,
    /// Passages of added and updated articles a second.
    pub passages_per_second: f64,
    /// It was told to stop before all was done.
    pub interrupted: bool,
}

/// The bytes there are to read under the roots; `Err` with the number of files in no format read
/// here if there are none of another.
///
/// # Errors
/// As said.
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
        // What is wrong with an article is said when it is indexed; what is slow to read need not be read twice.
        let limits = Limits { seconds: 1, ..job.plan.limits };
        let _ = ingest::read::read(&source, limits, &mut |article| {
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

/// Brings the collection up to date with what is under the job's roots, `bytes` in all: new articles are added,
/// changed ones replaced, and those whose file or record is gone deleted. What is done is committed every few seconds.
///
/// # Errors
/// When the collection cannot be written, or the model fails; articles that could not be read are only reported.
pub fn index(
    collection: &mut dyn Collection,
    embedder: Box<dyn Embedder>,
    job: &Job<'_>,
    bytes: u64,
    watch: &dyn Watch,
) -> Result<Report> {
    let mut writer = collection.writer()?;
    // Another writer may have committed since the collection was opened; from here on none can.
    collection.refresh()?;
    let known = collection.catalogue()?;
    writer.set_chunking(job.plan.chunking);
    if let Some(builder) = job.builder {
        writer.set_builder(builder);
    }
    let held = Held { catalogue: &known, names: job.names };
    let found = walk(job.roots, job.format, |path| job.names.name(path));
    let taking =
        Taking { embedder, known: &held, there: &known.articles, plan: &job.plan, bytes, watch, merge: Merge::All };
    let report = taking.all(writer, found, |writer, seen, troubled| match job.delete_vanished {
        true => delete_vanished(writer, &known, job, seen, troubled),
        false => Ok(0),
    })?;
    collection.refresh()?;
    Ok(report)
}

/// Adds articles, or puts them in the place of those with their ids; deletes none.
///
/// # Errors
/// As for [`index()`].
pub fn add(
    collection: &mut dyn Collection,
    embedder: Box<dyn Embedder>,
    articles: impl Iterator<Item = Found> + Send,
    plan: &Plan,
    watch: &dyn Watch,
) -> Result<Report> {
    let writer = collection.writer()?;
    collection.refresh()?;
    let known = collection.catalogue()?;
    let taking = Taking { embedder, known: &known, there: &known.articles, plan, bytes: 0, watch, merge: Merge::All };
    let report = taking.all(writer, articles, |_, _, _| Ok(0))?;
    collection.refresh()?;
    Ok(report)
}

/// Adds an article, or puts it in the place of the one with its id. Costs the same however large the collection is.
///
/// # Errors
/// As for [`index()`].
pub fn add_one(
    collection: &mut dyn Collection,
    embedder: Box<dyn Embedder>,
    article: Article,
    plan: &Plan,
    watch: &dyn Watch,
) -> Result<Report> {
    let writer = collection.writer()?;
    if !collection.is_newest()? {
        collection.refresh()?;
    }
    let there = collection.cards(&[&article.id])?;
    let taking =
        Taking { embedder, known: &WithoutVectors(&there), there: &there, plan, bytes: 0, watch, merge: Merge::Small };
    taking.all(writer, std::iter::once(Found::Article(Box::new(article))), |_, _, _| Ok(0))
}

/// The articles that are known, by id, and no vectors: each text is embedded, whether other articles have it or not.
pub(crate) struct WithoutVectors<'a>(pub &'a HashMap<String, ArticleCard>);

impl Known for WithoutVectors<'_> {
    fn article(&self, id: &str, fingerprint: &Fingerprint) -> bool {
        self.0.get(id).is_some_and(|card| card.fingerprint == *fingerprint)
    }

    fn vector(&self, _: &Fingerprint) -> bool {
        false
    }

    fn keeps(&self) -> bool {
        false
    }
}

/// Puts articles in, whether they are there unchanged or not: those that `which` says once nobody else can change
/// the collection.
///
/// # Errors
/// As for [`index()`].
pub(crate) fn put(
    collection: &mut dyn Collection,
    embedder: Box<dyn Embedder>,
    which: &dyn Fn(&dyn Collection) -> Result<Vec<Found>>,
    plan: &Plan,
    watch: &dyn Watch,
) -> Result<Report> {
    let writer = collection.writer()?;
    collection.refresh()?;
    let articles = which(collection)?.into_iter();
    // Of what is there only the vectors count.
    let mut known = collection.catalogue()?;
    let there = std::mem::take(&mut known.articles);
    let taking = Taking { embedder, known: &known, there: &there, plan, bytes: 0, watch, merge: Merge::All };
    let report = taking.all(writer, articles, |_, _, _| Ok(0))?;
    collection.refresh()?;
    Ok(report)
}

/// How articles are taken into a collection.
struct Taking<'a> {
    embedder: Box<dyn Embedder>,
    known: &'a dyn Known,
    /// The articles that are there.
    there: &'a HashMap<String, ArticleCard>,
    plan: &'a Plan,
    bytes: u64,
    watch: &'a dyn Watch,
    merge: Merge,
}

/// What is merged when all articles are in.
#[derive(Clone, Copy, PartialEq)]
enum Merge {
    /// What there is to merge.
    All,
    /// Small segments, where there are many.
    Small,
}

impl Taking<'_> {
    /// Takes in all that is found. `delete` then deletes what is no longer there, and gives how many that were;
    /// it is told every id that was seen and every path with something wrong in it.
    fn all(
        self,
        mut writer: Box<dyn Writer>,
        found: impl Iterator<Item = Found> + Send,
        delete: impl FnOnce(&mut dyn Writer, &HashSet<String>, &HashSet<PathBuf>) -> store::Result<usize>,
    ) -> Result<Report> {
        let (begun, Self { embedder, known, there, plan, bytes, watch, merge }) = (Instant::now(), self);
        writer.set_memory(plan.building);
        watch.begin("indexing", Amount::Bytes(bytes));
        let mut sink = Sink {
            writer,
            there,
            report: Report::default(),
            seen: HashSet::new(),
            troubled: HashSet::new(),
            committed: Instant::now(),
            error: None,
            watch,
        };
        let result = pipeline::run(found, embedder, known, plan, watch.stop(), &mut |event, totals| {
            let flow = sink.take(event);
            watch.done(totals.bytes);
            watch.doing(&said(sink.report.articles, sink.report.skipped.failures, totals, begun));
            flow
        });
        let Sink { mut writer, mut report, seen, troubled, error, .. } = sink;
        let finish = (|| -> Result<()> {
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
            report.interrupted = watch.stopped();
            if !report.interrupted {
                report.deleted = delete(&mut *writer, &seen, &troubled)?;
            }
            watch.doing("saving");
            writer.commit()?;
            watch.end();
            if merge == Merge::Small {
                writer.merge_small()?;
            } else if !report.interrupted {
                let steps = Steps::of(watch);
                match writer.merge(plan.threads, &|step, done, of| steps.show(step, done, of)) {
                    // All articles are in; whoever writes next merges.
                    Err(store::Error::Stopped) => report.interrupted = true,
                    merged => merged?,
                }
            }
            Ok(())
        })();
        watch.end();
        drop(writer);
        finish.map_err(|error| Error::Partly(Box::new(error)))?;
        report.seconds = begun.elapsed().as_secs_f64();
        report.passages_per_second = report.passages as f64 / report.seconds.max(1e-9);
        Ok(report)
    }
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
        let path = self.catalogue.articles.get(id)?.path.as_str();
        self.names.absolute(path).exists().then_some(path)
    }

    fn keeps(&self) -> bool {
        self.catalogue.keeps
    }
}

/// How far it is, in words.
pub(crate) fn said(articles: usize, failures: usize, totals: &Totals, begun: Instant) -> String {
    let rate = totals.embedded as f64 / begun.elapsed().as_secs_f64().max(1e-3);
    format!(
        "{}, {} ({} new at {rate:.0}/s), {}",
        counted(articles, "article"),
        counted(totals.passages, "passage"),
        grouped(totals.embedded),
        counted(failures, "failure"),
    )
}

/// Takes the pipeline's events into the collection.
struct Sink<'a> {
    writer: Box<dyn Writer>,
    there: &'a HashMap<String, ArticleCard>,
    report: Report,
    /// Every id that is still there.
    seen: HashSet<String>,
    /// Files and folders with something wrong in them: what they held before is kept.
    troubled: HashSet<PathBuf>,
    committed: Instant,
    error: Option<store::Error>,
    watch: &'a dyn Watch,
}

impl Sink<'_> {
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
                self.report.skipped.add(&error.to_string(), self.watch);
            }
            Event::Unsupported(_) => self.report.unsupported += 1,
        }
        ControlFlow::Continue(())
    }

    fn put(&mut self, article: pipeline::EmbeddedArticle) -> store::Result<()> {
        let is_there = self.there.contains_key(&article.article.id);
        self.writer.put(article)?;
        *if is_there { &mut self.report.updated } else { &mut self.report.added } += 1;
        if self.writer.pending() >= COMMIT_PASSAGES || self.committed.elapsed() >= COMMIT_EVERY {
            self.writer.commit()?;
            self.committed = Instant::now();
            merge_in_background(&mut *self.writer, self.watch);
        }
        Ok(())
    }
}

/// Starts a merge after a commit of many. Should one have failed, that is said, and the work goes on.
pub(crate) fn merge_in_background(writer: &mut dyn Writer, watch: &dyn Watch) {
    // All threads embed; this one takes its share of their time.
    if let Err(error) = writer.merge_in_background(1) {
        watch.note(&format!("merging in the background failed, and is tried again at the end: {error}"));
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
    // As articles have it: a name that is not UTF-8 is not kept to the byte.
    let troubled: Vec<PathBuf> = troubled.iter().map(|path| job.names.absolute(&job.names.name(path))).collect();
    let gone = |path: &Path| {
        job.roots.iter().any(|root| path.starts_with(root)) && !troubled.iter().any(|trouble| path.starts_with(trouble))
    };
    let articles =
        known.articles.iter().filter(|(id, card)| !seen.contains(*id) && gone(&job.names.absolute(&card.path)));
    let mut ids: Vec<&String> = articles.map(|(id, _)| id).collect();
    ids.sort_unstable();
    ids.iter().try_fold(0, |count, id| Ok(count + usize::from(writer.delete(id)?)))
}
