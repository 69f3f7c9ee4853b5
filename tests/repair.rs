//! `nigh check --repair`: damaged files are rebuilt from the intact ones, and articles that cannot be
//! recovered are reported.

use crate::common::TestDir;
use std::path::PathBuf;

/// A collection of three articles in two segments.
fn three_articles() -> TestDir {
    let dir = TestDir::new();
    dir.put(
        "docs/tides.md",
        "# Tides\n\nThe moon pulls the sea.\n\n## Springs\n\nSun and moon pull together.\n",
    );
    dir.put("docs/kites.txt", "Kites\n\nWind holds a kite up.\n");
    dir.ok(&["index", "docs"]);
    dir.put(
        "docs/honey.txt",
        "Honey\n\nHoney keeps for years, for it holds too little water.\n",
    );
    dir.ok(&["index", "docs"]);
    dir.assert_sound(3);
    dir
}

fn dense_hits(dir: &TestDir) -> Vec<String> {
    let questions = [
        "what pulls the sea",
        "why does honey keep",
        "what is a kite held by",
        "sun and moon",
    ];
    let found = questions.map(|question| {
        let found = dir.json(0, &["search", question, "--mode", "dense", "--exact"]);
        let hits = found["hits"].as_array().unwrap();
        hits.iter()
            .map(|hit| format!("{} {} {}\n", hit["passage_id"], hit["score"], hit["text"]))
            .collect()
    });
    found.into()
}

fn files_with_extension(dir: &TestDir, folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.path(".nigh").join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}

/// Flips one bit in the middle of a file.
fn flip_bit(file: &PathBuf) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn repair_of_an_undamaged_collection_changes_nothing() {
    let dir = three_articles();
    let repaired = dir.json(0, &["check", "--repair"]);
    assert_eq!(
        (&repaired["sound"], &repaired["repaired"]["put_back"]),
        (&true.into(), &0.into()),
        "{repaired}"
    );
    dir.run(&["check", "--repair"]).assert_exit(0, &["sound"]);
}

#[test]
fn repair_rebuilds_vectors_and_inverted_index_from_stored_texts() {
    for (folder, kind) in [
        ("vectors", "vec"),
        ("text", "idx"),
        ("text", "term"),
        ("text", "pos"),
        ("text", "fast"),
    ] {
        let dir = three_articles();
        let before = dense_hits(&dir);
        files_with_extension(&dir, folder, kind)
            .iter()
            .for_each(flip_bit);
        dir.run(&["check"])
            .assert_exit(1, &[kind, "damaged", "--repair"]);
        let repaired = dir.json(0, &["check", "--repair"]);
        assert_eq!(repaired["sound"], true, "{repaired}");
        assert!(
            repaired["repaired"]["put_back"].as_u64().unwrap() > 0,
            "{repaired}"
        );
        assert_eq!(dense_hits(&dir), before, "{kind}");
        dir.assert_sound(3);
        assert_eq!(dir.json(0, &["index", "docs"])["unchanged"], 3, "{kind}");
    }
}

#[test]
fn repair_reports_lost_articles_and_indexing_restores_them() {
    let dir = three_articles();
    let before = dense_hits(&dir);
    let store = files_with_extension(&dir, "text", "store");
    flip_bit(
        store
            .iter()
            .max_by_key(|file| file.metadata().unwrap().len())
            .unwrap(),
    );
    let repaired = dir.json(1, &["check", "--repair"]);
    let lost = repaired["repaired"]["lost"].as_array().unwrap();
    assert!(
        !lost.is_empty()
            && lost
                .iter()
                .all(|id| id.as_str().unwrap().starts_with("docs/")),
        "{repaired}"
    );
    assert_eq!(repaired["sound"], true, "{repaired}");
    let again = dir.json(0, &["index", "docs"]);
    assert_eq!(again["added"].as_u64(), Some(lost.len() as u64), "{again}");
    // Their vectors were intact, so nothing is embedded again.
    assert_eq!(again["embedded"], 0, "{again}");
    assert_eq!(dense_hits(&dir), before);
}

#[test]
fn damaged_commit_file_is_reported_as_unrecoverable() {
    let dir = three_articles();
    flip_bit(&dir.path(".nigh/text/meta.json"));
    dir.run(&["check"])
        .assert_exit(1, &["meta.json", "its commit does not read", "new one"]);
    dir.run(&["check", "--repair"])
        .assert_exit(2, &["meta.json", "its commit does not read", "new one"]);
    dir.run(&["search", "x"])
        .assert_exit(2, &["meta.json", "damaged"]);
}

#[test]
fn lexical_search_works_while_vector_files_are_damaged() {
    let dir = three_articles();
    let search =
        |dir: &TestDir| dir.json(0, &["search", "holds", "--mode", "lexical"])["hits"].clone();
    let before = search(&dir);
    assert_eq!(before.as_array().unwrap().len(), 2);
    files_with_extension(&dir, "vectors", "vec")
        .iter()
        .for_each(flip_bit);
    dir.run(&["search", "holds", "--mode", "dense", "--exact"])
        .assert_exit(2, &["vec", "--repair"]);
    assert_eq!(search(&dir), before);
}

#[test]
fn repair_restores_the_collection_marker() {
    let dir = three_articles();
    let before = dense_hits(&dir);
    std::fs::remove_file(dir.path(".nigh/nigh.collection")).unwrap();
    for command in [&["search", "tides"][..], &["stats"], &["index", "."]] {
        dir.run(command)
            .assert_exit(2, &["nigh.collection", "--repair"]);
    }
    dir.run(&["check"])
        .assert_exit(1, &["nigh.collection", "--repair"]);
    dir.ok(&["check", "--repair"]);
    assert_eq!(dense_hits(&dir), before);
    dir.put(".nigh/nigh.collection", "nigh cpllection, format 3\n");
    dir.run(&["check"])
        .assert_exit(1, &["nigh.collection", "expected"]);
    dir.ok(&["check", "--repair"]);
    assert_eq!(dense_hits(&dir), before);
}
