//! Helpers that write vector files and build graphs over them.

#![allow(dead_code, reason = "each test binary uses some of these")]
#![allow(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

mod random;

use index::{Graph, Params, Segment, VectorFile, VectorWriter, WriteOptions, graph};
pub use random::Random;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A segment with a graph, in a temporary folder.
pub struct Built {
    pub folder: tempfile::TempDir,
    pub segment: Segment,
    pub checksum: String,
}

/// Writes `a.vec` with keys 0, 1, …
pub fn write(options: &WriteOptions, folder: &Path, rows: &[Vec<f32>]) -> PathBuf {
    let path = folder.join("a.vec");
    let mut writer = VectorWriter::create(options, &path, rows[0].len()).unwrap();
    for (key, row) in (0..).zip(rows) {
        writer.push(key, [0; 16], row).unwrap();
    }
    writer.finish().unwrap();
    path
}

pub fn build(rows: &[Vec<f32>], params: Params, threads: usize) -> Built {
    build_with(&WriteOptions::default(), rows, params, threads)
}

pub fn build_with(
    options: &WriteOptions,
    rows: &[Vec<f32>],
    params: Params,
    threads: usize,
) -> Built {
    let folder = tempfile::tempdir().unwrap();
    let path = write(options, folder.path(), rows);
    let vectors = VectorFile::open(&path).unwrap();
    let graph: Graph =
        graph::build(&vectors, params, threads, &|_, _| ControlFlow::Continue(())).unwrap();
    let file = folder.path().join("a.graph");
    let checksum = graph.write(options, &file).unwrap();
    Built {
        segment: Segment::open(&path, Some(&file)).unwrap(),
        folder,
        checksum,
    }
}

/// Options for files without seals, as early releases wrote them: damage in them is not detected on
/// reading.
pub fn unsealed() -> WriteOptions {
    WriteOptions {
        sealed: false,
        ..WriteOptions::default()
    }
}
