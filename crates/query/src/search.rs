//! One question, from its words to ranked passages.

use crate::fuse::{self, Parts};
use crate::rank::{Ranked, best_of_each_article, rank};
use crate::{Error, Result};
use ingest::{ByteSpan, Embedder, Embedding, Role};
use serde::{Deserialize, Serialize};
use std::time::Instant;
use store::{Candidate, Collection, DenseSearch, PassageKey};

/// Which lists answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
pub enum By {
    /// Every passage for itself.
    Passage,
    /// Articles, each by its best passage.
    Article,
}

/// How to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How many hits.
    pub k: usize,
    /// Which lists.
    pub mode: Mode,
    /// Whether every vector is looked at.
    pub exact: bool,
    /// What is ranked.
    pub by: By,
}

impl Default for Options {
    fn default() -> Self {
        Self { k: 10, mode: Mode::Hybrid, exact: false, by: By::Passage }
    }
}

/// The parts a score is made of; absent where that part did not run or did not find the passage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Scores {
    /// The cosine, −1..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense: Option<f32>,
    /// BM25, above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lexical: Option<f32>,
}

/// A passage found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hit {
    /// From 1.
    pub rank: usize,
    /// Dense: the cosine. Lexical: BM25. Hybrid: 0..=1, how near it is to the best of
    /// both lists; below 0 for what lies deeper than the candidates that are fused.
    pub score: f32,
    /// Its name: article id, `#`, place in the article from 0.
    pub passage_id: String,
    /// Its article.
    pub article_id: String,
    /// The article's title.
    pub title: String,
    /// Where the article came from.
    pub path: String,
    /// Where it stands in the article's text, in bytes.
    pub span: ByteSpan,
    /// The line it begins on.
    pub line: u64,
    /// Its text.
    pub text: String,
    /// What the score is made of.
    pub scores: Scores,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Response {
    /// The question.
    pub query: String,
    /// Which lists answered.
    pub mode: Mode,
    /// Milliseconds from the question to the answer.
    pub took_ms: f64,
    /// The passages, best first.
    pub hits: Vec<Hit>,
    /// How many word pieces of the question the model did not read: it was longer than its window.
    #[serde(skip)]
    pub cut: usize,
}

/// How many candidates of each list are fused, whatever is asked for: a fused score depends on where
/// the lists end, and the best ten must be the same whether ten are asked for or a hundred. nDCG@10
/// with 300 and with 100: SciFact .7317 and .7267, SQuAD .9004 and .8986, Cranfield .4103 and .4063.
const POOL: usize = 300;
/// A list gives at most one in so many of all passages: the lower end of one that has them all says
/// nothing of candidates. The articles in data/, 226 passages: recall@1 of their paraphrases .802,
/// .773 without it.
const SHARE: usize = 2;
/// And at least so many, however few passages there are.
const LEAST: usize = 10;
/// The candidate list of a graph walk; with it, recall@10 is above .99 on every set measured.
const EF: usize = 128;

/// Answers questions on one snapshot of a collection.
pub struct Searcher<'a> {
    collection: &'a dyn Collection,
    embedder: Option<Box<dyn Embedder>>,
}

impl<'a> Searcher<'a> {
    /// With the collection's own model; without one, only lexical search works.
    ///
    /// # Errors
    /// [`Error::OtherModel`] when the embedder is another model's.
    pub fn new(collection: &'a dyn Collection, embedder: Option<Box<dyn Embedder>>) -> Result<Self> {
        if let Some(embedder) = &embedder {
            let (expected, found) = (&collection.manifest().model, embedder.model());
            if expected.hash != found.hash {
                return Err(Error::OtherModel {
                    expected_name: expected.name.clone(),
                    expected: expected.hash.clone(),
                    found_name: found.name.clone(),
                    found: found.hash.clone(),
                });
            }
        }
        Ok(Self { collection, embedder })
    }

    /// The unit vector of a question, and how much of the question is in it.
    ///
    /// # Errors
    /// When there is no model, or it fails.
    pub fn embed(&mut self, question: &str) -> Result<Embedding> {
        let embedder = self.embedder.as_mut().ok_or(Error::NoModel("dense"))?;
        Ok(embedder.embed(question, Role::Query)?)
    }

    /// Answers a question.
    ///
    /// # Errors
    /// When the question is empty, the model is missing or fails, or the collection cannot be read.
    pub fn search(&mut self, question: &str, options: &Options) -> Result<Response> {
        let begun = Instant::now();
        let embedding = self.embedding_for(question, options.mode)?;
        let ranked = self.ranked(question, embedding.as_ref().map(|e| e.vector.as_slice()), options)?;
        let hits = self.hits(ranked)?;
        let took_ms = (begun.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        let cut = embedding.map_or(0, |embedding| embedding.cut);
        Ok(Response { query: question.to_owned(), mode: options.mode, took_ms, hits, cut })
    }

    /// The names and scores of the best `k`, best first, without their texts: articles or passages
    /// as the options say. `vector` is the question's, for modes that need it.
    ///
    /// # Errors
    /// As for [`Searcher::search`].
    pub fn names(&self, question: &str, vector: Option<&[f32]>, options: &Options) -> Result<Vec<(String, f32)>> {
        let ranked = self.ranked(question, vector, options)?.into_iter();
        Ok(match options.by {
            By::Article => ranked.map(|r| (r.reference.article_id, r.score)).collect(),
            By::Passage => ranked.map(|r| (r.reference.to_string(), r.score)).collect(),
        })
    }

    fn embedding_for(&mut self, question: &str, mode: Mode) -> Result<Option<Embedding>> {
        if question.trim().is_empty() {
            return Err(Error::EmptyQuestion);
        }
        if mode == Mode::Lexical { Ok(None) } else { self.embed(question).map(Some) }
    }

    fn ranked(&self, question: &str, vector: Option<&[f32]>, options: &Options) -> Result<Vec<Ranked>> {
        if question.trim().is_empty() {
            return Err(Error::EmptyQuestion);
        }
        let Options { k, mode, exact, by } = *options;
        let pool = POOL.min(self.collection.manifest().rows().div_ceil(SHARE)).max(LEAST);
        let mut depth = if mode == Mode::Hybrid || by == By::Article { pool.max(k) } else { k };
        loop {
            let dense = match mode {
                Mode::Lexical => Vec::new(),
                _ => {
                    let how = if exact { DenseSearch::Exact } else { DenseSearch::Graph { ef: EF.max(depth) } };
                    let vector = vector.ok_or(Error::NoModel(mode.name()))?;
                    whole_ties(depth, |n| self.collection.search_dense(vector, n, how))?
                }
            };
            let lexical = match mode {
                Mode::Dense => Vec::new(),
                _ => whole_ties(depth, |n| self.collection.search_lexical(question, n))?,
            };
            let all_seen = dense.len() < depth && lexical.len() < depth;
            let found = match mode {
                Mode::Hybrid => fuse::min_max(&dense, &lexical, pool),
                Mode::Dense => single(dense, |score| Parts { dense: Some(score), lexical: None }),
                Mode::Lexical => single(lexical, |score| Parts { dense: None, lexical: Some(score) }),
            };
            let mut ranked = rank(self.collection, found)?;
            if by == By::Article {
                ranked = best_of_each_article(ranked);
            }
            // Long articles can fill the lists with their passages; then look further down.
            if by == By::Passage || ranked.len() >= k || all_seen {
                ranked.truncate(k);
                return Ok(ranked);
            }
            depth *= 4;
        }
    }

    fn hits(&self, ranked: Vec<Ranked>) -> Result<Vec<Hit>> {
        let keys: Vec<PassageKey> = ranked.iter().map(|r| r.key).collect();
        let passages = self.collection.fetch(&keys)?;
        let hits = ranked.into_iter().zip(passages).zip(1..).map(|((ranked, passage), rank)| Hit {
            rank,
            score: ranked.score,
            passage_id: passage.reference.to_string(),
            article_id: passage.reference.article_id,
            title: passage.title,
            path: passage.path,
            span: passage.span,
            line: passage.line,
            text: passage.text,
            scores: Scores { dense: ranked.parts.dense, lexical: ranked.parts.lexical },
        });
        Ok(hits.collect())
    }
}

/// The best `n` and all that score the same as the last of them: which of equals come first is for
/// their names to decide, not for the place of a cut.
fn whole_ties(n: usize, search: impl Fn(usize) -> store::Result<Vec<Candidate>>) -> Result<Vec<Candidate>> {
    let mut asked = n + 1;
    loop {
        let mut found = search(asked)?;
        let Some(last) = found.get(n.saturating_sub(1)).map(|nth| nth.score) else { return Ok(found) };
        let cut_among_equals = found.len() == asked && found.last().is_some_and(|c| c.score == last);
        if !cut_among_equals || asked > MOST_TIES {
            found.retain(|candidate| candidate.score >= last);
            return Ok(found);
        }
        asked *= 2;
    }
}

/// More equals than this are cut where they are.
const MOST_TIES: usize = 100_000;

fn single(found: Vec<Candidate>, parts: impl Fn(f32) -> Parts) -> Vec<(PassageKey, f32, Parts)> {
    found.into_iter().map(|c| (c.key, c.score, parts(c.score))).collect()
}
