//! `config.json`: the architecture and the sizes of a model.

use encoder::{Architecture, Config};
use serde_json::Value;

/// The values of `model_type` that are understood.
const MODEL_TYPES: [&str; 6] = [
    "bert",
    "distilbert",
    "roberta",
    "xlm-roberta",
    "camembert",
    "mpnet",
];

/// A setting that is not understood.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SettingError {
    #[error("{key}: expected {expected}, found {}", shown(found))]
    Unexpected {
        key: String,
        expected: String,
        found: Value,
    },
    #[error("{key}: no such kind of pooling is known")]
    UnknownPooling { key: String },
}

fn shown(found: &Value) -> String {
    match found {
        Value::Null => "none".to_owned(),
        found => found.to_string(),
    }
}

/// Reads the settings of a model.
pub fn read(config: &Value) -> Result<Config, SettingError> {
    let model_type = config["model_type"].as_str().unwrap_or_default();
    let architecture = match model_type {
        "bert" => Architecture::Bert,
        "distilbert" => Architecture::DistilBert,
        "roberta" | "xlm-roberta" | "camembert" => Architecture::Roberta,
        "mpnet" => Architecture::MpNet,
        _ => {
            return Err(expected(
                "model_type",
                &MODEL_TYPES.join(", "),
                &config["model_type"],
            ));
        }
    };
    let is_distilbert = architecture == Architecture::DistilBert;
    let key = |name: &'static str, of_distilbert: &'static str| match is_distilbert {
        true => of_distilbert,
        false => name,
    };
    // Settings that would change the computation.
    let unless = |key: &str, allowed: Value| match &config[key] {
        Value::Null => Ok(()),
        found if *found == allowed => Ok(()),
        found => Err(expected(key, &allowed.to_string(), found)),
    };
    unless(key("hidden_act", "activation"), "gelu".into())?;
    unless("position_embedding_type", "absolute".into())?;
    unless("is_decoder", false.into())?;
    for key in ["auto_map", "quantization_config"] {
        if !config[key].is_null() {
            return Err(expected(key, "none", &config[key]));
        }
    }
    let number = |key: &str, default: Option<u64>| match (&config[key], default) {
        (Value::Null, Some(default)) => Ok(default as usize),
        (found, _) => {
            let number = found.as_u64().and_then(|n| u32::try_from(n).ok());
            number
                .map(|n| n as usize)
                .ok_or_else(|| expected(key, "a whole number", found))
        }
    };
    Ok(Config {
        architecture,
        hidden_size: number(key("hidden_size", "dim"), None)?,
        heads: number(key("num_attention_heads", "n_heads"), None)?,
        intermediate_size: number(key("intermediate_size", "hidden_dim"), None)?,
        layers: number(key("num_hidden_layers", "n_layers"), None)?,
        vocab_size: number("vocab_size", None)?,
        positions: number("max_position_embeddings", None)?,
        first_position: match architecture {
            Architecture::Roberta | Architecture::MpNet => number("pad_token_id", Some(1))? + 1,
            Architecture::Bert | Architecture::DistilBert => 0,
        },
        epsilon: match &config["layer_norm_eps"] {
            // The default of transformers.
            Value::Null => 1e-12,
            found => {
                let number = found.as_f64();
                number.ok_or_else(|| expected("layer_norm_eps", "a number", found))? as f32
            }
        },
        distance_buckets: number("relative_attention_num_buckets", Some(32))?,
    })
}

/// An error about a setting with another value than an expected one.
pub fn expected(key: &str, expected: &str, found: &Value) -> SettingError {
    SettingError::Unexpected {
        key: key.to_owned(),
        expected: expected.to_owned(),
        found: found.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bert() -> Value {
        json!({
            "model_type": "bert", "hidden_act": "gelu", "hidden_size": 32, "num_attention_heads": 2,
            "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 66,
            "max_position_embeddings": 40, "position_embedding_type": "absolute",
        })
    }

    #[test]
    fn every_model_type_has_its_keys_and_first_position() {
        let with = |model_type: &str| {
            let mut config = bert();
            config["model_type"] = model_type.into();
            read(&config).unwrap()
        };
        assert_eq!(
            (with("bert").first_position, with("bert").epsilon),
            (0, 1e-12)
        );
        assert_eq!(with("xlm-roberta").first_position, 2);
        assert_eq!(with("mpnet").distance_buckets, 32);
        let distilbert = json!({
            "model_type": "distilbert", "activation": "gelu", "dim": 32, "n_heads": 2,
            "hidden_dim": 64, "n_layers": 2, "vocab_size": 66, "max_position_embeddings": 40,
        });
        assert_eq!(
            read(&distilbert).unwrap().architecture,
            Architecture::DistilBert
        );
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let error = |key: &str, value: Value| {
            let mut config = bert();
            config[key] = value;
            read(&config).unwrap_err().to_string()
        };
        assert!(error("model_type", "nomic_bert".into()).ends_with("found \"nomic_bert\""));
        assert!(error("model_type", Value::Null).ends_with("found none"));
        assert_eq!(
            error("hidden_act", "silu".into()),
            "hidden_act: expected \"gelu\", found \"silu\""
        );
        assert!(error("position_embedding_type", "alibi".into()).contains("\"absolute\""));
        assert!(error("auto_map", json!({"AutoModel": "x.Y"})).starts_with("auto_map: "));
        assert!(error("is_decoder", true.into()).starts_with("is_decoder: "));
        assert_eq!(
            error("hidden_size", Value::Null),
            "hidden_size: expected a whole number, found none"
        );
        assert_eq!(
            error("vocab_size", (-1).into()),
            "vocab_size: expected a whole number, found -1"
        );
    }
}
