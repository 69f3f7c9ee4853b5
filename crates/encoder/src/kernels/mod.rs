//! The steps of the forward pass over rows of tokens, each compiled for every instruction set.
//!
//! A step reads and writes buffers of the [`Workspace`](crate::workspace::Workspace). Its result
//! for a row depends only on that row, or on the rows of one text, and on nothing else in the
//! buffers.

// Kernels take pointers because they may read padding rows beyond the last; each documents what
// they must point to.
#![allow(unsafe_code)]
// Loops over indices of constant arrays are unrolled before all else, so that their vectors stay in
// registers.
#![allow(clippy::needless_range_loop)]

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
mod attention;
mod embedding;
mod functions;
mod norm;
mod pooling;
mod projection;
mod quantize;

pub use attention::{Attention, Scratch};
pub use embedding::Embedding;
pub use norm::Normalization;
pub use projection::{FloatProjection, PADDING_ROWS, Projection};
pub use quantize::Quantization;

#[cfg(target_arch = "aarch64")]
use crate::lanes::neon::Neon;
use crate::lanes::portable::Portable;
use crate::lanes::{LANES, Lanes};
#[cfg(target_arch = "x86_64")]
use crate::lanes::{avx2::Avx2, avx512::Avx512};
use cpu::InstructionSet;

/// All steps, compiled for one instruction set.
pub struct Kernels {
    /// See [`Lanes::ACTIVATION_OFFSET`].
    pub activation_offset: u8,
    /// Embeds token ids.
    pub embed: unsafe fn(&Embedding<'_>),
    /// Applies a linear layer.
    pub project: unsafe fn(&Projection<'_>),
    /// Applies a linear layer, then GELU.
    pub project_gelu: unsafe fn(&Projection<'_>),
    /// Applies a linear layer in f32.
    pub project_floats: unsafe fn(&FloatProjection<'_>),
    /// Applies a linear layer in f32, then GELU.
    pub project_floats_gelu: unsafe fn(&FloatProjection<'_>),
    /// Computes one attention head over one text.
    pub attend: unsafe fn(&Attention, &mut Scratch),
    /// Quantizes rows.
    pub quantize: unsafe fn(&Quantization<'_>),
    /// Adds residuals, applies a layer normalization, and quantizes the result.
    pub normalize: unsafe fn(&Normalization<'_>),
    /// Sums rows.
    pub sum_rows: unsafe fn(&[f32], &mut [f32]),
}

macro_rules! kernels {
    ($(#[$attribute:meta])* $name:ident, $lanes:ty $(, $features:literal)?) => {
        $(#[$attribute])*
        mod $name {
            use super::*;

            // SAFETY of all: these functions are only called through `KERNELS`, which is only used if the processor
            // supports the features; the safety contract of the jobs is passed on to the caller.
            $(#[target_feature(enable = $features)])?
            unsafe fn embed(job: &Embedding<'_>) {
                // SAFETY: see above.
                unsafe { embedding::embed::<$lanes>(job) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn project(job: &Projection<'_>) {
                // SAFETY: see above.
                unsafe { projection::project::<$lanes, false>(job) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn project_gelu(job: &Projection<'_>) {
                // SAFETY: see above.
                unsafe { projection::project::<$lanes, true>(job) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn project_floats(job: &FloatProjection<'_>) {
                // SAFETY: see above.
                unsafe { projection::project_floats::<$lanes, false>(job) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn project_floats_gelu(job: &FloatProjection<'_>) {
                // SAFETY: see above.
                unsafe { projection::project_floats::<$lanes, true>(job) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn attend(job: &Attention, scratch: &mut Scratch) {
                // SAFETY: see above.
                unsafe { attention::attend::<$lanes, attention::Pairs<$lanes>>(job, scratch) }
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
            unsafe fn sum_rows(rows: &[f32], sums: &mut [f32]) {
                // SAFETY: see above.
                unsafe { pooling::sum_rows::<$lanes>(rows, sums) }
            }
            pub static KERNELS: Kernels = Kernels {
                activation_offset: <$lanes as Lanes>::ACTIVATION_OFFSET,
                embed, project, project_gelu, project_floats, project_floats_gelu, attend, quantize, normalize, sum_rows,
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

/// Replaces numbers `x ≤ 0` by `2^x`, with the same result on every processor.
pub fn exp2_row(row: &mut [f32]) {
    for part in row.chunks_mut(LANES) {
        let mut lanes = [0.0; LANES];
        lanes[..part.len()].copy_from_slice(part);
        // SAFETY: the portable lanes need no particular instructions.
        let [[powers]] = unsafe { functions::exp2::<Portable, 1, 1>([[lanes]]) };
        part.copy_from_slice(&powers[..part.len()]);
    }
}

/// The kernels that this processor supports, fastest first, with the names of their instruction
/// sets.
pub fn available() -> Vec<(InstructionSet, &'static Kernels)> {
    let all = [
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        (InstructionSet::Amx, &amx::KERNELS),
        #[cfg(target_arch = "x86_64")]
        (InstructionSet::Vnni, &avx512::KERNELS),
        #[cfg(target_arch = "x86_64")]
        (InstructionSet::AvxVnni, &avx_vnni::KERNELS),
        #[cfg(target_arch = "x86_64")]
        (InstructionSet::Avx2, &avx2::KERNELS),
        #[cfg(target_arch = "aarch64")]
        (InstructionSet::NeonDot, &neon_dot::KERNELS),
        #[cfg(target_arch = "aarch64")]
        (InstructionSet::Neon, &neon::KERNELS),
        (InstructionSet::Portable, &portable::KERNELS),
    ];
    // No kernels need features but those that `is_available` tests.
    all.into_iter()
        .filter(|(set, _)| set.is_available())
        .collect()
}

/// The fastest kernels up to a ceiling.
pub fn fastest(ceiling: Option<InstructionSet>) -> (InstructionSet, &'static Kernels) {
    let is_allowed = |set| ceiling.is_none_or(|ceiling| set <= ceiling);
    let fastest = available().into_iter().find(|(set, _)| is_allowed(*set));
    fastest.unwrap_or((InstructionSet::Portable, &portable::KERNELS))
}
