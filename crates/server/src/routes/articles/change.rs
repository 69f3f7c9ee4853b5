//! Adding, replacing and deleting one article.

use crate::app::SharedApp;
use crate::blocking::run_blocking;
use crate::json_body::Body;
use crate::pool::ModelRegistry;
use crate::problem::{Params, Path, Problem, Result};
use crate::routes::AppState;
use crate::served::ServedCollection;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::NoProgress;
use engine::indexing::{self, IndexReport};
use ingest::pipeline::{MAX_ID_BYTES, PipelineOptions};
use ingest::{Article, ByteSpan, MetaValue};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use utoipa::{IntoParams, ToSchema};

/// How long a change waits for another writer in this process.
const WRITE_LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// An article to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewArticle {
    /// The text.
    #[schema(min_length = 1)]
    text: String,
    /// The title.
    #[serde(default)]
    title: String,
    /// Where the article came from, to be shown to users; the id by default.
    path: Option<String>,
    /// Metadata by name: strings, numbers, dates (YYYY-MM-DD) and lists of them.
    #[serde(default)]
    metadata: HashMap<String, serde_json::Value>,
}

/// Add an article, or replace the one with its id
#[utoipa::path(put, operation_id = "put_article", path = "/v1/collections/{collection}/articles/{id}", tag = "articles",
    params(("collection" = String, Path, description = "The collection"),
        ("id" = String, Path, description = "The article's id; a / in it is written %2F")),
    request_body = NewArticle,
    responses((status = 200, description = "The article has been replaced, or has not changed", body = ArticlePut),
        (status = 201, description = "The article has been added", body = ArticlePut)))]
pub async fn put(
    State(app): AppState,
    Path((collection, id)): Path<(String, String)>,
    Body(new): Body<NewArticle>,
) -> Result<(StatusCode, Json<ArticlePut>)> {
    write(app, &collection, id, new).await
}

/// The article of a request.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IdQuery {
    /// The article's id.
    id: String,
}

/// Add an article, or replace the one with its id, which may be one that no path can hold
#[utoipa::path(put, operation_id = "put_article_by_query", path = "/v1/collections/{collection}/article", tag = "articles",
    params(("collection" = String, Path, description = "The collection"), IdQuery),
    request_body = NewArticle,
    responses((status = 200, description = "The article has been replaced, or has not changed", body = ArticlePut),
        (status = 201, description = "The article has been added", body = ArticlePut)))]
pub async fn put_by_query(
    State(app): AppState,
    Path(collection): Path<String>,
    Params(IdQuery { id }): Params<IdQuery>,
    Body(new): Body<NewArticle>,
) -> Result<(StatusCode, Json<ArticlePut>)> {
    write(app, &collection, id, new).await
}

async fn write(
    app: SharedApp,
    collection: &str,
    id: String,
    new: NewArticle,
) -> Result<(StatusCode, Json<ArticlePut>)> {
    let served = app.collections.named(collection)?;
    if new.text.trim().is_empty() {
        return Err(Problem::bad_request("text: it is empty"));
    }
    check_id(&id)?;
    let article_id = id.clone();
    let article = move |known_path: Option<String>| Article {
        path: new.path.or(known_path).unwrap_or_else(|| id.clone()),
        title: new.title.split_whitespace().collect::<Vec<_>>().join(" "),
        body: vec![ByteSpan::new(0, new.text.len())],
        text: new.text,
        record_line: None,
        metadata: new
            .metadata
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), MetaValue::from_json(value)?)))
            .collect(),
        questions: Vec::new(),
        id,
    };
    let write_lock = lock_for_writing(&served).await?;
    let models = app.models.clone();
    run_blocking(move || {
        let _writing = write_lock;
        let known_path = served
            .snapshot()
            .collection
            .article(&article_id)?
            .map(|stored| stored.article.path);
        let report = add_article(&served, &models, article(known_path))?;
        let status = if report.added > 0 {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        Ok((
            status,
            Json(ArticlePut {
                added: report.added > 0,
                changed: report.unchanged == 0,
                passages: report.passages,
            }),
        ))
    })
    .await
}

/// Fails for an id that the index cannot hold.
fn check_id(id: &str) -> Result<()> {
    if id.is_empty() || id.len() > MAX_ID_BYTES {
        return Err(Problem::bad_request(format!(
            "the id has {} bytes: expected 1 to {MAX_ID_BYTES}",
            id.len()
        )));
    }
    Ok(())
}

/// Waits for other short writes in this process, but not for a job.
async fn lock_for_writing(served: &ServedCollection) -> Result<OwnedMutexGuard<()>> {
    let write_lock =
        tokio::time::timeout(WRITE_LOCK_TIMEOUT, served.write_lock.clone().lock_owned()).await;
    write_lock.map_err(|_| {
        Problem::conflict("a job is writing to this collection; try again when it is done")
            .retry_after(WRITE_LOCK_TIMEOUT)
    })
}

/// What adding an article changed.
#[derive(Serialize, ToSchema)]
pub struct ArticlePut {
    /// Whether no article had this id before.
    added: bool,
    /// Whether the article differs from what was there.
    changed: bool,
    /// How many passages it has.
    passages: usize,
}

/// Adds or replaces one article, and commits.
fn add_article(
    served: &ServedCollection,
    models: &ModelRegistry,
    article: Article,
) -> Result<IndexReport> {
    let mut collection = store::open(served.location())?;
    let manifest = collection.manifest();
    let plan = PipelineOptions::new(manifest.chunking, 1);
    let embedder = models.embedder(&manifest.model.name)?;
    let report = indexing::add_one(
        &mut *collection,
        embedder,
        article,
        &plan,
        &NoProgress::default(),
    )
    .map_err(unwrap_partial)?;
    if let Some(failed) = report.omitted.skipped.failed.first() {
        return Err(Problem::bad_request(failed.problem.clone()));
    }
    served.refresh()?;
    Ok(report)
}

/// The error inside [`engine::Error::PartiallyDone`]: with a single article there is nothing partial to
/// report.
fn unwrap_partial(error: engine::Error) -> engine::Error {
    match error {
        engine::Error::PartiallyDone(error) => *error,
        other => other,
    }
}

/// Delete an article
#[utoipa::path(delete, operation_id = "delete_article", path = "/v1/collections/{collection}/articles/{id}", tag = "articles",
    params(("collection" = String, Path, description = "The collection"),
        ("id" = String, Path, description = "The article's id; a / in it is written %2F")),
    responses((status = 204, description = "The article has been deleted")))]
pub async fn delete(
    State(app): AppState,
    Path((collection, id)): Path<(String, String)>,
) -> Result<StatusCode> {
    remove(app, &collection, id).await
}

/// Delete an article with an id that no path can hold
#[utoipa::path(delete, operation_id = "delete_article_by_query", path = "/v1/collections/{collection}/article", tag = "articles",
    params(("collection" = String, Path, description = "The collection"), IdQuery),
    responses((status = 204, description = "The article has been deleted")))]
pub async fn delete_by_query(
    State(app): AppState,
    Path(collection): Path<String>,
    Params(IdQuery { id }): Params<IdQuery>,
) -> Result<StatusCode> {
    remove(app, &collection, id).await
}

async fn remove(app: SharedApp, collection: &str, id: String) -> Result<StatusCode> {
    let served = app.collections.named(collection)?;
    let write_lock = lock_for_writing(&served).await?;
    run_blocking(move || {
        let _writing = write_lock;
        let collection = store::open(served.location())?;
        let mut writer = collection.writer()?;
        if !writer.delete(&id)? {
            return Err(Problem::not_found(format!("no article has the id {id:?}")));
        }
        writer.commit()?;
        drop(writer);
        served.refresh()?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}
