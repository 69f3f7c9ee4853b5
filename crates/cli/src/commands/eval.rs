//! `nigh eval`: a tested verdict on questions whose answers are known.

mod show;

use super::stop;
use crate::Outcome;
use crate::args;
use crate::config::Config;
use crate::output::{self, Output};
use crate::progress::Bars;
use anyhow::Context;
use engine::judge::{Asked, MODES, evaluate};
use eval::report;
use query::Mode;

pub fn run(args: &args::Eval, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    writable(args)?;
    let location = config.collection(&args.on);
    let named: Vec<Mode> = once(args.mode.iter().map(|mode| Mode::from(*mode)));
    let searches = !named.is_empty() || args.grid.is_some() || args.run.is_empty();
    // Run files need no collection, even where one is set for other commands.
    let given = args.names_collection;
    let collection = if searches || given || args.judging.qa { Some(store::open(&location)?) } else { None };
    let modes = match (searches, named.is_empty(), config.mode) {
        (false, ..) => Vec::new(),
        (_, false, _) => named,
        (_, true, Some(mode)) => vec![mode.into()],
        (_, true, None) => MODES.to_vec(),
    };
    let asked = Asked {
        judging: (&args.judging).into(),
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
    if asked.grid.is_some() {
        stop::on_ctrl_c("\nstopping; Ctrl-C again stops at once")?;
    }
    let named = collection.as_deref().map(|collection| (collection, location.as_str()));
    let found = evaluate(named, &asked, &Bars::default())?;
    if let Some(path) = &args.per_query {
        eval::table::export(path, &found.judged, &found.tables)?;
    }
    let page = args
        .report
        .as_deref()
        .map(|folder| report::write_verdict(folder, &found.verdict, &found.tables))
        .transpose()?;
    if output.is_json() {
        output.json(&found.verdict)?;
    } else {
        show::verdict(output, &found.verdict)?;
    }
    for note in &found.verdict.notes {
        output::note(note);
    }
    if let Some(page) = page {
        output::note(format_args!("{}: the report", page.display()));
    }
    Ok(if found.less { Outcome::Less } else { Outcome::Done })
}

/// Each item once, where it comes first.
fn once<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut kept = Vec::new();
    items.for_each(|item| {
        if !kept.contains(&item) {
            kept.push(item);
        }
    });
    kept
}

/// Sees that what will be written at the end can be, before the work is done.
fn writable(args: &args::Eval) -> anyhow::Result<()> {
    if let Some(path) = &args.per_query {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.with_context(|| path.display().to_string())?;
    }
    if let Some(folder) = &args.report {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    Ok(())
}
