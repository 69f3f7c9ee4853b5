//! What a search gives: the contract of its JSON, spans that are the file's own bytes, the same
//! answer every time.

use crate::common::Place;
use std::io::Write;
use std::process::Stdio;

fn with_data() -> Place {
    let place = Place::new();
    for file in std::fs::read_dir(crate::common::data().join("sample"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if file.extension().is_some_and(|e| e == "txt") {
            place.put(
                &format!("data/{}", file.file_name().unwrap().to_string_lossy()),
                std::fs::read(&file).unwrap(),
            );
        }
    }
    place.put(
        "data/provided-article.txt",
        std::fs::read(crate::common::data().join("provided-article.txt")).unwrap(),
    );
    place.ok(&["index", "data"]);
    place
}

#[test]
fn hits_keep_the_contract_and_spans_are_the_files_own_bytes() {
    let place = with_data();
    for mode in ["hybrid", "dense", "lexical"] {
        let found = place.json(
            0,
            &[
                "search",
                "How did Moscow respond to the envoy's trip?",
                "--mode",
                mode,
                "-k",
                "5",
            ],
        );
        assert_eq!(
            (found["mode"].as_str(), found["query"].as_str()),
            (
                Some(mode),
                Some("How did Moscow respond to the envoy's trip?")
            )
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
            let file = std::fs::read(place.path(hit["path"].as_str().unwrap())).unwrap();
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
            // Each mode has its own scores; of a hybrid one, every hit has at least one, and a
            // number wherever there is any.
            match mode {
                "dense" => assert_eq!(
                    (&scores["dense"], scores.len()),
                    (&hit["score"], 1),
                    "{hit}"
                ),
                "lexical" => assert_eq!(
                    (&scores["lexical"], scores.len()),
                    (&hit["score"], 1),
                    "{hit}"
                ),
                _ => assert!(
                    !scores.is_empty() && scores.values().all(serde_json::Value::is_number),
                    "{hit}"
                ),
            }
            assert!(!scores.contains_key("rerank"));
            both += usize::from(scores.contains_key("dense") && scores.contains_key("lexical"));
        }
        assert_eq!(both > 0, mode == "hybrid");
    }
}

#[test]
fn one_question_has_one_answer() {
    let place = with_data();
    let ask = |extra: &[&str]| {
        let mut found = place.json(
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
    assert_eq!(ask(&[]), ask(&[]));
    assert_eq!(
        ask(&["--mode", "dense"]),
        ask(&["--mode", "dense", "--exact"])
    );
}

#[test]
fn the_best_ten_do_not_depend_on_how_many_are_asked_for() {
    let place = with_data();
    for question in [
        "how does the Moon move water",
        "what keeps bread from going stale",
        "warm a house with cold air",
    ] {
        let hits = |k: &str| {
            let hits = place.json(0, &["search", question, "-k", k])["hits"]
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
fn articles_are_ranked_by_their_best_passage() {
    let place = with_data();
    let found = place.json(0, &["search", "the sea", "--by", "article", "-k", "25"]);
    let ids: Vec<_> = found["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["article_id"].as_str().unwrap())
        .collect();
    let mut once = ids.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(
        (ids.len(), once.len()),
        (25, 25),
        "every article, each once"
    );
}

#[test]
fn questions_from_standard_input() {
    let place = with_data();
    let mut child = place
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
fn questions_however_they_are_worded() {
    let place = with_data();
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
        let found = place.json(0, &["search", question, "--mode", mode]);
        let none = found["hits"].as_array().unwrap().is_empty();
        assert_eq!(none, question == "🎉", "{question:.40}");
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let place = with_data();
    let nigh = env!("CARGO_BIN_EXE_nigh");
    let line =
        format!("set -o pipefail; '{nigh}' search 'the sea and the moon' -k 200 | head -n 1");
    let output = std::process::Command::new("bash")
        .args(["-c", &line])
        .current_dir(place.path("."))
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
fn a_run_file_and_its_manifest() {
    let place = with_data();
    place.put(
        "q.jsonl",
        "{\"_id\": \"q1\", \"text\": \"what slows the Earth\"}\n{\"_id\": 2, \"text\": \"ageing of cheese\"}\n",
    );
    for by in ["article", "passage"] {
        let report = place.json(
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
        let run = std::fs::read_to_string(place.path("r.trec")).unwrap();
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
            serde_json::from_slice(&std::fs::read(place.path("r.trec.manifest.json")).unwrap())
                .unwrap();
        assert_eq!(manifest["by"], by);
        assert!(
            manifest["model"]["hash"].is_string() && manifest["chunking"]["tokens"].is_number()
        );
    }
    place.put(
        "bad.jsonl",
        "{\"_id\": \"q1\", \"text\": \"x\"}\n{\"_id\": \"q1\", \"text\": \"y\"}\n",
    );
    place
        .run(&["run", "--queries", "bad.jsonl", "--out", "b.trec"])
        .said(2, &["bad.jsonl:2", "q1"]);
    place.put("bad.jsonl", "{\"_id\": \"q1\"}\n");
    place
        .run(&["run", "--queries", "bad.jsonl", "--out", "b.trec"])
        .said(2, &["bad.jsonl:1", "text"]);
    assert!(!place.path("b.trec").exists());
}
