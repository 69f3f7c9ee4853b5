//! Starts evaluations.

use super::{AppState, job_accepted};
use crate::blocking::run_blocking;
use crate::evaluation::Evaluation;
use crate::jobs::Job;
use crate::json_body::Body;
use crate::problem::{Path, Result};
use crate::tasks::{self, Task};
use axum::extract::State;
use axum::response::IntoResponse;

/// Evaluate the search quality
///
/// Returns a job. Its result is what `nigh eval --json` prints, and `/v1/jobs/{id}/report` is a
/// page with it.
#[utoipa::path(post, operation_id = "evaluate", path = "/v1/collections/{collection}/evaluate", tag = "search",
    params(("collection" = String, Path, description = "The collection")),
    request_body = Evaluation,
    responses((status = 202, description = "The job has been queued", body = Job)))]
pub async fn post(
    State(app): AppState,
    Path(collection): Path<String>,
    Body(evaluation): Body<Evaluation>,
) -> Result<impl IntoResponse> {
    let served = app.collections.named(&collection)?;
    let task = Task::Evaluate(Box::new(evaluation));
    let job = run_blocking(move || tasks::start(&app, served, &task)).await?;
    Ok(job_accepted(job))
}
