//! The weights of an encoder.

use crate::lanes::LANES;
use std::borrow::Cow;

/// The sizes of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// The length of a state.
    pub width: usize,
    /// How many heads of attention there are.
    pub heads: usize,
    /// The units between the two products of a layer.
    pub units: usize,
    /// How many of them are kept in f32.
    pub outliers: usize,
    /// How many layers there are.
    pub layers: usize,
    /// How many tokens there are.
    pub vocabulary: usize,
    /// The longest text, in tokens.
    pub positions: usize,
}

impl Shape {
    /// The numbers of a query, a key or a value of one head.
    pub fn head(&self) -> usize {
        self.width / self.heads
    }
}

/// A matrix of bytes, inputs × outputs.
#[derive(Debug)]
pub struct Product {
    /// How many numbers a row that it is multiplied with has.
    pub inputs: usize,
    /// Of sixteen columns at a time, of four inputs at a time, those four of each column.
    pub weights: Cow<'static, [u8]>,
    /// What makes up for the offset of unsigned activations; see [`crate::lanes::Lanes::OFFSET`].
    pub correction: Vec<i32>,
    /// What a column's sum counts.
    pub scale: Vec<f32>,
    /// What is added.
    pub bias: Vec<f32>,
}

impl Product {
    /// How many columns there are.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }
}

/// A layer normalization.
#[derive(Debug)]
pub struct Norm {
    /// What each column is multiplied by.
    pub weight: Vec<f32>,
    /// What is added to it.
    pub bias: Vec<f32>,
    /// Both, times what smooths the input of the next product.
    pub next_weight: Vec<f32>,
    /// See `next_weight`.
    pub next_bias: Vec<f32>,
    /// What is added to the variance.
    pub epsilon: f32,
}

/// A layer.
#[derive(Debug)]
pub struct Layer {
    /// To query, key and value of one head after the other; queries come out in units of `ln 2 · √head`.
    pub attention: Product,
    /// What smooths the input of `attention_output`.
    pub attention_smoothing: Vec<f32>,
    /// Of all heads together.
    pub attention_output: Product,
    /// After attention.
    pub attention_norm: Norm,
    /// To the units.
    pub first: Product,
    /// What smooths the units.
    pub smoothing: Vec<f32>,
    /// From the units; of the outliers, which are the last, all zeros.
    pub second: Product,
    /// What each outlier counts in each column.
    pub outliers: Vec<f32>,
    /// After the units.
    pub output_norm: Norm,
}

/// All weights.
#[derive(Debug)]
pub struct Model {
    /// The sizes.
    pub shape: Shape,
    /// A row of bytes for each token.
    pub words: Cow<'static, [u8]>,
    /// What a byte of each token's row counts.
    pub word_scales: Vec<f32>,
    /// A row for each position.
    pub positions: Vec<f32>,
    /// Of the sum of both.
    pub norm: Norm,
    /// The layers, first to last.
    pub layers: Vec<Layer>,
}

impl Shape {
    /// What is wrong with the sizes, if anything: what the kernels take for granted.
    pub fn problem(&self) -> Option<(&'static str, String, usize)> {
        let multiple = |of: usize| format!("a multiple of {of}");
        let checks = [
            (
                "the length of a state",
                self.width > 0 && self.width <= 4096 && self.width.is_multiple_of(LANES),
                self.width,
            ),
            ("the number of units", self.units > 0 && self.units.is_multiple_of(LANES), self.units),
            (
                "the number of outliers",
                self.outliers.is_multiple_of(LANES) && self.outliers < self.units,
                self.outliers,
            ),
        ];
        for (name, holds, found) in checks {
            if !holds {
                return Some((name, multiple(LANES), found));
            }
        }
        let divides = self.heads > 0 && self.width.is_multiple_of(self.heads) && self.head().is_multiple_of(LANES);
        (!divides).then(|| ("the number of heads", format!("one that leaves each {}", multiple(LANES)), self.heads))
    }
}
