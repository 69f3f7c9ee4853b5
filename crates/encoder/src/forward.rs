//! The forward pass through all layers.

// The kernels take raw pointers; this module guarantees that they point into large enough buffers.
#![allow(unsafe_code)]

use crate::kernels::{
    Attention, Embedding, FloatProjection, Kernels, Normalization, Projection, Quantization,
};
use crate::model::{Layer, LayerNorm, Linear, Model};
use crate::workspace::{FEED_FORWARD_ROWS, Workspace, intermediate_stride};
use std::ops::Range;

/// Computes the last hidden states of all tokens, one text after the other, into `work.states`.
///
/// # Panics
/// If a text is empty, longer than the model's maximum, or has a token outside the vocabulary.
pub fn run(model: &Model, kernels: &Kernels, texts: &[&[u32]], work: &mut Workspace) {
    let shape = model.shape;
    let rows = texts.iter().map(|text| text.len()).sum();
    let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
    assert!(
        longest <= shape.max_tokens,
        "a text of {longest} tokens; the model reads {}",
        shape.max_tokens
    );
    assert!(
        texts.iter().all(|text| !text.is_empty()),
        "a text without tokens"
    );
    let known = |token: &u32| (*token as usize) < shape.vocab_size;
    assert!(
        texts.iter().all(|text| text.iter().all(known)),
        "a token that is not in the vocabulary"
    );
    work.reserve(shape, rows, longest);

    let mut row = 0;
    for text in texts {
        // SAFETY: the workspace has room for all rows, the tokens are in the vocabulary, and there
        // are as many positions.
        unsafe {
            (kernels.embed)(&Embedding {
                model,
                tokens: text,
                row: work.projected.as_mut_ptr(),
                states: work.states.as_mut_ptr().add(row * shape.hidden_size),
                output: work.quantized.as_mut_ptr().add(row * shape.hidden_size),
                scales: work.scales.as_mut_ptr().add(row),
            });
        }
        row += text.len();
    }
    for layer in &model.layers {
        attention(model, kernels, layer, texts, rows, work);
        for from in (0..rows).step_by(FEED_FORWARD_ROWS) {
            let count = FEED_FORWARD_ROWS.min(rows - from);
            // SAFETY: the workspace has the output of attention for all rows and PADDING_ROWS more.
            unsafe {
                let input = Input {
                    floats: work.attention.as_ptr(),
                    stride: shape.hidden_size,
                    bytes: work.attention_quantized.as_ptr(),
                    scales: work.attention_scales.as_ptr(),
                };
                let input = input.starting_at(from, shape.hidden_size);
                let (linear, norm) = (&layer.attention_output, &layer.attention_norm);
                project_and_normalize(kernels, linear, norm, input, None, from..from + count, work);
            }
            feed_forward(model, kernels, layer, from, count, work);
        }
    }
}

/// Rows as the input of a linear layer: it reads the floats, or the bytes with their scales.
#[derive(Clone, Copy)]
struct Input {
    floats: *const f32,
    /// The distance between rows of floats.
    stride: usize,
    bytes: *const u8,
    scales: *const f32,
}

impl Input {
    /// The rows from `row` on, each of `width` bytes.
    ///
    /// # Safety
    /// There must be as many rows.
    unsafe fn starting_at(self, row: usize, width: usize) -> Self {
        // SAFETY: the caller's contract.
        unsafe {
            Self {
                floats: self.floats.add(row * self.stride),
                stride: self.stride,
                bytes: self.bytes.add(row * width),
                scales: self.scales.add(row),
            }
        }
    }
}

/// Applies columns of a linear layer to `rows` rows, and GELU if `gelu`, into rows of `stride`
/// floats.
///
/// # Safety
/// `input` must have as many rows and `PADDING_ROWS` more that can be read, `output` as many rows.
#[allow(clippy::too_many_arguments)]
unsafe fn project(
    kernels: &Kernels,
    linear: &Linear,
    columns: Range<usize>,
    gelu: bool,
    input: Input,
    rows: usize,
    output: *mut f32,
    stride: usize,
) {
    // SAFETY: the caller's contract.
    unsafe {
        match linear {
            Linear::Quantized(linear) => {
                let apply = if gelu {
                    kernels.project_gelu
                } else {
                    kernels.project
                };
                apply(&Projection {
                    linear,
                    columns,
                    input: input.bytes,
                    scales: input.scales,
                    rows,
                    output,
                    stride,
                });
            }
            Linear::Float(linear) => {
                let apply = if gelu {
                    kernels.project_floats_gelu
                } else {
                    kernels.project_floats
                };
                apply(&FloatProjection {
                    linear,
                    columns,
                    input: input.floats,
                    input_stride: input.stride,
                    rows,
                    output,
                    stride,
                });
            }
        }
    }
}

/// Self-attention within each text, quantized for the next linear layer.
fn attention(
    model: &Model,
    kernels: &Kernels,
    layer: &Layer,
    texts: &[&[u32]],
    rows: usize,
    work: &mut Workspace,
) {
    let (width, head) = (model.shape.hidden_size, model.shape.head_size());
    for number in 0..model.shape.heads {
        // SAFETY: the workspace has room for all rows and PADDING_ROWS more, both of one head and of
        // whole hidden states. The bias has all distances of a text.
        unsafe {
            let states = Input {
                floats: work.states.as_ptr(),
                stride: width,
                bytes: work.quantized.as_ptr(),
                scales: work.scales.as_ptr(),
            };
            let columns = number * 3 * head..(number + 1) * 3 * head;
            let output = work.qkv.as_mut_ptr();
            project(
                kernels,
                &layer.qkv,
                columns,
                false,
                states,
                rows,
                output,
                3 * head,
            );
            let bias = model.attention_bias.get(number);
            let bias = bias.map(|bias| bias.as_ptr().add(model.shape.max_tokens - 1));
            let mut row = 0;
            for text in texts {
                let job = Attention {
                    input: work.qkv.as_ptr().add(row * 3 * head),
                    dimensions: head,
                    length: text.len(),
                    bias,
                    output: work.attention.as_mut_ptr().add(row * width + number * head),
                    stride: width,
                };
                (kernels.attend)(&job, &mut work.scratch);
                row += text.len();
            }
        }
    }
    if matches!(layer.attention_output, Linear::Float(_)) {
        return;
    }
    // SAFETY: as above.
    unsafe {
        (kernels.quantize)(&Quantization {
            input: work.attention.as_ptr(),
            stride: width,
            factors: &layer.attention_smoothing,
            zeros: 0,
            rows,
            output: work.attention_quantized.as_mut_ptr(),
            scales: work.attention_scales.as_mut_ptr(),
        });
    }
}

/// Applies a linear layer to rows, adds the result and the outlier units to the hidden states
/// `rows`, and normalizes them.
///
/// # Safety
/// `rows` must be at most [`FEED_FORWARD_ROWS`]. `input` must have as many rows of the layer's
/// inputs, plus `PADDING_ROWS` that can be read, and `outliers` as many rows as [`Normalization`] requires.
unsafe fn project_and_normalize(
    kernels: &Kernels,
    linear: &Linear,
    norm: &LayerNorm,
    input: Input,
    outliers: Option<(*const f32, usize, &[f32])>,
    rows: Range<usize>,
    work: &mut Workspace,
) {
    let (width, from, rows) = (norm.weight.len(), rows.start, rows.len());
    // SAFETY: the caller's contract; the workspace has room for the hidden states and for
    // FEED_FORWARD_ROWS projected rows.
    unsafe {
        let (columns, output) = (0..linear.outputs(), work.projected.as_mut_ptr());
        project(kernels, linear, columns, false, input, rows, output, width);
        (kernels.normalize)(&Normalization {
            norm,
            input: work.projected.as_mut_ptr(),
            states: work.states.as_mut_ptr().add(from * width),
            outliers,
            rows,
            output: work.quantized.as_mut_ptr().add(from * width),
            scales: work.scales.as_mut_ptr().add(from),
        });
    }
}

/// The feed-forward block for `rows` rows from `from` on.
fn feed_forward(
    model: &Model,
    kernels: &Kernels,
    layer: &Layer,
    from: usize,
    rows: usize,
    work: &mut Workspace,
) {
    let (width, units, outliers) = (
        model.shape.hidden_size,
        model.shape.intermediate_size,
        model.shape.outliers,
    );
    let stride = intermediate_stride(model.shape);
    // SAFETY: the workspace has room for `from + rows` hidden states, for FEED_FORWARD_ROWS
    // intermediate and projected rows, and for PADDING_ROWS more of each. Outliers are the last of
    // the intermediate units.
    unsafe {
        let states = Input {
            floats: work.states.as_ptr(),
            stride: width,
            bytes: work.quantized.as_ptr(),
            scales: work.scales.as_ptr(),
        };
        let states = states.starting_at(from, width);
        let output = work.intermediate.as_mut_ptr();
        project(
            kernels,
            &layer.feed_forward_1,
            0..units,
            true,
            states,
            rows,
            output,
            stride,
        );
        if let Linear::Quantized(_) = layer.feed_forward_2 {
            (kernels.quantize)(&Quantization {
                input: work.intermediate.as_ptr(),
                stride,
                factors: &layer.feed_forward_smoothing,
                zeros: outliers,
                rows,
                output: work.intermediate_quantized.as_mut_ptr(),
                scales: work.intermediate_scales.as_mut_ptr(),
            });
        }
        let outliers = (
            work.intermediate.as_ptr().add(units - outliers),
            stride,
            &layer.outlier_weights[..],
        );
        let input = Input {
            floats: work.intermediate.as_ptr(),
            stride,
            bytes: work.intermediate_quantized.as_ptr(),
            scales: work.intermediate_scales.as_ptr(),
        };
        project_and_normalize(
            kernels,
            &layer.feed_forward_2,
            &layer.output_norm,
            input,
            Some(outliers),
            from..from + rows,
            work,
        );
    }
}
