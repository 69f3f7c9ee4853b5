//! Run files: what `nigh run` writes, `nigh eval` reads.

use super::{KILN, assert_losses_add_up, put_articles, system, with_losses};
use crate::common::TestDir;
use serde_json::json;

#[test]
fn eval_of_a_run_file_equals_eval_of_the_mode_that_wrote_it() {
    let dir = TestDir::new();
    dir.put(
        "my docs/the sea.txt",
        "The sea\n\nThe sea rises twice a day, drawn by the Moon.",
    );
    dir.put(
        "my docs/bread.txt",
        "Bread\n\nA sourdough rises slowly, overnight.",
    );
    dir.put(
        "my docs/tea.txt",
        "Tea\n\nGreen tea is steamed or pan-fired.",
    );
    dir.ok(&["index", "my docs"]);
    dir.put(
        "q.jsonl",
        "{\"_id\": \"q 1\", \"text\": \"what lifts the sea\"}\n{\"_id\": \"q2\", \"text\": \"how is tea dried\"}\n",
    );
    dir.put(
        "qrels.tsv",
        "query-id\tcorpus-id\tscore\nq 1\tmy docs/the sea.txt\t2\nq2\tmy docs/tea.txt\t1\nq2\tmy docs/bread.txt\t0\n",
    );
    for by in ["article", "passage"] {
        dir.ok(&[
            "run",
            "--queries",
            "q.jsonl",
            "--out",
            "dense file.trec",
            "--mode",
            "dense",
            "--by",
            by,
        ]);
        let verdict = dir.json(
            0,
            &[
                "eval",
                "--queries",
                "q.jsonl",
                "--qrels",
                "qrels.tsv",
                "--mode",
                "dense",
                "--run",
                "dense file.trec",
            ],
        );
        assert_eq!(
            system(&verdict, "dense")["metrics"],
            system(&verdict, "dense file")["metrics"],
            "{by}"
        );
        assert_eq!(
            system(&verdict, "dense")["metrics"]["success@1"]["mean"],
            1.0
        );
        assert_losses_add_up(&verdict);
    }
    // TREC qrels and a run file can be evaluated without a collection.
    dir.put("qrels.trec", "q2 0 tea 1\nq3 0 tea 1\n");
    dir.put("a.trec", "q2 Q0 bread 1 2.5 x\nq2 Q0 tea 2 1.5 x\n");
    std::fs::remove_dir_all(dir.path(".nigh")).unwrap();
    let verdict = dir.json(
        0,
        &[
            "eval",
            "--qrels",
            "qrels.trec",
            "--run",
            "a.trec",
            "--metrics",
            "MRR@10",
        ],
    );
    assert_eq!(
        system(&verdict, "a")["metrics"]["MRR@10"]["mean"],
        0.25,
        "a query without results scores 0"
    );
}

#[test]
fn eval_detects_whether_a_run_names_articles_or_passages() {
    let dir = with_losses();
    dir.ok(&["run", "--queries", "q.jsonl", "--out", "articles.trec"]);
    let args = [
        "eval",
        "--queries",
        "q.jsonl",
        "--qrels",
        "a.jsonl",
        "--run",
        "articles.trec",
    ];
    dir.run(&[&args[..], &["-c", ".nigh"]].concat())
        .assert_exit(1, &["articles.trec: none of its results names a passage"]);
    // An id that looks like a passage of a judged article and is none.
    dir.put(
        "qrels.tsv",
        "query-id\tcorpus-id\tscore\nwords\tdocs/moon.txt\t1\n",
    );
    dir.put("r.trec", "words Q0 docs/moon.txt#1.txt 1 0.5 x\n");
    let verdict = dir.json(
        1,
        &[
            "eval",
            "--qrels",
            "qrels.tsv",
            "--run",
            "r.trec",
            "--metrics",
            "MRR@10",
        ],
    );
    assert_eq!(system(&verdict, "r")["metrics"]["MRR@10"]["mean"], 0.0);
    dir.put("r.trec", "words Q0 docs/moon.txt#0 1 0.5 x\n");
    let verdict = dir.json(
        0,
        &[
            "eval",
            "--qrels",
            "qrels.tsv",
            "--run",
            "r.trec",
            "--metrics",
            "MRR@10",
        ],
    );
    assert_eq!(system(&verdict, "r")["metrics"]["MRR@10"]["mean"], 1.0);
    // NIGH_COLLECTION is ignored where no collection is needed.
    let mut command = dir.command(&["eval", "--qrels", "qrels.tsv", "--run", "r.trec"]);
    let output = command.env("NIGH_COLLECTION", "nowhere").output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn run_files_distinguish_ids_that_differ_by_a_space() {
    let dir = TestDir::new();
    dir.put("d/x y.txt", "Moon\n\nThe Moon raises tides.");
    dir.put("d/x_y.txt", "Bread\n\nA sourdough rises slowly.");
    dir.ok(&["index", "d"]);
    dir.put(
        "q.jsonl",
        "{\"_id\": \"q 1\", \"text\": \"tides of the Moon\"}\n{\"_id\": \"q_1\", \"text\": \"slow sourdough\"}\n",
    );
    dir.put(
        "qrels.tsv",
        "query-id\tcorpus-id\tscore\nq 1\td/x y.txt\t1\nq_1\td/x_y.txt\t1\n",
    );
    dir.ok(&["run", "--queries", "q.jsonl", "--out", "r.trec", "-k", "1"]);
    for collection in [&["-c", ".nigh"][..], &[]] {
        let verdict = dir.json(
            0,
            &[
                &["eval", "--qrels", "qrels.tsv", "--run", "r.trec"][..],
                collection,
            ]
            .concat(),
        );
        assert_eq!(
            system(&verdict, "r")["metrics"]["success@1"]["mean"],
            1.0,
            "{collection:?}"
        );
    }
}

#[test]
fn judgements_may_be_made_of_a_run_file_with_its_escaped_ids() {
    let dir = TestDir::new();
    put_articles(
        &dir,
        &[
            ("x y", "The Moon raises tides."),
            ("b%20c", "A sourdough rises slowly."),
            ("100%", "Green tea is steamed or pan-fired."),
        ],
    );
    dir.ok(&["index", "docs.jsonl"]);
    let queries = [
        ("q 1", "tides of the Moon"),
        ("q_1", "slow sourdough"),
        ("q%", "how is tea dried"),
    ];
    let lines = queries.map(|(id, text)| format!("{}\n", json!({"_id": id, "text": text})));
    dir.put("q.jsonl", lines.concat());
    dir.ok(&[
        "run",
        "--queries",
        "q.jsonl",
        "--out",
        "r.trec",
        "-k",
        "1",
        "--mode",
        "dense",
    ]);
    let run = std::fs::read_to_string(dir.path("r.trec")).unwrap();
    let judge = |line: &str| -> String {
        let columns: Vec<&str> = line.split(' ').collect();
        format!("{} 0 {} 1\n", columns[0], columns[2])
    };
    let qrels: String = run.lines().map(judge).collect();
    let expected = "q%201 0 x%20y 1\nq_1 0 b%2520c 1\nq%25 0 100%25 1\n";
    assert_eq!(qrels, expected);
    // An id that is known as it is stands for itself.
    for qrels in [expected, "q_1 0 b%20c 1\nq% 0 100% 1\n"] {
        dir.put("qrels.txt", qrels);
        let args = ["eval", "--queries", "q.jsonl", "--qrels", "qrels.txt"];
        let systems = ["--run", "r.trec", "--mode", "dense"];
        let verdict = dir.json(
            0,
            &[&args[..], &systems, &["--metrics", "success@1"]].concat(),
        );
        for name in ["dense", "r"] {
            let mean = &system(&verdict, name)["metrics"]["success@1"]["mean"];
            assert_eq!(*mean, 1.0, "{name}: {verdict}");
        }
    }
}

#[test]
fn equal_scores_have_one_order_wherever_there_is_one() {
    let dir = TestDir::new();
    // As text, `c#0` comes before `c 2#0`, though `c` comes before `c 2`.
    let copies = ["a", "b%20", "c", "c 2", "d"];
    let mut articles: Vec<(&str, &str)> = copies.iter().map(|id| (*id, KILN)).collect();
    articles.push(("other", "Herons stand in shallow water and wait for fish."));
    put_articles(&dir, &articles);
    dir.put(
        "q.jsonl",
        "{\"_id\": \"q\", \"text\": \"how is porcelain fired\"}\n",
    );
    dir.ok(&["index", "docs.jsonl"]);
    for (by, best) in [("article", "d"), ("passage", "d#0")] {
        for mode in ["lexical", "dense", "hybrid"] {
            let search = [
                "search",
                "how is porcelain fired",
                "--copies",
                "--by",
                by,
                "--mode",
                mode,
            ];
            let shown: Vec<String> = dir.json(0, &search)["hits"]
                .as_array()
                .unwrap()
                .iter()
                .map(|hit| match by {
                    "article" => hit["article_id"].as_str().unwrap().to_owned(),
                    _ => hit["passage_id"].as_str().unwrap().to_owned(),
                })
                .take(copies.len())
                .collect();
            let mut sorted = shown.clone();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            assert_eq!((&shown, shown[0].as_str()), (&sorted, best), "{by} {mode}");
            for k in 1..=copies.len() {
                let k = k.to_string();
                dir.ok(&[
                    "run",
                    "--queries",
                    "q.jsonl",
                    "--out",
                    "run.trec",
                    "--mode",
                    mode,
                    "--by",
                    by,
                    "-k",
                    &k,
                ]);
                let run = std::fs::read_to_string(dir.path("run.trec")).unwrap();
                let written: Vec<String> = run
                    .lines()
                    .map(|line| line.split(' ').nth(2).unwrap().to_owned())
                    .collect();
                let expected: Vec<String> = shown[..written.len()]
                    .iter()
                    .map(|id| id.replace('%', "%25").replace(' ', "%20"))
                    .collect();
                assert_eq!(
                    (written.len().to_string(), &written),
                    (k.clone(), &expected)
                );
            }
        }
    }
    // What is judged does not depend on what else is, nor on the depth of a run.
    for (place, id) in copies.iter().rev().enumerate() {
        let judgement = json!({"query-id": "q", "corpus-id": id});
        dir.put("qrels.jsonl", judgement.to_string());
        for metrics in ["success@1", "success@1,MRR@10", "success@1,recall@3"] {
            let args = [
                "eval",
                "--queries",
                "q.jsonl",
                "--qrels",
                "qrels.jsonl",
                "--metrics",
                metrics,
            ];
            let verdict = dir.json(0, &args);
            for mode in ["lexical", "dense", "hybrid"] {
                let mean = &system(&verdict, mode)["metrics"]["success@1"]["mean"];
                assert_eq!(
                    *mean,
                    f64::from(u8::from(place == 0)),
                    "{id} {mode} {metrics}"
                );
            }
        }
        let run = [
            "run",
            "--queries",
            "q.jsonl",
            "--out",
            "run.trec",
            "--by",
            "article",
        ];
        dir.ok(&run);
        let args = [
            "eval",
            "--qrels",
            "qrels.jsonl",
            "--run",
            "run.trec",
            "--metrics",
            "MRR@10",
        ];
        let verdict = dir.json(0, &args);
        let mean = verdict["systems"][0]["metrics"]["MRR@10"]["mean"]
            .as_f64()
            .unwrap();
        assert!(
            (mean - 1.0 / (place + 1) as f64).abs() < 1e-9,
            "{id}: {verdict}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_dash_is_standard_input_or_output() {
    use std::process::Stdio;
    let dir = TestDir::new();
    put_articles(
        &dir,
        &[("heron", "Herons stand in shallow water and wait for fish.")],
    );
    dir.ok(&["index", "docs.jsonl"]);
    let question = "{\"_id\": \"1\", \"text\": \"herons\"}\n";
    dir.put("q.jsonl", question);
    dir.put("qrels.txt", "1 0 heron 1\n");
    let with_input = |args: &[&str], input: &str| -> crate::common::CliOutput {
        let mut child = dir
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    };
    let run = with_input(
        &["run", "--queries", "-", "--out", "-", "--mode", "lexical"],
        question,
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stdout.starts_with("1 Q0 heron 1 ") && run.stdout.lines().count() == 1,
        "{}",
        run.stdout
    );
    let from_stdin = [
        "eval",
        "--qrels",
        "qrels.txt",
        "--run",
        "-",
        "--metrics",
        "MRR@10",
    ];
    let judged = with_input(&from_stdin, &run.stdout);
    assert_eq!(judged.code, 0, "{}", judged.stderr);
    let values = dir.ok(&[
        "eval",
        "--queries",
        "q.jsonl",
        "--qrels",
        "qrels.txt",
        "--mode",
        "lexical",
        "--metrics",
        "MRR@10",
        "--per-query",
        "-",
    ]);
    assert_eq!(
        values.stdout,
        "system,query,metric,value\nlexical,1,MRR@10,1\n"
    );
    dir.run(&["run", "--queries", "q.jsonl", "--out", "-", "--json"])
        .assert_exit(2, &["name a file for the run"]);
    dir.run(&["index", "-"])
        .assert_exit(2, &["nigh embed - | nigh import -"]);
    assert!(!dir.path("-").exists() && !dir.path("-.manifest.json").exists());
}
