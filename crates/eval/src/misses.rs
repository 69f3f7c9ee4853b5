//! Attributes every missed judgement to the pipeline stage that lost it.
//!
//! A relevant need is missed if it is not met in a system's first `k` ranks. The stages are checked
//! from last to first; the last one that had the need among its first `k` and dropped it is the
//! cause. Every miss has exactly one cause, so the causes add up.

use serde::Serialize;
use std::collections::BTreeMap;

/// The pipeline stage that lost a need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum MissCause {
    /// What was judged is not in the collection.
    #[serde(rename = "not indexed")]
    NotIndexed,
    /// The search filter excludes it.
    #[serde(rename = "filter")]
    Filter,
    /// No passage covers half of it; or none holds all of it, and in one piece it would have been
    /// found.
    #[serde(rename = "chunker")]
    Chunker,
    /// It lies beyond the model's window, and the truncated text would have been found by itself.
    #[serde(rename = "window")]
    Window,
    /// Exact search finds it, graph search does not.
    #[serde(rename = "graph")]
    Graph,
    /// The model ranks it too low even with exact search.
    #[serde(rename = "model")]
    Model,
    /// BM25 ranks it too low, or it shares no word with the query.
    #[serde(rename = "words")]
    Words,
    /// One of the two lists has it in its first `k`, the fused list does not.
    #[serde(rename = "fusion")]
    Fusion,
    /// It is in the first `k` if articles are scored by their best passage, not by several.
    #[serde(rename = "scoring")]
    Scoring,
    /// A run file ranks it too low or lacks it.
    #[serde(rename = "ranking")]
    Ranking,
    /// It was in the first `k` before reranking.
    #[serde(rename = "reranking")]
    Reranking,
    /// A copy of it is in the first `k`, and it is not.
    #[serde(rename = "copies")]
    Copies,
    /// Results with the same score are in the first `k`; another order of them would have it there.
    #[serde(rename = "ties")]
    Ties,
}

impl MissCause {
    /// All causes, in pipeline order.
    pub const ALL: [Self; 13] = [
        Self::NotIndexed,
        Self::Filter,
        Self::Chunker,
        Self::Window,
        Self::Graph,
        Self::Model,
        Self::Words,
        Self::Fusion,
        Self::Scoring,
        Self::Ranking,
        Self::Reranking,
        Self::Copies,
        Self::Ties,
    ];

    /// The name used in JSON and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotIndexed => "not indexed",
            Self::Filter => "filter",
            Self::Chunker => "chunker",
            Self::Window => "window",
            Self::Graph => "graph",
            Self::Model => "model",
            Self::Words => "words",
            Self::Fusion => "fusion",
            Self::Ranking => "ranking",
            Self::Reranking => "reranking",
            Self::Scoring => "scoring",
            Self::Copies => "copies",
            Self::Ties => "ties",
        }
    }

    /// An explanation for reports.
    pub fn description(self) -> &'static str {
        match self {
            Self::NotIndexed => "What was judged is not in the collection.",
            Self::Filter => "The filter excludes it.",
            Self::Chunker => {
                "It was split between passages; in one piece, dense search would find it."
            }
            Self::Window => {
                "It lies beyond the model's token window; by itself, dense search would find it."
            }
            Self::Graph => "Exact search finds it, approximate graph search does not.",
            Self::Model => "The model ranks it too low, even with exact search.",
            Self::Words => "BM25 ranks it too low, or it shares no word with the question.",
            Self::Fusion => "The dense or the lexical list has it, but fusion dropped it.",
            Self::Scoring => {
                "Its best passage ranks high enough, but articles with more good passages outscore it."
            }
            Self::Ranking => "The run file ranks it too low or lacks it.",
            Self::Reranking => "It was found before reranking, and reranking dropped it.",
            Self::Copies => "A copy of it was found in its place.",
            Self::Ties => "Results with the same score precede it; ties are ordered by id.",
        }
    }
}

/// The kind of system; it decides which stages can lose a need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemKind {
    /// Dense search.
    Dense,
    /// Lexical search.
    Lexical,
    /// Hybrid search: both, fused.
    Hybrid,
    /// A run file, or a reranked list: the stages behind it are unknown.
    File,
}

/// What is known about a missed need. Ranks are 1-based and count needs; `None` means that the list
/// does not have the need at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Whether what was judged is in the collection.
    pub indexed: bool,
    /// Whether the search filter excludes it.
    pub filtered_out: bool,
    /// Whether some passage covers it.
    pub covered: bool,
    /// Whether the first k of the system's list have a copy of it.
    pub copy_found: bool,
    /// Its rank in the system's list, searched exactly, if it came first among equal scores.
    pub best_among_ties: Option<usize>,
    /// Its rank in the system's list, searched exactly, if articles are scored by their best
    /// passage; `None` if they are in any case.
    pub by_best_passage: Option<usize>,
    /// Whether the text that the model truncated would, embedded by itself, be in the first k of
    /// the dense list.
    pub found_if_not_truncated: bool,
    /// Whether it is split between passages and would, embedded in one piece, be in the first k of
    /// the dense list.
    pub found_if_not_split: bool,
    /// Its rank in the system's list if vectors are searched exactly.
    pub by_exact_search: Option<usize>,
    /// Its rank in the exact dense list.
    pub dense: Option<usize>,
    /// Its rank in the lexical list.
    pub lexical: Option<usize>,
    /// Its rank in the list that was reranked, if the system reranks.
    pub before_reranking: Option<usize>,
}

/// Finds the cause of a miss at depth `k`.
pub fn diagnose(system: SystemKind, k: usize, evidence: &Evidence) -> MissCause {
    let in_top_k = |rank: Option<usize>| rank.is_some_and(|rank| rank <= k);
    let Evidence {
        indexed,
        filtered_out,
        covered,
        copy_found,
        best_among_ties,
        by_best_passage,
        found_if_not_truncated,
        found_if_not_split,
        by_exact_search,
        dense,
        lexical,
        before_reranking,
    } = *evidence;
    let uses_vectors = matches!(system, SystemKind::Dense | SystemKind::Hybrid);
    match system {
        _ if !indexed => MissCause::NotIndexed,
        _ if filtered_out => MissCause::Filter,
        _ if !covered => MissCause::Chunker,
        _ if copy_found => MissCause::Copies,
        _ if in_top_k(before_reranking) => MissCause::Reranking,
        _ if uses_vectors && in_top_k(by_exact_search) => MissCause::Graph,
        _ if in_top_k(best_among_ties) => MissCause::Ties,
        _ if in_top_k(by_best_passage) => MissCause::Scoring,
        SystemKind::Hybrid if in_top_k(dense) || in_top_k(lexical) => MissCause::Fusion,
        _ if uses_vectors && found_if_not_truncated => MissCause::Window,
        _ if uses_vectors && found_if_not_split => MissCause::Chunker,
        SystemKind::Lexical => MissCause::Words,
        SystemKind::File => MissCause::Ranking,
        SystemKind::Dense | SystemKind::Hybrid => MissCause::Model,
    }
}

/// A system's hits, and its misses by cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissCounts {
    /// The system's name.
    pub system: String,
    /// How many relevant needs are met in the first k ranks.
    pub found: usize,
    /// How many are not; the sum of `by_cause`.
    pub missed: usize,
    /// The number of misses for each cause, including zeros.
    pub by_cause: BTreeMap<&'static str, usize>,
}

impl MissCounts {
    /// Counts the causes of the misses.
    pub fn new(system: impl Into<String>, found: usize, causes: &[MissCause]) -> Self {
        let mut by_cause: BTreeMap<_, _> = MissCause::ALL
            .iter()
            .map(|cause| (cause.name(), 0))
            .collect();
        for cause in causes {
            *by_cause.entry(cause.name()).or_default() += 1;
        }
        Self {
            system: system.into(),
            found,
            missed: causes.len(),
            by_cause,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COVERED: Evidence = Evidence {
        indexed: true,
        filtered_out: false,
        covered: true,
        copy_found: false,
        best_among_ties: None,
        by_best_passage: None,
        found_if_not_truncated: false,
        found_if_not_split: false,
        by_exact_search: None,
        dense: None,
        lexical: None,
        before_reranking: None,
    };

    #[test]
    fn last_stage_that_had_the_need_is_the_cause() {
        use SystemKind::*;
        let low = Evidence {
            by_exact_search: Some(40),
            dense: Some(30),
            lexical: Some(50),
            ..COVERED
        };
        for (system, evidence, expected) in [
            (
                Dense,
                Evidence {
                    indexed: false,
                    ..low
                },
                MissCause::NotIndexed,
            ),
            (
                File,
                Evidence {
                    covered: false,
                    ..low
                },
                MissCause::Chunker,
            ),
            (
                Dense,
                Evidence {
                    by_exact_search: Some(10),
                    dense: Some(10),
                    ..low
                },
                MissCause::Graph,
            ),
            (
                Dense,
                Evidence {
                    by_exact_search: Some(11),
                    dense: Some(11),
                    ..low
                },
                MissCause::Model,
            ),
            (
                Dense,
                Evidence {
                    found_if_not_truncated: true,
                    ..low
                },
                MissCause::Window,
            ),
            (
                Lexical,
                Evidence {
                    found_if_not_truncated: true,
                    dense: Some(1),
                    ..low
                },
                MissCause::Words,
            ),
            (
                Hybrid,
                Evidence {
                    dense: Some(3),
                    ..low
                },
                MissCause::Fusion,
            ),
            (
                Hybrid,
                Evidence {
                    lexical: Some(3),
                    found_if_not_truncated: true,
                    ..low
                },
                MissCause::Fusion,
            ),
            (
                Hybrid,
                Evidence {
                    by_exact_search: Some(3),
                    dense: Some(3),
                    ..low
                },
                MissCause::Graph,
            ),
            (
                Hybrid,
                Evidence {
                    found_if_not_truncated: true,
                    ..low
                },
                MissCause::Window,
            ),
            (
                Hybrid,
                Evidence {
                    found_if_not_truncated: true,
                    found_if_not_split: true,
                    ..low
                },
                MissCause::Window,
            ),
            (
                Dense,
                Evidence {
                    found_if_not_split: true,
                    ..low
                },
                MissCause::Chunker,
            ),
            (
                Lexical,
                Evidence {
                    found_if_not_split: true,
                    ..low
                },
                MissCause::Words,
            ),
            (Hybrid, low, MissCause::Model),
            (
                Hybrid,
                Evidence {
                    before_reranking: Some(10),
                    dense: Some(1),
                    ..low
                },
                MissCause::Reranking,
            ),
            (
                File,
                Evidence {
                    before_reranking: Some(2),
                    ..COVERED
                },
                MissCause::Reranking,
            ),
            (File, COVERED, MissCause::Ranking),
            (
                Lexical,
                Evidence {
                    filtered_out: true,
                    covered: false,
                    ..low
                },
                MissCause::Filter,
            ),
            (
                Lexical,
                Evidence {
                    copy_found: true,
                    best_among_ties: Some(1),
                    ..low
                },
                MissCause::Copies,
            ),
            (
                File,
                Evidence {
                    best_among_ties: Some(10),
                    ..low
                },
                MissCause::Ties,
            ),
            (
                Hybrid,
                Evidence {
                    best_among_ties: Some(11),
                    by_best_passage: Some(2),
                    dense: Some(1),
                    ..low
                },
                MissCause::Scoring,
            ),
        ] {
            assert_eq!(
                diagnose(system, 10, &evidence),
                expected,
                "{system:?} {evidence:?}"
            );
        }
    }

    #[test]
    fn causes_add_up_to_all_misses() {
        let losses = MissCounts::new(
            "s",
            3,
            &[MissCause::Model, MissCause::Fusion, MissCause::Model],
        );
        assert_eq!(losses.missed, losses.by_cause.values().sum::<usize>());
        assert_eq!(
            (
                losses.by_cause["model"],
                losses.by_cause["window"],
                losses.by_cause.len()
            ),
            (2, 0, 13)
        );
    }
}
