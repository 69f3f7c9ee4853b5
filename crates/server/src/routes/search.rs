//! Asking.

use super::AppState;
use crate::app::{App, Shared, blocking};
use crate::ask::{LONGEST_QUESTION, MOST_PASSAGES, Question, Ready, no_longer};
use crate::hosted::Snapshot;
use crate::map::Point;
use crate::metrics::ANSWERS;
use crate::problem::{Body, Params, Path, Problem, Result};
use crate::suggest::{self, Suggestion};
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

/// The most questions of a batch.
const MOST_QUESTIONS: usize = 1000;
/// The most suggestions.
const MOST_SUGGESTIONS: usize = 50;
/// The longest text that suggestions are sought for, in characters.
const LONGEST_TYPED: usize = 1000;
/// How many neighbours of a question are lit on the map.
const NEIGHBOURS: usize = 20;

/// Says whether an answer was remembered (hit) or worked out (miss).
static CACHE: HeaderName = HeaderName::from_static("x-cache");

/// Ask a question
///
/// The nearest passages with their scores, best first.
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

/// Ask a question that is long, or has a long filter
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

async fn answer(app: Shared, collection: &str, question: Question) -> Result<Response> {
    let snapshot = app.collections.named(collection)?.snapshot();
    let ready = question.ready(&snapshot, &app.settings.rerankers)?;
    let (bytes, remembered) = answered(&app, snapshot, &question, ready, false).await?;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE.clone(), HeaderValue::from_static(if remembered { "hit" } else { "miss" }));
    Ok(response)
}

/// The answer to a question that was looked over, as JSON, and whether it was remembered. `patient` questions wait for room, others are refused when
/// too many wait.
async fn answered(
    app: &App,
    snapshot: Arc<Snapshot>,
    question: &Question,
    ready: Ready,
    patient: bool,
) -> Result<(Bytes, bool)> {
    // Strings, numbers and choices: writing them as JSON cannot fail.
    let key = (snapshot.number, serde_json::to_string(question).unwrap_or_default());
    if let Some(known) = app.answers.get(&key) {
        metrics::counter!(ANSWERS, "from" => "memory").increment(1);
        return Ok((known, true));
    }
    let work = move |worker: &mut crate::pool::Worker| {
        let response = ready.ask(&snapshot, worker)?;
        // What time cut short may turn out better the next time.
        let lasting = response.rerank.as_ref().is_none_or(|rerank| rerank.passages == rerank.of);
        let answer = serde_json::to_vec(&response)?;
        // Without the room that it has grown into: it may be kept for long.
        Ok((Bytes::from(answer.into_boxed_slice()), lasting))
    };
    let answered = if patient { app.pool.run_when_there_is_room(work).await } else { app.pool.run(work).await };
    let (bytes, lasting) = answered?;
    metrics::counter!(ANSWERS, "from" => "search").increment(1);
    if lasting {
        app.answers.insert(key, bytes.clone());
    }
    Ok((bytes, false))
}

/// Many questions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Each with options of its own.
    #[schema(min_items = 1, max_items = 1000)]
    questions: Vec<Question>,
}

/// The answers to many questions.
#[derive(Serialize, ToSchema)]
pub struct Answers {
    /// In the order of the questions: an answer, or why there is none.
    answers: Vec<Answer>,
}

/// The answer to one of many questions.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It was answered.
    #[schema(value_type = query::Response)]
    Answer(Box<serde_json::value::RawValue>),
    /// It could not be.
    Problem(Problem),
}

/// Ask many questions
///
/// They wait for single questions, not the other way round.
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
    if !(1..=MOST_QUESTIONS).contains(&batch.questions.len()) {
        let count = batch.questions.len();
        return Err(Problem::bad_request(format!("questions: {count} of them: expected 1 to {MOST_QUESTIONS}")));
    }
    let mut asked = Vec::with_capacity(batch.questions.len());
    for (at, question) in batch.questions.iter().enumerate() {
        let ready = question.ready(&snapshot, &app.settings.rerankers).map_err(|problem| {
            let detail = format!("questions[{at}]: {}", problem.detail());
            problem.with_detail(detail)
        })?;
        asked.push((question, ready));
    }
    let passages: usize = batch.questions.iter().map(Question::passages).sum();
    if passages > MOST_PASSAGES {
        return Err(Problem::bad_request(format!(
            "questions: they ask for {passages} passages in all: expected {MOST_PASSAGES} or fewer"
        )));
    }
    let mut answers = Vec::with_capacity(asked.len());
    let mut asked = asked.into_iter().map(|(question, ready)| answered(&app, snapshot.clone(), question, ready, true));
    // A few at a time: other batches are to find room between them.
    while answers.len() < batch.questions.len() {
        // Whoever asked may go away: what is awaited here then ends, too.
        for answer in join_all(asked.by_ref().take(app.pool.threads())).await {
            let raw = answer.and_then(|(bytes, _)| {
                let text = String::from_utf8(bytes.to_vec()).map_err(|error| Problem::internal(&error))?;
                Ok(serde_json::value::RawValue::from_string(text)?)
            });
            answers.push(raw.map_or_else(Answer::Problem, Answer::Answer));
        }
    }
    Ok(Json(Answers { answers }))
}

/// What is being typed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Typed {
    /// The first letters of a question.
    #[param(max_length = 1000)]
    q: String,
    /// How many suggestions; 8 without it.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<usize>,
}

/// Suggest what to ask
///
/// Questions that articles ask themselves and titles in which a word begins with each word typed.
#[utoipa::path(get, operation_id = "suggest", path = "/v1/collections/{collection}/suggest", tag = "search",
    params(("collection" = String, Path, description = "The collection"), Typed),
    responses((status = 200, body = Vec<Suggestion>)))]
pub async fn suggest(
    State(app): AppState,
    Path(collection): Path<String>,
    Params(typed): Params<Typed>,
) -> Result<Json<Vec<Suggestion>>> {
    let snapshot = app.collections.named(&collection)?.snapshot();
    let limit = typed.limit.unwrap_or(8);
    if !(1..=MOST_SUGGESTIONS).contains(&limit) {
        return Err(Problem::bad_request(format!("limit = {limit}: expected 1 to {MOST_SUGGESTIONS}")));
    }
    no_longer("q", &typed.q, LONGEST_TYPED)?;
    blocking(move || Ok(Json(suggest::suggest(&snapshot, &typed.q, limit)?))).await
}

/// List the fields to filter by
///
/// With their commonest values.
#[utoipa::path(get, operation_id = "facets", path = "/v1/collections/{collection}/facets", tag = "search",
    params(("collection" = String, Path, description = "The collection")),
    responses((status = 200, body = Vec<Facet>)))]
pub async fn facets(State(app): AppState, Path(collection): Path<String>) -> Result<Json<Vec<Facet>>> {
    let snapshot = app.collections.named(&collection)?.snapshot();
    blocking(move || Ok(Json(snapshot.facets()?.to_vec()))).await
}

/// A question to be put on the map.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OnMap {
    /// The question.
    #[param(max_length = 20000)]
    q: Option<String>,
}

/// A collection as a map.
#[derive(Serialize, ToSchema)]
pub struct Drawn {
    /// Passages; of a large collection, some spread over it.
    points: Vec<Point>,
    /// How many passages there are.
    passages: usize,
    /// Where the question lies.
    question: Option<[f32; 2]>,
    /// The passages nearest to it in all dimensions, nearest first.
    neighbours: Vec<Point>,
}

/// Draw a collection as a map
///
/// Passages as points in the plane of the two directions in which their vectors differ most, and a question among
/// them.
#[utoipa::path(get, operation_id = "map", path = "/v1/collections/{collection}/map", tag = "search",
    params(("collection" = String, Path, description = "The collection"), OnMap),
    responses((status = 200, body = Drawn)))]
pub async fn map(
    State(app): AppState,
    Path(collection): Path<String>,
    Params(on): Params<OnMap>,
) -> Result<Json<Drawn>> {
    let snapshot = app.collections.named(&collection)?.snapshot();
    no_longer("q", on.q.as_deref().unwrap_or_default(), LONGEST_QUESTION)?;
    let drawn = snapshot.clone();
    blocking(move || crate::map::map(&drawn).map(|_| ())).await?;
    let question = on.q.filter(|question| !question.trim().is_empty());
    let asked = match question {
        None => None,
        Some(question) => {
            let snapshot = snapshot.clone();
            Some(app.pool.run(move |worker| on_map(&snapshot, &question, worker)).await?)
        }
    };
    let map = crate::map::map(&snapshot)?;
    let (question, neighbours) = asked.map_or((None, Vec::new()), |(place, near)| (Some(place), near));
    Ok(Json(Drawn { points: map.points.clone(), passages: map.passages, question, neighbours }))
}

/// The place of a question, and its neighbours.
fn on_map(snapshot: &Snapshot, question: &str, worker: &mut crate::pool::Worker) -> Result<([f32; 2], Vec<Point>)> {
    let collection = &*snapshot.collection;
    let map = crate::map::map(snapshot)?;
    let mut embedder = worker.embedder(collection)?;
    let vector = embedder.embed(question, Role::Query)?.vector;
    worker.keep(query::Models { embedder: Some(embedder), reranker: None }, None);
    let how = store::DenseSearch::Graph { ef: 128 };
    let found = collection.search_dense(&vector, NEIGHBOURS, how, None)?;
    let keys: Vec<_> = found.iter().map(|candidate| candidate.key).collect();
    let (vectors, passages) = (collection.vectors(&keys)?, collection.fetch(&keys)?);
    let near = vectors.iter().zip(passages).map(|(vector, passage)| {
        let [x, y] = map.place(vector);
        let passage_id = passage.reference.to_string();
        Point { x, y, passage_id, article_id: passage.reference.article_id, title: passage.title }
    });
    Ok((map.place(&vector), near.collect()))
}
