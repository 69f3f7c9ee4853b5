//! Collections of every released format open, answer, check as sound, are mended, and go on.

use crate::common::Place;
use std::path::Path;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_collection_of_the_first_format_lives_on() {
    let place = Place::new();
    copy(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1"),
        &place.path("collection"),
    );
    let found = |question: &str| {
        let answer = place.json(
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
        found("how often a day is the water high"),
        "articles/tides.md"
    );
    assert_eq!(
        found("what keeps something up in the breeze"),
        "articles/kite.txt"
    );
    assert_eq!(place.json(0, &["check", "-c", "collection"])["sound"], true);
    place
        .run(&["search", "wind", "-c", "collection", "--filter", "source:x"])
        .said(2, &["earlier nigh", "new one"]);
    let lexical = place.json(
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
    place.put(
        "articles/snow.txt",
        "Snow falls when it is cold enough for water in clouds to freeze.\n",
    );
    let report = place.json(0, &["index", "articles", "-c", "collection"]);
    assert_eq!(
        (&report["added"], &report["embedded"]),
        (&1.into(), &1.into())
    );
    place.ok(&["compact", "-c", "collection"]);
    assert_eq!(found("frozen water from the sky"), "articles/snow.txt");
    assert_eq!(place.json(0, &["check", "-c", "collection"])["sound"], true);
}

#[test]
fn a_collection_of_the_second_format_lives_on() {
    let place = Place::new();
    copy(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-2"),
        &place.path("collection"),
    );
    let found = |question: &str, filter: &[&str]| {
        let ask = [
            "search",
            question,
            "-c",
            "collection",
            "-k",
            "1",
            "--mode",
            "dense",
        ];
        place.json(0, &[&ask[..], filter].concat())["hits"][0]["article_id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        found("what keeps something up in the breeze", &[]),
        "articles/kite.txt"
    );
    assert_eq!(
        found("wind", &["--filter", "source:almanac AND year:>2000"]),
        "articles/tides.md"
    );
    assert_eq!(place.json(0, &["check", "-c", "collection"])["sound"], true);
    place.put(
        "articles/snow.txt",
        "Snow falls when it is cold enough for water in clouds to freeze.\n",
    );
    let report = place.json(0, &["index", "articles", "-c", "collection"]);
    assert_eq!(
        (&report["added"], &report["embedded"]),
        (&1.into(), &1.into())
    );
    place.ok(&["compact", "-c", "collection"]);
    assert_eq!(found("frozen water from the sky", &[]), "articles/snow.txt");
    // It stays as it was, for programs of its time: without seals.
    assert_eq!(
        place.json(0, &["stats", "-c", "collection"])["manifest"]["format"],
        2
    );
    assert!(
        std::fs::read_to_string(place.path("collection/text/meta.json"))
            .unwrap()
            .trim_end()
            .ends_with('}')
    );
    let vectors = std::fs::read_dir(place.path("collection/vectors"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert_eq!(std::fs::read(&vectors).unwrap()[8], 2);
    std::fs::remove_file(vectors).unwrap();
    place
        .run(&["check", "-c", "collection", "--repair"])
        .said(0, &["No such file", "sound"]);
    assert_eq!(found("frozen water from the sky", &[]), "articles/snow.txt");
    assert_eq!(place.json(0, &["check", "-c", "collection"])["sound"], true);
}
