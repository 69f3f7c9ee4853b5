//! Token ids to rows: the vector of each token and of its position, normalized.

use super::norm::row_of;
use crate::lanes::{LANES, Lanes};
use crate::model::Model;

/// A text's tokens.
pub struct Embedding<'a> {
    /// The model.
    pub model: &'a Model,
    /// Ids below the vocabulary's size, no more than there are positions.
    pub tokens: &'a [u32],
    /// A row to work in.
    pub row: *mut f32,
    /// A row for each token.
    pub states: *mut f32,
    /// Rows of bytes for the first product.
    pub output: *mut u8,
    /// The scale of each row of bytes.
    pub scales: *mut f32,
}

/// # Safety
/// As [`Lanes`] and the fields of [`Embedding`] say.
#[inline(always)]
pub unsafe fn embed<S: Lanes>(job: &Embedding<'_>) {
    let (model, width) = (job.model, job.model.shape.width);
    for (at, &token) in job.tokens.iter().enumerate() {
        // SAFETY: the token is in the vocabulary and the position in its table, both rows of `width`.
        unsafe {
            let word = model.words.as_ptr().add(token as usize * width).cast::<i8>();
            let scale = S::splat(*model.word_scales.as_ptr().add(token as usize));
            let position = model.positions.as_ptr().add(at * width);
            for x in (0..width).step_by(LANES) {
                let word = S::to_float(S::load_bytes(word.add(x)));
                S::store(job.row.add(x), S::mul_add(word, scale, S::load(position.add(x))));
            }
            let states = job.states.add(at * width);
            row_of::<S>(&model.norm, job.row, states, job.output.add(at * width), job.scales.add(at));
        }
    }
}
