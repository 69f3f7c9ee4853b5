//! Flags, `nigh.toml` and the environment.

use crate::common::TestDir;

#[test]
fn changing_the_chunking_re_chunks_unchanged_articles() {
    let dir = TestDir::new();
    let text: String = (0..60)
        .map(|i| format!("Sentence number {i} speaks of the sea and of the moon above it. "))
        .collect();
    dir.put("a.txt", format!("On the sea\n\n{text}"));
    let first = dir.json(0, &["index", "a.txt"]);
    let whole = dir.json(0, &["index", "a.txt", "--chunk", "whole"]);
    assert_eq!(
        (
            whole["updated"].as_u64(),
            whole["passages"].as_u64(),
            whole["cut"].as_u64()
        ),
        (Some(1), Some(1), Some(1))
    );
    assert!(first["passages"].as_u64().unwrap() > 5 && first["cut"] == 0);
    assert_eq!(
        dir.json(0, &["index", "a.txt"])["unchanged"],
        1,
        "the collection remembers its chunking"
    );
}

#[test]
fn config_file_sets_defaults_and_flags_override_them() {
    let dir = TestDir::new();
    dir.put(
        "nigh.toml",
        "collection = \"kept\"\nk = 1\nmode = \"lexical\"\n",
    );
    dir.put("docs/a.txt", "Tides\n\nThe moon pulls the sea.");
    dir.put("docs/b.txt", "Ships\n\nShips sail the sea.");
    dir.ok(&["index", "docs"]);
    assert!(dir.path("kept/nigh.collection").is_file());
    let found = dir.json(0, &["search", "the sea"]);
    assert_eq!(
        (
            found["mode"].as_str(),
            found["hits"].as_array().unwrap().len()
        ),
        (Some("lexical"), 1)
    );
    let found = dir.json(0, &["search", "the sea", "-k", "2", "--mode", "dense"]);
    assert_eq!(
        (
            found["mode"].as_str(),
            found["hits"].as_array().unwrap().len()
        ),
        (Some("dense"), 2)
    );
    dir.put("nigh.toml", "k = 0\n");
    dir.run(&["stats"])
        .assert_exit(2, &["nigh.toml", "1 to 10,000"]);
    dir.put("nigh.toml", "colection = \"x\"\n");
    dir.run(&["stats"])
        .assert_exit(2, &["nigh.toml", "colection"]);
}

#[test]
fn nigh_collection_variable_selects_the_collection() {
    let dir = TestDir::new();
    dir.put("a.txt", "Tides\n\nThe moon pulls the sea.");
    let output = dir
        .command(&["index", "a.txt"])
        .env("NIGH_COLLECTION", "elsewhere")
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(dir.path("elsewhere/nigh.collection").is_file());
}

#[cfg(target_os = "linux")]
#[test]
fn low_priority_sets_nice_19() {
    let dir = TestDir::new();
    dir.put(
        "docs/a.txt",
        "Tides\n\nThe moon pulls the sea. ".repeat(200),
    );
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_nigh"));
    command
        .args(["index", "docs", "--low-priority", "--memory", "256MB"])
        .current_dir(dir.path("."));
    let mut indexing = command.spawn().unwrap();
    let mut nice = 0;
    while indexing.try_wait().unwrap().is_none() && nice != 19 {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", indexing.id())).unwrap_or_default();
        // The fields follow the program's name, which is in parentheses and may contain spaces.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        nice = fields
            .split_whitespace()
            .nth(16)
            .map_or(0, |nice| nice.parse().unwrap());
    }
    assert!(indexing.wait().unwrap().success());
    assert_eq!(nice, 19);
    dir.assert_sound(1);
}
