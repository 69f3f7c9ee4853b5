//! Stopped in the middle: Ctrl-C, a kill, a full disk, a second writer. Nothing that was saved is
//! lost, and the same command goes on.
#![cfg(unix)]

use crate::common::{Place, Ran, until};
use std::process::{Child, Stdio};

/// Enough articles that indexing them takes a while.
fn many(place: &Place, articles: usize) {
    for i in 0..articles {
        let text: String = (0..10)
            .map(|j| {
                format!(
                    "Sentence {j} of article {i} speaks of the sea, number {} of its kind, and of the moon above it. ",
                    i * 7 + j
                )
            })
            .collect();
        place.put(
            &format!("docs/{i:04}.txt"),
            format!("Article {i}\n\n{text}"),
        );
    }
}

/// On one thread, so that a fast machine takes a while too.
fn start(place: &Place) -> Child {
    place
        .command(&["index", "docs", "--json", "--threads", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// How many articles another process sees.
fn stored(place: &Place) -> u64 {
    let ran = place.run(&["stats", "--json"]);
    serde_json::from_str::<serde_json::Value>(&ran.out)
        .map_or(0, |stats| stats["articles"].as_u64().unwrap_or(0))
}

fn signal(child: &Child, name: &str) {
    assert!(
        std::process::Command::new("kill")
            .args([name, &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn ctrl_c_saves_what_is_done() {
    let place = Place::new();
    many(&place, 700);
    let child = start(&place);
    until("a commit", || stored(&place) > 0);
    signal(&child, "-INT");
    let ran: Ran = child.wait_with_output().unwrap().into();
    ran.said(1, &["finishing what is under way"]);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let done = report["added"].as_u64().unwrap();
    assert!(
        report["interrupted"] == true && done > 0 && done < 700,
        "{report}"
    );
    place.sound(done);
    let report = place.json(0, &["index", "docs"]);
    assert_eq!(
        (report["unchanged"].as_u64(), report["added"].as_u64()),
        (Some(done), Some(700 - done))
    );
    place.sound(700);
}

#[test]
fn a_kill_loses_nothing_that_was_committed() {
    let place = Place::new();
    many(&place, 700);
    let mut child = start(&place);
    // The first commit is the empty collection, the second the first five seconds' work.
    until("the first articles", || stored(&place) > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    let saved = place.json(0, &["stats"])["articles"].as_u64().unwrap();
    assert!(saved > 0 && saved < 700, "{saved}");
    place.sound(saved);
    let report = place.json(0, &["index", "docs"]);
    assert_eq!(
        (report["unchanged"].as_u64(), report["added"].as_u64()),
        (Some(saved), Some(700 - saved))
    );
    place.sound(700);
}

#[test]
fn a_full_disk_leaves_the_last_commit() {
    let place = Place::new();
    place.put("first.txt", "Tides\n\nThe moon pulls the sea.");
    place.ok(&["index", "first.txt"]);
    many(&place, 300);
    // A limit on the size of files stands in for a full disk: writes fail in the same places.
    let line = format!(
        "trap '' XFSZ; ulimit -f 200; exec '{}' index docs",
        env!("CARGO_BIN_EXE_nigh")
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &line])
        .current_dir(place.path("."))
        .output()
        .unwrap();
    Ran::from(output).said(1, &["File too large", "the same command goes on"]);
    // On a slow machine a small commit or two may have fitted.
    let saved = place.json(0, &["stats"])["articles"].as_u64().unwrap();
    place.sound(saved);
    place
        .run(&["search", "what pulls the sea", "--mode", "lexical"])
        .said(0, &["first.txt:"]);
    place.ok(&["index", "docs"]);
    place.sound(301);
}

#[test]
fn a_second_writer_is_told_who_is_writing_and_readers_go_on() {
    let place = Place::new();
    place.put("first.txt", "Tides\n\nThe moon pulls the sea.");
    place.ok(&["index", "first.txt"]);
    many(&place, 400);
    let mut child = start(&place);
    until("the other writer", || {
        std::fs::read_to_string(place.path(".nigh/writer.lock"))
            .is_ok_and(|pid| pid.trim() == child.id().to_string())
    });
    place
        .run(&["delete", "first.txt"])
        .said(2, &["being written by process", &child.id().to_string()]);
    place
        .run(&["search", "what pulls the sea"])
        .said(0, &["first.txt:1"]);
    child.kill().unwrap();
    child.wait().unwrap();
    place.ok(&["delete", "first.txt"]);
}
