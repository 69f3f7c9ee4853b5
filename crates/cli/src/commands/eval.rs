//! `nigh eval`

mod print;

use super::exchange::Destination;
use super::interrupt;
use crate::Outcome;
use crate::args;
use crate::config::Config;
use crate::output::{self, Output};
use crate::output_file::OutputFile;
use crate::progress::ProgressBars;
use anyhow::{Context, bail};
use engine::evaluation::{DEFAULT_MODES, EvalOptions, evaluate};
use eval::report;
use query::Mode;

pub fn run(args: &args::Eval, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let values_on_stdout =
        args.per_query.as_deref().map(Destination::of) == Some(Destination::Stdout);
    if values_on_stdout && output.is_json() {
        bail!(
            "cannot write both the values and the JSON document to standard output: name a file for the values"
        );
    }
    // Outputs that cannot be written are told before the evaluation starts.
    let per_query = args
        .per_query
        .as_deref()
        .map(OutputFile::create)
        .transpose()?;
    if let Some(folder) = &args.report {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
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
    if let (Some(mut file), Some(path)) = (per_query, &args.per_query) {
        let as_jsonl = path
            .extension()
            .is_some_and(|extension| extension == "jsonl");
        eval::table::export(&mut file, as_jsonl, &evaluation.judged, &evaluation.tables)
            .with_context(|| path.display().to_string())?;
        file.finish()?;
    }
    let page = args
        .report
        .as_deref()
        .map(|folder| report::write_verdict(folder, &evaluation.verdict, &evaluation.tables))
        .transpose()?;
    if output.is_json() {
        output.json(&evaluation.verdict)?;
    } else if values_on_stdout {
        output::note("standard output has the values of the queries; the verdict is not shown");
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
