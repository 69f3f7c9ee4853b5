//! Sixteen numbers at a time, in whatever vectors a processor has.
//!
//! Every operation is defined exactly, down to the last bit, so that all implementations give the same results: sums of
//! integers are exact, floats are added and multiplied lane by lane with one rounding each (two for none), and sums across
//! lanes are taken in one fixed order.

// Every function here is one operation, and what it needs is what the trait says.
#![allow(unsafe_code, unsafe_op_in_unsafe_fn)]

#[cfg(target_arch = "x86_64")]
pub mod avx2;
#[cfg(target_arch = "x86_64")]
pub mod avx512;
#[cfg(target_arch = "aarch64")]
pub mod neon;
pub mod portable;

/// How many numbers go together.
pub const LANES: usize = 16;

/// What a processor does with sixteen numbers.
///
/// # Safety
/// All functions may be called only where the processor has the instructions that the implementation names. Pointers are
/// to as many numbers as are read or written; they need not be aligned.
pub trait Lanes: Copy {
    /// Sixteen f32.
    type F: Copy;
    /// Sixteen i32, or as many bits read otherwise.
    type I: Copy;

    /// The rows of a block of an int8 product, and its columns in units of [`LANES`]: as many sums as registers hold.
    const BLOCK: (usize, usize);
    /// The same of the products within attention.
    const ATTENTION: (usize, usize);
    /// Added to activations so that they are unsigned, as the instruction for products wants them: 0 or 128.
    const OFFSET: u8;

    unsafe fn load(from: *const f32) -> Self::F;
    unsafe fn store(to: *mut f32, x: Self::F);
    unsafe fn splat(x: f32) -> Self::F;
    unsafe fn add(a: Self::F, b: Self::F) -> Self::F;
    unsafe fn sub(a: Self::F, b: Self::F) -> Self::F;
    unsafe fn mul(a: Self::F, b: Self::F) -> Self::F;
    /// `a · b + c`, rounded once.
    unsafe fn mul_add(a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    unsafe fn max(a: Self::F, b: Self::F) -> Self::F;
    unsafe fn min(a: Self::F, b: Self::F) -> Self::F;
    unsafe fn abs(x: Self::F) -> Self::F;
    /// To the nearest whole number, to the even one of two.
    unsafe fn round(x: Self::F) -> Self::I;
    unsafe fn to_float(x: Self::I) -> Self::F;
    /// The bits as integers.
    unsafe fn bits(x: Self::F) -> Self::I;
    /// The bits as floats.
    unsafe fn from_bits(x: Self::I) -> Self::F;

    unsafe fn load_int(from: *const i32) -> Self::I;
    unsafe fn store_int(to: *mut i32, x: Self::I);
    unsafe fn splat_int(x: i32) -> Self::I;
    unsafe fn add_int(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn and(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn or(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn shift_left<const BITS: u32>(x: Self::I) -> Self::I;
    /// Sixteen bytes as integers.
    unsafe fn load_bytes(from: *const i8) -> Self::I;
    /// The low bytes of sixteen integers between -128 and 127, [`Self::OFFSET`] added.
    unsafe fn store_bytes(to: *mut u8, x: Self::I);
    /// The low halves of sixteen integers between -32,768 and 32,767.
    unsafe fn store_halves(to: *mut i16, x: Self::I);
    /// `sum + a · b` of the four bytes of each lane: of `a` as [`Self::store_bytes`] stores them, of `b` signed and no
    /// -128.
    unsafe fn dot_bytes(sum: Self::I, a: Self::I, b: Self::I) -> Self::I;
    /// `sum + a · b` of the two signed halves of each lane.
    unsafe fn dot_halves(sum: Self::I, a: Self::I, b: Self::I) -> Self::I;

    /// All lanes together: each of the first eight with the one eight further, of these the first four with those four
    /// further, and so on.
    #[inline(always)]
    unsafe fn sum(x: Self::F) -> f32 {
        let mut lanes = Self::array(x);
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                lanes[lane] += lanes[lane + half];
            }
        }
        lanes[0]
    }

    /// The largest of all lanes.
    #[inline(always)]
    unsafe fn largest(x: Self::F) -> f32 {
        Self::array(x).into_iter().fold(f32::MIN, |a, b| if b > a { b } else { a })
    }

    /// The lanes as an array.
    #[inline(always)]
    unsafe fn array(x: Self::F) -> [f32; LANES] {
        let mut lanes = [0.0; LANES];
        Self::store(lanes.as_mut_ptr(), x);
        lanes
    }

    /// The first `count` lanes, zeros in the others.
    #[inline(always)]
    unsafe fn first(x: Self::F, count: usize) -> Self::F {
        const MASK: [i32; 2 * LANES] = {
            let mut mask = [0; 2 * LANES];
            let mut lane = 0;
            while lane < LANES {
                mask[lane] = -1;
                lane += 1;
            }
            mask
        };
        debug_assert!(count <= LANES);
        Self::from_bits(Self::and(Self::bits(x), Self::load_int(MASK.as_ptr().add(LANES - count))))
    }
}
