//! What can be wrong with a model's file.

/// Why an encoder could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file is no safetensors file.
    #[error("no safetensors file: {0}")]
    Format(String),
    /// A tensor that is needed is not there.
    #[error("no tensor `{0}`")]
    Missing(String),
    /// A tensor is of another type or shape.
    #[error("tensor `{name}`: expected {expected}, found {found}")]
    Shape {
        /// The tensor.
        name: String,
        /// Type and shape.
        expected: String,
        /// Type and shape.
        found: String,
    },
    /// A tensor holds a number that is none, or infinite.
    #[error("tensor `{name}`: number {at} is {value}")]
    NotFinite {
        /// The tensor.
        name: String,
        /// Its place, from 0.
        at: usize,
        /// What stands there.
        value: String,
    },
    /// A number that the file states, or a size, is out of range.
    #[error("{name}: expected {expected}, found {found}")]
    Value {
        /// What it is.
        name: String,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
}
