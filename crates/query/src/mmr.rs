//! Maximal marginal relevance: hits that differ from one another (Carbonell and Goldstein, 1998).

use crate::rank::RankedPassage;
use index::distance::dot;

/// How many candidates are considered for each hit to select.
const CANDIDATES_PER_HIT: usize = 5;

/// Selects `k` of `ranked`, one at a time: the candidate with the highest
/// `(1 - diversity) * relevance - diversity * similarity`, where relevance is the score scaled to
/// 0..=1 and similarity the highest cosine to a hit already selected. `diversity` is in 0..=1; 0
/// keeps the order. `vectors` are the unit vectors of `ranked`, in the same order.
pub fn diversify(
    ranked: Vec<RankedPassage>,
    vectors: &[Vec<f32>],
    k: usize,
    diversity: f32,
) -> Vec<RankedPassage> {
    let n = ranked.len().min(k.saturating_mul(CANDIDATES_PER_HIT));
    let (high, low) = match (
        ranked.first(),
        n.checked_sub(1).and_then(|last| ranked.get(last)),
    ) {
        (Some(first), Some(last)) => (first.score, last.score),
        _ => return ranked,
    };
    let relevance = |at: usize| {
        if high > low {
            (ranked[at].score - low) / (high - low)
        } else {
            1.0
        }
    };
    let similarity = |a: usize, b: usize| dot()(&vectors[a], &vectors[b]).max(0.0);
    let mut max_similarity = vec![0f32; n];
    let mut selected: Vec<usize> = Vec::with_capacity(k);
    let mut remaining: Vec<usize> = (0..n).collect();
    while selected.len() < k && !remaining.is_empty() {
        let value =
            |at: &usize| (1.0 - diversity) * relevance(*at) - diversity * max_similarity[*at];
        // `max_by` returns the last maximum; reversed, that is the one ranked first.
        let best = remaining
            .iter()
            .enumerate()
            .rev()
            .max_by(|a, b| value(a.1).total_cmp(&value(b.1)));
        let Some((position, &best)) = best else { break };
        remaining.remove(position);
        selected.push(best);
        remaining
            .iter()
            .for_each(|&at| max_similarity[at] = max_similarity[at].max(similarity(at, best)));
    }
    let mut ranked: Vec<Option<RankedPassage>> = ranked.into_iter().map(Some).collect();
    selected
        .into_iter()
        .filter_map(|at| ranked[at].take())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::{PassageKey, PassageRef};

    #[test]
    fn diversity_prefers_hits_unlike_those_selected() {
        let ranked = |scores: &[f32]| {
            let ranked = scores.iter().zip(0..).map(|(&score, at)| RankedPassage {
                key: PassageKey(at),
                reference: PassageRef {
                    article_id: "a".into(),
                    ordinal: at,
                },
                score,
                list_scores: Default::default(),
                rerank: None,
                duplicates: Vec::new(),
            });
            ranked.collect::<Vec<_>>()
        };
        let vectors = [
            vec![1.0, 0.0],
            vec![1.0, 0.0],
            vec![0.0, 1.0],
            vec![0.6, 0.8],
        ];
        let order = |diversity: f32, k: usize| {
            let selected = diversify(ranked(&[0.9, 0.8, 0.5, 0.4]), &vectors, k, diversity);
            selected.iter().map(|r| r.key.0).collect::<Vec<_>>()
        };
        assert_eq!(order(0.0, 3), [0, 1, 2]);
        assert_eq!(order(0.5, 2), [0, 2]);
        assert_eq!(order(1.0, 4), [0, 2, 3, 1]);
        assert!(diversify(Vec::new(), &[], 3, 0.5).is_empty());
    }
}
