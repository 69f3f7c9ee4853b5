//! Models through fastembed and ONNX Runtime.

mod common;

use common::Place;

/// Where the runtime is, for the tests that need it.
fn runtime() -> String {
    std::env::var("ORT_DYLIB_PATH").expect("ORT_DYLIB_PATH: the libonnxruntime file of `pip install onnxruntime`")
}

#[test]
#[ignore = "needs ONNX Runtime: pip install onnxruntime, and ORT_DYLIB_PATH set to its libonnxruntime file"]
fn a_local_folder_gives_the_vectors_of_the_built_in_model() {
    let place = Place::new();
    let data = common::data();
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
    assert!(models.iter().any(|m| m["name"] == "BGESmallENV15" && m["dimensions"] == 384), "{models:?}");
}
