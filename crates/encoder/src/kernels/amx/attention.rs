//! The weighted sums of attention in AMX tiles.
//!
//! Weights and values have sixteen bits. Each is split into its two bytes, and the four products of
//! bytes are added with their places: exact, as all sums are modulo 2^32.

use super::{TILE_BYTES, Tiles};
use crate::kernels::attention::{Attention, Buffers, QUERY_BLOCK, WeightedSum};
use crate::lanes::avx512::Avx512;
use crate::lanes::{LANES, Lanes};
use cpu::amx::{TILE_ROW_BYTES, TILE_ROWS};
use std::arch::asm;
use std::arch::x86_64::*;

/// Tokens whose values are added by one instruction.
const STEP: usize = TILE_ROW_BYTES;

/// The four sums of products for a block of queries and sixteen dimensions.
#[repr(align(64))]
struct Sums([[[i32; LANES]; TILE_ROWS]; 4]);

impl WeightedSum for Tiles {
    /// Splits the values of each step and each sixteen dimensions into two tiles: the upper bytes,
    /// and the lower ones. Missing tokens are zero.
    #[inline(always)]
    unsafe fn prepare(job: &Attention, buffers: &Buffers) {
        let steps = job.length.div_ceil(STEP);
        let panels = job.dimensions / LANES;
        // SAFETY: the buffers have room for whole steps; `values` has pairs of tokens below `length`.
        unsafe {
            let pair = |pair: usize, panel: usize| {
                if 2 * pair < job.length {
                    let at = pair * job.dimensions + panel * LANES;
                    Avx512::load_int(buffers.values.add(at))
                } else {
                    Avx512::splat_int(0)
                }
            };
            // From (low, high) of two tokens to the lows, then the highs, in each group of four bytes.
            let order = _mm512_broadcast_i32x4(_mm_setr_epi8(
                0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15,
            ));
            let lower_half = Avx512::splat_int(0xffff);
            for panel in 0..panels {
                for row in 0..steps * TILE_ROWS {
                    let first = _mm512_shuffle_epi8(pair(2 * row, panel), order);
                    let second = _mm512_shuffle_epi8(pair(2 * row + 1, panel), order);
                    let low = _mm512_or_si512(
                        _mm512_and_si512(first, lower_half),
                        _mm512_slli_epi32::<16>(second),
                    );
                    let high = _mm512_or_si512(
                        _mm512_srli_epi32::<16>(first),
                        _mm512_andnot_si512(lower_half, second),
                    );
                    let (step, row) = (row / TILE_ROWS, row % TILE_ROWS);
                    let tile = buffers.tiles.add((panel * steps + step) * 2 * TILE_BYTES);
                    let row = tile.add(row * TILE_ROW_BYTES);
                    Avx512::store_int(row.cast(), high);
                    Avx512::store_int(row.add(TILE_BYTES).cast(), low);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn add_up(job: &Attention, buffers: &Buffers, first: usize, queries: usize, scale: f32) {
        let steps = job.length.div_ceil(STEP);
        let mut sums = Sums([[[0; LANES]; TILE_ROWS]; 4]);
        // SAFETY: the buffers have room for whole steps of QUERY_BLOCK queries. Weights read past the
        // last token of a row are multiplied with zero. Tiles are configured here and released.
        unsafe {
            for query in 0..QUERY_BLOCK {
                for step in 0..steps {
                    let from = buffers.weights.add(query * buffers.padded + step * STEP);
                    let a = _mm512_loadu_si512(from.cast());
                    let b = _mm512_loadu_si512(from.add(STEP / 2).cast());
                    let to = buffers
                        .planes
                        .add(2 * step * TILE_BYTES + query * TILE_ROW_BYTES);
                    store_bytes(to, _mm512_srli_epi16::<8>(a), _mm512_srli_epi16::<8>(b));
                    let byte = _mm512_set1_epi16(0xff);
                    store_bytes(
                        to.add(TILE_BYTES),
                        _mm512_and_si512(a, byte),
                        _mm512_and_si512(b, byte),
                    );
                }
            }
            let scale = Avx512::splat(scale);
            for panel in 0..job.dimensions / LANES {
                let tiles = buffers.tiles.add(panel * steps * 2 * TILE_BYTES);
                multiply(buffers.planes, tiles, steps, &mut sums);
                for query in 0..queries {
                    let sum = |of: usize| Avx512::load_int(sums.0[of][query].as_ptr());
                    let middle = Avx512::add_int(sum(1), sum(2));
                    let total = Avx512::add_int(
                        Avx512::add_int(
                            Avx512::shift_left::<16>(sum(0)),
                            Avx512::shift_left::<8>(middle),
                        ),
                        sum(3),
                    );
                    let to = job.output.add((first + query) * job.stride + panel * LANES);
                    Avx512::store(to, Avx512::mul(Avx512::to_float(total), scale));
                }
            }
        }
    }
}

/// Stores 64 numbers in 0..=255 as bytes.
#[inline(always)]
unsafe fn store_bytes(to: *mut u8, a: __m512i, b: __m512i) {
    // SAFETY: the caller has room for them. Packing goes by groups of eight bytes.
    unsafe {
        let order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
        let bytes = _mm512_permutexvar_epi64(order, _mm512_packus_epi16(a, b));
        _mm512_storeu_si512(to.cast(), bytes);
    }
}

/// Multiplies weights with values: the upper bytes of both, upper with lower, lower with upper, and
/// the lower bytes of both.
///
/// # Safety
/// AMX must be available; both operands must have two tiles for each step.
#[inline(always)]
unsafe fn multiply(weights: *const u8, values: *const u8, steps: usize, sums: &mut Sums) {
    // SAFETY: the caller's contract; every register and all memory written is declared.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "tileloadd tmm4, [{weights} + {line}*1]",
            "tileloadd tmm6, [{values} + {line}*1]",
            "tdpbusd tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{values} + {line}*1 + 1024]",
            "tdpbuud tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{weights} + {line}*1 + 1024]",
            "tdpbusd tmm2, tmm5, tmm6",
            "tdpbuud tmm3, tmm5, tmm7",
            "add {weights}, 2048",
            "add {values}, 2048",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{sums} + {line}*1], tmm0",
            "tilestored [{sums} + {line}*1 + 1024], tmm1",
            "tilestored [{sums} + {line}*1 + 2048], tmm2",
            "tilestored [{sums} + {line}*1 + 3072], tmm3",
            weights = inout(reg) weights => _,
            values = inout(reg) values => _,
            steps = inout(reg) steps => _,
            line = in(reg) TILE_ROW_BYTES,
            sums = in(reg) sums.0.as_mut_ptr(),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}
