//! `--filter`: every mode returns only articles that match, and as many as there are.

use crate::common::TestDir;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Three hundred records; few are about storms, and few of those are from 2025.
fn records() -> Vec<Value> {
    let topics = [
        "a storm at sea",
        "bread and yeast",
        "the price of copper",
        "an old bridge",
        "sheep on a hill",
    ];
    let sources = ["Reuters", "AP", "Local Herald"];
    (0..300)
        .map(|n| {
            let topic = if n % 50 == 7 { topics[0] } else { topics[1 + n % 4] };
            json!({
                "id": format!("r{n}"),
                "title": format!("Report {n}"),
                "text": format!("Report number {n} tells of {topic}, as seen by witness {}.", n * 7 % 13),
                "source": sources[n % 3],
                "date": format!("202{}-{:02}-{:02}", n % 6, 1 + n % 12, 1 + n % 28),
                "words": n,
                "tags": if n % 2 == 0 { json!(["sport", "weather"]) } else { json!(["economy"]) },
            })
        })
        .collect()
}

fn index_records(dir: &TestDir) {
    let lines: Vec<String> = records().iter().map(Value::to_string).collect();
    dir.put("records.jsonl", lines.join("\n"));
    dir.put(
        "notes/deep/kite.md",
        "---\nsource: diary\n---\n# Kites\nA kite in a storm is no toy.\n",
    );
    dir.put("notes/top.md", "# Tops\nA top spins in any storm.\n");
    dir.ok(&["index", "records.jsonl", "notes"]);
}

fn article_ids(found: &Value) -> BTreeSet<String> {
    let hits = found["hits"].as_array().unwrap();
    hits.iter()
        .map(|hit| hit["article_id"].as_str().unwrap().to_owned())
        .collect()
}

/// A filter, and a predicate for the records that it must match.
type Case = (&'static str, fn(&Value) -> bool);

#[test]
fn every_mode_returns_exactly_the_matching_articles() {
    let dir = TestDir::new();
    index_records(&dir);
    let cases: [Case; 8] = [
        ("source:reuters", |r| r["source"] == "Reuters"),
        ("source:\"local herald\" AND words:<40", |r| {
            r["source"] == "Local Herald" && r["words"].as_u64() < Some(40)
        }),
        ("date:[2025-01-01 TO 2025-06-30]", |r| {
            ("2025-01-01"..="2025-06-30").contains(&r["date"].as_str().unwrap())
        }),
        ("date:2025-06", |r| {
            r["date"].as_str().unwrap().starts_with("2025-06")
        }),
        ("words:{10 TO 20}", |r| {
            (11..20).contains(&r["words"].as_u64().unwrap())
        }),
        ("tags:sport AND NOT source:ap", |r| {
            r["tags"][0] == "sport" && r["source"] != "AP"
        }),
        ("id:r17", |r| r["id"] == "r17"),
        ("(words:3 OR words:[299 TO *]) AND source:*", |r| {
            r["words"] == 3 || r["words"] == 299
        }),
    ];
    for (condition, matches) in cases {
        let expected: BTreeSet<String> = records()
            .iter()
            .filter(|r| matches(r))
            .map(|r| r["id"].as_str().unwrap().to_owned())
            .collect();
        assert!(!expected.is_empty(), "{condition}");
        for mode in ["dense", "hybrid"] {
            for exact in [&["--exact"][..], &[]] {
                let args = [
                    &[
                        "search",
                        "a storm at sea",
                        "-k",
                        "1000",
                        "--copies",
                        "--mode",
                        mode,
                        "--filter",
                        condition,
                    ],
                    exact,
                ]
                .concat();
                assert_eq!(
                    article_ids(&dir.json(0, &args)),
                    expected,
                    "{mode} {condition}"
                );
            }
        }
        // Every record contains the word.
        let found = dir.json(
            0,
            &[
                "search", "report", "-k", "1000", "--copies", "--mode", "lexical", "--filter",
                condition,
            ],
        );
        assert_eq!(article_ids(&found), expected, "lexical {condition}");
        // The filter applies before the top k are chosen, not after.
        let few = dir.json(
            0,
            &[
                "search", "sheep", "-k", "2", "--copies", "--filter", condition,
            ],
        );
        assert_eq!(
            few["hits"].as_array().unwrap().len(),
            expected.len().min(2),
            "{condition}"
        );
    }
}

#[test]
fn filter_values_accept_globs() {
    let dir = TestDir::new();
    index_records(&dir);
    for (condition, expected) in [
        ("path:notes/**", &["notes/deep/kite.md", "notes/top.md"][..]),
        ("path:notes/*.md", &["notes/top.md"]),
        ("path:**/KITE.md", &["notes/deep/kite.md"]),
        ("source:diary", &["notes/deep/kite.md"]),
        ("title:t?ps", &["notes/top.md"]),
        ("NOT path:records.jsonl AND NOT source:*", &["notes/top.md"]),
    ] {
        let found = dir.json(0, &["search", "a storm", "--filter", condition]);
        assert_eq!(
            article_ids(&found),
            expected.iter().map(|id| (*id).to_owned()).collect(),
            "{condition}"
        );
    }
    dir.ok(&["delete", "notes/deep/kite.md"]);
    dir.run(&["search", "a storm", "--filter", "source:diary"])
        .assert_exit(0, &["nothing found"]);
}

#[test]
fn filter_errors_name_the_column_or_the_unknown_field() {
    let dir = TestDir::new();
    index_records(&dir);
    dir.run(&["search", "storm", "--filter", "sorce:reuters"])
        .assert_exit(
            2,
            &[
                "no article has a field \"sorce\"",
                "date, path, source, tags, title, words, id",
            ],
        );
    dir.run(&["search", "storm", "--filter", "source:reuters tags:sport"])
        .assert_exit(2, &["column 16", "expected AND, OR"]);
    dir.run(&["search", "storm", "--filter", "path:[a TO"])
        .assert_exit(2, &["column 11", "expected a bound"]);
    dir.run(&["search", "storm", "--filter", "path:{a,b*"])
        .assert_exit(2, &["--filter"]);
    dir.run(&["search", "storm", "--filter", "title:a[b*"])
        .assert_exit(0, &["nothing found"]);
}
