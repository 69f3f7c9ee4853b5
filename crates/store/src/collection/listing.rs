//! Listing what a snapshot holds.

use super::PassageKey;
use crate::Result;
use ingest::Fingerprint;
use ingest::pipeline::{EmbeddedArticle, ExistingContent};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};

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

/// Lists the articles, passages, vectors and metadata of a snapshot.
pub trait Listing {
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

    /// The metadata fields with few distinct values, ordered by name, each with its `limit` most
    /// frequent values.
    ///
    /// # Errors
    /// Any error of reading.
    fn facets(&self, limit: usize) -> Result<Vec<Facet>>;

    /// A hash of all articles, independent of their order and of chunking.
    ///
    /// # Errors
    /// Any error of reading.
    fn corpus_fingerprint(&self) -> Result<Fingerprint>;

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

    /// Calls `visit` with every article, its passages and their vectors, ready for [`Writer::put`](super::Writer::put)
    /// of another collection, in the order in which they were added.
    ///
    /// # Errors
    /// Any error of reading or of `visit`; [`Error::Damaged`](crate::Error::Damaged) when an
    /// article is incomplete.
    fn for_each_article(&self, visit: &mut dyn FnMut(EmbeddedArticle) -> Result<()>) -> Result<()>;
}
