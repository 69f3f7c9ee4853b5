//! Candidates to a ranking: by score, then by name, passages or articles.

use crate::Result;
use crate::fuse::Parts;
use std::collections::HashSet;
use store::{Collection, PassageKey, PassageRef};

/// A candidate with everything the order depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    pub key: PassageKey,
    pub reference: PassageRef,
    pub score: f32,
    pub parts: Parts,
}

/// Orders by score, highest first, and equal scores by article id and place.
pub fn rank(collection: &dyn Collection, found: Vec<(PassageKey, f32, Parts)>) -> Result<Vec<Ranked>> {
    let keys: Vec<PassageKey> = found.iter().map(|(key, ..)| *key).collect();
    let references = collection.identify(&keys)?;
    let ranked = found.into_iter().zip(references);
    let mut ranked: Vec<Ranked> =
        ranked.map(|((key, score, parts), reference)| Ranked { key, reference, score, parts }).collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.reference.cmp(&b.reference)));
    Ok(ranked)
}

/// Keeps each article's best passage (MaxP).
pub fn best_of_each_article(ranked: Vec<Ranked>) -> Vec<Ranked> {
    let mut seen = HashSet::new();
    ranked.into_iter().filter(|passage| seen.insert(passage.reference.article_id.clone())).collect()
}
