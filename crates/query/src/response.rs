//! What a search returns. The serialized names are the JSON contract of the CLI and the server.

use crate::Mode;
use crate::explain::Explanation;
use ingest::ByteSpan;
use notes::Note;
use serde::Serialize;
use store::Correction;

/// The raw scores of a hit. A score is absent if its stage did not run or did not return the
/// passage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Scores {
    /// Cosine similarity, −1..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense: Option<f32>,
    /// BM25, above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lexical: Option<f32>,
    /// The reranker's score, on the reranker's own scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<f32>,
}

/// A passage in the result list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hit {
    /// 1-based.
    pub rank: usize,
    /// Higher is better. Dense: cosine. Lexical: BM25. Hybrid: as the fusion method defines it; by
    /// default the weighted mean of the passage's z-scores in the two candidate lists. Reranked: a
    /// mean of such z-scores, or a cross-encoder's own score. Only cosines can be compared between
    /// queries.
    pub score: f32,
    /// Article id, `#`, 0-based passage number.
    pub passage_id: String,
    /// The id of the article that holds the passage.
    pub article_id: String,
    /// The article's title.
    pub title: String,
    /// The file the article was read from.
    pub path: String,
    /// Byte range in the article's text.
    #[cfg_attr(feature = "openapi", schema(value_type = [usize; 2]))]
    pub span: ByteSpan,
    /// The line the passage begins on.
    pub line: u64,
    /// The passage's text.
    pub text: String,
    /// The raw scores behind `score`.
    pub scores: Scores,
    /// The passage with its neighbors, if requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub around: Option<ContextWindow>,
    /// Lower-ranked near-duplicates of this passage.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<NearDuplicate>,
    /// How the score came about, if requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

/// A passage together with its neighbors in the article.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Around))]
pub struct ContextWindow {
    /// Byte range of the whole window in the article's text.
    #[cfg_attr(feature = "openapi", schema(value_type = [usize; 2]))]
    pub span: ByteSpan,
    /// The text of the whole window.
    pub text: String,
}

/// A near-duplicate of a hit.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Copied))]
pub struct NearDuplicate {
    /// Article id, `#`, 0-based passage number.
    pub passage_id: String,
    /// The id of the article that holds the passage.
    pub article_id: String,
    /// The file the article was read from.
    pub path: String,
    /// The line the passage begins on.
    pub line: u64,
    /// The passage's own score, on the scale of [`Hit::score`].
    pub score: f32,
}

/// How much of the reranking was done.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Reranked))]
pub struct RerankStats {
    /// The reranker's name.
    pub model: String,
    /// How many passages were scored.
    #[serde(rename = "passages")]
    pub scored: usize,
    /// How many passages were to be scored; more than were scored if the time budget ran out.
    #[serde(rename = "of")]
    pub requested: usize,
    /// Duration in milliseconds.
    pub took_ms: f64,
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Response {
    /// The query as given.
    pub query: String,
    /// Which lists were searched.
    pub mode: Mode,
    /// Milliseconds from query to answer.
    pub took_ms: f64,
    /// What the reranker did, if one ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<RerankStats>,
    /// The hits, best first.
    pub hits: Vec<Hit>,
    /// Query words that are not in the index, and the terms searched for instead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<Correction>,
    /// What the user should know about how the query was answered: it was truncated, no passage
    /// has its words, the filter lets nothing through.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}
