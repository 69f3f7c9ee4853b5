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
    unsafe fn store_four(to: *mut u8, [a, b, c, d]: [__m512i; 4]) {
        let bytes = _mm512_packs_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
        // Packing goes by groups of four lanes.
        let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        let bytes = _mm512_permutexvar_epi32(order, bytes);
        _mm512_storeu_si512(to.cast(), _mm512_xor_si512(bytes, _mm512_set1_epi8(-128)));
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
    unsafe fn in_step<const R: usize, const C: usize>(x: &mut [[__m512; C]; R]) {
        if let Some(x) = x.as_flattened_mut().as_mut_array::<8>() {
            hold(x);
        }
    }
    #[inline(always)]
    unsafe fn transpose(mut rows: [__m512i; 16]) -> [__m512i; 16] {
        // Pairs of lanes, then pairs of these, within groups of four lanes; then the groups.
        let mut next = rows;
        for at in 0..8 {
            next[2 * at] = _mm512_unpacklo_epi32(rows[2 * at], rows[2 * at + 1]);
            next[2 * at + 1] = _mm512_unpackhi_epi32(rows[2 * at], rows[2 * at + 1]);
        }
        for at in 0..4 {
            let [a, b, c, d] = [
                next[4 * at],
                next[4 * at + 1],
                next[4 * at + 2],
                next[4 * at + 3],
            ];
            rows[4 * at] = _mm512_unpacklo_epi64(a, c);
            rows[4 * at + 1] = _mm512_unpackhi_epi64(a, c);
            rows[4 * at + 2] = _mm512_unpacklo_epi64(b, d);
            rows[4 * at + 3] = _mm512_unpackhi_epi64(b, d);
        }
        for at in 0..4 {
            next[at] = _mm512_shuffle_i32x4::<0x88>(rows[at], rows[at + 4]);
            next[at + 4] = _mm512_shuffle_i32x4::<0xdd>(rows[at], rows[at + 4]);
            next[at + 8] = _mm512_shuffle_i32x4::<0x88>(rows[at + 8], rows[at + 12]);
            next[at + 12] = _mm512_shuffle_i32x4::<0xdd>(rows[at + 8], rows[at + 12]);
        }
        for at in 0..4 {
            rows[at] = _mm512_shuffle_i32x4::<0x88>(next[at], next[at + 8]);
            rows[at + 8] = _mm512_shuffle_i32x4::<0xdd>(next[at], next[at + 8]);
            rows[at + 4] = _mm512_shuffle_i32x4::<0x88>(next[at + 4], next[at + 12]);
            rows[at + 12] = _mm512_shuffle_i32x4::<0xdd>(next[at + 4], next[at + 12]);
        }
        rows
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

/// Needs eight vectors in registers, and gives them back as they are.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn hold(x: &mut [__m512; 8]) {
    let [a, b, c, d, e, f, g, h] = x;
    std::arch::asm!(
        "/* {} {} {} {} {} {} {} {} */",
        inout(zmm_reg) * a,
        inout(zmm_reg) * b,
        inout(zmm_reg) * c,
        inout(zmm_reg) * d,
        inout(zmm_reg) * e,
        inout(zmm_reg) * f,
        inout(zmm_reg) * g,
        inout(zmm_reg) * h,
        options(pure, nomem, nostack, preserves_flags),
    );
}
