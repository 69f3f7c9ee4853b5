//! Polynomial approximations of functions on sixteen lanes.

use crate::lanes::Lanes;

/// GELU, `x · Φ(x)`, of rows of vectors, with an absolute error of at most 1e-5. Computed as
/// `max(x, 0) - t · Φ(-t)` with `t = min(|x|, 4.5)`; the second term is a polynomial around the
/// center of 0..4.5.
///
/// # Safety
/// The contract of [`Lanes`].
#[inline(always)]
pub unsafe fn gelu<S: Lanes, const R: usize, const C: usize>(x: [[S::F; C]; R]) -> [[S::F; C]; R] {
    const CENTER: f32 = 2.25;
    const COEFFICIENTS: [f32; 12] = [
        1.311_973e-6,
        -1.343_511e-5,
        -3.007_697e-6,
        2.761_292_5e-4,
        -5.171_808e-4,
        -1.611_125_8e-3,
        7.355_516_5e-3,
        -7.865_94e-3,
        -1.276_624_2e-2,
        4.867_878_4e-2,
        -5.916_61e-2,
        2.749_987_2e-2,
    ];
    // SAFETY: the caller's contract.
    unsafe {
        let (mut t, mut p, mut y) = (x, [[S::splat(COEFFICIENTS[0]); C]; R], x);
        for row in 0..R {
            for at in 0..C {
                let size = S::min(S::abs(x[row][at]), S::splat(2.0 * CENTER));
                t[row][at] = S::sub(size, S::splat(CENTER));
            }
        }
        for c in &COEFFICIENTS[1..] {
            let c = S::splat(*c);
            for row in 0..R {
                for at in 0..C {
                    p[row][at] = S::mul_add(p[row][at], t[row][at], c);
                }
            }
            S::in_step(&mut p);
        }
        for row in 0..R {
            for at in 0..C {
                y[row][at] = S::sub(S::max(x[row][at], S::splat(0.0)), p[row][at]);
            }
        }
        y
    }
}

/// `2^x` for rows of vectors `x ≤ 0`, with a relative error of at most 2e-7. Inputs below -120 are
/// treated as -120.
///
/// # Safety
/// The contract of [`Lanes`].
#[inline(always)]
pub unsafe fn exp2<S: Lanes, const R: usize, const C: usize>(x: [[S::F; C]; R]) -> [[S::F; C]; R] {
    const COEFFICIENTS: [f32; 6] = [
        1.3276471e-3,
        9.675541e-3,
        0.05550713,
        0.2402212,
        0.69314694,
        1.0000001,
    ];
    // SAFETY: the caller's contract.
    unsafe {
        let (mut whole, mut r) = ([[S::splat_int(0); C]; R], x);
        for row in 0..R {
            for at in 0..C {
                let x = S::max(x[row][at], S::splat(-120.0));
                whole[row][at] = S::round(x);
                r[row][at] = S::sub(x, S::to_float(whole[row][at]));
            }
        }
        let mut p = [[S::splat(COEFFICIENTS[0]); C]; R];
        for c in &COEFFICIENTS[1..] {
            let c = S::splat(*c);
            for row in 0..R {
                for at in 0..C {
                    p[row][at] = S::mul_add(p[row][at], r[row][at], c);
                }
            }
            S::in_step(&mut p);
        }
        // `p` is between 0.7 and 1.5, so adding `whole ≥ -120` to its exponent does not underflow.
        for row in 0..R {
            for at in 0..C {
                let exponent = S::shift_left::<23>(whole[row][at]);
                p[row][at] = S::from_bits(S::add_int(S::bits(p[row][at]), exponent));
            }
        }
        p
    }
}
