//! Matrix multiplication, to floats: of quantized rows and weights, or of floats.

use super::functions::gelu;
use crate::lanes::{LANES, Lanes};
use crate::model::{FloatLinear, QuantizedLinear};
use std::ops::Range;

/// Rows to multiply with a range of columns of a linear layer.
pub struct Projection<'a> {
    /// The layer.
    pub linear: &'a QuantizedLinear,
    /// The columns; both ends are multiples of [`LANES`].
    pub columns: Range<usize>,
    /// Rows of as many bytes as the layer has inputs. Eight more rows than `rows` must be
    /// readable.
    pub input: *const u8,
    /// The scale of each row.
    pub scales: *const f32,
    /// The number of rows.
    pub rows: usize,
    /// Receives rows of floats; their first element is that of the first of `columns`.
    pub output: *mut f32,
    /// The distance between output rows in floats.
    pub stride: usize,
}

/// Multiplies rows with the columns, then applies scale and bias and, if `GELU`, the activation
/// function.
///
/// # Safety
/// The contract of [`Lanes`]; pointers must be valid for the rows that the fields of [`Projection`]
/// describe.
#[inline(always)]
pub unsafe fn project<S: Lanes, const GELU: bool>(job: &Projection<'_>) {
    let mut column = job.columns.start;
    while column < job.columns.end {
        let panels = S::PRODUCT_BLOCK.1.min((job.columns.end - column) / LANES);
        let mut row = 0;
        while row < job.rows {
            let left = job.rows - row;
            // The block sizes of all instruction sets; in each instantiation the compiler keeps
            // only its own. SAFETY: the block is within the columns, and its rows are within those
            // that can be read.
            unsafe {
                match (S::PRODUCT_BLOCK.0, panels) {
                    (8, 3) if left > 4 => block::<S, GELU, 8, 3>(job, row, column),
                    (8, 3) => block::<S, GELU, 4, 3>(job, row, column),
                    (8, 2) => block::<S, GELU, 8, 2>(job, row, column),
                    (8, _) => block::<S, GELU, 8, 1>(job, row, column),
                    (6, _) => block::<S, GELU, 6, 1>(job, row, column),
                    (4, _) => block::<S, GELU, 4, 1>(job, row, column),
                    _ => block::<S, GELU, 2, 1>(job, row, column),
                }
            }
            row += S::PRODUCT_BLOCK.0;
        }
        column += panels * LANES;
    }
}

/// Multiplies `R` rows with `16·C` columns. Rows past the last are read but not written.
///
/// # Safety
/// As [`project`].
#[inline(always)]
unsafe fn block<S: Lanes, const GELU: bool, const R: usize, const C: usize>(
    job: &Projection<'_>,
    row: usize,
    column: usize,
) {
    let linear = job.linear;
    let inputs = linear.inputs;
    // SAFETY: a panel of sixteen columns has `inputs · 16` bytes, and `column` is the first column
    // of `C` panels; the vectors of the layer are as long as it has columns; input rows are
    // `inputs` bytes long.
    unsafe {
        let weights = linear.weights.as_ptr().add(column * inputs);
        let input = job.input.add(row * inputs);
        let mut sums = [[S::splat_int(0); C]; R];
        if S::ACTIVATION_OFFSET != 0 {
            for sums in &mut sums {
                for (at, sum) in sums.iter_mut().enumerate() {
                    *sum = S::load_int(linear.correction.as_ptr().add(column + at * LANES));
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
            let output = job
                .output
                .add((row + at) * job.stride + column - job.columns.start);
            for (panel, sum) in sums.into_iter().enumerate() {
                let column = column + panel * LANES;
                let y = S::mul(S::to_float(sum), scale);
                let y = S::mul_add(
                    y,
                    S::load(linear.scale.as_ptr().add(column)),
                    S::load(linear.bias.as_ptr().add(column)),
                );
                S::store(
                    output.add(panel * LANES),
                    if GELU { gelu::<S>(y) } else { y },
                );
            }
        }
    }
}

/// Rows to multiply with a range of columns of a linear layer in f32.
pub struct FloatProjection<'a> {
    /// The layer.
    pub linear: &'a FloatLinear,
    /// The columns; both ends are multiples of [`LANES`].
    pub columns: Range<usize>,
    /// Rows of as many floats as the layer has inputs. Eight more rows than `rows` must be
    /// readable.
    pub input: *const f32,
    /// The number of rows.
    pub rows: usize,
    /// Receives rows of floats; their first element is that of the first of `columns`.
    pub output: *mut f32,
    /// The distance between output rows in floats.
    pub stride: usize,
}

/// Multiplies rows with the columns and adds the bias, then applies, if `GELU`, the activation
/// function. Products are added in the order of the inputs.
///
/// # Safety
/// The contract of [`Lanes`]; pointers must be valid for the rows that the fields of
/// [`FloatProjection`] describe.
#[inline(always)]
pub unsafe fn project_floats<S: Lanes, const GELU: bool>(job: &FloatProjection<'_>) {
    for column in job.columns.clone().step_by(LANES) {
        let mut row = 0;
        while row < job.rows {
            // SAFETY: the panel is within the columns, and the block's rows are within those that
            // can be read.
            unsafe {
                match S::PRODUCT_BLOCK.0 {
                    8 => float_block::<S, GELU, 8>(job, row, column),
                    6 => float_block::<S, GELU, 6>(job, row, column),
                    4 => float_block::<S, GELU, 4>(job, row, column),
                    _ => float_block::<S, GELU, 2>(job, row, column),
                }
            }
            row += S::PRODUCT_BLOCK.0;
        }
    }
}

/// Multiplies `R` rows with sixteen columns. Rows past the last are read but not written.
///
/// # Safety
/// As [`project_floats`].
#[inline(always)]
unsafe fn float_block<S: Lanes, const GELU: bool, const R: usize>(
    job: &FloatProjection<'_>,
    row: usize,
    column: usize,
) {
    let linear = job.linear;
    let inputs = linear.inputs;
    // SAFETY: a panel has `inputs · 16` weights, and the bias is as long as there are columns; input
    // rows are `inputs` long.
    unsafe {
        let weights = linear.weights.as_ptr().add(column * inputs);
        let input = job.input.add(row * inputs);
        let mut sums = [S::load(linear.bias.as_ptr().add(column)); R];
        for at in 0..inputs {
            let weights = S::load(weights.add(at * LANES));
            for (row, sum) in sums.iter_mut().enumerate() {
                *sum = S::mul_add(S::splat(*input.add(row * inputs + at)), weights, *sum);
            }
        }
        for (at, sum) in sums.into_iter().enumerate().take(job.rows - row) {
            let output = job
                .output
                .add((row + at) * job.stride + column - job.columns.start);
            S::store(output, if GELU { gelu::<S>(sum) } else { sum });
        }
    }
}
