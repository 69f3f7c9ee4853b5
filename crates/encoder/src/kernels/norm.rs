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
    let width = job.norm.weight.len();
    for row in 0..job.rows {
        // SAFETY: rows are `width` long, and so are the rows of outlier weights.
        unsafe {
            let (input, states) = (job.input.add(row * width), job.states.add(row * width));
            for at in (0..width).step_by(LANES) {
                S::store(
                    input.add(at),
                    S::add(S::load(input.add(at)), S::load(states.add(at))),
                );
            }
            if let Some((units, stride, weights)) = job.outliers {
                add_outliers::<S>(input, width, units.add(row * stride), weights);
            }
            normalize_row::<S>(
                job.norm,
                input,
                states,
                job.output.add(row * width),
                job.scales.add(row),
            );
        }
    }
}

/// Adds the contribution of the outlier units to a row.
///
/// # Safety
/// `units` must point to as many floats as `weights` has rows of `width`.
#[inline(always)]
unsafe fn add_outliers<S: Lanes>(row: *mut f32, width: usize, units: *const f32, weights: &[f32]) {
    const PANELS: usize = 6;
    let mut from = 0;
    while from < width {
        let panels = PANELS.min((width - from) / LANES);
        // SAFETY: `from` and the panels are within the width.
        unsafe {
            let mut sums = [S::splat(0.0); PANELS];
            for (unit, weights) in weights.chunks_exact(width).enumerate() {
                let x = S::splat(*units.add(unit));
                for (panel, sum) in sums.iter_mut().enumerate().take(panels) {
                    *sum = S::mul_add(x, S::load(weights.as_ptr().add(from + panel * LANES)), *sum);
                }
            }
            for (panel, sum) in sums.into_iter().enumerate().take(panels) {
                let at = row.add(from + panel * LANES);
                S::store(at, S::add(S::load(at), sum));
            }
        }
        from += panels * LANES;
    }
}

/// Normalizes one row, `input`, into `states`, and quantizes it into `bytes`.
///
/// # Safety
/// All rows must be as long as the weights of the norm.
#[inline(always)]
pub unsafe fn normalize_row<S: Lanes>(
    norm: &LayerNorm,
    input: *mut f32,
    states: *mut f32,
    bytes: *mut u8,
    scale: *mut f32,
) {
    let width = norm.weight.len();
    let share = 1.0 / width as f32;
    // SAFETY: all offsets are below `width`.
    unsafe {
        let mut sums = [S::splat(0.0); 2];
        for (number, at) in (0..width).step_by(LANES).enumerate() {
            sums[number % 2] = S::add(sums[number % 2], S::load(input.add(at)));
        }
        let mean = S::splat(S::reduce_sum(S::add(sums[0], sums[1])) * share);
        let mut squares = [S::splat(0.0); 2];
        for (number, at) in (0..width).step_by(LANES).enumerate() {
            let d = S::sub(S::load(input.add(at)), mean);
            squares[number % 2] = S::mul_add(d, d, squares[number % 2]);
        }
        let variance = S::reduce_sum(S::add(squares[0], squares[1])) * share;
        let deviation = S::splat(1.0 / (variance + norm.epsilon).sqrt());
        let mut largest = S::splat(0.0);
        let load = |from: &[f32], at: usize| S::load(from.as_ptr().add(at));
        for at in (0..width).step_by(LANES) {
            let d = S::mul(S::sub(S::load(input.add(at)), mean), deviation);
            S::store(
                states.add(at),
                S::mul_add(d, load(&norm.weight, at), load(&norm.bias, at)),
            );
            let next = S::mul_add(d, load(&norm.next_weight, at), load(&norm.next_bias, at));
            largest = S::max(largest, S::abs(next));
            S::store(input.add(at), next);
        }
        let (unit, inverse) = scale_and_inverse(S::reduce_max(largest));
        *scale = unit;
        let inverse = S::splat(inverse);
        for at in (0..width).step_by(LANES) {
            S::store_bytes(
                bytes.add(at),
                S::round(S::mul(S::load(input.add(at)), inverse)),
            );
        }
    }
}
