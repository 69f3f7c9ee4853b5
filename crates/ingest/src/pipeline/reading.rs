//! The thread that reads and chunks.

use super::collect::permits;
use super::{
    ArticleSetDigest, CompletedSource, EmbeddedArticle, Event, ExistingContent, Message, Passage,
    Pending, PipelineOptions, Task,
};
use crate::article::Article;
use crate::embed::{ModelInfo, Tokenizer};
use crate::hash::Fingerprint;
use crate::read::Item;
use crate::walk::{IngestItem, Source};
use crate::{Error, read};
use crossbeam_channel::Sender;
use notes::Note;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The longest id of an article, in bytes: the store looks articles up by id.
pub const MAX_ID_BYTES: usize = 1024;

/// The state of the thread that reads and chunks.
pub(super) struct ReadingThread<'a> {
    pub(super) options: &'a PipelineOptions,
    pub(super) existing: &'a dyn ExistingContent,
    pub(super) model: ModelInfo,
    pub(super) tokenizer: Arc<Tokenizer>,
    pub(super) tasks: Sender<Task>,
    pub(super) messages: Sender<Message>,
    pub(super) permits: Sender<()>,
    pub(super) stop: &'a AtomicBool,
    /// The sequence number of the next event.
    pub(super) next: u64,
    /// Bytes of the sources read so far.
    pub(super) bytes: u64,
    /// The ids seen so far, with the place of the first article of each: `path` or `path:line`.
    pub(super) ids: HashMap<String, String>,
    /// The fingerprints of all texts queued for embedding in this run.
    pub(super) seen: HashSet<Fingerprint>,
    /// The progress within the file being read.
    pub(super) current: Option<SourceProgress>,
}

/// What was read from the current file so far.
#[derive(Default)]
pub(super) struct SourceProgress {
    articles: ArticleSetDigest,
    notes: Vec<Note>,
    has_failed: bool,
}

impl ReadingThread<'_> {
    pub(super) fn process(&mut self, item: IngestItem) -> ControlFlow<()> {
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
        let options = self.options;
        self.current = Some(SourceProgress::default());
        let mut emit = |item| {
            flow = match item {
                Item::Article(article) => self.article_of_source(source, *article, end),
                Item::Failed(error) => self.failed(error),
                Item::Note(note) => self.note(note),
            };
            flow
        };
        let result = read::read(
            source,
            options.limits,
            options.sandbox.as_deref(),
            &mut emit,
        );
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

    pub(super) fn article(&mut self, path: &Path, article: Article) -> ControlFlow<()> {
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
    pub(super) fn send(&mut self, event: Event, texts: Vec<(usize, String)>) -> ControlFlow<()> {
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
