//! Judgements, questions and runs that are not what they should be: named, counted, never guessed.

use crate::common::Place;

fn place() -> Place {
    let place = Place::new();
    place.put("docs/moon.txt", "Moon\n\nThe Moon raises tides.");
    place.put("docs/bread.txt", "Bread\n\nA sourdough rises slowly.");
    place.ok(&["index", "docs"]);
    place.put(
        "q.jsonl",
        "{\"_id\": \"1\", \"text\": \"what raises tides\"}\n{\"_id\": \"2\", \"text\": \"what rises slowly\"}\n",
    );
    place.put(
        "qrels.tsv",
        "query-id\tcorpus-id\tscore\n1\tdocs/moon.txt\t1\n2\tdocs/bread.txt\t1\n",
    );
    place
}

const EVAL: [&str; 5] = ["eval", "--queries", "q.jsonl", "--qrels", "qrels.tsv"];

#[test]
fn unknown_articles_are_counted_named_and_missed() {
    let place = place();
    place.put(
        "qrels.tsv",
        "1\tdocs/moon.txt\t1\n2\tdocs/bread.txt\t1\n2\tdocs/cake.txt\t1\n1\tdocs/mars.txt\t1\n",
    );
    let verdict = place.json(1, &EVAL);
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
    place.run(&EVAL).said(1, &["docs/cake.txt", "not indexed"]);
}

#[test]
fn questions_and_judgements_that_do_not_meet() {
    let place = place();
    place.put("qrels.tsv", "1\tdocs/moon.txt\t1\n");
    let verdict = place.json(0, &EVAL);
    assert_eq!(verdict["queries"], 1);
    assert!(
        verdict["notes"][0]["message"]
            .as_str()
            .unwrap()
            .contains("1 question without judgements, left out: 2"),
        "{verdict}"
    );
    place.put(
        "qrels.tsv",
        "1\tdocs/moon.txt\t1\n7\tdocs/moon.txt\t1\n2\tdocs/bread.txt\t0\n",
    );
    let ran = place.run(&EVAL);
    ran.said(
        1,
        &[
            "1 query in the judgements and not among the questions: 7",
            "nothing judged relevant, left out: 2",
        ],
    );
    place.put("qrels.tsv", "8\tdocs/moon.txt\t1\n");
    place.run(&EVAL).said(
        2,
        &[
            "no question has anything judged relevant",
            "not among the questions: 8",
        ],
    );
    place
        .run(&["eval", "--queries", "q.jsonl"])
        .said(2, &["--qrels", "--qa"]);
    place
        .run(&["eval", "--qrels", "qrels.tsv"])
        .said(2, &["--queries"]);
    place
        .run(&["eval", "--qa"])
        .said(2, &["no article of the collection asks questions"]);
    place.put(
        "docs/faq.txt",
        "What the sea does.\nWhat raises tides?\nThe Moon raises them.\n",
    );
    place.ok(&["index", "docs/faq.txt", "--format", "qa"]);
    place.put(
        "q.jsonl",
        "{\"_id\": \"docs/faq.txt?1\", \"text\": \"x\"}\n",
    );
    place
        .run(&["eval", "--qa", "--queries", "q.jsonl"])
        .said(2, &["docs/faq.txt?1", "ids must differ"]);
}

#[test]
fn lines_that_do_not_read_are_named() {
    let place = place();
    for (text, said) in [
        (
            "query-id\tcorpus-id\tscore\n1\tdocs/moon.txt\tgood\n",
            "qrels.tsv:2: expected a whole number as grade",
        ),
        (
            "1\tdocs/moon.txt\t1\n1\tdocs/moon.txt\t1\n",
            "qrels.tsv:2: the same judgement stands in",
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
        place.put("qrels.tsv", text);
        place.run(&EVAL).said(2, &[said]);
    }
    place.put("qrels.tsv", "1\tdocs/moon.txt\t1\n");
    place.put("again.trec", "1 0 docs/moon.txt 1\n");
    place
        .run(&[&EVAL[..], &["--qrels", "again.trec"]].concat())
        .said(
            2,
            &["again.trec:1: the same judgement stands in", "qrels.tsv:1"],
        );
    place.put("qrels.tsv", b"1\t\xff\t1\n");
    place.run(&EVAL).said(2, &["qrels.tsv:1: expected UTF-8"]);
    place.put(
        "qrels.tsv",
        format!("1 0 docs/moon.txt 1\n1 {}\n", "0 ".repeat(1 << 20)),
    );
    place.run(&EVAL).said(
        2,
        &["qrels.tsv:2: expected a line of at most 1048576 bytes, found one of 2097154"],
    );
    place.put("qrels.tsv", format!("1 {}\n", "0 ".repeat(1 << 18)));
    let wrong = place.run(&EVAL);
    wrong.said(2, &["qrels.tsv:1: expected the four columns", "…"]);
    assert!(
        wrong.err.len() < 1000,
        "{} bytes are no message",
        wrong.err.len()
    );
    let missing = place.run(&["eval", "--queries", "q.jsonl", "--qrels", "none.tsv"]);
    missing.said(2, &["none.tsv"]);
    assert_eq!(
        missing.err.matches("No such file").count(),
        1,
        "{}",
        missing.err
    );
    place.put(
        "q.jsonl",
        "{\"_id\": \"1\", \"text\": \"x\"}\n{\"_id\": \"1\", \"text\": \"y\"}\n",
    );
    place.run(&EVAL).said(2, &["q.jsonl:2", "line 1 already"]);
}

#[test]
fn runs_that_cannot_be_judged_are_refused() {
    let place = place();
    let judged = |text: &str| {
        place.put("r.trec", text);
        place.run(&["eval", "--qrels", "qrels.tsv", "--run", "r.trec"])
    };
    judged("").said(2, &["r.trec: no results in it"]);
    judged("1 Q0 docs/moon.txt 1 NaN x\n")
        .said(2, &["r.trec:1: expected a finite score, found NaN"]);
    judged("1 Q0 docs/moon.txt 1 inf x\n").said(2, &["r.trec:1: expected a finite score"]);
    judged("1 Q0 docs/moon.txt 1 0.5\n").said(2, &["r.trec:1: expected the six columns"]);
    judged("1 Q0 a 1 0.5 x\n1 Q0 a 2 0.4 x\n")
        .said(2, &["r.trec:2: the document \"a\" stands on line 1"]);
    judged("9 Q0 a 1 0.5 x\n").said(2, &["r.trec: it answers none of the judged questions"]);
    place.put("r.trec", "1 Q0 docs/moon.txt 1 0.5 x\n");
    place
        .run(&[
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
        .said(2, &["named twice"]);
    place
        .run(&[
            "eval",
            "--qrels",
            "qrels.tsv",
            "--run",
            "r.trec",
            "--metrics",
            "f1@3",
        ])
        .said(2, &["f1@3", "nDCG"]);
}

#[test]
fn spans_and_answers_that_stand_nowhere() {
    let place = place();
    place.put(
        "qrels.tsv",
        "{\"query-id\": \"1\", \"corpus-id\": \"docs/moon.txt\", \"start\": 6, \"end\": 14, \"content\": \"The Moon\"}
{\"query-id\": \"1\", \"corpus-id\": \"docs/moon.txt\", \"start\": 60, \"end\": 90}
{\"query-id\": \"2\", \"corpus-id\": \"docs/bread.txt\", \"start\": 7, \"end\": 18, \"content\": \"a sourdough\"}
{\"query-id\": \"2\", \"answers\": [\"quickly\"]}
",
    );
    let ran = place.run(&EVAL);
    ran.said(
        1,
        &[
            "3 judgements of what stands nowhere",
            "qrels.tsv:2",
            "bytes of UTF-8",
            "qrels.tsv:3",
            "found \"A sourdough\"",
            "qrels.tsv:4",
            "quickly",
        ],
    );
    place
        .run(&["eval", "--qrels", "qrels.tsv", "--run", "qrels.tsv"])
        .said(2, &["needs the collection"]);
}
