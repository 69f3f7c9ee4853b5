//! The indexing pipeline. One thread reads and chunks, N threads embed, and the caller's thread
//! receives the articles in the order they were read. All queues are bounded, so memory use does
//! not grow with the corpus.

mod collect;
mod reading;

pub use reading::MAX_ID_BYTES;

use crate::article::{Article, ByteSpan};
use crate::chunk::Chunking;
use crate::embed::{Embedder, Role};
use crate::format::UnsupportedKind;
use crate::hash::Fingerprint;
use crate::read::Limits;
use crate::read::sandbox::Sandbox;
use crate::walk::{IngestItem, Source, Stat};
use crate::{Error, Result};
use collect::collect;
use crossbeam_channel::{Receiver, bounded};
use notes::Note;
use reading::ReadingThread;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What the store contains already, so that unchanged articles are skipped and known texts are not
/// embedded again.
pub trait ExistingContent: Sync {
    /// Whether the store has the article `id` with exactly this fingerprint.
    fn has_article(&self, id: &str, fingerprint: &Fingerprint) -> bool;
    /// Whether the store has a vector for the text with this [fingerprint](crate::ModelInfo::fingerprint).
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
#[derive(Debug, Clone)]
pub struct PipelineOptions {
    /// How articles are split into passages.
    pub chunking: Chunking,
    /// The number of embedding threads; at least 1.
    pub threads: usize,
    /// Limits on reading one article.
    pub limits: Limits,
    /// Where files are read whose parsers may crash; `None` for this process.
    pub sandbox: Option<Arc<Sandbox>>,
    /// Limit on the memory of articles in flight, in bytes.
    max_in_flight_bytes: u64,
    /// Limit on the memory that the store uses to build a vector index, in bytes; `None` for no
    /// limit.
    pub index_build_memory: Option<u64>,
}

impl PipelineOptions {
    /// Options with the default limits, without a sandbox.
    pub fn new(chunking: Chunking, threads: usize) -> Self {
        Self {
            chunking,
            threads,
            limits: Limits::DEFAULT,
            sandbox: None,
            max_in_flight_bytes: DEFAULT_IN_FLIGHT_BYTES,
            index_build_memory: None,
        }
    }

    /// Divides a memory budget in bytes: half for building the vector index, at most a quarter for
    /// the [sandboxed reader](Sandbox), an eighth for articles in flight. The rest is
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
        let reason = "the runtime panicked".to_owned();
        Err(Error::Embedding {
            name: worker.model().name.clone(),
            bytes: texts.iter().map(|text| text.len()).sum(),
            reason,
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
