//! Two ranked lists to one.

use std::collections::HashMap;
use store::{Candidate, PassageKey};

/// What a passage got from each list.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Parts {
    /// Its cosine, if the dense list had it.
    pub dense: Option<f32>,
    /// Its BM25, if the lexical list had it.
    pub lexical: Option<f32>,
}

/// The mean of the two lists' scores, each scaled to 0..=1 over its first `pool` (min–max); a passage
/// that a list does not have there counts as that list's lowest. A list that is empty takes no part.
/// Passages that lie deeper in both lists follow below 0, in the order of the whole lists' fusion.
///
/// Over 18 BEIR sets this way of fusing is better on average than either list and than reciprocal
/// ranks (Anserini's table: .5305 against .5083, .4244 and .5155).
pub fn min_max(dense: &[Candidate], lexical: &[Candidate], pool: usize) -> Vec<(PassageKey, f32, Parts)> {
    let (near, worded) = (first(dense, pool), first(lexical, pool));
    let head = scaled_means(near, worded);
    // Most searches ask for no more than is fused.
    if (near.len(), worded.len()) == (dense.len(), lexical.len()) {
        return head;
    }
    let head: HashMap<PassageKey, f32> = head.into_iter().map(|(key, score, _)| (key, score)).collect();
    let all = scaled_means(dense, lexical).into_iter();
    all.map(|(key, score, parts)| (key, head.get(&key).copied().unwrap_or(score - 1.0), parts)).collect()
}

/// The first `n` of a list and all that score the same as the last of them.
fn first(list: &[Candidate], n: usize) -> &[Candidate] {
    let Some(last) = n.checked_sub(1).and_then(|last| list.get(last)) else { return list };
    &list[..list.partition_point(|found| found.score >= last.score)]
}

fn scaled_means(dense: &[Candidate], lexical: &[Candidate]) -> Vec<(PassageKey, f32, Parts)> {
    let mut parts: HashMap<PassageKey, Parts> = HashMap::with_capacity(dense.len() + lexical.len());
    for found in dense {
        parts.entry(found.key).or_default().dense = Some(found.score);
    }
    for found in lexical {
        parts.entry(found.key).or_default().lexical = Some(found.score);
    }
    let (dense, lexical) = (Scale::of(dense), Scale::of(lexical));
    let lists = f32::from(u8::from(dense.is_some()) + u8::from(lexical.is_some())).max(1.0);
    let scaled = |scale: &Option<Scale>, score: Option<f32>| match (scale, score) {
        (Some(scale), Some(score)) => scale.apply(score),
        _ => 0.0,
    };
    parts
        .into_iter()
        .map(|(key, found)| (key, (scaled(&dense, found.dense) + scaled(&lexical, found.lexical)) / lists, found))
        .collect()
}

/// Maps a list's scores to 0..=1.
struct Scale {
    low: f32,
    high: f32,
}

impl Scale {
    fn of(list: &[Candidate]) -> Option<Self> {
        let scores = || list.iter().map(|found| found.score);
        Some(Self { low: scores().reduce(f32::min)?, high: scores().reduce(f32::max)? })
    }

    /// All scores of a list being equal, each is its best.
    fn apply(&self, score: f32) -> f32 {
        if self.high > self.low { (score - self.low) / (self.high - self.low) } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(scores: &[(u64, f32)]) -> Vec<Candidate> {
        scores.iter().map(|&(key, score)| Candidate { key: PassageKey(key), score }).collect()
    }

    #[test]
    fn a_passage_high_in_both_wins() {
        let fused = min_max(&list(&[(1, 0.9), (2, 0.8), (3, 0.1)]), &list(&[(2, 20.0), (4, 12.0), (1, 10.0)]), 10);
        let of = |key| fused.iter().find(|(k, ..)| k.0 == key).unwrap();
        assert!((of(2).1 - (0.875 + 1.0) / 2.0).abs() < 1e-6);
        assert!((of(1).1 - 0.5).abs() < 1e-6);
        assert_eq!(of(4).2, Parts { dense: None, lexical: Some(12.0) });
    }

    #[test]
    fn an_empty_list_takes_no_part() {
        let fused = min_max(&list(&[(1, 0.9), (2, 0.5)]), &[], 10);
        assert_eq!(fused.iter().map(|f| f.1).fold(0.0, f32::max), 1.0);
        assert_eq!(min_max(&list(&[(1, 0.3)]), &[], 10)[0].1, 1.0);
        assert!(min_max(&[], &[], 10).is_empty());
    }

    #[test]
    fn what_lies_deeper_follows_and_changes_nothing_above() {
        let (dense, lexical) = (list(&[(1, 0.9), (2, 0.7), (3, 0.6), (4, 0.5)]), list(&[(5, 9.0), (1, 8.0), (4, 2.0)]));
        let sorted = |mut fused: Vec<(PassageKey, f32, Parts)>| {
            fused.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            fused.into_iter().map(|(key, score, _)| (key.0, score)).collect::<Vec<_>>()
        };
        let short = sorted(min_max(&dense[..2], &lexical[..2], 2));
        let long = sorted(min_max(&dense, &lexical, 2));
        assert_eq!(long[..short.len()], short);
        assert_eq!(
            long[short.len()..].iter().map(|(key, score)| (*key, *score < 0.0)).collect::<Vec<_>>(),
            [(3, true), (4, true)]
        );
    }

    proptest! {
        #[test]
        fn scores_stay_in_their_range(a in prop::collection::vec(-1f32..1.0, 0..20), b in prop::collection::vec(0f32..40.0, 0..20)) {
            let keyed = |scores: Vec<f32>| scores.into_iter().zip(0..).map(|(score, key)| Candidate { key: PassageKey(key), score }).collect::<Vec<_>>();
            for (_, score, parts) in min_max(&keyed(a), &keyed(b), 100) {
                prop_assert!((0.0..=1.0).contains(&score));
                prop_assert!(parts.dense.is_some() || parts.lexical.is_some());
            }
        }
    }
}
