//! Layer normalization, and quantization for the next linear layer.

use super::quantize::scale_and_inverse;
use crate::lanes::{LANES, Lanes};
use crate::model::LayerNorm;

/// Rows to normalize.
pub struct Normalization<'a> {
    /// The weights, whose length is that of the rows.
    pub norm: &'a LayerNorm,
    /// The rows; overwritten with intermediate values.
    pub input: *mut f32,
    /// The residuals, which are added first; receives the result.
    pub states: *mut f32,
    /// Outlier units to add: rows of f32 activations, the stride between rows, and the f32 weights
    /// (`units × width`).
    pub outliers: Option<(*const f32, usize, &'a [f32])>,
    /// The number of rows.
    pub rows: usize,
    /// Receives the quantized rows for the next linear layer.
    pub output: *mut u8,
    /// Receives the scale of each quantized row.
    pub scales: *mut f32,
}

/// Normalizes rows.
///
/// # Safety
/// The contract of [`Lanes`]; pointers must be valid for the rows that the fields of
/// [`Normalization`] describe.
#[inline(always)]
pub unsafe fn normalize<S: Lanes>(job: &Normalization<'_>) {
    let together = S::ATTENTION_BLOCK.0;
    let mut row = 0;
    while row < job.rows {
        let rows = if row + together <= job.rows {
            together
        } else {
            1
        };
        // SAFETY: the rows are among those of the job. Of the block sizes, the compiler keeps only
        // those of the instruction set.
        unsafe {
            match rows {
                4 => add_and_normalize::<S, 4>(job, row),
                2 => add_and_normalize::<S, 2>(job, row),
                _ => add_and_normalize::<S, 1>(job, row),
            }
        }
        row += rows;
    }
}

/// Adds residuals and outlier units to `R` rows, and normalizes them.
///
/// # Safety
/// As [`normalize`].
#[inline(always)]
unsafe fn add_and_normalize<S: Lanes, const R: usize>(job: &Normalization<'_>, row: usize) {
    let width = job.norm.weight.len();
    // SAFETY: rows are `width` long.
    unsafe {
        let (input, states) = (job.input.add(row * width), job.states.add(row * width));
        for at in (0..R * width).step_by(LANES) {
            let sum = S::add(S::load(input.add(at)), S::load(states.add(at)));
            S::store(input.add(at), sum);
        }
        if let Some((units, stride, weights)) =
            job.outliers.filter(|(.., weights)| !weights.is_empty())
        {
            let (units, mut from) = (units.add(row * stride), 0);
            while from < width {
                let panels = S::ATTENTION_BLOCK.1.min((width - from) / LANES);
                let (to, weights) = (input.add(from), &weights[from..]);
                match panels {
                    4 => add_outliers::<S, R, 4>(to, width, units, stride, weights),
                    3 => add_outliers::<S, R, 3>(to, width, units, stride, weights),
                    2 => add_outliers::<S, R, 2>(to, width, units, stride, weights),
                    _ => add_outliers::<S, R, 1>(to, width, units, stride, weights),
                }
                from += panels * LANES;
            }
        }
        let bytes = job.output.add(row * width);
        normalize_rows::<S, R>(job.norm, input, states, bytes, job.scales.add(row));
    }
}

/// Adds the contribution of the outlier units to `16·C` columns of `R` rows.
///
/// # Safety
/// The contract of [`Lanes`]. `rows` points to the first of the columns in rows of `width`;
/// `weights` begins with them, and goes on to the last of the rows of weights. `units` points to as
/// many floats for each row as there are rows of weights.
#[inline(always)]
unsafe fn add_outliers<S: Lanes, const R: usize, const C: usize>(
    rows: *mut f32,
    width: usize,
    units: *const f32,
    stride: usize,
    weights: &[f32],
) {
    // SAFETY: the caller's contract.
    unsafe {
        let mut sums = [[S::splat(0.0); C]; R];
        for unit in 0..weights.len().div_ceil(width) {
            let weights = weights.as_ptr().add(unit * width);
            let mut panels = [S::splat(0.0); C];
            for (at, panel) in panels.iter_mut().enumerate() {
                *panel = S::load(weights.add(at * LANES));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let x = S::splat(*units.add(row * stride + unit));
                for (sum, panel) in sums.iter_mut().zip(panels) {
                    *sum = S::mul_add(x, panel, *sum);
                }
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            for (panel, sum) in sums.into_iter().enumerate() {
                let at = rows.add(row * width + panel * LANES);
                S::store(at, S::add(S::load(at), sum));
            }
        }
    }
}

/// Normalizes `R` rows, `input`, into `states`, and quantizes them into `bytes`. Several rows at a
/// time overlap their reductions.
///
/// # Safety
/// The contract of [`Lanes`]; all rows must be as long as the weights of the norm.
#[inline(always)]
pub unsafe fn normalize_rows<S: Lanes, const R: usize>(
    norm: &LayerNorm,
    input: *mut f32,
    states: *mut f32,
    bytes: *mut u8,
    scales: *mut f32,
) {
    let width = norm.weight.len();
    let share = 1.0 / width as f32;
    // SAFETY: all offsets are below `R · width`.
    unsafe {
        let mut sums = [[S::splat(0.0); 2]; R];
        for at in (0..width).step_by(2 * LANES) {
            for (row, [even, odd]) in sums.iter_mut().enumerate() {
                let x = input.add(row * width + at);
                *even = S::add(*even, S::load(x));
                if at + LANES < width {
                    *odd = S::add(*odd, S::load(x.add(LANES)));
                }
            }
        }
        let mut mean = [S::splat(0.0); R];
        for (mean, [even, odd]) in mean.iter_mut().zip(sums) {
            *mean = S::splat(S::reduce_sum(S::add(even, odd)) * share);
        }
        let mut squares = [[S::splat(0.0); 2]; R];
        for at in (0..width).step_by(2 * LANES) {
            for (row, [even, odd]) in squares.iter_mut().enumerate() {
                let x = input.add(row * width + at);
                let d = S::sub(S::load(x), mean[row]);
                *even = S::mul_add(d, d, *even);
                if at + LANES < width {
                    let d = S::sub(S::load(x.add(LANES)), mean[row]);
                    *odd = S::mul_add(d, d, *odd);
                }
            }
        }
        let mut deviation = [S::splat(0.0); R];
        for (deviation, [even, odd]) in deviation.iter_mut().zip(squares) {
            let variance = S::reduce_sum(S::add(even, odd)) * share;
            *deviation = S::splat(1.0 / (variance + norm.epsilon).sqrt());
        }
        let mut largest = [S::splat(0.0); R];
        for at in (0..width).step_by(LANES) {
            let weight = S::load(norm.weight.as_ptr().add(at));
            let bias = S::load(norm.bias.as_ptr().add(at));
            let next_weight = S::load(norm.next_weight.as_ptr().add(at));
            let next_bias = S::load(norm.next_bias.as_ptr().add(at));
            for (row, largest) in largest.iter_mut().enumerate() {
                let x = input.add(row * width + at);
                let d = S::mul(S::sub(S::load(x), mean[row]), deviation[row]);
                S::store(states.add(row * width + at), S::mul_add(d, weight, bias));
                let next = S::mul_add(d, next_weight, next_bias);
                *largest = S::max(*largest, S::abs(next));
                S::store(x, next);
            }
        }
        for (row, largest) in largest.into_iter().enumerate() {
            let (unit, inverse) = scale_and_inverse(S::reduce_max(largest));
            *scales.add(row) = unit;
            store_rounded::<S>(
                input.add(row * width),
                width,
                inverse,
                bytes.add(row * width),
            );
        }
    }
}

/// Stores `width` values, times `factor`, rounded to bytes.
///
/// # Safety
/// The contract of [`Lanes`]; `to` must have room for them.
#[inline(always)]
unsafe fn store_rounded<S: Lanes>(from: *const f32, width: usize, factor: f32, to: *mut u8) {
    let mut at = 0;
    // SAFETY: the caller's contract.
    unsafe {
        let factor = S::splat(factor);
        while at + 4 * LANES <= width {
            let mut four = [S::splat_int(0); 4];
            for (panel, x) in four.iter_mut().enumerate() {
                *x = S::round(S::mul(S::load(from.add(at + panel * LANES)), factor));
            }
            S::store_four(to.add(at), four);
            at += 4 * LANES;
        }
        while at < width {
            S::store_bytes(to.add(at), S::round(S::mul(S::load(from.add(at)), factor)));
            at += LANES;
        }
    }
}
