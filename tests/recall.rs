//! Recall against the exact scan, on raw files and on a collection.

use crate::common::{Place, data};
use serde_json::Value;

/// Rows of numbers that repeat for ever in the same way, as raw 32-bit floats.
fn raw(rows: usize, dim: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from((state >> 16) as u16) / 32768.0 - 1.0
    };
    (0..rows * dim).flat_map(|_| next().to_le_bytes()).collect()
}

/// The program, with a cache folder of its own.
fn bench(place: &Place, args: &[&str]) -> (i32, Value, String) {
    let mut command = place.command(&[&["bench", "recall", "--json"], args].concat());
    let output = command
        .env("XDG_CACHE_HOME", place.path("cache"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (
        output.status.code().unwrap(),
        serde_json::from_slice(&output.stdout).unwrap_or_default(),
        said,
    )
}

#[test]
fn raw_vectors_are_built_searched_and_judged() {
    let place = Place::new();
    place.put("x.f32", raw(3000, 24, 1));
    place.put("q.f32", raw(50, 24, 2));
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
    let (code, report, said) = bench(&place, &[&args[..], &["--allow", "0.5,0.01"]].concat());
    assert_eq!(code, 0, "{said}");
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
    for key in [
        "build_s",
        "open_ms",
        "bytes_per_vector",
        "graph_bytes_per_vector",
        "exact_qps",
        "exact_batch_qps",
    ] {
        assert!(report[key].as_f64().unwrap() > 0.0, "{key}: {report}");
    }
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
        "the first build is on top, for scripts"
    );
    let point = &report["points"][0];
    for key in [
        "ef", "recall", "qps", "qps_all", "p50_us", "p95_us", "p99_us",
    ] {
        assert!(point[key].as_f64().unwrap() > 0.0, "{key}");
    }
    assert_eq!(
        (&report["truth_cached"], &report["manifest"]["m"][1]),
        (&Value::Bool(false), &Value::from(12))
    );
    let (_, again, _) = bench(&place, &args);
    assert_eq!(again["truth_cached"], true, "the exact answers are kept");
    place.put("q.f32", raw(50, 24, 3));
    assert_eq!(
        bench(&place, &args).1["truth_cached"],
        false,
        "of other queries there are none"
    );
    assert!(
        report["points"]
            .as_array()
            .unwrap()
            .iter()
            .all(|point| point["walked"] == true)
    );
    // More neighbours than there are vectors, and a cache that cannot be made.
    place.put("few.f32", raw(5, 24, 4));
    let mut command = place.command(&[
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
        .env("XDG_CACHE_HOME", place.path("x.f32"))
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
fn either_builder_and_first_pass_can_be_measured() {
    let place = Place::new();
    place.put("x.f32", raw(3000, 64, 1));
    place.put("q.f32", raw(50, 64, 2));
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
        let (code, report, said) = bench(&place, &[&args, more].concat());
        assert_eq!(
            (code, &report["unreachable"]),
            (0, &Value::from(0)),
            "{said}"
        );
        (
            report["builder"].clone(),
            report["points"][0]["recall"].as_f64().unwrap(),
        )
    };
    let (builder, bytes) = with(&[]);
    assert_eq!(builder, "batch");
    let (builder, theirs) = with(&["--builder", "hnsw_rs"]);
    assert!(
        builder == "hnsw_rs" && (theirs - bytes).abs() < 0.1,
        "{theirs} and {bytes}"
    );
    let (_, bits) = with(&["--first-pass", "binary"]);
    assert!(bits < bytes && bits > 0.2, "{bits} and {bytes}");
    assert_ne!(
        with(&["--seed", "1"]).1,
        bytes,
        "another seed, another graph"
    );
}

#[test]
fn a_collection_is_measured_with_questions_or_its_own_vectors() {
    let place = Place::new();
    place.ok(&["index", data().to_str().unwrap(), "-c", ".nigh"]);
    place.put(
        "q.jsonl",
        "{\"_id\": \"1\", \"text\": \"what slows the Earth\"}\n",
    );
    let (code, report, said) = bench(
        &place,
        &["--queries", "q.jsonl", "--ef", "20", "--report", "out"],
    );
    assert_eq!(
        (code, report["queries"].as_u64(), report["k"].as_u64()),
        (0, Some(1), Some(10)),
        "{said}"
    );
    assert_eq!(report["points"][0]["recall"], 1.0, "so few are scanned");
    assert!(
        std::fs::read_to_string(place.path("out/report.html"))
            .unwrap()
            .contains("Recall against speed")
    );
    let passages = place.json(0, &["stats"])["passages"].as_u64();
    let (_, report, _) = bench(&place, &["--ef", "20"]);
    assert_eq!(
        (report["queries"].as_u64(), report["n"].as_u64()),
        (passages, passages)
    );
    assert_eq!(report["manifest"]["queries"], "its own vectors");
}

#[test]
fn bad_files_and_numbers_are_refused() {
    let place = Place::new();
    place.put("x.f32", raw(10, 4, 1));
    place.put("odd.f32", [0u8; 18]);
    place.put("zero.f32", [0u8; 32]);
    let with = |base: &str, dim: &str| {
        bench(
            &place,
            &["--base", base, "--queries", "x.f32", "--dim", dim],
        )
    };
    for (base, dim, words) in [
        ("odd.f32", "4", "found 18 bytes"),
        ("zero.f32", "4", "row 0 (from 0) is zero"),
        ("x.f32", "0", "x.f32"),
    ] {
        let (code, _, said) = with(base, dim);
        assert!(code == 2 && said.contains(words), "{said}");
    }
    let (code, _, said) = bench(
        &place,
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
    assert!(code == 2 && said.contains("expected 2 to 128"), "{said}");
    assert_eq!(bench(&place, &["--base", "x.f32"]).0, 2);
    assert_eq!(bench(&place, &["--ef", "0"]).0, 2);
    for share in ["0", "1.5", "half"] {
        let (code, _, said) = bench(&place, &["--allow", share]);
        assert!(
            code == 2 && said.contains("above 0 and not above 1"),
            "{said}"
        );
    }
    let (code, _, said) = bench(&place, &[]);
    assert!(code == 2 && said.contains("nigh index"), "{said}");
}
