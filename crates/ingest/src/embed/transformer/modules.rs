//! `modules.json`: what a model of sentence-transformers consists of.

use super::super::folder::Folder;
use super::config::{SettingError, expected};
use crate::Result;
use encoder::{Activation, Dense, Head, Pooling, Step};
use serde_json::Value;

/// The modules of a model.
pub struct Modules {
    /// The folder of the transformer within the model's, with a slash at its end unless it is the
    /// same.
    pub transformer: String,
    /// The settings of pooling, if there are any.
    pooling: Option<(String, Value)>,
    /// The paths of the modules that follow; [`None`] for a normalization.
    steps: Vec<Option<String>>,
}

impl Modules {
    /// Reads `modules.json`. A folder without it has a transformer, and pooling in `1_Pooling`.
    ///
    /// # Errors
    /// [`crate::Error::Model`] if a module is not understood, or they are not in order.
    pub fn read(folder: &Folder<'_>) -> Result<Self> {
        const FILE: &str = "modules.json";
        let Some(list) = folder.settings(FILE)? else {
            const POOLING: &str = "1_Pooling/config.json";
            return Ok(Self {
                transformer: String::new(),
                pooling: folder
                    .settings(POOLING)?
                    .map(|found| (POOLING.to_owned(), found)),
                steps: Vec::new(),
            });
        };
        let wrong = |error: SettingError| folder.wrong(format!("{FILE}: {error}"));
        let modules = list.as_array().map(Vec::as_slice).unwrap_or_default();
        let kind = |module: &Value| {
            let name = module["type"].as_str().unwrap_or_default();
            name.rsplit('.').next().unwrap_or_default().to_owned()
        };
        let path = |module: &Value| match module["path"].as_str().unwrap_or_default() {
            "" => String::new(),
            path => format!("{}/", path.trim_end_matches('/')),
        };
        let [transformer, pooling, steps @ ..] = modules else {
            return Err(wrong(expected(
                "the modules",
                "Transformer and Pooling",
                &list,
            )));
        };
        for (module, needed) in [(transformer, "Transformer"), (pooling, "Pooling")] {
            if kind(module) != needed {
                return Err(wrong(expected("type", needed, &module["type"])));
            }
        }
        let step = |module: &Value| match kind(module).as_str() {
            "Normalize" => Ok(None),
            "Dense" => Ok(Some(path(module))),
            _ => Err(wrong(expected(
                "type",
                "Dense or Normalize",
                &module["type"],
            ))),
        };
        let file = format!("{}config.json", path(pooling));
        let settings = folder.settings(&file)?;
        let settings =
            settings.ok_or_else(|| folder.wrong(format!("{file}: there is no such file")))?;
        Ok(Self {
            transformer: path(transformer),
            pooling: Some((file, settings)),
            steps: steps.iter().map(step).collect::<Result<_>>()?,
        })
    }

    /// Reads what follows the transformer, whose states have `width` numbers. Also gives the names
    /// of the modules and adds their weights to the hash.
    ///
    /// # Errors
    /// [`crate::Error::Model`] if a file is missing or not understood.
    pub fn head(
        &self,
        folder: &Folder<'_>,
        width: usize,
        hasher: &mut blake3::Hasher,
    ) -> Result<(Head, Vec<String>)> {
        let pooling = match &self.pooling {
            // The default of sentence-transformers.
            None => vec![Pooling::Mean],
            Some((file, settings)) => pooling(settings, width)
                .map_err(|error| folder.wrong(format!("{file}: {error}")))?,
        };
        let kinds: Vec<&str> = pooling.iter().map(|pooling| name(*pooling)).collect();
        let mut names = vec![format!("Pooling {}", kinds.join(", "))];
        let mut steps = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            match step {
                None => {
                    steps.push(Step::Normalize);
                    names.push("Normalize".to_owned());
                }
                Some(path) => {
                    let (dense, name) = dense(folder, path, hasher)?;
                    steps.push(Step::Dense(dense));
                    names.push(name);
                }
            }
        }
        let head = Head::new(width, pooling, steps);
        let head = head.map_err(|error| folder.wrong(error.to_string()))?;
        Ok((head, names))
    }
}

/// The kinds of pooling in the order in which their results are concatenated: their names since
/// version 6, before, and here.
const POOLINGS: [(&str, &str, Pooling); 6] = [
    ("cls", "pooling_mode_cls_token", Pooling::Cls),
    ("max", "pooling_mode_max_tokens", Pooling::Max),
    ("mean", "pooling_mode_mean_tokens", Pooling::Mean),
    (
        "mean_sqrt_len_tokens",
        "pooling_mode_mean_sqrt_len_tokens",
        Pooling::MeanSqrtLength,
    ),
    (
        "weightedmean",
        "pooling_mode_weightedmean_tokens",
        Pooling::WeightedMean,
    ),
    ("lasttoken", "pooling_mode_lasttoken", Pooling::LastToken),
];

fn name(pooling: Pooling) -> &'static str {
    let known = POOLINGS.iter().find(|(.., known)| *known == pooling);
    known.map_or("", |(name, ..)| name)
}

fn pooling(settings: &Value, width: usize) -> Result<Vec<Pooling>, SettingError> {
    for key in ["word_embedding_dimension", "embedding_dimension"] {
        if !settings[key].is_null() && settings[key] != width {
            return Err(expected(key, &width.to_string(), &settings[key]));
        }
    }
    if settings["include_prompt"] == false {
        return Err(expected(
            "include_prompt",
            "true",
            &settings["include_prompt"],
        ));
    }
    const NEW: &str = "pooling_mode";
    if !settings[NEW].is_null() {
        let names = match &settings[NEW] {
            Value::Array(names) => names.clone(),
            name => vec![name.clone()],
        };
        let known = |name: &Value| POOLINGS.iter().find(|(known, ..)| name == known);
        let unknown = names.iter().find(|name| known(name).is_none());
        if let Some(name) = unknown {
            let all = POOLINGS.map(|(name, ..)| name).join(", ");
            return Err(expected(NEW, &all, name));
        }
        return Ok(names
            .iter()
            .filter_map(known)
            .map(|(.., pooling)| *pooling)
            .collect());
    }
    let fields = settings.as_object().into_iter().flatten();
    let on = fields.filter(|(key, value)| key.starts_with(NEW) && **value == true);
    for (key, _) in on {
        if !POOLINGS.iter().any(|(_, known, _)| key == known) {
            return Err(SettingError::UnknownPooling { key: key.clone() });
        }
    }
    let found = POOLINGS.iter().filter(|(_, key, _)| settings[key] == true);
    Ok(found.map(|(.., pooling)| *pooling).collect())
}

/// Reads a layer, and describes it.
fn dense(folder: &Folder<'_>, path: &str, hasher: &mut blake3::Hasher) -> Result<(Dense, String)> {
    let file = format!("{path}config.json");
    let settings = folder.settings(&file)?.unwrap_or_default();
    let wrong = |error: SettingError| folder.wrong(format!("{file}: {error}"));
    let size = |key: &str| {
        let number = settings[key].as_u64().and_then(|n| u32::try_from(n).ok());
        number
            .map(|n| n as usize)
            .ok_or_else(|| wrong(expected(key, "a whole number", &settings[key])))
    };
    let (inputs, outputs) = (size("in_features")?, size("out_features")?);
    for key in ["module_input_name", "module_output_name"] {
        if !settings[key].is_null() && settings[key] != "sentence_embedding" {
            return Err(wrong(expected(key, "sentence_embedding", &settings[key])));
        }
    }
    let has_bias = match &settings["bias"] {
        Value::Null => true,
        Value::Bool(bias) => *bias,
        found => return Err(wrong(expected("bias", "true or false", found))),
    };
    const ACTIVATION: &str = "activation_function";
    let name = settings[ACTIVATION].as_str().unwrap_or_default();
    let activation = match name.rsplit('.').next().unwrap_or_default() {
        "Identity" => Activation::Identity,
        // The default of sentence-transformers.
        "Tanh" => Activation::Tanh,
        "" if settings[ACTIVATION].is_null() => Activation::Tanh,
        "ReLU" => Activation::Relu,
        _ => {
            return Err(wrong(expected(
                ACTIVATION,
                "Identity, Tanh or ReLU",
                &settings[ACTIVATION],
            )));
        }
    };
    let weights = format!("{path}model.safetensors");
    let bytes = folder.bytes(&weights)?;
    hasher.update(&bytes);
    let dense = Dense::read(&bytes, inputs, outputs, has_bias, activation)
        .map_err(|error| folder.wrong(format!("{weights}: {error}")))?;
    Ok((dense, format!("Dense {inputs} → {outputs} {activation:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pooling_is_read_from_all_versions_of_its_settings() {
        let of = |settings: Value| pooling(&settings, 32);
        assert_eq!(
            of(json!({"pooling_mode": "mean", "embedding_dimension": 32})),
            Ok(vec![Pooling::Mean])
        );
        assert_eq!(
            of(json!({"pooling_mode": ["max", "cls"]})),
            Ok(vec![Pooling::Max, Pooling::Cls])
        );
        let old = json!({
            "word_embedding_dimension": 32,
            "pooling_mode_lasttoken": true,
            "pooling_mode_cls_token": true,
            "pooling_mode_mean_tokens": false,
        });
        assert_eq!(of(old), Ok(vec![Pooling::Cls, Pooling::LastToken]));
        assert_eq!(of(json!({})), Ok(vec![]));
        let error = |settings: Value| of(settings).unwrap_err().to_string();
        assert_eq!(
            error(json!({"pooling_mode": "mean", "embedding_dimension": 64})),
            "embedding_dimension: expected 32, found 64"
        );
        assert!(error(json!({"pooling_mode": "attention"})).ends_with("found \"attention\""));
        assert!(error(json!({"pooling_mode_new": true})).starts_with("pooling_mode_new: "));
        assert!(error(json!({"include_prompt": false})).starts_with("include_prompt: "));
    }
}
