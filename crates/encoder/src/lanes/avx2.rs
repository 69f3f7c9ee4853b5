//! AVX2 with FMA: two vectors of eight lanes. With AVX-VNNI, byte dot products are one instruction.

use super::Lanes;
use std::arch::x86_64::*;

/// Requires AVX2 and FMA, and AVX-VNNI if `VNNI`.
#[derive(Clone, Copy)]
pub struct Avx2<const VNNI: bool>;

impl<const VNNI: bool> Lanes for Avx2<VNNI> {
    type F = [__m256; 2];
    type I = [__m256i; 2];

    const PRODUCT_BLOCK: (usize, usize) = if VNNI { (6, 1) } else { (4, 1) };
    const ATTENTION_BLOCK: (usize, usize) = (2, 2);
    const ACTIVATION_OFFSET: u8 = if VNNI { 128 } else { 0 };

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::F {
        [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))]
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, x: Self::F) {
        _mm256_storeu_ps(to, x[0]);
        _mm256_storeu_ps(to.add(8), x[1]);
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::F {
        [_mm256_set1_ps(x); 2]
    }
    #[inline(always)]
    unsafe fn add(a: Self::F, b: Self::F) -> Self::F {
        [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])]
    }
    #[inline(always)]
    unsafe fn sub(a: Self::F, b: Self::F) -> Self::F {
        [_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])]
    }
    #[inline(always)]
    unsafe fn mul(a: Self::F, b: Self::F) -> Self::F {
        [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])]
    }
    #[inline(always)]
    unsafe fn mul_add(a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        [
            _mm256_fmadd_ps(a[0], b[0], c[0]),
            _mm256_fmadd_ps(a[1], b[1], c[1]),
        ]
    }
    #[inline(always)]
    unsafe fn max(a: Self::F, b: Self::F) -> Self::F {
        [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])]
    }
    #[inline(always)]
    unsafe fn min(a: Self::F, b: Self::F) -> Self::F {
        [_mm256_min_ps(a[0], b[0]), _mm256_min_ps(a[1], b[1])]
    }
    #[inline(always)]
    unsafe fn abs(x: Self::F) -> Self::F {
        let sign = _mm256_set1_ps(-0.0);
        [_mm256_andnot_ps(sign, x[0]), _mm256_andnot_ps(sign, x[1])]
    }
    #[inline(always)]
    unsafe fn round(x: Self::F) -> Self::I {
        [_mm256_cvtps_epi32(x[0]), _mm256_cvtps_epi32(x[1])]
    }
    #[inline(always)]
    unsafe fn to_float(x: Self::I) -> Self::F {
        [_mm256_cvtepi32_ps(x[0]), _mm256_cvtepi32_ps(x[1])]
    }
    #[inline(always)]
    unsafe fn bits(x: Self::F) -> Self::I {
        [_mm256_castps_si256(x[0]), _mm256_castps_si256(x[1])]
    }
    #[inline(always)]
    unsafe fn from_bits(x: Self::I) -> Self::F {
        [_mm256_castsi256_ps(x[0]), _mm256_castsi256_ps(x[1])]
    }
    #[inline(always)]
    unsafe fn load_int(from: *const i32) -> Self::I {
        [
            _mm256_loadu_si256(from.cast()),
            _mm256_loadu_si256(from.add(8).cast()),
        ]
    }
    #[inline(always)]
    unsafe fn store_int(to: *mut i32, x: Self::I) {
        _mm256_storeu_si256(to.cast(), x[0]);
        _mm256_storeu_si256(to.add(8).cast(), x[1]);
    }
    #[inline(always)]
    unsafe fn splat_int(x: i32) -> Self::I {
        [_mm256_set1_epi32(x); 2]
    }
    #[inline(always)]
    unsafe fn add_int(a: Self::I, b: Self::I) -> Self::I {
        [_mm256_add_epi32(a[0], b[0]), _mm256_add_epi32(a[1], b[1])]
    }
    #[inline(always)]
    unsafe fn and(a: Self::I, b: Self::I) -> Self::I {
        [_mm256_and_si256(a[0], b[0]), _mm256_and_si256(a[1], b[1])]
    }
    #[inline(always)]
    unsafe fn or(a: Self::I, b: Self::I) -> Self::I {
        [_mm256_or_si256(a[0], b[0]), _mm256_or_si256(a[1], b[1])]
    }
    #[inline(always)]
    unsafe fn shift_left<const BITS: u32>(x: Self::I) -> Self::I {
        let bits = _mm_cvtsi32_si128(BITS as i32);
        [_mm256_sll_epi32(x[0], bits), _mm256_sll_epi32(x[1], bits)]
    }
    #[inline(always)]
    unsafe fn load_bytes(from: *const i8) -> Self::I {
        let bytes = _mm_loadu_si128(from.cast());
        [
            _mm256_cvtepi8_epi32(bytes),
            _mm256_cvtepi8_epi32(_mm_srli_si128::<8>(bytes)),
        ]
    }
    #[inline(always)]
    unsafe fn store_bytes(to: *mut u8, x: Self::I) {
        let halves = to_i16(x);
        let bytes = _mm_packs_epi16(
            _mm256_castsi256_si128(halves),
            _mm256_extracti128_si256::<1>(halves),
        );
        _mm_storeu_si128(
            to.cast(),
            _mm_xor_si128(bytes, _mm_set1_epi8(Self::ACTIVATION_OFFSET as i8)),
        );
    }
    #[inline(always)]
    unsafe fn store_i16(to: *mut i16, x: Self::I) {
        _mm256_storeu_si256(to.cast(), to_i16(x))
    }
    #[inline(always)]
    unsafe fn dot_bytes(sum: Self::I, a: Self::I, b: Self::I) -> Self::I {
        if VNNI {
            return [
                _mm256_dpbusd_avx_epi32(sum[0], a[0], b[0]),
                _mm256_dpbusd_avx_epi32(sum[1], a[1], b[1]),
            ];
        }
        // The sum of two products of bytes up to 127 fits 16 bits. `maddubs` needs its first
        // operand unsigned, so the signs are moved to the second.
        let one = |sum, a, b| {
            let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(a), _mm256_sign_epi8(b, a));
            _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        };
        [one(sum[0], a[0], b[0]), one(sum[1], a[1], b[1])]
    }
    #[inline(always)]
    unsafe fn dot_i16(sum: Self::I, a: Self::I, b: Self::I) -> Self::I {
        [
            _mm256_add_epi32(sum[0], _mm256_madd_epi16(a[0], b[0])),
            _mm256_add_epi32(sum[1], _mm256_madd_epi16(a[1], b[1])),
        ]
    }
    #[inline(always)]
    unsafe fn reduce_sum(x: Self::F) -> f32 {
        reduce_sum_256(_mm256_add_ps(x[0], x[1]))
    }
    #[inline(always)]
    unsafe fn reduce_max(x: Self::F) -> f32 {
        let x = _mm256_max_ps(x[0], x[1]);
        let x = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
        let x = _mm_max_ps(x, _mm_movehl_ps(x, x));
        _mm_cvtss_f32(_mm_max_ss(x, _mm_shuffle_ps::<1>(x, x)))
    }
}

/// Narrows sixteen integers to i16, in order.
#[inline(always)]
unsafe fn to_i16(x: [__m256i; 2]) -> __m256i {
    _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(x[0], x[1]))
}

/// The sum of eight lanes, in the order of [`Lanes::reduce_sum`].
#[inline(always)]
pub unsafe fn reduce_sum_256(x: __m256) -> f32 {
    let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
    let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps::<1>(x, x)))
}
