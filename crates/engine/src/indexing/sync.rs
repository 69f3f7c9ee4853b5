//! Incremental indexing: skips files that have not changed, and deletes the articles of files that
//! are gone.

use super::{Deletions, IndexJob, IndexReport, Scan, lock};
use crate::Progress;
use crate::source_cache::SourceCache;
use crate::text::pluralize;
use ingest::Format;
use ingest::format::UnsupportedKind;
use ingest::pipeline::{ArticleSetDigest, PipelineOptions};
use ingest::walk::{IngestItem, Source, WalkEntry};
use notes::{Code, Note};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;
use store::{ArticleMeta, Catalog, Collection, Writer};

/// Identifies everything besides a file that determines what is read from it.
pub fn reader_id(job: &IndexJob<'_>) -> String {
    let PipelineOptions {
        chunking, limits, ..
    } = &job.plan;
    format!(
        "{} {} {} {:?} {limits:?}",
        env!("CARGO_PKG_VERSION"),
        ingest::read::READER_VERSION,
        chunking.key(),
        job.format
    )
}

/// The names of the job's roots, in their order.
fn root_names(job: &IndexJob<'_>) -> Vec<String> {
    job.roots.iter().map(|root| job.names.name(root)).collect()
}

/// The report of a run that would change nothing, because the job was completed at this very commit
/// and no file has changed since; otherwise `None`. Reads no file, only their metadata.
pub fn report_if_unchanged(
    collection: &dyn Collection,
    job: &IndexJob<'_>,
    scan: &Scan,
    progress: &dyn Progress,
) -> Option<IndexReport> {
    let started = Instant::now();
    let manifest = collection.manifest();
    let changes_nothing = job.deletions != Deletions::Never
        && job.builder.is_none()
        && scan.walk.errors.is_empty()
        // A model in a folder may be gone, or another.
        && !ingest::embed::is_folder(&manifest.model.name)
        && manifest.base.as_deref() == job.names.base().to_str();
    let commit = collection.commit_id().filter(|_| changes_nothing)?;
    let cache = SourceCache::new(&reader_id(job), Some(&collection.read_cache()?));
    if !cache.is_complete(
        commit,
        &root_names(job),
        job.names.is_under(job.roots),
        scan.files(),
    ) {
        return None;
    }
    let mut report = IndexReport::default();
    for (name, entry) in scan.files() {
        let file = cache.unchanged(name, entry)?;
        report.articles += file.articles.count as usize;
        file.remarks
            .notes
            .iter()
            .for_each(|note| report.omitted.note(note.clone(), progress));
        if let Some(kind) = &file.remarks.unsupported {
            report
                .omitted
                .unsupported(name.to_owned(), UnsupportedKind::from(kind.as_str()));
        }
    }
    report.unchanged = report.articles;
    report.omitted.leave_out(&scan.walk.skipped, job.names);
    report.seconds = started.elapsed().as_secs_f64();
    Some(report)
}

/// The files of a scan as input of the pipeline. Unchanged files are marked as such and not read.
pub struct ChangedFiles<'a> {
    job: &'a IndexJob<'a>,
    scan: &'a Scan,
    cache: &'a Mutex<SourceCache>,
    /// The articles that the collection holds of each file: their digest and ids.
    stored: HashMap<&'a str, (ArticleSetDigest, Vec<&'a str>)>,
}

impl<'a> ChangedFiles<'a> {
    pub fn new(
        job: &'a IndexJob<'a>,
        scan: &'a Scan,
        cache: &'a Mutex<SourceCache>,
        catalog: &'a Catalog,
    ) -> Self {
        let mut stored: HashMap<&str, (ArticleSetDigest, Vec<&str>)> = HashMap::new();
        if !lock(cache).is_empty() {
            for (id, meta) in &catalog.articles {
                let (digest, ids) = stored.entry(&meta.path).or_default();
                digest.add(id, &meta.fingerprint);
                ids.push(id);
            }
        }
        Self {
            job,
            scan,
            cache,
            stored,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = IngestItem> {
        let failed = self
            .scan
            .walk
            .errors
            .iter()
            .map(|(path, error)| IngestItem::Failed(path.clone(), error.duplicate()));
        failed.chain(
            self.scan
                .files()
                .map(|(name, entry)| self.classify(name, entry)),
        )
    }

    fn classify(&self, name: &str, entry: &WalkEntry) -> IngestItem {
        let source = || Source {
            path: entry.path.clone(),
            name: name.to_owned(),
            format: Format::Text,
            is_format_guessed: false,
            stat: Some(entry.stat),
        };
        if let Some(file) = lock(self.cache).unchanged(name, entry) {
            if let Some(kind) = &file.remarks.unsupported {
                return IngestItem::Unsupported(source(), UnsupportedKind::from(kind.as_str()));
            }
            let (digest, ids) = self
                .stored
                .get(name)
                .map_or((ArticleSetDigest::default(), &[][..]), |(digest, ids)| {
                    (*digest, ids)
                });
            if digest == file.articles {
                let mut ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
                ids.sort_unstable();
                return IngestItem::Unchanged(source(), ids, file.remarks.notes.clone());
            }
        }
        IngestItem::from_entry(entry.clone(), self.job.format, name.to_owned())
    }
}

/// If no more than one in this many articles of a root is left, none is deleted unasked.
const MIN_REMAINING_DIVISOR: usize = 10;

/// What [`FileSync::delete_vanished`] did.
#[derive(Default)]
pub struct DeletionOutcome {
    pub deleted: usize,
    pub kept: usize,
    /// One note for each root whose articles were kept.
    pub notes: Vec<Note>,
}

fn kept_note(root: &str, vanished: usize, total: usize) -> Note {
    let all = if vanished == total {
        "all".to_owned()
    } else {
        vanished.to_string()
    };
    let message = format!(
        "{all} of the {} indexed from it are gone; they are kept, in case a disk is not mounted",
        pluralize(total, "article")
    );
    Note::new(Code::DeletesWithheld, message).at(if root.is_empty() { "." } else { root }, None)
}

/// Keeps a collection in step with the files under the job's roots.
pub struct FileSync<'a> {
    pub job: &'a IndexJob<'a>,
    pub scan: &'a Scan,
    /// The articles before the run.
    pub catalog: &'a Catalog,
    pub cache: &'a Mutex<SourceCache>,
}

impl FileSync<'_> {
    /// Deletes the articles under the roots that were not seen in this run, except those at or
    /// under `failed` paths, and those that [`Deletions::Plausible`] keeps. `added_paths` are the
    /// files of articles that the collection did not have before.
    pub fn delete_vanished(
        &self,
        writer: &mut dyn Writer,
        seen: &HashSet<String>,
        added_paths: &[String],
        failed: &HashSet<PathBuf>,
    ) -> store::Result<DeletionOutcome> {
        let Self { job, catalog, .. } = self;
        // Stored paths went through a name, which loses bytes that are not UTF-8. To compare, these
        // must, too.
        let failed: Vec<PathBuf> = failed
            .iter()
            .map(|path| job.names.absolute(&job.names.name(path)))
            .collect();
        let has_failed = |name: &str| {
            let path = job.names.absolute(name);
            failed.iter().any(|failed| path.starts_with(failed))
        };
        let under_roots = job.names.is_under(job.roots);
        let vanished = catalog.articles.iter().filter(|(id, meta)| {
            !seen.contains(*id) && under_roots(&meta.path) && !has_failed(&meta.path)
        });
        let mut vanished: Vec<(&String, &ArticleMeta)> = vanished.collect();
        vanished.sort_unstable_by_key(|(id, _)| *id);
        let mut outcome = DeletionOutcome::default();
        let mut kept: HashSet<&String> = HashSet::new();
        if job.deletions == Deletions::Plausible && !vanished.is_empty() {
            // A file that is there was read, and tells which records it has: no disk is missing.
            let existing: HashSet<&str> = self.scan.names.iter().map(String::as_str).collect();
            for root in job.roots {
                let under_root = job.names.is_under(std::slice::from_ref(root));
                let gone = vanished.iter().filter(|(_, meta)| {
                    under_root(&meta.path) && !existing.contains(meta.path.as_str())
                });
                let gone: Vec<&String> = gone.map(|(id, _)| *id).collect();
                // Most roots have none, and need not be counted.
                if gone.is_empty() {
                    continue;
                }
                let indexed = catalog.articles.values();
                let total = indexed.filter(|meta| under_root(&meta.path)).count();
                let added = added_paths.iter().filter(|path| under_root(path)).count();
                if (total - gone.len() + added) * MIN_REMAINING_DIVISOR <= total {
                    let note = kept_note(&job.names.name(root), gone.len(), total);
                    outcome.notes.push(note);
                    kept.extend(gone);
                }
            }
        }
        outcome.kept = kept.len();
        for (id, _) in vanished.iter().filter(|(id, _)| !kept.contains(id)) {
            outcome.deleted += usize::from(writer.delete(id)?);
        }
        Ok(outcome)
    }

    /// Stores the source cache for the next run, if the collection is in a folder.
    pub fn save_cache(self, writer: &mut dyn Writer, incomplete: bool) -> store::Result<()> {
        let Some(files) = writer.maintenance() else {
            return Ok(());
        };
        let under_roots = self.job.names.is_under(self.job.roots);
        let existing: HashSet<&str> = self.scan.names.iter().map(String::as_str).collect();
        let mut cache = lock(self.cache);
        cache.retain(|name| existing.contains(name) || !under_roots(name));
        let roots = (!incomplete).then(|| root_names(self.job));
        files.write_cache(&mut |commit| {
            cache.finish_update(commit, roots.clone());
            cache.encode()
        })
    }
}
