//! Evaluations: search quality on queries with known answers, measured by a job.

use crate::jobs::{JobHandle, JobOutcome};
use crate::lenient_number::whole_number;
use crate::problem::{Problem, Result};
use crate::question::Question;
use crate::served::ServedCollection;
use engine::evaluation::{self, EvalInputs, EvalOptions, evaluate};
use eval::Level;
use query::Mode;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use store::FusionMethod;
use utoipa::ToSchema;

/// The largest seed: JSON clients that use `f64` cannot represent larger integers exactly.
const MAX_SEED: u64 = (1 << 53) - 1;

/// What to evaluate, and how.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Evaluation {
    /// Whether to use the question-and-answer pairs found in the collection's articles.
    pub qa: bool,
    /// The contents of a query file: JSON lines with `_id` and `text`.
    pub queries: Option<String>,
    /// The contents of a judgement file: BEIR or TREC qrels, or JSON lines with `answers`.
    pub qrels: Option<String>,
    /// The search modes; hybrid, dense and lexical by default.
    pub modes: Option<Vec<Mode>>,
    /// The metrics, such as nDCG@10. The first one orders the systems.
    pub metrics: Vec<String>,
    /// Whether passages or articles are judged; by default, whichever the judgements name.
    pub by: Option<JudgedBy>,
    /// Search only articles that match this filter.
    pub filter: Option<String>,
    /// How to normalize the scores of the dense and the lexical list before they are fused.
    pub fusion: Option<FusionMethod>,
    /// The weight of the dense score in hybrid search; the lexical score has the rest.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub dense_weight: Option<f64>,
    /// A reranker. Each mode is evaluated with and without it.
    pub rerank: Option<String>,
    /// The random seed; 42 by default.
    #[serde(deserialize_with = "whole_number")]
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    pub seed: Option<u64>,
}

/// What judgements are about.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JudgedBy {
    /// Articles.
    Article,
    /// Passages that contain an answer.
    Answer,
}

/// A validated evaluation, with its inputs written to temporary files.
pub struct PreparedEvaluation {
    options: EvalOptions,
    folder: tempfile::TempDir,
}

impl PreparedEvaluation {
    pub fn new(evaluation: &Evaluation, rerankers: &[String], threads: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let write_input = |name: &str, text: &Option<String>| -> Result<Option<PathBuf>> {
            let Some(text) = text else { return Ok(None) };
            let path = folder.path().join(name);
            std::fs::write(&path, text)?;
            Ok(Some(path))
        };
        let is_json = evaluation
            .qrels
            .as_ref()
            .is_some_and(|text| text.trim_start().starts_with('{'));
        let inputs = EvalInputs {
            queries: write_input("queries.jsonl", &evaluation.queries)?,
            qrels: write_input(
                if is_json { "qrels.jsonl" } else { "qrels.tsv" },
                &evaluation.qrels,
            )?
            .into_iter()
            .collect(),
            qa: evaluation.qa,
        };
        if inputs.queries.is_none() && !inputs.qa {
            return Err(Problem::bad_request(
                "which questions? Give queries, or set qa to use the question-and-answer pairs in the articles",
            ));
        }
        let ranking = Question {
            filter: evaluation.filter.clone(),
            fusion: evaluation.fusion,
            dense_weight: evaluation.dense_weight,
            rerank: evaluation.rerank.clone(),
            ..Question::default()
        };
        let mut modes = Vec::new();
        for mode in evaluation
            .modes
            .as_deref()
            .unwrap_or(&evaluation::DEFAULT_MODES)
        {
            if !modes.contains(mode) {
                modes.push(*mode);
            }
        }
        if modes.is_empty() {
            return Err(Problem::bad_request(
                "modes: none; expected hybrid, dense or lexical",
            ));
        }
        if let Some(seed) = evaluation.seed.filter(|seed| *seed > MAX_SEED) {
            return Err(Problem::bad_request(format!(
                "seed = {seed}: expected 0 to {MAX_SEED}"
            )));
        }
        for metric in &evaluation.metrics {
            metric
                .parse::<eval::Metric>()
                .map_err(|error| Problem::bad_request(error.to_string()))?;
        }
        let options = EvalOptions {
            inputs,
            modes,
            ranking: ranking.ranking(rerankers)?,
            metrics: evaluation.metrics.clone(),
            runs: Vec::new(),
            reranked: None,
            by: evaluation.by.map(|by| match by {
                JudgedBy::Article => Level::Article,
                JudgedBy::Answer => Level::Answer,
            }),
            grid: None,
            worst: true,
            seed: evaluation.seed.unwrap_or(42),
            threads,
        };
        Ok(Self { options, folder })
    }

    pub fn run(&self, served: &ServedCollection, handle: &JobHandle) -> Result<JobOutcome> {
        let snapshot = served.snapshot();
        let evaluated = evaluate(
            Some((&*snapshot.collection, &served.name)),
            &self.options,
            handle,
        );
        let evaluated = match evaluated {
            Err(engine::Error::Stopped) => return Ok(JobOutcome::Stopped(None)),
            evaluated => evaluated.map_err(|error| self.with_input_names(error.into()))?,
        };
        let report = self.folder.path().join("report");
        let page = eval::report::write_verdict(&report, &evaluated.verdict, &evaluated.tables)
            .map_err(|error| Problem::internal(&error))?;
        handle.set_report(std::fs::read_to_string(page)?)?;
        Ok(JobOutcome::Done(serde_json::to_value(evaluated.verdict)?))
    }

    /// Strips the path of the temporary folder from a problem, so that files are called as in the
    /// request.
    fn with_input_names(&self, problem: Problem) -> Problem {
        let detail = strip_folder(problem.detail(), self.folder.path());
        problem.with_detail(detail)
    }
}

fn strip_folder(text: &str, folder: &Path) -> String {
    text.replace(&format!("{}/", folder.display()), "")
}
