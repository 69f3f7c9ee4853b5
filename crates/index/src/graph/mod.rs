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

pub use build::{Builder, Params, Progress, build};
pub use flat::Graph;
pub(crate) use flat::Groups;
pub use reach::Health;
pub use search::FirstPass;
pub(crate) use walk::Near;

#[cfg(test)]
pub(crate) mod testing {
    use crate::{VectorFile, VectorWriter};

    /// A small repeatable generator (SplitMix64), for tests that need vectors and no more.
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
    }

    pub fn normalized(vector: Vec<f32>) -> Vec<f32> {
        let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.into_iter().map(|x| x / norm).collect()
    }

    pub fn file(folder: &std::path::Path, rows: &[Vec<f32>]) -> VectorFile {
        let path = folder.join("test.vec");
        let mut writer = VectorWriter::create(&path, rows[0].len()).unwrap();
        for (key, row) in (0..).zip(rows) {
            writer.push(key, [0; 16], row).unwrap();
        }
        writer.finish().unwrap();
        VectorFile::open(&path).unwrap()
    }
}
