//! What the flags say of ranking, as the options and the reranker that they mean.

use super::forks;
use crate::args::Ranking;
use anyhow::bail;
use ingest::Embedder;
use ingest::embed::{self, CrossEncoder, Workload, builtin, fixed};
use query::rerank::{self, Cosine, Cross, MaxSim, Reranker};
use query::{By, Mode, Options, Reranking};
use serde_json::json;
use std::time::Duration;
use store::Collection;

/// How long reranking may take where a whole batch waits: as long as it takes, so that its results are
/// the same each time.
pub const UNLIMITED: Duration = Duration::from_secs(1 << 30);

impl Ranking {
    /// The options of one search of a collection. `budget` is what reranking may take where the flags do not say.
    pub fn options(&self, of: &dyn Collection, mode: Mode, k: usize, by: By, budget: Duration) -> Options {
        let rerank = self.rerank_name(of, mode).map(|_| Reranking {
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

    /// The reranker asked for; where none is, a static model's candidates are for the built-in one to rank.
    fn rerank_name<'a>(&'a self, collection: &dyn Collection, mode: Mode) -> Option<&'a str> {
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
            method: self.fusion.map_or(default.method, Into::into),
            dense: self.dense_weight.unwrap_or(default.dense),
        })
    }

    /// The reranker that a collection is asked with. `embedder` is its own, which late interaction shares if it can.
    pub fn reranker(
        &self,
        of: &dyn Collection,
        mode: Mode,
        embedder: Option<&dyn Embedder>,
    ) -> anyhow::Result<Option<RerankWith>> {
        self.rerank_name(of, mode).map(|name| RerankWith::load(name, embedder)).transpose()
    }

    /// What was asked, for a manifest.
    pub fn particulars(&self, of: Option<&dyn Collection>) -> serde_json::Value {
        let rerank = of.and_then(|of| self.rerank_name(of, Mode::Hybrid));
        json!({
            "exact": self.exact,
            "article_score": query::ArticleScore::from(self.article_score),
            "fusion": self.fusion(),
            "filter": self.filter.as_ref().map(ToString::to_string),
            "rerank": rerank.map(|name| json!({ "model": name, "top": self.rerank_top, "ms": self.rerank_ms })),
        })
    }
}

/// Asks for no reranker.
const NONE: &str = "none";

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
