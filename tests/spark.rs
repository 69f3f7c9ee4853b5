//! Loads a Parquet corpus into Milvus through Spark, with one executor killed during the job.

use crate::common::{CliOutput, MilvusCollection, TestDir, passage_ids};
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

fn write_corpus(path: &Path) {
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
        // One row has no text and therefore is no article.
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

/// The process ids of the Spark executors among the descendants of a process.
fn executors(parent: u32) -> Vec<u32> {
    let children = Command::new("pgrep")
        .args(["-P", &parent.to_string()])
        .output()
        .unwrap();
    let children = String::from_utf8(children.stdout).unwrap();
    let children = children.lines().map(|pid| pid.parse::<u32>().unwrap());
    let is_executor = |pid: u32| {
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains("CoarseGrainedExecutorBackend")
    };
    children
        .flat_map(|pid| {
            if is_executor(pid) {
                vec![pid]
            } else {
                executors(pid)
            }
        })
        .collect()
}

#[test]
#[ignore = "needs Milvus, and Spark: MILVUS_URI=milvus://HOST:PORT, and PYTHON, one with pyspark and Java 17"]
fn spark_job_survives_a_killed_executor_and_loads_each_article_once() {
    let server = std::env::var("MILVUS_URI").expect("MILVUS_URI=milvus://HOST:PORT");
    let python = std::env::var("PYTHON").expect("PYTHON, one that has pyspark");
    let (dir, remote) = (TestDir::new(), MilvusCollection::new(&server));
    write_corpus(&dir.path("corpus.parquet"));
    let start_job = |parts: &str| {
        let mut command = Command::new(&python);
        command
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/spark/load.py"))
            .arg("corpus.parquet");
        command.args([
            "--nigh",
            env!("CARGO_BIN_EXE_nigh"),
            "--into",
            &remote.uri,
            "--partitions",
            parts,
        ]);
        command
            .args(["--", "--chunk-tokens", "60"])
            .current_dir(dir.path("."));
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
    let report = |result: &CliOutput| -> Value {
        assert_eq!(result.code, 1, "{}{}", result.stdout, result.stderr);
        serde_json::from_str(&result.stdout).unwrap()
    };

    let first = start_job("12");
    let pid = first.id();
    let interrupted = std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let started = Instant::now();
            loop {
                // Some of the articles are written, but not all.
                let stats = dir.run(&["stats", "-c", &remote.uri, "--json"]);
                let stats: Option<Value> = serde_json::from_str(&stats.stdout).ok();
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
                    started.elapsed() < Duration::from_secs(240),
                    "nothing was written"
                );
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        let result: CliOutput = first.wait_with_output().unwrap().into();
        assert!(
            watching.join().is_ok(),
            "{}{}",
            result.stdout,
            result.stderr
        );
        result
    });
    assert!(
        interrupted.stderr.contains("Lost executor"),
        "{}",
        interrupted.stderr
    );
    let done = report(&interrupted);
    assert_eq!(
        (&done["articles"], &done["failures"]),
        (&ARTICLES.into(), &1.into()),
        "{done}"
    );
    assert_eq!(
        done["updated"], 0,
        "a retried task must embed an article to the same vectors: {done}"
    );

    // The remote collection equals a local one.
    let local = dir.json(1, &["index", "corpus.parquet", "--chunk-tokens", "60"]);
    let remote_stats = dir.json(0, &["stats", "-c", &remote.uri]);
    assert_eq!(
        (&remote_stats["articles"], &remote_stats["passages"]),
        (&local["articles"], &local["passages"])
    );
    let check = dir.json(0, &["check", "-c", &remote.uri]);
    assert_eq!(
        (&check["sound"], &check["passages"]),
        (&true.into(), &local["passages"]),
        "{check}"
    );
    for filter in ["year:1991", "year:[2000 TO 2010]"] {
        let found = |collection: &str| {
            let how = [
                "--mode", "dense", "--exact", "--filter", filter, "-c", collection,
            ];
            passage_ids(&dir.json(
                0,
                &[&["search", "what do bees know of light"][..], &how].concat(),
            ))
        };
        assert_eq!(found(&remote.uri), found(".nigh"), "{filter}");
    }

    // A second job with other partitions finds nothing to do.
    let again: CliOutput = start_job("3").wait_with_output().unwrap().into();
    let done = report(&again);
    assert_eq!(
        (&done["unchanged"], &done["added"]),
        (&(ARTICLES - 1).into(), &0.into()),
        "{done}"
    );
}
