//! Follows and cancels jobs.

use super::AppState;
use crate::app::SharedApp;
use crate::guard::{CallerRole, REPORT_POLICY};
use crate::jobs::{Job, JobKind};
use crate::keys::Role;
use crate::problem::{Path, Result};
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;

/// The shortest time between two events of a job.
const EVENT_INTERVAL: Duration = Duration::from_millis(100);

/// The jobs of the server.
#[derive(Serialize, ToSchema)]
pub struct JobList {
    /// Newest first, without results. The server forgets old jobs.
    jobs: Vec<Job>,
}

/// List jobs
#[utoipa::path(get, operation_id = "list_jobs", path = "/v1/jobs", tag = "jobs", responses((status = 200, body = JobList)))]
pub async fn list(State(app): AppState) -> Json<JobList> {
    Json(JobList {
        jobs: app.jobs.list(),
    })
}

/// Get a job
#[utoipa::path(get, operation_id = "get_job", path = "/v1/jobs/{id}", tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses((status = 200, body = Job)))]
pub async fn get(State(app): AppState, Path(id): Path<String>) -> Result<Json<Job>> {
    Ok(Json(app.jobs.get(&id)?))
}

/// Cancel a job
///
/// Keeps what the job has committed so far. Cancelling takes the same role as starting: read for
/// evaluations, write for others.
#[utoipa::path(delete, operation_id = "cancel_job", path = "/v1/jobs/{id}", tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses((status = 202, description = "The job stops as soon as it can", body = Job)))]
pub async fn cancel(
    State(app): AppState,
    Extension(CallerRole(role)): Extension<CallerRole>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse> {
    if app.jobs.get(&id)?.kind != JobKind::Evaluate {
        role.require(Role::Write)?;
    }
    Ok((
        axum::http::StatusCode::ACCEPTED,
        Json(app.jobs.cancel(&id)?),
    ))
}

/// A server-sent event of a job.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the stream, which is written event by event"
)]
pub struct JobEvent {
    /// The job as JSON, without its result.
    #[schema(content_media_type = "application/json")]
    data: String,
}

/// Follow a job
///
/// Sends the job as a server-sent event whenever it changes, until it has ended.
#[utoipa::path(get, operation_id = "follow_job", path = "/v1/jobs/{id}/events", tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses((status = 200, content_type = "text/event-stream", body = JobEvent)))]
pub async fn events(State(app): AppState, Path(id): Path<String>) -> Result<impl IntoResponse> {
    let states = app.jobs.subscribe(&id)?;
    let events = job_events(app, states);
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// The states of a job as events, the final one included.
fn job_events(
    app: SharedApp,
    states: watch::Receiver<Job>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let (send, events) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut states = states;
        loop {
            let job = states.borrow_and_update().without_result();
            let ended = job.ended.is_some();
            let event = Event::default().json_data(&job).unwrap_or_default();
            if send.send(Ok(event)).await.is_err() || ended {
                return;
            }
            tokio::time::sleep(EVENT_INTERVAL).await;
            tokio::select! {
                changed = states.changed() => if changed.is_err() { return },
                // The server stops; the job goes on at the next start.
                () = app.jobs.until_stopped(), if !states.has_changed().unwrap_or(true) => return,
                // The client has disconnected.
                () = send.closed() => return,
            }
        }
    });
    ReceiverStream::new(events)
}

/// Get the report of an evaluation as an HTML page
#[utoipa::path(get, operation_id = "get_report", path = "/v1/jobs/{id}/report", tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses((status = 200, content_type = "text/html", body = String)))]
pub async fn report(State(app): AppState, Path(id): Path<String>) -> Result<Response> {
    let report = app.jobs.report(&id)?;
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, REPORT_POLICY),
    ];
    Ok((headers, report).into_response())
}
