//! Models through fastembed and ONNX Runtime.

use crate::common::Place;

/// Where the runtime is, for the tests that need it.
fn runtime() -> String {
    std::env::var("ORT_DYLIB_PATH")
        .expect("ORT_DYLIB_PATH: the libonnxruntime file of `pip install onnxruntime`")
}

/// A folder with a model of the fixtures and the built-in model's tokenizer.
fn folder(place: &Place, fixture: &str) {
    let root = crate::common::data().parent().unwrap().to_owned();
    let model =
        std::fs::read(root.join("tests/fixtures").join(fixture).join("model.onnx")).unwrap();
    place.put(&format!("{fixture}/model.onnx"), model);
    for file in [
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
    ] {
        let bytes = std::fs::read(root.join("models/minilm-l6-v2-int8").join(file)).unwrap();
        place.put(&format!("{fixture}/{file}"), bytes);
    }
}

#[test]
#[ignore = "needs ONNX Runtime: pip install onnxruntime, and ORT_DYLIB_PATH set to its libonnxruntime file"]
fn a_local_folder_embeds_and_answers() {
    let place = Place::new();
    folder(&place, "embedder");
    place.put("a/tides.txt", "The moon pulls the sea towards it.\n");
    place.put("a/bread.txt", "Bread needs flour, water, salt and yeast.\n");
    let run = |args: &[&str]| {
        let output = place
            .command(args)
            .env("ORT_DYLIB_PATH", runtime())
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
    assert_eq!(
        (&report["articles"], &report["model"]),
        (&serde_json::json!(2), &serde_json::json!("embedder"))
    );
    // The model knows no order of words. The passage has them twice, as its title too, and the
    // special ones once.
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
fn a_cross_encoder_decides_alone() {
    let place = Place::new();
    // It counts the passage's word pieces that the question has too.
    folder(&place, "cross-encoder");
    place.put("a/one.txt", "Red\n\nRed boats sail north.\n");
    place.put(
        "a/two.txt",
        "Blue\n\nBlue boats sail south in winter, red ones too.\n",
    );
    place.put("a/three.txt", "Bread\n\nBread needs flour and yeast.\n");
    place.ok(&["index", "a"]);
    let run = |args: &[&str]| {
        place
            .command(args)
            .env("ORT_DYLIB_PATH", runtime())
            .output()
            .unwrap()
    };
    let ask = |question: &str| {
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
        let found = ask(question);
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
    // An embedding model in its place gives no scores of pairs.
    folder(&place, "embedder");
    let output = run(&["search", "boats", "--rerank", "embedder"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(2) && said.contains("logits"),
        "{said}"
    );
}

#[test]
fn a_reranker_without_its_runtime_says_what_to_do() {
    let place = Place::new();
    folder(&place, "cross-encoder");
    place.put("a.txt", "Tides\n\nThe moon pulls the sea.");
    place.ok(&["index", "a.txt"]);
    let mut command = place.command(&["search", "moon", "--rerank", "cross-encoder"]);
    let ran: crate::common::Ran = command
        .env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so")
        .output()
        .unwrap()
        .into();
    ran.said(2, &["needs ONNX Runtime", "pip install onnxruntime"]);
}

#[test]
fn a_folder_without_a_model_says_what_it_lacks() {
    let place = Place::new();
    place.put("a.txt", "Tides\n\nThe moon pulls the sea.");
    std::fs::create_dir(place.path("model")).unwrap();
    place
        .run(&["index", "a.txt", "--model", "model"])
        .said(2, &["model", "no ONNX file in it", "model.onnx"]);
}

#[test]
fn the_catalogue_is_listed_with_the_built_in_model_first() {
    let models = Place::new().json(0, &["models"]);
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
