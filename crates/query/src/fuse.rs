//! Fuses the dense and the lexical list into one.

use crate::Options;
use std::collections::{HashMap, HashSet};
use store::{Collection, Fusion, FusionMethod, PassageKey, ScoredPassage};

/// The default fusion. It was chosen by nDCG@10 of whole documents with 300 candidates of each list
/// (SciFact, SQuAD, Cranfield, MedQuAD); `benches/RESULTS.md` has the table.
pub const DEFAULT: Fusion = Fusion {
    method: FusionMethod::ZScore,
    dense: 0.5,
};

/// The fusion in effect: that of the options, else the one the collection was tuned to, else
/// [`DEFAULT`].
pub(crate) fn effective_fusion(collection: &dyn Collection, options: &Options) -> Fusion {
    options
        .fusion
        .or(collection.manifest().fusion)
        .unwrap_or(DEFAULT)
}

/// The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009).
const RRF_K: f32 = 60.0;

/// How many non-matching passages, with score 0, are added per matching passage to a lexical list
/// shorter than the pool. With nine, matches of equal score lie three standard deviations above the
/// mean: enough to bring a sole match to the top, while a strong dense score can still outweigh it.
const MAX_ABSENT_PER_MATCH: usize = 9;

/// A candidate's scores in the two lists.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ListScores {
    /// Cosine similarity, if the passage is in the dense list.
    pub dense: Option<f32>,
    /// BM25 score, if the passage is in the lexical list.
    pub lexical: Option<f32>,
    /// What the dense and the lexical list add to the fused score, in this order.
    pub contributions: [f32; 2],
}

/// Fuses two lists sorted best first; the result is not sorted.
///
/// The fused score is the weighted sum of the two scores, normalized by the fusion's method over
/// the first `pool` candidates of each list. A passage missing from a list gets that list's lowest
/// normalized score (with RRF: 0). If the lexical list is shorter than `pool`, all other passages
/// are known to have BM25 score 0, and some of them count in the normalization. An empty list has
/// no weight. Candidates below `pool` in both lists follow below all others, in the order of the
/// fusion of the whole lists.
pub fn fuse(
    dense: &[ScoredPassage],
    lexical: &[ScoredPassage],
    pool: usize,
    fusion: Fusion,
) -> Vec<(PassageKey, f32, ListScores)> {
    let (dense_top, lexical_top) = (top_with_ties(dense, pool), top_with_ties(lexical, pool));
    let mut head = weighted_sum(dense_top, lexical_top, pool, fusion);
    // The common case: nothing lies below the pool.
    if (dense_top.len(), lexical_top.len()) == (dense.len(), lexical.len()) {
        return head;
    }
    let in_head: HashSet<PassageKey> = head.iter().map(|(key, ..)| *key).collect();
    let lowest = head
        .iter()
        .map(|(_, score, _)| *score)
        .fold(f32::INFINITY, f32::min);
    let deeper: Vec<_> = weighted_sum(dense, lexical, pool, fusion)
        .into_iter()
        .filter(|(key, ..)| !in_head.contains(key))
        .collect();
    let highest = deeper
        .iter()
        .map(|(_, score, _)| *score)
        .fold(f32::NEG_INFINITY, f32::max);
    head.extend(
        deeper
            .into_iter()
            .map(|(key, score, scores)| (key, lowest - 1.0 + (score - highest), scores)),
    );
    head
}

/// The first `n` candidates and all that tie with the last of them.
pub(crate) fn top_with_ties(list: &[ScoredPassage], n: usize) -> &[ScoredPassage] {
    let Some(last) = n.checked_sub(1).and_then(|last| list.get(last)) else {
        return list;
    };
    &list[..list.partition_point(|candidate| candidate.score >= last.score)]
}

/// Scores every candidate of two lists whose first `pool` candidates are fused.
fn weighted_sum(
    dense: &[ScoredPassage],
    lexical: &[ScoredPassage],
    pool: usize,
    fusion: Fusion,
) -> Vec<(PassageKey, f32, ListScores)> {
    // By passage: its raw scores, and its normalized score in each list.
    let mut candidates: HashMap<PassageKey, (ListScores, [Option<f32>; 2])> =
        HashMap::with_capacity(dense.len() + lexical.len());
    let weights = match (dense.is_empty(), lexical.is_empty()) {
        (false, false) => [fusion.dense, 1.0 - fusion.dense],
        (no_dense, no_lexical) => [
            f32::from(u8::from(!no_dense)),
            f32::from(u8::from(!no_lexical)),
        ],
    };
    for candidate in dense {
        candidates.entry(candidate.key).or_default().0.dense = Some(candidate.score);
    }
    for candidate in lexical {
        candidates.entry(candidate.key).or_default().0.lexical = Some(candidate.score);
    }
    // Enough to fill the pool, but not so many that the dense list has no influence.
    let absent = pool
        .min(candidates.len())
        .saturating_sub(lexical.len())
        .min(MAX_ABSENT_PER_MATCH * lexical.len());
    let mut lowest = [0.0; 2];
    for (at, (list, zeros)) in [(dense, 0), (lexical, absent)].into_iter().enumerate() {
        let normalized = normalized(list, zeros, fusion.method);
        lowest[at] = match fusion.method {
            FusionMethod::Rrf => 0.0,
            _ => normalized.iter().copied().reduce(f32::min).unwrap_or(0.0),
        };
        for (candidate, value) in list.iter().zip(normalized) {
            candidates.entry(candidate.key).or_default().1[at] = Some(value);
        }
    }
    candidates
        .into_iter()
        .map(|(key, (mut scores, normalized))| {
            for at in 0..2 {
                scores.contributions[at] = weights[at] * normalized[at].unwrap_or(lowest[at]);
            }
            (
                key,
                scores.contributions[0] + scores.contributions[1],
                scores,
            )
        })
        .collect()
}

/// Normalizes a list's scores, extended by `zeros` scores of 0.
fn normalized(list: &[ScoredPassage], zeros: usize, method: FusionMethod) -> Vec<f32> {
    let scores = || {
        list.iter()
            .map(|found| found.score)
            .chain(std::iter::repeat_n(0.0, zeros))
    };
    match method {
        FusionMethod::Rrf => {
            // Ties share the better rank; ids break them later.
            let mut rank = 0;
            let ranks = list.iter().enumerate().map(|(at, found)| {
                if at == 0 || found.score < list[at - 1].score {
                    rank = at + 1;
                }
                1.0 / (RRF_K + rank as f32)
            });
            ranks.collect()
        }
        FusionMethod::MinMax => {
            let (low, high) = (
                scores().fold(f32::INFINITY, f32::min),
                scores().fold(f32::NEG_INFINITY, f32::max),
            );
            scores()
                .map(|score| {
                    if high > low {
                        (score - low) / (high - low)
                    } else {
                        1.0
                    }
                })
                .collect()
        }
        FusionMethod::ZScore => z_scores(scores()),
        FusionMethod::Distribution => z_scores(scores())
            .into_iter()
            .map(|z| 0.5 + z / 6.0)
            .collect(),
    }
}

/// Z-scores: the values' distances from their mean in standard deviations; 0 if all are equal.
pub fn z_scores(values: impl Iterator<Item = f32> + Clone) -> Vec<f32> {
    let n = values.clone().count().max(1) as f64;
    let mean = values.clone().map(f64::from).sum::<f64>() / n;
    let deviation = (values
        .clone()
        .map(|value| (f64::from(value) - mean).powi(2))
        .sum::<f64>()
        / n)
        .sqrt();
    // Below this, the deviation is only rounding error.
    let is_flat = deviation <= f64::from(f32::EPSILON) * mean.abs();
    values
        .map(|value| {
            if is_flat {
                0.0
            } else {
                ((f64::from(value) - mean) / deviation) as f32
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const METHODS: [FusionMethod; 4] = [
        FusionMethod::ZScore,
        FusionMethod::MinMax,
        FusionMethod::Distribution,
        FusionMethod::Rrf,
    ];

    fn list(scores: &[(u64, f32)]) -> Vec<ScoredPassage> {
        scores
            .iter()
            .map(|&(key, score)| ScoredPassage {
                key: PassageKey(key),
                score,
            })
            .collect()
    }

    fn with_method(method: FusionMethod) -> Fusion {
        Fusion { method, dense: 0.5 }
    }

    fn of(fused: &[(PassageKey, f32, ListScores)], key: u64) -> (f32, ListScores) {
        fused
            .iter()
            .find(|(k, ..)| k.0 == key)
            .map(|(_, score, parts)| (*score, *parts))
            .unwrap()
    }

    fn sorted(mut fused: Vec<(PassageKey, f32, ListScores)>) -> Vec<(u64, f32)> {
        fused.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        fused
            .into_iter()
            .map(|(key, score, _)| (key.0, score))
            .collect()
    }

    #[test]
    fn each_method_matches_values_worked_out_by_hand() {
        let (dense, lexical) = (
            list(&[(1, 0.9), (2, 0.8), (3, 0.1)]),
            list(&[(2, 20.0), (4, 12.0), (1, 10.0)]),
        );
        let min_max = fuse(&dense, &lexical, 3, with_method(FusionMethod::MinMax));
        assert!(
            (of(&min_max, 2).0 - (0.875 + 1.0) / 2.0).abs() < 1e-6
                && (of(&min_max, 1).0 - 0.5).abs() < 1e-6
        );
        assert_eq!(
            (of(&min_max, 4).1.dense, of(&min_max, 4).1.lexical),
            (None, Some(12.0))
        );
        // Means .6 and 14, deviations √(.38 / 3) and √(56 / 3).
        let z = fuse(&dense, &lexical, 3, with_method(FusionMethod::ZScore));
        let (dense_deviation, lexical_deviation) = ((0.38f32 / 3.0).sqrt(), (56f32 / 3.0).sqrt());
        assert!(
            (of(&z, 2).0 - (0.2 / dense_deviation + 6.0 / lexical_deviation) / 2.0).abs() < 1e-5
        );
        assert!(
            (of(&z, 4).0 - (-0.5 / dense_deviation - 2.0 / lexical_deviation) / 2.0).abs() < 1e-5,
            "a missing score counts as the list's lowest"
        );
        let distribution = fuse(&dense, &lexical, 3, with_method(FusionMethod::Distribution));
        assert!((of(&distribution, 2).0 - (0.5 + of(&z, 2).0 / 6.0)).abs() < 1e-5);
        let rrf = fuse(&dense, &lexical, 3, with_method(FusionMethod::Rrf));
        assert!((of(&rrf, 2).0 - (1.0 / 62.0 + 1.0 / 61.0) / 2.0).abs() < 1e-6);
        assert!((of(&rrf, 4).0 - 0.5 / 62.0).abs() < 1e-6);
    }

    #[test]
    fn sole_lexical_match_ranks_first() {
        let dense: Vec<(u64, f32)> = (0..100)
            .map(|key| (key, 0.5 - key as f32 / 200.0))
            .collect();
        let position = |fused: &[(PassageKey, f32, ListScores)]| {
            sorted(fused.to_vec())
                .iter()
                .position(|(key, _)| *key == 60)
        };
        for method in [
            FusionMethod::ZScore,
            FusionMethod::Distribution,
            FusionMethod::MinMax,
        ] {
            let fused = fuse(&list(&dense), &list(&[(60, 5.0)]), 300, with_method(method));
            assert!(
                of(&fused, 59).1.contributions[1] < of(&fused, 60).1.contributions[1],
                "{method:?}"
            );
            assert_eq!(position(&fused), Some(0), "{method:?}");
        }
        let z = fuse(
            &list(&dense),
            &list(&[(60, 5.0)]),
            300,
            with_method(FusionMethod::ZScore),
        );
        assert!(
            (of(&z, 60).1.contributions[1] - 1.5).abs() < 1e-5
                && (of(&z, 59).1.contributions[1] + 0.5 / 3.0).abs() < 1e-5
        );
        // A full list may lack passages that match.
        let full = fuse(
            &list(&dense),
            &list(&[(60, 5.0)]),
            1,
            with_method(FusionMethod::ZScore),
        );
        assert_eq!(
            of(&full, 0).1.contributions[1],
            of(&full, 60).1.contributions[1]
        );
    }

    #[test]
    fn dense_weight_decides_the_order() {
        let (dense, lexical) = (list(&[(1, 0.9), (2, 0.1)]), list(&[(2, 20.0), (1, 1.0)]));
        for method in METHODS {
            for (weight, expected) in [(1.0, 1), (0.6, 1), (0.4, 2), (0.0, 2)] {
                let fused = fuse(
                    &dense,
                    &lexical,
                    10,
                    Fusion {
                        method,
                        dense: weight,
                    },
                );
                assert_eq!(sorted(fused)[0].0, expected, "{method:?} {weight}");
            }
        }
    }

    #[test]
    fn empty_list_has_no_weight() {
        for method in METHODS {
            let dense = list(&[(1, 0.9), (2, 0.5)]);
            let alone = sorted(fuse(&dense, &[], 10, with_method(method)));
            assert_eq!(
                alone,
                sorted(fuse(&dense, &[], 10, Fusion { method, dense: 1.0 })),
                "{method:?}"
            );
            assert!(alone[0].0 == 1 && alone[0].1 > alone[1].1);
            assert_eq!(
                fuse(&[], &list(&[(7, 0.3)]), 10, with_method(method)).len(),
                1
            );
            assert!(fuse(&[], &[], 10, with_method(method)).is_empty());
        }
    }

    #[test]
    fn deeper_candidates_follow_without_changing_those_above() {
        let (dense, lexical) = (
            list(&[(1, 0.9), (2, 0.7), (3, 0.6), (4, 0.5)]),
            list(&[(5, 9.0), (1, 8.0), (4, 2.0)]),
        );
        for method in METHODS {
            let short = sorted(fuse(&dense[..2], &lexical[..2], 2, with_method(method)));
            let long = sorted(fuse(&dense, &lexical, 2, with_method(method)));
            assert_eq!(long[..short.len()], short);
            let deeper: Vec<u64> = long[short.len()..].iter().map(|(key, _)| *key).collect();
            assert!(deeper == [3, 4] || deeper == [4, 3]);
            assert!(long[short.len()].1 < long[short.len() - 1].1);
        }
    }

    proptest! {
        #[test]
        fn scores_are_finite_and_contributions_add_up(
            a in prop::collection::vec(-1f32..1.0, 0..20),
            b in prop::collection::vec(0f32..40.0, 0..20),
            dense in 0f32..=1.0,
            method in prop::sample::select(METHODS.to_vec()),
        ) {
            let keyed = |mut scores: Vec<f32>| {
                scores.sort_by(|a, b| b.total_cmp(a));
                scores.into_iter().zip(0..).map(|(score, key)| ScoredPassage { key: PassageKey(key), score }).collect::<Vec<_>>()
            };
            for (_, score, parts) in fuse(&keyed(a), &keyed(b), 100, Fusion { method, dense }) {
                prop_assert!(score.is_finite() && (parts.contributions[0] + parts.contributions[1] - score).abs() < 1e-6);
                prop_assert!(parts.dense.is_some() || parts.lexical.is_some());
            }
        }
    }
}
