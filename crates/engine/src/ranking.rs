//! How to rank, as the options and the reranker that it means.

use crate::{Error, Result, forks};
use ingest::Embedder;
use ingest::embed::{self, CrossEncoder, builtin, fixed};
use query::rerank::{self, Cosine, Cross, MaxSim, Reranker};
use query::{ArticleScore, By, Mode, Options, Reranking};
use serde_json::json;
use std::time::Duration;
use store::{Collection, Filter, FusionMethod};

/// How long reranking may take where a whole batch waits: as long as it takes, so that its results are
/// the same each time.
pub const UNLIMITED: Duration = Duration::from_secs(1 << 30);

/// How to rank, as a user says it: what is left out is as the collection has it, or the default.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// Whether every vector is looked at instead of walking the graph.
    pub exact: bool,
    /// Which articles may answer.
    pub filter: Option<Filter>,
    /// What makes the scores of the two lists comparable.
    pub fusion: Option<FusionMethod>,
    /// What nearness in meaning counts, 0..=1; words count the rest.
    pub dense_weight: Option<f32>,
    /// A reranker's name, or `none`.
    pub rerank: Option<String>,
    /// How many of the best it scores.
    pub rerank_top: usize,
    /// How long that may take.
    pub rerank_budget: Option<Duration>,
    /// How an article's score is made.
    pub article_score: ArticleScore,
}

impl Default for Ranking {
    fn default() -> Self {
        Self {
            exact: false,
            filter: None,
            fusion: None,
            dense_weight: None,
            rerank: None,
            rerank_top: Self::RERANK_TOP,
            rerank_budget: None,
            article_score: ArticleScore::Best,
        }
    }
}

impl Ranking {
    /// How many of the best are reranked where nothing is said.
    pub const RERANK_TOP: usize = 50;

    /// The options of one search of a collection. `budget` is what reranking may take where nothing is said.
    pub fn options(&self, of: &dyn Collection, mode: Mode, k: usize, by: By, budget: Duration) -> Options {
        let rerank = self
            .rerank_name(of, mode)
            .map(|_| Reranking { top: self.rerank_top, budget: self.rerank_budget.unwrap_or(budget) });
        Options {
            k,
            mode,
            exact: self.exact,
            by,
            article_score: self.article_score,
            fusion: self.fusion(),
            filter: self.filter.clone(),
            rerank,
            ..Options::default()
        }
    }

    /// The reranker asked for; where none is, a static model's candidates are for the built-in one to rank.
    pub fn rerank_name<'a>(&'a self, collection: &dyn Collection, mode: Mode) -> Option<&'a str> {
        match self.rerank.as_deref() {
            Some(NONE) => None,
            Some(name) => Some(name),
            None if mode != Mode::Lexical && collection.manifest().model.name == fixed::NAME => Some(rerank::BUILTIN),
            None => None,
        }
    }

    fn fusion(&self) -> Option<store::Fusion> {
        let default = query::fuse::DEFAULT;
        (self.fusion.is_some() || self.dense_weight.is_some()).then(|| store::Fusion {
            method: self.fusion.unwrap_or(default.method),
            dense: self.dense_weight.unwrap_or(default.dense),
        })
    }

    /// The reranker that a collection is asked with. `embedder` is its own, which late interaction shares if it can.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn reranker(
        &self,
        of: &dyn Collection,
        mode: Mode,
        embedder: Option<&dyn Embedder>,
    ) -> Result<Option<RerankWith>> {
        self.rerank_name(of, mode).map(|name| RerankWith::load(name, embedder)).transpose()
    }

    /// What was asked, for a manifest.
    pub fn particulars(&self, of: Option<&dyn Collection>) -> serde_json::Value {
        let rerank = of.and_then(|of| self.rerank_name(of, Mode::Hybrid));
        json!({
            "exact": self.exact,
            "article_score": self.article_score,
            "fusion": self.fusion(),
            "filter": self.filter.as_ref().map(ToString::to_string),
            "rerank": rerank.map(|name| {
                let ms = self.rerank_budget.map(|budget| budget.as_millis() as u64);
                json!({ "model": name, "top": self.rerank_top, "ms": ms })
            }),
        })
    }
}

/// Asks for no reranker.
const NONE: &str = "none";

/// A reranker, to be had once for each thread or with many threads.
pub enum RerankWith {
    /// Late interaction.
    MaxSim(Box<dyn Embedder>),
    /// Another model's cosine.
    Cosine(Box<dyn Embedder>),
    /// A cross-encoder.
    Cross(Box<CrossEncoder>),
}

impl RerankWith {
    /// The reranker of this name; `embedder` is the collection's own model, shared if it is the one needed.
    ///
    /// # Errors
    /// When its model cannot be loaded, or it would do what the collection's vectors do already.
    pub fn load(name: &str, embedder: Option<&dyn Embedder>) -> Result<Self> {
        let built_in = || match embedder {
            Some(embedder) if embedder.model().name == builtin::NAME => embedder.fork(),
            _ => embed::load(builtin::ALIAS),
        };
        Ok(match name {
            rerank::MAXSIM => Self::MaxSim(built_in()?),
            rerank::BUILTIN if embedder.is_some_and(|embedder| embedder.model().name == builtin::NAME) => {
                return Err(Error::unusable(
                    "the reranker builtin scores passages by the vectors that this collection has already; maxsim looks closer",
                ));
            }
            rerank::BUILTIN => Self::Cosine(built_in()?),
            name => Self::Cross(Box::new(CrossEncoder::load(name)?)),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::MaxSim(_) => rerank::MAXSIM,
            Self::Cosine(_) => rerank::BUILTIN,
            Self::Cross(cross) => cross.name(),
        }
    }

    /// One that works with so many threads.
    ///
    /// # Errors
    /// When its model cannot be had once more.
    pub fn with_threads(&self, threads: usize) -> Result<Box<dyn Reranker>> {
        Ok(match self {
            Self::MaxSim(embedder) => Box::new(MaxSim::new(forks(&**embedder, threads)?)),
            Self::Cosine(embedder) => Box::new(Cosine::new(forks(&**embedder, threads)?)),
            Self::Cross(cross) => {
                let workers = (0..threads).map(|_| cross.fork()).collect::<ingest::Result<Vec<_>>>()?;
                Box::new(Cross::new(cross.name().to_owned(), workers))
            }
        })
    }
}
