//! Collections and their care.

use super::{AppState, begun};
use crate::app::blocking;
use crate::jobs::{Ended, Job, JobKind};
use crate::number::whole;
use crate::problem::{Body, Path, Problem, Result};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use engine::Steps;
use ingest::{Chunking, Strategy};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Fusion, Language, Stats};
use utoipa::ToSchema;

/// The collections of a server.
#[derive(Serialize, ToSchema)]
pub struct CollectionList {
    /// In the order of their names.
    collections: Vec<Collection>,
    /// The one that the server was started with.
    default: Option<String>,
    /// Whether new ones can be made.
    can_create: bool,
}

/// A collection.
#[derive(Serialize, ToSchema)]
pub struct Collection {
    /// Its name.
    name: String,
    /// How big it is.
    stats: Stats,
    /// The model of its vectors.
    model: String,
    /// How articles are cut.
    chunking: Chunking,
    /// The language of its words.
    language: String,
    /// How lists are fused, where that was tuned.
    fusion: Option<Fusion>,
}

impl Collection {
    fn of(hosted: &crate::hosted::Hosted) -> Result<Self> {
        let snapshot = hosted.snapshot();
        let manifest = snapshot.collection.manifest();
        Ok(Self {
            name: hosted.name.clone(),
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
    blocking(move || {
        let all = app.collections.all();
        let collections = all.iter().map(|hosted| Collection::of(hosted)).collect::<Result<_>>()?;
        let default = app.collections.default_name().map(str::to_owned);
        Ok(Json(CollectionList { collections, default, can_create: app.collections.can_create() }))
    })
    .await
}

/// Describe a collection
#[utoipa::path(get, operation_id = "get_collection", path = "/v1/collections/{collection}", tag = "collections",
    params(("collection" = String, Path, description = "The collection")),
    responses((status = 200, body = Collection)))]
pub async fn get(State(app): AppState, Path(collection): Path<String>) -> Result<Json<Collection>> {
    let hosted = app.collections.named(&collection)?;
    blocking(move || Ok(Json(Collection::of(&hosted)?))).await
}

/// A collection to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCollection {
    /// Its name: letters, digits, `-`, `_` and `.`, the first a letter or digit.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    name: String,
    /// How articles are cut; into sentences without it.
    chunk: Option<Strategy>,
    /// The most word pieces of a passage; 128 without it.
    #[schema(minimum = 8, maximum = 100000)]
    #[serde(default, deserialize_with = "whole")]
    chunk_tokens: Option<usize>,
    /// How many sentences of a passage the next one repeats; 1 without it.
    #[schema(minimum = 0, maximum = 1000)]
    #[serde(default, deserialize_with = "whole")]
    overlap: Option<usize>,
    /// The model: builtin, or static.
    model: Option<BuiltInModel>,
    /// The language of its words; english without it.
    #[schema(max_length = 40, example = "english")]
    language: Option<String>,
}

/// The models that are built in.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BuiltInModel {
    /// The best answers.
    Builtin,
    /// Many times faster to index; its candidates are ranked by the other at each question.
    Static,
}

/// Make a collection
#[utoipa::path(post, operation_id = "create_collection", path = "/v1/collections", tag = "collections",
    request_body = NewCollection,
    responses((status = 201, description = "It is there, and empty", body = Collection)))]
pub async fn create(State(app): AppState, Body(new): Body<NewCollection>) -> Result<impl IntoResponse> {
    let place = app.collections.place_for(&new.name)?;
    let default = Chunking::default();
    let chunking = Chunking {
        strategy: new.chunk.unwrap_or(default.strategy),
        tokens: new.chunk_tokens.unwrap_or(default.tokens),
        overlap: new.overlap.unwrap_or(default.overlap),
    };
    if !(Chunking::LEAST_TOKENS..=100_000).contains(&chunking.tokens) || chunking.overlap > 1000 {
        return Err(Problem::bad_request(format!(
            "chunk_tokens = {}, overlap = {}: expected {} to 100000, and 0 to 1000",
            chunking.tokens,
            chunking.overlap,
            Chunking::LEAST_TOKENS
        )));
    }
    let language: Language = match &new.language {
        None => Language::English,
        Some(name) => name.parse().map_err(|error| Problem::bad_request(format!("language: {error}")))?,
    };
    let model = match new.model.unwrap_or(BuiltInModel::Builtin) {
        BuiltInModel::Builtin => ingest::embed::builtin::NAME,
        BuiltInModel::Static => ingest::embed::fixed::NAME,
    };
    let made = blocking(move || {
        let model = app.models.embedder(model)?.model().clone();
        store::create(&place.to_string_lossy(), model, chunking, index::Params::default(), language)?;
        Collection::of(&*app.collections.add(&new.name, place)?)
    })
    .await?;
    Ok((StatusCode::CREATED, [(LOCATION, format!("/v1/collections/{}", made.name))], Json(made)))
}

/// Remove a collection, its articles and all
#[utoipa::path(delete, operation_id = "delete_collection", path = "/v1/collections/{collection}", tag = "collections",
    params(("collection" = String, Path, description = "The collection")),
    responses((status = 204, description = "It is gone")))]
pub async fn delete(State(app): AppState, Path(collection): Path<String>) -> Result<StatusCode> {
    blocking(move || app.collections.remove(&collection).map(|()| StatusCode::NO_CONTENT)).await
}

/// Check a collection
///
/// Reads all of it and proves that nothing is lost or damaged. Gives a job.
#[utoipa::path(post, operation_id = "check_collection", path = "/v1/collections/{collection}/check", tag = "collections",
    params(("collection" = String, Path, description = "The collection")),
    responses((status = 202, description = "A job was begun", body = Job)))]
pub async fn check(State(app): AppState, Path(collection): Path<String>) -> Result<impl IntoResponse> {
    let hosted = app.collections.named(&collection)?;
    let job = app.jobs.start(JobKind::Check, &collection, move |handle| {
        let steps = Steps::of(handle);
        let report = match hosted.snapshot().collection.check(&|step, done, of| steps.show(step, done, of)) {
            Err(store::Error::Stopped) => return Ok(Ended::Stopped(None)),
            report => report?,
        };
        let mut value = serde_json::to_value(&report)?;
        value["sound"] = Value::Bool(report.problems.is_empty());
        Ok(Ended::Done(value))
    })?;
    Ok(begun(job))
}

/// Compact a collection
///
/// Drops what was deleted and leaves one segment with a fresh graph. Gives a job.
#[utoipa::path(post, operation_id = "compact_collection", path = "/v1/collections/{collection}/compact", tag = "collections",
    params(("collection" = String, Path, description = "The collection")),
    responses((status = 202, description = "A job was begun", body = Job)))]
pub async fn compact(State(app): AppState, Path(collection): Path<String>) -> Result<impl IntoResponse> {
    let hosted = app.collections.named(&collection)?;
    let (turn, threads) = (hosted.writing.clone(), app.job_threads());
    let job = app.jobs.start(JobKind::Compact, &collection, move |handle| {
        let _turn = turn.blocking_lock_owned();
        let collection = store::open(&hosted.location())?;
        let mut writer = collection.writer()?;
        let steps = Steps::of(handle);
        let report = match writer.compact(threads, &|step, done, of| steps.show(step, done, of)) {
            Err(store::Error::Stopped) => return Ok(Ended::Stopped(None)),
            report => report?,
        };
        drop(writer);
        hosted.refresh()?;
        Ok(Ended::Done(serde_json::to_value(report)?))
    })?;
    Ok(begun(job))
}
