//! `nigh tune`: tunes the fusion of dense and lexical scores on queries with known answers.

use crate::Outcome;
use crate::args;
use crate::config::Config;
use crate::output::{self, Output, style, styled};
use crate::progress::ProgressBars;
use anyhow::{Context, bail};
use engine::evaluation::{self, EvalData, evidence_units};
use engine::provenance::provenance;
use engine::text::pluralize;
use engine::{EmbeddedQueries, Stage, embedder_for};
use eval::provenance::Input;
use eval::report::MetricValue;
use eval::run::Scored;
use eval::significance::{Comparison, RANDOMIZATION_TEST, ResamplingUnits, SIGNIFICANCE_LEVEL};
use eval::table::mean;
use eval::{Metric, Qrels, Run, Table, paraphrase, report, tune};
use notes::Note;
use parallel::map_in_order;
use query::{Mode, Options, Searcher, fuse};
use serde::Serialize;
use serde_json::json;
use store::{Collection, Fusion, FusionMethod, Location};

/// The number of weight steps from 0 to 1. Finer steps make no measurable difference.
const WEIGHT_STEPS: u16 = 20;
/// The depth of each ranking.
const DEPTH: usize = 100;

/// The result of tuning.
#[derive(Serialize)]
struct Tuned {
    queries: usize,
    metric: String,
    folds: usize,
    /// The best fusion on all queries.
    best: Fusion,
    /// The best fusion on all folds but one, for each fold.
    chosen: Vec<Fusion>,
    /// The systems compared: `tuned` (cross-validated), `before` (the setting so far), `dense` and
    /// `lexical`.
    systems: Vec<report::SystemMetrics>,
    comparisons: Vec<Comparison>,
    /// All fusions tried, measured on all queries.
    tried: Vec<Tried>,
    /// Whether the collection was changed.
    kept: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note>,
    #[serde(rename = "manifest")]
    provenance: serde_json::Value,
}

/// A fusion and its mean value.
#[derive(Serialize)]
struct Tried {
    #[serde(flatten)]
    fusion: Fusion,
    mean: f64,
}

pub fn run(args: &args::Tune, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let location = config.collection(&args.target)?;
    let collection = store::open(&location)?;
    if args.reset {
        store_fusion(&*collection, None)?;
        if output.is_json() {
            output.json(&json!({ "kept": false, "best": fuse::DEFAULT }))?;
        } else {
            output.line(format_args!(
                "{location} uses the default fusion: {}",
                describe(fuse::DEFAULT)
            ))?;
        }
        return Ok(Outcome::Done);
    }
    if args.inputs.queries.is_none() && !args.inputs.qa {
        bail!(
            "which questions? Give them with --queries, or use --qa for those in question-and-answer articles"
        );
    }
    let metric: Metric = args.metric.parse()?;
    let metric = Metric {
        depth: metric.depth.or(Some(DEPTH)),
        ..metric
    };
    let mut data = evaluation::load(&(&args.inputs).into(), Some(&*collection))?;
    let judged = data.resolve_and_note(Some(&*collection), None)?;
    let threads = config.threads(args.threads);
    // The setting so far may lie between the weights tried, if it was set by hand or by another
    // version.
    let before = collection.manifest().fusion.unwrap_or(fuse::DEFAULT);
    let fusions = fusions(before);
    let (tables, query_notes) = tables(&*collection, &data, &judged, metric, &fusions, threads)?;
    let units = evidence_units(&judged, &paraphrase::groups(&data.queries, &judged));
    let found = tune::cross_validate(&tables, 0, &units, args.folds as usize, args.seed).with_context(|| {
        format!(
            "{} parts need as many questions, with paraphrases of one counted once: give more, or fewer --folds",
            args.folds
        )
    })?;
    let named = |name: &str, values: Vec<f64>| Table {
        system: name.to_owned(),
        metrics: vec![metric],
        values: vec![values],
    };
    let (dense, lexical) = (
        Fusion {
            dense: 1.0,
            ..fuse::DEFAULT
        },
        Fusion {
            dense: 0.0,
            ..fuse::DEFAULT
        },
    );
    let mut compared = vec![named("tuned", found.values.clone())];
    for (name, fusion) in [("before", before), ("dense", dense), ("lexical", lexical)] {
        let tried = fusions
            .iter()
            .zip(&tables)
            .find(|(candidate, _)| **candidate == fusion);
        compared.push(named(
            name,
            tried
                .map(|(_, table)| table.values[0].clone())
                .unwrap_or_default(),
        ));
    }
    let resampling = ResamplingUnits::new(&units);
    let (systems, comparisons) = report::system_metrics(&compared, &resampling, args.seed);
    let pairs = comparisons
        .iter()
        .filter(|comparison| comparison.test == RANDOMIZATION_TEST)
        .count();
    let power = report::Power::new(resampling.count(), pairs);
    data.notes.notes.extend(query_notes);
    data.notes
        .notes
        .extend(evaluation::few_queries_note(&power, pairs));
    let better = mean(&compared[0].values[0]) > mean(&compared[1].values[0]);
    let kept = better && !args.dry_run;
    let best = fusions[found.best];
    if kept {
        store_fusion(&*collection, Some(best))?;
    }
    let details = json!({
        "seed": args.seed,
        "queries": args.inputs.queries.as_deref().map(Input::of),
        "qrels": args.inputs.qrels.iter().map(|path| Input::of(path)).collect::<Vec<_>>(),
    });
    let tuned = Tuned {
        queries: units.len(),
        metric: metric.to_string(),
        folds: found.folds,
        best,
        chosen: found.chosen.iter().map(|at| fusions[*at]).collect(),
        systems,
        comparisons,
        tried: fusions
            .iter()
            .zip(&tables)
            .map(|(fusion, table)| Tried {
                fusion: *fusion,
                mean: table.mean(0),
            })
            .collect(),
        kept,
        notes: data.notes.notes,
        provenance: provenance(Some((&*collection, &location.to_string())), details)?,
    };
    if output.is_json() {
        output.json(&tuned)?;
    } else {
        print(output, &tuned, before, &location, args.dry_run)?;
    }
    for note in &tuned.notes {
        output::note(note);
    }
    Ok(if data.notes.incomplete {
        Outcome::Partial
    } else {
        Outcome::Done
    })
}

/// All fusions to try. The default comes first, then the setting so far, because the first of
/// equals wins.
fn fusions(before: Fusion) -> Vec<Fusion> {
    let methods = [
        FusionMethod::ZScore,
        FusionMethod::MinMax,
        FusionMethod::Distribution,
        FusionMethod::Rrf,
    ];
    let all = methods.into_iter().flat_map(|method| {
        (0..=WEIGHT_STEPS).map(move |step| Fusion {
            method,
            dense: f32::from(step) / f32::from(WEIGHT_STEPS),
        })
    });
    let mut fusions = vec![fuse::DEFAULT];
    for fusion in std::iter::once(before).chain(all) {
        if !fusions.contains(&fusion) {
            fusions.push(fusion);
        }
    }
    fusions
}

/// The values of all queries, one table per fusion, and notes on the queries.
fn tables(
    collection: &dyn Collection,
    data: &EvalData,
    judged: &Qrels,
    metric: Metric,
    fusions: &[Fusion],
    threads: usize,
) -> anyhow::Result<(Vec<Table>, Vec<Note>)> {
    let embedder = embedder_for(collection, Mode::Hybrid)?;
    let answerable = |id: &str| {
        judged
            .topics
            .get(id)
            .is_some_and(|topic| !topic.ideal.is_empty())
    };
    let queries: Vec<_> = data
        .queries
        .iter()
        .filter(|query| answerable(&query.id))
        .collect();
    let texts: Vec<&str> = queries.iter().map(|query| query.text.as_str()).collect();
    let progress = ProgressBars::default();
    let embedded = EmbeddedQueries::embed(&texts, embedder.as_deref(), threads, &progress)?;
    let notes = embedded.notes(collection, &[Mode::Hybrid], None, threads, &progress)?;
    let spare = judged
        .answerable()
        .map(|(_, topic)| topic.extra_depth())
        .max()
        .unwrap_or(0);
    let k = metric.depth.unwrap_or(DEPTH) + spare;
    let options = Options {
        k,
        by: evaluation::result_unit(judged.level),
        ..Options::default()
    };
    let stage = Stage::start(&progress, "trying fusions", texts.len());
    let mut searchers = (0..threads.min(texts.len().max(1)))
        .map(|_| Searcher::new(collection, None))
        .collect::<Result<Vec<_>, _>>()?;
    let indexes: Vec<usize> = (0..texts.len()).collect();
    let rankings = map_in_order(
        &mut searchers,
        &indexes,
        None,
        |searcher, &at| -> engine::Result<_> {
            stage.advance()?;
            let vector = embedded.vector(at).unwrap_or_default();
            Ok(searcher.search_ids_by_fusion(texts[at], vector, fusions, &options)?)
        },
    )?;
    drop(stage);
    let mut runs: Vec<Run> = fusions
        .iter()
        .map(|fusion| Run::new(describe(*fusion)))
        .collect();
    for (query, rankings) in queries.iter().zip(rankings) {
        for (run, ranking) in runs.iter_mut().zip(rankings) {
            run.set(
                &query.id,
                ranking
                    .into_iter()
                    .map(|(id, score)| Scored { id, score })
                    .collect(),
            );
        }
    }
    let tables = runs.iter().map(|run| Table::new(judged, run, &[metric]));
    Ok((tables.collect(), notes))
}

fn store_fusion(collection: &dyn Collection, fusion: Option<Fusion>) -> anyhow::Result<()> {
    let mut writer = collection.writer()?;
    writer.set_fusion(fusion);
    Ok(writer.commit()?)
}

/// A fusion as text.
fn describe(fusion: Fusion) -> String {
    let method = match fusion.method {
        FusionMethod::ZScore => "z-score",
        FusionMethod::MinMax => "min-max",
        FusionMethod::Distribution => "distribution",
        FusionMethod::Rrf => "rrf",
    };
    match fusion.dense {
        1.0 => "dense search alone".to_owned(),
        0.0 => "lexical search alone".to_owned(),
        dense => format!("{method}, dense {dense:.2}, lexical {:.2}", 1.0 - dense),
    }
}

fn print(
    output: &mut Output,
    tuned: &Tuned,
    before: Fusion,
    location: &Location,
    dry_run: bool,
) -> anyhow::Result<()> {
    output.line(format_args!(
        "{}, {}, {} parts",
        pluralize(tuned.queries, "question"),
        tuned.metric,
        tuned.folds
    ))?;
    let figure = |name: &str| -> Option<MetricValue> {
        let system = tuned.systems.iter().find(|system| system.name == name)?;
        system.metrics.get(&tuned.metric).cloned()
    };
    for (name, what) in [
        ("tuned", "tuned, cross-validated".to_owned()),
        ("before", format!("before: {}", describe(before))),
        ("dense", "dense search alone".to_owned()),
        ("lexical", "lexical search alone".to_owned()),
    ] {
        if let Some(MetricValue {
            mean,
            ci95: [low, high],
        }) = figure(name)
        {
            output.line(format_args!("{mean:.4} [{low:.3}, {high:.3}]  {what}"))?;
        }
    }
    let single = ["dense", "lexical"].into_iter().max_by(|a, b| {
        figure(a)
            .map_or(0.0, |f| f.mean)
            .total_cmp(&figure(b).map_or(0.0, |f| f.mean))
    });
    for (other, what) in [
        (Some("before"), "before"),
        (single, "the better list alone"),
    ] {
        let of = |c: &&Comparison| {
            c.test == RANDOMIZATION_TEST
                && [&c.a, &c.b].iter().any(|name| *name == "tuned")
                && Some(if c.a == "tuned" { &*c.b } else { &*c.a }) == other
        };
        if let Some(found) = tuned.comparisons.iter().find(of) {
            let sign = if found.a == "tuned" { 1.0 } else { -1.0 };
            let significance = if found.p_holm < SIGNIFICANCE_LEVEL {
                ""
            } else {
                ", not significant"
            };
            output.line(format_args!(
                "{:+.4} against {what}, p {:.4}{significance}",
                sign * found.difference,
                found.p_holm
            ))?;
        }
    }
    output.line(styled(
        style::FAINT,
        "paired randomization test, Holm's correction",
    ))?;
    output.line(format_args!(
        "best on all queries: {}",
        styled(style::STRONG, describe(tuned.best))
    ))?;
    if tuned.best.dense == 1.0 || tuned.best.dense == 0.0 {
        output.line(styled(
            style::BAD,
            "fusion does not help on these queries: one list alone is better",
        ))?;
    }
    let end = match (tuned.kept, dry_run) {
        (true, _) => format!("{location} uses it from now on; nigh tune --reset undoes that"),
        (_, true) => format!("{location} is unchanged"),
        _ => format!("no better in cross-validation: {location} is unchanged"),
    };
    output.line(end)?;
    Ok(())
}
