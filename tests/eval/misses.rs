//! Causes of misses.

use super::{KILN, assert_losses_add_up, losses, put_articles, with_losses};
use crate::common::TestDir;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[test]
fn eval_assigns_a_cause_to_each_miss() {
    let dir = with_losses();
    let args = [
        "eval",
        "--queries",
        "q.jsonl",
        "--qrels",
        "a.jsonl",
        "--metrics",
        "success@1,nDCG@10",
        "--mode",
        "dense,lexical",
    ];
    let verdict = dir.json(1, &args);
    assert_losses_add_up(&verdict);
    let causes: BTreeMap<(String, String), String> = verdict["losses"]["misses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| {
            (
                (
                    m["system"].as_str().unwrap().into(),
                    m["query"].as_str().unwrap().into(),
                ),
                m["cause"].as_str().unwrap().into(),
            )
        })
        .collect();
    let cause = |system: &str, query: &str| {
        causes
            .get(&(system.to_owned(), query.to_owned()))
            .map(String::as_str)
    };
    assert_eq!(cause("dense", "window"), Some("window"), "{causes:?}");
    assert_eq!(cause("dense", "gone"), Some("not indexed"));
    assert_eq!(cause("lexical", "gone"), Some("not indexed"));
    assert_eq!(cause("dense", "words"), None, "found by dense search");
    assert_eq!(cause("lexical", "words"), Some("words"));
    assert_eq!(
        (cause("dense", "easy"), cause("lexical", "easy")),
        (None, None)
    );
    let window = verdict["losses"]["misses"]
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["query"] == "window" && m["system"] == "dense")
        .unwrap();
    assert!(
        window["dense_rank"].as_u64().unwrap() > 1,
        "the exact rank is reported: {window}"
    );
    assert!(
        verdict["notes"][0]["message"]
            .as_str()
            .unwrap()
            .contains("docs/mars.txt"),
        "{}",
        verdict["notes"]
    );
}

#[test]
fn answer_split_across_passages_is_attributed_to_the_chunker() {
    let dir = TestDir::new();
    // The passages are so small that none of them holds much of the answer.
    let answer = "His father kept an inn beside the old harbour of Leith for many years. \
                  The lamps that he later invented were turned by clockwork and heavy weights. \
                  When the fever came, he refused to leave his workshop, and so he died.";
    dir.put("docs/life.txt", format!("Notes\n\n{answer}"));
    dir.put(
        "docs/other.txt",
        "Lamps\n\nAn innkeeper's son invented a lamp and died of a fever.",
    );
    dir.ok(&["index", "docs", "--chunk-tokens", "16", "--overlap", "0"]);
    dir.put("q.jsonl", "{\"_id\": \"1\", \"text\": \"the innkeeper's son from Leith who invented clockwork lamps and died of fever in his workshop\"}");
    dir.put(
        "a.jsonl",
        json!({"query-id": "1", "corpus-id": "docs/life.txt", "answers": [answer]}).to_string(),
    );
    let verdict = dir.json(
        0,
        &[
            "eval",
            "--queries",
            "q.jsonl",
            "--qrels",
            "a.jsonl",
            "--metrics",
            "success@1",
            "--mode",
            "dense",
        ],
    );
    assert_losses_add_up(&verdict);
    let lost = losses(&verdict, "dense");
    assert_eq!(
        (
            lost["missed"].as_u64(),
            lost["by_cause"]["chunker"].as_u64()
        ),
        (Some(1), Some(1)),
        "{verdict}"
    );
}

#[test]
fn eval_attributes_misses_to_reranking() {
    let dir = with_losses();
    dir.put(
        "qrels.tsv",
        "query-id\tcorpus-id\tscore\neasy\tdocs/bread.txt\t1\nwords\tdocs/moon.txt\t1\n",
    );
    dir.put("q.jsonl", "{\"_id\": \"words\", \"text\": \"the Moon raises tides\"}\n{\"_id\": \"easy\", \"text\": \"How does a sourdough rise?\"}\n");
    dir.put(
        "reranked.trec",
        "easy Q0 docs/moon.txt 1 2 x\neasy Q0 docs/bread.txt 2 1 x\nwords Q0 docs/moon.txt 1 1 x\n",
    );
    let args = [
        "eval",
        "--queries",
        "q.jsonl",
        "--qrels",
        "qrels.tsv",
        "--mode",
        "hybrid",
        "--run",
        "reranked.trec",
        "--reranked",
        "hybrid",
        "--metrics",
        "success@1",
    ];
    let verdict = dir.json(0, &args);
    assert_losses_add_up(&verdict);
    assert_eq!(losses(&verdict, "reranked")["by_cause"]["reranking"], 1);
    assert_eq!(losses(&verdict, "hybrid")["missed"], 0);
    dir.run(&[&args[..], &["--reranked", "dense"]].concat())
        .assert_exit(2, &["--reranked"]);
}

#[test]
fn misses_have_the_causes_that_were_tested() {
    let dir = TestDir::new();
    put_articles(
        &dir,
        &[
            ("copied", KILN),
            ("twin", KILN),
            ("heron", "Herons stand in shallow water and wait for fish."),
            ("slate", "Slate splits into thin sheets that cover roofs."),
            // Alike for words, but no copies of each other.
            ("one", "zinc alpha beta gamma delta epsilon"),
            ("two", "zinc kappa lambda omega sigma theta"),
        ],
    );
    dir.put(
        "q.jsonl",
        "{\"_id\": \"kiln\", \"text\": \"porcelain glaze fired\"}\n{\"_id\": \"tie\", \"text\": \"zinc\"}\n\
         {\"_id\": \"filter\", \"text\": \"herons fish\"}\n",
    );
    dir.put(
        "qrels.txt",
        "kiln 0 copied 1\ntie 0 one 1\nfilter 0 heron 1\n",
    );
    dir.ok(&["index", "docs.jsonl"]);
    let eval = |more: &[&str]| {
        let args = [
            "eval",
            "--queries",
            "q.jsonl",
            "--qrels",
            "qrels.txt",
            "--metrics",
            "success@1",
        ];
        let verdict = dir.json(0, &[&args[..], more].concat());
        assert_losses_add_up(&verdict);
        verdict
    };
    let cause = |verdict: &Value, system: &str, query: &str| {
        let misses = verdict["losses"]["misses"].as_array().unwrap();
        let miss = misses
            .iter()
            .find(|miss| miss["system"] == system && miss["query"] == query);
        miss.map(|miss| miss["cause"].as_str().unwrap().to_owned())
    };
    let verdict = eval(&[]);
    for system in ["lexical", "dense", "hybrid"] {
        assert_eq!(
            cause(&verdict, system, "kiln").as_deref(),
            Some("copies"),
            "{system}"
        );
        assert_eq!(cause(&verdict, system, "filter"), None, "{system}");
    }
    assert_eq!(cause(&verdict, "lexical", "tie").as_deref(), Some("ties"));
    let filtered = eval(&["--filter", "NOT kind:heron"]);
    for system in ["lexical", "dense", "hybrid"] {
        let found = cause(&filtered, system, "filter");
        assert_eq!(found.as_deref(), Some("filter"), "{system}");
        assert_eq!(
            cause(&filtered, system, "kiln").as_deref(),
            Some("copies"),
            "{system}"
        );
    }
    // A run file that was cut, without the collection: only the ties are known.
    dir.put(
        "cut.trec",
        "kiln Q0 twin 1 0.5 x\nkiln Q0 copied 2 0.5 x\ntie Q0 two 1 0.7 x\n",
    );
    let args = [
        "eval",
        "--qrels",
        "qrels.txt",
        "--run",
        "cut.trec",
        "--metrics",
        "success@1",
    ];
    let verdict = dir.json(0, &args);
    assert_eq!(cause(&verdict, "cut", "kiln").as_deref(), Some("ties"));
    assert_eq!(cause(&verdict, "cut", "tie").as_deref(), Some("ranking"));
    let with_collection = dir.json(0, &[&args[..], &["-c", ".nigh"]].concat());
    assert_eq!(
        cause(&with_collection, "cut", "kiln").as_deref(),
        Some("copies")
    );
}
