//! Candidates to a ranking: by score, then by name, passages or articles.

use crate::Result;
use crate::fuse::Parts;
use std::collections::{HashMap, HashSet};
use store::{Collection, PassageKey, PassageRef};

/// A candidate with everything the order depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    pub key: PassageKey,
    pub reference: PassageRef,
    pub score: f32,
    pub parts: Parts,
    /// What the reranker gave it.
    pub rerank: Option<f32>,
    /// Candidates further down that say the same in the same words.
    pub copies: Vec<Ranked>,
}

/// Orders by score, highest first, and equal scores by article id and place.
pub fn rank(collection: &dyn Collection, found: Vec<(PassageKey, f32, Parts)>) -> Result<Vec<Ranked>> {
    let keys: Vec<PassageKey> = found.iter().map(|(key, ..)| *key).collect();
    let references = collection.identify(&keys)?;
    let ranked = found.into_iter().zip(references);
    let mut ranked: Vec<Ranked> = ranked
        .map(|((key, score, parts), reference)| Ranked {
            key,
            reference,
            score,
            parts,
            rerank: None,
            copies: Vec::new(),
        })
        .collect();
    sort(&mut ranked);
    Ok(ranked)
}

/// Highest score first, equal scores by article id and place.
pub fn sort(ranked: &mut [Ranked]) {
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.reference.cmp(&b.reference)));
}

/// Keeps each article's best passage (MaxP).
pub fn best_of_each_article(ranked: Vec<Ranked>) -> Vec<Ranked> {
    let mut seen = HashSet::new();
    ranked.into_iter().filter(|passage| seen.insert(passage.reference.article_id.clone())).collect()
}

/// What each further passage of an article counts of the one before.
const FURTHER: f32 = 0.3;

/// Keeps each article's best passage, with a score that its further passages add to: how far each lies above the
/// lowest candidate, each counting a third of the one before.
pub fn sum_of_each_article(ranked: Vec<Ranked>) -> Vec<Ranked> {
    let lowest = ranked.last().map_or(0.0, |last| last.score);
    let mut sums: HashMap<String, (f32, f32)> = HashMap::new();
    for passage in &ranked {
        let (sum, counts) = sums.entry(passage.reference.article_id.clone()).or_insert((0.0, 1.0));
        *sum += *counts * (passage.score - lowest);
        *counts *= FURTHER;
    }
    let mut articles = best_of_each_article(ranked);
    for article in &mut articles {
        article.score = lowest + sums.get(&article.reference.article_id).map_or(0.0, |(sum, _)| *sum);
    }
    sort(&mut articles);
    articles
}
