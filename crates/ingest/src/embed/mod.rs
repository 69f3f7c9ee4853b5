//! A text to a unit vector, behind [`Embedder`]: the built-in model ([`builtin`]), a static one ([`fixed`]), or
//! any other through fastembed and ONNX Runtime ([`onnx`]).

pub mod builtin;
mod cross_encoder;
pub mod static_model;
pub mod onnx;
mod profile;
mod tokenizer;

pub use cross_encoder::{CrossEncoder, catalog as reranker_catalog};
pub use tokenizer::Tokenizer;

use crate::hash::Fingerprint;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// What a text is to the model. Some models want a different prefix for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A question.
    Query,
    /// A passage to be found.
    Passage,
}

/// A model: what a collection records of it, and must find again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// The name it is asked for by.
    pub name: String,
    /// Changes whenever the vectors would: weights, vocabulary, pooling, window and prefixes.
    pub hash: String,
    /// The length of its vectors.
    pub dimensions: usize,
    /// How many word pieces it reads, special ones included. What comes after is lost.
    pub window: usize,
    /// What stands in front of every question.
    pub query_prefix: String,
    /// What stands in front of every passage.
    pub passage_prefix: String,
}

impl ModelInfo {
    /// Identifies the vector of `text` as a passage under this model.
    pub fn fingerprint(&self, text: &str) -> Fingerprint {
        Fingerprint::of([self.hash.as_bytes(), text.as_bytes()])
    }

    /// Whether vectors of both can be compared: the models are the same, or the built-in one on another engine.
    pub fn is_compatible_with(&self, other: &Self) -> bool {
        let is_builtin = |model: &Self| model.hash == builtin::HASH || model.is_earlier_version();
        self.hash == other.hash || is_builtin(self) && is_builtin(other)
    }

    /// Whether this is the built-in model on an engine of before.
    pub fn is_earlier_version(&self) -> bool {
        builtin::EARLIER_HASHES.contains(&self.hash.as_str())
    }

    /// How many word pieces of an article's own text a passage may have.
    pub fn max_passage_tokens(&self) -> usize {
        self.window.saturating_sub(2)
    }

    fn prefix(&self, role: Role) -> &str {
        match role {
            Role::Query => &self.query_prefix,
            Role::Passage => &self.passage_prefix,
        }
    }
}

/// A vector and how much of the text is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// [`ModelInfo::dimensions`] values of unit norm.
    pub vector: Vec<f32>,
    /// The text's word pieces, special ones included, before the window cut it.
    pub tokens: usize,
    /// How many of these lay beyond the window and were not read.
    pub truncated_tokens: usize,
}

/// The vectors of a text's word pieces, special ones included, as far as the window goes.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenEmbeddings {
    /// Unit vectors, one after the other.
    pub vectors: Vec<f32>,
    /// The length of each.
    pub dimensions: usize,
}

/// Turns texts to vectors, one at a time on one thread: a vector never depends on which texts are
/// embedded beside it. For several threads, [`Embedder::fork`] one each.
pub trait Embedder: Send {
    /// The model behind it.
    fn model(&self) -> &ModelInfo;

    /// Its tokenizer, to be shared with threads that only count.
    fn tokenizer(&self) -> &Arc<Tokenizer>;

    /// The unit vector of `text`.
    ///
    /// # Errors
    /// When the runtime fails, or the model gives a vector that is no direction (zero, not finite).
    fn embed(&mut self, text: &str, role: Role) -> Result<Embedding>;

    /// The vectors of the text's word pieces; `None` from a model that does not give them.
    ///
    /// # Errors
    /// When the runtime fails.
    fn embed_tokens(&mut self, text: &str) -> Result<Option<TokenEmbeddings>> {
        let _ = text;
        Ok(None)
    }

    /// Another one of the same model, for another thread.
    ///
    /// # Errors
    /// When the model cannot be loaded again.
    fn fork(&self) -> Result<Box<dyn Embedder>>;
}

/// Loads a model by name: `builtin`, `static` or their full names, a folder that holds an ONNX or a static model, or a name
/// of fastembed's catalog (see [`catalog`]).
///
/// # Errors
/// When no model has that name, its files are incomplete, or ONNX Runtime is not there; the text
/// says what to do.
pub fn load(name: &str) -> Result<Box<dyn Embedder>> {
    if name == builtin::ALIAS || name == builtin::NAME {
        return Ok(Box::new(builtin::BuiltinEmbedder::load()?));
    }
    if name == static_model::ALIAS || name == static_model::NAME {
        return Ok(Box::new(static_model::StaticEmbedder::builtin()?));
    }
    let folder = std::path::Path::new(name);
    if static_model::StaticEmbedder::is_model_folder(folder) {
        return Ok(Box::new(static_model::StaticEmbedder::from_folder(folder)?));
    }
    if folder.is_dir() {
        return Ok(Box::new(onnx::OnnxEmbedder::from_folder(folder)?));
    }
    Ok(Box::new(onnx::OnnxEmbedder::from_catalog(name)?))
}

/// The name that a model's collections have it by, of the name that it is asked for by.
pub fn canonical_name(name: &str) -> &str {
    match name {
        builtin::ALIAS => builtin::NAME,
        static_model::ALIAS => static_model::NAME,
        other => other,
    }
}

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// Turns texts to vectors.
    Embedder,
    /// Scores passages for a question.
    Reranker,
}

/// A model that can be asked for by name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CatalogEntry {
    /// What it does.
    pub kind: ModelKind,
    /// The name for [`load`].
    pub name: String,
    /// Where it is published.
    pub source: String,
    /// The length of its vectors.
    pub dimensions: usize,
    /// What it is good for.
    pub description: String,
    /// Compiled in, with nothing to download.
    pub builtin: bool,
}

/// Every model that [`load`] knows by name, the built-in one first.
pub fn catalog() -> Vec<CatalogEntry> {
    let builtin = CatalogEntry {
        kind: ModelKind::Embedder,
        name: builtin::NAME.to_owned(),
        source: "sentence-transformers/all-MiniLM-L6-v2".to_owned(),
        dimensions: builtin::DIMENSIONS,
        description: "English sentences and short passages, int8; compiled in".to_owned(),
        builtin: true,
    };
    let fixed = CatalogEntry {
        name: static_model::NAME.to_owned(),
        source: "distilled from the first".to_owned(),
        dimensions: 256,
        description: "a vector a word piece: indexing without a wait, questions rescored by the first; compiled in"
            .to_owned(),
        ..builtin.clone()
    };
    [builtin, fixed].into_iter().chain(onnx::catalog()).collect()
}

/// Where this program keeps what it can make or fetch again: a folder among the user's caches.
pub fn cache_dir() -> PathBuf {
    let caches = folder_from("XDG_CACHE_HOME").or_else(|| Some(std::env::home_dir()?.join(".cache")));
    caches.unwrap_or_else(std::env::temp_dir).join("nigh")
}

/// The folder that a variable of the environment names.
fn folder_from(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Scales `vector` to unit length.
fn normalized(mut vector: Vec<f32>, model: &str, text: &str) -> Result<Vec<f32>> {
    let norm = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    if !norm.is_finite() || norm < 1e-12 {
        let problem = format!("its vector has length {norm}");
        return Err(Error::Embedding { name: model.to_owned(), bytes: text.len(), problem });
    }
    vector.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
    Ok(vector)
}

/// The product of two vectors, for tests of what is near.
#[cfg(test)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
