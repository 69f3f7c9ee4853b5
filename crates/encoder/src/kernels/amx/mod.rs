//! Int8 matrix products and weighted sums in AMX tiles, followed by the float operations of AVX-512.
//!
//! One instruction multiplies sixteen rows by 64 bytes with 64 bytes by sixteen columns. A panel of
//! [`QuantizedLinear::weights`](crate::model::QuantizedLinear) is a sequence of such second operands
//! as it is.

mod attention;

use super::attention::{Attention, Scratch, attend as attend_with};
use super::projection::{self, Projection, store_outputs};
use super::{Kernels, avx512};
use crate::lanes::avx512::Avx512;
use crate::lanes::{LANES, Lanes};
use cpu::amx::{TILE_CONFIG, TILE_ROW_BYTES, TILE_ROWS};
use std::arch::asm;

/// The bytes of a tile.
const TILE_BYTES: usize = TILE_ROWS * TILE_ROW_BYTES;
/// The shortest text whose weighted sums are faster in tiles, in tokens.
const SHORTEST_TEXT: usize = 32;

/// The weighted sums of attention in tiles.
struct Tiles;

/// Rows of a block: two tiles.
const BLOCK_ROWS: usize = 2 * TILE_ROWS;
/// Columns of a block: two tiles.
const BLOCK_COLUMNS: usize = 2 * LANES;

/// The sums of a block.
#[repr(align(64))]
struct Sums([[i32; BLOCK_COLUMNS]; BLOCK_ROWS]);

impl Sums {
    /// The first `C` vectors of each of four rows, with a correction added.
    ///
    /// # Safety
    /// The contract of [`Lanes`] for [`Avx512`]; `correction` must point to as many vectors.
    #[inline(always)]
    unsafe fn rows<const C: usize>(
        &self,
        first: usize,
        correction: *const i32,
    ) -> [[<Avx512 as Lanes>::I; C]; 4] {
        // SAFETY: the caller's contract.
        unsafe {
            let mut rows = [[Avx512::splat_int(0); C]; 4];
            for (row, sums) in rows.iter_mut().zip(&self.0[first..]) {
                for (panel, vector) in row.iter_mut().enumerate() {
                    *vector = Avx512::add_int(
                        Avx512::load_int(sums.as_ptr().add(panel * LANES)),
                        Avx512::load_int(correction.add(panel * LANES)),
                    );
                }
            }
            rows
        }
    }
}

/// The kernels of AVX-512, with matrix products in tiles.
pub static KERNELS: Kernels = Kernels {
    project,
    project_gelu,
    attend,
    ..avx512::KERNELS
};

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn project(job: &Projection<'_>) {
    // SAFETY: these functions are only called through `KERNELS`, which is only used if the processor
    // supports AMX and the features; the safety contract of the jobs is passed on to the caller.
    unsafe { apply::<false>(job) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn project_gelu(job: &Projection<'_>) {
    // SAFETY: see above.
    unsafe { apply::<true>(job) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn attend(job: &Attention, scratch: &mut Scratch) {
    if job.length < SHORTEST_TEXT {
        // SAFETY: see above.
        return unsafe { (avx512::KERNELS.attend)(job, scratch) };
    }
    // SAFETY: see above.
    unsafe {
        configure();
        attend_with::<Avx512, Tiles>(job, scratch);
        release();
    }
}

/// Configures the tiles of this thread.
///
/// # Safety
/// AMX must be available.
#[inline(always)]
unsafe fn configure() {
    // SAFETY: the configuration is a whole operand.
    unsafe {
        asm!("ldtilecfg [{}]", in(reg) &TILE_CONFIG, options(nostack, preserves_flags));
    }
}

/// Releases the tiles of this thread, so that the system need not save them.
///
/// # Safety
/// AMX must be available.
#[inline(always)]
unsafe fn release() {
    // SAFETY: releasing tiles changes nothing else.
    unsafe {
        asm!("tilerelease", options(nomem, nostack, preserves_flags));
    }
}

/// As [`projection::project`].
///
/// # Safety
/// As [`projection::project`] with [`Avx512`], and AMX must be available.
#[inline(always)]
unsafe fn apply<const GELU: bool>(job: &Projection<'_>) {
    let linear = job.linear;
    if !linear.inputs.is_multiple_of(TILE_ROW_BYTES) {
        // SAFETY: the caller's contract.
        return unsafe { projection::project::<Avx512, GELU>(job) };
    }
    let mut sums = Sums([[0; BLOCK_COLUMNS]; BLOCK_ROWS]);
    // SAFETY: the caller's contract.
    unsafe { configure() };
    for column in job.columns.clone().step_by(BLOCK_COLUMNS) {
        let panels = 2.min((job.columns.end - column) / LANES);
        for row in (0..job.rows).step_by(BLOCK_ROWS) {
            let rows = BLOCK_ROWS.min(job.rows - row);
            // SAFETY: `column` is the first of `panels` panels, and the rows of both tiles are among
            // those that can be read. Tiles are configured.
            unsafe {
                let block = Block {
                    input: job.input.add(row * linear.inputs),
                    weights: linear.weights.as_ptr().add(column * linear.inputs),
                    inputs: linear.inputs,
                    panels,
                };
                if rows > TILE_ROWS {
                    block.multiply_two_tiles(&mut sums);
                } else {
                    block.multiply_one_tile(&mut sums);
                }
                for at in (0..rows).step_by(4) {
                    if panels == 2 {
                        store_outputs::<Avx512, GELU, 4, 2>(
                            job,
                            row + at,
                            column,
                            sums.rows(at, linear.correction.as_ptr().add(column)),
                        );
                    } else {
                        store_outputs::<Avx512, GELU, 4, 1>(
                            job,
                            row + at,
                            column,
                            sums.rows(at, linear.correction.as_ptr().add(column)),
                        );
                    }
                }
            }
        }
    }
    // SAFETY: the caller's contract.
    unsafe { release() };
}

/// Rows and two panels of columns to multiply. With one panel, it stands for both.
struct Block {
    input: *const u8,
    weights: *const u8,
    inputs: usize,
    panels: usize,
}

impl Block {
    /// Multiplies [`BLOCK_ROWS`] rows.
    ///
    /// # Safety
    /// Tiles must be configured as [`TILE_CONFIG`]. The fields must point to as many rows of
    /// `inputs` bytes, and to the weights of `panels` panels; `inputs` is a multiple of
    /// [`TILE_ROW_BYTES`].
    #[inline(always)]
    unsafe fn multiply_two_tiles(&self, sums: &mut Sums) {
        let second = self.panels - 1;
        // SAFETY: the caller's contract; every register and all memory written is declared.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "2:",
                "tileloadd tmm6, [{weights0} + {line}*1]",
                "tileloadd tmm4, [{upper} + {stride}*1]",
                "tdpbusd tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{weights1} + {line}*1]",
                "tdpbusd tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{lower} + {stride}*1]",
                "tdpbusd tmm2, tmm5, tmm6",
                "tdpbusd tmm3, tmm5, tmm7",
                "add {weights0}, 1024",
                "add {weights1}, 1024",
                "add {upper}, 64",
                "add {lower}, 64",
                "dec {count}",
                "jnz 2b",
                "tilestored [{sums} + {sums_stride}*1], tmm0",
                "tilestored [{sums} + {sums_stride}*1 + 64], tmm1",
                "tilestored [{sums} + {sums_stride}*1 + 2048], tmm2",
                "tilestored [{sums} + {sums_stride}*1 + 2112], tmm3",
                weights0 = inout(reg) self.weights => _,
                weights1 = inout(reg) self.weights.add(second * LANES * self.inputs) => _,
                upper = inout(reg) self.input => _,
                lower = inout(reg) self.input.add(TILE_ROWS * self.inputs) => _,
                line = in(reg) TILE_ROW_BYTES,
                stride = in(reg) self.inputs,
                count = inout(reg) self.inputs / TILE_ROW_BYTES => _,
                sums = in(reg) sums.0.as_mut_ptr(),
                sums_stride = in(reg) size_of::<[i32; BLOCK_COLUMNS]>(),
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }

    /// Multiplies [`TILE_ROWS`] rows; the other sums stay as they are.
    ///
    /// # Safety
    /// As [`Self::multiply_two_tiles`].
    #[inline(always)]
    unsafe fn multiply_one_tile(&self, sums: &mut Sums) {
        let second = self.panels - 1;
        // SAFETY: as above.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "2:",
                "tileloadd tmm6, [{weights0} + {line}*1]",
                "tileloadd tmm4, [{upper} + {stride}*1]",
                "tdpbusd tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{weights1} + {line}*1]",
                "tdpbusd tmm1, tmm4, tmm7",
                "add {weights0}, 1024",
                "add {weights1}, 1024",
                "add {upper}, 64",
                "dec {count}",
                "jnz 2b",
                "tilestored [{sums} + {sums_stride}*1], tmm0",
                "tilestored [{sums} + {sums_stride}*1 + 64], tmm1",
                weights0 = inout(reg) self.weights => _,
                weights1 = inout(reg) self.weights.add(second * LANES * self.inputs) => _,
                upper = inout(reg) self.input => _,
                line = in(reg) TILE_ROW_BYTES,
                stride = in(reg) self.inputs,
                count = inout(reg) self.inputs / TILE_ROW_BYTES => _,
                sums = in(reg) sums.0.as_mut_ptr(),
                sums_stride = in(reg) size_of::<[i32; BLOCK_COLUMNS]>(),
                out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}
