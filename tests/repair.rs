//! `nigh check --repair`: what is damaged is built again from what is not, and what is lost is
//! named.

use crate::common::Place;
use std::path::PathBuf;

/// Three articles in two segments, each with the vectors of its own passages.
fn three() -> Place {
    let place = Place::new();
    place.put(
        "docs/tides.md",
        "# Tides\n\nThe moon pulls the sea.\n\n## Springs\n\nSun and moon pull together.\n",
    );
    place.put("docs/kites.txt", "Kites\n\nWind holds a kite up.\n");
    place.ok(&["index", "docs"]);
    place.put(
        "docs/honey.txt",
        "Honey\n\nHoney keeps for years, for it holds too little water.\n",
    );
    place.ok(&["index", "docs"]);
    place.sound(3);
    place
}

fn answers(place: &Place) -> Vec<String> {
    let questions = [
        "what pulls the sea",
        "why does honey keep",
        "what is a kite held by",
        "sun and moon",
    ];
    let found = questions.map(|question| {
        let found = place.json(0, &["search", question, "--mode", "dense", "--exact"]);
        let hits = found["hits"].as_array().unwrap();
        hits.iter()
            .map(|hit| format!("{} {} {}\n", hit["passage_id"], hit["score"], hit["text"]))
            .collect()
    });
    found.into()
}

fn files(place: &Place, folder: &str, kind: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place.path(".nigh").join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == kind));
    files.sort();
    files
}

fn flip(file: &PathBuf) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn nothing_is_done_to_what_is_sound() {
    let place = three();
    let repaired = place.json(0, &["check", "--repair"]);
    assert_eq!(
        (&repaired["sound"], &repaired["repaired"]["put_back"]),
        (&true.into(), &0.into()),
        "{repaired}"
    );
    place.run(&["check", "--repair"]).said(0, &["sound"]);
}

#[test]
fn vectors_and_words_come_back_from_the_texts() {
    for (folder, kind) in [
        ("vectors", "vec"),
        ("text", "idx"),
        ("text", "term"),
        ("text", "pos"),
        ("text", "fast"),
    ] {
        let place = three();
        let before = answers(&place);
        files(&place, folder, kind).iter().for_each(flip);
        place
            .run(&["check"])
            .said(1, &[kind, "damaged", "--repair"]);
        let repaired = place.json(0, &["check", "--repair"]);
        assert_eq!(repaired["sound"], true, "{repaired}");
        assert!(
            repaired["repaired"]["put_back"].as_u64().unwrap() > 0,
            "{repaired}"
        );
        assert_eq!(answers(&place), before, "{kind}");
        place.sound(3);
        assert_eq!(place.json(0, &["index", "docs"])["unchanged"], 3, "{kind}");
    }
}

#[test]
fn what_is_lost_is_named_and_comes_back_from_its_source() {
    let place = three();
    let before = answers(&place);
    let store = files(&place, "text", "store");
    flip(
        store
            .iter()
            .max_by_key(|file| file.metadata().unwrap().len())
            .unwrap(),
    );
    let repaired = place.json(1, &["check", "--repair"]);
    let lost = repaired["repaired"]["lost"].as_array().unwrap();
    assert!(
        !lost.is_empty()
            && lost
                .iter()
                .all(|id| id.as_str().unwrap().starts_with("docs/")),
        "{repaired}"
    );
    assert_eq!(repaired["sound"], true, "{repaired}");
    let again = place.json(0, &["index", "docs"]);
    assert_eq!(again["added"].as_u64(), Some(lost.len() as u64), "{again}");
    // Their vectors were not lost.
    assert_eq!(again["embedded"], 0, "{again}");
    assert_eq!(answers(&place), before);
}

#[test]
fn without_its_commit_a_collection_is_said_to_be_lost() {
    let place = three();
    flip(&place.path(".nigh/text/meta.json"));
    place
        .run(&["check"])
        .said(1, &["meta.json", "its commit does not read", "new one"]);
    place
        .run(&["check", "--repair"])
        .said(2, &["meta.json", "its commit does not read", "new one"]);
    place
        .run(&["search", "x"])
        .said(2, &["meta.json", "damaged"]);
}

#[test]
fn words_are_found_without_vectors() {
    let place = three();
    let search =
        |place: &Place| place.json(0, &["search", "holds", "--mode", "lexical"])["hits"].clone();
    let before = search(&place);
    assert_eq!(before.as_array().unwrap().len(), 2);
    files(&place, "vectors", "vec").iter().for_each(flip);
    place
        .run(&["search", "holds", "--mode", "dense", "--exact"])
        .said(2, &["vec", "--repair"]);
    assert_eq!(search(&place), before);
}

#[test]
fn the_marker_comes_back() {
    let place = three();
    let before = answers(&place);
    std::fs::remove_file(place.path(".nigh/nigh.collection")).unwrap();
    for command in [&["search", "tides"][..], &["stats"], &["index", "."]] {
        place.run(command).said(2, &["nigh.collection", "--repair"]);
    }
    place
        .run(&["check"])
        .said(1, &["nigh.collection", "--repair"]);
    place.ok(&["check", "--repair"]);
    assert_eq!(answers(&place), before);
    place.put(".nigh/nigh.collection", "nigh cpllection, format 3\n");
    place
        .run(&["check"])
        .said(1, &["nigh.collection", "expected"]);
    place.ok(&["check", "--repair"]);
    assert_eq!(answers(&place), before);
}
