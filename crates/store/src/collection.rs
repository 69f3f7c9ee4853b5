//! The interface of a collection, wherever it is stored: snapshots to read from, and writers.

use crate::filter::explain::FieldValues;
use crate::manifest::Fusion;
use crate::{Correction, Filter, Manifest, Result};
use ingest::pipeline::{EmbeddedArticle, ExistingContent};
use ingest::{Article, ByteSpan, Chunking, Fingerprint};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;

/// Identifies a passage within one snapshot. Keys grow in the order in which passages are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PassageKey(pub u64);

/// A passage with its score from one kind of search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
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

/// The metadata of an article, available without fetching it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArticleMeta {
    /// The hash of its content and of how it was split into passages.
    pub fingerprint: Fingerprint,
    /// The path or URL that it was read from.
    pub path: String,
}

/// The articles and vectors of a collection. Ingestion uses it to skip what is already there.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Every article by id.
    pub articles: HashMap<String, ArticleMeta>,
    /// The fingerprints of all texts with a stored vector.
    pub vectors: HashSet<Fingerprint>,
    /// Whether a vector put during a run can be reused later in it, so that no text is embedded
    /// twice.
    pub reuses_vectors: bool,
}

impl ExistingContent for Catalog {
    fn has_article(&self, id: &str, fingerprint: &Fingerprint) -> bool {
        self.articles
            .get(id)
            .is_some_and(|meta| meta.fingerprint == *fingerprint)
    }

    fn has_vector(&self, text: &Fingerprint) -> bool {
        self.vectors.contains(text)
    }

    fn stores_vectors(&self) -> bool {
        self.reuses_vectors
    }
}

/// A field of the articles' metadata, with its values.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Facet {
    /// The field's name.
    pub field: String,
    /// The values with the most passages, in descending order of their counts.
    pub values: Vec<FacetValue>,
    /// The number of values left out of `values`.
    pub more: usize,
}

impl Facet {
    /// Fields with more distinct values identify articles rather than group them, so they are no
    /// facets.
    pub const MAX_VALUES: usize = 1000;

    /// Makes facets of passage counts by field and value, ordered by field name. Fields with no
    /// value or with more than [`Facet::MAX_VALUES`] are left out; each facet lists its `limit`
    /// most frequent values, ties by value.
    pub fn from_counts(counts: BTreeMap<String, BTreeMap<String, u64>>, limit: usize) -> Vec<Self> {
        let fields = counts
            .into_iter()
            .filter(|(_, values)| (1..=Self::MAX_VALUES).contains(&values.len()));
        let facets = fields.map(|(field, values)| {
            let more = values.len().saturating_sub(limit);
            let mut values: Vec<_> = values
                .into_iter()
                .map(|(value, passages)| FacetValue { value, passages })
                .collect();
            values.sort_by(|a, b| {
                b.passages
                    .cmp(&a.passages)
                    .then_with(|| a.value.cmp(&b.value))
            });
            values.truncate(limit);
            Self {
                field,
                values,
                more,
            }
        });
        facets.collect()
    }
}

/// A value of a metadata field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FacetValue {
    /// The value as text, as a filter expects it.
    pub value: String,
    /// The number of passages whose article has this value.
    pub passages: u64,
}

/// The size of a collection.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stats {
    /// Number of articles.
    pub articles: usize,
    /// Number of passages.
    pub passages: usize,
    /// Number of questions that articles bring along, as FAQ entries do.
    pub questions: usize,
    /// Vectors of deleted passages that no merge has dropped yet.
    pub dead_vectors: usize,
    /// Number of vector segments.
    pub segments: usize,
    /// Number of segments with a graph.
    pub graphs: usize,
    /// Links added after the builds so that every vector is reachable and found by a search for
    /// itself. `None` if a remote server keeps the graphs.
    #[serde(rename = "linked_in")]
    pub links_added: Option<usize>,
    /// Vectors that a search for themselves with a short candidate list still misses. `None` if a
    /// remote server keeps the graphs.
    #[serde(rename = "not_found_by_themselves")]
    pub self_misses: Option<usize>,
    /// Size of text, metadata and lexical index in bytes. `None` if it is not known.
    pub text_bytes: Option<u64>,
    /// Size of vectors and graphs in bytes. `None` if it is not known.
    pub vector_bytes: Option<u64>,
}

/// A long-running step of writing or checking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Copying vectors into a new segment.
    Merge,
    /// Building the graph of a segment.
    Graph,
    /// Verifying passages.
    Check,
}

/// Called with a step, the units done and the units in total. Returning [`ControlFlow::Break`] ends
/// the work with [`Error::Stopped`](crate::Error::Stopped); commits made so far stay.
pub type Progress<'a> = dyn Fn(Step, usize, usize) -> ControlFlow<()> + Sync + 'a;

/// The result of [`Collection::check`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckReport {
    /// Number of files verified.
    pub files: usize,
    /// Passages whose text is their article's at their span.
    pub passages: usize,
    /// Vectors proved reachable from the entry point of their graph. `None` if a remote server
    /// keeps the graphs.
    pub reachable: Option<usize>,
    /// Everything that is wrong, each entry naming its file or id.
    pub problems: Vec<String>,
}

/// The result of [`Writer::compact`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CompactReport {
    /// Vectors of deleted passages that were dropped.
    pub dropped: usize,
    /// Vector segments before.
    pub segments_before: usize,
    /// Vector segments after.
    pub segments_after: usize,
}

/// A snapshot of a collection: results never change until [`Collection::refresh`].
///
/// Every method that reads can fail with [`Error::Damaged`](crate::Error::Damaged) when a file is
/// corrupt, or [`Error::Io`](crate::Error::Io); a remote collection with
/// [`Error::Remote`](crate::Error::Remote).
pub trait Collection: Send + Sync {
    /// The manifest of the commit.
    fn manifest(&self) -> &Manifest;

    /// The size of the collection.
    ///
    /// # Errors
    /// Any error of reading.
    fn stats(&self) -> Result<Stats>;

    /// The `k` passages nearest to a unit vector, best first. Equal scores are in the order in
    /// which the passages were added.
    ///
    /// # Errors
    /// [`Error::Index`](crate::Error::Index) when the vector does not have the model's dimensions
    /// or unit length; [`Error::UnknownField`](crate::Error::UnknownField) as for
    /// [`Collection::search_lexical`]; any error of reading.
    fn search_dense(
        &self,
        vector: &[f32],
        k: usize,
        how: DenseSearch,
        filter: Option<&Filter>,
    ) -> Result<Vec<Candidate>>;

    /// The `k` best passages by BM25 (k₁ = 1.2, b = 0.75) over title and text, best first. Any
    /// string is a valid query.
    ///
    /// Words are stemmed for the collection's language. Matches in titles add to the score, and so
    /// do adjacent query words that are adjacent in one of the best few hundred passages. Words
    /// found in no passage are fuzzy-matched.
    ///
    /// `filter`, here and in [`Collection::search_dense`], is applied before ranking: there are `k`
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
    ) -> Result<Vec<Candidate>>;

    /// How [`Collection::search_lexical`] interprets a query.
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

    /// The keys of all passages, in the order in which they were added.
    ///
    /// # Errors
    /// Any error of reading.
    fn keys(&self) -> Result<Vec<PassageKey>>;

    /// Calls `visit` with every passage's unit vector, in the order in which they were added.
    ///
    /// # Errors
    /// Any error of reading or of `visit`.
    fn for_each_vector(
        &self,
        visit: &mut dyn FnMut(PassageKey, &[f32]) -> Result<()>,
    ) -> Result<()>;

    /// Calls `visit` with every article, its passages and their vectors, ready for [`Writer::put`]
    /// of another collection, in the order in which they were added.
    ///
    /// # Errors
    /// Any error of reading or of `visit`; [`Error::Damaged`](crate::Error::Damaged) when an
    /// article is incomplete.
    fn for_each_article(&self, visit: &mut dyn FnMut(EmbeddedArticle) -> Result<()>) -> Result<()>;

    /// A hash of all articles, independent of their order and of chunking.
    ///
    /// # Errors
    /// Any error of reading.
    fn corpus_fingerprint(&self) -> Result<Fingerprint>;

    /// All article ids with their metadata, and the fingerprints of all vectors.
    ///
    /// # Errors
    /// Any error of reading.
    fn catalog(&self) -> Result<Catalog>;

    /// The metadata of the given articles, by id. Ids that are not in the collection are left out.
    ///
    /// # Errors
    /// Any error of reading.
    fn article_meta(&self, ids: &[&str]) -> Result<HashMap<String, ArticleMeta>>;

    /// Takes the writer lock and returns the writer that holds it.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked) when another writer holds the lock.
    fn writer(&self) -> Result<Box<dyn Writer>>;

    /// The values of the metadata fields, for explaining filters that match nothing.
    fn field_values(&self) -> &dyn FieldValues;

    /// Whether this snapshot is of the newest commit.
    ///
    /// # Errors
    /// Any error of reading.
    fn is_newest(&self) -> Result<bool>;

    /// Identifies the commit. `None` for collections without commits, as on a remote server.
    fn commit_id(&self) -> Option<Fingerprint> {
        None
    }

    /// The bytes that [`Writer::write_cache`] stored, if they are present and undamaged.
    fn read_cache(&self) -> Option<Vec<u8>> {
        None
    }

    /// The metadata fields with few distinct values, ordered by name, each with its `limit` most
    /// frequent values.
    ///
    /// # Errors
    /// Any error of reading.
    fn facets(&self, limit: usize) -> Result<Vec<Facet>>;

    /// Moves on to the newest commit.
    ///
    /// # Errors
    /// Any error of opening it; the snapshot then stays as it was.
    fn refresh(&mut self) -> Result<()>;

    /// The ids of articles with missing passages or vectors. There are none unless
    /// [`repair`](crate::repair) left out a damaged file.
    ///
    /// # Errors
    /// Any error of reading.
    fn incomplete(&self) -> Result<Vec<String>>;

    /// Articles that [`repair`](crate::repair) read out of damaged files and that have to be put
    /// back.
    ///
    /// # Errors
    /// Any error of reading.
    fn salvaged(&self) -> Result<Vec<Article>>;

    /// Verifies every file, graph and passage.
    ///
    /// # Errors
    /// [`Error::Stopped`](crate::Error::Stopped). Everything else that is wrong is in the report.
    fn check(&self, progress: &Progress<'_>) -> Result<CheckReport>;
}

/// Changes a collection. Nothing is visible to readers before [`Writer::commit`]; dropping the
/// writer discards what was not committed.
pub trait Writer {
    /// Adds an article, replacing any with the same id.
    ///
    /// # Errors
    /// [`Error::MissingVector`](crate::Error::MissingVector) when a passage has no vector and none
    /// is stored for its text, [`Error::Index`](crate::Error::Index) when a vector has the wrong
    /// length, or any error of writing.
    fn put(&mut self, article: EmbeddedArticle) -> Result<()>;

    /// Deletes an article. Returns whether it existed.
    ///
    /// # Errors
    /// Any error of writing.
    fn delete(&mut self, id: &str) -> Result<bool>;

    /// Discards the salvaged articles. To be called once a commit holds them.
    ///
    /// # Errors
    /// Any error of writing.
    fn forget_salvaged(&mut self) -> Result<()>;

    /// Sets the default chunking of this collection.
    fn set_chunking(&mut self, chunking: Chunking);

    /// Sets the builder of graphs.
    fn set_builder(&mut self, builder: index::Builder);

    /// Limits merges to segments whose graphs can be built within this many bytes of memory; `None`
    /// for no limit. [`Writer::compact`] makes one segment regardless.
    fn set_memory_budget(&mut self, bytes: Option<u64>);

    /// Sets how the dense and the lexical ranking are fused; `None` for the default.
    fn set_fusion(&mut self, fusion: Option<Fusion>);

    /// Records another name of the same model: the place it was moved to.
    fn set_model_name(&mut self, _name: &str) {}

    /// Records the folder that relative names of files start from. Collections without a place of
    /// their own do not need it.
    fn set_base(&mut self, _base: &str) {}

    /// The number of passages added since the last commit.
    fn pending(&self) -> usize;

    /// Makes all changes since the last commit visible, atomically and durably.
    ///
    /// # Errors
    /// Any error of writing, such as a full disk; the last commit stays in place.
    fn commit(&mut self) -> Result<()>;

    /// Stores bytes that save a caller work and can be recomputed if they are lost. `make` gets the
    /// [id](Collection::commit_id) of the newest commit. A collection without commits stores
    /// nothing.
    ///
    /// # Errors
    /// Any error of writing.
    fn write_cache(&mut self, _make: &mut dyn FnMut(Fingerprint) -> Vec<u8>) -> Result<()> {
        Ok(())
    }

    /// Starts merging on a background thread if there are many small segments and no such merge is
    /// running. `threads` threads build its graph. The first commit after it has finished uses the
    /// merged segment; until then readers and this writer use the old ones. Dropping the writer
    /// cancels the merge.
    ///
    /// # Errors
    /// When the thread cannot be started; or, once, the error that the previous background merge
    /// failed with. That merge changed nothing, and this writer starts no further ones.
    fn merge_in_background(&mut self, threads: usize) -> Result<()>;

    /// Merges small segments if there are many. Cheap enough to call after every small commit.
    ///
    /// # Errors
    /// As for [`Writer::commit`].
    fn merge_small(&mut self) -> Result<()>;

    /// Waits for the background merge, merges segments until few are left, and builds the graphs of
    /// those large enough for one. To be called after a series of commits.
    ///
    /// # Errors
    /// As for [`Writer::commit`], and [`Error::Stopped`](crate::Error::Stopped).
    fn merge(&mut self, threads: usize, progress: &Progress<'_>) -> Result<()>;

    /// Drops deleted passages and leaves one segment with a newly built graph.
    ///
    /// # Errors
    /// As for [`Writer::merge`].
    fn compact(&mut self, threads: usize, progress: &Progress<'_>) -> Result<CompactReport>;
}
