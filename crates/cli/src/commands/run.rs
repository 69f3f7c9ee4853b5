//! `nigh run`

use super::exchange::{Destination, print_summary};
use crate::Outcome;
use crate::args;
use crate::config::Config;
use crate::output::{self, Output};
use crate::output_file::OutputFile;
use crate::progress::ProgressBars;
use anyhow::bail;
use disk::PathError;
use engine::provenance::{extend, provenance, sidecar};
use engine::text::pluralize;
use engine::{EmbeddedQueries, NO_TIME_LIMIT, embedder_for};
use eval::provenance::Input;
use eval::run::write_ranking;
use eval::trec;
use query::Mode;
use serde_json::json;
use std::io::Write;
use std::time::Instant;

pub fn run(args: &args::Run, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let destination = Destination::of(&args.out);
    if destination == Destination::Stdout && output.is_json() {
        bail!(
            "cannot write both the run and the JSON document to standard output: name a file for the run"
        );
    }
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
        .map(|reranker| format!("-{}", trec::escape(reranker.name())))
        .unwrap_or_default();
    let name = format!("nigh-{}{suffix}", mode.name());
    let notes = embedded.notes(
        &*collection,
        &[mode],
        options.filter.as_ref(),
        threads,
        &progress,
    )?;
    let mut out = OutputFile::create(&args.out)?;
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
    let is_regular = out.is_regular();
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
    let provenance = provenance(Some((&*collection, &location.to_string())), details)?;
    // A device or a pipe has nothing beside it.
    let sidecar = is_regular.then(|| sidecar(&args.out));
    if let Some(path) = &sidecar {
        let mut file = OutputFile::create(path)?;
        writeln!(file, "{provenance:#}")?;
        file.finish()?;
    }
    if output.is_json() {
        let mut document = json!({ "run": args.out, "queries": queries.len(), "results": results, "seconds": seconds, "manifest": provenance });
        if !notes.is_empty() {
            document["notes"] = json!(notes);
        }
        output.json(&document)?;
    } else {
        let summary = format!(
            "{}: {} for {}, {:.0} questions/s",
            args.out.display(),
            pluralize(results, "result"),
            pluralize(queries.len(), "question"),
            queries.len() as f64 / seconds.max(1e-9)
        );
        print_summary(output, destination, &summary)?;
        if let Some(path) = sidecar {
            output.line(format_args!("{}: the manifest", path.display()))?;
        }
    }
    notes.iter().for_each(output::note);
    Ok(Outcome::Done)
}
