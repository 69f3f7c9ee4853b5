//! The list of articles.

use crate::blocking::run_blocking;
use crate::lenient_number::whole_number;
use crate::problem::{Params, Path, Problem, Result};
use crate::question::check_length;
use crate::routes::AppState;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use store::StoredArticle;
use utoipa::{IntoParams, ToSchema};

/// The most articles on one page of the list.
const MAX_LISTED: usize = 1000;

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
pub async fn get(
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
