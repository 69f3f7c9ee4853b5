//! The forward pass in f32, one step after the other: what quantized weights are compared with, and
//! where the ranges of activations come from. Much slower than [`crate::forward`].

// The kernels take raw pointers; this module guarantees that they point into large enough buffers.
#![allow(unsafe_code)]

use crate::calibration::Ranges;
use crate::kernels::{FloatProjection, Kernels, PADDING_ROWS, exp2_row};
use crate::model::{FloatLinear, Layer, LayerNorm, Linear, Model, TokenEmbeddings};

/// Computes the last hidden states of a text and widens the ranges of each layer to what it meets.
///
/// # Panics
/// If the model's weights are not f32, or as [`crate::forward::run`].
pub fn states(model: &Model, kernels: &Kernels, text: &[u32], ranges: &mut [Ranges]) -> Vec<f32> {
    let (width, rows) = (model.shape.hidden_size, text.len());
    let TokenEmbeddings::Float(words) = &model.token_embeddings else {
        unreachable!("the reference runs on f32 weights");
    };
    let mut states = Vec::with_capacity(rows * width);
    for (token, position) in text
        .iter()
        .zip(model.position_embeddings.chunks_exact(width))
    {
        let word = &words[*token as usize * width..][..width];
        states.extend(
            word.iter()
                .zip(position)
                .map(|(word, position)| word + position),
        );
    }
    normalize(&model.embedding_norm, &mut states);
    for (layer, ranges) in model.layers.iter().zip(ranges) {
        widen(&mut ranges.attention_input, &states);
        let qkv = project(kernels, &layer.qkv, &states, false);
        let attended = attention(model, &qkv, rows);
        widen(&mut ranges.attention_output, &attended);
        add_and_normalize(
            kernels,
            &layer.attention_output,
            &layer.attention_norm,
            &attended,
            &mut states,
        );
        widen(&mut ranges.feed_forward_input, &states);
        feed_forward(kernels, layer, ranges, &mut states);
    }
    states
}

fn feed_forward(kernels: &Kernels, layer: &Layer, ranges: &mut Ranges, states: &mut [f32]) {
    let units = project(kernels, &layer.feed_forward_1, states, true);
    widen(&mut ranges.units, &units);
    add_and_normalize(
        kernels,
        &layer.feed_forward_2,
        &layer.output_norm,
        &units,
        states,
    );
}

fn add_and_normalize(
    kernels: &Kernels,
    linear: &Linear,
    norm: &LayerNorm,
    input: &[f32],
    states: &mut [f32],
) {
    let output = project(kernels, linear, input, false);
    states
        .iter_mut()
        .zip(output)
        .for_each(|(state, x)| *state += x);
    normalize(norm, states);
}

fn project(kernels: &Kernels, linear: &Linear, input: &[f32], gelu: bool) -> Vec<f32> {
    let Linear::Float(linear) = linear else {
        unreachable!("the reference runs on f32 weights");
    };
    let FloatLinear { inputs, bias, .. } = linear;
    let rows = input.len() / inputs;
    let mut padded = input.to_vec();
    padded.resize(input.len() + PADDING_ROWS * inputs, 0.0);
    let mut output = vec![0.0; rows * bias.len()];
    let apply = if gelu {
        kernels.project_floats_gelu
    } else {
        kernels.project_floats
    };
    // SAFETY: there are PADDING_ROWS more rows than are multiplied, and room for all outputs.
    unsafe {
        apply(&FloatProjection {
            linear,
            columns: 0..bias.len(),
            input: padded.as_ptr(),
            input_stride: *inputs,
            rows,
            output: output.as_mut_ptr(),
            stride: bias.len(),
        });
    }
    output
}

/// Self-attention: for each head its queries, keys and values, side by side in a row of `qkv`.
fn attention(model: &Model, qkv: &[f32], rows: usize) -> Vec<f32> {
    let (width, head) = (model.shape.hidden_size, model.shape.head_size());
    let mut output = vec![0.0; rows * width];
    for number in 0..model.shape.heads {
        let part =
            |row: usize, part: usize| &qkv[row * 3 * width + (3 * number + part) * head..][..head];
        let mut keys = vec![0.0; head * rows];
        for row in 0..rows {
            for (at, x) in part(row, 1).iter().enumerate() {
                keys[at * rows + row] = *x;
            }
        }
        for query in 0..rows {
            let mut weights = match model.attention_bias.get(number) {
                Some(bias) => bias[model.shape.max_tokens - 1 - query..][..rows].to_vec(),
                None => vec![0.0; rows],
            };
            for (x, keys) in part(query, 0).iter().zip(keys.chunks_exact(rows)) {
                weights
                    .iter_mut()
                    .zip(keys)
                    .for_each(|(sum, key)| *sum += x * key);
            }
            let largest = weights.iter().copied().fold(f32::MIN, f32::max);
            weights.iter_mut().for_each(|x| *x -= largest);
            exp2_row(&mut weights);
            let sum: f32 = weights.iter().sum();
            let output = &mut output[query * width + number * head..][..head];
            for (row, weight) in weights.iter().enumerate() {
                let share = weight / sum;
                output
                    .iter_mut()
                    .zip(part(row, 2))
                    .for_each(|(sum, x)| *sum += share * x);
            }
        }
    }
    output
}

fn normalize(norm: &LayerNorm, rows: &mut [f32]) {
    let width = norm.weight.len();
    for row in rows.chunks_exact_mut(width) {
        let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / width as f64;
        let squares = row.iter().map(|x| (f64::from(*x) - mean).powi(2));
        let variance = squares.sum::<f64>() / width as f64;
        let deviation = (variance + f64::from(norm.epsilon)).sqrt();
        for ((x, weight), bias) in row.iter_mut().zip(&norm.weight[..]).zip(&norm.bias[..]) {
            *x = ((f64::from(*x) - mean) / deviation) as f32 * weight + bias;
        }
    }
}

/// Widens the range of each column to the largest absolute value of `rows`.
fn widen(range: &mut [f32], rows: &[f32]) {
    for row in rows.chunks_exact(range.len()) {
        range
            .iter_mut()
            .zip(row)
            .for_each(|(largest, x)| *largest = largest.max(x.abs()));
    }
}
