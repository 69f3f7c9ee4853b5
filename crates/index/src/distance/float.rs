//! Dot products of f32 vectors.
//!
//! Each implementation sums in a different order, so results differ in the last bits; a test keeps
//! each within 1e-4 of the f64 result.

use cpu::InstructionSet;
use std::sync::OnceLock;

/// The dot product of two slices. If their lengths differ, the excess of the longer one is ignored.
pub type Dot = fn(&[f32], &[f32]) -> f32;

/// The fastest implementation that this processor supports, chosen once.
pub fn dot() -> Dot {
    static CHOSEN: OnceLock<Dot> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        implementations()
            .into_iter()
            .map(|(_, dot)| dot)
            .next()
            .unwrap_or(portable)
    })
}

/// The implementations that this processor supports, fastest first, with their names.
pub fn implementations() -> Vec<(&'static str, Dot)> {
    let mut implementations: Vec<(&'static str, Dot)> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        if cpu::allows(InstructionSet::Vnni) && std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: called only where AVX-512F was found just now.
            implementations.push(("avx512", |a, b| unsafe { avx512(a, b) }));
        }
        if cpu::supports(InstructionSet::Avx2) {
            // SAFETY: called only where AVX2 and FMA were found just now.
            implementations.push(("avx2", |a, b| unsafe { avx2(a, b) }));
        }
    }
    #[cfg(target_arch = "aarch64")]
    if cpu::allows(InstructionSet::Neon) {
        // SAFETY: NEON is part of every aarch64 processor Rust supports.
        implementations.push(("neon", |a, b| unsafe { neon(a, b) }));
    }
    implementations.push(("portable", portable));
    implementations
}

/// Sixteen independent sums, which the compiler vectorizes for the target.
fn portable(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut sums = [0f32; LANES];
    let (a16, b16) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f32 = a16
        .remainder()
        .iter()
        .zip(b16.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in a16.zip(b16) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + tail
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
// SAFETY: the caller has checked for AVX-512F. Every load is of 16 floats at an offset that
// `i + 16 <= n` (or the mask) keeps inside both slices.
unsafe fn avx512(a: &[f32], b: &[f32]) -> f32 {
    use std::arch::x86_64::*;
    let n = a.len().min(b.len());
    let (pa, pb) = (a.as_ptr(), b.as_ptr());
    // SAFETY: every load ends at or before `n`, which is no more than either slice has.
    unsafe {
        let (mut s0, mut s1) = (_mm512_setzero_ps(), _mm512_setzero_ps());
        let mut i = 0;
        while i + 32 <= n {
            s0 = _mm512_fmadd_ps(_mm512_loadu_ps(pa.add(i)), _mm512_loadu_ps(pb.add(i)), s0);
            s1 = _mm512_fmadd_ps(
                _mm512_loadu_ps(pa.add(i + 16)),
                _mm512_loadu_ps(pb.add(i + 16)),
                s1,
            );
            i += 32;
        }
        while i < n {
            let mask: __mmask16 = if n - i >= 16 { !0 } else { (1 << (n - i)) - 1 };
            s0 = _mm512_fmadd_ps(
                _mm512_maskz_loadu_ps(mask, pa.add(i)),
                _mm512_maskz_loadu_ps(mask, pb.add(i)),
                s0,
            );
            i += 16;
        }
        _mm512_reduce_add_ps(_mm512_add_ps(s0, s1))
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
// SAFETY: the caller has checked for AVX2 and FMA. Every load is of 8 floats at an offset that
// `i + 8 <= n` keeps inside both slices.
unsafe fn avx2(a: &[f32], b: &[f32]) -> f32 {
    use std::arch::x86_64::*;
    let n = a.len().min(b.len());
    let (pa, pb) = (a.as_ptr(), b.as_ptr());
    // SAFETY: every load ends at or before `n`, which is no more than either slice has.
    unsafe {
        let mut sums = [_mm256_setzero_ps(); 4];
        let mut i = 0;
        while i + 32 <= n {
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum = _mm256_fmadd_ps(
                    _mm256_loadu_ps(pa.add(i + 8 * lane)),
                    _mm256_loadu_ps(pb.add(i + 8 * lane)),
                    *sum,
                );
            }
            i += 32;
        }
        while i + 8 <= n {
            sums[0] = _mm256_fmadd_ps(
                _mm256_loadu_ps(pa.add(i)),
                _mm256_loadu_ps(pb.add(i)),
                sums[0],
            );
            i += 8;
        }
        let sum = _mm256_add_ps(
            _mm256_add_ps(sums[0], sums[1]),
            _mm256_add_ps(sums[2], sums[3]),
        );
        let sum = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
        let sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
        let sum = _mm_add_ss(sum, _mm_shuffle_ps(sum, sum, 1));
        _mm_cvtss_f32(sum) + portable(&a[i..n], &b[i..n])
    }
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
// SAFETY: every aarch64 processor has NEON. Every load is of 4 floats at an offset that
// `i + 16 <= n` keeps inside both slices.
unsafe fn neon(a: &[f32], b: &[f32]) -> f32 {
    use std::arch::aarch64::*;
    let n = a.len().min(b.len());
    let (pa, pb) = (a.as_ptr(), b.as_ptr());
    // SAFETY: every load ends at or before `n`, which is no more than either slice has.
    unsafe {
        let mut sums = [vdupq_n_f32(0.0); 4];
        let mut i = 0;
        while i + 16 <= n {
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum = vfmaq_f32(
                    *sum,
                    vld1q_f32(pa.add(i + 4 * lane)),
                    vld1q_f32(pb.add(i + 4 * lane)),
                );
            }
            i += 16;
        }
        let sum = vaddq_f32(vaddq_f32(sums[0], sums[1]), vaddq_f32(sums[2], sums[3]));
        vaddvq_f32(sum) + portable(&a[i..n], &b[i..n])
    }
}

/// The distance that hnsw_rs builds with: 1 − cosine, at least 0. Without the bound, rounding could
/// make the distance of equal vectors negative.
#[derive(Debug, Clone, Copy)]
pub struct UnitDistance(pub Dot);

impl hnsw_rs::anndists::dist::Distance<f32> for UnitDistance {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        (1.0 - (self.0)(a, b)).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn implementations_match_the_f64_result(pairs in prop::collection::vec((-1f32..1.0, -1f32..1.0), 0..200)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let truth: f64 = a.iter().zip(&b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
            for (name, dot) in implementations() {
                let got = f64::from(dot(&a, &b));
                prop_assert!((got - truth).abs() < 1e-4, "{name}: {got} for {truth}");
            }
        }
    }

    #[test]
    fn excess_of_the_longer_slice_is_ignored() {
        for (name, dot) in implementations() {
            assert_eq!(dot(&[1.0; 20], &[1.0; 33]), 20.0, "{name}");
            assert_eq!(dot(&[1.0; 33], &[1.0; 17]), 17.0, "{name}");
        }
    }

    #[test]
    fn distance_of_equal_vectors_is_not_negative() {
        use hnsw_rs::anndists::dist::Distance;
        let v = vec![0.051_031_04_f32; 384];
        for (_, dot) in implementations() {
            let distance = UnitDistance(dot).eval(&v, &v);
            assert!((0.0..1e-5).contains(&distance), "{distance}");
        }
    }
}
