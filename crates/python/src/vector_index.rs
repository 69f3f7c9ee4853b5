//! The vector index by itself, without text: for vectors that are in numpy already.

use crate::arrays::{Matrix, array, mask};
use crate::errors::{Class, input};
use crate::values::to_python;
use crate::work::{self, Reporter, lock};
use disk::PathError;
use engine::{Amount, Error, Progress, Result};
use index::{
    Bits, Graph, Neighbor, Params, SearchStrategy, Segment, VectorFile, VectorWriter, WriteOptions,
};
use pyo3::prelude::*;
use pyo3::types::PyType;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// The most hits of one query.
const MAX_K: usize = 10_000;
/// Fewer rows get no graph: scanning them takes no longer than a graph search.
const MIN_GRAPH_ROWS: usize = 4096;
/// Rows that are added are built into one part with the part before them if that has at most so
/// many times their rows. So there are few parts, and a row is built in again only a few times.
const MERGED_RATIO: usize = 4;
/// So many queries are searched on the calling thread, without a look at Ctrl-C.
const MAX_DIRECT_QUERIES: usize = 64;
/// So many queries are searched between two looks at Ctrl-C.
const BATCH_QUERIES: usize = 1024;

/// The file that says what the other files of a saved index are.
const DESCRIPTION: &str = "index.json";
/// The version of such folders.
const FORMAT: u32 = 1;

/// Consecutive rows with their files.
struct Part {
    segment: Segment,
    /// The number of the first row.
    start: usize,
    /// Where its files are.
    files: PartFiles,
    /// The folder of the files, if it is to be deleted with the part.
    _folder: Option<TempDir>,
}

#[derive(Clone)]
struct PartFiles {
    vectors: PathBuf,
    graph: Option<PathBuf>,
}

impl PartFiles {
    fn open(self, start: usize, folder: Option<TempDir>) -> Result<Part> {
        Ok(Part {
            segment: Segment::open(&self.vectors, self.graph.as_deref())?,
            start,
            files: self,
            _folder: folder,
        })
    }

    /// The files in `folder` of the part that begins at row `start`. A file knows its name, so a
    /// part's names never change.
    fn in_folder(folder: &Path, start: usize, has_graph: bool) -> Self {
        Self {
            vectors: folder.join(format!("{start}.vec")),
            graph: has_graph.then(|| folder.join(format!("{start}.graph"))),
        }
    }
}

impl Part {
    fn rows(&self) -> usize {
        self.segment.vectors().rows()
    }
}

/// All parts at one moment, in the order of their rows.
#[derive(Clone)]
struct Parts(Vec<Arc<Part>>);

impl Parts {
    fn rows(&self) -> usize {
        self.0.iter().map(|part| part.rows()).sum()
    }

    /// The allowed rows of each part; `None` for all rows.
    fn split_mask(&self, allowed: Option<&[bool]>) -> Vec<Option<Bits>> {
        let bits = |part: &Arc<Part>| {
            let mask = &allowed?[part.start..part.start + part.rows()];
            let mut bits = Bits::new(part.rows());
            for (row, _) in (0..).zip(mask).filter(|(_, allowed)| **allowed) {
                bits.insert(row);
            }
            Some(bits)
        };
        self.0.iter().map(bits).collect()
    }

    /// The best `k` rows for one query, by their numbers in the whole index.
    fn search(
        &self,
        query: &[f32],
        k: usize,
        strategy: SearchStrategy,
        allowed: &[Option<Bits>],
    ) -> Result<Vec<(i64, f32)>> {
        let mut found = Vec::with_capacity(self.0.len());
        for (part, allowed) in self.0.iter().zip(allowed) {
            found.push(part.segment.search(query, k, strategy, allowed.as_ref())?);
        }
        Ok(self.merge(found, k))
    }

    /// As [`Parts::search`], for queries one after the other.
    fn search_many(
        &self,
        queries: &[f32],
        dimensions: usize,
        k: usize,
        strategy: SearchStrategy,
        allowed: &[Option<Bits>],
    ) -> Result<Vec<Vec<(i64, f32)>>> {
        if allowed.iter().any(Option::is_some) {
            return queries
                .par_chunks(dimensions)
                .map(|query| self.search(query, k, strategy, allowed))
                .collect();
        }
        let mut by_part = Vec::with_capacity(self.0.len());
        for part in &self.0 {
            by_part.push(part.segment.search_many(queries, k, strategy)?.into_iter());
        }
        let number = queries.len() / dimensions;
        let next = |_| {
            let found = by_part.iter_mut().filter_map(Iterator::next).collect();
            self.merge(found, k)
        };
        Ok((0..number).map(next).collect())
    }

    /// The best `k` of what the parts have found; ties go to the row added first.
    fn merge(&self, found: Vec<Vec<Neighbor>>, k: usize) -> Vec<(i64, f32)> {
        let mut hits: Vec<(i64, f32)> = Vec::with_capacity(k * found.len());
        for (part, found) in self.0.iter().zip(found) {
            let start = part.start as i64;
            hits.extend(
                found
                    .into_iter()
                    .map(|hit| (start + i64::from(hit.row), hit.score)),
            );
        }
        if self.0.len() > 1 {
            hits.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            hits.truncate(k);
        }
        hits
    }
}

/// What an index is built with.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Settings {
    dimensions: usize,
    m: usize,
    ef_construction: usize,
    seed: u64,
}

/// The contents of [`DESCRIPTION`].
#[derive(Serialize, Deserialize)]
struct Description {
    format: u32,
    #[serde(flatten)]
    settings: Settings,
    parts: Vec<PartDescription>,
}

#[derive(Serialize, Deserialize)]
struct PartDescription {
    rows: usize,
    graph: bool,
}

/// A vector index: HNSW graphs over unit vectors, and exact search.
///
/// Scores are cosines, -1 to 1. A row's id is its number, from 0, in the order in which rows were
/// added. The same vectors, parameters and seed give the same index, on any number of threads. The
/// vectors are kept in files that are mapped into memory: in a temporary folder after ``build`` and
/// ``add``, in the folder itself after ``load``.
///
/// An index can be searched from several threads, also while rows are added to it.
///
/// Make one with ``Index.build`` or ``Index.load``.
#[pyclass(frozen, module = "nigh")]
pub struct Index {
    settings: Settings,
    parts: Mutex<Parts>,
    /// Held by whoever adds.
    writing: Mutex<()>,
}

impl Index {
    fn parts(&self) -> Parts {
        lock(&self.parts).clone()
    }

    fn run_search<'py>(
        &self,
        py: Python<'py>,
        queries: &Bound<'py, PyAny>,
        k: usize,
        strategy: SearchStrategy,
        allowed: Option<&Bound<'py, PyAny>>,
        threads: Option<usize>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        if !(1..=MAX_K).contains(&k) {
            return Err(input(py, format!("k = {k}: expected 1 to {MAX_K}")));
        }
        let dimensions = self.settings.dimensions;
        let matrix = Matrix::of(queries, "queries", Some(dimensions), true)?;
        let parts = self.parts();
        let mask = allowed
            .map(|allowed| mask(allowed, "allowed", parts.rows()))
            .transpose()?;
        let mask = mask
            .as_ref()
            .map(|mask| mask.as_slice().unwrap_or_default());
        let (values, rows) = (matrix.values(), matrix.rows());
        let threads = threads
            .map(|threads| crate::options::threads(py, Some(threads)))
            .transpose()?;
        let is_serial = rows == 1 || threads == Some(1);
        let search = |reporter: Option<&Reporter>| -> Result<(Vec<i64>, Vec<f32>)> {
            check_rows(values, dimensions, "queries")?;
            let allowed = parts.split_mask(mask);
            let (mut ids, mut scores) =
                (Vec::with_capacity(rows * k), Vec::with_capacity(rows * k));
            let mut take = |hits: Vec<(i64, f32)>| {
                let missing = k - hits.len().min(k);
                for (id, score) in hits {
                    ids.push(id);
                    scores.push(score);
                }
                ids.extend(std::iter::repeat_n(-1, missing));
                scores.extend(std::iter::repeat_n(f32::NEG_INFINITY, missing));
            };
            for batch in values.chunks(BATCH_QUERIES * dimensions) {
                if let Some(reporter) = reporter {
                    reporter.check()?;
                }
                if is_serial && strategy != SearchStrategy::Exact || rows == 1 {
                    for query in batch.chunks_exact(dimensions) {
                        take(parts.search(query, k, strategy, &allowed)?);
                    }
                } else {
                    let search = || parts.search_many(batch, dimensions, k, strategy, &allowed);
                    on_threads(threads, search)??
                        .into_iter()
                        .for_each(&mut take);
                }
            }
            Ok((ids, scores))
        };
        let (ids, scores) = if rows <= MAX_DIRECT_QUERIES {
            work::direct(py, || search(None))?
        } else {
            work::run(py, None, |reporter| search(Some(reporter)))?
        };
        Ok((
            array(py, ids, k, matrix.is_single)?,
            array(py, scores, k, matrix.is_single)?,
        ))
    }
}

/// Runs `work` on a pool of so many threads; `None` for the pool that all share.
fn on_threads<T: Send>(threads: Option<usize>, work: impl FnOnce() -> T + Send) -> Result<T> {
    let Some(threads) = threads else {
        return Ok(work());
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| index::Error::Threads { threads, error })?;
    Ok(pool.install(work))
}

/// Fails at the first row that is not a unit vector. `what` names the array.
fn check_rows(values: &[f32], dimensions: usize, what: &str) -> Result<()> {
    for (number, row) in values.chunks_exact(dimensions).enumerate() {
        index::check_unit(row, dimensions).map_err(|error| {
            let advice = match error {
                index::Error::NotUnit { .. } if what == "queries" => {
                    "; divide queries by their norms"
                }
                index::Error::NotUnit { .. } => "; normalize=True scales rows to unit length",
                _ => "",
            };
            Error::Unusable(format!("{what}[{number}]: {error}{advice}"))
        })?;
    }
    Ok(())
}

/// The rows, scaled to unit length.
fn normalized(values: &[f32], dimensions: usize) -> Result<Vec<f32>> {
    let mut scaled = values.to_vec();
    for (number, row) in scaled.chunks_exact_mut(dimensions).enumerate() {
        let norm = row
            .iter()
            .map(|x| f64::from(*x).powi(2))
            .sum::<f64>()
            .sqrt();
        if !norm.is_finite() || norm == 0.0 {
            return Err(Error::Unusable(format!(
                "vectors[{number}]: a vector of length {norm}, which cannot be scaled to unit length"
            )));
        }
        row.iter_mut()
            .for_each(|x| *x = (f64::from(*x) / norm) as f32);
    }
    Ok(scaled)
}

/// Builds a part of rows that begin at number `start`: those of `old` parts, then `new` ones.
fn build_part(
    old: &[Arc<Part>],
    new: &[f32],
    start: usize,
    settings: Settings,
    threads: usize,
    progress: &Reporter,
) -> Result<Part> {
    let dimensions = settings.dimensions;
    let folder =
        TempDir::with_prefix("nigh-index-").map_err(PathError::at(std::env::temp_dir()))?;
    let options = WriteOptions::default();
    let rows = old.iter().map(|part| part.rows()).sum::<usize>() + new.len() / dimensions;
    let files = PartFiles::in_folder(folder.path(), start, rows >= MIN_GRAPH_ROWS);
    let mut writer = VectorWriter::create(&options, &files.vectors, dimensions)?;
    let old = old.iter().map(|part| part.segment.vectors());
    for values in old.clone().map(VectorFile::vectors).chain([new]) {
        for (number, row) in values.chunks_exact(dimensions).enumerate() {
            if number % BATCH_QUERIES == 0 {
                progress.check()?;
            }
            writer.push(writer.rows() as u64, [0; 16], row)?;
        }
    }
    for vectors in old {
        vectors.ensure_reads_valid()?;
    }
    writer.finish()?;
    if let Some(path) = &files.graph {
        let vectors = VectorFile::open(&files.vectors)?;
        let params = Params {
            m: settings.m,
            ef_construction: settings.ef_construction,
            seed: settings.seed,
            ..Params::default()
        };
        progress.start_stage("building the graph", Amount::Items(rows as u64));
        let graph: Graph = index::graph::build(&vectors, params, threads, &|done, _| {
            progress.set_position(done as u64);
            if progress.is_stopped() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        progress.finish_stage();
        graph.write(&options, path)?;
    }
    files.open(start, Some(folder))
}

/// Copies a file and makes the copy durable.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = std::fs::copy(from, to).and_then(|_| File::open(to)?.sync_all());
    Ok(copied.map_err(PathError::at(to))?)
}

/// Writes the parts into a new folder that gets its name when it is complete.
fn save(
    parts: &Parts,
    settings: Settings,
    target: &Path,
    overwrite: bool,
    progress: &Reporter,
) -> Result<()> {
    let exists = target.symlink_metadata().is_ok();
    if exists && !overwrite {
        return Err(Error::Unusable(format!(
            "{}: exists; overwrite=True replaces it if it is an index",
            target.display()
        )));
    }
    if exists && !target.join(DESCRIPTION).is_file() {
        return Err(Error::Unusable(format!(
            "{}: expected an index, or nothing; found something else",
            target.display()
        )));
    }
    let absolute = std::path::absolute(target).map_err(PathError::at(target))?;
    let parent = absolute.parent().unwrap_or(&absolute);
    std::fs::create_dir_all(parent).map_err(PathError::at(parent))?;
    let staging = TempDir::with_prefix_in(".nigh-index-", parent).map_err(PathError::at(parent))?;
    let new = staging.path().join("new");
    std::fs::create_dir(&new).map_err(PathError::at(&new))?;
    for part in &parts.0 {
        progress.check()?;
        // Damage is not copied.
        part.segment.verify()?;
        let to = PartFiles::in_folder(&new, part.start, part.files.graph.is_some());
        copy(&part.files.vectors, &to.vectors)?;
        if let (Some(from), Some(to)) = (&part.files.graph, &to.graph) {
            copy(from, to)?;
        }
    }
    let description = Description {
        format: FORMAT,
        settings,
        parts: parts
            .0
            .iter()
            .map(|part| PartDescription {
                rows: part.rows(),
                graph: part.files.graph.is_some(),
            })
            .collect(),
    };
    let text = serde_json::to_string_pretty(&description)
        .map_err(|error| Error::Unusable(error.to_string()))?;
    let path = new.join(DESCRIPTION);
    let written = std::fs::write(&path, text + "\n").and_then(|()| File::open(&path)?.sync_all());
    written.map_err(PathError::at(&path))?;
    let sync = |folder: &Path| File::open(folder).and_then(|folder| folder.sync_all());
    sync(&new).map_err(PathError::at(&new))?;
    if exists {
        // Deleted with the staging folder; whoever has mapped its files keeps them.
        let old = staging.path().join("old");
        std::fs::rename(&absolute, &old).map_err(PathError::at(&absolute))?;
    }
    std::fs::rename(&new, &absolute).map_err(PathError::at(&absolute))?;
    sync(parent).map_err(PathError::at(parent))?;
    Ok(())
}

fn load(folder: &Path) -> Result<Index> {
    let path = folder.join(DESCRIPTION);
    let text = std::fs::read_to_string(&path).map_err(PathError::at(&path))?;
    let damaged = |path: &Path, damage: String| index::Error::Damaged {
        path: path.to_owned(),
        damage,
    };
    let description: Description = serde_json::from_str(&text).map_err(|error| {
        damaged(
            &path,
            format!("expected the description of an index: {error}"),
        )
    })?;
    if description.format > FORMAT {
        return Err(Error::Index(index::Error::Version {
            path,
            found: description.format,
            known: FORMAT,
        }));
    }
    let settings = description.settings;
    let mut parts = Parts(Vec::new());
    for part in &description.parts {
        let start = parts.rows();
        let opened = PartFiles::in_folder(folder, start, part.graph).open(start, None)?;
        let (rows, dimensions) = (opened.rows(), opened.segment.vectors().dimensions());
        if (rows, dimensions) != (part.rows, settings.dimensions) {
            let problem = format!(
                "expected {} rows of {} dimensions, found {rows} of {dimensions}",
                part.rows, settings.dimensions
            );
            return Err(Error::Index(damaged(&opened.files.vectors, problem)));
        }
        parts.0.push(Arc::new(opened));
    }
    Ok(Index {
        settings,
        parts: Mutex::new(parts),
        writing: Mutex::default(),
    })
}

/// What [`Index::check`] found.
#[derive(Serialize)]
struct Checked {
    rows: usize,
    parts: usize,
    graphs: usize,
    unreachable: usize,
    links_added: usize,
    self_misses: usize,
}

#[pymethods]
impl Index {
    /// Builds an index.
    ///
    /// Parameters
    /// ----------
    /// vectors : numpy.ndarray of float32, shape (n, d)
    ///     Unit vectors, contiguous in memory; n >= 1, d from 1 to 16,384.
    /// m : int
    ///     The most neighbors of a node above level 0, twice that on level 0; 2 to 128.
    /// ef_construction : int
    ///     The size of the candidate list that neighbors are chosen from; 1 to 10,000.
    /// seed : int
    ///     Determines the levels of the nodes.
    /// normalize : bool
    ///     Scale the rows to unit length instead of refusing others.
    /// threads : int, optional
    ///     Threads that build; by default one for each core.
    /// progress : callable, optional
    ///     Called with the name of the stage, the number of nodes done and their total.
    ///
    /// Raises
    /// ------
    /// nigh.InputTypeError
    ///     ``vectors`` is no array of float32.
    /// nigh.InputError
    ///     It has the wrong shape, is not contiguous, or has a row that is not finite or not of
    ///     unit length; or a parameter is out of range.
    #[classmethod]
    #[pyo3(signature = (vectors, *, m = 16, ef_construction = 200, seed = 0, normalize = false, threads = None, progress = None))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
    fn build(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        vectors: &Bound<'_, PyAny>,
        m: usize,
        ef_construction: usize,
        seed: u64,
        normalize: bool,
        threads: Option<usize>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let matrix = Matrix::of(vectors, "vectors", None, false)?;
        let threads = crate::options::threads(py, threads)?;
        if !(2..=128).contains(&m) {
            return Err(input(py, format!("m = {m}: expected 2 to 128")));
        }
        if !(1..=10_000).contains(&ef_construction) {
            return Err(input(
                py,
                format!("ef_construction = {ef_construction}: expected 1 to 10,000"),
            ));
        }
        let settings = Settings {
            dimensions: matrix.dimensions,
            m,
            ef_construction,
            seed,
        };
        let values = matrix.values();
        if values.is_empty() {
            return Err(input(py, "vectors: expected one row or more, found none"));
        }
        let part = work::run(py, progress, |reporter| {
            let scaled = normalize
                .then(|| normalized(values, settings.dimensions))
                .transpose()?;
            let values = scaled.as_deref().unwrap_or(values);
            check_rows(values, settings.dimensions, "vectors")?;
            build_part(&[], values, 0, settings, threads, reporter)
        })?;
        Ok(Self {
            settings,
            parts: Mutex::new(Parts(vec![Arc::new(part)])),
            writing: Mutex::default(),
        })
    }

    /// Adds rows. Their ids go on from those of the rows before.
    ///
    /// New rows become a part of their own, with a graph if there are 4,096 or more. Parts of
    /// similar size are built into one, so that a search has few to look at; ``compact`` makes one
    /// of all. Searches go on meanwhile and see all new rows or none.
    ///
    /// Parameters
    /// ----------
    /// vectors : numpy.ndarray of float32, shape (n, dimensions)
    ///     Unit vectors, contiguous in memory.
    /// normalize, threads, progress
    ///     As for ``build``.
    #[pyo3(signature = (vectors, *, normalize = false, threads = None, progress = None))]
    fn add(
        &self,
        py: Python<'_>,
        vectors: &Bound<'_, PyAny>,
        normalize: bool,
        threads: Option<usize>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let dimensions = self.settings.dimensions;
        let matrix = Matrix::of(vectors, "vectors", Some(dimensions), false)?;
        let threads = crate::options::threads(py, threads)?;
        let values = matrix.values();
        if values.is_empty() {
            return Ok(());
        }
        work::run(py, progress, |reporter| {
            let scaled = normalize
                .then(|| normalized(values, dimensions))
                .transpose()?;
            let values = scaled.as_deref().unwrap_or(values);
            check_rows(values, dimensions, "vectors")?;
            let _writing = work::lock_unless_stopped(&self.writing, reporter)?;
            let mut parts = self.parts();
            let mut rows = values.len() / dimensions;
            let mut kept = parts.0.len();
            while let Some(last) = parts.0[..kept].last()
                && last.rows() <= MERGED_RATIO * rows
            {
                rows += last.rows();
                kept -= 1;
            }
            let merged = parts.0.split_off(kept);
            let start = parts.rows();
            let part = build_part(&merged, values, start, self.settings, threads, reporter)?;
            parts.0.push(Arc::new(part));
            *lock(&self.parts) = parts;
            Ok(())
        })
    }

    /// Builds one graph of all rows, if ``add`` has made several. Ids stay as they are.
    #[pyo3(signature = (*, threads = None, progress = None))]
    fn compact(
        &self,
        py: Python<'_>,
        threads: Option<usize>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let threads = crate::options::threads(py, threads)?;
        work::run(py, progress, |reporter| {
            let _writing = work::lock_unless_stopped(&self.writing, reporter)?;
            let parts = self.parts();
            if parts.0.len() > 1 {
                let part = build_part(&parts.0, &[], 0, self.settings, threads, reporter)?;
                *lock(&self.parts) = Parts(vec![Arc::new(part)]);
            }
            Ok(())
        })
    }

    /// The nearest rows, approximately: through the graph, or by a scan where that is as fast.
    ///
    /// Parameters
    /// ----------
    /// queries : numpy.ndarray of float32, shape (n, dimensions) or (dimensions,)
    ///     Unit vectors, contiguous in memory.
    /// k : int
    ///     The number of rows for each query; 1 to 10,000.
    /// ef : int
    ///     The size of the candidate list (at least k is used). A larger one finds more and takes
    ///     longer.
    /// allowed : numpy.ndarray of bool, shape (len(index),), optional
    ///     Only rows whose value is true are found.
    /// threads : int, optional
    ///     Threads that search when there are several queries; by default one for each core.
    ///
    /// Returns
    /// -------
    /// ids : numpy.ndarray of int64, shape (n, k) or (k,)
    ///     The row numbers, best first; -1 where there are fewer than k rows.
    /// scores : numpy.ndarray of float32, of the same shape
    ///     Their cosines with the query; -inf where there is no row. Ties go to the lower id.
    #[pyo3(signature = (queries, k = 10, *, ef = 128, allowed = None, threads = None))]
    fn search<'py>(
        &self,
        py: Python<'py>,
        queries: &Bound<'py, PyAny>,
        k: usize,
        ef: usize,
        allowed: Option<&Bound<'py, PyAny>>,
        threads: Option<usize>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        if ef == 0 {
            return Err(input(py, "ef = 0: expected 1 or more"));
        }
        self.run_search(py, queries, k, SearchStrategy::graph(ef), allowed, threads)
    }

    /// The nearest rows, exactly: by a scan. Otherwise as ``search``.
    #[pyo3(signature = (queries, k = 10, *, allowed = None, threads = None))]
    fn exact<'py>(
        &self,
        py: Python<'py>,
        queries: &Bound<'py, PyAny>,
        k: usize,
        allowed: Option<&Bound<'py, PyAny>>,
        threads: Option<usize>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        self.run_search(py, queries, k, SearchStrategy::Exact, allowed, threads)
    }

    /// A copy of all rows, of shape (len(index), dimensions).
    fn vectors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let parts = self.parts();
        let values = work::run(py, None, |reporter| {
            let mut values = Vec::with_capacity(parts.rows() * self.settings.dimensions);
            for part in &parts.0 {
                reporter.check()?;
                values.extend_from_slice(part.segment.vectors().vectors());
                part.segment.ensure_reads_valid()?;
            }
            Ok(values)
        })?;
        array(py, values, self.settings.dimensions, false)
    }

    /// Saves the index as a folder, which appears only when it is complete.
    ///
    /// Parameters
    /// ----------
    /// path : str or os.PathLike
    ///     The folder. Its parents are created.
    /// overwrite : bool
    ///     Replace the index that is there.
    #[pyo3(signature = (path, *, overwrite = false))]
    fn save(&self, py: Python<'_>, path: PathBuf, overwrite: bool) -> PyResult<()> {
        let parts = self.parts();
        work::run(py, None, |reporter| {
            save(&parts, self.settings, &path, overwrite, reporter)
        })
    }

    /// Maps a saved index into memory. Nothing is read before it is needed, and what is read is
    /// verified.
    ///
    /// Raises
    /// ------
    /// nigh.NotFoundError
    ///     There is no index.
    /// nigh.DamagedError
    ///     A file is not what ``save`` wrote.
    #[classmethod]
    fn load(_class: &Bound<'_, PyType>, py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        if !path.join(DESCRIPTION).is_file() {
            let message = format!("no index at {}", path.display());
            return Err(Class::NotFound.exception(py, message));
        }
        work::open(py, || load(&path))
    }

    /// Reads all files and verifies their checksums, that every vector is finite and of unit
    /// length, and that every row can be reached in its graph.
    ///
    /// Returns
    /// -------
    /// dict
    ///     ``rows``, ``parts``, ``graphs``, and of the checks after the builds: ``unreachable``
    ///     (rows that could not be reached at first), ``links_added`` (for these and for rows that
    ///     a search for themselves missed) and ``self_misses`` (rows that such a search still
    ///     misses).
    ///
    /// Raises
    /// ------
    /// nigh.DamagedError
    ///     With the file and what is wrong with it.
    fn check<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let parts = self.parts();
        let checked = work::run(py, None, |reporter| {
            let mut checked = Checked {
                rows: parts.rows(),
                parts: parts.0.len(),
                graphs: 0,
                unreachable: 0,
                links_added: 0,
                self_misses: 0,
            };
            for part in &parts.0 {
                reporter.check()?;
                part.segment.verify()?;
                if let Some(graph) = part.segment.graph() {
                    let report = graph.build_report();
                    checked.graphs += 1;
                    checked.unreachable += report.unreachable;
                    checked.links_added += report.links_added;
                    checked.self_misses += report.self_misses;
                }
            }
            Ok(checked)
        })?;
        to_python(py, &checked)
    }

    /// The number of dimensions of the vectors.
    #[getter]
    fn dimensions(&self) -> usize {
        self.settings.dimensions
    }

    /// The most neighbors of a node above level 0.
    #[getter]
    fn m(&self) -> usize {
        self.settings.m
    }

    /// The size of the candidate list during construction.
    #[getter]
    fn ef_construction(&self) -> usize {
        self.settings.ef_construction
    }

    /// What determined the levels of the nodes.
    #[getter]
    fn seed(&self) -> u64 {
        self.settings.seed
    }

    fn __len__(&self) -> usize {
        self.parts().rows()
    }

    fn __repr__(&self) -> String {
        format!(
            "<nigh.Index of {} vectors of {} dimensions>",
            self.parts().rows(),
            self.settings.dimensions
        )
    }
}
