//! Weights that are quantized and laid out already: the file of the built-in model.

use crate::lanes::LANES;
use crate::model::{Layer, Model, Norm, Product, Shape};
use crate::{Error, Result};
use safetensors::tensor::{Dtype, SafeTensors};
use std::borrow::Cow;

struct File {
    bytes: &'static [u8],
    tensors: SafeTensors<'static>,
    epsilon: f32,
    offset: u8,
}

/// Reads a model that stays where it is; products of bytes are without a copy. `offset` is that of the kernels.
pub fn read(bytes: &'static [u8], offset: u8) -> Result<Model> {
    let wrong = |error: safetensors::SafeTensorError| Error::Format(error.to_string());
    let mut file = File { bytes, tensors: SafeTensors::deserialize(bytes).map_err(wrong)?, epsilon: 0.0, offset };
    file.epsilon = file.floats("epsilon", 1)?[0];
    let heads = file.integers("heads", 1)?[0];
    let heads = usize::try_from(heads).unwrap_or(0);
    let words = file.shape("embeddings.word", Dtype::I8, 2)?;
    let layers =
        (0..).take_while(|layer| file.tensors.tensor(&format!("layer.{layer}.attention.bias")).is_ok()).count();
    let units = if layers > 0 { file.shape("layer.0.feed_forward_1.bias", Dtype::F32, 1)?[0] } else { 0 };
    let outliers = file.shape("layer.0.feed_forward_2.outliers", Dtype::F32, 2)?[0];
    let positions = file.shape("embeddings.position", Dtype::F32, 2)?[0];
    let shape = Shape { width: words[1], heads, units, outliers, layers, vocabulary: words[0], positions };
    if let Some((name, expected, found)) = shape.problem() {
        return Err(Error::Value { name: name.to_owned(), expected, found: found.to_string() });
    }
    file.model(shape)
}

impl File {
    fn model(&self, shape: Shape) -> Result<Model> {
        let Shape { width, vocabulary, positions, layers, .. } = shape;
        let smoothing = |layer: usize, of: &str, length| self.floats(&format!("layer.{layer}.{of}.smoothing"), length);
        let first = smoothing(0, "attention", width)?;
        let mut all = Vec::new();
        for layer in 0..layers {
            // The bytes of the last layer are read by no one.
            let next = if layer + 1 < layers { smoothing(layer + 1, "attention", width)? } else { vec![1.0; width] };
            all.push(self.layer(shape, layer, &next)?);
        }
        Ok(Model {
            shape,
            words: self.bytes("embeddings.word", &[vocabulary, width])?,
            word_scales: self.floats("embeddings.word.scale", vocabulary)?,
            positions: self.numbers("embeddings.position", &[positions, width])?,
            norm: self.norm("embeddings.norm", &first)?,
            layers: all,
        })
    }

    fn layer(&self, shape: Shape, layer: usize, next: &[f32]) -> Result<Layer> {
        let Shape { width, units, outliers, .. } = shape;
        let name = |part: &str| format!("layer.{layer}.{part}");
        let mut attention = self.product(&name("attention"), width, 3 * width)?;
        let mut attention_smoothing = self.floats(&name("attention_output.smoothing"), width)?;
        attention.fold_heads(shape, &mut attention_smoothing);
        Ok(Layer {
            attention,
            attention_smoothing,
            attention_output: self.product(&name("attention_output"), width, width)?,
            attention_norm: self
                .norm(&name("attention_norm"), &self.floats(&name("feed_forward_1.smoothing"), width)?)?,
            first: self.product(&name("feed_forward_1"), width, units)?,
            smoothing: self.floats(&name("feed_forward_2.smoothing"), units)?,
            second: self.product(&name("feed_forward_2"), units, width)?,
            outliers: self.numbers(&name("feed_forward_2.outliers"), &[outliers, width])?,
            output_norm: self.norm(&name("output_norm"), next)?,
        })
    }

    fn product(&self, name: &str, inputs: usize, outputs: usize) -> Result<Product> {
        let sums = self.integers(&format!("{name}.weight_sum"), outputs)?;
        Ok(Product {
            inputs,
            weights: self.bytes(&format!("{name}.weight"), &[outputs / LANES, inputs / 4, LANES, 4])?,
            correction: sums.into_iter().map(|sum| sum.wrapping_mul(-i32::from(self.offset))).collect(),
            scale: self.floats(&format!("{name}.scale"), outputs)?,
            bias: self.floats(&format!("{name}.bias"), outputs)?,
        })
    }

    fn norm(&self, name: &str, next: &[f32]) -> Result<Norm> {
        let weight = self.floats(&format!("{name}.weight"), next.len())?;
        let bias = self.floats(&format!("{name}.bias"), next.len())?;
        let times = |of: &[f32]| of.iter().zip(next).map(|(x, next)| x * next).collect();
        let (next_weight, next_bias) = (times(&weight), times(&bias));
        Ok(Norm { weight, bias, next_weight, next_bias, epsilon: self.epsilon })
    }

    fn shape(&self, name: &str, dtype: Dtype, dimensions: usize) -> Result<Vec<usize>> {
        let tensor = self.tensors.tensor(name).map_err(|_| Error::Missing(name.to_owned()))?;
        match tensor.dtype() == dtype && tensor.shape().len() == dimensions {
            true => Ok(tensor.shape().to_vec()),
            false => Err(Error::Shape {
                name: name.to_owned(),
                expected: format!("{dtype:?} of {dimensions} dimensions"),
                found: format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
            }),
        }
    }

    /// The bytes of a tensor, where they stand in the file.
    fn numbers_of(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<&'static [u8]> {
        let tensor = self.tensors.tensor(name).map_err(|_| Error::Missing(name.to_owned()))?;
        if tensor.dtype() != dtype || tensor.shape() != shape {
            return Err(Error::Shape {
                name: name.to_owned(),
                expected: format!("{dtype:?} {shape:?}"),
                found: format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
            });
        }
        // The tensor borrows for as long as the view lives; the same bytes live as long as the file.
        let start = tensor.data().as_ptr().addr() - self.bytes.as_ptr().addr();
        Ok(&self.bytes[start..start + tensor.data().len()])
    }

    fn bytes(&self, name: &str, shape: &[usize]) -> Result<Cow<'static, [u8]>> {
        self.numbers_of(name, Dtype::I8, shape).map(Cow::Borrowed)
    }

    fn integers(&self, name: &str, length: usize) -> Result<Vec<i32>> {
        let bytes = self.numbers_of(name, Dtype::I32, &[length])?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect())
    }

    fn floats(&self, name: &str, length: usize) -> Result<Vec<f32>> {
        self.numbers(name, &[length])
    }

    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let bytes = self.numbers_of(name, Dtype::F32, shape)?;
        let numbers: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        match numbers.iter().position(|x| !x.is_finite()) {
            None => Ok(numbers),
            Some(at) => Err(Error::NotFinite { name: name.to_owned(), at, value: numbers[at].to_string() }),
        }
    }
}

impl Product {
    /// Puts what follows the product of each head into it: the unit of queries, and what smooths the values.
    fn fold_heads(&mut self, shape: Shape, smoothing: &mut [f32]) {
        let head = shape.head();
        let unit = std::f32::consts::LOG2_E / (head as f32).sqrt();
        for number in 0..shape.heads {
            for at in 0..head {
                let query = number * 3 * head + at;
                self.scale[query] *= unit;
                self.bias[query] *= unit;
                let (value, factor) = (query + 2 * head, smoothing[number * head + at]);
                self.scale[value] *= factor;
                self.bias[value] *= factor;
            }
        }
        smoothing.fill(1.0);
    }
}
