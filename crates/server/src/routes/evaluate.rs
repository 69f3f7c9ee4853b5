//! Judging the answers.

use super::{AppState, begun};
use crate::app::{Shared, blocking};
use crate::ask::Question;
use crate::hosted::Hosted;
use crate::jobs::{Ended, Handle, Job, JobKind};
use crate::number::whole;
use crate::problem::{Body, Path, Problem, Result};
use axum::extract::State;
use axum::response::IntoResponse;
use engine::judge::{self, Asked, Judging, evaluate};
use eval::Level;
use query::Mode;
use serde::{Deserialize, Serialize};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use store::FusionMethod;
use utoipa::ToSchema;

/// The largest seed: larger numbers are not the same in every client's JSON.
const MOST_SEED: u64 = (1 << 53) - 1;

/// What to judge, and how.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Evaluation {
    /// Whether to judge by the questions that the collection's articles ask themselves.
    pub qa: bool,
    /// A file of questions, as it stands: JSON lines with `_id` and `text`.
    pub queries: Option<String>,
    /// A file of judgements, as it stands: BEIR's, TREC's, or JSON lines with `answers`.
    pub qrels: Option<String>,
    /// The modes; hybrid, dense and lexical without it.
    pub modes: Option<Vec<Mode>>,
    /// The metrics, such as nDCG@10; the first one orders systems.
    pub metrics: Vec<String>,
    /// Whether answers are judged by their passages or by their articles; without it, as the judgements are.
    pub by: Option<JudgedBy>,
    /// Which articles may answer.
    pub filter: Option<String>,
    /// What makes the scores of the two lists comparable.
    pub fusion: Option<FusionMethod>,
    /// What nearness in meaning counts; words count the rest.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub dense_weight: Option<f64>,
    /// A reranker: each mode is judged with and without it.
    pub rerank: Option<String>,
    /// What every random choice is made from; 42 without it.
    #[serde(deserialize_with = "whole")]
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    pub seed: Option<u64>,
}

/// What is judged.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JudgedBy {
    /// Articles.
    Article,
    /// The passages that hold an answer.
    Answer,
}

/// Judge the answers
///
/// Gives a job; its result is what `nigh eval --json` prints, and `/v1/jobs/{id}/report` shows it as a page.
#[utoipa::path(post, operation_id = "evaluate", path = "/v1/collections/{collection}/evaluate", tag = "search",
    params(("collection" = String, Path, description = "The collection")),
    request_body = Evaluation,
    responses((status = 202, description = "A job was begun", body = Job)))]
pub async fn post(
    State(app): AppState,
    Path(collection): Path<String>,
    Body(evaluation): Body<Evaluation>,
) -> Result<impl IntoResponse> {
    let hosted = app.collections.named(&collection)?;
    Ok(begun(start(&app, hosted, evaluation).await?))
}

/// Begins the job.
pub async fn start(app: &Shared, hosted: Arc<Hosted>, evaluation: Evaluation) -> Result<Job> {
    let with = app.clone();
    let prepared = blocking(move || Prepared::new(&evaluation, &with.settings.rerankers, with.job_threads())).await?;
    let name = hosted.name.clone();
    app.jobs.start(JobKind::Evaluate, &name, move |handle| prepared.run(&hosted, handle))
}

/// An evaluation, with the files that it is given as files.
struct Prepared {
    asked: Asked,
    folder: tempfile::TempDir,
}

impl Prepared {
    fn new(evaluation: &Evaluation, rerankers: &[String], threads: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let put = |name: &str, text: &Option<String>| -> Result<Option<PathBuf>> {
            let Some(text) = text else { return Ok(None) };
            let path = folder.path().join(name);
            std::fs::write(&path, text)?;
            Ok(Some(path))
        };
        let json = evaluation.qrels.as_ref().is_some_and(|text| text.trim_start().starts_with('{'));
        let judging = Judging {
            queries: put("queries.jsonl", &evaluation.queries)?,
            qrels: put(if json { "qrels.jsonl" } else { "qrels.tsv" }, &evaluation.qrels)?.into_iter().collect(),
            qa: evaluation.qa,
        };
        if judging.queries.is_none() && !judging.qa {
            return Err(Problem::bad_request(
                "which questions? Give queries, or qa for those that the articles ask themselves",
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
        for mode in evaluation.modes.as_deref().unwrap_or(&judge::MODES) {
            if !modes.contains(mode) {
                modes.push(*mode);
            }
        }
        if modes.is_empty() {
            return Err(Problem::bad_request("modes: none; expected hybrid, dense or lexical"));
        }
        if let Some(seed) = evaluation.seed.filter(|seed| *seed > MOST_SEED) {
            return Err(Problem::bad_request(format!("seed = {seed}: expected 0 to {MOST_SEED}")));
        }
        for metric in &evaluation.metrics {
            metric.parse::<eval::Metric>().map_err(|error| Problem::bad_request(error.to_string()))?;
        }
        let asked = Asked {
            judging,
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
        Ok(Self { asked, folder })
    }

    fn run(&self, hosted: &Hosted, handle: &Handle) -> Result<Ended> {
        let snapshot = hosted.snapshot();
        let found = evaluate(Some((&*snapshot.collection, &hosted.name)), &self.asked, handle);
        let found = match found {
            Err(engine::Error::Stopped) => return Ok(Ended::Stopped(None)),
            found => found.map_err(|error| self.named(error.into()))?,
        };
        let report = self.folder.path().join("report");
        let page = eval::report::write_verdict(&report, &found.verdict, &found.tables)
            .map_err(|error| Problem::internal(&error))?;
        handle.keep_report(std::fs::read_to_string(page)?);
        Ok(Ended::Done(serde_json::to_value(found.verdict)?))
    }

    /// A problem that speaks of the files by what they are in the request.
    fn named(&self, problem: Problem) -> Problem {
        let detail = without(problem.detail(), self.folder.path());
        problem.with_detail(detail)
    }
}

fn without(text: &str, folder: &FilePath) -> String {
    text.replace(&format!("{}/", folder.display()), "")
}
