//! `nigh bench recall`: recall of the graph against the exact scan, on raw files and a collection.

use crate::common::{TestDir, with_data};
use serde_json::Value;
use std::time::Instant;

/// Deterministic pseudo-random rows as raw little-endian 32-bit floats.
fn raw_vectors(rows: usize, dim: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from((state >> 16) as u16) / 32768.0 - 1.0
    };
    (0..rows * dim).flat_map(|_| next().to_le_bytes()).collect()
}

/// Runs `nigh bench recall`; returns the exit code, the report and the standard error.
fn bench_recall(dir: &TestDir, args: &[&str]) -> (i32, Value, String) {
    let mut command = dir.command(&[&["bench", "recall", "--json"], args].concat());
    let output = command
        .env("XDG_CACHE_HOME", dir.path("cache"))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (
        output.status.code().unwrap(),
        serde_json::from_slice(&output.stdout).unwrap_or_default(),
        stderr,
    )
}

#[test]
fn recall_is_measured_on_raw_vectors_and_exact_answers_are_cached() {
    let dir = TestDir::new();
    dir.put("x.f32", raw_vectors(3000, 24, 1));
    dir.put("q.f32", raw_vectors(50, 24, 2));
    let args = [
        "--base",
        "x.f32",
        "--queries",
        "q.f32",
        "--dim",
        "24",
        "--ef",
        "10,50",
        "--m",
        "4,12",
        "--ef-construction",
        "60",
    ];
    let started = Instant::now();
    let (code, report, stderr) =
        bench_recall(&dir, &[&args[..], &["--allow", "0.5,0.01"]].concat());
    let took = started.elapsed().as_secs_f64();
    assert_eq!(code, 0, "{stderr}");
    let filtered = report["filtered"].as_array().unwrap();
    assert_eq!(filtered.len(), 6);
    assert!(
        filtered.iter().all(|f| f["recall"].as_f64().unwrap() > 0.9),
        "{report}"
    );
    assert_eq!(
        (&report["health"]["asked"], &report["health"]["lost"]),
        (&Value::from(3000), &Value::from(0))
    );
    assert_eq!(
        (&report["builder"], &report["manifest"]["seed"]),
        (&Value::from("batch"), &Value::from(0))
    );
    assert_eq!(
        (
            report["n"].as_u64(),
            report["dim"].as_u64(),
            report["unreachable"].as_u64()
        ),
        (Some(3000), Some(24), Some(0))
    );
    let number = |of: &Value, key: &str| {
        of[key]
            .as_f64()
            .unwrap_or_else(|| panic!("{key} of {of} is no number"))
    };
    // Building, opening and every pass over the queries lie within the time that the command took.
    assert!(number(&report, "build_s") > 0.0 && number(&report, "open_ms") > 0.0);
    let within: f64 = report["builds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|build| number(build, "build_s") + number(build, "open_ms") / 1e3)
        .sum();
    assert!(within < took, "{within} s of {took} s: {report}");
    for key in ["exact_qps", "exact_batch_qps", "scan_qps"] {
        assert!(50.0 / number(&report, key) < took, "{key}: {report}");
    }
    // A vector has 24 floats; in the graph it has as many codes, padded, and up to 2 × 4 links of
    // four bytes on level 0. Three times the links take more.
    let bytes = |build: usize, key: &str| number(&report["builds"][build], key);
    for build in [0, 1] {
        let graph = bytes(build, "graph_bytes_per_vector");
        let rest = bytes(build, "bytes_per_vector") - graph;
        assert!((96.0..160.0).contains(&rest), "{rest}: {report}");
        assert!(
            graph > 64.0 && graph < 64.0 + 4.0 * 4.0 * 12.0,
            "{graph}: {report}"
        );
    }
    assert!(
        bytes(1, "graph_bytes_per_vector") > bytes(0, "graph_bytes_per_vector"),
        "{report}"
    );
    let recall = |build: usize, point: usize| {
        report["builds"][build]["points"][point]["recall"]
            .as_f64()
            .unwrap()
    };
    assert!(
        recall(0, 0) < recall(0, 1) && recall(0, 1) < recall(1, 1) && recall(1, 1) > 0.95,
        "{report}"
    );
    assert_eq!(
        report["points"], report["builds"][0]["points"],
        "the points of the first build are repeated at the top level, for scripts"
    );
    for (point, ef) in report["points"]
        .as_array()
        .unwrap()
        .iter()
        .zip([10.0, 50.0])
    {
        let [p50, p95, p99] = ["p50_us", "p95_us", "p99_us"].map(|key| number(point, key));
        assert!(0.0 < p50 && p50 <= p95 && p95 <= p99, "{point}");
        // Half of the queries take the median or longer.
        assert!(number(point, "qps") < 2e6 / p50, "{point}");
        assert!(number(point, "qps_all") > 0.0, "{point}");
        assert_eq!(number(point, "ef"), ef);
    }
    assert_eq!(
        (&report["truth_cached"], &report["manifest"]["m"][1]),
        (&Value::Bool(false), &Value::from(12))
    );
    let (_, again, _) = bench_recall(&dir, &args);
    assert_eq!(again["truth_cached"], true, "the exact answers are cached");
    dir.put("q.f32", raw_vectors(50, 24, 3));
    assert_eq!(
        bench_recall(&dir, &args).1["truth_cached"],
        false,
        "other queries have no cached answers"
    );
    assert!(
        report["points"]
            .as_array()
            .unwrap()
            .iter()
            .all(|point| point["walked"] == true)
    );
    // k exceeds the number of vectors, and the cache directory cannot be created.
    dir.put("few.f32", raw_vectors(5, 24, 4));
    let mut command = dir.command(&[
        "bench",
        "recall",
        "--base",
        "few.f32",
        "--queries",
        "q.f32",
        "--dim",
        "24",
        "--json",
    ]);
    let output = command
        .env("XDG_CACHE_HOME", dir.path("x.f32"))
        .output()
        .unwrap();
    let few: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&few["points"][0]["recall"], &few["points"][0]["walked"]),
        (&Value::from(1.0), &Value::Bool(false))
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("not kept"));
}

#[test]
fn recall_accepts_builder_quantization_and_seed_options() {
    let dir = TestDir::new();
    dir.put("x.f32", raw_vectors(3000, 64, 1));
    dir.put("q.f32", raw_vectors(50, 64, 2));
    let with = |more: &[&str]| {
        let args = [
            "--base",
            "x.f32",
            "--queries",
            "q.f32",
            "--dim",
            "64",
            "--ef",
            "50",
        ];
        let (code, report, stderr) = bench_recall(&dir, &[&args, more].concat());
        assert_eq!(
            (code, &report["unreachable"]),
            (0, &Value::from(0)),
            "{stderr}"
        );
        (
            report["builder"].clone(),
            report["points"][0]["recall"].as_f64().unwrap(),
        )
    };
    let (builder, batch) = with(&[]);
    assert_eq!(builder, "batch");
    let (builder, hnsw_rs) = with(&["--builder", "hnsw_rs"]);
    assert!(
        builder == "hnsw_rs" && (hnsw_rs - batch).abs() < 0.1,
        "{hnsw_rs} and {batch}"
    );
    let (_, binary) = with(&["--first-pass", "binary"]);
    assert!(binary < batch && binary > 0.2, "{binary} and {batch}");
    assert_ne!(
        with(&["--seed", "1"]).1,
        batch,
        "another seed gives another graph"
    );
}

#[test]
fn recall_of_a_collection_uses_questions_or_its_own_vectors() {
    let dir = with_data();
    dir.put(
        "q.jsonl",
        "{\"_id\": \"1\", \"text\": \"what slows the Earth\"}\n",
    );
    let (code, report, stderr) = bench_recall(
        &dir,
        &["--queries", "q.jsonl", "--ef", "20", "--report", "out"],
    );
    assert_eq!(
        (code, report["queries"].as_u64(), report["k"].as_u64()),
        (0, Some(1), Some(10)),
        "{stderr}"
    );
    assert_eq!(
        report["points"][0]["recall"], 1.0,
        "small collections are scanned exactly"
    );
    assert!(
        std::fs::read_to_string(dir.path("out/report.html"))
            .unwrap()
            .contains("Recall against speed")
    );
    let passages = dir.json(0, &["stats"])["passages"].as_u64();
    let (_, report, _) = bench_recall(&dir, &["--ef", "20"]);
    assert_eq!(
        (report["queries"].as_u64(), report["n"].as_u64()),
        (passages, passages)
    );
    assert_eq!(report["manifest"]["queries"], "its own vectors");
}

#[test]
fn recall_rejects_bad_files_and_options() {
    let dir = TestDir::new();
    dir.put("x.f32", raw_vectors(10, 4, 1));
    dir.put("odd.f32", [0u8; 18]);
    dir.put("zero.f32", [0u8; 32]);
    let with = |base: &str, dim: &str| {
        bench_recall(&dir, &["--base", base, "--queries", "x.f32", "--dim", dim])
    };
    for (base, dim, problem) in [
        ("odd.f32", "4", "found 18 bytes"),
        ("zero.f32", "4", "row 0 (from 0) is zero"),
        ("x.f32", "0", "x.f32"),
    ] {
        let (code, _, stderr) = with(base, dim);
        assert!(code == 2 && stderr.contains(problem), "{stderr}");
    }
    let (code, _, stderr) = bench_recall(
        &dir,
        &[
            "--base",
            "x.f32",
            "--queries",
            "x.f32",
            "--dim",
            "4",
            "--m",
            "1",
        ],
    );
    assert!(
        code == 2 && stderr.contains("expected 2 to 128"),
        "{stderr}"
    );
    assert_eq!(bench_recall(&dir, &["--base", "x.f32"]).0, 2);
    assert_eq!(bench_recall(&dir, &["--ef", "0"]).0, 2);
    for share in ["0", "1.5", "half"] {
        let (code, _, stderr) = bench_recall(&dir, &["--allow", share]);
        assert!(
            code == 2 && stderr.contains("above 0 and not above 1"),
            "{stderr}"
        );
    }
    let (code, _, stderr) = bench_recall(&dir, &[]);
    assert!(code == 2 && stderr.contains("nigh index"), "{stderr}");
}
