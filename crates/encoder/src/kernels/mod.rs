//! The steps of an encoder over rows of tokens, each compiled for every set of instructions.
//!
//! A step reads and writes plain buffers of the [`Workspace`](crate::workspace::Workspace). All of them are functions of a
//! row alone, or of the rows of one text: what else is in the buffers changes nothing.

// The steps take pointers, for rows overlap in what is padded; each says what they must point to.
#![allow(unsafe_code)]

mod attention;
mod embedding;
mod functions;
mod norm;
mod pooling;
mod product;
mod quantize;

pub use attention::{Attention, Scratch};
pub use embedding::Embedding;
pub use norm::Normalization;
pub use product::Projection;
pub use quantize::Quantization;

use crate::lanes::Lanes;
#[cfg(target_arch = "aarch64")]
use crate::lanes::neon::Neon;
#[cfg(target_arch = "x86_64")]
use crate::lanes::{avx2::Avx2, avx512::Avx512};

/// Every step, compiled for one set of instructions.
pub struct Kernels {
    /// What the instructions want added to activations; see [`Lanes::OFFSET`].
    pub offset: u8,
    /// Token ids to rows.
    pub embed: unsafe fn(&Embedding<'_>),
    /// Rows times a matrix.
    pub project: unsafe fn(&Projection<'_>),
    /// Rows times a matrix, then GELU.
    pub project_gelu: unsafe fn(&Projection<'_>),
    /// One head of attention over one text.
    pub attend: unsafe fn(&Attention, &mut Scratch),
    /// Rows to bytes.
    pub quantize: unsafe fn(&Quantization<'_>),
    /// Rows and their residuals to rows of mean 0 and variance 1, scaled, and to bytes.
    pub normalize: unsafe fn(&Normalization<'_>),
    /// The sum of rows.
    pub sum: unsafe fn(&[f32], &mut [f32]),
}

macro_rules! kernels {
    ($(#[$attribute:meta])* $name:ident, $lanes:ty $(, $features:literal)?) => {
        $(#[$attribute])*
        mod $name {
            use super::*;

            // SAFETY of all: these functions are called through `KERNELS` alone, which is chosen where the processor
            // has the features; the jobs' own conditions are passed on.
            $(#[target_feature(enable = $features)])?
            unsafe fn embed(job: &Embedding<'_>) {
                // SAFETY: see above.
                unsafe { embedding::embed::<$lanes>(job) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn project(job: &Projection<'_>) {
                // SAFETY: see above.
                unsafe { product::project::<$lanes, false>(job) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn project_gelu(job: &Projection<'_>) {
                // SAFETY: see above.
                unsafe { product::project::<$lanes, true>(job) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn attend(job: &Attention, scratch: &mut Scratch) {
                // SAFETY: see above.
                unsafe { attention::attend::<$lanes>(job, scratch) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn quantize(job: &Quantization<'_>) {
                // SAFETY: see above.
                unsafe { quantize::quantize::<$lanes>(job) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn normalize(job: &Normalization<'_>) {
                // SAFETY: see above.
                unsafe { norm::normalize::<$lanes>(job) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn sum(rows: &[f32], sums: &mut [f32]) {
                // SAFETY: see above.
                unsafe { pooling::sum::<$lanes>(rows, sums) }
            }
            pub static KERNELS: Kernels = Kernels {
                offset: <$lanes as Lanes>::OFFSET,
                embed, project, project_gelu, attend, quantize, normalize, sum,
            };
        }
    };
}

kernels!(portable, crate::lanes::portable::Portable);
kernels!(
    #[cfg(target_arch = "x86_64")]
    avx2,
    Avx2<false>,
    "avx2,fma"
);
kernels!(
    #[cfg(target_arch = "x86_64")]
    avx_vnni,
    Avx2<true>,
    "avx2,fma,avxvnni"
);
kernels!(
    #[cfg(target_arch = "x86_64")]
    avx512,
    Avx512,
    "avx512f,avx512bw,avx512vl,avx512vnni"
);

kernels!(
    #[cfg(target_arch = "aarch64")]
    neon,
    Neon<false>,
    "neon"
);
kernels!(
    #[cfg(target_arch = "aarch64")]
    neon_dot,
    Neon<true>,
    "neon,dotprod"
);

/// The kernels that this processor can run, fastest first, each with its name.
pub fn available() -> Vec<(&'static str, &'static Kernels)> {
    let mut all: Vec<(&'static str, &'static Kernels)> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512vnni") {
            all.push(("vnni", &avx512::KERNELS));
        }
        if has!("avx2") && has!("fma") {
            if has!("avxvnni") {
                all.push(("avx-vnni", &avx_vnni::KERNELS));
            }
            all.push(("avx2", &avx2::KERNELS));
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        if std::arch::is_aarch64_feature_detected!("dotprod") {
            all.push(("neon-dot", &neon_dot::KERNELS));
        }
        all.push(("neon", &neon::KERNELS));
    }
    all.push(("portable", &portable::KERNELS));
    all
}
