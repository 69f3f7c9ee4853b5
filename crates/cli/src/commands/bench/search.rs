//! `nigh bench search`: the latency of searches.

use crate::Outcome;
use crate::args::BenchSearch;
use crate::commands::search::DEFAULT_RERANK_BUDGET;
use crate::config::Config;
use crate::output::Output;
use crate::progress;
use anyhow::bail;
use engine::embedder_for;
use engine::provenance::{extend, provenance};
use engine::text::pluralize;
use eval::provenance::Input;
use query::{Mode, Options, ResultUnit, Searcher};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Instant;

/// Searches before the timed ones, which read from disk what is read only once.
const WARMUP_SEARCHES: usize = 50;

/// The result of `nigh bench search`.
#[derive(Serialize)]
struct SearchMeasurement {
    questions: usize,
    passages: usize,
    mode: Mode,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    #[serde(rename = "most_ms")]
    max_ms: f64,
    mean_ms: f64,
    #[serde(rename = "manifest")]
    provenance: Value,
}

pub fn run(args: &BenchSearch, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let location = config.collection(&args.target)?;
    let mode = args
        .search
        .mode
        .or(config.mode)
        .map_or(Mode::Hybrid, Into::into);
    let mut queries = eval::query::read(&args.queries)?;
    queries.truncate(args.limit as usize);
    if queries.is_empty() {
        bail!("{}: no questions in it", args.queries.display());
    }
    let collection = store::open(&location)?;
    let embedder = embedder_for(&*collection, mode)?;
    let ranking = engine::Ranking::from(&args.search.ranking);
    let factory = ranking.reranker(&*collection, mode, embedder.as_deref())?;
    let reranker = factory
        .map(|factory| factory.with_threads(config.threads(None)))
        .transpose()?;
    let options = Options {
        collapse: true,
        ..ranking.options(
            &*collection,
            mode,
            args.k as usize,
            ResultUnit::Passage,
            DEFAULT_RERANK_BUDGET,
        )
    };
    let mut searcher = Searcher::new(&*collection, embedder)?.with_reranker(reranker);
    for query in queries.iter().cycle().take(WARMUP_SEARCHES) {
        searcher.search(&query.text, &options)?;
    }
    let bar = progress::items(queries.len(), "searching");
    let mut times = Vec::with_capacity(queries.len());
    for query in &queries {
        let started = Instant::now();
        searcher.search(&query.text, &options)?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
        bar.inc(1);
    }
    bar.finish_and_clear();
    times.sort_by(f64::total_cmp);
    let percentile = |share: f64| {
        times[((times.len() as f64 * share).ceil() as usize).clamp(1, times.len()) - 1]
    };
    let mut details = json!({ "queries": Input::of(&args.queries), "k": args.k });
    extend(&mut details, ranking.to_json(Some(&*collection)));
    let measured = SearchMeasurement {
        questions: queries.len(),
        passages: collection.stats()?.passages,
        mode,
        p50_ms: percentile(0.5),
        p90_ms: percentile(0.9),
        p99_ms: percentile(0.99),
        max_ms: percentile(1.0),
        mean_ms: times.iter().sum::<f64>() / times.len() as f64,
        provenance: provenance(Some((&*collection, &location.to_string())), details)?,
    };
    if output.is_json() {
        output.json(&measured)?;
        return Ok(Outcome::Done);
    }
    output.line(format_args!(
        "{} among {}, {}: p50 {:.1} ms, p90 {:.1}, p99 {:.1}, max {:.1}, mean {:.1}",
        pluralize(measured.questions, "question"),
        pluralize(measured.passages, "passage"),
        mode.name(),
        measured.p50_ms,
        measured.p90_ms,
        measured.p99_ms,
        measured.max_ms,
        measured.mean_ms
    ))?;
    Ok(Outcome::Done)
}
