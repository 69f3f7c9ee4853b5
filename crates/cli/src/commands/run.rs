//! `nigh run`

use crate::Outcome;
use crate::args;
use crate::atomic_file::AtomicFile;
use crate::config::Config;
use crate::output::Output;
use crate::progress::Bars;
use engine::manifest::{extend, manifest, write_beside};
use engine::text::counted;
use engine::{Questions, UNLIMITED, embedder_for};
use eval::manifest::Input;
use eval::run::{column, write_ranking};
use query::Mode;
use serde_json::json;
use std::time::Instant;

pub fn run(args: &args::Run, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let begun = Instant::now();
    let location = config.collection(&args.on);
    let mode = args.how.mode.or(config.mode).map_or(Mode::Hybrid, Into::into);
    let ranking = engine::Ranking::from(&args.how.ranking);
    let queries = eval::query::read(&args.queries)?;
    let collection = store::open(&location)?;
    let threads = config.threads(args.threads);
    let embedder = embedder_for(&*collection, mode)?;
    let texts: Vec<&str> = queries.iter().map(|query| query.text.as_str()).collect();
    let watch = Bars::default();
    let asked = Questions::embed(&texts, embedder.as_deref(), threads, &watch)?;
    let options = ranking.options(&*collection, mode, args.k as usize, args.by.into(), UNLIMITED);
    let rerank = ranking.reranker(&*collection, mode, embedder.as_deref())?;
    let reranked = rerank.as_ref().map(|rerank| format!("-{}", column(rerank.name()))).unwrap_or_default();
    let name = format!("nigh-{}{reranked}", mode.name());
    let mut out = AtomicFile::create(&args.out)?;
    let mut results = 0;
    asked.search(&*collection, threads, &[options], rerank.as_ref(), &watch, |at, rankings| {
        results += rankings[0].len();
        write_ranking(&mut out, &queries[at].id, &rankings[0], &name)
            .map_err(|source| engine::Error::Io { path: args.out.clone(), source })
    })?;
    out.finish()?;
    let seconds = begun.elapsed().as_secs_f64();
    let mut particulars = json!({
        "queries": Input::of(&args.queries),
        "questions": queries.len(),
        "mode": mode,
        "by": query::By::from(args.by),
        "k": args.k,
        "seconds": seconds,
    });
    extend(&mut particulars, ranking.particulars(Some(&*collection)));
    let manifest = manifest(Some((&*collection, &location)), particulars)?;
    let beside = write_beside(&args.out, &manifest)?;
    if output.is_json() {
        output.json(&json!({ "run": args.out, "queries": queries.len(), "results": results, "seconds": seconds, "manifest": manifest }))?;
    } else {
        output.line(format_args!(
            "{}: {} for {}, {:.0} questions/s",
            args.out.display(),
            counted(results, "result"),
            counted(queries.len(), "question"),
            queries.len() as f64 / seconds.max(1e-9)
        ))?;
        output.line(format_args!("{}: how they were made", beside.display()))?;
    }
    Ok(Outcome::Done)
}
