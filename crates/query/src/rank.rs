//! Orders candidates by score, ties by id, and ranks articles by their passages.

use crate::Result;
use crate::fuse::ListScores;
use std::collections::{HashMap, HashSet};
use store::{Collection, PassageKey, PassageRef};

/// A candidate with all that its place in the ranking depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedPassage {
    pub key: PassageKey,
    pub reference: PassageRef,
    pub score: f32,
    pub list_scores: ListScores,
    /// The reranker's score, on its own scale.
    pub rerank: Option<f32>,
    /// Lower-ranked near-duplicates of this passage.
    pub duplicates: Vec<RankedPassage>,
}

/// Looks up the candidates' ids and sorts them: highest score first, ties by article id and passage
/// number.
pub fn rank(
    collection: &dyn Collection,
    found: Vec<(PassageKey, f32, ListScores)>,
) -> Result<Vec<RankedPassage>> {
    let keys: Vec<PassageKey> = found.iter().map(|(key, ..)| *key).collect();
    let references = collection.identify(&keys)?;
    let ranked = found.into_iter().zip(references);
    let mut ranked: Vec<RankedPassage> = ranked
        .map(|((key, score, list_scores), reference)| RankedPassage {
            key,
            reference,
            score,
            list_scores,
            rerank: None,
            duplicates: Vec::new(),
        })
        .collect();
    sort(&mut ranked);
    Ok(ranked)
}

/// Highest score first, ties by article id and passage number.
pub fn sort(ranked: &mut [RankedPassage]) {
    ranked.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| a.reference.cmp(&b.reference))
    });
}

/// Keeps each article's best passage (MaxP).
pub fn max_per_article(ranked: Vec<RankedPassage>) -> Vec<RankedPassage> {
    let mut seen = HashSet::new();
    ranked
        .into_iter()
        .filter(|passage| seen.insert(passage.reference.article_id.clone()))
        .collect()
}

/// The weight of each further passage of an article, relative to the one before.
const PASSAGE_DECAY: f32 = 0.3;

/// Keeps each article's best passage and scores the article by all of its candidates: the sum of
/// their scores above that of the lowest candidate, each weighted by [`PASSAGE_DECAY`] relative to
/// the one before.
pub fn decayed_sum_per_article(ranked: Vec<RankedPassage>) -> Vec<RankedPassage> {
    let lowest = ranked.last().map_or(0.0, |last| last.score);
    let mut sums: HashMap<String, (f32, f32)> = HashMap::new();
    for passage in &ranked {
        let (sum, weight) = sums
            .entry(passage.reference.article_id.clone())
            .or_insert((0.0, 1.0));
        *sum += *weight * (passage.score - lowest);
        *weight *= PASSAGE_DECAY;
    }
    let mut articles = max_per_article(ranked);
    for article in &mut articles {
        article.score = lowest
            + sums
                .get(&article.reference.article_id)
                .map_or(0.0, |(sum, _)| *sum);
    }
    sort(&mut articles);
    articles
}
