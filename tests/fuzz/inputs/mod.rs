//! The fuzz targets, shared by the fuzzer and the replay of its corpus in `tests/corpora.rs`. An input
//! may be rejected; it must not cause a panic, and whatever is read from it must be valid.

mod articles;
mod documents;
mod embedded;
mod files;
mod http;
mod judging;
mod model;

use ingest::Format;
use ingest::read::sandbox::Sandbox;
use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::OnceLock;

/// Where parsers run that may crash; a fuzzer wants them in its own process.
pub static SANDBOX: OnceLock<Sandbox> = OnceLock::new();

/// Everything that reads untrusted input.
#[allow(dead_code, reason = "a fuzzer runs a single target")]
pub const TARGETS: [&str; 18] = [
    "csv",
    "documents",
    "embedded",
    "embedded_parquet",
    "files",
    "filter",
    "html",
    "http",
    "jsonl",
    "markdown",
    "model",
    "parquet",
    "pdf",
    "qa",
    "qrels",
    "queries",
    "run",
    "text",
];

/// Runs a target on an input.
pub fn run_target(target: &str, input: &[u8]) {
    match target {
        "csv" => articles::check_file("a.csv", Format::Csv, input),
        "documents" => documents::check(input),
        "html" => articles::check_file("a.html", Format::Html, input),
        "jsonl" => articles::check_file("a.jsonl", Format::Jsonl, input),
        "markdown" => articles::check_file("a.md", Format::Markdown, input),
        "parquet" => articles::check_file("a.parquet", Format::Parquet, input),
        "pdf" => articles::check_file("a.pdf", Format::Pdf, input),
        "qa" => articles::check_file("a.txt", Format::Qa, input),
        "text" => articles::check_file("a.txt", Format::Text, input),
        "embedded" => embedded::check_jsonl(input),
        "embedded_parquet" => embedded::check_parquet(input),
        "files" => files::check_segment(input),
        "filter" => judging::check_filter(input),
        "http" => http::send(input),
        "model" => model::check_model(input),
        "qrels" => judging::check_judgements(input),
        "queries" => judging::check_queries(input),
        "run" => judging::check_run(input),
        other => panic!("unknown target {other}"),
    }
}

thread_local! {
    static FOLDER: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

/// A temporary folder of this thread, in memory if `/dev/shm` exists.
fn folder() -> PathBuf {
    let new = || {
        tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .expect("a folder")
    };
    FOLDER.with(|folder| folder.get_or_init(new).path().to_owned())
}

/// Writes `bytes` to a new file of this name. The previous file is removed rather than overwritten,
/// because it may still be mapped.
fn put(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    let _ = std::fs::remove_file(&path);
    std::fs::write(&path, bytes).expect("a file");
    path
}
