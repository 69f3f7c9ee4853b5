//! Many questions at once: each embedded once, then asked in as many ways as wanted.

use crate::{Part, RerankWith, Result, Watch, forks};
use eval::run::Scored;
use ingest::{Embedder, Role};
use query::parallel::in_order;
use query::{Options, Searcher};
use store::Collection;

/// How many questions are asked before their answers are handed over.
const BATCH: usize = 1024;

/// Questions with their vectors.
pub struct Questions<'a> {
    texts: Vec<&'a str>,
    /// One for each question; empty where nothing was embedded.
    vectors: Vec<Vec<f32>>,
}

impl<'a> Questions<'a> {
    /// Embeds every question on several threads; without an embedder, only words can be asked for.
    ///
    /// # Errors
    /// When the model fails.
    pub fn embed(
        texts: &[&'a str],
        embedder: Option<&dyn Embedder>,
        threads: usize,
        watch: &dyn Watch,
    ) -> Result<Self> {
        let vectors = match embedder {
            None => vec![Vec::new(); texts.len()],
            Some(embedder) => {
                let part = Part::begin(watch, "embedding questions", texts.len());
                let mut workers = forks(embedder, threads.min(texts.len().max(1)))?;
                in_order(&mut workers, texts, None, |worker, text| -> Result<_> {
                    part.one()?;
                    Ok(worker.embed(text, Role::Query)?.vector)
                })?
            }
        };
        Ok(Self { texts: texts.to_vec(), vectors })
    }

    /// The words of a question.
    pub fn text(&self, at: usize) -> &'a str {
        self.texts[at]
    }

    /// The vector of a question.
    pub fn vector(&self, at: usize) -> Option<&[f32]> {
        self.vectors.get(at).map(Vec::as_slice).filter(|vector| !vector.is_empty())
    }

    /// Every vector, row-major, one after the other.
    pub fn vectors(&self) -> Vec<f32> {
        self.vectors.concat()
    }

    /// Asks every question in every way and hands over, question by question in their order, the
    /// ranking of each of `ways`, reranked where these say so.
    ///
    /// # Errors
    /// When a question is empty, the collection cannot be read, or what `take` gives.
    pub fn search(
        &self,
        collection: &dyn Collection,
        threads: usize,
        ways: &[Options],
        rerank: Option<&RerankWith>,
        watch: &dyn Watch,
        mut take: impl FnMut(usize, Vec<Vec<Scored>>) -> Result<()>,
    ) -> Result<()> {
        let part = Part::begin(watch, "searching", self.texts.len());
        let numbers: Vec<usize> = (0..self.texts.len()).collect();
        // Batch by batch, so that memory holds the names of one batch's results and no more.
        for batch in numbers.chunks(BATCH) {
            let mut searchers = (0..threads.min(batch.len()))
                .map(|_| {
                    let reranker = rerank.map(|rerank| rerank.with_threads(1)).transpose()?;
                    Ok(Searcher::new(collection, None)?.with_reranker(reranker))
                })
                .collect::<Result<Vec<_>>>()?;
            let rankings = in_order(&mut searchers, batch, None, |searcher, &at| {
                part.one()?;
                ways.iter().map(|options| self.ask(searcher, at, options)).collect::<Result<Vec<_>>>()
            })?;
            batch.iter().zip(rankings).try_for_each(|(at, rankings)| take(*at, rankings))?;
        }
        Ok(())
    }

    /// Asks one question in one way.
    ///
    /// # Errors
    /// As for [`Searcher::names`].
    pub fn ask(&self, searcher: &mut Searcher<'_>, at: usize, options: &Options) -> Result<Vec<Scored>> {
        let found = searcher.names(self.texts[at], self.vector(at), options)?;
        Ok(found.into_iter().map(|(id, score)| Scored { id, score }).collect())
    }
}
