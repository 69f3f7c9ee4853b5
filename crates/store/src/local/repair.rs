//! Finding out what is damaged in a collection that may not open, and keeping all that is not.
//!
//! What is damaged is left out of a new commit: a graph alone, for it is built again from its vectors; vectors, for
//! they are made again from the text; a text segment, whose articles are read out of it first as far as they
//! read. These go into a file of their own before the commit, so that they are on disk at every moment; whoever embeds
//! puts them back. An article is lost whose own text is damaged, or in whose segment it does not read what was deleted; it is
//! named where that reads.

use super::check::verify_text;
use super::folder::Folder;
use super::layout::Layout;
use super::lock::WriterLock;
use super::records::{self, Fields, Salvaged};
use super::snapshot::{MANAGED, META, open_segment, segment_files};
use super::waiting::Waiting;
use super::writer::LocalWriter;
use crate::manifest::FORMAT;
use crate::{Error, Manifest, Result};
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
use tantivy::directory::{CompositeWrite, Directory, FileHandle, RamDirectory, WatchCallback, WatchHandle, WritePtr};
use tantivy::fastfield::AliveBitSet;
use tantivy::index::{SegmentComponent, SegmentReader};
use tantivy::store::StoreReader;
use tantivy::{DocId, Index, IndexSettings, SegmentMeta, TantivyDocument};

/// What mending found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RepairReport {
    /// What was damaged, each naming its file.
    pub problems: Vec<String>,
    /// The articles whose text is lost, by id. Some may have been deleted before.
    pub lost: Vec<String>,
    /// Articles and passages that are lost and could not be named.
    pub unnamed: usize,
    /// Graphs to be built again.
    pub graphs: usize,
    /// Vectors to be made again.
    pub vectors: usize,
    /// Articles that were read out of damaged files, to be put back.
    pub salvaged: usize,
}

/// A collection, file by file.
struct Survey {
    layout: Layout,
    /// The commit, as JSON.
    metas: Value,
    manifest: Manifest,
    problems: Vec<String>,
    marker: bool,
    managed: bool,
    /// Places of the text segments that are damaged.
    text: BTreeSet<usize>,
    /// Places of the vector segments whose vectors are, and of those whose graph alone is.
    vectors: BTreeSet<usize>,
    graphs: BTreeSet<usize>,
}

/// What the commit says, as tantivy and as we have it. `Err` says why it does not read.
fn commit(layout: &Layout) -> Result<(Value, Manifest), String> {
    let metas = Folder::new(layout.text(), layout.files()).atomic_read(Path::new(META));
    let metas: Value = serde_json::from_slice(&metas.map_err(|error| error.to_string())?).map_err(|e| e.to_string())?;
    let manifest = serde_json::from_str(metas["payload"].as_str().unwrap_or_default()).map_err(|e| e.to_string())?;
    Ok((metas, manifest))
}

/// What is damaged in the collection at `path`, each naming its file.
pub fn survey(path: &Path) -> Result<Vec<String>> {
    let (layout, marker) = found(path)?;
    Ok(Survey::of(layout, marker)?.problems)
}

/// Where the collection at `path` is, of which format it is by its commit, and what is wrong with its marker.
fn found(path: &Path) -> Result<(Layout, Option<String>)> {
    let asked = Layout::new(path, Arc::new(disk::System));
    let fits = |layout: &Layout| commit(layout).is_ok_and(|(_, manifest)| manifest.format == layout.format());
    let marked = asked.again();
    match marked {
        Ok(layout) if fits(&layout) => Ok((layout, None)),
        Err(error @ Error::Io { .. }) => Err(error),
        // Of another format than the marker says, if the commit reads as one of that.
        marked => match (1..=FORMAT).rev().map(|format| asked.of_format(format)).find(fits) {
            Some(layout) => {
                let said =
                    marked.err().map_or_else(|| "it says another format than the commit".to_owned(), |e| e.to_string());
                let problem = format!("{}: {said}", layout.marker().display());
                Ok((layout, Some(problem)))
            }
            None => Ok((marked?, None)),
        },
    }
}

impl Survey {
    /// Looks at every file of a collection; `marker` is what is wrong with its marker.
    fn of(layout: Layout, marker: Option<String>) -> Result<Self> {
        let path = layout.text().join(META);
        let lost = |error: &str| {
            let problem = format!(
                "its commit does not read, and nothing else says what belongs to the collection; index the articles into a new one ({error})"
            );
            Error::damaged(&path, problem)
        };
        let (metas, manifest) = commit(&layout).map_err(|error| lost(&error))?;
        let folder = Folder::new(layout.text(), layout.files());
        let mut survey = Self {
            layout,
            metas,
            manifest,
            marker: marker.is_none(),
            problems: marker.into_iter().collect(),
            managed: true,
            text: BTreeSet::new(),
            vectors: BTreeSet::new(),
            graphs: BTreeSet::new(),
        };
        survey.look_at_text(&folder)?;
        survey.look_at_vectors()?;
        Ok(survey)
    }

    /// The index, which opens whatever is damaged but the commit. `all` says whether its files are those that
    /// are there, or only those that name articles.
    fn index(&self, all: bool) -> Result<Index> {
        let folder = Folder::new(self.layout.text(), self.layout.files());
        let lenient = Lenient::new(folder, self.layout.format(), all);
        lenient.and_then(Index::open).map_err(Error::text(self.layout.root()))
    }

    fn look_at_text(&mut self, folder: &Folder) -> Result<()> {
        let managed = folder.atomic_read(Path::new(MANAGED)).map_err(|error| error.to_string());
        let managed = managed
            .and_then(|bytes| serde_json::from_slice::<HashSet<PathBuf>>(&bytes).map_err(|error| error.to_string()));
        let index = self.index(true)?;
        let metas = index.searchable_segment_metas().map_err(Error::text(self.layout.root()))?;
        let named = |file: &PathBuf| managed.as_ref().is_ok_and(|managed| managed.contains(file));
        if !metas.iter().flat_map(segment_files).all(|file| named(&file)) {
            self.managed = false;
            let said = managed.err().unwrap_or_else(|| "it does not name the commit's files".to_owned());
            self.problems.push(format!("{}: {said}", self.layout.text().join(MANAGED).display()));
        }
        for (at, meta) in metas.iter().enumerate() {
            for file in segment_files(meta) {
                if let Some(problem) = damage(verify_text(&self.layout, &index, &file))? {
                    self.problems.push(problem);
                    self.text.insert(at);
                }
            }
        }
        Ok(())
    }

    fn look_at_vectors(&mut self) -> Result<()> {
        for (at, entry) in self.manifest.segments.iter().enumerate() {
            let mut alone = entry.clone();
            alone.graph = None;
            let open = |entry| open_segment(&self.layout, entry);
            let (problem, of) = match damage(open(&alone).and_then(|segment| Ok(segment.verify()?)))? {
                Some(problem) => (problem, &mut self.vectors),
                None => {
                    match damage(open(entry).and_then(|segment| Ok(segment.graph().map_or(Ok(()), Graph::verify)?)))? {
                        Some(problem) => (problem, &mut self.graphs),
                        None => continue,
                    }
                }
            };
            self.problems.push(problem);
            of.insert(at);
        }
        Ok(())
    }
}

/// What is damaged, if that is why something failed. Any other failure says nothing of the file, which must stay.
fn damage(result: Result<()>) -> Result<Option<String>> {
    match result {
        Ok(()) => Ok(None),
        Err(error) if error.is_damage() => Ok(Some(error.to_string())),
        Err(error) => Err(error),
    }
}

/// Leaves out of a new commit what is damaged, once all that can be read of it is safe. Nothing changes where
/// nothing is damaged.
pub fn mend(path: &Path) -> Result<RepairReport> {
    let (layout, marker) = found(path)?;
    let lock = WriterLock::take(&layout)?;
    let survey = Survey::of(layout, marker)?;
    let (layout, files) = (survey.layout.clone(), survey.layout.files());
    if !survey.text.is_empty() {
        salvage(&survey)?;
    }
    if !survey.managed {
        let named: BTreeSet<String> = fs::read_dir(layout.text())
            .map_err(Error::io(layout.text()))?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .collect();
        let named = serde_json::to_vec(&named).unwrap_or_default();
        disk::write(&files, &layout.text().join(MANAGED), &named)?;
    }
    if !survey.marker {
        layout.mark()?;
    }
    if !(survey.text.is_empty() && survey.vectors.is_empty() && survey.graphs.is_empty()) {
        let commit = without(&survey)?;
        disk::write(&files, &layout.text().join(META), &commit)?;
    }
    // Also what a mending that was stopped left to be done and said.
    let waiting = Waiting::read(&layout)?;
    if layout.salvaged().exists() {
        // Passages whose article was in a damaged segment: it is put back with all of them, or lost.
        let mut writer = LocalWriter::holding(lock, &layout)?;
        writer.remove_orphans()?;
        crate::Writer::commit(&mut writer)?;
    }
    Ok(RepairReport {
        graphs: survey.graphs.len(),
        vectors: survey.vectors.iter().map(|&at| survey.manifest.segments[at].rows).sum(),
        problems: survey.problems,
        salvaged: waiting.articles.len(),
        lost: waiting.lost.lost.into_iter().collect(),
        unnamed: waiting.lost.unnamed,
    })
}

/// The commit without what is damaged.
fn without(survey: &Survey) -> Result<Vec<u8>> {
    let keep = |damaged: &BTreeSet<usize>, at: usize| !damaged.contains(&at);
    let mut manifest = survey.manifest.clone();
    survey.graphs.iter().for_each(|&at| manifest.segments[at].graph = None);
    let segments = std::mem::take(&mut manifest.segments).into_iter().enumerate();
    manifest.segments = segments.filter(|(at, _)| keep(&survey.vectors, *at)).map(|(_, entry)| entry).collect();
    let mut metas = survey.metas.clone();
    if let Some(segments) = metas["segments"].as_array_mut() {
        let mut places = 0..;
        segments.retain(|_| places.next().is_some_and(|at| keep(&survey.text, at)));
    }
    metas["payload"] = serde_json::to_string(&manifest).unwrap_or_default().into();
    serde_json::to_vec(&metas).map_err(|error| Error::damaged(survey.layout.text().join(META), error.to_string()))
}

/// Reads the articles of the damaged text segments into the file of what waits, as far as they read.
fn salvage(survey: &Survey) -> Result<()> {
    let (there, names) = (survey.index(true)?, survey.index(false)?);
    let fields = records::schema(survey.layout.format()).1;
    let metas = there.searchable_segment_metas().map_err(Error::text(survey.layout.root()))?;
    let before = Waiting::read(&survey.layout)?;
    let mut waiting = Waiting { articles: Vec::new(), lost: before.lost };
    for &at in &survey.text {
        let segment = Damaged::open(&there, &names, &metas[at]);
        for doc in 0..metas[at].max_doc() {
            match segment.article(doc, &fields) {
                Found::Article(article) => waiting.articles.push(*article),
                Found::Name(id) => _ = waiting.lost.lost.insert(id),
                Found::Nothing => waiting.lost.unnamed += 1,
                Found::Other => {}
            }
        }
    }
    // What an earlier mending read and nobody has put back; what was read now is newer.
    let known: HashSet<String> = waiting.articles.iter().map(|article| article.id.clone()).collect();
    waiting.articles.extend(before.articles.into_iter().filter(|article| !known.contains(&article.id)));
    waiting.articles.iter().for_each(|article| _ = waiting.lost.lost.remove(&article.id));
    waiting.write(&survey.layout)
}

/// What can be had of a damaged text segment. What cannot is `None`.
struct Damaged {
    /// Which documents are not deleted; all, where there are no deletions.
    alive: Option<Option<AliveBitSet>>,
    ids: Option<StrColumn>,
    sources: Option<StrColumn>,
    store: Option<StoreReader>,
}

/// What a document of a damaged segment is.
enum Found {
    Article(Box<Salvaged>),
    /// An article that does not read.
    Name(String),
    /// Not to be told.
    Nothing,
    /// A passage, or deleted.
    Other,
}

impl Damaged {
    fn open(there: &Index, names: &Index, meta: &SegmentMeta) -> Self {
        let file = |part| there.directory().open_read(&meta.relative_path(part)).ok();
        let alive = match meta.has_deletes() {
            true => {
                file(SegmentComponent::Delete).and_then(|file| Some(Some(AliveBitSet::open(file.read_bytes().ok()?))))
            }
            false => Some(None),
        };
        // As if nothing were deleted: which documents are is known above, or not at all.
        let whole = names.segment(names.new_segment_meta(meta.id(), meta.max_doc()));
        let reader = SegmentReader::open(&whole).ok();
        let column = |name| reader.as_ref().and_then(|reader| reader.fast_fields().str(name).ok().flatten());
        let store = file(SegmentComponent::Store).and_then(|file| StoreReader::open(file, 1).ok());
        Self { alive, ids: column("id"), sources: column("source"), store }
    }

    fn article(&self, doc: DocId, fields: &Fields) -> Found {
        if let Some(Some(alive)) = &self.alive
            && !alive.is_alive(doc)
        {
            return Found::Other;
        }
        let named = |column: &Option<StrColumn>| {
            let column = column.as_ref()?;
            let mut name = String::new();
            column.ord_to_str(column.term_ords(doc).next()?, &mut name).ok()?;
            Some(name)
        };
        let document: Option<TantivyDocument> = self.store.as_ref().and_then(|store| store.get(doc).ok());
        let stored =
            |field| document.as_ref().map(|document| Fields::string(document, field)).filter(|s| !s.is_empty());
        let id = stored(fields.id).or_else(|| named(&self.ids));
        let source = stored(fields.source).or_else(|| named(&self.sources)).unwrap_or_default();
        match (id, document, &self.alive) {
            // Whether it was deleted is not known: it must not come back by itself.
            (Some(id), _, None) => Found::Name(id),
            (Some(id), Some(document), _) => match fields.salvaged(&id, source, &document) {
                Some(article) => Found::Article(Box::new(article)),
                None => Found::Name(id),
            },
            (Some(id), None, _) => Found::Name(id),
            // Without a name: an article by its record, or perhaps one.
            (None, Some(document), _) if document.get_first(fields.record).is_some() => Found::Nothing,
            (None, None, _) if self.ids.as_ref().is_none_or(|ids| ids.term_ords(doc).next().is_some()) => {
                Found::Nothing
            }
            (None, ..) => Found::Other,
        }
    }
}

/// The articles that were read out of damaged files and are not put back yet.
pub fn salvaged(layout: &Layout) -> Result<Vec<Article>> {
    Ok(Waiting::read(layout)?.articles.into_iter().map(Salvaged::into_article).collect())
}

/// The folder of an index that may be damaged.
#[derive(Debug, Clone)]
struct Lenient {
    folder: Folder,
    /// An empty file, in the place of those that do not name articles.
    empty: Option<Arc<dyn FileHandle>>,
}

/// The kinds of file that do not hold the names of articles.
const NAMELESS: [&str; 5] = ["idx", "pos", "term", "fieldnorm", "store"];

impl Lenient {
    fn new(folder: Folder, format: u64, all: bool) -> tantivy::Result<Self> {
        if all {
            return Ok(Self { folder, empty: None });
        }
        let ram = RamDirectory::create();
        let index = Index::create(ram.clone(), records::schema(format).0, IndexSettings::default())?;
        let name = Path::new("empty");
        CompositeWrite::wrap(index.directory().open_write(name)?).close()?;
        Ok(Self { folder, empty: Some(ram.get_file_handle(name)?) })
    }
}

impl Directory for Lenient {
    fn get_file_handle(&self, name: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        match &self.empty {
            Some(empty) if name.extension().is_some_and(|kind| NAMELESS.iter().any(|other| kind == *other)) => {
                Ok(empty.clone())
            }
            _ => self.folder.get_file_handle(name),
        }
    }

    /// As if tantivy had never written here, since what it kept of that may be damaged, too.
    fn atomic_read(&self, name: &Path) -> Result<Vec<u8>, OpenReadError> {
        match name == Path::new(MANAGED) {
            true => Err(OpenReadError::FileDoesNotExist(name.to_owned())),
            false => self.folder.atomic_read(name),
        }
    }

    fn exists(&self, name: &Path) -> Result<bool, OpenReadError> {
        self.folder.exists(name)
    }

    fn delete(&self, name: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError { io_error: Arc::new(refused()), filepath: name.to_owned() })
    }

    fn open_write(&self, name: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::wrap_io_error(refused(), name.to_owned()))
    }

    fn atomic_write(&self, _: &Path, _: &[u8]) -> io::Result<()> {
        Err(refused())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Err(refused())
    }

    fn watch(&self, watch: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.folder.watch(watch)
    }
}

fn refused() -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, "what is being mended is only read")
}
