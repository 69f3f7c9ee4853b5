//! The sum of a text's rows.

use crate::lanes::{LANES, Lanes};

/// Adds up rows as long as `sums`, from the first to the last.
///
/// # Safety
/// As [`Lanes`] says.
#[inline(always)]
pub unsafe fn sum<S: Lanes>(rows: &[f32], sums: &mut [f32]) {
    let width = sums.len();
    for (panel, sums) in sums.chunks_exact_mut(LANES).enumerate() {
        // SAFETY: sixteen numbers of a row, from one that is a multiple of sixteen.
        unsafe {
            let mut sum = S::splat(0.0);
            for row in rows.chunks_exact(width) {
                sum = S::add(sum, S::load(row.as_ptr().add(panel * LANES)));
            }
            S::store(sums.as_mut_ptr(), sum);
        }
    }
}
