//! The indexing pipeline. One thread reads and chunks, N threads embed, and the caller's thread
//! receives the articles in the order they were read. All queues are bounded, so memory use does
//! not grow with the corpus.

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

/// What the store contains already, so that unchanged articles are skipped and known texts are not
/// embedded again.
pub trait ExistingContent: Sync {
    /// Whether the store has the article `id` with exactly this fingerprint.
    fn has_article(&self, id: &str, fingerprint: &Fingerprint) -> bool;
    /// Whether the store has a vector for the text with this [fingerprint](ModelInfo::fingerprint).
    fn has_vector(&self, text: &Fingerprint) -> bool;
    /// The path of the article `id`, if the store has it and that path still exists. An article
    /// with the same id from another path is then a duplicate. `None` if the store identifies
    /// articles by their ids alone.
    fn article_source(&self, _id: &str) -> Option<&str> {
        None
    }
    /// Whether the vectors of this run are stored as they arrive, so that a repeated text is
    /// embedded only once.
    fn stores_vectors(&self) -> bool {
        true
    }
}

/// The options of a pipeline run.
#[derive(Debug, Clone, Copy)]
pub struct PipelineOptions {
    /// How articles are split into passages.
    pub chunking: Chunking,
    /// The number of embedding threads; at least 1.
    pub threads: usize,
    /// Limits on reading one article.
    pub limits: Limits,
    /// Limit on the memory of articles in flight, in bytes.
    max_in_flight_bytes: u64,
    /// Limit on the memory that the store uses to build a vector index, in bytes; `None` for no
    /// limit.
    pub index_build_memory: Option<u64>,
}

impl PipelineOptions {
    /// Options with the default limits.
    pub fn new(chunking: Chunking, threads: usize) -> Self {
        Self {
            chunking,
            threads,
            limits: Limits::DEFAULT,
            max_in_flight_bytes: DEFAULT_IN_FLIGHT_BYTES,
            index_build_memory: None,
        }
    }

    /// Divides a memory budget in bytes: half for building the vector index, at most a quarter for
    /// the [sandboxed reader](crate::read::sandbox), an eighth for articles in flight. The rest is
    /// left for the model, the list of articles and the page cache.
    #[must_use]
    pub fn with_memory_budget(mut self, memory: u64) -> Self {
        self.index_build_memory = Some(memory / 2);
        self.limits.memory = self.limits.memory.min(memory / 4);
        self.max_in_flight_bytes = memory / 8;
        self
    }
}

/// A passage, ready to store.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// Its span in the article's text.
    pub span: ByteSpan,
    /// The line on which it begins, from 1.
    pub line: u64,
    /// The fingerprint of the model and the embedded text, context included; identifies the
    /// vector.
    pub fingerprint: Fingerprint,
    /// Its unit vector. `None` if the store [has it](ExistingContent::has_vector), or if an
    /// earlier passage of this run has the same fingerprint and [its vector is
    /// stored](ExistingContent::stores_vectors).
    pub vector: Option<Vec<f32>>,
}

/// An article with its passages.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddedArticle {
    /// The article.
    pub article: Article,
    /// The fingerprint of its content and the chunking, as given by [`Article::fingerprint`].
    pub fingerprint: Fingerprint,
    /// Its passages, in the order of the text.
    pub passages: Vec<Passage>,
}

/// An event of a pipeline run.
#[derive(Debug)]
pub enum Event {
    /// An article is ready to store.
    Article(Box<EmbeddedArticle>),
    /// The store has the article with this id already, unchanged.
    Unchanged(String),
    /// A file or record could not be used.
    Failed(Error),
    /// Something was guessed, changed or omitted while reading.
    Note(Note),
    /// A file in a walked folder has an unsupported format.
    Unsupported(Source, UnsupportedKind),
    /// A file was read to its end without errors.
    SourceCompleted(CompletedSource),
}

/// A file that was read to its end without errors, so that it can be skipped until it changes.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletedSource {
    /// Its name in the collection.
    pub name: String,
    /// Its state before it was read.
    pub stat: Stat,
    /// The set of its articles.
    pub articles: ArticleSetDigest,
    /// The notes about it.
    pub notes: Vec<Note>,
}

/// Identifies a set of articles, independent of their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ArticleSetDigest {
    /// The number of articles.
    pub count: u64,
    /// The wrapping sum of hashes of their ids and fingerprints.
    pub sum: u128,
}

impl ArticleSetDigest {
    /// Adds an article to the set.
    pub fn add(&mut self, id: &str, fingerprint: &Fingerprint) {
        self.count += 1;
        let hash = Fingerprint::of([id.as_bytes(), &fingerprint.0]);
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(hash.0));
    }
}

/// Counters of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bytes of the sources processed so far; approximate for the one being read.
    pub bytes: u64,
    /// Passages of new and changed articles.
    pub passages: usize,
    /// Passages of these that were embedded, because their vectors were not known.
    pub embedded: usize,
    /// Tokens of the embedded passages, special ones included.
    pub tokens: usize,
    /// Embedded passages that were truncated to the model's window.
    pub truncated_passages: usize,
    /// Tokens beyond the window in these.
    pub truncated_tokens: usize,
}

/// The capacity of the embedding queue, in passages per thread.
const QUEUED_PASSAGES_PER_THREAD: usize = 32;
/// Passages are embedded together up to so many bytes: about as many as one run of an encoder takes.
const BATCH_BYTES: usize = 1_000;
/// The number of permits for articles in flight. Small articles take one each.
const MAX_IN_FLIGHT_ARTICLES: usize = 256;
/// The default limit on the memory of articles in flight, in bytes.
const DEFAULT_IN_FLIGHT_BYTES: u64 = 256 << 20;

/// Longer ids are rejected, in bytes: the store looks articles up by id.
const MAX_ID_BYTES: usize = 1024;

/// An event in flight: an article whose passages are being embedded, or another event waiting for
/// its turn.
struct Pending {
    event: Event,
    /// The value of [`Totals::bytes`] when it is delivered.
    bytes: u64,
    /// How many of its passages are not embedded yet.
    missing: usize,
    /// How many permits it holds.
    permits: usize,
}

/// A passage to embed.
struct Task {
    /// The sequence number of the article's event.
    article: u64,
    /// The index of the passage in its article.
    passage: usize,
    text: String,
}

/// A message to the collecting thread.
enum Message {
    /// An event with its sequence number.
    Started(u64, Pending),
    Embedded {
        article: u64,
        passage: usize,
        result: Result<crate::Embedding>,
    },
}

/// Runs the pipeline over `items` and passes each event to `sink` on the calling thread, in order.
/// If `stop` is set, no more is read and the articles in flight are finished; if `sink` breaks, it
/// is not called again.
///
/// # Errors
/// [`Error::Model`] if the embedder cannot be forked, [`Error::Embedding`] if the model fails on a
/// text. All articles passed to `sink` before that are complete.
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
    let mut workers = (1..threads)
        .map(|_| embedder.fork())
        .collect::<Result<Vec<_>>>()?;
    workers.push(embedder);
    let (tasks, waiting) = bounded::<Task>(threads * QUEUED_PASSAGES_PER_THREAD);
    let (messages, inbox) =
        bounded::<Message>(threads * QUEUED_PASSAGES_PER_THREAD + MAX_IN_FLIGHT_ARTICLES);
    let (permits, returned) = bounded::<()>(MAX_IN_FLIGHT_ARTICLES);
    std::thread::scope(|scope| {
        for mut worker in workers {
            let (waiting, messages) = (waiting.clone(), messages.clone());
            scope.spawn(move || {
                while let Some(tasks) = next_batch(&waiting) {
                    for message in embed(&mut *worker, &tasks) {
                        if messages.send(message).is_err() {
                            return;
                        }
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

/// The next passages to embed together: those that wait already, until they have
/// [`BATCH_BYTES`] bytes. Blocks until there is one; `None` if there will be no more.
fn next_batch(waiting: &Receiver<Task>) -> Option<Vec<Task>> {
    let mut tasks = vec![waiting.recv().ok()?];
    let mut bytes = tasks[0].text.len();
    while bytes < BATCH_BYTES
        && let Ok(task) = waiting.try_recv()
    {
        bytes += task.text.len();
        tasks.push(task);
    }
    Some(tasks)
}

/// Embeds passages. If one fails, the first message has the error, and there are no others. A panic
/// becomes an error; otherwise the collecting thread would wait for the passages forever.
fn embed(worker: &mut dyn Embedder, tasks: &[Task]) -> Vec<Message> {
    let texts: Vec<&str> = tasks.iter().map(|task| task.text.as_str()).collect();
    let result = catch_unwind(AssertUnwindSafe(|| worker.embed_all(&texts, Role::Passage)));
    let result = result.unwrap_or_else(|_| {
        let problem = "the runtime panicked".to_owned();
        Err(Error::Embedding {
            name: worker.model().name.clone(),
            bytes: texts.iter().map(|text| text.len()).sum(),
            problem,
        })
    });
    let results = match result {
        Ok(embeddings) => embeddings.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    };
    let message = |(task, result): (&Task, _)| Message::Embedded {
        article: task.article,
        passage: task.passage,
        result,
    };
    tasks.iter().zip(results).map(message).collect()
}

/// The state of the thread that reads and chunks.
struct ReadingThread<'a> {
    options: &'a PipelineOptions,
    existing: &'a dyn ExistingContent,
    model: ModelInfo,
    tokenizer: Arc<Tokenizer>,
    tasks: Sender<Task>,
    messages: Sender<Message>,
    permits: Sender<()>,
    stop: &'a AtomicBool,
    /// The sequence number of the next event.
    next: u64,
    /// Bytes of the sources read so far.
    bytes: u64,
    /// The ids seen so far, with the place of the first article of each: `path` or `path:line`.
    ids: HashMap<String, String>,
    /// The fingerprints of all texts queued for embedding in this run.
    seen: HashSet<Fingerprint>,
    /// The progress within the file being read.
    current: Option<SourceProgress>,
}

/// What was read from the current file so far.
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
                let SourceProgress {
                    articles, notes, ..
                } = current;
                let read = CompletedSource {
                    name: source.name.clone(),
                    stat,
                    articles,
                    notes,
                };
                self.send(Event::SourceCompleted(read), Vec::new())
            }
            (Ok(()), _) => flow,
        }
    }

    fn unchanged(
        &mut self,
        source: &Source,
        ids: Vec<String>,
        notes: Vec<Note>,
    ) -> ControlFlow<()> {
        self.bytes += source.bytes();
        for note in notes {
            self.send(Event::Note(note), Vec::new())?;
        }
        for id in ids {
            let event = match self.ids.insert(id.clone(), source.name.clone()) {
                None => Event::Unchanged(id),
                // The id was already used by a file earlier in this run.
                Some(first) => Event::Failed(Error::DuplicateId {
                    path: source.path.clone(),
                    line: None,
                    id,
                    first,
                }),
            };
            self.send(event, Vec::new())?;
        }
        ControlFlow::Continue(())
    }

    fn article_of_source(
        &mut self,
        source: &Source,
        mut article: Article,
        end: u64,
    ) -> ControlFlow<()> {
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
        let place = article.record_line.map_or_else(
            || article.path.clone(),
            |line| format!("{}:{line}", article.path),
        );
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
            let problem = format!(
                "expected an id of at most {MAX_ID_BYTES} bytes, found one of {}",
                article.id.len()
            );
            return self.failed(Error::malformed(path, article.record_line, problem));
        }
        if let Some(other) = self
            .existing
            .article_source(&article.id)
            .filter(|other| *other != article.path)
        {
            let (line, first) = (article.record_line, other.to_owned());
            return self.failed(Error::DuplicateId {
                path: path.to_owned(),
                line,
                id: article.id,
                first,
            });
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
        for chunk in
            self.options
                .chunking
                .chunk(&article, self.model.max_passage_tokens(), &|text| {
                    self.tokenizer.count(text)
                })
        {
            let text = chunk.embedded_text(&article);
            let fingerprint = self.model.fingerprint(&text);
            let known = self.existing.has_vector(&fingerprint)
                || (self.existing.stores_vectors() && !self.seen.insert(fingerprint));
            if !known {
                texts.push((passages.len(), text));
            }
            // Passages are in order, so lines are counted in one pass over the text.
            if article.record_line.is_none() {
                line += article.text[counted..chunk.span.start]
                    .matches('\n')
                    .count() as u64;
                counted = chunk.span.start;
            }
            passages.push(Passage {
                span: chunk.span,
                line,
                fingerprint,
                vector: None,
            });
        }
        self.send(
            Event::Article(Box::new(EmbeddedArticle {
                article,
                fingerprint,
                passages,
            })),
            texts,
        )
    }

    /// How many permits an event takes: in proportion to its share of the in-flight memory, at
    /// least one.
    fn permits_for(&self, event: &Event) -> usize {
        let Event::Article(article) = event else {
            return 1;
        };
        let vectors = article.passages.len() * self.model.dimensions * size_of::<f32>();
        // The text is held twice: in the article and in the queued passages.
        let bytes = 2 * article.article.text.len() + vectors;
        permits(bytes, self.options.max_in_flight_bytes as usize)
    }

    /// Sends an event to the collecting thread and its passages to the embedding threads. Blocks
    /// until permits and queue slots are free; breaks if the run has been stopped.
    fn send(&mut self, event: Event, texts: Vec<(usize, String)>) -> ControlFlow<()> {
        let article = self.next;
        self.next += 1;
        let permits = self.permits_for(&event);
        let pending = Pending {
            event,
            bytes: self.bytes,
            missing: texts.len(),
            permits,
        };
        if self.stop.load(Ordering::Relaxed)
            || (0..permits).any(|_| self.permits.send(()).is_err())
            || self
                .messages
                .send(Message::Started(article, pending))
                .is_err()
        {
            return ControlFlow::Break(());
        }
        for (passage, text) in texts {
            if self
                .tasks
                .send(Task {
                    article,
                    passage,
                    text,
                })
                .is_err()
            {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

/// Collects the vectors into their articles and delivers all events in order.
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
            Message::Embedded {
                article,
                passage,
                result,
            } => {
                let embedding = result.inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
                totals.embedded += 1;
                totals.tokens += embedding.tokens;
                totals.truncated_passages += usize::from(embedding.truncated_tokens > 0);
                totals.truncated_tokens += embedding.truncated_tokens;
                if let Some(Pending {
                    event: Event::Article(embedded),
                    missing,
                    ..
                }) = pending.get_mut((article - first) as usize)
                {
                    embedded.passages[passage].vector = Some(embedding.vector);
                    *missing -= 1;
                }
            }
        }
        while pending.front().is_some_and(|front| front.missing == 0) {
            let Some(Pending {
                event,
                bytes,
                permits,
                ..
            }) = pending.pop_front()
            else {
                break;
            };
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

/// How many of the [`MAX_IN_FLIGHT_ARTICLES`] permits an article of `bytes` bytes takes if at most
/// `max_bytes` may be in flight.
fn permits(bytes: usize, max_bytes: usize) -> usize {
    bytes
        .div_ceil((max_bytes / MAX_IN_FLIGHT_ARTICLES).max(1))
        .clamp(1, MAX_IN_FLIGHT_ARTICLES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_bound_the_bytes_in_flight() {
        assert_eq!(
            [0, 1, 100, 101, 25_600, usize::MAX].map(|bytes| permits(bytes, 25_600)),
            [1, 1, 1, 2, 256, 256]
        );
        for bytes in [1, 99, 199, 250, 3_333] {
            let at_once = MAX_IN_FLIGHT_ARTICLES / permits(bytes, 25_600);
            assert!(at_once * bytes <= 25_600, "{at_once} of {bytes} bytes");
        }
    }
}
