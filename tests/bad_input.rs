//! User errors and malformed files: the message names the problem and the fix, and nothing is lost.

use crate::common::{CliOutput, TestDir};

const GOOD: &str = "Tides\n\nThe moon pulls the sea.";

/// Indexes a folder that holds one valid article and the given file.
fn index_with_valid_file(name: &str, contents: impl AsRef<[u8]>) -> (TestDir, CliOutput) {
    let dir = TestDir::new();
    dir.put("docs/good.txt", GOOD);
    dir.put(&format!("docs/{name}"), contents);
    let result = dir.run(&["index", "docs"]);
    (dir, result)
}

#[test]
fn empty_folder_is_an_error_and_creates_no_collection() {
    let dir = TestDir::new();
    std::fs::create_dir(dir.path("empty")).unwrap();
    dir.run(&["index", "empty"])
        .assert_exit(2, &["nothing to index in empty"]);
    assert!(
        !dir.path(".nigh").exists(),
        "no collection is created without articles"
    );
}

#[test]
fn emptied_folder_keeps_its_articles() {
    let dir = TestDir::new();
    dir.put("docs/a.txt", GOOD);
    dir.ok(&["index", "docs"]);
    std::fs::remove_file(dir.path("docs/a.txt")).unwrap();
    dir.run(&["index", "docs"])
        .assert_exit(2, &["nothing to index in docs", "stays as it is"]);
    dir.assert_sound(1);
}

#[test]
fn missing_path_is_an_error() {
    let dir = TestDir::new();
    dir.run(&["index", "nowhere"])
        .assert_exit(2, &["nowhere", "No such file"]);
    assert!(!dir.path(".nigh").exists());
}

#[test]
fn binary_file_with_text_extension_is_skipped() {
    let (dir, result) = index_with_valid_file("photo.txt", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR");
    result.assert_exit(1, &["photo.txt", "not text", "offset 8", "1 skipped"]);
    dir.assert_sound(1);
}

#[test]
fn unsupported_format_is_a_failure_only_when_named_directly() {
    let (dir, result) = index_with_valid_file("photo.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR");
    result.assert_exit(0, &["1 file in unsupported formats"]);
    dir.assert_sound(1);
    dir.run(&["index", "docs/photo.png"])
        .assert_exit(1, &["photo.png", "unsupported format"]);
}

#[test]
fn broken_pdf_is_skipped() {
    let (dir, result) = index_with_valid_file("paper.pdf", b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog");
    result.assert_exit(1, &["paper.pdf", "not a readable PDF"]);
    dir.assert_sound(1);
}

#[test]
fn html_without_a_body_is_skipped() {
    let (dir, result) =
        index_with_valid_file("page.html", "<html><head><title>T</title></head></html>");
    result.assert_exit(1, &["page.html", "no text in it"]);
    dir.assert_sound(1);
}

#[test]
fn bad_jsonl_line_is_reported_and_read_once_fixed() {
    let lines: String = (1..=9)
        .map(|i| {
            if i == 7 {
                "{\"text\": \"cut off\n".to_owned()
            } else {
                format!("{{\"_id\": \"d{i}\", \"text\": \"text {i}\"}}\n")
            }
        })
        .collect();
    let (dir, result) = index_with_valid_file("lines.jsonl", &lines);
    result.assert_exit(1, &["lines.jsonl:7", "not JSON"]);
    dir.assert_sound(9);
    let fixed = lines.replace("cut off\n", "whole\", \"_id\": \"d7\"}\n");
    dir.put("docs/lines.jsonl", fixed);
    assert_eq!(dir.json(0, &["index", "docs"])["added"], 1);
    dir.assert_sound(10);
}

#[test]
fn file_that_becomes_unreadable_keeps_its_indexed_articles() {
    let dir = TestDir::new();
    dir.put(
        "docs/lines.jsonl",
        "{\"_id\": \"a\", \"text\": \"one\"}\n{\"_id\": \"b\", \"text\": \"two\"}\n",
    );
    dir.ok(&["index", "docs"]);
    dir.put(
        "docs/lines.jsonl",
        "{\"_id\": \"a\", \"text\": \"one\"}\n{\"_id\": \"b\", \"tex\n",
    );
    dir.run(&["index", "docs"])
        .assert_exit(1, &["lines.jsonl:2", "0 deleted"]);
    dir.assert_sound(2);
}

#[test]
fn csv_without_a_text_column_is_skipped() {
    let (dir, result) = index_with_valid_file("rows.csv", "name,price\nanvil,10\n");
    result.assert_exit(
        1,
        &[
            "rows.csv:1",
            "expected a column named text",
            "found name, price",
        ],
    );
    dir.assert_sound(1);
}

#[test]
fn duplicate_id_in_one_file_is_skipped() {
    let (dir, result) = index_with_valid_file(
        "lines.jsonl",
        "{\"_id\": \"a\", \"text\": \"one\"}\n{\"_id\": \"a\", \"text\": \"two\"}\n",
    );
    result.assert_exit(
        1,
        &["lines.jsonl:2", "\"a\"", "taken by docs/lines.jsonl:1"],
    );
    dir.assert_sound(2);
}

#[test]
fn articles_over_the_size_limit_are_skipped() {
    let (dir, result) = index_with_valid_file("long.txt", "word ".repeat(10 << 20));
    result.assert_exit(1, &["long.txt", "52428800 bytes", "--max-article-bytes"]);
    dir.assert_sound(1);
    let line = format!(
        "{{\"_id\": \"long\", \"text\": \"{}\"}}\n{{\"_id\": \"short\", \"text\": \"brief\"}}\n",
        "word ".repeat(10 << 20)
    );
    dir.put("docs/lines.jsonl", line);
    std::fs::remove_file(dir.path("docs/long.txt")).unwrap();
    dir.run(&["index", "docs"])
        .assert_exit(1, &["lines.jsonl:1", "over the limit"]);
    dir.assert_sound(2);
}

#[test]
fn single_word_of_20_kb_is_indexed() {
    let (dir, result) = index_with_valid_file("word.txt", "x".repeat(20_000));
    result.assert_exit(0, &["2 articles"]);
    dir.assert_sound(2);
}

#[test]
fn malformed_qa_file_is_reported_with_its_line() {
    let dir = TestDir::new();
    dir.put(
        "faq.txt",
        "Sums it up.\nWhy?\nSo.\nThis is no question.\nSo.\n",
    );
    dir.run(&["index", "faq.txt", "--format", "qa"])
        .assert_exit(1, &["faq.txt:4", "question that ends in `?`"]);
}

#[test]
fn empty_question_is_an_error_and_long_question_is_truncated() {
    let dir = TestDir::new();
    dir.put("a.txt", GOOD);
    dir.ok(&["index", "a.txt"]);
    dir.run(&["search", ""])
        .assert_exit(2, &["the question is empty"]);
    dir.run(&["search", " \n\t"])
        .assert_exit(2, &["the question is empty"]);
    let long: Vec<String> = (0..5000).map(|i| format!("word{i}")).collect();
    let result = dir.run(&["search", &format!("what pulls the sea {}", long.join(" "))]);
    result.assert_exit(0, &["a.txt:1", "longer than the 256 tokens"]);
}

#[test]
fn missing_collection_or_foreign_folder_is_an_error() {
    let dir = TestDir::new();
    dir.run(&["search", "x", "-c", "nowhere"])
        .assert_exit(2, &["no collection at nowhere", "nigh index"]);
    dir.put("diary/mine.md", "# private");
    dir.put("a.txt", GOOD);
    dir.run(&["index", "a.txt", "-c", "diary"])
        .assert_exit(2, &["diary", "is not a collection", "-c"]);
    assert_eq!(
        std::fs::read_to_string(dir.path("diary/mine.md")).unwrap(),
        "# private"
    );
    let result = dir.run(&["search", "x", "-c", "nowhere", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&result.stdout).unwrap();
    assert!(
        document["error"]
            .as_str()
            .unwrap()
            .contains("no collection")
    );
}

#[test]
fn collection_of_another_model_supports_only_lexical_search() {
    let dir = TestDir::new();
    dir.put("a.txt", GOOD);
    dir.ok(&["index", "a.txt"]);
    // The model's name and hash are stored in tantivy's commit payload.
    let meta = dir.path(".nigh/text/meta.json");
    let sealed = disk::MappedFile::open(&meta, |_| true).unwrap();
    let text = std::str::from_utf8(sealed.contents()).unwrap().to_owned();
    assert!(text.contains("minilm-l6-v2-int8"));
    let hash = text.split("\\\"hash\\\":\\\"").nth(1).unwrap()[..32].to_owned();
    let other = text.replace(&hash, &"0".repeat(32));
    disk::atomic_write(&disk::WriteOptions::default(), &meta, other.as_bytes()).unwrap();
    dir.run(&["search", "the sea"])
        .assert_exit(2, &["minilm-l6-v2-int8", &hash, &"0".repeat(32)]);
    dir.run(&["index", "a.txt"])
        .assert_exit(2, &["made with the model", "-c"]);
    dir.run(&["search", "the sea", "--mode", "lexical"])
        .assert_exit(0, &["a.txt:1"]);
}

#[test]
fn collection_of_a_newer_format_is_rejected() {
    let dir = TestDir::new();
    dir.put("a.txt", GOOD);
    dir.ok(&["index", "a.txt"]);
    dir.put(".nigh/nigh.collection", "nigh collection, format 7\n");
    for args in [&["search", "x"][..], &["index", "a.txt"], &["check"]] {
        dir.run(args)
            .assert_exit(2, &["format 7", "format 4", "newer"]);
    }
    dir.put(".nigh/nigh.collection", "nigh collection, format 4\n");
    dir.assert_sound(1);
}

#[test]
fn damaged_vector_file_is_detected_and_repaired() {
    let dir = TestDir::new();
    dir.put("a.txt", GOOD);
    dir.ok(&["index", "a.txt"]);
    let vectors = std::fs::read_dir(dir.path(".nigh/vectors"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let intact = std::fs::read(&vectors).unwrap();
    let mut bytes = intact.clone();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&vectors, &bytes).unwrap();
    dir.run(&["check"]).assert_exit(
        1,
        &[".vec", "seal", "expected", "found", "1 problem", "--repair"],
    );
    std::fs::write(&vectors, &intact[..last]).unwrap();
    dir.run(&["search", "x"])
        .assert_exit(2, &[".vec", "no seal", "check --repair"]);
    std::fs::remove_file(&vectors).unwrap();
    dir.run(&["search", "x"])
        .assert_exit(2, &[".vec", "No such file"]);
    assert_eq!(dir.json(1, &["check"])["sound"], false);
    dir.run(&["check", "--repair"])
        .assert_exit(0, &[".vec", "No such file", "1 passage embedded", "sound"]);
    dir.run(&["search", "what pulls the sea"])
        .assert_exit(0, &["a.txt:1"]);
    dir.assert_sound(1);
}

#[test]
fn unknown_model_is_an_error() {
    let dir = TestDir::new();
    dir.put("a.txt", GOOD);
    dir.run(&["index", "a.txt", "--model", "no-such-model"])
        .assert_exit(2, &["no-such-model", "nigh models"]);
    assert!(!dir.path(".nigh").exists());
}

#[test]
fn missing_onnx_runtime_error_suggests_fixes() {
    let dir = TestDir::new();
    dir.put("a.txt", GOOD);
    let output = dir
        .command(&["index", "a.txt", "--model", "BGESmallENV15"])
        .env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so")
        .output();
    CliOutput::from(output.unwrap()).assert_exit(
        2,
        &[
            "ONNX Runtime",
            "pip install onnxruntime",
            "ORT_DYLIB_PATH",
            "built-in model needs nothing",
        ],
    );
    dir.ok(&["index", "a.txt"]);
    dir.assert_sound(1);
}

#[cfg(unix)]
fn set_mode(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs the program as a user without root's privileges; `forbidden` is a file which that user may not
/// read.
#[cfg(unix)]
fn run_unprivileged(dir: &TestDir, forbidden: &std::path::Path, args: &[&str]) -> CliOutput {
    if std::fs::File::open(forbidden).is_err() {
        return dir.run(args);
    }
    // We are root, who may read everything: run the program as another user.
    set_mode(&dir.path("."), 0o777);
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
        .current_dir(dir.path("."))
        .env("HOME", dir.path("."))
        .output()
        .unwrap()
        .into()
}

#[cfg(unix)]
#[test]
fn unreadable_file_is_skipped() {
    let dir = TestDir::new();
    dir.put("docs/good.txt", GOOD);
    let secret = dir.put("docs/secret.txt", "mine");
    set_mode(&secret, 0o000);
    run_unprivileged(&dir, &secret, &["index", "docs"])
        .assert_exit(1, &["secret.txt", "ermission denied", "1 article"]);
    set_mode(&secret, 0o644);
    dir.assert_sound(1);
}

#[cfg(unix)]
#[test]
fn read_only_collection_can_be_searched_but_not_changed() {
    let dir = TestDir::new();
    let secret = dir.put("secret.txt", "mine");
    set_mode(&secret, 0o000);
    dir.put("docs/a.txt", GOOD);
    dir.ok(&["index", "docs"]);
    let folders = [".nigh", ".nigh/text", ".nigh/vectors"].map(|folder| dir.path(folder));
    for folder in &folders {
        for entry in std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            match entry.extension() {
                Some(kind) if kind == "lock" => std::fs::remove_file(entry).unwrap(),
                _ => set_mode(&entry, if entry.is_dir() { 0o755 } else { 0o444 }),
            }
        }
    }
    folders.iter().for_each(|folder| set_mode(folder, 0o555));
    let run = |args: &[&str]| run_unprivileged(&dir, &secret, args);
    run(&["search", "what pulls the sea"]).assert_exit(0, &["docs/a.txt:1"]);
    run(&["stats"]).assert_exit(0, &["1 article"]);
    run(&["check"]).assert_exit(0, &["sound"]);
    run(&["delete", "docs/a.txt"]).assert_exit(2, &["writer.lock", "ermission denied"]);
    folders.iter().for_each(|folder| set_mode(folder, 0o755));
}

#[test]
fn bad_usage_exits_2() {
    let dir = TestDir::new();
    for args in [
        &["serch"][..],
        &["search"],
        &["search", "x", "-k", "0"],
        &["index"],
        &["index", "a", "--chunk-tokens", "x"],
    ] {
        assert_eq!(dir.run(args).code, 2, "{args:?}");
    }
    dir.put("a.txt", GOOD);
    dir.run(&["index", "a.txt", "--chunk-tokens", "3"])
        .assert_exit(2, &["16 or more"]);
    dir.run(&["index", "a.txt", "--memory", "much"])
        .assert_exit(2, &["expected a size such as 512MB or 2GB"]);
    dir.run(&["index", "a.txt", "--memory", "1MB"])
        .assert_exit(2, &["expected at least 256.0 MB, found 1.0 MB"]);
    dir.run(&["index", "a.txt", "--max-article-seconds", "0"])
        .assert_exit(2, &["--max-article-seconds"]);
}

#[test]
fn usage_errors_are_json_documents_with_json() {
    let dir = TestDir::new();
    for args in [
        &["search", "-k", "0", "x"][..],
        &["search", "--color", "x"],
        &["search"],
        &["find"],
    ] {
        let document = dir.json(2, args);
        assert!(
            !document["error"].as_str().unwrap().is_empty(),
            "{args:?}: {document}"
        );
    }
    dir.run(&["search", "--json", "--help"])
        .assert_exit(0, &["Usage"]);
    dir.run(&["search"]).assert_exit(2, &["<QUESTION>"]);
}
