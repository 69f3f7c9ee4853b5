//! Dot products of one int8 vector with many rows of a matrix. Sums are integers, so all
//! implementations agree exactly.
//!
//! Rows are stored with 128 added (`u8`), because VNNI multiplies unsigned by signed bytes. The
//! caller subtracts what that adds to a sum: 128 times the sum of the query's values.

#[cfg(target_arch = "x86_64")]
use super::prefetch::prefetch;
use cpu::InstructionSet;
use std::sync::OnceLock;

/// The length of rows in bytes is a multiple of this.
pub const LANES: usize = 64;
/// How many rows ahead codes are prefetched.
#[cfg(target_arch = "x86_64")]
const PREFETCH_DISTANCE: usize = 4;

/// For each of `rows`, writes the sum over i of `codes[row * stride + i] * query[i]` to `out`; the
/// stride is `query.len()`.
///
/// # Panics
/// If a row is not within `codes`, the stride is not a positive multiple of [`LANES`], or `out` is
/// shorter than `rows`.
pub type DotRows = fn(query: &[i8], codes: &[u8], rows: &[u32], out: &mut [i32]);

/// The fastest implementation that this processor supports, chosen once.
pub fn dot_rows() -> DotRows {
    static CHOSEN: OnceLock<DotRows> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        implementations()
            .into_iter()
            .map(|(_, dot_rows)| dot_rows)
            .next()
            .unwrap_or(portable)
    })
}

/// The implementations that this processor supports, fastest first, with their names.
pub fn implementations() -> Vec<(&'static str, DotRows)> {
    let mut implementations: Vec<(&'static str, DotRows)> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        if cpu::supports(InstructionSet::Vnni) {
            // SAFETY: called only where AVX-512 with VNNI was found just now; `check` keeps every
            // load within its slice.
            implementations.push(("avx512-vnni", |query, codes, rows, out| {
                check(query, codes, rows, out);
                // SAFETY: the processor has the instructions, and `check` keeps every load within
                // its slice.
                unsafe { avx512_vnni(query, codes, rows, out) }
            }));
        }
        if cpu::supports(InstructionSet::AvxVnni) {
            // SAFETY: as above, for AVX-VNNI.
            implementations.push(("avx-vnni", |query, codes, rows, out| {
                check(query, codes, rows, out);
                // SAFETY: the processor has the instructions, and `check` keeps every load within
                // its slice.
                unsafe { avx_vnni(query, codes, rows, out) }
            }));
        }
        if cpu::supports(InstructionSet::Avx2) {
            // SAFETY: as above, for AVX2.
            implementations.push(("avx2", |query, codes, rows, out| {
                check(query, codes, rows, out);
                // SAFETY: the processor has the instructions, and `check` keeps every load within
                // its slice.
                unsafe { avx2(query, codes, rows, out) }
            }));
        }
    }
    #[cfg(target_arch = "aarch64")]
    if cpu::allows(InstructionSet::Neon) {
        // SAFETY: NEON is part of every aarch64 processor Rust supports; `check` keeps every load
        // within its slice.
        implementations.push(("neon", |query, codes, rows, out| {
            check(query, codes, rows, out);
            // SAFETY: the processor has the instructions, and `check` keeps every load within its
            // slice.
            unsafe { neon(query, codes, rows, out) }
        }));
    }
    implementations.push(("portable", portable));
    implementations
}

/// The preconditions of the implementations below.
#[inline(always)]
fn check(query: &[i8], codes: &[u8], rows: &[u32], out: &[i32]) {
    let stride = query.len();
    assert!(stride > 0 && stride.is_multiple_of(LANES) && out.len() >= rows.len());
    let end = rows.iter().max().map_or(0, |&row| row as usize + 1);
    assert!(end <= codes.len() / stride);
}

fn portable(query: &[i8], codes: &[u8], rows: &[u32], out: &mut [i32]) {
    check(query, codes, rows, out);
    let stride = query.len();
    for (out, &row) in out.iter_mut().zip(rows) {
        let code = &codes[row as usize * stride..][..stride];
        *out = code
            .iter()
            .zip(query)
            .map(|(&c, &q)| i32::from(c) * i32::from(q))
            .sum();
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
// SAFETY: the caller has checked for the features, and called `check`.
unsafe fn avx512_vnni(query: &[i8], codes: &[u8], rows: &[u32], out: &mut [i32]) {
    use std::arch::x86_64::*;
    const WIDTH: usize = 4;
    let stride = query.len();
    // SAFETY: `check` has seen that every row lies within `codes`.
    let row_at = |row: u32| unsafe { codes.as_ptr().add(row as usize * stride) };
    let mut groups = rows.chunks_exact(WIDTH);
    let mut at = 0;
    for group in &mut groups {
        if let Some(next) =
            rows.get(at + PREFETCH_DISTANCE..(at + PREFETCH_DISTANCE + WIDTH).min(rows.len()))
        {
            next.iter()
                .for_each(|&row| prefetch(&codes[row as usize * stride..][..stride], usize::MAX));
        }
        let starts = [
            row_at(group[0]),
            row_at(group[1]),
            row_at(group[2]),
            row_at(group[3]),
        ];
        let mut sums = [_mm512_setzero_si512(); WIDTH];
        let mut i = 0;
        while i < stride {
            // SAFETY: `i` is a multiple of LANES below `stride`, and so is what `query` and every
            // row hold.
            unsafe {
                let q = _mm512_loadu_si512(query.as_ptr().add(i).cast());
                for (sum, start) in sums.iter_mut().zip(starts) {
                    *sum = _mm512_dpbusd_epi32(*sum, _mm512_loadu_si512(start.add(i).cast()), q);
                }
            }
            i += LANES;
        }
        for (out, sum) in out[at..at + WIDTH].iter_mut().zip(sums) {
            *out = _mm512_reduce_add_epi32(sum);
        }
        at += WIDTH;
    }
    for (out, &row) in out[at..].iter_mut().zip(groups.remainder()) {
        let (start, mut sum, mut i) = (row_at(row), _mm512_setzero_si512(), 0);
        while i < stride {
            // SAFETY: `i` is a multiple of LANES below `stride`, and so is what `query` and every
            // row hold.
            unsafe {
                let q = _mm512_loadu_si512(query.as_ptr().add(i).cast());
                sum = _mm512_dpbusd_epi32(sum, _mm512_loadu_si512(start.add(i).cast()), q);
            }
            i += LANES;
        }
        *out = _mm512_reduce_add_epi32(sum);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn horizontal_sum(sum: std::arch::x86_64::__m256i) -> i32 {
    use std::arch::x86_64::*;
    let sum = _mm_add_epi32(
        _mm256_castsi256_si128(sum),
        _mm256_extracti128_si256::<1>(sum),
    );
    let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b01_00_11_10>(sum));
    let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b10_11_00_01>(sum));
    _mm_cvtsi128_si32(sum)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avxvnni")]
// SAFETY: the caller has checked for the features, and called `check`.
unsafe fn avx_vnni(query: &[i8], codes: &[u8], rows: &[u32], out: &mut [i32]) {
    use std::arch::x86_64::*;
    let stride = query.len();
    for (at, (out, &row)) in out.iter_mut().zip(rows).enumerate() {
        if let Some(&next) = rows.get(at + PREFETCH_DISTANCE) {
            prefetch(&codes[next as usize * stride..][..stride], usize::MAX);
        }
        let mut sums = [_mm256_setzero_si256(); 2];
        let mut i = 0;
        while i < stride {
            for (half, sum) in sums.iter_mut().enumerate() {
                // SAFETY: `i` is a multiple of LANES below `stride`, and so is what `query` and
                // every row hold.
                unsafe {
                    let code = _mm256_loadu_si256(
                        codes
                            .as_ptr()
                            .add(row as usize * stride + i + 32 * half)
                            .cast(),
                    );
                    let q = _mm256_loadu_si256(query.as_ptr().add(i + 32 * half).cast());
                    *sum = _mm256_dpbusd_avx_epi32(*sum, code, q);
                }
            }
            i += LANES;
        }
        *out = horizontal_sum(_mm256_add_epi32(sums[0], sums[1]));
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
// SAFETY: the caller has checked for AVX2, and called `check`.
unsafe fn avx2(query: &[i8], codes: &[u8], rows: &[u32], out: &mut [i32]) {
    use std::arch::x86_64::*;
    let stride = query.len();
    for (at, (out, &row)) in out.iter_mut().zip(rows).enumerate() {
        if let Some(&next) = rows.get(at + PREFETCH_DISTANCE) {
            prefetch(&codes[next as usize * stride..][..stride], usize::MAX);
        }
        let mut sums = [_mm256_setzero_si256(); 4];
        let mut i = 0;
        while i < stride {
            for (quarter, sum) in sums.iter_mut().enumerate() {
                // Widened to 16 bits first: `maddubs` could overflow its 16-bit sums of byte
                // products. SAFETY: `i` is a multiple of LANES below `stride`, and so is what
                // `query` and every row hold.
                unsafe {
                    let code = _mm_loadu_si128(
                        codes
                            .as_ptr()
                            .add(row as usize * stride + i + 16 * quarter)
                            .cast(),
                    );
                    let q = _mm_loadu_si128(query.as_ptr().add(i + 16 * quarter).cast());
                    let products =
                        _mm256_madd_epi16(_mm256_cvtepu8_epi16(code), _mm256_cvtepi8_epi16(q));
                    *sum = _mm256_add_epi32(*sum, products);
                }
            }
            i += LANES;
        }
        *out = horizontal_sum(_mm256_add_epi32(
            _mm256_add_epi32(sums[0], sums[1]),
            _mm256_add_epi32(sums[2], sums[3]),
        ));
    }
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
// SAFETY: every aarch64 processor has NEON; the caller has called `check`.
unsafe fn neon(query: &[i8], codes: &[u8], rows: &[u32], out: &mut [i32]) {
    use std::arch::aarch64::*;
    let stride = query.len();
    for (out, &row) in out.iter_mut().zip(rows) {
        let mut sums = [vdupq_n_s32(0); 4];
        let mut i = 0;
        while i < stride {
            for (quarter, sum) in sums.iter_mut().enumerate() {
                // SAFETY: `i` is a multiple of LANES below `stride`, and so is what `query` and
                // every row hold.
                unsafe {
                    let code =
                        vld1q_u8(codes.as_ptr().add(row as usize * stride + i + 16 * quarter));
                    let q = vld1q_s8(query.as_ptr().add(i + 16 * quarter));
                    // Widened to signed 16 bits, which hold 255.
                    let (low, high) = (
                        vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(code))),
                        vreinterpretq_s16_u16(vmovl_high_u8(code)),
                    );
                    let (q_low, q_high) = (vmovl_s8(vget_low_s8(q)), vmovl_high_s8(q));
                    *sum = vmlal_s16(*sum, vget_low_s16(low), vget_low_s16(q_low));
                    *sum = vmlal_high_s16(*sum, low, q_low);
                    *sum = vmlal_s16(*sum, vget_low_s16(high), vget_low_s16(q_high));
                    *sum = vmlal_high_s16(*sum, high, q_high);
                }
            }
            i += LANES;
        }
        *out = vaddvq_s32(vaddq_s32(
            vaddq_s32(sums[0], sums[1]),
            vaddq_s32(sums[2], sums[3]),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn implementations_agree(
            lanes in 1usize..8,
            rows in prop::collection::vec(0u32..20, 0..30),
            seed in any::<u64>(),
        ) {
            let mut random = crate::graph::testing::Random(seed);
            let stride = lanes * LANES;
            let codes: Vec<u8> = (0..20 * stride).map(|_| random.next() as u8).collect();
            let query: Vec<i8> = (0..stride).map(|_| random.next() as i8).collect();
            let mut expected = vec![0; rows.len()];
            portable(&query, &codes, &rows, &mut expected);
            for (name, dot_rows) in implementations() {
                let mut found = vec![0; rows.len()];
                dot_rows(&query, &codes, &rows, &mut found);
                prop_assert_eq!(&found, &expected, "{}", name);
            }
        }
    }

    #[test]
    fn extreme_values_do_not_overflow() {
        for (name, dot_rows) in implementations() {
            let mut found = [0];
            dot_rows(&[-128; 4096], &[255; 4096], &[0], &mut found);
            assert_eq!(found, [-128 * 255 * 4096], "{name}");
        }
    }

    #[test]
    fn row_out_of_range_panics() {
        for (name, dot_rows) in implementations() {
            let outside =
                std::panic::catch_unwind(|| dot_rows(&[1; 64], &[1; 128], &[0, 2], &mut [0; 2]));
            assert!(outside.is_err(), "{name}");
        }
    }
}
