//! Prefetching memory into the cache.

/// The size of a cache line in bytes.
pub const CACHE_LINE: usize = 64;

/// Prefetches the cache lines of `values`, at most the first `max_lines`. Has no other effect.
#[inline(always)]
pub fn prefetch<T>(values: &[T], max_lines: usize) {
    let bytes = std::mem::size_of_val(values);
    for line in 0..bytes.div_ceil(CACHE_LINE).min(max_lines) {
        // Within the slice, by the bound of the loop.
        let at = values.as_ptr().cast::<u8>().wrapping_add(line * CACHE_LINE);
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
