//! The web page in a real browser, and the API with third-party clients.

use crate::common::TestDir;
use crate::common::server::Server;
use serde_json::json;
use std::path::Path;
use std::process::Command;

fn with_books() -> TestDir {
    let dir = TestDir::new();
    let articles = [
        json!({"_id": "tides", "title": "Tides", "year": 1999,
            "text": "The moon pulls the oceans. Most coasts see two high tides a day because the Earth turns below two bulges of water.\n\nSpring tides come at new moon and full moon."}),
        json!({"_id": "bread", "title": "Bread", "year": 2021,
            "text": "Sourdough rises by wild yeast. Flour and water ferment for days."}),
        json!({"_id": "moon", "title": "The moon", "year": 2021, "text": "The moon moves away by four centimetres a year."}),
    ];
    dir.put(
        "articles.jsonl",
        articles.map(|article| article.to_string()).join("\n"),
    );
    dir.put("faq.txt", "All about cheese.\nWhat is cheese made of?\nCheese is made of milk and rennet.\nWhere does cheese ripen?\nIt ripens in cellars.\n");
    dir.ok(&["index", "articles.jsonl", "faq.txt", "-c", "books"]);
    std::fs::create_dir(dir.path("shelf")).unwrap();
    dir
}

#[test]
#[ignore = "needs Node and Chromium: npm ci --prefix tests/page, and CHROMIUM set to the browser"]
fn page_works_in_a_browser() {
    let chromium = std::env::var("CHROMIUM").expect("CHROMIUM: the browser");
    let dir = with_books();
    let many: String = (0..10_500)
        .map(|n| format!("{{\"_id\": \"{n}\", \"title\": \"Entry {n}\", \"text\": \"This is number {n} of many.\"}}\n"))
        .collect();
    dir.put("many.jsonl", many);
    dir.ok(&[
        "index",
        "many.jsonl",
        "-c",
        "shelf/many",
        "--model",
        "static",
    ]);
    let key = dir.ok(&["key", "add", "me", "--role", "admin"]).stdout;
    let server = Server::start(&dir, &["-c", "books", "--root", "shelf"]);
    let keyed = Server::start(&dir, &["-c", "books", "--keys", "keys.toml"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/page.mjs");
    let shots = script.with_file_name("shots");
    let output = Command::new("node")
        .arg(script)
        .args([&server.base, &keyed.base, key.trim()])
        .arg(shots)
        .env("CHROMIUM", chromium)
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    println!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
    assert!(
        stdout
            .lines()
            .filter(|line| line.starts_with("ok "))
            .count()
            >= 40,
        "the script ran too few tests"
    );
}

#[test]
#[ignore = "needs Python with tests/requirements.txt: PYTHON set to it"]
fn clients_for_openai_and_mcp_and_schemathesis_work_with_the_server() {
    let python = std::env::var("PYTHON")
        .expect("PYTHON: an interpreter with tests/requirements.txt installed");
    let dir = with_books();
    let key = dir
        .ok(&["key", "add", "me", "--role", "admin"])
        .stdout
        .trim()
        .to_owned();
    let server = Server::start(
        &dir,
        &["-c", "books", "--root", "shelf", "--keys", "keys.toml"],
    );
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let run = |command: &mut Command| {
        let output = command.current_dir(dir.path(".")).output().unwrap();
        println!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success());
    };
    run(Command::new(&python).arg(tests.join("clients.py")).args([
        server.base.as_str(),
        key.as_str(),
        env!("CARGO_BIN_EXE_nigh"),
        dir.path("books").to_str().unwrap(),
    ]));
    // Fuzzes every operation of the API against its OpenAPI description.
    let schemathesis = Path::new(&python).with_file_name("schemathesis");
    run(Command::new(schemathesis)
        .arg("--config-file")
        .arg(tests.join("schemathesis.toml"))
        .args(["run", &format!("{}/openapi.json", server.base)])
        .args([
            "--header",
            &format!("Authorization: Bearer {key}"),
            "--max-examples",
            "40",
            "--workers",
            "1",
            "--seed",
            "7",
        ]));
}
