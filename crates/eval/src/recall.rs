//! How much of the exact answer a graph finds, and how fast.

use crate::{Error, Result};
use index::{Bits, Builder, Files, FirstPass, Health, Hit, Method, Params, Segment, VectorFile, VectorWriter, exact};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// One length of the candidate list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The length.
    pub ef: usize,
    /// The mean share of the exact k that was found; one as near as the k-th counts as well.
    pub recall: f64,
    /// Queries a second on one thread.
    pub qps: f64,
    /// Queries a second on all threads.
    pub qps_all: f64,
    /// Whether the graph was walked; where there are few vectors, or `ef` is no less than there are,
    /// they are scanned.
    pub walked: bool,
    /// Microseconds that half of the queries stay below, one thread.
    pub p50_us: f64,
    /// That 95 of 100 stay below.
    pub p95_us: f64,
    /// That 99 of 100 stay below.
    pub p99_us: f64,
}

/// Searching among some of the rows alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filtered {
    /// The share of the rows that is allowed.
    pub share: f64,
    /// Where they lie: `anywhere`, `near` for those nearest to the query, `far` for the farthest.
    pub rows: String,
    /// The length of the candidate list.
    pub ef: usize,
    /// The mean share of the exact k of the allowed rows that was found.
    pub recall: f64,
    /// Queries a second on one thread.
    pub qps: f64,
    /// Exact answers a second on one thread.
    pub exact_qps: f64,
}

/// A graph and its points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// The most neighbours of a node above level 0.
    pub m: usize,
    /// The length of the candidate list while building.
    pub ef_construction: usize,
    /// What made the lists.
    #[serde(default)]
    pub builder: Builder,
    /// Seconds to build, with all threads.
    pub build_s: f64,
    /// Milliseconds to open the files.
    #[serde(default)]
    pub open_ms: f64,
    /// Nodes that cannot be reached from the entry: none, or the build is wrong.
    pub unreachable: usize,
    /// What the checks after the build found and mended.
    #[serde(default)]
    pub health: Health,
    /// Bytes of vectors, keys and graph, a vector.
    pub bytes_per_vector: f64,
    /// Of these, of the graph and its codes: what a search goes through.
    #[serde(default)]
    pub graph_bytes_per_vector: f64,
    /// Exact answers a second through the graph's codes, one query at a time, one thread.
    #[serde(default)]
    pub exact_qps: f64,
    /// And all queries at once, one thread.
    #[serde(default)]
    pub exact_batch_qps: f64,
    /// Recall against speed.
    pub points: Vec<Point>,
    /// Searching among some of the rows, if asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filtered: Vec<Filtered>,
}

/// What `nigh bench recall` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recall {
    /// Vectors.
    pub n: usize,
    /// Their length.
    pub dim: usize,
    /// Neighbours asked for.
    pub k: usize,
    /// Queries asked.
    pub queries: usize,
    /// Exact answers a second from the vectors as they are, one query at a time, one thread.
    #[serde(alias = "exact_qps")]
    pub scan_qps: f64,
    /// Whether the exact answers came from an earlier run.
    pub truth_cached: bool,
    /// Threads for building and for `qps_all`.
    pub threads: usize,
    /// Every graph that was built.
    pub builds: Vec<Build>,
    /// What it was made with.
    pub manifest: serde_json::Value,
}

/// What became of the exact answers.
#[derive(Debug)]
pub enum Kept {
    /// They were there from before.
    Read,
    /// They were computed, and are there for the next time.
    Written,
    /// They were computed, and could not be kept.
    Lost(Error),
}

/// The exact neighbours of every query.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// `queries × k`, best first.
    pub hits: Vec<Vec<Hit>>,
}

/// Begins every file of kept exact answers.
const MAGIC: &[u8; 8] = b"NIGHTRU\n";

impl Truth {
    /// The exact `k` nearest of every query (`queries × dimensions`, row-major, unit), computed in
    /// blocks on all cores, or read from `cache`, a folder where they are kept by the content of
    /// vectors and queries.
    pub fn new(vectors: &VectorFile, queries: &[f32], k: usize, cache: &Path) -> (Self, Kept) {
        let k = k.min(vectors.rows());
        let file = cache.join(format!("{}.truth", key(vectors, queries, k)));
        if let Some(found) = Self::read(&file, queries.len() / vectors.dimensions(), k) {
            return (found, Kept::Read);
        }
        let truth = Self { hits: exact::search_many(vectors, queries, k) };
        let kept = match truth.write(&file) {
            Ok(()) => Kept::Written,
            Err(error) => Kept::Lost(Error::io(&file)(error)),
        };
        (truth, kept)
    }

    fn write(&self, file: &Path) -> std::io::Result<()> {
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut bytes = MAGIC.to_vec();
        for hit in self.hits.iter().flatten() {
            bytes.extend(hit.row.to_le_bytes());
            bytes.extend(hit.score.to_le_bytes());
        }
        bytes.extend(blake3::hash(&bytes).as_bytes());
        // A name of its own until it is whole: another process may be writing the same.
        let whole = tempfile::NamedTempFile::new_in(folder)?;
        std::fs::write(whole.path(), bytes)?;
        whole.persist(file).map_err(|error| error.error)?;
        Ok(())
    }

    /// `None` where there is none, or what is there is damaged.
    fn read(file: &Path, queries: usize, k: usize) -> Option<Self> {
        let bytes = std::fs::read(file).ok()?;
        let (content, sum) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        let hits = content.strip_prefix(MAGIC)?;
        if blake3::hash(content).as_bytes() != sum || hits.len() != queries * k * 8 {
            return None;
        }
        let number = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).unwrap_or_default();
        let hit = |bytes: &[u8]| Hit { row: number(&bytes[..4]), score: f32::from_bits(number(&bytes[4..])) };
        let hits = hits.chunks_exact(k * 8).map(|query| query.chunks_exact(8).map(hit).collect()).collect();
        Some(Self { hits })
    }

    /// The share of the exact neighbours of a query that `found` has. One that is as near as the
    /// last of them counts too: which of equals is found says nothing.
    pub fn recall(&self, query: usize, found: &[Hit]) -> f64 {
        let Some((exact, last)) = self.hits.get(query).and_then(|exact| Some((exact, exact.last()?))) else {
            return 0.0;
        };
        // The exact scan and the walk may sum in another order.
        let near = found.iter().filter(|hit| hit.score >= last.score - 1e-6).count();
        near.min(exact.len()) as f64 / exact.len() as f64
    }
}

fn key(vectors: &VectorFile, queries: &[f32], k: usize) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(vectors.checksum().as_bytes());
    hasher.update(&(k as u64).to_le_bytes());
    hasher.update(bytemuck::cast_slice(queries));
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Reads a raw file of little-endian 32-bit floats, `rows × dimensions`, and scales every row to
/// unit length.
///
/// # Errors
/// When its length does not fit, or a row is zero or has a value that is no number; the row is
/// named.
pub fn read_f32(path: &Path, dimensions: usize) -> Result<Vec<f32>> {
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    let row = dimensions * 4;
    if row == 0 || bytes.is_empty() || bytes.len() % row != 0 {
        let problem =
            format!("expected rows of {dimensions} 32-bit floats, {row} bytes each; found {} bytes", bytes.len());
        return Err(Error::file(path, problem));
    }
    let mut values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    for (number, row) in values.chunks_exact_mut(dimensions).enumerate() {
        if let Some(wrong) = row.iter().find(|value| !value.is_finite()) {
            return Err(Error::file(
                path,
                format!("row {number} (from 0) holds {wrong}; finite numbers were expected"),
            ));
        }
        let norm = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        if norm == 0.0 {
            return Err(Error::file(path, format!("row {number} (from 0) is zero; it has no direction")));
        }
        row.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
    }
    Ok(values)
}

/// Puts unit vectors into a file that can be searched.
///
/// # Errors
/// When it cannot be written.
pub fn write_vectors(path: &Path, values: &[f32], dimensions: usize) -> Result<()> {
    let mut writer = VectorWriter::create(&Files::default(), path, dimensions)?;
    for (key, row) in (0..).zip(values.chunks_exact(dimensions)) {
        writer.push(key, [0; 16], row)?;
    }
    writer.finish()?;
    Ok(())
}

/// What to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Neighbours asked for.
    pub k: usize,
    /// Lengths of the candidate list.
    pub efs: Vec<usize>,
    /// What walks compare.
    pub first: FirstPass,
    /// Shares of the rows to search among alone.
    pub shares: Vec<f64>,
    /// Threads for building and for the queries a second of all.
    pub threads: usize,
}

/// Builds a graph over the file of vectors at `base` and measures searching with it, just as a
/// collection does: few vectors are scanned. The graph is written beside `base`; `progress` is
/// told what is done, in words, and how far it is.
///
/// # Errors
/// When a parameter is out of range or the disk is full.
pub fn measure(
    base: &Path,
    queries: &[f32],
    truth: &Truth,
    params: Params,
    plan: &Plan,
    progress: &(dyn Fn(&str, usize, usize) + Sync),
) -> Result<Build> {
    let vectors = VectorFile::open(base)?;
    let begun = Instant::now();
    let graph = index::graph::build(&vectors, params, plan.threads, &|done, of| {
        progress("building", done, of);
        ControlFlow::Continue(())
    })?;
    let build_s = begun.elapsed().as_secs_f64();
    let file = base.with_extension("graph");
    graph.write(&Files::default(), &file)?;
    let (unreachable, health) = (graph.nodes() - graph.reachable(), graph.health());
    drop((graph, vectors));
    let size = |path: &Path| path.metadata().map(|metadata| metadata.len()).map_err(Error::io(path));
    let (vector_bytes, graph_bytes) = (size(base)? as f64, size(&file)? as f64);
    let begun = Instant::now();
    let segment = Segment::open(base, Some(&file))?;
    let open_ms = begun.elapsed().as_secs_f64() * 1e3;
    let rows = segment.vectors().rows() as f64;
    let steps = plan.efs.len() + 1;
    let mut points = Vec::new();
    for (done, &ef) in plan.efs.iter().enumerate() {
        progress("searching", done, steps);
        points.push(point(&segment, queries, truth, ef, plan)?);
    }
    progress("searching", plan.efs.len(), steps);
    let filtered = one_thread(|| filtered(&segment, queries, plan))??;
    let exact = |query: &[f32]| segment.search(query, plan.k, Method::Exact, None);
    let dimensions = segment.vectors().dimensions();
    let exact_qps =
        one_thread(|| rate(queries.chunks_exact(dimensions), |query| _ = std::hint::black_box(exact(query))))?;
    let count = queries.len() / dimensions;
    let exact_batch_qps = one_thread(|| {
        rate(std::iter::once(queries), |all| _ = std::hint::black_box(segment.search_many(all, plan.k, Method::Exact)))
    })? * count as f64;
    Ok(Build {
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

/// So many queries tell how filtered searches do: each needs rows of its own.
const FILTERED_QUERIES: usize = 100;
/// Where allowed rows lie: see [`Filtered::rows`].
const PLACES: [&str; 3] = ["anywhere", "near", "far"];

fn filtered(segment: &Segment, queries: &[f32], plan: &Plan) -> Result<Vec<Filtered>> {
    let (vectors, dot) = (segment.vectors(), index::distance::dot());
    let rows = vectors.rows();
    let ef = plan.efs.iter().copied().max().unwrap_or(plan.k);
    let method = Method::Graph { ef, first: plan.first };
    let ways = || plan.shares.iter().flat_map(|&share| PLACES.map(|place| (share, place)));
    let mut measured: Vec<(Vec<f64>, Duration, Duration)> = ways().map(|_| Default::default()).collect();
    let mut random = ChaCha8Rng::seed_from_u64(rows as u64);
    for query in queries.chunks_exact(vectors.dimensions()).take(FILTERED_QUERIES) {
        if plan.shares.is_empty() {
            break;
        }
        let each = vectors.vectors().chunks_exact(vectors.dimensions());
        let mut near: Vec<Hit> = each.zip(0..).map(|(vector, row)| Hit { row, score: dot(query, vector) }).collect();
        for ((share, place), (recalls, took, exact_took)) in ways().zip(&mut measured) {
            let count = ((rows as f64 * share).round() as usize).clamp(1, rows);
            let mut allowed = Bits::new(rows);
            match place {
                "anywhere" => {
                    rand::seq::index::sample(&mut random, rows, count)
                        .iter()
                        .for_each(|row| _ = allowed.insert(row as u32));
                }
                "near" => _ = near.select_nth_unstable_by(count - 1, |a, b| b.cmp(a)),
                _ => _ = near.select_nth_unstable(count - 1),
            }
            if place != "anywhere" {
                near[..count].iter().for_each(|hit| _ = allowed.insert(hit.row));
            }
            let begun = Instant::now();
            let exact = segment.search(query, plan.k, Method::Exact, Some(&allowed))?;
            *exact_took += begun.elapsed();
            let begun = Instant::now();
            let found = segment.search(query, plan.k, method, Some(&allowed))?;
            *took += begun.elapsed();
            recalls.push(Truth { hits: vec![exact] }.recall(0, &found));
        }
    }
    let filtered = ways().zip(measured).map(|((share, place), (recalls, took, exact_took))| Filtered {
        share,
        rows: place.to_owned(),
        ef,
        recall: crate::table::mean(&recalls),
        qps: recalls.len() as f64 / took.as_secs_f64(),
        exact_qps: recalls.len() as f64 / exact_took.as_secs_f64(),
    });
    Ok(filtered.collect())
}

/// Passes over the queries go on for at least so long, so that the clock is fine enough.
const LEAST: Duration = Duration::from_millis(300);

fn point(segment: &Segment, queries: &[f32], truth: &Truth, ef: usize, plan: &Plan) -> Result<Point> {
    let dimensions = segment.vectors().dimensions();
    let method = Method::Graph { ef, first: plan.first };
    let search = |query: &[f32]| segment.search(query, plan.k, method, None);
    let rows = || queries.chunks_exact(dimensions);
    // Warms caches, and is the pass that is judged. Queries that fail would fail here.
    let judge = |(at, query)| Ok(truth.recall(at, &search(query)?));
    let recalls = rows().enumerate().map(judge).collect::<Result<Vec<f64>>>()?;
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < LEAST {
        for query in rows() {
            let begun = Instant::now();
            let _ = std::hint::black_box(search(query));
            times.push(begun.elapsed().as_secs_f64() * 1e6);
        }
    }
    let qps = times.len() as f64 / begun.elapsed().as_secs_f64();
    let count = truth.hits.len();
    let passes = (times.len() / count.max(1)).max(1) * plan.threads;
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..plan.threads {
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
    let qps_all = (passes * count) as f64 / begun.elapsed().as_secs_f64();
    times.sort_unstable_by(f64::total_cmp);
    let percentile =
        |share: f64| times.get((share * times.len() as f64) as usize).or(times.last()).copied().unwrap_or(0.0);
    Ok(Point {
        ef,
        walked: segment.walks(plan.k, ef, None),
        recall: crate::table::mean(&recalls),
        qps,
        qps_all,
        p50_us: percentile(0.5),
        p95_us: percentile(0.95),
        p99_us: percentile(0.99),
    })
}

/// Exact answers a second from the vectors as they are, one query after the other on one thread.
///
/// # Errors
/// When the thread cannot be started.
pub fn scan_qps(vectors: &VectorFile, queries: &[f32], k: usize) -> Result<f64> {
    let scan = |query: &[f32]| _ = std::hint::black_box(exact::search(vectors, query, k, None));
    one_thread(|| rate(queries.chunks_exact(vectors.dimensions()), scan))
}

/// Runs something that would use all cores on one thread.
fn one_thread<T: Send>(run: impl FnOnce() -> T + Send) -> Result<T> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.map_err(|error| index::Error::Threads { threads: 1, said: error.to_string() })?;
    Ok(pool.install(run))
}

/// How many a second are asked.
fn rate<'a>(queries: impl Iterator<Item = &'a [f32]> + Clone, ask: impl Fn(&[f32])) -> f64 {
    let begun = Instant::now();
    let mut asked = 0usize;
    for query in queries.cycle() {
        ask(query);
        asked += 1;
        if begun.elapsed() >= LEAST {
            break;
        }
    }
    asked as f64 / begun.elapsed().as_secs_f64()
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
    fn a_graph_is_measured_against_the_exact_scan() {
        let dir = tempfile::tempdir().unwrap();
        let (base, queries) = (values(3000, 1), values(20, 2));
        let file = dir.path().join("a.vec");
        write_vectors(&file, &base, 16).unwrap();
        let vectors = VectorFile::open(&file).unwrap();
        let kept = dir.path().join("kept");
        let (truth, made) = Truth::new(&vectors, &queries, 10, &kept);
        assert!(matches!(made, Kept::Written));
        for (query, hits) in queries.chunks_exact(16).zip(&truth.hits) {
            assert_eq!(*hits, exact::search(&vectors, query, 10, None));
        }
        let (again, made) = Truth::new(&vectors, &queries, 10, &kept);
        assert!(matches!(made, Kept::Read) && again == truth);
        let (again, made) = Truth::new(&vectors, &queries, 10, &file);
        assert!(matches!(made, Kept::Lost(_)) && again == truth, "a cache that cannot be kept costs nothing else");
        let plan = Plan { k: 10, efs: vec![10, 50], first: FirstPass::Int8, shares: vec![0.5, 0.01], threads: 2 };
        let params = Params { m: 8, ef_construction: 60, ..Params::default() };
        let build = measure(&file, &queries, &truth, params, &plan, &|_, _, _| {}).unwrap();
        assert_eq!(build.unreachable, 0);
        assert!(build.points[0].recall < build.points[1].recall && build.points[1].recall > 0.97, "{build:?}");
        assert!(build.points.iter().all(|p| p.qps > 0.0 && p.qps_all > 0.0 && p.p50_us <= p.p99_us));
        assert!(build.bytes_per_vector > 16.0 * 4.0 + 24.0 && build.graph_bytes_per_vector > 64.0);
        assert!(build.exact_qps > 0.0 && build.exact_batch_qps > 0.0 && build.open_ms > 0.0);
        assert_eq!(build.filtered.len(), 6);
        assert!(build.filtered.iter().all(|f| f.recall > 0.9 && f.qps > 0.0 && f.exact_qps > 0.0), "{build:?}");
    }

    #[test]
    fn damaged_exact_answers_are_computed_again() {
        let dir = tempfile::tempdir().unwrap();
        let (base, queries) = (values(50, 1), values(3, 2));
        let file = dir.path().join("a.vec");
        write_vectors(&file, &base, 16).unwrap();
        let vectors = VectorFile::open(&file).unwrap();
        let kept = dir.path().join("kept");
        let (truth, _) = Truth::new(&vectors, &queries, 5, &kept);
        let kept_file = std::fs::read_dir(&kept).unwrap().next().unwrap().unwrap().path();
        let mut bytes = std::fs::read(&kept_file).unwrap();
        bytes[20] ^= 1;
        std::fs::write(&kept_file, bytes).unwrap();
        let (again, made) = Truth::new(&vectors, &queries, 5, &kept);
        assert!(matches!(made, Kept::Written) && again == truth);
    }

    #[test]
    fn as_near_as_the_last_counts() {
        let hit = |row, score| Hit { row, score };
        let truth = Truth { hits: vec![vec![hit(1, 0.9), hit(2, 0.8)]] };
        assert_eq!(truth.recall(0, &[hit(1, 0.9), hit(7, 0.8)]), 1.0);
        assert_eq!(truth.recall(0, &[hit(1, 0.9), hit(7, 0.7)]), 0.5);
    }

    #[test]
    fn raw_files_that_are_none_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.f32");
        let write = |values: &[f32]| std::fs::write(&path, bytemuck::cast_slice::<f32, u8>(values)).unwrap();
        write(&[3.0, 4.0, 0.0, 0.0]);
        assert!(read_f32(&path, 2).unwrap_err().to_string().contains("row 1 (from 0) is zero"));
        write(&[3.0, f32::NAN]);
        assert!(read_f32(&path, 2).unwrap_err().to_string().contains("row 0 (from 0) holds NaN"));
        write(&[3.0, 4.0, 1.0]);
        assert!(read_f32(&path, 2).unwrap_err().to_string().contains("found 12 bytes"));
        write(&[3.0, 4.0]);
        assert_eq!(read_f32(&path, 2).unwrap(), [0.6, 0.8]);
    }
}
