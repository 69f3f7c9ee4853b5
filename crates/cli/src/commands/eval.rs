//! `nigh eval`

mod print;

use super::interrupt;
use crate::Outcome;
use crate::args;
use crate::config::Config;
use crate::output::{self, Output};
use crate::progress::ProgressBars;
use anyhow::Context;
use engine::evaluation::{DEFAULT_MODES, EvalOptions, evaluate};
use eval::report;
use query::Mode;

pub fn run(args: &args::Eval, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    check_writable(args)?;
    let location = config.collection(&args.target)?;
    let name = location.to_string();
    let requested: Vec<Mode> = unique(args.mode.iter().map(|mode| Mode::from(*mode)));
    let searches = !requested.is_empty() || args.grid.is_some() || args.run.is_empty();
    // Run files alone need no collection, even if the environment names one.
    let collection = if searches || args.has_collection_flag || args.inputs.qa {
        Some(store::open(&location)?)
    } else {
        None
    };
    let modes = match (searches, requested.is_empty(), config.mode) {
        (false, ..) => Vec::new(),
        (_, false, _) => requested,
        (_, true, Some(mode)) => vec![mode.into()],
        (_, true, None) => DEFAULT_MODES.to_vec(),
    };
    let options = EvalOptions {
        inputs: (&args.inputs).into(),
        modes,
        ranking: (&args.ranking).into(),
        metrics: args.metrics.clone(),
        runs: args.run.clone(),
        reranked: args.reranked.map(Into::into),
        by: args.by.map(Into::into),
        grid: args.grid.clone(),
        worst: args.report.is_some(),
        seed: args.seed,
        threads: config.threads(args.threads),
    };
    if options.grid.is_some() {
        interrupt::on_ctrl_c("\nstopping; press Ctrl-C again to stop at once")?;
    }
    let located = collection
        .as_deref()
        .map(|collection| (collection, name.as_str()));
    let evaluation = evaluate(located, &options, &ProgressBars::default())?;
    if let Some(path) = &args.per_query {
        eval::table::export(path, &evaluation.judged, &evaluation.tables)?;
    }
    let page = args
        .report
        .as_deref()
        .map(|folder| report::write_verdict(folder, &evaluation.verdict, &evaluation.tables))
        .transpose()?;
    if output.is_json() {
        output.json(&evaluation.verdict)?;
    } else {
        print::print_verdict(output, &evaluation.verdict)?;
    }
    for note in &evaluation.verdict.notes {
        output::note(note);
    }
    if let Some(page) = page {
        output::note(format_args!("report: {}", page.display()));
    }
    Ok(if evaluation.incomplete {
        Outcome::Partial
    } else {
        Outcome::Done
    })
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

/// Fails early if the output files cannot be written, before the evaluation starts.
fn check_writable(args: &args::Eval) -> anyhow::Result<()> {
    if let Some(path) = &args.per_query {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path);
        file.with_context(|| path.display().to_string())?;
    }
    if let Some(folder) = &args.report {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    Ok(())
}
