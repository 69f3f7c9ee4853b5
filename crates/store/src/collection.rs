//! What the crates above know of a collection, wherever it is kept.

use crate::filter::explain::FieldValues;
use crate::manifest::Fusion;
use crate::{Correction, Filter, Manifest, Result};
use ingest::pipeline::{EmbeddedArticle, Known};
use ingest::{Article, ByteSpan, Chunking, Fingerprint};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;

/// A passage of one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PassageKey(pub u64);

/// A passage found by one kind of search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Which.
    pub key: PassageKey,
    /// Dense: the cosine, −1..=1. Lexical: BM25, above 0.
    pub score: f32,
}

/// How a lexical search reads a question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuestionReading {
    /// What is looked for in place of words that no passage holds.
    pub corrections: Vec<Correction>,
    /// There is nothing in it but stop words, which are looked for then.
    pub only_stop_words: bool,
}

/// What a word of a question gives a passage.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WordScore {
    /// The word's stem, or two that stand together.
    pub word: String,
    /// The indexed word that was looked for: another one where no passage holds this one.
    pub found_as: String,
    /// Where: in the `text` by its stem, `exact` as it is written, in the `title`, or `together` with the next one.
    pub place: &'static str,
    /// Its share of the passage's score.
    pub score: f32,
}

/// Which passage of which article.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PassageRef {
    /// The article's id.
    pub article_id: String,
    /// Which of its passages, from 0.
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
    /// Which it is.
    pub reference: PassageRef,
    /// The article's title.
    pub title: String,
    /// Where the article came from.
    pub path: String,
    /// Where the passage stands in the article's text.
    pub span: ByteSpan,
    /// The line it begins on.
    pub line: u64,
    /// Its text: the article's at `span`.
    pub text: String,
}

/// An article with where its passages stand.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredArticle {
    /// The article as it was read.
    pub article: Article,
    /// Its passages, in order.
    pub passages: Vec<ByteSpan>,
}

/// How to search vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenseSearch {
    /// Look at every one.
    Exact,
    /// Walk the graphs, keeping `ef` candidates.
    Graph {
        /// The length of the candidate list.
        ef: usize,
    },
}

/// What is known of an article without fetching it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArticleCard {
    /// Of its content and the way it was cut.
    pub fingerprint: Fingerprint,
    /// Where it came from.
    pub path: String,
}

/// What a collection holds, by name: asked by ingestion to skip what is there already.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// Every article by id.
    pub articles: HashMap<String, ArticleCard>,
    /// The fingerprints of all texts that have a vector.
    pub vectors: HashSet<Fingerprint>,
    /// Whether a text that comes twice in one run needs its vector once.
    pub keeps: bool,
}

impl Known for Catalogue {
    fn article(&self, id: &str, fingerprint: &Fingerprint) -> bool {
        self.articles.get(id).is_some_and(|card| card.fingerprint == *fingerprint)
    }

    fn vector(&self, text: &Fingerprint) -> bool {
        self.vectors.contains(text)
    }

    fn keeps(&self) -> bool {
        self.keeps
    }
}

/// A field of articles' metadata and its values.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Facet {
    /// The field.
    pub field: String,
    /// Values, those of most passages first.
    pub values: Vec<FacetValue>,
    /// Values there are besides.
    pub more: usize,
}

impl Facet {
    /// A field with more values than this tells articles apart; nobody chooses from so many.
    pub const VALUES: usize = 1000;

    /// Facets of what was counted: fields in the order of their names, those with too many values left out, and of each at most
    /// `most` values, those of most passages first.
    pub fn of(counted: BTreeMap<String, BTreeMap<String, u64>>, most: usize) -> Vec<Self> {
        let fields = counted.into_iter().filter(|(_, values)| (1..=Self::VALUES).contains(&values.len()));
        let facets = fields.map(|(field, values)| {
            let more = values.len().saturating_sub(most);
            let mut values: Vec<_> =
                values.into_iter().map(|(value, passages)| FacetValue { value, passages }).collect();
            values.sort_by(|a, b| b.passages.cmp(&a.passages).then_with(|| a.value.cmp(&b.value)));
            values.truncate(most);
            Self { field, values, more }
        });
        facets.collect()
    }
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FacetValue {
    /// As it is shown, and asked for.
    pub value: String,
    /// Passages of articles that have it.
    pub passages: u64,
}

/// How big a collection is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stats {
    /// Articles.
    pub articles: usize,
    /// Passages.
    pub passages: usize,
    /// Questions that the articles ask themselves.
    pub questions: usize,
    /// Vectors of deleted passages, not yet compacted away.
    pub dead_vectors: usize,
    /// Vector segments.
    pub segments: usize,
    /// Segments with a graph.
    pub graphs: usize,
    /// Links added to the graphs so that every vector is reached, and found by itself; `None` where another engine has
    /// the graphs, and does not say.
    pub linked_in: Option<usize>,
    /// Vectors that a search for them with a short candidate list does not find even so; `None` likewise.
    pub not_found_by_themselves: Option<usize>,
    /// Bytes of text, metadata and lexical index; `None` likewise.
    pub text_bytes: Option<u64>,
    /// Bytes of vectors and graphs; `None` likewise.
    pub vector_bytes: Option<u64>,
}

/// A long step of writing or checking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Vectors into one segment.
    Merge,
    /// A graph over a segment.
    Graph,
    /// Reading everything.
    Check,
}

/// Told how far a step is: done, of how many. Says whether to go on; where it does not, the work ends with
/// [`Error::Stopped`](crate::Error::Stopped) and every commit stands.
pub type Progress<'a> = dyn Fn(Step, usize, usize) -> ControlFlow<()> + Sync + 'a;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckReport {
    /// Files read whole.
    pub files: usize,
    /// Passages whose span gave their text and whose vector was there.
    pub passages: usize,
    /// Vectors proved reachable in a graph; `None` where another engine has the graphs.
    pub reachable: Option<usize>,
    /// What does not hold, each naming its file or id.
    pub problems: Vec<String>,
}

/// What compacting did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CompactReport {
    /// Vectors that were dropped.
    pub dropped: usize,
    /// Segments before.
    pub segments_before: usize,
    /// Segments after.
    pub segments_after: usize,
}

/// A collection as of one commit: what it gives never changes until [`Collection::refresh`].
pub trait Collection: Send + Sync {
    /// The commit.
    fn manifest(&self) -> &Manifest;

    /// How big it is.
    ///
    /// # Errors
    /// When it cannot be read.
    fn stats(&self) -> Result<Stats>;

    /// The `k` passages nearest to a unit vector, best first; equal scores in the order in which
    /// the passages were added.
    ///
    /// # Errors
    /// When the vector is not of the model's dimensions and unit length, or reading fails.
    fn search_dense(
        &self,
        vector: &[f32],
        k: usize,
        how: DenseSearch,
        filter: Option<&Filter>,
    ) -> Result<Vec<Candidate>>;

    /// The `k` passages that hold the question's words, by BM25 (k₁ 1.2, b 0.75) over title and
    /// text, stems of the collection's language, best first; titles count more, and so do, among the
    /// best few hundred, words that stand together as in the question. For a word that no passage holds the nearest ones are
    /// looked for. Any string is a valid question.
    ///
    /// `filter`, here as in [`Collection::search_dense`], says which articles may answer: it is evaluated before
    /// the best are chosen, so there are `k` of them if so many are allowed.
    ///
    /// # Errors
    /// When the filter names a field that no article has, or reading fails.
    fn search_lexical(&self, question: &str, k: usize, filter: Option<&Filter>) -> Result<Vec<Candidate>>;

    /// How a lexical search reads a question.
    ///
    /// # Errors
    /// When reading fails.
    fn reading(&self, _question: &str) -> Result<QuestionReading> {
        Ok(QuestionReading::default())
    }

    /// What each word of a question gives each of the passages in a lexical search, best first.
    ///
    /// # Errors
    /// When a key is of another snapshot, or reading fails.
    fn explain_lexical(&self, question: &str, keys: &[PassageKey]) -> Result<Vec<Vec<WordScore>>>;

    /// The unit vectors of passages, in the order of the keys.
    ///
    /// # Errors
    /// When a key is of another snapshot.
    fn vectors(&self, keys: &[PassageKey]) -> Result<Vec<Vec<f32>>>;

    /// Which passages the keys stand for, in their order.
    ///
    /// # Errors
    /// When a key is of another snapshot, or reading fails.
    fn identify(&self, keys: &[PassageKey]) -> Result<Vec<PassageRef>>;

    /// The passages behind the keys, in their order.
    ///
    /// # Errors
    /// When a key is of another snapshot, or reading fails.
    fn fetch(&self, keys: &[PassageKey]) -> Result<Vec<StoredPassage>>;

    /// The article with an id.
    ///
    /// # Errors
    /// When reading fails.
    fn article(&self, id: &str) -> Result<Option<StoredArticle>>;

    /// Every passage, in the order in which they were added.
    ///
    /// # Errors
    /// When reading fails.
    fn keys(&self) -> Result<Vec<PassageKey>>;

    /// Shows every passage's unit vector, in the order in which they were added.
    ///
    /// # Errors
    /// When reading fails, or what `visit` returns.
    fn each_vector(&self, visit: &mut dyn FnMut(PassageKey, &[f32]) -> Result<()>) -> Result<()>;

    /// Shows every article with its passages and their vectors, as another collection can take it, in the order in
    /// which they were added.
    ///
    /// # Errors
    /// When reading fails or an article is not whole, or what `visit` returns.
    fn each_article(&self, visit: &mut dyn FnMut(EmbeddedArticle) -> Result<()>) -> Result<()>;

    /// Identifies the articles it holds, whatever their order and however they are cut.
    ///
    /// # Errors
    /// When reading fails.
    fn corpus_fingerprint(&self) -> Result<Fingerprint>;

    /// What it holds, by name.
    ///
    /// # Errors
    /// When reading fails.
    fn catalogue(&self) -> Result<Catalogue>;

    /// What is known of those of these articles that it holds, by their ids.
    ///
    /// # Errors
    /// When reading fails.
    fn cards(&self, ids: &[&str]) -> Result<HashMap<String, ArticleCard>>;

    /// Takes the only right to change it.
    ///
    /// # Errors
    /// [`crate::Error::Locked`] when another process has it.
    fn writer(&self) -> Result<Box<dyn Writer>>;

    /// The values of its fields, which explain a filter that lets nothing through.
    fn field_values(&self) -> &dyn FieldValues;

    /// Whether this is the newest commit.
    ///
    /// # Errors
    /// When that cannot be told.
    fn is_newest(&self) -> Result<bool>;

    /// Identifies this commit; `None` where there are none.
    fn commit_id(&self) -> Option<Fingerprint> {
        None
    }

    /// What [`Writer::keep_cache`] kept, if it is there and whole.
    fn cache(&self) -> Option<Vec<u8>> {
        None
    }

    /// The fields that filters can ask for and that have few values, in the order of their names: of each at most
    /// `most` values, those of most passages first.
    ///
    /// # Errors
    /// When reading fails.
    fn facets(&self, most: usize) -> Result<Vec<Facet>>;

    /// Moves on to the newest commit.
    ///
    /// # Errors
    /// When that cannot be opened; the snapshot stays as it was.
    fn refresh(&mut self) -> Result<()>;

    /// The ids of articles whose passages, or their vectors, are not all there: of none, unless a damaged file was
    /// left out.
    ///
    /// # Errors
    /// When reading fails.
    fn incomplete(&self) -> Result<Vec<String>>;

    /// Articles that were read out of damaged files and wait to be put back.
    ///
    /// # Errors
    /// When reading fails.
    fn salvaged(&self) -> Result<Vec<Article>>;

    /// Reads everything and says what does not hold.
    ///
    /// # Errors
    /// When reading fails for reasons other than damage.
    fn check(&self, progress: &Progress<'_>) -> Result<CheckReport>;
}

/// Changes a collection. Nothing is seen by anyone before [`Writer::commit`]; dropped without it,
/// nothing happened.
pub trait Writer {
    /// Adds an article, in place of any with its id.
    ///
    /// # Errors
    /// When a passage has neither a vector nor one stored for its text, a vector is none, or
    /// writing fails.
    fn put(&mut self, article: EmbeddedArticle) -> Result<()>;

    /// Deletes an article; whether it was there.
    ///
    /// # Errors
    /// When writing fails.
    fn delete(&mut self, id: &str) -> Result<bool>;

    /// Forgets the salvaged articles: to be called once a commit holds them.
    ///
    /// # Errors
    /// When writing fails.
    fn forget_salvaged(&mut self) -> Result<()>;

    /// How articles are to be cut from now on, for callers that do not say.
    fn set_chunking(&mut self, chunking: Chunking);

    /// What builds graphs from now on.
    fn set_builder(&mut self, builder: index::Builder);

    /// Segments for whose graph building would need more memory than this, in bytes, are no longer made by merging;
    /// `None` for no limit. [`Writer::compact`] makes one segment all the same.
    fn set_memory(&mut self, memory: Option<u64>);

    /// How lists are fused from now on; `None` for the default.
    fn set_fusion(&mut self, fusion: Option<Fusion>);

    /// How many passages wait for the next commit.
    fn pending(&self) -> usize;

    /// Makes everything since the last commit visible, durably and at once.
    ///
    /// # Errors
    /// When the disk is full or refuses; the last commit stands.
    fn commit(&mut self) -> Result<()>;

    /// Keeps bytes beside the collection that save a caller work, and that nobody misses when they are gone. They are
    /// made from the newest commit's [id](Collection::commit_id).
    ///
    /// # Errors
    /// When they cannot be written.
    fn keep_cache(&mut self, _make: &mut dyn FnMut(Fingerprint) -> Vec<u8>) -> Result<()> {
        Ok(())
    }

    /// Starts to merge in the background, with `threads` threads, if there are many small segments and no
    /// such merge is under way. What it makes is taken up by the first commit after it is done; until
    /// then readers and this writer go on with what there is. Dropping the writer gives it up.
    ///
    /// # Errors
    /// When the commit cannot be read or the thread not be started; or, once, what the last such merge failed on. Then
    /// all is as it was before it, and this writer merges no more in the background.
    fn merge_in_background(&mut self, threads: usize) -> Result<()>;

    /// Merges small segments where there are many of them: to be called after a commit of little, for it costs as little.
    ///
    /// # Errors
    /// As for [`Writer::commit`].
    fn merge_small(&mut self) -> Result<()>;

    /// Waits for a merge in the background, brings the segments back to a few, and builds graphs over those big enough for one. To be
    /// called after a run of commits.
    ///
    /// # Errors
    /// As for [`Writer::commit`].
    fn merge(&mut self, threads: usize, progress: &Progress<'_>) -> Result<()>;

    /// Drops everything deleted and leaves one segment with a fresh graph.
    ///
    /// # Errors
    /// As for [`Writer::commit`].
    fn compact(&mut self, threads: usize, progress: &Progress<'_>) -> Result<CompactReport>;
}
