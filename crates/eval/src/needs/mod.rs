//! Resolves judgements to information needs: which of the present passages cover what was judged.
//!
//! A judgement names an article, a byte range or a text, never a passage, so it stays valid when
//! articles are chunked differently. A passage *covers* a span if the two share at least half of
//! the shorter one. A need is met by the best-ranked passage that covers it; further passages that
//! cover only met needs are skipped, as an article counts once, by its best passage (MaxP).

mod resolve;
#[cfg(test)]
mod tests;
mod topic;

pub use topic::{Need, Topic};

use crate::judgement::{Judgement, Target};
use crate::{Error, Result};
use ingest::ByteSpan;
use std::collections::{BTreeMap, HashMap};

/// The granularity of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Articles, each ranked by its best passage.
    Article,
    /// Answers: the passages that cover them.
    Answer,
}

/// An article of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorpusArticle {
    /// The whole text.
    pub text: String,
    /// The byte ranges of its passages, by passage number.
    pub passages: Vec<ByteSpan>,
}

/// The articles that judgements refer to.
pub trait Corpus {
    /// Returns the article with an id.
    ///
    /// # Errors
    /// [`Error::Corpus`] if it cannot be read.
    fn article(&self, id: &str) -> Result<Option<CorpusArticle>>;

    /// Returns the ids of all articles.
    ///
    /// # Errors
    /// [`Error::Corpus`] if they cannot be read.
    fn ids(&self) -> Result<Vec<String>>;
}

/// A place in the corpus that meets a need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The article's id.
    pub article: String,
    /// The byte range; `None` for the whole article.
    pub span: Option<ByteSpan>,
    /// The ids of the passages that cover it. Empty for a whole article at [`Level::Article`], and
    /// for a span that no passage covers.
    pub passages: Vec<String>,
}

/// Resolved judgements, by query: what runs are evaluated against.
#[derive(Debug, Clone)]
pub struct Qrels {
    /// The granularity of the evaluation.
    pub level: Level,
    /// The queries that have judgements, by id.
    pub topics: BTreeMap<String, Topic>,
    /// Judgements of articles that the collection does not have: the article's id, and the
    /// judgement's file and line.
    pub unknown_articles: Vec<(String, String)>,
    /// Messages about judgements whose text or byte range was not found, each with file and line.
    pub unresolved: Vec<String>,
}

impl Qrels {
    /// Resolves judgements. Without a corpus, articles are taken to exist, and spans and answers
    /// cannot be evaluated. `level` defaults to [`Level::Answer`] if any judgement is an answer or
    /// span.
    ///
    /// # Errors
    /// [`Error::CorpusMissing`] if answers are to be evaluated without a corpus; [`Error::Corpus`] if
    /// it cannot be read.
    pub fn new(
        judgements: &[Judgement],
        corpus: Option<&dyn Corpus>,
        level: Option<Level>,
    ) -> Result<Self> {
        let has_answers = judgements
            .iter()
            .any(|judgement| !matches!(judgement.target, Target::Article(_)));
        let level = level.unwrap_or(if has_answers {
            Level::Answer
        } else {
            Level::Article
        });
        match corpus {
            None if has_answers || level == Level::Answer => Err(Error::CorpusMissing),
            None => Ok(Self::articles(judgements)),
            Some(corpus) => resolve::Resolver::new(corpus, level, judgements)?.resolve(judgements),
        }
    }

    /// Resolves article judgements without a corpus.
    fn articles(judgements: &[Judgement]) -> Self {
        let mut needs: BTreeMap<String, Vec<Need>> = BTreeMap::new();
        for Judgement {
            query,
            target,
            grade,
            ..
        } in judgements
        {
            if let Target::Article(id) = target {
                let location = Place {
                    article: id.clone(),
                    span: None,
                    passages: Vec::new(),
                };
                add(
                    needs.entry(query.clone()).or_default(),
                    id.clone(),
                    *grade,
                    vec![location],
                );
            }
        }
        Self::of(Level::Article, needs)
    }

    fn of(level: Level, needs: BTreeMap<String, Vec<Need>>) -> Self {
        let topics = needs
            .into_iter()
            .map(|(query, needs)| (query, Topic::new(needs, level)))
            .collect();
        Self {
            level,
            topics,
            unknown_articles: Vec::new(),
            unresolved: Vec::new(),
        }
    }

    /// The queries with at least one relevant need, sorted by id. Means are taken over these.
    pub fn answerable(&self) -> impl Iterator<Item = (&str, &Topic)> {
        self.topics
            .iter()
            .filter(|(_, topic)| !topic.ideal.is_empty())
            .map(|(query, topic)| (query.as_str(), topic))
    }

    /// Gives each of `queries` without judgements those of its group: of the query that the group
    /// is named after, or else of the group's first query that has any.
    pub fn share_within_groups(&mut self, queries: &[crate::Query]) {
        let mut of_group: HashMap<&str, &str> = HashMap::new();
        for query in queries {
            let Some(group) = query.group.as_deref() else {
                continue;
            };
            let judged = [group, &query.id]
                .into_iter()
                .find(|id| self.topics.contains_key(*id));
            if let Some(judged) = judged {
                of_group.entry(group).or_insert(judged);
            }
        }
        for query in queries
            .iter()
            .filter(|query| !self.topics.contains_key(&query.id))
            .collect::<Vec<_>>()
        {
            let judged = query.group.as_deref().and_then(|group| of_group.get(group));
            if let Some(topic) = judged.and_then(|judged| self.topics.get(*judged)).cloned() {
                self.topics.insert(query.id.clone(), topic);
            }
        }
    }
}

/// Adds a need, or raises the grade of the need with the same id.
fn add(needs: &mut Vec<Need>, id: String, grade: i32, locations: Vec<Place>) {
    match needs.iter_mut().find(|need| need.id == id) {
        Some(need) => {
            need.grade = need.grade.max(grade);
            if need.locations.is_empty() {
                need.locations = locations;
            }
        }
        None => needs.push(Need {
            id,
            grade,
            locations,
        }),
    }
}

/// Whether a passage covers a span: they share at least half of the shorter one.
pub fn covers(passage: ByteSpan, span: ByteSpan) -> bool {
    let shared = passage.overlap(span);
    shared > 0 && 2 * shared >= passage.len().min(span.len())
}

/// The id of a passage: article id, `#`, passage number.
pub fn passage_id(article: &str, number: usize) -> String {
    format!("{article}#{number}")
}
