//! The commands that measure.

use super::{BuilderArg, FirstPassArg, How, OnCollection};
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

/// `nigh bench`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh bench embed                    how fast the model is here
  nigh bench recall                   what the graph misses in the collection
  nigh bench search --queries q.jsonl how long answers take")]
pub struct Bench {
    /// What to measure.
    #[command(subcommand)]
    pub what: BenchWhat,
}

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum BenchWhat {
    /// Embedding: passages and word pieces a second, milliseconds a question, start-up, memory
    Embed(BenchEmbed),
    /// The graph against the exact scan: recall, speed, build time, memory, health
    Recall(BenchRecall),
    /// From a question to its ranked answer: milliseconds
    Search(BenchSearch),
}

/// `nigh bench search`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh bench search --queries questions.jsonl
  nigh bench search -c books --queries questions.jsonl --mode dense --filter 'year:>2000'

Questions are asked one after the other, as nigh search asks them, embedding included, after some
to warm up. What is told is the middle one, and those that nine in ten and ninety-nine in a hundred
stay below.")]
pub struct BenchSearch {
    #[command(flatten)]
    pub on: OnCollection,
    /// The questions: JSON lines with `_id` and `text`
    #[arg(long, value_name = "FILE")]
    pub queries: PathBuf,
    /// At most so many of them
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// How many hits
    #[arg(short, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub k: u32,
    #[command(flatten)]
    pub how: How,
}

/// `nigh bench embed`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh bench embed
  nigh bench embed --texts passages.txt --threads 1
  nigh bench embed --model BGESmallENV15")]
pub struct BenchEmbed {
    /// The model [default: builtin]
    #[arg(long, value_name = "NAME|DIR")]
    pub model: Option<String>,
    /// The passages, one a line [default: the built-in articles, cut into 128 word pieces]
    #[arg(long, value_name = "FILE")]
    pub texts: Option<PathBuf>,
    /// How many threads [default: one a core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// `nigh bench recall`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh bench recall                                      the collection, asked for its own vectors
  nigh bench recall --queries questions.jsonl            asked these questions
  nigh bench recall --base x.f32 --queries q.f32 --dim 384 --ef 40,80 --m 16,32

Raw files hold little-endian 32-bit floats, row after row; rows are scaled to unit length. The graph
is built anew for every M and measured as a collection would search it. The exact answers are kept
in the user's cache folder, by the content of vectors and queries. A neighbour as near as the k-th
counts as found. A walk keeps at least k candidates; where there are no more than 50 vectors for
each of them, all are looked at instead: that takes no longer. With --allow, searches among a share
of the rows are measured too: rows from anywhere, those nearest to the query, and those farthest
from it, with the longest candidate list.")]
pub struct BenchRecall {
    #[command(flatten)]
    pub on: OnCollection,
    /// Raw vectors to search instead of a collection's
    #[arg(long, value_name = "X.f32", requires = "dim", requires = "queries")]
    pub base: Option<PathBuf>,
    /// What to ask for: raw vectors with --base, else questions as JSON lines
    #[arg(long, value_name = "FILE")]
    pub queries: Option<PathBuf>,
    /// How many numbers a row of the raw files has
    #[arg(long, value_name = "D", requires = "base")]
    pub dim: Option<usize>,
    /// Lengths of the candidate list to measure
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "10,20,40,80,160,320", value_parser = at_least_one)]
    pub ef: Vec<usize>,
    /// How many neighbours are asked for
    #[arg(short, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub k: u32,
    /// The most neighbours of a node, to build with
    #[arg(long, value_name = "M,…", value_delimiter = ',', default_value = "16")]
    pub m: Vec<usize>,
    /// The length of the candidate list while building
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub ef_construction: usize,
    /// What builds the graph
    #[arg(long, value_enum, default_value_t = BuilderArg::Batch)]
    pub builder: BuilderArg,
    /// What levels and the order of insertion are made from
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// What walks compare before vectors are looked at
    #[arg(long, value_enum, default_value_t = FirstPassArg::Int8)]
    pub first_pass: FirstPassArg,
    /// Shares of the rows to search among alone, such as 0.5,0.01
    #[arg(long, value_name = "SHARE,…", value_delimiter = ',', value_parser = share)]
    pub allow: Vec<f64>,
    /// How many threads build, and search for the second figure [default: one a core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Write a report with the curve into this folder
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("expected a number above 0 and not above 1".to_owned()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (1..=1_000_000).contains(&number) => Ok(number),
        _ => Err("expected a whole number from 1 to 1,000,000".to_owned()),
    }
}
