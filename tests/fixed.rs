//! The static model: indexing without a wait, and questions that the built-in model has the last
//! word on.

use crate::common::Place;

#[test]
fn a_static_collection_is_ranked_by_the_built_in_model() {
    let place = Place::new();
    let sample = crate::common::data().join("sample");
    let report = place.json(0, &["index", sample.to_str().unwrap(), "--model", "static"]);
    assert_eq!(
        (&report["articles"], &report["model"]),
        (&24.into(), &"minilm-l6-v2-static".into())
    );
    let asked = "why is one high tide a day bigger than the other";
    let found = place.json(0, &["search", asked, "-k", "3", "--rerank-ms", "60000"]);
    assert_eq!(
        (&found["rerank"]["model"], &found["rerank"]["of"]),
        (&"builtin".into(), &50.into())
    );
    let first = found["hits"][0]["article_id"].as_str().unwrap();
    assert!(first.ends_with("tides.txt"), "{found}");
    // What it scored is what a collection of the built-in model's own vectors says.
    place.json(0, &["index", sample.to_str().unwrap(), "-c", "own"]);
    let own = place.json(
        0,
        &[
            "search", asked, "-k", "20", "-c", "own", "--mode", "dense", "--copies",
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
        "{difference}: the same text but for the title in front of it"
    );
    let alone = place.json(0, &["search", asked, "-k", "3", "--rerank", "none"]);
    assert!(alone.get("rerank").is_none() && alone["hits"][0]["scores"].get("rerank").is_none());
    place
        .run(&["index", sample.to_str().unwrap(), "--model", "builtin"])
        .said(2, &["another", "-c"]);
    place.sound(24);
}

#[test]
fn a_verdict_judges_both_stages() {
    let place = Place::new();
    place.put(
        "faq.txt",
        std::fs::read(crate::common::data().join("provided-article.txt")).unwrap(),
    );
    place.ok(&["index", "faq.txt", "--format", "qa", "--model", "static"]);
    let verdict = place.json(0, &["eval", "--qa", "--mode", "hybrid,lexical"]);
    let names: Vec<&str> = verdict["systems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["hybrid", "lexical", "hybrid, builtin"]);
    assert_eq!(verdict["manifest"]["rerank"]["model"], "builtin");
}
