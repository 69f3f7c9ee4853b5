//! `nigh run`

use crate::Outcome;
use crate::args;
use crate::atomic_file::AtomicFile;
use crate::config::Config;
use crate::output::{self, Output};
use crate::progress::ProgressBars;
use disk::PathError;
use engine::manifest::{extend, manifest, write_sidecar};
use engine::text::pluralize;
use engine::{EmbeddedQueries, NO_TIME_LIMIT, embedder_for};
use eval::manifest::Input;
use eval::run::{trec_column, write_ranking};
use query::Mode;
use serde_json::json;
use std::time::Instant;

pub fn run(args: &args::Run, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let location = config.collection(&args.target)?;
    let mode = args
        .search
        .mode
        .or(config.mode)
        .map_or(Mode::Hybrid, Into::into);
    let ranking = engine::Ranking::from(&args.search.ranking);
    let queries = eval::query::read(&args.queries)?;
    let collection = store::open(&location)?;
    let threads = config.threads(args.threads);
    let embedder = embedder_for(&*collection, mode)?;
    let texts: Vec<&str> = queries.iter().map(|query| query.text.as_str()).collect();
    let progress = ProgressBars::default();
    let embedded = EmbeddedQueries::embed(&texts, embedder.as_deref(), threads, &progress)?;
    let options = ranking.options(
        &*collection,
        mode,
        args.k as usize,
        args.by.into(),
        NO_TIME_LIMIT,
    );
    let reranker = ranking.reranker(&*collection, mode, embedder.as_deref())?;
    let suffix = reranker
        .as_ref()
        .map(|reranker| format!("-{}", trec_column(reranker.name())))
        .unwrap_or_default();
    let name = format!("nigh-{}{suffix}", mode.name());
    let mut out = AtomicFile::create(&args.out)?;
    let mut results = 0;
    embedded.search(
        &*collection,
        threads,
        &[options],
        reranker.as_ref(),
        &progress,
        |at, rankings| {
            results += rankings[0].len();
            write_ranking(&mut out, &queries[at].id, &rankings[0], &name)
                .map_err(|error| PathError::at(&args.out)(error).into())
        },
    )?;
    out.finish()?;
    let seconds = started.elapsed().as_secs_f64();
    let mut details = json!({
        "queries": Input::of(&args.queries),
        "questions": queries.len(),
        "mode": mode,
        "by": query::ResultUnit::from(args.by),
        "k": args.k,
        "seconds": seconds,
    });
    extend(&mut details, ranking.to_json(Some(&*collection)));
    let manifest = manifest(Some((&*collection, &location.to_string())), details)?;
    let sidecar = write_sidecar(&args.out, &manifest)?;
    if output.is_json() {
        let mut document = json!({ "run": args.out, "queries": queries.len(), "results": results, "seconds": seconds, "manifest": manifest });
        if let Some(note) = embedded.truncation() {
            document["notes"] = json!([note]);
        }
        output.json(&document)?;
    } else {
        output.line(format_args!(
            "{}: {} for {}, {:.0} questions/s",
            args.out.display(),
            pluralize(results, "result"),
            pluralize(queries.len(), "question"),
            queries.len() as f64 / seconds.max(1e-9)
        ))?;
        output.line(format_args!("{}: the manifest", sidecar.display()))?;
    }
    embedded.truncation().iter().for_each(output::note);
    Ok(Outcome::Done)
}
