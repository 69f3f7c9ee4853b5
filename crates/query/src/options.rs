//! Search options.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::{Filter, Fusion};

/// Which lists are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Mode {
    /// Both lists, fused.
    Hybrid,
    /// Nearest vectors.
    Dense,
    /// BM25 over the query's words.
    Lexical,
}

impl Mode {
    /// The name used in JSON, in HTTP parameters and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hybrid => "hybrid",
            Self::Dense => "dense",
            Self::Lexical => "lexical",
        }
    }
}

/// What a result is: a passage or an article.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = By))]
pub enum ResultUnit {
    /// Passages, several of one article if they rank.
    Passage,
    /// Articles, each shown by its best passage.
    Article,
}

/// How an article's score follows from its passages' scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ArticleScore {
    /// The score of the best passage (MaxP).
    Best,
    /// Further passages add to the best one's score, each with 0.3 times the weight of the one
    /// before.
    Sum,
}

/// How much to rerank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RerankOptions {
    /// How many of the best candidates to score.
    pub top: usize,
    /// The time limit for a query. Candidates that are not scored by then keep their order below
    /// those that are.
    pub time_budget: Duration,
}

/// Search options.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How many hits to find, including those skipped by `offset`.
    pub k: usize,
    /// How many of the best hits [`crate::Searcher::search`] skips, for paging.
    pub offset: usize,
    /// Which lists are searched.
    pub mode: Mode,
    /// Whether to scan all vectors instead of searching the graph.
    pub exact: bool,
    /// What a result is.
    pub by: ResultUnit,
    /// How articles are scored.
    pub article_score: ArticleScore,
    /// How the lists are fused; `None` uses the collection's tuned fusion, or
    /// [`crate::fuse::DEFAULT`].
    pub fusion: Option<Fusion>,
    /// Only articles that match are searched.
    pub filter: Option<Filter>,
    /// Reranking, for searchers that have a reranker.
    pub rerank: Option<RerankOptions>,
    /// Whether near-duplicates are listed under the best of them instead of as hits.
    pub collapse: bool,
    /// The weight of dissimilarity in maximal marginal relevance, 0..=1; `None` turns it off.
    pub diverse: Option<f32>,
    /// How many passages before and after each hit are returned with it.
    pub around: usize,
    /// Whether to explain every score.
    pub explain: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            k: 10,
            offset: 0,
            mode: Mode::Hybrid,
            exact: false,
            by: ResultUnit::Passage,
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
