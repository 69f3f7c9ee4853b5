//! Takes token ids; gives back the last hidden states of a BERT encoder, per token or summed per
//! text.
//!
//! The built-in model is [quantized ahead](Encoder::from_quantized); published f32 weights are read
//! as a [`Checkpoint`] and quantized when loaded, as far as a [`Calibration`] allows.
//!
//! An [`Encoder`] holds the weights and is shared by threads; each thread brings its own
//! [`Workspace`]. Linear layers are int8: weights have a scale per output, activations a scale per
//! token (SmoothQuant, arXiv:2211.10438; the units with the largest outliers stay in f32, as in
//! arXiv:2208.07339). The result for a text does not depend on what else is in the batch, and is
//! bit-identical on every processor: integer sums are exact, and floats are added in the same order
//! by every implementation.
//!
//! This crate never sees text or articles, never opens a file and never prints.

mod aligned;
mod calibration;
mod checkpoint;
mod error;
mod forward;
mod head;
mod kernels;
mod lanes;
mod model;
mod quantized;
mod reference;
mod workspace;

pub use calibration::{Agreement, Calibration, Precision};
pub use checkpoint::{Architecture, Config};
pub use error::Error;
pub use head::{Activation, Dense, Head, Pooling, Step};
pub use workspace::Workspace;

use aligned::ALIGNMENT;
use cpu::InstructionSet;
use kernels::Kernels;
use model::{Layer, Linear, Model};

type Result<T> = std::result::Result<T, Error>;

/// A model with the kernels to run it. Shared by threads.
#[derive(Debug)]
pub struct Encoder {
    model: Model,
    instruction_set: InstructionSet,
    kernels: &'static Kernels,
}

impl std::fmt::Debug for Kernels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kernels").finish_non_exhaustive()
    }
}

impl Encoder {
    /// Creates an encoder from a safetensors file whose weights are already quantized and laid out
    /// for the kernels. The int8 weights are used in place, without a copy: fastest if they
    /// [begin at cache lines](Self::is_aligned).
    ///
    /// # Errors
    /// [`Error::Format`], [`Error::Missing`], [`Error::Shape`], [`Error::NotFinite`] or
    /// [`Error::Value`] if the file is not such a model; [`Error::Cpu`] if `NIGH_CPU` names an
    /// instruction set that the processor does not have.
    pub fn from_quantized(file: &'static [u8]) -> Result<Self> {
        Self::with_kernels(kernels::fastest(cpu::ceiling()?), file)
    }

    fn with_kernels(
        (instruction_set, kernels): (InstructionSet, &'static Kernels),
        file: &'static [u8],
    ) -> Result<Self> {
        Ok(Self {
            model: quantized::read(file, kernels.activation_offset)?,
            instruction_set,
            kernels,
        })
    }

    /// Whether the int8 weights begin at multiples of 64 bytes. If not, embedding takes up to a
    /// quarter longer, because loads cross cache lines.
    pub fn is_aligned(&self) -> bool {
        let linears = self.model.layers.iter().flat_map(Layer::linears);
        linears.into_iter().all(|linear| match linear {
            Linear::Quantized(linear) => linear.weights.as_ptr().addr().is_multiple_of(ALIGNMENT),
            Linear::Float(_) => true,
        })
    }

    /// The length of a hidden state.
    pub fn dimensions(&self) -> usize {
        self.model.shape.hidden_size
    }

    /// The length of the longest text in tokens.
    pub fn max_tokens(&self) -> usize {
        self.model.shape.max_tokens
    }

    /// The instruction set in use: one of [`instruction_sets`].
    pub fn instruction_set(&self) -> InstructionSet {
        self.instruction_set
    }

    /// Returns the last hidden state of every token, a row of [`Self::dimensions`] each, one text
    /// after the other.
    ///
    /// # Panics
    /// If a text is empty, has more than [`Self::max_tokens`] tokens, or a token outside the
    /// vocabulary.
    pub fn hidden_states<'w>(&self, texts: &[&[u32]], work: &'w mut Workspace) -> &'w [f32] {
        forward::run(&self.model, self.kernels, texts, work);
        let tokens: usize = texts.iter().map(|text| text.len()).sum();
        &work.states[..tokens * self.dimensions()]
    }

    /// Returns the sum of the hidden states of each text, a row of [`Self::dimensions`] per text,
    /// not normalized.
    ///
    /// # Panics
    /// As [`Self::hidden_states`].
    pub fn summed_states(&self, texts: &[&[u32]], work: &mut Workspace) -> Vec<f32> {
        let width = self.dimensions();
        let mut states = self.hidden_states(texts, work);
        let mut sums = vec![0.0; texts.len() * width];
        for (text, sums) in texts.iter().zip(sums.chunks_exact_mut(width)) {
            let (own, rest) = states.split_at(text.len() * width);
            // SAFETY: the processor supports the kernels' instructions; rows are as long as `sums`.
            #[allow(unsafe_code)]
            unsafe {
                (self.kernels.sum_rows)(own, sums);
            }
            states = rest;
        }
        sums
    }

    /// Returns the vector of each text, not normalized unless the head does.
    ///
    /// # Panics
    /// As [`Self::hidden_states`].
    pub fn vectors(&self, texts: &[&[u32]], head: &Head, work: &mut Workspace) -> Vec<Vec<f32>> {
        let width = self.dimensions();
        let mut states = self.hidden_states(texts, work);
        let vectors = texts.iter().map(|text| {
            let (own, rest) = states.split_at(text.len() * width);
            states = rest;
            head.apply(own, width)
        });
        vectors.collect()
    }
}

/// Published weights in f32.
#[derive(Debug)]
pub struct Checkpoint {
    model: Model,
    instruction_set: InstructionSet,
    kernels: &'static Kernels,
}

impl Checkpoint {
    /// Reads weights from a safetensors file.
    ///
    /// # Errors
    /// [`Error::Format`], [`Error::Missing`], [`Error::Unexpected`], [`Error::Shape`],
    /// [`Error::NotFinite`] or [`Error::Value`] if the file is not such a model; [`Error::Cpu`] as
    /// for [`Encoder::from_quantized`].
    pub fn read(config: &Config, file: &[u8]) -> Result<Self> {
        Self::with_kernels(kernels::fastest(cpu::ceiling()?), config, file)
    }

    fn with_kernels(
        (instruction_set, kernels): (InstructionSet, &'static Kernels),
        config: &Config,
        file: &[u8],
    ) -> Result<Self> {
        Ok(Self {
            model: checkpoint::read(config, file)?,
            instruction_set,
            kernels,
        })
    }

    /// The length of the longest text in tokens.
    pub fn max_tokens(&self) -> usize {
        self.model.shape.max_tokens
    }

    /// Finds out on sample texts how far the weights can be quantized. Takes seconds.
    ///
    /// # Errors
    /// [`Error::Precision`] if the vectors are not near enough to those of an exact computation.
    ///
    /// # Panics
    /// As [`Encoder::hidden_states`].
    pub fn calibrate(&self, head: &Head, samples: &[Vec<u32>]) -> Result<Calibration> {
        Calibration::of(&self.model, self.kernels, head, samples)
    }

    /// Quantizes the weights.
    ///
    /// # Errors
    /// [`Error::Calibration`] if the calibration is one of another model.
    pub fn into_encoder(self, calibration: &Calibration) -> Result<Encoder> {
        Ok(Encoder {
            model: calibration.apply(self.model, self.kernels.activation_offset)?,
            instruction_set: self.instruction_set,
            kernels: self.kernels,
        })
    }
}

/// The instruction sets that this processor supports, fastest first. The first is used unless
/// `NIGH_CPU` sets a lower ceiling.
pub fn instruction_sets() -> Vec<InstructionSet> {
    kernels::available()
        .into_iter()
        .map(|(set, _)| set)
        .collect()
}

#[cfg(test)]
mod tests;
