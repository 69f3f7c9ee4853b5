//! Batch search: many queries, embedded once and run with several sets of options.

use crate::text::pluralize;
use crate::{Error, Progress, RerankerFactory, Result, Stage, fork_embedder};
use eval::run::Scored;
use ingest::{Embedder, Role};
use notes::{Code, Note};
use parallel::map_in_order;
use query::{Mode, Options, Searcher};
use store::{Collection, Filter};

/// The number of queries that are searched before their rankings are handed over.
const BATCH_SIZE: usize = 1024;

/// The number of queries that are embedded with one call.
const EMBEDDED_TOGETHER: usize = 8;

/// Queries with their vectors.
pub struct EmbeddedQueries<'a> {
    texts: Vec<&'a str>,
    /// One vector per query; empty vectors where there was no embedder.
    vectors: Vec<Vec<f32>>,
    truncation: Option<Note>,
}

fn truncation_note(truncated: usize, window: usize) -> Option<Note> {
    let message = || {
        let queries = pluralize(truncated, "question");
        let are = if truncated == 1 { "is" } else { "are" };
        format!(
            "{queries} {are} longer than the {window} tokens that the model reads; \
             what is beyond was ignored in semantic search"
        )
    };
    (truncated > 0).then(|| Note::new(Code::QuestionCut, message()))
}

impl<'a> EmbeddedQueries<'a> {
    /// Embeds all queries on `threads` threads. Without an embedder, only lexical search is
    /// possible.
    ///
    /// # Errors
    /// When the model fails or `progress` asks to stop.
    pub fn embed(
        texts: &[&'a str],
        embedder: Option<&dyn Embedder>,
        threads: usize,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let Some(embedder) = embedder else {
            return Ok(Self {
                texts: texts.to_vec(),
                vectors: vec![Vec::new(); texts.len()],
                truncation: None,
            });
        };
        let stage = Stage::start(progress, "embedding questions", texts.len());
        let batches: Vec<&[&str]> = texts.chunks(EMBEDDED_TOGETHER).collect();
        let mut workers = fork_embedder(embedder, threads.min(batches.len().max(1)))?;
        let embeddings = map_in_order(&mut workers, &batches, None, |worker, texts| {
            texts.iter().try_for_each(|_| stage.advance())?;
            Ok::<_, Error>(worker.embed_all(texts, Role::Query)?)
        })?
        .concat();
        let truncated = embeddings
            .iter()
            .filter(|embedding| embedding.truncated_tokens > 0)
            .count();
        Ok(Self {
            texts: texts.to_vec(),
            vectors: embeddings
                .into_iter()
                .map(|embedding| embedding.vector)
                .collect(),
            truncation: truncation_note(truncated, embedder.model().window),
        })
    }

    /// A note on queries that were longer than the model reads, if there are any.
    pub fn truncation(&self) -> Option<&Note> {
        self.truncation.as_ref()
    }

    /// The notes that a search for each query would have, as one note with their number for each
    /// code: queries that were truncated and, if words count in one of `modes`, queries without a
    /// word that matches, and so on.
    ///
    /// # Errors
    /// When the collection cannot be read, or `progress` asks to stop.
    pub fn notes(
        &self,
        collection: &dyn Collection,
        modes: &[Mode],
        filter: Option<&Filter>,
        threads: usize,
        progress: &dyn Progress,
    ) -> Result<Vec<Note>> {
        let mut notes: Vec<Note> = self.truncation.iter().cloned().collect();
        if modes.iter().all(|mode| *mode == Mode::Dense) {
            return Ok(notes);
        }
        let stage = Stage::start(progress, "checking words", self.texts.len());
        let codes_of = |_: &mut (), text: &&str| -> Result<Vec<Code>> {
            stage.advance()?;
            let reading = collection.interpret_query(text)?;
            let no_match = collection.search_lexical(text, 1, filter)?.is_empty();
            let other_language = query::other_language(collection, text).is_some();
            let codes = [
                (Code::NoWordMatches, no_match && collection.rows() > 0),
                (Code::StopWordsOnly, reading.only_stop_words),
                (Code::NearWords, !reading.corrections.is_empty()),
                (Code::LanguageDiffers, other_language),
            ];
            Ok(codes
                .into_iter()
                .filter_map(|(code, is)| is.then_some(code))
                .collect())
        };
        let mut workers = vec![(); threads.min(self.texts.len().max(1))];
        let codes = map_in_order(&mut workers, &self.texts, None, codes_of)?.concat();
        for (code, what) in [
            (
                Code::NoWordMatches,
                "without a significant word that occurs in any passage",
            ),
            (
                Code::StopWordsOnly,
                "of stop words only, so these were searched for",
            ),
            (
                Code::NearWords,
                "with words that occur in no passage; similar ones were searched for instead",
            ),
            (
                Code::LanguageDiffers,
                "in another language than the articles: few words will match",
            ),
        ] {
            let count = codes.iter().filter(|other| **other == code).count();
            if count > 0 {
                let questions = pluralize(count, "question");
                notes.push(Note::new(code, format!("{questions} {what}")));
            }
        }
        Ok(notes)
    }

    /// The text of a query.
    pub fn text(&self, at: usize) -> &'a str {
        self.texts[at]
    }

    /// The vector of a query, or `None` where there was no embedder.
    pub fn vector(&self, at: usize) -> Option<&[f32]> {
        self.vectors
            .get(at)
            .map(Vec::as_slice)
            .filter(|vector| !vector.is_empty())
    }

    /// All vectors, `n × dim`, row-major.
    pub fn vectors(&self) -> Vec<f32> {
        self.vectors.concat()
    }

    /// Searches for every query with every element of `variants`. Calls `take` once per query, in
    /// their order, with the query's index and one ranking per variant. `reranker` is used by the
    /// variants that ask for reranking.
    ///
    /// # Errors
    /// When a query is empty, the collection cannot be read, `progress` asks to stop, or `take`
    /// fails.
    pub fn search(
        &self,
        collection: &dyn Collection,
        threads: usize,
        variants: &[Options],
        reranker: Option<&RerankerFactory>,
        progress: &dyn Progress,
        mut take: impl FnMut(usize, Vec<Vec<Scored>>) -> Result<()>,
    ) -> Result<()> {
        let stage = Stage::start(progress, "searching", self.texts.len());
        let indexes: Vec<usize> = (0..self.texts.len()).collect();
        // In batches, so that the rankings of all queries are never in memory at once.
        for batch in indexes.chunks(BATCH_SIZE) {
            let mut searchers = (0..threads.min(batch.len()))
                .map(|_| {
                    let reranker = reranker
                        .map(|reranker| reranker.with_threads(1))
                        .transpose()?;
                    Ok(Searcher::new(collection, None)?.with_reranker(reranker))
                })
                .collect::<Result<Vec<_>>>()?;
            let rankings = map_in_order(&mut searchers, batch, None, |searcher, &at| {
                stage.advance()?;
                variants
                    .iter()
                    .map(|options| self.search_one(searcher, at, options))
                    .collect::<Result<Vec<_>>>()
            })?;
            batch
                .iter()
                .zip(rankings)
                .try_for_each(|(at, rankings)| take(*at, rankings))?;
        }
        Ok(())
    }

    /// Searches for one query.
    ///
    /// # Errors
    /// As for [`Searcher::search_ids`].
    pub fn search_one(
        &self,
        searcher: &mut Searcher<'_>,
        at: usize,
        options: &Options,
    ) -> Result<Vec<Scored>> {
        let ranking = searcher.search_ids(self.texts[at], self.vector(at), options)?;
        Ok(ranking
            .into_iter()
            .map(|(id, score)| Scored { id, score })
            .collect())
    }
}
