//! The page in a real browser, and the API with the clients that people have.

use crate::common::Place;
use crate::common::server::Server;
use serde_json::json;
use std::path::Path;
use std::process::Command;

fn with_books() -> Place {
    let place = Place::new();
    let articles = [
        json!({"_id": "tides", "title": "Tides", "year": 1999,
            "text": "The moon pulls the oceans. Most coasts see two high tides a day because the Earth turns below two bulges of water.\n\nSpring tides come at new moon and full moon."}),
        json!({"_id": "bread", "title": "Bread", "year": 2021,
            "text": "Sourdough rises by wild yeast. Flour and water ferment for days."}),
        json!({"_id": "moon", "title": "The moon", "year": 2021, "text": "The moon moves away by four centimetres a year."}),
    ];
    place.put(
        "articles.jsonl",
        articles.map(|article| article.to_string()).join("\n"),
    );
    place.put("faq.txt", "All about cheese.\nWhat is cheese made of?\nCheese is made of milk and rennet.\nWhere does cheese ripen?\nIt ripens in cellars.\n");
    place.ok(&["index", "articles.jsonl", "faq.txt", "-c", "books"]);
    std::fs::create_dir(place.path("shelf")).unwrap();
    place
}

#[test]
#[ignore = "needs Node and Chromium: npm ci --prefix tests/page, and CHROMIUM set to the browser"]
fn the_page_in_a_browser() {
    let chromium = std::env::var("CHROMIUM").expect("CHROMIUM: the browser");
    let place = with_books();
    let many: String = (0..10_500)
        .map(|n| format!("{{\"_id\": \"{n}\", \"title\": \"Entry {n}\", \"text\": \"This is number {n} of many.\"}}\n"))
        .collect();
    place.put("many.jsonl", many);
    place.ok(&[
        "index",
        "many.jsonl",
        "-c",
        "shelf/many",
        "--model",
        "static",
    ]);
    let key = place.ok(&["key", "add", "me", "--role", "admin"]).out;
    let server = Server::start(&place, &["-c", "books", "--root", "shelf"]);
    let keyed = Server::start(&place, &["-c", "books", "--keys", "keys.toml"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/page.mjs");
    let shots = script.with_file_name("shots");
    let output = Command::new("node")
        .arg(script)
        .args([&server.base, &keyed.base, key.trim()])
        .arg(shots)
        .env("CHROMIUM", chromium)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
    assert!(
        said.lines().filter(|line| line.starts_with("ok ")).count() >= 40,
        "fewer tests than there should be"
    );
}

#[test]
#[ignore = "needs Python with tests/requirements.txt: PYTHON set to it"]
fn clients_from_elsewhere_get_along() {
    let python = std::env::var("PYTHON")
        .expect("PYTHON: an interpreter with tests/requirements.txt installed");
    let place = with_books();
    let key = place
        .ok(&["key", "add", "me", "--role", "admin"])
        .out
        .trim()
        .to_owned();
    let server = Server::start(
        &place,
        &["-c", "books", "--root", "shelf", "--keys", "keys.toml"],
    );
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let run = |command: &mut Command| {
        let output = command.current_dir(place.path(".")).output().unwrap();
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
        place.path("books").to_str().unwrap(),
    ]));
    // The whole API by its own description: what it takes, refuses and gives.
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
