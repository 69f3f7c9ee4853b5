//! How to answer.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::{Filter, Fusion};

/// Which lists answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Mode {
    /// Both, fused.
    Hybrid,
    /// Nearness in meaning.
    Dense,
    /// Words in common.
    Lexical,
}

impl Mode {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hybrid => "hybrid",
            Self::Dense => "dense",
            Self::Lexical => "lexical",
        }
    }
}

/// What is ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum By {
    /// Every passage for itself.
    Passage,
    /// Articles, each by its best passage.
    Article,
}

/// What an article's passages make of its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ArticleScore {
    /// The best one's.
    Best,
    /// Further ones add to it, each a third of the one before.
    Sum,
}

/// How much is reranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reranking {
    /// How many of the best.
    pub top: usize,
    /// How long it may take; what is not done by then keeps its place below what is.
    pub budget: Duration,
}

/// How to answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How many hits, those passed over included.
    pub k: usize,
    /// How many of the best [`crate::Searcher::search`] passes over, to go on where an earlier answer ended.
    pub offset: usize,
    /// Which lists.
    pub mode: Mode,
    /// Whether every vector is looked at.
    pub exact: bool,
    /// What is ranked.
    pub by: By,
    /// How an article's score is made.
    pub article_score: ArticleScore,
    /// How the lists are fused; without it, as the collection was tuned, or by default.
    pub fusion: Option<Fusion>,
    /// Which articles may answer.
    pub filter: Option<Filter>,
    /// What a searcher with a reranker gives it to do.
    pub rerank: Option<Reranking>,
    /// Whether copies of a passage are listed under it instead of beside it.
    pub collapse: bool,
    /// How much being unlike better hits counts against the score, 0..=1.
    pub diverse: Option<f32>,
    /// How many passages before and after a hit are shown with it.
    pub around: usize,
    /// Whether every score is taken apart.
    pub explain: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            k: 10,
            offset: 0,
            mode: Mode::Hybrid,
            exact: false,
            by: By::Passage,
            article_score: ArticleScore::Best,
            fusion: None,
            filter: None,
            rerank: None,
            collapse: false,
            diverse: None,
            around: 0,
            explain: false,
        }
    }
}
