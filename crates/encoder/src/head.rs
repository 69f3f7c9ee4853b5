//! From the hidden states of a text to its vector.

use crate::{Error, Result, checkpoint};

/// How the hidden states of a text become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The state of the first token.
    Cls,
    /// The largest value of each column.
    Max,
    /// The mean.
    Mean,
    /// The sum, divided by the square root of the number of tokens.
    MeanSqrtLength,
    /// The mean, weighted by the position, from 1.
    WeightedMean,
    /// The state of the last token.
    LastToken,
}

/// What is applied to the output of a [`Dense`] layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// The hyperbolic tangent.
    Tanh,
    /// The positive part.
    Relu,
}

/// A linear layer after pooling.
#[derive(Debug, Clone)]
pub struct Dense {
    inputs: usize,
    /// A row per input.
    weights: Vec<f32>,
    bias: Vec<f32>,
    activation: Activation,
}

impl Dense {
    /// Reads a layer from a safetensors file with `linear.weight` and, if it `has_bias`,
    /// `linear.bias`.
    ///
    /// # Errors
    /// As for a [`Checkpoint`](crate::Checkpoint).
    pub fn read(
        file: &[u8],
        inputs: usize,
        outputs: usize,
        has_bias: bool,
        activation: Activation,
    ) -> Result<Self> {
        if inputs == 0 || outputs == 0 {
            return Err(Error::Value {
                name: "the sizes of the layer".to_owned(),
                expected: "at least 1".to_owned(),
                found: format!("{inputs} × {outputs}"),
            });
        }
        let (weights, bias) = checkpoint::read_dense(file, inputs, outputs, has_bias)?;
        Ok(Self {
            inputs,
            weights,
            bias,
            activation,
        })
    }

    fn apply(&self, vector: &[f32]) -> Vec<f32> {
        let mut output = self.bias.clone();
        for (x, weights) in vector.iter().zip(self.weights.chunks_exact(output.len())) {
            for (sum, weight) in output.iter_mut().zip(weights) {
                *sum += x * weight;
            }
        }
        for x in &mut output {
            *x = match self.activation {
                Activation::Identity => *x,
                // Rounded once from f64, so that it is the same everywhere.
                Activation::Tanh => f64::from(*x).tanh() as f32,
                Activation::Relu => x.max(0.0),
            };
        }
        output
    }
}

/// A step after pooling.
#[derive(Debug, Clone)]
pub enum Step {
    /// A linear layer.
    Dense(Dense),
    /// Division by the Euclidean norm.
    Normalize,
}

/// All that follows the encoder.
#[derive(Debug, Clone)]
pub struct Head {
    pooling: Vec<Pooling>,
    steps: Vec<Step>,
    dimensions: usize,
}

impl Head {
    /// A head for states of `width` numbers. Several kinds of pooling are concatenated.
    ///
    /// # Errors
    /// [`Error::Value`] if there is no pooling, or a layer has another number of inputs than the
    /// step before it has outputs.
    pub fn new(width: usize, pooling: Vec<Pooling>, steps: Vec<Step>) -> Result<Self> {
        let mut dimensions = width * pooling.len();
        if dimensions == 0 {
            return Err(Error::Value {
                name: "the kinds of pooling".to_owned(),
                expected: "at least one".to_owned(),
                found: "none".to_owned(),
            });
        }
        for step in &steps {
            if let Step::Dense(dense) = step {
                if dense.inputs != dimensions {
                    return Err(Error::Value {
                        name: "the inputs of a Dense layer".to_owned(),
                        expected: dimensions.to_string(),
                        found: dense.inputs.to_string(),
                    });
                }
                dimensions = dense.bias.len();
            }
        }
        Ok(Self {
            pooling,
            steps,
            dimensions,
        })
    }

    /// The length of a vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The vector of a text with these hidden states, each of `width` numbers.
    pub(crate) fn apply(&self, states: &[f32], width: usize) -> Vec<f32> {
        let pooled = self
            .pooling
            .iter()
            .flat_map(|pooling| pooling.apply(states, width));
        let mut vector: Vec<f32> = pooled.collect();
        for step in &self.steps {
            match step {
                Step::Dense(dense) => vector = dense.apply(&vector),
                Step::Normalize => normalize(&mut vector),
            }
        }
        vector
    }
}

impl Pooling {
    fn apply(self, states: &[f32], width: usize) -> Vec<f32> {
        let rows = || states.chunks_exact(width);
        let count = rows().len() as f32;
        let sum = |weight: &dyn Fn(usize) -> f32| {
            let mut sum = vec![0.0; width];
            for (at, row) in rows().enumerate() {
                let weight = weight(at);
                sum.iter_mut()
                    .zip(row)
                    .for_each(|(sum, x)| *sum += weight * x);
            }
            sum
        };
        let divided = |mut sum: Vec<f32>, by: f32| {
            sum.iter_mut().for_each(|x| *x /= by);
            sum
        };
        match self {
            Self::Cls => states[..width].to_vec(),
            Self::LastToken => states[states.len() - width..].to_vec(),
            Self::Max => {
                let mut largest = states[..width].to_vec();
                for row in rows() {
                    largest
                        .iter_mut()
                        .zip(row)
                        .for_each(|(max, x)| *max = max.max(*x));
                }
                largest
            }
            Self::Mean => divided(sum(&|_| 1.0), count),
            Self::MeanSqrtLength => divided(sum(&|_| 1.0), count.sqrt()),
            Self::WeightedMean => {
                let weight = |at: usize| (at + 1) as f32;
                divided(sum(&weight), count * (count + 1.0) / 2.0)
            }
        }
    }
}

/// Divides a vector by its norm, unless that is zero.
fn normalize(vector: &mut [f32]) {
    let norm = vector
        .iter()
        .map(|x| f64::from(*x).powi(2))
        .sum::<f64>()
        .sqrt();
    if norm > 1e-12 {
        vector
            .iter_mut()
            .for_each(|x| *x = (f64::from(*x) / norm) as f32);
    }
}
