//! The HNSW graph: neighbor lists of fixed width in one array of 32-bit words, mapped from a file.
//!
//! Malkov and Yashunin, *Efficient and robust approximate nearest neighbor search using
//! Hierarchical Navigable Small World graphs*, arXiv:1603.09320.

mod batch;
mod build;
mod duplicates;
mod file;
mod filtered;
mod format_v1;
mod hnsw;
mod hnsw_rs_builder;
mod layer;
mod mutable;
mod params;
mod reachability;
mod reorder;
mod repair;
mod report;
mod search;
mod search_layer;
mod select;

pub use build::build;
pub use hnsw::Graph;
pub(crate) use hnsw::NodeRows;
pub use params::{Builder, Params, Progress, estimate_build_memory};
pub use report::BuildReport;
pub use search::Quantization;

#[cfg(test)]
#[path = "../../tests/common/random.rs"]
mod random;

#[cfg(test)]
pub(crate) mod testing {
    pub use super::random::Random;
    use crate::{VectorFile, VectorWriter};

    /// Writes a vector file with keys 0, 1, … and opens it.
    pub fn vector_file(folder: &std::path::Path, rows: &[Vec<f32>]) -> VectorFile {
        let path = folder.join("test.vec");
        let mut writer =
            VectorWriter::create(&crate::WriteOptions::default(), &path, rows[0].len()).unwrap();
        for (key, row) in (0..).zip(rows) {
            writer.push(key, [0; 16], row).unwrap();
        }
        writer.finish().unwrap();
        VectorFile::open(&path).unwrap()
    }
}
