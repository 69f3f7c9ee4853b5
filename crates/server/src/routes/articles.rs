//! What a collection holds: read, added, replaced, deleted.

use super::AppState;
use super::begun;
use crate::app::blocking;
use crate::ask::{LONGEST_QUESTION, no_longer};
use crate::hosted::{Hosted, Snapshot};
use crate::jobs::{Ended, Handle, Job, JobKind};
use crate::pool::{Models, Worker};
use crate::problem::{Body, Params, Path, Problem, Result};
use axum::Json;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use engine::articles::{self, Report, Survey};
use engine::{Names, Omitted, Silent};
use ingest::pipeline::Plan;
use ingest::read::Limits;
use ingest::{Article, ByteSpan, MetaValue, Metadata};
use query::explain::Explanation;
use query::{Mode, Options, Scores, Searcher};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use store::filter::{Clause, Test};
use store::{Collection, Filter, StoredArticle};
use tokio::io::AsyncWriteExt;
use tokio::sync::OwnedMutexGuard;
use utoipa::{IntoParams, ToSchema};

/// The most articles of one page of the list.
const MOST_LISTED: usize = 1000;
/// How many passages of an article have their scores taken apart: every sentence of them is embedded.
const EXPLAINED: usize = 10;
/// How long a change waits for another one to end.
const WAIT: Duration = Duration::from_secs(5);
/// The longest prefix of an id, in characters.
const LONGEST_PREFIX: usize = 1024;

/// Which articles to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Only those whose id begins so.
    #[param(max_length = 1024)]
    prefix: Option<String>,
    /// How many are passed over.
    offset: Option<usize>,
    /// How many are listed; 100 without it.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Some of a collection's articles.
#[derive(Serialize, ToSchema)]
pub struct ArticleList {
    /// How many there are.
    total: usize,
    /// In the order of their ids.
    articles: Vec<ArticleCard>,
}

/// An article without its text.
#[derive(Serialize, ToSchema)]
pub struct ArticleCard {
    /// Its id.
    id: String,
    /// Its title.
    title: String,
    /// Where it came from.
    path: String,
    /// How many passages it has.
    passages: usize,
    /// How many questions it asks itself.
    questions: usize,
    /// How many bytes of text it has.
    bytes: usize,
}

/// List articles
#[utoipa::path(get, operation_id = "list_articles", path = "/v1/collections/{collection}/articles", tag = "articles",
    params(("collection" = String, Path, description = "The collection"), Page),
    responses((status = 200, body = ArticleList)))]
pub async fn list(
    State(app): AppState,
    Path(collection): Path<String>,
    Params(page): Params<Page>,
) -> Result<Json<ArticleList>> {
    let snapshot = app.collections.named(&collection)?.snapshot();
    let limit = page.limit.unwrap_or(100);
    if !(1..=MOST_LISTED).contains(&limit) {
        return Err(Problem::bad_request(format!("limit = {limit}: expected 1 to {MOST_LISTED}")));
    }
    no_longer("prefix", page.prefix.as_deref().unwrap_or_default(), LONGEST_PREFIX)?;
    blocking(move || {
        let ids = snapshot.ids()?;
        let prefix = page.prefix.unwrap_or_default();
        let from = ids.partition_point(|id| id.as_str() < prefix.as_str());
        let matching = &ids[from..];
        let matching = &matching[..matching.partition_point(|id| id.starts_with(&prefix))];
        let mut cards = Vec::new();
        for id in matching.iter().skip(page.offset.unwrap_or(0)).take(limit) {
            if let Some(StoredArticle { article, passages }) = snapshot.collection.article(id)? {
                cards.push(ArticleCard {
                    id: article.id,
                    title: article.title,
                    path: article.path,
                    passages: passages.len(),
                    questions: article.questions.len(),
                    bytes: article.text.len(),
                });
            }
        }
        Ok(Json(ArticleList { total: matching.len(), articles: cards }))
    })
    .await
}

/// What to score an article's passages against.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Against {
    /// A question: every passage is scored against it, and its best sentence marked.
    #[param(max_length = 20000)]
    q: Option<String>,
    /// How; hybrid without it.
    mode: Option<Mode>,
}

/// An article.
#[derive(Serialize, ToSchema)]
pub struct WholeArticle {
    /// Its id.
    id: String,
    /// Its title.
    title: String,
    /// Where it came from.
    path: String,
    /// All of its text.
    text: String,
    /// Metadata by name: strings, numbers, dates and lists of them.
    #[schema(value_type = HashMap<String, serde_json::Value>)]
    metadata: Metadata,
    /// The questions it asks itself.
    questions: Vec<Asks>,
    /// Its passages, in order.
    passages: Vec<ArticlePassage>,
}

/// A question that an article asks itself.
#[derive(Serialize, ToSchema)]
pub struct Asks {
    /// The question.
    question: String,
    /// Where its answer stands in the text, in bytes.
    #[schema(value_type = [usize; 2])]
    answer: ByteSpan,
}

/// A passage of an article.
#[derive(Serialize, ToSchema)]
pub struct ArticlePassage {
    /// Its name: the article's id, `#`, its place from 0.
    passage_id: String,
    /// Where it stands in the text, in bytes.
    #[schema(value_type = [usize; 2])]
    span: ByteSpan,
    /// Its score against the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    /// What the score is made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<Scores>,
    /// The score taken apart, with the sentence that answers best; of the article's best ten passages.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
}

/// Get an article
///
/// With a question, every passage has its score.
#[utoipa::path(get, operation_id = "get_article", path = "/v1/collections/{collection}/articles/{id}", tag = "articles",
    params(("collection" = String, Path, description = "The collection"),
        ("id" = String, Path, description = "The article's id; a / in it is written %2F"), Against),
    responses((status = 200, body = WholeArticle)))]
pub async fn get(
    State(app): AppState,
    Path((collection, id)): Path<(String, String)>,
    Params(against): Params<Against>,
) -> Result<Json<WholeArticle>> {
    let snapshot = app.collections.named(&collection)?.snapshot();
    let question = against.q.filter(|question| !question.trim().is_empty());
    let mode = against.mode.unwrap_or(Mode::Hybrid);
    no_longer("q", question.as_deref().unwrap_or_default(), LONGEST_QUESTION)?;
    match question {
        None => blocking(move || Ok(Json(whole(&snapshot, &id)?))).await,
        Some(question) => {
            app.pool
                .run(move |worker| {
                    let mut whole = whole(&snapshot, &id)?;
                    score(&snapshot, &mut whole, &question, mode, worker)?;
                    Ok(Json(whole))
                })
                .await
        }
    }
}

/// An article as it is.
pub fn whole(snapshot: &Snapshot, id: &str) -> Result<WholeArticle> {
    let stored = snapshot.collection.article(id)?;
    let StoredArticle { article, passages } =
        stored.ok_or_else(|| Problem::not_found(format!("no article has the id {id:?}")))?;
    let Article { id, title, path, text, metadata, questions, .. } = article;
    let questions = questions.into_iter().map(|pair| Asks { question: pair.question, answer: pair.answer }).collect();
    let passages = passages.into_iter().enumerate().map(|(at, span)| ArticlePassage {
        passage_id: format!("{id}#{at}"),
        span,
        score: None,
        scores: None,
        explanation: None,
    });
    Ok(WholeArticle { passages: passages.collect(), id, title, path, text, metadata, questions })
}

/// Scores every passage of an article against a question, as a search would among them alone.
fn score(snapshot: &Snapshot, whole: &mut WholeArticle, question: &str, mode: Mode, worker: &mut Worker) -> Result<()> {
    let collection = &*snapshot.collection;
    let alone = Filter::Is(Clause { field: "id".to_owned(), test: Test::Word(whole.id.clone()) });
    let k = whole.passages.len().max(1);
    let all = Options { k, mode, exact: true, filter: Some(alone), ..Options::default() };
    let best = Options { k: EXPLAINED, explain: true, ..all.clone() };
    let embedder = if mode == Mode::Lexical { None } else { Some(worker.embedder(collection)?) };
    let mut searcher = Searcher::new(collection, embedder)?;
    let found = searcher.search(question, &all).and_then(|all| Ok((all, searcher.search(question, &best)?)));
    worker.keep(searcher.into_models(), None);
    let (all, best) = found?;
    let mut scores: HashMap<_, _> = all.hits.into_iter().map(|hit| (hit.passage_id, (hit.score, hit.scores))).collect();
    let mut explanations: HashMap<_, _> =
        best.hits.into_iter().filter_map(|hit| Some((hit.passage_id, hit.explanation?))).collect();
    for passage in &mut whole.passages {
        (passage.score, passage.scores) = scores.remove(&passage.passage_id).unzip();
        passage.explanation = explanations.remove(&passage.passage_id);
    }
    Ok(())
}

/// An article to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewArticle {
    /// Its text.
    #[schema(min_length = 1)]
    text: String,
    /// Its title.
    #[serde(default)]
    title: String,
    /// Where it came from, as people are shown it; its id without.
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
    responses((status = 200, description = "It replaced another, or was there already", body = ArticlePut),
        (status = 201, description = "It is new", body = ArticlePut)))]
pub async fn put(
    State(app): AppState,
    Path((collection, id)): Path<(String, String)>,
    Body(new): Body<NewArticle>,
) -> Result<(StatusCode, Json<ArticlePut>)> {
    let hosted = app.collections.named(&collection)?;
    if new.text.trim().is_empty() {
        return Err(Problem::bad_request("text: it is empty"));
    }
    let named = id.clone();
    let article = move |known: Option<String>| Article {
        path: new.path.or(known).unwrap_or_else(|| id.clone()),
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
    let turn = turn_of(&hosted).await?;
    let models = app.models.clone();
    blocking(move || {
        let _turn = turn;
        let known = hosted.snapshot().collection.article(&named)?.map(|stored| stored.article.path);
        let report = add(&hosted, &models, article(known))?;
        let status = if report.added > 0 { StatusCode::CREATED } else { StatusCode::OK };
        Ok((
            status,
            Json(ArticlePut { added: report.added > 0, changed: report.unchanged == 0, passages: report.passages }),
        ))
    })
    .await
}

/// Waits until no one else in this process writes, but not for the end of a job.
async fn turn_of(hosted: &Hosted) -> Result<OwnedMutexGuard<()>> {
    let turn = tokio::time::timeout(WAIT, hosted.writing.clone().lock_owned()).await;
    turn.map_err(|_| {
        Problem::conflict("a job is writing to this collection; try again when it is done").retry_after(WAIT)
    })
}

/// What adding an article did.
#[derive(Serialize, ToSchema)]
pub struct ArticlePut {
    /// No article had its id before.
    added: bool,
    /// It is not just as it was.
    changed: bool,
    /// Passages that were cut from it.
    passages: usize,
}

/// Puts one article into a collection.
fn add(hosted: &Hosted, models: &Models, article: Article) -> Result<Report> {
    let mut collection = store::open(&hosted.location())?;
    let manifest = collection.manifest();
    let plan = Plan::new(manifest.chunking, 1);
    let embedder = models.embedder(&manifest.model.name)?;
    let report = articles::add_one(&mut *collection, embedder, article, &plan, &Silent::default()).map_err(inner)?;
    if let Some(failed) = report.omitted.skipped.failed.first() {
        return Err(Problem::bad_request(failed.problem.clone()));
    }
    hosted.refresh()?;
    Ok(report)
}

/// The problem that stopped a job: here nothing is gone on with.
fn inner(error: engine::Error) -> engine::Error {
    match error {
        engine::Error::Partly(error) => *error,
        other => other,
    }
}

/// Delete an article
#[utoipa::path(delete, operation_id = "delete_article", path = "/v1/collections/{collection}/articles/{id}", tag = "articles",
    params(("collection" = String, Path, description = "The collection"),
        ("id" = String, Path, description = "The article's id; a / in it is written %2F")),
    responses((status = 204, description = "It is gone")))]
pub async fn delete(State(app): AppState, Path((collection, id)): Path<(String, String)>) -> Result<StatusCode> {
    let hosted = app.collections.named(&collection)?;
    let turn = turn_of(&hosted).await?;
    blocking(move || {
        let _turn = turn;
        let collection = store::open(&hosted.location())?;
        let mut writer = collection.writer()?;
        if !writer.delete(&id)? {
            return Err(Problem::not_found(format!("no article has the id {id:?}")));
        }
        writer.commit()?;
        drop(writer);
        hosted.refresh()?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Files of articles.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read as it comes")]
pub struct Upload {
    /// Text, Markdown, HTML, PDF, JSONL or CSV, by their names.
    #[schema(value_type = Vec<String>, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<Vec<u8>>,
}

/// Add files of articles
///
/// The files are read as `nigh index` reads them, hidden ones left out; each is called by its file name. Gives a job.
#[utoipa::path(post, operation_id = "upload_articles", path = "/v1/collections/{collection}/articles", tag = "articles",
    params(("collection" = String, Path, description = "The collection")),
    request_body(content = Upload, content_type = "multipart/form-data"),
    responses((status = 202, description = "A job was begun", body = Job)))]
pub async fn upload(
    State(app): AppState,
    Path(collection): Path<String>,
    form: std::result::Result<Multipart, MultipartRejection>,
) -> Result<impl IntoResponse> {
    let mut form = form?;
    let hosted = app.collections.named(&collection)?;
    let folder = tempfile::tempdir()?;
    let mut files = 0;
    while let Some(mut field) = form.next_field().await? {
        let Some(name) = field.file_name().map(str::to_owned) else { continue };
        let Some(path) = inside(&name)?.map(|path| folder.path().join(path)) else { continue };
        let twice = |error: std::io::Error| match error.kind() {
            ErrorKind::AlreadyExists | ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
                Problem::bad_request(format!(
                    "{name:?}: another file of this upload has that name, or that of its folder; rename one of them"
                ))
            }
            _ => error.into(),
        };
        if let Some(parent) = path.parent() {
            tokio::fs::create_dir_all(parent).await.map_err(twice)?;
        }
        let mut file = tokio::fs::File::create_new(&path).await.map_err(twice)?;
        while let Some(chunk) = field.chunk().await? {
            file.write_all(&chunk).await?;
        }
        file.flush().await?;
        files += 1;
    }
    if files == 0 {
        return Err(Problem::bad_request("no files: expected multipart/form-data with one or more of them"));
    }
    let threads = app.job_threads();
    let (models, limit) = (app.models.clone(), app.settings.article_limit);
    let turn = hosted.writing.clone();
    let job = app.jobs.start(JobKind::Index, &collection, move |handle| {
        let _turn = turn.blocking_lock_owned();
        let report = index(&hosted, &models, folder.path(), threads, limit, handle)?;
        let stopped = report.interrupted;
        let result = serde_json::to_value(report)?;
        Ok(if stopped { Ended::Stopped(Some(result)) } else { Ended::Done(result) })
    })?;
    Ok(begun(job))
}

/// An uploaded file's name as a path that stays inside the folder; none where it is hidden, as in folders.
fn inside(name: &str) -> Result<Option<std::path::PathBuf>> {
    let parts: Vec<&str> = name.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".").collect();
    let safe = |part: &&str| *part != ".." && !part.contains(['\0', ':']) && part.len() <= 255;
    if parts.is_empty() || parts.len() > 32 || !parts.iter().all(safe) {
        return Err(Problem::bad_request(format!("{name:?} is no name for a file here")));
    }
    let hidden = parts.iter().any(|part| part.starts_with('.'));
    Ok((!hidden).then(|| parts.iter().collect()))
}

/// Reads a folder of uploaded files into a collection.
fn index(
    hosted: &Arc<Hosted>,
    models: &Models,
    folder: &std::path::Path,
    threads: usize,
    article_limit: u64,
    handle: &Handle,
) -> Result<Report> {
    let mut collection: Box<dyn Collection> = store::open(&hosted.location())?;
    let root = folder.canonicalize()?;
    // Called as they lie in the folder.
    let names = Names::new(&root.join("collection").to_string_lossy());
    let limits = Limits { bytes: article_limit, ..Limits::USUAL };
    let mut plan = Plan::new(collection.manifest().chunking, threads);
    plan.limits = limits;
    let roots = [root];
    let job = articles::Job { roots: &roots, format: None, plan, names: &names, builder: None, delete_vanished: false };
    let survey = Survey::new(&job);
    if let Some(Omitted { unsupported, .. }) = survey.nothing_to_read(&job) {
        let problem = format!("{unsupported} files in no format read here ({})", ingest::Format::ALL);
        return Err(Problem::bad_request(problem));
    }
    let embedder = models.embedder(&collection.manifest().model.name)?;
    let report = articles::index(&mut *collection, embedder, &job, &survey, handle);
    hosted.refresh()?;
    Ok(report?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_stay_in_their_folder() {
        for (name, path) in [("a.txt", "a.txt"), ("docs//x/./b.md", "docs/x/b.md"), ("/etc/passwd", "etc/passwd")] {
            assert_eq!(inside(name).unwrap().unwrap(), std::path::Path::new(path));
        }
        for name in ["", "..", "a/../../b", "..\\b", "/", "C:\\x", "a\0b"] {
            assert!(inside(name).is_err(), "{name:?}");
        }
        for name in [".DS_Store", "docs/.git/config"] {
            assert_eq!(inside(name).unwrap(), None, "{name:?}");
        }
    }
}
