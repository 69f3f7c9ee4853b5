//! Vectors that are the same everywhere, and files of them.

#![allow(dead_code, reason = "every test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use index::{Graph, Params, Segment, VectorFile, VectorWriter, graph};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between −1 and 1.
    pub fn value(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub fn unit(&mut self, dimensions: usize) -> Vec<f32> {
        normalized((0..dimensions).map(|_| self.value()).collect())
    }

    /// Near `centre`: each value moved by up to `spread`.
    pub fn near(&mut self, centre: &[f32], spread: f32) -> Vec<f32> {
        normalized(centre.iter().map(|x| x + spread * self.value()).collect())
    }

    /// `clusters` crowds of `each` vectors, in turn.
    pub fn clustered(&mut self, clusters: usize, each: usize, spread: f32, dimensions: usize) -> Vec<Vec<f32>> {
        let centres: Vec<_> = (0..clusters).map(|_| self.unit(dimensions)).collect();
        (0..clusters * each).map(|i| self.near(&centres[i % clusters], spread)).collect()
    }
}

fn normalized(vector: Vec<f32>) -> Vec<f32> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.into_iter().map(|x| x / norm).collect()
}

/// Vectors and a graph over them, in a folder.
pub struct Built {
    pub folder: tempfile::TempDir,
    pub segment: Segment,
    pub checksum: String,
}

pub fn write(folder: &Path, rows: &[Vec<f32>]) -> PathBuf {
    let path = folder.join("a.vec");
    let mut writer = VectorWriter::create(&path, rows[0].len()).unwrap();
    for (key, row) in (0..).zip(rows) {
        writer.push(key, [0; 16], row).unwrap();
    }
    writer.finish().unwrap();
    path
}

pub fn build(rows: &[Vec<f32>], params: Params, threads: usize) -> Built {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), rows);
    let vectors = VectorFile::open(&path).unwrap();
    let graph: Graph = graph::build(&vectors, params, threads, &|_, _| ControlFlow::Continue(())).unwrap();
    let file = folder.path().join("a.graph");
    let checksum = graph.write(&file).unwrap();
    Built { segment: Segment::open(&path, Some(&file)).unwrap(), folder, checksum }
}
