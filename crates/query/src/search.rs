//! Runs one query: embed, search, fuse, select and build the response.

use crate::explain::{self, Explanation, Shares};
use crate::fuse::{self, ListScores};
use crate::query_notes::{self, QueryOutcome};
use crate::rank::{RankedPassage, decayed_sum_per_article, max_per_article, rank};
use crate::rerank::Reranker;
use crate::response::{ContextWindow, Hit, NearDuplicate, Response, Scores};
use crate::selection::{RerankState, Selection, select};
use crate::{ArticleScore, Error, Mode, Options, Result, ResultUnit};
use ingest::{ByteSpan, Embedder, Embedding, Role};
use std::collections::HashSet;
use std::time::Instant;
use store::{
    Candidate, Collection, DenseSearch, Fusion, PassageKey, QueryInterpretation, StoredPassage,
};

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
/// The longest run of equal scores that is read in full. A longer one is cut where the search
/// stopped.
const MAX_TIES: usize = 100_000;

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
        let mut selection = self.select_hits(query, vector, lexical, options)?;
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
            self.select_hits(query, vector, None, options)?.hits,
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

    /// Embeds the query and runs the lexical search, concurrently in hybrid mode.
    fn embed_and_search_lexical(
        &mut self,
        query: &str,
        options: &Options,
    ) -> Result<(Option<Embedding>, Option<Vec<Candidate>>)> {
        let (collection, depth) = (self.collection, self.initial_depth(options));
        let lexical = || search_lexical(collection, query, depth, options);
        Ok(match options.mode {
            Mode::Dense => (Some(self.embed(query)?), None),
            Mode::Lexical => (None, Some(lexical()?)),
            // The lexical search runs on rayon's pool. The model must not: it stays on this thread.
            Mode::Hybrid => {
                let mut found = None;
                let embedding = rayon::in_place_scope(|scope| {
                    scope.spawn(|_| found = Some(lexical()));
                    self.embed(query)
                });
                (Some(embedding?), found.transpose()?)
            }
        })
    }

    /// The most articles that can be returned: `k`, or all there are.
    fn max_article_hits(&self, options: &Options) -> Result<usize> {
        Ok(options.k.min(self.collection.stats()?.articles))
    }

    /// How many candidates of each list are fused.
    fn fusion_pool(&self) -> usize {
        FUSION_POOL
            .min(self.collection.manifest().rows().div_ceil(POOL_DIVISOR))
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
    fn select_hits(
        &mut self,
        query: &str,
        vector: Option<&[f32]>,
        mut lexical: Option<Vec<Candidate>>,
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
                let selection = select(
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

    /// Ranks all candidates among the first `depth` of each list, best first. The flag says whether
    /// the lists are exhausted.
    fn rank_candidates(
        &self,
        query: &str,
        vector: Option<&[f32]>,
        lexical: Option<Vec<Candidate>>,
        depth: usize,
        options: &Options,
    ) -> Result<(Vec<RankedPassage>, bool)> {
        let (dense, lexical) = self.search_lists(query, vector, lexical, depth, options)?;
        let exhausted = dense.len() < depth && lexical.len() < depth;
        let fusion = fuse::effective_fusion(self.collection, options);
        Ok((
            self.fuse_and_rank(&dense, &lexical, fusion, options)?,
            exhausted,
        ))
    }

    /// The first `depth` candidates, and ties with the last of them, of each list that the mode
    /// uses.
    fn search_lists(
        &self,
        query: &str,
        vector: Option<&[f32]>,
        lexical: Option<Vec<Candidate>>,
        depth: usize,
        options: &Options,
    ) -> Result<(Vec<Candidate>, Vec<Candidate>)> {
        let dense = match options.mode {
            Mode::Lexical => Vec::new(),
            mode => {
                let method = match options.exact {
                    true => DenseSearch::Exact,
                    false => DenseSearch::Graph {
                        ef: MIN_EF_SEARCH.max(depth),
                    },
                };
                let vector = vector.ok_or(Error::NoModel(mode.name()))?;
                with_ties(depth, |n| {
                    self.collection
                        .search_dense(vector, n, method, options.filter.as_ref())
                })?
            }
        };
        let lexical = match (options.mode, lexical) {
            (Mode::Dense, _) => Vec::new(),
            (_, Some(lexical)) => lexical,
            (_, None) => search_lexical(self.collection, query, depth, options)?,
        };
        Ok((dense, lexical))
    }

    /// Fuses the two lists and ranks the passages, or the articles, best first.
    fn fuse_and_rank(
        &self,
        dense: &[Candidate],
        lexical: &[Candidate],
        fusion: Fusion,
        options: &Options,
    ) -> Result<Vec<RankedPassage>> {
        let scored = match options.mode {
            Mode::Hybrid => fuse::fuse(dense, lexical, self.fusion_pool(), fusion),
            Mode::Dense => single_list(dense, |score| ListScores {
                dense: Some(score),
                lexical: None,
                contributions: [score, 0.0],
            }),
            Mode::Lexical => single_list(lexical, |score| ListScores {
                dense: None,
                lexical: Some(score),
                contributions: [0.0, score],
            }),
        };
        let lowest = || lowest_of_pool(&scored, [dense, lexical], self.fusion_pool());
        let lowest = (options.article_score == ArticleScore::Sum).then(lowest);
        let ranked = rank(self.collection, scored, options.by)?;
        Ok(match (options.by, options.article_score) {
            (ResultUnit::Passage, _) => ranked,
            (ResultUnit::Article, ArticleScore::Best) => max_per_article(ranked),
            (ResultUnit::Article, ArticleScore::Sum) => {
                decayed_sum_per_article(ranked, lowest.unwrap_or_default())
            }
        })
    }

    /// Loads the texts of the selected passages and, if requested, their context and explanations.
    fn build_hits(
        &mut self,
        query: &str,
        vector: Option<&[f32]>,
        selection: Selection,
        options: &Options,
    ) -> Result<Vec<Hit>> {
        let keys: Vec<PassageKey> = selection.hits.iter().map(|hit| hit.key).collect();
        let passages = self.collection.fetch(&keys)?;
        let mut explanations = match options.explain {
            true => self
                .explain_hits(query, vector, &selection, &passages, options)?
                .into_iter(),
            false => Vec::new().into_iter(),
        };
        let ranked = selection
            .hits
            .into_iter()
            .zip(passages)
            .zip(options.offset + 1..);
        ranked
            .map(|((ranked, passage), rank)| {
                Ok(Hit {
                    rank,
                    score: ranked.score,
                    around: self.context_window(&passage, options.around)?,
                    copies: self.load_duplicates(ranked.duplicates)?,
                    explanation: explanations.next(),
                    passage_id: passage.reference.to_string(),
                    article_id: passage.reference.article_id,
                    title: passage.title,
                    path: passage.path,
                    span: passage.span,
                    line: passage.line,
                    text: passage.text,
                    scores: Scores {
                        dense: ranked.list_scores.dense,
                        lexical: ranked.list_scores.lexical,
                        rerank: ranked.rerank,
                    },
                })
            })
            .collect()
    }

    /// The passage with up to `n` neighbors on each side; `None` if `n` is 0.
    fn context_window(&self, passage: &StoredPassage, n: usize) -> Result<Option<ContextWindow>> {
        if n == 0 {
            return Ok(None);
        }
        let Some(stored) = self.collection.article(&passage.reference.article_id)? else {
            return Ok(None);
        };
        let at = passage.reference.ordinal as usize;
        let spans = stored
            .passages
            .get(at.saturating_sub(n)..(at + n + 1).min(stored.passages.len()));
        let spans = spans.unwrap_or_default();
        let start = spans
            .iter()
            .map(|span| span.start)
            .min()
            .unwrap_or(passage.span.start);
        let end = spans
            .iter()
            .map(|span| span.end)
            .max()
            .unwrap_or(passage.span.end);
        let span = ByteSpan::new(start, end);
        Ok(Some(ContextWindow {
            span,
            text: span.of(&stored.article.text).to_owned(),
        }))
    }

    fn load_duplicates(&self, duplicates: Vec<RankedPassage>) -> Result<Vec<NearDuplicate>> {
        if duplicates.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<PassageKey> = duplicates.iter().map(|duplicate| duplicate.key).collect();
        let passages = self.collection.fetch(&keys)?;
        let duplicates = duplicates
            .into_iter()
            .zip(passages)
            .map(|(duplicate, passage)| NearDuplicate {
                passage_id: passage.reference.to_string(),
                article_id: passage.reference.article_id,
                path: passage.path,
                line: passage.line,
                score: duplicate.score,
            });
        Ok(duplicates.collect())
    }

    fn explain_hits(
        &mut self,
        query: &str,
        vector: Option<&[f32]>,
        selection: &Selection,
        passages: &[StoredPassage],
        options: &Options,
    ) -> Result<Vec<Explanation>> {
        let keys: Vec<PassageKey> = selection.hits.iter().map(|hit| hit.key).collect();
        let word_scores = match options.mode {
            Mode::Dense => vec![Vec::new(); keys.len()],
            _ => self.collection.explain_lexical(query, &keys)?,
        };
        let fusion = fuse::effective_fusion(self.collection, options);
        let mut explanations = Vec::with_capacity(keys.len());
        for ((hit, passage), words) in selection.hits.iter().zip(passages).zip(word_scores) {
            let (text, start) = (passage.text.as_str(), passage.span.start);
            let sentence = match (vector, self.embedder.as_deref_mut()) {
                (Some(vector), Some(embedder)) => explain::best_sentence(
                    text,
                    start,
                    &mut explain::dense_similarity(embedder, vector),
                )?,
                _ => explain::best_sentence(text, start, &mut explain::lexical_overlap(&words))?,
            };
            let [dense, lexical] = hit.list_scores.contributions;
            explanations.push(Explanation {
                shares: Shares {
                    dense: (options.mode != Mode::Lexical).then_some(dense),
                    lexical: (options.mode != Mode::Dense).then_some(lexical),
                },
                fusion: (options.mode == Mode::Hybrid).then_some(fusion),
                words,
                sentence,
                above_cut: selection.next_score.map(|next| hit.score - next),
            });
        }
        Ok(explanations)
    }
}

fn search_lexical(
    collection: &dyn Collection,
    query: &str,
    depth: usize,
    options: &Options,
) -> Result<Vec<Candidate>> {
    with_ties(depth, |n| {
        collection.search_lexical(query, n, options.filter.as_ref())
    })
}

/// The best `n` candidates and all that tie with the last of them. Ties are broken by id later, so
/// the cutoff must not break them by accident.
fn with_ties(
    n: usize,
    search: impl Fn(usize) -> store::Result<Vec<Candidate>>,
) -> Result<Vec<Candidate>> {
    let mut limit = n + 1;
    loop {
        let mut found = search(limit)?;
        let Some(last) = found.get(n.saturating_sub(1)).map(|nth| nth.score) else {
            return Ok(found);
        };
        let cut_among_ties = found.len() == limit && found.last().is_some_and(|c| c.score == last);
        if !cut_among_ties || limit > MAX_TIES {
            found.retain(|candidate| candidate.score >= last);
            return Ok(found);
        }
        limit *= 2;
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

/// The lowest score of the candidates that are among the first `pool` of either list. Unlike the
/// lowest of all, it does not depend on how many hits were asked for.
fn lowest_of_pool(
    scored: &[(PassageKey, f32, ListScores)],
    lists: [&[Candidate]; 2],
    pool: usize,
) -> f32 {
    let in_pool: HashSet<PassageKey> = lists
        .into_iter()
        .flat_map(|list| fuse::top_with_ties(list, pool))
        .map(|candidate| candidate.key)
        .collect();
    scored
        .iter()
        .filter(|(key, ..)| in_pool.contains(key))
        .map(|(_, score, _)| *score)
        .reduce(f32::min)
        .unwrap_or(0.0)
}

fn single_list(
    candidates: &[Candidate],
    scores: impl Fn(f32) -> ListScores,
) -> Vec<(PassageKey, f32, ListScores)> {
    candidates
        .iter()
        .map(|c| (c.key, c.score, scores(c.score)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RerankOptions;
    use crate::rerank::ScoreCombination;
    use ingest::pipeline::{EmbeddedArticle, Passage};
    use ingest::{Article, Chunking, Fingerprint, ModelInfo};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// Scores passages by length and records its calls.
    struct RecordingReranker(Arc<Mutex<Vec<Call>>>);

    /// The passages to score, and the deadline.
    type Call = (Vec<String>, Instant);

    impl Reranker for RecordingReranker {
        fn name(&self) -> &str {
            "recorder"
        }

        fn score_combination(&self) -> ScoreCombination {
            ScoreCombination::Override
        }

        fn scores(
            &mut self,
            _: &str,
            passages: &[String],
            deadline: Instant,
        ) -> crate::Result<Vec<f32>> {
            self.0.lock().unwrap().push((passages.to_vec(), deadline));
            Ok(passages
                .iter()
                .map(|passage| passage.len() as f32)
                .collect())
        }
    }

    #[test]
    fn rerank_budget_is_shared_when_the_lists_are_deepened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c");
        let model = ModelInfo {
            name: "test".into(),
            hash: "0".into(),
            dimensions: 2,
            window: 64,
            query_prefix: String::new(),
            passage_prefix: String::new(),
        };
        let created = store::create(
            path.to_str().unwrap(),
            model,
            Chunking::default(),
            Default::default(),
            store::Language::English,
        );
        let mut collection = created.unwrap();
        let mut writer = collection.writer().unwrap();
        for number in 0..2000usize {
            // Many near-duplicates rank above everything else.
            let text = match number {
                0..1900 => {
                    let words = (0..60).map(|word| format!("word{word}"));
                    let more = (0..number % 19).map(|_| "wind".to_owned());
                    words
                        .chain(more)
                        .fold("kite hill wind".to_owned(), |text, word| text + " " + &word)
                }
                _ => format!(
                    "kite {number} {}",
                    "and much else besides ".repeat(number % 7 + 1)
                ),
            };
            let span = ByteSpan::new(0, text.len());
            let passage = Passage {
                span,
                line: 1,
                fingerprint: Fingerprint::of([text.as_bytes()]),
                vector: Some(vec![1.0, 0.0]),
            };
            let article = Article {
                id: format!("{number:04}"),
                title: String::new(),
                path: String::new(),
                text,
                body: vec![span],
                record_line: None,
                metadata: Default::default(),
                questions: Vec::new(),
            };
            let fingerprint = article.fingerprint("");
            writer
                .put(EmbeddedArticle {
                    article,
                    fingerprint,
                    passages: vec![passage],
                })
                .unwrap();
        }
        writer.commit().unwrap();
        drop(writer);
        collection.refresh().unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let reranker: Box<dyn Reranker> = Box::new(RecordingReranker(calls.clone()));
        let mut searcher = Searcher::new(&*collection, None)
            .unwrap()
            .with_reranker(Some(reranker));
        let options = Options {
            mode: Mode::Lexical,
            k: 20,
            collapse: true,
            rerank: Some(RerankOptions {
                top: 400,
                time_budget: Duration::from_secs(600),
            }),
            ..Options::default()
        };
        let response = searcher.search("kite hill wind", &options).unwrap();
        assert_eq!(response.hits.len(), 20);
        let calls = calls.lock().unwrap();
        let passages: usize = calls.iter().map(|(passages, _)| passages.len()).sum();
        assert_eq!(passages, 400, "no passage is scored twice");
        assert!(
            calls.iter().all(|(_, deadline)| *deadline == calls[0].1),
            "one deadline"
        );
        assert!(calls.len() > 1, "the lists were deepened");
    }
}
