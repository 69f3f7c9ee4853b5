//! The static model: fast indexing, with the built-in model as the reranker.

use crate::common::TestDir;

#[test]
fn static_collection_is_reranked_by_the_built_in_model() {
    let dir = TestDir::new();
    let sample = crate::common::data().join("sample");
    let report = dir.json(0, &["index", sample.to_str().unwrap(), "--model", "static"]);
    assert_eq!(
        (&report["articles"], &report["model"]),
        (&24.into(), &"minilm-l6-v2-static".into())
    );
    let question = "why is one high tide a day bigger than the other";
    let found = dir.json(0, &["search", question, "-k", "3", "--rerank-ms", "60000"]);
    assert_eq!(
        (&found["rerank"]["model"], &found["rerank"]["of"]),
        (&"builtin".into(), &50.into())
    );
    let first = found["hits"][0]["article_id"].as_str().unwrap();
    assert!(first.ends_with("tides.txt"), "{found}");
    // The rerank score equals the cosine in a collection of the built-in model, up to the title.
    dir.json(0, &["index", sample.to_str().unwrap(), "-c", "own"]);
    let own = dir.json(
        0,
        &[
            "search", question, "-k", "20", "-c", "own", "--mode", "dense", "--copies",
        ],
    );
    let id = found["hits"][0]["passage_id"].as_str().unwrap();
    let same = own["hits"]
        .as_array()
        .unwrap()
        .iter()
        .find(|hit| hit["passage_id"] == id)
        .unwrap();
    let difference =
        same["score"].as_f64().unwrap() - found["hits"][0]["scores"]["rerank"].as_f64().unwrap();
    assert!(
        difference.abs() < 0.1,
        "{difference}: the scored texts differ only in the title"
    );
    let alone = dir.json(0, &["search", question, "-k", "3", "--rerank", "none"]);
    assert!(alone.get("rerank").is_none() && alone["hits"][0]["scores"].get("rerank").is_none());
    dir.run(&["index", sample.to_str().unwrap(), "--model", "builtin"])
        .assert_exit(2, &["another", "-c"]);
    dir.assert_sound(24);
}

#[test]
fn eval_of_a_static_collection_includes_the_reranked_system() {
    let dir = TestDir::new();
    dir.put(
        "faq.txt",
        std::fs::read(crate::common::data().join("provided-article.txt")).unwrap(),
    );
    dir.ok(&["index", "faq.txt", "--format", "qa", "--model", "static"]);
    let verdict = dir.json(0, &["eval", "--qa", "--mode", "hybrid,lexical"]);
    let names: Vec<&str> = verdict["systems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["hybrid", "lexical", "hybrid, builtin"]);
    assert_eq!(verdict["manifest"]["rerank"]["model"], "builtin");
}
