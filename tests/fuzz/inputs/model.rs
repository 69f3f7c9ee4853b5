//! Folders with models: a line with the JSON files of the folder by name, then the weights.

use super::folder;
use ingest::embed::transformer::TransformerEmbedder;
use ingest::{Embedder, Role};
use serde_json::{Map, Value};

const FILES: [&str; 7] = [
    "config.json",
    "modules.json",
    "1_Pooling/config.json",
    "2_Dense/config.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
    "tokenizer_config.json",
];
/// Where the weights go.
const WEIGHTS: [&str; 2] = ["model.safetensors", "2_Dense/model.safetensors"];
const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\n##a\n##b\n";

pub fn check_model(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n');
    let (files, weights) = input.split_at(end.unwrap_or(input.len()));
    let Ok(files) = serde_json::from_slice::<Map<String, Value>>(files) else {
        return;
    };
    let folder = folder().join("model");
    let _ = std::fs::remove_dir_all(&folder);
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    };
    for name in FILES {
        if let Some(content) = files.get(name) {
            put(name, content.to_string().as_bytes());
        }
    }
    for name in WEIGHTS {
        put(name, weights.get(1..).unwrap_or_default());
    }
    put("vocab.txt", VOCABULARY.as_bytes());
    let calibrations = folder.join("calibrations");
    let Ok(mut model) = TransformerEmbedder::from_folder(&folder, &calibrations) else {
        return;
    };
    let (dimensions, window) = (model.model().dimensions, model.model().window);
    for text in ["", "a", "ab ba", &"ab ".repeat(300)] {
        let Ok(embedding) = model.embed(text, Role::Query) else {
            continue;
        };
        assert_eq!(embedding.vector.len(), dimensions);
        assert!(embedding.tokens - embedding.truncated_tokens <= window);
        let norm: f32 = embedding.vector.iter().map(|x| x * x).sum();
        assert!((norm - 1.0).abs() < 1e-3, "{norm}");
    }
}
