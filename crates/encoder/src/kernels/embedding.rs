//! Embedding tokens: token embedding plus position embedding, normalized.

use super::norm::normalize_rows;
use crate::lanes::{LANES, Lanes};
use crate::model::{Model, TokenEmbeddings};

/// The tokens of one text.
pub struct Embedding<'a> {
    /// The model whose embeddings to use.
    pub model: &'a Model,
    /// Ids below the vocabulary size; at most as many as the model has positions.
    pub tokens: &'a [u32],
    /// Scratch space for one row.
    pub row: *mut f32,
    /// Receives the hidden state of each token.
    pub states: *mut f32,
    /// Receives the quantized rows for the first linear layer.
    pub output: *mut u8,
    /// Receives the scale of each quantized row.
    pub scales: *mut f32,
}

/// Embeds the tokens of one text.
///
/// # Safety
/// The contract of [`Lanes`]; pointers must be valid for the rows that the fields of [`Embedding`]
/// describe.
#[inline(always)]
pub unsafe fn embed<S: Lanes>(job: &Embedding<'_>) {
    let (model, width) = (job.model, job.model.shape.hidden_size);
    for (at, &token) in job.tokens.iter().enumerate() {
        // SAFETY: the token is in the vocabulary and the position in its table, both rows of
        // `width`.
        unsafe {
            let position = model.position_embeddings.as_ptr().add(at * width);
            match &model.token_embeddings {
                TokenEmbeddings::Quantized { rows, scales } => {
                    let word = rows.as_ptr().add(token as usize * width).cast::<i8>();
                    let scale = S::splat(*scales.as_ptr().add(token as usize));
                    for x in (0..width).step_by(LANES) {
                        let word = S::to_float(S::load_bytes(word.add(x)));
                        let sum = S::mul_add(word, scale, S::load(position.add(x)));
                        S::store(job.row.add(x), sum);
                    }
                }
                TokenEmbeddings::Float(rows) => {
                    let word = rows.as_ptr().add(token as usize * width);
                    for x in (0..width).step_by(LANES) {
                        let sum = S::add(S::load(word.add(x)), S::load(position.add(x)));
                        S::store(job.row.add(x), sum);
                    }
                }
            }
            let states = job.states.add(at * width);
            normalize_rows::<S, 1>(
                &model.embedding_norm,
                job.row,
                states,
                job.output.add(at * width),
                job.scales.add(at),
            );
        }
    }
}
