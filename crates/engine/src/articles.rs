//! Indexing: walk, read, cut, embed, store, with progress and a report.

use crate::sources::Sources;
use crate::text::{counted, grouped};
use crate::{Amount, Error, Names, Omitted, Result, Steps, Watch};
use ingest::format::Kind;
use ingest::pipeline::{self, Digest, Event, Known, Plan, Totals};
use ingest::read::{Item, Limits};
use ingest::walk::{Entry, Found, Source, Walk};
use ingest::{Article, Embedder, Fingerprint, Format};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
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
    /// What could not be used, was left out or guessed.
    #[serde(flatten)]
    pub omitted: Omitted,
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

/// What is under a job's roots.
pub struct Survey {
    walk: Walk,
    /// What the files are called in the collection, in their order.
    names: Vec<String>,
    begun: SystemTime,
}

impl Survey {
    /// Walks the job's roots.
    pub fn new(job: &Job<'_>) -> Self {
        let begun = SystemTime::now();
        let walk = Walk::new(job.roots);
        let names = walk.files.iter().map(|file| job.names.name(&file.path)).collect();
        Self { walk, names, begun }
    }

    /// What is left out of it, if it holds no file to read: then there is nothing to index.
    pub fn nothing_to_read(&self, job: &Job<'_>) -> Option<Omitted> {
        let mut omitted = Omitted::default();
        for (name, entry) in self.files() {
            match Found::new(entry.clone(), job.format, name.to_owned()) {
                Found::Unsupported(source, kind) => omitted.unsupported(source.name, kind),
                _ => return None,
            }
        }
        omitted.leave_out(&self.walk.left_out, job.names);
        self.walk.failed.is_empty().then_some(omitted)
    }

    fn files(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.names.iter().map(String::as_str).zip(&self.walk.files)
    }
}

/// The most articles, and bytes of each, that are looked at to tell a language.
const LOOKED_AT: usize = 200;
const LOOKED_INTO: usize = 4000;

/// The language that most words of the first articles under the job's roots are in; `Other` where none tells.
pub fn language(job: &Job<'_>, survey: &Survey) -> Language {
    let mut texts: Vec<String> = Vec::new();
    for (name, entry) in survey.files() {
        let Found::Source(source) = Found::new(entry.clone(), job.format, name.to_owned()) else { continue };
        // What is wrong with an article is said when it is indexed; what is slow to read need not be read twice.
        let limits = Limits { seconds: 1, ..job.plan.limits };
        let _ = ingest::read::read(&source, limits, &mut |item| {
            if let Item::Article(article) = item {
                let body = article.body.iter().map(|span| span.of(&article.text)).collect::<Vec<_>>().join("\n");
                texts.push(body[..body.floor_char_boundary(LOOKED_INTO)].to_owned());
            }
            if texts.len() < LOOKED_AT { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        if texts.len() >= LOOKED_AT {
            break;
        }
    }
    Language::detect(texts.iter().map(String::as_str)).unwrap_or(Language::Other)
}

/// Of what, besides a file, depends what is read from it.
fn reading(job: &Job<'_>) -> String {
    let Plan { chunking, limits, .. } = &job.plan;
    format!("{} {} {} {:?} {limits:?}", env!("CARGO_PKG_VERSION"), ingest::read::VERSION, chunking.key(), job.format)
}

/// The names of the job's roots, in their order.
fn roots(job: &Job<'_>) -> Vec<String> {
    job.roots.iter().map(|root| job.names.name(root)).collect()
}

/// The report of a run that has nothing to do: the job ended before at this very commit, and no file has changed since.
/// Takes no more than to look at every file's times.
pub fn nothing_to_do(collection: &dyn Collection, job: &Job<'_>, survey: &Survey, watch: &dyn Watch) -> Option<Report> {
    let begun = Instant::now();
    let changes_nothing = job.delete_vanished && job.builder.is_none() && survey.walk.failed.is_empty();
    let commit = collection.commit_id().filter(|_| changes_nothing)?;
    let known = Sources::new(&reading(job), Some(&collection.cache()?));
    if !known.are_complete(commit, &roots(job), job.names.are_under(job.roots), survey.files()) {
        return None;
    }
    let mut report = Report::default();
    for (name, entry) in survey.files() {
        let known = known.unchanged(name, entry)?;
        report.articles += known.articles.count as usize;
        known.extra.notes.iter().for_each(|note| report.omitted.note(note.clone(), watch));
        if let Some(kind) = &known.extra.unsupported {
            report.omitted.unsupported(name.to_owned(), Kind::from(kind.as_str()));
        }
    }
    report.unchanged = report.articles;
    report.omitted.leave_out(&survey.walk.left_out, job.names);
    report.seconds = begun.elapsed().as_secs_f64();
    Some(report)
}

/// Brings the collection up to date with what is under the job's roots: new articles are added, changed ones replaced,
/// and those whose file or record is gone deleted. What is done is committed every few seconds.
///
/// # Errors
/// When the collection cannot be written, or the model fails; articles that could not be read are only reported.
pub fn index(
    collection: &mut dyn Collection,
    embedder: Box<dyn Embedder>,
    job: &Job<'_>,
    survey: &Survey,
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
    let mut sources = Sources::new(&reading(job), collection.cache().as_deref());
    sources.begin(survey.begun);
    // Asked while files are read, and told of those that were.
    let sources = Mutex::new(sources);
    let upkeep = job.delete_vanished.then_some(Upkeep { job, survey, known: &known, sources: &sources });
    let found = Finding::new(job, survey, &sources, &known);
    let held = Held { catalogue: &known, names: job.names };
    let taking = Taking {
        embedder,
        known: &held,
        there: &known.articles,
        plan: &job.plan,
        bytes: survey.walk.bytes(),
        watch,
        merge: Merge::All,
    };
    let mut report = taking.all(writer, found.all(), upkeep)?;
    report.omitted.leave_out(&survey.walk.left_out, job.names);
    collection.refresh()?;
    Ok(report)
}

fn lock(sources: &Mutex<Sources>) -> MutexGuard<'_, Sources> {
    sources.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Files as they are found: those that have not changed with the articles that they had.
struct Finding<'a> {
    job: &'a Job<'a>,
    survey: &'a Survey,
    sources: &'a Mutex<Sources>,
    /// What the collection holds of each file.
    held: HashMap<&'a str, (Digest, Vec<&'a str>)>,
}

impl<'a> Finding<'a> {
    fn new(job: &'a Job<'a>, survey: &'a Survey, sources: &'a Mutex<Sources>, known: &'a Catalogue) -> Self {
        let mut held: HashMap<&str, (Digest, Vec<&str>)> = HashMap::new();
        if !lock(sources).is_empty() {
            for (id, card) in &known.articles {
                let (digest, ids) = held.entry(&card.path).or_default();
                digest.add(id, &card.fingerprint);
                ids.push(id);
            }
        }
        Self { job, survey, sources, held }
    }

    fn all(&self) -> impl Iterator<Item = Found> {
        let failed = self.survey.walk.failed.iter().map(|(path, error)| Found::Failed(path.clone(), error.again()));
        failed.chain(self.survey.files().map(|(name, entry)| self.one(name, entry)))
    }

    fn one(&self, name: &str, entry: &Entry) -> Found {
        let source = || Source {
            path: entry.path.clone(),
            name: name.to_owned(),
            format: Format::Text,
            is_guess: false,
            stat: Some(entry.stat),
        };
        if let Some(known) = lock(self.sources).unchanged(name, entry) {
            if let Some(kind) = &known.extra.unsupported {
                return Found::Unsupported(source(), Kind::from(kind.as_str()));
            }
            let (digest, ids) =
                self.held.get(name).map_or((Digest::default(), &[][..]), |(digest, ids)| (*digest, ids));
            if digest == known.articles {
                let mut ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
                ids.sort_unstable();
                return Found::Unchanged(source(), ids, known.extra.notes.clone());
            }
        }
        Found::new(entry.clone(), self.job.format, name.to_owned())
    }
}

/// What keeps a collection like the files under its roots.
struct Upkeep<'a> {
    job: &'a Job<'a>,
    survey: &'a Survey,
    known: &'a Catalogue,
    sources: &'a Mutex<Sources>,
}

impl Upkeep<'_> {
    /// Deletes the articles under the roots that were not seen, but for those of files with something wrong in them.
    fn delete_vanished(
        &self,
        writer: &mut dyn Writer,
        seen: &HashSet<String>,
        troubled: &HashSet<PathBuf>,
    ) -> store::Result<usize> {
        let Self { job, known, .. } = self;
        // As articles have it: a name that is not UTF-8 is not kept to the byte.
        let troubled: Vec<PathBuf> = troubled.iter().map(|path| job.names.absolute(&job.names.name(path))).collect();
        let is_troubled = |name: &str| {
            let path = job.names.absolute(name);
            troubled.iter().any(|trouble| path.starts_with(trouble))
        };
        let under_roots = job.names.are_under(job.roots);
        let gone = known
            .articles
            .iter()
            .filter(|(id, card)| !seen.contains(*id) && under_roots(&card.path) && !is_troubled(&card.path));
        let mut ids: Vec<&String> = gone.map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids.iter().try_fold(0, |count, id| Ok(count + usize::from(writer.delete(id)?)))
    }

    /// Keeps what was read of which files, for the next run.
    fn keep(self, writer: &mut dyn Writer, interrupted: bool) -> store::Result<()> {
        let under_roots = self.job.names.are_under(self.job.roots);
        let there: HashSet<&str> = self.survey.names.iter().map(String::as_str).collect();
        let mut sources = lock(self.sources);
        sources.retain(|name| there.contains(name) || !under_roots(name));
        let roots = (!interrupted).then(|| roots(self.job));
        writer.keep_cache(&mut |commit| {
            sources.end(commit, roots.clone());
            sources.encode()
        })
    }
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
    let report = taking.all(writer, articles, None)?;
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
    taking.all(writer, std::iter::once(Found::Article(Box::new(article))), None)
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
    let report = taking.all(writer, articles, None)?;
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
    /// Takes in all that is found.
    fn all(
        self,
        mut writer: Box<dyn Writer>,
        found: impl Iterator<Item = Found> + Send,
        upkeep: Option<Upkeep<'_>>,
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
            upkeep,
            watch,
        };
        let result = pipeline::run(found, embedder, known, plan, watch.stop(), &mut |event, totals| {
            let flow = sink.take(event);
            watch.done(totals.bytes);
            watch.doing(&said(sink.report.articles, sink.report.omitted.skipped.failures, totals, begun));
            flow
        });
        let Sink { mut writer, mut report, seen, troubled, error, upkeep, .. } = sink;
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
            if let Some(upkeep) = upkeep.as_ref().filter(|_| !report.interrupted) {
                report.deleted = upkeep.delete_vanished(&mut *writer, &seen, &troubled)?;
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
            if let Some(Err(error)) = upkeep.map(|upkeep| upkeep.keep(&mut *writer, report.interrupted)) {
                watch.note(&format!(
                    "the next run reads every file again, for what was read could not be kept: {error}"
                ));
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
    upkeep: Option<Upkeep<'a>>,
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
                self.report.omitted.skipped.add(error.to_note(), self.watch);
            }
            Event::Note(note) => self.report.omitted.note(note, self.watch),
            Event::Unsupported(source, kind) => {
                if let (Some(upkeep), Some(stat)) = (&self.upkeep, source.stat) {
                    lock(upkeep.sources).unsupported(&source.name, stat, &kind.to_string());
                }
                self.report.omitted.unsupported(source.name, kind);
            }
            Event::Read(read) => {
                if let Some(upkeep) = &self.upkeep {
                    lock(upkeep.sources).read(read);
                }
            }
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
