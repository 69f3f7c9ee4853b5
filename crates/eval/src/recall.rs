//! Benchmarks a graph: recall against exact search, and speed.

use crate::{Error, Result};
use disk::PathError;
use index::{
    Bits, BuildReport, Builder, Hit, Params, Quantization, SearchStrategy, Segment, VectorFile,
    VectorWriter, WriteOptions, exact,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Recall and speed at one `ef`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecallPoint {
    /// The length of the candidate list.
    pub ef: usize,
    /// Mean recall@k. A result that ties with the k-th exact neighbor counts as found.
    pub recall: f64,
    /// Queries per second on one thread.
    pub qps: f64,
    /// Queries per second on all threads.
    pub qps_all: f64,
    /// Whether the graph was searched. Small collections are scanned, and so is any collection if
    /// `ef` is not below its size.
    pub walked: bool,
    /// Median latency in microseconds, one thread.
    pub p50_us: f64,
    /// 95th percentile of the latency in microseconds, one thread.
    pub p95_us: f64,
    /// 99th percentile of the latency in microseconds, one thread.
    pub p99_us: f64,
}

/// Recall and speed of filtered search at one selectivity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilteredPoint {
    /// The selectivity: the share of the rows that the filter allows, 0..=1.
    pub share: f64,
    /// Which rows are allowed: `anywhere` (random ones), `near` (those nearest to the query) or
    /// `far` (those farthest from it).
    pub rows: String,
    /// The length of the candidate list.
    pub ef: usize,
    /// Mean recall@k among the allowed rows.
    pub recall: f64,
    /// Queries per second on one thread. Where few rows per candidate are allowed, these are scans
    /// too; see [`Segment::uses_graph`].
    pub qps: f64,
    /// Queries per second of exact filtered search, one thread.
    pub exact_qps: f64,
}

/// A graph, and how searches in it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GraphBenchmark {
    /// The maximum number of neighbors of a node above level 0.
    pub m: usize,
    /// The length of the candidate list during construction.
    pub ef_construction: usize,
    /// The implementation that built the graph.
    #[serde(default)]
    pub builder: Builder,
    /// Build time in seconds, with all threads.
    pub build_s: f64,
    /// Milliseconds to open the segment's files.
    #[serde(default)]
    pub open_ms: f64,
    /// Nodes that cannot be reached from the entry point; anything but 0 is a bug.
    pub unreachable: usize,
    /// What the checks after the build found and repaired.
    #[serde(default)]
    pub health: BuildReport,
    /// Bytes per vector of all files: vectors, keys and graph.
    pub bytes_per_vector: f64,
    /// Bytes per vector of the graph file with its codes, which is what a search reads.
    #[serde(default)]
    pub graph_bytes_per_vector: f64,
    /// Queries per second of exact search through the graph's codes, one query at a time, one
    /// thread.
    #[serde(default)]
    pub exact_qps: f64,
    /// The same with all queries in one batch, one thread.
    #[serde(default)]
    pub exact_batch_qps: f64,
    /// Recall and speed for each `ef`.
    pub points: Vec<RecallPoint>,
    /// Filtered search, if requested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filtered: Vec<FilteredPoint>,
}

/// The result of a recall benchmark, as `nigh bench recall --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecallReport {
    /// The number of vectors.
    pub n: usize,
    /// Their dimensions.
    pub dim: usize,
    /// The number of neighbors searched for.
    pub k: usize,
    /// The number of queries.
    pub queries: usize,
    /// Queries per second of a scan of the vectors, one query at a time, one thread.
    #[serde(alias = "exact_qps")]
    pub scan_qps: f64,
    /// Whether the ground truth came from the cache.
    pub truth_cached: bool,
    /// Threads used for building and for `qps_all`.
    pub threads: usize,
    /// The graphs that were built.
    pub builds: Vec<GraphBenchmark>,
    /// Versions, machine and inputs, to reproduce the result.
    pub manifest: serde_json::Value,
}

/// What happened to the cache of a [`GroundTruth`].
#[derive(Debug)]
pub enum CacheOutcome {
    /// The ground truth was loaded from the cache.
    Loaded,
    /// The ground truth was computed and cached.
    Stored,
    /// The ground truth was computed; caching it failed.
    NotStored(Error),
}

/// The exact nearest neighbors of every query.
#[derive(Debug, Clone, PartialEq)]
pub struct GroundTruth {
    /// `queries × k`, best first.
    pub hits: Vec<Vec<Hit>>,
}

/// The first bytes of a cache file.
const TRUTH_MAGIC: &[u8; 8] = b"NIGHTRU\n";

impl GroundTruth {
    /// The exact `k` nearest neighbors of every query. `queries` is `queries × dimensions`,
    /// row-major, of unit norm. They are computed in blocks on all cores or loaded from the folder
    /// `cache`, whose files are named by a hash of vectors, queries and `k`.
    pub fn new(
        vectors: &VectorFile,
        queries: &[f32],
        k: usize,
        cache: &Path,
    ) -> (Self, CacheOutcome) {
        let k = k.min(vectors.rows());
        let file = cache.join(format!("{}.truth", cache_key(vectors, queries, k)));
        if let Some(found) = Self::read(&file, queries.len() / vectors.dimensions(), k) {
            return (found, CacheOutcome::Loaded);
        }
        let truth = Self {
            hits: exact::search_many(vectors, queries, k),
        };
        let outcome = match truth.write(&file) {
            Ok(()) => CacheOutcome::Stored,
            Err(error) => CacheOutcome::NotStored(PathError::at(&file)(error).into()),
        };
        (truth, outcome)
    }

    fn write(&self, file: &Path) -> std::io::Result<()> {
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut bytes = TRUTH_MAGIC.to_vec();
        for hit in self.hits.iter().flatten() {
            bytes.extend(hit.row.to_le_bytes());
            bytes.extend(hit.score.to_le_bytes());
        }
        bytes.extend(blake3::hash(&bytes).as_bytes());
        // A unique name until the file is complete: another process may be writing the same one.
        let temporary = tempfile::NamedTempFile::new_in(folder)?;
        std::fs::write(temporary.path(), bytes)?;
        temporary.persist(file).map_err(|error| error.error)?;
        Ok(())
    }

    /// `None` if the file is missing or damaged.
    fn read(file: &Path, queries: usize, k: usize) -> Option<Self> {
        let bytes = std::fs::read(file).ok()?;
        let (content, sum) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        let hits = content.strip_prefix(TRUTH_MAGIC)?;
        if blake3::hash(content).as_bytes() != sum || hits.len() != queries * k * 8 {
            return None;
        }
        let number = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).unwrap_or_default();
        let hit = |bytes: &[u8]| Hit {
            row: number(&bytes[..4]),
            score: f32::from_bits(number(&bytes[4..])),
        };
        let hits = hits
            .chunks_exact(k * 8)
            .map(|query| query.chunks_exact(8).map(hit).collect())
            .collect();
        Some(Self { hits })
    }

    /// The share of a query's exact neighbors that `found` holds. A row as near as the last of them
    /// counts too: which of several ties is found does not matter.
    pub fn recall(&self, query: usize, found: &[Hit]) -> f64 {
        let Some((exact, last)) = self
            .hits
            .get(query)
            .and_then(|exact| Some((exact, exact.last()?)))
        else {
            return 0.0;
        };
        // Scan and graph search may add up a dot product in different orders.
        let found = found
            .iter()
            .filter(|hit| hit.score >= last.score - 1e-6)
            .count();
        found.min(exact.len()) as f64 / exact.len() as f64
    }
}

fn cache_key(vectors: &VectorFile, queries: &[f32], k: usize) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(vectors.checksum().as_bytes());
    hasher.update(&(k as u64).to_le_bytes());
    hasher.update(bytemuck::cast_slice(queries));
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Reads a raw file of little-endian 32-bit floats, `rows × dimensions`, and scales every row to
/// unit norm.
///
/// # Errors
/// [`Error::Io`]; [`Error::File`] if the size is not a multiple of a row, or a row is zero or not
/// finite.
pub fn read_f32(path: &Path, dimensions: usize) -> Result<Vec<f32>> {
    let bytes = std::fs::read(path).map_err(PathError::at(path))?;
    let row = dimensions * 4;
    if row == 0 || bytes.is_empty() || bytes.len() % row != 0 {
        let problem = format!(
            "expected rows of {dimensions} 32-bit floats, {row} bytes each; found {} bytes",
            bytes.len()
        );
        return Err(Error::file(path, problem));
    }
    let mut values: Vec<f32> = bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    for (number, row) in values.chunks_exact_mut(dimensions).enumerate() {
        if let Some(wrong) = row.iter().find(|value| !value.is_finite()) {
            return Err(Error::file(
                path,
                format!("row {number} (from 0) holds {wrong}; finite numbers were expected"),
            ));
        }
        let norm = row
            .iter()
            .map(|x| f64::from(*x).powi(2))
            .sum::<f64>()
            .sqrt();
        if norm == 0.0 {
            return Err(Error::file(
                path,
                format!("row {number} (from 0) is zero; it has no direction"),
            ));
        }
        row.iter_mut()
            .for_each(|x| *x = (f64::from(*x) / norm) as f32);
    }
    Ok(values)
}

/// Writes unit vectors to a vector file; row numbers become the keys.
///
/// # Errors
/// [`Error::Index`] if the file cannot be written.
pub fn write_vectors(path: &Path, values: &[f32], dimensions: usize) -> Result<()> {
    let mut writer = VectorWriter::create(&WriteOptions::default(), path, dimensions)?;
    for (cache_key, row) in (0..).zip(values.chunks_exact(dimensions)) {
        writer.push(cache_key, [0; 16], row)?;
    }
    writer.finish()?;
    Ok(())
}

/// The options of a recall benchmark.
#[derive(Debug, Clone, PartialEq)]
pub struct RecallOptions {
    /// The number of neighbors to search for.
    pub k: usize,
    /// The values of `ef` to measure.
    pub efs: Vec<usize>,
    /// The codes that graph searches compare first.
    pub first_pass: Quantization,
    /// The selectivities to measure filtered search at, each 0..=1.
    pub selectivities: Vec<f64>,
    /// Threads for building and for `qps_all`.
    pub threads: usize,
}

/// Builds a graph over the vector file `base` and measures searching it. Searches go through
/// [`Segment`], as a collection's do, so few vectors are scanned. The graph file is written beside
/// `base`. `progress` gets the phase, the steps done and the number of steps.
///
/// # Errors
/// [`Error::Index`] if a parameter is out of range or a file cannot be written, [`Error::Io`] if
/// one cannot be read.
pub fn measure(
    base: &Path,
    queries: &[f32],
    truth: &GroundTruth,
    params: Params,
    options: &RecallOptions,
    progress: &(dyn Fn(&str, usize, usize) + Sync),
) -> Result<GraphBenchmark> {
    let vectors = VectorFile::open(base)?;
    let started = Instant::now();
    let graph = index::graph::build(&vectors, params, options.threads, &|done, of| {
        progress("building", done, of);
        ControlFlow::Continue(())
    })?;
    let build_s = started.elapsed().as_secs_f64();
    let file = base.with_extension("graph");
    graph.write(&WriteOptions::default(), &file)?;
    let (unreachable, health) = (
        graph.nodes() - graph.count_reachable(),
        graph.build_report(),
    );
    drop((graph, vectors));
    let size = |path: &Path| {
        path.metadata()
            .map(|metadata| metadata.len())
            .map_err(PathError::at(path))
    };
    let (vector_bytes, graph_bytes) = (size(base)? as f64, size(&file)? as f64);
    let started = Instant::now();
    let segment = Segment::open(base, Some(&file))?;
    let open_ms = started.elapsed().as_secs_f64() * 1e3;
    let rows = segment.vectors().rows() as f64;
    let steps = options.efs.len() + 1;
    let mut points = Vec::new();
    for (done, &ef) in options.efs.iter().enumerate() {
        progress("searching", done, steps);
        points.push(measure_point(&segment, queries, truth, ef, options)?);
    }
    progress("searching", options.efs.len(), steps);
    let filtered = on_one_thread(|| measure_filtered(&segment, queries, options))??;
    let exact = |query: &[f32]| segment.search(query, options.k, SearchStrategy::Exact, None);
    let dimensions = segment.vectors().dimensions();
    let exact_qps = on_one_thread(|| {
        queries_per_second(queries.chunks_exact(dimensions), |query| {
            _ = std::hint::black_box(exact(query))
        })
    })?;
    let count = queries.len() / dimensions;
    let exact_batch_qps = on_one_thread(|| {
        queries_per_second(std::iter::once(queries), |all| {
            _ = std::hint::black_box(segment.search_many(all, options.k, SearchStrategy::Exact))
        })
    })? * count as f64;
    Ok(GraphBenchmark {
        m: params.m,
        ef_construction: params.ef_construction,
        builder: params.builder,
        build_s,
        open_ms,
        unreachable,
        health,
        bytes_per_vector: (vector_bytes + graph_bytes) / rows,
        graph_bytes_per_vector: graph_bytes / rows,
        exact_qps,
        exact_batch_qps,
        points,
        filtered,
    })
}

/// At most this many queries measure filtered search: each needs a row filter of its own.
const MAX_FILTERED_QUERIES: usize = 100;
/// The placements of the allowed rows; see [`FilteredPoint::rows`].
const ROW_PLACEMENTS: [&str; 3] = ["anywhere", "near", "far"];

fn measure_filtered(
    segment: &Segment,
    queries: &[f32],
    options: &RecallOptions,
) -> Result<Vec<FilteredPoint>> {
    let (vectors, dot) = (segment.vectors(), index::distance::dot());
    let rows = vectors.rows();
    let ef = options.efs.iter().copied().max().unwrap_or(options.k);
    let method = SearchStrategy::Graph {
        ef,
        quantization: options.first_pass,
    };
    let settings = || {
        options
            .selectivities
            .iter()
            .flat_map(|&selectivity| ROW_PLACEMENTS.map(|place| (selectivity, place)))
    };
    let mut measured: Vec<(Vec<f64>, Duration, Duration)> =
        settings().map(|_| Default::default()).collect();
    let mut random = ChaCha8Rng::seed_from_u64(rows as u64);
    for query in queries
        .chunks_exact(vectors.dimensions())
        .take(MAX_FILTERED_QUERIES)
    {
        if options.selectivities.is_empty() {
            break;
        }
        let each = vectors.vectors().chunks_exact(vectors.dimensions());
        let mut by_score: Vec<Hit> = each
            .zip(0..)
            .map(|(vector, row)| Hit {
                row,
                score: dot(query, vector),
            })
            .collect();
        for ((selectivity, place), (recalls, search_time, exact_time)) in
            settings().zip(&mut measured)
        {
            let count = ((rows as f64 * selectivity).round() as usize).clamp(1, rows);
            let mut allowed = Bits::new(rows);
            match place {
                "anywhere" => {
                    rand::seq::index::sample(&mut random, rows, count)
                        .iter()
                        .for_each(|row| _ = allowed.insert(row as u32));
                }
                "near" => _ = by_score.select_nth_unstable_by(count - 1, |a, b| b.cmp(a)),
                _ => _ = by_score.select_nth_unstable(count - 1),
            }
            if place != "anywhere" {
                by_score[..count]
                    .iter()
                    .for_each(|hit| _ = allowed.insert(hit.row));
            }
            let started = Instant::now();
            let exact = segment.search(query, options.k, SearchStrategy::Exact, Some(&allowed))?;
            *exact_time += started.elapsed();
            let started = Instant::now();
            let found = segment.search(query, options.k, method, Some(&allowed))?;
            *search_time += started.elapsed();
            recalls.push(GroundTruth { hits: vec![exact] }.recall(0, &found));
        }
    }
    let filtered = settings().zip(measured).map(
        |((selectivity, place), (recalls, search_time, exact_time))| FilteredPoint {
            share: selectivity,
            rows: place.to_owned(),
            ef,
            recall: crate::table::mean(&recalls),
            qps: recalls.len() as f64 / search_time.as_secs_f64(),
            exact_qps: recalls.len() as f64 / exact_time.as_secs_f64(),
        },
    );
    Ok(filtered.collect())
}

/// The least duration of a measurement; shorter ones are dominated by noise.
const MIN_MEASUREMENT: Duration = Duration::from_millis(300);

fn measure_point(
    segment: &Segment,
    queries: &[f32],
    truth: &GroundTruth,
    ef: usize,
    options: &RecallOptions,
) -> Result<RecallPoint> {
    let dimensions = segment.vectors().dimensions();
    let method = SearchStrategy::Graph {
        ef,
        quantization: options.first_pass,
    };
    let search = |query: &[f32]| segment.search(query, options.k, method, None);
    let rows = || queries.chunks_exact(dimensions);
    // The first pass warms the caches and gives the recall. A query that fails, fails here.
    let judge = |(at, query)| Ok(truth.recall(at, &search(query)?));
    let recalls = rows()
        .enumerate()
        .map(judge)
        .collect::<Result<Vec<f64>>>()?;
    let (started, mut times) = (Instant::now(), Vec::new());
    while started.elapsed() < MIN_MEASUREMENT {
        for query in rows() {
            let started = Instant::now();
            let _ = std::hint::black_box(search(query));
            times.push(started.elapsed().as_secs_f64() * 1e6);
        }
    }
    let qps = times.len() as f64 / started.elapsed().as_secs_f64();
    let count = truth.hits.len();
    let passes = (times.len() / count.max(1)).max(1) * options.threads;
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..options.threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= passes * count {
                        break;
                    }
                    let start = at % count * dimensions;
                    let _ = std::hint::black_box(search(&queries[start..start + dimensions]));
                }
            });
        }
    });
    let qps_all = (passes * count) as f64 / started.elapsed().as_secs_f64();
    times.sort_unstable_by(f64::total_cmp);
    let percentile = |quantile: f64| {
        times
            .get((quantile * times.len() as f64) as usize)
            .or(times.last())
            .copied()
            .unwrap_or(0.0)
    };
    Ok(RecallPoint {
        ef,
        walked: segment.uses_graph(options.k, ef, None),
        recall: crate::table::mean(&recalls),
        qps,
        qps_all,
        p50_us: percentile(0.5),
        p95_us: percentile(0.95),
        p99_us: percentile(0.99),
    })
}

/// Queries per second of a scan of the vectors, one query at a time on one thread.
///
/// # Errors
/// [`Error::Index`] if the thread cannot be started.
pub fn scan_qps(vectors: &VectorFile, queries: &[f32], k: usize) -> Result<f64> {
    let scan = |query: &[f32]| _ = std::hint::black_box(exact::search(vectors, query, k, None));
    on_one_thread(|| queries_per_second(queries.chunks_exact(vectors.dimensions()), scan))
}

/// Runs `run` with rayon limited to one thread.
fn on_one_thread<T: Send>(run: impl FnOnce() -> T + Send) -> Result<T> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.map_err(|error| index::Error::Threads {
        threads: 1,
        reason: error.to_string(),
    })?;
    Ok(pool.install(run))
}

/// Cycles through `queries` for [`MIN_MEASUREMENT`] and returns how many were searched per second.
fn queries_per_second<'a>(
    queries: impl Iterator<Item = &'a [f32]> + Clone,
    search: impl Fn(&[f32]),
) -> f64 {
    let started = Instant::now();
    let mut count = 0usize;
    for query in queries.cycle() {
        search(query);
        count += 1;
        if started.elapsed() >= MIN_MEASUREMENT {
            break;
        }
    }
    count as f64 / started.elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(rows: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from((state >> 16) as u16) / 32768.0 - 1.0
        };
        let mut values = Vec::new();
        for _ in 0..rows {
            let row: Vec<f32> = (0..16).map(|_| next()).collect();
            let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            values.extend(row.iter().map(|x| x / norm));
        }
        values
    }

    #[test]
    fn graph_is_measured_against_exact_search() {
        let dir = tempfile::tempdir().unwrap();
        let (base, queries) = (values(3000, 1), values(20, 2));
        let file = dir.path().join("a.vec");
        write_vectors(&file, &base, 16).unwrap();
        let vectors = VectorFile::open(&file).unwrap();
        let cache = dir.path().join("cache");
        let (truth, outcome) = GroundTruth::new(&vectors, &queries, 10, &cache);
        assert!(matches!(outcome, CacheOutcome::Stored));
        for (query, hits) in queries.chunks_exact(16).zip(&truth.hits) {
            assert_eq!(*hits, exact::search(&vectors, query, 10, None));
        }
        let (reloaded, outcome) = GroundTruth::new(&vectors, &queries, 10, &cache);
        assert!(matches!(outcome, CacheOutcome::Loaded) && reloaded == truth);
        let (reloaded, outcome) = GroundTruth::new(&vectors, &queries, 10, &file);
        assert!(
            matches!(outcome, CacheOutcome::NotStored(_)) && reloaded == truth,
            "a cache that cannot be written changes nothing else"
        );
        let options = RecallOptions {
            k: 10,
            efs: vec![10, 50],
            first_pass: Quantization::Int8,
            selectivities: vec![0.5, 0.01],
            threads: 2,
        };
        let params = Params {
            m: 8,
            ef_construction: 60,
            ..Params::default()
        };
        let build = measure(&file, &queries, &truth, params, &options, &|_, _, _| {}).unwrap();
        assert_eq!(build.unreachable, 0);
        assert!(
            build.points[0].recall < build.points[1].recall && build.points[1].recall > 0.97,
            "{build:?}"
        );
        assert!(
            build
                .points
                .iter()
                .all(|p| p.qps > 0.0 && p.qps_all > 0.0 && p.p50_us <= p.p99_us)
        );
        assert!(build.bytes_per_vector > 16.0 * 4.0 + 24.0 && build.graph_bytes_per_vector > 64.0);
        assert!(build.exact_qps > 0.0 && build.exact_batch_qps > 0.0 && build.open_ms > 0.0);
        assert_eq!(build.filtered.len(), 6);
        assert!(
            build
                .filtered
                .iter()
                .all(|f| f.recall > 0.9 && f.qps > 0.0 && f.exact_qps > 0.0),
            "{build:?}"
        );
    }

    #[test]
    fn damaged_cache_is_recomputed() {
        let dir = tempfile::tempdir().unwrap();
        let (base, queries) = (values(50, 1), values(3, 2));
        let file = dir.path().join("a.vec");
        write_vectors(&file, &base, 16).unwrap();
        let vectors = VectorFile::open(&file).unwrap();
        let cache = dir.path().join("cache");
        let (truth, _) = GroundTruth::new(&vectors, &queries, 5, &cache);
        let cache_file = std::fs::read_dir(&cache)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let mut bytes = std::fs::read(&cache_file).unwrap();
        bytes[20] ^= 1;
        std::fs::write(&cache_file, bytes).unwrap();
        let (reloaded, outcome) = GroundTruth::new(&vectors, &queries, 5, &cache);
        assert!(matches!(outcome, CacheOutcome::Stored) && reloaded == truth);
    }

    #[test]
    fn ties_with_the_last_exact_neighbor_count_as_found() {
        let hit = |row, score| Hit { row, score };
        let truth = GroundTruth {
            hits: vec![vec![hit(1, 0.9), hit(2, 0.8)]],
        };
        assert_eq!(truth.recall(0, &[hit(1, 0.9), hit(7, 0.8)]), 1.0);
        assert_eq!(truth.recall(0, &[hit(1, 0.9), hit(7, 0.7)]), 0.5);
    }

    #[test]
    fn invalid_raw_vector_files_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.f32");
        let write = |values: &[f32]| {
            std::fs::write(&path, bytemuck::cast_slice::<f32, u8>(values)).unwrap()
        };
        write(&[3.0, 4.0, 0.0, 0.0]);
        assert!(
            read_f32(&path, 2)
                .unwrap_err()
                .to_string()
                .contains("row 1 (from 0) is zero")
        );
        write(&[3.0, f32::NAN]);
        assert!(
            read_f32(&path, 2)
                .unwrap_err()
                .to_string()
                .contains("row 0 (from 0) holds NaN")
        );
        write(&[3.0, 4.0, 1.0]);
        assert!(
            read_f32(&path, 2)
                .unwrap_err()
                .to_string()
                .contains("found 12 bytes")
        );
        write(&[3.0, 4.0]);
        assert_eq!(read_f32(&path, 2).unwrap(), [0.6, 0.8]);
    }
}
