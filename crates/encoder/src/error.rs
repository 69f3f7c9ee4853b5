//! Errors of this crate.

/// Why an encoder could not be created.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The file is not in safetensors format; the text is that of the safetensors crate.
    #[error("not a safetensors file: {0}")]
    Format(String),
    /// A required tensor is missing.
    #[error("no tensor `{0}`")]
    Missing(String),
    /// A tensor has the wrong type or shape.
    #[error("tensor `{name}`: expected {expected}, found {found}")]
    Shape {
        /// The tensor.
        name: String,
        /// The expected type and shape.
        expected: String,
        /// The type and shape in the file.
        found: String,
    },
    /// A tensor holds a value that is NaN or infinite.
    #[error("tensor `{name}`: number {at} is {value}")]
    NotFinite {
        /// The tensor.
        name: String,
        /// The index of the value, from 0.
        at: usize,
        /// The value, as text.
        value: String,
    },
    /// A tensor is no part of a model with these settings.
    #[error("tensor `{0}` is no part of a model with these settings")]
    Unexpected(String),
    /// The vectors are too far from those of an exact computation.
    #[error(
        "its vectors are not near enough to those in f32: cosine {mean:.4} on average, {lowest:.4} at the lowest"
    )]
    Precision {
        /// The mean cosine.
        mean: f64,
        /// The lowest cosine.
        lowest: f64,
    },
    /// A calibration is one of another model.
    #[error("the calibration is one of another model")]
    Calibration,
    /// `NIGH_CPU` names an instruction set that the processor does not have.
    #[error(transparent)]
    Cpu(#[from] cpu::Error),
    /// A size in the file is out of range.
    #[error("{name}: expected {expected}, found {found}")]
    Value {
        /// The size.
        name: String,
        /// The valid values, in words.
        expected: String,
        /// The value found.
        found: String,
    },
}
