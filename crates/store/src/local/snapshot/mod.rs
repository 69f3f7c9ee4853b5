//! A snapshot: an opened commit, and the queries that it answers.

mod columns;
mod facets;
mod field_values;
mod filter_eval;
mod full_scan;
mod lexical;
mod live_docs;
mod open;

pub use columns::Columns;
pub use open::{MANAGED, META, commit_id, load_metas, open_index, open_segment, segment_files};

use super::layout::Layout;
use super::records::Fields;
use crate::collection::{
    DenseSearch, PassageKey, PassageRef, ScoredPassage, Stats, StoredArticle, StoredPassage,
};
use crate::{Error, Filter, Manifest, Result};
use columns::{PassageIds, PassageSpans};
use disk::PathError;
use filter_eval::AllowedPassages;
use index::{SearchStrategy, Segment};
use ingest::{ByteSpan, Fingerprint};
use lexical::QueryCache;
use live_docs::LiveDocs;
use open::read_manifest;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use tantivy::collector::TopDocs;
use tantivy::columnar::Column;
use tantivy::query::TermQuery;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, Index, IndexMeta, ReloadPolicy, Searcher, TantivyDocument, Term};

/// How many times to retry opening when a writer commits in between.
const MAX_OPEN_ATTEMPTS: usize = 20;

/// A consistent view of one commit.
pub struct Snapshot {
    pub manifest: Manifest,
    /// tantivy's description of the commit.
    metas: IndexMeta,
    pub segments: Vec<Arc<Segment>>,
    pub fields: Fields,
    pub searcher: Searcher,
    pub layout: Layout,
    live: OnceLock<LiveDocs>,
    ids: OnceLock<PassageIds>,
    spans: OnceLock<PassageSpans>,
    stats: OnceLock<Stats>,
    /// The results of recent filters.
    pub filter_cache: Mutex<HashMap<Filter, Arc<AllowedPassages>>>,
    /// Recently analyzed queries.
    pub query_cache: Mutex<QueryCache>,
}

impl Snapshot {
    pub fn open(layout: &Layout) -> Result<Self> {
        let mut last = None;
        for _ in 0..MAX_OPEN_ATTEMPTS {
            let (index, fields) = open_index(layout)?;
            match Self::open_newest(layout, &index, fields) {
                // If a commit came in between, its files may have replaced those that were just
                // opened.
                Ok(snapshot) if snapshot.is_newest()? => return Ok(snapshot),
                Ok(_) => {}
                Err(error @ (Error::Index(_) | Error::Text { .. })) => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| {
            Error::damaged(
                layout.root(),
                "new commits kept arriving while it was being opened; try again",
            )
        }))
    }

    /// Whether this snapshot is of the newest commit.
    pub fn is_newest(&self) -> Result<bool> {
        let newest = load_metas(&self.layout, self.searcher.index())?;
        let segments = |metas: &IndexMeta| {
            metas
                .segments
                .iter()
                .map(|segment| segment.id())
                .collect::<Vec<_>>()
        };
        // Another collection that was put in this one's place may have the same opstamp, but not
        // the same segments.
        Ok(newest.opstamp == self.metas.opstamp && segments(&newest) == segments(&self.metas))
    }

    /// Identifies the commit.
    pub fn commit_id(&self) -> Fingerprint {
        commit_id(&self.metas)
    }

    /// The file names of the commit's text segments.
    pub fn segment_files(&self) -> impl Iterator<Item = PathBuf> {
        self.metas.segments.iter().flat_map(segment_files)
    }

    /// Opens the newest commit.
    fn open_newest(layout: &Layout, index: &Index, fields: Fields) -> Result<Self> {
        let text = || Error::text(layout.root());
        let metas = load_metas(layout, index)?;
        let manifest = read_manifest(layout, &metas)?;
        let segments = manifest
            .segments
            .iter()
            .map(|entry| open_segment(layout, entry))
            .collect::<Result<Vec<_>>>()?;
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()
            .map_err(text())?;
        let searcher = reader.searcher();
        Ok(Self {
            manifest,
            metas,
            segments,
            fields,
            searcher,
            layout: layout.clone(),
            live: OnceLock::new(),
            ids: OnceLock::new(),
            spans: OnceLock::new(),
            stats: OnceLock::new(),
            filter_cache: Mutex::default(),
            query_cache: Mutex::default(),
        })
    }

    pub fn text_error(&self) -> impl FnOnce(tantivy::TantivyError) -> Error + use<> {
        Error::text(self.layout.root().to_owned())
    }

    pub fn io_error(&self) -> impl FnOnce(std::io::Error) -> PathError + use<> {
        PathError::at(self.layout.text())
    }

    /// The addresses of all documents that are not deleted, of articles and passages alike.
    fn live_addresses(&self) -> impl Iterator<Item = DocAddress> {
        let segments = (0..).zip(self.searcher.segment_readers());
        segments.flat_map(|(ordinal, segment)| {
            segment
                .doc_ids_alive()
                .map(move |doc| DocAddress::new(ordinal, doc))
        })
    }

    pub fn search_dense(
        &self,
        vector: &[f32],
        k: usize,
        how: DenseSearch,
        filter: Option<&Filter>,
    ) -> Result<Vec<ScoredPassage>> {
        index::check_unit(vector, self.manifest.model.dimensions)?;
        let method = match how {
            DenseSearch::Exact => SearchStrategy::Exact,
            DenseSearch::Graph { ef } => SearchStrategy::graph(ef),
        };
        let filtered = filter
            .map(|filter| self.evaluate_filter(filter))
            .transpose()?;
        let allowed = match &filtered {
            Some(allowed) => &allowed.rows,
            None => &self.live()?.rows,
        };
        let mut candidates = Vec::new();
        for (segment, allowed) in self.segments.iter().zip(allowed) {
            let hits = segment.search(vector, k, method, Some(allowed))?;
            let keys = segment.vectors().keys();
            candidates.extend(hits.iter().map(|hit| ScoredPassage {
                key: PassageKey(keys[hit.row as usize]),
                score: hit.score,
            }));
        }
        candidates.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
        candidates.truncate(k);
        Ok(candidates)
    }

    pub fn identify(&self, keys: &[PassageKey]) -> Result<Vec<PassageRef>> {
        let ids = self.ids()?;
        keys.iter()
            .map(|&key| {
                let at = self.address(key)?;
                match (self.parent(ids, at)?, ids.ordinals.number(at)) {
                    (Some(article_id), Some(ordinal)) => Ok(PassageRef {
                        article_id,
                        ordinal,
                    }),
                    _ => Err(Error::damaged(
                        self.layout.text(),
                        format!("the passage with key {} has no article", key.0),
                    )),
                }
            })
            .collect()
    }

    pub fn fetch(&self, keys: &[PassageKey]) -> Result<Vec<StoredPassage>> {
        let spans = self.spans()?;
        keys.iter()
            .zip(self.identify(keys)?)
            .map(|(&key, reference)| {
                let at = self.address(key)?;
                let document: TantivyDocument = self.searcher.doc(at).map_err(self.text_error())?;
                let value =
                    |columns: &Columns<Option<Column<u64>>>| columns.number(at).unwrap_or_default();
                Ok(StoredPassage {
                    reference,
                    title: Fields::string(&document, self.fields.stored_title),
                    path: Fields::string(&document, self.fields.path),
                    span: ByteSpan::from((
                        value(&spans.starts) as usize,
                        value(&spans.ends) as usize,
                    )),
                    line: value(&spans.lines),
                    text: Fields::string(&document, self.fields.passage),
                })
            })
            .collect()
    }

    /// The address of an article's document.
    fn find_article(&self, id: &str) -> Result<Option<DocAddress>> {
        let term = Term::from_field_text(self.fields.id, id);
        let query = TermQuery::new(term, IndexRecordOption::Basic);
        let hits = self
            .searcher
            .search(&query, &TopDocs::with_limit(1).order_by_score())
            .map_err(self.text_error())?;
        Ok(hits.into_iter().next().map(|(_, at)| at))
    }

    pub fn has_article(&self, id: &str) -> Result<bool> {
        Ok(self.find_article(id)?.is_some())
    }

    pub fn article(&self, id: &str) -> Result<Option<StoredArticle>> {
        let Some(at) = self.find_article(id)? else {
            return Ok(None);
        };
        let document: TantivyDocument = self.searcher.doc(at).map_err(self.text_error())?;
        let path = self.text_at(&self.text_columns("source")?, at)?;
        match self
            .fields
            .stored_article(id, path.unwrap_or_default(), &document)
        {
            Some(article) => Ok(Some(article)),
            None => Err(Error::damaged(
                self.layout.text(),
                format!("the record of article {id:?} cannot be read"),
            )),
        }
    }
}
