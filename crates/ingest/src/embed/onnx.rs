//! Models on ONNX Runtime: from fastembed's catalog, downloaded on first use, or from a local
//! folder with an ONNX export. The runtime is a shared library, loaded with the first such model.

use super::folder::Folder;
use super::tokenizer::Tokenizer;
use super::{CatalogEntry, Embedder, Embedding, ModelInfo, ModelKind, Role, normalized, profile};
use crate::{Error, Result};
use disk::PathError;
use fastembed::{
    EmbeddingModel, InitOptionsUserDefined, Pooling, TextEmbedding, TextInitOptions,
    TokenizerFiles, UserDefinedEmbeddingModel,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// An embedder on ONNX Runtime.
pub struct OnnxEmbedder {
    origin: Arc<Origin>,
    info: ModelInfo,
    model: TextEmbedding,
    tokenizer: Arc<Tokenizer>,
}

/// Where to load the model from, again for each fork.
enum Origin {
    Catalog {
        model: EmbeddingModel,
        window: usize,
    },
    Folder(PathBuf),
}

impl OnnxEmbedder {
    /// Loads a model of fastembed's catalog by its short name (`BGESmallENV15`) or its published
    /// name (`Xenova/bge-small-en-v1.5`), ignoring case.
    ///
    /// # Errors
    /// [`Error::Model`] if there is no such model, ONNX Runtime is not installed, or the download
    /// fails.
    pub fn from_catalog(name: &str) -> Result<Self> {
        let known = TextEmbedding::list_supported_models();
        let found = known.iter().find(|m| {
            name_of(&m.model).eq_ignore_ascii_case(name) || m.model_code.eq_ignore_ascii_case(name)
        });
        let Some(found) = found else {
            return Err(Error::UnknownModel {
                name: name.to_owned(),
                kind: "model",
            });
        };
        let profile = profile::of(&found.model_code);
        let pooling = TextEmbedding::get_default_pooling_method(&found.model);
        // The Debug text of `Profile` is part of the hash: renaming its fields would invalidate
        // collections.
        let hash = blake3::hash(
            format!(
                "{} {} {pooling:?} {profile:?}",
                found.model_code, found.model_file
            )
            .as_bytes(),
        );
        let info = ModelInfo {
            name: name_of(&found.model),
            hash: hash.to_hex()[..32].to_owned(),
            dimensions: found.dim,
            window: profile.window,
            query_prefix: profile.query_prefix.to_owned(),
            passage_prefix: profile.passage_prefix.to_owned(),
        };
        Self::open(
            Arc::new(Origin::Catalog {
                model: found.model.clone(),
                window: profile.window,
            }),
            info,
        )
    }

    /// Loads a model from a folder with `model.onnx` (also under `onnx/`), `tokenizer.json`, and
    /// optionally the files of sentence-transformers that state pooling, window and prefixes.
    ///
    /// # Errors
    /// [`Error::Model`] if a required file is missing or invalid, or ONNX Runtime is not installed;
    /// [`Error::Io`] if the weights cannot be read.
    pub fn from_folder(folder: &Path) -> Result<Self> {
        let files = Folder::new(folder);
        let weights = std::fs::read(files.weights()?).map_err(PathError::at(folder))?;
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(&weights)
            .update(&files.bytes("tokenizer.json")?);
        let (window, (query_prefix, passage_prefix)) =
            (files.window(DEFAULT_MAX_TOKENS), files.prefixes());
        hasher.update(
            format!(
                "{:?} {window} {query_prefix} {passage_prefix}",
                files.pooling()?
            )
            .as_bytes(),
        );
        let info = ModelInfo {
            name: folder.to_string_lossy().into_owned(),
            hash: hasher.finalize().to_hex()[..32].to_owned(),
            dimensions: 0,
            window,
            query_prefix,
            passage_prefix,
        };
        let mut onnx = Self::open(Arc::new(Origin::Folder(folder.to_owned())), info)?;
        // The files do not state the number of dimensions, so embed something to find out.
        onnx.info.dimensions = onnx.embed("a", Role::Passage)?.vector.len();
        Ok(onnx)
    }

    fn open(origin: Arc<Origin>, info: ModelInfo) -> Result<Self> {
        runtime(&info.name)?;
        let wrong = |error: fastembed::Error| Error::Model {
            name: info.name.clone(),
            reason: error.to_string(),
        };
        let model = match &*origin {
            Origin::Catalog { model, window } => {
                let options = TextInitOptions::new(model.clone())
                    .with_max_length(*window)
                    .with_intra_threads(1)
                    .with_cache_dir(downloads());
                TextEmbedding::try_new(options.with_show_download_progress(true)).map_err(|error| Error::Model {
                    name: info.name.clone(),
                    reason: format!("{error}; its files are downloaded from huggingface.co on first use; without network access, name a folder that contains them"),
                })?
            }
            Origin::Folder(folder) => {
                let (model, options) = Folder::new(folder).load()?;
                TextEmbedding::try_new_from_user_defined(model, options).map_err(wrong)?
            }
        };
        let tokenizer = Arc::new(Tokenizer::new(model.tokenizer.clone(), &info.name)?);
        Ok(Self {
            origin,
            info,
            model,
            tokenizer,
        })
    }
}

impl Embedder for OnnxEmbedder {
    fn model(&self) -> &ModelInfo {
        &self.info
    }

    fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    fn embed(&mut self, text: &str, role: Role) -> Result<Embedding> {
        let text = self.info.prefixed(text, role);
        let (ids, truncated_tokens) = self.tokenizer.encode(&text, self.info.window);
        let wrong = |reason: String| Error::Embedding {
            name: self.info.name.clone(),
            bytes: text.len(),
            reason,
        };
        let vectors = self
            .model
            .embed([text.as_ref()], None)
            .map_err(|error| wrong(error.to_string()))?;
        let vector = vectors
            .into_iter()
            .next()
            .ok_or_else(|| wrong("it returned no vector".to_owned()))?;
        Ok(Embedding {
            vector: normalized(vector, &self.info.name, &text)?,
            tokens: ids.len() + truncated_tokens,
            truncated_tokens,
        })
    }

    fn fork(&self) -> Result<Box<dyn Embedder>> {
        Ok(Box::new(Self::open(
            self.origin.clone(),
            self.info.clone(),
        )?))
    }
}

/// The context window in tokens if the model's files do not state it.
const DEFAULT_MAX_TOKENS: usize = 512;

/// What ONNX models need of a folder.
impl Folder<'_> {
    pub(super) fn weights(&self) -> Result<PathBuf> {
        let names = [
            "model.onnx",
            "onnx/model.onnx",
            "model_quantized.onnx",
            "onnx/model_quantized.onnx",
        ];
        let found = names
            .iter()
            .map(|name| self.path.join(name))
            .find(|path| path.is_file());
        found.ok_or_else(|| {
            self.wrong(format!(
                "neither model.safetensors nor an ONNX file in it; expected one of {}",
                names.join(", ")
            ))
        })
    }

    /// The context window in tokens, between 8 and 8192; `default` if the files do not state it.
    pub(super) fn window(&self, default: usize) -> usize {
        let stated = [
            self.json("sentence_bert_config.json")["max_seq_length"].as_u64(),
            self.json("tokenizer_config.json")["model_max_length"]
                .as_u64()
                .filter(|&n| n < 1 << 20),
            self.json("config.json")["max_position_embeddings"].as_u64(),
        ];
        stated
            .into_iter()
            .flatten()
            .next()
            .map_or(default, |n| n.clamp(8, 8192) as usize)
    }

    fn pooling(&self) -> Result<Pooling> {
        let config = self.json("1_Pooling/config.json");
        let on = |name: &str| config[name].as_bool() == Some(true);
        let modes = config.as_object().map(|fields| {
            fields
                .keys()
                .filter(|k| k.starts_with("pooling_mode") && on(k))
                .count()
        });
        match modes {
            None => Ok(Pooling::Mean),
            Some(1) if on("pooling_mode_mean_tokens") => Ok(Pooling::Mean),
            Some(1) if on("pooling_mode_cls_token") => Ok(Pooling::Cls),
            _ => Err(self.wrong(
                "1_Pooling/config.json: expected mean or cls pooling, one of them".to_owned(),
            )),
        }
    }

    /// The tokenizer files, with defaults for what fastembed requires.
    pub(super) fn tokenizer_files(&self, window: usize) -> Result<TokenizerFiles> {
        let mut tokenizer_config = self.json("tokenizer_config.json");
        if !tokenizer_config.is_object() {
            tokenizer_config = json!({});
        }
        if !tokenizer_config["model_max_length"].is_number() {
            tokenizer_config["model_max_length"] = json!(self.window(window));
        }
        if tokenizer_config["pad_token"].is_null() {
            tokenizer_config["pad_token"] = json!("[PAD]");
        }
        let object = |value: Value| if value.is_object() { value } else { json!({}) };
        Ok(TokenizerFiles {
            tokenizer_file: self.bytes("tokenizer.json")?,
            config_file: object(self.json("config.json")).to_string().into_bytes(),
            special_tokens_map_file: object(self.json("special_tokens_map.json"))
                .to_string()
                .into_bytes(),
            tokenizer_config_file: tokenizer_config.to_string().into_bytes(),
        })
    }

    fn load(&self) -> Result<(UserDefinedEmbeddingModel, InitOptionsUserDefined)> {
        let weights = self.weights()?;
        let files = self.tokenizer_files(DEFAULT_MAX_TOKENS)?;
        let onnx = std::fs::read(&weights).map_err(PathError::at(&weights))?;
        let mut model = UserDefinedEmbeddingModel::new(onnx, files).with_pooling(self.pooling()?);
        let outside = weights.with_extension("onnx_data");
        if outside.is_file() {
            let name = outside
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            model = model.with_external_initializer(
                name,
                std::fs::read(&outside).map_err(PathError::at(&outside))?,
            );
        }
        let mut options =
            InitOptionsUserDefined::new().with_max_length(self.window(DEFAULT_MAX_TOKENS));
        options.intra_threads = Some(1);
        Ok((model, options))
    }
}

/// The embedding models of fastembed's catalog.
pub fn catalog() -> impl Iterator<Item = CatalogEntry> {
    TextEmbedding::list_supported_models()
        .into_iter()
        .map(|model| CatalogEntry {
            kind: ModelKind::Embedder,
            name: name_of(&model.model),
            source: model.model_code,
            dimensions: model.dim,
            description: model.description,
            builtin: false,
        })
}

/// The folder for downloaded models: `FASTEMBED_CACHE_DIR`, or a folder in the user's cache, so
/// that a model is downloaded only once.
pub(super) fn downloads() -> PathBuf {
    super::folder_from_env("FASTEMBED_CACHE_DIR")
        .unwrap_or_else(|| super::cache_dir().join("models"))
}

fn name_of(model: &EmbeddingModel) -> String {
    format!("{model:?}")
}

/// The file name of the ONNX Runtime library, which the system's loader searches for.
const LIBRARY: &str = if cfg!(target_os = "windows") {
    "onnxruntime.dll"
} else if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else {
    "libonnxruntime.so"
};

/// Loads ONNX Runtime, once. Without this, the `ort` crate would panic if the library is missing.
pub(super) fn runtime(model: &str) -> Result<()> {
    // The error of loading it, if it failed.
    static FAILURE: OnceLock<Option<String>> = OnceLock::new();
    let failure = FAILURE.get_or_init(|| {
        let path = std::env::var_os("ORT_DYLIB_PATH")
            .filter(|p| !p.is_empty())
            .map_or_else(|| PathBuf::from(LIBRARY), PathBuf::from);
        ort::init_from(&path).err().map(|error| error.to_string())
    });
    match failure {
        None => Ok(()),
        Some(loader_error) => Err(Error::NoOnnxRuntime {
            name: model.to_owned(),
            loader_error: loader_error.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loading_an_unknown_model_is_an_error() {
        let error = OnnxEmbedder::from_catalog("no-such-model")
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("no such model and no such folder"),
            "{error}"
        );
    }

    #[test]
    fn pooling_window_and_prefixes_come_from_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, value: Value| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, value.to_string()).unwrap();
        };
        let files = Folder::new(dir.path());
        assert_eq!(
            (files.window(DEFAULT_MAX_TOKENS), files.pooling().unwrap()),
            (512, Pooling::Mean)
        );
        put("tokenizer_config.json", json!({"model_max_length": 384}));
        put(
            "1_Pooling/config.json",
            json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}),
        );
        put(
            "config_sentence_transformers.json",
            json!({"prompts": {"query": "q: ", "passage": "p: "}}),
        );
        assert_eq!(
            (files.window(DEFAULT_MAX_TOKENS), files.pooling().unwrap()),
            (384, Pooling::Cls)
        );
        assert_eq!(files.prefixes(), ("q: ".to_owned(), "p: ".to_owned()));
        put("sentence_bert_config.json", json!({"max_seq_length": 128}));
        assert_eq!(files.window(DEFAULT_MAX_TOKENS), 128);
        put(
            "1_Pooling/config.json",
            json!({"pooling_mode_max_tokens": true}),
        );
        assert!(files.pooling().is_err());
        assert!(
            OnnxEmbedder::from_folder(dir.path())
                .err()
                .unwrap()
                .to_string()
                .contains("nor an ONNX file in it")
        );
    }
}
