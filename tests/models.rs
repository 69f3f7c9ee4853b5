//! Models from folders in the layout of sentence-transformers.

use crate::common::TestDir;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A small random model whose vectors have 48 dimensions.
fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/ingest/tests/transformer/model")
}

#[test]
fn folder_with_safetensors_needs_nothing_else() {
    let dir = TestDir::new();
    dir.put("a/tides.txt", "The moon pulls the sea towards it.\n");
    dir.put("a/bread.txt", "Bread needs flour, water, salt and yeast.\n");
    let folder = model();
    let folder = folder.to_str().unwrap();
    let report = dir.json(0, &["index", "a", "--chunk", "whole", "--model", folder]);
    assert_eq!(
        (&report["articles"], &report["model"]),
        (&2.into(), &folder.into())
    );
    let stats = dir.json(0, &["stats"]);
    assert_eq!(stats["manifest"]["model"]["dimensions"], 48);
    // The model is random, so either article may be the nearer one.
    let found = dir.json(0, &["search", "the moon", "--mode", "dense"]);
    assert_eq!(found["hits"].as_array().unwrap().len(), 2);
    // Late interaction works, too.
    dir.ok(&["search", "sea", "--rerank", "maxsim"]);
}

#[test]
fn check_says_how_near_a_model_is_to_f32() {
    let dir = TestDir::new();
    let folder = model();
    let folder = folder.to_str().unwrap();
    let found = dir.json(0, &["models", "check", folder]);
    assert_eq!(found["architecture"], "bert");
    assert_eq!(found["precision"], "int8");
    assert_eq!(found["query_prefix"], "moon: ");
    assert_eq!(
        found["modules"],
        serde_json::json!(["Pooling mean", "Dense 32 → 48 Tanh", "Normalize"])
    );
    let cosine = |name: &str| found["cosine"][name].as_f64().unwrap();
    assert!(
        cosine("mean") >= 0.998 && cosine("lowest") >= 0.99,
        "{found}"
    );
    dir.ok(&["models", "check", folder]).assert_exit(
        0,
        &["weights    int8", "Dense 32 → 48", "to f32 on average"],
    );
}

#[test]
fn folder_that_is_not_understood_is_an_error_that_names_the_file() {
    let dir = TestDir::new();
    for entry in ["config.json", "model.safetensors", "tokenizer.json"] {
        dir.put(
            &format!("m/{entry}"),
            std::fs::read(model().join(entry)).unwrap(),
        );
    }
    let config = std::fs::read(dir.path("m/config.json")).unwrap();
    let mut config: Value = serde_json::from_slice(&config).unwrap();
    config["model_type"] = "nomic_bert".into();
    dir.put("m/config.json", config.to_string());
    dir.put("a.txt", "The moon.\n");
    let says = [
        "m\": ",
        "config.json: model_type: expected bert",
        "nomic_bert",
    ];
    dir.run(&["models", "check", "m"]).assert_exit(2, &says);
    dir.run(&["index", "a.txt", "--model", "m"])
        .assert_exit(2, &says);
    dir.put("empty/readme", "");
    dir.run(&["models", "check", "empty"])
        .assert_exit(2, &["empty: no model.safetensors in it"]);
}
