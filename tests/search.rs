//! `nigh search` and `nigh run`: the contract of the JSON output, byte spans, determinism.

use crate::common::{TestDir, with_data};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::Stdio;

#[test]
fn hits_follow_the_json_contract_and_spans_match_the_file() {
    let dir = with_data();
    let question = "How did Moscow respond to the envoy's trip?";
    // What dense and lexical search give all passages that they find.
    let all_scores = |mode: &str| -> BTreeMap<String, f64> {
        let found = dir.json(0, &["search", question, "--mode", mode, "-k", "1000"]);
        let hits = found["hits"].as_array().unwrap();
        hits.iter()
            .map(|hit| {
                let id = hit["passage_id"].as_str().unwrap().to_owned();
                (id, hit["score"].as_f64().unwrap())
            })
            .collect()
    };
    let (dense, lexical) = (all_scores("dense"), all_scores("lexical"));
    assert!(lexical.len() > 5 && dense.len() > 10 * lexical.len());
    for mode in ["hybrid", "dense", "lexical"] {
        let found = dir.json(0, &["search", question, "--mode", mode, "-k", "20"]);
        assert_eq!(
            (found["mode"].as_str(), found["query"].as_str()),
            (Some(mode), Some(question))
        );
        assert!(found["took_ms"].as_f64().unwrap() > 0.0);
        let hits = found["hits"].as_array().unwrap();
        assert!(!hits.is_empty());
        let (mut last, mut both) = (f64::INFINITY, 0);
        for (rank, hit) in (1..).zip(hits) {
            assert_eq!(hit["rank"], rank);
            let score = hit["score"].as_f64().unwrap();
            assert!(score <= last);
            last = score;
            let file = std::fs::read(dir.path(hit["path"].as_str().unwrap())).unwrap();
            let (start, end) = (
                hit["span"][0].as_u64().unwrap() as usize,
                hit["span"][1].as_u64().unwrap() as usize,
            );
            assert_eq!(&file[start..end], hit["text"].as_str().unwrap().as_bytes());
            let line = 1 + file[..start].iter().filter(|&&b| b == b'\n').count();
            assert_eq!(hit["line"], line);
            assert!(
                hit["passage_id"]
                    .as_str()
                    .unwrap()
                    .starts_with(hit["article_id"].as_str().unwrap())
            );
            assert!(!hit["title"].as_str().unwrap().is_empty());
            let scores = hit["scores"].as_object().unwrap();
            // Dense and lexical hits have exactly their own score. Hybrid hits have those that they
            // have in the other modes, the dense one only if it is among the best.
            let id = hit["passage_id"].as_str().unwrap();
            let own = |score: &str| scores.get(score).map(|score| score.as_f64().unwrap());
            match mode {
                "hybrid" => {
                    assert_eq!(own("lexical"), lexical.get(id).copied(), "{hit}");
                    match own("dense") {
                        Some(score) => assert_eq!(score, dense[id], "{hit}"),
                        None => assert!(own("lexical").is_some(), "{hit}"),
                    }
                }
                _ => assert_eq!((&scores[mode], scores.len()), (&hit["score"], 1), "{hit}"),
            }
            assert!(!scores.contains_key("rerank"));
            both += usize::from(scores.contains_key("dense") && scores.contains_key("lexical"));
        }
        assert_eq!(both > 0, mode == "hybrid");
    }
}

#[test]
fn search_is_deterministic_and_exact_scan_agrees_with_the_graph() {
    let dir = with_data();
    let search = |extra: &[&str]| {
        let mut found = dir.json(
            0,
            &[
                &["search", "what slows the turning of the Earth", "-k", "20"],
                extra,
            ]
            .concat(),
        );
        found["took_ms"] = 0.into();
        found
    };
    assert_eq!(search(&[]), search(&[]));
    assert_eq!(
        search(&["--mode", "dense"]),
        search(&["--mode", "dense", "--exact"])
    );
}

#[test]
fn top_ten_hits_do_not_depend_on_k() {
    let dir = with_data();
    for question in [
        "how does the Moon move water",
        "what keeps bread from going stale",
        "warm a house with cold air",
    ] {
        let hits = |k: &str| {
            let hits = dir.json(0, &["search", question, "-k", k])["hits"]
                .as_array()
                .unwrap()
                .clone();
            hits.into_iter()
                .take(10)
                .map(|hit| (hit["passage_id"].clone(), hit["score"].clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(hits("10"), hits("100"), "{question}");
    }
}

#[test]
fn search_by_article_returns_each_article_once() {
    let dir = with_data();
    let found = dir.json(0, &["search", "the sea", "--by", "article", "-k", "25"]);
    let ids: Vec<_> = found["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["article_id"].as_str().unwrap())
        .collect();
    let mut once = ids.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!((ids.len(), once.len()), (25, 25), "every article once");
}

#[test]
fn search_reads_questions_from_stdin() {
    let dir = with_data();
    let mut child = dir
        .command(&["search", "-", "-k", "1", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"how does yeast raise dough\n\nwhat is a blue moon\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found.as_array().unwrap().len(), 2);
    assert!(
        found[1]["hits"][0]["path"]
            .as_str()
            .unwrap()
            .contains("lunar"),
        "{found}"
    );
}

#[test]
fn search_accepts_any_unicode_syntax_and_length() {
    let dir = with_data();
    let long = "moon ".repeat(5000);
    for (question, mode) in [
        ("WHY ARE TIDES HIGHER ON SOME COASTS", "hybrid"),
        ("the of and", "hybrid"),
        ("the of and", "lexical"),
        ("?!", "dense"),
        ("+tides -moon \"field:[x TO y]\" AND (", "hybrid"),
        ("潮汐为什么发生", "hybrid"),
        ("🎉", "lexical"),
        (long.as_str(), "hybrid"),
    ] {
        let found = dir.json(0, &["search", question, "--mode", mode]);
        let none = found["hits"].as_array().unwrap().is_empty();
        assert_eq!(none, question == "🎉", "{question:.40}");
    }
}

#[test]
fn search_exits_0_when_stdout_is_closed() {
    let dir = with_data();
    let nigh = env!("CARGO_BIN_EXE_nigh");
    let line =
        format!("set -o pipefail; '{nigh}' search 'the sea and the moon' -k 200 | head -n 1");
    let output = std::process::Command::new("bash")
        .args(["-c", &line])
        .current_dir(dir.path("."))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn run_writes_a_trec_file_and_a_manifest() {
    let dir = with_data();
    dir.put(
        "q.jsonl",
        "{\"_id\": \"q1\", \"text\": \"what slows the Earth\"}\n{\"_id\": 2, \"text\": \"ageing of cheese\"}\n",
    );
    for by in ["article", "passage"] {
        let report = dir.json(
            0,
            &[
                "run",
                "--queries",
                "q.jsonl",
                "--out",
                "r.trec",
                "-k",
                "5",
                "--by",
                by,
                "--mode",
                "dense",
            ],
        );
        assert_eq!(report["results"], 10);
        let run = std::fs::read_to_string(dir.path("r.trec")).unwrap();
        let rows: Vec<Vec<&str>> = run.lines().map(|line| line.split(' ').collect()).collect();
        assert_eq!(rows.len(), 10);
        for (at, row) in rows.iter().enumerate() {
            assert_eq!(
                (row.len(), row[1], row[3], row[5]),
                (6, "Q0", (at % 5 + 1).to_string().as_str(), "nigh-dense")
            );
        }
        assert_eq!((rows[0][0], rows[5][0]), ("q1", "2"));
        assert_eq!(rows[0][2].contains('#'), by == "passage");
        let manifest: serde_json::Value =
            serde_json::from_slice(&std::fs::read(dir.path("r.trec.manifest.json")).unwrap())
                .unwrap();
        assert_eq!(manifest["by"], by);
        assert!(
            manifest["model"]["hash"].is_string() && manifest["chunking"]["tokens"].is_number()
        );
    }
    dir.put(
        "bad.jsonl",
        "{\"_id\": \"q1\", \"text\": \"x\"}\n{\"_id\": \"q1\", \"text\": \"y\"}\n",
    );
    dir.run(&["run", "--queries", "bad.jsonl", "--out", "b.trec"])
        .assert_exit(2, &["bad.jsonl:2", "q1"]);
    dir.put("bad.jsonl", "{\"_id\": \"q1\"}\n");
    dir.run(&["run", "--queries", "bad.jsonl", "--out", "b.trec"])
        .assert_exit(2, &["bad.jsonl:1", "text"]);
    assert!(!dir.path("b.trec").exists());
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let dir = TestDir::new();
    dir.put("a.txt", "Bread rises in a warm kitchen.\n");
    dir.ok(&["index", "a.txt"]);
    let mut command = dir.command(&["search", "bread"]);
    command.env("NIGH_COLLECTION", "").env("NIGH_CPU", "");
    let found = command.output().unwrap();
    assert!(found.status.success(), "{found:?}");
    assert!(String::from_utf8_lossy(&found.stdout).contains("a.txt"));
}
