//! What is to be judged: questions and judgements, from files and from the collection's own
//! articles, with everything that does not fit together said.

use super::corpus::Articles;
use crate::text::counted;
use crate::{Error, Result};
use eval::judgement::{Judgement, Target};
use eval::{Judged, Level, Query};
use notes::{Code, Note};
use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use store::Collection;

/// Where questions and judgements are.
#[derive(Debug, Clone, Default)]
pub struct Judging {
    /// Questions: JSON lines with `_id` and `text`.
    pub queries: Option<PathBuf>,
    /// What is relevant to what.
    pub qrels: Vec<PathBuf>,
    /// Whether the questions of the collection's own articles are among them.
    pub qa: bool,
}

/// Questions, judgements, and what is wrong with them.
pub struct Gathered {
    /// The questions.
    pub queries: Vec<Query>,
    /// What is right.
    pub judgements: Vec<Judgement>,
    /// What does not fit together.
    pub notes: Notes,
}

/// What a reader must know, and whether it means that less was done than asked.
#[derive(Default)]
pub struct Notes {
    /// What to know.
    pub said: Vec<Note>,
    /// Whether something of what was asked for cannot be done.
    pub less: bool,
}

impl Notes {
    /// Something of what was asked for cannot be done.
    pub(crate) fn less(&mut self, note: Note) {
        self.less = true;
        self.said.push(note);
    }
}

/// The most ids that a note names, and the most problems that it quotes.
const NAMED: usize = 5;
const QUOTED: usize = 3;

/// `ids` for a note: the first few, and how many more.
fn named<'a>(ids: impl IntoIterator<Item = &'a str>) -> String {
    let ids: Vec<&str> = ids.into_iter().collect();
    let mut text = ids.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if ids.len() > NAMED {
        text.push_str(&format!(" and {} more", ids.len() - NAMED));
    }
    text
}

/// Reads the files and, if asked for, the collection's own questions.
///
/// # Errors
/// When a file does not read, ids clash, or nothing says what is right.
pub fn gather(args: &Judging, collection: Option<&dyn Collection>) -> Result<Gathered> {
    let mut queries = args.queries.as_deref().map(eval::query::read).transpose()?.unwrap_or_default();
    let (mut judgements, mut notes) = (Vec::new(), Notes::default());
    judgements.extend(eval::judgement::read(&args.qrels)?);
    if let Some(collection) = collection.filter(|_| args.qa) {
        let own = own_questions(collection)?;
        if own.is_empty() {
            return Err(Error::unusable(
                "no article of the collection asks questions of its own; index files in the question-and-answer layout, or name --queries and --qrels",
            ));
        }
        let taken: HashSet<&str> = own.iter().map(|(of, _)| of.id.as_str()).collect();
        if let Some(query) = queries.iter().find(|query| taken.contains(query.id.as_str())) {
            return Err(Error::unusable(format!(
                "the id {:?} is that of a question that an article asks itself; ids must differ",
                query.id
            )));
        }
        attach(&mut queries, &own, &mut notes);
        let (questions, of_them): (Vec<Query>, Vec<Judgement>) = own.into_iter().unzip();
        queries.splice(0..0, questions);
        judgements.extend(of_them);
    }
    if judgements.is_empty() {
        return Err(Error::unusable(
            "nothing says what is right: name judgements with --qrels, or use --qa for the questions that the articles ask themselves",
        ));
    }
    // Wordings of one question, where the file says only which question.
    for query in queries.iter_mut().filter(|query| query.group.is_none()) {
        query.group = query.question.clone();
    }
    Ok(Gathered { queries, judgements, notes })
}

/// The questions that articles ask themselves, named `ARTICLE?N`, each with the place of its answer.
///
/// # Errors
/// When the collection cannot be read.
pub fn own_questions(collection: &dyn Collection) -> Result<Vec<(Query, Judgement)>> {
    let mut ids: Vec<String> = collection.catalogue()?.articles.into_keys().collect();
    ids.sort_unstable();
    let mut own = Vec::new();
    for article in ids {
        let Some(stored) = collection.article(&article)? else { continue };
        for (number, pair) in (1..).zip(stored.article.questions) {
            let id = format!("{article}?{number}");
            let target = Target::Span { article: article.clone(), span: pair.answer, content: None };
            let judgement = Judgement { query: id.clone(), target, grade: 1, place: id.clone() };
            own.push((Query { article: Some(article.clone()), ..Query::new(id, pair.question) }, judgement));
        }
    }
    Ok(own)
}

/// Joins every query that rewords an article's question to that question's group.
pub fn attach(queries: &mut [Query], own: &[(Query, Judgement)], notes: &mut Notes) {
    let mut strays = Vec::new();
    for query in queries.iter_mut() {
        let Some(question) = &query.question else { continue };
        let file = |id: &str| id.rsplit('/').next().unwrap_or(id).to_owned();
        let same_article = |of: &Query| match (&query.article, &of.article) {
            (Some(wanted), Some(article)) => wanted == article || *wanted == file(article),
            _ => true,
        };
        match own.iter().find(|(of, _)| of.text == *question && same_article(of)) {
            Some((of, _)) => query.group = Some(of.id.clone()),
            None => strays.push(query.id.clone()),
        }
    }
    if !strays.is_empty() {
        let ids = named(strays.iter().map(String::as_str));
        let said = format!("{} rewords a question that no article asks: {ids}", counted(strays.len(), "query"));
        notes.less(Note::new(Code::UnknownQuestion, said));
    }
}

impl Gathered {
    /// Finds what the judgements point at in a collection. Only queries that were asked remain.
    ///
    /// # Errors
    /// When the collection cannot be read.
    pub fn resolve(&self, collection: Option<&dyn Collection>, level: Option<Level>) -> Result<Judged> {
        let articles = collection.map(Articles);
        let corpus = articles.as_ref().map(|articles| articles as &dyn eval::needs::Corpus);
        let mut judged = Judged::new(&self.judgements, corpus, level)?;
        judged.share(&self.queries);
        if !self.queries.is_empty() {
            let asked: HashSet<&str> = self.queries.iter().map(|query| query.id.as_str()).collect();
            judged.topics.retain(|query, _| asked.contains(query.as_str()));
        }
        Ok(judged)
    }

    /// As [`Gathered::resolve`], and says what does not fit.
    ///
    /// # Errors
    /// When no question has anything judged relevant.
    pub fn judge(&mut self, collection: Option<&dyn Collection>, level: Option<Level>) -> Result<Judged> {
        let judged = self.resolve(collection, level)?;
        let notes = &mut self.notes;
        if !judged.unknown.is_empty() {
            let articles: BTreeSet<&str> = judged.unknown.iter().map(|(article, _)| article.as_str()).collect();
            let (judgements, count) = (counted(judged.unknown.len(), "judgement"), counted(articles.len(), "article"));
            let said = format!(
                "{judgements} of {count} that the collection does not hold, counted as missed: {}",
                named(articles)
            );
            notes.less(Note::new(Code::UnknownArticle, said));
        }
        if !judged.astray.is_empty() {
            let some = judged.astray.iter().take(QUOTED).cloned().collect::<Vec<_>>().join("; ");
            let judgements = counted(judged.astray.len(), "judgement");
            let said = format!("{judgements} of what stands nowhere, counted as missed: {some}");
            notes.less(Note::new(Code::UnresolvedJudgement, said));
        }
        if !self.queries.is_empty() {
            let asked = self.queries.iter().flat_map(|query| [Some(&query.id), query.group.as_ref()]).flatten();
            let asked: HashSet<&str> = asked.map(String::as_str).collect();
            let judged_queries: BTreeSet<&str> =
                self.judgements.iter().map(|judgement| judgement.query.as_str()).collect();
            let unasked: Vec<&str> = judged_queries.into_iter().filter(|query| !asked.contains(query)).collect();
            if !unasked.is_empty() {
                let count = counted(unasked.len(), "query");
                let said = format!("{count} in the judgements and not among the questions: {}", named(unasked));
                notes.less(Note::new(Code::QueryNotAsked, said));
            }
            let unjudged: Vec<&str> = self
                .queries
                .iter()
                .map(|query| query.id.as_str())
                .filter(|query| !judged.topics.contains_key(*query))
                .collect();
            if !unjudged.is_empty() {
                let count = counted(unjudged.len(), "question");
                let said = format!("{count} without judgements, left out: {}", named(unjudged));
                notes.said.push(Note::new(Code::QueryNotJudged, said));
            }
        }
        let vain = judged.topics.iter().filter(|(_, topic)| topic.ideal.is_empty()).map(|(query, _)| query.as_str());
        let vain: Vec<&str> = vain.collect();
        if !vain.is_empty() {
            let count = counted(vain.len(), "question");
            let said = format!("{count} with nothing judged relevant, left out: {}", named(vain));
            notes.said.push(Note::new(Code::NothingRelevant, said));
        }
        if judged.answerable().next().is_none() {
            return Err(Error::unusable(format!(
                "no question has anything judged relevant; are these the judgements of these questions?{}",
                {
                    let said = notes.said.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ");
                    if said.is_empty() { said } else { format!("\n  {said}") }
                }
            )));
        }
        Ok(judged)
    }
}
