//! Updates, several writers, and a server that is killed.

use super::servers;
use crate::common::{MilvusCollection, TestDir, passage_ids};
use serde_json::{Value, json};

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
