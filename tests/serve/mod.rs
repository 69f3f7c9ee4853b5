//! `nigh serve` over HTTP, and `nigh mcp`.

mod access;
mod articles;
mod connections;
mod mcp;
mod search;

use crate::common::TestDir;
use serde_json::{Value, json};

/// A directory with a small collection, `books`.
fn with_books() -> TestDir {
    let dir = TestDir::new();
    dir.put(
        "articles.jsonl",
        [
            json!({"_id": "tides", "title": "Tides", "year": 1999, "tags": ["sea", "moon"],
                "text": "The moon pulls the oceans. Most coasts see two high tides a day. Spring tides come at new moon."}),
            json!({"_id": "bread", "title": "Bread", "year": 2021, "tags": ["food"],
                "text": "Sourdough rises by wild yeast. Flour and water ferment for days."}),
            json!({"_id": "docs/a b?é", "title": "Odd", "year": 2021,
                "text": "An id may hold anything: slashes, spaces, accents."}),
        ]
        .map(|article| article.to_string())
        .join("\n"),
    );
    dir.put(
        "faq.txt",
        "All about cheese.\nWhat is cheese made of?\nCheese is made of milk and rennet.\n",
    );
    dir.ok(&["index", "articles.jsonl", "faq.txt", "-c", "books"]);
    dir
}

fn article_ids(answer: &Value) -> Vec<String> {
    let hits = answer["hits"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"));
    hits.iter()
        .map(|hit| hit["article_id"].as_str().unwrap().to_owned())
        .collect()
}
