//! What is done with an input, whoever made it: the fuzzer, or the corpus that it left. It may be
//! refused; it may not make anything panic, and what comes of it must be sound.

mod articles;
mod embedded;
mod files;
mod http;
mod judging;

use ingest::Format;
use std::cell::OnceCell;
use std::path::PathBuf;

/// Everything that takes input from outside.
#[allow(dead_code, reason = "a fuzzer takes one of them")]
pub const TARGETS: [&str; 17] = [
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
    "parquet",
    "pdf",
    "qa",
    "qrels",
    "queries",
    "run",
    "text",
];

/// Gives an input to what it is meant for.
pub fn take(target: &str, input: &[u8]) {
    match target {
        "csv" => articles::read("a.csv", Format::Csv, input),
        "documents" => articles::read_document(input),
        "html" => articles::read("a.html", Format::Html, input),
        "jsonl" => articles::read("a.jsonl", Format::Jsonl, input),
        "markdown" => articles::read("a.md", Format::Markdown, input),
        "parquet" => articles::read("a.parquet", Format::Parquet, input),
        "pdf" => articles::read("a.pdf", Format::Pdf, input),
        "qa" => articles::read("a.txt", Format::Qa, input),
        "text" => articles::read("a.txt", Format::Text, input),
        "embedded" => embedded::lines(input),
        "embedded_parquet" => embedded::parquet(input),
        "files" => files::open(input),
        "filter" => judging::filter(input),
        "http" => http::ask(input),
        "qrels" => judging::judgements(input),
        "queries" => judging::queries(input),
        "run" => judging::run(input),
        other => panic!("{other} takes no input"),
    }
}

thread_local! {
    static FOLDER: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

/// A folder in memory, where there is such a thing.
fn folder() -> PathBuf {
    let new = || {
        tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .expect("a folder")
    };
    FOLDER.with(|folder| folder.get_or_init(new).path().to_owned())
}

/// A file of this name that holds `bytes`: a new one, for the last may still be mapped.
fn put(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    let _ = std::fs::remove_file(&path);
    std::fs::write(&path, bytes).expect("a file");
    path
}
