//! Benchmarks a graph: recall against exact search, and speed.

mod truth;
mod vectors;

pub use truth::{CacheOutcome, GroundTruth};
pub use vectors::{read_f32, write_vectors};

use crate::Result;
use disk::PathError;
use eval::recall::{FilteredPoint, GraphBenchmark, RecallPoint};
use index::{
    Bits, Neighbor, Params, Quantization, SearchStrategy, Segment, VectorFile, WriteOptions, exact,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

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
/// [`Error::Index`](crate::Error::Index) if a parameter is out of range or a file cannot be written, [`Error::Io`](crate::Error::Io) if
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
    let exact_on_codes_qps = on_one_thread(|| {
        queries_per_second(queries.chunks_exact(dimensions), |query| {
            _ = std::hint::black_box(exact(query))
        })
    })?;
    let count = queries.len() / dimensions;
    let exact_on_codes_batch_qps = on_one_thread(|| {
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
        exact_on_codes_qps,
        exact_on_codes_batch_qps,
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
        let mut by_score: Vec<Neighbor> = each
            .zip(0..)
            .map(|(vector, row)| Neighbor {
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
            recall: eval::table::mean(&recalls),
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
        recall: eval::table::mean(&recalls),
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
/// [`Error::Index`](crate::Error::Index) if the thread cannot be started.
pub fn scan_qps(vectors: &VectorFile, queries: &[f32], k: usize) -> Result<f64> {
    let scan = |query: &[f32]| _ = std::hint::black_box(exact::search(vectors, query, k, None));
    on_one_thread(|| queries_per_second(queries.chunks_exact(vectors.dimensions()), scan))
}

/// Runs `run` with rayon limited to one thread.
fn on_one_thread<T: Send>(run: impl FnOnce() -> T + Send) -> Result<T> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.map_err(|error| index::Error::Threads { threads: 1, error })?;
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

    pub fn values(rows: usize, seed: u32) -> Vec<f32> {
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
        assert!(
            build.exact_on_codes_qps > 0.0
                && build.exact_on_codes_batch_qps > 0.0
                && build.open_ms > 0.0
        );
        assert_eq!(build.filtered.len(), 6);
        assert!(
            build
                .filtered
                .iter()
                .all(|f| f.recall > 0.9 && f.qps > 0.0 && f.exact_qps > 0.0),
            "{build:?}"
        );
    }
}
