//! The first thing a newcomer runs, and the golden figures on the articles in data/.

use crate::common::Place;
use serde_json::Value;

fn verdict<'a>(demo: &'a Value, articles: &str, wording: &str, mode: &str) -> &'a Value {
    let found = demo["verdicts"].as_array().unwrap().iter().find(|v| {
        v["articles"]
            == format!(
                "{articles} article{}",
                if articles == "sample" { "s" } else { "" }
            )
            && v["wording"] == wording
            && v["mode"] == mode
    });
    found.unwrap_or_else(|| panic!("no verdict for {articles}, {wording}, {mode}: {demo}"))
}

#[test]
fn the_demo_indexes_asks_and_judges() {
    let place = Place::new();
    let demo = place.json(0, &["demo"]);
    assert_eq!(demo["index"]["articles"], 25);
    assert_eq!(demo["index"]["failed"].as_array().unwrap().len(), 0);
    assert!(demo["index"]["passages"].as_u64().unwrap() >= 225);
    assert!(
        demo["answers"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|a| a["right"] == true)
            .count()
            >= 2
    );
    // What was measured when this was written, less a little for other processors' rounding.
    let floors = [
        (
            "provided",
            "as asked",
            8,
            [("hybrid", 0.75), ("dense", 0.62), ("lexical", 0.75)],
        ),
        (
            "provided",
            "paraphrased",
            48,
            [("hybrid", 0.66), ("dense", 0.64), ("lexical", 0.60)],
        ),
        (
            "sample",
            "as asked",
            192,
            [("hybrid", 0.89), ("dense", 0.92), ("lexical", 0.82)],
        ),
        (
            "sample",
            "paraphrased",
            384,
            [("hybrid", 0.78), ("dense", 0.71), ("lexical", 0.69)],
        ),
    ];
    for (articles, wording, questions, modes) in floors {
        for (mode, floor) in modes {
            let verdict = verdict(&demo, articles, wording, mode);
            assert_eq!(verdict["questions"], questions);
            let (recall, mrr) = (
                verdict["recall_at_1"].as_f64().unwrap(),
                verdict["mrr_at_10"].as_f64().unwrap(),
            );
            assert!(
                recall >= floor && recall <= mrr && mrr <= 1.0,
                "{articles}, {wording}, {mode}: {recall} {mrr}"
            );
        }
    }
    assert_eq!(
        std::fs::read_dir(place.path(".")).unwrap().count(),
        0,
        "it leaves nothing behind"
    );
}

#[test]
fn the_demo_reads_well() {
    let ran = Place::new().ok(&["demo"]);
    for word in [
        "Indexed 25 articles",
        "data/provided-article.txt",
        "recall@1",
        "paraphrased",
    ] {
        assert!(ran.out.contains(word), "{word}: {}", ran.out);
    }
    assert!(
        !ran.out.contains('\u{1b}'),
        "no colour where there is no terminal"
    );
}
