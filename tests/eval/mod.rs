//! `nigh eval`: golden figures, causes of misses, run files, grids, reports.

mod figures;
mod grid;
mod misses;
mod notes;
mod report;
mod run_files;

use crate::common::{TestDir, data};
use serde_json::{Value, json};

fn data_file(name: &str) -> String {
    data().join(name).to_str().unwrap().to_owned()
}

fn system<'a>(verdict: &'a Value, name: &str) -> &'a Value {
    verdict["systems"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["name"] == name)
        .unwrap_or_else(|| panic!("{name}: {verdict}"))
}

fn losses<'a>(verdict: &'a Value, name: &str) -> &'a Value {
    verdict["losses"]["systems"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["system"] == name)
        .unwrap()
}

/// Asserts that every miss of every system has exactly one cause and is listed.
fn assert_losses_add_up(verdict: &Value) {
    let losses = &verdict["losses"];
    let systems = losses["systems"].as_array().unwrap();
    assert_eq!(systems.len(), verdict["systems"].as_array().unwrap().len());
    for system in systems {
        let (found, missed) = (
            system["found"].as_u64().unwrap(),
            system["missed"].as_u64().unwrap(),
        );
        let causes: u64 = system["by_cause"]
            .as_object()
            .unwrap()
            .values()
            .map(|n| n.as_u64().unwrap())
            .sum();
        assert_eq!(
            (found + missed, causes),
            (losses["judgements"].as_u64().unwrap(), missed),
            "{system}"
        );
    }
    let listed = losses["misses"].as_array().unwrap().len() as u64;
    assert_eq!(
        listed,
        systems
            .iter()
            .map(|s| s["missed"].as_u64().unwrap())
            .sum::<u64>()
    );
}

/// Four articles, and questions whose answers are missed for known causes.
fn with_losses() -> TestDir {
    let dir = TestDir::new();
    let filler =
        "The kitchen is warm in winter, and the stew simmers for hours on the stove. ".repeat(15);
    let long =
        format!("Stew\n\n{filler}The lighthouse keeper of Skerryvore feeds puffins every morning.");
    dir.put("docs/long.txt", long);
    dir.put(
        "docs/puffins.txt",
        "Birds\n\nPuffins are sea birds, and lighthouse keepers feed them. Puffins nest in burrows.",
    );
    dir.put("docs/moon.txt", "Moon\n\nThe Moon raises tides.");
    dir.put("docs/bread.txt", "Bread\n\nA sourdough rises slowly.");
    dir.ok(&["index", "docs", "--chunk", "whole"]);
    dir.put(
        "q.jsonl",
        "{\"_id\": \"window\", \"text\": \"Who feeds puffins at the Skerryvore lighthouse?\"}
{\"_id\": \"gone\", \"text\": \"What is on Mars?\"}
{\"_id\": \"words\", \"text\": \"oceanic ebb and flow caused by lunar gravity\"}
{\"_id\": \"easy\", \"text\": \"How does a sourdough rise?\"}
",
    );
    let moon = std::fs::read_to_string(dir.path("docs/moon.txt")).unwrap();
    let judgements = [
        json!({"query-id": "window", "answers": ["The lighthouse keeper of Skerryvore feeds puffins every morning"]}),
        json!({"query-id": "gone", "corpus-id": "docs/mars.txt", "answers": ["dust"]}),
        json!({"query-id": "words", "corpus-id": "docs/moon.txt", "start": 6, "end": moon.len()}),
        json!({"query-id": "easy", "answers": ["rises slowly", "slowly rising"]}),
    ];
    dir.put(
        "a.jsonl",
        judgements.map(|judgement| judgement.to_string()).join("\n"),
    );
    dir
}

/// Writes articles of these ids and texts as JSON lines, with the id as `kind`, too.
fn put_articles(dir: &TestDir, articles: &[(&str, &str)]) {
    let lines = articles
        .iter()
        .map(|(id, text)| format!("{}\n", json!({"_id": id, "kind": id, "text": text})));
    dir.put("docs.jsonl", lines.collect::<String>());
}

const KILN: &str = "Porcelain is fired twice, the second time with its glaze.";
