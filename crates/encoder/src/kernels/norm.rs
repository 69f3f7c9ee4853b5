//! Layer normalization, and the bytes that the next product reads.

use super::quantize::scales;
use crate::lanes::{LANES, Lanes};
use crate::model::Norm;

/// Rows to be normalized.
pub struct Normalization<'a> {
    /// The weights; rows are as long as they are.
    pub norm: &'a Norm,
    /// Rows of floats; what is left in them is of no use.
    pub input: *mut f32,
    /// Rows that are added first, and where the result goes.
    pub states: *mut f32,
    /// What is added besides: rows of the units that a product left out, with the distance from one to the next, and
    /// what each unit counts in each column.
    pub outliers: Option<(*const f32, usize, &'a [f32])>,
    /// How many rows there are.
    pub rows: usize,
    /// Rows of bytes for the next product.
    pub output: *mut u8,
    /// The scale of each row of bytes.
    pub scales: *mut f32,
}

/// # Safety
/// As [`Lanes`] and the fields of [`Normalization`] say.
#[inline(always)]
pub unsafe fn normalize<S: Lanes>(job: &Normalization<'_>) {
    let width = job.norm.weight.len();
    for row in 0..job.rows {
        // SAFETY: rows are `width` long, and so is each row of what outliers count.
        unsafe {
            let (input, states) = (job.input.add(row * width), job.states.add(row * width));
            for at in (0..width).step_by(LANES) {
                S::store(input.add(at), S::add(S::load(input.add(at)), S::load(states.add(at))));
            }
            if let Some((units, stride, weights)) = job.outliers {
                add_outliers::<S>(input, width, units.add(row * stride), weights);
            }
            row_of::<S>(job.norm, input, states, job.output.add(row * width), job.scales.add(row));
        }
    }
}

/// Adds to a row what the units give that a product left out.
///
/// # Safety
/// `units` are as many floats as `weights` has rows of `width`.
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

/// One row, `input`, to states and to bytes.
///
/// # Safety
/// All are as long as the norm's weights.
#[inline(always)]
pub unsafe fn row_of<S: Lanes>(norm: &Norm, input: *mut f32, states: *mut f32, bytes: *mut u8, scale: *mut f32) {
    let width = norm.weight.len();
    let share = 1.0 / width as f32;
    // SAFETY: all offsets are below `width`.
    unsafe {
        let mut sums = [S::splat(0.0); 2];
        for (number, at) in (0..width).step_by(LANES).enumerate() {
            sums[number % 2] = S::add(sums[number % 2], S::load(input.add(at)));
        }
        let mean = S::splat(S::sum(S::add(sums[0], sums[1])) * share);
        let mut squares = [S::splat(0.0); 2];
        for (number, at) in (0..width).step_by(LANES).enumerate() {
            let d = S::sub(S::load(input.add(at)), mean);
            squares[number % 2] = S::mul_add(d, d, squares[number % 2]);
        }
        let variance = S::sum(S::add(squares[0], squares[1])) * share;
        let deviation = S::splat(1.0 / (variance + norm.epsilon).sqrt());
        let mut largest = S::splat(0.0);
        let load = |from: &[f32], at: usize| S::load(from.as_ptr().add(at));
        for at in (0..width).step_by(LANES) {
            let d = S::mul(S::sub(S::load(input.add(at)), mean), deviation);
            S::store(states.add(at), S::mul_add(d, load(&norm.weight, at), load(&norm.bias, at)));
            let next = S::mul_add(d, load(&norm.next_weight, at), load(&norm.next_bias, at));
            largest = S::max(largest, S::abs(next));
            S::store(input.add(at), next);
        }
        let (unit, inverse) = scales(S::largest(largest));
        *scale = unit;
        let inverse = S::splat(inverse);
        for at in (0..width).step_by(LANES) {
            S::store_bytes(bytes.add(at), S::round(S::mul(S::load(input.add(at)), inverse)));
        }
    }
}
