//! Search options as users set them, and the rerankers that they name.

use crate::{Error, Result, fork_embedder};
use ingest::Embedder;
use ingest::embed::{self, CrossEncoder, builtin, static_model};
use query::rerank::{self, CosineReranker, CrossEncoderReranker, MaxSimReranker, Reranker};
use query::{ArticleScore, Mode, Options, RerankOptions, ResultUnit};
use serde_json::json;
use std::time::Duration;
use store::{Collection, Filter, FusionMethod};

/// The time limit of reranking in batches: none in effect, so that results are the same every time.
pub const NO_TIME_LIMIT: Duration = Duration::from_secs(1 << 30);

/// Search options as users set them. `None` means the collection's own setting, or the default.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// Whether to scan all vectors instead of searching the graph.
    pub exact: bool,
    /// Which articles to search.
    pub filter: Option<Filter>,
    /// How to normalize the dense and lexical scores before they are added.
    pub fusion: Option<FusionMethod>,
    /// The weight of the dense scores, in `0.0..=1.0`; lexical scores get the rest.
    pub dense_weight: Option<f32>,
    /// The name of a reranker, or `none`.
    pub rerank: Option<String>,
    /// The number of top results to rerank.
    pub rerank_top: usize,
    /// The time limit of reranking.
    pub rerank_budget: Option<Duration>,
    /// How to score an article by its passages.
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
            rerank_top: Self::DEFAULT_RERANK_TOP,
            rerank_budget: None,
            article_score: ArticleScore::Best,
        }
    }
}

impl Ranking {
    /// The default of [`Ranking::rerank_top`].
    pub const DEFAULT_RERANK_TOP: usize = 50;

    /// The options of one search of `collection`. `default_budget` is the time limit of reranking
    /// if none is set.
    pub fn options(
        &self,
        collection: &dyn Collection,
        mode: Mode,
        k: usize,
        by: ResultUnit,
        default_budget: Duration,
    ) -> Options {
        let rerank = self.reranker_name(collection, mode).map(|_| RerankOptions {
            top: self.rerank_top,
            time_budget: self.rerank_budget.unwrap_or(default_budget),
        });
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

    /// The reranker's name. If none is set, the candidates of a static model are reranked by the
    /// built-in model.
    pub fn reranker_name<'a>(&'a self, collection: &dyn Collection, mode: Mode) -> Option<&'a str> {
        match self.rerank.as_deref() {
            Some(NO_RERANKER) => None,
            Some(name) => Some(name),
            None if mode != Mode::Lexical
                && collection.manifest().model.name == static_model::NAME =>
            {
                Some(rerank::BUILTIN)
            }
            None => None,
        }
    }

    /// The fusion, or `None` if it is the collection's own.
    fn fusion(&self) -> Option<store::Fusion> {
        let default = query::fuse::DEFAULT;
        (self.fusion.is_some() || self.dense_weight.is_some()).then(|| store::Fusion {
            method: self.fusion.unwrap_or(default.method),
            dense: self.dense_weight.unwrap_or(default.dense),
        })
    }

    /// Loads the reranker. `embedder` is the collection's own, which the reranker shares if it
    /// needs the same model.
    ///
    /// # Errors
    /// When the reranker cannot be loaded, or would only repeat the collection's own scores.
    pub fn reranker(
        &self,
        collection: &dyn Collection,
        mode: Mode,
        embedder: Option<&dyn Embedder>,
    ) -> Result<Option<RerankerFactory>> {
        self.reranker_name(collection, mode)
            .map(|name| RerankerFactory::load(name, embedder))
            .transpose()
    }

    /// The options as JSON, for a manifest.
    pub fn to_json(&self, collection: Option<&dyn Collection>) -> serde_json::Value {
        let rerank = collection.and_then(|collection| self.reranker_name(collection, Mode::Hybrid));
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

/// The name that turns reranking off.
const NO_RERANKER: &str = "none";

/// A loaded reranker that makes instances for worker threads.
pub enum RerankerFactory {
    /// Late interaction: the sum over query tokens of the best cosine with a passage token
    /// (ColBERT).
    MaxSim(Box<dyn Embedder>),
    /// The cosine of another model.
    Cosine(Box<dyn Embedder>),
    /// A cross-encoder.
    Cross(Box<CrossEncoder>),
}

impl RerankerFactory {
    /// Loads the reranker of this name. `embedder` is the collection's own, which is shared if it
    /// is the model needed.
    ///
    /// # Errors
    /// [`Error::Unusable`] when the reranker would only repeat the collection's own scores;
    /// [`Error::Ingest`] when its model cannot be loaded.
    pub fn load(name: &str, embedder: Option<&dyn Embedder>) -> Result<Self> {
        let built_in = || match embedder {
            Some(embedder) if embedder.model().name == builtin::NAME => embedder.fork(),
            _ => embed::load(builtin::ALIAS),
        };
        Ok(match name {
            rerank::MAXSIM => Self::MaxSim(built_in()?),
            rerank::BUILTIN
                if embedder.is_some_and(|embedder| embedder.model().name == builtin::NAME) =>
            {
                return Err(Error::unusable(
                    "the reranker builtin would only repeat the scores that this collection has already; use maxsim for finer ones",
                ));
            }
            rerank::BUILTIN => Self::Cosine(built_in()?),
            name => Self::Cross(Box::new(CrossEncoder::load(name)?)),
        })
    }

    /// The reranker's name.
    pub fn name(&self) -> &str {
        match self {
            Self::MaxSim(_) => rerank::MAXSIM,
            Self::Cosine(_) => rerank::BUILTIN,
            Self::Cross(cross) => cross.name(),
        }
    }

    /// Makes an instance that scores on `threads` threads.
    ///
    /// # Errors
    /// When the model cannot be forked.
    pub fn with_threads(&self, threads: usize) -> Result<Box<dyn Reranker>> {
        Ok(match self {
            Self::MaxSim(embedder) => {
                Box::new(MaxSimReranker::new(fork_embedder(&**embedder, threads)?))
            }
            Self::Cosine(embedder) => {
                Box::new(CosineReranker::new(fork_embedder(&**embedder, threads)?))
            }
            Self::Cross(cross) => {
                let workers = (0..threads)
                    .map(|_| cross.fork())
                    .collect::<ingest::Result<Vec<_>>>()?;
                Box::new(CrossEncoderReranker::new(cross.name().to_owned(), workers))
            }
        })
    }
}
