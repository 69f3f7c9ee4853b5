//! Two ranked lists to one.

use crate::Options;
use std::collections::HashMap;
use store::{Candidate, Collection, Fusion, FusionMethod, PassageKey};

/// How lists are fused where nothing else is said. nDCG@10 of whole documents, 300 candidates of each list
/// (SciFact, SQuAD, Cranfield, MedQuAD): `benches/README.md` has the table and how it is made.
pub const DEFAULT: Fusion = Fusion { method: FusionMethod::ZScore, dense: 0.5 };

/// How lists are fused: as the options say, else as the collection was tuned, else by default.
pub(crate) fn in_use(collection: &dyn Collection, options: &Options) -> Fusion {
    options.fusion.or(collection.manifest().fusion).unwrap_or(DEFAULT)
}

/// The constant of reciprocal ranks, as their authors set it.
const RRF: f32 = 60.0;

/// How many passages without a word of the question count for each that holds one, where these do not fill their list: found passages
/// of the same score lie three standard deviations above them then. One with a word of its own is among the first, and a question
/// whose meaning points elsewhere can still go there.
const WORDLESS: usize = 9;

/// What a passage got from each list.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Parts {
    /// Its cosine, if the dense list had it.
    pub dense: Option<f32>,
    /// Its BM25, if the lexical list had it.
    pub lexical: Option<f32>,
    /// What each list adds to the fused score: dense, lexical.
    pub shares: [f32; 2],
}

/// The weighted sum of the two lists' scores over their first `pool`, made comparable by the
/// fusion's method; a passage that a list does not have there counts as that list's lowest, or, by ranks
/// alone, as nothing. A lexical list shorter than `pool` has all that hold a word of the question: the others' BM25
/// is known to be 0 and counts as such. A list that is empty takes no part. Passages that lie deeper in both lists
/// follow below all those, in the order of the whole lists' fusion.
pub fn fuse(dense: &[Candidate], lexical: &[Candidate], pool: usize, fusion: Fusion) -> Vec<(PassageKey, f32, Parts)> {
    let (near, worded) = (first(dense, pool), first(lexical, pool));
    let mut head = summed(near, worded, pool, fusion);
    // Most searches ask for no more than is fused.
    if (near.len(), worded.len()) == (dense.len(), lexical.len()) {
        return head;
    }
    let known: HashMap<PassageKey, usize> = head.iter().enumerate().map(|(at, (key, ..))| (*key, at)).collect();
    let lowest = head.iter().map(|(_, score, _)| *score).fold(f32::INFINITY, f32::min);
    let deeper: Vec<_> =
        summed(dense, lexical, pool, fusion).into_iter().filter(|(key, ..)| !known.contains_key(key)).collect();
    let highest = deeper.iter().map(|(_, score, _)| *score).fold(f32::NEG_INFINITY, f32::max);
    head.extend(deeper.into_iter().map(|(key, score, parts)| (key, lowest - 1.0 + (score - highest), parts)));
    head
}

/// The first `n` of a list and all that score the same as the last of them.
fn first(list: &[Candidate], n: usize) -> &[Candidate] {
    let Some(last) = n.checked_sub(1).and_then(|last| list.get(last)) else { return list };
    &list[..list.partition_point(|found| found.score >= last.score)]
}

fn summed(dense: &[Candidate], lexical: &[Candidate], pool: usize, fusion: Fusion) -> Vec<(PassageKey, f32, Parts)> {
    let mut parts: HashMap<PassageKey, (Parts, [Option<f32>; 2])> = HashMap::with_capacity(dense.len() + lexical.len());
    let weights = match (dense.is_empty(), lexical.is_empty()) {
        (false, false) => [fusion.dense, 1.0 - fusion.dense],
        (with_dense, with_lexical) => [f32::from(u8::from(!with_dense)), f32::from(u8::from(!with_lexical))],
    };
    for (of, list) in [dense, lexical].into_iter().enumerate() {
        for found in list {
            let (parts, _) = parts.entry(found.key).or_default();
            *(if of == 0 { &mut parts.dense } else { &mut parts.lexical }) = Some(found.score);
        }
    }
    // As many of them as would fill the list, but no more than leave meaning a say.
    let wordless = pool.min(parts.len()).saturating_sub(lexical.len()).min(WORDLESS * lexical.len());
    let mut lowest = [0.0; 2];
    for (of, (list, zeros)) in [(dense, 0), (lexical, wordless)].into_iter().enumerate() {
        let comparable = comparable(list, zeros, fusion.method);
        lowest[of] = match fusion.method {
            FusionMethod::Rrf => 0.0,
            _ => comparable.iter().copied().reduce(f32::min).unwrap_or(0.0),
        };
        for (found, value) in list.iter().zip(comparable) {
            parts.entry(found.key).or_default().1[of] = Some(value);
        }
    }
    parts
        .into_iter()
        .map(|(key, (mut parts, values))| {
            for of in 0..2 {
                parts.shares[of] = weights[of] * values[of].unwrap_or(lowest[of]);
            }
            (key, parts.shares[0] + parts.shares[1], parts)
        })
        .collect()
}

/// A list's scores, and then so many that are 0, comparable with another's.
fn comparable(list: &[Candidate], zeros: usize, method: FusionMethod) -> Vec<f32> {
    let scores = || list.iter().map(|found| found.score).chain(std::iter::repeat_n(0.0, zeros));
    match method {
        FusionMethod::Rrf => {
            // Equal scores share the better rank: which of them comes first is for their names to decide.
            let mut rank = 0;
            let ranks = list.iter().enumerate().map(|(at, found)| {
                if at == 0 || found.score < list[at - 1].score {
                    rank = at + 1;
                }
                1.0 / (RRF + rank as f32)
            });
            ranks.collect()
        }
        FusionMethod::MinMax => {
            let (low, high) = (scores().fold(f32::INFINITY, f32::min), scores().fold(f32::NEG_INFINITY, f32::max));
            scores().map(|score| if high > low { (score - low) / (high - low) } else { 1.0 }).collect()
        }
        FusionMethod::ZScore => standard(scores()),
        FusionMethod::Distribution => standard(scores()).into_iter().map(|z| 0.5 + z / 6.0).collect(),
    }
}

/// Values in standard deviations from their mean; 0 where all are equal.
pub fn standard(values: impl Iterator<Item = f32> + Clone) -> Vec<f32> {
    let n = values.clone().count().max(1) as f64;
    let mean = values.clone().map(f64::from).sum::<f64>() / n;
    let deviation = (values.clone().map(|value| (f64::from(value) - mean).powi(2)).sum::<f64>() / n).sqrt();
    // Rounding alone makes equal values differ by this.
    let flat = deviation <= f64::from(f32::EPSILON) * mean.abs();
    values.map(|value| if flat { 0.0 } else { ((f64::from(value) - mean) / deviation) as f32 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const METHODS: [FusionMethod; 4] =
        [FusionMethod::ZScore, FusionMethod::MinMax, FusionMethod::Distribution, FusionMethod::Rrf];

    fn list(scores: &[(u64, f32)]) -> Vec<Candidate> {
        scores.iter().map(|&(key, score)| Candidate { key: PassageKey(key), score }).collect()
    }

    fn by(method: FusionMethod) -> Fusion {
        Fusion { method, dense: 0.5 }
    }

    fn of(fused: &[(PassageKey, f32, Parts)], key: u64) -> (f32, Parts) {
        fused.iter().find(|(k, ..)| k.0 == key).map(|(_, score, parts)| (*score, *parts)).unwrap()
    }

    fn sorted(mut fused: Vec<(PassageKey, f32, Parts)>) -> Vec<(u64, f32)> {
        fused.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        fused.into_iter().map(|(key, score, _)| (key.0, score)).collect()
    }

    #[test]
    fn each_method_is_what_it_says() {
        let (dense, lexical) = (list(&[(1, 0.9), (2, 0.8), (3, 0.1)]), list(&[(2, 20.0), (4, 12.0), (1, 10.0)]));
        let min_max = fuse(&dense, &lexical, 3, by(FusionMethod::MinMax));
        assert!((of(&min_max, 2).0 - (0.875 + 1.0) / 2.0).abs() < 1e-6 && (of(&min_max, 1).0 - 0.5).abs() < 1e-6);
        assert_eq!((of(&min_max, 4).1.dense, of(&min_max, 4).1.lexical), (None, Some(12.0)));
        // Means .6 and 14, deviations √(.38 / 3) and √(56 / 3).
        let z = fuse(&dense, &lexical, 3, by(FusionMethod::ZScore));
        let (near, worded) = ((0.38f32 / 3.0).sqrt(), (56f32 / 3.0).sqrt());
        assert!((of(&z, 2).0 - (0.2 / near + 6.0 / worded) / 2.0).abs() < 1e-5);
        assert!(
            (of(&z, 4).0 - (-0.5 / near - 2.0 / worded) / 2.0).abs() < 1e-5,
            "what a list lacks counts as its lowest"
        );
        let spread = fuse(&dense, &lexical, 3, by(FusionMethod::Distribution));
        assert!((of(&spread, 2).0 - (0.5 + of(&z, 2).0 / 6.0)).abs() < 1e-5);
        let rrf = fuse(&dense, &lexical, 3, by(FusionMethod::Rrf));
        assert!((of(&rrf, 2).0 - (1.0 / 62.0 + 1.0 / 61.0) / 2.0).abs() < 1e-6);
        assert!((of(&rrf, 4).0 - 0.5 / 62.0).abs() < 1e-6);
    }

    #[test]
    fn a_word_that_one_passage_has_brings_it_up() {
        let dense: Vec<(u64, f32)> = (0..100).map(|key| (key, 0.5 - key as f32 / 200.0)).collect();
        let place = |fused: &[(PassageKey, f32, Parts)]| sorted(fused.to_vec()).iter().position(|(key, _)| *key == 60);
        for method in [FusionMethod::ZScore, FusionMethod::Distribution, FusionMethod::MinMax] {
            let fused = fuse(&list(&dense), &list(&[(60, 5.0)]), 300, by(method));
            assert!(of(&fused, 59).1.shares[1] < of(&fused, 60).1.shares[1], "{method:?}");
            assert_eq!(place(&fused), Some(0), "{method:?}");
        }
        let z = fuse(&list(&dense), &list(&[(60, 5.0)]), 300, by(FusionMethod::ZScore));
        assert!((of(&z, 60).1.shares[1] - 1.5).abs() < 1e-5 && (of(&z, 59).1.shares[1] + 0.5 / 3.0).abs() < 1e-5);
        // A list that is full may lack passages that hold the words.
        let full = fuse(&list(&dense), &list(&[(60, 5.0)]), 1, by(FusionMethod::ZScore));
        assert_eq!(of(&full, 0).1.shares[1], of(&full, 60).1.shares[1]);
    }

    #[test]
    fn weights_move_the_order() {
        let (dense, lexical) = (list(&[(1, 0.9), (2, 0.1)]), list(&[(2, 20.0), (1, 1.0)]));
        for method in METHODS {
            for (weight, first) in [(1.0, 1), (0.6, 1), (0.4, 2), (0.0, 2)] {
                let fused = fuse(&dense, &lexical, 10, Fusion { method, dense: weight });
                assert_eq!(sorted(fused)[0].0, first, "{method:?} {weight}");
            }
        }
    }

    #[test]
    fn an_empty_list_takes_no_part() {
        for method in METHODS {
            let dense = list(&[(1, 0.9), (2, 0.5)]);
            let alone = sorted(fuse(&dense, &[], 10, by(method)));
            assert_eq!(alone, sorted(fuse(&dense, &[], 10, Fusion { method, dense: 1.0 })), "{method:?}");
            assert!(alone[0].0 == 1 && alone[0].1 > alone[1].1);
            assert_eq!(fuse(&[], &list(&[(7, 0.3)]), 10, by(method)).len(), 1);
            assert!(fuse(&[], &[], 10, by(method)).is_empty());
        }
    }

    #[test]
    fn what_lies_deeper_follows_and_changes_nothing_above() {
        let (dense, lexical) = (list(&[(1, 0.9), (2, 0.7), (3, 0.6), (4, 0.5)]), list(&[(5, 9.0), (1, 8.0), (4, 2.0)]));
        for method in METHODS {
            let short = sorted(fuse(&dense[..2], &lexical[..2], 2, by(method)));
            let long = sorted(fuse(&dense, &lexical, 2, by(method)));
            assert_eq!(long[..short.len()], short);
            let deeper: Vec<u64> = long[short.len()..].iter().map(|(key, _)| *key).collect();
            assert!(deeper == [3, 4] || deeper == [4, 3]);
            assert!(long[short.len()].1 < long[short.len() - 1].1);
        }
    }

    proptest! {
        #[test]
        fn scores_are_numbers_and_shares_add_up(
            a in prop::collection::vec(-1f32..1.0, 0..20),
            b in prop::collection::vec(0f32..40.0, 0..20),
            dense in 0f32..=1.0,
            method in prop::sample::select(METHODS.to_vec()),
        ) {
            let keyed = |mut scores: Vec<f32>| {
                scores.sort_by(|a, b| b.total_cmp(a));
                scores.into_iter().zip(0..).map(|(score, key)| Candidate { key: PassageKey(key), score }).collect::<Vec<_>>()
            };
            for (_, score, parts) in fuse(&keyed(a), &keyed(b), 100, Fusion { method, dense }) {
                prop_assert!(score.is_finite() && (parts.shares[0] + parts.shares[1] - score).abs() < 1e-6);
                prop_assert!(parts.dense.is_some() || parts.lexical.is_some());
            }
        }
    }
}
