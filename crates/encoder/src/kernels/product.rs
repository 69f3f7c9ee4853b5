//! Rows of bytes times a matrix of bytes, to floats.

use super::functions::gelu;
use crate::lanes::{LANES, Lanes};
use crate::model::Product;
use std::ops::Range;

/// Rows to be multiplied with some columns of a matrix.
pub struct Projection<'a> {
    /// The matrix.
    pub product: &'a Product,
    /// Which of its columns, in multiples of [`LANES`].
    pub columns: Range<usize>,
    /// Rows of as many bytes as the matrix has inputs; eight more rows than `rows` can be read.
    pub input: *const u8,
    /// The scale of each row.
    pub scales: *const f32,
    /// How many rows there are.
    pub rows: usize,
    /// Rows of floats, the first of `columns` first.
    pub output: *mut f32,
    /// From one row of the output to the next.
    pub stride: usize,
}

/// # Safety
/// As [`Lanes`] and the fields of [`Projection`] say.
#[inline(always)]
pub unsafe fn project<S: Lanes, const GELU: bool>(job: &Projection<'_>) {
    let mut column = job.columns.start;
    while column < job.columns.end {
        let panels = S::BLOCK.1.min((job.columns.end - column) / LANES);
        let mut row = 0;
        while row < job.rows {
            let left = job.rows - row;
            // The sizes that some path has; for each path, the compiler keeps its own.
            // SAFETY: the block is within the columns, and within the rows but for those that can be read.
            unsafe {
                match (S::BLOCK.0, panels) {
                    (8, 3) if left > 4 => block::<S, GELU, 8, 3>(job, row, column),
                    (8, 3) => block::<S, GELU, 4, 3>(job, row, column),
                    (8, 2) => block::<S, GELU, 8, 2>(job, row, column),
                    (8, _) => block::<S, GELU, 8, 1>(job, row, column),
                    (6, _) => block::<S, GELU, 6, 1>(job, row, column),
                    (4, _) => block::<S, GELU, 4, 1>(job, row, column),
                    _ => block::<S, GELU, 2, 1>(job, row, column),
                }
            }
            row += S::BLOCK.0;
        }
        column += panels * LANES;
    }
}

/// `R` rows times `C · 16` columns; rows past the last are read and not written.
///
/// # Safety
/// As [`project`] wants.
#[inline(always)]
unsafe fn block<S: Lanes, const GELU: bool, const R: usize, const C: usize>(
    job: &Projection<'_>,
    row: usize,
    column: usize,
) {
    let product = job.product;
    let inputs = product.inputs;
    // SAFETY: a panel of sixteen columns is `inputs · 16` bytes, and `column` the first of `C` of them; the vectors of
    // the product are as long as it has columns; rows of the input are `inputs` bytes long.
    unsafe {
        let weights = product.weights.as_ptr().add(column * inputs);
        let input = job.input.add(row * inputs);
        let mut sums = [[S::splat_int(0); C]; R];
        if S::OFFSET != 0 {
            for sums in &mut sums {
                for (at, sum) in sums.iter_mut().enumerate() {
                    *sum = S::load_int(product.correction.as_ptr().add(column + at * LANES));
                }
            }
        }
        for four in (0..inputs).step_by(4) {
            let mut b = [S::splat_int(0); C];
            for (at, b) in b.iter_mut().enumerate() {
                *b = S::load_int(weights.add((at * inputs + four) * LANES).cast());
            }
            for (at, sums) in sums.iter_mut().enumerate() {
                let a = S::splat_int(input.add(at * inputs + four).cast::<i32>().read_unaligned());
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = S::dot_bytes(*sum, a, b);
                }
            }
        }
        for (at, sums) in sums.into_iter().enumerate().take(job.rows - row) {
            let scale = S::splat(*job.scales.add(row + at));
            let output = job.output.add((row + at) * job.stride + column - job.columns.start);
            for (panel, sum) in sums.into_iter().enumerate() {
                let column = column + panel * LANES;
                let y = S::mul(S::to_float(sum), scale);
                let y = S::mul_add(
                    y,
                    S::load(product.scale.as_ptr().add(column)),
                    S::load(product.bias.as_ptr().add(column)),
                );
                S::store(output.add(panel * LANES), if GELU { gelu::<S>(y) } else { y });
            }
        }
    }
}
