//! The verdict: the result of an evaluation, as `nigh eval --json` prints it. The field names are
//! the JSON contract.

use crate::misses::{MissCause, MissCounts};
use crate::needs::Level;
use crate::paraphrase::{FailingWording, GroupValue, Summary};
use crate::select::Selection;
use crate::significance::{BootstrapIntervals, Comparison, ResamplingUnits, fewest_differences};
use crate::table::Table;
use notes::Note;
use serde::Serialize;
use std::collections::BTreeMap;

/// The result of an evaluation.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// The title of the report.
    pub title: String,
    /// How many queries the means are taken over.
    pub queries: usize,
    /// How many relevant judgements these queries have.
    pub judgements: usize,
    /// Whether articles or answers were judged.
    pub by: Level,
    /// The metrics, in the requested order.
    pub metrics: Vec<String>,
    /// The first metric: systems are ordered and selected by it.
    pub primary: String,
    /// The depth k: a judgement not found in the first k ranks is missed.
    pub at: usize,
    /// Notes, such as judgements that could not be used.
    pub notes: Vec<Note>,
    /// The systems, in the requested order.
    pub systems: Vec<SystemMetrics>,
    /// The differences of the systems, with tests.
    pub comparisons: Vec<Comparison>,
    /// What so many queries can show at best.
    pub power: Power,
    /// The causes of misses.
    pub losses: MissReport,
    /// Robustness to wording, if there are groups of paraphrases.
    pub paraphrases: Option<ParaphraseReport>,
    /// The best system, selected on half of the queries.
    pub selection: Option<Selection>,
    /// The worst queries of the first system; empty unless a report is written.
    pub worst: Vec<WorstQuery>,
    /// Durations of the evaluation's steps.
    pub timings: Timings,
    /// Versions, machine and inputs, to reproduce the result.
    #[serde(rename = "manifest")]
    pub provenance: serde_json::Value,
}

/// What a number of queries can show at best.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Power {
    /// The number of independent queries: the wordings of one need count once.
    pub units: usize,
    /// How many of them have to differ, all in favor of the same system, for a difference to be
    /// significant by the randomization test with Holm's correction.
    pub fewest_differences: usize,
    /// The least significant difference of a metric that is 0 or 1; `None` if no difference can be
    /// significant.
    pub smallest_difference: Option<f64>,
}

impl Power {
    /// The power of `units` queries for a number of comparisons by the same metric and test.
    pub fn new(units: usize, comparisons: usize) -> Self {
        let fewest_differences = fewest_differences(comparisons);
        Self {
            units,
            fewest_differences,
            smallest_difference: (units >= fewest_differences)
                .then(|| fewest_differences as f64 / units as f64),
        }
    }
}

/// The metrics of one system.
#[derive(Debug, Clone, Serialize)]
pub struct SystemMetrics {
    /// The system's name.
    pub name: String,
    /// Values by metric name.
    pub metrics: BTreeMap<String, MetricValue>,
}

/// The mean of a metric with its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MetricValue {
    /// The mean over the queries.
    pub mean: f64,
    /// The 95 % interval of the mean.
    pub ci95: [f64; 2],
}

/// The misses by cause.
#[derive(Debug, Clone, Serialize)]
pub struct MissReport {
    /// The depth k: a judgement not found in the first k ranks is missed.
    pub at: usize,
    /// The number of relevant judgements.
    pub judgements: usize,
    /// The causes, in pipeline order.
    pub causes: Vec<&'static str>,
    /// An explanation of each cause.
    pub explained: BTreeMap<&'static str, &'static str>,
    /// Counts for each system.
    pub systems: Vec<MissCounts>,
    /// Every single miss.
    pub misses: Vec<Miss>,
}

impl MissReport {
    /// Builds a report from the counts and the single misses.
    pub fn new(at: usize, judgements: usize, systems: Vec<MissCounts>, misses: Vec<Miss>) -> Self {
        let causes = MissCause::ALL.iter().map(|cause| cause.name()).collect();
        let explained = MissCause::ALL
            .iter()
            .map(|cause| (cause.name(), cause.description()))
            .collect();
        Self {
            at,
            judgements,
            causes,
            explained,
            systems,
            misses,
        }
    }
}

/// A judgement that a system missed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Miss {
    /// The system's name.
    pub system: String,
    /// The query's id.
    pub query: String,
    /// The query's text.
    pub question: String,
    /// The id of the need that was missed.
    pub target: String,
    /// The pipeline stage that lost it.
    pub cause: MissCause,
    /// Its rank in the system's results; `None` if it is not among them.
    pub rank: Option<usize>,
    /// Its rank in the exact dense list.
    pub dense_rank: Option<usize>,
    /// Its rank in the lexical list.
    pub lexical_rank: Option<usize>,
}

/// Robustness to wording.
#[derive(Debug, Clone, Serialize)]
pub struct ParaphraseReport {
    /// The metric's name.
    pub metric: String,
    /// Averages over all groups, for each system.
    pub systems: Vec<Summary>,
    /// The values of every group for every system; within a system, lowest mean first.
    pub groups: Vec<GroupValue>,
    /// The wordings with nothing relevant in the first `at` ranks.
    pub failing: Vec<FailingWording>,
}

/// A query with a low value: expected and actual results.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorstQuery {
    /// The system's name.
    pub system: String,
    /// The query's id.
    pub query: String,
    /// The query's text.
    pub text: String,
    /// The query's value in the primary metric.
    pub value: f64,
    /// The relevant results.
    pub expected: Vec<ExpectedResult>,
    /// The top results.
    pub found: Vec<FoundResult>,
}

/// A relevant passage or article.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExpectedResult {
    /// The id of the passage or article.
    pub id: String,
    /// The article's title.
    pub title: String,
    /// Its rank; `None` if it was not found.
    pub rank: Option<usize>,
    /// The text.
    pub text: String,
}

/// A result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoundResult {
    /// 1-based.
    pub rank: usize,
    /// The id of the passage or article.
    pub id: String,
    /// The article's title.
    pub title: String,
    /// The result's score.
    pub score: f32,
    /// Whether it was judged relevant.
    pub relevant: bool,
    /// The text.
    pub text: String,
}

/// Durations in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Timings {
    /// Embedding the queries.
    pub embed_s: f64,
    /// Searching in all modes.
    pub search_s: f64,
    /// Computing all metrics of all systems.
    pub judge_s: f64,
    /// Confidence intervals and tests.
    pub test_s: f64,
    /// Finding the causes of misses.
    pub loss_s: f64,
    /// The total.
    pub total_s: f64,
}

/// Computes the metrics of every system with confidence intervals, and compares the systems.
pub fn system_metrics(
    tables: &[Table],
    units: &ResamplingUnits,
    seed: u64,
) -> (Vec<SystemMetrics>, Vec<Comparison>) {
    let columns: Vec<&[f64]> = tables
        .iter()
        .flat_map(|table| &table.values)
        .map(Vec::as_slice)
        .collect();
    let intervals = BootstrapIntervals::new(&columns, units, seed);
    let systems = tables.iter().enumerate().map(|(at, table)| {
        let figure = |metric: usize| MetricValue {
            mean: table.mean(metric),
            ci95: intervals.mean(at * table.metrics.len() + metric),
        };
        let metrics = table
            .metrics
            .iter()
            .enumerate()
            .map(|(row, metric)| (metric.to_string(), figure(row)))
            .collect();
        SystemMetrics {
            name: table.system.clone(),
            metrics,
        }
    });
    (
        systems.collect(),
        crate::significance::compare(tables, &intervals, units, seed),
    )
}
