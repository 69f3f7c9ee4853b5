//! Many questions at once: each embedded once, then asked in as many ways as wanted.

use super::ranking::RerankWith;
use super::forks;
use crate::progress;
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
    pub fn embed(texts: &[&'a str], embedder: Option<&dyn Embedder>, threads: usize) -> anyhow::Result<Self> {
        let vectors = match embedder {
            None => vec![Vec::new(); texts.len()],
            Some(embedder) => {
                let bar = progress::items(texts.len(), "embedding questions");
                let mut workers = forks(embedder, threads.min(texts.len().max(1)))?;
                let vectors = in_order(&mut workers, texts, None, |worker, text| {
                    bar.inc(1);
                    anyhow::Ok(worker.embed(text, Role::Query)?.vector)
                });
                bar.finish_and_clear();
                vectors?
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
    pub fn search(
        &self,
        collection: &dyn Collection,
        threads: usize,
        ways: &[Options],
        rerank: Option<&RerankWith>,
        mut take: impl FnMut(usize, Vec<Vec<Scored>>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let bar = progress::items(self.texts.len(), "searching");
        let numbers: Vec<usize> = (0..self.texts.len()).collect();
        // Batch by batch, so that memory holds the names of one batch's results and no more.
        for batch in numbers.chunks(BATCH) {
            let mut searchers = (0..threads.min(batch.len()))
                .map(|_| {
                    let reranker = rerank.map(|rerank| rerank.with_threads(1)).transpose()?;
                    Ok(Searcher::new(collection, None)?.with_reranker(reranker))
                })
                .collect::<anyhow::Result<Vec<_>>>()?;
            let rankings = in_order(&mut searchers, batch, None, |searcher, &at| {
                bar.inc(1);
                ways.iter().map(|options| self.ask(searcher, at, options)).collect::<anyhow::Result<Vec<_>>>()
            })?;
            batch.iter().zip(rankings).try_for_each(|(at, rankings)| take(*at, rankings))?;
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Asks one question in one way.
    pub fn ask(&self, searcher: &mut Searcher<'_>, at: usize, options: &Options) -> anyhow::Result<Vec<Scored>> {
        let found = searcher.names(self.texts[at], self.vector(at), options)?;
        Ok(found.into_iter().map(|(id, score)| Scored { id, score }).collect())
    }
}
