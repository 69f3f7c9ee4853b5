//! Searching a snapshot, and fetching what was found.

use crate::filter::explain::FieldValues;
use crate::{Correction, Filter, Result};
use ingest::{Article, ByteSpan};
use serde::{Deserialize, Serialize};

/// Identifies a passage within one snapshot. Keys grow in the order in which passages are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PassageKey(pub u64);

/// A passage with its score from one kind of search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredPassage {
    /// The passage.
    pub key: PassageKey,
    /// Higher is better. Dense: the cosine similarity, −1..=1. Lexical: BM25, above 0.
    pub score: f32,
}

/// How a lexical search interprets a query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryInterpretation {
    /// The indexed words that replace query words found in no passage.
    pub corrections: Vec<Correction>,
    /// Whether the query consists of stop words only. They are searched for in that case, and
    /// ignored otherwise.
    pub only_stop_words: bool,
}

/// The contribution of one query word to a passage's BM25 score.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WordScore {
    /// The word of the query, or two adjacent words.
    pub word: String,
    /// The indexed term that matched: another one than `word` if that was corrected.
    pub found_as: String,
    /// The field that matched: `text` (stems), `exact` (unstemmed), `title`, or `together` for
    /// adjacent words.
    pub place: &'static str,
    /// Its share of the passage's score.
    pub score: f32,
}

/// A passage by article id and ordinal, displayed as `id#ordinal`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PassageRef {
    /// The article's id.
    pub article_id: String,
    /// The passage's position in its article, from 0.
    pub ordinal: u64,
}

impl std::fmt::Display for PassageRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.article_id, self.ordinal)
    }
}

/// A passage with its text.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPassage {
    /// Its article and ordinal.
    pub reference: PassageRef,
    /// The article's title.
    pub title: String,
    /// The path or URL that the article was read from.
    pub path: String,
    /// The passage's bytes in the article's text.
    pub span: ByteSpan,
    /// The line of the source on which it begins, from 1.
    pub line: u64,
    /// The article's text at `span`.
    pub text: String,
}

/// An article with the spans of its passages.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredArticle {
    /// The article as it was read.
    pub article: Article,
    /// The spans of its passages, by ordinal.
    pub passages: Vec<ByteSpan>,
}

/// How to search the vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenseSearch {
    /// The exact nearest neighbors.
    Exact,
    /// Approximate nearest neighbors from the HNSW graphs. Segments without a graph are searched
    /// exactly.
    Graph {
        /// The length of the candidate list, `efSearch` in the HNSW paper.
        ef: usize,
    },
}

/// Searches a snapshot and fetches passages and articles.
pub trait Reader {
    /// The number of stored vectors, those of deleted passages included.
    fn rows(&self) -> usize;

    /// The `k` passages nearest to a unit vector, best first. Equal scores are in the order in
    /// which the passages were added.
    ///
    /// # Errors
    /// [`Error::Index`](crate::Error::Index) when the vector does not have the model's dimensions
    /// or unit length; [`Error::UnknownField`](crate::Error::UnknownField) as for
    /// [`Reader::search_lexical`]; any error of reading.
    fn search_dense(
        &self,
        vector: &[f32],
        k: usize,
        how: DenseSearch,
        filter: Option<&Filter>,
    ) -> Result<Vec<ScoredPassage>>;

    /// The `k` best passages by BM25 (k₁ = 1.2, b = 0.75) over title and text, best first. Any
    /// string is a valid query.
    ///
    /// Words are stemmed for the collection's language. Matches in titles add to the score, and so
    /// do adjacent query words that are adjacent in one of the best few hundred passages. Words
    /// found in no passage are fuzzy-matched.
    ///
    /// `filter`, here and in [`Reader::search_dense`], is applied before ranking: there are `k`
    /// results if `k` matching passages are allowed.
    ///
    /// # Errors
    /// [`Error::UnknownField`](crate::Error::UnknownField) when the filter names a field that no
    /// article has, [`Error::FiltersUnsupported`](crate::Error::FiltersUnsupported) when the
    /// collection predates filters, or any error of reading.
    fn search_lexical(
        &self,
        query: &str,
        k: usize,
        filter: Option<&Filter>,
    ) -> Result<Vec<ScoredPassage>>;

    /// How [`Reader::search_lexical`] interprets a query.
    ///
    /// # Errors
    /// Any error of reading.
    fn interpret_query(&self, _query: &str) -> Result<QueryInterpretation> {
        Ok(QueryInterpretation::default())
    }

    /// For each passage, the contributions of the query words to its lexical score, largest first.
    ///
    /// # Errors
    /// When a key is of another snapshot, or any error of reading.
    fn explain_lexical(&self, query: &str, keys: &[PassageKey]) -> Result<Vec<Vec<WordScore>>>;

    /// The values of the metadata fields, for explaining filters that match nothing.
    fn field_values(&self) -> &dyn FieldValues;

    /// The unit vectors of passages, in the order of `keys`.
    ///
    /// # Errors
    /// When a key is of another snapshot, or any error of reading.
    fn vectors(&self, keys: &[PassageKey]) -> Result<Vec<Vec<f32>>>;

    /// Article ids and ordinals of passages, in the order of `keys`.
    ///
    /// # Errors
    /// When a key is of another snapshot, or any error of reading.
    fn identify(&self, keys: &[PassageKey]) -> Result<Vec<PassageRef>>;

    /// Passages with their texts, in the order of `keys`.
    ///
    /// # Errors
    /// When a key is of another snapshot, or any error of reading.
    fn fetch(&self, keys: &[PassageKey]) -> Result<Vec<StoredPassage>>;

    /// The article with this id, if there is one.
    ///
    /// # Errors
    /// Any error of reading.
    fn article(&self, id: &str) -> Result<Option<StoredArticle>>;
}
