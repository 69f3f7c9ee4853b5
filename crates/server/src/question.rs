//! Search questions with their options: validation and execution.

use crate::lenient_number::whole_number;
use crate::pool::Worker;
use crate::problem::{Problem, Result};
use crate::served::ServedSnapshot;
use engine::Ranking;
use query::{ArticleScore, Mode, Options, Response, ResultUnit, Searcher};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::{Filter, FusionMethod};
use utoipa::{IntoParams, ToSchema};

/// The default of `k`.
const DEFAULT_HITS: u32 = 10;
/// The largest `k + offset`.
pub const MAX_HITS: usize = 10_000;
/// The longest question, in characters: longer than any model reads.
pub const MAX_QUESTION_CHARS: usize = 20_000;
/// The default time limit of reranking.
const DEFAULT_RERANK_BUDGET: Duration = Duration::from_secs(2);
const MAX_RERANK_MS: u32 = 20_000;
/// The most passages to rerank.
const MAX_RERANKED: usize = 1000;
const MAX_AROUND: usize = 100;
/// The most hits to explain, which embeds their sentences, and the most to diversify, which
/// compares them with each other.
const MAX_EXPLAINED_HITS: usize = 100;
const MAX_DIVERSE_HITS: usize = 1000;
/// The most passages in one response, context around hits included: they are in memory at the same
/// time.
pub const MAX_SHOWN_PASSAGES: usize = 50_000;
const MAX_FILTER_CHARS: usize = 4000;

/// A question with its search options. Options that are left out default to those of the collection
/// or server.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Question {
    /// The question, in natural language.
    #[schema(
        min_length = 1,
        max_length = 20000,
        example = "why do my tomatoes split"
    )]
    #[param(
        min_length = 1,
        max_length = 20000,
        example = "why do my tomatoes split"
    )]
    pub q: String,
    /// The number of hits to return: 10 by default, at most 100 with `explain`.
    #[schema(minimum = 1, maximum = 10000)]
    #[param(minimum = 1, maximum = 10000)]
    #[serde(default, deserialize_with = "whole_number")]
    pub k: Option<u32>,
    /// The number of hits to skip, for paging.
    #[schema(minimum = 0, maximum = 9999)]
    #[param(minimum = 0, maximum = 9999)]
    #[serde(default, deserialize_with = "whole_number")]
    pub offset: Option<u32>,
    /// dense (semantic similarity), lexical (BM25) or hybrid (both, the default).
    pub mode: Option<Mode>,
    /// Whether to search exactly, by brute force, and not with the HNSW graph.
    pub exact: Option<bool>,
    /// Whether to rank passages (the default), or articles by their passages.
    pub by: Option<ResultUnit>,
    /// Search only articles that match this filter: `source:reuters AND date:[2025-01-01 TO
    /// 2025-06-30] AND NOT tag:sport`.
    #[schema(max_length = 4000)]
    #[param(max_length = 4000)]
    pub filter: Option<String>,
    /// How to normalize the scores of the dense and the lexical list before they are fused.
    pub fusion: Option<FusionMethod>,
    /// The weight of the dense score in hybrid search; the lexical score has the rest.
    #[schema(minimum = 0.0, maximum = 1.0)]
    #[param(minimum = 0.0, maximum = 1.0)]
    pub dense_weight: Option<f64>,
    /// The reranker: maxsim, builtin, none, or one that the server was started with.
    #[schema(max_length = 200)]
    #[param(max_length = 200)]
    pub rerank: Option<String>,
    /// The number of top hits to rerank; 50 by default.
    #[schema(minimum = 1, maximum = 1000)]
    #[param(minimum = 1, maximum = 1000)]
    #[serde(default, deserialize_with = "whole_number")]
    pub rerank_top: Option<u32>,
    /// The time limit of reranking, in milliseconds; 2000 by default.
    #[schema(minimum = 0, maximum = 20000)]
    #[param(minimum = 0, maximum = 20000)]
    #[serde(default, deserialize_with = "whole_number")]
    pub rerank_ms: Option<u32>,
    /// How to score an article: by its best passage, or by a weighted sum over its passages.
    pub article_score: Option<ArticleScore>,
    /// The number of neighboring passages to return before and after each hit.
    #[schema(minimum = 0, maximum = 100)]
    #[param(minimum = 0, maximum = 100)]
    #[serde(default, deserialize_with = "whole_number")]
    pub around: Option<u32>,
    /// Whether to list near-duplicates as hits of their own, instead of under the hit they
    /// duplicate.
    pub copies: Option<bool>,
    /// How strongly to favor hits that differ from better ones (MMR), among the first 1000.
    #[schema(minimum = 0.0, maximum = 1.0)]
    #[param(minimum = 0.0, maximum = 1.0)]
    pub diverse: Option<f64>,
    /// Whether to break down every score, and mark the best sentence.
    pub explain: Option<bool>,
}

/// Rerankers that need no download.
const BUILT_IN_RERANKERS: [&str; 3] = ["none", query::rerank::MAXSIM, query::rerank::BUILTIN];

/// A question whose options have been validated, ready to run.
pub struct ValidatedQuestion {
    question: String,
    ranking: Ranking,
    options: Options,
}

impl Question {
    /// Checks the options against the limits and the collection. `rerankers` are those the server
    /// was started with.
    pub fn validate(
        &self,
        snapshot: &ServedSnapshot,
        rerankers: &[String],
    ) -> Result<ValidatedQuestion> {
        if self.q.trim().is_empty() {
            return Err(query::Error::EmptyQuery.into());
        }
        check_length("q", &self.q, MAX_QUESTION_CHARS)?;
        let (k, offset) = (self.max_hits(), self.offset.unwrap_or(0) as usize);
        check_range("k", k, 1..=MAX_HITS)?;
        let ranked = k.saturating_add(offset);
        check_range("k + offset", ranked, 1..=MAX_HITS)?;
        check_range("around", self.around.unwrap_or(0) as usize, 0..=MAX_AROUND)?;
        check_fraction("diverse", self.diverse)?;
        if self.explain == Some(true) {
            check_range("k, with explain", k, 1..=MAX_EXPLAINED_HITS)?;
        }
        if self.diverse.is_some() {
            check_range("k + offset, with diverse", ranked, 1..=MAX_DIVERSE_HITS)?;
        }
        check_range(
            "k × (1 + 2 × around)",
            self.max_passages(),
            1..=MAX_SHOWN_PASSAGES,
        )?;
        let ranking = self.ranking(rerankers)?;
        let is_own_model =
            snapshot.collection.manifest().model.name == ingest::embed::builtin::NAME;
        if is_own_model && ranking.rerank.as_deref() == Some(query::rerank::BUILTIN) {
            return Err(Problem::bad_request(
                "rerank: this collection's vectors come from the builtin model already, so reranking with it changes nothing; maxsim looks closer",
            ));
        }
        let (mode, by) = (
            self.mode.unwrap_or(Mode::Hybrid),
            self.by.unwrap_or(ResultUnit::Passage),
        );
        let options = Options {
            collapse: !self.copies.unwrap_or(false),
            diverse: self.diverse.map(|fraction| fraction as f32),
            around: self.around.unwrap_or(0) as usize,
            explain: self.explain.unwrap_or(false),
            ..ranking.options(
                &*snapshot.collection,
                mode,
                ranked,
                by,
                DEFAULT_RERANK_BUDGET,
            )
        };
        Ok(ValidatedQuestion {
            question: self.q.clone(),
            ranking,
            options: Options { offset, ..options },
        })
    }

    /// The most hits that the response can have.
    fn max_hits(&self) -> usize {
        self.k.unwrap_or(DEFAULT_HITS) as usize
    }

    /// The most passages that the response can have, context around hits included.
    pub fn max_passages(&self) -> usize {
        self.max_hits()
            .saturating_mul(1 + 2 * self.around.unwrap_or(0) as usize)
    }

    /// The ranking options.
    pub fn ranking(&self, rerankers: &[String]) -> Result<Ranking> {
        check_range(
            "rerank_top",
            self.rerank_top.unwrap_or(1) as usize,
            1..=MAX_RERANKED,
        )?;
        check_range(
            "rerank_ms",
            self.rerank_ms.unwrap_or(0) as usize,
            0..=MAX_RERANK_MS as usize,
        )?;
        check_fraction("dense_weight", self.dense_weight)?;
        if let Some(name) = &self.rerank
            && !BUILT_IN_RERANKERS.contains(&name.as_str())
            && !rerankers.contains(name)
        {
            let known = BUILT_IN_RERANKERS
                .iter()
                .copied()
                .chain(rerankers.iter().map(String::as_str));
            let known = known.collect::<Vec<_>>().join(", ");
            return Err(Problem::bad_request(format!(
                "rerank: expected one of {known}; found {name:?}"
            )));
        }
        check_length(
            "filter",
            self.filter.as_deref().unwrap_or_default(),
            MAX_FILTER_CHARS,
        )?;
        let filter = self
            .filter
            .as_deref()
            .filter(|filter| !filter.trim().is_empty());
        let filter: Option<Filter> = filter
            .map(str::parse)
            .transpose()
            .map_err(|error: store::FilterError| Problem::bad_request(error.to_string()))?;
        Ok(Ranking {
            exact: self.exact.unwrap_or(false),
            filter,
            fusion: self.fusion,
            dense_weight: self.dense_weight.map(|fraction| fraction as f32),
            rerank: self.rerank.clone(),
            rerank_top: self
                .rerank_top
                .map_or(Ranking::DEFAULT_RERANK_TOP, |top| top as usize),
            rerank_budget: self
                .rerank_ms
                .map(|ms| Duration::from_millis(u64::from(ms))),
            article_score: self.article_score.unwrap_or(ArticleScore::Best),
        })
    }
}

impl ValidatedQuestion {
    /// Runs the search with the models of this thread.
    pub fn search(&self, snapshot: &ServedSnapshot, worker: &mut Worker) -> Result<Response> {
        let collection = &*snapshot.collection;
        let embedder = match self.options.mode {
            Mode::Lexical => None,
            _ => Some(worker.embedder(collection)?),
        };
        let name = self.ranking.reranker_name(collection, self.options.mode);
        let reranker = match name {
            Some(name) => Some(worker.reranker(name)?),
            None => None,
        };
        let mut searcher = Searcher::new(collection, embedder)?.with_reranker(reranker);
        let response = searcher.search(&self.question, &self.options);
        worker.put_back(searcher.into_models(), name);
        Ok(response?)
    }
}

/// Fails with 400 if `text` has more than `max_chars` characters.
pub fn check_length(name: &str, text: &str, max_chars: usize) -> Result<()> {
    // A text never has more characters than bytes.
    if text.len() <= max_chars || text.chars().count() <= max_chars {
        return Ok(());
    }
    Err(Problem::bad_request(format!(
        "{name}: {} characters: expected {max_chars} or fewer",
        text.chars().count()
    )))
}

fn check_range(name: &str, value: usize, range: std::ops::RangeInclusive<usize>) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(Problem::bad_request(format!(
        "{name} = {value}: expected {} to {}",
        range.start(),
        range.end()
    )))
}

fn check_fraction(name: &str, value: Option<f64>) -> Result<()> {
    match value {
        Some(value) if !(0.0..=1.0).contains(&value) => Err(Problem::bad_request(format!(
            "{name} = {value}: expected 0 to 1"
        ))),
        _ => Ok(()),
    }
}
