//! Selects the hits from the ranked candidates: rerank, then collapse near-duplicates, then
//! diversify.

use crate::fuse::{self, z_scores};
use crate::rank::{RankedPassage, sort};
use crate::rerank::{Reranker, ScoreCombination};
use crate::response::RerankStats;
use crate::{Mode, Options, RerankOptions, Result, ResultUnit, mmr, near_duplicates};
use index::distance::dot;
use std::collections::{HashMap, HashSet};
use std::time::Instant;
use store::{Collection, PassageKey};

/// Each candidate is compared with at most this many of the best hits: the comparison is quadratic.
const DEDUP_WINDOW: usize = 1000;

/// The selected hits.
pub struct Selection {
    pub hits: Vec<RankedPassage>,
    /// The score of the first candidate that was not selected; `None` if all were, or after
    /// diversification.
    pub next_score: Option<f32>,
    pub rerank: Option<RerankStats>,
}

/// The reranker's scores of one query. They are kept when the lists are deepened, so no passage is
/// scored twice and all rounds share one time budget.
#[derive(Default)]
pub struct RerankState {
    started: Option<Instant>,
    scores: HashMap<PassageKey, f32>,
}

/// Selects up to `options.k` hits from candidates sorted best first.
pub fn select_hits(
    collection: &dyn Collection,
    reranker: Option<&mut (dyn Reranker + '_)>,
    query: &str,
    mut ranked: Vec<RankedPassage>,
    rerank_state: &mut RerankState,
    options: &Options,
) -> Result<Selection> {
    let dense_weight = match options.mode {
        Mode::Dense => 1.0,
        _ => fuse::effective_fusion(collection, options).dense,
    };
    let by = options.by;
    let rerank = match (reranker, options.rerank) {
        (Some(reranker), Some(options)) => Some(
            RerankPass {
                reranker,
                query,
                options,
                dense_weight,
                by,
            }
            .apply(collection, &mut ranked, rerank_state)?,
        ),
        _ => None,
    };
    let k = options.k;
    let mut selection = Selection {
        hits: ranked,
        next_score: None,
        rerank,
    };
    if options.collapse {
        let k = if options.diverse.is_some() {
            usize::MAX
        } else {
            k
        };
        selection = collapse_duplicates(collection, selection, k, options.mode)?;
    }
    match options.diverse {
        Some(diversity) => {
            let keys: Vec<PassageKey> = selection.hits.iter().map(|hit| hit.key).collect();
            selection.hits =
                mmr::diversify(selection.hits, &collection.vectors(&keys)?, k, diversity);
        }
        None => {
            selection.next_score = selection
                .next_score
                .or(selection.hits.get(k).map(|next| next.score));
            selection.hits.truncate(k);
        }
    }
    Ok(selection)
}

/// One round of reranking.
struct RerankPass<'a> {
    reranker: &'a mut dyn Reranker,
    query: &'a str,
    options: RerankOptions,
    /// The weight of dense similarity in the fused score, for [`ScoreCombination::ReplaceDense`].
    dense_weight: f32,
    by: ResultUnit,
}

impl RerankPass<'_> {
    /// Scores the top candidates and sorts them again; the others follow below in their old order.
    fn apply(
        self,
        collection: &dyn Collection,
        ranked: &mut [RankedPassage],
        state: &mut RerankState,
    ) -> Result<RerankStats> {
        let Self {
            reranker,
            query,
            options,
            dense_weight,
            by,
        } = self;
        let started = *state.started.get_or_insert_with(Instant::now);
        let requested = ranked.len().min(options.top);
        let unscored: Vec<PassageKey> = ranked[..requested]
            .iter()
            .map(|p| p.key)
            .filter(|key| !state.scores.contains_key(key))
            .collect();
        let deadline = started + options.time_budget;
        // The first round scores some passages even after the deadline; later rounds do not.
        if !unscored.is_empty() && (state.scores.is_empty() || Instant::now() < deadline) {
            let texts = collection.fetch(&unscored)?.into_iter().map(|passage| {
                if passage.text.starts_with(&passage.title) {
                    passage.text
                } else {
                    format!("{} {}", passage.title, passage.text)
                }
            });
            let texts: Vec<String> = texts.collect();
            state.scores.extend(
                unscored
                    .into_iter()
                    .zip(reranker.scores(query, &texts, deadline)?),
            );
        }
        let scores: Vec<f32> = ranked[..requested]
            .iter()
            .map_while(|passage| state.scores.get(&passage.key).copied())
            .collect();
        let (head, tail) = ranked.split_at_mut(scores.len());
        let search_z = z_scores(head.iter().map(|passage| passage.score));
        let lexical_z = z_scores(
            head.iter()
                .map(|passage| passage.list_scores.contributions[1]),
        );
        let rerank_z = z_scores(scores.iter().copied());
        for (at, passage) in head.iter_mut().enumerate() {
            passage.rerank = Some(scores[at]);
            passage.score = match reranker.score_combination() {
                ScoreCombination::Override => scores[at],
                ScoreCombination::Blend(weight) => {
                    (1.0 - weight) * search_z[at] + weight * rerank_z[at]
                }
                ScoreCombination::ReplaceDense => {
                    (1.0 - dense_weight) * lexical_z[at] + dense_weight * rerank_z[at]
                }
            };
        }
        sort(head, by);
        if let (Some(lowest), Some(highest)) =
            (head.last().map(|p| p.score), tail.first().map(|p| p.score))
        {
            tail.iter_mut()
                .for_each(|passage| passage.score += lowest - 1.0 - highest);
        }
        let took_ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        Ok(RerankStats {
            model: reranker.name().to_owned(),
            scored: head.len(),
            requested,
            took_ms,
        })
    }
}

/// Moves every near-duplicate of a higher-ranked candidate below that candidate, until `k` hits are
/// found.
fn collapse_duplicates(
    collection: &dyn Collection,
    selection: Selection,
    k: usize,
    mode: Mode,
) -> Result<Selection> {
    let keys: Vec<PassageKey> = selection.hits.iter().map(|hit| hit.key).collect();
    let vectors = match collection.vectors(&keys) {
        // The vectors only save loading texts, so a lexical search survives damaged ones.
        Err(error) if mode == Mode::Lexical && error.is_damage() => None,
        vectors => Some(vectors?),
    };
    let is_far = |a: usize, b: usize| {
        vectors
            .as_ref()
            .is_some_and(|vectors| dot()(&vectors[a], &vectors[b]) < near_duplicates::MIN_COSINE)
    };
    let mut hits: Vec<RankedPassage> = Vec::new();
    // For each hit its index among the candidates, and its shingles once they are needed.
    let (mut candidate_indices, mut hit_shingles) =
        (Vec::<usize>::new(), Vec::<Option<HashSet<u64>>>::new());
    let mut next_score = None;
    let load_shingles = |key| -> Result<HashSet<u64>> {
        let passages = collection.fetch(&[key])?;
        Ok(passages
            .first()
            .map(|passage| near_duplicates::shingles(&passage.text))
            .unwrap_or_default())
    };
    for (at, candidate) in selection.hits.into_iter().enumerate() {
        let mut shingles = None;
        let mut duplicate_of = None;
        for (hit, &candidate_index) in candidate_indices.iter().enumerate().take(DEDUP_WINDOW) {
            if is_far(candidate_index, at) {
                continue;
            }
            if shingles.is_none() {
                shingles = Some(load_shingles(candidate.key)?);
            }
            if hit_shingles[hit].is_none() {
                hit_shingles[hit] = Some(load_shingles(hits[hit].key)?);
            }
            if let (Some(a), Some(b)) = (&shingles, &hit_shingles[hit])
                && near_duplicates::are_near_duplicates(a, b)
            {
                duplicate_of = Some(hit);
                break;
            }
        }
        match duplicate_of {
            Some(hit) => hits[hit].duplicates.push(candidate),
            None if hits.len() < k => {
                hits.push(candidate);
                candidate_indices.push(at);
                hit_shingles.push(shingles);
            }
            None => next_score = next_score.or(Some(candidate.score)),
        }
    }
    Ok(Selection {
        hits,
        next_score,
        rerank: selection.rerank,
    })
}
