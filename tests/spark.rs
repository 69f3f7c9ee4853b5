//! A corpus of Parquet through Spark into Milvus, with an executor lost on the way.

use crate::common::{Kept, Place, Ran, names};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ARTICLES: usize = 400;
const WORDS: [&str; 8] = [
    "tides", "bread", "bees", "steel", "waves", "coffee", "keys", "light",
];

fn corpus(path: &Path) {
    let word = |n: usize| WORDS[n % WORDS.len()];
    let all = || 0..ARTICLES;
    let ids = all().map(|n| Some(format!("a{n}")));
    let texts = all().map(|n| {
        let sentence = |at: usize| {
            format!(
                "The {} of {n} know {} and {}. ",
                word(n + at),
                word(n / 8),
                word(n / 64)
            )
        };
        // One row of it is no article.
        (n != 300).then(|| (0..16).map(sentence).collect::<String>())
    });
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(StringArray::from_iter(ids))),
        ("text", Arc::new(StringArray::from_iter(texts))),
        (
            "year",
            Arc::new(Int64Array::from_iter_values(
                all().map(|n| 1990 + n as i64 % 30),
            )),
        ),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut out =
        ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    out.write(&batch).unwrap();
    out.close().unwrap();
}

/// The executors below a process.
fn executors(of: u32) -> Vec<u32> {
    let children = Command::new("pgrep")
        .args(["-P", &of.to_string()])
        .output()
        .unwrap();
    let children = String::from_utf8(children.stdout).unwrap();
    let children = children.lines().map(|pid| pid.parse::<u32>().unwrap());
    let is_one = |pid: u32| {
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains("CoarseGrainedExecutorBackend")
    };
    children
        .flat_map(|pid| {
            if is_one(pid) {
                vec![pid]
            } else {
                executors(pid)
            }
        })
        .collect()
}

#[test]
#[ignore = "needs Milvus, and Spark: MILVUS_URI=milvus://HOST:PORT, and PYTHON, one with pyspark and Java 17"]
fn spark_loads_a_corpus_and_an_executor_that_is_lost_costs_only_time() {
    let server = std::env::var("MILVUS_URI").expect("MILVUS_URI=milvus://HOST:PORT");
    let python = std::env::var("PYTHON").expect("PYTHON, one that has pyspark");
    let (place, kept) = (Place::new(), Kept::on(&server));
    corpus(&place.path("corpus.parquet"));
    let job = |parts: &str| {
        let mut command = Command::new(&python);
        command
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/spark/load.py"))
            .arg("corpus.parquet");
        command.args([
            "--nigh",
            env!("CARGO_BIN_EXE_nigh"),
            "--into",
            &kept.0,
            "--partitions",
            parts,
        ]);
        command
            .args(["--", "--chunk-tokens", "60"])
            .current_dir(place.path("."));
        command.env(
            "PYSPARK_SUBMIT_ARGS",
            "--master local-cluster[2,1,1024] pyspark-shell",
        );
        command
            .env("PYSPARK_PYTHON", &python)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let report = |ran: &Ran| -> Value {
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        serde_json::from_str(&ran.out).unwrap()
    };

    let first = job("12");
    let pid = first.id();
    let killing = std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let begun = Instant::now();
            loop {
                // Some of it is in, and not all.
                let stats = place.run(&["stats", "-c", &kept.0, "--json"]);
                let stats: Option<Value> = serde_json::from_str(&stats.out).ok();
                if stats.is_some_and(|stats| stats["articles"].as_u64() > Some(0)) {
                    let executor = executors(pid)[0];
                    assert!(
                        Command::new("kill")
                            .args(["-KILL", &executor.to_string()])
                            .status()
                            .unwrap()
                            .success()
                    );
                    return;
                }
                assert!(
                    begun.elapsed() < Duration::from_secs(240),
                    "nothing was written"
                );
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        let ran: Ran = first.wait_with_output().unwrap().into();
        assert!(watching.join().is_ok(), "{}{}", ran.out, ran.err);
        ran
    });
    assert!(killing.err.contains("Lost executor"), "{}", killing.err);
    let done = report(&killing);
    assert_eq!(
        (&done["articles"], &done["failures"]),
        (&ARTICLES.into(), &1.into()),
        "{done}"
    );
    assert_eq!(
        done["updated"], 0,
        "the same article is the same, whoever embeds it: {done}"
    );

    // What indexing here gives.
    let here = place.json(1, &["index", "corpus.parquet", "--chunk-tokens", "60"]);
    let there = place.json(0, &["stats", "-c", &kept.0]);
    assert_eq!(
        (&there["articles"], &there["passages"]),
        (&here["articles"], &here["passages"])
    );
    let check = place.json(0, &["check", "-c", &kept.0]);
    assert_eq!(
        (&check["sound"], &check["passages"]),
        (&true.into(), &here["passages"]),
        "{check}"
    );
    for filter in ["year:1991", "year:[2000 TO 2010]"] {
        let found = |collection: &str| {
            let how = [
                "--mode", "dense", "--exact", "--filter", filter, "-c", collection,
            ];
            names(&place.json(
                0,
                &[&["search", "what do bees know of light"][..], &how].concat(),
            ))
        };
        assert_eq!(found(&kept.0), found(".nigh"), "{filter}");
    }

    // Cut into other parts there is nothing to do.
    let again: Ran = job("3").wait_with_output().unwrap().into();
    let done = report(&again);
    assert_eq!(
        (&done["unchanged"], &done["added"]),
        (&(ARTICLES - 1).into(), &0.into()),
        "{done}"
    );
}
