//! `nigh eval`: golden figures, causes of misses, run files, grids, reports.

use crate::common::{TestDir, data, with_data};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

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

/// Compares with tests/golden/figures.json: measured values, with a tolerance for the rounding of
/// other processors.
#[test]
fn eval_reproduces_the_golden_figures_on_data() {
    let dir = with_data();
    let mut found: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for file in ["paraphrases.jsonl", "sample/paraphrases.jsonl"] {
        let args = [
            "eval",
            "--qa",
            "--queries",
            &data_file(file),
            "--metrics",
            "recall@1,MRR@10,nDCG@10",
            "--per-query",
            "v.csv",
        ];
        assert_losses_add_up(&dir.json(0, &args));
        let csv = std::fs::read_to_string(dir.path("v.csv")).unwrap();
        for line in csv.lines().skip(1) {
            let mut columns = line.rsplitn(3, ',');
            let (value, metric, rest) = (
                columns.next().unwrap(),
                columns.next().unwrap(),
                columns.next().unwrap(),
            );
            let (system, query) = rest.split_once(',').unwrap();
            // An article's own question has the id `article?n`; paraphrases have other ids.
            let own = query.contains('?');
            if own && file.starts_with("sample") {
                continue;
            }
            let provided = query.contains("provided-article");
            let set = if provided {
                "provided article"
            } else {
                "sample articles"
            };
            let wording = if own { "as asked" } else { "paraphrased" };
            let key = format!("{set}, {wording}, {system}, {metric}");
            found.entry(key).or_default().push(value.parse().unwrap());
        }
    }
    let golden: BTreeMap<String, Value> =
        serde_json::from_str(include_str!("golden/figures.json")).unwrap();
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        golden.keys().collect::<Vec<_>>()
    );
    for (name, expected) in golden {
        let values = &found[&name];
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let (questions, value, tolerance) = (
            expected["questions"].as_u64().unwrap(),
            expected["value"].as_f64().unwrap(),
            expected["tolerance"].as_f64().unwrap(),
        );
        assert_eq!(values.len() as u64, questions, "{name}");
        assert!(
            (mean - value).abs() <= tolerance,
            "{name}: {mean:.4}, expected {value} ± {tolerance}"
        );
    }
}

#[test]
fn eval_json_is_complete_and_deterministic_for_a_seed() {
    let dir = with_data();
    let verdict = dir.json(
        0,
        &[
            "eval",
            "--qa",
            "--mode",
            "hybrid,lexical",
            "--metrics",
            "nDCG@10,R@5",
            "--seed",
            "7",
        ],
    );
    assert_eq!(
        (&verdict["queries"], &verdict["by"]),
        (&json!(200), &json!("answer"))
    );
    assert_eq!(verdict["metrics"], json!(["nDCG@10", "recall@5"]));
    for name in ["hybrid", "lexical"] {
        let figure = &system(&verdict, name)["metrics"]["nDCG@10"];
        let (mean, low, high) = (
            figure["mean"].as_f64().unwrap(),
            figure["ci95"][0].as_f64().unwrap(),
            figure["ci95"][1].as_f64().unwrap(),
        );
        assert!(low <= mean && mean <= high && low < high, "{figure}");
    }
    let comparisons = verdict["comparisons"].as_array().unwrap();
    assert_eq!(
        comparisons.len(),
        4,
        "one pair of systems, two metrics, two tests"
    );
    for key in [
        "a",
        "b",
        "metric",
        "difference",
        "p_value",
        "p_holm",
        "test",
        "ci95",
    ] {
        assert!(!comparisons[0][key].is_null(), "{key}");
    }
    let manifest = &verdict["manifest"];
    for key in [
        "program", "versions", "machine", "corpus", "model", "chunking", "graph", "seed",
    ] {
        assert!(!manifest[key].is_null(), "{key}: {manifest}");
    }
    assert_eq!(
        (&manifest["seed"], &manifest["corpus"]["articles"]),
        (&json!(7), &json!(25))
    );
    assert_eq!(manifest["versions"].as_object().unwrap().len(), 5);
    let again = dir.json(
        0,
        &[
            "eval",
            "--qa",
            "--mode",
            "hybrid,lexical",
            "--metrics",
            "nDCG@10,R@5",
            "--seed",
            "7",
        ],
    );
    assert_eq!(
        (&again["systems"], &again["comparisons"]),
        (&verdict["systems"], &verdict["comparisons"]),
        "the same seed gives the same verdict"
    );
}

#[test]
fn judged_spans_do_not_depend_on_the_chunking() {
    let dir = TestDir::new();
    let mut verdicts: Vec<(Vec<String>, Value)> = Vec::new();
    for (collection, chunking) in [("a", ["--chunk", "whole"]), ("b", ["--chunk-tokens", "24"])] {
        dir.ok(&[
            &["index", data().to_str().unwrap(), "-c", collection][..],
            &chunking,
        ]
        .concat());
        let verdict = dir.json(
            0,
            &["eval", "--qa", "-c", collection, "--per-query", "v.csv"],
        );
        assert_losses_add_up(&verdict);
        let csv = std::fs::read_to_string(dir.path("v.csv")).unwrap();
        verdicts.push((
            csv.lines()
                .map(|line| line.rsplit_once(',').unwrap().0.to_owned())
                .collect(),
            verdict,
        ));
    }
    assert_eq!(
        verdicts[0].0, verdicts[1].0,
        "the same questions are judged"
    );
    assert_eq!(verdicts[0].1["judgements"], verdicts[1].1["judgements"]);
    assert_eq!(
        verdicts[0].1["manifest"]["corpus"]["fingerprint"],
        verdicts[1].1["manifest"]["corpus"]["fingerprint"]
    );
    assert_ne!(
        verdicts[0].1["manifest"]["corpus"]["passages"],
        verdicts[1].1["manifest"]["corpus"]["passages"]
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
fn metric_value_does_not_depend_on_the_other_metrics() {
    let dir = with_data();
    let mrr = |metrics: &str| {
        let verdict = dir.json(0, &["eval", "--qa", "--metrics", metrics]);
        ["hybrid", "dense", "lexical"].map(|name| {
            system(&verdict, name)["metrics"]["MRR@10"]["mean"]
                .as_f64()
                .unwrap()
        })
    };
    assert_eq!(mrr("MRR@10"), mrr("MRR@10,recall@100,MAP"));
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
fn eval_summarises_paraphrases_by_group() {
    let dir = with_data();
    let verdict = dir.json(
        0,
        &[
            "eval",
            "--qa",
            "--queries",
            &data_file("paraphrases.jsonl"),
            "--mode",
            "lexical",
        ],
    );
    let summary = &verdict["paraphrases"]["systems"][0];
    assert_eq!(
        (summary["groups"].as_u64(), summary["wordings"].as_u64()),
        (Some(8), Some(56))
    );
    let (mean, worst, spread) = (
        summary["mean"].as_f64().unwrap(),
        summary["worst"].as_f64().unwrap(),
        summary["spread"].as_f64().unwrap(),
    );
    assert!(
        worst < mean && spread > 0.0 && summary["agreement"].as_f64().unwrap() < 1.0,
        "{summary}"
    );
    let failing = verdict["paraphrases"]["failing"].as_array().unwrap();
    assert!(
        failing
            .iter()
            .all(|f| f["system"] == "lexical" && !f["text"].as_str().unwrap().is_empty())
            && !failing.is_empty()
    );
    // Any queries can form a group; the judgements of one of them count for all.
    dir.put("q.jsonl", "{\"_id\": \"a\", \"text\": \"what slows the Earth\"}\n{\"_id\": \"b\", \"text\": \"why do days get longer\", \"group\": \"a\"}\n");
    dir.put("qrels.tsv", "a\tdata/sample/tides.txt\t1\n");
    let tides = dir.json(0, &["stats"]);
    assert_eq!(tides["articles"], 25);
    let id =
        dir.json(0, &["search", "tides", "-k", "1", "--by", "article"])["hits"][0]["article_id"]
            .as_str()
            .unwrap()
            .to_owned();
    dir.put("qrels.tsv", format!("a\t{id}\t1\n"));
    let verdict = dir.json(
        0,
        &[
            "eval",
            "--queries",
            "q.jsonl",
            "--qrels",
            "qrels.tsv",
            "--mode",
            "hybrid",
        ],
    );
    assert_eq!(
        (
            verdict["queries"].as_u64(),
            verdict["paraphrases"]["systems"][0]["groups"].as_u64()
        ),
        (Some(2), Some(1))
    );
}

#[test]
fn grid_evaluates_every_combination_and_selects_on_half_of_the_questions() {
    let dir = with_data();
    dir.put(
        "grid.toml",
        "chunk = [\"whole\", \"sentences\"]\nchunk_tokens = [48, 128]\n",
    );
    let verdict = dir.json(
        0,
        &[
            "eval",
            "--qa",
            "--grid",
            "grid.toml",
            "--mode",
            "hybrid,lexical",
            "--metrics",
            "MRR@10",
        ],
    );
    let names: Vec<&str> = verdict["systems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "sentences 128/1, hybrid",
            "sentences 128/1, lexical",
            "whole, hybrid",
            "whole, lexical",
            "sentences 48/1, hybrid",
            "sentences 48/1, lexical"
        ]
    );
    assert_losses_add_up(&verdict);
    // Each combination scores as a collection indexed with these settings.
    dir.ok(&[
        "index",
        data().to_str().unwrap(),
        "-c",
        "whole",
        "--chunk",
        "whole",
    ]);
    let whole = dir.json(
        0,
        &[
            "eval",
            "-c",
            "whole",
            "--qa",
            "--mode",
            "hybrid",
            "--metrics",
            "MRR@10",
        ],
    );
    let (of_grid, of_whole) = (
        &system(&verdict, "whole, hybrid")["metrics"]["MRR@10"]["mean"],
        &system(&whole, "hybrid")["metrics"]["MRR@10"]["mean"],
    );
    assert!(
        (of_grid.as_f64().unwrap() - of_whole.as_f64().unwrap()).abs() < 1e-9,
        "{of_grid} {of_whole}"
    );
    let selection = &verdict["selection"];
    assert_eq!(
        (
            selection["chosen_on"].as_u64(),
            selection["reported_on"].as_u64()
        ),
        (Some(100), Some(100))
    );
    assert_eq!(selection["table"].as_array().unwrap().len(), 6);
    assert_eq!(selection["baseline"], "sentences 128/1, hybrid");
    assert_eq!(
        dir.json(0, &["stats"])["articles"],
        25,
        "the collection itself is unchanged"
    );
    dir.put("grid.toml", "chunks = [\"whole\"]\n");
    dir.run(&["eval", "--qa", "--grid", "grid.toml"])
        .assert_exit(2, &["grid.toml", "chunks"]);
    dir.put("grid.toml", "chunk_tokens = [3]\n");
    dir.run(&["eval", "--qa", "--grid", "grid.toml"])
        .assert_exit(2, &["chunk_tokens = 3: expected 16 or more"]);
    dir.put("grid.toml", "chunk = [\"sentences\"]\n");
    dir.run(&["eval", "--qa", "--grid", "grid.toml"])
        .assert_exit(2, &["names nothing but what the collection is"]);
}

#[test]
fn report_is_a_self_contained_page() {
    let dir = with_data();
    let result = dir.ok(&[
        "eval",
        "--qa",
        "--queries",
        &data_file("paraphrases.jsonl"),
        "--report",
        "out/verdict",
    ]);
    assert!(
        result.stderr.contains("report.html") && result.stdout.contains("Where the misses"),
        "{}{}",
        result.stdout,
        result.stderr
    );
    let page = std::fs::read_to_string(dir.path("out/verdict/report.html")).unwrap();
    for part in [
        "Systems",
        "Is the difference real?",
        "Where misses were lost",
        "Paraphrases",
        "Query by query",
        "Best on half",
        "Worst queries",
        "How it was made",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(
        page.matches("<svg class=\"plot\"").count(),
        5,
        "metrics, losses, paraphrases, two differences"
    );
    let outside: Vec<&str> = page
        .match_indices("http")
        .map(|(at, _)| &page[at..at + 40])
        .filter(|url| !url.starts_with("http://www.w3.org/2000/svg"))
        .collect();
    assert!(outside.is_empty(), "{outside:?}");
    for plot in [
        "metrics",
        "losses",
        "paraphrases",
        "differences-1",
        "differences-2",
    ] {
        let file = |extension: &str| {
            std::fs::read(dir.path(&format!("out/verdict/plots/{plot}.{extension}"))).unwrap()
        };
        assert!(
            file("svg").starts_with(b"<svg") && file("png").starts_with(b"\x89PNG"),
            "{plot}"
        );
    }
    let verdict: Value =
        serde_json::from_slice(&std::fs::read(dir.path("out/verdict/verdict.json")).unwrap())
            .unwrap();
    let worst = &verdict["worst"][0];
    assert!(
        worst["expected"][0]["text"].as_str().unwrap().len() > 20
            && worst["found"].as_array().unwrap().len() == 3,
        "{worst}"
    );
    // A recall benchmark is added to the same page.
    dir.ok(&[
        "bench",
        "recall",
        "--ef",
        "10,40",
        "--m",
        "8",
        "--report",
        "out/verdict",
    ]);
    let page = std::fs::read_to_string(dir.path("out/verdict/report.html")).unwrap();
    assert!(page.contains("Recall against speed") && page.contains("Worst queries"));
    assert_eq!(page.matches("<svg class=\"plot\"").count(), 6);
    // A later evaluation removes plots that it does not draw, and keeps files of others.
    dir.put("out/verdict/plots/my-own.png", "mine");
    dir.ok(&[
        "eval",
        "--qa",
        "--mode",
        "lexical",
        "--report",
        "out/verdict",
    ]);
    let page = std::fs::read_to_string(dir.path("out/verdict/report.html")).unwrap();
    assert_eq!(
        page.matches("<svg class=\"plot\"").count(),
        3,
        "metrics, losses, recall"
    );
    assert!(dir.path("out/verdict/plots/my-own.png").exists());
    assert!(!dir.path("out/verdict/plots/differences-1.svg").exists());
    dir.put("out/verdict/recall.json", "{\"n\": 3}");
    dir.run(&["eval", "--qa", "--report", "out/verdict"])
        .assert_exit(2, &["recall.json", "expected what this program writes"]);
    dir.put("file", "");
    dir.run(&["eval", "--qa", "--report", "file"])
        .assert_exit(2, &["file"]);
    dir.run(&["eval", "--qa", "--per-query", "nowhere/v.csv"])
        .assert_exit(2, &["nowhere/v.csv"]);
}

#[test]
#[ignore = "needs Chromium: set CHROMIUM to it (apt-get install chromium)"]
fn report_in_a_browser_fits_every_width_in_light_and_dark() {
    let chromium = std::env::var("CHROMIUM").expect("CHROMIUM: the browser");
    let dir = with_data();
    dir.ok(&[
        "eval",
        "--qa",
        "--queries",
        &data_file("paraphrases.jsonl"),
        "--report",
        "verdict",
    ]);
    dir.ok(&["bench", "recall", "--ef", "10,40", "--report", "verdict"]);
    // A page that loads the report in frames of three widths and writes down what it measures.
    dir.put(
        "look.html",
        "<body><pre id=said></pre><script>
const widths = [320, 390, 1280];
let open = widths.length, said = [];
for (const width of widths) {
  const frame = document.createElement('iframe');
  frame.style.cssText = `width:${width}px;height:900px;border:0`;
  frame.onload = () => setTimeout(() => {
    const page = frame.contentDocument, root = page.documentElement;
    page.querySelectorAll('details').forEach(part => part.open = true);
    const colour = getComputedStyle(page.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0);
    const plots = [...page.querySelectorAll('svg.plot')].filter(plot => plot.getBoundingClientRect().height > 100).length;
    const form = page.querySelector('form.filter'), select = form.querySelector('select');
    select.value = 'lexical';
    select.dispatchEvent(new Event('change', { bubbles: true }));
    said.push(`${width} wide:${root.scrollWidth <= width} dark:${colour < 200} plots:${plots} filter:${form.querySelector('output').textContent.startsWith('showing')}`);
    if (--open === 0) document.getElementById('said').textContent = said.sort().join('; ') + ' done';
  }, 200);
  frame.src = 'verdict/report.html';
  document.body.append(frame);
}
</script>",
    );
    for (scheme, dark) in [("1", false), ("0", true)] {
        let output = std::process::Command::new(&chromium)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--allow-file-access-from-files",
                "--virtual-time-budget=20000",
                "--dump-dom",
            ])
            .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
            .arg(format!(
                "--user-data-dir={}",
                dir.path(&format!("profile-{scheme}")).display()
            ))
            .arg(format!(
                "file://{}",
                dir.path("look.html").canonicalize().unwrap().display()
            ))
            .output()
            .unwrap();
        let page = String::from_utf8_lossy(&output.stdout).into_owned();
        let measured = page
            .split("<pre id=\"said\">")
            .nth(1)
            .and_then(|rest| rest.split("</pre>").next())
            .unwrap_or(&page)
            .to_owned();
        let expected: Vec<String> = [1280, 320, 390]
            .iter()
            .map(|width| format!("{width} wide:true dark:{dark} plots:6 filter:true"))
            .collect();
        assert_eq!(
            measured,
            format!("{} done", expected.join("; ")),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
#[ignore = "needs Python with ir_measures, pytrec_eval-terrier and scipy: set PYTHON to it"]
fn figures_equal_those_of_trec_eval_and_scipy() {
    let python = std::env::var("PYTHON")
        .expect("PYTHON: an interpreter with tests/requirements.txt installed");
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parity.py");
    let mut command = std::process::Command::new(python);
    command
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_nigh"))
        .args(["--runs", "500"]);
    if let Ok(folder) = std::env::var("EVALUATION_DATA") {
        command.args(["--data", &folder]);
    }
    let output = command.output().unwrap();
    let output_text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{output_text}");
    assert!(output.status.success(), "{output_text}");
}

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

/// Writes articles of these ids and texts as JSON lines, with the id as `kind`, too.
fn put_articles(dir: &TestDir, articles: &[(&str, &str)]) {
    let lines = articles
        .iter()
        .map(|(id, text)| format!("{}\n", json!({"_id": id, "kind": id, "text": text})));
    dir.put("docs.jsonl", lines.collect::<String>());
}

const KILN: &str = "Porcelain is fired twice, the second time with its glaze.";

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

#[test]
fn few_questions_are_no_certainty() {
    let dir = TestDir::new();
    let words = ["anvil", "barley", "cello", "dahlia", "ebony"];
    let texts = words.map(|word| format!("All about the {word}."));
    let articles: Vec<(&str, &str)> = words
        .into_iter()
        .zip(texts.iter().map(String::as_str))
        .collect();
    put_articles(&dir, &articles);
    dir.ok(&["index", "docs.jsonl"]);
    let (mut questions, mut qrels, mut other) = (String::new(), String::new(), String::new());
    for word in words {
        questions += &format!("{}\n", json!({"_id": word, "text": word}));
        qrels += &format!("{word} 0 {word} 1\n");
        other += &format!("{word} Q0 none 1 1 x\n");
    }
    dir.put("q.jsonl", questions);
    dir.put("qrels.txt", qrels);
    dir.put("none.trec", other);
    let verdict = dir.json(
        1,
        &[
            "eval",
            "--queries",
            "q.jsonl",
            "--qrels",
            "qrels.txt",
            "--mode",
            "lexical",
            "--run",
            "none.trec",
            "--metrics",
            "success@1",
        ],
    );
    let interval = &system(&verdict, "lexical")["metrics"]["success@1"]["ci95"];
    assert!(
        (interval[0].as_f64().unwrap() - 0.478).abs() < 1e-3 && interval[1] == 1.0,
        "{interval}"
    );
    for comparison in verdict["comparisons"].as_array().unwrap() {
        assert_eq!(comparison["difference"], 1.0);
        assert_eq!(comparison["p_value"], 2.0 / 32.0, "{comparison}");
        assert!(
            comparison["ci95"][0].as_f64().unwrap() < 0.5,
            "{comparison}"
        );
    }
    assert_eq!(
        verdict["power"],
        json!({"units": 5, "fewest_differences": 6, "smallest_difference": null})
    );
    let notes = verdict["notes"].as_array().unwrap();
    let note = notes
        .iter()
        .find(|note| note["code"] == "few_questions")
        .unwrap();
    let message = note["message"].as_str().unwrap();
    assert!(
        message.contains("0.478") && message.contains("fewer than 6"),
        "{message}"
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
