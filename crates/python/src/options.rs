//! Options as Python gives them: dictionaries whose names and types are checked.

use crate::errors::input;
use engine::Ranking;
use ingest::{Chunking, Format, Strategy};
use pyo3::prelude::*;
use query::{ArticleScore, Mode, Options, ResultUnit};
use serde::Deserialize;
use std::ops::RangeInclusive;
use std::time::Duration;
use store::{Collection, Filter, FusionMethod};

/// The most threads, and the most hits of a search, as on the command line.
const MAX_THREADS: usize = 256;
const MAX_HITS: usize = 10_000;
const MAX_AROUND: usize = 100;
/// The time limit of reranking in a search if none is given.
const DEFAULT_RERANK_BUDGET: Duration = Duration::from_secs(2);
const MAX_RERANK_SECONDS: f64 = 1e6;

/// The number of threads, or one for each core.
pub fn threads(py: Python<'_>, threads: Option<usize>) -> PyResult<usize> {
    check(py, "threads", threads, 1..=MAX_THREADS)?;
    Ok(threads
        .unwrap_or_else(crate::embedder::cores)
        .min(MAX_THREADS))
}

fn check(
    py: Python<'_>,
    name: &str,
    value: Option<usize>,
    range: RangeInclusive<usize>,
) -> PyResult<()> {
    match value {
        Some(value) if !range.contains(&value) => Err(input(
            py,
            format!(
                "{name} = {value}: expected {} to {}",
                range.start(),
                range.end()
            ),
        )),
        _ => Ok(()),
    }
}

fn check_fraction(py: Python<'_>, name: &str, value: Option<f64>) -> PyResult<()> {
    match value {
        Some(value) if !(0.0..=1.0).contains(&value) => Err(input(
            py,
            format!("{name} = {value}: expected a number from 0 to 1"),
        )),
        _ => Ok(()),
    }
}

/// How a collection is made.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollectionOptions {
    pub model: Option<String>,
    pub chunk: Option<Strategy>,
    pub chunk_tokens: Option<usize>,
    pub overlap: Option<usize>,
    pub language: Option<String>,
    pub threads: Option<usize>,
}

impl CollectionOptions {
    pub fn check(&self, py: Python<'_>) -> PyResult<()> {
        check(
            py,
            "chunk_tokens",
            self.chunk_tokens,
            Chunking::MIN_TOKENS..=usize::MAX,
        )?;
        check(py, "threads", self.threads, 1..=MAX_THREADS)
    }

    /// The chunking: what is set here, else the collection's own, else the default.
    pub fn chunking(&self, existing: Option<&dyn Collection>) -> Chunking {
        let current = existing.map_or_else(Chunking::default, |collection| {
            collection.manifest().chunking
        });
        Chunking {
            strategy: self.chunk.unwrap_or(current.strategy),
            tokens: self.chunk_tokens.unwrap_or(current.tokens),
            overlap: self.overlap.unwrap_or(current.overlap),
        }
    }
}

/// How to rank.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RankingOptions {
    pub exact: bool,
    pub filter: Option<String>,
    pub fusion: Option<FusionMethod>,
    pub dense_weight: Option<f64>,
    pub rerank: Option<String>,
    pub rerank_top: Option<usize>,
    pub rerank_seconds: Option<f64>,
    pub article_score: Option<ArticleScore>,
}

impl RankingOptions {
    pub fn ranking(&self, py: Python<'_>) -> PyResult<Ranking> {
        check(py, "rerank_top", self.rerank_top, 1..=MAX_HITS)?;
        check_fraction(py, "dense_weight", self.dense_weight)?;
        if let Some(seconds) = self.rerank_seconds
            && !(0.0..=MAX_RERANK_SECONDS).contains(&seconds)
        {
            let message = format!("rerank_seconds = {seconds}: expected 0 to {MAX_RERANK_SECONDS}");
            return Err(input(py, message));
        }
        let filter = self.filter.as_deref().map(str::parse::<Filter>);
        let filter = filter
            .transpose()
            .map_err(|error| input(py, error.to_string()))?;
        Ok(Ranking {
            exact: self.exact,
            filter,
            fusion: self.fusion,
            dense_weight: self.dense_weight.map(|weight| weight as f32),
            rerank: self.rerank.clone(),
            rerank_top: self.rerank_top.unwrap_or(Ranking::DEFAULT_RERANK_TOP),
            rerank_budget: self.rerank_seconds.map(Duration::from_secs_f64),
            article_score: self.article_score.unwrap_or(ArticleScore::Best),
        })
    }
}

/// How to search.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchOptions {
    k: usize,
    offset: usize,
    pub mode: Mode,
    by: ResultUnit,
    copies: bool,
    diverse: Option<f64>,
    around: usize,
    explain: bool,
    ranking: RankingOptions,
}

impl SearchOptions {
    pub fn check(&self, py: Python<'_>) -> PyResult<()> {
        check(py, "k", Some(self.k), 1..=MAX_HITS)?;
        check(py, "offset", Some(self.offset), 0..=MAX_HITS)?;
        check(
            py,
            "k + offset",
            Some(self.k.saturating_add(self.offset)),
            1..=MAX_HITS,
        )?;
        check(py, "around", Some(self.around), 0..=MAX_AROUND)?;
        check_fraction(py, "diverse", self.diverse)
    }

    pub fn ranking(&self, py: Python<'_>) -> PyResult<Ranking> {
        self.ranking.ranking(py)
    }

    /// The options for `collection`. `default_budget` is the time limit of reranking if none is
    /// given; `None` for that of a single search.
    pub fn options(
        &self,
        collection: &dyn Collection,
        ranking: &Ranking,
        default_budget: Option<Duration>,
    ) -> Options {
        let budget = default_budget.unwrap_or(DEFAULT_RERANK_BUDGET);
        Options {
            offset: self.offset,
            collapse: !self.copies,
            diverse: self.diverse.map(|weight| weight as f32),
            around: self.around,
            explain: self.explain,
            ..ranking.options(collection, self.mode, self.k + self.offset, self.by, budget)
        }
    }
}

/// The format of a name: `None` for `auto`, which detects it.
pub fn format(py: Python<'_>, name: Option<&str>) -> PyResult<Option<Format>> {
    let Some(name) = name.filter(|name| *name != "auto") else {
        return Ok(None);
    };
    let value = serde_json::Value::from(name);
    let own = serde_json::from_value(value.clone());
    let kind = own.or_else(|_| serde_json::from_value(value).map(Format::Document));
    kind.map(Some).map_err(|_| {
        input(
            py,
            format!("format: no format is called {name:?}; `nigh index --help` lists them"),
        )
    })
}
