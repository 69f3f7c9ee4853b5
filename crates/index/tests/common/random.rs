//! Reproducible pseudo-random vectors. Included as a module by the unit tests, the integration
//! tests and the benches, which have no crate in common.
#![allow(dead_code, reason = "each of them uses some of these")]

/// The SplitMix64 generator; the field is its state.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in −1..1.
    pub fn value(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    /// A unit vector.
    pub fn unit(&mut self, dimensions: usize) -> Vec<f32> {
        normalized((0..dimensions).map(|_| self.value()).collect())
    }

    /// A unit vector near `center`: each value is moved by up to `spread`, then the vector is
    /// normalized.
    pub fn near(&mut self, center: &[f32], spread: f32) -> Vec<f32> {
        normalized(center.iter().map(|x| x + spread * self.value()).collect())
    }

    /// `clusters` clusters of `each` vectors; consecutive vectors belong to different clusters.
    pub fn clustered(
        &mut self,
        clusters: usize,
        each: usize,
        spread: f32,
        dimensions: usize,
    ) -> Vec<Vec<f32>> {
        let centers: Vec<_> = (0..clusters).map(|_| self.unit(dimensions)).collect();
        (0..clusters * each)
            .map(|i| self.near(&centers[i % clusters], spread))
            .collect()
    }
}

fn normalized(vector: Vec<f32>) -> Vec<f32> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.into_iter().map(|x| x / norm).collect()
}
