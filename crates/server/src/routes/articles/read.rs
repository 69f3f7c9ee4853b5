//! One article, with scores for a question.

use crate::app::SharedApp;
use crate::blocking::run_blocking;
use crate::json_body::Body;
use crate::pool::Worker;
use crate::problem::{Params, Path, Problem, Result};
use crate::question::{MAX_QUESTION_CHARS, check_length};
use crate::routes::AppState;
use crate::served::ServedSnapshot;
use axum::Json;
use axum::extract::State;
use ingest::{Article, ByteSpan, Metadata};
use query::explain::Explanation;
use query::{Mode, Options, Scores, Searcher};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use store::filter::{Clause, Predicate};
use store::{Filter, StoredArticle};
use utoipa::{IntoParams, ToSchema};

/// How many passages of an article to explain: explaining one embeds each of its sentences.
const MAX_EXPLAINED_PASSAGES: usize = 10;

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
fn load_article(snapshot: &ServedSnapshot, id: &str) -> Result<WholeArticle> {
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
    snapshot: &ServedSnapshot,
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
