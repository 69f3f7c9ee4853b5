//! The Model Context Protocol: what an assistant may do with the collections.

use crate::app::{Shared, blocking};
use crate::ask::Question;
use crate::hosted::{Hosted, Snapshot};
use crate::problem::{Problem, Result};
use crate::routes::{Evaluation, start};
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

/// How many hits where none are asked for: an assistant reads them all.
const HITS: u32 = 5;
/// The most hits.
const MOST_HITS: u32 = 50;
/// The most bytes of an article that are given at once.
const MOST_BYTES: usize = 40_000;

/// What is offered, on one connection.
#[derive(Clone)]
pub struct Tools {
    app: Shared,
}

/// A question to the articles.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Search {
    /// The question, in plain words.
    question: String,
    /// The collection; needed only where there are several.
    collection: Option<String>,
    /// How many passages, 1 to 50; 5 without it.
    k: Option<u32>,
    /// hybrid (meaning and words, the default), dense (meaning) or lexical (words).
    mode: Option<String>,
    /// Which articles may answer, by their metadata, id, path or title: source:reuters AND date:[2025-01-01 TO
    /// 2025-06-30] AND NOT tag:sport
    filter: Option<String>,
    /// maxsim looks at the best passages again, word by word: slower, sometimes better.
    rerank: Option<String>,
    /// How many passages before and after each are shown with it.
    around: Option<u32>,
}

/// An article to be read.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct GetArticle {
    /// The article's id, as search gives it.
    id: String,
    /// The collection; needed only where there are several.
    collection: Option<String>,
    /// The byte at which to begin, where an earlier answer ended.
    offset: Option<usize>,
}

/// What to judge.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Evaluate {
    /// The collection; needed only where there are several.
    collection: Option<String>,
    /// Questions with their answers as they stand in the articles; without any, the questions that the articles
    /// ask themselves.
    #[serde(default)]
    questions: Vec<Pair>,
}

/// A question and its answer.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Pair {
    /// The question.
    question: String,
    /// Wordings of the answer, any of which must stand in an article.
    answers: Vec<String>,
}

#[tool_router]
impl Tools {
    pub fn new(app: Shared) -> Self {
        Self { app }
    }

    /// Find the passages of the user's articles that answer a question, worded however you like. Each comes with its
    /// score, article and place.
    #[tool(annotations(title = "Search articles", read_only_hint = true, open_world_hint = false))]
    async fn search(&self, Parameters(search): Parameters<Search>) -> CallToolResult {
        given(self.find(search).await)
    }

    /// Read an article, all of it or from a byte on.
    #[tool(annotations(title = "Read an article", read_only_hint = true, open_world_hint = false))]
    async fn get_article(&self, Parameters(wanted): Parameters<GetArticle>) -> CallToolResult {
        given(self.read(wanted).await)
    }

    /// List the collections of articles, and how many articles and passages each has.
    #[tool(annotations(title = "List collections", read_only_hint = true, open_world_hint = false))]
    async fn list_collections(&self) -> CallToolResult {
        let app = self.app.clone();
        given(blocking(move || app.collections.all().iter().map(|hosted| described(hosted)).collect()).await.map(
            |all: Vec<Value>| {
                let lines = all.iter().map(|one| {
                    format!(
                        "{}: {} articles, {} passages",
                        one["name"].as_str().unwrap_or_default(),
                        one["articles"],
                        one["passages"]
                    )
                });
                (lines.collect::<Vec<_>>().join("\n"), json!({ "collections": all }))
            },
        ))
    }

    /// Judge how well the search answers questions whose answers are known: recall, MRR and nDCG of each mode with
    /// tested differences, and where each miss was lost.
    #[tool(annotations(title = "Judge the answers", read_only_hint = true, open_world_hint = false))]
    async fn evaluate(&self, Parameters(wanted): Parameters<Evaluate>) -> CallToolResult {
        given(self.judge(wanted).await)
    }

    async fn find(&self, search: Search) -> Result<(String, Value)> {
        let hosted = self.app.collections.named_or_default(search.collection.as_deref())?;
        let mode = match search.mode.as_deref() {
            None | Some("hybrid") => Mode::Hybrid,
            Some("dense") => Mode::Dense,
            Some("lexical") => Mode::Lexical,
            Some(other) => {
                return Err(Problem::bad_request(format!("mode: {other:?} is none of hybrid, dense, lexical")));
            }
        };
        let k = search.k.unwrap_or(HITS);
        if !(1..=MOST_HITS).contains(&k) {
            return Err(Problem::bad_request(format!("k = {k}: expected 1 to {MOST_HITS}")));
        }
        let question = Question {
            q: search.question,
            k: Some(k),
            mode: Some(mode),
            filter: search.filter,
            rerank: search.rerank,
            around: search.around,
            ..Question::default()
        };
        let snapshot = hosted.snapshot();
        let ready = question.ready(&snapshot, &self.app.settings.rerankers)?;
        let asked = snapshot.clone();
        let response = self.app.pool.run(move |worker| ready.ask(&asked, worker)).await?;
        let mut text = String::new();
        for hit in &response.hits {
            shown(&mut text, hit);
        }
        if response.hits.is_empty() {
            text.push_str("Nothing found.");
        }
        let value = serde_json::to_value(&response)?;
        Ok((text, value))
    }

    async fn read(&self, wanted: GetArticle) -> Result<(String, Value)> {
        let hosted = self.app.collections.named_or_default(wanted.collection.as_deref())?;
        blocking(move || {
            let snapshot: Arc<Snapshot> = hosted.snapshot();
            let stored = snapshot.collection.article(&wanted.id)?;
            let stored = stored.ok_or_else(|| Problem::not_found(format!("no article has the id {:?}", wanted.id)))?;
            let (article, offset) = (stored.article, wanted.offset.unwrap_or(0));
            let Some(rest) = article.text.get(offset..) else {
                let bytes = article.text.len();
                return Err(Problem::bad_request(format!(
                    "offset = {offset}: the article has {bytes} bytes, and characters begin elsewhere"
                )));
            };
            let part = &rest[..rest.floor_char_boundary(MOST_BYTES)];
            let next = (part.len() < rest.len()).then_some(offset + part.len());
            let mut text = format!("{}\n\n{part}", article.title);
            if let Some(next) = next {
                // Writing to a string cannot fail.
                let _ = write!(text, "\n\n[cut; go on with offset {next}]");
            }
            let value = json!({
                "id": article.id, "title": article.title, "path": article.path, "metadata": article.metadata,
                "offset": offset, "text": part, "next_offset": next, "bytes": article.text.len(),
            });
            Ok((text, value))
        })
        .await
    }

    async fn judge(&self, wanted: Evaluate) -> Result<(String, Value)> {
        let hosted = self.app.collections.named_or_default(wanted.collection.as_deref())?;
        let mut evaluation = Evaluation { qa: wanted.questions.is_empty(), ..Evaluation::default() };
        if !wanted.questions.is_empty() {
            let (mut queries, mut qrels) = (String::new(), String::new());
            for (number, pair) in (1..).zip(&wanted.questions) {
                let id = format!("q{number}");
                // Writing to a string cannot fail.
                let _ = writeln!(queries, "{}", json!({ "_id": id, "text": pair.question }));
                let _ = writeln!(qrels, "{}", json!({ "query-id": id, "answers": pair.answers }));
            }
            (evaluation.queries, evaluation.qrels) = (Some(queries), Some(qrels));
        }
        let job = start(&self.app, hosted, evaluation).await?;
        let mut states = self.app.jobs.follow(&job.id)?;
        let ended = states.wait_for(|job| job.ended.is_some()).await;
        let job = ended.map_err(|error| Problem::internal(&error))?.clone();
        match (job.result, job.error) {
            (Some(verdict), _) => Ok((summary(&verdict), slim(verdict))),
            (None, error) => Err(Problem::bad_request(error.unwrap_or_else(|| "it was stopped".to_owned()))),
        }
    }
}

#[tool_handler(
    name = "nigh",
    instructions = "Semantic search over the user's own articles. Ask search in plain words; it gives passages with scores and places. Read more of an article with get_article. Cite what you use by its path and line."
)]
impl rmcp::ServerHandler for Tools {}

/// What a tool gives: text for the assistant and the same as data, or what is wrong.
fn given(result: Result<(String, Value)>) -> CallToolResult {
    match result {
        Ok((text, value)) => {
            let mut result = CallToolResult::structured(value);
            result.content = vec![ContentBlock::text(text)];
            result
        }
        Err(problem) => CallToolResult::error(vec![ContentBlock::text(problem.detail().to_owned())]),
    }
}

fn described(hosted: &Hosted) -> Result<Value> {
    let snapshot = hosted.snapshot();
    let (stats, manifest) = (snapshot.collection.stats()?, snapshot.collection.manifest());
    Ok(json!({
        "name": hosted.name, "articles": stats.articles, "passages": stats.passages,
        "questions": stats.questions, "model": manifest.model.name, "language": manifest.language.to_string(),
    }))
}

fn shown(text: &mut String, hit: &Hit) {
    let body = hit.around.as_ref().map_or(&hit.text, |around| &around.text);
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "{}. {} ({}:{}, id {}, score {:.3})\n{body}\n\n",
        hit.rank, hit.title, hit.path, hit.line, hit.article_id, hit.score
    );
}

/// A verdict in a few lines.
fn summary(verdict: &Value) -> String {
    let mut text = format!("{} questions\n", verdict["queries"]);
    for system in verdict["systems"].as_array().into_iter().flatten() {
        let metrics = system["metrics"].as_object().into_iter().flatten();
        let metrics =
            metrics.map(|(name, figure)| format!("{name} {:.3}", figure["mean"].as_f64().unwrap_or_default()));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}: {}",
            system["name"].as_str().unwrap_or_default(),
            metrics.collect::<Vec<_>>().join(", ")
        );
    }
    for note in verdict["notes"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "note: {}", note["message"].as_str().unwrap_or_default());
    }
    text
}

/// A verdict without what is long: single misses and worst questions stay few.
fn slim(mut verdict: Value) -> Value {
    const FEW: usize = 20;
    for list in ["/losses/misses", "/worst", "/paraphrases/groups", "/paraphrases/failing"] {
        if let Some(list) = verdict.pointer_mut(list).and_then(Value::as_array_mut) {
            list.truncate(FEW);
        }
    }
    verdict
}

/// The service at `/mcp`. Hosts and origins are looked at before it is reached.
pub fn over_http(app: &Shared) -> StreamableHttpService<Tools, LocalSessionManager> {
    let app = app.clone();
    let config = StreamableHttpServerConfig::default()
        .disable_allowed_hosts()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(app.settings.body_limit);
    StreamableHttpService::new(move || Ok(Tools::new(app.clone())), Arc::default(), config)
}

/// Serves standard input and output, until the client goes away.
pub async fn over_stdio(app: Shared) -> std::result::Result<(), crate::Error> {
    let failed = |error: &dyn std::fmt::Display| crate::Error::Protocol(error.to_string());
    let service = Tools::new(app).serve(rmcp::transport::stdio()).await.map_err(|error| failed(&error))?;
    service.waiting().await.map_err(|error| failed(&error))?;
    Ok(())
}
