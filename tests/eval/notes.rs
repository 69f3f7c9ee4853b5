//! Notes on questions that a search would note.

use super::put_articles;
use crate::common::TestDir;
use serde_json::{Value, json};

#[test]
fn run_and_eval_count_truncated_questions() {
    let dir = TestDir::new();
    dir.put("a.txt", "The password of the vault is marzipan.");
    dir.ok(&["index", "a.txt"]);
    let long = "Please consider everything carefully. ".repeat(150) + "What is the password?";
    let queries = [
        json!({"_id": "1", "text": long}),
        json!({"_id": "2", "text": "the password"}),
    ];
    dir.put(
        "q.jsonl",
        queries.map(|query| format!("{query}\n")).concat(),
    );
    dir.put(
        "qrels.tsv",
        "query-id\tcorpus-id\tscore\n1\ta.txt\t1\n2\ta.txt\t1\n",
    );
    let run = [
        "run",
        "--queries",
        "q.jsonl",
        "--out",
        "a.trec",
        "--mode",
        "dense",
    ];
    let eval = [
        "eval",
        "--queries",
        "q.jsonl",
        "--qrels",
        "qrels.tsv",
        "--mode",
        "dense",
    ];
    for args in [&run[..], &eval[..]] {
        let note = dir.json(0, args)["notes"][0].take();
        assert_eq!(note["code"], "question_cut", "{args:?}");
        assert!(
            note["message"]
                .as_str()
                .unwrap()
                .starts_with("1 question is longer"),
            "{note}"
        );
    }
    dir.run(&run)
        .assert_exit(0, &["1 question is longer than the 256 tokens"]);
    let lexical = dir.json(0, &[&run[..6], &["lexical"]].concat());
    assert!(
        lexical["notes"].is_null(),
        "words have no window: {lexical}"
    );
}

#[test]
fn batches_count_what_a_search_would_note() {
    let dir = TestDir::new();
    put_articles(
        &dir,
        &[("heron", "Herons stand in shallow water and wait for fish.")],
    );
    dir.ok(&["index", "docs.jsonl"]);
    dir.put(
        "q.jsonl",
        "{\"_id\": \"1\", \"text\": \"xylophone\"}\n{\"_id\": \"2\", \"text\": \"quartz\"}\n\
         {\"_id\": \"3\", \"text\": \"hreons\"}\n{\"_id\": \"4\", \"text\": \"herons\"}\n",
    );
    dir.put(
        "qrels.txt",
        "1 0 heron 1\n2 0 heron 1\n3 0 heron 1\n4 0 heron 1\n",
    );
    for args in [
        &["run", "--queries", "q.jsonl", "--out", "r.trec"][..],
        &["eval", "--queries", "q.jsonl", "--qrels", "qrels.txt"],
    ] {
        let found = dir.json(0, args);
        let note = |code: &str| {
            let notes = found["notes"].as_array().unwrap();
            let note = notes.iter().find(|note| note["code"] == code);
            note.map(|note| note["message"].as_str().unwrap().to_owned())
        };
        assert!(
            note("no_word_matches").unwrap().starts_with("2 questions"),
            "{found}"
        );
        assert!(
            note("near_words").unwrap().starts_with("1 question "),
            "{found}"
        );
    }
    let dense = [
        "run",
        "--queries",
        "q.jsonl",
        "--out",
        "r.trec",
        "--mode",
        "dense",
    ];
    assert_eq!(dir.json(0, &dense)["notes"], Value::Null);
}
