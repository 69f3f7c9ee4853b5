//! The two lists of candidates, and their fusion.

use super::{MIN_EF_SEARCH, Searcher};
use crate::fuse::{self, ListScores};
use crate::rank::{RankedPassage, decayed_sum_per_article, max_per_article, rank};
use crate::{ArticleScore, Error, Mode, Options, Result, ResultUnit};
use ingest::Embedding;
use std::collections::HashSet;
use store::{Collection, DenseSearch, Fusion, PassageKey, ScoredPassage};

/// The longest run of equal scores that is read in full. A longer one is cut where the search
/// stopped.
const MAX_TIES: usize = 100_000;

fn search_lexical(
    collection: &dyn Collection,
    query: &str,
    depth: usize,
    options: &Options,
) -> Result<Vec<ScoredPassage>> {
    with_ties(depth, |n| {
        collection.search_lexical(query, n, options.filter.as_ref())
    })
}

/// The best `n` candidates and all that tie with the last of them. Ties are broken by id later, so
/// the cutoff must not break them by accident.
fn with_ties(
    n: usize,
    search: impl Fn(usize) -> store::Result<Vec<ScoredPassage>>,
) -> Result<Vec<ScoredPassage>> {
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

/// The lowest score of the candidates that are among the first `pool` of either list. Unlike the
/// lowest of all, it does not depend on how many hits were asked for.
fn lowest_of_pool(
    scored: &[(PassageKey, f32, ListScores)],
    lists: [&[ScoredPassage]; 2],
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
    candidates: &[ScoredPassage],
    scores: impl Fn(f32) -> ListScores,
) -> Vec<(PassageKey, f32, ListScores)> {
    candidates
        .iter()
        .map(|c| (c.key, c.score, scores(c.score)))
        .collect()
}

impl<'a> Searcher<'a> {
    /// Embeds the query and runs the lexical search, concurrently in hybrid mode.
    pub(super) fn embed_and_search_lexical(
        &mut self,
        query: &str,
        options: &Options,
    ) -> Result<(Option<Embedding>, Option<Vec<ScoredPassage>>)> {
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

    /// Ranks all candidates among the first `depth` of each list, best first. The flag says whether
    /// the lists are exhausted.
    pub(super) fn rank_candidates(
        &self,
        query: &str,
        vector: Option<&[f32]>,
        lexical: Option<Vec<ScoredPassage>>,
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
    pub(super) fn search_lists(
        &self,
        query: &str,
        vector: Option<&[f32]>,
        lexical: Option<Vec<ScoredPassage>>,
        depth: usize,
        options: &Options,
    ) -> Result<(Vec<ScoredPassage>, Vec<ScoredPassage>)> {
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
    pub(super) fn fuse_and_rank(
        &self,
        dense: &[ScoredPassage],
        lexical: &[ScoredPassage],
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
}
