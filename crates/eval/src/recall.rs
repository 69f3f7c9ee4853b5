//! The results of benchmarking a graph, for the report. The engine measures them.

use index::{BuildReport, Builder};
use serde::{Deserialize, Serialize};

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
    /// too; see [`index::Segment::uses_graph`].
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
    #[serde(default, rename = "exact_qps")]
    pub exact_on_codes_qps: f64,
    /// The same with all queries in one batch, one thread.
    #[serde(default, rename = "exact_batch_qps")]
    pub exact_on_codes_batch_qps: f64,
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
    #[serde(rename = "manifest")]
    pub provenance: serde_json::Value,
}
