//! `nigh tune`: the fusing of meaning and words, fitted to questions whose answers are known.

use crate::Outcome;
use crate::args;
use crate::config::Config;
use crate::output::{self, Output, style, styled};
use crate::progress::Bars;
use anyhow::{Context, bail};
use engine::judge::{self, Gathered, columns};
use engine::manifest::manifest;
use engine::text::counted;
use engine::{Part, Questions, embedder_for};
use eval::manifest::Input;
use eval::report::Figure;
use eval::run::Scored;
use eval::significance::{Comparison, RANDOMIZATION, REAL, Units};
use eval::table::mean;
use eval::{Judged, Metric, Run, Table, paraphrase, report, tune};
use notes::Note;
use query::parallel::in_order;
use query::{Mode, Options, Searcher, fuse};
use serde::Serialize;
use serde_json::json;
use store::{Collection, Fusion, FusionMethod};

/// The weights tried: finer than this, no one's questions tell them apart.
const STEPS: u16 = 20;
/// How deep each ranking goes.
const DEPTH: usize = 100;

/// What tuning found.
#[derive(Serialize)]
struct Tuned {
    queries: usize,
    metric: String,
    folds: usize,
    /// The best on all questions.
    best: Fusion,
    /// What was best on all but one part, for each part.
    chosen: Vec<Fusion>,
    /// By name: on questions that it was not chosen on (`tuned`), of what was in use before (`before`), of
    /// either list alone.
    systems: Vec<report::System>,
    comparisons: Vec<Comparison>,
    /// Everything that was tried, on all questions.
    tried: Vec<Tried>,
    /// Whether the collection has it from now on.
    kept: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note>,
    manifest: serde_json::Value,
}

/// A way of fusing, and how good it is.
#[derive(Serialize)]
struct Tried {
    #[serde(flatten)]
    fusion: Fusion,
    mean: f64,
}

pub fn run(args: &args::Tune, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let location = config.collection(&args.on);
    let collection = store::open(&location)?;
    if args.reset {
        keep(&*collection, None)?;
        if output.is_json() {
            output.json(&json!({ "kept": false, "best": fuse::DEFAULT }))?;
        } else {
            output.line(format_args!("{location} fuses as all do by default: {}", shown(fuse::DEFAULT)))?;
        }
        return Ok(Outcome::Done);
    }
    if args.judging.queries.is_none() && !args.judging.qa {
        bail!("which questions? Name them with --queries, or use --qa for those that the articles ask themselves");
    }
    let metric: Metric = args.metric.parse()?;
    let metric = Metric { depth: metric.depth.or(Some(DEPTH)), ..metric };
    let mut gathered = judge::gather(&(&args.judging).into(), Some(&*collection))?;
    let judged = gathered.judge(Some(&*collection), None)?;
    let threads = config.threads(args.threads);
    // What is in use may have been set by hand, or by another version, and lie between the weights tried.
    let before = collection.manifest().fusion.unwrap_or(fuse::DEFAULT);
    let ways = ways(before);
    let tables = tables(&*collection, &gathered, &judged, metric, &ways, threads)?;
    let groups = columns(&judged, &paraphrase::groups(&gathered.queries, &judged));
    let found = tune::cross_validate(&tables, 0, &groups, args.folds as usize, args.seed).with_context(|| {
        format!(
            "{} parts need as many questions, wordings of one counted once: give more, or fewer --folds",
            args.folds
        )
    })?;
    let named =
        |name: &str, values: Vec<f64>| Table { system: name.to_owned(), metrics: vec![metric], values: vec![values] };
    let (dense, lexical) = (Fusion { dense: 1.0, ..fuse::DEFAULT }, Fusion { dense: 0.0, ..fuse::DEFAULT });
    let mut compared = vec![named("tuned", found.values.clone())];
    for (name, fusion) in [("before", before), ("dense", dense), ("lexical", lexical)] {
        let tried = ways.iter().zip(&tables).find(|(way, _)| **way == fusion);
        compared.push(named(name, tried.map(|(_, table)| table.values[0].clone()).unwrap_or_default()));
    }
    let (systems, comparisons) = report::figures(&compared, &Units::new(&groups), args.seed);
    let better = mean(&compared[0].values[0]) > mean(&compared[1].values[0]);
    let kept = better && !args.dry_run;
    let best = ways[found.best];
    if kept {
        keep(&*collection, Some(best))?;
    }
    let particulars = json!({
        "seed": args.seed,
        "queries": args.judging.queries.as_deref().map(Input::of),
        "qrels": args.judging.qrels.iter().map(|path| Input::of(path)).collect::<Vec<_>>(),
    });
    let tuned = Tuned {
        queries: groups.len(),
        metric: metric.to_string(),
        folds: found.folds,
        best,
        chosen: found.chosen.iter().map(|at| ways[*at]).collect(),
        systems,
        comparisons,
        tried: ways.iter().zip(&tables).map(|(fusion, table)| Tried { fusion: *fusion, mean: table.mean(0) }).collect(),
        kept,
        notes: gathered.notes.said,
        manifest: manifest(Some((&*collection, &location)), particulars)?,
    };
    if output.is_json() {
        output.json(&tuned)?;
    } else {
        print(output, &tuned, before, &location, args.dry_run)?;
    }
    for note in &tuned.notes {
        output::note(note);
    }
    Ok(if gathered.notes.less { Outcome::Less } else { Outcome::Done })
}

/// Everything that is tried, the default first and then what is in use: among equals the first wins.
fn ways(before: Fusion) -> Vec<Fusion> {
    let methods = [FusionMethod::ZScore, FusionMethod::MinMax, FusionMethod::Distribution, FusionMethod::Rrf];
    let all = methods
        .into_iter()
        .flat_map(|method| (0..=STEPS).map(move |step| Fusion { method, dense: f32::from(step) / f32::from(STEPS) }));
    let mut ways = vec![fuse::DEFAULT];
    for way in std::iter::once(before).chain(all) {
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    ways
}

/// The values of every question under every way.
fn tables(
    collection: &dyn Collection,
    gathered: &Gathered,
    judged: &Judged,
    metric: Metric,
    ways: &[Fusion],
    threads: usize,
) -> anyhow::Result<Vec<Table>> {
    let embedder = embedder_for(collection, Mode::Hybrid)?;
    let answerable = |id: &str| judged.topics.get(id).is_some_and(|topic| !topic.ideal.is_empty());
    let queries: Vec<_> = gathered.queries.iter().filter(|query| answerable(&query.id)).collect();
    let texts: Vec<&str> = queries.iter().map(|query| query.text.as_str()).collect();
    let watch = Bars::default();
    let questions = Questions::embed(&texts, embedder.as_deref(), threads, &watch)?;
    let spare = judged.answerable().map(|(_, topic)| topic.spare()).max().unwrap_or(0);
    let k = metric.depth.unwrap_or(DEPTH) + spare;
    let options = Options { k, by: judge::by(judged.level), ..Options::default() };
    let part = Part::begin(&watch, "fusing in every way", texts.len());
    let mut searchers =
        (0..threads.min(texts.len().max(1))).map(|_| Searcher::new(collection, None)).collect::<Result<Vec<_>, _>>()?;
    let places: Vec<usize> = (0..texts.len()).collect();
    let rankings = in_order(&mut searchers, &places, None, |searcher, &at| -> engine::Result<_> {
        part.one()?;
        let vector = questions.vector(at).unwrap_or_default();
        Ok(searcher.names_by_fusion(texts[at], vector, ways, &options)?)
    })?;
    drop(part);
    let mut runs: Vec<Run> = ways.iter().map(|way| Run::new(shown(*way))).collect();
    for (query, rankings) in queries.iter().zip(rankings) {
        for (run, ranking) in runs.iter_mut().zip(rankings) {
            run.set(&query.id, ranking.into_iter().map(|(id, score)| Scored { id, score }).collect());
        }
    }
    Ok(runs.iter().map(|run| Table::new(judged, run, &[metric])).collect())
}

fn keep(collection: &dyn Collection, fusion: Option<Fusion>) -> anyhow::Result<()> {
    let mut writer = collection.writer()?;
    writer.set_fusion(fusion);
    Ok(writer.commit()?)
}

/// A way of fusing in words.
fn shown(fusion: Fusion) -> String {
    let method = match fusion.method {
        FusionMethod::ZScore => "z-score",
        FusionMethod::MinMax => "min-max",
        FusionMethod::Distribution => "distribution",
        FusionMethod::Rrf => "rrf",
    };
    match fusion.dense {
        1.0 => "meaning alone (dense)".to_owned(),
        0.0 => "words alone (lexical)".to_owned(),
        dense => format!("{method}, meaning {dense:.2}, words {:.2}", 1.0 - dense),
    }
}

fn print(output: &mut Output, tuned: &Tuned, before: Fusion, location: &str, dry_run: bool) -> anyhow::Result<()> {
    output.line(format_args!("{}, {}, {} parts", counted(tuned.queries, "question"), tuned.metric, tuned.folds))?;
    let figure = |name: &str| -> Option<Figure> {
        let system = tuned.systems.iter().find(|system| system.name == name)?;
        system.metrics.get(&tuned.metric).cloned()
    };
    for (name, what) in [
        ("tuned", "tuned, on questions that it was not chosen on".to_owned()),
        ("before", format!("as it was: {}", shown(before))),
        ("dense", "meaning alone".to_owned()),
        ("lexical", "words alone".to_owned()),
    ] {
        if let Some(Figure { mean, ci95: [low, high] }) = figure(name) {
            output.line(format_args!("{mean:.4} [{low:.3}, {high:.3}]  {what}"))?;
        }
    }
    let single = ["dense", "lexical"]
        .into_iter()
        .max_by(|a, b| figure(a).map_or(0.0, |f| f.mean).total_cmp(&figure(b).map_or(0.0, |f| f.mean)));
    for (other, what) in [(Some("before"), "as it was"), (single, "the better list alone")] {
        let of = |c: &&Comparison| {
            c.test == RANDOMIZATION
                && [&c.a, &c.b].iter().any(|name| *name == "tuned")
                && Some(if c.a == "tuned" { &*c.b } else { &*c.a }) == other
        };
        if let Some(found) = tuned.comparisons.iter().find(of) {
            let sign = if found.a == "tuned" { 1.0 } else { -1.0 };
            let real = if found.p_holm < REAL { "" } else { ", which may be chance" };
            output.line(format_args!("{:+.4} against {what}, p {:.4}{real}", sign * found.difference, found.p_holm))?;
        }
    }
    output.line(styled(style::FAINT, "paired randomization test, Holm's correction"))?;
    output.line(format_args!("best on all: {}", styled(style::STRONG, shown(tuned.best))))?;
    if tuned.best.dense == 1.0 || tuned.best.dense == 0.0 {
        output.line(styled(style::BAD, "fusing hurts on these questions: one list alone answers them better"))?;
    }
    let end = match (tuned.kept, dry_run) {
        (true, _) => format!("{location} fuses so from now on; nigh tune --reset undoes it"),
        (_, true) => format!("{location} stays as it was"),
        _ => format!("no better on questions that it was not chosen on: {location} stays as it was"),
    };
    output.line(end)?;
    Ok(())
}
