//! Telling the processor what will be read soon.

/// The bytes that come into the cache together.
pub const LINE: usize = 64;

/// Asks for the cache lines of `values` (the first `lines` of them at most). Nothing else happens.
#[inline(always)]
pub fn prefetch<T>(values: &[T], lines: usize) {
    let bytes = std::mem::size_of_val(values);
    for line in 0..bytes.div_ceil(LINE).min(lines) {
        // Within the slice, by the bound above.
        let at = values.as_ptr().cast::<u8>().wrapping_add(line * LINE);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: SSE is part of x86-64, and a prefetch reads nothing and cannot fault.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(at.cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = at;
    }
}
