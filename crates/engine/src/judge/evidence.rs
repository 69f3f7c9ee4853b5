//! Where misses were lost: for every missed need, its rank in each list by itself, and whether the
//! model would have found what its window cut off.

use super::corpus::Directory;
use super::{System, ranks_of};
use crate::{Part, Questions, Result, Watch, forks};
use eval::loss::{Evidence, Losses, Searched, cause};
use eval::needs::Topic;
use eval::report::Miss;
use eval::{Judged, Level, Need};
use ingest::chunk::CONTEXT_SHARE;
use ingest::{ByteSpan, Embedder, Role};
use query::parallel::in_order;
use query::{By, Options, Searcher};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use store::{Collection, DenseSearch, StoredArticle};

/// What is needed to look into misses.
pub struct Look<'a> {
    pub collection: &'a dyn Collection,
    pub questions: &'a Questions<'a>,
    pub embedder: Option<&'a dyn Embedder>,
    pub threads: usize,
    /// How the fused list is made, with exact vectors.
    pub hybrid: &'a Options,
    pub watch: &'a dyn Watch,
}

/// A query with needs that a system missed.
struct Case<'a> {
    query: &'a str,
    /// Its place among the questions; `None` where it was not asked here.
    asked: Option<usize>,
    topic: &'a Topic,
    /// By system: the rank of each need.
    ranks: Vec<Vec<Option<usize>>>,
}

/// Misses by cause, and one by one. `texts` has the words of each query.
pub fn losses(
    judged: &Judged,
    systems: &[System],
    at: usize,
    look: Option<&Look<'_>>,
    texts: &HashMap<&str, (usize, &str)>,
) -> Result<(Vec<Losses>, Vec<Miss>)> {
    let missed = |topic: &Topic, ranks: &[Option<usize>]| {
        topic.needs.iter().zip(ranks).any(|(need, rank)| need.is_relevant() && rank.is_none_or(|rank| rank > at))
    };
    let cases: Vec<Case<'_>> = judged
        .answerable()
        .map(|(query, topic)| {
            let ranks = systems.iter().map(|system| ranks_of(judged, &system.run, query)).collect();
            Case { query, asked: texts.get(query).map(|(place, _)| *place), topic, ranks }
        })
        .collect();
    let lost: Vec<&Case<'_>> = cases.iter().filter(|case| case.ranks.iter().any(|r| missed(case.topic, r))).collect();
    let evidence = match look {
        Some(look) => gather(look, systems, &lost, at)?,
        None => lost
            .iter()
            .map(|case| vec![Evidence { indexed: true, held: true, ..Default::default() }; case.topic.needs.len()])
            .collect(),
    };
    let (mut all, mut misses) = (Vec::new(), Vec::new());
    for (number, system) in systems.iter().enumerate() {
        let (mut found, mut causes) = (0, Vec::new());
        for case in &cases {
            let relevant = case.topic.needs.iter().zip(&case.ranks[number]).filter(|(need, _)| need.is_relevant());
            found += relevant.filter(|(_, rank)| rank.is_some_and(|rank| rank <= at)).count();
        }
        for (case, evidence) in lost.iter().zip(&evidence) {
            let before = system.reranked.and_then(|before| case.ranks.get(before));
            for (place, need) in case.topic.needs.iter().enumerate().filter(|(_, need)| need.is_relevant()) {
                let rank = case.ranks[number][place];
                if rank.is_some_and(|rank| rank <= at) {
                    continue;
                }
                let before = before.and_then(|ranks| ranks[place]);
                let known = evidence[place];
                // Dense search is exact in its own list.
                let exact = if system.searched == Searched::Dense { known.dense } else { known.exact };
                let cause = cause(system.searched, at, &Evidence { before, exact, ..known });
                causes.push(cause);
                misses.push(Miss {
                    system: system.run.name.clone(),
                    query: case.query.to_owned(),
                    question: texts.get(case.query).map_or_else(String::new, |(_, text)| (*text).to_owned()),
                    target: need.id.clone(),
                    cause,
                    rank,
                    dense_rank: known.dense,
                    lexical_rank: known.lexical,
                });
            }
        }
        all.push(Losses::new(system.run.name.clone(), found, &causes));
    }
    Ok((all, misses))
}

/// For every case, the evidence of each of its needs.
fn gather(look: &Look<'_>, systems: &[System], lost: &[&Case<'_>], at: usize) -> Result<Vec<Vec<Evidence>>> {
    if lost.is_empty() {
        return Ok(Vec::new());
    }
    let has = |searched: Searched| systems.iter().any(|system| system.searched == searched);
    let (dense, lexical) =
        (has(Searched::Dense) || has(Searched::Hybrid), has(Searched::Lexical) || has(Searched::Hybrid));
    let Look { collection, questions, embedder, threads, hybrid, watch } = *look;
    let filter = hybrid.filter.as_ref();
    let directory = Directory::new(collection)?;
    let what_if = WhatIf { collection, vectors: Mutex::default(), articles: Mutex::default() };
    let threads = threads.min(lost.len().max(1));
    let mut workers: Vec<Option<Box<dyn Embedder>>> = match embedder.filter(|_| dense) {
        Some(embedder) => forks(embedder, threads)?.into_iter().map(Some).collect(),
        None => (0..threads).map(|_| None).collect(),
    };
    let part = Part::begin(watch, "finding where misses were lost", lost.len());
    let by_article = hybrid.by == By::Article;
    in_order(&mut workers, lost, None, |embedder, case| {
        part.one()?;
        let topic = case.topic;
        let mut evidence: Vec<Evidence> = topic
            .needs
            .iter()
            .map(|need| Evidence { indexed: !need.places.is_empty(), held: need.is_held(), ..Default::default() })
            .collect();
        let Some(asked) = case.asked else { return Ok(evidence) };
        if let Some(vector) = questions.vector(asked).filter(|_| dense) {
            let list = collection.search_dense(vector, directory.len(), DenseSearch::Exact, filter)?;
            let names = directory.names(&list, by_article);
            for (of, rank) in evidence.iter_mut().zip(topic.ranks(names.iter().map(|(name, _)| *name))) {
                of.dense = rank;
            }
            if let (Some(embedder), Some((_, last))) = (embedder.as_mut(), names.get(at.saturating_sub(1))) {
                for (of, need) in evidence.iter_mut().zip(&topic.needs) {
                    if need.is_relevant() && of.dense.is_none_or(|rank| rank > at) {
                        let embedder = &mut **embedder;
                        of.unread = what_if.read_to_its_end(embedder, need, vector)?.is_some_and(|score| score > *last);
                        of.cut_up = what_if.in_one_piece(embedder, need, vector)?.is_some_and(|score| score > *last);
                    }
                }
            }
        }
        if lexical {
            let list = collection.search_lexical(questions.text(asked), directory.len(), filter)?;
            let names = directory.names(&list, by_article);
            for (of, rank) in evidence.iter_mut().zip(topic.ranks(names.iter().map(|(name, _)| *name))) {
                of.lexical = rank;
            }
        }
        if has(Searched::Hybrid) {
            let mut searcher = Searcher::new(collection, None)?;
            let mut run = eval::Run::new("");
            run.set("", questions.ask(&mut searcher, asked, hybrid)?);
            for (of, rank) in evidence.iter_mut().zip(topic.ranks(run.ranking("").map(|found| found.id))) {
                of.exact = rank;
            }
        }
        Ok(evidence)
    })
}

/// The vectors of the parts of a passage.
type Parts = Vec<Vec<f32>>;

/// How near needs would be to a question had they not been cut: each cause is tested, not guessed.
struct WhatIf<'a> {
    collection: &'a dyn Collection,
    /// By article and bytes, what was embedded before; empty where nothing had to be.
    vectors: Mutex<HashMap<(String, ByteSpan), Parts>>,
    articles: Mutex<HashMap<String, Arc<StoredArticle>>>,
}

/// The most windows of one passage that are looked into.
const WINDOWS: usize = 64;
/// The most articles that are kept at hand.
const KEPT: usize = 4096;

impl WhatIf<'_> {
    /// The cosine of the nearest part that the model did not read of the passages that hold a need.
    fn read_to_its_end(&self, embedder: &mut dyn Embedder, need: &Need, question: &[f32]) -> Result<Option<f32>> {
        let mut nearest = None;
        for place in &need.places {
            let Some(stored) = self.article(&place.article)? else { continue };
            let holds = |passage: &&ByteSpan| place.span.is_none_or(|span| eval::needs::holds(**passage, span));
            for passage in stored.passages.iter().filter(holds) {
                let vectors = self.once(&place.article, *passage, || self.unread(embedder, &stored, *passage))?;
                nearest = nearer(nearest, &vectors, question);
            }
        }
        Ok(nearest)
    }

    /// The cosine of an answer that no passage holds whole, embedded in one piece.
    fn in_one_piece(&self, embedder: &mut dyn Embedder, need: &Need, question: &[f32]) -> Result<Option<f32>> {
        let mut nearest = None;
        for place in &need.places {
            let Some(span) = place.span else { return Ok(None) };
            let Some(stored) = self.article(&place.article)? else { continue };
            if stored.passages.iter().any(|passage| passage.start <= span.start && span.end <= passage.end) {
                return Ok(None);
            }
            let text = span.of(&stored.article.text);
            let vectors = self.once(&place.article, span, || Ok(vec![embedder.embed(text, Role::Passage)?.vector]))?;
            nearest = nearer(nearest, &vectors, question);
        }
        Ok(nearest)
    }

    /// What `make` gives for these bytes, made once.
    fn once(&self, article: &str, span: ByteSpan, make: impl FnOnce() -> Result<Parts>) -> Result<Parts> {
        let key = (article.to_owned(), span);
        if let Some(known) = self.vectors.lock().ok().and_then(|known| known.get(&key).cloned()) {
            return Ok(known);
        }
        let vectors = make()?;
        if let Ok(mut known) = self.vectors.lock() {
            known.insert(key, vectors.clone());
        }
        Ok(vectors)
    }

    /// What lies of a passage beyond the model's window, window by window.
    fn unread(&self, embedder: &mut dyn Embedder, stored: &StoredArticle, passage: ByteSpan) -> Result<Parts> {
        let (pieces, room) = (embedder.pieces().clone(), embedder.model().room());
        let (article, text) = (&stored.article, passage.of(&stored.article.text));
        let mut vectors = Vec::new();
        // What stands in front of a passage is its title, or takes at most a share of the window; so
        // most passages need not be cut out of their article again to see that all was read.
        let context = pieces.count(&article.title).max(room / CONTEXT_SHARE);
        if pieces.count(text) + context > room {
            let chunking = self.collection.manifest().chunking;
            let cuts = chunking.cut(article, room, &|text| pieces.count(text));
            let read = cuts.into_iter().find(|cut| cut.span == passage).map(|cut| cut.embedded_text(article));
            let read = read.unwrap_or_else(|| text.to_owned());
            let mut rest = pieces.beyond(&read, room);
            while !rest.trim().is_empty() && vectors.len() < WINDOWS {
                vectors.push(embedder.embed(rest, Role::Passage)?.vector);
                rest = pieces.beyond(rest, room);
            }
        }
        Ok(vectors)
    }

    /// An article, kept for the next need in it.
    fn article(&self, id: &str) -> Result<Option<Arc<StoredArticle>>> {
        if let Some(known) = self.articles.lock().ok().and_then(|known| known.get(id).cloned()) {
            return Ok(Some(known));
        }
        let Some(stored) = self.collection.article(id)?.map(Arc::new) else { return Ok(None) };
        if let Ok(mut known) = self.articles.lock()
            && known.len() < KEPT
        {
            known.insert(id.to_owned(), stored.clone());
        }
        Ok(Some(stored))
    }
}

/// The highest cosine of `nearest` and `vectors` with the question.
fn nearer(nearest: Option<f32>, vectors: &Parts, question: &[f32]) -> Option<f32> {
    let cosines = vectors.iter().map(|vector| index::distance::dot()(vector, question));
    nearest.into_iter().chain(cosines).reduce(f32::max)
}

/// What a search of this level ranks.
pub fn by(level: Level) -> By {
    match level {
        Level::Article => By::Article,
        Level::Answer => By::Passage,
    }
}
