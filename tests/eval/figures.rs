//! What is measured: golden figures, significance, wordings of one question.

use super::{assert_losses_add_up, data_file, put_articles, system};
use crate::common::{TestDir, data, with_data};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Compares with tests/golden/figures.json: measured values, with a tolerance for the rounding of
/// other processors.
#[test]
fn eval_reproduces_the_golden_figures_on_data() {
    let dir = with_data();
    let mut found: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for file in ["paraphrases.jsonl", "sample/paraphrases.jsonl"] {
        let args = [
            "eval",
            "--qa",
            "--queries",
            &data_file(file),
            "--metrics",
            "recall@1,MRR@10,nDCG@10",
            "--per-query",
            "v.csv",
        ];
        assert_losses_add_up(&dir.json(0, &args));
        let csv = std::fs::read_to_string(dir.path("v.csv")).unwrap();
        for line in csv.lines().skip(1) {
            let mut columns = line.rsplitn(3, ',');
            let (value, metric, rest) = (
                columns.next().unwrap(),
                columns.next().unwrap(),
                columns.next().unwrap(),
            );
            let (system, query) = rest.split_once(',').unwrap();
            // An article's own question has the id `article?n`; paraphrases have other ids.
            let own = query.contains('?');
            if own && file.starts_with("sample") {
                continue;
            }
            let provided = query.contains("provided-article");
            let set = if provided {
                "provided article"
            } else {
                "sample articles"
            };
            let wording = if own { "as asked" } else { "paraphrased" };
            let key = format!("{set}, {wording}, {system}, {metric}");
            found.entry(key).or_default().push(value.parse().unwrap());
        }
    }
    let golden: BTreeMap<String, Value> =
        serde_json::from_str(include_str!("../golden/figures.json")).unwrap();
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        golden.keys().collect::<Vec<_>>()
    );
    for (name, expected) in golden {
        let values = &found[&name];
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let (questions, value, tolerance) = (
            expected["questions"].as_u64().unwrap(),
            expected["value"].as_f64().unwrap(),
            expected["tolerance"].as_f64().unwrap(),
        );
        assert_eq!(values.len() as u64, questions, "{name}");
        assert!(
            (mean - value).abs() <= tolerance,
            "{name}: {mean:.4}, expected {value} ± {tolerance}"
        );
    }
}

#[test]
fn eval_json_is_complete_and_deterministic_for_a_seed() {
    let dir = with_data();
    let verdict = dir.json(
        0,
        &[
            "eval",
            "--qa",
            "--mode",
            "hybrid,lexical",
            "--metrics",
            "nDCG@10,R@5",
            "--seed",
            "7",
        ],
    );
    assert_eq!(
        (&verdict["queries"], &verdict["by"]),
        (&json!(200), &json!("answer"))
    );
    assert_eq!(verdict["metrics"], json!(["nDCG@10", "recall@5"]));
    for name in ["hybrid", "lexical"] {
        let figure = &system(&verdict, name)["metrics"]["nDCG@10"];
        let (mean, low, high) = (
            figure["mean"].as_f64().unwrap(),
            figure["ci95"][0].as_f64().unwrap(),
            figure["ci95"][1].as_f64().unwrap(),
        );
        assert!(low <= mean && mean <= high && low < high, "{figure}");
    }
    let comparisons = verdict["comparisons"].as_array().unwrap();
    assert_eq!(
        comparisons.len(),
        4,
        "one pair of systems, two metrics, two tests"
    );
    for key in [
        "a",
        "b",
        "metric",
        "difference",
        "p_value",
        "p_holm",
        "test",
        "ci95",
    ] {
        assert!(!comparisons[0][key].is_null(), "{key}");
    }
    let manifest = &verdict["manifest"];
    for key in [
        "program", "versions", "machine", "corpus", "model", "chunking", "graph", "seed",
    ] {
        assert!(!manifest[key].is_null(), "{key}: {manifest}");
    }
    assert_eq!(
        (&manifest["seed"], &manifest["corpus"]["articles"]),
        (&json!(7), &json!(25))
    );
    assert_eq!(manifest["versions"].as_object().unwrap().len(), 5);
    let again = dir.json(
        0,
        &[
            "eval",
            "--qa",
            "--mode",
            "hybrid,lexical",
            "--metrics",
            "nDCG@10,R@5",
            "--seed",
            "7",
        ],
    );
    assert_eq!(
        (&again["systems"], &again["comparisons"]),
        (&verdict["systems"], &verdict["comparisons"]),
        "the same seed gives the same verdict"
    );
}

#[test]
fn judged_spans_do_not_depend_on_the_chunking() {
    let dir = TestDir::new();
    let mut verdicts: Vec<(Vec<String>, Value)> = Vec::new();
    for (collection, chunking) in [("a", ["--chunk", "whole"]), ("b", ["--chunk-tokens", "24"])] {
        dir.ok(&[
            &["index", data().to_str().unwrap(), "-c", collection][..],
            &chunking,
        ]
        .concat());
        let verdict = dir.json(
            0,
            &["eval", "--qa", "-c", collection, "--per-query", "v.csv"],
        );
        assert_losses_add_up(&verdict);
        let csv = std::fs::read_to_string(dir.path("v.csv")).unwrap();
        verdicts.push((
            csv.lines()
                .map(|line| line.rsplit_once(',').unwrap().0.to_owned())
                .collect(),
            verdict,
        ));
    }
    assert_eq!(
        verdicts[0].0, verdicts[1].0,
        "the same questions are judged"
    );
    assert_eq!(verdicts[0].1["judgements"], verdicts[1].1["judgements"]);
    assert_eq!(
        verdicts[0].1["manifest"]["corpus"]["fingerprint"],
        verdicts[1].1["manifest"]["corpus"]["fingerprint"]
    );
    assert_ne!(
        verdicts[0].1["manifest"]["corpus"]["passages"],
        verdicts[1].1["manifest"]["corpus"]["passages"]
    );
}

#[test]
fn metric_value_does_not_depend_on_the_other_metrics() {
    let dir = with_data();
    let mrr = |metrics: &str| {
        let verdict = dir.json(0, &["eval", "--qa", "--metrics", metrics]);
        ["hybrid", "dense", "lexical"].map(|name| {
            system(&verdict, name)["metrics"]["MRR@10"]["mean"]
                .as_f64()
                .unwrap()
        })
    };
    assert_eq!(mrr("MRR@10"), mrr("MRR@10,recall@100,MAP"));
}

#[test]
fn eval_summarises_paraphrases_by_group() {
    let dir = with_data();
    let verdict = dir.json(
        0,
        &[
            "eval",
            "--qa",
            "--queries",
            &data_file("paraphrases.jsonl"),
            "--mode",
            "lexical",
        ],
    );
    let summary = &verdict["paraphrases"]["systems"][0];
    assert_eq!(
        (summary["groups"].as_u64(), summary["wordings"].as_u64()),
        (Some(8), Some(56))
    );
    let (mean, worst, spread) = (
        summary["mean"].as_f64().unwrap(),
        summary["worst"].as_f64().unwrap(),
        summary["spread"].as_f64().unwrap(),
    );
    assert!(
        worst < mean && spread > 0.0 && summary["agreement"].as_f64().unwrap() < 1.0,
        "{summary}"
    );
    let failing = verdict["paraphrases"]["failing"].as_array().unwrap();
    assert!(
        failing
            .iter()
            .all(|f| f["system"] == "lexical" && !f["text"].as_str().unwrap().is_empty())
            && !failing.is_empty()
    );
    // Any queries can form a group; the judgements of one of them count for all.
    dir.put("q.jsonl", "{\"_id\": \"a\", \"text\": \"what slows the Earth\"}\n{\"_id\": \"b\", \"text\": \"why do days get longer\", \"group\": \"a\"}\n");
    dir.put("qrels.tsv", "a\tdata/sample/tides.txt\t1\n");
    let tides = dir.json(0, &["stats"]);
    assert_eq!(tides["articles"], 25);
    let id =
        dir.json(0, &["search", "tides", "-k", "1", "--by", "article"])["hits"][0]["article_id"]
            .as_str()
            .unwrap()
            .to_owned();
    dir.put("qrels.tsv", format!("a\t{id}\t1\n"));
    let verdict = dir.json(
        0,
        &[
            "eval",
            "--queries",
            "q.jsonl",
            "--qrels",
            "qrels.tsv",
            "--mode",
            "hybrid",
        ],
    );
    assert_eq!(
        (
            verdict["queries"].as_u64(),
            verdict["paraphrases"]["systems"][0]["groups"].as_u64()
        ),
        (Some(2), Some(1))
    );
}

#[test]
#[ignore = "needs Python with ir_measures, pytrec_eval-terrier and scipy: set PYTHON to it"]
fn figures_equal_those_of_trec_eval_and_scipy() {
    let python = std::env::var("PYTHON")
        .expect("PYTHON: an interpreter with tests/requirements.txt installed");
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parity.py");
    let mut command = std::process::Command::new(python);
    command
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_nigh"))
        .args(["--runs", "500"]);
    if let Ok(folder) = std::env::var("EVALUATION_DATA") {
        command.args(["--data", &folder]);
    }
    let output = command.output().unwrap();
    let output_text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{output_text}");
    assert!(output.status.success(), "{output_text}");
}

#[test]
fn few_questions_are_no_certainty() {
    let dir = TestDir::new();
    let words = ["anvil", "barley", "cello", "dahlia", "ebony"];
    let texts = words.map(|word| format!("All about the {word}."));
    let articles: Vec<(&str, &str)> = words
        .into_iter()
        .zip(texts.iter().map(String::as_str))
        .collect();
    put_articles(&dir, &articles);
    dir.ok(&["index", "docs.jsonl"]);
    let (mut questions, mut qrels, mut other) = (String::new(), String::new(), String::new());
    for word in words {
        questions += &format!("{}\n", json!({"_id": word, "text": word}));
        qrels += &format!("{word} 0 {word} 1\n");
        other += &format!("{word} Q0 none 1 1 x\n");
    }
    dir.put("q.jsonl", questions);
    dir.put("qrels.txt", qrels);
    dir.put("none.trec", other);
    let verdict = dir.json(
        1,
        &[
            "eval",
            "--queries",
            "q.jsonl",
            "--qrels",
            "qrels.txt",
            "--mode",
            "lexical",
            "--run",
            "none.trec",
            "--metrics",
            "success@1",
        ],
    );
    let interval = &system(&verdict, "lexical")["metrics"]["success@1"]["ci95"];
    assert!(
        (interval[0].as_f64().unwrap() - 0.478).abs() < 1e-3 && interval[1] == 1.0,
        "{interval}"
    );
    for comparison in verdict["comparisons"].as_array().unwrap() {
        assert_eq!(comparison["difference"], 1.0);
        assert_eq!(comparison["p_value"], 2.0 / 32.0, "{comparison}");
        assert!(
            comparison["ci95"][0].as_f64().unwrap() < 0.5,
            "{comparison}"
        );
    }
    assert_eq!(
        verdict["power"],
        json!({"units": 5, "fewest_differences": 6, "smallest_difference": null})
    );
    let notes = verdict["notes"].as_array().unwrap();
    let note = notes
        .iter()
        .find(|note| note["code"] == "few_questions")
        .unwrap();
    let message = note["message"].as_str().unwrap();
    assert!(
        message.contains("0.478") && message.contains("fewer than 6"),
        "{message}"
    );
}
