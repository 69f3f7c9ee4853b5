//! The flat HNSW graph: neighbour lists in one array of 32-bit words, mapped from a file.
//!
//! Malkov and Yashunin, *Efficient and robust approximate nearest neighbor search using
//! Hierarchical Navigable Small World graphs*, arXiv:1603.09320.

mod batch;
mod build;
mod draft;
mod filter;
mod first;
mod flat;
mod links;
mod oracle;
mod reach;
mod renumber;
mod search;
mod select;
mod twins;
mod walk;

pub use build::{Builder, Params, Progress, build, memory};
pub use flat::Graph;
pub(crate) use flat::Groups;
pub use reach::Health;
pub use search::FirstPass;
pub(crate) use walk::Near;

#[cfg(test)]
#[path = "../../tests/common/random.rs"]
mod random;

#[cfg(test)]
pub(crate) mod testing {
    pub use super::random::Random;
    use crate::{VectorFile, VectorWriter};

    pub fn file(folder: &std::path::Path, rows: &[Vec<f32>]) -> VectorFile {
        let path = folder.join("test.vec");
        let mut writer = VectorWriter::create(&crate::Files::default(), &path, rows[0].len()).unwrap();
        for (key, row) in (0..).zip(rows) {
            writer.push(key, [0; 16], row).unwrap();
        }
        writer.finish().unwrap();
        VectorFile::open(&path).unwrap()
    }
}
