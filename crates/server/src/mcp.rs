//! The tools that the server offers over the Model Context Protocol.

use crate::app::SharedApp;
use crate::blocking::run_blocking;
use crate::evaluation::Evaluation;
use crate::lenient_number::whole_number;
use crate::mcp_arguments::Arguments;
use crate::problem::{Problem, Result};
use crate::question::Question;
use crate::served::{ServedCollection, ServedSnapshot};
use crate::tasks::{self, Task};
use query::{Hit, Mode};
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ServiceExt, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;
use store::StoredArticle;

/// The default of `k`: small, because an assistant reads every hit.
const DEFAULT_HITS: u32 = 5;
/// The largest `k`.
const MAX_HITS: u32 = 50;
/// The most bytes of an article in one response.
const MAX_ARTICLE_BYTES: usize = 40_000;

/// The tools, for one connection.
#[derive(Clone)]
pub struct Tools {
    app: SharedApp,
}

/// A search for passages.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The question, in natural language.
    question: String,
    /// The collection. Needed only if there are several.
    collection: Option<String>,
    /// The number of passages to return, 1 to 50; 5 by default.
    #[serde(default, deserialize_with = "whole_number")]
    k: Option<u32>,
    /// hybrid (semantic and lexical, the default), dense (semantic) or lexical (BM25).
    mode: Option<String>,
    /// Search only articles whose metadata, id, path or title match: source:reuters AND
    /// date:[2025-01-01 TO 2025-06-30] AND NOT tag:sport
    filter: Option<String>,
    /// maxsim reranks the best passages token by token: slower, sometimes better.
    rerank: Option<String>,
    /// The number of neighboring passages to return before and after each hit.
    #[serde(default, deserialize_with = "whole_number")]
    around: Option<u32>,
}

/// A request for an article's text.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetArticle {
    /// The article's id, as returned by search. With a passage's id, reading starts at the passage.
    id: String,
    /// The collection. Needed only if there are several.
    collection: Option<String>,
    /// The byte offset to start at: next_offset of an earlier response. The start by default.
    #[serde(default, deserialize_with = "whole_number")]
    offset: Option<usize>,
}

/// What to evaluate the search with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evaluate {
    /// The collection. Needed only if there are several.
    collection: Option<String>,
    /// Questions with known answers that occur in the articles. Leave empty to use the
    /// question-and-answer pairs found in the articles.
    #[serde(default)]
    questions: Vec<Pair>,
}

/// Nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoArguments {}

/// A question and its answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The question.
    question: String,
    /// Wordings of the answer. At least one of them must occur in an article.
    answers: Vec<String>,
}

#[tool_router]
impl Tools {
    pub fn new(app: SharedApp) -> Self {
        Self { app }
    }

    /// Find the passages of the user's articles that answer a question. Returns each with its
    /// score, article, path and line.
    #[tool(annotations(
        title = "Search articles",
        read_only_hint = true,
        open_world_hint = false
    ))]
    async fn search(
        &self,
        Parameters(Arguments(request)): Parameters<Arguments<Search>>,
    ) -> CallToolResult {
        tool_result(self.run_search(request).await)
    }

    /// Read an article, from the start or from a byte offset.
    #[tool(annotations(
        title = "Read an article",
        read_only_hint = true,
        open_world_hint = false
    ))]
    async fn get_article(
        &self,
        Parameters(Arguments(request)): Parameters<Arguments<GetArticle>>,
    ) -> CallToolResult {
        tool_result(self.read_article(request).await)
    }

    /// List the collections of articles, with the number of articles and passages in each.
    #[tool(annotations(
        title = "List collections",
        read_only_hint = true,
        open_world_hint = false
    ))]
    async fn list_collections(
        &self,
        Parameters(Arguments(request)): Parameters<Arguments<NoArguments>>,
    ) -> CallToolResult {
        if let Err(problem) = request {
            return tool_result(Err(problem));
        }
        let app = self.app.clone();
        tool_result(
            run_blocking(move || {
                app.collections
                    .all()
                    .iter()
                    .map(|served| describe_collection(served))
                    .collect()
            })
            .await
            .map(|all: Vec<Value>| {
                let lines = all.iter().map(|one| {
                    format!(
                        "{}: {} articles, {} passages",
                        one["name"].as_str().unwrap_or_default(),
                        one["articles"],
                        one["passages"]
                    )
                });
                (
                    lines.collect::<Vec<_>>().join("\n"),
                    json!({ "collections": all }),
                )
            }),
        )
    }

    /// Measure how well search answers questions with known answers: recall, MRR and nDCG of each
    /// mode, significance tests of the differences, and the likely cause of each miss.
    #[tool(annotations(
        title = "Evaluate search quality",
        read_only_hint = true,
        open_world_hint = false
    ))]
    async fn evaluate(
        &self,
        Parameters(Arguments(request)): Parameters<Arguments<Evaluate>>,
    ) -> CallToolResult {
        tool_result(self.run_evaluation(request).await)
    }

    async fn run_search(&self, request: Result<Search>) -> Result<(String, Value)> {
        let request = request?;
        let served = self
            .app
            .collections
            .named_or_default(request.collection.as_deref())?;
        let mode = request.mode.map(|mode| mode.trim().to_lowercase());
        let mode = match mode.as_deref() {
            None | Some("hybrid") => Mode::Hybrid,
            Some("dense") => Mode::Dense,
            Some("lexical") => Mode::Lexical,
            Some(other) => {
                return Err(Problem::bad_request(format!(
                    "mode: expected hybrid, dense or lexical; found {other:?}"
                )));
            }
        };
        let k = request.k.unwrap_or(DEFAULT_HITS);
        if !(1..=MAX_HITS).contains(&k) {
            return Err(Problem::bad_request(format!(
                "k = {k}: expected 1 to {MAX_HITS}"
            )));
        }
        let question = Question {
            q: request.question,
            k: Some(k),
            mode: Some(mode),
            filter: request.filter,
            rerank: request.rerank,
            around: request.around,
            ..Question::default()
        };
        let snapshot = served.snapshot();
        let validated = question.validate(&snapshot, &self.app.settings.rerankers)?;
        let searched = snapshot.clone();
        let response = self
            .app
            .pool
            .try_run(move |worker| validated.search(&searched, worker))
            .await?;
        let mut text = String::new();
        for hit in &response.hits {
            write_hit(&mut text, hit);
        }
        if response.hits.is_empty() {
            text.push_str("Nothing found.");
        }
        let value = serde_json::to_value(&response)?;
        Ok((text, value))
    }

    async fn read_article(&self, request: Result<GetArticle>) -> Result<(String, Value)> {
        let request = request?;
        let served = self
            .app
            .collections
            .named_or_default(request.collection.as_deref())?;
        run_blocking(move || {
            let snapshot: Arc<ServedSnapshot> = served.snapshot();
            let (stored, start) = find_article(&snapshot, &request.id)?;
            let (article, offset) = (stored.article, request.offset.unwrap_or(start));
            let Some(rest) = article.text.get(offset..) else {
                let bytes = article.text.len();
                return Err(Problem::bad_request(format!(
                    "offset = {offset}: expected the start of a character within the article's {bytes} bytes"
                )));
            };
            let part = &rest[..rest.floor_char_boundary(MAX_ARTICLE_BYTES)];
            let next = (part.len() < rest.len()).then_some(offset + part.len());
            let mut text = format!("{}\n\n{part}", article.title);
            if let Some(next) = next {
                // Writing to a string cannot fail.
                let _ = write!(text, "\n\n[truncated; continue with offset {next}]");
            }
            let value = json!({
                "id": article.id, "title": article.title, "path": article.path, "metadata": article.metadata,
                "offset": offset, "text": part, "next_offset": next, "bytes": article.text.len(),
            });
            Ok((text, value))
        })
        .await
    }

    async fn run_evaluation(&self, request: Result<Evaluate>) -> Result<(String, Value)> {
        let request = request?;
        let served = self
            .app
            .collections
            .named_or_default(request.collection.as_deref())?;
        let mut evaluation = Evaluation {
            qa: request.questions.is_empty(),
            ..Evaluation::default()
        };
        if !request.questions.is_empty() {
            let (mut queries, mut qrels) = (String::new(), String::new());
            for (number, pair) in (1..).zip(&request.questions) {
                let id = format!("q{number}");
                // Writing to a string cannot fail.
                let _ = writeln!(queries, "{}", json!({ "_id": id, "text": pair.question }));
                let _ = writeln!(
                    qrels,
                    "{}",
                    json!({ "query-id": id, "answers": pair.answers })
                );
            }
            (evaluation.queries, evaluation.qrels) = (Some(queries), Some(qrels));
        }
        let (app, task) = (self.app.clone(), Task::Evaluate(Box::new(evaluation)));
        // In memory only: who asked is gone after a restart.
        let job =
            run_blocking(move || tasks::start_in(&app, served, &task, None, Vec::new())).await?;
        let mut states = self.app.jobs.subscribe(&job.id)?;
        let ended = states.wait_for(|job| job.ended.is_some()).await;
        let job = ended.map_err(|error| Problem::internal(&error))?.clone();
        match (job.result, job.error) {
            (Some(verdict), _) => Ok((summary(&verdict), truncate_lists(verdict))),
            (None, error) => {
                Err(Problem::bad_request(error.unwrap_or_else(|| {
                    "the evaluation was cancelled".to_owned()
                })))
            }
        }
    }
}

#[tool_handler(
    name = "nigh",
    instructions = "Semantic search over the user's own articles. Call search with a question in natural language to get passages with scores and locations. Call get_article to read more of an article. Cite what you use by its path and line."
)]
impl rmcp::ServerHandler for Tools {}

/// The result of a tool: text for the assistant with the same as structured data, or an error.
fn tool_result(result: Result<(String, Value)>) -> CallToolResult {
    match result {
        Ok((text, value)) => {
            let mut result = CallToolResult::structured(value);
            result.content = vec![ContentBlock::text(text)];
            result
        }
        Err(problem) => {
            CallToolResult::error(vec![ContentBlock::text(problem.detail().to_owned())])
        }
    }
}

/// The article with this id, or that of the passage with this id; and where to start reading.
fn find_article(snapshot: &ServedSnapshot, id: &str) -> Result<(StoredArticle, usize)> {
    if let Some(stored) = snapshot.collection.article(id)? {
        return Ok((stored, 0));
    }
    if let Some((article_id, number)) = id.rsplit_once('#')
        && let Ok(number) = number.parse::<usize>()
        && let Some(stored) = snapshot.collection.article(article_id)?
        && let Some(span) = stored.passages.get(number)
    {
        let start = span.start;
        return Ok((stored, start));
    }
    Err(Problem::not_found(format!("no article has the id {id:?}")))
}

fn describe_collection(served: &ServedCollection) -> Result<Value> {
    let snapshot = served.snapshot();
    let (stats, manifest) = (snapshot.collection.stats()?, snapshot.collection.manifest());
    Ok(json!({
        "name": served.name, "articles": stats.articles, "passages": stats.passages,
        "questions": stats.questions, "model": manifest.model.name, "language": manifest.language.to_string(),
    }))
}

fn write_hit(text: &mut String, hit: &Hit) {
    let body = hit.around.as_ref().map_or(&hit.text, |around| &around.text);
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "{}. {} ({}:{}, id {}, score {:.3})\n{body}\n\n",
        hit.rank, hit.title, hit.path, hit.line, hit.article_id, hit.score
    );
}

/// A verdict as a few lines of text.
fn summary(verdict: &Value) -> String {
    let mut text = format!("{} questions\n", verdict["queries"]);
    for system in verdict["systems"].as_array().into_iter().flatten() {
        let metrics = system["metrics"].as_object().into_iter().flatten();
        let metrics = metrics.map(|(name, figure)| {
            format!("{name} {:.3}", figure["mean"].as_f64().unwrap_or_default())
        });
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}: {}",
            system["name"].as_str().unwrap_or_default(),
            metrics.collect::<Vec<_>>().join(", ")
        );
    }
    for note in verdict["notes"].as_array().into_iter().flatten() {
        let _ = writeln!(
            text,
            "note: {}",
            note["message"].as_str().unwrap_or_default()
        );
    }
    text
}

/// Shortens the long lists of a verdict, such as misses and worst questions.
fn truncate_lists(mut verdict: Value) -> Value {
    const MAX_LIST_LEN: usize = 20;
    for list in [
        "/losses/misses",
        "/worst",
        "/paraphrases/groups",
        "/paraphrases/failing",
    ] {
        if let Some(list) = verdict.pointer_mut(list).and_then(Value::as_array_mut) {
            list.truncate(MAX_LIST_LEN);
        }
    }
    verdict
}

/// The MCP service for `/mcp`. It does not check hosts and origins itself, because the router does.
pub fn over_http(app: &SharedApp) -> StreamableHttpService<Tools, LocalSessionManager> {
    let app = app.clone();
    let config = StreamableHttpServerConfig::default()
        .disable_allowed_hosts()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(app.settings.body_limit);
    StreamableHttpService::new(move || Ok(Tools::new(app.clone())), Arc::default(), config)
}

/// Serves MCP over standard input and output until the client disconnects.
pub async fn over_stdio(app: SharedApp) -> std::result::Result<(), crate::Error> {
    let protocol_error = |error: &dyn std::fmt::Display| crate::Error::Protocol(error.to_string());
    let service = Tools::new(app)
        .serve(rmcp::transport::stdio())
        .await
        .map_err(|error| protocol_error(&error))?;
    service
        .waiting()
        .await
        .map_err(|error| protocol_error(&error))?;
    Ok(())
}
