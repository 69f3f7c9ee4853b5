//! Quantizing rows of floats to int8, with a scale per row.

use crate::lanes::{LANES, Lanes};

/// The largest quantized value.
const MAX_QUANTIZED: f32 = 127.0;

/// Rows to quantize.
pub struct Quantization<'a> {
    /// Rows as long as `factors`.
    pub input: *const f32,
    /// The distance between input rows in floats.
    pub stride: usize,
    /// The smoothing factor of each column.
    pub factors: &'a [f32],
    /// The number of last columns to set to zero.
    pub zeros: usize,
    /// The number of rows.
    pub rows: usize,
    /// Receives the quantized rows.
    pub output: *mut u8,
    /// Receives the scale of each row.
    pub scales: *mut f32,
}

/// Quantizes rows.
///
/// # Safety
/// The contract of [`Lanes`]; pointers must be valid for the rows that the fields of
/// [`Quantization`] describe.
#[inline(always)]
pub unsafe fn quantize<S: Lanes>(job: &Quantization<'_>) {
    let width = job.factors.len();
    for row in 0..job.rows {
        // SAFETY: all offsets are within the row, which is `width` long, as `factors` is.
        unsafe {
            let (from, to) = (job.input.add(row * job.stride), job.output.add(row * width));
            let factors = job.factors.as_ptr();
            let kept = width - job.zeros;
            // Four maxima: with one, each step would wait for the one before.
            let mut largest = [S::splat(0.0); 4];
            for at in (0..kept).step_by(4 * LANES) {
                for (panel, largest) in largest.iter_mut().enumerate() {
                    let at = at + panel * LANES;
                    if at < kept {
                        let x = S::mul(S::load(from.add(at)), S::load(factors.add(at)));
                        *largest = S::max(*largest, S::abs(x));
                    }
                }
            }
            let [a, b, c, d] = largest;
            let (scale, inverse) =
                scale_and_inverse(S::reduce_max(S::max(S::max(a, b), S::max(c, d))));
            *job.scales.add(row) = scale;
            let inverse = S::splat(inverse);
            let mut at = 0;
            while at + 4 * LANES <= kept {
                let mut four = [S::splat_int(0); 4];
                for (panel, rounded) in four.iter_mut().enumerate() {
                    let at = at + panel * LANES;
                    let x = S::mul(S::load(from.add(at)), S::load(factors.add(at)));
                    *rounded = S::round(S::mul(x, inverse));
                }
                S::store_four(to.add(at), four);
                at += 4 * LANES;
            }
            while at < kept {
                let x = S::mul(S::load(from.add(at)), S::load(factors.add(at)));
                S::store_bytes(to.add(at), S::round(S::mul(x, inverse)));
                at += LANES;
            }
            for at in (kept..width).step_by(LANES) {
                S::store_bytes(to.add(at), S::splat_int(0));
            }
        }
    }
}

/// The quantization scale of a row whose largest absolute value is `largest`, and the inverse.
#[inline(always)]
pub fn scale_and_inverse(largest: f32) -> (f32, f32) {
    // Any finite scale will do for a row of zeros.
    let largest = if largest > 1e-20 { largest } else { 1e-20 };
    (largest * (1.0 / MAX_QUANTIZED), MAX_QUANTIZED / largest)
}
