//! A folder that sentence-transformers wrote gives its vectors (`tests/transformer/golden.py`).

use super::super::dot;
use super::*;
use serde_json::{Value, json};
use std::path::PathBuf;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transformer/model");

/// A copy of the model's folder, to be changed.
fn copy() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy_folder(Path::new(FOLDER), dir.path());
    dir
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = {
            let entry = entry.unwrap();
            (entry.path(), entry.file_name())
        };
        if path.is_dir() {
            copy_folder(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// Changes a JSON file of a folder.
fn change(file: PathBuf, change: impl FnOnce(&mut Value)) {
    let text = std::fs::read_to_string(&file).unwrap_or("{}".to_owned());
    let mut settings = serde_json::from_str(&text).unwrap();
    change(&mut settings);
    std::fs::write(file, settings.to_string()).unwrap();
}

/// Loads a model as if for the first time.
fn load(folder: &Path) -> Result<TransformerEmbedder> {
    let calibrations = tempfile::tempdir().unwrap();
    TransformerEmbedder::from_folder(folder, calibrations.path())
}

#[test]
fn calibration_is_remembered_and_computed_again_if_damaged() {
    let calibrations = tempfile::tempdir().unwrap();
    let vector = || {
        let mut model =
            TransformerEmbedder::from_folder(Path::new(FOLDER), calibrations.path()).unwrap();
        model.embed("sea", Role::Query).unwrap().vector
    };
    let first = vector();
    let info = Loaded::read(Path::new(FOLDER)).unwrap().info;
    let file = calibrations.path().join(format!("{}.json", info.hash));
    let written = std::fs::read_to_string(&file).unwrap();
    // A remembered calibration is used: one that keeps f32 weights gives other vectors.
    let (_, json) = written.split_once('\n').unwrap();
    let other = json.replace("\"int8\"", "\"f32\"");
    let checksum = blake3::hash(other.as_bytes()).to_hex();
    std::fs::write(&file, format!("{checksum}\n{other}")).unwrap();
    assert_ne!(vector(), first);
    // One that does not match its checksum is not.
    std::fs::write(&file, written.replace("\"int8\"", "\"f32\"")).unwrap();
    assert_eq!(vector(), first);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), written);
}

#[test]
fn vectors_are_near_those_of_sentence_transformers() {
    let file = Path::new(FOLDER).with_file_name("expected.json");
    let expected: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut model = load(Path::new(FOLDER)).unwrap();
    let info = model.model().clone();
    assert_eq!((info.dimensions, info.window), (48, 32));
    assert_eq!(
        (info.query_prefix.as_str(), info.passage_prefix.as_str()),
        ("moon: ", "")
    );
    for (role, name) in [(Role::Query, "query"), (Role::Passage, "passage")] {
        let vectors: Vec<Vec<f32>> = serde_json::from_value(expected[name].clone()).unwrap();
        for (text, vector) in expected["texts"].as_array().unwrap().iter().zip(vectors) {
            let found = model.embed(text.as_str().unwrap(), role).unwrap().vector;
            assert!(
                dot(&found, &vector) > 0.998,
                "{name} {text}: {}",
                dot(&found, &vector)
            );
        }
    }
    let one = model.embed("sea", Role::Passage).unwrap();
    assert_eq!(
        one,
        model.fork().unwrap().embed("sea", Role::Passage).unwrap()
    );
    assert!(
        dot(
            &one.vector,
            &model.embed("moon", Role::Passage).unwrap().vector
        ) < 0.99
    );
}

#[test]
fn vocabulary_file_replaces_the_tokenizer_file() {
    let dir = copy();
    let texts = [
        "The moon, the sea!",
        "naïve cafés\u{a0}sing 7 songs",
        "x".repeat(101).as_str(),
        "",
    ]
    .map(str::to_owned);
    let with = |dir: &Path| {
        let model = Loaded::read(dir).unwrap();
        texts.clone().map(|text| model.tokenizer.encode(&text, 32))
    };
    let own = with(dir.path());
    std::fs::remove_file(dir.path().join("tokenizer.json")).unwrap();
    assert_eq!(with(dir.path()), own);
    std::fs::remove_file(dir.path().join("vocab.txt")).unwrap();
    let error = Loaded::read(dir.path()).err().unwrap().to_string();
    assert!(
        error.ends_with("neither tokenizer.json nor vocab.txt in it"),
        "{error}"
    );
}

#[test]
fn lowercasing_of_sentence_transformers_is_applied() {
    let dir = copy();
    let path = dir.path();
    change(path.join("tokenizer.json"), |tokenizer| {
        tokenizer["normalizer"]["lowercase"] = false.into()
    });
    let tokens = || Loaded::read(path).unwrap().tokenizer.encode("Moon", 32).0;
    assert_ne!(
        tokens(),
        Loaded::read(path).unwrap().tokenizer.encode("moon", 32).0
    );
    change(path.join("sentence_bert_config.json"), |settings| {
        settings["do_lower_case"] = true.into()
    });
    assert_eq!(
        tokens(),
        Loaded::read(path).unwrap().tokenizer.encode("moon", 32).0
    );
}

#[test]
fn hash_changes_with_everything_that_changes_vectors() {
    let hash = |dir: &Path| Loaded::read(dir).unwrap().info.hash;
    let own = hash(Path::new(FOLDER));
    let dir = copy();
    let path = dir.path();
    change(path.join("config.json"), |config| {
        config["transformers_version"] = "9".into()
    });
    assert_eq!(hash(path), own, "a copy elsewhere");
    let changed = |file: &str, key: &str, value: Value| {
        let dir = copy();
        change(dir.path().join(file), |settings| settings[key] = value);
        assert_ne!(hash(dir.path()), own, "{file} {key}");
    };
    changed("config.json", "layer_norm_eps", json!(1e-5));
    changed("1_Pooling/config.json", "pooling_mode", "cls".into());
    changed(
        "2_Dense/config.json",
        "activation_function",
        "torch.nn.modules.linear.Identity".into(),
    );
    changed(
        "config_sentence_transformers.json",
        "prompts",
        json!({"query": "q"}),
    );
    changed("sentence_bert_config.json", "max_seq_length", 16.into());
    changed("tokenizer.json", "decoder", Value::Null);
    let weights = path.join("2_Dense/model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(weights, bytes).unwrap();
    assert_ne!(hash(path), own);
}

#[test]
fn what_is_not_understood_is_an_error_that_names_it() {
    let error = |file: &str, edit: &dyn Fn(&mut Value)| {
        let dir = copy();
        change(dir.path().join(file), edit);
        let error = Loaded::read(dir.path()).err().unwrap().to_string();
        error.replace(&*dir.path().to_string_lossy(), "M")
    };
    let check = |file: &str, edit: &dyn Fn(&mut Value), says: &str| {
        let found = error(file, edit);
        assert!(found.contains(says), "{found}\n{says}");
    };
    check(
        "modules.json",
        &|list| list[2]["type"] = "x.Dropout".into(),
        "modules.json: type: expected Dense or Normalize, found \"x.Dropout\"",
    );
    check(
        "modules.json",
        &|list| list[1]["type"] = "x.CNN".into(),
        "modules.json: type: expected Pooling",
    );
    check(
        "modules.json",
        &|list| *list = json!([]),
        "modules.json: the modules: expected Transformer and Pooling",
    );
    check(
        "1_Pooling/config.json",
        &|pooling| pooling["pooling_mode"] = "sum".into(),
        "1_Pooling/config.json: pooling_mode: expected",
    );
    check(
        "2_Dense/config.json",
        &|dense| dense["out_features"] = 64.into(),
        "2_Dense/model.safetensors: tensor `linear.weight`: expected the shape [64, 32]",
    );
    check(
        "2_Dense/config.json",
        &|dense| dense["activation_function"] = "torch.nn.SiLU".into(),
        "2_Dense/config.json: activation_function: ",
    );
    check(
        "2_Dense/config.json",
        &|dense| dense["module_input_name"] = "token_embeddings".into(),
        "module_input_name: expected sentence_embedding",
    );
    check(
        "config.json",
        &|config| config["hidden_act"] = "silu".into(),
        "config.json: hidden_act: ",
    );
    check(
        "config.json",
        &|config| config["vocab_size"] = 60.into(),
        "model.safetensors: tensor `embeddings.word_embeddings.weight`: ",
    );
    check(
        "sentence_bert_config.json",
        &|settings| settings["max_seq_length"] = 41.into(),
        "at most 40, the positions of the model, found 41",
    );
    check(
        "config_sentence_transformers.json",
        &|settings| *settings = json!(7),
        "config_sentence_transformers.json: expected an object, found 7",
    );
    check(
        "tokenizer.json",
        &|tokenizer| {
            let added = tokenizer["added_tokens"].as_array_mut().unwrap();
            added.push(json!({"id": 90, "content": "[X]", "special": true, "normalized": false, "single_word": false, "lstrip": false, "rstrip": false}));
        },
        "the token \"[X]\" has the id",
    );
    let dir = copy();
    std::fs::remove_file(dir.path().join("2_Dense/model.safetensors")).unwrap();
    let error = Loaded::read(dir.path()).err().unwrap().to_string();
    assert!(error.contains("2_Dense/model.safetensors: "), "{error}");
}

#[test]
fn folder_without_modules_has_mean_pooling() {
    let dir = copy();
    for file in ["modules.json", "1_Pooling/config.json"] {
        std::fs::remove_file(dir.path().join(file)).unwrap();
    }
    assert!(TransformerEmbedder::is_model_folder(dir.path()));
    let model = Loaded::read(dir.path()).unwrap();
    assert_eq!(
        (model.modules, model.info.dimensions),
        (vec!["Pooling mean".to_owned()], 32)
    );
}

#[test]
fn transformer_may_be_in_a_folder_of_its_own() {
    let dir = copy();
    let inner = dir.path().join("0_Transformer");
    std::fs::create_dir(&inner).unwrap();
    for file in [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "sentence_bert_config.json",
    ] {
        std::fs::rename(dir.path().join(file), inner.join(file)).unwrap();
    }
    assert!(!TransformerEmbedder::is_model_folder(dir.path()));
    change(dir.path().join("modules.json"), |list| {
        list[0]["path"] = "0_Transformer".into()
    });
    assert!(TransformerEmbedder::is_model_folder(dir.path()));
    assert_eq!(
        Loaded::read(dir.path()).unwrap().info.hash,
        Loaded::read(Path::new(FOLDER)).unwrap().info.hash
    );
}
