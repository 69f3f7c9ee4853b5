//! One question, from its words to ranked passages.

use crate::explain::{self, Explanation, Shares};
use crate::fuse::{self, Parts};
use crate::notes::{self as remarks, Facts};
use crate::rank::{Ranked, best_of_each_article, rank, sum_of_each_article};
use crate::rerank::Reranker;
use crate::select::{Budget, Selected, select};
use crate::{ArticleScore, By, Error, Mode, Options, Result};
use ::notes::Note;
use ingest::{ByteSpan, Embedder, Embedding, Role};
use serde::Serialize;
use std::time::Instant;
use store::{Candidate, Collection, Correction, DenseSearch, Fusion, PassageKey, QuestionReading, StoredPassage};

/// The parts a score is made of; absent where that part did not run or did not find the passage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Scores {
    /// The cosine, −1..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense: Option<f32>,
    /// BM25, above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lexical: Option<f32>,
    /// The reranker's, on its own scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<f32>,
}

/// A passage found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hit {
    /// From 1.
    pub rank: usize,
    /// Dense: the cosine. Lexical: BM25. Hybrid: as the method of fusion has it; by default the mean of
    /// how many standard deviations it lies above the candidates of each list. Reranked: the mean of such deviations, or a
    /// cross-encoder's own score. Higher is better; between questions only cosines compare.
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
    #[cfg_attr(feature = "openapi", schema(value_type = [usize; 2]))]
    pub span: ByteSpan,
    /// The line it begins on.
    pub line: u64,
    /// Its text.
    pub text: String,
    /// What the score is made of.
    pub scores: Scores,
    /// What stands before and after it, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub around: Option<Around>,
    /// Passages further down that say the same in the same words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<Copied>,
    /// The score taken apart, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

/// A passage with what surrounds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Around {
    /// Where all of it stands in the article's text, in bytes.
    #[cfg_attr(feature = "openapi", schema(value_type = [usize; 2]))]
    pub span: ByteSpan,
    /// All of it.
    pub text: String,
}

/// A copy of a hit.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Copied {
    /// Its name.
    pub passage_id: String,
    /// Its article.
    pub article_id: String,
    /// Where the article came from.
    pub path: String,
    /// The line it begins on.
    pub line: u64,
    /// Its own score.
    pub score: f32,
}

/// What reranking did.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reranked {
    /// The reranker.
    pub model: String,
    /// How many passages it scored.
    pub passages: usize,
    /// How many it was to score.
    pub of: usize,
    /// How long it took.
    pub took_ms: f64,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Response {
    /// The question.
    pub query: String,
    /// Which lists answered.
    pub mode: Mode,
    /// Milliseconds from the question to the answer.
    pub took_ms: f64,
    /// What reranking did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<Reranked>,
    /// The passages, best first.
    pub hits: Vec<Hit>,
    /// Words of the question that no passage holds, and what was looked for in their place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<Correction>,
    /// What there is to know of how it was answered: a question that was cut, words that no passage holds, a filter that
    /// lets nothing through.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// How many candidates of each list are fused, whatever is asked for: a fused score depends on where
/// the lists end, and the best ten must be the same whether ten are asked for or a hundred. nDCG@10
/// with 100, 300 and 1,000: SciFact .7330, .7358 and .7339, Cranfield .4070, .4114 and .4075.
const POOL: usize = 300;
/// A list gives at most one in so many of all passages: the lower end of one that has them all says
/// nothing of candidates.
const SHARE: usize = 2;
/// And at least so many, however few passages there are.
const LEAST: usize = 10;
/// How much further down the lists are read when their first part does not do.
const DEEPER: usize = 4;
/// The candidate list of a graph walk; with it, recall@10 is above .99 on every set measured.
const EF: usize = 128;

/// What a searcher thinks with.
pub struct Models {
    /// The collection's own model.
    pub embedder: Option<Box<dyn Embedder>>,
    /// A reranker.
    pub reranker: Option<Box<dyn Reranker>>,
}

/// Answers questions on one snapshot of a collection.
pub struct Searcher<'a> {
    collection: &'a dyn Collection,
    embedder: Option<Box<dyn Embedder>>,
    reranker: Option<Box<dyn Reranker>>,
}

impl<'a> Searcher<'a> {
    /// With the collection's own model; without one, only lexical search works.
    ///
    /// # Errors
    /// [`Error::OtherModel`] when the embedder is another model's.
    pub fn new(collection: &'a dyn Collection, embedder: Option<Box<dyn Embedder>>) -> Result<Self> {
        if let Some(embedder) = &embedder {
            let (expected, found) = (&collection.manifest().model, embedder.model());
            if !found.agrees_with(expected) {
                return Err(Error::OtherModel {
                    expected_name: expected.name.clone(),
                    expected: expected.hash.clone(),
                    found_name: found.name.clone(),
                    found: found.hash.clone(),
                });
            }
        }
        Ok(Self { collection, embedder, reranker: None })
    }

    /// With a reranker for the questions whose options ask for one.
    #[must_use]
    pub fn with_reranker(self, reranker: Option<Box<dyn Reranker>>) -> Self {
        Self { reranker, ..self }
    }

    /// Gives the models back, for questions to another snapshot.
    pub fn into_models(self) -> Models {
        Models { embedder: self.embedder, reranker: self.reranker }
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
    /// When the question is empty, the model is missing or fails, the filter names a field that no article has, or
    /// the collection cannot be read.
    pub fn search(&mut self, question: &str, options: &Options) -> Result<Response> {
        let begun = Instant::now();
        if question.trim().is_empty() {
            return Err(Error::EmptyQuestion);
        }
        let (embedding, words) = self.read(question, options)?;
        let vector = embedding.as_ref().map(|embedding| embedding.vector.as_slice());
        let wordless = words.as_ref().is_some_and(Vec::is_empty);
        let mut selected = self.selected(question, vector, words, options)?;
        selected.hits.drain(..options.offset.min(selected.hits.len()));
        let rerank = selected.rerank.clone();
        let hits = self.hits(question, vector, selected, options)?;
        let reading = match options.mode {
            Mode::Dense => QuestionReading::default(),
            _ => self.collection.reading(question)?,
        };
        let facts = Facts {
            question,
            reading: &reading,
            options,
            cut: embedding.map_or(0, |embedding| embedding.cut),
            is_wordless: wordless,
            found_nothing: hits.is_empty() && options.offset == 0,
            rerank: rerank.as_ref(),
        };
        let notes = remarks::of(self.collection, &facts)?;
        let took_ms = (begun.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        let (query, corrections) = (question.to_owned(), reading.corrections);
        Ok(Response { query, mode: options.mode, took_ms, rerank, hits, corrections, notes })
    }

    /// The names and scores of the best `k`, best first, without their texts: articles or passages
    /// as the options say. `vector` is the question's, for modes that need it.
    ///
    /// # Errors
    /// As for [`Searcher::search`].
    pub fn names(&mut self, question: &str, vector: Option<&[f32]>, options: &Options) -> Result<Vec<(String, f32)>> {
        if question.trim().is_empty() {
            return Err(Error::EmptyQuestion);
        }
        Ok(named(self.selected(question, vector, None, options)?.hits, options.by))
    }

    /// The names and scores of the best `k` under each of several ways of fusing: both lists are looked for once.
    ///
    /// # Errors
    /// As for [`Searcher::search`].
    pub fn names_by_fusion(
        &self,
        question: &str,
        vector: &[f32],
        fusions: &[Fusion],
        options: &Options,
    ) -> Result<Vec<Vec<(String, f32)>>> {
        if question.trim().is_empty() {
            return Err(Error::EmptyQuestion);
        }
        let mut depth = self.depth(options);
        loop {
            let (dense, lexical) = self.lists(question, Some(vector), None, depth, options)?;
            let all_seen = dense.len() < depth && lexical.len() < depth;
            let fused = fusions.iter().map(|fusion| {
                let mut ranked = self.fused(&dense, &lexical, *fusion, options)?;
                ranked.truncate(options.k);
                Ok(named(ranked, options.by))
            });
            let fused: Vec<_> = fused.collect::<Result<_>>()?;
            let enough = self.most_articles(options)?;
            if all_seen || options.by == By::Passage || fused.iter().all(|ranking| ranking.len() >= enough) {
                return Ok(fused);
            }
            depth *= DEEPER;
        }
    }

    /// Embeds a question and looks for its words at the same time.
    fn read(&mut self, question: &str, options: &Options) -> Result<(Option<Embedding>, Option<Vec<Candidate>>)> {
        let (collection, depth) = (self.collection, self.depth(options));
        let words = || lexical(collection, question, depth, options);
        Ok(match options.mode {
            Mode::Dense => (Some(self.embed(question)?), None),
            Mode::Lexical => (None, Some(words()?)),
            // On a thread that waits for such work. The model itself must not run on one of those.
            Mode::Hybrid => {
                let mut found = None;
                let embedding = rayon::in_place_scope(|scope| {
                    scope.spawn(|_| found = Some(words()));
                    self.embed(question)
                });
                (Some(embedding?), found.transpose()?)
            }
        })
    }

    /// How many articles there can be among the hits: not more than there are.
    fn most_articles(&self, options: &Options) -> Result<usize> {
        Ok(options.k.min(self.collection.stats()?.articles))
    }

    /// How many candidates of each list are fused.
    fn pool(&self) -> usize {
        POOL.min(self.collection.manifest().rows().div_ceil(SHARE)).max(LEAST)
    }

    /// How many candidates of each list are looked for at first.
    fn depth(&self, options: &Options) -> usize {
        let more = options.mode == Mode::Hybrid
            || options.by == By::Article
            || options.collapse
            || options.diverse.is_some()
            || options.rerank.is_some();
        if more { self.pool().max(options.k) } else { options.k }
    }

    /// The hits, `k` if there are so many. `words` is the lexical list, where that is there already.
    fn selected(
        &mut self,
        question: &str,
        vector: Option<&[f32]>,
        mut words: Option<Vec<Candidate>>,
        options: &Options,
    ) -> Result<Selected> {
        let (mut depth, mut budget) = (self.depth(options), Budget::default());
        loop {
            let (ranked, all_seen) = self.ranked(question, vector, words.take(), depth, options)?;
            let enough = options.by == By::Passage || all_seen || ranked.len() >= self.most_articles(options)?;
            if enough {
                let reranker = self.reranker.as_deref_mut();
                let selected = select(self.collection, reranker, question, ranked, &mut budget, options)?;
                if !options.collapse || selected.hits.len() >= options.k || all_seen {
                    return Ok(selected);
                }
            }
            // Long articles can fill the lists with their passages, and one passage with its copies; then look
            // further down.
            depth *= DEEPER;
        }
    }

    /// Every candidate among the first `depth` of each list, best first, and whether that is all there are.
    fn ranked(
        &self,
        question: &str,
        vector: Option<&[f32]>,
        words: Option<Vec<Candidate>>,
        depth: usize,
        options: &Options,
    ) -> Result<(Vec<Ranked>, bool)> {
        let (dense, lexical) = self.lists(question, vector, words, depth, options)?;
        let all_seen = dense.len() < depth && lexical.len() < depth;
        let fusion = fuse::in_use(self.collection, options);
        Ok((self.fused(&dense, &lexical, fusion, options)?, all_seen))
    }

    /// The first `depth` of each list that the mode wants.
    fn lists(
        &self,
        question: &str,
        vector: Option<&[f32]>,
        words: Option<Vec<Candidate>>,
        depth: usize,
        options: &Options,
    ) -> Result<(Vec<Candidate>, Vec<Candidate>)> {
        let dense = match options.mode {
            Mode::Lexical => Vec::new(),
            mode => {
                let how = if options.exact { DenseSearch::Exact } else { DenseSearch::Graph { ef: EF.max(depth) } };
                let vector = vector.ok_or(Error::NoModel(mode.name()))?;
                whole_ties(depth, |n| self.collection.search_dense(vector, n, how, options.filter.as_ref()))?
            }
        };
        let lexical = match (options.mode, words) {
            (Mode::Dense, _) => Vec::new(),
            (_, Some(words)) => words,
            (_, None) => lexical(self.collection, question, depth, options)?,
        };
        Ok((dense, lexical))
    }

    /// Two lists as one, passages or articles, best first.
    fn fused(
        &self,
        dense: &[Candidate],
        lexical: &[Candidate],
        fusion: Fusion,
        options: &Options,
    ) -> Result<Vec<Ranked>> {
        let found = match options.mode {
            Mode::Hybrid => fuse::fuse(dense, lexical, self.pool(), fusion),
            Mode::Dense => single(dense, |score| Parts { dense: Some(score), lexical: None, shares: [score, 0.0] }),
            Mode::Lexical => single(lexical, |score| Parts { dense: None, lexical: Some(score), shares: [0.0, score] }),
        };
        let ranked = rank(self.collection, found)?;
        Ok(match (options.by, options.article_score) {
            (By::Passage, _) => ranked,
            (By::Article, ArticleScore::Best) => best_of_each_article(ranked),
            (By::Article, ArticleScore::Sum) => sum_of_each_article(ranked),
        })
    }

    fn hits(
        &mut self,
        question: &str,
        vector: Option<&[f32]>,
        selected: Selected,
        options: &Options,
    ) -> Result<Vec<Hit>> {
        let keys: Vec<PassageKey> = selected.hits.iter().map(|hit| hit.key).collect();
        let passages = self.collection.fetch(&keys)?;
        let mut explanations = match options.explain {
            true => self.explanations(question, vector, &selected, &passages, options)?.into_iter(),
            false => Vec::new().into_iter(),
        };
        let found = selected.hits.into_iter().zip(passages).zip(options.offset + 1..);
        found
            .map(|((ranked, passage), rank)| {
                Ok(Hit {
                    rank,
                    score: ranked.score,
                    around: self.around(&passage, options.around)?,
                    copies: self.copied(ranked.copies)?,
                    explanation: explanations.next(),
                    passage_id: passage.reference.to_string(),
                    article_id: passage.reference.article_id,
                    title: passage.title,
                    path: passage.path,
                    span: passage.span,
                    line: passage.line,
                    text: passage.text,
                    scores: Scores { dense: ranked.parts.dense, lexical: ranked.parts.lexical, rerank: ranked.rerank },
                })
            })
            .collect()
    }

    /// The passages before and after one, with it.
    fn around(&self, passage: &StoredPassage, n: usize) -> Result<Option<Around>> {
        if n == 0 {
            return Ok(None);
        }
        let Some(stored) = self.collection.article(&passage.reference.article_id)? else { return Ok(None) };
        let at = passage.reference.ordinal as usize;
        let near = stored.passages.get(at.saturating_sub(n)..(at + n + 1).min(stored.passages.len()));
        let near = near.unwrap_or_default();
        let start = near.iter().map(|span| span.start).min().unwrap_or(passage.span.start);
        let end = near.iter().map(|span| span.end).max().unwrap_or(passage.span.end);
        let span = ByteSpan::new(start, end);
        Ok(Some(Around { span, text: span.of(&stored.article.text).to_owned() }))
    }

    fn copied(&self, copies: Vec<Ranked>) -> Result<Vec<Copied>> {
        if copies.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<PassageKey> = copies.iter().map(|copy| copy.key).collect();
        let passages = self.collection.fetch(&keys)?;
        let copied = copies.into_iter().zip(passages).map(|(copy, passage)| Copied {
            passage_id: passage.reference.to_string(),
            article_id: passage.reference.article_id,
            path: passage.path,
            line: passage.line,
            score: copy.score,
        });
        Ok(copied.collect())
    }

    fn explanations(
        &mut self,
        question: &str,
        vector: Option<&[f32]>,
        selected: &Selected,
        passages: &[StoredPassage],
        options: &Options,
    ) -> Result<Vec<Explanation>> {
        let keys: Vec<PassageKey> = selected.hits.iter().map(|hit| hit.key).collect();
        let words = match options.mode {
            Mode::Dense => vec![Vec::new(); keys.len()],
            _ => self.collection.explain_lexical(question, &keys)?,
        };
        let fusion = fuse::in_use(self.collection, options);
        let mut explanations = Vec::with_capacity(keys.len());
        for ((hit, passage), words) in selected.hits.iter().zip(passages).zip(words) {
            let (text, start) = (passage.text.as_str(), passage.span.start);
            let sentence = match (vector, self.embedder.as_deref_mut()) {
                (Some(vector), Some(embedder)) => {
                    explain::best_sentence(text, start, &mut explain::by_meaning(embedder, vector))?
                }
                _ => explain::best_sentence(text, start, &mut explain::by_words(&words))?,
            };
            let [dense, lexical] = hit.parts.shares;
            explanations.push(Explanation {
                shares: Shares {
                    dense: (options.mode != Mode::Lexical).then_some(dense),
                    lexical: (options.mode != Mode::Dense).then_some(lexical),
                },
                fusion: (options.mode == Mode::Hybrid).then_some(fusion),
                words,
                sentence,
                above_cut: selected.next.map(|next| hit.score - next),
            });
        }
        Ok(explanations)
    }
}

/// The lexical list.
fn lexical(collection: &dyn Collection, question: &str, depth: usize, options: &Options) -> Result<Vec<Candidate>> {
    whole_ties(depth, |n| collection.search_lexical(question, n, options.filter.as_ref()))
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

/// The names of passages or articles with their scores.
fn named(ranked: Vec<Ranked>, by: By) -> Vec<(String, f32)> {
    let name = |ranked: Ranked| match by {
        By::Article => (ranked.reference.article_id, ranked.score),
        By::Passage => (ranked.reference.to_string(), ranked.score),
    };
    let mut named: Vec<(String, f32)> = ranked.into_iter().map(name).collect();
    // Collected in place of many more candidates, which batches would otherwise keep room for.
    named.shrink_to_fit();
    named
}

fn single(found: &[Candidate], parts: impl Fn(f32) -> Parts) -> Vec<(PassageKey, f32, Parts)> {
    found.iter().map(|c| (c.key, c.score, parts(c.score))).collect()
}
