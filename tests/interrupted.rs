//! Indexing interrupted by Ctrl-C, SIGKILL, a full disk or a second writer: no committed article is
//! lost, and running the same command again resumes.
#![cfg(unix)]

use crate::common::{CliOutput, TestDir, wait_until};
use std::process::{Child, Stdio};

/// Writes articles; hundreds of them take a while to index.
fn put_articles(dir: &TestDir, articles: usize) {
    for i in 0..articles {
        let text: String = (0..10)
            .map(|j| {
                format!(
                    "Sentence {j} of article {i} speaks of the sea, number {} of its kind, and of the moon above it. ",
                    i * 7 + j
                )
            })
            .collect();
        dir.put(
            &format!("docs/{i:04}.txt"),
            format!("Article {i}\n\n{text}"),
        );
    }
}

/// Starts indexing on one thread, so that it takes a while on fast machines too.
fn start_indexing(dir: &TestDir) -> Child {
    dir.command(&["index", "docs", "--json", "--threads", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The number of committed articles, as another process sees it.
fn committed_articles(dir: &TestDir) -> u64 {
    let result = dir.run(&["stats", "--json"]);
    serde_json::from_str::<serde_json::Value>(&result.stdout)
        .map_or(0, |stats| stats["articles"].as_u64().unwrap_or(0))
}

fn send_signal(child: &Child, name: &str) {
    assert!(
        std::process::Command::new("kill")
            .args([name, &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn ctrl_c_commits_finished_articles_and_indexing_resumes() {
    let dir = TestDir::new();
    put_articles(&dir, 700);
    let child = start_indexing(&dir);
    wait_until("a commit", || committed_articles(&dir) > 0);
    send_signal(&child, "-INT");
    let result: CliOutput = child.wait_with_output().unwrap().into();
    result.assert_exit(1, &["finishing what is under way"]);
    let report: serde_json::Value = serde_json::from_str(&result.stdout).unwrap();
    let done = report["added"].as_u64().unwrap();
    assert!(
        report["interrupted"] == true && done > 0 && done < 700,
        "{report}"
    );
    dir.assert_sound(done);
    let report = dir.json(0, &["index", "docs"]);
    assert_eq!(
        (report["unchanged"].as_u64(), report["added"].as_u64()),
        (Some(done), Some(700 - done))
    );
    dir.assert_sound(700);
}

#[test]
fn kill_loses_no_committed_articles() {
    let dir = TestDir::new();
    put_articles(&dir, 700);
    let mut child = start_indexing(&dir);
    // The first commit is the empty collection, the second one holds the first five seconds of work.
    wait_until("the first articles", || committed_articles(&dir) > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    let saved = dir.json(0, &["stats"])["articles"].as_u64().unwrap();
    assert!(saved > 0 && saved < 700, "{saved}");
    dir.assert_sound(saved);
    let report = dir.json(0, &["index", "docs"]);
    assert_eq!(
        (report["unchanged"].as_u64(), report["added"].as_u64()),
        (Some(saved), Some(700 - saved))
    );
    dir.assert_sound(700);
}

#[test]
fn full_disk_leaves_the_last_commit_readable() {
    let dir = TestDir::new();
    dir.put("first.txt", "Tides\n\nThe moon pulls the sea.");
    dir.ok(&["index", "first.txt"]);
    put_articles(&dir, 300);
    // A file size limit simulates a full disk: writes fail at the same points.
    let line = format!(
        "trap '' XFSZ; ulimit -f 200; exec '{}' index docs",
        env!("CARGO_BIN_EXE_nigh")
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &line])
        .current_dir(dir.path("."))
        .output()
        .unwrap();
    CliOutput::from(output).assert_exit(1, &["File too large", "the same command goes on"]);
    // On a slow machine, one or two small commits may have succeeded.
    let saved = dir.json(0, &["stats"])["articles"].as_u64().unwrap();
    dir.assert_sound(saved);
    dir.run(&["search", "what pulls the sea", "--mode", "lexical"])
        .assert_exit(0, &["first.txt:"]);
    dir.ok(&["index", "docs"]);
    dir.assert_sound(301);
}

#[test]
fn second_writer_gets_the_lock_holders_pid_and_readers_are_not_blocked() {
    let dir = TestDir::new();
    dir.put("first.txt", "Tides\n\nThe moon pulls the sea.");
    dir.ok(&["index", "first.txt"]);
    put_articles(&dir, 400);
    let mut child = start_indexing(&dir);
    wait_until("the other writer", || {
        std::fs::read_to_string(dir.path(".nigh/writer.lock"))
            .is_ok_and(|pid| pid.trim() == child.id().to_string())
    });
    dir.run(&["delete", "first.txt"])
        .assert_exit(2, &["being written by process", &child.id().to_string()]);
    dir.run(&["search", "what pulls the sea"])
        .assert_exit(0, &["first.txt:1"]);
    child.kill().unwrap();
    child.wait().unwrap();
    dir.ok(&["delete", "first.txt"]);
}
