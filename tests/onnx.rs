//! ONNX models, run by fastembed and ONNX Runtime.

use crate::common::TestDir;

/// The path of the ONNX Runtime library, for the tests that need it.
fn runtime_path() -> String {
    std::env::var("ORT_DYLIB_PATH")
        .expect("ORT_DYLIB_PATH: the libonnxruntime file of `pip install onnxruntime`")
}

/// Creates a model folder from an ONNX file of the fixtures and the built-in model's tokenizer.
fn put_model(dir: &TestDir, fixture: &str) {
    let root = crate::common::data().parent().unwrap().to_owned();
    let model =
        std::fs::read(root.join("tests/fixtures").join(fixture).join("model.onnx")).unwrap();
    dir.put(&format!("{fixture}/model.onnx"), model);
    for file in [
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
    ] {
        let bytes = std::fs::read(root.join("models/minilm-l6-v2-int8").join(file)).unwrap();
        dir.put(&format!("{fixture}/{file}"), bytes);
    }
}

#[test]
#[ignore = "needs ONNX Runtime: pip install onnxruntime, and ORT_DYLIB_PATH set to its libonnxruntime file"]
fn local_model_folder_embeds_articles_and_questions() {
    let dir = TestDir::new();
    put_model(&dir, "embedder");
    dir.put("a/tides.txt", "The moon pulls the sea towards it.\n");
    dir.put("a/bread.txt", "Bread needs flour, water, salt and yeast.\n");
    let run = |args: &[&str]| {
        let output = dir
            .command(args)
            .env("ORT_DYLIB_PATH", runtime_path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let report = run(&[
        "index", "a", "--chunk", "whole", "--model", "embedder", "--json",
    ]);
    let folder = dir.path("embedder").canonicalize().unwrap();
    assert_eq!(
        (&report["articles"], &report["model"]),
        (&serde_json::json!(2), &serde_json::json!(folder))
    );
    // The model ignores word order. The passage contains the words twice, because its title is
    // embedded too, and the special tokens once: the cosine is close to 1, but not 1.
    let found = run(&[
        "search",
        "sea the pulls moon the it towards.",
        "--mode",
        "dense",
        "--json",
    ]);
    let hits = found["hits"].as_array().unwrap();
    let score = |at: usize| hits[at]["score"].as_f64().unwrap();
    assert_eq!(hits[0]["article_id"], "a/tides.txt");
    assert!(score(0) > 0.98 && score(1) < 0.5, "{hits:?}");
}

#[test]
#[ignore = "needs ONNX Runtime: pip install onnxruntime, and ORT_DYLIB_PATH set to its libonnxruntime file"]
fn cross_encoder_score_replaces_the_search_score() {
    let dir = TestDir::new();
    // This model counts the passage's tokens that also occur in the question.
    put_model(&dir, "cross-encoder");
    dir.put("a/one.txt", "Red\n\nRed boats sail north.\n");
    dir.put(
        "a/two.txt",
        "Blue\n\nBlue boats sail south in winter, red ones too.\n",
    );
    dir.put("a/three.txt", "Bread\n\nBread needs flour and yeast.\n");
    dir.ok(&["index", "a"]);
    let run = |args: &[&str]| {
        dir.command(args)
            .env("ORT_DYLIB_PATH", runtime_path())
            .output()
            .unwrap()
    };
    let search = |question: &str| {
        let output = run(&["search", question, "--rerank", "cross-encoder", "--json"]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    for (question, first) in [
        ("boats in winter sail south too", "a/two.txt"),
        ("flour yeast bread", "a/three.txt"),
    ] {
        let found = search(question);
        let hits = found["hits"].as_array().unwrap();
        assert_eq!(hits[0]["article_id"], first);
        assert!(
            hits.iter()
                .all(|hit| hit["score"] == hit["scores"]["rerank"])
        );
        let scores: Vec<f64> = hits
            .iter()
            .map(|hit| hit["score"].as_f64().unwrap())
            .collect();
        assert!(
            scores.is_sorted_by(|a, b| a >= b) && scores[0] - scores[2] >= 3.0,
            "{scores:?}"
        );
    }
    // An embedding model is no reranker: it does not score pairs.
    put_model(&dir, "embedder");
    let output = run(&["search", "boats", "--rerank", "embedder"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(2) && stderr.contains("logits"),
        "{stderr}"
    );
}

#[test]
fn missing_onnx_runtime_error_says_how_to_install_it() {
    let dir = TestDir::new();
    put_model(&dir, "cross-encoder");
    dir.put("a.txt", "Tides\n\nThe moon pulls the sea.");
    dir.ok(&["index", "a.txt"]);
    let mut command = dir.command(&["search", "moon", "--rerank", "cross-encoder"]);
    let result: crate::common::CliOutput = command
        .env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so")
        .output()
        .unwrap()
        .into();
    result.assert_exit(2, &["needs ONNX Runtime", "pip install onnxruntime"]);
}

#[test]
fn model_folder_without_an_onnx_file_is_an_error() {
    let dir = TestDir::new();
    dir.put("a.txt", "Tides\n\nThe moon pulls the sea.");
    std::fs::create_dir(dir.path("model")).unwrap();
    dir.run(&["index", "a.txt", "--model", "model"])
        .assert_exit(
            2,
            &[
                "model",
                "neither model.safetensors nor an ONNX file in it",
                "model.onnx",
            ],
        );
}

#[test]
fn models_lists_the_built_in_models_first() {
    let models = TestDir::new().json(0, &["models"]);
    let models = models.as_array().unwrap();
    assert_eq!(
        (models[0]["name"].as_str(), models[0]["builtin"].as_bool()),
        (Some("minilm-l6-v2-int8"), Some(true))
    );
    assert_eq!(
        (models[1]["name"].as_str(), models[1]["builtin"].as_bool()),
        (Some("minilm-l6-v2-static"), Some(true))
    );
    assert!(
        models
            .iter()
            .any(|m| m["name"] == "BGERerankerBase" && m["kind"] == "reranker"),
        "{models:?}"
    );
    assert!(
        models
            .iter()
            .any(|m| m["name"] == "BGESmallENV15" && m["dimensions"] == 384),
        "{models:?}"
    );
}
