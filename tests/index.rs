//! A collection kept up to date: new, changed and vanished articles; formats; configuration.

use crate::common::Place;
use serde_json::json;

fn counts(report: &serde_json::Value) -> [u64; 4] {
    ["added", "updated", "unchanged", "deleted"].map(|key| report[key].as_u64().unwrap())
}

#[test]
fn new_changed_and_vanished_articles_are_noticed() {
    let place = Place::new();
    place.put("docs/a.txt", "Tides\n\nThe moon pulls the sea.");
    place.put("docs/b.txt", "Bread\n\nYeast makes dough rise.");
    place.put("docs/c.txt", "Glass\n\nSand melts into glass.");
    assert_eq!(counts(&place.json(0, &["index", "docs"])), [3, 0, 0, 0]);
    let again = place.json(0, &["index", "docs"]);
    assert_eq!(
        (counts(&again), again["embedded"].as_u64()),
        ([0, 0, 3, 0], Some(0))
    );
    place.put("docs/b.txt", "Bread\n\nBaking soda makes dough rise.");
    place.put("docs/d.txt", "Rust\n\nIron and oxygen make rust.");
    std::fs::remove_file(place.path("docs/c.txt")).unwrap();
    assert_eq!(counts(&place.json(0, &["index", "docs"])), [1, 1, 1, 1]);
    place.sound(3);
    let hits = place.json(0, &["search", "what makes dough rise", "-k", "1"]);
    assert!(hits["hits"][0]["text"].as_str().unwrap().contains("soda"));
    let all = place.json(0, &["search", "sand glass", "-k", "50"]);
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
fn only_what_is_under_the_given_paths_can_vanish() {
    let place = Place::new();
    place.put("one/a.txt", "Tides\n\nThe moon pulls the sea.");
    place.put("two/b.txt", "Bread\n\nYeast makes dough rise.");
    place.put("oneself.txt", "Glass\n\nSand melts into glass.");
    place.ok(&["index", "one", "two", "oneself.txt"]);
    std::fs::remove_file(place.path("two/b.txt")).unwrap();
    place.put("one/c.txt", "Rust\n\nIron and oxygen make rust.");
    assert_eq!(counts(&place.json(0, &["index", "one"])), [1, 0, 1, 0]);
    place.sound(4);
}

#[test]
fn what_vanished_is_noticed_from_any_folder_above() {
    let place = Place::new();
    place.put("project/docs/a.txt", "Tides\n\nThe moon pulls the sea.");
    place.put("project/docs/b.txt", "Bread\n\nYeast makes dough rise.");
    place.ok(&["index", "project/docs", "-c", "project/.nigh"]);
    std::fs::remove_file(place.path("project/docs/a.txt")).unwrap();
    assert_eq!(
        counts(&place.json(0, &["index", ".", "-c", "project/.nigh"])),
        [0, 0, 1, 1]
    );
}

#[test]
fn an_id_of_another_file_is_not_taken_over() {
    let place = Place::new();
    place.put(
        "a.jsonl",
        "{\"_id\": \"1\", \"text\": \"The moon pulls the sea.\"}\n",
    );
    place.put(
        "b.jsonl",
        "{\"_id\": \"1\", \"text\": \"Yeast makes dough rise.\"}\n",
    );
    place.ok(&["index", "a.jsonl"]);
    place
        .run(&["index", "b.jsonl"])
        .said(1, &["b.jsonl:1", "taken by a.jsonl"]);
    std::fs::remove_file(place.path("a.jsonl")).unwrap();
    assert_eq!(
        counts(&place.json(0, &["index", "b.jsonl"])),
        [0, 1, 0, 0],
        "a file that was renamed"
    );
    let long = format!("{{\"_id\": \"{}\", \"text\": \"x\"}}\n", "i".repeat(2000));
    place.put("c.jsonl", long);
    place
        .run(&["index", "c.jsonl"])
        .said(1, &["c.jsonl:1", "1024 bytes"]);
}

#[test]
fn a_collection_is_no_folder_of_articles_and_gitignore_counts_everywhere() {
    let place = Place::new();
    place.put("docs/a.txt", "Tides\n\nThe moon pulls the sea.");
    place.put("docs/drafts/b.txt", "Bread\n\nYeast makes dough rise.");
    place.put("docs/.gitignore", "drafts/\n");
    assert_eq!(place.json(0, &["index", "docs"])["articles"], 1);
    place
        .run(&["index", ".nigh"])
        .said(2, &["nothing to index"]);
}

#[test]
fn a_file_under_two_of_the_paths_is_read_once() {
    let place = Place::new();
    place.put("docs/a.txt", "Tides\n\nThe moon pulls the sea.");
    assert_eq!(
        counts(&place.json(0, &["index", "docs", "docs/a.txt", "."])),
        [1, 0, 0, 0]
    );
}

#[test]
fn the_same_text_twice_is_embedded_once() {
    let place = Place::new();
    let text = "On tides\n\nThe moon pulls the sea, and the sea follows.";
    place.put("docs/a.txt", text);
    place.put("docs/b.txt", text);
    let report = place.json(0, &["index", "docs"]);
    assert_eq!(
        (report["passages"].as_u64(), report["embedded"].as_u64()),
        (Some(2), Some(1))
    );
    place.put("docs/c.txt", text);
    let report = place.json(0, &["index", "docs"]);
    assert_eq!(
        (report["passages"].as_u64(), report["embedded"].as_u64()),
        (Some(1), Some(0))
    );
    place.put("docs/0.txt", text);
    place.ok(&["index", "docs"]);
    for mode in ["dense", "lexical", "hybrid"] {
        let best = place.json(0, &["search", "sea and moon", "--mode", mode, "-k", "1"]);
        assert_eq!(
            best["hits"][0]["article_id"], "docs/0.txt",
            "the first of equals, however few are asked for"
        );
    }
    place.ok(&["delete", "docs/0.txt"]);
    let hits = place.json(
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
        ["docs/a.txt", "docs/b.txt", "docs/c.txt"],
        "ties in the order of their ids"
    );
}

#[test]
fn every_format_in_one_folder() {
    let place = Place::new();
    place.put(
        "all/qa.txt",
        "Sums it up.\nWhy is the sky blue?\nAir scatters blue light most.\n",
    );
    place.put(
        "all/plain.txt",
        "Ferments\n\nSauerkraut is cabbage and salt.",
    );
    place.put(
        "all/mark.md",
        "---\ntitle: Kilns\n---\n# Kilns\n\nPots are fired in kilns.",
    );
    place.put("all/page.html", "<html><title>Looms</title><body><nav>menu</nav><p>Cloth is woven on a loom.</p><script>x</script></body></html>");
    place.put(
        "all/rows.csv",
        "id,title,text\nr1,Anvils,Iron is shaped on an anvil.\n",
    );
    place.put(
        "all/lines.jsonl",
        json!({"_id": "l1", "title": "Quills", "text": "Quills are cut from feathers."})
            .to_string(),
    );
    place.put("all/latin.txt", b"Caf\xe9s\n\nA caf\xe9 sells coffee.");
    place.put(
        "all/wide.txt",
        "\u{feff}Zelte\n\nEin Zelt ist aus Stoff."
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>(),
    );
    let report = place.json(0, &["index", "all"]);
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
        let hit = place.json(0, &["search", question, "-k", "1"])["hits"][0].clone();
        assert_eq!(
            (hit["article_id"].as_str(), hit["path"].as_str()),
            (Some(id), Some(path)),
            "{question}: {hit}"
        );
    }
}

#[test]
fn beir_folders_index_their_corpus_alone() {
    let place = Place::new();
    place.put(
        "set/corpus.jsonl",
        "{\"_id\": \"d1\", \"title\": \"Tides\", \"text\": \"The moon pulls the sea.\"}\n",
    );
    place.put(
        "set/queries.jsonl",
        "{\"_id\": \"q1\", \"text\": \"what pulls the sea\"}\n",
    );
    place.put(
        "set/qrels/test.tsv",
        "query-id\tcorpus-id\tscore\nq1\td1\t1\n",
    );
    assert_eq!(
        place.json(0, &["index", "set", "--chunk", "whole"])["articles"],
        1
    );
    place.sound(1);
}

#[test]
fn another_way_of_cutting_cuts_again() {
    let place = Place::new();
    let text: String = (0..60)
        .map(|i| format!("Sentence number {i} speaks of the sea and of the moon above it. "))
        .collect();
    place.put("a.txt", format!("On the sea\n\n{text}"));
    let first = place.json(0, &["index", "a.txt"]);
    let whole = place.json(0, &["index", "a.txt", "--chunk", "whole"]);
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
        place.json(0, &["index", "a.txt"])["unchanged"],
        1,
        "the collection remembers how it is cut"
    );
}

#[test]
fn a_config_file_gives_defaults_and_flags_win() {
    let place = Place::new();
    place.put(
        "nigh.toml",
        "collection = \"kept\"\nk = 1\nmode = \"lexical\"\n",
    );
    place.put("docs/a.txt", "Tides\n\nThe moon pulls the sea.");
    place.put("docs/b.txt", "Ships\n\nShips sail the sea.");
    place.ok(&["index", "docs"]);
    assert!(place.path("kept/nigh.collection").is_file());
    let found = place.json(0, &["search", "the sea"]);
    assert_eq!(
        (
            found["mode"].as_str(),
            found["hits"].as_array().unwrap().len()
        ),
        (Some("lexical"), 1)
    );
    let found = place.json(0, &["search", "the sea", "-k", "2", "--mode", "dense"]);
    assert_eq!(
        (
            found["mode"].as_str(),
            found["hits"].as_array().unwrap().len()
        ),
        (Some("dense"), 2)
    );
    place.put("nigh.toml", "k = 0\n");
    place.run(&["stats"]).said(2, &["nigh.toml", "1 to 10,000"]);
    place.put("nigh.toml", "colection = \"x\"\n");
    place.run(&["stats"]).said(2, &["nigh.toml", "colection"]);
}

#[test]
fn the_environment_names_a_collection() {
    let place = Place::new();
    place.put("a.txt", "Tides\n\nThe moon pulls the sea.");
    let output = place
        .command(&["index", "a.txt"])
        .env("NIGH_COLLECTION", "elsewhere")
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(place.path("elsewhere/nigh.collection").is_file());
}

#[test]
fn deleting_and_compacting() {
    let place = Place::new();
    place.put("a.txt", "Tides\n\nThe moon pulls the sea.");
    place.put("b.txt", "Bread\n\nYeast makes dough rise.");
    place.ok(&["index", "a.txt", "b.txt"]);
    let report = place.json(1, &["delete", "a.txt", "nope"]);
    assert_eq!(
        (&report["deleted"], &report["missing"]),
        (&json!(["a.txt"]), &json!(["nope"]))
    );
    assert_eq!(place.json(0, &["stats"])["dead_vectors"], 1);
    assert_eq!(place.json(0, &["compact"])["dropped"], 1);
    place.sound(1);
}

#[cfg(target_os = "linux")]
#[test]
fn at_low_priority_others_go_first() {
    let place = Place::new();
    place.put(
        "docs/a.txt",
        "Tides\n\nThe moon pulls the sea. ".repeat(200),
    );
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_nigh"));
    command
        .args(["index", "docs", "--low-priority", "--memory", "256MB"])
        .current_dir(place.path("."));
    let mut indexing = command.spawn().unwrap();
    let mut nice = 0;
    while indexing.try_wait().unwrap().is_none() && nice != 19 {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", indexing.id())).unwrap_or_default();
        // Behind the program's name, which is in parentheses.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        nice = fields
            .split_whitespace()
            .nth(16)
            .map_or(0, |nice| nice.parse().unwrap());
    }
    assert!(indexing.wait().unwrap().success());
    assert_eq!(nice, 19);
    place.sound(1);
}

#[test]
fn notes_say_what_was_skipped_guessed_and_left_out() {
    let place = Place::new();
    let russian = encoding_of_1251(
        "Маяк на мысе Горн стоит с давних времён, и его свет виден за двадцать миль.",
    );
    place.put(
        "docs/lighthouse.srt",
        [b"1\n00:00:01,000 --> 00:00:04,000\n".as_slice(), &russian].concat(),
    );
    place.put("docs/photo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    place.put("docs/.draft.md", "Not yet.");
    place.put(
        "docs/records.jsonl",
        "{\"_id\": \"a\", \"text\": \"The weir holds the river.\"}\n{\"_id\": oops\n",
    );
    let report = place.json(1, &["index", "docs"]);
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

/// Russian in windows-1251.
fn encoding_of_1251(text: &str) -> Vec<u8> {
    let byte = |c: char| match c {
        'ё' => 0xb8,
        'А'..='я' => (c as u32 - 'А' as u32) as u8 + 0xc0,
        other => other as u8,
    };
    text.chars().map(byte).collect()
}
