//! Orders candidates by score, ties by id, and ranks articles by their passages.

use crate::fuse::ListScores;
use crate::{Result, ResultUnit};
use std::cmp::Ordering;
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

/// Looks up the candidates' ids and [sorts](sort) them.
pub fn rank(
    collection: &dyn Collection,
    found: Vec<(PassageKey, f32, ListScores)>,
    by: ResultUnit,
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
    sort(&mut ranked, by);
    Ok(ranked)
}

/// Highest score first, ties by the id of the result in descending order. That is the order in
/// which trec_eval reads a run, so a ranking is cut, shown, written and evaluated in one order.
pub fn sort(ranked: &mut [RankedPassage], by: ResultUnit) {
    // Adding 0.0 turns -0.0 into 0.0, so that the two tie.
    ranked.sort_by(|a, b| {
        (b.score + 0.0)
            .total_cmp(&(a.score + 0.0))
            .then_with(|| compare_ids(&b.reference, &a.reference, by))
    });
}

/// Compares the ids of two results as text. Passages of one article are compared by number where
/// articles are ranked, because there it only decides which of them stands for the article.
fn compare_ids(a: &PassageRef, b: &PassageRef, by: ResultUnit) -> Ordering {
    match by {
        ResultUnit::Article => (a.article_id.cmp(&b.article_id)).then(b.ordinal.cmp(&a.ordinal)),
        ResultUnit::Passage => a.to_string().cmp(&b.to_string()),
    }
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

/// Keeps each article's best passage and scores the article by all of its candidates that score at
/// least `lowest`: the sum of their scores above it, each weighted by [`PASSAGE_DECAY`] relative to
/// the one before. An article without such a candidate keeps its best passage's score.
pub fn decayed_sum_per_article(ranked: Vec<RankedPassage>, lowest: f32) -> Vec<RankedPassage> {
    let mut sums: HashMap<String, (f32, f32)> = HashMap::new();
    for passage in ranked.iter().take_while(|passage| passage.score >= lowest) {
        let (sum, weight) = sums
            .entry(passage.reference.article_id.clone())
            .or_insert((0.0, 1.0));
        *sum += *weight * (passage.score - lowest);
        *weight *= PASSAGE_DECAY;
    }
    let mut articles = max_per_article(ranked);
    for article in &mut articles {
        if let Some((sum, _)) = sums.get(&article.reference.article_id) {
            article.score = lowest + sum;
        }
    }
    sort(&mut articles, ResultUnit::Article);
    articles
}
