//! AVX-512 with VNNI.

use super::Lanes;
use std::arch::x86_64::*;

/// Requires AVX-512 F, BW, VL and VNNI.
#[derive(Clone, Copy)]
pub struct Avx512;

impl Lanes for Avx512 {
    type F = __m512;
    type I = __m512i;

    const PRODUCT_BLOCK: (usize, usize) = (8, 3);
    const ATTENTION_BLOCK: (usize, usize) = (4, 4);
    const ACTIVATION_OFFSET: u8 = 128;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        _mm512_loadu_ps(from)
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, x: __m512) {
        _mm512_storeu_ps(to, x)
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> __m512 {
        _mm512_set1_ps(x)
    }
    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        _mm512_add_ps(a, b)
    }
    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        _mm512_sub_ps(a, b)
    }
    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        _mm512_mul_ps(a, b)
    }
    #[inline(always)]
    unsafe fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        _mm512_fmadd_ps(a, b, c)
    }
    #[inline(always)]
    unsafe fn max(a: __m512, b: __m512) -> __m512 {
        _mm512_max_ps(a, b)
    }
    #[inline(always)]
    unsafe fn min(a: __m512, b: __m512) -> __m512 {
        _mm512_min_ps(a, b)
    }
    #[inline(always)]
    unsafe fn abs(x: __m512) -> __m512 {
        _mm512_abs_ps(x)
    }
    #[inline(always)]
    unsafe fn round(x: __m512) -> __m512i {
        _mm512_cvtps_epi32(x)
    }
    #[inline(always)]
    unsafe fn to_float(x: __m512i) -> __m512 {
        _mm512_cvtepi32_ps(x)
    }
    #[inline(always)]
    unsafe fn bits(x: __m512) -> __m512i {
        _mm512_castps_si512(x)
    }
    #[inline(always)]
    unsafe fn from_bits(x: __m512i) -> __m512 {
        _mm512_castsi512_ps(x)
    }
    #[inline(always)]
    unsafe fn load_int(from: *const i32) -> __m512i {
        _mm512_loadu_si512(from.cast())
    }
    #[inline(always)]
    unsafe fn store_int(to: *mut i32, x: __m512i) {
        _mm512_storeu_si512(to.cast(), x)
    }
    #[inline(always)]
    unsafe fn splat_int(x: i32) -> __m512i {
        _mm512_set1_epi32(x)
    }
    #[inline(always)]
    unsafe fn add_int(a: __m512i, b: __m512i) -> __m512i {
        _mm512_add_epi32(a, b)
    }
    #[inline(always)]
    unsafe fn and(a: __m512i, b: __m512i) -> __m512i {
        _mm512_and_si512(a, b)
    }
    #[inline(always)]
    unsafe fn or(a: __m512i, b: __m512i) -> __m512i {
        _mm512_or_si512(a, b)
    }
    #[inline(always)]
    unsafe fn shift_left<const BITS: u32>(x: __m512i) -> __m512i {
        _mm512_slli_epi32::<BITS>(x)
    }
    #[inline(always)]
    unsafe fn load_bytes(from: *const i8) -> __m512i {
        _mm512_cvtepi8_epi32(_mm_loadu_si128(from.cast()))
    }
    #[inline(always)]
    unsafe fn store_bytes(to: *mut u8, x: __m512i) {
        _mm_storeu_si128(
            to.cast(),
            _mm_xor_si128(_mm512_cvtepi32_epi8(x), _mm_set1_epi8(-128)),
        )
    }
    #[inline(always)]
    unsafe fn store_i16(to: *mut i16, x: __m512i) {
        _mm256_storeu_si256(to.cast(), _mm512_cvtepi32_epi16(x))
    }
    #[inline(always)]
    unsafe fn dot_bytes(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        _mm512_dpbusd_epi32(sum, a, b)
    }
    #[inline(always)]
    unsafe fn dot_i16(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        _mm512_dpwssd_epi32(sum, a, b)
    }
    #[inline(always)]
    unsafe fn reduce_sum(x: __m512) -> f32 {
        let halves = _mm256_add_ps(_mm512_castps512_ps256(x), upper(x));
        super::avx2::reduce_sum_256(halves)
    }
    #[inline(always)]
    unsafe fn reduce_max(x: __m512) -> f32 {
        _mm512_reduce_max_ps(x)
    }
}

/// The upper eight lanes.
#[inline(always)]
unsafe fn upper(x: __m512) -> __m256 {
    _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(x)))
}
