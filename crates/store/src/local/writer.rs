//! Changing a local collection.

use super::folder::Folder;
use super::layout::Layout;
use super::lock::WriterLock;
use super::merge::{self, Merged, Running};
use super::records::{self, Fields};
use super::snapshot::{MANAGED, META, Snapshot, commit_id, load_metas, open_index, open_segment};
use crate::collection::{CompactReport, Progress, Writer};
use crate::manifest::{FORMAT, Fusion, SegmentEntry};
use crate::{Error, Manifest, Result};
use disk::Disk;
use index::{Segment, VectorWriter, check_unit};
use ingest::pipeline::EmbeddedArticle;
use ingest::{Chunking, Fingerprint, LexicalText};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tantivy::{Index, IndexSettings, IndexWriter, Term};

/// What tantivy may hold of new documents before it writes them out, in bytes.
const TEXT_BUFFER: usize = 32 << 20;
/// How often a merge that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Makes an empty collection: everything else first, the marker that makes it one last.
pub fn create(layout: &Layout, manifest: &Manifest) -> Result<()> {
    let (root, disk) = (layout.root(), layout.disk());
    let made = root.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let made: Vec<PathBuf> = made.map(Path::to_owned).collect();
    disk.create_folder(root).map_err(Error::io(root))?;
    made.iter().try_for_each(|folder| sync(disk, folder.parent()))?;
    // Nothing is put into somebody else's folder.
    free(layout)?;
    // Then this, so that no two processes make it at once.
    let _lock = WriterLock::take(layout)?;
    free(layout)?;
    for folder in [layout.text(), layout.vectors()] {
        disk.create_folder(&folder).map_err(Error::io(&folder))?;
        for path in files_in(&folder)? {
            disk.remove(&path).map_err(Error::io(path))?;
        }
    }
    let text = || Error::text(root);
    let folder = Folder::new(layout.text(), layout.files());
    let index = Index::create(folder, records::schema(FORMAT).0, IndexSettings::default()).map_err(text())?;
    records::register(&index, manifest.language, FORMAT);
    commit(layout, &mut text_writer(layout, &index)?, manifest)?;
    // The marker must not outlast what it marks.
    sync(disk, Some(root))?;
    layout.mark()
}

/// That a collection can be made in its folder: nothing is there but what a creation cut short left behind.
fn free(layout: &Layout) -> Result<()> {
    layout.holds_nothing()?;
    let root = layout.root();
    let ours = [layout.text(), layout.vectors(), layout.lock(), layout.marker().with_extension("unfinished")];
    let text = [META, MANAGED, ".tantivy-writer.lock", ".tantivy-meta.lock"].map(|name| layout.text().join(name));
    let unfinished = text.clone().map(|path| path.with_extension("unfinished"));
    let known = |path: &PathBuf| ours.contains(path) || text.contains(path) || unfinished.contains(path);
    let folders = [root, &layout.text(), &layout.vectors()].map(files_in);
    for paths in folders {
        if !paths?.iter().all(known) {
            return Err(Error::Occupied { path: root.to_owned() });
        }
    }
    Ok(())
}

/// The paths in a folder; none where it is not there.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io(folder))?,
    };
    entries.map(|entry| Ok(entry.map_err(Error::io(folder))?.path())).collect()
}

fn sync(disk: &dyn Disk, folder: Option<&Path>) -> Result<()> {
    // The parent of a relative path of one part is the folder that one is in.
    let folder = folder.map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    folder.map_or(Ok(()), |folder| disk.sync_folder(folder).map_err(Error::io(folder)))
}

fn text_writer(layout: &Layout, index: &Index) -> Result<IndexWriter> {
    // One thread: documents then get their numbers in the order they are added.
    index.writer_with_num_threads(1, TEXT_BUFFER).map_err(Error::text(layout.root()))
}

/// The one moment at which anything changes.
fn commit(layout: &Layout, writer: &mut IndexWriter, manifest: &Manifest) -> Result<()> {
    let text = || Error::text(layout.root());
    // Strings and numbers: writing them as JSON cannot fail.
    let payload = serde_json::to_string(manifest).unwrap_or_default();
    let mut prepared = writer.prepare_commit().map_err(text())?;
    prepared.set_payload(&payload);
    prepared.commit().map_err(text())?;
    Ok(())
}

/// A row not yet in a segment.
struct Row {
    key: u64,
    tag: Fingerprint,
    vector: Vec<f32>,
}

/// The one writer of a collection.
pub struct LocalWriter {
    pub(super) layout: Layout,
    pub(super) manifest: Manifest,
    pub(super) segments: Vec<Arc<Segment>>,
    fields: Fields,
    text: Option<IndexWriter>,
    /// What was there when writing began.
    begun: Snapshot,
    /// Articles put or deleted since, and whether they are there, committed or not.
    changes: HashMap<String, bool>,
    /// Where each text's vector stands in the segments; made when it is first asked for.
    stored: Option<HashMap<Fingerprint, (usize, u32)>>,
    rows: Vec<Row>,
    /// Where each text's vector stands in `rows`.
    fresh: HashMap<Fingerprint, usize>,
    changed: bool,
    /// How many rows the largest segment may have that is made by merging.
    pub(super) most_rows: usize,
    /// Whether segments were replaced that the last commit still names.
    replaced: bool,
    /// A merge in the background.
    merging: Option<Running>,
    /// What the last merge in the background failed on, until somebody is told.
    merge_error: Option<Error>,
    /// Whether merges are tried in the background: not after one has failed.
    merges_in_background: bool,
    _lock: WriterLock,
}

impl LocalWriter {
    pub fn open(layout: &Layout) -> Result<Self> {
        Self::holding(WriterLock::take(layout)?, layout)
    }

    /// The writer of whoever holds the lock.
    pub(super) fn holding(lock: WriterLock, layout: &Layout) -> Result<Self> {
        let snapshot = Snapshot::open(layout)?;
        let (index, fields) = open_index(layout)?;
        let writer = Self {
            text: Some(text_writer(layout, &index)?),
            layout: layout.clone(),
            fields,
            changes: HashMap::new(),
            stored: None,
            rows: Vec::new(),
            fresh: HashMap::new(),
            changed: false,
            most_rows: usize::MAX,
            replaced: false,
            merging: None,
            merge_error: None,
            merges_in_background: true,
            manifest: snapshot.manifest.clone(),
            segments: snapshot.segments.clone(),
            begun: snapshot,
            _lock: lock,
        };
        // A commit whose writer did not live to make it durable: its files must not go before it is.
        sync(layout.disk(), Some(&layout.text()))?;
        writer.remove_strays()?;
        Ok(writer)
    }

    /// Whether an article is there as of the last change.
    fn holds(&self, id: &str) -> Result<bool> {
        match self.changes.get(id) {
            Some(&is_there) => Ok(is_there),
            None => self.begun.has_article(id),
        }
    }

    /// Where the vector of a text stands in the segments. The first call goes through all of them.
    fn stored(&mut self, text: &Fingerprint) -> Result<Option<(usize, u32)>> {
        if self.stored.is_none() {
            let mut stored = HashMap::new();
            for (at, segment) in self.segments.iter().enumerate() {
                let tags = segment.vectors().tags();
                segment.vectors().intact()?;
                stored.extend((0..).zip(tags).map(|(row, tag)| (Fingerprint(*tag), (at, row))));
            }
            self.stored = Some(stored);
        }
        Ok(self.stored.as_ref().and_then(|stored| stored.get(text).copied()))
    }

    /// Removes vector files that no commit names: what a killed writer left, or segments merged
    /// into others. A reader that still has one mapped keeps it.
    fn remove_strays(&self) -> Result<()> {
        let folder = self.layout.vectors();
        let under_way = self.merging.as_ref().map(|merge| merge.number);
        let named: HashSet<_> = self
            .manifest
            .segments
            .iter()
            .flat_map(|s| {
                [Some(self.layout.vector_file(s.number)), s.graph.as_ref().map(|_| self.layout.graph_file(s.number))]
            })
            .flatten()
            .collect();
        for entry in fs::read_dir(&folder).map_err(Error::io(&folder))? {
            let path = entry.map_err(Error::io(&folder))?.path();
            let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            if !named.contains(&path) && (number.is_none() || number != under_way) {
                // Where the system will not remove a file in use, the next writer will.
                let _ = self.layout.disk().remove(&path);
            }
        }
        Ok(())
    }

    fn text(&mut self) -> Result<&mut IndexWriter> {
        let root = self.layout.root();
        self.text.as_mut().ok_or_else(|| Error::damaged(root, "the writer gave up after an earlier error"))
    }

    /// The vectors of an article's passages: each its own, or that of an earlier passage with the
    /// same text, in this article or any other.
    fn vectors(&mut self, article: &EmbeddedArticle) -> Result<Vec<Vec<f32>>> {
        let mut own: HashMap<Fingerprint, usize> = HashMap::new();
        let mut vectors: Vec<Vec<f32>> = Vec::with_capacity(article.passages.len());
        for (ordinal, passage) in article.passages.iter().enumerate() {
            let tag = &passage.fingerprint;
            let vector = match &passage.vector {
                Some(vector) => vector.clone(),
                None => match (own.get(tag), self.fresh.get(tag)) {
                    (Some(&earlier), _) => vectors[earlier].clone(),
                    (_, Some(&at)) => self.rows[at].vector.clone(),
                    _ => {
                        let article = &article.article.id;
                        let missing = || Error::MissingVector { article: article.clone(), ordinal };
                        let (segment, row) = self.stored(tag)?.ok_or_else(missing)?;
                        let vectors = self.segments[segment].vectors();
                        let vector = vectors.vector(row).to_vec();
                        vectors.intact()?;
                        vector
                    }
                },
            };
            check_unit(&vector, self.manifest.model.dimensions)?;
            own.insert(*tag, ordinal);
            vectors.push(vector);
        }
        Ok(vectors)
    }

    fn remove_documents(&mut self, id: &str) -> Result<()> {
        let (own, parent) = (Term::from_field_text(self.fields.id, id), Term::from_field_text(self.fields.parent, id));
        let text = self.text()?;
        text.delete_term(own);
        text.delete_term(parent);
        Ok(())
    }

    /// Deletes passages whose article is not there.
    pub(super) fn remove_orphans(&mut self) -> Result<()> {
        for id in Snapshot::open(&self.layout)?.parents()? {
            if !self.holds(&id)? {
                self.changed = true;
                self.remove_documents(&id)?;
            }
        }
        Ok(())
    }

    /// Writes the waiting rows as a segment; the manifest names it from the next commit on.
    fn flush_rows(&mut self) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let number = self.manifest.next_segment;
        let mut writer = VectorWriter::create(
            &self.layout.files(),
            &self.layout.vector_file(number),
            self.manifest.model.dimensions,
        )?;
        for row in &self.rows {
            writer.push(row.key, row.tag.0, &row.vector)?;
        }
        let entry = SegmentEntry { number, rows: writer.rows(), checksum: writer.finish()?, graph: None };
        let segment = open_segment(&self.layout, &entry)?;
        let at = self.segments.len();
        if let Some(stored) = &mut self.stored {
            stored.extend((0..).zip(&self.rows).map(|(row, r)| (r.tag, (at, row))));
        }
        self.manifest.next_segment += 1;
        self.manifest.segments.push(entry);
        self.segments.push(segment);
        self.rows.clear();
        self.fresh.clear();
        Ok(())
    }

    /// Commits the manifest as it is now.
    fn commit_manifest(&mut self) -> Result<()> {
        let (layout, manifest) = (self.layout.clone(), self.manifest.clone());
        let result = self.text().and_then(|text| commit(&layout, text, &manifest));
        if result.is_err() {
            // What tantivy holds is of no known state now; the last commit on disk is.
            self.give_up_text();
        }
        result
    }

    /// Lets go of tantivy's writer once all its threads have ended: one that went on merging would write into
    /// the folder behind the next writer's back.
    fn give_up_text(&mut self) {
        if let Some(text) = self.text.take() {
            let _ = text.wait_merging_threads();
        }
    }

    /// Takes what a merge made in the place of the segments with the given numbers, from the next
    /// commit on.
    pub(super) fn take_up(&mut self, numbers: &[u64], merged: Merged) {
        let all = std::mem::take(&mut self.manifest.segments).into_iter().zip(std::mem::take(&mut self.segments));
        let left = all.filter(|(entry, _)| !numbers.contains(&entry.number));
        (self.manifest.segments, self.segments) = left.chain(merged).unzip();
        self.changed = true;
        self.replaced = true;
        self.stored = None;
    }

    /// Takes up what a merge in the background made, if it is done. One that failed changes nothing, and is no reason
    /// not to commit: [`Writer::merge_in_background`] says so.
    fn take_up_merged(&mut self) {
        if let Some(merge) = self.merging.take_if(|merge| merge.is_finished()) {
            self.merge_error = merge.finish(self).err();
        }
    }

    /// Waits for the merge in the background and takes up what it made.
    fn wait_for_merge(&mut self, progress: &Progress<'_>) -> Result<()> {
        while let Some(merge) = self.merging.as_ref().filter(|merge| !merge.is_finished()) {
            let (step, done, of) = merge.far();
            if progress(step, done, of).is_break() {
                self.stop_merge();
                return Err(Error::Stopped);
            }
            std::thread::sleep(LOOK);
        }
        self.take_up_merged();
        // Whoever merges now meets what stopped the last one, should it still be there.
        self.merge_error = None;
        Ok(())
    }

    /// Gives the merge in the background up.
    fn stop_merge(&mut self) {
        if let Some(merge) = self.merging.take() {
            merge.stop();
        }
    }
}

impl Writer for LocalWriter {
    fn put(&mut self, article: EmbeddedArticle) -> Result<()> {
        // Everything that can fail for the article's own sake comes before anything is changed.
        let vectors = self.vectors(&article)?;
        let id = article.article.id.clone();
        if self.holds(&id)? {
            self.remove_documents(&id)?;
        }
        let (fields, root) = (self.fields, self.layout.root().to_owned());
        self.changed = true;
        let first_key = self.manifest.next_key;
        let text = self.text()?;
        text.add_document(fields.article(&article)).map_err(Error::text(&root))?;
        let words = LexicalText::of(&article.article);
        for (key, ordinal) in (first_key..).zip(0..article.passages.len()) {
            text.add_document(fields.passage(&article, &words, ordinal, key)).map_err(Error::text(&root))?;
        }
        for (vector, passage) in vectors.into_iter().zip(&article.passages) {
            self.fresh.insert(passage.fingerprint, self.rows.len());
            self.rows.push(Row { key: self.manifest.next_key, tag: passage.fingerprint, vector });
            self.manifest.next_key += 1;
        }
        self.changes.insert(id, true);
        Ok(())
    }

    fn delete(&mut self, id: &str) -> Result<bool> {
        if !self.holds(id)? {
            return Ok(false);
        }
        self.changed = true;
        self.remove_documents(id)?;
        self.changes.insert(id.to_owned(), false);
        Ok(true)
    }

    fn forget_salvaged(&mut self) -> Result<()> {
        let path = self.layout.salvaged();
        match self.layout.disk().remove(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(path)(error)),
            _ => Ok(()),
        }
    }

    fn set_chunking(&mut self, chunking: Chunking) {
        self.changed |= self.manifest.chunking != chunking;
        self.manifest.chunking = chunking;
    }

    fn set_builder(&mut self, builder: index::Builder) {
        self.changed |= self.manifest.graph.builder != builder;
        self.manifest.graph.builder = builder;
    }

    fn set_memory_budget(&mut self, memory: Option<u64>) {
        let of_one = index::graph::memory(1, self.manifest.model.dimensions, self.manifest.graph);
        self.most_rows = memory.map_or(usize::MAX, |memory| (memory / of_one) as usize);
    }

    fn set_fusion(&mut self, fusion: Option<Fusion>) {
        self.changed |= self.manifest.fusion != fusion;
        self.manifest.fusion = fusion;
    }

    fn pending(&self) -> usize {
        self.rows.len()
    }

    fn commit(&mut self) -> Result<()> {
        self.take_up_merged();
        if !self.changed {
            return Ok(());
        }
        self.flush_rows()?;
        self.commit_manifest()?;
        self.changed = false;
        if std::mem::take(&mut self.replaced) { self.remove_strays() } else { Ok(()) }
    }

    fn write_cache(&mut self, make: &mut dyn FnMut(Fingerprint) -> Vec<u8>) -> Result<()> {
        let index = self.text()?.index().clone();
        let metas = load_metas(&self.layout, &index)?;
        // Of a collection of any format: what does not read is made again.
        let files = disk::Files { sealed: true, ..self.layout.files() };
        Ok(disk::write(&files, &self.layout.cache(), &make(commit_id(&metas)))?)
    }

    fn merge_in_background(&mut self, threads: usize) -> Result<()> {
        if let Some(error) = self.merge_error.take() {
            self.merges_in_background = false;
            return Err(error);
        }
        if self.merges_in_background && self.merging.is_none() {
            self.merging = Running::start(self, threads)?;
        }
        Ok(())
    }

    fn merge_small(&mut self) -> Result<()> {
        merge::small(self)
    }

    fn merge(&mut self, threads: usize, progress: &Progress<'_>) -> Result<()> {
        self.wait_for_merge(progress)?;
        self.commit()?;
        merge::tiered(self, threads, progress)
    }

    fn compact(&mut self, threads: usize, progress: &Progress<'_>) -> Result<CompactReport> {
        self.wait_for_merge(progress)?;
        self.commit()?;
        let report = merge::everything(self, threads, progress)?;
        let segments = self.text()?.index().searchable_segment_ids().map_err(Error::text(self.layout.root()))?;
        let root = self.layout.root().to_owned();
        if !segments.is_empty() {
            self.text()?.merge(&segments).wait().map_err(Error::text(&root))?;
            self.text()?.garbage_collect_files().wait().map_err(Error::text(&root))?;
        }
        Ok(report)
    }
}

impl Drop for LocalWriter {
    fn drop(&mut self) {
        self.stop_merge();
        self.give_up_text();
    }
}
