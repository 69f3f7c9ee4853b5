//! Models of BERT's shape from a folder in the layout of sentence-transformers, on the crate
//! `encoder`: nothing has to be installed. What is in the folder and not understood is an error.

mod calibration;
mod config;
mod modules;
mod vocabulary;

use super::folder::Folder;
use super::packing::{self, Tokens};
use super::tokenizer::Tokenizer;
use super::{Embedder, Embedding, ModelInfo, Role, TokenEmbeddings};
use crate::{Error, Result};
pub use encoder::{Agreement, Precision};
use encoder::{Calibration, Checkpoint, Config, Encoder, Head, Workspace};
use modules::Modules;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// Part of the hash of a model: changes when the same files give other vectors.
const ENGINE: &str = "encoder 1";
/// The file of the weights.
const WEIGHTS: &str = "model.safetensors";

/// An embedder for a model from a folder. Forks share the weights.
pub struct TransformerEmbedder {
    shared: Arc<Shared>,
    work: Workspace,
}

struct Shared {
    info: ModelInfo,
    tokenizer: Arc<Tokenizer>,
    encoder: Encoder,
    head: Head,
}

/// What is in a model's folder, and how near its quantized vectors are to those in f32.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelCheck {
    /// The model.
    #[serde(flatten)]
    pub model: ModelInfo,
    /// `model_type` in `config.json`.
    pub architecture: String,
    /// The number of layers.
    pub layers: usize,
    /// What follows the transformer, in order.
    pub modules: Vec<String>,
    /// Which weights are quantized.
    pub precision: Precision,
    /// The cosines of the vectors of sample texts to those of an exact computation in f32.
    pub cosine: Agreement,
}

/// A model whose weights are not quantized yet.
struct Loaded {
    info: ModelInfo,
    tokenizer: Tokenizer,
    checkpoint: Checkpoint,
    head: Head,
    architecture: String,
    layers: usize,
    modules: Vec<String>,
}

impl TransformerEmbedder {
    /// Whether a folder has weights that this engine reads: `model.safetensors` where its
    /// `modules.json` has the transformer.
    pub fn is_model_folder(folder: &Path) -> bool {
        let modules = Folder::new(folder).json("modules.json");
        let path = modules[0]["path"].as_str().unwrap_or_default();
        folder.join(path).join(WEIGHTS).is_file()
    }

    /// Loads a model from a folder. The first time, this takes seconds: what was found out is
    /// remembered in the folder `calibrations`.
    ///
    /// # Errors
    /// [`Error::Model`] if a file is missing, invalid or not understood, or if not even f32 weights
    /// give near enough vectors.
    pub fn from_folder(folder: &Path, calibrations: &Path) -> Result<Self> {
        let model = Loaded::read(folder)?;
        let file = calibrations.join(format!("{}.json", model.info.hash));
        let calibration = match calibration::recall(&file) {
            Some(calibration) => calibration,
            None => {
                let calibration = model.calibrate()?;
                calibration::remember(&file, &calibration);
                calibration
            }
        };
        let wrong = |error: encoder::Error| Folder::new(folder).wrong(error.to_string());
        Ok(Self {
            shared: Arc::new(Shared {
                info: model.info,
                tokenizer: Arc::new(model.tokenizer),
                encoder: model.checkpoint.into_encoder(&calibration).map_err(wrong)?,
                head: model.head,
            }),
            work: Workspace::default(),
        })
    }
}

/// Reads a model's folder as [`TransformerEmbedder::from_folder`] does and compares its vectors
/// with those in f32.
///
/// # Errors
/// As [`TransformerEmbedder::from_folder`].
pub fn check(folder: &Path) -> Result<ModelCheck> {
    let model = Loaded::read(folder)?;
    let Calibration {
        precision,
        agreement,
        ..
    } = model.calibrate()?;
    Ok(ModelCheck {
        model: model.info,
        architecture: model.architecture,
        layers: model.layers,
        modules: model.modules,
        precision,
        cosine: agreement,
    })
}

impl Loaded {
    fn read(path: &Path) -> Result<Self> {
        let folder = Folder::new(path);
        let modules = Modules::read(&folder)?;
        let file = |name: &str| format!("{}{name}", modules.transformer);
        let config_file = file("config.json");
        // Read leniently later: an invalid one must not count as none.
        folder.settings("config_sentence_transformers.json")?;
        folder.settings(&file("sentence_bert_config.json"))?;
        folder.settings(&file("tokenizer_config.json"))?;
        let settings = folder.settings(&config_file)?;
        let settings = settings
            .ok_or_else(|| folder.wrong(format!("{config_file}: there is no such file")))?;
        let config = config::read(&settings)
            .map_err(|error| folder.wrong(format!("{config_file}: {error}")))?;
        let weights_file = file(WEIGHTS);
        let weights = folder.bytes(&weights_file)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&weights);
        let checkpoint = Checkpoint::read(&config, &weights)
            .map_err(|error| folder.wrong(format!("{weights_file}: {error}")))?;
        drop(weights);
        let (head, names) = modules.head(&folder, config.hidden_size, &mut hasher)?;
        let tokenizer = vocabulary::read(&folder, &modules.transformer)?;
        hasher.update(&tokenizer);
        let tokenizer = Tokenizer::from_bytes(&tokenizer, &folder.name())?;
        check_vocabulary(&folder, &tokenizer, &config)?;
        let window = window(&folder, &modules.transformer, checkpoint.max_tokens())?;
        let (query_prefix, passage_prefix) = folder.prefixes();
        // The Debug texts are part of the hash: renaming a field would invalidate collections.
        hasher.update(
            format!("{ENGINE} {config:?} {names:?} {window} {query_prefix} {passage_prefix}")
                .as_bytes(),
        );
        hasher.update(calibration::SAMPLES.as_bytes());
        Ok(Self {
            info: ModelInfo {
                name: folder.name(),
                hash: hasher.finalize().to_hex()[..32].to_owned(),
                dimensions: head.dimensions(),
                window,
                query_prefix,
                passage_prefix,
            },
            tokenizer,
            checkpoint,
            head,
            architecture: settings["model_type"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            layers: config.layers,
            modules: names,
        })
    }

    fn calibrate(&self) -> Result<Calibration> {
        let Self {
            info,
            tokenizer,
            checkpoint,
            head,
            ..
        } = self;
        let calibration = calibration::compute(checkpoint, head, tokenizer, info.window);
        calibration.map_err(|error| Error::Model {
            name: info.name.clone(),
            reason: error.to_string(),
        })
    }
}

/// Every token must have an embedding.
fn check_vocabulary(folder: &Folder<'_>, tokenizer: &Tokenizer, config: &Config) -> Result<()> {
    match tokenizer.last_token() {
        Some((token, id)) if id as usize >= config.vocab_size => Err(folder.wrong(format!(
            "tokenizer.json: the token {token:?} has the id {id}, but the model has {} tokens",
            config.vocab_size
        ))),
        _ => Ok(()),
    }
}

/// The context window in tokens: what the files state, at most what the model has positions for.
fn window(folder: &Folder<'_>, path: &str, positions: usize) -> Result<usize> {
    const FILE: &str = "sentence_bert_config.json";
    let stated = |file: &str, key: &str| folder.json(&format!("{path}{file}"))[key].as_u64();
    match stated(FILE, "max_seq_length") {
        Some(window) if window > positions as u64 => Err(folder.wrong(format!(
            "{FILE}: expected a max_seq_length of at most {positions}, the positions of the model, found {window}"
        ))),
        Some(window) => Ok((window as usize).max(8).min(positions)),
        None => {
            let window = stated("tokenizer_config.json", "model_max_length");
            Ok(window.map_or(positions, |window| window.max(8).min(positions as u64) as usize))
        }
    }
}

impl Embedder for TransformerEmbedder {
    fn model(&self) -> &ModelInfo {
        &self.shared.info
    }

    fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.shared.tokenizer
    }

    fn embed(&mut self, text: &str, role: Role) -> Result<Embedding> {
        Ok(self.embed_all(&[text], role)?.swap_remove(0))
    }

    fn embed_all(&mut self, texts: &[&str], role: Role) -> Result<Vec<Embedding>> {
        let Shared {
            info,
            encoder,
            head,
            ..
        } = &*self.shared;
        let texts = texts.iter().map(|text| info.prefixed(text, role));
        let texts: Vec<_> = texts.collect();
        let tokens = texts
            .iter()
            .map(|text| Ok(Tokens::new(text, self.shared.encode(text)?)));
        let tokens = tokens.collect::<Result<Vec<_>>>()?;
        packing::embed(&tokens, &info.name, |pack| {
            encoder.vectors(pack, head, &mut self.work)
        })
    }

    fn embed_tokens(&mut self, text: &str) -> Result<Option<TokenEmbeddings>> {
        let Shared { info, encoder, .. } = &*self.shared;
        let (ids, _) = self.shared.encode(text)?;
        let states = encoder.hidden_states(&[&ids], &mut self.work);
        TokenEmbeddings::from_states(states, encoder.dimensions(), &info.name, text).map(Some)
    }

    fn fork(&self) -> Result<Box<dyn Embedder>> {
        Ok(Box::new(Self {
            shared: self.shared.clone(),
            work: Workspace::default(),
        }))
    }
}

impl Shared {
    /// The tokens of a text, and how many were truncated.
    fn encode(&self, text: &str) -> Result<(Vec<u32>, usize)> {
        let (ids, truncated) = self.tokenizer.encode(text, self.info.window);
        match ids.is_empty() {
            false => Ok((ids, truncated)),
            // Only without special tokens.
            true => Err(Error::Embedding {
                name: self.info.name.clone(),
                bytes: text.len(),
                reason: "the tokenizer finds no tokens in it".to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
