//! NEON: four vectors of four lanes. With the dot-product extension, byte dot products are one
//! instruction.

use super::Lanes;
use std::arch::aarch64::*;

/// Requires NEON, which every aarch64 processor has, and the dot-product extension if `DOT`.
#[derive(Clone, Copy)]
pub struct Neon<const DOT: bool>;

#[inline(always)]
fn each<A: Copy, R: Copy>(a: [A; 4], of: impl Fn(A) -> R) -> [R; 4] {
    [of(a[0]), of(a[1]), of(a[2]), of(a[3])]
}

#[inline(always)]
fn both<A: Copy, B: Copy, R: Copy>(a: [A; 4], b: [B; 4], of: impl Fn(A, B) -> R) -> [R; 4] {
    [
        of(a[0], b[0]),
        of(a[1], b[1]),
        of(a[2], b[2]),
        of(a[3], b[3]),
    ]
}

impl<const DOT: bool> Lanes for Neon<DOT> {
    type F = [float32x4_t; 4];
    type I = [int32x4_t; 4];

    const PRODUCT_BLOCK: (usize, usize) = (4, 1);
    const ATTENTION_BLOCK: (usize, usize) = (4, 1);
    const ACTIVATION_OFFSET: u8 = 0;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::F {
        each([0, 4, 8, 12], |at| unsafe { vld1q_f32(from.add(at)) })
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, x: Self::F) {
        for (at, x) in x.into_iter().enumerate() {
            vst1q_f32(to.add(4 * at), x);
        }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::F {
        [vdupq_n_f32(x); 4]
    }
    #[inline(always)]
    unsafe fn add(a: Self::F, b: Self::F) -> Self::F {
        both(a, b, |a, b| unsafe { vaddq_f32(a, b) })
    }
    #[inline(always)]
    unsafe fn sub(a: Self::F, b: Self::F) -> Self::F {
        both(a, b, |a, b| unsafe { vsubq_f32(a, b) })
    }
    #[inline(always)]
    unsafe fn mul(a: Self::F, b: Self::F) -> Self::F {
        both(a, b, |a, b| unsafe { vmulq_f32(a, b) })
    }
    #[inline(always)]
    unsafe fn mul_add(a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        [
            vfmaq_f32(c[0], a[0], b[0]),
            vfmaq_f32(c[1], a[1], b[1]),
            vfmaq_f32(c[2], a[2], b[2]),
            vfmaq_f32(c[3], a[3], b[3]),
        ]
    }
    #[inline(always)]
    unsafe fn max(a: Self::F, b: Self::F) -> Self::F {
        both(a, b, |a, b| unsafe { vmaxq_f32(a, b) })
    }
    #[inline(always)]
    unsafe fn min(a: Self::F, b: Self::F) -> Self::F {
        both(a, b, |a, b| unsafe { vminq_f32(a, b) })
    }
    #[inline(always)]
    unsafe fn abs(x: Self::F) -> Self::F {
        each(x, |x| unsafe { vabsq_f32(x) })
    }
    #[inline(always)]
    unsafe fn round(x: Self::F) -> Self::I {
        each(x, |x| unsafe { vcvtnq_s32_f32(x) })
    }
    #[inline(always)]
    unsafe fn to_float(x: Self::I) -> Self::F {
        each(x, |x| unsafe { vcvtq_f32_s32(x) })
    }
    #[inline(always)]
    unsafe fn bits(x: Self::F) -> Self::I {
        each(x, |x| unsafe { vreinterpretq_s32_f32(x) })
    }
    #[inline(always)]
    unsafe fn from_bits(x: Self::I) -> Self::F {
        each(x, |x| unsafe { vreinterpretq_f32_s32(x) })
    }
    #[inline(always)]
    unsafe fn load_int(from: *const i32) -> Self::I {
        each([0, 4, 8, 12], |at| unsafe { vld1q_s32(from.add(at)) })
    }
    #[inline(always)]
    unsafe fn store_int(to: *mut i32, x: Self::I) {
        for (at, x) in x.into_iter().enumerate() {
            vst1q_s32(to.add(4 * at), x);
        }
    }
    #[inline(always)]
    unsafe fn splat_int(x: i32) -> Self::I {
        [vdupq_n_s32(x); 4]
    }
    #[inline(always)]
    unsafe fn add_int(a: Self::I, b: Self::I) -> Self::I {
        both(a, b, |a, b| unsafe { vaddq_s32(a, b) })
    }
    #[inline(always)]
    unsafe fn and(a: Self::I, b: Self::I) -> Self::I {
        both(a, b, |a, b| unsafe { vandq_s32(a, b) })
    }
    #[inline(always)]
    unsafe fn or(a: Self::I, b: Self::I) -> Self::I {
        both(a, b, |a, b| unsafe { vorrq_s32(a, b) })
    }
    #[inline(always)]
    unsafe fn shift_left<const BITS: u32>(x: Self::I) -> Self::I {
        let bits = vdupq_n_s32(BITS as i32);
        each(x, |x| unsafe { vshlq_s32(x, bits) })
    }
    #[inline(always)]
    unsafe fn load_bytes(from: *const i8) -> Self::I {
        let bytes = vld1q_s8(from);
        let (low, high) = (vmovl_s8(vget_low_s8(bytes)), vmovl_s8(vget_high_s8(bytes)));
        [
            vmovl_s16(vget_low_s16(low)),
            vmovl_s16(vget_high_s16(low)),
            vmovl_s16(vget_low_s16(high)),
            vmovl_s16(vget_high_s16(high)),
        ]
    }
    #[inline(always)]
    unsafe fn store_bytes(to: *mut u8, x: Self::I) {
        let [low, high] = to_i16(x);
        vst1q_s8(to.cast(), vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
    }
    #[inline(always)]
    unsafe fn store_i16(to: *mut i16, x: Self::I) {
        let [low, high] = to_i16(x);
        vst1q_s16(to, low);
        vst1q_s16(to.add(8), high);
    }
    #[inline(always)]
    unsafe fn dot_bytes(sum: Self::I, a: Self::I, b: Self::I) -> Self::I {
        let one = |sum, a, b| unsafe {
            let (a, b) = (vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b));
            if DOT {
                // The intrinsic is not stable yet.
                let mut sum = sum;
                std::arch::asm!(
                    ".arch_extension dotprod",
                    "sdot {sum:v}.4s, {a:v}.16b, {b:v}.16b",
                    sum = inout(vreg) sum, a = in(vreg) a, b = in(vreg) b,
                    options(pure, nomem, nostack, preserves_flags),
                );
                return sum;
            }
            // The sum of two products of bytes up to 127 fits 16 bits.
            let low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
            let high = vmull_s8(vget_high_s8(a), vget_high_s8(b));
            vpadalq_s16(sum, vpaddq_s16(low, high))
        };
        [
            one(sum[0], a[0], b[0]),
            one(sum[1], a[1], b[1]),
            one(sum[2], a[2], b[2]),
            one(sum[3], a[3], b[3]),
        ]
    }
    #[inline(always)]
    unsafe fn dot_i16(sum: Self::I, a: Self::I, b: Self::I) -> Self::I {
        let one = |sum, a, b| unsafe {
            let (a, b) = (vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b));
            let low = vmull_s16(vget_low_s16(a), vget_low_s16(b));
            let high = vmull_s16(vget_high_s16(a), vget_high_s16(b));
            vaddq_s32(sum, vpaddq_s32(low, high))
        };
        [
            one(sum[0], a[0], b[0]),
            one(sum[1], a[1], b[1]),
            one(sum[2], a[2], b[2]),
            one(sum[3], a[3], b[3]),
        ]
    }
}

/// Narrows sixteen integers to i16, in order.
#[inline(always)]
unsafe fn to_i16(x: [int32x4_t; 4]) -> [int16x8_t; 2] {
    [
        vcombine_s16(vmovn_s32(x[0]), vmovn_s32(x[1])),
        vcombine_s16(vmovn_s32(x[2]), vmovn_s32(x[3])),
    ]
}
