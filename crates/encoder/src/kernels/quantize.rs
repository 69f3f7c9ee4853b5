//! Rows of floats to bytes, each row with a scale of its own.

use crate::lanes::{LANES, Lanes};

/// The largest number that a byte stands for.
const MOST: f32 = 127.0;

/// Rows to become bytes.
pub struct Quantization<'a> {
    /// Rows of floats, as long as `factors`.
    pub input: *const f32,
    /// What each column is multiplied by first.
    pub factors: &'a [f32],
    /// So many of the last columns become zeros.
    pub zeros: usize,
    /// How many rows there are.
    pub rows: usize,
    /// Rows of bytes.
    pub output: *mut u8,
    /// The scale of each row.
    pub scales: *mut f32,
}

/// # Safety
/// As [`Lanes`] and the fields of [`Quantization`] say.
#[inline(always)]
pub unsafe fn quantize<S: Lanes>(job: &Quantization<'_>) {
    let width = job.factors.len();
    for row in 0..job.rows {
        // SAFETY: all offsets are within the row, which is `width` long, as `factors` is.
        unsafe {
            let (from, to) = (job.input.add(row * width), job.output.add(row * width));
            let factors = job.factors.as_ptr();
            let kept = width - job.zeros;
            let mut largest = S::splat(0.0);
            for at in (0..kept).step_by(LANES) {
                largest = S::max(largest, S::abs(S::mul(S::load(from.add(at)), S::load(factors.add(at)))));
            }
            let (scale, inverse) = scales(S::largest(largest));
            *job.scales.add(row) = scale;
            let inverse = S::splat(inverse);
            for at in (0..kept).step_by(LANES) {
                let x = S::mul(S::load(from.add(at)), S::load(factors.add(at)));
                S::store_bytes(to.add(at), S::round(S::mul(x, inverse)));
            }
            for at in (kept..width).step_by(LANES) {
                S::store_bytes(to.add(at), S::splat_int(0));
            }
        }
    }
}

/// What a byte of a row counts, and what the row is multiplied by to be bytes, by the largest of its numbers.
#[inline(always)]
pub fn scales(largest: f32) -> (f32, f32) {
    // Of a row of zeros anything will do, but infinity.
    let largest = if largest > 1e-20 { largest } else { 1e-20 };
    (largest * (1.0 / MOST), MOST / largest)
}
