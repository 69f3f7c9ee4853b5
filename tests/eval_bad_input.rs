//! Malformed judgements, questions and run files: reported with file and line, and never guessed at.

use crate::common::TestDir;

fn with_two_articles() -> TestDir {
    let dir = TestDir::new();
    dir.put("docs/moon.txt", "Moon\n\nThe Moon raises tides.");
    dir.put("docs/bread.txt", "Bread\n\nA sourdough rises slowly.");
    dir.ok(&["index", "docs"]);
    dir.put(
        "q.jsonl",
        "{\"_id\": \"1\", \"text\": \"what raises tides\"}\n{\"_id\": \"2\", \"text\": \"what rises slowly\"}\n",
    );
    dir.put(
        "qrels.tsv",
        "query-id\tcorpus-id\tscore\n1\tdocs/moon.txt\t1\n2\tdocs/bread.txt\t1\n",
    );
    dir
}

const EVAL: [&str; 5] = ["eval", "--queries", "q.jsonl", "--qrels", "qrels.tsv"];

#[test]
fn judged_articles_that_are_not_indexed_are_noted_and_count_as_missed() {
    let dir = with_two_articles();
    dir.put(
        "qrels.tsv",
        "1\tdocs/moon.txt\t1\n2\tdocs/bread.txt\t1\n2\tdocs/cake.txt\t1\n1\tdocs/mars.txt\t1\n",
    );
    let verdict = dir.json(1, &EVAL);
    let note = verdict["notes"][0]["message"].as_str().unwrap();
    assert!(
        note.starts_with("2 judgements of 2 articles")
            && note.contains("docs/cake.txt, docs/mars.txt"),
        "{note}"
    );
    assert_eq!(
        verdict["systems"][0]["metrics"]["recall@10"]["mean"], 0.5,
        "they count as missed"
    );
    assert_eq!(
        verdict["losses"]["systems"][0]["by_cause"]["not indexed"],
        2
    );
    dir.run(&EVAL)
        .assert_exit(1, &["docs/cake.txt", "not indexed"]);
}

#[test]
fn questions_without_judgements_and_judgements_without_questions_are_noted() {
    let dir = with_two_articles();
    dir.put("qrels.tsv", "1\tdocs/moon.txt\t1\n");
    let verdict = dir.json(0, &EVAL);
    assert_eq!(verdict["queries"], 1);
    assert!(
        verdict["notes"][0]["message"]
            .as_str()
            .unwrap()
            .contains("1 question without judgements, left out: 2"),
        "{verdict}"
    );
    dir.put(
        "qrels.tsv",
        "1\tdocs/moon.txt\t1\n7\tdocs/moon.txt\t1\n2\tdocs/bread.txt\t0\n",
    );
    let result = dir.run(&EVAL);
    result.assert_exit(
        1,
        &[
            "1 query in the judgements but not among the questions: 7",
            "nothing judged relevant, left out: 2",
        ],
    );
    dir.put("qrels.tsv", "8\tdocs/moon.txt\t1\n");
    dir.run(&EVAL).assert_exit(
        2,
        &[
            "no question has anything judged relevant",
            "not among the questions: 8",
        ],
    );
    dir.run(&["eval", "--queries", "q.jsonl"])
        .assert_exit(2, &["--qrels", "--qa"]);
    dir.run(&["eval", "--qrels", "qrels.tsv"])
        .assert_exit(2, &["--queries"]);
    dir.run(&["eval", "--qa"])
        .assert_exit(2, &["no article of the collection asks questions"]);
    dir.put(
        "docs/faq.txt",
        "What the sea does.\nWhat raises tides?\nThe Moon raises them.\n",
    );
    dir.ok(&["index", "docs/faq.txt", "--format", "qa"]);
    dir.put(
        "q.jsonl",
        "{\"_id\": \"docs/faq.txt?1\", \"text\": \"x\"}\n",
    );
    dir.run(&["eval", "--qa", "--queries", "q.jsonl"])
        .assert_exit(2, &["docs/faq.txt?1", "ids must differ"]);
}

#[test]
fn malformed_lines_are_reported_with_file_and_line() {
    let dir = with_two_articles();
    for (text, problem) in [
        (
            "query-id\tcorpus-id\tscore\n1\tdocs/moon.txt\tgood\n",
            "qrels.tsv:2: expected a whole number as grade",
        ),
        (
            "1\tdocs/moon.txt\t1\n1\tdocs/moon.txt\t1\n",
            "qrels.tsv:2: the same judgement is in",
        ),
        (
            "1\tdocs/moon.txt\t1\n1\tdocs/moon.txt\n",
            "qrels.tsv:2: expected query-id, corpus-id and score",
        ),
        ("\n", "no judgements in it"),
        (
            "{\"query-id\": \"1\"}\n",
            "qrels.tsv:1: expected corpus-id, answers, or start and end",
        ),
        ("{\"query-id\"\n", "qrels.tsv:1: expected a judgement"),
    ] {
        dir.put("qrels.tsv", text);
        dir.run(&EVAL).assert_exit(2, &[problem]);
    }
    dir.put("qrels.tsv", "1\tdocs/moon.txt\t1\n");
    dir.put("again.trec", "1 0 docs/moon.txt 1\n");
    dir.run(&[&EVAL[..], &["--qrels", "again.trec"]].concat())
        .assert_exit(
            2,
            &["again.trec:1: the same judgement is in", "qrels.tsv:1"],
        );
    dir.put("qrels.tsv", b"1\t\xff\t1\n");
    dir.run(&EVAL)
        .assert_exit(2, &["qrels.tsv:1: expected UTF-8"]);
    dir.put(
        "qrels.tsv",
        format!("1 0 docs/moon.txt 1\n1 {}\n", "0 ".repeat(1 << 20)),
    );
    dir.run(&EVAL).assert_exit(
        2,
        &["qrels.tsv:2: expected a line of at most 1048576 bytes, found a longer one"],
    );
    dir.put("qrels.tsv", format!("1 {}\n", "0 ".repeat(1 << 18)));
    let wrong = dir.run(&EVAL);
    wrong.assert_exit(2, &["qrels.tsv:1: expected the four columns", "…"]);
    assert!(
        wrong.stderr.len() < 1000,
        "the message has {} bytes",
        wrong.stderr.len()
    );
    let missing = dir.run(&["eval", "--queries", "q.jsonl", "--qrels", "none.tsv"]);
    missing.assert_exit(2, &["none.tsv"]);
    assert_eq!(
        missing.stderr.matches("No such file").count(),
        1,
        "{}",
        missing.stderr
    );
    dir.put(
        "q.jsonl",
        "{\"_id\": \"1\", \"text\": \"x\"}\n{\"_id\": \"1\", \"text\": \"y\"}\n",
    );
    dir.run(&EVAL)
        .assert_exit(2, &["q.jsonl:2", "line 1 already"]);
}

#[test]
fn malformed_run_files_are_rejected() {
    let dir = with_two_articles();
    let eval_run = |text: &str| {
        dir.put("r.trec", text);
        dir.run(&["eval", "--qrels", "qrels.tsv", "--run", "r.trec"])
    };
    eval_run("").assert_exit(2, &["r.trec: no results in it"]);
    eval_run("1 Q0 docs/moon.txt 1 NaN x\n")
        .assert_exit(2, &["r.trec:1: expected a finite score, found NaN"]);
    eval_run("1 Q0 docs/moon.txt 1 inf x\n").assert_exit(2, &["r.trec:1: expected a finite score"]);
    eval_run("1 Q0 docs/moon.txt 1 0.5\n").assert_exit(2, &["r.trec:1: expected the six columns"]);
    eval_run("1 Q0 a 1 0.5 x\n1 Q0 a 2 0.4 x\n")
        .assert_exit(2, &["r.trec:2: the document \"a\" is on line 1"]);
    eval_run("9 Q0 a 1 0.5 x\n")
        .assert_exit(2, &["r.trec: it answers none of the judged questions"]);
    dir.put("r.trec", "1 Q0 docs/moon.txt 1 0.5 x\n");
    dir.run(&[
        "eval",
        "--qrels",
        "qrels.tsv",
        "--run",
        "r.trec",
        "--run",
        "r.trec",
        "--run",
        "r.trec",
    ])
    .assert_exit(2, &["named twice"]);
    dir.run(&[
        "eval",
        "--qrels",
        "qrels.tsv",
        "--run",
        "r.trec",
        "--metrics",
        "f1@3",
    ])
    .assert_exit(2, &["f1@3", "nDCG"]);
}

#[test]
fn judged_spans_and_answers_that_do_not_occur_are_noted() {
    let dir = with_two_articles();
    dir.put(
        "qrels.tsv",
        "{\"query-id\": \"1\", \"corpus-id\": \"docs/moon.txt\", \"start\": 6, \"end\": 14, \"content\": \"The Moon\"}
{\"query-id\": \"1\", \"corpus-id\": \"docs/moon.txt\", \"start\": 60, \"end\": 90}
{\"query-id\": \"2\", \"corpus-id\": \"docs/bread.txt\", \"start\": 7, \"end\": 18, \"content\": \"a sourdough\"}
{\"query-id\": \"2\", \"answers\": [\"quickly\"]}
",
    );
    let result = dir.run(&EVAL);
    result.assert_exit(
        1,
        &[
            "3 judgements of text that does not occur",
            "qrels.tsv:2",
            "bytes of UTF-8",
            "qrels.tsv:3",
            "found \"A sourdough\"",
            "qrels.tsv:4",
            "quickly",
        ],
    );
    dir.run(&["eval", "--qrels", "qrels.tsv", "--run", "qrels.tsv"])
        .assert_exit(2, &["needs the collection"]);
}
