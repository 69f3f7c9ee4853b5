//! What a new user does wrong, what they read then, and that nothing was lost by it.

use crate::common::{Place, Ran};

const GOOD: &str = "Tides\n\nThe moon pulls the sea.";

/// A folder with one good article beside `name`.
fn beside_a_good_one(name: &str, contents: impl AsRef<[u8]>) -> (Place, Ran) {
    let place = Place::new();
    place.put("docs/good.txt", GOOD);
    place.put(&format!("docs/{name}"), contents);
    let ran = place.run(&["index", "docs"]);
    (place, ran)
}

#[test]
fn an_empty_folder() {
    let place = Place::new();
    std::fs::create_dir(place.path("empty")).unwrap();
    place
        .run(&["index", "empty"])
        .said(2, &["nothing to index in empty"]);
    assert!(
        !place.path(".nigh").exists(),
        "no collection is made of nothing"
    );
}

#[test]
fn a_folder_that_became_empty_keeps_its_articles() {
    let place = Place::new();
    place.put("docs/a.txt", GOOD);
    place.ok(&["index", "docs"]);
    std::fs::remove_file(place.path("docs/a.txt")).unwrap();
    place
        .run(&["index", "docs"])
        .said(2, &["nothing to index in docs", "stays as it is"]);
    place.sound(1);
}

#[test]
fn a_path_that_is_not_there() {
    let place = Place::new();
    place
        .run(&["index", "nowhere"])
        .said(2, &["nowhere", "No such file"]);
    assert!(!place.path(".nigh").exists());
}

#[test]
fn a_binary_renamed_to_text() {
    let (place, ran) = beside_a_good_one("photo.txt", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR");
    ran.said(1, &["photo.txt", "not text", "offset 8", "1 skipped"]);
    place.sound(1);
}

#[test]
fn an_image_beside_articles_is_no_failure() {
    let (place, ran) = beside_a_good_one("photo.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR");
    ran.said(0, &["1 file in no format read here"]);
    place.sound(1);
    place
        .run(&["index", "docs/photo.png"])
        .said(1, &["photo.png", "no format read here"]);
}

#[test]
fn a_broken_pdf() {
    let (place, ran) = beside_a_good_one("paper.pdf", b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog");
    ran.said(1, &["paper.pdf", "not a readable PDF"]);
    place.sound(1);
}

#[test]
fn html_without_a_body() {
    let (place, ran) = beside_a_good_one("page.html", "<html><head><title>T</title></head></html>");
    ran.said(1, &["page.html", "no text in it"]);
    place.sound(1);
}

#[test]
fn jsonl_with_a_bad_line_seven() {
    let lines: String = (1..=9)
        .map(|i| {
            if i == 7 {
                "{\"text\": \"cut off\n".to_owned()
            } else {
                format!("{{\"_id\": \"d{i}\", \"text\": \"text {i}\"}}\n")
            }
        })
        .collect();
    let (place, ran) = beside_a_good_one("lines.jsonl", &lines);
    ran.said(1, &["lines.jsonl:7", "not JSON"]);
    place.sound(9);
    let mended = lines.replace("cut off\n", "whole\", \"_id\": \"d7\"}\n");
    place.put("docs/lines.jsonl", mended);
    assert_eq!(place.json(0, &["index", "docs"])["added"], 1);
    place.sound(10);
}

#[test]
fn a_file_that_breaks_keeps_what_was_indexed_of_it() {
    let place = Place::new();
    place.put(
        "docs/lines.jsonl",
        "{\"_id\": \"a\", \"text\": \"one\"}\n{\"_id\": \"b\", \"text\": \"two\"}\n",
    );
    place.ok(&["index", "docs"]);
    place.put(
        "docs/lines.jsonl",
        "{\"_id\": \"a\", \"text\": \"one\"}\n{\"_id\": \"b\", \"tex\n",
    );
    place
        .run(&["index", "docs"])
        .said(1, &["lines.jsonl:2", "0 deleted"]);
    place.sound(2);
}

#[test]
fn csv_without_the_text_column() {
    let (place, ran) = beside_a_good_one("rows.csv", "name,price\nanvil,10\n");
    ran.said(
        1,
        &[
            "rows.csv:1",
            "expected a column named text",
            "found name, price",
        ],
    );
    place.sound(1);
}

#[test]
fn two_articles_with_one_id() {
    let (place, ran) = beside_a_good_one(
        "lines.jsonl",
        "{\"_id\": \"a\", \"text\": \"one\"}\n{\"_id\": \"a\", \"text\": \"two\"}\n",
    );
    ran.said(
        1,
        &["lines.jsonl:2", "\"a\"", "taken by docs/lines.jsonl:1"],
    );
    place.sound(2);
}

#[test]
fn a_fifty_megabyte_line() {
    let (place, ran) = beside_a_good_one("long.txt", "word ".repeat(10 << 20));
    ran.said(1, &["long.txt", "52428800 bytes", "--max-article-bytes"]);
    place.sound(1);
    let line = format!(
        "{{\"_id\": \"long\", \"text\": \"{}\"}}\n{{\"_id\": \"short\", \"text\": \"brief\"}}\n",
        "word ".repeat(10 << 20)
    );
    place.put("docs/lines.jsonl", line);
    std::fs::remove_file(place.path("docs/long.txt")).unwrap();
    place
        .run(&["index", "docs"])
        .said(1, &["lines.jsonl:1", "over the limit"]);
    place.sound(2);
}

#[test]
fn one_word_without_end() {
    let (place, ran) = beside_a_good_one("word.txt", "x".repeat(20_000));
    ran.said(0, &["2 articles"]);
    place.sound(2);
}

#[test]
fn qa_that_is_none() {
    let place = Place::new();
    place.put(
        "faq.txt",
        "Sums it up.\nWhy?\nSo.\nThis is no question.\nSo.\n",
    );
    place
        .run(&["index", "faq.txt", "--format", "qa"])
        .said(1, &["faq.txt:4", "question that ends in `?`"]);
}

#[test]
fn a_question_of_nothing_and_one_of_five_thousand_words() {
    let place = Place::new();
    place.put("a.txt", GOOD);
    place.ok(&["index", "a.txt"]);
    place
        .run(&["search", ""])
        .said(2, &["the question is empty"]);
    place
        .run(&["search", " \n\t"])
        .said(2, &["the question is empty"]);
    let long: Vec<String> = (0..5000).map(|i| format!("word{i}")).collect();
    let ran = place.run(&["search", &format!("what pulls the sea {}", long.join(" "))]);
    ran.said(0, &["a.txt:1", "longer than the 256 word pieces"]);
}

#[test]
fn a_collection_that_is_not_there_or_is_something_else() {
    let place = Place::new();
    place
        .run(&["search", "x", "-c", "nowhere"])
        .said(2, &["no collection at nowhere", "nigh index"]);
    place.put("diary/mine.md", "# private");
    place.put("a.txt", GOOD);
    place
        .run(&["index", "a.txt", "-c", "diary"])
        .said(2, &["diary", "is not a collection", "-c"]);
    assert_eq!(
        std::fs::read_to_string(place.path("diary/mine.md")).unwrap(),
        "# private"
    );
    let ran = place.run(&["search", "x", "-c", "nowhere", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert!(
        document["error"]
            .as_str()
            .unwrap()
            .contains("no collection")
    );
}

#[test]
fn a_collection_of_another_model() {
    let place = Place::new();
    place.put("a.txt", GOOD);
    place.ok(&["index", "a.txt"]);
    // What the collection says of its model is in tantivy's commit.
    let meta = place.path(".nigh/text/meta.json");
    let sealed = disk::MappedFile::open(&meta, |_| true).unwrap();
    let text = std::str::from_utf8(sealed.contents()).unwrap().to_owned();
    assert!(text.contains("minilm-l6-v2-int8"));
    let hash = text.split("\\\"hash\\\":\\\"").nth(1).unwrap()[..32].to_owned();
    let other = text.replace(&hash, &"0".repeat(32));
    disk::atomic_write(&disk::WriteOptions::default(), &meta, other.as_bytes()).unwrap();
    place
        .run(&["search", "the sea"])
        .said(2, &["minilm-l6-v2-int8", &hash, &"0".repeat(32)]);
    place
        .run(&["index", "a.txt"])
        .said(2, &["made with the model", "-c"]);
    place
        .run(&["search", "the sea", "--mode", "lexical"])
        .said(0, &["a.txt:1"]);
}

#[test]
fn a_collection_of_a_newer_version() {
    let place = Place::new();
    place.put("a.txt", GOOD);
    place.ok(&["index", "a.txt"]);
    place.put(".nigh/nigh.collection", "nigh collection, format 7\n");
    for args in [&["search", "x"][..], &["index", "a.txt"], &["check"]] {
        place.run(args).said(2, &["format 7", "format 4", "newer"]);
    }
    place.put(".nigh/nigh.collection", "nigh collection, format 4\n");
    place.sound(1);
}

#[test]
fn a_damaged_collection() {
    let place = Place::new();
    place.put("a.txt", GOOD);
    place.ok(&["index", "a.txt"]);
    let vectors = std::fs::read_dir(place.path(".nigh/vectors"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let whole = std::fs::read(&vectors).unwrap();
    let mut bytes = whole.clone();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&vectors, &bytes).unwrap();
    place.run(&["check"]).said(
        1,
        &[".vec", "seal", "expected", "found", "1 problem", "--repair"],
    );
    std::fs::write(&vectors, &whole[..last]).unwrap();
    place
        .run(&["search", "x"])
        .said(2, &[".vec", "no seal", "check --repair"]);
    std::fs::remove_file(&vectors).unwrap();
    place
        .run(&["search", "x"])
        .said(2, &[".vec", "No such file"]);
    assert_eq!(place.json(1, &["check"])["sound"], false);
    place
        .run(&["check", "--repair"])
        .said(0, &[".vec", "No such file", "1 passage embedded", "sound"]);
    place
        .run(&["search", "what pulls the sea"])
        .said(0, &["a.txt:1"]);
    place.sound(1);
}

#[test]
fn an_unknown_model() {
    let place = Place::new();
    place.put("a.txt", GOOD);
    place
        .run(&["index", "a.txt", "--model", "no-such-model"])
        .said(2, &["no-such-model", "nigh models"]);
    assert!(!place.path(".nigh").exists());
}

#[test]
fn a_model_that_needs_a_runtime_that_is_not_there() {
    let place = Place::new();
    place.put("a.txt", GOOD);
    let output = place
        .command(&["index", "a.txt", "--model", "BGESmallENV15"])
        .env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so")
        .output();
    Ran::from(output.unwrap()).said(
        2,
        &[
            "ONNX Runtime",
            "pip install onnxruntime",
            "ORT_DYLIB_PATH",
            "built-in model needs nothing",
        ],
    );
    place.ok(&["index", "a.txt"]);
    place.sound(1);
}

#[cfg(unix)]
fn mode(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs it as somebody whom permissions bind; `forbidden` is a file that such a one may not read.
#[cfg(unix)]
fn run_bound(place: &Place, forbidden: &std::path::Path, args: &[&str]) -> Ran {
    if std::fs::File::open(forbidden).is_err() {
        return place.run(args);
    }
    // The administrator reads everything: run it as somebody else.
    mode(&place.path("."), 0o777);
    let mut command = std::process::Command::new("setpriv");
    command
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            env!("CARGO_BIN_EXE_nigh"),
        ])
        .args(args);
    command
        .current_dir(place.path("."))
        .env("HOME", place.path("."))
        .output()
        .unwrap()
        .into()
}

#[cfg(unix)]
#[test]
fn an_unreadable_file() {
    let place = Place::new();
    place.put("docs/good.txt", GOOD);
    let secret = place.put("docs/secret.txt", "mine");
    mode(&secret, 0o000);
    run_bound(&place, &secret, &["index", "docs"])
        .said(1, &["secret.txt", "ermission denied", "1 article"]);
    mode(&secret, 0o644);
    place.sound(1);
}

#[cfg(unix)]
#[test]
fn a_collection_that_may_only_be_read() {
    let place = Place::new();
    let secret = place.put("secret.txt", "mine");
    mode(&secret, 0o000);
    place.put("docs/a.txt", GOOD);
    place.ok(&["index", "docs"]);
    let folders = [".nigh", ".nigh/text", ".nigh/vectors"].map(|folder| place.path(folder));
    for folder in &folders {
        for entry in std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            match entry.extension() {
                Some(kind) if kind == "lock" => std::fs::remove_file(entry).unwrap(),
                _ => mode(&entry, if entry.is_dir() { 0o755 } else { 0o444 }),
            }
        }
    }
    folders.iter().for_each(|folder| mode(folder, 0o555));
    let run = |args: &[&str]| run_bound(&place, &secret, args);
    run(&["search", "what pulls the sea"]).said(0, &["docs/a.txt:1"]);
    run(&["stats"]).said(0, &["1 article"]);
    run(&["check"]).said(0, &["sound"]);
    run(&["delete", "docs/a.txt"]).said(2, &["writer.lock", "ermission denied"]);
    folders.iter().for_each(|folder| mode(folder, 0o755));
}

#[test]
fn bad_usage_is_exit_code_two() {
    let place = Place::new();
    for args in [
        &["serch"][..],
        &["search"],
        &["search", "x", "-k", "0"],
        &["index"],
        &["index", "a", "--chunk-tokens", "x"],
    ] {
        assert_eq!(place.run(args).code, 2, "{args:?}");
    }
    place.put("a.txt", GOOD);
    place
        .run(&["index", "a.txt", "--chunk-tokens", "3"])
        .said(2, &["16 or more"]);
    place
        .run(&["index", "a.txt", "--memory", "much"])
        .said(2, &["expected a size such as 512MB or 2GB"]);
    place
        .run(&["index", "a.txt", "--memory", "1MB"])
        .said(2, &["expected at least 256.0 MB, found 1.0 MB"]);
    place
        .run(&["index", "a.txt", "--max-article-seconds", "0"])
        .said(2, &["--max-article-seconds"]);
}
