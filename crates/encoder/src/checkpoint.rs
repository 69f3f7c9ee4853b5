//! Reading published weights: a BERT-shaped model in safetensors, with the names that transformers
//! gives its tensors.

use crate::aligned::Aligned;
use crate::lanes::LANES;
use crate::model::{FloatLinear, Layer, LayerNorm, Linear, Model, Shape, TokenEmbeddings};
use crate::{Error, Result};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

/// How a model names its tensors and counts positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// BERT.
    Bert,
    /// DistilBERT: without token types.
    DistilBert,
    /// RoBERTa and XLM-RoBERTa: positions begin after that of the padding token.
    Roberta,
    /// MPNet: as RoBERTa, without token types, and with a bias for the distance of two tokens.
    MpNet,
}

/// What the tensors alone do not say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Config {
    /// How the tensors are named.
    pub architecture: Architecture,
    /// The length of a hidden state.
    pub hidden_size: usize,
    /// The number of attention heads.
    pub heads: usize,
    /// The number of units of a feed-forward block.
    pub intermediate_size: usize,
    /// The number of layers.
    pub layers: usize,
    /// The number of tokens in the vocabulary.
    pub vocab_size: usize,
    /// The number of rows in the table of positions.
    pub positions: usize,
    /// The row of the first token.
    pub first_position: usize,
    /// Added to the variance by layer normalizations.
    pub epsilon: f32,
    /// MPNet's number of different distances.
    pub distance_buckets: usize,
}

/// Beyond this, MPNet treats all distances alike.
const MAX_DISTANCE: f64 = 128.0;
/// Tensors that a model may have besides the encoder's: heads of training tasks, and buffers.
const IGNORED: [&str; 8] = [
    "pooler.",
    "cls.",
    "lm_head.",
    "vocab_transform.",
    "vocab_layer_norm.",
    "vocab_projector.",
    "embeddings.position_ids",
    "embeddings.token_type_ids",
];

/// The names of a layer's parts.
struct Names {
    layer: &'static str,
    query: &'static str,
    key: &'static str,
    value: &'static str,
    attention_output: &'static str,
    attention_norm: &'static str,
    feed_forward_1: &'static str,
    feed_forward_2: &'static str,
    output_norm: &'static str,
    /// Before the names of all tensors of a model with a training task's head.
    prefix: &'static str,
}

impl Architecture {
    fn names(self) -> Names {
        let bert = Names {
            layer: "encoder.layer",
            query: "attention.self.query",
            key: "attention.self.key",
            value: "attention.self.value",
            attention_output: "attention.output.dense",
            attention_norm: "attention.output.LayerNorm",
            feed_forward_1: "intermediate.dense",
            feed_forward_2: "output.dense",
            output_norm: "output.LayerNorm",
            prefix: "bert.",
        };
        match self {
            Self::Bert => bert,
            Self::Roberta => Names {
                prefix: "roberta.",
                ..bert
            },
            Self::MpNet => Names {
                query: "attention.attn.q",
                key: "attention.attn.k",
                value: "attention.attn.v",
                attention_output: "attention.attn.o",
                attention_norm: "attention.LayerNorm",
                prefix: "mpnet.",
                ..bert
            },
            Self::DistilBert => Names {
                layer: "transformer.layer",
                query: "attention.q_lin",
                key: "attention.k_lin",
                value: "attention.v_lin",
                attention_output: "attention.out_lin",
                attention_norm: "sa_layer_norm",
                feed_forward_1: "ffn.lin1",
                feed_forward_2: "ffn.lin2",
                output_norm: "output_layer_norm",
                prefix: "distilbert.",
            },
        }
    }

    fn has_token_types(self) -> bool {
        matches!(self, Self::Bert | Self::Roberta)
    }
}

/// Reads a model in f32.
///
/// # Errors
/// [`Error::Format`], [`Error::Missing`], [`Error::Unexpected`], [`Error::Shape`],
/// [`Error::NotFinite`] or [`Error::Value`] if the file is not such a model.
pub fn read(config: &Config, file: &[u8]) -> Result<Model> {
    let names = config.architecture.names();
    let tensors = Tensors::read(file, names.prefix)?;
    let model = tensors.model(config, &names)?;
    tensors.check_that_all_are_used()?;
    Ok(model)
}

/// Reads a linear layer of any size, as `inputs × outputs` and the bias.
///
/// # Errors
/// As [`read`].
pub fn read_dense(
    file: &[u8],
    inputs: usize,
    outputs: usize,
    has_bias: bool,
) -> Result<(Vec<f32>, Vec<f32>)> {
    let tensors = Tensors::read(file, "")?;
    let rows = tensors.floats("linear.weight", &[outputs, inputs])?;
    let bias = match has_bias {
        true => tensors.floats("linear.bias", &[outputs])?,
        false => vec![0.0; outputs],
    };
    tensors.check_that_all_are_used()?;
    let weights = (0..inputs)
        .flat_map(|input| rows.iter().skip(input).step_by(inputs).copied())
        .collect();
    Ok((weights, bias))
}

/// The tensors of a file.
struct Tensors<'a> {
    views: HashMap<String, TensorView<'a>>,
    used: RefCell<HashSet<String>>,
}

impl<'a> Tensors<'a> {
    fn read(file: &'a [u8], prefix: &str) -> Result<Self> {
        let tensors =
            SafeTensors::deserialize(file).map_err(|error| Error::Format(error.to_string()))?;
        let without_prefix = |name: String| match name.strip_prefix(prefix) {
            Some(short) => short.to_owned(),
            None => name,
        };
        Ok(Self {
            views: tensors
                .tensors()
                .into_iter()
                .map(|(name, view)| (without_prefix(name), view))
                .collect(),
            used: RefCell::default(),
        })
    }

    fn check_that_all_are_used(&self) -> Result<()> {
        let used = self.used.borrow();
        let is_ignored = |name: &str| IGNORED.iter().any(|start| name.starts_with(start));
        let mut unexpected: Vec<&String> = self
            .views
            .keys()
            .filter(|name| !used.contains(*name) && !is_ignored(name))
            .collect();
        unexpected.sort();
        match unexpected.first() {
            None => Ok(()),
            Some(name) => Err(Error::Unexpected((*name).clone())),
        }
    }

    fn view(&self, name: &str) -> Result<&TensorView<'a>> {
        let view = self
            .views
            .get(name)
            .ok_or_else(|| Error::Missing(name.to_owned()))?;
        self.used.borrow_mut().insert(name.to_owned());
        Ok(view)
    }

    /// The numbers of a tensor of the given shape.
    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let view = self.view(name)?;
        let wrong = |expected: String| Error::Shape {
            name: name.to_owned(),
            expected,
            found: format!("{:?} {:?}", view.dtype(), view.shape()),
        };
        if view.shape() != shape {
            return Err(wrong(format!("the shape {shape:?}")));
        }
        let data = view.data();
        let pairs = || data.as_chunks::<2>().0.iter();
        let numbers: Vec<f32> = match view.dtype() {
            Dtype::F32 => data
                .as_chunks::<4>()
                .0
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect(),
            Dtype::F16 => pairs()
                .map(|bytes| f16::from_le_bytes(*bytes).to_f32())
                .collect(),
            Dtype::BF16 => pairs()
                .map(|bytes| bf16::from_le_bytes(*bytes).to_f32())
                .collect(),
            _ => return Err(wrong("F32, F16 or BF16".to_owned())),
        };
        match numbers.iter().position(|x| !x.is_finite()) {
            None => Ok(numbers),
            Some(at) => Err(Error::NotFinite {
                name: name.to_owned(),
                at,
                value: numbers[at].to_string(),
            }),
        }
    }

    fn model(&self, config: &Config, names: &Names) -> Result<Model> {
        let Config {
            hidden_size: width,
            vocab_size,
            positions,
            first_position,
            ..
        } = *config;
        let shape = Shape {
            hidden_size: width,
            heads: config.heads,
            intermediate_size: config.intermediate_size,
            outliers: 0,
            layers: config.layers,
            vocab_size,
            max_tokens: positions.saturating_sub(first_position),
        };
        let wrong = |name: &str, expected: &str, found: String| {
            Err(Error::Value {
                name: name.to_owned(),
                expected: expected.to_owned(),
                found,
            })
        };
        if let Some((name, expected, found)) = shape.problem() {
            return wrong(name, &expected, found.to_string());
        }
        if shape.max_tokens == 0 {
            let expected = format!("more than {first_position}");
            return wrong("the number of positions", &expected, positions.to_string());
        }
        if !(config.epsilon > 0.0 && config.epsilon < 1.0) {
            let found = config.epsilon.to_string();
            return wrong("the layer norms' epsilon", "a number in 0..1", found);
        }
        let words = self.floats("embeddings.word_embeddings.weight", &[vocab_size, width])?;
        let rows = self.floats("embeddings.position_embeddings.weight", &[positions, width])?;
        let mut rows = rows[first_position * width..].to_vec();
        if config.architecture.has_token_types() {
            const NAME: &str = "embeddings.token_type_embeddings.weight";
            let types = self.view(NAME)?.shape().first().copied().unwrap_or(0);
            let types = self.floats(NAME, &[types.max(1), width])?;
            for row in rows.chunks_exact_mut(width) {
                row.iter_mut()
                    .zip(&types)
                    .for_each(|(x, of_type)| *x += of_type);
            }
        }
        let attention_bias = match config.architecture {
            Architecture::MpNet => self.distance_bias(config, shape.max_tokens)?,
            _ => Vec::new(),
        };
        let layers = (0..config.layers).map(|layer| self.layer(config, names, layer));
        Ok(Model {
            shape,
            token_embeddings: TokenEmbeddings::Float(words),
            position_embeddings: rows.into(),
            attention_bias,
            embedding_norm: self.norm("embeddings.LayerNorm", config)?,
            layers: layers.collect::<Result<_>>()?,
        })
    }

    fn layer(&self, config: &Config, names: &Names, layer: usize) -> Result<Layer> {
        let (width, units) = (config.hidden_size, config.intermediate_size);
        let name = |part: &str| format!("{}.{layer}.{part}", names.layer);
        let linear = |part: &str, inputs: usize, outputs: usize| -> Result<Linear> {
            let (rows, bias) = self.linear(&name(part), inputs, outputs)?;
            Ok(Linear::Float(FloatLinear::from_rows(&rows, inputs, bias)))
        };
        Ok(Layer {
            qkv: Linear::Float(self.qkv(config, names, layer)?),
            attention_smoothing: vec![1.0; width].into(),
            attention_output: linear(names.attention_output, width, width)?,
            attention_norm: self.norm(&name(names.attention_norm), config)?,
            feed_forward_1: linear(names.feed_forward_1, width, units)?,
            feed_forward_smoothing: vec![1.0; units].into(),
            feed_forward_2: linear(names.feed_forward_2, units, width)?,
            outlier_weights: Aligned::default(),
            output_norm: self.norm(&name(names.output_norm), config)?,
        })
    }

    /// Query, key and value of one head after the other; queries are scaled for a softmax with
    /// powers of two.
    fn qkv(&self, config: &Config, names: &Names, layer: usize) -> Result<FloatLinear> {
        let width = config.hidden_size;
        let head = width / config.heads;
        let part =
            |part: &str| self.linear(&format!("{}.{layer}.{part}", names.layer), width, width);
        let mut parts = [part(names.query)?, part(names.key)?, part(names.value)?];
        let softmax_scale = std::f32::consts::LOG2_E / (head as f32).sqrt();
        let (rows, bias) = &mut parts[0];
        rows.iter_mut()
            .chain(bias)
            .for_each(|x| *x *= softmax_scale);
        let (mut rows, mut bias) = (Vec::new(), Vec::new());
        for number in 0..config.heads {
            for (of_part, bias_of_part) in &parts {
                rows.extend_from_slice(
                    &of_part[number * head * width..(number + 1) * head * width],
                );
                bias.extend_from_slice(&bias_of_part[number * head..(number + 1) * head]);
            }
        }
        Ok(FloatLinear::from_rows(&rows, width, bias))
    }

    /// The weights, a row per output, and the bias.
    fn linear(&self, name: &str, inputs: usize, outputs: usize) -> Result<(Vec<f32>, Vec<f32>)> {
        Ok((
            self.floats(&format!("{name}.weight"), &[outputs, inputs])?,
            self.floats(&format!("{name}.bias"), &[outputs])?,
        ))
    }

    fn norm(&self, name: &str, config: &Config) -> Result<LayerNorm> {
        // Checkpoints of 2018 have other names.
        let floats = |new: &str, old: &str| {
            let old = format!("{name}.{old}");
            let name = match self.views.contains_key(&old) {
                true => old,
                false => format!("{name}.{new}"),
            };
            self.floats(&name, &[config.hidden_size])
        };
        let (weight, bias) = (floats("weight", "gamma")?, floats("bias", "beta")?);
        Ok(LayerNorm {
            next_weight: weight[..].into(),
            next_bias: bias[..].into(),
            weight: weight.into(),
            bias: bias.into(),
            epsilon: config.epsilon,
        })
    }

    /// The bias by distance, as in [`Model::attention_bias`].
    fn distance_bias(&self, config: &Config, max_tokens: usize) -> Result<Vec<Vec<f32>>> {
        let (heads, buckets) = (config.heads, config.distance_buckets);
        if buckets < 4 || !buckets.is_multiple_of(4) {
            return Err(Error::Value {
                name: "the number of distances".to_owned(),
                expected: "a multiple of 4".to_owned(),
                found: buckets.to_string(),
            });
        }
        let table = self.floats("encoder.relative_attention_bias.weight", &[buckets, heads])?;
        let last = max_tokens as i64 - 1;
        let of_head = |head: usize| {
            (-last..=last + LANES as i64)
                .map(|distance| {
                    table[bucket(distance, buckets) * heads + head] * std::f32::consts::LOG2_E
                })
                .collect()
        };
        Ok((0..heads).map(of_head).collect())
    }
}

/// The row of MPNet's table for the distance from a query to a key. Half of the rows are for keys
/// after the query; half of these for single distances, the others for ranges that grow.
fn bucket(distance: i64, buckets: usize) -> usize {
    let half = buckets / 2;
    let single = half / 2;
    let far = distance.unsigned_abs() as usize;
    let row = if far < single {
        far
    } else {
        let share = (far as f64 / single as f64).ln() / (MAX_DISTANCE / single as f64).ln();
        (single + (share * (half - single) as f64) as usize).min(half - 1)
    };
    if distance > 0 { half + row } else { row }
}

impl FloatLinear {
    /// A layer of the given weights, a row per output.
    pub fn from_rows(rows: &[f32], inputs: usize, bias: Vec<f32>) -> Self {
        let mut weights = Vec::with_capacity(rows.len());
        for panel in rows.chunks_exact(LANES * inputs) {
            for input in 0..inputs {
                weights.extend((0..LANES).map(|column| panel[column * inputs + input]));
            }
        }
        Self {
            inputs,
            weights: weights.into(),
            bias: bias.into(),
        }
    }
}
