//! Search, suggestions, facets and the map.

use super::AppState;
use crate::app::{App, SharedApp};
use crate::blocking::run_blocking;
use crate::json_body::Body;
use crate::lenient_number::whole_number;
use crate::map::MapPoint;
use crate::metrics::ANSWERS_TOTAL;
use crate::problem::{Params, Path, Problem, Result};
use crate::question::{
    MAX_QUESTION_CHARS, MAX_SHOWN_PASSAGES, Question, ValidatedQuestion, check_length,
};
use crate::served::ServedSnapshot;
use crate::suggest::Suggestion;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use ingest::Role;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::Facet;
use utoipa::{IntoParams, ToSchema};

/// The most questions in a batch.
const MAX_BATCH_QUESTIONS: usize = 1000;
/// The most suggestions.
const MAX_SUGGESTIONS: usize = 50;
/// The longest text to complete, in characters.
const MAX_SUGGEST_CHARS: usize = 1000;
/// How many nearest passages the map shows for a question.
const MAP_NEIGHBORS: usize = 20;

/// Response header: whether the answer came from the cache (hit) or from a search (miss).
static X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// Search a collection
///
/// Returns the best passages with their scores, best first.
#[utoipa::path(get, operation_id = "search", path = "/v1/collections/{collection}/search", tag = "search",
    params(("collection" = String, Path, description = "The collection"), Question),
    responses((status = 200, body = query::Response)))]
pub async fn get(
    State(app): AppState,
    Path(collection): Path<String>,
    Params(question): Params<Question>,
) -> Result<Response> {
    answer(app, &collection, question).await
}

/// Search a collection, with a long question or filter
#[utoipa::path(post, operation_id = "search_by_post", path = "/v1/collections/{collection}/search", tag = "search",
    params(("collection" = String, Path, description = "The collection")),
    request_body = Question,
    responses((status = 200, body = query::Response)))]
pub async fn post(
    State(app): AppState,
    Path(collection): Path<String>,
    Body(question): Body<Question>,
) -> Result<Response> {
    answer(app, &collection, question).await
}

async fn answer(app: SharedApp, collection: &str, question: Question) -> Result<Response> {
    let snapshot = app.collections.named(collection)?.snapshot();
    let validated = question.validate(&snapshot, &app.settings.rerankers)?;
    let (bytes, is_cached) =
        cached_answer(&app, snapshot, &question, validated, Admission::Immediate).await?;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        X_CACHE.clone(),
        HeaderValue::from_static(if is_cached { "hit" } else { "miss" }),
    );
    Ok(response)
}

/// What to do while the queue of the worker threads is full.
enum Admission {
    /// Fail with 429.
    Immediate,
    /// Wait for a free slot.
    Queued,
}

/// Answers a question from the cache, or with a search. Returns the response as JSON, and whether
/// it was cached.
async fn cached_answer(
    app: &App,
    snapshot: Arc<ServedSnapshot>,
    question: &Question,
    validated: ValidatedQuestion,
    admission: Admission,
) -> Result<(Bytes, bool)> {
    // Serializing strings, numbers and enums cannot fail.
    let key = (
        snapshot.id,
        serde_json::to_string(question).unwrap_or_default(),
    );
    if let Some(cached) = app.answer_cache.get(&key) {
        metrics::counter!(ANSWERS_TOTAL, "from" => "memory").increment(1);
        return Ok((cached, true));
    }
    let work = move |worker: &mut crate::pool::Worker| {
        let response = validated.search(&snapshot, worker)?;
        // Do not cache a response whose reranking ran out of time: the next one may be better.
        let is_cacheable = response
            .rerank
            .as_ref()
            .is_none_or(|rerank| rerank.scored == rerank.requested);
        let answer = serde_json::to_vec(&response)?;
        // Free the spare capacity: the response may be cached for long.
        Ok((Bytes::from(answer.into_boxed_slice()), is_cacheable))
    };
    let (bytes, is_cacheable) = match admission {
        Admission::Immediate => app.pool.try_run(work).await?,
        Admission::Queued => app.pool.run_queued(work).await?,
    };
    metrics::counter!(ANSWERS_TOTAL, "from" => "search").increment(1);
    if is_cacheable {
        app.answer_cache.insert(key, bytes.clone());
    }
    Ok((bytes, false))
}

/// Several questions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The questions, each with its own options.
    #[schema(min_items = 1, max_items = 1000)]
    questions: Vec<Question>,
}

/// The answers to a batch.
#[derive(Serialize, ToSchema)]
pub struct Answers {
    /// In the order of the questions: a response or a problem each.
    answers: Vec<Answer>,
}

/// The answer to one question of a batch.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The search response.
    #[schema(value_type = query::Response)]
    Answer(Box<serde_json::value::RawValue>),
    /// Why there is no response.
    Problem(Problem),
}

/// Search for several questions
///
/// Single questions take precedence over batches.
#[utoipa::path(post, operation_id = "search_batch", path = "/v1/collections/{collection}/search/batch", tag = "search",
    params(("collection" = String, Path, description = "The collection")),
    request_body = Batch,
    responses((status = 200, body = Answers)))]
pub async fn batch(
    State(app): AppState,
    Path(collection): Path<String>,
    Body(batch): Body<Batch>,
) -> Result<Json<Answers>> {
    let snapshot = app.collections.named(&collection)?.snapshot();
    if !(1..=MAX_BATCH_QUESTIONS).contains(&batch.questions.len()) {
        let count = batch.questions.len();
        return Err(Problem::bad_request(format!(
            "questions: {count} of them: expected 1 to {MAX_BATCH_QUESTIONS}"
        )));
    }
    let mut validated_questions = Vec::with_capacity(batch.questions.len());
    for (at, question) in batch.questions.iter().enumerate() {
        let validated = question
            .validate(&snapshot, &app.settings.rerankers)
            .map_err(|problem| {
                let detail = format!("questions[{at}]: {}", problem.detail());
                problem.with_detail(detail)
            })?;
        validated_questions.push((question, validated));
    }
    let passages: usize = batch.questions.iter().map(Question::max_passages).sum();
    if passages > MAX_SHOWN_PASSAGES {
        return Err(Problem::bad_request(format!(
            "questions: they ask for {passages} passages in all: expected {MAX_SHOWN_PASSAGES} or fewer"
        )));
    }
    let mut answers = Vec::with_capacity(validated_questions.len());
    let mut searches = validated_questions
        .into_iter()
        .map(|(question, validated)| {
            cached_answer(
                &app,
                snapshot.clone(),
                question,
                validated,
                Admission::Queued,
            )
        });
    // Only a few at a time, so that other batches get a turn.
    while answers.len() < batch.questions.len() {
        // If the client disconnects, this future is dropped and the rest is not run.
        for answer in join_all(searches.by_ref().take(app.pool.threads())).await {
            let raw = answer.and_then(|(bytes, _)| {
                let text =
                    String::from_utf8(bytes.to_vec()).map_err(|error| Problem::internal(&error))?;
                Ok(serde_json::value::RawValue::from_string(text)?)
            });
            answers.push(raw.map_or_else(Answer::Problem, Answer::Answer));
        }
    }
    Ok(Json(Answers { answers }))
}

/// A text to complete.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SuggestQuery {
    /// The beginning of a question.
    #[param(max_length = 1000)]
    q: String,
    /// The number of suggestions; 8 by default.
    #[serde(default, deserialize_with = "whole_number")]
    #[param(minimum = 1, maximum = 50)]
    limit: Option<usize>,
}

/// Suggest questions and titles
///
/// Returns questions from the articles and titles in which every typed word is the prefix of a
/// word.
#[utoipa::path(get, operation_id = "suggest", path = "/v1/collections/{collection}/suggest", tag = "search",
    params(("collection" = String, Path, description = "The collection"), SuggestQuery),
    responses((status = 200, body = Vec<Suggestion>)))]
pub async fn suggest(
    State(app): AppState,
    Path(collection): Path<String>,
    Params(query): Params<SuggestQuery>,
) -> Result<Json<Vec<Suggestion>>> {
    let snapshot = app.collections.named(&collection)?.snapshot();
    let limit = query.limit.unwrap_or(8);
    if !(1..=MAX_SUGGESTIONS).contains(&limit) {
        return Err(Problem::bad_request(format!(
            "limit = {limit}: expected 1 to {MAX_SUGGESTIONS}"
        )));
    }
    check_length("q", &query.q, MAX_SUGGEST_CHARS)?;
    run_blocking(move || Ok(Json(snapshot.suggestions()?.matching(&query.q, limit)))).await
}

/// List the fields to filter by
///
/// Each with its most common values.
#[utoipa::path(get, operation_id = "facets", path = "/v1/collections/{collection}/facets", tag = "search",
    params(("collection" = String, Path, description = "The collection")),
    responses((status = 200, body = Vec<Facet>)))]
pub async fn facets(
    State(app): AppState,
    Path(collection): Path<String>,
) -> Result<Json<Vec<Facet>>> {
    let snapshot = app.collections.named(&collection)?.snapshot();
    run_blocking(move || Ok(Json(snapshot.facets()?.to_vec()))).await
}

/// A question to show on the map.
#[derive(Debug, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MapQuery {
    /// The question.
    #[param(max_length = 20000)]
    #[schema(max_length = 20000)]
    q: Option<String>,
}

/// The map of a collection.
#[derive(Serialize, ToSchema)]
#[schema(as = Drawn)]
pub struct MapResponse {
    /// Passages; of a large collection, an evenly spaced sample.
    points: Vec<MapPoint>,
    /// How many passages the collection has.
    passages: usize,
    /// Where the question is, as `[x, y]`.
    question: Option<[f32; 2]>,
    /// The passages nearest to the question in the full vector space, nearest first.
    #[serde(rename = "neighbours")]
    neighbors: Vec<MapPoint>,
}

/// Map a collection
///
/// Returns passages, and a question if there is one, as points in the plane of the first two
/// principal components of the vectors.
#[utoipa::path(get, operation_id = "map", path = "/v1/collections/{collection}/map", tag = "search",
    params(("collection" = String, Path, description = "The collection"), MapQuery),
    responses((status = 200, body = MapResponse)))]
pub async fn map(
    State(app): AppState,
    Path(collection): Path<String>,
    Params(query): Params<MapQuery>,
) -> Result<Json<MapResponse>> {
    draw(app, &collection, query).await
}

/// Map a collection, with a long question
#[utoipa::path(post, operation_id = "map_by_post", path = "/v1/collections/{collection}/map", tag = "search",
    params(("collection" = String, Path, description = "The collection")),
    request_body = MapQuery,
    responses((status = 200, body = MapResponse)))]
pub async fn map_by_post(
    State(app): AppState,
    Path(collection): Path<String>,
    Body(query): Body<MapQuery>,
) -> Result<Json<MapResponse>> {
    draw(app, &collection, query).await
}

async fn draw(app: SharedApp, collection: &str, query: MapQuery) -> Result<Json<MapResponse>> {
    let snapshot = app.collections.named(collection)?.snapshot();
    check_length(
        "q",
        query.q.as_deref().unwrap_or_default(),
        MAX_QUESTION_CHARS,
    )?;
    let first = snapshot.clone();
    run_blocking(move || first.map().map(|_| ())).await?;
    let question = query.q.filter(|question| !question.trim().is_empty());
    let placed = match question {
        None => None,
        Some(question) => {
            let snapshot = snapshot.clone();
            Some(
                app.pool
                    .try_run(move |worker| place_question(&snapshot, &question, worker))
                    .await?,
            )
        }
    };
    let map = snapshot.map()?;
    let (question, neighbors) = placed.map_or((None, Vec::new()), |(position, neighbors)| {
        (Some(position), neighbors)
    });
    Ok(Json(MapResponse {
        points: map.points.clone(),
        passages: map.passages,
        question,
        neighbors,
    }))
}

/// Where a question is on the map, and its nearest passages.
fn place_question(
    snapshot: &ServedSnapshot,
    question: &str,
    worker: &mut crate::pool::Worker,
) -> Result<([f32; 2], Vec<MapPoint>)> {
    let collection = &*snapshot.collection;
    let map = snapshot.map()?;
    let mut embedder = worker.embedder(collection)?;
    let vector = embedder.embed(question, Role::Query)?.vector;
    worker.put_back(
        query::SearchModels {
            embedder: Some(embedder),
            reranker: None,
        },
        None,
    );
    let search = store::DenseSearch::Graph { ef: 128 };
    let nearest = collection.search_dense(&vector, MAP_NEIGHBORS, search, None)?;
    let keys: Vec<_> = nearest.iter().map(|candidate| candidate.key).collect();
    let (vectors, passages) = (collection.vectors(&keys)?, collection.fetch(&keys)?);
    let neighbors = vectors.iter().zip(passages).map(|(vector, passage)| {
        let [x, y] = map.project(vector);
        let passage_id = passage.reference.to_string();
        MapPoint {
            x,
            y,
            passage_id,
            article_id: passage.reference.article_id,
            title: passage.title,
        }
    });
    Ok((map.project(&vector), neighbors.collect()))
}
