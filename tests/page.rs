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
    run_script("page.mjs", 40, &server, &keyed, key.trim());
}

/// Runs a script of tests with the two servers of the page.
fn run_script(name: &str, tests: usize, server: &Server, keyed: &Server, key: &str) {
    run_node(name, tests, &[&server.base, &keyed.base, key]);
}

/// Runs a script of tests in a browser, which must say `ok` at least `tests` times. Its last
/// argument is the folder for screenshots.
fn run_node(name: &str, tests: usize, args: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page");
    let output = Command::new("node")
        .arg(folder.join(name))
        .args(args)
        .arg(folder.join("shots"))
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    println!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
    let passed = stdout.lines().filter(|line| line.starts_with("ok "));
    assert!(passed.count() >= tests, "the script ran too few tests");
}

#[test]
#[ignore = "needs Node and Chromium: npm ci --prefix tests/page, and CHROMIUM set to the browser"]
fn page_keeps_to_the_habits_of_its_readers_in_a_browser() {
    let dir = with_shelf();
    let key = dir.ok(&["key", "add", "me", "--role", "admin"]).stdout;
    let server = Server::start(&dir, &["--root", "all"]);
    let keyed = Server::start(&dir, &["-c", "all/tides", "--keys", "keys.toml"]);
    run_script("readers.mjs", 25, &server, &keyed, key.trim());
}

#[test]
#[ignore = "needs Node and Firefox: npm ci --prefix tests/page, and FIREFOX set to the browser"]
fn page_works_in_firefox_as_a_second_browser() {
    let dir = with_shelf();
    let server = Server::start(&dir, &["--root", "all"]);
    run_node("firefox.mjs", 4, &[&server.base]);
}

/// Texts of every direction, code, long articles and ids; and many articles about tides.
fn with_shelf() -> TestDir {
    let dir = TestDir::new();
    let article = |id: &str, title: &str, text: &str| {
        json!({"_id": id, "title": title, "text": text}).to_string()
    };
    let code = "# Digging\n\nHow wombats dig:\n\ndef dig(paws):\n    for paw in paws:\n        paw.scratch(8)\n    return True\n";
    let otters: String = (0..9)
        .map(|n| {
            let swims = format!("The river otter of part {n} swims in the water of lake number {n}. It dives for fish there, and rests on bank {n} at noon with its pups. ");
            swims.repeat(4) + "\n\n"
        })
        .collect();
    let mut shelf = vec![
        article("code.md", "Digging", code),
        article("otters.txt", "Otters", &otters),
        article(
            "arabic",
            "الومبات (2024).",
            "الومبات حيوان (wombat) يعيش في أستراليا. يأكل الأعشاب.",
        ),
        article(
            "hebrew",
            "וומבט",
            "הוומבט (wombat) חי באוסטרליה. הוא אוכל עשב.",
        ),
        article(
            "burrows",
            "Burrows",
            "A wombat digs a burrow with its claws.",
        ),
        article("..", "Dots", "Dots that lead up."),
        article(".", "Dots", "Dots that lead nowhere."),
    ];
    shelf.extend((0..3).map(|n| {
        let title = format!(
            "Chocolate is made from the fermented and roasted seeds of the cacao tree, part {n}"
        );
        article(
            &format!("a-rather-long-id-of-an-article-{n}.txt"),
            &title,
            &"Cacao. ".repeat(30),
        )
    }));
    dir.put("shelf.jsonl", shelf.join("\n"));
    let mut tides: Vec<String> = (0..14)
        .map(|n| {
            let text = format!(
                "The tide number {n} rises twice a day, because the Moon pulls at the sea. "
            );
            article(
                &format!("tide{n}"),
                &format!("Tides number {n}"),
                &text.repeat(3),
            )
        })
        .collect();
    tides.push(article("flumph", "Flumphs", "A flumph floats."));
    dir.put("tides.jsonl", tides.join("\n"));
    dir.ok(&["index", "shelf.jsonl", "-c", "all/shelf"]);
    dir.ok(&["index", "tides.jsonl", "-c", "all/tides"]);
    dir
}

#[test]
#[ignore = "needs nginx, Node and Chromium: npm ci --prefix tests/page, and CHROMIUM set to the browser"]
fn page_works_behind_nginx_in_a_browser() {
    let dir = TestDir::new();
    dir.put("owls.txt", "Owls hunt at night.");
    dir.ok(&["index", "owls.txt", "-c", "notes", "--model", "static"]);
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    dir.put("cert.pem", certificate.cert.pem());
    dir.put("key.pem", certificate.signing_key.serialize_pem());
    let server = Server::start(
        &dir,
        &["-c", "notes", "--base-path", "/whole", "--threads", "2"],
    );
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let folder = dir.path(".").display().to_string();
    let base = &server.base;
    // The defaults of nginx: it buffers, and names the server as the host.
    let config = format!(
        "daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; events {{}}
        http {{
            access_log off; client_max_body_size 0;
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
            uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
            server {{
                listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
                location /stripped/ {{ proxy_pass {base}/; proxy_set_header X-Forwarded-Prefix /stripped; }}
                location /whole/ {{ proxy_pass {base}; }}
            }}
        }}"
    );
    let config = dir.put("nginx.conf", config);
    let log = format!("{folder}/nginx.log");
    let mut nginx = Command::new("nginx")
        .arg("-e")
        .arg(log)
        .arg("-c")
        .arg(&config)
        .spawn()
        .unwrap();
    crate::common::wait_until("nginx", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let script = std::panic::catch_unwind(|| {
        run_node("proxied.mjs", 4, &[&format!("https://localhost:{port}")]);
    });
    let _ = nginx.kill();
    let _ = nginx.wait();
    script.unwrap();
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
    // Fuzzes every operation of the API against its OpenAPI description; NIGH_EXAMPLES is how often.
    let schemathesis = Path::new(&python).with_file_name("schemathesis");
    run(Command::new(schemathesis)
        .arg("--config-file")
        .arg(tests.join("schemathesis.toml"))
        .args(["run", &format!("{}/openapi.json", server.base)])
        .args([
            "--header",
            &format!("Authorization: Bearer {key}"),
            "--max-examples",
            &std::env::var("NIGH_EXAMPLES").unwrap_or_else(|_| "40".to_owned()),
            "--workers",
            "1",
            "--seed",
            "7",
        ]));
}
