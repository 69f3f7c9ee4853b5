//! Collections of every released format can be opened, searched, checked, repaired and updated.

use crate::common::TestDir;
use std::path::Path;

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn format_1_collection_can_be_searched_and_updated() {
    let dir = TestDir::new();
    copy_dir(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1"),
        &dir.path("collection"),
    );
    let best_article = |question: &str| {
        let answer = dir.json(
            0,
            &[
                "search",
                question,
                "-c",
                "collection",
                "-k",
                "1",
                "--mode",
                "dense",
            ],
        );
        answer["hits"][0]["article_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        best_article("how often a day is the water high"),
        "articles/tides.md"
    );
    assert_eq!(
        best_article("what keeps something up in the breeze"),
        "articles/kite.txt"
    );
    assert_eq!(dir.json(0, &["check", "-c", "collection"])["sound"], true);
    dir.run(&["search", "wind", "-c", "collection", "--filter", "source:x"])
        .assert_exit(2, &["earlier nigh", "new one"]);
    let lexical = dir.json(
        0,
        &[
            "search",
            "high water",
            "-c",
            "collection",
            "-k",
            "1",
            "--mode",
            "lexical",
        ],
    );
    assert_eq!(lexical["hits"][0]["article_id"], "articles/tides.md");
    dir.put(
        "articles/snow.txt",
        "Snow falls when it is cold enough for water in clouds to freeze.\n",
    );
    let report = dir.json(0, &["index", "articles", "-c", "collection"]);
    assert_eq!(
        (&report["added"], &report["embedded"]),
        (&1.into(), &1.into())
    );
    dir.ok(&["compact", "-c", "collection"]);
    assert_eq!(
        best_article("frozen water from the sky"),
        "articles/snow.txt"
    );
    assert_eq!(dir.json(0, &["check", "-c", "collection"])["sound"], true);
}

#[test]
fn format_2_collection_can_be_searched_updated_and_repaired() {
    let dir = TestDir::new();
    copy_dir(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-2"),
        &dir.path("collection"),
    );
    let best_article = |question: &str, filter: &[&str]| {
        let search = [
            "search",
            question,
            "-c",
            "collection",
            "-k",
            "1",
            "--mode",
            "dense",
        ];
        dir.json(0, &[&search[..], filter].concat())["hits"][0]["article_id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        best_article("what keeps something up in the breeze", &[]),
        "articles/kite.txt"
    );
    assert_eq!(
        best_article("wind", &["--filter", "source:almanac AND year:>2000"]),
        "articles/tides.md"
    );
    assert_eq!(dir.json(0, &["check", "-c", "collection"])["sound"], true);
    dir.put(
        "articles/snow.txt",
        "Snow falls when it is cold enough for water in clouds to freeze.\n",
    );
    let report = dir.json(0, &["index", "articles", "-c", "collection"]);
    assert_eq!(
        (&report["added"], &report["embedded"]),
        (&1.into(), &1.into())
    );
    dir.ok(&["compact", "-c", "collection"]);
    assert_eq!(
        best_article("frozen water from the sky", &[]),
        "articles/snow.txt"
    );
    // The format is not upgraded, so that older programs can still read it: no checksum footers.
    assert_eq!(
        dir.json(0, &["stats", "-c", "collection"])["manifest"]["format"],
        2
    );
    assert!(
        std::fs::read_to_string(dir.path("collection/text/meta.json"))
            .unwrap()
            .trim_end()
            .ends_with('}')
    );
    let vectors = std::fs::read_dir(dir.path("collection/vectors"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert_eq!(std::fs::read(&vectors).unwrap()[8], 2);
    std::fs::remove_file(vectors).unwrap();
    dir.run(&["check", "-c", "collection", "--repair"])
        .assert_exit(0, &["No such file", "sound"]);
    assert_eq!(
        best_article("frozen water from the sky", &[]),
        "articles/snow.txt"
    );
    assert_eq!(dir.json(0, &["check", "-c", "collection"])["sound"], true);
}
