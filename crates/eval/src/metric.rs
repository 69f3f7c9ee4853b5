//! Ranking metrics, as trec_eval computes them.
//!
//! Every value is in 0..=1. An unjudged document is not relevant. With `gᵢ` the grade at rank `i`
//! (0 if unjudged or negative), `rᵢ = 1` where `gᵢ ≥ 1`, `R` the number of relevant documents:
//!
//! | metric | value |
//! |---|---|
//! | nDCG@k | `Σ gᵢ / log₂(i+1)` over the first k, divided by that of the best order (Järvelin and Kekäläinen, 2002) |
//! | recall@k | `Σ rᵢ / R` |
//! | precision@k | `Σ rᵢ / k` |
//! | MRR@k | 1 over the rank of the first relevant document, 0 if it is not in the first k |
//! | MAP@k | the mean over the `R` relevant documents of the precision at their rank, 0 beyond k |
//! | success@k | 1 if a relevant document is in the first k |
//! | judged@k | the share of the first k (or of all, if fewer) that were judged |
//!
//! Without `@k` the whole ranking counts.

use crate::Error;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The kind of metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Normalized discounted cumulative gain.
    Ndcg,
    /// Share of the relevant documents found.
    Recall,
    /// Share of the ranking that is relevant.
    Precision,
    /// Reciprocal rank; its mean over queries is the MRR.
    Mrr,
    /// Average precision; its mean over queries is the MAP.
    Map,
    /// Whether anything relevant was found.
    Success,
    /// Share of the ranking that was judged.
    Judged,
}

/// The greatest depth of a metric.
pub const MAX_DEPTH: usize = 100_000;

/// The kinds with their display name and accepted aliases; letter case is ignored.
const NAMES: [(Kind, &str, &[&str]); 7] = [
    (Kind::Ndcg, "nDCG", &[]),
    (Kind::Recall, "recall", &["r"]),
    (Kind::Precision, "precision", &["p"]),
    (Kind::Mrr, "MRR", &["rr"]),
    (Kind::Map, "MAP", &["ap"]),
    (Kind::Success, "success", &[]),
    (Kind::Judged, "judged", &[]),
];

/// A metric with its depth, such as `nDCG@10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Metric {
    /// The kind of metric.
    pub kind: Kind,
    /// The depth; `None` evaluates the whole ranking.
    pub depth: Option<usize>,
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES
            .iter()
            .find(|(kind, ..)| *kind == self.kind)
            .map_or("", |(_, name, _)| name);
        match self.depth {
            Some(depth) => write!(f, "{name}@{depth}"),
            None => f.write_str(name),
        }
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = || Error::UnknownMetric {
            found: text.to_owned(),
        };
        let (name, depth) = match text.trim().split_once('@') {
            Some((name, depth)) => (
                name,
                Some(
                    depth
                        .parse()
                        .ok()
                        .filter(|k| (1..=MAX_DEPTH).contains(k))
                        .ok_or_else(unknown)?,
                ),
            ),
            None => (text.trim(), None),
        };
        let lower = name.to_ascii_lowercase();
        let known = NAMES.iter().find(|(_, known, others)| {
            known.eq_ignore_ascii_case(&lower) || others.contains(&&*lower)
        });
        let kind = known.map(|(kind, ..)| *kind).ok_or_else(unknown)?;
        if depth.is_none() && matches!(kind, Kind::Precision | Kind::Success | Kind::Judged) {
            return Err(unknown());
        }
        Ok(Self { kind, depth })
    }
}

impl Metric {
    /// Evaluates one ranking. `grades` has the grade at each rank, `None` if unjudged; `ideal` has
    /// all relevant grades of the query in descending order. The value is in 0..=1.
    pub fn value(self, grades: &[Option<i32>], ideal: &[i32]) -> f64 {
        let depth = self.depth.unwrap_or(grades.len());
        let top = &grades[..depth.min(grades.len())];
        let relevant = || {
            (1..)
                .zip(top)
                .filter(|(_, grade)| grade.is_some_and(|g| g >= 1))
                .map(|(rank, _)| rank)
        };
        let share = |part: usize, of: usize| {
            if of == 0 {
                0.0
            } else {
                part as f64 / of as f64
            }
        };
        // An empty sum is -0.0 and would print as such; adding 0.0 fixes that.
        0.0 + match self.kind {
            Kind::Ndcg => {
                let best = gain(ideal.iter().take(self.depth.unwrap_or(usize::MAX)).copied());
                if best == 0.0 {
                    0.0
                } else {
                    gain(top.iter().map(|grade| grade.unwrap_or(0))) / best
                }
            }
            Kind::Recall => share(relevant().count(), ideal.len()),
            Kind::Precision => share(relevant().count(), depth),
            Kind::Mrr => relevant()
                .next()
                .map_or(0.0, |rank: usize| 1.0 / rank as f64),
            Kind::Map if ideal.is_empty() => 0.0,
            Kind::Map => {
                let precisions = relevant()
                    .zip(1..)
                    .map(|(rank, found): (usize, usize)| found as f64 / rank as f64);
                precisions.sum::<f64>() / ideal.len() as f64
            }
            Kind::Success => f64::from(u8::from(relevant().next().is_some())),
            Kind::Judged => share(
                top.iter().filter(|grade| grade.is_some()).count(),
                top.len(),
            ),
        }
    }
}

fn gain(grades: impl Iterator<Item = i32>) -> f64 {
    // Most grades are 0, and logarithms are slow.
    (2..)
        .zip(grades)
        .filter(|(_, grade)| *grade > 0)
        .map(|(at, grade)| f64::from(grade) / f64::from(at).log2())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(metric: &str, grades: &[Option<i32>], ideal: &[i32]) -> f64 {
        metric.parse::<Metric>().unwrap().value(grades, ideal)
    }

    #[test]
    fn values_match_hand_computed_ones() {
        // Grades 0, 2, unjudged, 1; one more relevant document (grade 1) was not found.
        let (grades, ideal) = ([Some(0), Some(2), None, Some(1)], [2, 1, 1]);
        let dcg = 2.0 / 3f64.log2() + 1.0 / 5f64.log2();
        let best = 2.0 + 1.0 / 3f64.log2() + 0.5;
        for (metric, expected) in [
            ("nDCG@10", dcg / best),
            ("nDCG@2", 2.0 / 3f64.log2() / (2.0 + 1.0 / 3f64.log2())),
            ("recall@2", 1.0 / 3.0),
            ("R@100", 2.0 / 3.0),
            ("precision@10", 0.2),
            ("MRR@10", 0.5),
            ("RR@1", 0.0),
            ("MAP@10", (0.5 + 0.5) / 3.0),
            ("MAP", 1.0 / 3.0),
            ("success@1", 0.0),
            ("success@2", 1.0),
            ("judged@4", 0.75),
        ] {
            assert!(
                (value(metric, &grades, &ideal) - expected).abs() < 1e-12,
                "{metric}"
            );
        }
    }

    #[test]
    fn names_and_aliases_are_parsed() {
        for (text, shown) in [
            ("ndcg@10", "nDCG@10"),
            ("P@5", "precision@5"),
            ("ap", "MAP"),
            (" mrr@10 ", "MRR@10"),
        ] {
            assert_eq!(text.parse::<Metric>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "f1@3",
            "nDCG@0",
            "nDCG@100001",
            "nDCG@ten",
            "precision",
            "success",
        ] {
            assert!(text.parse::<Metric>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn values_are_in_range_and_the_best_order_is_best(
            mut grades in prop::collection::vec(prop::option::of(-1i32..4), 0..30),
            missed in prop::collection::vec(1i32..4, 0..5),
            depth in 1usize..40,
        ) {
            let mut ideal: Vec<i32> = grades.iter().flatten().copied().filter(|g| *g >= 1).chain(missed).collect();
            ideal.sort_unstable_by(|a, b| b.cmp(a));
            let metrics: Vec<Metric> = NAMES.iter().map(|(kind, ..)| Metric { kind: *kind, depth: Some(depth) }).collect();
            let before: Vec<f64> = metrics.iter().map(|m| m.value(&grades, &ideal)).collect();
            grades.sort_unstable_by_key(|g| std::cmp::Reverse(g.unwrap_or(0)));
            for (metric, before) in metrics.iter().zip(before) {
                let after = metric.value(&grades, &ideal);
                prop_assert!((0.0..=1.0 + 1e-12).contains(&before), "{metric} {before}");
                prop_assert!(metric.kind == Kind::Judged || after >= before - 1e-12, "{metric} {before} {after}");
            }
        }
    }
}
