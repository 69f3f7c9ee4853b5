//! Summing the rows of a text.

use crate::lanes::{LANES, Lanes};

/// Sums rows as long as `sums`, in order.
///
/// # Safety
/// The contract of [`Lanes`].
#[inline(always)]
pub unsafe fn sum_rows<S: Lanes>(rows: &[f32], sums: &mut [f32]) {
    let width = sums.len();
    for (panel, sums) in sums.chunks_exact_mut(LANES).enumerate() {
        // SAFETY: `panel` is one of the whole groups of sixteen columns, so every access is within
        // its row.
        unsafe {
            let mut sum = S::splat(0.0);
            for row in rows.chunks_exact(width) {
                sum = S::add(sum, S::load(row.as_ptr().add(panel * LANES)));
            }
            S::store(sums.as_mut_ptr(), sum);
        }
    }
}
