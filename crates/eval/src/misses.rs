//! Where a missed judgement was lost.
//!
//! Every relevant need that a system does not have among its first `k` was lost at one place. The
//! stages are gone through from the last to the first: the last one that had it and let it go is
//! the cause. So the causes add up to all misses.

use serde::Serialize;
use std::collections::BTreeMap;

/// The place where a need was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Cause {
    /// What was judged is not in the collection.
    #[serde(rename = "not indexed")]
    NotIndexed,
    /// No passage holds it whole, and in one piece it would have been found; or none holds half of it.
    #[serde(rename = "chunker")]
    Chunker,
    /// It stands where the model's window had ended, and what was not read would have been found.
    #[serde(rename = "window")]
    Window,
    /// The exact scan has it, the walk through the graph does not.
    #[serde(rename = "graph")]
    Graph,
    /// The model ranks it too low.
    #[serde(rename = "model")]
    Model,
    /// BM25 ranks it too low, or it has no word of the question.
    #[serde(rename = "words")]
    Words,
    /// One of the two lists has it, their fusion does not.
    #[serde(rename = "fusion")]
    Fusion,
    /// Whatever made a run file ranks it too low, or left it out.
    #[serde(rename = "ranking")]
    Ranking,
    /// It was there before reranking.
    #[serde(rename = "reranking")]
    Reranking,
}

impl Cause {
    /// Every cause, in the order of the stages.
    pub const ALL: [Self; 9] = [
        Self::NotIndexed,
        Self::Chunker,
        Self::Window,
        Self::Graph,
        Self::Model,
        Self::Words,
        Self::Fusion,
        Self::Ranking,
        Self::Reranking,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotIndexed => "not indexed",
            Self::Chunker => "chunker",
            Self::Window => "window",
            Self::Graph => "graph",
            Self::Model => "model",
            Self::Words => "words",
            Self::Fusion => "fusion",
            Self::Ranking => "ranking",
            Self::Reranking => "reranking",
        }
    }

    /// What it means, for people.
    pub fn explained(self) -> &'static str {
        match self {
            Self::NotIndexed => "What was judged is not in the collection.",
            Self::Chunker => {
                "It was cut up between passages; in one piece, it would be among the first of the dense list."
            }
            Self::Window => {
                "It lies beyond the word pieces that the model reads; by itself, it would be among the first of the dense list."
            }
            Self::Graph => "The exact scan finds it, the walk through the graph does not.",
            Self::Model => "The model puts it too low, even when every vector is compared.",
            Self::Words => "BM25 puts it too low, or it shares no word with the question.",
            Self::Fusion => "One of the two lists has it, and fusing them pushed it out.",
            Self::Ranking => "Whatever made the run file put it too low, or left it out.",
            Self::Reranking => "It was there before reranking.",
        }
    }
}

/// The kind of system that missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Searched {
    /// By vectors.
    Dense,
    /// By words.
    Lexical,
    /// Both, fused.
    Hybrid,
    /// A run file: nothing is known of how it was made.
    File,
}

/// What is known of a need that a system missed. Ranks count from 1 among needs, `None` where a list does
/// not have it at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evidence {
    /// What was judged is in the collection.
    pub indexed: bool,
    /// Some passage holds it.
    pub held: bool,
    /// Embedded by itself, what the model did not read of it would be in the dense list's first k.
    pub unread: bool,
    /// No passage holds it whole, and embedded in one piece it would be in the dense list's first k.
    pub cut_up: bool,
    /// Its rank with the vectors scanned exactly, all else as in the system.
    pub exact: Option<usize>,
    /// Its rank in the exact dense list.
    pub dense: Option<usize>,
    /// Its rank in the lexical list.
    pub lexical: Option<usize>,
    /// Its rank in what was reranked, if anything was.
    pub before: Option<usize>,
}

/// The cause of a miss at depth `k`.
pub fn cause(searched: Searched, k: usize, evidence: &Evidence) -> Cause {
    let within = |rank: Option<usize>| rank.is_some_and(|rank| rank <= k);
    let Evidence { indexed, held, unread, cut_up, exact, dense, lexical, before } = *evidence;
    let vectors = matches!(searched, Searched::Dense | Searched::Hybrid);
    match searched {
        _ if !indexed => Cause::NotIndexed,
        _ if !held => Cause::Chunker,
        _ if within(before) => Cause::Reranking,
        _ if vectors && within(exact) => Cause::Graph,
        Searched::Hybrid if within(dense) || within(lexical) => Cause::Fusion,
        _ if vectors && unread => Cause::Window,
        _ if vectors && cut_up => Cause::Chunker,
        Searched::Lexical => Cause::Words,
        Searched::File => Cause::Ranking,
        Searched::Dense | Searched::Hybrid => Cause::Model,
    }
}

/// How many needs a system found and where it lost the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Losses {
    /// The system.
    pub system: String,
    /// Needs among its first k.
    pub found: usize,
    /// Needs that are not; the sum of `by_cause`.
    pub missed: usize,
    /// Misses by cause, every cause named.
    pub by_cause: BTreeMap<&'static str, usize>,
}

impl Losses {
    /// Adds up.
    pub fn new(system: impl Into<String>, found: usize, causes: &[Cause]) -> Self {
        let mut by_cause: BTreeMap<_, _> = Cause::ALL.iter().map(|cause| (cause.name(), 0)).collect();
        for cause in causes {
            *by_cause.entry(cause.name()).or_default() += 1;
        }
        Self { system: system.into(), found, missed: causes.len(), by_cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: Evidence = Evidence {
        indexed: true,
        held: true,
        unread: false,
        cut_up: false,
        exact: None,
        dense: None,
        lexical: None,
        before: None,
    };

    #[test]
    fn the_last_stage_that_had_it_is_the_cause() {
        use Searched::*;
        let low = Evidence { exact: Some(40), dense: Some(30), lexical: Some(50), ..FOUND };
        for (searched, evidence, expected) in [
            (Dense, Evidence { indexed: false, ..low }, Cause::NotIndexed),
            (File, Evidence { held: false, ..low }, Cause::Chunker),
            (Dense, Evidence { exact: Some(10), dense: Some(10), ..low }, Cause::Graph),
            (Dense, Evidence { exact: Some(11), dense: Some(11), ..low }, Cause::Model),
            (Dense, Evidence { unread: true, ..low }, Cause::Window),
            (Lexical, Evidence { unread: true, dense: Some(1), ..low }, Cause::Words),
            (Hybrid, Evidence { dense: Some(3), ..low }, Cause::Fusion),
            (Hybrid, Evidence { lexical: Some(3), unread: true, ..low }, Cause::Fusion),
            (Hybrid, Evidence { exact: Some(3), dense: Some(3), ..low }, Cause::Graph),
            (Hybrid, Evidence { unread: true, ..low }, Cause::Window),
            (Hybrid, Evidence { unread: true, cut_up: true, ..low }, Cause::Window),
            (Dense, Evidence { cut_up: true, ..low }, Cause::Chunker),
            (Lexical, Evidence { cut_up: true, ..low }, Cause::Words),
            (Hybrid, low, Cause::Model),
            (Hybrid, Evidence { before: Some(10), dense: Some(1), ..low }, Cause::Reranking),
            (File, Evidence { before: Some(2), ..FOUND }, Cause::Reranking),
            (File, FOUND, Cause::Ranking),
        ] {
            assert_eq!(cause(searched, 10, &evidence), expected, "{searched:?} {evidence:?}");
        }
    }

    #[test]
    fn causes_add_up() {
        let losses = Losses::new("s", 3, &[Cause::Model, Cause::Fusion, Cause::Model]);
        assert_eq!(losses.missed, losses.by_cause.values().sum::<usize>());
        assert_eq!((losses.by_cause["model"], losses.by_cause["window"], losses.by_cause.len()), (2, 0, 9));
    }
}
