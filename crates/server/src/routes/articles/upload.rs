//! Uploads of files with articles.

use crate::blocking::run_blocking;
use crate::jobs::{Job, JobFolder, JobKind, Jobs};
use crate::problem::{Path, Problem, Result};
use crate::routes::{AppState, job_accepted};
use crate::tasks::{self, Task};
use crate::uploads;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use utoipa::ToSchema;

/// Files with articles.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read as it comes")]
pub struct Upload {
    /// Text, Markdown, HTML, PDF, JSONL or CSV; the format is found from the contents and the
    /// name.
    #[schema(value_type = Vec<String>, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<Vec<u8>>,
}

/// Add files of articles
///
/// Reads the files as `nigh index` does. Ids are file names. Returns a job, whose notes name every
/// file that could not be used, and why.
///
/// The files are kept on disk until the job is done: a restart of the server loses none.
#[utoipa::path(post, operation_id = "upload_articles", path = "/v1/collections/{collection}/articles", tag = "articles",
    params(("collection" = String, Path, description = "The collection")),
    request_body(content = Upload, content_type = "multipart/form-data"),
    responses((status = 202, description = "The job has been queued", body = Job)))]
pub async fn post(
    State(app): AppState,
    Path(collection): Path<String>,
    form: std::result::Result<Multipart, MultipartRejection>,
) -> Result<impl IntoResponse> {
    let form = form.map_err(|_| {
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "expected a form with files: Content-Type: multipart/form-data; boundary=…",
        )
    })?;
    let served = app.collections.named(&collection)?;
    app.jobs.ensure_room(JobKind::Index)?;
    let jobs_folder = served.jobs_folder();
    let folder = run_blocking(move || {
        let id = Jobs::new_id()?;
        Ok(JobFolder::create(&jobs_folder, &id)?)
    })
    .await?;
    let upload = uploads::receive(form, folder).await?;
    let job = run_blocking(move || {
        tasks::start_in(
            &app,
            served,
            &Task::Index,
            Some(upload.folder),
            upload.notes,
        )
    })
    .await?;
    Ok(job_accepted(job))
}
