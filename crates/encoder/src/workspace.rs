//! The buffers of an encoder.

use crate::kernels::Scratch;
use crate::model::Shape;

/// Rows that go through a feed-forward block together: their activations fit into the L2 cache.
pub const FEED_FORWARD_ROWS: usize = 64;
/// Rows beyond the last that kernels may read.
const PADDING_ROWS: usize = 8;

/// The buffers of one thread. They grow to the largest input and are reused.
#[derive(Debug, Default)]
pub struct Workspace {
    /// The hidden states, one row of [`Shape::hidden_size`] per token.
    pub(crate) states: Vec<f32>,
    /// The hidden states, smoothed and quantized as the input of the next linear layer.
    pub(crate) quantized: Vec<u8>,
    /// The scale of each row of `quantized`.
    pub(crate) scales: Vec<f32>,
    /// Query, key and value of one head, one row per token.
    pub(crate) qkv: Vec<f32>,
    /// The output of attention, all heads side by side.
    pub(crate) attention: Vec<f32>,
    /// `attention`, smoothed and quantized.
    pub(crate) attention_quantized: Vec<u8>,
    /// The scale of each row of `attention_quantized`.
    pub(crate) attention_scales: Vec<f32>,
    /// The intermediate units of [`FEED_FORWARD_ROWS`] rows.
    pub(crate) intermediate: Vec<f32>,
    /// `intermediate`, smoothed and quantized.
    pub(crate) intermediate_quantized: Vec<u8>,
    /// The scale of each row of `intermediate_quantized`.
    pub(crate) intermediate_scales: Vec<f32>,
    /// The output of a linear layer before normalization, for [`FEED_FORWARD_ROWS`] rows.
    pub(crate) projected: Vec<f32>,
    /// The buffers of attention.
    pub(crate) scratch: Scratch,
}

impl Workspace {
    /// Makes room for `rows` tokens in total, in texts of at most `longest` tokens.
    pub(crate) fn reserve(&mut self, shape: Shape, rows: usize, longest: usize) {
        let padded = rows + PADDING_ROWS;
        let block = FEED_FORWARD_ROWS + PADDING_ROWS;
        grow(&mut self.states, padded * shape.hidden_size);
        grow(&mut self.quantized, padded * shape.hidden_size);
        grow(&mut self.scales, padded);
        grow(&mut self.qkv, padded * 3 * shape.head_size());
        grow(&mut self.attention, padded * shape.hidden_size);
        grow(&mut self.attention_quantized, padded * shape.hidden_size);
        grow(&mut self.attention_scales, padded);
        grow(&mut self.intermediate, block * shape.intermediate_size);
        grow(
            &mut self.intermediate_quantized,
            block * shape.intermediate_size,
        );
        grow(&mut self.intermediate_scales, block);
        grow(&mut self.projected, block * shape.hidden_size);
        self.scratch.reserve(longest, shape.head_size());
    }
}

fn grow<T: Clone + Default>(buffer: &mut Vec<T>, length: usize) {
    if buffer.len() < length {
        buffer.resize(length, T::default());
    }
}
