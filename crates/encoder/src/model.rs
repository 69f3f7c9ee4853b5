//! The weights of an encoder.

use crate::aligned::{Aligned, Bytes};
use crate::lanes::LANES;

/// The most units of a feed-forward block: so many products of bytes can be summed in 32 bits.
const MAX_UNITS: usize = 65_536;

/// The sizes of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// The length of a hidden state.
    pub hidden_size: usize,
    /// The number of attention heads.
    pub heads: usize,
    /// The number of units between the two products of a feed-forward block.
    pub intermediate_size: usize,
    /// How many of these units are kept in f32: the last ones.
    pub outliers: usize,
    /// The number of layers.
    pub layers: usize,
    /// The number of tokens in the vocabulary.
    pub vocab_size: usize,
    /// The length of the longest text in tokens.
    pub max_tokens: usize,
}

impl Shape {
    /// The dimensions of a query, key or value of one head.
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.heads
    }

    /// Checks the sizes against what the kernels rely on. Returns the name of the first invalid
    /// size, what was expected and what was found.
    pub fn problem(&self) -> Option<(&'static str, String, usize)> {
        let multiple = |of: usize| format!("a multiple of {of}");
        let checks = [
            (
                "the length of a state",
                self.hidden_size > 0
                    && self.hidden_size <= 4096
                    && self.hidden_size.is_multiple_of(LANES),
                self.hidden_size,
            ),
            (
                "the number of units",
                self.intermediate_size > 0
                    && self.intermediate_size <= MAX_UNITS
                    && self.intermediate_size.is_multiple_of(LANES),
                self.intermediate_size,
            ),
            (
                "the number of outliers",
                self.outliers.is_multiple_of(LANES) && self.outliers < self.intermediate_size,
                self.outliers,
            ),
        ];
        for (name, valid, found) in checks {
            if !valid {
                return Some((name, multiple(LANES), found));
            }
        }
        let divides = self.heads > 0
            && self.hidden_size.is_multiple_of(self.heads)
            && self.head_size().is_multiple_of(LANES);
        (!divides).then(|| {
            (
                "the number of heads",
                format!("one whose heads have {} dimensions", multiple(LANES)),
                self.heads,
            )
        })
    }
}

/// A linear layer.
#[derive(Debug)]
pub enum Linear {
    /// With int8 weights, for quantized rows.
    Quantized(QuantizedLinear),
    /// With f32 weights, for rows of floats.
    Float(FloatLinear),
}

impl Linear {
    /// The number of columns.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Quantized(linear) => linear.bias.len(),
            Self::Float(linear) => linear.bias.len(),
        }
    }
}

/// A linear layer with f32 weights, `inputs × outputs`.
#[derive(Debug, Clone)]
pub struct FloatLinear {
    /// The length of an input row.
    pub inputs: usize,
    /// The weights as `outputs/16 × inputs × 16`: in panels of sixteen columns.
    pub weights: Aligned<f32>,
    /// The bias of each column.
    pub bias: Aligned<f32>,
}

impl FloatLinear {
    /// The weight of an input in a column.
    pub fn weight(&self, input: usize, column: usize) -> f32 {
        self.weights[(column / LANES * self.inputs + input) * LANES + column % LANES]
    }
}

/// A linear layer with int8 weights, `inputs × outputs`.
#[derive(Debug)]
pub struct QuantizedLinear {
    /// The length of an input row.
    pub inputs: usize,
    /// The weights as `outputs/16 × inputs/4 × 16 × 4`: in blocks of sixteen columns by four
    /// inputs, with the four weights of each column adjacent.
    pub weights: Bytes,
    /// Added to each column's sum to compensate for the offset of activations; see
    /// [`crate::lanes::Lanes::ACTIVATION_OFFSET`].
    pub correction: Aligned<i32>,
    /// The quantization scale of each column.
    pub scale: Aligned<f32>,
    /// The bias of each column.
    pub bias: Aligned<f32>,
}

/// A layer normalization.
#[derive(Debug, Clone)]
pub struct LayerNorm {
    /// The factor of each column.
    pub weight: Aligned<f32>,
    /// The bias of each column.
    pub bias: Aligned<f32>,
    /// `weight` times the smoothing factors of the input of the next linear layer.
    pub next_weight: Aligned<f32>,
    /// `bias` times the same factors.
    pub next_bias: Aligned<f32>,
    /// Added to the variance.
    pub epsilon: f32,
}

/// A transformer layer.
#[derive(Debug)]
pub struct Layer {
    /// To query, key and value of one head after the other. Queries are scaled by `log2(e) /
    /// √head_size`, so that the softmax can use powers of two.
    pub qkv: Linear,
    /// The smoothing factors of the input of `attention_output`.
    pub attention_smoothing: Aligned<f32>,
    /// From the concatenated heads to the hidden state.
    pub attention_output: Linear,
    /// After attention.
    pub attention_norm: LayerNorm,
    /// To the intermediate units.
    pub feed_forward_1: Linear,
    /// The smoothing factors of the input of `feed_forward_2`.
    pub feed_forward_smoothing: Aligned<f32>,
    /// From the intermediate units. Inputs of outlier units, which are the last, are zero.
    pub feed_forward_2: Linear,
    /// The f32 weights of the outlier units, `outliers × hidden_size`.
    pub outlier_weights: Aligned<f32>,
    /// After the feed-forward block.
    pub output_norm: LayerNorm,
}

impl Layer {
    /// Its linear layers.
    pub fn linears(&self) -> [&Linear; 4] {
        [
            &self.qkv,
            &self.attention_output,
            &self.feed_forward_1,
            &self.feed_forward_2,
        ]
    }
}

/// The embedding of each token, `vocab_size × hidden_size`.
#[derive(Debug)]
pub enum TokenEmbeddings {
    /// In int8.
    Quantized {
        /// The rows.
        rows: Bytes,
        /// The quantization scale of each row.
        scales: Aligned<f32>,
    },
    /// In f32.
    Float(Vec<f32>),
}

/// All weights.
#[derive(Debug)]
pub struct Model {
    /// The sizes.
    pub shape: Shape,
    /// The embedding of each token.
    pub token_embeddings: TokenEmbeddings,
    /// The embedding of each position, `max_tokens × hidden_size`.
    pub position_embeddings: Aligned<f32>,
    /// For each head, what is added to the softmax scores by the distance of key and query, times
    /// `log2(e)`: first that of `1 - max_tokens`. Empty if there is no such bias. Longer than the
    /// distances by [`LANES`], as kernels read beyond the last key.
    pub attention_bias: Vec<Vec<f32>>,
    /// Of the sum of both embeddings.
    pub embedding_norm: LayerNorm,
    /// The layers, first to last.
    pub layers: Vec<Layer>,
}
