//! Evaluation: measures systems on queries with known answers, and tests the differences.

mod corpus;
mod counterfactuals;
mod grid;
mod inputs;
mod miss_analysis;
mod run_files;
mod verdict;
mod worst_queries;

pub use corpus::CollectionCorpus;
pub use inputs::{EvalData, EvalInputs, EvalNotes, article_questions, group_paraphrases, load};
pub use miss_analysis::result_unit;
pub use verdict::{evidence_units, few_queries_note};

use crate::{
    EmbeddedQueries, Error, NO_TIME_LIMIT, Progress, Ranking, RerankerFactory, Result, embedder_for,
};
use eval::misses::SystemKind;
use eval::report::{self, Timings, Verdict};
use eval::{Level, Metric, Qrels, Run, Table};
use ingest::Embedder;
use miss_analysis::MissContext;
use notes::Note;
use query::{Mode, Options};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;
use store::Collection;

/// The metrics if none are named.
const DEFAULT_METRICS: [&str; 5] = ["nDCG@10", "recall@10", "recall@100", "MRR@10", "success@1"];
/// The modes if none are named.
pub const DEFAULT_MODES: [Mode; 3] = [Mode::Hybrid, Mode::Dense, Mode::Lexical];
/// The depth of metrics without one, such as MAP.
const MAX_DEPTH: usize = 100;
/// The rank below which a need counts as missed if the first metric has no depth.
const DEFAULT_CUTOFF: usize = 10;

/// What to evaluate, and how.
#[derive(Debug, Clone)]
pub struct EvalOptions {
    /// The queries and relevance judgements.
    pub inputs: EvalInputs,
    /// The modes to search in, without duplicates; empty to evaluate run files alone.
    pub modes: Vec<Mode>,
    /// Search options. With a reranker, each mode is evaluated without and with it.
    pub ranking: Ranking,
    /// The metrics, by name. The first one orders the systems, and its depth decides what counts
    /// as a miss.
    pub metrics: Vec<String>,
    /// Run files to evaluate besides the modes.
    pub runs: Vec<PathBuf>,
    /// The mode whose results the run files rerank.
    pub reranked: Option<Mode>,
    /// Whether to evaluate rankings of passages or of articles; `None` follows the judgements.
    pub by: Option<Level>,
    /// A file of other chunking options and models to evaluate.
    pub grid: Option<PathBuf>,
    /// Whether to report the worst queries with their results.
    pub worst: bool,
    /// The seed of random choices.
    pub seed: u64,
    /// The number of threads.
    pub threads: usize,
}

/// The outcome of an evaluation.
pub struct Evaluation {
    /// The figures, tests and explanations.
    pub verdict: Verdict,
    /// The values of each query, one table per system.
    pub tables: Vec<Table>,
    /// The resolved judgements.
    pub judged: Qrels,
    /// Whether some of the input could not be used; the verdict's notes say what.
    pub incomplete: bool,
}

/// Searches for every query in every mode and evaluates the results, together with the run files.
/// `collection` is a collection and its location.
///
/// # Errors
/// When queries, judgements or run files cannot be read or do not fit together, when the model or
/// the collection fails, or when `progress` asks to stop.
pub fn evaluate(
    collection: Option<(&dyn Collection, &str)>,
    options: &EvalOptions,
    progress: &dyn Progress,
) -> Result<Evaluation> {
    let started = Instant::now();
    let metrics = parse_metrics(&options.metrics)?;
    let (located, collection) = (collection, collection.map(|(collection, _)| collection));
    let searches = !options.modes.is_empty();
    if searches && options.inputs.queries.is_none() && !options.inputs.qa {
        return Err(Error::NoQueries);
    }
    let mut data = load(&options.inputs, collection)?;
    let judged = data.resolve_and_note(collection, options.by)?;
    // Rankings have an end: metrics without a depth get one.
    let limit = |metric: Metric| Metric {
        depth: metric.depth.or(searches.then_some(MAX_DEPTH)),
        ..metric
    };
    let metrics: Vec<Metric> = unique(metrics.into_iter().map(limit));
    let runs = run_files::read(options, &judged, collection, &mut data.notes)?;
    let task = Task {
        data: &data,
        cutoff: metrics[0].depth.unwrap_or(DEFAULT_CUTOFF),
        metrics,
        options,
        progress,
    };
    let embedder = match collection {
        Some(collection) => embedder_for(collection, task.model_mode())?,
        None => None,
    };
    let embedder: Option<Box<dyn Embedder>> = match embedder {
        Some(embedder) if options.grid.is_some() => {
            Some(Box::new(grid::CachingEmbedder::new(embedder)))
        }
        other => other,
    };
    let reranked = reranked_index(options)?;
    let mut results = evaluate_systems(
        collection,
        embedder.as_deref(),
        &judged,
        &task,
        runs,
        reranked,
        None,
    )?;
    if let (Some(grid), Some(collection)) = (&options.grid, collection) {
        grid::evaluate_grid(grid, collection, embedder, &task, &mut results)?;
    }
    let (verdict, tables) = verdict::build(&task, &judged, results, located, started)?;
    Ok(Evaluation {
        verdict,
        tables,
        judged,
        incomplete: data.notes.incomplete,
    })
}

/// A system under evaluation: a mode, a reranked mode or a run file.
struct System {
    run: Run,
    searched: SystemKind,
    /// The index of the system whose results this one reranked.
    reranked: Option<usize>,
}

/// The results of all systems on one collection.
struct Results {
    systems: Vec<System>,
    tables: Vec<Table>,
    losses: Vec<eval::misses::MissCounts>,
    misses: Vec<report::Miss>,
    timings: Timings,
    /// Notes on the queries.
    notes: Vec<Note>,
}

/// What is the same for all collections of a grid.
struct Task<'a> {
    data: &'a EvalData,
    metrics: Vec<Metric>,
    /// A need found below this rank counts as missed.
    cutoff: usize,
    options: &'a EvalOptions,
    progress: &'a dyn Progress,
}

impl Task<'_> {
    /// The mode that decides whether a model is needed: lexical only if all modes are.
    fn model_mode(&self) -> Mode {
        if self.options.modes.iter().all(|mode| *mode == Mode::Lexical) {
            Mode::Lexical
        } else {
            Mode::Dense
        }
    }

    fn search_options(
        &self,
        collection: &dyn Collection,
        mode: Mode,
        k: usize,
        by: query::ResultUnit,
    ) -> Options {
        self.options
            .ranking
            .options(collection, mode, k, by, NO_TIME_LIMIT)
    }
}

/// Removes duplicates, keeping the first of each.
fn unique<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut kept = Vec::new();
    items.for_each(|item| {
        if !kept.contains(&item) {
            kept.push(item);
        }
    });
    kept
}

fn parse_metrics(names: &[String]) -> Result<Vec<Metric>> {
    let names: Vec<&str> = if names.is_empty() {
        DEFAULT_METRICS.to_vec()
    } else {
        names.iter().map(String::as_str).collect()
    };
    Ok(names
        .iter()
        .map(|name| name.parse())
        .collect::<Result<Vec<Metric>, _>>()?)
}

/// Searches in every mode and evaluates the results, together with `runs`. `label` is put before
/// the names of modes.
fn evaluate_systems(
    collection: Option<&dyn Collection>,
    embedder: Option<&dyn Embedder>,
    judged: &Qrels,
    task: &Task<'_>,
    runs: Vec<Run>,
    reranked: Option<usize>,
    label: Option<&str>,
) -> Result<Results> {
    let mut timings = Timings::default();
    let queries: Vec<_> = task
        .data
        .queries
        .iter()
        .filter(|query| {
            judged
                .topics
                .get(&query.id)
                .is_some_and(|topic| !topic.ideal.is_empty())
        })
        .collect();
    let texts: Vec<&str> = queries.iter().map(|query| query.text.as_str()).collect();
    let texts_by_id: HashMap<&str, (usize, &str)> = queries
        .iter()
        .enumerate()
        .map(|(at, query)| (query.id.as_str(), (at, query.text.as_str())))
        .collect();
    let mut systems = Vec::new();
    let started = Instant::now();
    let embedded = EmbeddedQueries::embed(&texts, embedder, task.options.threads, task.progress)?;
    timings.embed_s = started.elapsed().as_secs_f64();
    let by = result_unit(judged.level);
    let deepest = task
        .metrics
        .iter()
        .map(|metric| metric.depth.unwrap_or(MAX_DEPTH))
        .max()
        .unwrap_or(MAX_DEPTH);
    let spare = judged
        .answerable()
        .map(|(_, topic)| topic.extra_depth())
        .max()
        .unwrap_or(0);
    let rows = collection.map_or(0, |collection| collection.rows());
    let k = (deepest.max(task.cutoff) + spare).min(rows.max(1));
    if let Some(collection) = collection.filter(|_| !task.options.modes.is_empty()) {
        let started = Instant::now();
        let (modes, ranking) = (&task.options.modes, &task.options.ranking);
        let options = |mode: Mode| task.search_options(collection, mode, k, by);
        let reranking_mode = modes.iter().find(|mode| options(**mode).rerank.is_some());
        let reranker = reranking_mode
            .map(|mode| ranking.reranker(collection, *mode, embedder))
            .transpose()?
            .flatten();
        // All modes, followed by all modes reranked.
        let plain = modes.iter().map(|mode| Options {
            rerank: None,
            ..options(*mode)
        });
        let with_reranker = modes
            .iter()
            .map(|mode| options(*mode))
            .filter(|options| options.rerank.is_some());
        let variants: Vec<Options> = plain.chain(with_reranker).collect();
        let name = |variant: &Options| {
            let reranker = reranker
                .as_ref()
                .filter(|_| variant.rerank.is_some())
                .map(RerankerFactory::name);
            let parts = [label, Some(variant.mode.name()), reranker];
            parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
        };
        let mut mode_runs: Vec<Run> = variants
            .iter()
            .map(|variant| Run::new(name(variant)))
            .collect();
        embedded.search(
            collection,
            task.options.threads,
            &variants,
            reranker.as_ref(),
            task.progress,
            |at, rankings| {
                mode_runs
                    .iter_mut()
                    .zip(rankings)
                    .for_each(|(run, ranking)| run.set(&queries[at].id, ranking));
                Ok(())
            },
        )?;
        let plain_index = |variant: &Options| modes.iter().position(|mode| *mode == variant.mode);
        systems.extend(
            mode_runs
                .into_iter()
                .zip(&variants)
                .map(|(run, variant)| System {
                    run,
                    searched: if variant.rerank.is_some() {
                        SystemKind::File
                    } else {
                        searched(variant.mode)
                    },
                    reranked: variant.rerank.and_then(|_| plain_index(variant)),
                }),
        );
        timings.search_s = started.elapsed().as_secs_f64();
    }
    systems.extend(runs.into_iter().map(|run| System {
        run,
        searched: SystemKind::File,
        reranked,
    }));
    let started = Instant::now();
    let tables: Vec<Table> = systems
        .iter()
        .map(|system| Table::new(judged, &system.run, &task.metrics))
        .collect();
    timings.judge_s = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let hybrid = collection.map(|collection| Options {
        rerank: None,
        exact: true,
        ..task.search_options(collection, Mode::Hybrid, k, by)
    });
    let context = collection
        .zip(hybrid.as_ref())
        .map(|(collection, hybrid)| MissContext {
            collection,
            queries: &embedded,
            embedder,
            threads: task.options.threads,
            hybrid,
            progress: task.progress,
        });
    let notes = match collection.filter(|_| !task.options.modes.is_empty()) {
        Some(collection) => embedded.notes(
            collection,
            &task.options.modes,
            task.options.ranking.filter.as_ref(),
            task.options.threads,
            task.progress,
        )?,
        None => Vec::new(),
    };
    let (losses, misses) = miss_analysis::analyze_misses(
        judged,
        &systems,
        task.cutoff,
        context.as_ref(),
        &texts_by_id,
    )?;
    timings.loss_s = started.elapsed().as_secs_f64();
    Ok(Results {
        systems,
        tables,
        losses,
        misses,
        timings,
        notes,
    })
}

fn searched(mode: Mode) -> SystemKind {
    match mode {
        Mode::Hybrid => SystemKind::Hybrid,
        Mode::Dense => SystemKind::Dense,
        Mode::Lexical => SystemKind::Lexical,
    }
}

/// The index among the modes of the one that the run files rerank.
fn reranked_index(options: &EvalOptions) -> Result<Option<usize>> {
    let Some(mode) = options.reranked else {
        return Ok(None);
    };
    let index = options.modes.iter().position(|searched| *searched == mode);
    index
        .map(Some)
        .ok_or_else(|| Error::RerankedModeMissing(mode.name()))
}

/// The rank of each need of a query in a system's ranking.
fn ranks_of(judged: &Qrels, run: &Run, query: &str) -> Vec<Option<usize>> {
    let ids = run.ranking(query).map(|found| found.id);
    judged
        .topics
        .get(query)
        .map(|topic| topic.ranks(ids))
        .unwrap_or_default()
}
