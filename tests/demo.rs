//! `nigh demo`: its report, and lower bounds for its quality on the articles in data/.

use crate::common::TestDir;
use serde_json::Value;

fn verdict<'a>(demo: &'a Value, articles: &str, wording: &str, mode: &str) -> &'a Value {
    let verdict = demo["verdicts"].as_array().unwrap().iter().find(|v| {
        v["articles"]
            == format!(
                "{articles} article{}",
                if articles == "sample" { "s" } else { "" }
            )
            && v["wording"] == wording
            && v["mode"] == mode
    });
    verdict.unwrap_or_else(|| panic!("no verdict for {articles}, {wording}, {mode}: {demo}"))
}

#[test]
fn demo_indexes_searches_and_evaluates() {
    let dir = TestDir::new();
    let demo = dir.json(0, &["demo"]);
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
    // The measured values, minus a margin for the rounding of other processors.
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
        std::fs::read_dir(dir.path(".")).unwrap().count(),
        0,
        "the demo leaves no files behind"
    );
}

#[test]
fn demo_prints_plain_text_without_colour_when_not_on_a_terminal() {
    let result = TestDir::new().ok(&["demo"]);
    for word in [
        "Indexed 25 articles",
        "data/provided-article.txt",
        "recall@1",
        "paraphrased",
    ] {
        assert!(result.stdout.contains(word), "{word}: {}", result.stdout);
    }
    assert!(
        !result.stdout.contains('\u{1b}'),
        "no colour codes without a terminal"
    );
}
