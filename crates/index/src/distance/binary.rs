//! How many bits a row of a binary matrix has in common with each of a few others.
//!
//! With a query as four planes of bits, one for each binary digit of its numbers, the sum of those
//! numbers where a row has a bit is Σ 2ʲ·|row ∧ planeⱼ|: counting bits in place of multiplying.

use std::sync::OnceLock;

/// How many binary digits a query's numbers have.
pub const PLANES: usize = 4;

/// The planes of a query, each as long as a row.
pub type Planes = [Vec<u64>; PLANES];

/// For every row named in `rows`, Σ 2ʲ·|row ∧ planeⱼ| into `out`.
///
/// # Panics
/// When a row is not within `bits`, a plane not `words` long, or `out` shorter than `rows`.
pub type Counts = fn(planes: &Planes, bits: &[u64], rows: &[u32], out: &mut [i32]);

/// The fastest path this processor can run, chosen once.
pub fn counts() -> Counts {
    static CHOSEN: OnceLock<Counts> = OnceLock::new();
    *CHOSEN.get_or_init(|| paths().into_iter().map(|(_, counts)| counts).next().unwrap_or(portable))
}

/// The paths this processor can run, fastest first, each with its name.
pub fn paths() -> Vec<(&'static str, Counts)> {
    let mut paths: Vec<(&'static str, Counts)> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if has!("avx512f") && has!("avx512vpopcntdq") {
            // SAFETY: called only where AVX-512 with VPOPCNTDQ was found just now.
            paths.push(("avx512-vpopcntdq", |planes, bits, rows, out| unsafe { vpopcntdq(planes, bits, rows, out) }));
        }
        if has!("popcnt") {
            // SAFETY: called only where POPCNT was found just now.
            paths.push(("popcnt", |planes, bits, rows, out| unsafe { popcnt(planes, bits, rows, out) }));
        }
    }
    paths.push(("portable", portable));
    paths
}

#[inline(always)]
fn portable(planes: &Planes, bits: &[u64], rows: &[u32], out: &mut [i32]) {
    let words = planes[0].len();
    for (out, &row) in out[..rows.len()].iter_mut().zip(rows) {
        let row = &bits[row as usize * words..][..words];
        let count = |plane: &[u64]| -> u32 { row.iter().zip(plane).map(|(a, b)| (a & b).count_ones()).sum() };
        *out = (0..PLANES).map(|j| (count(&planes[j][..words]) << j) as i32).sum();
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt")]
// SAFETY: the caller has checked for POPCNT; the code is the portable one.
unsafe fn popcnt(planes: &Planes, bits: &[u64], rows: &[u32], out: &mut [i32]) {
    portable(planes, bits, rows, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
// SAFETY: the caller has checked for the features. Every load is of the words that the mask names,
// which the slices taken before it have.
unsafe fn vpopcntdq(planes: &Planes, bits: &[u64], rows: &[u32], out: &mut [i32]) {
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
        fn every_path_gives_the_same_counts(words in 1usize..20, rows in prop::collection::vec(0u32..9, 0..20), seed: u64) {
            let mut random = Random(seed);
            let bits: Vec<u64> = (0..9 * words).map(|_| random.next()).collect();
            let planes: Planes = std::array::from_fn(|_| (0..words).map(|_| random.next()).collect());
            let mut expected = vec![0; rows.len()];
            for (out, &row) in expected.iter_mut().zip(&rows) {
                for bit in 0..words * 64 {
                    let has = |words: &[u64]| (words[bit / 64] >> (bit % 64) & 1) as i32;
                    let number: i32 = (0..PLANES).map(|j| has(&planes[j]) << j).sum();
                    *out += has(&bits[row as usize * words..]) * number;
                }
            }
            for (name, counts) in paths() {
                let mut found = vec![0; rows.len()];
                counts(&planes, &bits, &rows, &mut found);
                prop_assert_eq!(&found, &expected, "{}", name);
            }
        }
    }
}
