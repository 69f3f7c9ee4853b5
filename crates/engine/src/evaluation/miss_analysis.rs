//! Causes of misses: the rank of each missed need in the dense list and in the lexical list alone,
//! and whether it would have been found without truncation or chunking.

use super::corpus::PassageDirectory;
use super::{System, ranks_of};
use crate::{EmbeddedQueries, Progress, Result, Stage, fork_embedder};
use eval::misses::{Evidence, MissCounts, SystemKind, diagnose};
use eval::needs::Topic;
use eval::report::Miss;
use eval::{Level, Need, Qrels};
use ingest::chunk::CONTEXT_DIVISOR;
use ingest::{ByteSpan, Embedder, Role};
use parallel::map_in_order;
use query::{Options, ResultUnit, Searcher};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use store::{Collection, DenseSearch, StoredArticle};

/// What the analysis needs besides the rankings.
pub struct MissContext<'a> {
    pub collection: &'a dyn Collection,
    pub queries: &'a EmbeddedQueries<'a>,
    pub embedder: Option<&'a dyn Embedder>,
    pub threads: usize,
    /// The options of hybrid search with exact vectors.
    pub hybrid: &'a Options,
    pub progress: &'a dyn Progress,
}

/// A query and the ranks of its needs.
struct QueryRanks<'a> {
    id: &'a str,
    /// The index among the embedded queries; `None` if the query was not searched for.
    index: Option<usize>,
    topic: &'a Topic,
    /// By system, the rank of each need.
    ranks: Vec<Vec<Option<usize>>>,
}

/// Counts misses by cause, and lists them. `texts` has the index and the text of each query, by id.
pub fn analyze_misses(
    judged: &Qrels,
    systems: &[System],
    cutoff: usize,
    context: Option<&MissContext<'_>>,
    texts: &HashMap<&str, (usize, &str)>,
) -> Result<(Vec<MissCounts>, Vec<Miss>)> {
    let has_miss = |topic: &Topic, ranks: &[Option<usize>]| {
        topic
            .needs
            .iter()
            .zip(ranks)
            .any(|(need, rank)| need.is_relevant() && rank.is_none_or(|rank| rank > cutoff))
    };
    let all: Vec<QueryRanks<'_>> = judged
        .answerable()
        .map(|(id, topic)| {
            let ranks = systems
                .iter()
                .map(|system| ranks_of(judged, &system.run, id))
                .collect();
            QueryRanks {
                id,
                index: texts.get(id).map(|(index, _)| *index),
                topic,
                ranks,
            }
        })
        .collect();
    let missed: Vec<&QueryRanks<'_>> = all
        .iter()
        .filter(|query| query.ranks.iter().any(|r| has_miss(query.topic, r)))
        .collect();
    let evidence = match context {
        Some(context) => gather_evidence(context, systems, &missed, cutoff)?,
        None => missed
            .iter()
            .map(|query| {
                vec![
                    Evidence {
                        indexed: true,
                        covered: true,
                        ..Default::default()
                    };
                    query.topic.needs.len()
                ]
            })
            .collect(),
    };
    let (mut losses, mut misses) = (Vec::new(), Vec::new());
    for (number, system) in systems.iter().enumerate() {
        let (mut found, mut causes) = (0, Vec::new());
        for query in &all {
            let relevant = query
                .topic
                .needs
                .iter()
                .zip(&query.ranks[number])
                .filter(|(need, _)| need.is_relevant());
            found += relevant
                .filter(|(_, rank)| rank.is_some_and(|rank| rank <= cutoff))
                .count();
        }
        for (query, evidence) in missed.iter().zip(&evidence) {
            let before = system.reranked.and_then(|before| query.ranks.get(before));
            for (place, need) in query
                .topic
                .needs
                .iter()
                .enumerate()
                .filter(|(_, need)| need.is_relevant())
            {
                let rank = query.ranks[number][place];
                if rank.is_some_and(|rank| rank <= cutoff) {
                    continue;
                }
                let before_reranking = before.and_then(|ranks| ranks[place]);
                let evidence = evidence[place];
                // Dense search is exact in its own list.
                let exact = if system.searched == SystemKind::Dense {
                    evidence.dense
                } else {
                    evidence.exact
                };
                let cause = diagnose(
                    system.searched,
                    cutoff,
                    &Evidence {
                        before_reranking,
                        exact,
                        ..evidence
                    },
                );
                causes.push(cause);
                misses.push(Miss {
                    system: system.run.name.clone(),
                    query: query.id.to_owned(),
                    question: texts
                        .get(query.id)
                        .map_or_else(String::new, |(_, text)| (*text).to_owned()),
                    target: need.id.clone(),
                    cause,
                    rank,
                    dense_rank: evidence.dense,
                    lexical_rank: evidence.lexical,
                });
            }
        }
        losses.push(MissCounts::new(system.run.name.clone(), found, &causes));
    }
    Ok((losses, misses))
}

/// The evidence on each need of each missed query.
fn gather_evidence(
    context: &MissContext<'_>,
    systems: &[System],
    missed: &[&QueryRanks<'_>],
    cutoff: usize,
) -> Result<Vec<Vec<Evidence>>> {
    if missed.is_empty() {
        return Ok(Vec::new());
    }
    let has = |searched: SystemKind| systems.iter().any(|system| system.searched == searched);
    let (dense, lexical) = (
        has(SystemKind::Dense) || has(SystemKind::Hybrid),
        has(SystemKind::Lexical) || has(SystemKind::Hybrid),
    );
    let MissContext {
        collection,
        queries,
        embedder,
        threads,
        hybrid,
        progress,
    } = *context;
    let filter = hybrid.filter.as_ref();
    let directory = PassageDirectory::new(collection)?;
    let counterfactuals = Counterfactuals {
        collection,
        vectors: Mutex::default(),
        articles: Mutex::default(),
    };
    let threads = threads.min(missed.len().max(1));
    let mut workers: Vec<Option<Box<dyn Embedder>>> = match embedder.filter(|_| dense) {
        Some(embedder) => fork_embedder(embedder, threads)?
            .into_iter()
            .map(Some)
            .collect(),
        None => (0..threads).map(|_| None).collect(),
    };
    let stage = Stage::start(progress, "finding where misses were lost", missed.len());
    map_in_order(&mut workers, missed, None, |embedder, query| {
        stage.advance()?;
        let topic = query.topic;
        let mut evidence: Vec<Evidence> = topic
            .needs
            .iter()
            .map(|need| Evidence {
                indexed: !need.locations.is_empty(),
                covered: need.is_covered(),
                ..Default::default()
            })
            .collect();
        let Some(index) = query.index else {
            return Ok(evidence);
        };
        if let Some(vector) = queries.vector(index).filter(|_| dense) {
            let list =
                collection.search_dense(vector, directory.len(), DenseSearch::Exact, filter)?;
            let ranking = directory.ranking(&list, hybrid.by);
            for (of, rank) in evidence
                .iter_mut()
                .zip(topic.ranks(ranking.iter().map(|(id, _)| *id)))
            {
                of.dense = rank;
            }
            if let (Some(embedder), Some((_, last))) =
                (embedder.as_mut(), ranking.get(cutoff.saturating_sub(1)))
            {
                for (of, need) in evidence.iter_mut().zip(&topic.needs) {
                    if need.is_relevant() && of.dense.is_none_or(|rank| rank > cutoff) {
                        let embedder = &mut **embedder;
                        of.found_if_not_truncated = counterfactuals
                            .best_truncated_cosine(embedder, need, vector)?
                            .is_some_and(|score| score > *last);
                        of.found_if_not_split = counterfactuals
                            .best_unsplit_cosine(embedder, need, vector)?
                            .is_some_and(|score| score > *last);
                    }
                }
            }
        }
        if lexical {
            let list = collection.search_lexical(queries.text(index), directory.len(), filter)?;
            let ranking = directory.ranking(&list, hybrid.by);
            for (of, rank) in evidence
                .iter_mut()
                .zip(topic.ranks(ranking.iter().map(|(id, _)| *id)))
            {
                of.lexical = rank;
            }
        }
        if has(SystemKind::Hybrid) {
            let mut searcher = Searcher::new(collection, None)?;
            let mut run = eval::Run::new("");
            run.set("", queries.search_one(&mut searcher, index, hybrid)?);
            for (of, rank) in evidence
                .iter_mut()
                .zip(topic.ranks(run.ranking("").map(|found| found.id)))
            {
                of.exact = rank;
            }
        }
        Ok(evidence)
    })
}

/// The vectors of the parts of a passage.
type PartVectors = Vec<Vec<f32>>;

/// Tests whether needs would have been found if they had not been truncated or split.
struct Counterfactuals<'a> {
    collection: &'a dyn Collection,
    /// The vectors by article and span. Empty if nothing had to be embedded.
    vectors: Mutex<HashMap<(String, ByteSpan), PartVectors>>,
    articles: Mutex<HashMap<String, Arc<StoredArticle>>>,
}

/// The most windows embedded of one passage.
const MAX_WINDOWS: usize = 64;
/// The most articles kept in memory.
const MAX_CACHED_ARTICLES: usize = 4096;

impl Counterfactuals<'_> {
    /// The best cosine of the truncated parts of the passages that hold a need.
    fn best_truncated_cosine(
        &self,
        embedder: &mut dyn Embedder,
        need: &Need,
        query: &[f32],
    ) -> Result<Option<f32>> {
        let mut best = None;
        for place in &need.locations {
            let Some(stored) = self.article(&place.article)? else {
                continue;
            };
            let holds = |passage: &&ByteSpan| {
                place
                    .span
                    .is_none_or(|span| eval::needs::covers(**passage, span))
            };
            for passage in stored.passages.iter().filter(holds) {
                let vectors = self.cached(&place.article, *passage, || {
                    self.embed_truncated(embedder, &stored, *passage)
                })?;
                best = max_cosine(best, &vectors, query);
            }
        }
        Ok(best)
    }

    /// The best cosine of the need's answer, embedded as a whole; `None` if some passage holds it
    /// whole.
    fn best_unsplit_cosine(
        &self,
        embedder: &mut dyn Embedder,
        need: &Need,
        query: &[f32],
    ) -> Result<Option<f32>> {
        let mut best = None;
        for place in &need.locations {
            let Some(span) = place.span else {
                return Ok(None);
            };
            let Some(stored) = self.article(&place.article)? else {
                continue;
            };
            if stored
                .passages
                .iter()
                .any(|passage| passage.start <= span.start && span.end <= passage.end)
            {
                return Ok(None);
            }
            let text = span.of(&stored.article.text);
            let vectors = self.cached(&place.article, span, || {
                Ok(vec![embedder.embed(text, Role::Passage)?.vector])
            })?;
            best = max_cosine(best, &vectors, query);
        }
        Ok(best)
    }

    /// Computes the vectors of a span once.
    fn cached(
        &self,
        article: &str,
        span: ByteSpan,
        make: impl FnOnce() -> Result<PartVectors>,
    ) -> Result<PartVectors> {
        let key = (article.to_owned(), span);
        if let Some(cached) = self
            .vectors
            .lock()
            .ok()
            .and_then(|cached| cached.get(&key).cloned())
        {
            return Ok(cached);
        }
        let vectors = make()?;
        if let Ok(mut cached) = self.vectors.lock() {
            cached.insert(key, vectors.clone());
        }
        Ok(vectors)
    }

    /// The vectors of the part of a passage beyond the model's window, one per window.
    fn embed_truncated(
        &self,
        embedder: &mut dyn Embedder,
        stored: &StoredArticle,
        passage: ByteSpan,
    ) -> Result<PartVectors> {
        let (tokenizer, max_tokens) = (
            embedder.tokenizer().clone(),
            embedder.model().max_passage_tokens(),
        );
        let (article, text) = (&stored.article, passage.of(&stored.article.text));
        let mut vectors = Vec::new();
        // A passage is embedded with its title, or with a context of at most a share of the window.
        // So most passages are known to fit without chunking their article again.
        let context = tokenizer
            .count(&article.title)
            .max(max_tokens / CONTEXT_DIVISOR);
        if tokenizer.count(text) + context > max_tokens {
            let chunking = self.collection.manifest().chunking;
            let cuts = chunking.chunk(article, max_tokens, &|text| tokenizer.count(text));
            let embedded = cuts
                .into_iter()
                .find(|cut| cut.span == passage)
                .map(|cut| cut.embedded_text(article));
            let embedded = embedded.unwrap_or_else(|| text.to_owned());
            let mut rest = tokenizer.truncated_suffix(&embedded, max_tokens);
            while !rest.trim().is_empty() && vectors.len() < MAX_WINDOWS {
                vectors.push(embedder.embed(rest, Role::Passage)?.vector);
                rest = tokenizer.truncated_suffix(rest, max_tokens);
            }
        }
        Ok(vectors)
    }

    /// An article, kept in memory for the next need in it.
    fn article(&self, id: &str) -> Result<Option<Arc<StoredArticle>>> {
        if let Some(cached) = self
            .articles
            .lock()
            .ok()
            .and_then(|cached| cached.get(id).cloned())
        {
            return Ok(Some(cached));
        }
        let Some(stored) = self.collection.article(id)?.map(Arc::new) else {
            return Ok(None);
        };
        if let Ok(mut cached) = self.articles.lock()
            && cached.len() < MAX_CACHED_ARTICLES
        {
            cached.insert(id.to_owned(), stored.clone());
        }
        Ok(Some(stored))
    }
}

/// The highest of `best` and the cosines of `vectors` with the query.
fn max_cosine(best: Option<f32>, vectors: &PartVectors, query: &[f32]) -> Option<f32> {
    let cosines = vectors
        .iter()
        .map(|vector| index::distance::dot()(vector, query));
    best.into_iter().chain(cosines).reduce(f32::max)
}

/// The result unit that fits a level of judgements.
pub fn result_unit(level: Level) -> ResultUnit {
    match level {
        Level::Article => ResultUnit::Article,
        Level::Answer => ResultUnit::Passage,
    }
}
