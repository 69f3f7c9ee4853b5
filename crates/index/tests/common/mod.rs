//! Files of vectors, and graphs over them.

#![allow(dead_code, reason = "every test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod random;

use index::{Files, Graph, Params, Segment, VectorFile, VectorWriter, graph};
pub use random::Random;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Vectors and a graph over them, in a folder.
pub struct Built {
    pub folder: tempfile::TempDir,
    pub segment: Segment,
    pub checksum: String,
}

pub fn write(files: &Files, folder: &Path, rows: &[Vec<f32>]) -> PathBuf {
    let path = folder.join("a.vec");
    let mut writer = VectorWriter::create(files, &path, rows[0].len()).unwrap();
    for (key, row) in (0..).zip(rows) {
        writer.push(key, [0; 16], row).unwrap();
    }
    writer.finish().unwrap();
    path
}

pub fn build(rows: &[Vec<f32>], params: Params, threads: usize) -> Built {
    build_with(&Files::default(), rows, params, threads)
}

pub fn build_with(files: &Files, rows: &[Vec<f32>], params: Params, threads: usize) -> Built {
    let folder = tempfile::tempdir().unwrap();
    let path = write(files, folder.path(), rows);
    let vectors = VectorFile::open(&path).unwrap();
    let graph: Graph = graph::build(&vectors, params, threads, &|_, _| ControlFlow::Continue(())).unwrap();
    let file = folder.path().join("a.graph");
    let checksum = graph.write(files, &file).unwrap();
    Built { segment: Segment::open(&path, Some(&file)).unwrap(), folder, checksum }
}

/// Files without seals, as those of the first releases are: what is wrong in them is met where it is used.
pub fn unsealed() -> Files {
    Files { sealed: false, ..Files::default() }
}
