//! Puts the verdict together: figures, tests, misses, paraphrases and the provenance.

use super::{DEFAULT_CUTOFF, Results, System, Task, worst_queries};
use crate::Result;
use crate::provenance::{extend, provenance};
use eval::provenance::Input;
use eval::report::{self, MissReport, ParaphraseReport, Power, Timings, Verdict};
use eval::significance::{
    Comparison, RANDOMIZATION_TEST, ResamplingUnits, SIGNIFICANCE_LEVEL, unseen_share,
};
use eval::{Metric, Qrels, Table, paraphrase};
use notes::{Code, Note};
use serde_json::json;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;
use store::Collection;

/// With fewer queries, the best system is not selected on one half and reported on the other.
const MIN_QUERIES_FOR_SELECTION: usize = 20;

/// A note if there are too few queries to tell much. `comparisons` are those by one metric and test.
pub fn few_queries_note(power: &Power, comparisons: usize) -> Option<Note> {
    if power.units >= MIN_QUERIES_FOR_SELECTION {
        return None;
    }
    let questions = match power.units {
        1 => "1 question is very little".to_owned(),
        n => format!("{n} questions are few"),
    };
    let lowest = 1.0 - unseen_share(power.units);
    let mut message = format!(
        "{questions}: with all of them right, the interval would still begin at {lowest:.3}"
    );
    if comparisons > 0 {
        let fewest = power.fewest_differences;
        message += &match power.smallest_difference {
            Some(difference) => format!(
                "; a difference is significant only if systems differ on {fewest} or more, all in favor of one: {difference:.2} in a metric that is 0 or 1"
            ),
            None => format!(
                "; no difference can be significant (p below {SIGNIFICANCE_LEVEL}) with fewer than {fewest}"
            ),
        };
    }
    Some(Note::new(Code::FewQuestions, message))
}

/// The unit of evidence of each answerable query, in the order of table columns. Paraphrases of one
/// query share a unit, because they are not independent.
pub fn evidence_units(judged: &Qrels, groups: &[paraphrase::Group]) -> Vec<usize> {
    let wordings = groups.iter().enumerate().flat_map(|(number, group)| {
        group
            .wordings
            .iter()
            .map(move |(id, _)| (id.as_str(), number))
    });
    let group_of: HashMap<&str, usize> = wordings.collect();
    let queries = judged.answerable().enumerate();
    queries
        .map(|(at, (query, _))| group_of.get(query).copied().unwrap_or(groups.len() + at))
        .collect()
}

/// Builds the verdict. Returns the tables too, which a report needs.
pub fn build(
    task: &Task<'_>,
    judged: &Qrels,
    results: Results,
    collection: Option<(&dyn Collection, &str)>,
    started: Instant,
) -> Result<(Verdict, Vec<Table>)> {
    let options = task.options;
    let Results {
        systems,
        tables,
        losses,
        misses,
        mut timings,
        notes,
    } = results;
    let tests_started = Instant::now();
    let groups = paraphrase::groups(&task.data.queries, judged);
    let units = evidence_units(judged, &groups);
    let resampling = ResamplingUnits::new(&units);
    let (figures, comparisons) = report::system_metrics(&tables, &resampling, options.seed);
    let of_primary =
        |c: &&Comparison| c.metric == task.metrics[0].to_string() && c.test == RANDOMIZATION_TEST;
    let pairs = comparisons.iter().filter(of_primary).count();
    let power = Power::new(resampling.count(), pairs);
    let selection = if units.len() >= MIN_QUERIES_FOR_SELECTION {
        eval::select::select_best(&tables, 0, &units, options.seed)
    } else {
        None
    };
    timings.test_s = tests_started.elapsed().as_secs_f64();
    let judgements = judged
        .answerable()
        .map(|(_, topic)| topic.ideal.len())
        .sum();
    let worst = match collection {
        Some((collection, _)) if options.worst => {
            worst_queries::worst_queries(collection, task, judged, &systems[0], &tables[0])?
        }
        _ => Vec::new(),
    };
    let mut details = json!({
        "seed": options.seed,
        "modes": options.modes,
        "metrics": task.metrics,
        "by": judged.level,
        "reranked": options.reranked,
        "threads": options.threads,
        "queries": options.inputs.queries.as_deref().map(Input::of),
        "qrels": options.inputs.qrels.iter().map(|path| Input::of(path)).collect::<Vec<_>>(),
        "runs": options.runs.iter().map(|path| Input::of(path)).collect::<Vec<_>>(),
        "grid": options.grid.as_deref().map(Input::of),
    });
    extend(
        &mut details,
        options
            .ranking
            .to_json(collection.map(|(collection, _)| collection)),
    );
    let primary = task.metrics[0].to_string();
    let verdict = Verdict {
        title: format!(
            "Verdict on {}",
            collection.map_or_else(
                || file_stems(&options.runs),
                |(_, location)| location.to_owned()
            )
        ),
        queries: judged.answerable().count(),
        judgements,
        by: judged.level,
        metrics: task.metrics.iter().map(Metric::to_string).collect(),
        at: task.cutoff,
        notes: task
            .data
            .notes
            .notes
            .iter()
            .cloned()
            .chain(notes)
            .chain(few_queries_note(&power, pairs))
            .collect(),
        systems: figures,
        comparisons,
        power,
        losses: MissReport::new(task.cutoff, judgements, losses, misses),
        paraphrases: paraphrase_report(&groups, judged, &systems, &tables, &primary, task.cutoff),
        selection,
        worst,
        provenance: provenance(collection, details)?,
        timings: Timings {
            total_s: started.elapsed().as_secs_f64(),
            ..timings
        },
        primary,
    };
    Ok((verdict, tables))
}

fn file_stems(paths: &[PathBuf]) -> String {
    let stem = |path: &Path| {
        path.file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    paths
        .iter()
        .map(|path| stem(path))
        .collect::<Vec<_>>()
        .join(", ")
}

fn paraphrase_report(
    groups: &[paraphrase::Group],
    judged: &Qrels,
    systems: &[System],
    tables: &[Table],
    metric: &str,
    cutoff: usize,
) -> Option<ParaphraseReport> {
    if groups.is_empty() {
        return None;
    }
    let (mut summaries, mut group_values, mut failing) = (Vec::new(), Vec::new(), Vec::new());
    for (system, table) in systems.iter().zip(tables) {
        let mut values = paraphrase::group_values(
            groups,
            judged,
            table,
            &system.run,
            0,
            cutoff.max(DEFAULT_CUTOFF),
        );
        summaries.extend(paraphrase::summarize(&values));
        values.sort_by(|a, b| a.mean.total_cmp(&b.mean));
        group_values.extend(values);
        failing.extend(paraphrase::failing_wordings(
            groups,
            judged,
            &system.run,
            cutoff,
        ));
    }
    Some(ParaphraseReport {
        metric: metric.to_owned(),
        systems: summaries,
        groups: group_values,
        failing,
    })
}
