//! Collections on Milvus behave like local ones. MILVUS_URI names the servers under test.

use crate::common::server::Server;
use crate::common::{MilvusCollection, TestDir, data, passage_ids};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The servers under test.
fn servers() -> Vec<String> {
    let named = std::env::var("MILVUS_URI")
        .expect("MILVUS_URI=milvus://HOST:PORT, or several with commas between");
    named.split(',').map(str::to_owned).collect()
}

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
            lexical.assert_exit(2, &["this server does not look for words"]);
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
                    found.assert_exit(2, &["this server does not look for words"]);
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
fn milvus_applies_updates_and_deletions() {
    for server in servers() {
        let (dir, remote) = (TestDir::new(), MilvusCollection::new(&server));
        let on = ["-c", &remote.uri];
        dir.put("a/one.txt", "The moon pulls the sea. Tides rise.");
        dir.put("a/two.txt", "Yeast makes bread rise.");
        dir.put(
            "a/long.txt",
            "A sentence that goes on for a while, about nothing at all. ".repeat(3000),
        );
        let run = |args: &[&str]| dir.json(0, &[args, &on].concat());
        assert_eq!(run(&["index", "a", "--model", "static"])["added"], 3);
        dir.put("a/two.txt", "Yeast makes bread rise, slowly in the cold.");
        std::fs::remove_file(dir.path("a/one.txt")).unwrap();
        dir.put("a/three.txt", "Bees dance.");
        let report = run(&["index", "a"]);
        assert_eq!(
            ["added", "updated", "unchanged", "deleted"].map(|of| report[of].as_u64().unwrap()),
            [1, 1, 1, 1],
            "{server}"
        );
        let best = |question: &str| {
            run(&["search", question, "--mode", "dense", "-k", "1"])["hits"][0]["text"].clone()
        };
        assert_eq!(
            best("bread"),
            "Yeast makes bread rise, slowly in the cold.",
            "{server}"
        );
        assert_ne!(best("moon and sea"), "The moon pulls the sea. Tides rise.");
        assert_eq!(run(&["check"])["sound"], true, "{server}");
        assert_eq!(run(&["stats"])["articles"], 3);
        assert_eq!(
            run(&["delete", "a/three.txt"])["deleted"],
            json!(["a/three.txt"])
        );
        assert_eq!(run(&["stats"])["articles"], 2);
        let missing = dir.json(1, &["delete", "nowhere", "-c", &remote.uri]);
        assert_eq!(missing["missing"], json!(["nowhere"]));
        run(&["compact"]);
        assert_eq!(run(&["check"])["sound"], true, "{server}");
    }
}

#[test]
#[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
fn milvus_accepts_concurrent_imports() {
    for server in servers() {
        let (dir, remote) = (TestDir::new(), MilvusCollection::new(&server));
        let on = ["-c", &remote.uri];
        // Each import has articles and a metadata field of its own, and one article that all share.
        for part in 0..4 {
            let own = (0..150).map(|n| json!({"_id": format!("{part}/{n}"), "text": format!("Tides {n} of {part}."), format!("field{part}"): n}));
            let same = json!({"_id": "same", "text": "The moon pulls the sea."});
            let records: String = own
                .chain([same])
                .map(|record| format!("{record}\n"))
                .collect();
            dir.put(&format!("{part}.jsonl"), records);
            let stream = std::fs::File::open(dir.path(&format!("{part}.jsonl"))).unwrap();
            let mut embed = dir.command(&[
                "embed",
                "--model",
                "static",
                "--out",
                &format!("{part}.embedded.jsonl"),
            ]);
            assert!(
                embed
                    .stdin(stream)
                    .stderr(std::process::Stdio::null())
                    .status()
                    .unwrap()
                    .success()
            );
        }
        dir.put("none.jsonl", "");
        dir.ok(&[
            "embed",
            "none.jsonl",
            "--model",
            "static",
            "--out",
            "none.embedded.jsonl",
        ]);
        dir.ok(&[&["import", "none.embedded.jsonl"][..], &on].concat());
        let importing: Vec<_> = (0..4)
            .map(|part| {
                let mut import = dir.command(&[
                    "import",
                    &format!("{part}.embedded.jsonl"),
                    "-c",
                    &remote.uri,
                    "--json",
                ]);
                import
                    .stdout(std::process::Stdio::piped())
                    .stderr(std::process::Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        for import in importing {
            let result: crate::common::CliOutput = import.wait_with_output().unwrap().into();
            assert_eq!(
                result.code, 0,
                "{server}: {}{}",
                result.stdout, result.stderr
            );
        }
        let check = dir.json(0, &["check", "-c", &remote.uri]);
        assert_eq!(
            (&check["sound"], &check["passages"]),
            (&json!(true), &json!(601)),
            "{server}: {check}"
        );
        for part in 0..4 {
            let condition = format!("field{part}:7");
            let found = dir.json(
                0,
                &[
                    &["search", "tides", "--mode", "dense", "--filter", &condition][..],
                    &on,
                ]
                .concat(),
            );
            assert_eq!(
                passage_ids(&found),
                [format!("{part}/7#0")],
                "{server}: {condition}"
            );
        }
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

#[test]
#[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
fn milvus_errors_name_the_problem_and_the_fix() {
    let dir = TestDir::new();
    // Accepts connections and never responds.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let waiting = dir
        .command(&[
            "search",
            "moon",
            "-c",
            &format!("milvus://{}/books", silent.local_addr().unwrap()),
        ])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    dir.put("a.txt", "The moon pulls the sea.");
    for server in servers() {
        let remote = MilvusCollection::new(&server);
        dir.run(&["search", "moon", "-c", &remote.uri])
            .assert_exit(2, &["no collection at milvus://", "makes one"]);
        dir.ok(&["index", "a.txt", "--model", "static", "-c", &remote.uri]);
        // Vectors of another model are refused.
        dir.run(&["index", "a.txt", "--model", "builtin", "-c", &remote.uri])
            .assert_exit(2, &["was made with the model"]);
        dir.ok(&["index", "a.txt", "-c", "here"]);
        dir.run(&["import", "here", "-c", &remote.uri])
            .assert_exit(2, &["Make a new collection with -c"]);
        // The companion collection that holds the articles cannot be opened by itself.
        dir.run(&["stats", "-c", &format!("{}_articles", remote.uri)])
            .assert_exit(2, &["that nigh did not make"]);
        if std::env::var("NIGH_MILVUS_TOKEN").is_ok() {
            let stats_with = |name: &str, value: &str| -> crate::common::CliOutput {
                dir.command(&["stats", "-c", &remote.uri])
                    .env(name, value)
                    .output()
                    .unwrap()
                    .into()
            };
            stats_with("NIGH_MILVUS_TOKEN", "root:wrong")
                .assert_exit(2, &["auth check failure", "NIGH_MILVUS_TOKEN is"]);
            stats_with("NIGH_MILVUS_TOKEN", "").assert_exit(2, &["missing authorization"]);
            stats_with("NIGH_MILVUS_TLS", "0")
                .assert_exit(2, &["if it encrypts: NIGH_MILVUS_TLS=1"]);
            stats_with("NIGH_MILVUS_CA", "/nowhere.pem").assert_exit(2, &["/nowhere.pem"]);
            stats_with("NIGH_MILVUS_CA", "").assert_exit(2, &["NIGH_MILVUS_CA is the certificate"]);
        }
    }
    dir.run(&["search", "moon", "-c", "milvus://127.0.0.1:9/books"])
        .assert_exit(
            2,
            &[
                "milvus://127.0.0.1:9/default/books: no Milvus answers there",
                "refused",
            ],
        );
    let result: crate::common::CliOutput = waiting.wait_with_output().unwrap().into();
    result.assert_exit(2, &["/default/books: ", "timed out"]);
}

#[test]
fn malformed_collection_uris_and_settings_are_rejected() {
    let dir = TestDir::new();
    dir.run(&["search", "x", "-c", "milvus://host"])
        .assert_exit(2, &["no collection in it; expected milvus://HOST"]);
    dir.run(&["search", "x", "-c", "qdrant://host/a"])
        .assert_exit(2, &["nothing here keeps collections at qdrant://"]);
    dir.put("nigh.toml", "[milvus]\nindex = \"ivf\"\n");
    dir.run(&["search", "x"])
        .assert_exit(2, &["expected hnsw or flat"]);
    dir.put("nigh.toml", "[milvus]\ntokens = \"x\"\n");
    dir.run(&["search", "x"])
        .assert_exit(2, &["nigh.toml", "tokens"]);
}

#[test]
fn graph_builder_is_refused_where_a_server_builds_the_graphs() {
    let dir = TestDir::new();
    dir.put("a.txt", "The moon pulls the sea.");
    // Nothing listens there: it is refused before the server is asked.
    let remote = ["--builder", "hnsw_rs", "-c", "milvus://127.0.0.1:9/books"];
    let said = "milvus://127.0.0.1:9/books: the server builds its own graphs; leave --builder out";
    for command in [&["compact"][..], &["index", "a.txt"]] {
        let args = [command, &remote].concat();
        dir.run(&args).assert_exit(2, &[said]);
        assert_eq!(dir.json(2, &args), json!({ "error": said }));
    }
    let local = ["index", "a.txt", "--builder", "hnsw_rs", "-c", "books"];
    dir.ok(&local);
    dir.ok(&["compact", "--builder", "batch", "-c", "books"]);
}

#[test]
#[ignore = "needs a Milvus to kill: MILVUS_URI, and MILVUS_RESTART, a command that kills it and starts it again"]
fn milvus_killed_during_indexing_loses_and_duplicates_nothing() {
    let server = &servers()[0];
    let restart = std::env::var("MILVUS_RESTART").expect("MILVUS_RESTART");
    let (dir, remote) = (TestDir::new(), MilvusCollection::new(server));
    let words = [
        "tides", "bread", "bees", "steel", "waves", "coffee", "keys", "light",
    ];
    let records: String = (0..20_000)
        .map(|n: usize| {
            let text: String = (0..30)
                .map(|at| format!("{} {} ", words[(n >> (at % 5)) % 8], n * at))
                .collect();
            format!("{}\n", json!({"_id": format!("r{n}"), "text": text}))
        })
        .collect();
    dir.put("records.jsonl", records);
    let mut command = dir.command(&[
        "index",
        "records.jsonl",
        "--model",
        "static",
        "-c",
        &remote.uri,
        "--json",
    ]);
    let mut indexing = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Wait until the first articles are written.
    let started = std::time::Instant::now();
    let written = || {
        let stats = dir.run(&["stats", "-c", &remote.uri, "--json"]);
        serde_json::from_str::<Value>(&stats.stdout)
            .ok()
            .and_then(|stats| stats["articles"].as_u64())
            .unwrap_or_default()
    };
    while written() == 0 {
        assert!(started.elapsed().as_secs() < 60, "nothing was written");
    }
    assert!(
        indexing.try_wait().unwrap().is_none(),
        "indexing ended before the server was killed"
    );
    let restarted = std::process::Command::new("sh")
        .args(["-c", &restart])
        .status()
        .unwrap();
    assert!(restarted.success());
    let result: crate::common::CliOutput = indexing.wait_with_output().unwrap().into();
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    let report: Value = serde_json::from_str(&result.stdout).unwrap();
    let stats = dir.json(0, &["stats", "-c", &remote.uri]);
    assert_eq!(
        (&stats["articles"], &stats["passages"]),
        (&json!(20_000), &report["passages"])
    );
    let check = dir.json(0, &["check", "-c", &remote.uri]);
    assert_eq!(
        (&check["sound"], &check["passages"]),
        (&json!(true), &report["passages"]),
        "{check}"
    );
}
