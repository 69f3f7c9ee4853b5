//! Reads, adds, replaces and deletes articles.

use super::AppState;
use super::job_accepted;
use crate::app::SharedApp;
use crate::blocking::run_blocking;
use crate::jobs::{Job, JobFolder, JobKind, Jobs};
use crate::json_body::Body;
use crate::lenient_number::whole_number;
use crate::pool::{ModelRegistry, Worker};
use crate::problem::{Params, Path, Problem, Result};
use crate::question::{MAX_QUESTION_CHARS, check_length};
use crate::served::{ServedCollection, Snapshot};
use crate::tasks::{self, Task};
use crate::uploads;
use axum::Json;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use engine::NoProgress;
use engine::indexing::{self, IndexReport};
use ingest::pipeline::PipelineOptions;
use ingest::{Article, ByteSpan, MetaValue, Metadata};
use query::explain::Explanation;
use query::{Mode, Options, Scores, Searcher};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;
use store::filter::{Clause, Predicate};
use store::{Filter, StoredArticle};
use tokio::sync::OwnedMutexGuard;
use utoipa::{IntoParams, ToSchema};

/// The most articles on one page of the list.
const MAX_LISTED: usize = 1000;
/// How many passages of an article to explain: explaining one embeds each of its sentences.
const MAX_EXPLAINED_PASSAGES: usize = 10;
/// How long a change waits for another writer in this process.
const WRITE_LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest id, in bytes.
const MAX_ID_BYTES: usize = 4096;
/// The longest id prefix, in characters.
const MAX_PREFIX_CHARS: usize = 1024;

/// Which articles to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ArticleListQuery {
    /// List only articles whose id starts with this.
    #[param(max_length = 1024)]
    prefix: Option<String>,
    /// The number of articles to skip.
    #[serde(default, deserialize_with = "whole_number")]
    offset: Option<usize>,
    /// The number of articles to return; 100 by default.
    #[serde(default, deserialize_with = "whole_number")]
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A page of a collection's articles.
#[derive(Serialize, ToSchema)]
pub struct ArticleList {
    /// How many articles match.
    total: usize,
    /// The articles of this page, sorted by id.
    articles: Vec<ArticleSummary>,
}

/// An article without its text.
#[derive(Serialize, ToSchema)]
#[schema(as = ArticleCard)]
pub struct ArticleSummary {
    /// The article's id.
    id: String,
    /// The article's title.
    title: String,
    /// Where the article came from.
    path: String,
    /// How many passages it has.
    passages: usize,
    /// How many question-and-answer pairs it contains.
    questions: usize,
    /// The length of its text in bytes.
    bytes: usize,
}

/// List articles
#[utoipa::path(get, operation_id = "list_articles", path = "/v1/collections/{collection}/articles", tag = "articles",
    params(("collection" = String, Path, description = "The collection"), ArticleListQuery),
    responses((status = 200, body = ArticleList)))]
pub async fn list(
    State(app): AppState,
    Path(collection): Path<String>,
    Params(page): Params<ArticleListQuery>,
) -> Result<Json<ArticleList>> {
    let snapshot = app.collections.named(&collection)?.snapshot();
    let limit = page.limit.unwrap_or(100);
    if !(1..=MAX_LISTED).contains(&limit) {
        return Err(Problem::bad_request(format!(
            "limit = {limit}: expected 1 to {MAX_LISTED}"
        )));
    }
    check_length(
        "prefix",
        page.prefix.as_deref().unwrap_or_default(),
        MAX_PREFIX_CHARS,
    )?;
    run_blocking(move || {
        let ids = snapshot.ids()?;
        let prefix = page.prefix.unwrap_or_default();
        let start = ids.partition_point(|id| id.as_str() < prefix.as_str());
        let matching = &ids[start..];
        let matching = &matching[..matching.partition_point(|id| id.starts_with(&prefix))];
        let mut summaries = Vec::new();
        for id in matching.iter().skip(page.offset.unwrap_or(0)).take(limit) {
            if let Some(StoredArticle { article, passages }) = snapshot.collection.article(id)? {
                summaries.push(ArticleSummary {
                    id: article.id,
                    title: article.title,
                    path: article.path,
                    passages: passages.len(),
                    questions: article.questions.len(),
                    bytes: article.text.len(),
                });
            }
        }
        Ok(Json(ArticleList {
            total: matching.len(),
            articles: summaries,
        }))
    })
    .await
}

/// What to score an article's passages by.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ScoreQuery {
    /// A question: every passage gets a score, and the best sentences are marked.
    #[param(max_length = 20000)]
    q: Option<String>,
    /// The search mode; hybrid by default.
    mode: Option<Mode>,
}

/// An article with its text and passages.
#[derive(Serialize, ToSchema)]
pub struct WholeArticle {
    /// The article's id.
    id: String,
    /// The article's title.
    title: String,
    /// Where the article came from.
    path: String,
    /// The whole text.
    text: String,
    /// Metadata by name: strings, numbers, dates and lists of them.
    #[schema(value_type = HashMap<String, serde_json::Value>)]
    metadata: Metadata,
    /// The question-and-answer pairs that it contains.
    questions: Vec<ArticleQuestion>,
    /// Its passages, in order.
    passages: Vec<ArticlePassage>,
}

/// A question-and-answer pair in an article.
#[derive(Serialize, ToSchema)]
#[schema(as = Asks)]
pub struct ArticleQuestion {
    /// The question.
    question: String,
    /// Where the answer is in the text, as a byte range.
    #[schema(value_type = [usize; 2])]
    answer: ByteSpan,
}

/// A passage of an article.
#[derive(Serialize, ToSchema)]
pub struct ArticlePassage {
    /// The passage's id: the article's id, `#` and the passage's position from 0.
    passage_id: String,
    /// Where it is in the text, as a byte range.
    #[schema(value_type = [usize; 2])]
    span: ByteSpan,
    /// Its score for the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    /// The parts of the score.
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<Scores>,
    /// The breakdown of the score, with the best sentence. Only for the ten best passages.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
}

/// Get an article
///
/// With a question, every passage has a score.
#[utoipa::path(get, operation_id = "get_article", path = "/v1/collections/{collection}/articles/{id}", tag = "articles",
    params(("collection" = String, Path, description = "The collection"),
        ("id" = String, Path, description = "The article's id; a / in it is written %2F"), ScoreQuery),
    responses((status = 200, body = WholeArticle)))]
pub async fn get(
    State(app): AppState,
    Path((collection, id)): Path<(String, String)>,
    Params(score_query): Params<ScoreQuery>,
) -> Result<Json<WholeArticle>> {
    read(app, &collection, id, score_query).await
}

/// An article to read, with a question to score its passages.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArticleRequest {
    /// The article's id.
    id: String,
    /// A question: every passage gets a score, and the best sentences are marked.
    #[schema(max_length = 20000)]
    q: Option<String>,
    /// The search mode; hybrid by default.
    mode: Option<Mode>,
}

/// Get an article, with a long question or an id that no path can hold
///
/// Clients take the ids `.` and `..` for steps in a path.
#[utoipa::path(post, operation_id = "get_article_by_post", path = "/v1/collections/{collection}/article", tag = "articles",
    params(("collection" = String, Path, description = "The collection")),
    request_body = ArticleRequest,
    responses((status = 200, body = WholeArticle)))]
pub async fn get_by_post(
    State(app): AppState,
    Path(collection): Path<String>,
    Body(request): Body<ArticleRequest>,
) -> Result<Json<WholeArticle>> {
    let ArticleRequest { id, q, mode } = request;
    read(app, &collection, id, ScoreQuery { q, mode }).await
}

async fn read(
    app: SharedApp,
    collection: &str,
    id: String,
    score_query: ScoreQuery,
) -> Result<Json<WholeArticle>> {
    let snapshot = app.collections.named(collection)?.snapshot();
    let question = score_query.q.filter(|question| !question.trim().is_empty());
    let mode = score_query.mode.unwrap_or(Mode::Hybrid);
    check_length(
        "q",
        question.as_deref().unwrap_or_default(),
        MAX_QUESTION_CHARS,
    )?;
    match question {
        None => run_blocking(move || Ok(Json(load_article(&snapshot, &id)?))).await,
        Some(question) => {
            app.pool
                .try_run(move |worker| {
                    let mut article = load_article(&snapshot, &id)?;
                    score_passages(&snapshot, &mut article, &question, mode, worker)?;
                    Ok(Json(article))
                })
                .await
        }
    }
}

/// Loads an article with its passages, without scores.
pub fn load_article(snapshot: &Snapshot, id: &str) -> Result<WholeArticle> {
    let stored = snapshot.collection.article(id)?;
    let StoredArticle { article, passages } =
        stored.ok_or_else(|| Problem::not_found(format!("no article has the id {id:?}")))?;
    let Article {
        id,
        title,
        path,
        text,
        metadata,
        questions,
        ..
    } = article;
    let questions = questions
        .into_iter()
        .map(|pair| ArticleQuestion {
            question: pair.question,
            answer: pair.answer,
        })
        .collect();
    let passages = passages
        .into_iter()
        .enumerate()
        .map(|(at, span)| ArticlePassage {
            passage_id: format!("{id}#{at}"),
            span,
            score: None,
            scores: None,
            explanation: None,
        });
    Ok(WholeArticle {
        passages: passages.collect(),
        id,
        title,
        path,
        text,
        metadata,
        questions,
    })
}

/// Scores every passage of an article for a question, with a search restricted to the article.
fn score_passages(
    snapshot: &Snapshot,
    article: &mut WholeArticle,
    question: &str,
    mode: Mode,
    worker: &mut Worker,
) -> Result<()> {
    let collection = &*snapshot.collection;
    let only_this = Filter::Clause(Clause {
        field: "id".to_owned(),
        predicate: Predicate::Equals(article.id.clone()),
    });
    let k = article.passages.len().max(1);
    let all = Options {
        k,
        mode,
        exact: true,
        filter: Some(only_this),
        ..Options::default()
    };
    let best = Options {
        k: MAX_EXPLAINED_PASSAGES,
        explain: true,
        ..all.clone()
    };
    let embedder = if mode == Mode::Lexical {
        None
    } else {
        Some(worker.embedder(collection)?)
    };
    let mut searcher = Searcher::new(collection, embedder)?;
    let responses = searcher
        .search(question, &all)
        .and_then(|all| Ok((all, searcher.search(question, &best)?)));
    worker.put_back(searcher.into_models(), None);
    let (all, best) = responses?;
    let mut scores: HashMap<_, _> = all
        .hits
        .into_iter()
        .map(|hit| (hit.passage_id, (hit.score, hit.scores)))
        .collect();
    let mut explanations: HashMap<_, _> = best
        .hits
        .into_iter()
        .filter_map(|hit| Some((hit.passage_id, hit.explanation?)))
        .collect();
    for passage in &mut article.passages {
        (passage.score, passage.scores) = scores.remove(&passage.passage_id).unzip();
        passage.explanation = explanations.remove(&passage.passage_id);
    }
    Ok(())
}

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

/// The error inside [`engine::Error::Partly`]: with a single article there is nothing partial to
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
pub async fn upload(
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
