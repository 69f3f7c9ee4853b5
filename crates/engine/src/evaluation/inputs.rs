//! Test data: queries and relevance judgements, from files and from the collection's own articles,
//! with notes on everything that does not fit together.

use super::corpus::CollectionCorpus;
use crate::text::pluralize;
use crate::{Error, Result};
use eval::judgement::{Judgement, Target};
use eval::trec::EscapedIds;
use eval::{Level, Qrels, Query};
use notes::{Code, Note};
use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use store::Collection;

/// Where queries and judgements come from.
#[derive(Debug, Clone, Default)]
pub struct EvalInputs {
    /// A file of queries: JSON lines with `_id` and `text`.
    pub queries: Option<PathBuf>,
    /// Files of relevance judgements (qrels).
    pub qrels: Vec<PathBuf>,
    /// Whether to add the questions that the collection's own articles ask.
    pub qa: bool,
}

/// Queries and judgements.
pub struct EvalData {
    /// The queries.
    pub queries: Vec<Query>,
    /// The judgements, not yet resolved against a collection.
    pub judgements: Vec<Judgement>,
    /// What does not fit together.
    pub notes: EvalNotes,
}

/// Notes on the test data, and whether some of it could not be used.
#[derive(Default)]
pub struct EvalNotes {
    /// The notes.
    pub notes: Vec<Note>,
    /// Whether some of the data could not be used.
    pub incomplete: bool,
}

impl EvalNotes {
    /// Adds a note on data that could not be used.
    pub(crate) fn add_incomplete(&mut self, note: Note) {
        self.incomplete = true;
        self.notes.push(note);
    }
}

/// The most ids that a note lists, and the most problems that it quotes.
const MAX_IDS: usize = 5;
const MAX_QUOTED: usize = 3;

/// The first ids, and the number of further ones.
fn list_ids<'a>(ids: impl IntoIterator<Item = &'a str>) -> String {
    let ids: Vec<&str> = ids.into_iter().collect();
    let mut text = ids
        .iter()
        .take(MAX_IDS)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    if ids.len() > MAX_IDS {
        text.push_str(&format!(" and {} more", ids.len() - MAX_IDS));
    }
    text
}

/// Reads the files and, if asked for, the questions of the collection's articles.
///
/// # Errors
/// When a file cannot be read, ids clash, or there are no judgements.
pub fn load(inputs: &EvalInputs, collection: Option<&dyn Collection>) -> Result<EvalData> {
    let mut queries = inputs
        .queries
        .as_deref()
        .map(eval::query::read)
        .transpose()?
        .unwrap_or_default();
    let (mut judgements, mut notes) = (Vec::new(), EvalNotes::default());
    judgements.extend(eval::judgement::read(&inputs.qrels)?);
    unescape_ids(&mut judgements, &queries, collection)?;
    if let Some(collection) = collection.filter(|_| inputs.qa) {
        let from_articles = article_questions(collection)?;
        if from_articles.is_empty() {
            return Err(Error::NoArticleQuestions);
        }
        let taken: HashSet<&str> = from_articles
            .iter()
            .map(|(query, _)| query.id.as_str())
            .collect();
        if let Some(query) = queries
            .iter()
            .find(|query| taken.contains(query.id.as_str()))
        {
            return Err(Error::unusable(format!(
                "the id {:?} is taken by a question that an article asks; ids must differ",
                query.id
            )));
        }
        group_paraphrases(&mut queries, &from_articles, &mut notes);
        let (questions, article_judgements): (Vec<Query>, Vec<Judgement>) =
            from_articles.into_iter().unzip();
        queries.splice(0..0, questions);
        judgements.extend(article_judgements);
    }
    if judgements.is_empty() {
        return Err(Error::NoJudgements);
    }
    // A query that names only an article's question belongs to the group of that question.
    for query in queries.iter_mut().filter(|query| query.group.is_none()) {
        query.group = query.question.clone();
    }
    Ok(EvalData {
        queries,
        judgements,
        notes,
    })
}

/// Judgements may have been made of a run file, which escapes ids that TREC's format cannot have:
/// ids that are unknown as they are, but escaped forms of known ones, are replaced by these.
fn unescape_ids(
    judgements: &mut [Judgement],
    queries: &[Query],
    collection: Option<&dyn Collection>,
) -> Result<()> {
    let replace = |id: &mut String, known: &HashSet<&str>, escaped: &EscapedIds| {
        if let Some(original) = escaped
            .original(id)
            .filter(|_| !known.contains(id.as_str()))
        {
            *id = original.to_owned();
        }
    };
    let known: HashSet<&str> = ids_and_groups(queries).collect();
    let escaped = EscapedIds::of(known.iter().copied());
    for judgement in &mut *judgements {
        replace(&mut judgement.query, &known, &escaped);
    }
    let mut articles: Vec<&mut String> = judgements
        .iter_mut()
        .filter_map(|judgement| judgement.target.article_mut())
        .filter(|article| article.contains('%'))
        .collect();
    if let Some(collection) = collection.filter(|_| !articles.is_empty()) {
        let catalog = collection.catalog()?;
        let known: HashSet<&str> = catalog.articles.keys().map(String::as_str).collect();
        let escaped = EscapedIds::of(known.iter().copied());
        for article in &mut articles {
            replace(article, &known, &escaped);
        }
    }
    Ok(())
}

/// What the judgements of queries may be listed under.
fn ids_and_groups(queries: &[Query]) -> impl Iterator<Item = &str> {
    let names = queries
        .iter()
        .flat_map(|query| [Some(&query.id), query.group.as_ref()]);
    names.flatten().map(String::as_str)
}

/// The questions that articles ask, with ids `ARTICLE?N`, each with the span of its answer.
///
/// # Errors
/// When the collection cannot be read.
pub fn article_questions(collection: &dyn Collection) -> Result<Vec<(Query, Judgement)>> {
    let mut ids: Vec<String> = collection.catalog()?.articles.into_keys().collect();
    ids.sort_unstable();
    let mut from_articles = Vec::new();
    for article in ids {
        let Some(stored) = collection.article(&article)? else {
            continue;
        };
        for (number, pair) in (1..).zip(stored.article.questions) {
            let id = format!("{article}?{number}");
            let target = Target::Span {
                article: article.clone(),
                span: pair.answer,
                content: None,
            };
            let judgement = Judgement {
                query: id.clone(),
                target,
                grade: 1,
                source: id.clone(),
            };
            from_articles.push((
                Query {
                    article: Some(article.clone()),
                    ..Query::new(id, pair.question)
                },
                judgement,
            ));
        }
    }
    Ok(from_articles)
}

/// Puts every query that rewords an article's question into the group of that question.
pub fn group_paraphrases(
    queries: &mut [Query],
    from_articles: &[(Query, Judgement)],
    notes: &mut EvalNotes,
) {
    let mut unmatched = Vec::new();
    for query in queries.iter_mut() {
        let Some(question) = &query.question else {
            continue;
        };
        let file_name = |id: &str| id.rsplit('/').next().unwrap_or(id).to_owned();
        let same_article = |other: &Query| match (&query.article, &other.article) {
            (Some(wanted), Some(article)) => wanted == article || *wanted == file_name(article),
            _ => true,
        };
        match from_articles
            .iter()
            .find(|(other, _)| other.text == *question && same_article(other))
        {
            Some((other, _)) => query.group = Some(other.id.clone()),
            None => unmatched.push(query.id.clone()),
        }
    }
    if !unmatched.is_empty() {
        let ids = list_ids(unmatched.iter().map(String::as_str));
        let message = format!(
            "{} rewords a question that no article asks: {ids}",
            pluralize(unmatched.len(), "query")
        );
        notes.add_incomplete(Note::new(Code::UnknownQuestion, message));
    }
}

impl EvalData {
    /// Finds the passages that meet the judgements. Topics that are not among the queries are
    /// dropped.
    ///
    /// # Errors
    /// When the collection cannot be read.
    pub fn resolve(
        &self,
        collection: Option<&dyn Collection>,
        level: Option<Level>,
    ) -> Result<Qrels> {
        let corpus = collection.map(CollectionCorpus);
        let corpus = corpus
            .as_ref()
            .map(|corpus| corpus as &dyn eval::needs::Corpus);
        let mut judged = Qrels::new(&self.judgements, corpus, level)?;
        judged.share_within_groups(&self.queries);
        if !self.queries.is_empty() {
            let searched: HashSet<&str> =
                self.queries.iter().map(|query| query.id.as_str()).collect();
            judged
                .topics
                .retain(|query, _| searched.contains(query.as_str()));
        }
        Ok(judged)
    }

    /// Like [`EvalData::resolve`], and notes what does not fit together.
    ///
    /// # Errors
    /// [`Error::Unusable`] when no query has a relevant judgement.
    pub fn resolve_and_note(
        &mut self,
        collection: Option<&dyn Collection>,
        level: Option<Level>,
    ) -> Result<Qrels> {
        let judged = self.resolve(collection, level)?;
        let notes = &mut self.notes;
        if !judged.unknown_articles.is_empty() {
            let articles: BTreeSet<&str> = judged
                .unknown_articles
                .iter()
                .map(|(article, _)| article.as_str())
                .collect();
            let (judgements, count) = (
                pluralize(judged.unknown_articles.len(), "judgement"),
                pluralize(articles.len(), "article"),
            );
            let message = format!(
                "{judgements} of {count} that are not in the collection, counted as missed: {}",
                list_ids(articles)
            );
            notes.add_incomplete(Note::new(Code::UnknownArticle, message));
        }
        if !judged.unresolved.is_empty() {
            let some = judged
                .unresolved
                .iter()
                .take(MAX_QUOTED)
                .cloned()
                .collect::<Vec<_>>()
                .join("; ");
            let judgements = pluralize(judged.unresolved.len(), "judgement");
            let message =
                format!("{judgements} of text that does not occur, counted as missed: {some}");
            notes.add_incomplete(Note::new(Code::UnresolvedJudgement, message));
        }
        if !self.queries.is_empty() {
            let searched: HashSet<&str> = ids_and_groups(&self.queries).collect();
            let judged_queries: BTreeSet<&str> = self
                .judgements
                .iter()
                .map(|judgement| judgement.query.as_str())
                .collect();
            let unasked: Vec<&str> = judged_queries
                .into_iter()
                .filter(|query| !searched.contains(query))
                .collect();
            if !unasked.is_empty() {
                let count = pluralize(unasked.len(), "query");
                let message = format!(
                    "{count} in the judgements but not among the questions: {}",
                    list_ids(unasked)
                );
                notes.add_incomplete(Note::new(Code::QueryNotAsked, message));
            }
            let unjudged: Vec<&str> = self
                .queries
                .iter()
                .map(|query| query.id.as_str())
                .filter(|query| !judged.topics.contains_key(*query))
                .collect();
            if !unjudged.is_empty() {
                let count = pluralize(unjudged.len(), "question");
                let message = format!(
                    "{count} without judgements, left out: {}",
                    list_ids(unjudged)
                );
                notes.notes.push(Note::new(Code::QueryNotJudged, message));
            }
        }
        let without_relevant = judged
            .topics
            .iter()
            .filter(|(_, topic)| topic.ideal.is_empty())
            .map(|(query, _)| query.as_str());
        let without_relevant: Vec<&str> = without_relevant.collect();
        if !without_relevant.is_empty() {
            let count = pluralize(without_relevant.len(), "question");
            let message = format!(
                "{count} with nothing judged relevant, left out: {}",
                list_ids(without_relevant)
            );
            notes.notes.push(Note::new(Code::NothingRelevant, message));
        }
        if judged.answerable().next().is_none() {
            return Err(Error::unusable(format!(
                "no question has anything judged relevant; are these the judgements of these questions?{}",
                {
                    let message = notes
                        .notes
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join("\n  ");
                    if message.is_empty() {
                        message
                    } else {
                        format!("\n  {message}")
                    }
                }
            )));
        }
        Ok(judged)
    }
}
