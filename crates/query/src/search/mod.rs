//! Runs one query: embed, search, fuse, select and build the response.

mod hits;
mod lists;
#[cfg(test)]
mod tests;

use crate::query_notes::{self, QueryOutcome};
use crate::rank::RankedPassage;
use crate::rerank::Reranker;
use crate::response::Response;
use crate::selection::{RerankState, Selection, select_hits};
use crate::{Error, Mode, Options, Result, ResultUnit};
use ingest::{Embedder, Embedding, Role};
use std::time::Instant;
use store::{Collection, Fusion, QueryInterpretation, ScoredPassage};

/// How many candidates of each list are fused, whatever `k` is. Fused scores depend on where the
/// lists end, and the top ten must be the same for k = 10 and k = 100. nDCG@10 with 100, 300 and
/// 1,000: SciFact .7330, .7358 and .7339, Cranfield .4070, .4114 and .4075.
const FUSION_POOL: usize = 300;

/// The pool holds at most the collection's size divided by this: the tail of a list that ranks
/// every passage says nothing about candidates.
const POOL_DIVISOR: usize = 2;

/// The lower bound of the pool in small collections.
const MIN_FUSION_POOL: usize = 10;

/// The factor by which the lists are deepened when they yield too few hits.
const DEEPENING_FACTOR: usize = 4;

/// The minimum `ef` of a graph search; it gives recall@10 above .99 on every data set measured.
const MIN_EF_SEARCH: usize = 128;

/// The models of a [`Searcher`].
pub struct SearchModels {
    /// The model that embedded the collection; `None` allows lexical search only.
    pub embedder: Option<Box<dyn Embedder>>,
    /// The reranker for queries whose options ask for reranking.
    pub reranker: Option<Box<dyn Reranker>>,
}

/// Answers queries on one snapshot of a collection.
pub struct Searcher<'a> {
    collection: &'a dyn Collection,
    embedder: Option<Box<dyn Embedder>>,
    reranker: Option<Box<dyn Reranker>>,
}

impl<'a> Searcher<'a> {
    /// Creates a searcher with the collection's own model. Without a model only lexical search
    /// works.
    ///
    /// # Errors
    /// [`Error::ModelMismatch`] if the embedder runs another model than the one the collection was
    /// made with.
    pub fn new(
        collection: &'a dyn Collection,
        embedder: Option<Box<dyn Embedder>>,
    ) -> Result<Self> {
        if let Some(embedder) = &embedder {
            let (expected, found) = (&collection.manifest().model, embedder.model());
            if !found.is_compatible_with(expected) {
                return Err(Error::ModelMismatch {
                    expected_model: expected.name.clone(),
                    expected_hash: expected.hash.clone(),
                    found_model: found.name.clone(),
                    found_hash: found.hash.clone(),
                });
            }
        }
        Ok(Self {
            collection,
            embedder,
            reranker: None,
        })
    }

    /// Sets the reranker for queries whose options ask for reranking.
    #[must_use]
    pub fn with_reranker(self, reranker: Option<Box<dyn Reranker>>) -> Self {
        Self { reranker, ..self }
    }

    /// Returns the models, to be reused on another snapshot.
    pub fn into_models(self) -> SearchModels {
        SearchModels {
            embedder: self.embedder,
            reranker: self.reranker,
        }
    }

    /// Embeds a query: its unit vector, and how many of its tokens were truncated.
    ///
    /// # Errors
    /// [`Error::NoModel`] without an embedder, [`Error::Ingest`] if the model fails.
    pub fn embed(&mut self, query: &str) -> Result<Embedding> {
        let embedder = self.embedder.as_mut().ok_or(Error::NoModel("dense"))?;
        Ok(embedder.embed(query, Role::Query)?)
    }

    /// Answers a query.
    ///
    /// # Errors
    /// [`Error::EmptyQuery`], [`Error::NoModel`], [`Error::Ingest`] if a model fails,
    /// [`Error::Store`] if the filter names an unknown field or the collection cannot be read.
    pub fn search(&mut self, query: &str, options: &Options) -> Result<Response> {
        let started = Instant::now();
        if query.trim().is_empty() {
            return Err(Error::EmptyQuery);
        }
        let (embedding, lexical) = self.embed_and_search_lexical(query, options)?;
        let vector = embedding
            .as_ref()
            .map(|embedding| embedding.vector.as_slice());
        let no_lexical_match = lexical.as_ref().is_some_and(Vec::is_empty);
        let mut selection = self.find_hits(query, vector, lexical, options)?;
        selection
            .hits
            .drain(..options.offset.min(selection.hits.len()));
        let rerank = selection.rerank.clone();
        let hits = self.build_hits(query, vector, selection, options)?;
        let reading = match options.mode {
            Mode::Dense => QueryInterpretation::default(),
            _ => self.collection.interpret_query(query)?,
        };
        let outcome = QueryOutcome {
            query,
            reading: &reading,
            options,
            truncated_tokens: embedding.map_or(0, |embedding| embedding.truncated_tokens),
            no_lexical_match,
            no_hits: hits.is_empty() && options.offset == 0,
            rerank: rerank.as_ref(),
        };
        let notes = query_notes::collect(self.collection, &outcome)?;
        let took_ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        let (query, corrections) = (query.to_owned(), reading.corrections);
        Ok(Response {
            query,
            mode: options.mode,
            took_ms,
            rerank,
            hits,
            corrections,
            notes,
        })
    }

    /// Returns the ids and scores of the best `k` passages or articles, best first, without loading
    /// their texts. `vector` is the query's unit vector; lexical search needs none.
    ///
    /// # Errors
    /// As for [`Searcher::search`].
    pub fn search_ids(
        &mut self,
        query: &str,
        vector: Option<&[f32]>,
        options: &Options,
    ) -> Result<Vec<(String, f32)>> {
        if query.trim().is_empty() {
            return Err(Error::EmptyQuery);
        }
        Ok(ids_with_scores(
            self.find_hits(query, vector, None, options)?.hits,
            options.by,
        ))
    }

    /// As [`Searcher::search_ids`], once for each of `fusions`. Both lists are searched only once.
    ///
    /// # Errors
    /// As for [`Searcher::search`].
    pub fn search_ids_by_fusion(
        &self,
        query: &str,
        vector: &[f32],
        fusions: &[Fusion],
        options: &Options,
    ) -> Result<Vec<Vec<(String, f32)>>> {
        if query.trim().is_empty() {
            return Err(Error::EmptyQuery);
        }
        let mut depth = self.initial_depth(options);
        loop {
            let (dense, lexical) = self.search_lists(query, Some(vector), None, depth, options)?;
            let exhausted = dense.len() < depth && lexical.len() < depth;
            let rankings = fusions.iter().map(|fusion| {
                let mut ranked = self.fuse_and_rank(&dense, &lexical, *fusion, options)?;
                ranked.truncate(options.k);
                Ok(ids_with_scores(ranked, options.by))
            });
            let rankings: Vec<_> = rankings.collect::<Result<_>>()?;
            let wanted = self.max_article_hits(options)?;
            if exhausted
                || options.by == ResultUnit::Passage
                || rankings.iter().all(|ranking| ranking.len() >= wanted)
            {
                return Ok(rankings);
            }
            depth *= DEEPENING_FACTOR;
        }
    }

    /// The most articles that can be returned: `k`, or all there are.
    fn max_article_hits(&self, options: &Options) -> Result<usize> {
        Ok(options.k.min(self.collection.stats()?.articles))
    }

    /// How many candidates of each list are fused.
    fn fusion_pool(&self) -> usize {
        FUSION_POOL
            .min(self.collection.rows().div_ceil(POOL_DIVISOR))
            .max(MIN_FUSION_POOL)
    }

    /// How many candidates of each list are retrieved first.
    fn initial_depth(&self, options: &Options) -> usize {
        let needs_pool = options.mode == Mode::Hybrid
            || options.by == ResultUnit::Article
            || options.collapse
            || options.diverse.is_some()
            || options.rerank.is_some();
        if needs_pool {
            self.fusion_pool().max(options.k)
        } else {
            options.k
        }
    }

    /// Selects up to `k` hits, deepening the lists until there are enough. `lexical` is the lexical
    /// list at the initial depth, if it has been searched already.
    fn find_hits(
        &mut self,
        query: &str,
        vector: Option<&[f32]>,
        mut lexical: Option<Vec<ScoredPassage>>,
        options: &Options,
    ) -> Result<Selection> {
        let (mut depth, mut rerank_state) = (self.initial_depth(options), RerankState::default());
        loop {
            let (ranked, exhausted) =
                self.rank_candidates(query, vector, lexical.take(), depth, options)?;
            let enough = options.by == ResultUnit::Passage
                || exhausted
                || ranked.len() >= self.max_article_hits(options)?;
            if enough {
                let reranker = self.reranker.as_deref_mut();
                let selection = select_hits(
                    self.collection,
                    reranker,
                    query,
                    ranked,
                    &mut rerank_state,
                    options,
                )?;
                if !options.collapse || selection.hits.len() >= options.k || exhausted {
                    return Ok(selection);
                }
            }
            // The passages of one long article, or the copies of one passage, can fill the lists.
            depth *= DEEPENING_FACTOR;
        }
    }
}

/// Passage or article ids with scores.
fn ids_with_scores(ranked: Vec<RankedPassage>, by: ResultUnit) -> Vec<(String, f32)> {
    let id_and_score = |ranked: RankedPassage| match by {
        ResultUnit::Article => (ranked.reference.article_id, ranked.score),
        ResultUnit::Passage => (ranked.reference.to_string(), ranked.score),
    };
    let mut ids: Vec<(String, f32)> = ranked.into_iter().map(id_and_score).collect();
    // `collect` reuses the allocation of the much larger candidates, which batches would otherwise
    // keep alive.
    ids.shrink_to_fit();
    ids
}
