//! `nigh tune`: fitting the fusion of dense and lexical scores to judged questions.

use crate::common::TestDir;
use serde_json::Value;

/// Near-identical articles that differ only in a part number, and questions that name it: only
/// lexical search can tell the articles apart.
fn lexical_only_collection() -> TestDir {
    let dir = TestDir::new();
    let (mut queries, mut qrels) = (String::new(), String::from("query-id\tcorpus-id\tscore\n"));
    for n in 0..40 {
        let code = format!("X{}Q", 1000 + 37 * n);
        dir.put(
            &format!("parts/{n}.txt"),
            format!("Spare part\n\nThe spare part {code} fits the pump and costs little.\n"),
        );
        queries += &format!(
            "{{\"_id\": \"q{n}\", \"text\": \"which pump does the cheap spare part {code} fit\"}}\n"
        );
        qrels += &format!("q{n}\tparts/{n}.txt\t1\n");
    }
    dir.put("q.jsonl", queries);
    dir.put("qrels.tsv", qrels);
    dir.ok(&["index", "parts"]);
    dir
}

const TUNE: [&str; 5] = ["tune", "--queries", "q.jsonl", "--qrels", "qrels.tsv"];

fn mean(report: &Value, system: &str) -> f64 {
    let systems = report["systems"].as_array().unwrap();
    let system = systems
        .iter()
        .find(|found| found["name"] == system)
        .unwrap();
    system["metrics"]["MRR@10"]["mean"].as_f64().unwrap()
}

#[test]
fn tune_stores_a_better_fusion_and_search_uses_it() {
    let dir = TestDir::new();
    dir.ok(&[
        "index",
        crate::common::data().join("sample").to_str().unwrap(),
    ]);
    // The questions of the articles themselves, on which dense search beats lexical search.
    let eval = [
        "eval",
        "--qa",
        "--mode",
        "hybrid,dense,lexical",
        "--metrics",
        "MRR@10",
    ];
    let verdict = || dir.json(0, &eval);
    let before = verdict();
    let tune = ["tune", "--qa", "--metric", "MRR@10"];
    let tried = dir.json(0, &[&tune[..], &["--dry-run"]].concat());
    assert_eq!(
        (&tried["kept"], &tried["queries"]),
        (&false.into(), &192.into())
    );
    for (of, as_judged) in [
        ("before", "hybrid"),
        ("dense", "dense"),
        ("lexical", "lexical"),
    ] {
        assert!(
            (mean(&tried, of) - mean(&before, as_judged)).abs() < 0.003,
            "{of}"
        );
    }
    assert!(verdict()["manifest"]["tuned"].is_null());
    let tuned = dir.json(0, &tune);
    assert_eq!(
        (&tuned["kept"], &tuned["best"]),
        (&true.into(), &tried["best"])
    );
    assert!(
        mean(&tuned, "tuned") > mean(&tuned, "before")
            && tuned["best"]["dense"].as_f64() > Some(0.5),
        "{tuned}"
    );
    let after = verdict();
    let (stored, best) = (&after["manifest"]["tuned"], &tuned["best"]);
    assert_eq!(stored["method"], best["method"]);
    assert!(
        (stored["dense"].as_f64().unwrap() - best["dense"].as_f64().unwrap()).abs() < 1e-6,
        "{stored} {best}"
    );
    assert!(mean(&after, "hybrid") > mean(&before, "hybrid"));
    // A second run finds nothing better than the stored fusion.
    assert_eq!(dir.json(0, &tune)["kept"], false);
    dir.ok(&["tune", "--reset"]);
    assert_eq!(mean(&verdict(), "hybrid"), mean(&before, "hybrid"));
}

#[test]
fn tune_rejects_bad_options_and_prints_a_summary() {
    let dir = lexical_only_collection();
    dir.run(&["tune"]).assert_exit(2, &["which questions?"]);
    dir.run(&[&TUNE[..], &["--folds", "60"]].concat())
        .assert_exit(2, &["60 parts need as many questions"]);
    dir.run(&[&TUNE[..], &["--metric", "nonsense"]].concat())
        .assert_exit(2, &["nonsense"]);
    dir.run(&TUNE).assert_exit(
        0,
        &[
            "40 questions, nDCG@10, 5 parts",
            "before: ",
            "dense search alone",
            "lexical search alone",
            "best on all",
        ],
    );
}

#[test]
fn tune_keeps_the_setting_that_nothing_beats() {
    let dir = lexical_only_collection();
    let tuned = dir.json(0, &[&TUNE[..], &["--metric", "MRR@10"]].concat());
    assert!(mean(&tuned, "lexical") > mean(&tuned, "dense"), "{tuned}");
    assert!(mean(&tuned, "tuned") >= mean(&tuned, "before"), "{tuned}");
    assert!(mean(&tuned, "tuned") > mean(&tuned, "dense"), "{tuned}");
    assert_eq!(
        (&tuned["kept"], &tuned["best"]["dense"]),
        (&false.into(), &0.5.into()),
        "half the weight finds all of them already"
    );
}
