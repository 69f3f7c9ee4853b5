//! The same results as from a local collection.

use super::servers;
use crate::common::server::Server;
use crate::common::{MilvusCollection, TestDir, data, passage_ids};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const QUESTIONS: [&str; 12] = [
    "why is one high tide a day bigger",
    "how did Moscow react to the visit",
    "what makes a sourdough rise",
    "when does a chimney's shadow cost half the power",
    "which acids make dark coffee bitter",
    "can a ship be overturned by a single wave",
    "how are secrets kept without meeting first",
    "what do bees tell each other by dancing",
    "why does bread go stale",
    "the pull of the moon",
    "who pays for the broken window",
    "How is steel kept from rusting?",
];

#[test]
#[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
fn milvus_returns_the_same_hits_as_a_local_collection() {
    for server in servers() {
        let (dir, remote) = (TestDir::new(), MilvusCollection::new(&server));
        let data = data();
        let texts: Vec<String> = std::fs::read_dir(data.join("sample"))
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|of| of == "txt"))
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                std::fs::copy(entry.path(), dir.path(&name)).unwrap();
                name
            })
            .collect();
        let arguments: Vec<&str> = std::iter::once("index")
            .chain(texts.iter().map(String::as_str))
            .collect();
        let local = dir.json(0, &arguments);
        let on_milvus = dir.json(0, &[&arguments[..], &["-c", &remote.uri]].concat());
        for counted in ["articles", "added", "passages", "embedded", "failures"] {
            assert_eq!(local[counted], on_milvus[counted], "{server}: {counted}");
        }
        let again = dir.json(0, &[&arguments[..], &["-c", &remote.uri]].concat());
        assert_eq!(
            (&again["unchanged"], &again["embedded"]),
            (&local["articles"], &json!(0)),
            "{server}"
        );
        let (mut recalled, mut expected) = (0, 0);
        for question in QUESTIONS {
            let search = |more: &[&str]| dir.json(0, &[&["search", question], more].concat());
            let (ours, theirs) = (
                search(&["--mode", "dense", "--exact"]),
                search(&["--mode", "dense", "--exact", "-c", &remote.uri]),
            );
            // Hits agree in everything but the last digits of the scores.
            assert_eq!(
                passage_ids(&ours),
                passage_ids(&theirs),
                "{server}: {question}"
            );
            for (our, their) in ours["hits"]
                .as_array()
                .unwrap()
                .iter()
                .zip(theirs["hits"].as_array().unwrap())
            {
                for same in ["article_id", "title", "path", "span", "line", "text"] {
                    assert_eq!(our[same], their[same], "{server}: {question}");
                }
                let difference = our["score"].as_f64().unwrap() - their["score"].as_f64().unwrap();
                assert!(
                    difference.abs() < 1e-5,
                    "{server}: {question}: {difference}"
                );
            }
            let approximate = passage_ids(&search(&["--mode", "dense", "-c", &remote.uri]));
            recalled += passage_ids(&ours)
                .iter()
                .filter(|id| approximate.contains(id))
                .count();
            expected += approximate.len();
        }
        assert!(
            recalled as f64 >= 0.99 * expected as f64,
            "{server}: {recalled} of {expected}"
        );
        let stats = dir.json(0, &["stats", "-c", &remote.uri]);
        assert_eq!(
            (&stats["articles"], &stats["passages"]),
            (&local["articles"], &local["passages"])
        );
        let check = dir.json(0, &["check", "-c", &remote.uri]);
        assert_eq!(
            (&check["sound"], &check["passages"]),
            (&json!(true), &local["passages"]),
            "{server}: {check}"
        );
        // Evaluating on the articles' own questions gives the same figures.
        let mrr = |collection: &str| {
            let verdict = dir.json(
                0,
                &[
                    "eval",
                    "--qa",
                    "-c",
                    collection,
                    "--mode",
                    "dense",
                    "--exact",
                    "--metrics",
                    "MRR@10",
                ],
            );
            verdict["systems"][0]["metrics"]["MRR@10"]["mean"]
                .as_f64()
                .unwrap()
        };
        assert!((mrr(".nigh") - mrr(&remote.uri)).abs() < 1e-9, "{server}");
        // An article that occurs twice in a file is stored once.
        dir.ok(&["export", "once.jsonl"]);
        let once = std::fs::read_to_string(dir.path("once.jsonl")).unwrap();
        let (header, rows) = once.split_once('\n').unwrap();
        dir.put("twice.jsonl", format!("{header}\n{rows}{rows}"));
        let twice = MilvusCollection::new(&server);
        dir.ok(&["import", "twice.jsonl", "-c", &twice.uri]);
        assert_eq!(
            dir.json(0, &["check", "-c", &twice.uri])["passages"],
            local["passages"],
            "{server}"
        );
        // An export from Milvus can be imported into a local collection.
        dir.ok(&["export", "there.jsonl", "-c", &remote.uri]);
        dir.ok(&["import", "there.jsonl", "-c", "back"]);
        let dense = |collection: &str| {
            passage_ids(&dir.json(
                0,
                &[
                    "search",
                    QUESTIONS[0],
                    "--mode",
                    "dense",
                    "--exact",
                    "-c",
                    collection,
                ],
            ))
        };
        assert_eq!(dense("back"), dense(".nigh"));
        assert_eq!(dir.json(0, &["check", "-c", "back"])["sound"], true);
        // Servers before 2.5 have no lexical search and say so.
        let lexical = dir.run(&["search", "moon", "--mode", "lexical", "-c", &remote.uri]);
        if lexical.code == 0 {
            assert_lexical_search(&dir, &remote.uri, &server);
        } else {
            lexical.assert_exit(2, &["this server has no full-text search"]);
        }
    }
}

#[test]
#[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
fn lexical_search_on_milvus_analyzes_text_as_local_search_does() {
    let records = [
        json!({"_id": "plain-c", "text": "Programs in C."}),
        json!({"_id": "cpp", "text": "Programs in C++."}),
        json!({"_id": "resume", "text": "Please send a resume."}),
        json!({"_id": "resumé", "text": "Please send a re\u{301}sume\u{301}."}),
        json!({"_id": "tides", "text": "潮汐は月に従い、一日に二度、水位が高くなります。"}),
        json!({"_id": "thai", "text": "น้ำขึ้นน้ำลงตามดวงจันทร์"}),
        json!({"_id": "band", "title": "The The", "text": "A band of 1979."}),
        json!({"_id": "street", "text": "The STRASSE is closed."}),
    ];
    let records: String = records.iter().map(|record| format!("{record}\n")).collect();
    for server in servers() {
        let (dir, remote) = (TestDir::new(), MilvusCollection::new(&server));
        std::fs::write(dir.path("records.jsonl"), &records).unwrap();
        for target in ["local", &remote.uri] {
            let index = [
                "index",
                "records.jsonl",
                "--language",
                "english",
                "-c",
                target,
            ];
            dir.run(&index).assert_exit(0, &[]);
            for (query, id) in [
                ("c++", "cpp"),
                ("resume", "resume"),
                ("résumé", "resumé"),
                ("潮汐", "tides"),
                ("ดวงจันทร์", "thai"),
                ("the the", "band"),
                ("straße", "street"),
            ] {
                let search = ["search", query, "--mode", "lexical", "--json", "-c", target];
                let found = dir.run(&search);
                if target != "local" && found.code == 2 {
                    // Servers before 2.5 have no lexical search.
                    found.assert_exit(2, &["this server has no full-text search"]);
                    continue;
                }
                let found: Value = serde_json::from_str(&found.stdout).unwrap();
                assert_eq!(
                    found["hits"][0]["article_id"], id,
                    "{target}: {query}: {found}"
                );
            }
        }
    }
}

/// Lexical search on Milvus finds the expected articles; its BM25 scores differ from local ones.
fn assert_lexical_search(dir: &TestDir, remote: &str, server: &str) {
    for (question, article) in [
        ("neap tides", "tides.txt"),
        ("baking bakers", "sourdough.txt"),
        ("keys encrypted", "public-key-encryption.txt"),
    ] {
        for mode in ["lexical", "hybrid"] {
            let found = dir.json(0, &["search", question, "--mode", mode, "-c", remote]);
            assert_eq!(
                found["hits"][0]["article_id"], article,
                "{server}: {question}: {found}"
            );
            assert!(found["hits"][0]["scores"]["lexical"].as_f64().unwrap() > 0.0);
        }
    }
    assert_eq!(
        dir.json(
            0,
            &["search", "zyzzyva qwxyz", "--mode", "lexical", "-c", remote]
        )["hits"],
        json!([])
    );
}

#[test]
#[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
fn milvus_filters_match_the_same_articles_as_local_ones() {
    let records = [
        json!({"_id": "a", "title": "Tides", "text": "The sea rises.", "source": "Reuters", "year": 2025, "date": "2025-06-30", "tags": ["sea", "Moon"]}),
        json!({"_id": "b", "title": "Bread", "text": "The dough rises.", "source": "reuters uk", "year": 2024.5, "date": "2025-01-02T10:00:00Z", "tags": ["food"]}),
        json!({"_id": "c", "title": "Wages \"rise\"", "text": "Wages rise in May.", "source": "AP", "tags": []}),
        json!({"_id": "d/e.txt", "title": "100% _wool_", "text": "Prices rise.", "note": "line\nbreak \\ \"quoted\" — ünïcode", "year": "n/a"}),
        json!({"_id": "f", "text": "Stars rise.", "numbers": [1, 5, 9]}),
    ];
    let records: String = records.iter().map(|record| format!("{record}\n")).collect();
    let conditions = [
        "source:reuters",
        "source:REUTERS*",
        "source:*",
        "NOT source:*",
        "NOT source:reuters",
        "year:2025",
        "year:>2024",
        "year:[2024 TO 2025]",
        "year:[2024 TO 2025}",
        "year:n/a",
        "NOT year:2025",
        "date:2025-06",
        "date:>=2025-02",
        "date:<=2025-01",
        "date:<2025-01-02T10",
        "date:[2025-01 TO 2025-06]",
        "date:>2025-01",
        "tags:sea",
        "tags:moon",
        "NOT tags:food",
        "tags:[a TO g]",
        "numbers:>6",
        "numbers:[2 TO 4]",
        "NOT numbers:5",
        "id:a",
        "NOT id:a",
        "id:d/*",
        "title:tides",
        "title:\"Wages \\\"rise\\\"\"",
        "title:100*",
        "title:*wool*",
        "title:?read",
        "note:line*",
        "path:*.jsonl",
        "source:reuters OR tags:food",
        "(source:* AND NOT year:*) OR numbers:*",
        "note:\"line\nbreak \\\\ \\\"quoted\\\" — ünïcode\"",
        "source:[a TO r]",
        "year:[a TO z]",
        "NOT (year:>2024 AND source:reuters)",
    ];
    for server in servers() {
        let (dir, remote) = (TestDir::new(), MilvusCollection::new(&server));
        dir.put("records.jsonl", &records);
        dir.ok(&["index", "records.jsonl", "--model", "static"]);
        dir.ok(&[
            "index",
            "records.jsonl",
            "--model",
            "static",
            "-c",
            &remote.uri,
        ]);
        let allowed = |collection: &str, condition: &str| -> BTreeSet<String> {
            passage_ids(&dir.json(
                0,
                &[
                    "search",
                    "what rises",
                    "--mode",
                    "dense",
                    "--filter",
                    condition,
                    "-c",
                    collection,
                ],
            ))
            .into_iter()
            .collect()
        };
        for condition in conditions {
            assert_eq!(
                allowed(&remote.uri, condition),
                allowed(".nigh", condition),
                "{server}: {condition}"
            );
        }
        for condition in [
            "source:Rueters",
            "year:>2030",
            "source:AP AND tags:food",
            "id:q",
            "NOT id:*",
        ] {
            let notes = |collection: &str| {
                let search = [
                    "search",
                    "what rises",
                    "--mode",
                    "dense",
                    "--filter",
                    condition,
                    "-c",
                    collection,
                ];
                // Milvus has the values case-folded.
                dir.json(0, &search)["notes"].to_string().to_lowercase()
            };
            assert_eq!(notes(&remote.uri), notes(".nigh"), "{server}: {condition}");
            assert!(
                notes(".nigh").contains("filter_matches_nothing"),
                "{server}: {condition}"
            );
        }
        dir.run(&[
            "search",
            "x",
            "--mode",
            "dense",
            "--filter",
            "nothing:x",
            "-c",
            &remote.uri,
        ])
        .assert_exit(2, &["no article has a field \"nothing\""]);
    }
}

#[test]
#[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
fn milvus_supports_run_and_serve_with_either_index_type() {
    for server in servers() {
        let dir = TestDir::new();
        dir.put(
            "questions.jsonl",
            "{\"_id\": \"q1\", \"text\": \"what makes the sea rise\"}\n",
        );
        dir.put("a/tides.txt", "The moon pulls the sea. Tides rise.");
        dir.put("a/bread.txt", "Yeast makes bread rise.");
        dir.ok(&["index", "a", "-c", "here"]);
        for (kind, graphs) in [("flat", 0), ("hnsw", 1)] {
            let remote = MilvusCollection::new(&server);
            let made = dir
                .command(&["import", "here", "-c", &remote.uri])
                .env("NIGH_MILVUS_INDEX", kind)
                .output()
                .unwrap();
            assert!(made.status.success());
            assert_eq!(
                dir.json(0, &["stats", "-c", &remote.uri])["graphs"],
                graphs,
                "{server}: {kind}"
            );
            let ranks = |collection: &str| -> Vec<String> {
                dir.ok(&[
                    "run",
                    "--queries",
                    "questions.jsonl",
                    "--mode",
                    "dense",
                    "-c",
                    collection,
                    "--out",
                    "run.trec",
                ]);
                let run = std::fs::read_to_string(dir.path("run.trec")).unwrap();
                run.lines()
                    .map(|line| {
                        line.split_whitespace()
                            .take(4)
                            .collect::<Vec<_>>()
                            .join(" ")
                    })
                    .collect()
            };
            assert_eq!(ranks(&remote.uri), ranks("here"), "{server}: {kind}");
            let serving = Server::start(&dir, &["-c", &remote.uri]);
            let all = serving
                .get("/v1/collections")
                .assert_status(200, &[])
                .json();
            let name = all["default"].as_str().unwrap();
            let best = |question: &str| {
                let body = json!({"q": question, "mode": "dense", "k": 1});
                let found = serving
                    .send_json("POST", &format!("/v1/collections/{name}/search"), &body)
                    .assert_status(200, &[])
                    .json();
                found["hits"][0]["article_id"].clone()
            };
            assert_eq!(
                best("what pulls the sea"),
                "a/tides.txt",
                "{server}: {kind}"
            );
            let article = json!({"title": "Bees", "text": "Bees dance to tell where flowers are."});
            serving
                .send_json(
                    "PUT",
                    &format!("/v1/collections/{name}/articles/bees"),
                    &article,
                )
                .assert_status(201, &[]);
            assert_eq!(best("which insects dance"), "bees", "{server}: {kind}");
            assert_eq!(serving.stop(), 0);
        }
    }
}
