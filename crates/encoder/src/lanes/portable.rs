//! Plain Rust, which the compiler vectorizes for the target.

use super::{LANES, Lanes};

/// Requires no particular instructions.
#[derive(Clone, Copy)]
pub struct Portable;

#[inline(always)]
fn zip_lanes<A: Copy, B: Copy, R: Copy + Default>(
    a: [A; LANES],
    b: [B; LANES],
    f: impl Fn(A, B) -> R,
) -> [R; LANES] {
    let mut out = [R::default(); LANES];
    for lane in 0..LANES {
        out[lane] = f(a[lane], b[lane]);
    }
    out
}

impl Lanes for Portable {
    type F = [f32; LANES];
    type I = [i32; LANES];

    const PRODUCT_BLOCK: (usize, usize) = (2, 1);
    const ATTENTION_BLOCK: (usize, usize) = (1, 2);
    const ACTIVATION_OFFSET: u8 = 0;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::F {
        from.cast::<Self::F>().read_unaligned()
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, x: Self::F) {
        to.cast::<Self::F>().write_unaligned(x)
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::F {
        [x; LANES]
    }
    #[inline(always)]
    unsafe fn add(a: Self::F, b: Self::F) -> Self::F {
        zip_lanes(a, b, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(a: Self::F, b: Self::F) -> Self::F {
        zip_lanes(a, b, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(a: Self::F, b: Self::F) -> Self::F {
        zip_lanes(a, b, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn mul_add(a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        let mut out = [0.0; LANES];
        for lane in 0..LANES {
            out[lane] = a[lane].mul_add(b[lane], c[lane]);
        }
        out
    }
    #[inline(always)]
    unsafe fn max(a: Self::F, b: Self::F) -> Self::F {
        zip_lanes(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(a: Self::F, b: Self::F) -> Self::F {
        zip_lanes(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn abs(x: Self::F) -> Self::F {
        x.map(f32::abs)
    }
    #[inline(always)]
    unsafe fn round(x: Self::F) -> Self::I {
        x.map(|x| x.round_ties_even() as i32)
    }
    #[inline(always)]
    unsafe fn to_float(x: Self::I) -> Self::F {
        x.map(|x| x as f32)
    }
    #[inline(always)]
    unsafe fn bits(x: Self::F) -> Self::I {
        x.map(|x| x.to_bits().cast_signed())
    }
    #[inline(always)]
    unsafe fn from_bits(x: Self::I) -> Self::F {
        x.map(|x| f32::from_bits(x.cast_unsigned()))
    }
    #[inline(always)]
    unsafe fn load_int(from: *const i32) -> Self::I {
        from.cast::<Self::I>().read_unaligned()
    }
    #[inline(always)]
    unsafe fn store_int(to: *mut i32, x: Self::I) {
        to.cast::<Self::I>().write_unaligned(x)
    }
    #[inline(always)]
    unsafe fn splat_int(x: i32) -> Self::I {
        [x; LANES]
    }
    #[inline(always)]
    unsafe fn add_int(a: Self::I, b: Self::I) -> Self::I {
        zip_lanes(a, b, i32::wrapping_add)
    }
    #[inline(always)]
    unsafe fn and(a: Self::I, b: Self::I) -> Self::I {
        zip_lanes(a, b, |a, b| a & b)
    }
    #[inline(always)]
    unsafe fn or(a: Self::I, b: Self::I) -> Self::I {
        zip_lanes(a, b, |a, b| a | b)
    }
    #[inline(always)]
    unsafe fn shift_left<const BITS: u32>(x: Self::I) -> Self::I {
        x.map(|x| x << BITS)
    }
    #[inline(always)]
    unsafe fn load_bytes(from: *const i8) -> Self::I {
        from.cast::<[i8; LANES]>().read().map(i32::from)
    }
    #[inline(always)]
    unsafe fn store_bytes(to: *mut u8, x: Self::I) {
        to.cast::<[u8; LANES]>().write(x.map(|x| x as u8))
    }
    #[inline(always)]
    unsafe fn store_i16(to: *mut i16, x: Self::I) {
        to.cast::<[i16; LANES]>()
            .write_unaligned(x.map(|x| x as i16))
    }
    #[inline(always)]
    unsafe fn dot_bytes(sum: Self::I, a: Self::I, b: Self::I) -> Self::I {
        let four = |a: i32, b: i32| {
            let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
            (0..4)
                .map(|at| i32::from(a[at].cast_signed()) * i32::from(b[at].cast_signed()))
                .sum::<i32>()
        };
        zip_lanes(sum, zip_lanes(a, b, four), i32::wrapping_add)
    }
    #[inline(always)]
    unsafe fn dot_i16(sum: Self::I, a: Self::I, b: Self::I) -> Self::I {
        let two = |a: i32, b: i32| (a << 16 >> 16) * (b << 16 >> 16) + (a >> 16) * (b >> 16);
        zip_lanes(sum, zip_lanes(a, b, two), i32::wrapping_add)
    }
}
