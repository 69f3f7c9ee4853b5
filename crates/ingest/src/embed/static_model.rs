//! Static models: the vector of a text is the weighted mean of a fixed vector per token. Hundreds
//! of times as fast as a transformer, but less accurate. In the file layout of model2vec: the
//! built-in model, or a local folder.

use super::builtin::TOKENIZER;
use super::tokenizer::Tokenizer;
use super::{Embedder, Embedding, ModelInfo, Role, normalized};
use crate::{Error, Result};
use half::f16;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use serde_json::Value;
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

/// The full name of the built-in static model.
pub const NAME: &str = "minilm-l6-v2-static";
/// The short name of the built-in static model.
pub const ALIAS: &str = "static";
/// The first 32 hex digits of the BLAKE3 hash of model.safetensors followed by tokenizer.json. A
/// test verifies it.
const HASH: &str = "5345a6bb244a444ef7519b649c88218e";
/// Practically no limit: tokens beyond it hardly change the mean.
const MAX_TOKENS: usize = 1 << 20;

static WEIGHTS: &[u8] = include_bytes!("../../../../models/minilm-l6-v2-static/model.safetensors");

/// An embedder for a static model. Forks share the table.
#[derive(Clone)]
pub struct StaticEmbedder(Arc<Shared>);

struct Shared {
    info: ModelInfo,
    tokenizer: Arc<Tokenizer>,
    table: Table,
    /// The id of the unknown token, which does not count towards the mean.
    unknown: Option<u32>,
}

/// The vectors of all tokens.
struct Table {
    /// `rows × dimensions` values, row-major.
    rows: Rows,
    dimensions: usize,
    /// The weight of each token in the mean; 1 for all if there are none.
    weights: Option<Vec<f32>>,
    /// The row of each token id; the id itself if there is no mapping.
    mapping: Option<Vec<u32>>,
}

enum Rows {
    /// `i8` values; each row's scale is part of the token's weight.
    Bytes(Cow<'static, [u8]>),
    Floats(Vec<f32>),
}

impl StaticEmbedder {
    /// Loads the built-in static model.
    ///
    /// # Errors
    /// [`Error::Model`] if the embedded files are invalid, which the tests rule out.
    pub fn builtin() -> Result<Self> {
        let table =
            Table::read(WEIGHTS, Cow::Borrowed).map_err(|error| wrong(NAME, error.to_string()))?;
        Self::new(
            NAME.to_owned(),
            HASH.to_owned(),
            table,
            Tokenizer::from_bytes(TOKENIZER, NAME)?,
        )
    }

    /// Whether a folder contains a model2vec model, according to its `config.json`.
    pub fn is_model_folder(folder: &Path) -> bool {
        let config: Option<Value> = std::fs::read(folder.join("config.json"))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        config.is_some_and(|config| config["model_type"] == "model2vec")
    }

    /// Loads a model from a folder with `model.safetensors`, which has the tensor `embeddings` and
    /// optionally `weights` and `mapping`, and `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Model`] if a file is missing or invalid.
    pub fn from_folder(folder: &Path) -> Result<Self> {
        let name = folder.to_string_lossy().into_owned();
        let read = |file: &str| {
            std::fs::read(folder.join(file))
                .map_err(|error| wrong(&name, format!("{file}: {error}")))
        };
        let (tensors, tokenizer) = (read("model.safetensors")?, read("tokenizer.json")?);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&tensors).update(&tokenizer);
        let hash = hasher.finalize().to_hex()[..32].to_owned();
        let table = Table::read(&tensors, |rows| Cow::Owned(rows.to_vec()))
            .map_err(|error| wrong(&name, error.to_string()))?;
        let tokenizer = Tokenizer::from_bytes(&tokenizer, &name)?;
        Self::new(name, hash, table, tokenizer)
    }

    fn new(name: String, hash: String, table: Table, tokenizer: Tokenizer) -> Result<Self> {
        let info = ModelInfo {
            name,
            hash,
            dimensions: table.dimensions,
            window: MAX_TOKENS,
            query_prefix: String::new(),
            passage_prefix: String::new(),
        };
        let unknown = tokenizer.unknown_token();
        Ok(Self(Arc::new(Shared {
            info,
            tokenizer: Arc::new(tokenizer),
            table,
            unknown,
        })))
    }
}

fn wrong(name: &str, reason: String) -> Error {
    Error::Model {
        name: name.to_owned(),
        reason,
    }
}

/// What is wrong with the tensors of a model.
#[derive(Debug, thiserror::Error)]
enum TableError {
    #[error("model.safetensors: {0}")]
    SafeTensors(SafeTensorError),
    #[error("model.safetensors: no tensor `embeddings`")]
    NoEmbeddings,
    #[error("embeddings: expected two dimensions, found the shape {0:?}")]
    Shape(Vec<usize>),
    #[error("embeddings: nothing in the shape {0:?}")]
    Empty(Vec<usize>),
    #[error("weights: expected {expected}, found {found}")]
    WeightCount { expected: usize, found: usize },
    #[error("{tensor}: expected floats, or bytes for embeddings, found {found:?}")]
    NotFloats { tensor: &'static str, found: Dtype },
    #[error("{tensor}: found {value}")]
    NotFinite { tensor: &'static str, value: f32 },
    #[error("mapping: expected whole numbers, found {0:?}")]
    NotWhole(Dtype),
    #[error("mapping: expected a row below {rows}, found {found}")]
    Row { rows: usize, found: i64 },
}

impl Embedder for StaticEmbedder {
    fn model(&self) -> &ModelInfo {
        &self.0.info
    }

    fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.0.tokenizer
    }

    fn embed(&mut self, text: &str, _role: Role) -> Result<Embedding> {
        let Shared {
            info,
            tokenizer,
            table,
            unknown,
        } = &*self.0;
        let (ids, truncated_tokens) = tokenizer.encode_without_specials(text, MAX_TOKENS);
        let mut sum = vec![0f32; table.dimensions];
        ids.iter()
            .filter(|id| Some(**id) != *unknown)
            .for_each(|id| table.add(*id, &mut sum));
        if sum.iter().all(|x| *x == 0.0) {
            // No token is known, but a unit vector needs some direction.
            table.add(unknown.unwrap_or_default(), &mut sum);
        }
        Ok(Embedding {
            vector: normalized(sum, &info.name, text)?,
            tokens: ids.len() + truncated_tokens,
            truncated_tokens,
        })
    }

    fn fork(&self) -> Result<Box<dyn Embedder>> {
        Ok(Box::new(self.clone()))
    }
}

impl Table {
    fn read<'a>(
        bytes: &'a [u8],
        own: impl FnOnce(&'a [u8]) -> Cow<'static, [u8]>,
    ) -> Result<Self, TableError> {
        let tensors = SafeTensors::deserialize(bytes).map_err(TableError::SafeTensors)?;
        let embeddings = tensors
            .tensor("embeddings")
            .map_err(|_| TableError::NoEmbeddings)?;
        let &[rows, dimensions] = embeddings.shape() else {
            return Err(TableError::Shape(embeddings.shape().to_vec()));
        };
        if rows == 0 || dimensions == 0 {
            return Err(TableError::Empty(embeddings.shape().to_vec()));
        }
        let weights = tensors
            .tensor("weights")
            .ok()
            .map(|tensor| floats("weights", &tensor))
            .transpose()?;
        let mapping = tensors
            .tensor("mapping")
            .ok()
            .map(|tensor| row_numbers(&tensor, rows))
            .transpose()?;
        let vocabulary = mapping.as_ref().map_or(rows, Vec::len);
        if let Some(found) = weights
            .as_ref()
            .map(Vec::len)
            .filter(|found| *found != vocabulary)
        {
            return Err(TableError::WeightCount {
                expected: vocabulary,
                found,
            });
        }
        let rows = match embeddings.dtype() {
            Dtype::I8 => Rows::Bytes(own(embeddings.data())),
            _ => Rows::Floats(floats("embeddings", &embeddings)?),
        };
        Ok(Self {
            rows,
            dimensions,
            weights,
            mapping,
        })
    }

    /// Adds the weighted vector of a token to `sum`; does nothing for an unknown id.
    fn add(&self, token: u32, sum: &mut [f32]) {
        let row = match &self.mapping {
            Some(mapping) => mapping.get(token as usize).map(|row| *row as usize),
            None => Some(token as usize),
        };
        let weight = self
            .weights
            .as_ref()
            .map_or(Some(1.0), |weights| weights.get(token as usize).copied());
        let (Some(row), Some(weight)) = (row, weight) else {
            return;
        };
        let place = row * self.dimensions..(row + 1) * self.dimensions;
        match &self.rows {
            Rows::Bytes(rows) => {
                let Some(row) = rows.get(place) else { return };
                sum.iter_mut()
                    .zip(row)
                    .for_each(|(sum, x)| *sum += weight * f32::from(*x as i8));
            }
            Rows::Floats(rows) => {
                let Some(row) = rows.get(place) else { return };
                sum.iter_mut()
                    .zip(row)
                    .for_each(|(sum, x)| *sum += weight * x);
            }
        }
    }
}

fn floats(name: &'static str, tensor: &TensorView<'_>) -> Result<Vec<f32>, TableError> {
    let data = tensor.data();
    let values: Vec<f32> = match tensor.dtype() {
        Dtype::F32 => data
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect(),
        Dtype::F64 => data
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f64::from_le_bytes(*bytes) as f32)
            .collect(),
        Dtype::F16 => data
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f16::from_le_bytes(*bytes).to_f32())
            .collect(),
        found => {
            return Err(TableError::NotFloats {
                tensor: name,
                found,
            });
        }
    };
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(TableError::NotFinite {
            tensor: name,
            value: *value,
        }),
        None => Ok(values),
    }
}

/// The row numbers of the tensor `mapping`, each less than `rows`.
fn row_numbers(tensor: &TensorView<'_>, rows: usize) -> Result<Vec<u32>, TableError> {
    let data = tensor.data();
    let numbers: Vec<i64> = match tensor.dtype() {
        Dtype::I32 => data
            .as_chunks()
            .0
            .iter()
            .map(|bytes| i64::from(i32::from_le_bytes(*bytes)))
            .collect(),
        Dtype::I64 => data
            .as_chunks()
            .0
            .iter()
            .map(|bytes| i64::from_le_bytes(*bytes))
            .collect(),
        found => return Err(TableError::NotWhole(found)),
    };
    let row = |number: &i64| {
        let fits = u32::try_from(*number)
            .ok()
            .filter(|row| (*row as usize) < rows);
        let found = *number;
        fits.ok_or(TableError::Row { rows, found })
    };
    numbers.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::super::dot;
    use super::*;
    use safetensors::tensor::serialize_to_file;

    #[test]
    fn hash_constant_matches_the_files() {
        let mut hasher = blake3::Hasher::new();
        hasher.update(WEIGHTS).update(TOKENIZER);
        assert_eq!(hasher.finalize().to_hex()[..32], *HASH);
    }

    #[test]
    fn similar_texts_have_similar_vectors() {
        let mut model = StaticEmbedder::builtin().unwrap();
        let mut of = |text: &str| model.embed(text, Role::Query).unwrap().vector;
        let asked = of("How do I reset my password?");
        assert!((dot(&asked, &asked) - 1.0).abs() < 1e-5 && asked.len() == 256);
        assert!(
            dot(&asked, &of("I forgot my login secret"))
                > dot(&asked, &of("The cat sat on the mat.")) + 0.1
        );
        // Word order does not matter, and unknown tokens are ignored.
        assert!(dot(&of("moon and tides"), &of("tides and moon")) > 0.9999);
        assert_eq!(of("tides \u{10ffff}"), of("tides"));
        assert_eq!(of(""), of("\u{10ffff}"));
    }

    #[test]
    fn model2vec_folders_are_loaded_and_invalid_ones_rejected() {
        let dir = tempfile::tempdir().unwrap();
        let mut model = StaticEmbedder::builtin().unwrap();
        let Table {
            rows: Rows::Bytes(rows),
            weights: Some(weights),
            ..
        } = &model.0.table
        else {
            panic!()
        };
        // The same model with float rows in another order, even ones first, and a mapping to them.
        let vocabulary = weights.len();
        let place = |token: usize| {
            if token.is_multiple_of(2) {
                token / 2
            } else {
                vocabulary.div_ceil(2) + token / 2
            }
        };
        let mut floats = vec![0f32; rows.len()];
        for token in 0..vocabulary {
            for at in 0..256 {
                floats[place(token) * 256 + at] =
                    weights[token] * f32::from(rows[token * 256 + at] as i8);
            }
        }
        let mapping: Vec<u8> = (0..vocabulary)
            .flat_map(|token| (place(token) as i32).to_le_bytes())
            .collect();
        let data: Vec<u8> = floats.iter().flat_map(|x| x.to_le_bytes()).collect();
        let tensors = [
            (
                "embeddings",
                TensorView::new(Dtype::F32, vec![vocabulary, 256], &data).unwrap(),
            ),
            (
                "mapping",
                TensorView::new(Dtype::I32, vec![vocabulary], &mapping).unwrap(),
            ),
        ];
        serialize_to_file(tensors, None, &dir.path().join("model.safetensors")).unwrap();
        std::fs::write(dir.path().join("tokenizer.json"), TOKENIZER).unwrap();
        assert!(!StaticEmbedder::is_model_folder(dir.path()));
        std::fs::write(
            dir.path().join("config.json"),
            "{\"model_type\": \"model2vec\"}",
        )
        .unwrap();
        assert!(StaticEmbedder::is_model_folder(dir.path()));
        let mut other = crate::embed::load(dir.path().to_str().unwrap()).unwrap();
        let text = "Tides follow the moon more than the sun.";
        let (one, two) = (
            model.embed(text, Role::Query).unwrap(),
            other.embed(text, Role::Query).unwrap(),
        );
        assert!(dot(&one.vector, &two.vector) > 0.99999 && one.tokens == two.tokens);
        assert_ne!(model.model().hash, other.model().hash);
        // All kinds of invalid files.
        let bad = [
            (
                vec![(
                    "embeddings",
                    TensorView::new(Dtype::I32, vec![vocabulary], &mapping).unwrap(),
                )],
                "two dimensions",
            ),
            (
                vec![(
                    "vectors",
                    TensorView::new(Dtype::I32, vec![vocabulary], &mapping).unwrap(),
                )],
                "no tensor `embeddings`",
            ),
            (
                vec![(
                    "embeddings",
                    TensorView::new(Dtype::I32, vec![vocabulary, 1], &mapping).unwrap(),
                )],
                "expected floats",
            ),
            (
                vec![
                    (
                        "embeddings",
                        TensorView::new(Dtype::F32, vec![1, 2], &data[..8]).unwrap(),
                    ),
                    (
                        "mapping",
                        TensorView::new(Dtype::I32, vec![vocabulary], &mapping).unwrap(),
                    ),
                ],
                "expected a row below 1",
            ),
        ];
        for (tensors, says) in bad {
            serialize_to_file(tensors, None, &dir.path().join("model.safetensors")).unwrap();
            let error = StaticEmbedder::from_folder(dir.path())
                .err()
                .unwrap()
                .to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
