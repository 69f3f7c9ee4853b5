//! Quantizing published weights: the ranges of activations on sample texts, smoothing by them, and
//! the comparison with f32.

use crate::aligned::Bytes;
use crate::head::Head;
use crate::kernels::Kernels;
use crate::lanes::LANES;
use crate::model::{
    FloatLinear, Layer, LayerNorm, Linear, Model, QuantizedLinear, Shape, TokenEmbeddings,
};
use crate::{Error, Result, Workspace, forward, reference};
use serde::{Deserialize, Serialize};

/// The lowest mean cosine of quantized vectors to those in f32.
const MIN_MEAN: f64 = 0.998;
/// The lowest cosine of a single one.
const MIN_LOWEST: f64 = 0.99;
/// The largest quantized value.
const MAX_QUANTIZED: f32 = 127.0;

/// Which weights are quantized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// All of them are int8.
    Int8,
    /// The second halves of feed-forward blocks are f32: their inputs have the largest outliers.
    Mixed,
    /// None.
    F32,
}

/// How near the vectors are to those of an exact computation in f32: cosines over sample texts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// The mean.
    pub mean: f64,
    /// The lowest.
    pub lowest: f64,
    /// The number of texts.
    pub texts: usize,
}

impl Agreement {
    fn suffices(self) -> bool {
        self.mean >= MIN_MEAN && self.lowest >= MIN_LOWEST
    }
}

/// The largest absolute values that the inputs of a layer's products took, by column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranges {
    pub(crate) attention_input: Vec<f32>,
    pub(crate) attention_output: Vec<f32>,
    pub(crate) feed_forward_input: Vec<f32>,
    pub(crate) units: Vec<f32>,
}

impl Ranges {
    /// Ranges that nothing has widened yet.
    pub(crate) fn zero(shape: Shape) -> Self {
        Self {
            attention_input: vec![0.0; shape.hidden_size],
            attention_output: vec![0.0; shape.hidden_size],
            feed_forward_input: vec![0.0; shape.hidden_size],
            units: vec![0.0; shape.intermediate_size],
        }
    }
}

/// How to quantize a model. Depends on its weights and the sample texts only: it is the same on
/// every processor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Which weights to quantize.
    pub precision: Precision,
    /// How near the resulting vectors are to f32.
    pub agreement: Agreement,
    pub(crate) ranges: Vec<Ranges>,
}

impl Calibration {
    /// Runs the model on sample texts and chooses the fastest precision whose vectors are near
    /// enough to f32.
    ///
    /// # Errors
    /// [`Error::Precision`] if not even f32 weights give near enough vectors.
    pub(crate) fn of(
        model: &Model,
        kernels: &Kernels,
        head: &Head,
        samples: &[Vec<u32>],
    ) -> Result<Self> {
        let width = model.shape.hidden_size;
        let mut ranges = vec![Ranges::zero(model.shape); model.layers.len()];
        let mut expected = Vec::with_capacity(samples.len());
        for sample in samples {
            let states = reference::states(model, kernels, sample, &mut ranges);
            expected.push(head.apply(&states, width));
        }
        let mut found = Agreement {
            mean: 0.0,
            lowest: 0.0,
            texts: 0,
        };
        for precision in [Precision::Int8, Precision::Mixed, Precision::F32] {
            found = match precision {
                Precision::F32 => agreement(model, kernels, head, samples, &expected),
                _ => {
                    let offset = kernels.activation_offset;
                    let model = quantized(model, &ranges, precision, offset);
                    agreement(&model, kernels, head, samples, &expected)
                }
            };
            if found.suffices() {
                return Ok(Self {
                    precision,
                    agreement: found,
                    ranges,
                });
            }
        }
        Err(Error::Precision {
            mean: found.mean,
            lowest: found.lowest,
        })
    }

    /// Quantizes the model. `offset` is the activation offset of the kernels.
    ///
    /// # Errors
    /// [`Error::Calibration`] if the calibration is one of another model.
    pub(crate) fn apply(&self, model: Model, offset: u8) -> Result<Model> {
        let (width, units) = (model.shape.hidden_size, model.shape.intermediate_size);
        let fits = |ranges: &Ranges| {
            let Ranges {
                attention_input,
                attention_output,
                feed_forward_input,
                units: of_units,
            } = ranges;
            let wide = [attention_input, attention_output, feed_forward_input];
            wide.iter().all(|range| range.len() == width)
                && of_units.len() == units
                && wide
                    .into_iter()
                    .chain([of_units])
                    .flatten()
                    .all(|x| x.is_finite() && *x >= 0.0)
        };
        if self.ranges.len() != model.layers.len() || !self.ranges.iter().all(fits) {
            return Err(Error::Calibration);
        }
        Ok(match self.precision {
            Precision::F32 => model,
            precision => quantized(&model, &self.ranges, precision, offset),
        })
    }
}

fn agreement(
    model: &Model,
    kernels: &Kernels,
    head: &Head,
    samples: &[Vec<u32>],
    expected: &[Vec<f32>],
) -> Agreement {
    let mut work = Workspace::default();
    let width = model.shape.hidden_size;
    let cosines: Vec<f64> = samples
        .iter()
        .zip(expected)
        .map(|(sample, expected)| {
            forward::run(model, kernels, &[sample], &mut work);
            cosine(
                &head.apply(&work.states[..sample.len() * width], width),
                expected,
            )
        })
        .collect();
    Agreement {
        mean: cosines.iter().sum::<f64>() / cosines.len().max(1) as f64,
        // Zero if one is not a number, unlike what `f64::min` gives.
        lowest: cosines.iter().fold(
            1.0,
            |lowest, x| if *x >= lowest { lowest } else { x.max(0.0) },
        ),
        texts: cosines.len(),
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The model with int8 weights, except what `precision` keeps.
fn quantized(model: &Model, ranges: &[Ranges], precision: Precision, offset: u8) -> Model {
    let mut shape = model.shape;
    // A sixteenth of the units, at most two panels, costs little time.
    shape.outliers = match precision {
        Precision::Int8 => (shape.intermediate_size / 16 / LANES * LANES).min(2 * LANES),
        _ => 0,
    };
    let no_smoothing = vec![1.0; shape.hidden_size];
    let factors: Vec<Vec<f32>> = model
        .layers
        .iter()
        .zip(ranges)
        .map(|(layer, ranges)| smoothing(float(&layer.qkv), &ranges.attention_input))
        .collect();
    let next = |layer: usize| factors.get(layer).unwrap_or(&no_smoothing);
    let layers = model.layers.iter().zip(ranges).enumerate();
    Model {
        shape,
        token_embeddings: quantized_embeddings(&model.token_embeddings, shape.hidden_size),
        position_embeddings: model.position_embeddings.clone(),
        attention_bias: model.attention_bias.clone(),
        embedding_norm: smoothed(&model.embedding_norm, next(0)),
        layers: layers
            .map(|(at, (layer, ranges))| Layer {
                qkv: Linear::Quantized(quantized_linear(float(&layer.qkv), next(at), 0, offset)),
                output_norm: smoothed(&layer.output_norm, next(at + 1)),
                ..quantized_layer(layer, ranges, shape.outliers, precision, offset)
            })
            .collect(),
    }
}

/// A layer except for what the smoothing of its attention's input touches.
fn quantized_layer(
    layer: &Layer,
    ranges: &Ranges,
    outliers: usize,
    precision: Precision,
    offset: u8,
) -> Layer {
    let attention_smoothing = smoothing(float(&layer.attention_output), &ranges.attention_output);
    let input_smoothing = smoothing(float(&layer.feed_forward_1), &ranges.feed_forward_input);
    let unit_smoothing = smoothing(float(&layer.feed_forward_2), &ranges.units);
    // The units that are largest after smoothing come last.
    let mut order: Vec<usize> = (0..unit_smoothing.len()).collect();
    if outliers > 0 {
        order.sort_by(|a, b| {
            let size = |unit: usize| ranges.units[unit] * unit_smoothing[unit];
            size(*a).total_cmp(&size(*b)).then(a.cmp(b))
        });
    }
    let unit_smoothing: Vec<f32> = order.iter().map(|unit| unit_smoothing[*unit]).collect();
    let first = with_columns(float(&layer.feed_forward_1), &order);
    let second = with_inputs(float(&layer.feed_forward_2), &order);
    let outputs = second.bias.len();
    let outlier_weights = (order.len() - outliers..order.len())
        .flat_map(|unit| (0..outputs).map(move |column| (unit, column)))
        .map(|(unit, column)| second.weight(unit, column))
        .collect();
    Layer {
        qkv: Linear::Float(float(&layer.qkv).clone()),
        attention_output: Linear::Quantized(quantized_linear(
            float(&layer.attention_output),
            &attention_smoothing,
            0,
            offset,
        )),
        attention_smoothing: attention_smoothing.into(),
        attention_norm: smoothed(&layer.attention_norm, &input_smoothing),
        feed_forward_1: Linear::Quantized(quantized_linear(&first, &input_smoothing, 0, offset)),
        feed_forward_2: match precision {
            Precision::Int8 => {
                Linear::Quantized(quantized_linear(&second, &unit_smoothing, outliers, offset))
            }
            _ => Linear::Float(second),
        },
        feed_forward_smoothing: unit_smoothing.into(),
        outlier_weights,
        output_norm: layer.output_norm.clone(),
    }
}

fn float(linear: &Linear) -> &FloatLinear {
    match linear {
        Linear::Float(linear) => linear,
        Linear::Quantized(_) => unreachable!("only f32 weights are calibrated"),
    }
}

/// What to multiply the inputs of a layer by, so that their ranges and those of its weights share
/// the loss (SmoothQuant with α = ½).
fn smoothing(linear: &FloatLinear, range: &[f32]) -> Vec<f32> {
    let mut weights = vec![0f32; linear.inputs];
    for panel in linear.weights.chunks_exact(linear.inputs * LANES) {
        for (largest, panel) in weights.iter_mut().zip(panel.chunks_exact(LANES)) {
            *largest = panel
                .iter()
                .fold(*largest, |largest, x| largest.max(x.abs()));
        }
    }
    // A column that is small on the samples may be larger elsewhere, so it is not stretched far.
    let floor = |values: &[f32]| {
        let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / values.len() as f64;
        (mean as f32 / 8.0).max(1e-6)
    };
    let (least_weight, least) = (floor(&weights), floor(range));
    let factors = weights.iter().zip(range);
    factors
        .map(|(weight, range)| (weight.max(least_weight) / range.max(least)).sqrt())
        .collect()
}

/// The norm, with `factors` applied to what the next linear layer reads.
fn smoothed(norm: &LayerNorm, factors: &[f32]) -> LayerNorm {
    let times = |of: &[f32]| {
        of.iter()
            .zip(factors)
            .map(|(x, factor)| x * factor)
            .collect()
    };
    LayerNorm {
        next_weight: times(&norm.weight),
        next_bias: times(&norm.bias),
        ..norm.clone()
    }
}

/// The layer in int8 for inputs multiplied by `factors`, without its last `outliers` inputs.
fn quantized_linear(
    linear: &FloatLinear,
    factors: &[f32],
    outliers: usize,
    offset: u8,
) -> QuantizedLinear {
    let (inputs, outputs) = (linear.inputs, linear.bias.len());
    let kept = inputs - outliers;
    let mut weights = vec![0u8; inputs * outputs];
    let (mut correction, mut scales) = (vec![0i32; outputs], vec![0f32; outputs]);
    for column in 0..outputs {
        let weight = |input: usize| linear.weight(input, column) / factors[input];
        let largest = (0..kept).fold(0f32, |largest, input| largest.max(weight(input).abs()));
        let scale = largest.max(1e-20) / MAX_QUANTIZED;
        let mut sum = 0;
        for input in 0..kept {
            let rounded = (weight(input) / scale)
                .round_ties_even()
                .clamp(-MAX_QUANTIZED, MAX_QUANTIZED) as i8;
            let place = ((column / LANES * (inputs / 4) + input / 4) * LANES + column % LANES) * 4
                + input % 4;
            weights[place] = rounded.cast_unsigned();
            sum += i32::from(rounded);
        }
        correction[column] = sum.wrapping_mul(-i32::from(offset));
        scales[column] = scale;
    }
    QuantizedLinear {
        inputs,
        weights: Bytes::Own(weights.into()),
        correction: correction.into(),
        scale: scales.into(),
        bias: linear.bias.clone(),
    }
}

fn quantized_embeddings(embeddings: &TokenEmbeddings, width: usize) -> TokenEmbeddings {
    let TokenEmbeddings::Float(numbers) = embeddings else {
        unreachable!("only f32 weights are calibrated");
    };
    let (mut rows, mut scales) = (Vec::with_capacity(numbers.len()), Vec::new());
    for row in numbers.chunks_exact(width) {
        let largest = row
            .iter()
            .fold(1e-20, |largest: f32, x| largest.max(x.abs()));
        let scale = largest / MAX_QUANTIZED;
        scales.push(scale);
        let round = |x: &f32| ((x / scale).round_ties_even() as i8).cast_unsigned();
        rows.extend(row.iter().map(round));
    }
    TokenEmbeddings::Quantized {
        rows: Bytes::Own(rows.into()),
        scales: scales.into(),
    }
}

/// The layer with its columns in another order.
fn with_columns(linear: &FloatLinear, order: &[usize]) -> FloatLinear {
    let rows: Vec<f32> = order
        .iter()
        .flat_map(|column| (0..linear.inputs).map(move |input| linear.weight(input, *column)))
        .collect();
    let bias = order.iter().map(|column| linear.bias[*column]).collect();
    FloatLinear::from_rows(&rows, linear.inputs, bias)
}

/// The layer with its inputs in another order.
fn with_inputs(linear: &FloatLinear, order: &[usize]) -> FloatLinear {
    let rows: Vec<f32> = (0..linear.bias.len())
        .flat_map(|column| order.iter().map(move |input| linear.weight(*input, column)))
        .collect();
    FloatLinear::from_rows(&rows, linear.inputs, linear.bias.to_vec())
}
