//! A collection in a folder. FORMAT.md describes every file.

mod among;
mod check;
mod facets;
mod field_values;
mod folder;
mod layout;
mod lexical;
mod lock;
mod mend;
mod merge;
mod records;
mod snapshot;
mod waiting;
mod writer;

use crate::collection::{
    ArticleCard, Candidate, Catalogue, CheckReport, Collection, DenseSearch, Facet, PassageKey, PassageRef, Progress,
    QuestionReading, Stats, StoredArticle, StoredPassage, WordScore, Writer,
};
use crate::filter::explain::FieldValues;
use crate::{Filter, Manifest, Result};
use disk::{Disk, Mapped, System};
pub(crate) use folder::damage;
use ingest::pipeline::EmbeddedArticle;
use ingest::walk::COLLECTION_MARKER;
use ingest::{Article, Fingerprint};
use layout::Layout;
pub use mend::{Mended, mend, survey};
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
    /// Whether a collection is at `path`.
    pub fn exists(path: &Path) -> bool {
        path.join(COLLECTION_MARKER).is_file()
    }

    /// Opens the newest commit.
    ///
    /// # Errors
    /// When there is no collection, it is damaged, or of a newer format.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_on(Arc::new(System), path)
    }

    /// The same, on a disk of the caller's.
    ///
    /// # Errors
    /// As for [`LocalCollection::open`].
    pub fn open_on(disk: Arc<dyn Disk>, path: &Path) -> Result<Self> {
        let layout = Layout::of(path, disk)?;
        Ok(Self { snapshot: Snapshot::open(&layout)?, layout })
    }

    /// Makes an empty collection.
    ///
    /// # Errors
    /// When something else is there, or it cannot be written.
    pub fn create(path: &Path, manifest: Manifest) -> Result<Self> {
        Self::create_on(Arc::new(System), path, manifest)
    }

    /// The same, on a disk of the caller's.
    ///
    /// # Errors
    /// As for [`LocalCollection::create`].
    pub fn create_on(disk: Arc<dyn Disk>, path: &Path, manifest: Manifest) -> Result<Self> {
        writer::create(&Layout::new(path, disk.clone()), &manifest)?;
        Self::open_on(disk, path)
    }
}

impl Collection for LocalCollection {
    fn manifest(&self) -> &Manifest {
        &self.snapshot.manifest
    }

    fn stats(&self) -> Result<Stats> {
        self.snapshot.stats()
    }

    fn search_dense(
        &self,
        vector: &[f32],
        k: usize,
        how: DenseSearch,
        filter: Option<&Filter>,
    ) -> Result<Vec<Candidate>> {
        self.snapshot.search_dense(vector, k, how, filter)
    }

    fn search_lexical(&self, question: &str, k: usize, filter: Option<&Filter>) -> Result<Vec<Candidate>> {
        self.snapshot.search_lexical(question, k, filter)
    }

    fn explain_lexical(&self, question: &str, keys: &[PassageKey]) -> Result<Vec<Vec<WordScore>>> {
        self.snapshot.explain_lexical(question, keys)
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

    fn keys(&self) -> Result<Vec<PassageKey>> {
        Ok(self.snapshot.live_keys()?.collect())
    }

    fn each_vector(&self, visit: &mut dyn FnMut(PassageKey, &[f32]) -> Result<()>) -> Result<()> {
        self.snapshot.each_vector(visit)
    }

    fn each_article(&self, visit: &mut dyn FnMut(EmbeddedArticle) -> Result<()>) -> Result<()> {
        self.snapshot.each_embedded(visit)
    }

    fn corpus_fingerprint(&self) -> Result<ingest::Fingerprint> {
        self.snapshot.corpus_fingerprint()
    }

    fn catalogue(&self) -> Result<Catalogue> {
        self.snapshot.catalogue()
    }

    fn cards(&self, ids: &[&str]) -> Result<HashMap<String, ArticleCard>> {
        self.snapshot.cards(ids)
    }

    fn writer(&self) -> Result<Box<dyn Writer>> {
        Ok(Box::new(LocalWriter::open(&self.layout)?))
    }

    fn is_newest(&self) -> Result<bool> {
        self.snapshot.is_newest()
    }

    fn reading(&self, question: &str) -> Result<QuestionReading> {
        self.snapshot.reading(question)
    }

    fn field_values(&self) -> &dyn FieldValues {
        &self.snapshot
    }

    fn commit_id(&self) -> Option<Fingerprint> {
        Some(self.snapshot.commit_id())
    }

    fn cache(&self) -> Option<Vec<u8>> {
        let file = Mapped::open(&self.layout.cache(), |_| true).ok()?;
        file.verify().ok()?;
        Some(file.contents().to_vec())
    }

    fn facets(&self, most: usize) -> Result<Vec<Facet>> {
        self.snapshot.facets(most)
    }

    fn refresh(&mut self) -> Result<()> {
        let layout = self.layout.again()?;
        (self.snapshot, self.layout) = (Snapshot::open(&layout)?, layout);
        Ok(())
    }

    fn incomplete(&self) -> Result<Vec<String>> {
        self.snapshot.incomplete()
    }

    fn salvaged(&self) -> Result<Vec<Article>> {
        mend::salvaged(&self.layout)
    }

    fn check(&self, progress: &Progress<'_>) -> Result<CheckReport> {
        check::check(&self.snapshot, progress)
    }
}
