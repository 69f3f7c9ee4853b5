//! Int8 scalar quantization: a quarter of the memory, and dot products in integers.
//!
//! A vector *x* is stored as integers *c* in −127..=127 and a scale *s*, its largest absolute value
//! divided by 127, so that *x* = *s·c* + *e*. The norm of the residual *e* is kept. For unit
//! vectors *x*, *y* with residuals *e*, *f*, the dot product of the quantized vectors differs from
//! that of the vectors by at most |*e*| + |*f*|·(1 + |*e*|): see [`QuantizedVector::error_bound`].

use crate::distance::int8::{self, DotRows, LANES};
use crate::distance::prefetch::prefetch;
use crate::section_file::{Array, Guard};
use rayon::prelude::*;

/// Added to the numbers of rows so that they are unsigned.
const BIAS: i32 = 128;

/// The bytes per code: `dimensions`, padded to a multiple of [`LANES`].
pub fn stride(dimensions: usize) -> usize {
    dimensions.next_multiple_of(LANES).max(LANES)
}

/// The quantized form of many vectors.
pub struct QuantizedVectors {
    /// Bytes per row.
    pub stride: usize,
    /// `rows × stride`, row-major: the integers plus 128, padded with 128.
    pub bytes: Array<u8>,
    /// The scale of each row.
    pub scales: Array<f32>,
    /// The norm of each row's residual.
    pub errors: Array<f32>,
}

impl QuantizedVectors {
    /// Quantizes the given rows of a row-major matrix of `dimensions` columns, in the order of
    /// `rows`.
    pub fn new(vectors: &[f32], dimensions: usize, rows: &[u32]) -> Self {
        let stride = stride(dimensions);
        let mut bytes = vec![0u8; rows.len() * stride];
        let mut parts = vec![(0f32, 0f32); rows.len()];
        bytes
            .par_chunks_exact_mut(stride)
            .zip(&mut parts)
            .zip(rows)
            .for_each(|((code, part), &row)| {
                let vector = &vectors[row as usize * dimensions..][..dimensions];
                let quantized = QuantizedVector::new(vector);
                code.iter_mut()
                    .zip(&quantized.code)
                    .for_each(|(byte, &c)| *byte = (i32::from(c) + BIAS) as u8);
                *part = (quantized.scale, quantized.error);
            });
        let (scales, errors) = parts.into_iter().unzip();
        Self {
            stride,
            bytes: Array::Owned(bytes),
            scales: Array::Owned(scales),
            errors: Array::Owned(errors),
        }
    }

    /// The same rows in another order: row `i` of the result is row `order[i]` of `self`.
    pub fn reordered(&self, order: &[u32]) -> Self {
        let view = self.view();
        let mut bytes = vec![0u8; order.len() * self.stride];
        bytes
            .par_chunks_exact_mut(self.stride)
            .zip(order)
            .for_each(|(code, &from)| code.copy_from_slice(view.row(from)));
        let pick = |values: &[f32]| {
            Array::Owned(order.iter().map(|&from| values[from as usize]).collect())
        };
        Self {
            stride: self.stride,
            bytes: Array::Owned(bytes),
            scales: pick(&self.scales),
            errors: pick(&self.errors),
        }
    }

    /// A view for the duration of a search.
    pub fn view(&self) -> QuantizedView<'_> {
        QuantizedView {
            stride: self.stride,
            bytes: &self.bytes,
            scales: &self.scales,
            dot_rows: int8::dot_rows(),
            guard: self.bytes.guard(),
        }
    }
}

/// Scores rows against one query.
pub trait Scorer {
    /// The number of rows.
    fn len(&self) -> usize;

    /// Prefetches a row that will be scored soon.
    fn prefetch(&self, row: u32);

    /// Calls `emit` with each of `rows` and its approximate cosine with the query. `sums` is
    /// scratch space.
    fn score_rows(&self, rows: &[u32], sums: &mut Vec<i32>, emit: impl FnMut(u32, f32));

    /// The approximate cosine of one row with the query.
    fn score_row(&self, row: u32, sums: &mut Vec<i32>) -> f32 {
        let mut result = f32::NEG_INFINITY;
        self.score_rows(&[row], sums, |_, score| result = score);
        result
    }
}

/// Scores int8 codes against a quantized query.
#[derive(Clone, Copy)]
pub struct QuantizedScorer<'a> {
    pub codes: QuantizedView<'a>,
    pub query: &'a QuantizedVector,
}

impl Scorer for QuantizedScorer<'_> {
    fn len(&self) -> usize {
        self.codes.len()
    }

    #[inline(always)]
    fn prefetch(&self, row: u32) {
        self.codes.prefetch(row);
    }

    #[inline(always)]
    fn score_rows(&self, rows: &[u32], sums: &mut Vec<i32>, emit: impl FnMut(u32, f32)) {
        self.codes.score_rows(self.query, rows, sums, emit);
    }
}

/// A view of [`QuantizedVectors`], with the dot-product kernel to use. Reads are verified through
/// the guard.
#[derive(Clone, Copy)]
pub struct QuantizedView<'a> {
    stride: usize,
    bytes: &'a [u8],
    scales: &'a [f32],
    dot_rows: DotRows,
    guard: Guard<'a>,
}

impl<'a> QuantizedView<'a> {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// The bytes of consecutive rows.
    pub fn rows(&self, rows: std::ops::Range<usize>) -> &'a [u8] {
        let bytes = rows.start * self.stride..rows.end * self.stride;
        self.guard.verify(bytes.clone());
        &self.bytes[bytes]
    }

    /// The bytes of one row.
    pub fn row(&self, row: u32) -> &'a [u8] {
        self.rows(row as usize..row as usize + 1)
    }

    /// The scale of one row.
    pub fn scale(&self, row: u32) -> f32 {
        self.scales[row as usize]
    }

    /// Prefetches a row that will be scored soon.
    #[inline(always)]
    pub fn prefetch(&self, row: u32) {
        if let Some(code) = self
            .bytes
            .get(row as usize * self.stride..(row as usize + 1) * self.stride)
        {
            prefetch(code, usize::MAX);
        }
    }

    /// Calls `emit` with each of `rows` and the approximate cosine of its code with `query`. `sums`
    /// is scratch space.
    #[inline(always)]
    pub fn score_rows(
        &self,
        query: &QuantizedVector,
        rows: &[u32],
        sums: &mut Vec<i32>,
        mut emit: impl FnMut(u32, f32),
    ) {
        sums.resize(sums.len().max(rows.len()), 0);
        for &row in rows {
            self.guard
                .verify(row as usize * self.stride..(row as usize + 1) * self.stride);
        }
        (self.dot_rows)(&query.code, self.bytes, rows, sums);
        for (&row, &sum) in rows.iter().zip(&*sums) {
            emit(row, query.score(sum, self.scales[row as usize]));
        }
    }
}

/// One quantized vector, as the signed operand of dot products with rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QuantizedVector {
    code: Vec<i8>,
    scale: f32,
    /// The norm of the residual.
    error: f32,
    /// What the bias of 128 in the bytes of a row adds to a dot product.
    bias: i32,
}

impl QuantizedVector {
    /// Quantizes a vector, whose values must be finite.
    pub fn new(vector: &[f32]) -> Self {
        let max = vector.iter().fold(0f32, |max, x| max.max(x.abs()));
        let scale = if max > 0.0 { max / 127.0 } else { 1.0 };
        let mut code = vec![0i8; stride(vector.len())];
        let mut error = 0f64;
        for (c, x) in code.iter_mut().zip(vector) {
            *c = (x / scale).round() as i8;
            let residual = f64::from(x - scale * f32::from(*c));
            error += residual * residual;
        }
        let mut quantized = Self {
            code,
            scale,
            error: error.sqrt() as f32,
            bias: 0,
        };
        quantized.set_bias();
        quantized
    }

    /// Copies a row, reusing the buffer. Does not set the error.
    pub fn load_row(&mut self, codes: &QuantizedView<'_>, row: u32) {
        self.code.clear();
        self.code
            .extend(codes.row(row).iter().map(|&byte| (byte ^ 0x80) as i8));
        self.scale = codes.scales[row as usize];
        self.set_bias();
    }

    fn set_bias(&mut self) {
        self.bias = BIAS * self.code.iter().map(|&c| i32::from(c)).sum::<i32>();
    }

    /// The scale, and what the bias of rows adds to a dot product.
    pub fn scale_and_bias(&self) -> (f32, i32) {
        (self.scale, self.bias)
    }

    /// The integers, padded with zeros.
    pub fn code(&self) -> &[i8] {
        &self.code
    }

    /// The cosine with a row, given the dot product with its bytes and its scale.
    #[inline(always)]
    pub fn score(&self, sum: i32, scale: f32) -> f32 {
        scale * (self.scale * (sum - self.bias) as f32)
    }

    /// The norm of the residual.
    pub fn error(&self) -> f32 {
        self.error
    }

    /// The most by which the cosine of codes can differ from that of the vectors, if the other
    /// residual has norm `error`, both vectors have unit length within 0.001, and floating-point
    /// sums round.
    pub fn error_bound(&self, error: f32) -> f32 {
        1.002 * (self.error + error * (1.0 + self.error)) + 1e-5
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::testing::Random;

    #[test]
    fn error_bound_holds() {
        let mut random = Random(5);
        for dimensions in [3, 64, 100, 384] {
            let vectors: Vec<Vec<f32>> = (0..50).map(|_| random.unit(dimensions)).collect();
            let rows: Vec<u32> = (0..50).rev().collect();
            let codes = QuantizedVectors::new(&vectors.concat(), dimensions, &rows);
            let view = codes.view();
            let query = random.unit(dimensions);
            let quantized = QuantizedVector::new(&query);
            let (mut sums, mut seen) = (Vec::new(), 0);
            view.score_rows(&quantized, &[0, 7, 49], &mut sums, |row, score| {
                let exact: f32 = vectors[49 - row as usize]
                    .iter()
                    .zip(&query)
                    .map(|(a, b)| a * b)
                    .sum();
                let bound = quantized.error_bound(codes.errors[row as usize]);
                assert!((score - exact).abs() <= bound, "{score} {exact} {bound}");
                assert!(bound < 0.05);
                seen += 1;
            });
            assert_eq!(seen, 3);
            let mut again = QuantizedVector::default();
            again.load_row(&view, 4);
            let first = QuantizedVector::new(&vectors[45]);
            assert_eq!(
                (again.code, again.bias, again.scale),
                (first.code, first.bias, first.scale)
            );
        }
    }
}
