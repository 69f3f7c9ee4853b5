//! The writer of a local collection.

mod create;
mod maintenance;
mod merge;

pub use create::create;

use super::layout::Layout;
use super::lock::WriterLock;
use super::records::Fields;
use super::snapshot::{Snapshot, open_index, open_segment};
use crate::collection::{CompactReport, Maintenance, Progress, Writer};
use crate::manifest::{Fusion, SegmentEntry};
use crate::{Error, Manifest, Result};
use disk::{FileSystem, PathError};
use index::{Segment, VectorWriter, check_unit};
use ingest::pipeline::EmbeddedArticle;
use ingest::{Chunking, Fingerprint, LexicalText};
use merge::{BackgroundMerge, MergedSegment};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tantivy::{Index, IndexWriter, Term};

/// The size of tantivy's buffer of new documents.
const TEXT_BUFFER_BYTES: usize = 32 << 20;

/// How often to check on a background merge that is being waited for.
const MERGE_POLL_INTERVAL: Duration = Duration::from_millis(20);

fn sync(disk: &dyn FileSystem, folder: Option<&Path>) -> Result<()> {
    // The parent of a one-part relative path is the empty path, which means the current directory.
    let folder = folder.map(|folder| {
        if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        }
    });
    folder.map_or(Ok(()), |folder| {
        Ok(disk.sync_dir(folder).map_err(PathError::at(folder))?)
    })
}

fn text_writer(layout: &Layout, index: &Index) -> Result<IndexWriter> {
    // With one thread, documents are numbered in the order in which they are added.
    index
        .writer_with_num_threads(1, TEXT_BUFFER_BYTES)
        .map_err(Error::text(layout.root()))
}

/// Commits the text index with the manifest as its payload: the one moment at which anything
/// becomes visible.
fn commit(layout: &Layout, writer: &mut IndexWriter, manifest: &Manifest) -> Result<()> {
    let text = || Error::text(layout.root());
    // Strings and numbers: writing them as JSON cannot fail.
    let payload = serde_json::to_string(manifest).unwrap_or_default();
    let mut prepared = writer.prepare_commit().map_err(text())?;
    prepared.set_payload(&payload);
    prepared.commit().map_err(text())?;
    Ok(())
}

/// A vector that is not in a segment yet.
struct PendingRow {
    key: u64,
    fingerprint: Fingerprint,
    vector: Vec<f32>,
}

/// The writer of a local collection; it holds the writer lock.
pub struct LocalWriter {
    pub(super) layout: Layout,
    pub(super) manifest: Manifest,
    pub(super) segments: Vec<Arc<Segment>>,
    fields: Fields,
    /// tantivy's writer; `None` after an error.
    text: Option<IndexWriter>,
    /// The snapshot from when this writer was opened.
    base: Snapshot,
    /// Articles put or deleted since then, committed or not, and whether they now exist.
    changes: HashMap<String, bool>,
    /// The segment and row of each text's vector, computed on first use.
    stored_rows: Option<HashMap<Fingerprint, (usize, u32)>>,
    pending_rows: Vec<PendingRow>,
    /// The index in `pending_rows` of each text's vector.
    pending_vectors: HashMap<Fingerprint, usize>,
    /// Whether there is anything to commit.
    has_changes: bool,
    /// The maximum number of rows of a merged segment.
    max_segment_rows: usize,
    /// Whether merges have replaced segments that the last commit still names.
    has_replaced_segments: bool,
    /// The running background merge.
    background_merge: Option<BackgroundMerge>,
    /// The error of the last background merge, until it is reported.
    merge_error: Option<Error>,
    /// Whether to start background merges: not after one has failed.
    merges_in_background: bool,
    _lock: WriterLock,
}

impl LocalWriter {
    pub fn open(layout: &Layout) -> Result<Self> {
        Self::with_lock(WriterLock::acquire(layout)?, layout)
    }

    /// Opens a writer with a lock that is already held.
    pub(super) fn with_lock(lock: WriterLock, layout: &Layout) -> Result<Self> {
        let snapshot = Snapshot::open(layout)?;
        let (index, fields) = open_index(layout)?;
        let writer = Self {
            text: Some(text_writer(layout, &index)?),
            layout: layout.clone(),
            fields,
            changes: HashMap::new(),
            stored_rows: None,
            pending_rows: Vec::new(),
            pending_vectors: HashMap::new(),
            has_changes: false,
            max_segment_rows: usize::MAX,
            has_replaced_segments: false,
            background_merge: None,
            merge_error: None,
            merges_in_background: true,
            manifest: snapshot.manifest.clone(),
            segments: snapshot.segments.clone(),
            base: snapshot,
            _lock: lock,
        };
        // The last writer may have been killed before it made its commit durable: sync it before
        // removing files that only older commits name.
        sync(layout.disk(), Some(&layout.text()))?;
        writer.remove_unreferenced_files()?;
        Ok(writer)
    }

    /// Whether an article exists, uncommitted changes included.
    fn has_article(&self, id: &str) -> Result<bool> {
        match self.changes.get(id) {
            Some(&exists) => Ok(exists),
            None => self.base.has_article(id),
        }
    }

    /// The segment and row of a text's vector. The first call scans all segments.
    fn find_stored_row(&mut self, text: &Fingerprint) -> Result<Option<(usize, u32)>> {
        if self.stored_rows.is_none() {
            let mut stored = HashMap::new();
            for (at, segment) in self.segments.iter().enumerate() {
                let fingerprints = segment.vectors().fingerprints();
                segment.vectors().ensure_reads_valid()?;
                stored.extend(
                    (0..)
                        .zip(fingerprints)
                        .map(|(row, fingerprint)| (Fingerprint(*fingerprint), (at, row))),
                );
            }
            self.stored_rows = Some(stored);
        }
        Ok(self
            .stored_rows
            .as_ref()
            .and_then(|stored| stored.get(text).copied()))
    }

    /// Removes vector files that neither the commit nor the running merge needs: leftovers of a
    /// killed writer, and segments that were merged into others. Readers that have one mapped keep
    /// it.
    fn remove_unreferenced_files(&self) -> Result<()> {
        let folder = self.layout.vectors();
        let merging = self.background_merge.as_ref().map(|merge| merge.number);
        let named: HashSet<_> = self
            .manifest
            .segments
            .iter()
            .flat_map(|s| {
                [
                    Some(self.layout.vector_file(s.number)),
                    s.graph.as_ref().map(|_| self.layout.graph_file(s.number)),
                ]
            })
            .flatten()
            .collect();
        for entry in fs::read_dir(&folder).map_err(PathError::at(&folder))? {
            let path = entry.map_err(PathError::at(&folder))?.path();
            let number = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse().ok());
            if !named.contains(&path) && (number.is_none() || number != merging) {
                // Some systems refuse to remove a mapped file; the next writer will remove it.
                let _ = self.layout.disk().remove_file(&path);
            }
        }
        Ok(())
    }

    fn text(&mut self) -> Result<&mut IndexWriter> {
        let root = self.layout.root();
        self.text
            .as_mut()
            .ok_or_else(|| Error::damaged(root, "the writer cannot be used after an earlier error"))
    }

    /// The vectors of an article's passages. A passage without one gets that of an earlier passage
    /// with the same text, in this article or another.
    fn vectors(&mut self, article: &EmbeddedArticle) -> Result<Vec<Vec<f32>>> {
        let mut in_article: HashMap<Fingerprint, usize> = HashMap::new();
        let mut vectors: Vec<Vec<f32>> = Vec::with_capacity(article.passages.len());
        for (ordinal, passage) in article.passages.iter().enumerate() {
            let fingerprint = &passage.fingerprint;
            let vector = match &passage.vector {
                Some(vector) => vector.clone(),
                None => match (
                    in_article.get(fingerprint),
                    self.pending_vectors.get(fingerprint),
                ) {
                    (Some(&earlier), _) => vectors[earlier].clone(),
                    (_, Some(&at)) => self.pending_rows[at].vector.clone(),
                    _ => {
                        let article = &article.article.id;
                        let missing = || Error::MissingVector {
                            article: article.clone(),
                            ordinal,
                        };
                        let (segment, row) =
                            self.find_stored_row(fingerprint)?.ok_or_else(missing)?;
                        let vectors = self.segments[segment].vectors();
                        let vector = vectors.vector(row).to_vec();
                        vectors.ensure_reads_valid()?;
                        vector
                    }
                },
            };
            check_unit(&vector, self.manifest.model.dimensions)?;
            in_article.insert(*fingerprint, ordinal);
            vectors.push(vector);
        }
        Ok(vectors)
    }

    /// Deletes the documents of an article and of its passages.
    fn remove_documents(&mut self, id: &str) -> Result<()> {
        let (article, passages) = (
            Term::from_field_text(self.fields.id, id),
            Term::from_field_text(self.fields.parent, id),
        );
        let text = self.text()?;
        text.delete_term(article);
        text.delete_term(passages);
        Ok(())
    }

    /// Deletes passages whose article does not exist.
    pub(super) fn remove_orphans(&mut self) -> Result<()> {
        for id in Snapshot::open(&self.layout)?.parents()? {
            if !self.has_article(&id)? {
                self.has_changes = true;
                self.remove_documents(&id)?;
            }
        }
        Ok(())
    }

    /// Writes the pending rows as a new segment, which the next commit will name.
    fn flush_rows(&mut self) -> Result<()> {
        if self.pending_rows.is_empty() {
            return Ok(());
        }
        let number = self.manifest.next_segment;
        let mut writer = VectorWriter::create(
            &self.layout.files(),
            &self.layout.vector_file(number),
            self.manifest.model.dimensions,
        )?;
        for row in &self.pending_rows {
            writer.push(row.key, row.fingerprint.0, &row.vector)?;
        }
        let entry = SegmentEntry {
            number,
            rows: writer.rows(),
            checksum: writer.finish()?,
            graph: None,
        };
        let segment = open_segment(&self.layout, &entry)?;
        let at = self.segments.len();
        if let Some(stored) = &mut self.stored_rows {
            stored.extend(
                (0..)
                    .zip(&self.pending_rows)
                    .map(|(row, r)| (r.fingerprint, (at, row))),
            );
        }
        self.manifest.next_segment += 1;
        self.manifest.segments.push(entry);
        self.segments.push(segment);
        self.pending_rows.clear();
        self.pending_vectors.clear();
        Ok(())
    }

    /// Commits the manifest as it is now.
    fn commit_manifest(&mut self) -> Result<()> {
        let (layout, manifest) = (self.layout.clone(), self.manifest.clone());
        let result = self
            .text()
            .and_then(|text| commit(&layout, text, &manifest));
        if result.is_err() {
            // The state of tantivy's writer is unknown now. The last commit on disk is what counts.
            self.close_text_writer();
        }
        result
    }

    /// Drops tantivy's writer after all its threads have ended: a merge that went on would write
    /// into the directory behind the next writer's back.
    fn close_text_writer(&mut self) {
        if let Some(text) = self.text.take() {
            let _ = text.wait_merging_threads();
        }
    }

    /// Replaces the segments with the given numbers by a merged one, from the next commit on.
    fn adopt_merged(&mut self, numbers: &[u64], merged: MergedSegment) {
        let all = std::mem::take(&mut self.manifest.segments)
            .into_iter()
            .zip(std::mem::take(&mut self.segments));
        let left = all.filter(|(entry, _)| !numbers.contains(&entry.number));
        (self.manifest.segments, self.segments) = left.chain(merged).unzip();
        self.has_changes = true;
        self.has_replaced_segments = true;
        self.stored_rows = None;
    }

    /// Adopts the segment of a finished background merge. If the merge failed, nothing changes and
    /// the commit goes ahead; [`Maintenance::merge_in_background`] reports the error.
    fn adopt_background_merge(&mut self) {
        if let Some(merge) = self.background_merge.take_if(|merge| merge.is_finished()) {
            self.merge_error = merge.finish(self).err();
        }
    }

    /// Waits for the background merge and adopts its segment.
    fn wait_for_merge(&mut self, progress: &Progress<'_>) -> Result<()> {
        while let Some(merge) = self
            .background_merge
            .as_ref()
            .filter(|merge| !merge.is_finished())
        {
            let (step, done, of) = merge.progress();
            if progress(step, done, of).is_break() {
                self.cancel_merge();
                return Err(Error::Stopped);
            }
            std::thread::sleep(MERGE_POLL_INTERVAL);
        }
        self.adopt_background_merge();
        // The merge that follows will run into the same error if it persists.
        self.merge_error = None;
        Ok(())
    }

    /// Cancels the background merge.
    fn cancel_merge(&mut self) {
        if let Some(merge) = self.background_merge.take() {
            merge.stop();
        }
    }
}

impl Writer for LocalWriter {
    fn maintenance(&mut self) -> Option<&mut dyn Maintenance> {
        Some(self)
    }

    fn put(&mut self, article: EmbeddedArticle) -> Result<()> {
        // Everything about the article that can be invalid is checked before anything is changed.
        let vectors = self.vectors(&article)?;
        let id = article.article.id.clone();
        if self.has_article(&id)? {
            self.remove_documents(&id)?;
        }
        let (fields, root) = (self.fields, self.layout.root().to_owned());
        self.has_changes = true;
        let first_key = self.manifest.next_key;
        let text = self.text()?;
        text.add_document(fields.article_document(&article))
            .map_err(Error::text(&root))?;
        let words = LexicalText::of(&article.article);
        for (key, ordinal) in (first_key..).zip(0..article.passages.len()) {
            text.add_document(fields.passage_document(&article, &words, ordinal, key))
                .map_err(Error::text(&root))?;
        }
        for (vector, passage) in vectors.into_iter().zip(&article.passages) {
            self.pending_vectors
                .insert(passage.fingerprint, self.pending_rows.len());
            self.pending_rows.push(PendingRow {
                key: self.manifest.next_key,
                fingerprint: passage.fingerprint,
                vector,
            });
            self.manifest.next_key += 1;
        }
        self.changes.insert(id, true);
        Ok(())
    }

    fn delete(&mut self, id: &str) -> Result<bool> {
        if !self.has_article(id)? {
            return Ok(false);
        }
        self.has_changes = true;
        self.remove_documents(id)?;
        self.changes.insert(id.to_owned(), false);
        Ok(true)
    }

    fn set_chunking(&mut self, chunking: Chunking) {
        self.has_changes |= self.manifest.chunking != chunking;
        self.manifest.chunking = chunking;
    }

    fn set_fusion(&mut self, fusion: Option<Fusion>) {
        self.has_changes |= self.manifest.fusion != fusion;
        self.manifest.fusion = fusion;
    }

    fn set_model_name(&mut self, name: &str) {
        self.has_changes |= self.manifest.model.name != name;
        name.clone_into(&mut self.manifest.model.name);
    }

    fn pending(&self) -> usize {
        self.pending_rows.len()
    }

    fn commit(&mut self) -> Result<()> {
        self.adopt_background_merge();
        if !self.has_changes {
            return Ok(());
        }
        self.flush_rows()?;
        self.commit_manifest()?;
        self.has_changes = false;
        if std::mem::take(&mut self.has_replaced_segments) {
            self.remove_unreferenced_files()
        } else {
            Ok(())
        }
    }

    fn merge(&mut self, threads: usize, progress: &Progress<'_>) -> Result<()> {
        self.wait_for_merge(progress)?;
        self.commit()?;
        merge::merge_tiers(self, threads, progress)
    }

    fn compact(&mut self, threads: usize, progress: &Progress<'_>) -> Result<CompactReport> {
        self.wait_for_merge(progress)?;
        self.commit()?;
        let report = merge::merge_all(self, threads, progress)?;
        let segments = self
            .text()?
            .index()
            .searchable_segment_ids()
            .map_err(Error::text(self.layout.root()))?;
        let root = self.layout.root().to_owned();
        if !segments.is_empty() {
            self.text()?
                .merge(&segments)
                .wait()
                .map_err(Error::text(&root))?;
            self.text()?
                .garbage_collect_files()
                .wait()
                .map_err(Error::text(&root))?;
        }
        Ok(report)
    }
}

impl Drop for LocalWriter {
    fn drop(&mut self) {
        self.cancel_merge();
        self.close_text_writer();
    }
}
