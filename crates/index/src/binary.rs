//! Binary quantization: one sign bit per dimension. A thirty-second of the memory, and a rough
//! cosine.
//!
//! The cosine of *x* and *q* is estimated as ⟨sign *x*, *q*⟩ / |*x*|₁, which is exact for *q* =
//! *x*: Gao and Long, *RaBitQ*, SIGMOD 2024, without its random rotation. Sentence embeddings do
//! not need that: their dimensions are of similar magnitude.

use crate::codes::{QuantizedView, Scorer};
use crate::distance::binary::{self, BitPlaneDot, BitPlanes, PLANES};
use crate::distance::prefetch::prefetch;

/// The binary codes of many vectors.
pub struct BinaryCodes {
    /// 64-bit words per row.
    words: usize,
    /// `rows × words`, row-major; a bit is set if the value is not negative.
    bits: Vec<u64>,
    /// 1 / |x|₁ of each vector.
    factors: Vec<f32>,
    dimensions: usize,
}

impl BinaryCodes {
    /// Computes binary codes from the int8 codes of vectors of `dimensions`.
    pub fn new(codes: QuantizedView<'_>, dimensions: usize) -> Self {
        let words = dimensions.div_ceil(64);
        let mut bits = vec![0u64; codes.len() * words];
        let mut factors = vec![0f32; codes.len()];
        // Not parallel: rayon threads may be waiting for this result, and would deadlock if they
        // were given its work.
        for (row, (bits, factor)) in bits.chunks_exact_mut(words).zip(&mut factors).enumerate() {
            let code = &codes.row(row as u32)[..dimensions];
            for (word, part) in bits.iter_mut().zip(code.chunks(64)) {
                *word = part
                    .iter()
                    .rev()
                    .fold(0, |word, &byte| word << 1 | u64::from(byte >= 128));
            }
            let norm: i32 = code.iter().map(|&byte| (i32::from(byte) - 128).abs()).sum();
            *factor = 1.0 / (codes.scale(row as u32) * norm.max(1) as f32);
        }
        Self {
            words,
            bits,
            factors,
            dimensions,
        }
    }

    /// Prepares a query: its values are rounded to [`PLANES`] bits.
    pub fn scorer(&self, query: &[f32]) -> BinaryScorer<'_> {
        let query = &query[..query.len().min(self.dimensions)];
        let min = query.iter().copied().fold(f32::INFINITY, f32::min);
        let max = query.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let step = ((max - min) / ((1 << PLANES) - 1) as f32).max(f32::MIN_POSITIVE);
        let mut planes: BitPlanes = std::array::from_fn(|_| vec![0; self.words]);
        let mut sum = 0.0;
        for (at, x) in query.iter().enumerate() {
            let level = ((x - min) / step).round() as u64;
            sum += min + step * level as f32;
            planes
                .iter_mut()
                .enumerate()
                .for_each(|(j, plane)| plane[at / 64] |= (level >> j & 1) << (at % 64));
        }
        BinaryScorer {
            codes: self,
            planes,
            min,
            step,
            sum,
            dot: binary::bit_plane_dot(),
        }
    }
}

/// Scores [`BinaryCodes`] against one query.
pub struct BinaryScorer<'a> {
    codes: &'a BinaryCodes,
    planes: BitPlanes,
    /// The rounded values of the query are `min + step · n`, n being the integer in the bit
    /// planes.
    min: f32,
    step: f32,
    /// The sum of the rounded values.
    sum: f32,
    dot: BitPlaneDot,
}

impl Scorer for BinaryScorer<'_> {
    fn len(&self) -> usize {
        self.codes.factors.len()
    }

    #[inline(always)]
    fn prefetch(&self, row: u32) {
        let start = row as usize * self.codes.words;
        if let Some(bits) = self.codes.bits.get(start..start + self.codes.words) {
            prefetch(bits, usize::MAX);
        }
    }

    #[inline(always)]
    fn score_rows(&self, rows: &[u32], sums: &mut Vec<i32>, mut emit: impl FnMut(u32, f32)) {
        sums.resize(sums.len().max(rows.len()), 0);
        (self.dot)(&self.planes, &self.codes.bits, rows, sums);
        for (&row, &sum) in rows.iter().zip(&*sums) {
            let start = row as usize * self.codes.words;
            let ones: u32 = self.codes.bits[start..start + self.codes.words]
                .iter()
                .map(|word| word.count_ones())
                .sum();
            // ⟨sign x, q⟩: twice the sum of the query over the bits that are set, minus its sum
            // over all dimensions.
            let product = 2.0 * (self.min * ones as f32 + self.step * sum as f32) - self.sum;
            emit(row, self.codes.factors[row as usize] * product);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::QuantizedVectors;
    use crate::graph::testing::Random;

    #[test]
    fn estimates_approximate_the_cosine() {
        let mut random = Random(3);
        let vectors: Vec<Vec<f32>> = (0..50).map(|_| random.unit(384)).collect();
        let rows: Vec<u32> = (0..50).collect();
        let codes = QuantizedVectors::new(&vectors.concat(), 384, &rows);
        let binary = BinaryCodes::new(codes.view(), 384);
        for at in 0..50 {
            let query = random.near(&vectors[at], 0.03);
            let mut best = (0, f32::NEG_INFINITY);
            binary
                .scorer(&query)
                .score_rows(&rows, &mut Vec::new(), |row, score| {
                    let exact: f32 = vectors[row as usize]
                        .iter()
                        .zip(&query)
                        .map(|(a, b)| a * b)
                        .sum();
                    assert!((score - exact).abs() < 0.2, "{score} for {exact}");
                    if score > best.1 {
                        best = (row, score);
                    }
                });
            assert_eq!(best.0, at as u32);
        }
    }
}
