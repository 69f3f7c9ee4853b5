//! `tokenizer.json`, or one made of `vocab.txt`.

use super::super::folder::Folder;
use crate::Result;
use serde_json::{Map, Value, json};

/// The tokenizer of the transformer in `path` as the text of a `tokenizer.json`.
///
/// # Errors
/// [`crate::Error::Model`] if there is none.
pub fn read(folder: &Folder<'_>, path: &str) -> Result<Vec<u8>> {
    let file = |name: &str| format!("{path}{name}");
    let (json_file, vocabulary) = (file("tokenizer.json"), file("vocab.txt"));
    let mut tokenizer = if folder.file(&json_file).exists() {
        let bytes = folder.bytes(&json_file)?;
        if !lowercases(folder, path) {
            return Ok(bytes);
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| folder.wrong(format!("{json_file}: {error}")))?
    } else if folder.file(&vocabulary).exists() {
        let words = String::from_utf8(folder.bytes(&vocabulary)?)
            .map_err(|error| folder.wrong(format!("{vocabulary}: {error}")))?;
        word_piece(&words, &folder.json(&file("tokenizer_config.json")))
            .map_err(|error| folder.wrong(format!("{vocabulary}: {error}")))?
    } else {
        return Err(folder.wrong(format!("neither {json_file} nor {vocabulary} in it")));
    };
    if lowercases(folder, path) {
        let lower = json!({"type": "Lowercase"});
        let normalizers = match tokenizer["normalizer"].take() {
            Value::Null => vec![lower],
            own => vec![lower, own],
        };
        tokenizer["normalizer"] = json!({"type": "Sequence", "normalizers": normalizers});
    }
    Ok(tokenizer.to_string().into_bytes())
}

/// Whether sentence-transformers lowercases texts before the tokenizer sees them.
fn lowercases(folder: &Folder<'_>, path: &str) -> bool {
    folder.json(&format!("{path}sentence_bert_config.json"))["do_lower_case"] == true
}

/// A vocabulary lacks a token that BERT's tokenizer needs.
#[derive(Debug, thiserror::Error)]
#[error("no line {0}")]
struct MissingToken(&'static str);

/// BERT's tokenizer with a token per line of `words`.
fn word_piece(words: &str, settings: &Value) -> Result<Value, MissingToken> {
    let mut vocabulary = Map::new();
    for (id, word) in words.lines().enumerate() {
        vocabulary.insert(word.to_owned(), id.into());
    }
    let mut special = Vec::new();
    for token in ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] {
        match vocabulary.get(token) {
            Some(id) => special.push(json!({
                "id": id, "content": token, "special": true, "normalized": false,
                "single_word": false, "lstrip": false, "rstrip": false,
            })),
            None if token == "[MASK]" => {}
            None => return Err(MissingToken(token)),
        }
    }
    let on = |key: &str| settings[key].as_bool().unwrap_or(true);
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": special,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": true,
            "handle_chinese_chars": on("tokenize_chinese_chars"),
            "strip_accents": settings["strip_accents"],
            "lowercase": on("do_lower_case"),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "BertProcessing",
            "cls": ["[CLS]", vocabulary["[CLS]"]],
            "sep": ["[SEP]", vocabulary["[SEP]"]],
        },
        "decoder": null,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    }))
}
