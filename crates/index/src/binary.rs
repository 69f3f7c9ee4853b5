//! Vectors as one bit a number: its sign. A thirty-second of the bytes, and a rough cosine.
//!
//! The cosine of *x* and *q* is estimated as ⟨sign *x*, *q*⟩ / |*x*|₁, which is right where *q* is *x*:
//! Gao and Long, *RaBitQ*, SIGMOD 2024, without its rotation, which the numbers of a sentence
//! embedding, alike in size, do without.

use crate::codes::{Scorer, View};
use crate::distance::binary::{self, Counts, PLANES, Planes};
use crate::distance::prefetch::prefetch;

/// The signs of many vectors.
pub struct Signs {
    /// 64-bit words a row.
    words: usize,
    bits: Vec<u64>,
    /// One through the sum of the sizes of each vector's numbers.
    factors: Vec<f32>,
    dimensions: usize,
}

impl Signs {
    /// Those of int8 codes of vectors of `dimensions`.
    pub fn of(codes: View<'_>, dimensions: usize) -> Self {
        let words = dimensions.div_ceil(64);
        let mut bits = vec![0u64; codes.len() * words];
        let mut factors = vec![0f32; codes.len()];
        // On this thread alone: others may be waiting for the signs, and must not be given work meanwhile.
        for (row, (bits, factor)) in bits.chunks_exact_mut(words).zip(&mut factors).enumerate() {
            let code = &codes.row(row as u32)[..dimensions];
            for (word, part) in bits.iter_mut().zip(code.chunks(64)) {
                *word = part.iter().rev().fold(0, |word, &byte| word << 1 | u64::from(byte >= 128));
            }
            let size: i32 = code.iter().map(|&byte| (i32::from(byte) - 128).abs()).sum();
            *factor = 1.0 / (codes.scale(row as u32) * size.max(1) as f32);
        }
        Self { words, bits, factors, dimensions }
    }

    /// Ready to be searched for a query.
    pub fn search(&self, query: &[f32]) -> SignSearch<'_> {
        let query = &query[..query.len().min(self.dimensions)];
        let least = query.iter().copied().fold(f32::INFINITY, f32::min);
        let most = query.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let step = ((most - least) / ((1 << PLANES) - 1) as f32).max(f32::MIN_POSITIVE);
        let mut planes: Planes = std::array::from_fn(|_| vec![0; self.words]);
        let mut rounded = 0.0;
        for (at, x) in query.iter().enumerate() {
            let number = ((x - least) / step).round() as u64;
            rounded += least + step * number as f32;
            planes.iter_mut().enumerate().for_each(|(j, plane)| plane[at / 64] |= (number >> j & 1) << (at % 64));
        }
        SignSearch { signs: self, planes, least, step, sum: rounded, counts: binary::counts() }
    }
}

/// A query among [`Signs`].
pub struct SignSearch<'a> {
    signs: &'a Signs,
    planes: Planes,
    /// The query's numbers are `least + step · n`.
    least: f32,
    step: f32,
    /// All of them together.
    sum: f32,
    counts: Counts,
}

impl Scorer for SignSearch<'_> {
    fn len(&self) -> usize {
        self.signs.factors.len()
    }

    #[inline(always)]
    fn prefetch(&self, row: u32) {
        let start = row as usize * self.signs.words;
        if let Some(bits) = self.signs.bits.get(start..start + self.signs.words) {
            prefetch(bits, usize::MAX);
        }
    }

    #[inline(always)]
    fn scores(&self, rows: &[u32], sums: &mut Vec<i32>, mut take: impl FnMut(u32, f32)) {
        sums.resize(sums.len().max(rows.len()), 0);
        (self.counts)(&self.planes, &self.signs.bits, rows, sums);
        for (&row, &sum) in rows.iter().zip(&*sums) {
            let start = row as usize * self.signs.words;
            let ones: u32 = self.signs.bits[start..start + self.signs.words].iter().map(|word| word.count_ones()).sum();
            // Twice the sum over the numbers where the row is positive, less the sum over all.
            let product = 2.0 * (self.least * ones as f32 + self.step * sum as f32) - self.sum;
            take(row, self.signs.factors[row as usize] * product);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::Codes;
    use crate::graph::testing::Random;

    #[test]
    fn estimates_are_near_the_cosine() {
        let mut random = Random(3);
        let vectors: Vec<Vec<f32>> = (0..50).map(|_| random.unit(384)).collect();
        let rows: Vec<u32> = (0..50).collect();
        let codes = Codes::of(&vectors.concat(), 384, &rows);
        let signs = Signs::of(codes.view(), 384);
        for at in 0..50 {
            let query = random.near(&vectors[at], 0.03);
            let mut best = (0, f32::NEG_INFINITY);
            signs.search(&query).scores(&rows, &mut Vec::new(), |row, score| {
                let exact: f32 = vectors[row as usize].iter().zip(&query).map(|(a, b)| a * b).sum();
                assert!((score - exact).abs() < 0.2, "{score} for {exact}");
                if score > best.1 {
                    best = (row, score);
                }
            });
            assert_eq!(best.0, at as u32);
        }
    }
}
