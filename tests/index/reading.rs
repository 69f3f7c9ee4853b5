//! What is read, what is skipped, and the notes on both.

use super::counts;
use crate::common::TestDir;
use serde_json::json;

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
