//! Polynomial approximations of functions on sixteen lanes.

use crate::lanes::Lanes;

/// GELU, `x · Φ(x)`, with an absolute error of at most 1e-5. Computed as `max(x, 0) - t · Φ(-t)`
/// with `t = min(|x|, 4.5)`; the second term is a polynomial around the center of 0..4.5.
///
/// # Safety
/// The contract of [`Lanes`].
#[inline(always)]
pub unsafe fn gelu<S: Lanes>(x: S::F) -> S::F {
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
        let t = S::sub(S::min(S::abs(x), S::splat(2.0 * CENTER)), S::splat(CENTER));
        let mut p = S::splat(COEFFICIENTS[0]);
        for c in &COEFFICIENTS[1..] {
            p = S::mul_add(p, t, S::splat(*c));
        }
        S::sub(S::max(x, S::splat(0.0)), p)
    }
}

/// `2^x` for `x ≤ 0`, with a relative error of at most 2e-7. Inputs below -120 are treated as -120.
///
/// # Safety
/// The contract of [`Lanes`].
#[inline(always)]
pub unsafe fn exp2<S: Lanes>(x: S::F) -> S::F {
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
        let x = S::max(x, S::splat(-120.0));
        let whole = S::round(x);
        let r = S::sub(x, S::to_float(whole));
        let mut p = S::splat(COEFFICIENTS[0]);
        for c in &COEFFICIENTS[1..] {
            p = S::mul_add(p, r, S::splat(*c));
        }
        // `p` is between 0.7 and 1.5, so adding `whole ≥ -120` to its exponent does not underflow.
        S::from_bits(S::add_int(S::bits(p), S::shift_left::<23>(whole)))
    }
}
