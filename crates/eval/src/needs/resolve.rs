//! Looks up in a corpus what judgements refer to.

use super::{Corpus, CorpusArticle, Level, Place, Qrels, add, covers, passage_id};
use crate::judgement::{Judgement, Target};
use crate::{Error, Need, Result};
use aho_corasick::AhoCorasick;
use ingest::ByteSpan;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Resolves judgements, loading every article at most once.
pub struct Resolver<'a> {
    corpus: &'a dyn Corpus,
    level: Level,
    articles: HashMap<String, Option<CorpusArticle>>,
    /// For each query, the articles that whole-article judgements name.
    named_articles: HashMap<String, Vec<String>>,
    /// The queries that have an answer or span judgement.
    queries_with_answers: HashSet<String>,
    /// Occurrences of the wordings of answers that name no article.
    occurrences: HashMap<String, Vec<(String, ByteSpan)>>,
}

impl<'a> Resolver<'a> {
    pub fn new(corpus: &'a dyn Corpus, level: Level, judgements: &[Judgement]) -> Result<Self> {
        let (mut named_articles, mut queries_with_answers): (HashMap<String, Vec<String>>, _) =
            (HashMap::new(), HashSet::new());
        for Judgement { query, target, .. } in judgements {
            match target {
                Target::Article(article) => named_articles
                    .entry(query.clone())
                    .or_default()
                    .push(article.clone()),
                _ => {
                    queries_with_answers.insert(query.clone());
                }
            }
        }
        let mut resolver = Self {
            corpus,
            level,
            articles: HashMap::new(),
            named_articles,
            queries_with_answers,
            occurrences: HashMap::new(),
        };
        resolver.find_unnamed_answers(judgements)?;
        Ok(resolver)
    }

    /// Finds the answers that name no article, for queries without named articles, in one pass over
    /// all articles.
    fn find_unnamed_answers(&mut self, judgements: &[Judgement]) -> Result<()> {
        let mut wordings: Vec<&str> = Vec::new();
        for judgement in judgements {
            if let Target::Answer {
                article: None,
                wordings: alternatives,
            } = &judgement.target
                && !self.named_articles.contains_key(&judgement.query)
            {
                wordings.extend(alternatives.iter().map(String::as_str));
            }
        }
        if wordings.is_empty() {
            return Ok(());
        }
        wordings.sort_unstable();
        wordings.dedup();
        let wording_matcher = wording_matcher(&wordings)?;
        for id in self.corpus.ids()? {
            let Some(article) = self.corpus.article(&id)? else {
                continue;
            };
            for (pattern, span) in find_whole_words(&wording_matcher, &article.text) {
                let wording = wordings[pattern];
                self.occurrences
                    .entry(wording.to_owned())
                    .or_default()
                    .push((id.clone(), span));
            }
        }
        Ok(())
    }

    fn article(&mut self, id: &str) -> Result<Option<&CorpusArticle>> {
        if !self.articles.contains_key(id) {
            let found = self.corpus.article(id)?;
            self.articles.insert(id.to_owned(), found);
        }
        Ok(self.articles.get(id).and_then(Option::as_ref))
    }

    pub fn resolve(mut self, judgements: &[Judgement]) -> Result<Qrels> {
        let (mut unknown_articles, mut unresolved) = (Vec::new(), Vec::new());
        let mut needs: BTreeMap<String, Vec<Need>> = BTreeMap::new();
        for Judgement {
            query,
            target,
            grade,
            source,
        } in judgements
        {
            let (id, locations) = match target {
                // At answer level, answer judgements replace those of whole articles.
                Target::Article(_)
                    if self.level == Level::Answer && self.queries_with_answers.contains(query) =>
                {
                    continue;
                }
                Target::Article(article) => match self.whole_article(article)? {
                    Some(found) => (article.clone(), vec![found]),
                    None => {
                        unknown_articles.push((article.clone(), source.clone()));
                        (article.clone(), Vec::new())
                    }
                },
                Target::Span {
                    article,
                    span,
                    content,
                } => {
                    let id = format!("{article}:{}-{}", span.start, span.end);
                    match self.span(article, *span, content.as_deref())? {
                        SpanLookup::Found(location) => (id, vec![location]),
                        SpanLookup::UnknownArticle => {
                            unknown_articles.push((article.clone(), source.clone()));
                            (id, Vec::new())
                        }
                        SpanLookup::Mismatch(problem) => {
                            unresolved.push(format!("{source}: {problem}"));
                            (id, Vec::new())
                        }
                    }
                }
                Target::Answer { article, wordings } => {
                    let locations = self.answer(query, article.as_deref(), wordings)?;
                    if let Some(article) = article
                        && self.article(article)?.is_none()
                    {
                        unknown_articles.push((article.clone(), source.clone()));
                    } else if locations.is_empty() {
                        unresolved.push(format!(
                            "{source}: the answer {:?} does not occur in the articles it was judged on",
                            shortened(&wordings[0])
                        ));
                    }
                    (answer_id(&locations, &wordings[0]), locations)
                }
            };
            let of_query = needs.entry(query.clone()).or_default();
            match self.level {
                Level::Answer => add(of_query, id, *grade, locations),
                Level::Article => {
                    let (id, locations) = as_article(id, locations, target);
                    add(of_query, id, *grade, locations);
                }
            }
        }
        Ok(Qrels {
            unknown_articles,
            unresolved,
            ..Qrels::of(self.level, needs)
        })
    }

    fn whole_article(&mut self, id: &str) -> Result<Option<Place>> {
        let level = self.level;
        Ok(self.article(id)?.map(|article| {
            let numbers = if level == Level::Answer {
                0..article.passages.len()
            } else {
                0..0
            };
            let passages = numbers.map(|number| passage_id(id, number)).collect();
            Place {
                article: id.to_owned(),
                span: None,
                passages,
            }
        }))
    }

    /// Looks up a span and, if `content` is given, compares it with the text there.
    fn span(&mut self, id: &str, span: ByteSpan, content: Option<&str>) -> Result<SpanLookup> {
        let Some(article) = self.article(id)? else {
            return Ok(SpanLookup::UnknownArticle);
        };
        let Some(found) = article.text.get(span.start..span.end) else {
            let problem = format!(
                "bytes {}..{} are not a text range of {id:?}, which has {} bytes; offsets are bytes of UTF-8, not characters",
                span.start,
                span.end,
                article.text.len()
            );
            return Ok(SpanLookup::Mismatch(problem));
        };
        if let Some(content) = content.filter(|content| *content != found) {
            let (content, found) = (shortened(content), shortened(found));
            let problem = format!(
                "expected {content:?} at bytes {}..{} of {id:?}, found {found:?}; offsets are bytes of UTF-8, not characters",
                span.start, span.end
            );
            return Ok(SpanLookup::Mismatch(problem));
        }
        Ok(SpanLookup::Found(locate(id, article, span)))
    }

    fn answer(
        &mut self,
        query: &str,
        article: Option<&str>,
        wordings: &[String],
    ) -> Result<Vec<Place>> {
        let named_articles = match article {
            Some(article) => Some(vec![article.to_owned()]),
            None => self.named_articles.get(query).cloned(),
        };
        let mut found: Vec<(String, ByteSpan)> = match named_articles {
            None => wordings
                .iter()
                .filter_map(|wording| self.occurrences.get(wording))
                .flatten()
                .cloned()
                .collect(),
            Some(articles) => {
                let wordings: Vec<&str> = wordings.iter().map(String::as_str).collect();
                let wording_matcher = wording_matcher(&wordings)?;
                let mut found = Vec::new();
                for id in articles {
                    let Some(article) = self.article(&id)? else {
                        continue;
                    };
                    found.extend(
                        find_whole_words(&wording_matcher, &article.text)
                            .map(|(_, span)| (id.clone(), span)),
                    );
                }
                found
            }
        };
        found.sort_unstable();
        found.dedup();
        let mut locations = Vec::with_capacity(found.len());
        for (id, span) in found {
            if let Some(article) = self.article(&id)? {
                locations.push(locate(&id, article, span));
            }
        }
        Ok(locations)
    }
}

enum SpanLookup {
    Found(Place),
    UnknownArticle,
    /// The article has no such bytes, or another text there. Holds a message.
    Mismatch(String),
}

/// The beginning of a text, for messages.
fn shortened(text: &str) -> String {
    const CHARACTERS: usize = 40;
    let mut shortened: String = text.chars().take(CHARACTERS).collect();
    if shortened.len() < text.len() {
        shortened.push('…');
    }
    shortened
}

/// Matches wordings, ignoring ASCII letter case.
fn wording_matcher(wordings: &[&str]) -> Result<AhoCorasick> {
    let builder = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(wordings.iter().map(|w| w.trim()));
    builder.map_err(|error| Error::Corpus(error.into()))
}

/// The whole-word matches in a text: index of the wording, and byte range.
fn find_whole_words(
    wording_matcher: &AhoCorasick,
    text: &str,
) -> impl Iterator<Item = (usize, ByteSpan)> {
    let inside_a_word = |at: usize| {
        let alphanumeric = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let (before, after) = text.split_at_checked(at).unwrap_or_default();
        alphanumeric(before.chars().next_back()) && alphanumeric(after.chars().next())
    };
    wording_matcher
        .find_overlapping_iter(text)
        .filter(move |found| !inside_a_word(found.start()) && !inside_a_word(found.end()))
        .map(|found| {
            (
                found.pattern().as_usize(),
                ByteSpan::new(found.start(), found.end()),
            )
        })
}

/// Finds the passages that cover a span.
fn locate(id: &str, article: &CorpusArticle, span: ByteSpan) -> Place {
    let covering = article
        .passages
        .iter()
        .enumerate()
        .filter(|(_, passage)| covers(**passage, span));
    let passages = covering.map(|(number, _)| passage_id(id, number)).collect();
    Place {
        article: id.to_owned(),
        span: Some(span),
        passages,
    }
}

fn answer_id(locations: &[Place], wording: &str) -> String {
    match locations {
        [
            Place {
                article,
                span: Some(span),
                ..
            },
            ..,
        ] => format!("{article}:{}-{}", span.start, span.end),
        _ => format!("{wording:?}"),
    }
}

/// Turns a need into one at article level: its article or, if it occurs in several, all of them as
/// alternatives.
fn as_article(id: String, locations: Vec<Place>, target: &Target) -> (String, Vec<Place>) {
    let mut articles: Vec<String> = locations
        .into_iter()
        .map(|location| location.article)
        .collect();
    articles.dedup();
    let id = match (articles.as_slice(), target) {
        ([article], _) => article.clone(),
        (
            [],
            Target::Article(article)
            | Target::Span { article, .. }
            | Target::Answer {
                article: Some(article),
                ..
            },
        ) => article.clone(),
        _ => id,
    };
    let whole_article = |article| Place {
        article,
        span: None,
        passages: Vec::new(),
    };
    (id, articles.into_iter().map(whole_article).collect())
}
