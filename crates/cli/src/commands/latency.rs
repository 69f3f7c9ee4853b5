//! `nigh bench search`: from a question to its ranked answer.

use super::search::BUDGET;
use crate::Outcome;
use crate::args::BenchSearch;
use crate::config::Config;
use crate::output::Output;
use crate::progress;
use anyhow::bail;
use engine::embedder_for;
use engine::manifest::{extend, manifest};
use engine::text::counted;
use eval::manifest::Input;
use query::{By, Mode, Options, Searcher};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Instant;

/// Questions that are asked before any is timed: what is read from disk once is read then.
const WARMING: usize = 50;

/// What `nigh bench search` measures, in milliseconds.
#[derive(Serialize)]
struct Measured {
    questions: usize,
    passages: usize,
    mode: Mode,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    most_ms: f64,
    mean_ms: f64,
    manifest: Value,
}

pub fn run(args: &BenchSearch, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let location = config.collection(&args.on);
    let mode = args.how.mode.or(config.mode).map_or(Mode::Hybrid, Into::into);
    let mut queries = eval::query::read(&args.queries)?;
    queries.truncate(args.limit as usize);
    if queries.is_empty() {
        bail!("{}: no questions in it", args.queries.display());
    }
    let collection = store::open(&location)?;
    let embedder = embedder_for(&*collection, mode)?;
    let ranking = engine::Ranking::from(&args.how.ranking);
    let rerank = ranking.reranker(&*collection, mode, embedder.as_deref())?;
    let reranker = rerank.map(|rerank| rerank.with_threads(config.threads(None))).transpose()?;
    let options =
        Options { collapse: true, ..ranking.options(&*collection, mode, args.k as usize, By::Passage, BUDGET) };
    let mut searcher = Searcher::new(&*collection, embedder)?.with_reranker(reranker);
    for query in queries.iter().cycle().take(WARMING) {
        searcher.search(&query.text, &options)?;
    }
    let bar = progress::items(queries.len(), "asking");
    let mut times = Vec::with_capacity(queries.len());
    for query in &queries {
        let begun = Instant::now();
        searcher.search(&query.text, &options)?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        bar.inc(1);
    }
    bar.finish_and_clear();
    times.sort_by(f64::total_cmp);
    let below = |share: f64| times[((times.len() as f64 * share).ceil() as usize).clamp(1, times.len()) - 1];
    let mut particulars = json!({ "queries": Input::of(&args.queries), "k": args.k });
    extend(&mut particulars, ranking.particulars(Some(&*collection)));
    let measured = Measured {
        questions: queries.len(),
        passages: collection.stats()?.passages,
        mode,
        p50_ms: below(0.5),
        p90_ms: below(0.9),
        p99_ms: below(0.99),
        most_ms: below(1.0),
        mean_ms: times.iter().sum::<f64>() / times.len() as f64,
        manifest: manifest(Some((&*collection, &location)), particulars)?,
    };
    if output.is_json() {
        output.json(&measured)?;
        return Ok(Outcome::Done);
    }
    output.line(format_args!(
        "{} among {}, {}: p50 {:.1} ms, p90 {:.1}, p99 {:.1}, most {:.1}, mean {:.1}",
        counted(measured.questions, "question"),
        counted(measured.passages, "passage"),
        mode.name(),
        measured.p50_ms,
        measured.p90_ms,
        measured.p99_ms,
        measured.most_ms,
        measured.mean_ms
    ))?;
    Ok(Outcome::Done)
}
