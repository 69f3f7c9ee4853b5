//! A question with its options: from a URL or a body to an answer.

use crate::hosted::Snapshot;
use crate::number::whole;
use crate::pool::Worker;
use crate::problem::{Problem, Result};
use engine::Ranking;
use query::{ArticleScore, By, Mode, Options, Response, Searcher};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::{Filter, FusionMethod};
use utoipa::{IntoParams, ToSchema};

/// How many hits where nothing is said.
const HITS: u32 = 10;
/// The most hits, those passed over included.
pub const MOST_HITS: usize = 10_000;
/// The longest question, in characters: more than any model reads.
pub const LONGEST_QUESTION: usize = 20_000;
/// How long reranking may take where the question does not say, and at most.
const RERANK_BUDGET: Duration = Duration::from_secs(2);
const MOST_RERANK_MS: u32 = 20_000;
/// The most passages that are reranked.
const MOST_RERANKED: usize = 1000;
const MOST_AROUND: usize = 100;
/// The most hits whose sentences are embedded to explain them, and the most that are compared with each other.
const MOST_EXPLAINED: usize = 100;
const MOST_DIVERSE: usize = 1000;
/// The most passages that are shown, those around hits included: they are held in memory together.
pub const MOST_PASSAGES: usize = 50_000;
const LONGEST_FILTER: usize = 4000;

/// A question and how to answer it. What is left out is as the collection has it, or the default.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Question {
    /// The question, in your own words.
    #[schema(min_length = 1, max_length = 20000, example = "why do my tomatoes split")]
    #[param(min_length = 1, max_length = 20000, example = "why do my tomatoes split")]
    pub q: String,
    /// How many hits; 10 without it, 100 at most with `explain`.
    #[schema(minimum = 1, maximum = 10000)]
    #[param(minimum = 1, maximum = 10000)]
    #[serde(default, deserialize_with = "whole")]
    pub k: Option<u32>,
    /// How many of the best are passed over, to go on where an earlier answer ended.
    #[schema(minimum = 0, maximum = 9999)]
    #[param(minimum = 0, maximum = 9999)]
    #[serde(default, deserialize_with = "whole")]
    pub offset: Option<u32>,
    /// Nearness in meaning (dense), words in common (lexical), or both (hybrid, the default).
    pub mode: Option<Mode>,
    /// Whether every vector is looked at instead of walking the graph.
    pub exact: Option<bool>,
    /// Whether passages are ranked (the default), or articles by their best passage.
    pub by: Option<By>,
    /// Which articles may answer: `source:reuters AND date:[2025-01-01 TO 2025-06-30] AND NOT tag:sport`.
    #[schema(max_length = 4000)]
    #[param(max_length = 4000)]
    pub filter: Option<String>,
    /// What makes the scores of the two lists comparable.
    pub fusion: Option<FusionMethod>,
    /// What nearness in meaning counts; words count the rest.
    #[schema(minimum = 0.0, maximum = 1.0)]
    #[param(minimum = 0.0, maximum = 1.0)]
    pub dense_weight: Option<f64>,
    /// A reranker: maxsim, builtin, none, or one that the server was started with.
    #[schema(max_length = 200)]
    #[param(max_length = 200)]
    pub rerank: Option<String>,
    /// How many of the best are reranked; 50 without it.
    #[schema(minimum = 1, maximum = 1000)]
    #[param(minimum = 1, maximum = 1000)]
    #[serde(default, deserialize_with = "whole")]
    pub rerank_top: Option<u32>,
    /// How many milliseconds that may take; 2000 without it.
    #[schema(minimum = 0, maximum = 20000)]
    #[param(minimum = 0, maximum = 20000)]
    #[serde(default, deserialize_with = "whole")]
    pub rerank_ms: Option<u32>,
    /// An article's score: that of its best passage, or with a share of its further ones.
    pub article_score: Option<ArticleScore>,
    /// How many passages before and after each hit are shown with it.
    #[schema(minimum = 0, maximum = 100)]
    #[param(minimum = 0, maximum = 100)]
    #[serde(default, deserialize_with = "whole")]
    pub around: Option<u32>,
    /// Whether copies of a passage are listed beside it, not under it.
    pub copies: Option<bool>,
    /// How much hits unlike one another are preferred, among the first 1000.
    #[schema(minimum = 0.0, maximum = 1.0)]
    #[param(minimum = 0.0, maximum = 1.0)]
    pub diverse: Option<f64>,
    /// Whether every score is taken apart, and the best sentence marked.
    pub explain: Option<bool>,
}

/// The rerankers that need nothing to be fetched.
const OWN_RERANKERS: [&str; 3] = ["none", query::rerank::MAXSIM, query::rerank::BUILTIN];

/// A question that was looked over, ready to be asked.
pub struct Ready {
    question: String,
    ranking: Ranking,
    options: Options,
}

impl Question {
    /// Looks it over. `rerankers` are those the server was started with.
    pub fn ready(&self, snapshot: &Snapshot, rerankers: &[String]) -> Result<Ready> {
        if self.q.trim().is_empty() {
            return Err(query::Error::EmptyQuestion.into());
        }
        no_longer("q", &self.q, LONGEST_QUESTION)?;
        let (k, offset) = (self.most_hits(), self.offset.unwrap_or(0) as usize);
        within("k", k, 1..=MOST_HITS)?;
        let ranked = k.saturating_add(offset);
        within("k + offset", ranked, 1..=MOST_HITS)?;
        within("around", self.around.unwrap_or(0) as usize, 0..=MOST_AROUND)?;
        share("diverse", self.diverse)?;
        if self.explain == Some(true) {
            within("k, with explain", k, 1..=MOST_EXPLAINED)?;
        }
        if self.diverse.is_some() {
            within("k + offset, with diverse", ranked, 1..=MOST_DIVERSE)?;
        }
        within("k × (1 + 2 × around)", self.passages(), 1..=MOST_PASSAGES)?;
        let ranking = self.ranking(rerankers)?;
        let own = snapshot.collection.manifest().model.name == ingest::embed::builtin::NAME;
        if own && ranking.rerank.as_deref() == Some(query::rerank::BUILTIN) {
            return Err(Problem::bad_request(
                "rerank: builtin scores passages by the vectors that this collection has already; maxsim looks closer",
            ));
        }
        let (mode, by) = (self.mode.unwrap_or(Mode::Hybrid), self.by.unwrap_or(By::Passage));
        let options = Options {
            collapse: !self.copies.unwrap_or(false),
            diverse: self.diverse.map(|share| share as f32),
            around: self.around.unwrap_or(0) as usize,
            explain: self.explain.unwrap_or(false),
            ..ranking.options(&*snapshot.collection, mode, ranked, by, RERANK_BUDGET)
        };
        Ok(Ready { question: self.q.clone(), ranking, options: Options { offset, ..options } })
    }

    /// The most hits that its answer can have.
    fn most_hits(&self) -> usize {
        self.k.unwrap_or(HITS) as usize
    }

    /// The most passages that its answer can show.
    pub fn passages(&self) -> usize {
        self.most_hits().saturating_mul(1 + 2 * self.around.unwrap_or(0) as usize)
    }

    /// The part of it that says how to rank.
    pub fn ranking(&self, rerankers: &[String]) -> Result<Ranking> {
        within("rerank_top", self.rerank_top.unwrap_or(1) as usize, 1..=MOST_RERANKED)?;
        within("rerank_ms", self.rerank_ms.unwrap_or(0) as usize, 0..=MOST_RERANK_MS as usize)?;
        share("dense_weight", self.dense_weight)?;
        if let Some(name) = &self.rerank
            && !OWN_RERANKERS.contains(&name.as_str())
            && !rerankers.contains(name)
        {
            let known = OWN_RERANKERS.iter().copied().chain(rerankers.iter().map(String::as_str));
            let known = known.collect::<Vec<_>>().join(", ");
            return Err(Problem::bad_request(format!("rerank: {name:?} is none of {known}")));
        }
        no_longer("filter", self.filter.as_deref().unwrap_or_default(), LONGEST_FILTER)?;
        let filter = self.filter.as_deref().filter(|filter| !filter.trim().is_empty());
        let filter: Option<Filter> = filter
            .map(str::parse)
            .transpose()
            .map_err(|error: store::FilterError| Problem::bad_request(error.to_string()))?;
        Ok(Ranking {
            exact: self.exact.unwrap_or(false),
            filter,
            fusion: self.fusion,
            dense_weight: self.dense_weight.map(|share| share as f32),
            rerank: self.rerank.clone(),
            rerank_top: self.rerank_top.map_or(Ranking::RERANK_TOP, |top| top as usize),
            rerank_budget: self.rerank_ms.map(|ms| Duration::from_millis(u64::from(ms))),
            article_score: self.article_score.unwrap_or(ArticleScore::Best),
        })
    }
}

impl Ready {
    /// Asks it, with this thread's models.
    pub fn ask(&self, snapshot: &Snapshot, worker: &mut Worker) -> Result<Response> {
        let collection = &*snapshot.collection;
        let embedder = match self.options.mode {
            Mode::Lexical => None,
            _ => Some(worker.embedder(collection)?),
        };
        let name = self.ranking.rerank_name(collection, self.options.mode);
        let reranker = match name {
            Some(name) => Some(worker.reranker(name)?),
            None => None,
        };
        let mut searcher = Searcher::new(collection, embedder)?.with_reranker(reranker);
        let response = searcher.search(&self.question, &self.options);
        worker.keep(searcher.into_models(), name);
        Ok(response?)
    }
}

/// Sees that a text has no more than so many characters.
pub fn no_longer(name: &str, text: &str, most: usize) -> Result<()> {
    // No text has more characters than bytes.
    if text.len() <= most || text.chars().count() <= most {
        return Ok(());
    }
    Err(Problem::bad_request(format!("{name}: {} characters: expected {most} or fewer", text.chars().count())))
}

fn within(name: &str, value: usize, range: std::ops::RangeInclusive<usize>) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(Problem::bad_request(format!("{name} = {value}: expected {} to {}", range.start(), range.end())))
}

fn share(name: &str, value: Option<f64>) -> Result<()> {
    match value {
        Some(value) if !(0.0..=1.0).contains(&value) => {
            Err(Problem::bad_request(format!("{name} = {value}: expected 0 to 1")))
        }
        _ => Ok(()),
    }
}
