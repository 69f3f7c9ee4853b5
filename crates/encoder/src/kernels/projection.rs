//! Matrix multiplication, to floats: of quantized rows and weights, or of floats.

use super::functions::gelu;
use crate::lanes::{LANES, Lanes};
use crate::model::{FloatLinear, QuantizedLinear};
use std::ops::Range;

/// Rows beyond the last that kernels may read: one less than are multiplied together.
pub const PADDING_ROWS: usize = 15;

/// Rows to multiply with a range of columns of a linear layer.
pub struct Projection<'a> {
    /// The layer.
    pub linear: &'a QuantizedLinear,
    /// The columns; both ends are multiples of [`LANES`].
    pub columns: Range<usize>,
    /// Rows of as many bytes as the layer has inputs. [`PADDING_ROWS`] more rows than `rows` must
    /// be readable.
    pub input: *const u8,
    /// The scale of each row. Those of [`PADDING_ROWS`] more must be readable.
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
        // Written out, so that all sums stay in registers until here.
        store_outputs::<S, GELU, 2, C>(job, row, column, [sums[0], sums[1]]);
        if R > 2 {
            store_outputs::<S, GELU, 2, C>(job, row + 2, column, [sums[2], sums[3]]);
        }
        if R > 4 {
            store_outputs::<S, GELU, 2, C>(job, row + 4, column, [sums[4], sums[5]]);
        }
        if R > 6 {
            store_outputs::<S, GELU, 2, C>(job, row + 6, column, [sums[6], sums[7]]);
        }
    }
}

/// Turns sums into outputs. Those of rows past the last are not written.
///
/// # Safety
/// As [`project`]; the layer must have `16·C` columns from `column` on. Scales of `R - 1` rows past
/// the last must be readable.
#[inline(always)]
pub unsafe fn store_outputs<S: Lanes, const GELU: bool, const R: usize, const C: usize>(
    job: &Projection<'_>,
    row: usize,
    column: usize,
    sums: [[S::I; C]; R],
) {
    if row >= job.rows {
        return;
    }
    // SAFETY: the caller's contract; scale and bias of the layer are as long as it has columns.
    unsafe {
        let mut outputs = [[S::splat(0.0); C]; R];
        for panel in 0..C {
            let at = column + panel * LANES;
            let weight_scale = S::load(job.linear.scale.as_ptr().add(at));
            let bias = S::load(job.linear.bias.as_ptr().add(at));
            for (at, (outputs, sums)) in outputs.iter_mut().zip(&sums).enumerate() {
                let scale = S::splat(*job.scales.add(row + at));
                let product = S::mul(S::to_float(sums[panel]), scale);
                outputs[panel] = S::mul_add(product, weight_scale, bias);
            }
        }
        if GELU {
            outputs = gelu::<S, R, C>(outputs);
        }
        for (at, outputs) in outputs.iter().enumerate().take(job.rows - row) {
            let to = (row + at) * job.stride + column - job.columns.start;
            for (panel, output) in outputs.iter().enumerate() {
                S::store(job.output.add(to + panel * LANES), *output);
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
    /// Rows of as many floats as the layer has inputs. [`PADDING_ROWS`] more rows than `rows` must
    /// be readable.
    pub input: *const f32,
    /// The distance between input rows in floats.
    pub input_stride: usize,
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
        let input = job.input.add(row * job.input_stride);
        let mut sums = [S::load(linear.bias.as_ptr().add(column)); R];
        for at in 0..inputs {
            let weights = S::load(weights.add(at * LANES));
            for (row, sum) in sums.iter_mut().enumerate() {
                *sum = S::mul_add(
                    S::splat(*input.add(row * job.input_stride + at)),
                    weights,
                    *sum,
                );
            }
        }
        if GELU {
            [sums] = gelu::<S, 1, R>([sums]);
        }
        for (at, sum) in sums.into_iter().enumerate().take(job.rows - row) {
            let output = job
                .output
                .add((row + at) * job.stride + column - job.columns.start);
            S::store(output, sum);
        }
    }
}
