//! Dot products of rows of bits with a query of 4-bit integers.
//!
//! The query is stored as four bit planes, one per binary digit of its values. The sum of the
//! values where a row has a bit set is then Σ 2ʲ·|row ∧ planeⱼ|: population counts instead of
//! multiplications.

#[cfg(target_arch = "x86_64")]
use cpu::InstructionSet;
use std::sync::OnceLock;

/// The number of binary digits of a query's values.
pub const PLANES: usize = 4;

/// The bit planes of a query, least significant digit first; each is as long as a row.
pub type BitPlanes = [Vec<u64>; PLANES];

/// For each of `rows`, writes Σ 2ʲ·|row ∧ planeⱼ| to `out`. Rows are as long as the planes.
///
/// # Panics
/// If a row is not within `bits`, a plane is shorter than the first, or `out` is shorter than
/// `rows`.
pub type BitPlaneDot = fn(planes: &BitPlanes, bits: &[u64], rows: &[u32], out: &mut [i32]);

/// The fastest implementation that this processor supports, chosen once.
pub fn bit_plane_dot() -> BitPlaneDot {
    static CHOSEN: OnceLock<BitPlaneDot> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        implementations()
            .into_iter()
            .map(|(_, bit_plane_dot)| bit_plane_dot)
            .next()
            .unwrap_or(portable)
    })
}

/// The implementations that this processor supports, fastest first, with their names.
pub fn implementations() -> Vec<(&'static str, BitPlaneDot)> {
    let mut implementations: Vec<(&'static str, BitPlaneDot)> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if cpu::allows(InstructionSet::Vnni) && has!("avx512f") && has!("avx512vpopcntdq") {
            // SAFETY: called only where AVX-512 with VPOPCNTDQ was found just now.
            implementations.push(("avx512-vpopcntdq", |planes, bits, rows, out| unsafe {
                vpopcntdq(planes, bits, rows, out)
            }));
        }
        if cpu::allows(InstructionSet::Avx2) && has!("popcnt") {
            // SAFETY: called only where POPCNT was found just now.
            implementations.push(("popcnt", |planes, bits, rows, out| unsafe {
                popcnt(planes, bits, rows, out)
            }));
        }
    }
    implementations.push(("portable", portable));
    implementations
}

#[inline(always)]
fn portable(planes: &BitPlanes, bits: &[u64], rows: &[u32], out: &mut [i32]) {
    let words = planes[0].len();
    for (out, &row) in out[..rows.len()].iter_mut().zip(rows) {
        let row = &bits[row as usize * words..][..words];
        let count = |plane: &[u64]| -> u32 {
            row.iter()
                .zip(plane)
                .map(|(a, b)| (a & b).count_ones())
                .sum()
        };
        *out = (0..PLANES)
            .map(|j| (count(&planes[j][..words]) << j) as i32)
            .sum();
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt")]
// SAFETY: the caller has checked for POPCNT; the code is the portable one.
unsafe fn popcnt(planes: &BitPlanes, bits: &[u64], rows: &[u32], out: &mut [i32]) {
    portable(planes, bits, rows, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
// SAFETY: the caller has checked for the features. Every load is of the words that the mask names,
// which the slices taken before it have.
unsafe fn vpopcntdq(planes: &BitPlanes, bits: &[u64], rows: &[u32], out: &mut [i32]) {
    use std::arch::x86_64::*;
    let words = planes[0].len();
    for (out, &row) in out[..rows.len()].iter_mut().zip(rows) {
        let row = &bits[row as usize * words..][..words];
        let mut sum = _mm512_setzero_si512();
        for at in (0..words).step_by(8) {
            let count = (words - at).min(8);
            let mask: __mmask8 = if count == 8 { !0 } else { (1 << count) - 1 };
            let row = &row[at..at + count];
            // SAFETY: the mask names no more words than the slice has.
            let row = unsafe { _mm512_maskz_loadu_epi64(mask, row.as_ptr().cast()) };
            for (j, plane) in planes.iter().enumerate() {
                let plane = &plane[at..at + count];
                // SAFETY: the mask names no more words than the slice has.
                let plane = unsafe { _mm512_maskz_loadu_epi64(mask, plane.as_ptr().cast()) };
                let ones = _mm512_popcnt_epi64(_mm512_and_si512(row, plane));
                sum = _mm512_add_epi64(sum, _mm512_sll_epi64(ones, _mm_cvtsi32_si128(j as i32)));
            }
        }
        *out = _mm512_reduce_add_epi64(sum) as i32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::testing::Random;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn implementations_agree(words in 1usize..20, rows in prop::collection::vec(0u32..9, 0..20), seed: u64) {
            let mut random = Random(seed);
            let bits: Vec<u64> = (0..9 * words).map(|_| random.next()).collect();
            let planes: BitPlanes = std::array::from_fn(|_| (0..words).map(|_| random.next()).collect());
            let mut expected = vec![0; rows.len()];
            for (out, &row) in expected.iter_mut().zip(&rows) {
                for bit in 0..words * 64 {
                    let has = |words: &[u64]| (words[bit / 64] >> (bit % 64) & 1) as i32;
                    let number: i32 = (0..PLANES).map(|j| has(&planes[j]) << j).sum();
                    *out += has(&bits[row as usize * words..]) * number;
                }
            }
            for (name, bit_plane_dot) in implementations() {
                let mut found = vec![0; rows.len()];
                bit_plane_dot(&planes, &bits, &rows, &mut found);
                prop_assert_eq!(&found, &expected, "{}", name);
            }
        }
    }
}
