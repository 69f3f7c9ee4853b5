//! What holds of a collection wherever it is kept: in a folder, and on the Milvus servers that
//! MILVUS_URI names.

use crate::common::server::Server;
use crate::common::{Kept, Place, data, names};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The servers to be tried, and whether they look for words.
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
fn milvus_gives_the_answers_of_a_folder() {
    for server in servers() {
        let (place, kept) = (Place::new(), Kept::on(&server));
        let data = data();
        let texts: Vec<String> = std::fs::read_dir(data.join("sample"))
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|of| of == "txt"))
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                std::fs::copy(entry.path(), place.path(&name)).unwrap();
                name
            })
            .collect();
        let arguments: Vec<&str> = std::iter::once("index")
            .chain(texts.iter().map(String::as_str))
            .collect();
        let here = place.json(0, &arguments);
        let there = place.json(0, &[&arguments[..], &["-c", &kept.0]].concat());
        for counted in ["articles", "added", "passages", "embedded", "failures"] {
            assert_eq!(here[counted], there[counted], "{server}: {counted}");
        }
        let again = place.json(0, &[&arguments[..], &["-c", &kept.0]].concat());
        assert_eq!(
            (&again["unchanged"], &again["embedded"]),
            (&here["articles"], &json!(0)),
            "{server}"
        );
        let (mut found, mut of) = (0, 0);
        for question in QUESTIONS {
            let ask = |more: &[&str]| place.json(0, &[&["search", question], more].concat());
            let (ours, theirs) = (
                ask(&["--mode", "dense", "--exact"]),
                ask(&["--mode", "dense", "--exact", "-c", &kept.0]),
            );
            // All of a hit but the last digits of its score.
            assert_eq!(names(&ours), names(&theirs), "{server}: {question}");
            for (our, their) in ours["hits"]
                .as_array()
                .unwrap()
                .iter()
                .zip(theirs["hits"].as_array().unwrap())
            {
                for same in ["article_id", "title", "path", "span", "line", "text"] {
                    assert_eq!(our[same], their[same], "{server}: {question}");
                }
                let apart = our["score"].as_f64().unwrap() - their["score"].as_f64().unwrap();
                assert!(apart.abs() < 1e-5, "{server}: {question}: {apart}");
            }
            let near = names(&ask(&["--mode", "dense", "-c", &kept.0]));
            found += names(&ours)
                .iter()
                .filter(|name| near.contains(name))
                .count();
            of += near.len();
        }
        assert!(
            found as f64 >= 0.99 * of as f64,
            "{server}: {found} of {of}"
        );
        let stats = place.json(0, &["stats", "-c", &kept.0]);
        assert_eq!(
            (&stats["articles"], &stats["passages"]),
            (&here["articles"], &here["passages"])
        );
        let check = place.json(0, &["check", "-c", &kept.0]);
        assert_eq!(
            (&check["sound"], &check["passages"]),
            (&json!(true), &here["passages"]),
            "{server}: {check}"
        );
        // Questions of the articles' own, judged: the same verdict.
        let verdict = |collection: &str| {
            let verdict = place.json(
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
        assert!(
            (verdict(".nigh") - verdict(&kept.0)).abs() < 1e-9,
            "{server}"
        );
        // What comes twice in one file is there once.
        place.ok(&["export", "once.jsonl"]);
        let once = std::fs::read_to_string(place.path("once.jsonl")).unwrap();
        let (header, rows) = once.split_once('\n').unwrap();
        place.put("twice.jsonl", format!("{header}\n{rows}{rows}"));
        let twice = Kept::on(&server);
        place.ok(&["import", "twice.jsonl", "-c", &twice.0]);
        assert_eq!(
            place.json(0, &["check", "-c", &twice.0])["passages"],
            here["passages"],
            "{server}"
        );
        // Out of it again, and back.
        place.ok(&["export", "there.jsonl", "-c", &kept.0]);
        place.ok(&["import", "there.jsonl", "-c", "back"]);
        let dense = |collection: &str| {
            names(&place.json(
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
        assert_eq!(place.json(0, &["check", "-c", "back"])["sound"], true);
        // Servers before 2.5 say that they do not.
        let looked = place.run(&["search", "moon", "--mode", "lexical", "-c", &kept.0]);
        if looked.code == 0 {
            words(&place, &kept.0, &server);
        } else {
            looked.said(2, &["this server does not look for words"]);
        }
    }
}

/// Its words are those of a folder, though it counts them in its own way.
fn words(place: &Place, kept: &str, server: &str) {
    for (question, article) in [
        ("neap tides", "tides.txt"),
        ("baking bakers", "sourdough.txt"),
        ("keys encrypted", "public-key-encryption.txt"),
    ] {
        for mode in ["lexical", "hybrid"] {
            let found = place.json(0, &["search", question, "--mode", mode, "-c", kept]);
            assert_eq!(
                found["hits"][0]["article_id"], article,
                "{server}: {question}: {found}"
            );
            assert!(found["hits"][0]["scores"]["lexical"].as_f64().unwrap() > 0.0);
        }
    }
    assert_eq!(
        place.json(
            0,
            &["search", "zyzzyva qwxyz", "--mode", "lexical", "-c", kept]
        )["hits"],
        json!([])
    );
}

#[test]
#[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
fn milvus_filters_as_a_folder_does() {
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
        let (place, kept) = (Place::new(), Kept::on(&server));
        place.put("records.jsonl", &records);
        place.ok(&["index", "records.jsonl", "--model", "static"]);
        place.ok(&["index", "records.jsonl", "--model", "static", "-c", &kept.0]);
        let allowed = |collection: &str, condition: &str| -> BTreeSet<String> {
            names(&place.json(
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
                allowed(&kept.0, condition),
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
                let asked = [
                    "search",
                    "what rises",
                    "--mode",
                    "dense",
                    "--filter",
                    condition,
                    "-c",
                    collection,
                ];
                place.json(0, &asked)["notes"].take()
            };
            assert_eq!(notes(&kept.0), notes(".nigh"), "{server}: {condition}");
            assert_eq!(
                notes(&kept.0)[0]["code"],
                "filter_matches_nothing",
                "{server}: {condition}"
            );
        }
        place
            .run(&[
                "search",
                "x",
                "--mode",
                "dense",
                "--filter",
                "nothing:x",
                "-c",
                &kept.0,
            ])
            .said(2, &["no article has a field \"nothing\""]);
    }
}

#[test]
#[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
fn milvus_takes_changes_as_a_folder_does() {
    for server in servers() {
        let (place, kept) = (Place::new(), Kept::on(&server));
        let on = ["-c", &kept.0];
        place.put("a/one.txt", "The moon pulls the sea. Tides rise.");
        place.put("a/two.txt", "Yeast makes bread rise.");
        place.put(
            "a/long.txt",
            "A sentence that goes on for a while, about nothing at all. ".repeat(3000),
        );
        let run = |args: &[&str]| place.json(0, &[args, &on].concat());
        assert_eq!(run(&["index", "a", "--model", "static"])["added"], 3);
        place.put("a/two.txt", "Yeast makes bread rise, slowly in the cold.");
        std::fs::remove_file(place.path("a/one.txt")).unwrap();
        place.put("a/three.txt", "Bees dance.");
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
        let missing = place.json(1, &["delete", "nowhere", "-c", &kept.0]);
        assert_eq!(missing["missing"], json!(["nowhere"]));
        run(&["compact"]);
        assert_eq!(run(&["check"])["sound"], true, "{server}");
    }
}

#[test]
#[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
fn milvus_takes_what_several_bring_at_once() {
    for server in servers() {
        let (place, kept) = (Place::new(), Kept::on(&server));
        let on = ["-c", &kept.0];
        // Each with articles, and a field, of its own, and one article that all bring.
        for part in 0..4 {
            let own = (0..150).map(|n| json!({"_id": format!("{part}/{n}"), "text": format!("Tides {n} of {part}."), format!("field{part}"): n}));
            let same = json!({"_id": "same", "text": "The moon pulls the sea."});
            let records: String = own
                .chain([same])
                .map(|record| format!("{record}\n"))
                .collect();
            place.put(&format!("{part}.jsonl"), records);
            let stream = std::fs::File::open(place.path(&format!("{part}.jsonl"))).unwrap();
            let mut embed = place.command(&[
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
        place.put("none.jsonl", "");
        place.ok(&[
            "embed",
            "none.jsonl",
            "--model",
            "static",
            "--out",
            "none.embedded.jsonl",
        ]);
        place.ok(&[&["import", "none.embedded.jsonl"][..], &on].concat());
        let importing: Vec<_> = (0..4)
            .map(|part| {
                let mut import = place.command(&[
                    "import",
                    &format!("{part}.embedded.jsonl"),
                    "-c",
                    &kept.0,
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
            let ran: crate::common::Ran = import.wait_with_output().unwrap().into();
            assert_eq!(ran.code, 0, "{server}: {}{}", ran.out, ran.err);
        }
        let check = place.json(0, &["check", "-c", &kept.0]);
        assert_eq!(
            (&check["sound"], &check["passages"]),
            (&json!(true), &json!(601)),
            "{server}: {check}"
        );
        for part in 0..4 {
            let condition = format!("field{part}:7");
            let found = place.json(
                0,
                &[
                    &["search", "tides", "--mode", "dense", "--filter", &condition][..],
                    &on,
                ]
                .concat(),
            );
            assert_eq!(
                names(&found),
                [format!("{part}/7#0")],
                "{server}: {condition}"
            );
        }
    }
}

#[test]
#[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
fn milvus_runs_and_serves_and_keeps_the_index_that_is_asked_for() {
    for server in servers() {
        let place = Place::new();
        place.put(
            "questions.jsonl",
            "{\"_id\": \"q1\", \"text\": \"what makes the sea rise\"}\n",
        );
        place.put("a/tides.txt", "The moon pulls the sea. Tides rise.");
        place.put("a/bread.txt", "Yeast makes bread rise.");
        place.ok(&["index", "a", "-c", "here"]);
        for (kind, graphs) in [("flat", 0), ("hnsw", 1)] {
            let kept = Kept::on(&server);
            let made = place
                .command(&["import", "here", "-c", &kept.0])
                .env("NIGH_MILVUS_INDEX", kind)
                .output()
                .unwrap();
            assert!(made.status.success());
            assert_eq!(
                place.json(0, &["stats", "-c", &kept.0])["graphs"],
                graphs,
                "{server}: {kind}"
            );
            let ranks = |collection: &str| -> Vec<String> {
                place.ok(&[
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
                let run = std::fs::read_to_string(place.path("run.trec")).unwrap();
                run.lines()
                    .map(|line| {
                        line.split_whitespace()
                            .take(4)
                            .collect::<Vec<_>>()
                            .join(" ")
                    })
                    .collect()
            };
            assert_eq!(ranks(&kept.0), ranks("here"), "{server}: {kind}");
            let serving = Server::start(&place, &["-c", &kept.0]);
            let all = serving.get("/v1/collections").said(200, &[]).json();
            let name = all["default"].as_str().unwrap();
            let best = |question: &str| {
                let body = json!({"q": question, "mode": "dense", "k": 1});
                let found = serving
                    .send("POST", &format!("/v1/collections/{name}/search"), &body)
                    .said(200, &[])
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
                .send(
                    "PUT",
                    &format!("/v1/collections/{name}/articles/bees"),
                    &article,
                )
                .said(201, &[]);
            assert_eq!(best("which insects dance"), "bees", "{server}: {kind}");
            assert_eq!(serving.stop(), 0);
        }
    }
}

#[test]
#[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
fn what_is_wrong_with_a_collection_on_milvus_is_said() {
    let place = Place::new();
    // Takes connections and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let asking = place
        .command(&[
            "search",
            "moon",
            "-c",
            &format!("milvus://{}/books", silent.local_addr().unwrap()),
        ])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    place.put("a.txt", "The moon pulls the sea.");
    for server in servers() {
        let kept = Kept::on(&server);
        place
            .run(&["search", "moon", "-c", &kept.0])
            .said(2, &["no collection at milvus://", "makes one"]);
        place.ok(&["index", "a.txt", "--model", "static", "-c", &kept.0]);
        // Another model's questions are none for it.
        place
            .run(&["index", "a.txt", "--model", "builtin", "-c", &kept.0])
            .said(2, &["was made with the model"]);
        place.ok(&["index", "a.txt", "-c", "here"]);
        place
            .run(&["import", "here", "-c", &kept.0])
            .said(2, &["Make a new collection with -c"]);
        // The half of it that has no passages is none by itself.
        place
            .run(&["stats", "-c", &format!("{}_articles", kept.0)])
            .said(2, &["that nigh did not make"]);
        if std::env::var("NIGH_MILVUS_TOKEN").is_ok() {
            let asked = |name: &str, value: &str| -> crate::common::Ran {
                place
                    .command(&["stats", "-c", &kept.0])
                    .env(name, value)
                    .output()
                    .unwrap()
                    .into()
            };
            asked("NIGH_MILVUS_TOKEN", "root:wrong")
                .said(2, &["auth check failure", "NIGH_MILVUS_TOKEN is"]);
            asked("NIGH_MILVUS_TOKEN", "").said(2, &["missing authorization"]);
            asked("NIGH_MILVUS_TLS", "0").said(2, &["if it encrypts: NIGH_MILVUS_TLS=1"]);
            asked("NIGH_MILVUS_CA", "/nowhere.pem").said(2, &["/nowhere.pem"]);
            asked("NIGH_MILVUS_CA", "").said(2, &["NIGH_MILVUS_CA is the certificate"]);
        }
    }
    place
        .run(&["search", "moon", "-c", "milvus://127.0.0.1:9/books"])
        .said(
            2,
            &[
                "milvus://127.0.0.1:9/default/books: no Milvus answers there",
                "refused",
            ],
        );
    let ran: crate::common::Ran = asking.wait_with_output().unwrap().into();
    ran.said(2, &["/default/books: ", "timed out"]);
}

#[test]
fn places_that_are_none_are_named() {
    let place = Place::new();
    place
        .run(&["search", "x", "-c", "milvus://host"])
        .said(2, &["no collection in it; expected milvus://HOST"]);
    place
        .run(&["search", "x", "-c", "qdrant://host/a"])
        .said(2, &["nothing here keeps collections at qdrant://"]);
    place.put("nigh.toml", "[milvus]\nindex = \"ivf\"\n");
    place
        .run(&["search", "x"])
        .said(2, &["expected hnsw or flat"]);
    place.put("nigh.toml", "[milvus]\ntokens = \"x\"\n");
    place
        .run(&["search", "x"])
        .said(2, &["nigh.toml", "tokens"]);
}

#[test]
#[ignore = "needs a Milvus to kill: MILVUS_URI, and MILVUS_RESTART, a command that kills it and starts it again"]
fn milvus_killed_in_the_middle_of_indexing_loses_and_doubles_nothing() {
    let server = &servers()[0];
    let restart = std::env::var("MILVUS_RESTART").expect("MILVUS_RESTART");
    let (place, kept) = (Place::new(), Kept::on(server));
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
    place.put("records.jsonl", records);
    let mut command = place.command(&[
        "index",
        "records.jsonl",
        "--model",
        "static",
        "-c",
        &kept.0,
        "--json",
    ]);
    let mut indexing = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // When the first of it is in.
    let begun = std::time::Instant::now();
    let written = || {
        let stats = place.run(&["stats", "-c", &kept.0, "--json"]);
        serde_json::from_str::<Value>(&stats.out)
            .ok()
            .and_then(|stats| stats["articles"].as_u64())
            .unwrap_or_default()
    };
    while written() == 0 {
        assert!(begun.elapsed().as_secs() < 60, "nothing was written");
    }
    assert!(
        indexing.try_wait().unwrap().is_none(),
        "it was over before the server was killed"
    );
    let restarted = std::process::Command::new("sh")
        .args(["-c", &restart])
        .status()
        .unwrap();
    assert!(restarted.success());
    let ran: crate::common::Ran = indexing.wait_with_output().unwrap().into();
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let stats = place.json(0, &["stats", "-c", &kept.0]);
    assert_eq!(
        (&stats["articles"], &stats["passages"]),
        (&json!(20_000), &report["passages"])
    );
    let check = place.json(0, &["check", "-c", &kept.0]);
    assert_eq!(
        (&check["sound"], &check["passages"]),
        (&json!(true), &report["passages"]),
        "{check}"
    );
}
