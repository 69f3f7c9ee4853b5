//! Lists, creates, deletes, checks and compacts collections.

use super::{AppState, job_accepted};
use crate::blocking::run_blocking;
use crate::jobs::Job;
use crate::json_body::Body;
use crate::lenient_number::whole_number;
use crate::problem::{Path, Problem, Result};
use crate::tasks::{self, Task};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use ingest::{Chunking, Strategy};
use serde::{Deserialize, Serialize};
use store::{Fusion, Language, Stats};
use utoipa::ToSchema;

/// The collections of the server.
#[derive(Serialize, ToSchema)]
pub struct CollectionList {
    /// Sorted by name.
    collections: Vec<CollectionInfo>,
    /// The collection that the server was started with.
    default: Option<String>,
    /// Whether new collections can be created.
    can_create: bool,
}

/// A collection.
#[derive(Serialize, ToSchema)]
#[schema(as = Collection)]
pub struct CollectionInfo {
    /// Its name.
    name: String,
    /// Its size.
    stats: Stats,
    /// The embedding model.
    model: String,
    /// How articles are split into passages.
    chunking: Chunking,
    /// The language of the lexical analysis.
    language: String,
    /// The fusion parameters, if they were tuned.
    fusion: Option<Fusion>,
}

impl CollectionInfo {
    fn of(served: &crate::served::ServedCollection) -> Result<Self> {
        let snapshot = served.snapshot();
        let manifest = snapshot.collection.manifest();
        Ok(Self {
            name: served.name.clone(),
            stats: snapshot.collection.stats()?,
            model: manifest.model.name.clone(),
            chunking: manifest.chunking,
            language: manifest.language.to_string(),
            fusion: manifest.fusion,
        })
    }
}

/// List collections
#[utoipa::path(get, operation_id = "list_collections", path = "/v1/collections", tag = "collections",
    responses((status = 200, body = CollectionList)))]
pub async fn list(State(app): AppState) -> Result<Json<CollectionList>> {
    run_blocking(move || {
        let all = app.collections.all();
        let collections = all
            .iter()
            .map(|served| CollectionInfo::of(served))
            .collect::<Result<_>>()?;
        let default = app.collections.default_name().map(str::to_owned);
        Ok(Json(CollectionList {
            collections,
            default,
            can_create: app.collections.can_create(),
        }))
    })
    .await
}

/// Describe a collection
#[utoipa::path(get, operation_id = "get_collection", path = "/v1/collections/{collection}", tag = "collections",
    params(("collection" = String, Path, description = "The collection")),
    responses((status = 200, body = CollectionInfo)))]
pub async fn get(
    State(app): AppState,
    Path(collection): Path<String>,
) -> Result<Json<CollectionInfo>> {
    let served = app.collections.named(&collection)?;
    run_blocking(move || Ok(Json(CollectionInfo::of(&served)?))).await
}

/// A collection to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCollection {
    /// Its name: letters, digits, `-`, `_` and `.`, starting with a letter or digit.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$"
    )]
    name: String,
    /// How to split articles into passages; by sentences by default.
    chunk: Option<Strategy>,
    /// The most tokens in a passage; 128 by default.
    #[schema(minimum = 8, maximum = 100000)]
    #[serde(default, deserialize_with = "whole_number")]
    chunk_tokens: Option<usize>,
    /// How many sentences adjacent passages share; 1 by default.
    #[schema(minimum = 0, maximum = 1000)]
    #[serde(default, deserialize_with = "whole_number")]
    overlap: Option<usize>,
    /// The embedding model: builtin or static; builtin by default.
    model: Option<BuiltInModel>,
    /// The language of the lexical analysis; english by default.
    #[schema(max_length = 40, example = "english")]
    language: Option<String>,
}

/// The embedding models that need no download.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BuiltInModel {
    /// A transformer model: better results.
    Builtin,
    /// A static model: indexes many times faster. Its candidates are reranked by the other model at
    /// query time.
    Static,
}

/// Create a collection
#[utoipa::path(post, operation_id = "create_collection", path = "/v1/collections", tag = "collections",
    request_body = NewCollection,
    responses((status = 201, description = "The collection has been created", body = CollectionInfo)))]
pub async fn create(
    State(app): AppState,
    Body(new): Body<NewCollection>,
) -> Result<impl IntoResponse> {
    let path = app.collections.path_for_new(&new.name)?;
    let default = Chunking::default();
    let chunking = Chunking {
        strategy: new.chunk.unwrap_or(default.strategy),
        tokens: new.chunk_tokens.unwrap_or(default.tokens),
        overlap: new.overlap.unwrap_or(default.overlap),
    };
    if !(Chunking::MIN_TOKENS..=100_000).contains(&chunking.tokens) || chunking.overlap > 1000 {
        return Err(Problem::bad_request(format!(
            "chunk_tokens = {}, overlap = {}: expected {} to 100000, and 0 to 1000",
            chunking.tokens,
            chunking.overlap,
            Chunking::MIN_TOKENS
        )));
    }
    let language: Language = match &new.language {
        None => Language::English,
        Some(name) => name
            .parse()
            .map_err(|error| Problem::bad_request(format!("language: {error}")))?,
    };
    let model = match new.model.unwrap_or(BuiltInModel::Builtin) {
        BuiltInModel::Builtin => ingest::embed::builtin::NAME,
        BuiltInModel::Static => ingest::embed::static_model::NAME,
    };
    let created = run_blocking(move || {
        let model = app.models.embedder(model)?.model().clone();
        store::create(
            &path.clone().into(),
            model,
            chunking,
            index::Params::default(),
            language,
        )?;
        CollectionInfo::of(&*app.collections.add(&new.name, path)?)
    })
    .await?;
    Ok((
        StatusCode::CREATED,
        [(LOCATION, format!("/v1/collections/{}", created.name))],
        Json(created),
    ))
}

/// Delete a collection with all its articles
#[utoipa::path(delete, operation_id = "delete_collection", path = "/v1/collections/{collection}", tag = "collections",
    params(("collection" = String, Path, description = "The collection")),
    responses((status = 204, description = "The collection has been deleted")))]
pub async fn delete(State(app): AppState, Path(collection): Path<String>) -> Result<StatusCode> {
    run_blocking(move || {
        app.collections
            .remove(&collection)
            .map(|()| StatusCode::NO_CONTENT)
    })
    .await
}

/// Check a collection
///
/// Reads all data and verifies it. Returns a job.
#[utoipa::path(post, operation_id = "check_collection", path = "/v1/collections/{collection}/check", tag = "collections",
    params(("collection" = String, Path, description = "The collection")),
    responses((status = 202, description = "The job has been queued", body = Job)))]
pub async fn check(
    State(app): AppState,
    Path(collection): Path<String>,
) -> Result<impl IntoResponse> {
    let served = app.collections.named(&collection)?;
    let job = run_blocking(move || tasks::start(&app, served, &Task::Check)).await?;
    Ok(job_accepted(job))
}

/// Compact a collection
///
/// Drops deleted articles and merges everything into one segment with a new graph. Returns a job.
#[utoipa::path(post, operation_id = "compact_collection", path = "/v1/collections/{collection}/compact", tag = "collections",
    params(("collection" = String, Path, description = "The collection")),
    responses((status = 202, description = "The job has been queued", body = Job)))]
pub async fn compact(
    State(app): AppState,
    Path(collection): Path<String>,
) -> Result<impl IntoResponse> {
    let served = app.collections.named(&collection)?;
    let job = run_blocking(move || tasks::start(&app, served, &Task::Compact)).await?;
    Ok(job_accepted(job))
}
