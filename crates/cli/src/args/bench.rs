//! Arguments of the benchmarks.

use super::{BuilderArg, CollectionArg, FirstPassArg, SearchOptions};
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

/// `nigh bench`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh bench embed                    speed of the model on this machine
  nigh bench recall                   recall of the collection's graph
  nigh bench search --queries q.jsonl search latency")]
pub struct Bench {
    /// The benchmark to run.
    #[command(subcommand)]
    pub what: BenchWhat,
}

/// The benchmarks.
#[derive(Debug, Subcommand)]
pub enum BenchWhat {
    /// Measure embedding: throughput, query latency, start-up time and memory
    Embed(BenchEmbed),
    /// Measure the graph against an exact scan: recall, speed, build time and memory
    Recall(BenchRecall),
    /// Measure search latency, from a question to its ranked answers
    Search(BenchSearch),
}

/// `nigh bench search`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh bench search --queries questions.jsonl
  nigh bench search -c books --queries questions.jsonl --mode dense --filter 'year:>2000'

Runs the queries one after another, as nigh search does, embedding included, after a warm-up.
Reports p50, p90 and p99 latency.")]
pub struct BenchSearch {
    #[command(flatten)]
    pub target: CollectionArg,
    /// Read queries from FILE: JSON Lines with `_id` and `text`
    #[arg(long, value_name = "FILE")]
    pub queries: PathBuf,
    /// Use at most N queries
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Rank N hits
    #[arg(short, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub k: u32,
    #[command(flatten)]
    pub search: SearchOptions,
}

/// `nigh bench embed`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh bench embed
  nigh bench embed --texts passages.txt --threads 1
  nigh bench embed --model BGESmallENV15")]
pub struct BenchEmbed {
    /// Use this model [default: builtin]
    #[arg(long, value_name = "NAME|DIR")]
    pub model: Option<String>,
    /// Embed the lines of FILE [default: the built-in articles, in passages of 128 tokens]
    #[arg(long, value_name = "FILE")]
    pub texts: Option<PathBuf>,
    /// Embed on N threads [default: number of cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// `nigh bench recall`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh bench recall                                      a collection, with its own vectors as queries
  nigh bench recall --queries questions.jsonl            with these queries
  nigh bench recall --base x.f32 --queries q.f32 --dim 384 --ef 40,80 --m 16,32

Raw files hold little-endian 32-bit floats, row after row; rows are scaled to unit length. A new
graph is built for every M and searched as a collection searches it. The exact answers are cached in
the user's cache folder. A neighbor at the same distance as the k-th counts as found. The candidate
list holds at least k nodes; where there are at most 50 vectors per candidate, all are scanned
instead, which takes no longer. --allow also measures searches restricted to a share of the rows,
with the largest candidate list: rows at random, those nearest to the query, and those farthest
from it.")]
pub struct BenchRecall {
    #[command(flatten)]
    pub target: CollectionArg,
    /// Search these raw vectors instead of a collection
    #[arg(long, value_name = "X.f32", requires = "dim", requires = "queries")]
    pub base: Option<PathBuf>,
    /// Read queries from FILE: raw vectors with --base, otherwise JSON Lines with `_id` and `text`
    #[arg(long, value_name = "FILE")]
    pub queries: Option<PathBuf>,
    /// Number of dimensions of the raw vectors
    #[arg(long, value_name = "D", requires = "base")]
    pub dim: Option<usize>,
    /// Search with candidate lists of these sizes (ef_search)
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "10,20,40,80,160,320", value_parser = parse_ef)]
    pub ef: Vec<usize>,
    /// Search for the N nearest neighbors
    #[arg(short, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub k: u32,
    /// Build with at most M neighbors per node
    #[arg(long, value_name = "M,…", value_delimiter = ',', default_value = "16")]
    pub m: Vec<usize>,
    /// Build with a candidate list of N nodes (ef_construction)
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub ef_construction: usize,
    /// Build with this implementation
    #[arg(long, value_enum, default_value_t = BuilderArg::Batch)]
    pub builder: BuilderArg,
    /// Use this seed for levels and insertion order
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Compare codes of this kind in the graph, before rescoring with the vectors
    #[arg(long, value_enum, default_value_t = FirstPassArg::Int8)]
    pub first_pass: FirstPassArg,
    /// Also measure filtered searches that allow these shares of the rows, such as 0.5,0.01
    #[arg(long, value_name = "SHARE,…", value_delimiter = ',', value_parser = parse_share)]
    pub allow: Vec<f64>,
    /// Build, and measure parallel throughput, on N threads [default: number of cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Write a report with the recall curve to DIR
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
}

fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("expected a number above 0 and not above 1".to_owned()),
    }
}

fn parse_ef(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (1..=1_000_000).contains(&number) => Ok(number),
        _ => Err("expected a whole number from 1 to 1,000,000".to_owned()),
    }
}
