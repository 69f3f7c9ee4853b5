//! Sources to embedded articles over N threads: one reads and cuts, N embed, the caller's thread
//! takes the articles in the order they were read. Queues are bounded, so memory does not grow
//! with the corpus.

use crate::article::{Article, ByteSpan};
use crate::chunk::Chunking;
use crate::embed::{Embedder, ModelInfo, Role, Tokenizer};
use crate::format::UnsupportedKind;
use crate::hash::Fingerprint;
use crate::read::{Item, Limits};
use crate::walk::{IngestItem, Source, Stat};
use crate::{Error, Result, read};
use crossbeam_channel::{Receiver, Sender, bounded};
use notes::Note;
use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is already there, asked while articles are read.
pub trait ExistingContent: Sync {
    /// Whether the article `id` is there with just this fingerprint.
    fn has_article(&self, id: &str, fingerprint: &Fingerprint) -> bool;
    /// Whether a vector for this text is there.
    fn has_vector(&self, text: &Fingerprint) -> bool;
    /// Where the article `id` came from, if it is there and that still exists; `None` where that cannot be said, and
    /// articles are known by their ids alone.
    fn article_source(&self, _id: &str) -> Option<&str> {
        None
    }
    /// Whether what a run gives is there from then on, so that a text which comes twice is embedded once.
    fn stores_vectors(&self) -> bool {
        true
    }
}

/// How to run.
#[derive(Debug, Clone, Copy)]
pub struct PipelineOptions {
    /// How articles are cut.
    pub chunking: Chunking,
    /// How many embed at once.
    pub threads: usize,
    /// What one article may cost.
    pub limits: Limits,
    /// How many bytes of articles may be under way.
    max_in_flight_bytes: u64,
    /// How many bytes a store may take to build what finds the passages; `None` is as many as that needs.
    pub index_build_memory: Option<u64>,
}

impl PipelineOptions {
    /// The usual limits.
    pub fn new(chunking: Chunking, threads: usize) -> Self {
        Self { chunking, threads, limits: Limits::DEFAULT, max_in_flight_bytes: DEFAULT_IN_FLIGHT_BYTES, index_build_memory: None }
    }

    /// The same, within so many bytes of memory as far as that can be chosen: half of them to build what finds the
    /// passages, a quarter at most for a process that reads a file [apart](crate::read::apart), an eighth for articles
    /// under way. What is left is for the model, what is known of every article, and the system's cache of files.
    #[must_use]
    pub fn with_memory_budget(mut self, memory: u64) -> Self {
        self.index_build_memory = Some(memory / 2);
        self.limits.memory = self.limits.memory.min(memory / 4);
        self.max_in_flight_bytes = memory / 8;
        self
    }
}

/// A passage, ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// Where it stands in its article.
    pub span: ByteSpan,
    /// The line it begins on.
    pub line: u64,
    /// Identifies its vector: the model and the text it read, context included.
    pub fingerprint: Fingerprint,
    /// Its unit vector; `None` when [`ExistingContent::has_vector`] said it is there, or an earlier passage of
    /// this run has the same fingerprint and that is [kept](ExistingContent::stores_vectors).
    pub vector: Option<Vec<f32>>,
}

/// An article with its passages, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddedArticle {
    /// The article.
    pub article: Article,
    /// Of its content and the way it was cut.
    pub fingerprint: Fingerprint,
    /// Its passages.
    pub passages: Vec<Passage>,
}

/// What a run met.
#[derive(Debug)]
pub enum Event {
    /// An article, ready.
    Article(Box<EmbeddedArticle>),
    /// An article that is there already, unchanged.
    Unchanged(String),
    /// A file or record that could not be used.
    Failed(Error),
    /// Something that was guessed, changed or left out in reading.
    Note(Note),
    /// A file in a walked folder that is in no format read here.
    Unsupported(Source, UnsupportedKind),
    /// A file was read to its end, and all of it could be used.
    SourceCompleted(CompletedSource),
}

/// A file all of whose articles are there.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletedSource {
    /// Its name in the collection.
    pub name: String,
    /// What it was like before it was read.
    pub stat: Stat,
    /// Its articles.
    pub articles: ArticleSetDigest,
    /// What was said of it.
    pub notes: Vec<Note>,
}

/// Identifies a set of articles, whatever their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ArticleSetDigest {
    /// How many there are.
    pub count: u64,
    /// The sum of the hashes of their ids and fingerprints.
    pub sum: u128,
}

impl ArticleSetDigest {
    /// Adds an article.
    pub fn add(&mut self, id: &str, fingerprint: &Fingerprint) {
        self.count += 1;
        let hash = Fingerprint::of([id.as_bytes(), &fingerprint.0]);
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(hash.0));
    }
}

/// What a run did, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bytes of the sources that are done with; of the one being read, about.
    pub bytes: u64,
    /// Passages of new and changed articles.
    pub passages: usize,
    /// Of these, the ones the model had to read.
    pub embedded: usize,
    /// The word pieces of those, special ones included.
    pub tokens: usize,
    /// Those of them with text beyond the model's window.
    pub truncated_passages: usize,
    /// The word pieces beyond it.
    pub truncated_tokens: usize,
}

/// How many passages may wait for each embedding thread.
const QUEUED_PASSAGES_PER_THREAD: usize = 32;
/// How many articles may be under way, if they are small.
const MAX_IN_FLIGHT_ARTICLES: usize = 256;
/// How many bytes of articles may be under way where nothing is said.
const DEFAULT_IN_FLIGHT_BYTES: u64 = 256 << 20;

/// A longer id is no name, and too long to be looked up by.
const MAX_ID_BYTES: usize = 1024;

/// An article whose passages are being embedded.
struct Pending {
    event: Event,
    /// [`Totals::bytes`] when it is handed over.
    bytes: u64,
    /// How many of its passages are not embedded yet.
    missing: usize,
    /// How many of the permits it holds.
    permits: usize,
}

struct Task {
    article: u64,
    passage: usize,
    text: String,
}

enum Message {
    Started(u64, Pending),
    Embedded { article: u64, passage: usize, result: Result<crate::Embedding> },
}

/// Reads what `found` yields and hands each event to `sink` on the calling thread, in order. Stops
/// early, with what was begun finished, when `stop` is set or `sink` breaks.
///
/// # Errors
/// When a thread's embedder cannot be made, or the model fails on a text; articles handed over
/// before that are whole.
pub fn run(
    items: impl Iterator<Item = IngestItem> + Send,
    embedder: Box<dyn Embedder>,
    existing: &dyn ExistingContent,
    options: &PipelineOptions,
    stop: &AtomicBool,
    sink: &mut dyn FnMut(Event, &Totals) -> ControlFlow<()>,
) -> Result<Totals> {
    let threads = options.threads.max(1);
    let (model, tokenizer) = (embedder.model().clone(), embedder.tokenizer().clone());
    let mut workers = (1..threads).map(|_| embedder.fork()).collect::<Result<Vec<_>>>()?;
    workers.push(embedder);
    let (tasks, waiting) = bounded::<Task>(threads * QUEUED_PASSAGES_PER_THREAD);
    let (messages, inbox) = bounded::<Message>(threads * QUEUED_PASSAGES_PER_THREAD + MAX_IN_FLIGHT_ARTICLES);
    let (permits, returned) = bounded::<()>(MAX_IN_FLIGHT_ARTICLES);
    std::thread::scope(|scope| {
        for mut worker in workers {
            let (waiting, messages) = (waiting.clone(), messages.clone());
            scope.spawn(move || {
                for Task { article, passage, text } in waiting {
                    let result = embed(&mut *worker, &text);
                    if messages.send(Message::Embedded { article, passage, result }).is_err() {
                        break;
                    }
                }
            });
        }
        drop(waiting);
        scope.spawn(move || {
            let mut reading = ReadingThread {
                options,
                existing,
                model,
                tokenizer,
                tasks,
                messages,
                permits,
                stop,
                next: 0,
                bytes: 0,
                ids: HashMap::new(),
                seen: HashSet::new(),
                current: None,
            };
            for item in items {
                if reading.process(item).is_break() {
                    break;
                }
            }
        });
        collect(inbox, returned, stop, sink)
    })
}

/// Embeds a passage. A panic in the runtime becomes an error: lost, it would leave the article
/// waiting for ever.
fn embed(worker: &mut dyn Embedder, text: &str) -> Result<crate::Embedding> {
    catch_unwind(AssertUnwindSafe(|| worker.embed(text, Role::Passage))).unwrap_or_else(|_| {
        let problem = "it panicked; see above".to_owned();
        Err(Error::Embedding { name: worker.model().name.clone(), bytes: text.len(), problem })
    })
}

/// The reading thread's state.
struct ReadingThread<'a> {
    options: &'a PipelineOptions,
    existing: &'a dyn ExistingContent,
    model: ModelInfo,
    tokenizer: Arc<Tokenizer>,
    tasks: Sender<Task>,
    messages: Sender<Message>,
    permits: Sender<()>,
    stop: &'a AtomicBool,
    next: u64,
    /// How far into the sources it is.
    bytes: u64,
    /// Every id met, with the place of its first article.
    ids: HashMap<String, String>,
    /// Every text this run has sent to be embedded.
    seen: HashSet<Fingerprint>,
    /// Of the file being read.
    current: Option<SourceProgress>,
}

/// What came out of a file so far.
#[derive(Default)]
struct SourceProgress {
    articles: ArticleSetDigest,
    notes: Vec<Note>,
    has_failed: bool,
}

impl ReadingThread<'_> {
    fn process(&mut self, item: IngestItem) -> ControlFlow<()> {
        match item {
            IngestItem::Source(source) => self.read(&source),
            IngestItem::Unchanged(source, ids, notes) => self.unchanged(&source, ids, notes),
            IngestItem::Article(article) => self.article(&PathBuf::from(&article.path), *article),
            IngestItem::Unsupported(source, kind) => {
                self.bytes += source.bytes();
                self.send(Event::Unsupported(source, kind), Vec::new())
            }
            IngestItem::Failed(_, error) => self.send(Event::Failed(error), Vec::new()),
        }
    }

    fn read(&mut self, source: &Source) -> ControlFlow<()> {
        let mut flow = ControlFlow::Continue(());
        let end = self.bytes + source.bytes();
        let limits = self.options.limits;
        self.current = Some(SourceProgress::default());
        let mut emit = |item| {
            flow = match item {
                Item::Article(article) => self.article_of_source(source, *article, end),
                Item::Failed(error) => self.failed(error),
                Item::Note(note) => self.note(note),
            };
            flow
        };
        let result = read::read(source, limits, &mut emit);
        self.bytes = end;
        let current = self.current.take().unwrap_or_default();
        match (result, source.stat) {
            _ if flow.is_break() => flow,
            (Err(error), _) => self.send(Event::Failed(error), Vec::new()),
            (Ok(()), Some(stat)) if !current.has_failed => {
                let SourceProgress { articles, notes, .. } = current;
                let read = CompletedSource { name: source.name.clone(), stat, articles, notes };
                self.send(Event::SourceCompleted(read), Vec::new())
            }
            (Ok(()), _) => flow,
        }
    }

    fn unchanged(&mut self, source: &Source, ids: Vec<String>, notes: Vec<Note>) -> ControlFlow<()> {
        self.bytes += source.bytes();
        for note in notes {
            self.send(Event::Note(note), Vec::new())?;
        }
        for id in ids {
            let event = match self.ids.insert(id.clone(), source.name.clone()) {
                None => Event::Unchanged(id),
                // Met in a file that was read before this one.
                Some(first) => Event::Failed(Error::DuplicateId { path: source.path.clone(), line: None, id, first }),
            };
            self.send(event, Vec::new())?;
        }
        ControlFlow::Continue(())
    }

    fn article_of_source(&mut self, source: &Source, mut article: Article, end: u64) -> ControlFlow<()> {
        self.bytes = (self.bytes + article.text.len() as u64).min(end);
        article.record_line = article.record_line.filter(|_| !source.is_stream());
        self.article(&source.path, article)
    }

    fn note(&mut self, note: Note) -> ControlFlow<()> {
        if let Some(current) = &mut self.current {
            current.notes.push(note.clone());
        }
        self.send(Event::Note(note), Vec::new())
    }

    fn failed(&mut self, error: Error) -> ControlFlow<()> {
        if let Some(current) = &mut self.current {
            current.has_failed = true;
        }
        self.send(Event::Failed(error), Vec::new())
    }

    fn article(&mut self, path: &Path, article: Article) -> ControlFlow<()> {
        let place = article.record_line.map_or_else(|| article.path.clone(), |line| format!("{}:{line}", article.path));
        if let Some(first) = self.ids.insert(article.id.clone(), place) {
            let error = Error::DuplicateId {
                path: path.to_owned(),
                line: article.record_line,
                id: article.id.clone(),
                first: first.clone(),
            };
            self.ids.insert(article.id, first);
            return self.failed(error);
        }
        if article.id.len() > MAX_ID_BYTES {
            let problem = format!("expected an id of at most {MAX_ID_BYTES} bytes, found one of {}", article.id.len());
            return self.failed(Error::malformed(path, article.record_line, problem));
        }
        if let Some(other) = self.existing.article_source(&article.id).filter(|other| *other != article.path) {
            let (line, first) = (article.record_line, other.to_owned());
            return self.failed(Error::DuplicateId { path: path.to_owned(), line, id: article.id, first });
        }
        let fingerprint = article.fingerprint(&self.options.chunking.key());
        if let Some(current) = &mut self.current {
            current.articles.add(&article.id, &fingerprint);
        }
        if self.existing.has_article(&article.id, &fingerprint) {
            return self.send(Event::Unchanged(article.id), Vec::new());
        }
        let (mut passages, mut texts) = (Vec::new(), Vec::new());
        let (mut line, mut counted) = (article.line_at(0), 0);
        for chunk in self.options.chunking.chunk(&article, self.model.max_passage_tokens(), &|text| self.tokenizer.count(text)) {
            let text = chunk.embedded_text(&article);
            let fingerprint = self.model.fingerprint(&text);
            let known = self.existing.has_vector(&fingerprint) || (self.existing.stores_vectors() && !self.seen.insert(fingerprint));
            if !known {
                texts.push((passages.len(), text));
            }
            // Passages come in order, so lines are counted once through the text.
            if article.record_line.is_none() {
                line += article.text[counted..chunk.span.start].matches('\n').count() as u64;
                counted = chunk.span.start;
            }
            passages.push(Passage { span: chunk.span, line, fingerprint, vector: None });
        }
        self.send(Event::Article(Box::new(EmbeddedArticle { article, fingerprint, passages })), texts)
    }

    /// How many permits something is worth: one, or as many as its part of the bytes that may be under way.
    fn permits_for(&self, event: &Event) -> usize {
        let Event::Article(article) = event else { return 1 };
        let vectors = article.passages.len() * self.model.dimensions * size_of::<f32>();
        // The text stands there twice: as it is, and in what is to be embedded.
        let bytes = 2 * article.article.text.len() + vectors;
        permits(bytes, self.options.max_in_flight_bytes as usize)
    }

    fn send(&mut self, event: Event, texts: Vec<(usize, String)>) -> ControlFlow<()> {
        let article = self.next;
        self.next += 1;
        let permits = self.permits_for(&event);
        let pending = Pending { event, bytes: self.bytes, missing: texts.len(), permits };
        if self.stop.load(Ordering::Relaxed)
            || (0..permits).any(|_| self.permits.send(()).is_err())
            || self.messages.send(Message::Started(article, pending)).is_err()
        {
            return ControlFlow::Break(());
        }
        for (passage, text) in texts {
            if self.tasks.send(Task { article, passage, text }).is_err() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

/// Puts the embedded passages into their articles and hands these over in order.
fn collect(
    inbox: Receiver<Message>,
    returned: Receiver<()>,
    stop: &AtomicBool,
    sink: &mut dyn FnMut(Event, &Totals) -> ControlFlow<()>,
) -> Result<Totals> {
    let mut totals = Totals::default();
    let mut pending: VecDeque<Pending> = VecDeque::new();
    let mut first = 0;
    for message in inbox {
        match message {
            Message::Started(number, started) => {
                debug_assert_eq!(number, first + pending.len() as u64);
                pending.push_back(started);
            }
            Message::Embedded { article, passage, result } => {
                let embedding = result.inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
                totals.embedded += 1;
                totals.tokens += embedding.tokens;
                totals.truncated_passages += usize::from(embedding.truncated_tokens > 0);
                totals.truncated_tokens += embedding.truncated_tokens;
                if let Some(Pending { event: Event::Article(embedded), missing, .. }) =
                    pending.get_mut((article - first) as usize)
                {
                    embedded.passages[passage].vector = Some(embedding.vector);
                    *missing -= 1;
                }
            }
        }
        while pending.front().is_some_and(|front| front.missing == 0) {
            let Some(Pending { event, bytes, permits, .. }) = pending.pop_front() else { break };
            totals.bytes = bytes;
            first += 1;
            (0..permits).for_each(|_| _ = returned.recv());
            if let Event::Article(article) = &event {
                totals.passages += article.passages.len();
            }
            if sink(event, &totals).is_break() {
                stop.store(true, Ordering::Relaxed);
                return Ok(totals);
            }
        }
    }
    Ok(totals)
}

/// Of the [`MAX_IN_FLIGHT_ARTICLES`] permits, how many an article of so many bytes is worth where `most` bytes may be under way.
fn permits(bytes: usize, most: usize) -> usize {
    bytes.div_ceil((most / MAX_IN_FLIGHT_ARTICLES).max(1)).clamp(1, MAX_IN_FLIGHT_ARTICLES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn articles_under_way_never_have_more_bytes_than_may_be() {
        assert_eq!([0, 1, 100, 101, 25_600, usize::MAX].map(|bytes| permits(bytes, 25_600)), [1, 1, 1, 2, 256, 256]);
        for bytes in [1, 99, 199, 250, 3_333] {
            let at_once = MAX_IN_FLIGHT_ARTICLES / permits(bytes, 25_600);
            assert!(at_once * bytes <= 25_600, "{at_once} of {bytes} bytes");
        }
    }
}
