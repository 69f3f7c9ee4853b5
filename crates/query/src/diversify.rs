//! Hits that differ from one another, by maximal marginal relevance.

use crate::rank::Ranked;
use index::distance::dot;

/// How many candidates for each hit wanted.
const CHOICE: usize = 5;

/// Chooses `k`: each the one whose score, less `unlike` times its likeness to the nearest already
/// chosen, is highest. `unlike` 0 leaves the order as it is, 1 heeds nothing else after the first. `vectors`
/// are those of `ranked`.
pub fn choose(ranked: Vec<Ranked>, vectors: &[Vec<f32>], k: usize, unlike: f32) -> Vec<Ranked> {
    let n = ranked.len().min(k.saturating_mul(CHOICE));
    let (high, low) = match (ranked.first(), n.checked_sub(1).and_then(|last| ranked.get(last))) {
        (Some(first), Some(last)) => (first.score, last.score),
        _ => return ranked,
    };
    let relevance = |at: usize| if high > low { (ranked[at].score - low) / (high - low) } else { 1.0 };
    let likeness = |a: usize, b: usize| dot()(&vectors[a], &vectors[b]).max(0.0);
    let mut nearest = vec![0f32; n];
    let mut chosen: Vec<usize> = Vec::with_capacity(k);
    let mut left: Vec<usize> = (0..n).collect();
    while chosen.len() < k && !left.is_empty() {
        let value = |at: &usize| (1.0 - unlike) * relevance(*at) - unlike * nearest[*at];
        // The first of equals: it is ahead in the ranking.
        let best = left.iter().enumerate().rev().max_by(|a, b| value(a.1).total_cmp(&value(b.1)));
        let Some((place, &best)) = best else { break };
        left.remove(place);
        chosen.push(best);
        left.iter().for_each(|&at| nearest[at] = nearest[at].max(likeness(at, best)));
    }
    let mut all: Vec<Option<Ranked>> = ranked.into_iter().map(Some).collect();
    chosen.into_iter().filter_map(|at| all[at].take()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::{PassageKey, PassageRef};

    #[test]
    fn a_second_hit_like_the_first_gives_way() {
        let ranked = |scores: &[f32]| {
            let ranked = scores.iter().zip(0..).map(|(&score, at)| Ranked {
                key: PassageKey(at),
                reference: PassageRef { article_id: "a".into(), ordinal: at },
                score,
                parts: Default::default(),
                rerank: None,
                copies: Vec::new(),
            });
            ranked.collect::<Vec<_>>()
        };
        let vectors = [vec![1.0, 0.0], vec![1.0, 0.0], vec![0.0, 1.0], vec![0.6, 0.8]];
        let order = |unlike: f32, k: usize| {
            let chosen = choose(ranked(&[0.9, 0.8, 0.5, 0.4]), &vectors, k, unlike);
            chosen.iter().map(|r| r.key.0).collect::<Vec<_>>()
        };
        assert_eq!(order(0.0, 3), [0, 1, 2]);
        assert_eq!(order(0.5, 2), [0, 2]);
        assert_eq!(order(1.0, 4), [0, 2, 3, 1]);
        assert!(choose(Vec::new(), &[], 3, 0.5).is_empty());
    }
}
