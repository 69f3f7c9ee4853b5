//! Causes of misses: the rank of each missed need in the dense list and in the lexical list alone,
//! and whether it would have been found without truncation or chunking.

use super::corpus::PassageDirectory;
use super::counterfactuals::Counterfactuals;
use super::{System, ranks_of};
use crate::{EmbeddedQueries, Progress, Result, Stage, fork_embedder};
use eval::misses::{Evidence, MissCounts, SystemKind, diagnose};
use eval::needs::Topic;
use eval::report::Miss;
use eval::run::Scored;
use eval::{Level, Need, Qrels};
use ingest::Embedder;
use parallel::map_in_order;
use query::{ArticleScore, Mode, Options, ResultUnit, Searcher};
use std::collections::HashMap;
use store::{Collection, DenseSearch};

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
        Some(context) => gather_evidence(context, judged.level, systems, &missed, cutoff)?,
        None => missed
            .iter()
            .map(|query| {
                let known = Evidence {
                    indexed: true,
                    covered: true,
                    ..Default::default()
                };
                let needs = vec![known; query.topic.needs.len()];
                let lists = |_| TestLists::default();
                add_systems(query, systems, cutoff, &needs, lists, |_, _| Ok(false))
            })
            .collect::<Result<_>>()?,
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
                let evidence = evidence[number][place];
                let cause = diagnose(system.searched, cutoff, &evidence);
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

/// How deep the lists of the tests are at least: a result that a tie or the scoring of articles
/// pushed far down is to be found in them.
const TEST_DEPTH: usize = 300;

/// The evidence on a query: by system, on each need.
type QueryEvidence = Vec<Vec<Evidence>>;

/// A ranking of ids with scores, best first.
type Ranking<'a> = Vec<(&'a str, f32)>;

/// What a system's list would be in other circumstances.
#[derive(Default)]
struct TestLists<'a> {
    /// Searched exactly.
    by_exact_search: Option<&'a Ranking<'a>>,
    /// Searched exactly, with articles scored by their best passage; `None` if they are anyway.
    by_best_passage: Option<&'a Ranking<'a>>,
}

/// Adds to what is known about the needs of a query what is known about their place in each system's
/// list. `has_copy` says whether one of some results has a copy of what meets a need.
fn add_systems<'a>(
    query: &QueryRanks<'_>,
    systems: &[System],
    cutoff: usize,
    needs: &[Evidence],
    lists: impl Fn(SystemKind) -> TestLists<'a>,
    has_copy: impl Fn(&Need, &[&str]) -> Result<bool>,
) -> Result<QueryEvidence> {
    let QueryRanks { topic, ranks, .. } = query;
    let mut evidence = vec![needs.to_vec(); systems.len()];
    for ((system, evidence), own_ranks) in systems.iter().zip(&mut evidence).zip(ranks) {
        let own: Ranking<'_> = system
            .run
            .ranking(query.id)
            .map(|found| (found.id, found.score))
            .collect();
        let first: Vec<&str> = own.iter().take(cutoff).map(|(id, _)| *id).collect();
        let lists = lists(system.searched);
        // Nothing but its own list is known of a run file or a reranker.
        let exact_list = lists.by_exact_search.unwrap_or(&own);
        let rank_of = |list: &Ranking<'_>| topic.ranks(list.iter().map(|(id, _)| *id));
        let exact_ranks = lists.by_exact_search.map(rank_of);
        let best_passage_ranks = lists.by_best_passage.map(rank_of);
        let before_reranking = system.reranked.and_then(|before| ranks.get(before));
        for (at, need) in topic.needs.iter().enumerate() {
            let missed = own_ranks[at].is_none_or(|rank| rank > cutoff);
            if !need.is_relevant() || !missed {
                continue;
            }
            let of = &mut evidence[at];
            // A run file may have been made without the filter.
            of.filtered_out &= system.searched != SystemKind::File || system.reranked.is_some();
            of.copy_found = has_copy(need, &first)?;
            of.best_among_ties = topic.rank_before_ties(at, exact_list);
            of.by_exact_search = exact_ranks.as_ref().and_then(|ranks| ranks[at]);
            of.by_best_passage = best_passage_ranks.as_ref().and_then(|ranks| ranks[at]);
            of.before_reranking = before_reranking.and_then(|ranks| ranks[at]);
        }
    }
    Ok(evidence)
}

/// The evidence on each missed query.
fn gather_evidence(
    context: &MissContext<'_>,
    level: Level,
    systems: &[System],
    missed: &[&QueryRanks<'_>],
    cutoff: usize,
) -> Result<Vec<QueryEvidence>> {
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
    let allowed = filter
        .map(|filter| directory.allowed(collection, filter, hybrid.by))
        .transpose()?;
    let counterfactuals = Counterfactuals::new(collection);
    let has_copy = |need: &Need, results: &[&str]| counterfactuals.has_copy(need, level, results);
    let is_summed = hybrid.by == ResultUnit::Article && hybrid.article_score != ArticleScore::Best;
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
        let is_filtered_out = |need: &Need| {
            let mut ids = need.locations.iter().flat_map(|place| match level {
                Level::Article => std::slice::from_ref(&place.article),
                Level::Answer => &place.passages,
            });
            allowed
                .as_ref()
                .is_some_and(|allowed| !ids.any(|id| allowed.contains(id)))
        };
        let mut needs: Vec<Evidence> = topic
            .needs
            .iter()
            .map(|need| Evidence {
                indexed: !need.locations.is_empty(),
                filtered_out: need.is_covered() && is_filtered_out(need),
                covered: need.is_covered(),
                ..Default::default()
            })
            .collect();
        let Some(index) = query.index else {
            return add_systems(
                query,
                systems,
                cutoff,
                &needs,
                |_| TestLists::default(),
                has_copy,
            );
        };
        let mut dense_list = Vec::new();
        if let Some(vector) = queries.vector(index).filter(|_| dense) {
            let list =
                collection.search_dense(vector, directory.len(), DenseSearch::Exact, filter)?;
            dense_list = directory.ranking(&list, hybrid.by);
            let ranks = topic.ranks(dense_list.iter().map(|(id, _)| *id));
            needs
                .iter_mut()
                .zip(ranks)
                .for_each(|(of, rank)| of.dense = rank);
            if let (Some(embedder), Some((_, last))) =
                (embedder.as_mut(), dense_list.get(cutoff.saturating_sub(1)))
            {
                for (of, need) in needs.iter_mut().zip(&topic.needs) {
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
        let mut lexical_list = Vec::new();
        if lexical {
            let list = collection.search_lexical(queries.text(index), directory.len(), filter)?;
            lexical_list = directory.ranking(&list, hybrid.by);
            let ranks = topic.ranks(lexical_list.iter().map(|(id, _)| *id));
            needs
                .iter_mut()
                .zip(ranks)
                .for_each(|(of, rank)| of.lexical = rank);
        }
        // The lists of the systems themselves, where they are not those above.
        let search = |kind: SystemKind, article_score: ArticleScore| -> Result<Vec<Scored>> {
            let mode = match kind {
                SystemKind::Dense => Mode::Dense,
                SystemKind::Lexical => Mode::Lexical,
                SystemKind::Hybrid => Mode::Hybrid,
                SystemKind::File => return Ok(Vec::new()),
            };
            if !has(kind) {
                return Ok(Vec::new());
            }
            let options = Options {
                mode,
                article_score,
                k: hybrid.k.max(TEST_DEPTH),
                ..hybrid.clone()
            };
            queries.search_one(&mut Searcher::new(collection, None)?, index, &options)
        };
        let summed = |kind| match is_summed {
            true => search(kind, hybrid.article_score),
            false => Ok(Vec::new()),
        };
        let (dense_summed, lexical_summed) =
            (summed(SystemKind::Dense)?, summed(SystemKind::Lexical)?);
        let hybrid_list = search(SystemKind::Hybrid, hybrid.article_score)?;
        let hybrid_best = match is_summed {
            true => search(SystemKind::Hybrid, ArticleScore::Best)?,
            false => Vec::new(),
        };
        let [dense_summed, lexical_summed, hybrid_list, hybrid_best] =
            [&dense_summed, &lexical_summed, &hybrid_list, &hybrid_best].map(|list| {
                let borrowed = list.iter().map(|found| (found.id.as_str(), found.score));
                borrowed.collect::<Ranking<'_>>()
            });
        let lists = |kind| {
            let (summed, best) = match kind {
                SystemKind::File => return TestLists::default(),
                SystemKind::Dense => (&dense_summed, &dense_list),
                SystemKind::Lexical => (&lexical_summed, &lexical_list),
                SystemKind::Hybrid if is_summed => (&hybrid_list, &hybrid_best),
                SystemKind::Hybrid => (&hybrid_list, &hybrid_list),
            };
            TestLists {
                by_exact_search: Some(if is_summed { summed } else { best }),
                by_best_passage: is_summed.then_some(best),
            }
        };
        add_systems(query, systems, cutoff, &needs, lists, has_copy)
    })
}

/// The result unit that fits a level of judgements.
pub fn result_unit(level: Level) -> ResultUnit {
    match level {
        Level::Article => ResultUnit::Article,
        Level::Answer => ResultUnit::Passage,
    }
}
