//! Cross-encoders, which read a query and a passage together and score the relevance. From
//! fastembed's catalog or a local folder with an ONNX export.

use super::folder::Folder;
use super::onnx::{downloads, runtime};
use super::{CatalogEntry, ModelKind};
use crate::{Error, Result};
use fastembed::{
    OnnxSource, RerankInitOptions, RerankInitOptionsUserDefined, RerankerModel, TextRerank,
    UserDefinedRerankingModel,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// A cross-encoder on ONNX Runtime.
pub struct CrossEncoder {
    name: String,
    origin: Origin,
    model: TextRerank,
}

/// Where to load the model from, again for each fork.
#[derive(Clone)]
enum Origin {
    Catalog(RerankerModel),
    Folder(PathBuf),
}

/// The context window in tokens, for query and passage together, if the model's files do not state
/// it.
const DEFAULT_MAX_TOKENS: usize = 512;

impl CrossEncoder {
    /// Loads a model: from a folder with `model.onnx` (also under `onnx/`) and `tokenizer.json`, or
    /// from [`catalog`] by its short or published name, ignoring case.
    ///
    /// # Errors
    /// [`Error::Model`] if there is no such model, its files are incomplete, its output is not a
    /// single score, or ONNX Runtime is not installed.
    pub fn load(name: &str) -> Result<Self> {
        let folder = Path::new(name);
        if folder.is_dir() {
            return Self::open(name.to_owned(), Origin::Folder(folder.to_owned()));
        }
        let known = TextRerank::list_supported_models();
        let found = known.into_iter().find(|model| {
            name_of(&model.model).eq_ignore_ascii_case(name)
                || model.model_code.eq_ignore_ascii_case(name)
        });
        match found {
            Some(found) => Self::open(name_of(&found.model), Origin::Catalog(found.model)),
            None => Err(Error::UnknownModel {
                name: name.to_owned(),
                kind: "reranker",
            }),
        }
    }

    fn open(name: String, origin: Origin) -> Result<Self> {
        runtime(&name)?;
        let wrong = |error: fastembed::Error| Error::Model {
            name: name.clone(),
            reason: error.to_string(),
        };
        let model = match &origin {
            Origin::Catalog(model) => {
                let options = RerankInitOptions::new(model.clone())
                    .with_intra_threads(1)
                    .with_cache_dir(downloads());
                TextRerank::try_new(options).map_err(|error| Error::Model {
                    name: name.clone(),
                    reason: format!("{error}; its files are downloaded from huggingface.co on first use; without network access, name a folder that contains them"),
                })?
            }
            Origin::Folder(path) => {
                let folder = Folder::new(path);
                let weights = OnnxSource::File(folder.weights()?);
                let options = RerankInitOptionsUserDefined::new()
                    .with_intra_threads(1)
                    .with_max_length(folder.window(DEFAULT_MAX_TOKENS));
                let files = folder.tokenizer_files(DEFAULT_MAX_TOKENS)?;
                TextRerank::try_new_from_user_defined(
                    UserDefinedRerankingModel::new(weights, files),
                    options,
                )
                .map_err(wrong)?
            }
        };
        let mut cross = Self {
            name,
            origin,
            model,
        };
        // fastembed panics if the output has another shape: find out now rather than at the first
        // query.
        cross.score("a", &["b"])?;
        Ok(cross)
    }

    /// The name of the model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Scores the relevance of each passage to the query: higher is better, on the model's own
    /// scale. The scores are finite and in the order of `passages`.
    ///
    /// # Errors
    /// [`Error::Model`] if the runtime fails or a score is not finite.
    pub fn score(&mut self, query: &str, passages: &[&str]) -> Result<Vec<f32>> {
        let wrong = |reason: String| Error::Model {
            name: self.name.clone(),
            reason,
        };
        let model = AssertUnwindSafe(&mut self.model);
        let scored = catch_unwind(move || {
            let AssertUnwindSafe(model) = { model };
            model.rerank(query, passages, false, Some(passages.len().max(1)))
        });
        let scored = scored.map_err(|_| {
            wrong("expected an output `logits` of one score for each pair".to_owned())
        })?;
        let mut scores = vec![f32::NAN; passages.len()];
        for result in scored.map_err(|error| wrong(error.to_string()))? {
            scores[result.index] = result.score;
        }
        match scores.iter().find(|score| !score.is_finite()) {
            Some(score) => Err(wrong(format!("it returned the score {score}"))),
            None => Ok(scores),
        }
    }

    /// A second instance for another thread. Loads the model again.
    ///
    /// # Errors
    /// [`Error::Model`] as for [`Self::load`].
    pub fn fork(&self) -> Result<Self> {
        Self::open(self.name.clone(), self.origin.clone())
    }
}

/// The cross-encoders of fastembed's catalog.
pub fn catalog() -> Vec<CatalogEntry> {
    let entries = TextRerank::list_supported_models()
        .into_iter()
        .map(|model| CatalogEntry {
            kind: ModelKind::Reranker,
            name: name_of(&model.model),
            source: model.model_code,
            dimensions: 1,
            description: model.description,
            builtin: false,
        });
    entries.collect()
}

fn name_of(model: &RerankerModel) -> String {
    format!("{model:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loading_an_unknown_model_is_an_error() {
        let error = CrossEncoder::load("no-such-reranker")
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("no such reranker and no such folder"),
            "{error}"
        );
    }
}
