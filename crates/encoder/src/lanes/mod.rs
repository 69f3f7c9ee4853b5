//! Operations on sixteen lanes, implemented for each instruction set.
//!
//! Every operation is defined bit for bit, so that all implementations give the same results:
//! integer sums are exact, float operations round once per lane (`mul_add` included), and
//! reductions across lanes have one fixed order.

// Every function here is one operation whose safety contract is that of the trait.
#![allow(unsafe_code, unsafe_op_in_unsafe_fn)]

#[cfg(target_arch = "x86_64")]
pub mod avx2;
#[cfg(target_arch = "x86_64")]
pub mod avx512;
#[cfg(target_arch = "aarch64")]
pub mod neon;
pub mod portable;

/// The number of lanes.
pub const LANES: usize = 16;

/// Operations on sixteen f32 or i32 lanes.
///
/// # Safety
/// Functions may be called only if the processor supports the instructions that the implementation
/// names. Pointers must be valid for the elements read or written; they need not be aligned.
pub trait Lanes: Copy {
    /// Sixteen f32.
    type F: Copy;
    /// Sixteen i32, or the same bits as 64 bytes or 32 i16.
    type I: Copy;

    /// The rows of a block of an int8 matrix product, and its columns in units of [`LANES`]: as
    /// many sums as fit into registers.
    const PRODUCT_BLOCK: (usize, usize);
    /// The same for the products within attention.
    const ATTENTION_BLOCK: (usize, usize);
    /// Added to quantized activations: 128 if the dot-product instruction needs them unsigned,
    /// otherwise 0.
    const ACTIVATION_OFFSET: u8;

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
    /// Rounds to the nearest integer, ties to even.
    unsafe fn round(x: Self::F) -> Self::I;
    unsafe fn to_float(x: Self::I) -> Self::F;
    /// Reinterprets the bits as integers.
    unsafe fn bits(x: Self::F) -> Self::I;
    /// Reinterprets the bits as floats.
    unsafe fn from_bits(x: Self::I) -> Self::F;

    unsafe fn load_int(from: *const i32) -> Self::I;
    unsafe fn store_int(to: *mut i32, x: Self::I);
    unsafe fn splat_int(x: i32) -> Self::I;
    unsafe fn add_int(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn and(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn or(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn shift_left<const BITS: u32>(x: Self::I) -> Self::I;
    /// Loads sixteen bytes, sign-extended.
    unsafe fn load_bytes(from: *const i8) -> Self::I;
    /// Stores sixteen integers in -128..=127 as bytes, with [`Self::ACTIVATION_OFFSET`] added.
    unsafe fn store_bytes(to: *mut u8, x: Self::I);
    /// Stores four times sixteen integers as [`Self::store_bytes`] does.
    #[inline(always)]
    unsafe fn store_four(to: *mut u8, x: [Self::I; 4]) {
        for (at, x) in x.into_iter().enumerate() {
            Self::store_bytes(to.add(at * LANES), x);
        }
    }
    /// Stores sixteen integers in -32,768..=32,767 as i16.
    unsafe fn store_i16(to: *mut i16, x: Self::I);
    /// Adds to each lane the dot product of its four bytes. `a` is in the format of
    /// [`Self::store_bytes`]; `b` is signed and never -128.
    unsafe fn dot_bytes(sum: Self::I, a: Self::I, b: Self::I) -> Self::I;
    /// Adds to each lane the dot product of its two signed i16.
    unsafe fn dot_i16(sum: Self::I, a: Self::I, b: Self::I) -> Self::I;

    /// Makes the compiler compute all vectors before any instruction that follows. It would otherwise
    /// put the steps of one vector after the other, each waiting for the one before, and the
    /// processor sees only so many instructions ahead.
    #[inline(always)]
    unsafe fn in_step<const R: usize, const C: usize>(_: &mut [[Self::F; C]; R]) {}

    /// The sum of all lanes, as a tree: lane i plus lane i + 8, then lane i plus lane i + 4, and so
    /// on.
    #[inline(always)]
    unsafe fn reduce_sum(x: Self::F) -> f32 {
        let mut lanes = Self::array(x);
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                lanes[lane] += lanes[lane + half];
            }
        }
        lanes[0]
    }

    /// The maximum of all lanes.
    #[inline(always)]
    unsafe fn reduce_max(x: Self::F) -> f32 {
        Self::array(x)
            .into_iter()
            .fold(f32::MIN, |a, b| if b > a { b } else { a })
    }

    /// The lanes as an array.
    #[inline(always)]
    unsafe fn array(x: Self::F) -> [f32; LANES] {
        let mut lanes = [0.0; LANES];
        Self::store(lanes.as_mut_ptr(), x);
        lanes
    }

    /// Exchanges rows and columns of sixteen vectors.
    #[inline(always)]
    unsafe fn transpose(rows: [Self::I; LANES]) -> [Self::I; LANES] {
        let mut columns = [[0; LANES]; LANES];
        for (at, row) in rows.into_iter().enumerate() {
            let mut lanes = [0; LANES];
            Self::store_int(lanes.as_mut_ptr(), row);
            for (column, lane) in columns.iter_mut().zip(lanes) {
                column[at] = lane;
            }
        }
        columns.map(|column| Self::load_int(column.as_ptr()))
    }

    /// Keeps the first `count` lanes and sets the others to zero.
    #[inline(always)]
    unsafe fn keep_first(x: Self::F, count: usize) -> Self::F {
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
        Self::from_bits(Self::and(
            Self::bits(x),
            Self::load_int(MASK.as_ptr().add(LANES - count)),
        ))
    }
}
