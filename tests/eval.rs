//! A tested verdict: golden figures, causes that add up, run files, grids, reports.

use crate::common::{Place, data};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A collection of the articles in data/.
fn with_data() -> Place {
    let place = Place::new();
    place.ok(&["index", data().to_str().unwrap(), "-c", ".nigh"]);
    place
}

fn paraphrases(name: &str) -> String {
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

/// Every system's misses are all accounted for.
fn adds_up(verdict: &Value) {
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

/// The figures in tests/golden/figures.json: what was measured, with room for other processors'
/// rounding.
#[test]
fn golden_figures_on_the_articles_in_data() {
    let place = with_data();
    let mut found: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for file in ["paraphrases.jsonl", "sample/paraphrases.jsonl"] {
        let args = [
            "eval",
            "--qa",
            "--queries",
            &paraphrases(file),
            "--metrics",
            "recall@1,MRR@10,nDCG@10",
            "--per-query",
            "v.csv",
        ];
        adds_up(&place.json(0, &args));
        let csv = std::fs::read_to_string(place.path("v.csv")).unwrap();
        for line in csv.lines().skip(1) {
            let mut columns = line.rsplitn(3, ',');
            let (value, metric, rest) = (
                columns.next().unwrap(),
                columns.next().unwrap(),
                columns.next().unwrap(),
            );
            let (system, query) = rest.split_once(',').unwrap();
            // An article's own question is `article?n`; its paraphrases have ids of their own.
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
fn the_document_is_as_scripts_expect_it() {
    let place = with_data();
    let verdict = place.json(
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
    assert_eq!(comparisons.len(), 4, "one pair, two metrics, two tests");
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
    let again = place.json(
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
        "one seed, one verdict"
    );
}

#[test]
fn spans_stay_judged_however_articles_are_cut() {
    let place = Place::new();
    let mut seen: Vec<(Vec<String>, Value)> = Vec::new();
    for (collection, cut) in [("a", ["--chunk", "whole"]), ("b", ["--chunk-tokens", "24"])] {
        place.ok(&[
            &["index", data().to_str().unwrap(), "-c", collection][..],
            &cut,
        ]
        .concat());
        let verdict = place.json(
            0,
            &["eval", "--qa", "-c", collection, "--per-query", "v.csv"],
        );
        adds_up(&verdict);
        let csv = std::fs::read_to_string(place.path("v.csv")).unwrap();
        seen.push((
            csv.lines()
                .map(|line| line.rsplit_once(',').unwrap().0.to_owned())
                .collect(),
            verdict,
        ));
    }
    assert_eq!(seen[0].0, seen[1].0, "the same questions, judged");
    assert_eq!(seen[0].1["judgements"], seen[1].1["judgements"]);
    assert_eq!(
        seen[0].1["manifest"]["corpus"]["fingerprint"],
        seen[1].1["manifest"]["corpus"]["fingerprint"]
    );
    assert_ne!(
        seen[0].1["manifest"]["corpus"]["passages"],
        seen[1].1["manifest"]["corpus"]["passages"]
    );
}

/// Five articles on one subject, and questions whose answers get lost in ways that are known.
fn with_losses() -> Place {
    let place = Place::new();
    let filler =
        "The kitchen is warm in winter, and the stew simmers for hours on the stove. ".repeat(15);
    let long =
        format!("Stew\n\n{filler}The lighthouse keeper of Skerryvore feeds puffins every morning.");
    place.put("docs/long.txt", long);
    place.put(
        "docs/puffins.txt",
        "Birds\n\nPuffins are sea birds, and lighthouse keepers feed them. Puffins nest in burrows.",
    );
    place.put("docs/moon.txt", "Moon\n\nThe Moon raises tides.");
    place.put("docs/bread.txt", "Bread\n\nA sourdough rises slowly.");
    place.ok(&["index", "docs", "--chunk", "whole"]);
    place.put(
        "q.jsonl",
        "{\"_id\": \"window\", \"text\": \"Who feeds puffins at the Skerryvore lighthouse?\"}
{\"_id\": \"gone\", \"text\": \"What is on Mars?\"}
{\"_id\": \"words\", \"text\": \"oceanic ebb and flow caused by lunar gravity\"}
{\"_id\": \"easy\", \"text\": \"How does a sourdough rise?\"}
",
    );
    let moon = std::fs::read_to_string(place.path("docs/moon.txt")).unwrap();
    let judgements = [
        json!({"query-id": "window", "answers": ["The lighthouse keeper of Skerryvore feeds puffins every morning"]}),
        json!({"query-id": "gone", "corpus-id": "docs/mars.txt", "answers": ["dust"]}),
        json!({"query-id": "words", "corpus-id": "docs/moon.txt", "start": 6, "end": moon.len()}),
        json!({"query-id": "easy", "answers": ["rises slowly", "slowly rising"]}),
    ];
    place.put(
        "a.jsonl",
        judgements.map(|judgement| judgement.to_string()).join("\n"),
    );
    place
}

#[test]
fn each_miss_has_its_cause() {
    let place = with_losses();
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
    let verdict = place.json(1, &args);
    adds_up(&verdict);
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
    assert_eq!(cause("dense", "words"), None, "found by meaning");
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
        "the exact rank is told: {window}"
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
fn an_answer_that_was_cut_up_is_lost_to_the_chunker() {
    let place = Place::new();
    // The answer stands in pieces so small that none of them says much of it.
    let answer = "His father kept an inn beside the old harbour of Leith for many years. \
                  The lamps that he later invented were turned by clockwork and heavy weights. \
                  When the fever came, he refused to leave his workshop, and so he died.";
    place.put("docs/life.txt", format!("Notes\n\n{answer}"));
    place.put(
        "docs/other.txt",
        "Lamps\n\nAn innkeeper's son invented a lamp and died of a fever.",
    );
    place.ok(&["index", "docs", "--chunk-tokens", "16", "--overlap", "0"]);
    place.put("q.jsonl", "{\"_id\": \"1\", \"text\": \"the innkeeper's son from Leith who invented clockwork lamps and died of fever in his workshop\"}");
    place.put(
        "a.jsonl",
        json!({"query-id": "1", "corpus-id": "docs/life.txt", "answers": [answer]}).to_string(),
    );
    let verdict = place.json(
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
    adds_up(&verdict);
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
fn run_files_are_judged_as_the_modes_that_wrote_them() {
    let place = Place::new();
    place.put(
        "my docs/the sea.txt",
        "The sea\n\nThe sea rises twice a day, drawn by the Moon.",
    );
    place.put(
        "my docs/bread.txt",
        "Bread\n\nA sourdough rises slowly, overnight.",
    );
    place.put(
        "my docs/tea.txt",
        "Tea\n\nGreen tea is steamed or pan-fired.",
    );
    place.ok(&["index", "my docs"]);
    place.put(
        "q.jsonl",
        "{\"_id\": \"q 1\", \"text\": \"what lifts the sea\"}\n{\"_id\": \"q2\", \"text\": \"how is tea dried\"}\n",
    );
    place.put(
        "qrels.tsv",
        "query-id\tcorpus-id\tscore\nq 1\tmy docs/the sea.txt\t2\nq2\tmy docs/tea.txt\t1\nq2\tmy docs/bread.txt\t0\n",
    );
    for by in ["article", "passage"] {
        place.ok(&[
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
        let verdict = place.json(
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
        adds_up(&verdict);
    }
    // Without a collection, TREC qrels and run files are enough.
    place.put("qrels.trec", "q2 0 tea 1\nq3 0 tea 1\n");
    place.put("a.trec", "q2 Q0 bread 1 2.5 x\nq2 Q0 tea 2 1.5 x\n");
    std::fs::remove_dir_all(place.path(".nigh")).unwrap();
    let verdict = place.json(
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
        "a query without results counts"
    );
}

#[test]
fn a_run_of_another_kind_is_said_to_be_so() {
    let place = with_losses();
    place.ok(&["run", "--queries", "q.jsonl", "--out", "articles.trec"]);
    let args = [
        "eval",
        "--queries",
        "q.jsonl",
        "--qrels",
        "a.jsonl",
        "--run",
        "articles.trec",
    ];
    place
        .run(&[&args[..], &["-c", ".nigh"]].concat())
        .said(1, &["articles.trec: none of its results names a passage"]);
    // What looks like a passage of a judged article, and is not.
    place.put(
        "qrels.tsv",
        "query-id\tcorpus-id\tscore\nwords\tdocs/moon.txt\t1\n",
    );
    place.put("r.trec", "words Q0 docs/moon.txt#1.txt 1 0.5 x\n");
    let verdict = place.json(
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
    place.put("r.trec", "words Q0 docs/moon.txt#0 1 0.5 x\n");
    let verdict = place.json(
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
    // A collection set for other commands is not this one's business.
    let mut command = place.command(&["eval", "--qrels", "qrels.tsv", "--run", "r.trec"]);
    let output = command.env("NIGH_COLLECTION", "nowhere").output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_figure_does_not_depend_on_the_others_asked_for() {
    let place = with_data();
    let mrr = |metrics: &str| {
        let verdict = place.json(0, &["eval", "--qa", "--metrics", metrics]);
        ["hybrid", "dense", "lexical"].map(|name| {
            system(&verdict, name)["metrics"]["MRR@10"]["mean"]
                .as_f64()
                .unwrap()
        })
    };
    assert_eq!(mrr("MRR@10"), mrr("MRR@10,recall@100,MAP"));
}

#[test]
fn ids_that_differ_by_a_space_stay_apart() {
    let place = Place::new();
    place.put("d/x y.txt", "Moon\n\nThe Moon raises tides.");
    place.put("d/x_y.txt", "Bread\n\nA sourdough rises slowly.");
    place.ok(&["index", "d"]);
    place.put(
        "q.jsonl",
        "{\"_id\": \"q 1\", \"text\": \"tides of the Moon\"}\n{\"_id\": \"q_1\", \"text\": \"slow sourdough\"}\n",
    );
    place.put(
        "qrels.tsv",
        "query-id\tcorpus-id\tscore\nq 1\td/x y.txt\t1\nq_1\td/x_y.txt\t1\n",
    );
    place.ok(&["run", "--queries", "q.jsonl", "--out", "r.trec", "-k", "1"]);
    for collection in [&["-c", ".nigh"][..], &[]] {
        let verdict = place.json(
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
fn what_reranking_lost_is_told_apart() {
    let place = with_losses();
    place.put(
        "qrels.tsv",
        "query-id\tcorpus-id\tscore\neasy\tdocs/bread.txt\t1\nwords\tdocs/moon.txt\t1\n",
    );
    place.put("q.jsonl", "{\"_id\": \"words\", \"text\": \"the Moon raises tides\"}\n{\"_id\": \"easy\", \"text\": \"How does a sourdough rise?\"}\n");
    place.put(
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
    let verdict = place.json(0, &args);
    adds_up(&verdict);
    assert_eq!(losses(&verdict, "reranked")["by_cause"]["reranking"], 1);
    assert_eq!(losses(&verdict, "hybrid")["missed"], 0);
    place
        .run(&[&args[..], &["--reranked", "dense"]].concat())
        .said(2, &["--reranked"]);
}

#[test]
fn paraphrases_are_looked_at_in_groups() {
    let place = with_data();
    let verdict = place.json(
        0,
        &[
            "eval",
            "--qa",
            "--queries",
            &paraphrases("paraphrases.jsonl"),
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
    // Groups of any queries, judged through one of them.
    place.put("q.jsonl", "{\"_id\": \"a\", \"text\": \"what slows the Earth\"}\n{\"_id\": \"b\", \"text\": \"why do days get longer\", \"group\": \"a\"}\n");
    place.put("qrels.tsv", "a\tdata/sample/tides.txt\t1\n");
    let tides = place.json(0, &["stats"]);
    assert_eq!(tides["articles"], 25);
    let id =
        place.json(0, &["search", "tides", "-k", "1", "--by", "article"])["hits"][0]["article_id"]
            .as_str()
            .unwrap()
            .to_owned();
    place.put("qrels.tsv", format!("a\t{id}\t1\n"));
    let verdict = place.json(
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
fn a_grid_tries_every_combination_and_chooses_on_half() {
    let place = with_data();
    place.put(
        "grid.toml",
        "chunk = [\"whole\", \"sentences\"]\nchunk_tokens = [48, 128]\n",
    );
    let verdict = place.json(
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
    adds_up(&verdict);
    // Each cell is what a collection made that way gives.
    place.ok(&[
        "index",
        data().to_str().unwrap(),
        "-c",
        "whole",
        "--chunk",
        "whole",
    ]);
    let whole = place.json(
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
        place.json(0, &["stats"])["articles"],
        25,
        "the collection itself is untouched"
    );
    place.put("grid.toml", "chunks = [\"whole\"]\n");
    place
        .run(&["eval", "--qa", "--grid", "grid.toml"])
        .said(2, &["grid.toml", "chunks"]);
    place.put("grid.toml", "chunk_tokens = [3]\n");
    place
        .run(&["eval", "--qa", "--grid", "grid.toml"])
        .said(2, &["chunk_tokens = 3: expected 16 or more"]);
    place.put("grid.toml", "chunk = [\"sentences\"]\n");
    place
        .run(&["eval", "--qa", "--grid", "grid.toml"])
        .said(2, &["names nothing but what the collection is"]);
}

#[test]
fn a_report_is_one_page_that_needs_nothing_else() {
    let place = with_data();
    let ran = place.ok(&[
        "eval",
        "--qa",
        "--queries",
        &paraphrases("paraphrases.jsonl"),
        "--report",
        "out/verdict",
    ]);
    assert!(
        ran.err.contains("report.html") && ran.out.contains("Where the misses"),
        "{}{}",
        ran.out,
        ran.err
    );
    let page = std::fs::read_to_string(place.path("out/verdict/report.html")).unwrap();
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
            std::fs::read(place.path(&format!("out/verdict/plots/{plot}.{extension}"))).unwrap()
        };
        assert!(
            file("svg").starts_with(b"<svg") && file("png").starts_with(b"\x89PNG"),
            "{plot}"
        );
    }
    let verdict: Value =
        serde_json::from_slice(&std::fs::read(place.path("out/verdict/verdict.json")).unwrap())
            .unwrap();
    let worst = &verdict["worst"][0];
    assert!(
        worst["expected"][0]["text"].as_str().unwrap().len() > 20
            && worst["found"].as_array().unwrap().len() == 3,
        "{worst}"
    );
    // A recall benchmark joins the page.
    place.ok(&[
        "bench",
        "recall",
        "--ef",
        "10,40",
        "--m",
        "8",
        "--report",
        "out/verdict",
    ]);
    let page = std::fs::read_to_string(place.path("out/verdict/report.html")).unwrap();
    assert!(page.contains("Recall against speed") && page.contains("Worst queries"));
    assert_eq!(page.matches("<svg class=\"plot\"").count(), 6);
    // What a later evaluation does not draw is gone; what the program did not make stays.
    place.put("out/verdict/plots/my-own.png", "mine");
    place.ok(&[
        "eval",
        "--qa",
        "--mode",
        "lexical",
        "--report",
        "out/verdict",
    ]);
    let page = std::fs::read_to_string(place.path("out/verdict/report.html")).unwrap();
    assert_eq!(
        page.matches("<svg class=\"plot\"").count(),
        3,
        "metrics, losses, recall"
    );
    assert!(place.path("out/verdict/plots/my-own.png").exists());
    assert!(!place.path("out/verdict/plots/differences-1.svg").exists());
    place.put("out/verdict/recall.json", "{\"n\": 3}");
    place
        .run(&["eval", "--qa", "--report", "out/verdict"])
        .said(2, &["recall.json", "expected what this program writes"]);
    place.put("file", "");
    place
        .run(&["eval", "--qa", "--report", "file"])
        .said(2, &["file"]);
    place
        .run(&["eval", "--qa", "--per-query", "nowhere/v.csv"])
        .said(2, &["nowhere/v.csv"]);
}

#[test]
#[ignore = "needs Chromium: set CHROMIUM to it (apt-get install chromium)"]
fn a_browser_shows_the_report_at_every_width_in_light_and_dark() {
    let chromium = std::env::var("CHROMIUM").expect("CHROMIUM: the browser");
    let place = with_data();
    place.ok(&[
        "eval",
        "--qa",
        "--queries",
        &paraphrases("paraphrases.jsonl"),
        "--report",
        "verdict",
    ]);
    place.ok(&["bench", "recall", "--ef", "10,40", "--report", "verdict"]);
    // A page that looks at the report in frames of three widths, and says what it sees.
    place.put(
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
                place.path(&format!("profile-{scheme}")).display()
            ))
            .arg(format!(
                "file://{}",
                place.path("look.html").canonicalize().unwrap().display()
            ))
            .output()
            .unwrap();
        let page = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = page
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
            said,
            format!("{} done", expected.join("; ")),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
#[ignore = "needs Python with ir_measures, pytrec_eval-terrier and scipy: set PYTHON to it"]
fn figures_are_those_of_trec_eval_and_scipy() {
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
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{said}");
    assert!(output.status.success(), "{said}");
}
