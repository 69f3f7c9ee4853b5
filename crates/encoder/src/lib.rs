//! Token ids in; the states of a BERT-shaped encoder, or unit vectors, out.
//!
//! Products with weights are of bytes: weights with a scale for each output, activations with a scale for each token
//! (SmoothQuant, arXiv:2211.10438; the units with the largest outliers stay in f32, as in arXiv:2208.07339). A vector is
//! a function of its own text alone, however many go together, and it is the same to the last bit on every processor:
//! sums of whole numbers are exact, and floats are added in one order on all paths.
//!
//! This crate knows nothing of text, of files or of articles.

mod error;
mod forward;
mod kernels;
mod lanes;
mod model;
mod quantized;
mod workspace;

pub use error::Error;
pub use workspace::Workspace;

use kernels::Kernels;
use model::Model;

type Result<T> = std::result::Result<T, Error>;

/// Names the instructions to use, out of [`paths`]; for tests.
const CHOICE: &str = "NIGH_CPU";

/// A model, to be shared by threads; each brings a [`Workspace`].
#[derive(Debug)]
pub struct Encoder {
    model: Model,
    path: &'static str,
    kernels: &'static Kernels,
}

impl std::fmt::Debug for Kernels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kernels").finish_non_exhaustive()
    }
}

impl Encoder {
    /// Takes weights that are quantized and laid out as the kernels read them, without a copy of the large ones.
    ///
    /// # Errors
    /// When the file is no such model, or `NIGH_CPU` names instructions that the processor has not: see [`Error`].
    pub fn from_quantized(file: &'static [u8]) -> Result<Self> {
        Self::on(chosen(std::env::var(CHOICE).ok().as_deref())?, file)
    }

    fn on((path, kernels): (&'static str, &'static Kernels), file: &'static [u8]) -> Result<Self> {
        Ok(Self { model: quantized::read(file, kernels.offset)?, path, kernels })
    }

    /// The length of a state and of a vector.
    pub fn dimensions(&self) -> usize {
        self.model.shape.width
    }

    /// The most tokens of a text.
    pub fn positions(&self) -> usize {
        self.model.shape.positions
    }

    /// The instructions in use: one of [`paths`].
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// The last states of the tokens of all texts, a row of [`Self::dimensions`] each, one text after the other.
    ///
    /// # Panics
    /// When a text has no token, more than [`Self::positions`], or one that is not in the vocabulary.
    pub fn states<'w>(&self, texts: &[&[u32]], work: &'w mut Workspace) -> &'w [f32] {
        forward::run(&self.model, self.kernels, texts, work);
        let tokens: usize = texts.iter().map(|text| text.len()).sum();
        &work.states[..tokens * self.dimensions()]
    }

    /// The sum of the states of each text: a row of [`Self::dimensions`] for each, of any length.
    ///
    /// # Panics
    /// As [`Self::states`].
    pub fn sums(&self, texts: &[&[u32]], work: &mut Workspace) -> Vec<f32> {
        let width = self.dimensions();
        let mut states = self.states(texts, work);
        let mut sums = vec![0.0; texts.len() * width];
        for (text, sums) in texts.iter().zip(sums.chunks_exact_mut(width)) {
            let (own, rest) = states.split_at(text.len() * width);
            // SAFETY: the kernels are those that this processor can run; rows are as long as the sums.
            #[allow(unsafe_code)]
            unsafe {
                (self.kernels.sum)(own, sums);
            }
            states = rest;
        }
        sums
    }
}

/// The instructions that this processor can use, fastest first. `NIGH_CPU` names another one to take.
pub fn paths() -> Vec<&'static str> {
    kernels::available().into_iter().map(|(name, _)| name).collect()
}

/// The kernels that the environment names, or else the fastest.
fn chosen(wanted: Option<&str>) -> Result<(&'static str, &'static Kernels)> {
    let available = kernels::available();
    let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else { return Ok(available[0]) };
    available.iter().find(|(name, _)| *name == wanted).copied().ok_or_else(|| Error::Value {
        name: CHOICE.to_owned(),
        expected: format!("one of {} on this processor", paths().join(", ")),
        found: wanted.to_owned(),
    })
}

#[cfg(test)]
mod tests;
