//! Dot products of many int8 rows with sixteen queries at once, in AMX tiles.
//!
//! One instruction multiplies a tile of 16 rows × 64 bytes with one of 64 bytes × 16 queries:
//! sixteen times the work of the widest vector instruction. This pays when many queries scan the
//! same codes.

use super::int8::LANES;
use cpu::InstructionSet;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use cpu::amx::{TILE_CONFIG, TILE_ROWS};

/// Queries per call.
pub const TILE_QUERIES: usize = 16;
/// Rows per call: two tiles.
pub const BLOCK_ROWS: usize = 32;

/// Up to sixteen queries, packed as the second operand. Exists only if the processor supports AMX.
pub struct QueryTile {
    packed: Vec<i8>,
    stride: usize,
}

impl QueryTile {
    /// Packs at most sixteen queries of `stride` values; missing ones are zero. `None` if AMX is
    /// not available, or if the queries do not fit.
    pub fn new(queries: &[&[i8]], stride: usize) -> Option<Self> {
        if stride == 0
            || !cpu::supports(InstructionSet::Amx)
            || queries.len() > TILE_QUERIES
            || queries.iter().any(|query| query.len() != stride)
        {
            return None;
        }
        // Four values of each query in turn, as TDPBUSD expects its second operand.
        let mut packed = vec![0; stride * TILE_QUERIES];
        for (query, code) in queries.iter().enumerate() {
            for (group, values) in code.as_chunks::<4>().0.iter().enumerate() {
                packed[(group * TILE_QUERIES + query) * 4..][..4].copy_from_slice(values);
            }
        }
        Some(Self { packed, stride })
    }

    /// Computes the dot products of [`BLOCK_ROWS`] rows with every query: `sums[row][query]`.
    ///
    /// # Panics
    /// If `codes` is not exactly [`BLOCK_ROWS`] rows.
    pub fn sums(&self, codes: &[u8], sums: &mut [[i32; TILE_QUERIES]; BLOCK_ROWS]) {
        assert_eq!(codes.len(), BLOCK_ROWS * self.stride);
        assert!(
            self.stride.is_multiple_of(LANES) && self.packed.len() == self.stride * TILE_QUERIES
        );
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        // SAFETY: a value of this type exists only if AMX is supported; the assertions keep all loads and stores of whole tiles within their
        // slices.
        unsafe {
            multiply(&self.packed, codes, self.stride, sums);
        }
        #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
        let _ = sums;
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
// SAFETY: the caller guarantees that AMX can be used, that `packed` has `stride · TILE_QUERIES` and
// `codes` `stride · BLOCK_ROWS` elements, and that `stride` is a multiple of LANES. Tiles are
// configured and released here.
unsafe fn multiply(
    packed: &[i8],
    codes: &[u8],
    stride: usize,
    sums: &mut [[i32; TILE_QUERIES]; BLOCK_ROWS],
) {
    use std::arch::asm;

    // SAFETY: see above; every register and all memory written is declared to the compiler.
    unsafe {
        asm!(
            "ldtilecfg [{config}]",
            "tilezero tmm0",
            "tilezero tmm1",
            "2:",
            "tileloadd tmm4, [{queries} + {line}*1]",
            "tileloadd tmm2, [{upper} + {stride}*1]",
            "tileloadd tmm3, [{lower} + {stride}*1]",
            "tdpbusd tmm0, tmm2, tmm4",
            "tdpbusd tmm1, tmm3, tmm4",
            "add {queries}, 1024",
            "add {upper}, 64",
            "add {lower}, 64",
            "dec {count}",
            "jnz 2b",
            "tilestored [{sums} + {line}*1], tmm0",
            "tilestored [{sums} + {line}*1 + 1024], tmm1",
            "tilerelease",
            config = in(reg) &TILE_CONFIG,
            queries = inout(reg) packed.as_ptr() => _,
            upper = inout(reg) codes.as_ptr() => _,
            lower = inout(reg) codes.as_ptr().add(TILE_ROWS * stride) => _,
            count = inout(reg) stride / LANES => _,
            line = in(reg) 64usize,
            stride = in(reg) stride,
            sums = in(reg) sums.as_mut_ptr(),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _, out("tmm4") _,
            options(nostack),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::int8;
    use crate::graph::testing::Random;

    #[test]
    fn tiles_match_the_portable_implementation() {
        let mut random = Random(1);
        for stride in [64, 128, 384] {
            for count in [1, 15, 16] {
                let queries: Vec<Vec<i8>> = (0..count)
                    .map(|_| (0..stride).map(|_| random.next() as i8).collect())
                    .collect();
                let codes: Vec<u8> = (0..BLOCK_ROWS * stride)
                    .map(|_| random.next() as u8)
                    .collect();
                let slices: Vec<&[i8]> = queries.iter().map(Vec::as_slice).collect();
                let Some(tiles) = QueryTile::new(&slices, stride) else {
                    crate::distance::testing::report_skipped("amx");
                    return;
                };
                let mut sums = [[7; TILE_QUERIES]; BLOCK_ROWS];
                tiles.sums(&codes, &mut sums);
                let rows: Vec<u32> = (0..BLOCK_ROWS as u32).collect();
                let (_, portable) = int8::implementations().pop().unwrap();
                for (number, query) in queries.iter().enumerate() {
                    let mut expected = vec![0; BLOCK_ROWS];
                    portable(query, &codes, &rows, &mut expected);
                    assert!(
                        (0..BLOCK_ROWS).all(|row| sums[row][number] == expected[row]),
                        "{stride} {count} {number}"
                    );
                }
                assert!(
                    sums.iter()
                        .all(|row| row[count..].iter().all(|&sum| sum == 0))
                );
            }
        }
        assert!(QueryTile::new(&[&[0; 64][..]; 17], 64).is_none());
    }
}
