//! Embedding models behind the trait [`Embedder`], from text to unit vector: the built-in model
//! ([`builtin`]), models of its shape in a folder ([`transformer`]), static models
//! ([`static_model`]), and all others through fastembed and ONNX Runtime ([`onnx`]).

pub mod builtin;
mod cross_encoder;
mod folder;
pub mod onnx;
mod packing;
mod profile;
pub mod static_model;
mod tokenizer;
pub mod transformer;
mod word_piece;

pub use cross_encoder::{CrossEncoder, catalog as reranker_catalog};
pub use tokenizer::Tokenizer;

use crate::hash::Fingerprint;
use crate::{Error, Result};
use disk::PathError;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a text is used for. Some models expect a different prefix for each role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A search query.
    Query,
    /// A passage to index.
    Passage,
}

/// The properties of a model that a collection records. The serialized names are part of the
/// collection format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// The name for [`load`].
    pub name: String,
    /// 32 hex digits that change whenever the vectors would: with weights, vocabulary, pooling,
    /// window or prefixes.
    pub hash: String,
    /// The number of dimensions of its vectors.
    pub dimensions: usize,
    /// The context window: the maximum number of tokens, special ones included. Further tokens are
    /// ignored.
    pub window: usize,
    /// Prepended to every query.
    pub query_prefix: String,
    /// Prepended to every passage.
    pub passage_prefix: String,
}

impl ModelInfo {
    /// The fingerprint of `text` as a passage for this model: the cache key of its vector.
    pub fn fingerprint(&self, text: &str) -> Fingerprint {
        Fingerprint::of([self.hash.as_bytes(), text.as_bytes()])
    }

    /// Whether the vectors of both models can be compared: they are the same model, or versions of
    /// the built-in one.
    pub fn is_compatible_with(&self, other: &Self) -> bool {
        let is_builtin = |model: &Self| model.hash == builtin::HASH || model.is_earlier_version();
        self.hash == other.hash || is_builtin(self) && is_builtin(other)
    }

    /// Whether this is the built-in model as computed by an earlier version of the engine.
    pub fn is_earlier_version(&self) -> bool {
        builtin::EARLIER_HASHES.contains(&self.hash.as_str())
    }

    /// How many tokens of text fit into the window, leaving room for two special tokens.
    pub fn max_passage_tokens(&self) -> usize {
        self.window.saturating_sub(2)
    }

    /// The text with the prefix of its role. It is not copied if there is none.
    fn prefixed<'a>(&self, text: &'a str, role: Role) -> Cow<'a, str> {
        let prefix = match role {
            Role::Query => &self.query_prefix,
            Role::Passage => &self.passage_prefix,
        };
        if prefix.is_empty() {
            Cow::Borrowed(text)
        } else {
            Cow::Owned(format!("{prefix}{text}"))
        }
    }
}

/// The vector of a text, and how much of the text it covers.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// [`ModelInfo::dimensions`] values of unit norm.
    pub vector: Vec<f32>,
    /// The number of tokens of the text, special ones included, before truncation.
    pub tokens: usize,
    /// How many of these were beyond the window and ignored.
    pub truncated_tokens: usize,
}

/// The contextual vectors of a text's tokens, special ones included, up to the window; for late
/// interaction (ColBERT).
#[derive(Debug, Clone, PartialEq)]
pub struct TokenEmbeddings {
    /// `tokens × dimensions` values, row-major; each row has unit norm.
    pub vectors: Vec<f32>,
    /// The number of dimensions of each vector.
    pub dimensions: usize,
}

impl TokenEmbeddings {
    /// Scales each row of `states`, the states of the tokens of `text`, to unit norm.
    fn from_states(states: &[f32], dimensions: usize, model: &str, text: &str) -> Result<Self> {
        let units = states
            .chunks_exact(dimensions)
            .map(|state| normalized(state.to_vec(), model, text));
        Ok(Self {
            vectors: units.collect::<Result<Vec<_>>>()?.concat(),
            dimensions,
        })
    }
}

/// Embeds texts on one thread. A vector never depends on the texts embedded with it. Each thread
/// needs its own, made by [`Embedder::fork`].
pub trait Embedder: Send {
    /// The properties of the model.
    fn model(&self) -> &ModelInfo;

    /// The tokenizer of the model, which can be shared between threads.
    fn tokenizer(&self) -> &Arc<Tokenizer>;

    /// The unit vector of `text`.
    ///
    /// # Errors
    /// [`Error::Embedding`] if the runtime fails, or the vector is zero or not finite.
    fn embed(&mut self, text: &str, role: Role) -> Result<Embedding>;

    /// The unit vectors of several texts. Faster than one by one if the texts are short and the
    /// model can run them together.
    ///
    /// # Errors
    /// [`Error::Embedding`] as for [`Self::embed`], for the first text that fails.
    fn embed_all(&mut self, texts: &[&str], role: Role) -> Result<Vec<Embedding>> {
        texts.iter().map(|text| self.embed(text, role)).collect()
    }

    /// The vectors of the single tokens of `text`; `None` if the model does not provide them.
    ///
    /// # Errors
    /// [`Error::Embedding`] as for [`Self::embed`].
    fn embed_tokens(&mut self, text: &str) -> Result<Option<TokenEmbeddings>> {
        let _ = text;
        Ok(None)
    }

    /// A second embedder of the same model for another thread. Shares the weights where the runtime
    /// allows it.
    ///
    /// # Errors
    /// [`Error::Model`] if the model has to be loaded again and cannot be.
    fn fork(&self) -> Result<Box<dyn Embedder>>;
}

/// Loads a model by name: `builtin`, `static` or their full names, a folder with a model in
/// safetensors, in ONNX or a static one, or a name of fastembed's catalog (see [`catalog`]).
///
/// # Errors
/// [`Error::Model`] if there is no such model, its files are incomplete, or ONNX Runtime is not
/// installed; the message says how to fix it.
pub fn load(name: &str) -> Result<Box<dyn Embedder>> {
    if name == builtin::ALIAS || name == builtin::NAME {
        return Ok(Box::new(builtin::BuiltinEmbedder::load()?));
    }
    if name == static_model::ALIAS || name == static_model::NAME {
        return Ok(Box::new(static_model::StaticEmbedder::builtin()?));
    }
    let folder = Path::new(name);
    if folder.is_dir() {
        let folder = &absolute(folder)?;
        return Ok(if static_model::StaticEmbedder::is_model_folder(folder) {
            Box::new(static_model::StaticEmbedder::from_folder(folder)?)
        } else if transformer::TransformerEmbedder::is_model_folder(folder) {
            let calibrations = cache_dir().join("calibrations");
            Box::new(transformer::TransformerEmbedder::from_folder(
                folder,
                &calibrations,
            )?)
        } else {
            Box::new(onnx::OnnxEmbedder::from_folder(folder)?)
        });
    }
    Ok(Box::new(onnx::OnnxEmbedder::from_catalog(name)?))
}

/// The one name of a folder: an absolute path without links, so that the model is found from any
/// other folder. Windows' own form of such paths is not for users.
fn absolute(folder: &Path) -> Result<PathBuf> {
    let place = if cfg!(windows) {
        std::path::absolute(folder)
    } else {
        folder.canonicalize()
    };
    Ok(place.map_err(PathError::at(folder))?)
}

/// Whether the model of this name is in a folder, and not built in or in the [`catalog`].
pub fn is_folder(name: &str) -> bool {
    let name = canonical_name(name);
    let mut known = catalog().into_iter();
    !known.any(|entry| entry.kind == ModelKind::Embedder && entry.name == name)
}

/// The full name of a model, under which collections record it; resolves the aliases `builtin` and
/// `static`.
pub fn canonical_name(name: &str) -> &str {
    match name {
        builtin::ALIAS => builtin::NAME,
        static_model::ALIAS => static_model::NAME,
        other => other,
    }
}

/// The purpose of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// Embeds texts.
    Embedder,
    /// Scores the relevance of a passage to a query.
    Reranker,
}

/// A model that can be loaded by name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CatalogEntry {
    /// The purpose of the model.
    pub kind: ModelKind,
    /// The name for [`load`] or [`CrossEncoder::load`].
    pub name: String,
    /// Where the model is published.
    pub source: String,
    /// The number of dimensions of its vectors; 1 for a reranker.
    pub dimensions: usize,
    /// One line about its use.
    pub description: String,
    /// Whether it is compiled in and needs no download.
    pub builtin: bool,
}

/// All models that [`load`] knows by name, the built-in ones first.
pub fn catalog() -> Vec<CatalogEntry> {
    let builtin = CatalogEntry {
        kind: ModelKind::Embedder,
        name: builtin::NAME.to_owned(),
        source: "sentence-transformers/all-MiniLM-L6-v2".to_owned(),
        dimensions: builtin::DIMENSIONS,
        description: "English sentences and short passages, int8; compiled in".to_owned(),
        builtin: true,
    };
    let static_model = CatalogEntry {
        name: static_model::NAME.to_owned(),
        source: "distilled from minilm-l6-v2-int8".to_owned(),
        dimensions: 256,
        description: "one vector per token: near-instant indexing, results rescored by the built-in model; compiled in"
            .to_owned(),
        ..builtin.clone()
    };
    [builtin, static_model]
        .into_iter()
        .chain(onnx::catalog())
        .collect()
}

/// The folder for files that can be made or downloaded again: `nigh` in the user's cache folder.
pub fn cache_dir() -> PathBuf {
    let caches =
        folder_from_env("XDG_CACHE_HOME").or_else(|| Some(std::env::home_dir()?.join(".cache")));
    caches.unwrap_or_else(std::env::temp_dir).join("nigh")
}

/// The folder in an environment variable, if it is set and not empty.
fn folder_from_env(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// Scales `vector` to unit norm; [`Error::Embedding`] if that is impossible.
fn normalized(mut vector: Vec<f32>, model: &str, text: &str) -> Result<Vec<f32>> {
    let norm = vector
        .iter()
        .map(|x| f64::from(*x) * f64::from(*x))
        .sum::<f64>()
        .sqrt();
    if !norm.is_finite() || norm < 1e-12 {
        let reason = format!("its vector has length {norm}");
        return Err(Error::Embedding {
            name: model.to_owned(),
            bytes: text.len(),
            reason,
        });
    }
    vector
        .iter_mut()
        .for_each(|x| *x = (f64::from(*x) / norm) as f32);
    Ok(vector)
}

/// The dot product of two vectors.
#[cfg(test)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
