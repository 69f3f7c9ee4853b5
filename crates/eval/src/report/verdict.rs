//! The verdict: everything that an evaluation found, as `nigh eval --json` prints it.

use crate::misses::{MissCause, MissCounts};
use crate::needs::Level;
use crate::paraphrase::{FailingWording, GroupValue, Summary};
use crate::select::Selection;
use crate::significance::{BootstrapIntervals, Comparison, ResamplingUnits};
use crate::table::Table;
use notes::Note;
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything that an evaluation found.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// What was judged, for the title.
    pub title: String,
    /// The queries that figures are means over.
    pub queries: usize,
    /// The relevant judgements of these.
    pub judgements: usize,
    /// What was judged.
    pub by: Level,
    /// The metrics, in the order asked for.
    pub metrics: Vec<String>,
    /// The first of them: what systems are ordered and chosen by.
    pub primary: String,
    /// The depth at which a judgement counts as missed.
    pub at: usize,
    /// What a reader must know: judgements that could not be used, and why.
    pub notes: Vec<Note>,
    /// The systems, in the order asked for.
    pub systems: Vec<System>,
    /// Their differences, tested.
    pub comparisons: Vec<Comparison>,
    /// Where misses were lost.
    pub losses: MissReport,
    /// How much the wording matters, where needs have several.
    pub paraphrases: Option<ParaphraseReport>,
    /// The best system, chosen on half of the queries.
    pub selection: Option<Selection>,
    /// The worst queries of the first system; only in a report.
    pub worst: Vec<WorstQuery>,
    /// Where the time went.
    pub timings: Timings,
    /// What it was made with.
    pub manifest: serde_json::Value,
}

/// One system's figures.
#[derive(Debug, Clone, Serialize)]
pub struct System {
    /// Its name.
    pub name: String,
    /// Its figures by metric.
    pub metrics: BTreeMap<String, MetricValue>,
}

/// A mean with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MetricValue {
    /// The mean over queries.
    pub mean: f64,
    /// Its 95 % bootstrap interval.
    pub ci95: [f64; 2],
}

/// Misses by cause.
#[derive(Debug, Clone, Serialize)]
pub struct MissReport {
    /// The depth at which a judgement counts as missed.
    pub at: usize,
    /// All relevant judgements.
    pub judgements: usize,
    /// The causes, in the order of the stages.
    pub causes: Vec<&'static str>,
    /// What each means.
    pub explained: BTreeMap<&'static str, &'static str>,
    /// The sums.
    pub systems: Vec<MissCounts>,
    /// The misses, one by one.
    pub misses: Vec<Miss>,
}

impl MissReport {
    /// Puts the sums and the single misses together.
    pub fn new(at: usize, judgements: usize, systems: Vec<MissCounts>, misses: Vec<Miss>) -> Self {
        let causes = MissCause::ALL.iter().map(|cause| cause.name()).collect();
        let explained = MissCause::ALL.iter().map(|cause| (cause.name(), cause.description())).collect();
        Self { at, judgements, causes, explained, systems, misses }
    }
}

/// A judgement that a system missed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Miss {
    /// The system.
    pub system: String,
    /// The query's id.
    pub query: String,
    /// Its words.
    pub question: String,
    /// What should have been found.
    pub target: String,
    /// Where it was lost.
    pub cause: MissCause,
    /// Its rank in what the system gave, if it is there.
    pub rank: Option<usize>,
    /// Its rank in the exact dense list.
    pub dense_rank: Option<usize>,
    /// Its rank in the lexical list.
    pub lexical_rank: Option<usize>,
}

/// How much the wording matters.
#[derive(Debug, Clone, Serialize)]
pub struct ParaphraseReport {
    /// The metric's name.
    pub metric: String,
    /// The means of each system.
    pub systems: Vec<Summary>,
    /// The groups that fare worst.
    pub groups: Vec<GroupValue>,
    /// The wordings with nothing relevant among the first.
    pub failing: Vec<FailingWording>,
}

/// A query that went badly, with what should have been found and what was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorstQuery {
    /// The system.
    pub system: String,
    /// The query's id.
    pub query: String,
    /// Its words.
    pub text: String,
    /// Its value in the primary metric.
    pub value: f64,
    /// What should have been found.
    pub expected: Vec<Expected>,
    /// What came first.
    pub found: Vec<Found>,
}

/// Something that should have been found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expected {
    /// The passage, or the article.
    pub id: String,
    /// The article's title.
    pub title: String,
    /// Where it was found, if it was.
    pub rank: Option<usize>,
    /// Its text.
    pub text: String,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// From 1.
    pub rank: usize,
    /// The passage, or the article.
    pub id: String,
    /// The article's title.
    pub title: String,
    /// Its score.
    pub score: f32,
    /// Whether it was judged relevant.
    pub relevant: bool,
    /// Its text.
    pub text: String,
}

/// Where the time went, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Timings {
    /// Embedding the questions.
    pub embed_s: f64,
    /// Searching, in every mode.
    pub search_s: f64,
    /// Computing every metric of every system.
    pub judge_s: f64,
    /// Intervals and tests.
    pub test_s: f64,
    /// Finding where misses were lost.
    pub loss_s: f64,
    /// All of it.
    pub total_s: f64,
}

/// The figures of every system, with intervals, and their comparisons.
pub fn system_metrics(tables: &[Table], units: &ResamplingUnits, seed: u64) -> (Vec<System>, Vec<Comparison>) {
    let columns: Vec<&[f64]> = tables.iter().flat_map(|table| &table.values).map(Vec::as_slice).collect();
    let intervals = BootstrapIntervals::new(&columns, units, seed);
    let systems = tables.iter().enumerate().map(|(at, table)| {
        let figure = |metric: usize| MetricValue {
            mean: table.mean(metric),
            ci95: intervals.mean(at * table.metrics.len() + metric),
        };
        let metrics = table.metrics.iter().enumerate().map(|(row, metric)| (metric.to_string(), figure(row))).collect();
        System { name: table.system.clone(), metrics }
    });
    (systems.collect(), crate::significance::compare(tables, &intervals, units, seed))
}
