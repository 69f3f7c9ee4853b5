//! The buffers of an encoder.

use crate::aligned::Aligned;
use crate::kernels::{PADDING_ROWS, Scratch};
use crate::lanes::LANES;
use crate::model::Shape;

/// Rows that go through a feed-forward block together: their activations fit into the L2 cache.
pub const FEED_FORWARD_ROWS: usize = 64;

/// The distance between rows of intermediate units in floats. One vector more than there are units,
/// so that the rows of a block do not compete for the same sets of a cache.
pub fn intermediate_stride(shape: Shape) -> usize {
    shape.intermediate_size + LANES
}

/// The buffers of one thread. They grow to the largest input and are reused.
#[derive(Debug, Default)]
pub struct Workspace {
    /// The hidden states, one row of [`Shape::hidden_size`] per token.
    pub(crate) states: Aligned<f32>,
    /// The hidden states, smoothed and quantized as the input of the next linear layer.
    pub(crate) quantized: Aligned<u8>,
    /// The scale of each row of `quantized`.
    pub(crate) scales: Aligned<f32>,
    /// Query, key and value of one head, one row per token.
    pub(crate) qkv: Aligned<f32>,
    /// The output of attention, all heads side by side.
    pub(crate) attention: Aligned<f32>,
    /// `attention`, smoothed and quantized.
    pub(crate) attention_quantized: Aligned<u8>,
    /// The scale of each row of `attention_quantized`.
    pub(crate) attention_scales: Aligned<f32>,
    /// The intermediate units of [`FEED_FORWARD_ROWS`] rows.
    pub(crate) intermediate: Aligned<f32>,
    /// `intermediate`, smoothed and quantized.
    pub(crate) intermediate_quantized: Aligned<u8>,
    /// The scale of each row of `intermediate_quantized`.
    pub(crate) intermediate_scales: Aligned<f32>,
    /// The output of a linear layer before normalization, for [`FEED_FORWARD_ROWS`] rows.
    pub(crate) projected: Aligned<f32>,
    /// The buffers of attention.
    pub(crate) scratch: Scratch,
}

impl Workspace {
    /// Makes room for `rows` tokens in total, in texts of at most `longest` tokens.
    pub(crate) fn reserve(&mut self, shape: Shape, rows: usize, longest: usize) {
        let padded = rows + PADDING_ROWS;
        let block = FEED_FORWARD_ROWS + PADDING_ROWS;
        self.states.grow(padded * shape.hidden_size);
        self.quantized.grow(padded * shape.hidden_size);
        self.scales.grow(padded);
        self.qkv.grow(padded * 3 * shape.head_size());
        self.attention.grow(padded * shape.hidden_size);
        self.attention_quantized.grow(padded * shape.hidden_size);
        self.attention_scales.grow(padded);
        self.intermediate.grow(block * intermediate_stride(shape));
        self.intermediate_quantized
            .grow(block * shape.intermediate_size);
        self.intermediate_scales.grow(block);
        self.projected.grow(block * shape.hidden_size);
        self.scratch.reserve(longest, shape.head_size());
    }
}
