//! Conditions on metadata: in every mode nothing that does not fit, and never fewer than there are.

use crate::common::Place;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Three hundred records, of which few are about storms, and few of those from 2025.
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

fn collection(place: &Place) {
    let lines: Vec<String> = records().iter().map(Value::to_string).collect();
    place.put("records.jsonl", lines.join("\n"));
    place.put(
        "notes/deep/kite.md",
        "---\nsource: diary\n---\n# Kites\nA kite in a storm is no toy.\n",
    );
    place.put("notes/top.md", "# Tops\nA top spins in any storm.\n");
    place.ok(&["index", "records.jsonl", "notes"]);
}

fn ids(found: &Value) -> BTreeSet<String> {
    let hits = found["hits"].as_array().unwrap();
    hits.iter()
        .map(|hit| hit["article_id"].as_str().unwrap().to_owned())
        .collect()
}

/// A condition, and which records it is to let through.
type Case = (&'static str, fn(&Value) -> bool);

#[test]
fn every_mode_gives_all_that_fit_and_nothing_else() {
    let place = Place::new();
    collection(&place);
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
    for (condition, fits) in cases {
        let expected: BTreeSet<String> = records()
            .iter()
            .filter(|r| fits(r))
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
                assert_eq!(ids(&place.json(0, &args)), expected, "{mode} {condition}");
            }
        }
        // Every record holds the word.
        let found = place.json(
            0,
            &[
                "search", "report", "-k", "1000", "--copies", "--mode", "lexical", "--filter",
                condition,
            ],
        );
        assert_eq!(ids(&found), expected, "lexical {condition}");
        // The few best of those that fit, not those that fit of the few best.
        let few = place.json(
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
fn paths_take_globs() {
    let place = Place::new();
    collection(&place);
    for (condition, expected) in [
        ("path:notes/**", &["notes/deep/kite.md", "notes/top.md"][..]),
        ("path:notes/*.md", &["notes/top.md"]),
        ("path:**/KITE.md", &["notes/deep/kite.md"]),
        ("source:diary", &["notes/deep/kite.md"]),
        ("title:t?ps", &["notes/top.md"]),
        ("NOT path:records.jsonl AND NOT source:*", &["notes/top.md"]),
    ] {
        let found = place.json(0, &["search", "a storm", "--filter", condition]);
        assert_eq!(
            ids(&found),
            expected.iter().map(|id| (*id).to_owned()).collect(),
            "{condition}"
        );
    }
    place.ok(&["delete", "notes/deep/kite.md"]);
    place
        .run(&["search", "a storm", "--filter", "source:diary"])
        .said(0, &["nothing found"]);
}

#[test]
fn what_cannot_be_asked_is_said() {
    let place = Place::new();
    collection(&place);
    place
        .run(&["search", "storm", "--filter", "sorce:reuters"])
        .said(
            2,
            &[
                "no article has a field \"sorce\"",
                "date, path, source, tags, title, words, id",
            ],
        );
    place
        .run(&["search", "storm", "--filter", "source:reuters tags:sport"])
        .said(2, &["column 16", "expected AND, OR"]);
    place
        .run(&["search", "storm", "--filter", "path:[a TO"])
        .said(2, &["column 11", "expected a bound"]);
    place
        .run(&["search", "storm", "--filter", "path:{a,b*"])
        .said(2, &["--filter"]);
    place
        .run(&["search", "storm", "--filter", "title:a[b*"])
        .said(0, &["nothing found"]);
}
