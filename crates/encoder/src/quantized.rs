//! Reading the file of the built-in model, whose weights are already quantized and laid out for the
//! kernels.

use crate::aligned::{Aligned, Bytes};
use crate::lanes::LANES;
use crate::model::{Layer, LayerNorm, Linear, Model, QuantizedLinear, Shape, TokenEmbeddings};
use crate::{Error, Result};
use safetensors::tensor::{Dtype, SafeTensors};

struct ModelFile {
    bytes: &'static [u8],
    tensors: SafeTensors<'static>,
    epsilon: f32,
    offset: u8,
}

/// Reads a model. Int8 tensors borrow from `bytes`; the others are copied. `offset` is the
/// activation offset of the kernels.
pub fn read(bytes: &'static [u8], offset: u8) -> Result<Model> {
    let format_error = |error: safetensors::SafeTensorError| Error::Format(error.to_string());
    let mut file = ModelFile {
        bytes,
        tensors: SafeTensors::deserialize(bytes).map_err(format_error)?,
        epsilon: 0.0,
        offset,
    };
    file.epsilon = file.floats("epsilon", 1)?[0];
    let heads = file.integers("heads", 1)?[0];
    let heads = usize::try_from(heads).unwrap_or(0);
    let tokens = file.shape("embeddings.word", Dtype::I8, 2)?;
    let layers = (0..)
        .take_while(|layer| {
            file.tensors
                .tensor(&format!("layer.{layer}.attention.bias"))
                .is_ok()
        })
        .count();
    let units = if layers > 0 {
        file.shape("layer.0.feed_forward_1.bias", Dtype::F32, 1)?[0]
    } else {
        0
    };
    let outliers = file.shape("layer.0.feed_forward_2.outliers", Dtype::F32, 2)?[0];
    let positions = file.shape("embeddings.position", Dtype::F32, 2)?[0];
    let shape = Shape {
        hidden_size: tokens[1],
        heads,
        intermediate_size: units,
        outliers,
        layers,
        vocab_size: tokens[0],
        max_tokens: positions,
    };
    if let Some((name, expected, found)) = shape.problem() {
        return Err(Error::Value {
            name: name.to_owned(),
            expected,
            found: found.to_string(),
        });
    }
    file.model(shape)
}

impl ModelFile {
    fn model(&self, shape: Shape) -> Result<Model> {
        let Shape {
            hidden_size: width,
            vocab_size,
            max_tokens,
            layers,
            ..
        } = shape;
        let smoothing = |layer: usize, of: &str, length| {
            self.floats(&format!("layer.{layer}.{of}.smoothing"), length)
        };
        let first = smoothing(0, "attention", width)?;
        let mut all = Vec::new();
        for layer in 0..layers {
            // Nothing reads the quantized output of the last layer.
            let next = if layer + 1 < layers {
                smoothing(layer + 1, "attention", width)?
            } else {
                vec![1.0; width].into()
            };
            all.push(self.layer(shape, layer, &next)?);
        }
        Ok(Model {
            shape,
            token_embeddings: TokenEmbeddings::Quantized {
                rows: self.bytes("embeddings.word", &[vocab_size, width])?,
                scales: self.floats("embeddings.word.scale", vocab_size)?,
            },
            position_embeddings: self.float_matrix("embeddings.position", &[max_tokens, width])?,
            attention_bias: Vec::new(),
            embedding_norm: self.norm("embeddings.norm", &first)?,
            layers: all,
        })
    }

    fn layer(&self, shape: Shape, layer: usize, next: &[f32]) -> Result<Layer> {
        let Shape {
            hidden_size: width,
            intermediate_size: units,
            outliers,
            ..
        } = shape;
        let name = |part: &str| format!("layer.{layer}.{part}");
        let mut qkv = self.linear(&name("attention"), width, 3 * width)?;
        let mut attention_smoothing = self.floats(&name("attention_output.smoothing"), width)?;
        qkv.fold_attention_scales(shape, &mut attention_smoothing);
        Ok(Layer {
            qkv: Linear::Quantized(qkv),
            attention_smoothing,
            attention_output: Linear::Quantized(self.linear(
                &name("attention_output"),
                width,
                width,
            )?),
            attention_norm: self.norm(
                &name("attention_norm"),
                &self.floats(&name("feed_forward_1.smoothing"), width)?,
            )?,
            feed_forward_1: Linear::Quantized(self.linear(
                &name("feed_forward_1"),
                width,
                units,
            )?),
            feed_forward_smoothing: self.floats(&name("feed_forward_2.smoothing"), units)?,
            feed_forward_2: Linear::Quantized(self.linear(
                &name("feed_forward_2"),
                units,
                width,
            )?),
            outlier_weights: self
                .float_matrix(&name("feed_forward_2.outliers"), &[outliers, width])?,
            output_norm: self.norm(&name("output_norm"), next)?,
        })
    }

    fn linear(&self, name: &str, inputs: usize, outputs: usize) -> Result<QuantizedLinear> {
        let sums = self.integers(&format!("{name}.weight_sum"), outputs)?;
        Ok(QuantizedLinear {
            inputs,
            weights: self.bytes(
                &format!("{name}.weight"),
                &[outputs / LANES, inputs / 4, LANES, 4],
            )?,
            correction: sums
                .into_iter()
                .map(|sum| sum.wrapping_mul(-i32::from(self.offset)))
                .collect(),
            scale: self.floats(&format!("{name}.scale"), outputs)?,
            bias: self.floats(&format!("{name}.bias"), outputs)?,
        })
    }

    fn norm(&self, name: &str, next: &[f32]) -> Result<LayerNorm> {
        let weight = self.floats(&format!("{name}.weight"), next.len())?;
        let bias = self.floats(&format!("{name}.bias"), next.len())?;
        let times = |of: &[f32]| of.iter().zip(next).map(|(x, next)| x * next).collect();
        let (next_weight, next_bias) = (times(&weight), times(&bias));
        Ok(LayerNorm {
            weight,
            bias,
            next_weight,
            next_bias,
            epsilon: self.epsilon,
        })
    }

    fn shape(&self, name: &str, dtype: Dtype, dimensions: usize) -> Result<Vec<usize>> {
        let tensor = self
            .tensors
            .tensor(name)
            .map_err(|_| Error::Missing(name.to_owned()))?;
        match tensor.dtype() == dtype && tensor.shape().len() == dimensions {
            true => Ok(tensor.shape().to_vec()),
            false => Err(Error::Shape {
                name: name.to_owned(),
                expected: format!("{dtype:?} of {dimensions} dimensions"),
                found: format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
            }),
        }
    }

    /// The bytes of a tensor, borrowed from the file.
    fn tensor_bytes(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<&'static [u8]> {
        let tensor = self
            .tensors
            .tensor(name)
            .map_err(|_| Error::Missing(name.to_owned()))?;
        if tensor.dtype() != dtype || tensor.shape() != shape {
            return Err(Error::Shape {
                name: name.to_owned(),
                expected: format!("{dtype:?} {shape:?}"),
                found: format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
            });
        }
        // `tensor.data()` borrows from the view; the same slice of `self.bytes` is 'static.
        let start = tensor.data().as_ptr().addr() - self.bytes.as_ptr().addr();
        Ok(&self.bytes[start..start + tensor.data().len()])
    }

    fn bytes(&self, name: &str, shape: &[usize]) -> Result<Bytes> {
        self.tensor_bytes(name, Dtype::I8, shape).map(Bytes::File)
    }

    fn integers(&self, name: &str, length: usize) -> Result<Vec<i32>> {
        let bytes = self.tensor_bytes(name, Dtype::I32, &[length])?;
        Ok(bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| i32::from_le_bytes(*bytes))
            .collect())
    }

    fn floats(&self, name: &str, length: usize) -> Result<Aligned<f32>> {
        self.float_matrix(name, &[length])
    }

    fn float_matrix(&self, name: &str, shape: &[usize]) -> Result<Aligned<f32>> {
        let bytes = self.tensor_bytes(name, Dtype::F32, shape)?;
        let numbers: Aligned<f32> = bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect();
        match numbers.iter().position(|x| !x.is_finite()) {
            None => Ok(numbers),
            Some(at) => Err(Error::NotFinite {
                name: name.to_owned(),
                at,
                value: numbers[at].to_string(),
            }),
        }
    }
}

impl QuantizedLinear {
    /// Folds the scaling that follows into the scales and biases of each head: the softmax scale of
    /// queries, and the smoothing of values, whose factors become 1.
    fn fold_attention_scales(&mut self, shape: Shape, smoothing: &mut [f32]) {
        let head = shape.head_size();
        let softmax_scale = std::f32::consts::LOG2_E / (head as f32).sqrt();
        for index in 0..shape.heads {
            for at in 0..head {
                let query = index * 3 * head + at;
                self.scale[query] *= softmax_scale;
                self.bias[query] *= softmax_scale;
                let (value, factor) = (query + 2 * head, smoothing[index * head + at]);
                self.scale[value] *= factor;
                self.bias[value] *= factor;
            }
        }
        smoothing.fill(1.0);
    }
}
