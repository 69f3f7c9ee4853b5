//! What an encoder works in: made once for each thread, grown to the longest text.

use crate::kernels::Scratch;
use crate::model::Shape;

/// So many rows go through the units of a layer together: their floats stay in the second-level cache.
pub const UNIT_ROWS: usize = 64;
/// Rows that kernels may read past the last.
const PADDING: usize = 8;

/// Buffers for one thread.
#[derive(Debug, Default)]
pub struct Workspace {
    /// The states, a row of [`Shape::width`] for each token.
    pub(crate) states: Vec<f32>,
    /// The same as bytes, for the next product.
    pub(crate) bytes: Vec<u8>,
    pub(crate) scales: Vec<f32>,
    /// Query, key and value of one head.
    pub(crate) head: Vec<f32>,
    /// What attention gives, and as bytes.
    pub(crate) attended: Vec<f32>,
    pub(crate) attended_bytes: Vec<u8>,
    pub(crate) attended_scales: Vec<f32>,
    /// The units of [`UNIT_ROWS`] rows, and as bytes.
    pub(crate) units: Vec<f32>,
    pub(crate) unit_bytes: Vec<u8>,
    pub(crate) unit_scales: Vec<f32>,
    /// What a product gives before it is normalized.
    pub(crate) given: Vec<f32>,
    pub(crate) scratch: Scratch,
}

impl Workspace {
    /// Makes room for `rows` tokens, in texts of at most `longest`.
    pub(crate) fn reserve(&mut self, shape: Shape, rows: usize, longest: usize) {
        let padded = rows + PADDING;
        let some = UNIT_ROWS + PADDING;
        fit(&mut self.states, padded * shape.width);
        fit(&mut self.bytes, padded * shape.width);
        fit(&mut self.scales, padded);
        fit(&mut self.head, padded * 3 * shape.head());
        fit(&mut self.attended, padded * shape.width);
        fit(&mut self.attended_bytes, padded * shape.width);
        fit(&mut self.attended_scales, padded);
        fit(&mut self.units, some * shape.units);
        fit(&mut self.unit_bytes, some * shape.units);
        fit(&mut self.unit_scales, some);
        fit(&mut self.given, some * shape.width);
        self.scratch.reserve(longest, shape.head());
    }
}

fn fit<T: Clone + Default>(buffer: &mut Vec<T>, length: usize) {
    if buffer.len() < length {
        buffer.resize(length, T::default());
    }
}
