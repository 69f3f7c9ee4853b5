//! Vectors as int8 codes: a quarter of the bytes, and products in whole numbers.
//!
//! A vector *x* becomes whole numbers *c* of −127..=127 and a scale *s*, its largest value through
//! 127, so that *s·c* is *x* but for an error whose length is kept. For unit vectors *x*, *y* with
//! errors *e*, *f*, the product of the codes differs from that of the vectors by at most
//! |*e*| + |*f*|·(1 + |*e*|): see [`Coded::bound`].

use crate::distance::int8::{self, Dots, LANES};
use crate::distance::prefetch::prefetch;
use crate::file::{Array, Guard};
use crate::graph::Near;
use rayon::prelude::*;

/// What is added to a number to keep it without a sign.
const BIAS: i32 = 128;

/// The bytes of a code of `dimensions` numbers: padded to whole lanes.
pub fn stride(dimensions: usize) -> usize {
    dimensions.next_multiple_of(LANES).max(LANES)
}

/// Codes of many vectors, `rows × stride`.
pub struct Codes {
    pub stride: usize,
    pub bytes: Array<u8>,
    pub scales: Array<f32>,
    /// The length of what each code leaves out.
    pub errors: Array<f32>,
}

impl Codes {
    /// Those of the given rows of a matrix (row-major, `dimensions` wide), in their order.
    pub fn of(vectors: &[f32], dimensions: usize, rows: &[u32]) -> Self {
        let stride = stride(dimensions);
        let mut bytes = vec![0u8; rows.len() * stride];
        let mut parts = vec![(0f32, 0f32); rows.len()];
        bytes.par_chunks_exact_mut(stride).zip(&mut parts).zip(rows).for_each(|((code, part), &row)| {
            let vector = &vectors[row as usize * dimensions..][..dimensions];
            let coded = Coded::of(vector);
            code.iter_mut().zip(&coded.code).for_each(|(byte, &c)| *byte = (i32::from(c) + BIAS) as u8);
            *part = (coded.scale, coded.error);
        });
        let (scales, errors) = parts.into_iter().unzip();
        Self { stride, bytes: Array::Owned(bytes), scales: Array::Owned(scales), errors: Array::Owned(errors) }
    }

    /// The codes in another order: row `i` is what was row `order[i]`.
    pub fn reordered(&self, order: &[u32]) -> Self {
        let view = self.view();
        let mut bytes = vec![0u8; order.len() * self.stride];
        bytes
            .par_chunks_exact_mut(self.stride)
            .zip(order)
            .for_each(|(code, &from)| code.copy_from_slice(view.row(from)));
        let pick = |values: &[f32]| Array::Owned(order.iter().map(|&from| values[from as usize]).collect());
        Self { stride: self.stride, bytes: Array::Owned(bytes), scales: pick(&self.scales), errors: pick(&self.errors) }
    }

    /// The codes, looked up once for a search.
    pub fn view(&self) -> View<'_> {
        View {
            stride: self.stride,
            bytes: &self.bytes,
            scales: &self.scales,
            dots: int8::dots(),
            guard: self.bytes.guard(),
        }
    }
}

/// Gives the nearness of rows to one query.
pub trait Scorer {
    /// How many rows there are.
    fn len(&self) -> usize;

    /// Asks for a row that will be read soon.
    fn prefetch(&self, row: u32);

    /// The cosines of the query and each of `rows`, as far as is known, to `take`. `sums` is room to
    /// work in.
    fn scores(&self, rows: &[u32], sums: &mut Vec<i32>, take: impl FnMut(u32, f32));

    /// A row with its cosine.
    fn near(&self, row: u32, sums: &mut Vec<i32>) -> Near {
        let mut near = Near::new(row, f32::NEG_INFINITY);
        self.scores(&[row], sums, |row, score| near = Near::new(row, score));
        near
    }
}

/// A query among codes.
#[derive(Clone, Copy)]
pub struct CodeSearch<'a> {
    pub codes: View<'a>,
    pub query: &'a Coded,
}

impl Scorer for CodeSearch<'_> {
    fn len(&self) -> usize {
        self.codes.len()
    }

    #[inline(always)]
    fn prefetch(&self, row: u32) {
        self.codes.prefetch(row);
    }

    #[inline(always)]
    fn scores(&self, rows: &[u32], sums: &mut Vec<i32>, take: impl FnMut(u32, f32)) {
        self.codes.scores(self.query, rows, sums, take);
    }
}

/// Codes that are being searched.
#[derive(Clone, Copy)]
pub struct View<'a> {
    stride: usize,
    bytes: &'a [u8],
    scales: &'a [f32],
    dots: Dots,
    guard: Guard<'a>,
}

impl<'a> View<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// The bytes of so many, one after the other.
    pub fn rows(&self, rows: std::ops::Range<usize>) -> &'a [u8] {
        let bytes = rows.start * self.stride..rows.end * self.stride;
        self.guard.check(bytes.clone());
        &self.bytes[bytes]
    }

    /// The bytes of one.
    pub fn row(&self, row: u32) -> &'a [u8] {
        self.rows(row as usize..row as usize + 1)
    }

    /// What the numbers of one are to be multiplied with.
    pub fn scale(&self, row: u32) -> f32 {
        self.scales[row as usize]
    }

    /// Asks for a code that will be read soon.
    #[inline(always)]
    pub fn prefetch(&self, row: u32) {
        if let Some(code) = self.bytes.get(row as usize * self.stride..(row as usize + 1) * self.stride) {
            prefetch(code, usize::MAX);
        }
    }

    /// The cosines of `query` and each of `rows` as the codes have them, to `take`. `sums` is room to
    /// work in.
    #[inline(always)]
    pub fn scores(&self, query: &Coded, rows: &[u32], sums: &mut Vec<i32>, mut take: impl FnMut(u32, f32)) {
        sums.resize(sums.len().max(rows.len()), 0);
        for &row in rows {
            self.guard.check(row as usize * self.stride..(row as usize + 1) * self.stride);
        }
        (self.dots)(&query.code, self.bytes, rows, sums);
        for (&row, &sum) in rows.iter().zip(&*sums) {
            take(row, query.score(sum, self.scales[row as usize]));
        }
    }
}

/// The code of one vector, ready to be multiplied with others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Coded {
    code: Vec<i8>,
    scale: f32,
    /// The length of what the code leaves out.
    error: f32,
    /// What the others' bias adds to a sum.
    bias: i32,
}

impl Coded {
    /// That of a vector of finite numbers.
    pub fn of(vector: &[f32]) -> Self {
        let largest = vector.iter().fold(0f32, |most, x| most.max(x.abs()));
        let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        let mut code = vec![0i8; stride(vector.len())];
        let mut error = 0f64;
        for (c, x) in code.iter_mut().zip(vector) {
            *c = (x / scale).round() as i8;
            let left_out = f64::from(x - scale * f32::from(*c));
            error += left_out * left_out;
        }
        let mut coded = Self { code, scale, error: error.sqrt() as f32, bias: 0 };
        coded.set_bias();
        coded
    }

    /// Becomes that of a row.
    pub fn become_row(&mut self, codes: &View<'_>, row: u32) {
        self.code.clear();
        self.code.extend(codes.row(row).iter().map(|&byte| (byte ^ 0x80) as i8));
        self.scale = codes.scales[row as usize];
        self.set_bias();
    }

    fn set_bias(&mut self) {
        self.bias = BIAS * self.code.iter().map(|&c| i32::from(c)).sum::<i32>();
    }

    /// Its scale and what the others' bias adds to a sum.
    pub fn parts(&self) -> (f32, i32) {
        (self.scale, self.bias)
    }

    /// Its numbers.
    pub fn code(&self) -> &[i8] {
        &self.code
    }

    /// A cosine, from the sum of products with a row's bytes and that row's scale.
    #[inline(always)]
    pub fn score(&self, sum: i32, scale: f32) -> f32 {
        scale * (self.scale * (sum - self.bias) as f32)
    }

    /// The length of what the code leaves out.
    pub fn error(&self) -> f32 {
        self.error
    }

    /// The most by which the cosine as the codes have it can differ from that of the vectors, where
    /// the other's error is `error`, both are of unit length within a thousandth, and sums round.
    pub fn bound(&self, error: f32) -> f32 {
        1.002 * (self.error + error * (1.0 + self.error)) + 1e-5
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::testing::Random;

    #[test]
    fn products_of_codes_are_within_their_bound() {
        let mut random = Random(5);
        for dimensions in [3, 64, 100, 384] {
            let vectors: Vec<Vec<f32>> = (0..50).map(|_| random.unit(dimensions)).collect();
            let rows: Vec<u32> = (0..50).rev().collect();
            let codes = Codes::of(&vectors.concat(), dimensions, &rows);
            let view = codes.view();
            let query = random.unit(dimensions);
            let coded = Coded::of(&query);
            let (mut sums, mut seen) = (Vec::new(), 0);
            view.scores(&coded, &[0, 7, 49], &mut sums, |row, score| {
                let exact: f32 = vectors[49 - row as usize].iter().zip(&query).map(|(a, b)| a * b).sum();
                let bound = coded.bound(codes.errors[row as usize]);
                assert!((score - exact).abs() <= bound, "{score} {exact} {bound}");
                assert!(bound < 0.05);
                seen += 1;
            });
            assert_eq!(seen, 3);
            let mut again = Coded::default();
            again.become_row(&view, 4);
            let first = Coded::of(&vectors[45]);
            assert_eq!((again.code, again.bias, again.scale), (first.code, first.bias, first.scale));
        }
    }
}
