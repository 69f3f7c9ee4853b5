//! A collection in a folder. FORMAT.md describes every file.

mod check;
mod checksummed_directory;
mod damage;
mod layout;
mod lock;
mod records;
mod salvage_journal;
mod snapshot;
mod writer;

use crate::collection::{
    ArticleMeta, Catalog, CheckReport, Collection, DenseSearch, Facet, Listing, PassageKey,
    PassageRef, Progress, QueryInterpretation, Reader, Salvage, ScoredPassage, Stats,
    StoredArticle, StoredPassage, WordScore, Writer,
};
use crate::filter::explain::FieldValues;
use crate::{Filter, Manifest, Result};
pub(crate) use checksummed_directory::damage_in;
pub use damage::{DamageReport, find_damage, remove_damage};
use disk::{FileSystem, MappedFile, OsFileSystem};
use ingest::pipeline::EmbeddedArticle;
use ingest::{Article, Fingerprint};
pub use layout::COLLECTION_MARKER;
use layout::Layout;
use snapshot::Snapshot;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use writer::LocalWriter;

/// A collection in a folder, as of one commit.
pub struct LocalCollection {
    layout: Layout,
    snapshot: Snapshot,
}

impl LocalCollection {
    /// Whether there is a collection at `path`.
    pub fn exists(path: &Path) -> bool {
        path.join(COLLECTION_MARKER).is_file()
    }

    /// Opens the newest commit.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound),
    /// [`Error::NewerFormat`](crate::Error::NewerFormat), or
    /// [`Error::Damaged`](crate::Error::Damaged).
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_on(Arc::new(OsFileSystem), path)
    }

    /// Like [`LocalCollection::open`], with all changes made through `disk`.
    ///
    /// # Errors
    /// As for [`LocalCollection::open`].
    pub fn open_on(disk: Arc<dyn FileSystem>, path: &Path) -> Result<Self> {
        let layout = Layout::read(path, disk)?;
        Ok(Self {
            snapshot: Snapshot::open(&layout)?,
            layout,
        })
    }

    /// Creates an empty collection.
    ///
    /// # Errors
    /// [`Error::Occupied`](crate::Error::Occupied) when something else is there, or an I/O error.
    pub fn create(path: &Path, manifest: Manifest) -> Result<Self> {
        Self::create_on(Arc::new(OsFileSystem), path, manifest)
    }

    /// Like [`LocalCollection::create`], with all changes made through `disk`.
    ///
    /// # Errors
    /// As for [`LocalCollection::create`].
    pub fn create_on(disk: Arc<dyn FileSystem>, path: &Path, manifest: Manifest) -> Result<Self> {
        writer::create(&Layout::new(path, disk.clone()), &manifest)?;
        Self::open_on(disk, path)
    }
}

impl Reader for LocalCollection {
    fn rows(&self) -> usize {
        self.snapshot.manifest.rows()
    }

    fn search_dense(
        &self,
        vector: &[f32],
        k: usize,
        how: DenseSearch,
        filter: Option<&Filter>,
    ) -> Result<Vec<ScoredPassage>> {
        self.snapshot.search_dense(vector, k, how, filter)
    }

    fn search_lexical(
        &self,
        query: &str,
        k: usize,
        filter: Option<&Filter>,
    ) -> Result<Vec<ScoredPassage>> {
        self.snapshot.search_lexical(query, k, filter)
    }

    fn explain_lexical(&self, query: &str, keys: &[PassageKey]) -> Result<Vec<Vec<WordScore>>> {
        self.snapshot.explain_lexical(query, keys)
    }

    fn vectors(&self, keys: &[PassageKey]) -> Result<Vec<Vec<f32>>> {
        self.snapshot.vectors(keys)
    }

    fn identify(&self, keys: &[PassageKey]) -> Result<Vec<PassageRef>> {
        self.snapshot.identify(keys)
    }

    fn fetch(&self, keys: &[PassageKey]) -> Result<Vec<StoredPassage>> {
        self.snapshot.fetch(keys)
    }

    fn article(&self, id: &str) -> Result<Option<StoredArticle>> {
        self.snapshot.article(id)
    }

    fn interpret_query(&self, query: &str) -> Result<QueryInterpretation> {
        self.snapshot.interpret_query(query)
    }

    fn field_values(&self) -> &dyn FieldValues {
        &self.snapshot
    }
}

impl Listing for LocalCollection {
    fn keys(&self) -> Result<Vec<PassageKey>> {
        Ok(self.snapshot.live_keys()?.collect())
    }

    fn for_each_vector(
        &self,
        visit: &mut dyn FnMut(PassageKey, &[f32]) -> Result<()>,
    ) -> Result<()> {
        self.snapshot.for_each_vector(visit)
    }

    fn for_each_article(&self, visit: &mut dyn FnMut(EmbeddedArticle) -> Result<()>) -> Result<()> {
        self.snapshot.for_each_embedded_article(visit)
    }

    fn corpus_fingerprint(&self) -> Result<ingest::Fingerprint> {
        self.snapshot.corpus_fingerprint()
    }

    fn catalog(&self) -> Result<Catalog> {
        self.snapshot.catalog()
    }

    fn article_meta(&self, ids: &[&str]) -> Result<HashMap<String, ArticleMeta>> {
        self.snapshot.article_meta(ids)
    }

    fn facets(&self, limit: usize) -> Result<Vec<Facet>> {
        self.snapshot.facets(limit)
    }
}

impl Salvage for LocalCollection {
    fn incomplete(&self) -> Result<Vec<String>> {
        self.snapshot.incomplete()
    }

    fn salvaged(&self) -> Result<Vec<Article>> {
        damage::salvaged(&self.layout)
    }
}

impl Collection for LocalCollection {
    fn salvage(&self) -> Option<&dyn Salvage> {
        Some(self)
    }

    fn manifest(&self) -> &Manifest {
        &self.snapshot.manifest
    }

    fn stats(&self) -> Result<Stats> {
        self.snapshot.stats()
    }

    fn writer(&self) -> Result<Box<dyn Writer>> {
        Ok(Box::new(LocalWriter::open(&self.layout)?))
    }

    fn is_newest(&self) -> Result<bool> {
        self.snapshot.is_newest()
    }

    fn commit_id(&self) -> Option<Fingerprint> {
        Some(self.snapshot.commit_id())
    }

    fn read_cache(&self) -> Option<Vec<u8>> {
        let file = MappedFile::open(&self.layout.cache(), |_| true).ok()?;
        file.verify().ok()?;
        Some(file.contents().to_vec())
    }

    fn refresh(&mut self) -> Result<()> {
        let layout = self.layout.reload()?;
        (self.snapshot, self.layout) = (Snapshot::open(&layout)?, layout);
        Ok(())
    }

    fn check(&self, progress: &Progress<'_>) -> Result<CheckReport> {
        check::check(&self.snapshot, progress)
    }
}
