//! Finds what judgements point at in a corpus.

use super::{Corpus, Judged, Level, Located, Place, add, holds, passage_id};
use crate::judgement::{Judgement, Target};
use crate::{Error, Need, Result};
use aho_corasick::AhoCorasick;
use ingest::ByteSpan;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Looks judgements up in a corpus, every article once.
pub struct Resolver<'a> {
    corpus: &'a dyn Corpus,
    level: Level,
    known: HashMap<String, Option<Located>>,
    /// The articles that whole-article judgements name, by query.
    named: HashMap<String, Vec<String>>,
    /// The queries that have an answer or a span.
    pointed: HashSet<String>,
    /// Where the wordings of answers that name no article stand.
    standing: HashMap<String, Vec<(String, ByteSpan)>>,
}

impl<'a> Resolver<'a> {
    pub fn new(corpus: &'a dyn Corpus, level: Level, judgements: &[Judgement]) -> Result<Self> {
        let (mut named, mut pointed): (HashMap<String, Vec<String>>, _) = (HashMap::new(), HashSet::new());
        for Judgement { query, target, .. } in judgements {
            match target {
                Target::Article(article) => named.entry(query.clone()).or_default().push(article.clone()),
                _ => {
                    pointed.insert(query.clone());
                }
            }
        }
        let mut resolver = Self { corpus, level, known: HashMap::new(), named, pointed, standing: HashMap::new() };
        resolver.search_everywhere(judgements)?;
        Ok(resolver)
    }

    /// Finds, in one pass over all articles, every wording whose article nothing names.
    fn search_everywhere(&mut self, judgements: &[Judgement]) -> Result<()> {
        let mut wordings: Vec<&str> = Vec::new();
        for judgement in judgements {
            if let Target::Answer { article: None, wordings: those } = &judgement.target
                && !self.named.contains_key(&judgement.query)
            {
                wordings.extend(those.iter().map(String::as_str));
            }
        }
        if wordings.is_empty() {
            return Ok(());
        }
        wordings.sort_unstable();
        wordings.dedup();
        let finder = finder(&wordings)?;
        for id in self.corpus.ids()? {
            let Some(article) = self.corpus.article(&id)? else { continue };
            for (pattern, span) in found_in(&finder, &article.text) {
                let wording = wordings[pattern];
                self.standing.entry(wording.to_owned()).or_default().push((id.clone(), span));
            }
        }
        Ok(())
    }

    fn article(&mut self, id: &str) -> Result<Option<&Located>> {
        if !self.known.contains_key(id) {
            let found = self.corpus.article(id)?;
            self.known.insert(id.to_owned(), found);
        }
        Ok(self.known.get(id).and_then(Option::as_ref))
    }

    pub fn resolve(mut self, judgements: &[Judgement]) -> Result<Judged> {
        let (mut unknown, mut astray) = (Vec::new(), Vec::new());
        let mut needs: BTreeMap<String, Vec<Need>> = BTreeMap::new();
        for Judgement { query, target, grade, place } in judgements {
            let (id, places) = match target {
                // Where the answer itself is known, its article says nothing more.
                Target::Article(_) if self.level == Level::Answer && self.pointed.contains(query) => continue,
                Target::Article(article) => match self.whole(article)? {
                    Some(found) => (article.clone(), vec![found]),
                    None => {
                        unknown.push((article.clone(), place.clone()));
                        (article.clone(), Vec::new())
                    }
                },
                Target::Span { article, span, content } => {
                    let id = format!("{article}:{}-{}", span.start, span.end);
                    match self.span(article, *span, content.as_deref())? {
                        Ok(found) => (id, vec![found]),
                        Err(None) => {
                            unknown.push((article.clone(), place.clone()));
                            (id, Vec::new())
                        }
                        Err(Some(problem)) => {
                            astray.push(format!("{place}: {problem}"));
                            (id, Vec::new())
                        }
                    }
                }
                Target::Answer { article, wordings } => {
                    let places = self.answer(query, article.as_deref(), wordings)?;
                    if let Some(article) = article
                        && self.article(article)?.is_none()
                    {
                        unknown.push((article.clone(), place.clone()));
                    } else if places.is_empty() {
                        astray.push(format!(
                            "{place}: the answer {:?} stands nowhere in what it was judged on",
                            clipped(&wordings[0])
                        ));
                    }
                    (answer_id(&places, &wordings[0]), places)
                }
            };
            let of_query = needs.entry(query.clone()).or_default();
            match self.level {
                Level::Answer => add(of_query, id, *grade, places),
                Level::Article => {
                    let (id, places) = by_article(id, places, target);
                    add(of_query, id, *grade, places);
                }
            }
        }
        Ok(Judged { unknown, astray, ..Judged::of(self.level, needs) })
    }

    fn whole(&mut self, id: &str) -> Result<Option<Place>> {
        let level = self.level;
        Ok(self.article(id)?.map(|article| {
            let numbers = if level == Level::Answer { 0..article.passages.len() } else { 0..0 };
            let passages = numbers.map(|number| passage_id(id, number)).collect();
            Place { article: id.to_owned(), span: None, passages }
        }))
    }

    /// `Err(None)` if there is no such article, `Err(Some)` if the bytes do not fit it.
    fn span(&mut self, id: &str, span: ByteSpan, content: Option<&str>) -> Result<Result<Place, Option<String>>> {
        let Some(article) = self.article(id)? else { return Ok(Err(None)) };
        let Some(found) = article.text.get(span.start..span.end) else {
            let problem = format!(
                "bytes {}..{} are no text of {id:?}, which has {} bytes; offsets count bytes of UTF-8, not characters",
                span.start,
                span.end,
                article.text.len()
            );
            return Ok(Err(Some(problem)));
        };
        if let Some(content) = content.filter(|content| *content != found) {
            let (content, found) = (clipped(content), clipped(found));
            let problem = format!(
                "expected {content:?} at bytes {}..{} of {id:?}, found {found:?}; offsets count bytes of UTF-8, not characters",
                span.start, span.end
            );
            return Ok(Err(Some(problem)));
        }
        Ok(Ok(place(id, article, span)))
    }

    fn answer(&mut self, query: &str, article: Option<&str>, wordings: &[String]) -> Result<Vec<Place>> {
        let named = match article {
            Some(article) => Some(vec![article.to_owned()]),
            None => self.named.get(query).cloned(),
        };
        let mut found: Vec<(String, ByteSpan)> = match named {
            None => wordings.iter().filter_map(|wording| self.standing.get(wording)).flatten().cloned().collect(),
            Some(articles) => {
                let wordings: Vec<&str> = wordings.iter().map(String::as_str).collect();
                let finder = finder(&wordings)?;
                let mut found = Vec::new();
                for id in articles {
                    let Some(article) = self.article(&id)? else { continue };
                    found.extend(found_in(&finder, &article.text).map(|(_, span)| (id.clone(), span)));
                }
                found
            }
        };
        found.sort_unstable();
        found.dedup();
        let mut places = Vec::with_capacity(found.len());
        for (id, span) in found {
            if let Some(article) = self.article(&id)? {
                places.push(place(&id, article, span));
            }
        }
        Ok(places)
    }
}

/// The beginning of a text, for messages.
fn clipped(text: &str) -> String {
    const CHARACTERS: usize = 40;
    let mut clipped: String = text.chars().take(CHARACTERS).collect();
    if clipped.len() < text.len() {
        clipped.push('…');
    }
    clipped
}

/// Finds wordings, whatever the case of their ASCII letters.
fn finder(wordings: &[&str]) -> Result<AhoCorasick> {
    let builder = AhoCorasick::builder().ascii_case_insensitive(true).build(wordings.iter().map(|w| w.trim()));
    builder.map_err(|error| Error::Corpus(error.into()))
}

/// Where wordings stand in a text, as whole words: which wording, and its bytes.
fn found_in(finder: &AhoCorasick, text: &str) -> impl Iterator<Item = (usize, ByteSpan)> {
    let inside_a_word = |at: usize| {
        let alphanumeric = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let (before, after) = text.split_at_checked(at).unwrap_or_default();
        alphanumeric(before.chars().next_back()) && alphanumeric(after.chars().next())
    };
    finder
        .find_overlapping_iter(text)
        .filter(move |found| !inside_a_word(found.start()) && !inside_a_word(found.end()))
        .map(|found| (found.pattern().as_usize(), ByteSpan::new(found.start(), found.end())))
}

fn place(id: &str, article: &Located, span: ByteSpan) -> Place {
    let holding = article.passages.iter().enumerate().filter(|(_, passage)| holds(**passage, span));
    let passages = holding.map(|(number, _)| passage_id(id, number)).collect();
    Place { article: id.to_owned(), span: Some(span), passages }
}

fn answer_id(places: &[Place], wording: &str) -> String {
    match places {
        [Place { article, span: Some(span), .. }, ..] => format!("{article}:{}-{}", span.start, span.end),
        _ => format!("{wording:?}"),
    }
}

/// A judgement's name and places where articles are judged: those of its article, or, where it may
/// stand in several, all of them, any of which will do.
fn by_article(id: String, places: Vec<Place>, target: &Target) -> (String, Vec<Place>) {
    let mut articles: Vec<String> = places.into_iter().map(|place| place.article).collect();
    articles.dedup();
    let id = match (articles.as_slice(), target) {
        ([article], _) => article.clone(),
        (
            [],
            Target::Article(article) | Target::Span { article, .. } | Target::Answer { article: Some(article), .. },
        ) => article.clone(),
        _ => id,
    };
    let whole = |article| Place { article, span: None, passages: Vec::new() };
    (id, articles.into_iter().map(whole).collect())
}
