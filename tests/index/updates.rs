//! Articles that were added, changed or removed.

use super::counts;
use crate::common::TestDir;
use serde_json::json;

#[test]
fn index_adds_updates_and_deletes_changed_articles() {
    let dir = TestDir::new();
    dir.put("docs/a.txt", "Tides\n\nThe moon pulls the sea.");
    dir.put("docs/b.txt", "Bread\n\nYeast makes dough rise.");
    dir.put("docs/c.txt", "Glass\n\nSand melts into glass.");
    assert_eq!(counts(&dir.json(0, &["index", "docs"])), [3, 0, 0, 0]);
    let again = dir.json(0, &["index", "docs"]);
    assert_eq!(
        (counts(&again), again["embedded"].as_u64()),
        ([0, 0, 3, 0], Some(0))
    );
    dir.put("docs/b.txt", "Bread\n\nBaking soda makes dough rise.");
    dir.put("docs/d.txt", "Rust\n\nIron and oxygen make rust.");
    std::fs::remove_file(dir.path("docs/c.txt")).unwrap();
    assert_eq!(counts(&dir.json(0, &["index", "docs"])), [1, 1, 1, 1]);
    dir.assert_sound(3);
    let hits = dir.json(0, &["search", "what makes dough rise", "-k", "1"]);
    assert!(hits["hits"][0]["text"].as_str().unwrap().contains("soda"));
    let all = dir.json(0, &["search", "sand glass", "-k", "50"]);
    assert!(
        all["hits"]
            .as_array()
            .unwrap()
            .iter()
            .all(|hit| hit["article_id"] != "docs/c.txt"),
        "{all}"
    );
}

#[test]
fn index_deletes_only_articles_under_the_given_paths() {
    let dir = TestDir::new();
    dir.put("one/a.txt", "Tides\n\nThe moon pulls the sea.");
    dir.put("two/b.txt", "Bread\n\nYeast makes dough rise.");
    dir.put("oneself.txt", "Glass\n\nSand melts into glass.");
    dir.ok(&["index", "one", "two", "oneself.txt"]);
    std::fs::remove_file(dir.path("two/b.txt")).unwrap();
    dir.put("one/c.txt", "Rust\n\nIron and oxygen make rust.");
    assert_eq!(counts(&dir.json(0, &["index", "one"])), [1, 0, 1, 0]);
    dir.assert_sound(4);
}

#[test]
fn index_of_a_parent_folder_deletes_removed_files() {
    let dir = TestDir::new();
    dir.put("project/docs/a.txt", "Tides\n\nThe moon pulls the sea.");
    dir.put("project/docs/b.txt", "Bread\n\nYeast makes dough rise.");
    dir.ok(&["index", "project/docs", "-c", "project/.nigh"]);
    std::fs::remove_file(dir.path("project/docs/a.txt")).unwrap();
    assert_eq!(
        counts(&dir.json(0, &["index", ".", "-c", "project/.nigh"])),
        [0, 0, 1, 1]
    );
}

#[test]
fn duplicate_id_in_another_file_does_not_replace_the_article() {
    let dir = TestDir::new();
    dir.put(
        "a.jsonl",
        "{\"_id\": \"1\", \"text\": \"The moon pulls the sea.\"}\n",
    );
    dir.put(
        "b.jsonl",
        "{\"_id\": \"1\", \"text\": \"Yeast makes dough rise.\"}\n",
    );
    dir.ok(&["index", "a.jsonl"]);
    dir.run(&["index", "b.jsonl"])
        .assert_exit(1, &["b.jsonl:1", "taken by a.jsonl"]);
    std::fs::remove_file(dir.path("a.jsonl")).unwrap();
    assert_eq!(
        counts(&dir.json(0, &["index", "b.jsonl"])),
        [0, 1, 0, 0],
        "the article of a deleted file may be taken over"
    );
    let long = format!("{{\"_id\": \"{}\", \"text\": \"x\"}}\n", "i".repeat(2000));
    dir.put("c.jsonl", long);
    dir.run(&["index", "c.jsonl"])
        .assert_exit(1, &["c.jsonl:1", "1024 bytes"]);
}

#[test]
fn identical_texts_are_embedded_once_and_tie_in_id_order() {
    let dir = TestDir::new();
    let text = "On tides\n\nThe moon pulls the sea, and the sea follows.";
    dir.put("docs/a.txt", text);
    dir.put("docs/b.txt", text);
    let report = dir.json(0, &["index", "docs"]);
    assert_eq!(
        (report["passages"].as_u64(), report["embedded"].as_u64()),
        (Some(2), Some(1))
    );
    dir.put("docs/c.txt", text);
    let report = dir.json(0, &["index", "docs"]);
    assert_eq!(
        (report["passages"].as_u64(), report["embedded"].as_u64()),
        (Some(1), Some(0))
    );
    dir.put("docs/d.txt", text);
    dir.ok(&["index", "docs"]);
    for mode in ["dense", "lexical", "hybrid"] {
        let best = dir.json(0, &["search", "sea and moon", "--mode", mode, "-k", "1"]);
        assert_eq!(
            best["hits"][0]["article_id"], "docs/d.txt",
            "equal scores are ordered by id, whatever k is"
        );
    }
    dir.ok(&["delete", "docs/d.txt"]);
    let hits = dir.json(
        0,
        &["search", "sea and moon", "--mode", "dense", "--copies"],
    );
    let ids: Vec<_> = hits["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["article_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        ids,
        ["docs/c.txt", "docs/b.txt", "docs/a.txt"],
        "ties are ordered by id"
    );
}

#[test]
fn compact_drops_vectors_of_deleted_articles() {
    let dir = TestDir::new();
    dir.put("a.txt", "Tides\n\nThe moon pulls the sea.");
    dir.put("b.txt", "Bread\n\nYeast makes dough rise.");
    dir.ok(&["index", "a.txt", "b.txt"]);
    let report = dir.json(1, &["delete", "a.txt", "nope"]);
    assert_eq!(
        (&report["deleted"], &report["missing"]),
        (&json!(["a.txt"]), &json!(["nope"]))
    );
    assert_eq!(dir.json(0, &["stats"])["dead_vectors"], 1);
    assert_eq!(dir.json(0, &["compact"])["dropped"], 1);
    dir.assert_sound(1);
}

#[test]
fn index_keeps_the_articles_of_a_folder_that_is_suddenly_empty() {
    let dir = TestDir::new();
    for n in 0..20 {
        dir.put(
            &format!("disk/{n}.txt"),
            format!("Note {n} about harbor cranes.\n"),
        );
    }
    dir.put("other.txt", "Bread rises in a warm kitchen.\n");
    dir.ok(&["index", "disk", "other.txt"]);
    std::fs::rename(dir.path("disk"), dir.path("mounted")).unwrap();
    dir.put("mounted/part/a.txt", "A note in a part of the disk.\n");
    std::fs::create_dir(dir.path("disk")).unwrap();
    // Said each time, not only the first.
    for _ in 0..2 {
        let report = dir.json(1, &["index", "disk", "other.txt"]);
        assert_eq!(
            (&report["deleted"], &report["kept"]),
            (&0.into(), &20.into())
        );
        let note = &report["notes"][0];
        assert_eq!(
            (&note["code"], &note["path"]),
            (&"deletes_withheld".into(), &"disk".into())
        );
    }
    dir.run(&["index", "disk", "other.txt"])
        .assert_exit(1, &["20 articles kept", "--allow-deletes"]);
    // A tenth is not enough, a little more is.
    for n in 0..2 {
        std::fs::copy(
            dir.path(&format!("mounted/{n}.txt")),
            dir.path(&format!("disk/{n}.txt")),
        )
        .unwrap();
    }
    assert_eq!(dir.json(1, &["index", "disk"])["kept"], 18);
    dir.put("disk/new.txt", "A third article, about tides.\n");
    let report = dir.json(0, &["index", "disk"]);
    assert_eq!(
        (&report["deleted"], &report["kept"], &report["added"]),
        (&18.into(), &0.into(), &1.into())
    );
    // A folder within a root that is whole is guarded, too, if it is named.
    dir.ok(&["index", "mounted", "mounted/part", "-c", "nested"]);
    std::fs::rename(dir.path("mounted/part"), dir.path("part")).unwrap();
    std::fs::create_dir(dir.path("mounted/part")).unwrap();
    let report = dir.json(1, &["index", "mounted", "mounted/part", "-c", "nested"]);
    assert_eq!(
        (&report["deleted"], &report["kept"]),
        (&0.into(), &1.into())
    );
    // What is asked for is done.
    std::fs::remove_dir_all(dir.path("disk")).unwrap();
    std::fs::create_dir(dir.path("disk")).unwrap();
    let report = dir.json(0, &["index", "disk", "other.txt", "--allow-deletes"]);
    assert_eq!(
        (&report["deleted"], &report["kept"]),
        (&3.into(), &0.into())
    );
    dir.assert_sound(1);
}

#[test]
fn index_deletes_the_records_that_an_existing_file_has_lost() {
    let dir = TestDir::new();
    let record = |n: u32| format!("{{\"_id\": \"r{n}\", \"text\": \"Crane number {n}.\"}}\n");
    dir.put("c.jsonl", (0..40).map(record).collect::<String>());
    dir.ok(&["index", "c.jsonl"]);
    // Nine tenths and more of the root are gone, but the file is there: no disk is missing.
    dir.put("c.jsonl", record(7));
    let report = dir.json(0, &["index", "c.jsonl"]);
    assert_eq!(
        (&report["deleted"], &report["kept"], &report["notes"]),
        (&39.into(), &0.into(), &serde_json::Value::Null)
    );
    dir.assert_sound(1);
}
