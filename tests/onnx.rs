//! Models through fastembed and ONNX Runtime.

use crate::common::Place;

/// Where the runtime is, for the tests that need it.
fn runtime() -> String {
    std::env::var("ORT_DYLIB_PATH").expect("ORT_DYLIB_PATH: the libonnxruntime file of `pip install onnxruntime`")
}

#[test]
#[ignore = "needs ONNX Runtime: pip install onnxruntime, and ORT_DYLIB_PATH set to its libonnxruntime file"]
fn a_local_folder_gives_the_vectors_of_the_built_in_model() {
    let place = Place::new();
    let data = crate::common::data();
    let model = data.parent().unwrap().join("models/minilm-l6-v2-int8");
    let run = |args: &[&str]| {
        let output = place.command(args).env("ORT_DYLIB_PATH", runtime()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let sample = data.join("sample");
    let report = run(&["index", sample.to_str().unwrap(), "-c", "onnx", "--model", model.to_str().unwrap(), "--json"]);
    assert_eq!(report["articles"], 24);
    run(&["index", sample.to_str().unwrap(), "-c", "builtin", "--json"]);
    let ask = |collection: &str| {
        run(&[
            "search",
            "why is one high tide a day bigger than the other",
            "-c",
            collection,
            "--mode",
            "dense",
            "-k",
            "5",
            "--json",
        ])
    };
    let (one, other) = (ask("onnx"), ask("builtin"));
    for (a, b) in one["hits"].as_array().unwrap().iter().zip(other["hits"].as_array().unwrap()).take(3) {
        assert_eq!(a["passage_id"], b["passage_id"]);
        let difference = a["score"].as_f64().unwrap() - b["score"].as_f64().unwrap();
        assert!(difference.abs() < 0.02, "{a} {b}");
    }
}

/// A folder with the cross-encoder of the fixtures: it counts the passage's word pieces that the question has too.
fn cross_encoder(place: &Place) {
    let root = crate::common::data().parent().unwrap().to_owned();
    place.put("cross/model.onnx", std::fs::read(root.join("tests/fixtures/cross-encoder/model.onnx")).unwrap());
    for file in ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"] {
        place.put(&format!("cross/{file}"), std::fs::read(root.join("models/minilm-l6-v2-int8").join(file)).unwrap());
    }
}

#[test]
#[ignore = "needs ONNX Runtime: pip install onnxruntime, and ORT_DYLIB_PATH set to its libonnxruntime file"]
fn a_cross_encoder_decides_alone() {
    let place = Place::new();
    cross_encoder(&place);
    place.put("a/one.txt", "Red\n\nRed boats sail north.\n");
    place.put("a/two.txt", "Blue\n\nBlue boats sail south in winter, red ones too.\n");
    place.put("a/three.txt", "Bread\n\nBread needs flour and yeast.\n");
    place.ok(&["index", "a"]);
    let run = |args: &[&str]| place.command(args).env("ORT_DYLIB_PATH", runtime()).output().unwrap();
    let ask = |question: &str| {
        let output = run(&["search", question, "--rerank", "cross", "--json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    for (question, first) in [("boats in winter sail south too", "a/two.txt"), ("flour yeast bread", "a/three.txt")] {
        let found = ask(question);
        let hits = found["hits"].as_array().unwrap();
        assert_eq!(hits[0]["article_id"], first);
        assert!(hits.iter().all(|hit| hit["score"] == hit["scores"]["rerank"]));
        let scores: Vec<f64> = hits.iter().map(|hit| hit["score"].as_f64().unwrap()).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b) && scores[0] - scores[2] >= 3.0, "{scores:?}");
    }
    // An embedding model in its place gives no scores of pairs.
    let model = crate::common::data().parent().unwrap().join("models/minilm-l6-v2-int8");
    let output = run(&["search", "boats", "--rerank", model.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("logits"), "{said}");
}

#[test]
fn a_reranker_without_its_runtime_says_what_to_do() {
    let place = Place::new();
    cross_encoder(&place);
    place.put("a.txt", "Tides\n\nThe moon pulls the sea.");
    place.ok(&["index", "a.txt"]);
    let mut command = place.command(&["search", "moon", "--rerank", "cross"]);
    let ran: crate::common::Ran = command.env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so").output().unwrap().into();
    ran.said(2, &["needs ONNX Runtime", "pip install onnxruntime"]);
}

#[test]
fn a_folder_without_a_model_says_what_it_lacks() {
    let place = Place::new();
    place.put("a.txt", "Tides\n\nThe moon pulls the sea.");
    std::fs::create_dir(place.path("model")).unwrap();
    place.run(&["index", "a.txt", "--model", "model"]).said(2, &["model", "no ONNX file in it", "model.onnx"]);
}

#[test]
fn the_catalogue_is_listed_with_the_built_in_model_first() {
    let models = Place::new().json(0, &["models"]);
    let models = models.as_array().unwrap();
    assert_eq!((models[0]["name"].as_str(), models[0]["builtin"].as_bool()), (Some("minilm-l6-v2-int8"), Some(true)));
    assert_eq!((models[1]["name"].as_str(), models[1]["builtin"].as_bool()), (Some("minilm-l6-v2-static"), Some(true)));
    assert!(models.iter().any(|m| m["name"] == "BGERerankerBase" && m["kind"] == "reranker"), "{models:?}");
    assert!(models.iter().any(|m| m["name"] == "BGESmallENV15" && m["dimensions"] == 384), "{models:?}");
}
