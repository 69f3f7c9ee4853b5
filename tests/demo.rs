//! `nigh demo`: its report, and lower bounds for its quality on the articles in data/.

use crate::common::{TestDir, data};
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

/// Without what is in the first brackets, which is the time that indexing took.
fn without_times(line: &str) -> String {
    let bracketed = line.split_once('(').and_then(|(before, rest)| {
        let (_, after) = rest.split_once(')')?;
        Some(format!("{before}{after}"))
    });
    bracketed.unwrap_or_else(|| line.to_owned())
}

#[test]
fn demo_prints_what_the_readme_shows_and_no_colour_when_not_on_a_terminal() {
    let printed = TestDir::new().ok(&["demo"]).stdout;
    let readme = std::fs::read_to_string(data().join("../README.md")).unwrap();
    let shown = readme
        .split_once("```text\n$ nigh demo\n")
        .and_then(|(_, rest)| rest.split_once("\n```"))
        .map(|(shown, _)| shown)
        .unwrap();
    // The README leaves lines out, but changes none and keeps their order.
    let mut lines = printed.lines().map(without_times);
    for line in shown.lines().filter(|line| *line != "[…]") {
        assert!(
            lines.any(|found| found == without_times(line)),
            "{line:?} expected in: {printed}"
        );
    }
    assert!(
        !printed.contains('\u{1b}'),
        "no colour codes without a terminal"
    );
}
