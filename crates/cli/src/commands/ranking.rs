//! What the flags say of ranking, as the options and the reranker that they mean.

use super::forks;
use crate::args::Ranking;
use anyhow::bail;
use ingest::Embedder;
use ingest::embed::{self, CrossEncoder, Workload, builtin};
use query::rerank::{self, Cosine, Cross, MaxSim, Reranker};
use query::{By, Mode, Options, Reranking};
use serde_json::json;
use std::time::Duration;

/// How long reranking may take where a whole batch waits: as long as it takes, so that its results are
/// the same each time.
pub const UNLIMITED: Duration = Duration::from_secs(1 << 30);

impl Ranking {
    /// The options of one search. `budget` is what reranking may take where the flags do not say.
    pub fn options(&self, mode: Mode, k: usize, by: By, budget: Duration) -> Options {
        let rerank = self.rerank.as_ref().map(|_| Reranking {
            top: self.rerank_top as usize,
            budget: self.rerank_ms.map_or(budget, |ms| Duration::from_millis(u64::from(ms))),
        });
        Options {
            k,
            mode,
            exact: self.exact,
            by,
            article_score: self.article_score.into(),
            fusion: self.fusion(),
            filter: self.filter.clone(),
            rerank,
            ..Options::default()
        }
    }

    fn fusion(&self) -> Option<store::Fusion> {
        let default = query::fuse::DEFAULT;
        (self.fusion.is_some() || self.dense_weight.is_some()).then(|| store::Fusion {
            method: self.fusion.map_or(default.method, Into::into),
            dense: self.dense_weight.unwrap_or(default.dense),
        })
    }

    /// The reranker asked for. `embedder` is the collection's, which late interaction shares if it can.
    pub fn reranker(&self, embedder: Option<&dyn Embedder>) -> anyhow::Result<Option<RerankWith>> {
        self.rerank.as_deref().map(|name| RerankWith::load(name, embedder)).transpose()
    }

    /// What was asked, for a manifest.
    pub fn particulars(&self) -> serde_json::Value {
        json!({
            "exact": self.exact,
            "article_score": query::ArticleScore::from(self.article_score),
            "fusion": self.fusion(),
            "filter": self.filter.as_ref().map(ToString::to_string),
            "rerank": self.rerank.as_ref().map(|name| json!({ "model": name, "top": self.rerank_top, "ms": self.rerank_ms })),
        })
    }
}

/// A reranker, to be had once for each thread or with many threads.
pub enum RerankWith {
    MaxSim(Box<dyn Embedder>),
    Cosine(Box<dyn Embedder>),
    Cross(Box<CrossEncoder>),
}

impl RerankWith {
    fn load(name: &str, embedder: Option<&dyn Embedder>) -> anyhow::Result<Self> {
        let built_in = || match embedder {
            Some(embedder) if embedder.model().name == builtin::NAME => embedder.fork(),
            _ => embed::load(builtin::ALIAS, Workload::Passages),
        };
        Ok(match name {
            rerank::MAXSIM => Self::MaxSim(built_in()?),
            rerank::BUILTIN if embedder.is_some_and(|embedder| embedder.model().name == builtin::NAME) => bail!(
                "--rerank builtin scores passages by the vectors that this collection has already; --rerank maxsim looks closer"
            ),
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
    pub fn with_threads(&self, threads: usize) -> anyhow::Result<Box<dyn Reranker>> {
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
