//! Repair of collections, including those that are too damaged to open.
//!
//! A repair makes a new commit without the damaged files. A graph is left out alone, since it can
//! be rebuilt from its vectors, and vectors since they can be recomputed from the text. The
//! articles of a damaged text segment are read out of it as far as possible and written to the
//! salvage journal before the commit, so that they are on disk at every moment. A caller with the
//! model puts them back. An article is lost if its own text is damaged or if the list of deleted
//! documents of its segment is; its id is reported if that can be read.

use super::check::verify_text_file;
use super::checksummed_directory::ChecksummedDirectory;
use super::layout::Layout;
use super::lock::WriterLock;
use super::records::{self, Fields, Salvaged};
use super::salvage_journal::SalvageJournal;
use super::snapshot::{MANAGED, META, open_segment, segment_files};
use super::writer::LocalWriter;
use crate::manifest::FORMAT;
use crate::{Error, Manifest, Result};
use disk::PathError;
use index::Graph;
use ingest::Article;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tantivy::columnar::StrColumn;
use tantivy::directory::error::{DeleteError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    CompositeWrite, Directory, FileHandle, RamDirectory, WatchCallback, WatchHandle, WritePtr,
};
use tantivy::fastfield::AliveBitSet;
use tantivy::index::{SegmentComponent, SegmentReader};
use tantivy::store::StoreReader;
use tantivy::{DocId, Index, IndexSettings, SegmentMeta, TantivyDocument};

/// The result of a repair.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Mended))]
pub struct DamageReport {
    /// Everything that was damaged, each entry naming its file.
    pub problems: Vec<String>,
    /// The ids of articles whose text is lost. Some of them may have been deleted before.
    pub lost: Vec<String>,
    /// The number of lost articles and passages whose ids could not be read.
    pub unnamed: usize,
    /// The number of graphs to be rebuilt.
    pub graphs: usize,
    /// The number of vectors to be recomputed.
    pub vectors: usize,
    /// The number of articles that were read out of damaged files and have to be put back.
    pub salvaged: usize,
}

/// The damage of a collection, file by file.
struct DamageSurvey {
    layout: Layout,
    /// tantivy's commit, as JSON.
    metas: Value,
    manifest: Manifest,
    problems: Vec<String>,
    marker_is_sound: bool,
    managed_is_sound: bool,
    /// Indices of the damaged text segments in the commit.
    text_segments: BTreeSet<usize>,
    /// Indices in the manifest of the segments with damaged vectors, and of those where only the
    /// graph is damaged.
    vector_files: BTreeSet<usize>,
    graph_files: BTreeSet<usize>,
}

/// Why a commit cannot be read.
#[derive(Debug, thiserror::Error)]
enum CommitError {
    #[error(transparent)]
    Read(#[from] OpenReadError),
    #[error(transparent)]
    Parse(#[from] serde_json::Error),
}

/// Reads tantivy's commit and our manifest without opening the index.
fn read_commit(layout: &Layout) -> Result<(Value, Manifest), CommitError> {
    let directory = ChecksummedDirectory::new(layout.text(), layout.files());
    let metas: Value = serde_json::from_slice(&directory.atomic_read(Path::new(META))?)?;
    let manifest = serde_json::from_str(metas["payload"].as_str().unwrap_or_default())?;
    Ok((metas, manifest))
}

/// Finds everything that is damaged in the collection at `path`, each entry naming its file.
pub fn find_damage(path: &Path) -> Result<Vec<String>> {
    let (layout, marker_problem) = locate(path)?;
    Ok(DamageSurvey::new(layout, marker_problem)?.problems)
}

/// The layout of the collection at `path`, in the format that its commit names, and what is wrong
/// with its marker.
fn locate(path: &Path) -> Result<(Layout, Option<String>)> {
    let newest = Layout::new(path, Arc::new(disk::OsFileSystem));
    let fits = |layout: &Layout| {
        read_commit(layout).is_ok_and(|(_, manifest)| manifest.format == layout.format())
    };
    let marked = newest.reload();
    match marked {
        Ok(layout) if fits(&layout) => Ok((layout, None)),
        Err(error @ Error::Io(_)) => Err(error),
        // The marker is damaged or names another format: look for a format in which the commit can
        // be read.
        marked => match (1..=FORMAT)
            .rev()
            .map(|format| newest.with_format(format))
            .find(fits)
        {
            Some(layout) => {
                let reason = marked.err().map_or_else(
                    || "its format differs from the commit's".to_owned(),
                    |e| e.to_string(),
                );
                let problem = format!("{}: {reason}", layout.marker().display());
                Ok((layout, Some(problem)))
            }
            None => Ok((marked?, None)),
        },
    }
}

impl DamageSurvey {
    /// Verifies every file of a collection. `marker_problem` is what is wrong with its marker.
    fn new(layout: Layout, marker_problem: Option<String>) -> Result<Self> {
        let path = layout.text().join(META);
        let unrecoverable = |error: CommitError| {
            let damage = format!(
                "its commit does not read, and nothing else says what belongs to the collection; index the articles into a new one ({error})"
            );
            Error::damaged(&path, damage)
        };
        let (metas, manifest) = read_commit(&layout).map_err(unrecoverable)?;
        let directory = ChecksummedDirectory::new(layout.text(), layout.files());
        let mut survey = Self {
            layout,
            metas,
            manifest,
            marker_is_sound: marker_problem.is_none(),
            problems: marker_problem.into_iter().collect(),
            managed_is_sound: true,
            text_segments: BTreeSet::new(),
            vector_files: BTreeSet::new(),
            graph_files: BTreeSet::new(),
        };
        survey.verify_text(&directory)?;
        survey.verify_vectors()?;
        Ok(survey)
    }

    /// Opens tantivy's index, which succeeds whatever is damaged besides the commit.
    fn index(&self, contents: IndexContents) -> Result<Index> {
        let directory = ChecksummedDirectory::new(self.layout.text(), self.layout.files());
        let lenient = LenientDirectory::new(directory, self.layout.format(), contents);
        lenient
            .and_then(Index::open)
            .map_err(Error::text(self.layout.root()))
    }

    fn verify_text(&mut self, directory: &ChecksummedDirectory) -> Result<()> {
        let managed = directory
            .atomic_read(Path::new(MANAGED))
            .map_err(|error| error.to_string());
        let managed = managed.and_then(|bytes| {
            serde_json::from_slice::<HashSet<PathBuf>>(&bytes).map_err(|error| error.to_string())
        });
        let index = self.index(IndexContents::All)?;
        let metas = index
            .searchable_segment_metas()
            .map_err(Error::text(self.layout.root()))?;
        let named = |file: &PathBuf| managed.as_ref().is_ok_and(|managed| managed.contains(file));
        if !metas
            .iter()
            .flat_map(segment_files)
            .all(|file| named(&file))
        {
            self.managed_is_sound = false;
            let problem = managed
                .err()
                .unwrap_or_else(|| "it does not list the commit's files".to_owned());
            self.problems.push(format!(
                "{}: {problem}",
                self.layout.text().join(MANAGED).display()
            ));
        }
        for (at, meta) in metas.iter().enumerate() {
            for file in segment_files(meta) {
                if let Some(problem) =
                    damage_problem(verify_text_file(&self.layout, &index, &file))?
                {
                    self.problems.push(problem);
                    self.text_segments.insert(at);
                }
            }
        }
        Ok(())
    }

    fn verify_vectors(&mut self) -> Result<()> {
        for (at, entry) in self.manifest.segments.iter().enumerate() {
            let mut vectors_only = entry.clone();
            vectors_only.graph = None;
            let open = |entry| open_segment(&self.layout, entry);
            let (problem, damaged) = match damage_problem(
                open(&vectors_only).and_then(|segment| Ok(segment.verify()?)),
            )? {
                Some(problem) => (problem, &mut self.vector_files),
                None => {
                    match damage_problem(
                        open(entry).and_then(|segment| {
                            Ok(segment.graph().map_or(Ok(()), Graph::verify)?)
                        }),
                    )? {
                        Some(problem) => (problem, &mut self.graph_files),
                        None => continue,
                    }
                }
            };
            self.problems.push(problem);
            damaged.insert(at);
        }
        Ok(())
    }
}

/// The problem, if the result is an error about damage. Other errors say nothing about the file and
/// are returned.
fn damage_problem(result: Result<()>) -> Result<Option<String>> {
    match result {
        Ok(()) => Ok(None),
        Err(error) if error.is_damage() => Ok(Some(error.to_string())),
        Err(error) => Err(error),
    }
}

/// Makes a new commit without what is damaged, after everything readable in it is safe. Changes
/// nothing if nothing is damaged.
pub fn remove_damage(path: &Path) -> Result<DamageReport> {
    let (layout, marker_problem) = locate(path)?;
    let lock = WriterLock::acquire(&layout)?;
    let survey = DamageSurvey::new(layout, marker_problem)?;
    let (layout, files) = (survey.layout.clone(), survey.layout.files());
    if !survey.text_segments.is_empty() {
        salvage(&survey)?;
    }
    if !survey.managed_is_sound {
        let managed: BTreeSet<String> = fs::read_dir(layout.text())
            .map_err(PathError::at(layout.text()))?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .collect();
        let managed = serde_json::to_vec(&managed).unwrap_or_default();
        disk::atomic_write(&files, &layout.text().join(MANAGED), &managed)?;
    }
    if !survey.marker_is_sound {
        layout.write_marker()?;
    }
    if !(survey.text_segments.is_empty()
        && survey.vector_files.is_empty()
        && survey.graph_files.is_empty())
    {
        let commit = commit_without_damage(&survey)?;
        disk::atomic_write(&files, &layout.text().join(META), &commit)?;
    }
    // The journal may also hold what an interrupted repair left.
    let journal = SalvageJournal::read(&layout)?;
    if layout.salvaged().exists() {
        // Removes passages whose article was in a damaged segment: it is put back with all of its
        // passages, or lost.
        let mut writer = LocalWriter::with_lock(lock, &layout)?;
        writer.remove_orphans()?;
        crate::Writer::commit(&mut writer)?;
    }
    Ok(DamageReport {
        graphs: survey.graph_files.len(),
        vectors: survey
            .vector_files
            .iter()
            .map(|&at| survey.manifest.segments[at].rows)
            .sum(),
        problems: survey.problems,
        salvaged: journal.articles.len(),
        lost: journal.losses.articles.into_iter().collect(),
        unnamed: journal.losses.unnamed,
    })
}

/// tantivy's commit, as JSON, without what is damaged.
fn commit_without_damage(survey: &DamageSurvey) -> Result<Vec<u8>> {
    let keep = |damaged: &BTreeSet<usize>, at: usize| !damaged.contains(&at);
    let mut manifest = survey.manifest.clone();
    survey
        .graph_files
        .iter()
        .for_each(|&at| manifest.segments[at].graph = None);
    let segments = std::mem::take(&mut manifest.segments)
        .into_iter()
        .enumerate();
    manifest.segments = segments
        .filter(|(at, _)| keep(&survey.vector_files, *at))
        .map(|(_, entry)| entry)
        .collect();
    let mut metas = survey.metas.clone();
    if let Some(segments) = metas["segments"].as_array_mut() {
        let mut positions = 0..;
        segments.retain(|_| {
            positions
                .next()
                .is_some_and(|at| keep(&survey.text_segments, at))
        });
    }
    metas["payload"] = serde_json::to_string(&manifest).unwrap_or_default().into();
    serde_json::to_vec(&metas)
        .map_err(|error| Error::damaged(survey.layout.text().join(META), error.to_string()))
}

/// Writes the articles of the damaged text segments to the salvage journal, as far as they can be
/// read.
fn salvage(survey: &DamageSurvey) -> Result<()> {
    let (index, id_index) = (
        survey.index(IndexContents::All)?,
        survey.index(IndexContents::IdsOnly)?,
    );
    let fields = records::schema(survey.layout.format()).1;
    let metas = index
        .searchable_segment_metas()
        .map_err(Error::text(survey.layout.root()))?;
    let earlier = SalvageJournal::read(&survey.layout)?;
    let mut journal = SalvageJournal {
        articles: Vec::new(),
        losses: earlier.losses,
    };
    for &at in &survey.text_segments {
        let segment = DamagedSegment::open(&index, &id_index, &metas[at]);
        for doc in 0..metas[at].max_doc() {
            match segment.read(doc, &fields) {
                SalvagedDoc::Article(article) => journal.articles.push(*article),
                SalvagedDoc::LostArticle(id) => _ = journal.losses.articles.insert(id),
                SalvagedDoc::Lost => journal.losses.unnamed += 1,
                SalvagedDoc::NotAnArticle => {}
            }
        }
    }
    // Keep what an earlier repair salvaged and nobody has put back; what was read now is newer.
    let known: HashSet<String> = journal
        .articles
        .iter()
        .map(|article| article.id.clone())
        .collect();
    journal.articles.extend(
        earlier
            .articles
            .into_iter()
            .filter(|article| !known.contains(&article.id)),
    );
    journal
        .articles
        .iter()
        .for_each(|article| _ = journal.losses.articles.remove(&article.id));
    journal.write(&survey.layout)
}

/// The readable parts of a damaged text segment; `None` for those that are not.
struct DamagedSegment {
    /// The documents that are not deleted; `Some(None)` if the segment has no deletions.
    alive: Option<Option<AliveBitSet>>,
    ids: Option<StrColumn>,
    sources: Option<StrColumn>,
    store: Option<StoreReader>,
}

/// A document of a damaged segment.
enum SalvagedDoc {
    Article(Box<Salvaged>),
    /// An article whose text cannot be read, by id.
    LostArticle(String),
    /// An article or passage that cannot be identified.
    Lost,
    /// A passage, or a deleted document.
    NotAnArticle,
}

impl DamagedSegment {
    fn open(index: &Index, id_index: &Index, meta: &SegmentMeta) -> Self {
        let file = |part| index.directory().open_read(&meta.relative_path(part)).ok();
        let alive = match meta.has_deletes() {
            true => file(SegmentComponent::Delete)
                .and_then(|file| Some(Some(AliveBitSet::open(file.read_bytes().ok()?)))),
            false => Some(None),
        };
        // Opened as if nothing were deleted: the deletions are in `alive`.
        let segment = id_index.segment(id_index.new_segment_meta(meta.id(), meta.max_doc()));
        let reader = SegmentReader::open(&segment).ok();
        let column = |name| {
            reader
                .as_ref()
                .and_then(|reader| reader.fast_fields().str(name).ok().flatten())
        };
        let store = file(SegmentComponent::Store).and_then(|file| StoreReader::open(file, 1).ok());
        Self {
            alive,
            ids: column("id"),
            sources: column("source"),
            store,
        }
    }

    fn read(&self, doc: DocId, fields: &Fields) -> SalvagedDoc {
        if let Some(Some(alive)) = &self.alive
            && !alive.is_alive(doc)
        {
            return SalvagedDoc::NotAnArticle;
        }
        let column_value = |column: &Option<StrColumn>| {
            let column = column.as_ref()?;
            let mut value = String::new();
            column
                .ord_to_str(column.term_ords(doc).next()?, &mut value)
                .ok()?;
            Some(value)
        };
        let document: Option<TantivyDocument> =
            self.store.as_ref().and_then(|store| store.get(doc).ok());
        let stored = |field| {
            document
                .as_ref()
                .map(|document| Fields::string(document, field))
                .filter(|s| !s.is_empty())
        };
        let id = stored(fields.id).or_else(|| column_value(&self.ids));
        let source = stored(fields.source)
            .or_else(|| column_value(&self.sources))
            .unwrap_or_default();
        match (id, document, &self.alive) {
            // It may have been deleted, so it must not come back by itself.
            (Some(id), _, None) => SalvagedDoc::LostArticle(id),
            (Some(id), Some(document), _) => match fields.salvaged(&id, source, &document) {
                Some(article) => SalvagedDoc::Article(Box::new(article)),
                None => SalvagedDoc::LostArticle(id),
            },
            (Some(id), None, _) => SalvagedDoc::LostArticle(id),
            // Without an id: certainly an article if it has a record, and possibly one if its
            // columns cannot be read.
            (None, Some(document), _) if document.get_first(fields.record).is_some() => {
                SalvagedDoc::Lost
            }
            (None, None, _)
                if self
                    .ids
                    .as_ref()
                    .is_none_or(|ids| ids.term_ords(doc).next().is_some()) =>
            {
                SalvagedDoc::Lost
            }
            (None, ..) => SalvagedDoc::NotAnArticle,
        }
    }
}

/// The articles that were read out of damaged files and are not put back yet.
pub fn salvaged(layout: &Layout) -> Result<Vec<Article>> {
    Ok(SalvageJournal::read(layout)?
        .articles
        .into_iter()
        .map(Salvaged::into_article)
        .collect())
}

/// Which files of an index to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IndexContents {
    /// All of them.
    All,
    /// Only those with article ids; the others are taken to be empty.
    IdsOnly,
}

/// A read-only directory of an index that may be damaged.
#[derive(Debug, Clone)]
struct LenientDirectory {
    directory: ChecksummedDirectory,
    /// An empty file that stands in for those without article ids.
    empty: Option<Arc<dyn FileHandle>>,
}

/// The extensions of files that hold no article ids.
const EXTENSIONS_WITHOUT_IDS: [&str; 5] = ["idx", "pos", "term", "fieldnorm", "store"];

impl LenientDirectory {
    fn new(
        directory: ChecksummedDirectory,
        format: u64,
        contents: IndexContents,
    ) -> tantivy::Result<Self> {
        if contents == IndexContents::All {
            return Ok(Self {
                directory,
                empty: None,
            });
        }
        let ram = RamDirectory::create();
        let index = Index::create(
            ram.clone(),
            records::schema(format).0,
            IndexSettings::default(),
        )?;
        let name = Path::new("empty");
        CompositeWrite::wrap(index.directory().open_write(name)?).close()?;
        Ok(Self {
            directory,
            empty: Some(ram.get_file_handle(name)?),
        })
    }
}

impl Directory for LenientDirectory {
    fn get_file_handle(&self, name: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        match &self.empty {
            Some(empty)
                if name.extension().is_some_and(|kind| {
                    EXTENSIONS_WITHOUT_IDS.iter().any(|other| kind == *other)
                }) =>
            {
                Ok(empty.clone())
            }
            _ => self.directory.get_file_handle(name),
        }
    }

    /// Hides tantivy's list of managed files, since it may be damaged, too.
    fn atomic_read(&self, name: &Path) -> Result<Vec<u8>, OpenReadError> {
        match name == Path::new(MANAGED) {
            true => Err(OpenReadError::FileDoesNotExist(name.to_owned())),
            false => self.directory.atomic_read(name),
        }
    }

    fn exists(&self, name: &Path) -> Result<bool, OpenReadError> {
        self.directory.exists(name)
    }

    fn delete(&self, name: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError {
            io_error: Arc::new(read_only()),
            filepath: name.to_owned(),
        })
    }

    fn open_write(&self, name: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::wrap_io_error(read_only(), name.to_owned()))
    }

    fn atomic_write(&self, _: &Path, _: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Err(read_only())
    }

    fn watch(&self, watch: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.directory.watch(watch)
    }
}

fn read_only() -> io::Error {
    io::Error::new(
        ErrorKind::PermissionDenied,
        "the directory is read-only during a repair",
    )
}
