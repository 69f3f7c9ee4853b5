//! Incremental indexing: added, changed and removed articles; formats; configuration.

use crate::common::TestDir;
use serde_json::json;

fn counts(report: &serde_json::Value) -> [u64; 4] {
    ["added", "updated", "unchanged", "deleted"].map(|key| report[key].as_u64().unwrap())
}

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
fn index_skips_collections_and_applies_gitignore_outside_repositories() {
    let dir = TestDir::new();
    dir.put("docs/a.txt", "Tides\n\nThe moon pulls the sea.");
    dir.put("docs/drafts/b.txt", "Bread\n\nYeast makes dough rise.");
    dir.put("docs/.gitignore", "drafts/\n");
    assert_eq!(dir.json(0, &["index", "docs"])["articles"], 1);
    dir.run(&["index", ".nigh"])
        .assert_exit(2, &["nothing to index"]);
}

#[test]
fn index_reads_a_file_under_overlapping_paths_once() {
    let dir = TestDir::new();
    dir.put("docs/a.txt", "Tides\n\nThe moon pulls the sea.");
    assert_eq!(
        counts(&dir.json(0, &["index", "docs", "docs/a.txt", "."])),
        [1, 0, 0, 0]
    );
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
fn index_reads_every_text_format_in_one_folder() {
    let dir = TestDir::new();
    dir.put(
        "all/qa.txt",
        "Sums it up.\nWhy is the sky blue?\nAir scatters blue light most.\n",
    );
    dir.put(
        "all/plain.txt",
        "Ferments\n\nSauerkraut is cabbage and salt.",
    );
    dir.put(
        "all/mark.md",
        "---\ntitle: Kilns\n---\n# Kilns\n\nPots are fired in kilns.",
    );
    dir.put("all/page.html", "<html><title>Looms</title><body><nav>menu</nav><p>Cloth is woven on a loom.</p><script>x</script></body></html>");
    dir.put(
        "all/rows.csv",
        "id,title,text\nr1,Anvils,Iron is shaped on an anvil.\n",
    );
    dir.put(
        "all/lines.jsonl",
        json!({"_id": "l1", "title": "Quills", "text": "Quills are cut from feathers."})
            .to_string(),
    );
    dir.put("all/latin.txt", b"Caf\xe9s\n\nA caf\xe9 sells coffee.");
    dir.put(
        "all/wide.txt",
        "\u{feff}Zelte\n\nEin Zelt ist aus Stoff."
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>(),
    );
    let report = dir.json(0, &["index", "all"]);
    assert_eq!(report["added"], 8, "{report}");
    for (question, id, path) in [
        ("why does the sky look blue", "all/qa.txt", "all/qa.txt"),
        ("cabbage with salt", "all/plain.txt", "all/plain.txt"),
        ("where are pots fired", "all/mark.md", "all/mark.md"),
        ("weaving cloth", "all/page.html", "all/page.html"),
        ("shaping iron", "r1", "all/rows.csv"),
        ("feathers for writing", "l1", "all/lines.jsonl"),
        ("coffee shop café", "all/latin.txt", "all/latin.txt"),
        ("Zelt", "all/wide.txt", "all/wide.txt"),
    ] {
        let hit = dir.json(0, &["search", question, "-k", "1"])["hits"][0].clone();
        assert_eq!(
            (hit["article_id"].as_str(), hit["path"].as_str()),
            (Some(id), Some(path)),
            "{question}: {hit}"
        );
    }
}

#[test]
fn index_of_a_beir_folder_reads_only_its_corpus() {
    let dir = TestDir::new();
    dir.put(
        "set/corpus.jsonl",
        "{\"_id\": \"d1\", \"title\": \"Tides\", \"text\": \"The moon pulls the sea.\"}\n",
    );
    dir.put(
        "set/queries.jsonl",
        "{\"_id\": \"q1\", \"text\": \"what pulls the sea\"}\n",
    );
    dir.put(
        "set/qrels/test.tsv",
        "query-id\tcorpus-id\tscore\nq1\td1\t1\n",
    );
    assert_eq!(
        dir.json(0, &["index", "set", "--chunk", "whole"])["articles"],
        1
    );
    dir.assert_sound(1);
}

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

#[test]
fn notes_report_skipped_records_guessed_encodings_and_excluded_files() {
    let dir = TestDir::new();
    let russian =
        windows_1251("Маяк на мысе Горн стоит с давних времён, и его свет виден за двадцать миль.");
    dir.put(
        "docs/lighthouse.srt",
        [b"1\n00:00:01,000 --> 00:00:04,000\n".as_slice(), &russian].concat(),
    );
    dir.put("docs/photo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    dir.put("docs/.draft.md", "Not yet.");
    dir.put(
        "docs/records.jsonl",
        "{\"_id\": \"a\", \"text\": \"The weir holds the river.\"}\n{\"_id\": oops\n",
    );
    let report = dir.json(1, &["index", "docs"]);
    let notes = report["notes"].as_array().unwrap();
    let named: Vec<_> = notes
        .iter()
        .map(|note| (note["code"].as_str().unwrap(), note["line"].as_u64()))
        .collect();
    for expected in [
        ("encoding_guessed", None),
        ("read_failed", Some(2)),
        ("unsupported_format", None),
        ("left_out", None),
    ] {
        assert_eq!(
            named.iter().filter(|found| **found == expected).count(),
            1,
            "{expected:?} in {notes:?}"
        );
    }
    let of = |code: &str| notes.iter().find(|note| note["code"] == code).unwrap();
    assert_eq!(of("encoding_guessed")["path"], "docs/lighthouse.srt");
    assert_eq!(
        (
            &of("unsupported_format")["path"],
            &of("unsupported_format")["reason"]
        ),
        (&"docs/photo.png".into(), &"image".into())
    );
    assert_eq!(of("left_out")["path"], "docs/.draft.md");
    assert!(
        of("left_out")["reason"]
            .as_str()
            .unwrap()
            .contains("hidden"),
        "{notes:?}"
    );
    assert_eq!(
        (
            &report["failures"],
            &report["noted"],
            &report["unsupported"],
            &report["left_out"]
        ),
        (&1.into(), &1.into(), &1.into(), &1.into())
    );
}

/// Encodes Russian text as windows-1251.
fn windows_1251(text: &str) -> Vec<u8> {
    let byte = |c: char| match c {
        'ё' => 0xb8,
        'А'..='я' => (c as u32 - 'А' as u32) as u8 + 0xc0,
        other => other as u8,
    };
    text.chars().map(byte).collect()
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

/// The ids and shown paths of all articles with a word.
fn found(dir: &TestDir, collection: &str, word: &str) -> Vec<(String, String)> {
    let args = [
        "search", word, "-c", collection, "--copies", "--mode", "lexical",
    ];
    let hits = dir.json(0, &args)["hits"].clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let hits = hits.as_array().unwrap().iter();
    hits.map(|hit| (text(&hit["article_id"]), text(&hit["path"])))
        .collect()
}

#[cfg(unix)]
#[test]
fn a_collection_is_the_same_however_it_is_reached() {
    let dir = TestDir::new();
    dir.put("docs/a.txt", "Bread rises in a warm kitchen.\n");
    dir.put("docs/b.txt", "Bread cools on a rack.\n");
    dir.put("store/keep", "");
    dir.ok(&["index", "docs", "-c", "store/col"]);
    std::os::unix::fs::symlink("store/col", dir.path("link")).unwrap();
    std::os::unix::fs::symlink("docs", dir.path("texts")).unwrap();
    let first = found(&dir, "store/col", "bread");
    for (root, collection) in [
        ("docs", "link"),
        ("./store/../docs", "store/col"),
        ("texts", "./store/./col"),
    ] {
        let report = dir.json(0, &["index", root, "-c", collection]);
        let changes = ["added", "updated", "deleted"].map(|key| report[key].as_u64().unwrap());
        assert_eq!(changes, [0, 0, 0], "{root} {collection}: {report}");
        assert_eq!(
            found(&dir, collection, "bread"),
            first,
            "{root} {collection}"
        );
    }
}

#[test]
fn a_collection_that_is_moved_keeps_its_articles() {
    let dir = TestDir::new();
    dir.put("here/docs/a.txt", "Violins are tuned in fifths.\n");
    dir.put("here/docs/b.txt", "Violins are made of spruce.\n");
    dir.put("elsewhere/keep", "");
    dir.ok(&["index", "here/docs", "-c", "here/col"]);
    // Alone: its files are where they were.
    std::fs::rename(dir.path("here/col"), dir.path("elsewhere/col")).unwrap();
    let files = |dir: &TestDir, collection: &str| -> Vec<String> {
        let hits = found(dir, collection, "violins").into_iter();
        hits.map(|(id, path)| {
            assert!(dir.path(&path).exists(), "{path}");
            id
        })
        .collect()
    };
    let ids = ["docs/b.txt", "docs/a.txt"];
    assert_eq!(
        files(&dir, "elsewhere/col"),
        ids,
        "before it is indexed again"
    );
    for _ in 0..2 {
        let report = dir.json(0, &["index", "here/docs", "-c", "elsewhere/col"]);
        assert_eq!(
            (&report["added"], &report["unchanged"]),
            (&0.into(), &2.into())
        );
        assert_eq!(files(&dir, "elsewhere/col"), ids);
    }
    // Together with its files: these are beside it again.
    std::fs::rename(dir.path("elsewhere/col"), dir.path("here/col")).unwrap();
    std::fs::rename(dir.path("here"), dir.path("there")).unwrap();
    let report = dir.json(0, &["index", "there/docs", "-c", "there/col"]);
    assert_eq!(
        (&report["added"], &report["unchanged"]),
        (&0.into(), &2.into())
    );
    assert_eq!(files(&dir, "there/col"), ids);
    // A copy has its own files, though those of the original are still there.
    dir.put("copy/docs/a.txt", "Violins are tuned in fifths.\n");
    dir.put("copy/docs/b.txt", "Violins are made of spruce.\n");
    copy_folder(&dir.path("there/col"), &dir.path("copy/col"));
    let report = dir.json(0, &["index", "copy/docs", "-c", "copy/col"]);
    assert_eq!(
        (&report["added"], &report["deleted"]),
        (&0.into(), &0.into())
    );
    let paths = found(&dir, "copy/col", "violins");
    assert!(
        paths.iter().all(|(_, path)| path.starts_with("copy")),
        "{paths:?}"
    );
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_model_in_a_folder_is_found_from_everywhere_and_after_a_move() {
    let dir = TestDir::new();
    let source = crate::common::data().join("../models/minilm-l6-v2-static");
    copy_folder(&source, &dir.path("m1"));
    dir.put("a.txt", "Bread rises in a warm kitchen.\n");
    dir.put("sub/nigh.toml", "");
    dir.ok(&["index", "a.txt", "--model", "./m1"]);
    let mut command = dir.command(&["search", "-c", "../.nigh", "bread"]);
    let from_below = command.current_dir(dir.path("sub")).output().unwrap();
    assert!(from_below.status.success(), "{from_below:?}");
    std::fs::rename(dir.path("m1"), dir.path("m2")).unwrap();
    // Nothing is said to be unchanged while the model is gone.
    let said = ["m1", "index PATH --model FOLDER"];
    dir.run(&["index", "a.txt"]).assert_exit(2, &said);
    dir.run(&["search", "bread"]).assert_exit(2, &said);
    let report = dir.json(0, &["index", "a.txt", "--model", "m2"]);
    assert_eq!(report["unchanged"], 1);
    dir.ok(&["search", "bread"]);
    dir.ok(&["index", "a.txt"]);
    // Another model in its place is told from it.
    let tokenizer = std::fs::read_to_string(dir.path("m2/tokenizer.json")).unwrap();
    dir.put("m2/tokenizer.json", tokenizer + "\n");
    for args in [&["index", "a.txt"][..], &["search", "bread"]] {
        dir.run(args).assert_exit(2, &["m2"]);
    }
}
