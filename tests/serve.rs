//! `nigh serve` over HTTP, and `nigh mcp`.

use crate::common::TestDir;
use crate::common::server::Server;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A directory with a small collection, `books`.
fn with_books() -> TestDir {
    let dir = TestDir::new();
    dir.put(
        "articles.jsonl",
        [
            json!({"_id": "tides", "title": "Tides", "year": 1999, "tags": ["sea", "moon"],
                "text": "The moon pulls the oceans. Most coasts see two high tides a day. Spring tides come at new moon."}),
            json!({"_id": "bread", "title": "Bread", "year": 2021, "tags": ["food"],
                "text": "Sourdough rises by wild yeast. Flour and water ferment for days."}),
            json!({"_id": "docs/a b?é", "title": "Odd", "year": 2021,
                "text": "An id may hold anything: slashes, spaces, accents."}),
        ]
        .map(|article| article.to_string())
        .join("\n"),
    );
    dir.put(
        "faq.txt",
        "All about cheese.\nWhat is cheese made of?\nCheese is made of milk and rennet.\n",
    );
    dir.ok(&["index", "articles.jsonl", "faq.txt", "-c", "books"]);
    dir
}

fn article_ids(answer: &Value) -> Vec<String> {
    let hits = answer["hits"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"));
    hits.iter()
        .map(|hit| hit["article_id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn search_endpoint_supports_every_option_of_the_command_line() {
    let dir = with_books();
    let server = Server::start(&dir, &["-c", "books"]);
    let search = "/v1/collections/books/search";
    let first = server.get(&format!("{search}?q=what+pulls+the+sea&k=2"));
    first.assert_status(200, &[]);
    assert_eq!(
        (first.header("content-type"), first.header("x-cache")),
        ("application/json", "miss")
    );
    assert_eq!(article_ids(&first.json())[0], "tides");
    let again = server.get(&format!("{search}?q=what+pulls+the+sea&k=2"));
    assert_eq!((again.header("x-cache"), &again.text), ("hit", &first.text));
    // The hits are those of the command line.
    let printed = dir.json(
        0,
        &["search", "what pulls the sea", "-k", "2", "-c", "books"],
    );
    for (one, other) in first.json()["hits"]
        .as_array()
        .unwrap()
        .iter()
        .zip(printed["hits"].as_array().unwrap())
    {
        assert_eq!(
            (&one["passage_id"], &one["score"], &one["text"]),
            (&other["passage_id"], &other["score"], &other["text"])
        );
    }
    let posted = server.send_json(
        "POST",
        search,
        &json!({"q": "the moon", "k": 3.0, "mode": "dense", "exact": true, "by": "article", "filter": "year:<2000",
            "fusion": "min-max", "dense_weight": 0.7, "rerank": "maxsim", "rerank_top": 5, "rerank_ms": 20000,
            "article_score": "sum", "around": 1, "copies": true, "diverse": 0.2, "explain": true}),
    );
    posted.assert_status(200, &[]);
    let answer = posted.json();
    assert_eq!(article_ids(&answer), ["tides"]);
    let hit = &answer["hits"][0];
    assert!(
        hit["scores"]["rerank"].is_number() && hit["explanation"]["sentence"]["span"].is_array(),
        "{hit}"
    );
    assert!(
        hit["around"]["text"].as_str().unwrap().contains("oceans"),
        "{hit}"
    );
    let first_page = server.get(&format!("{search}?q=yeast&k=4")).json();
    let second_page = server.get(&format!("{search}?q=yeast&k=2&offset=2")).json();
    assert_eq!(article_ids(&second_page), article_ids(&first_page)[2..]);
    assert_eq!(second_page["hits"][0]["rank"], 3);

    let batch = json!({"questions": [{"q": "yeast", "k": 1}, {"q": "moon", "k": 1, "filter": "colour:red"}, {"q": "cheese", "k": 1}]});
    let answers = server.send_json("POST", &format!("{search}/batch"), &batch);
    answers.assert_status(200, &[]);
    let answers = answers.json()["answers"].as_array().unwrap().clone();
    assert_eq!(article_ids(&answers[0]["answer"]), ["bread"]);
    assert!(
        answers[1]["problem"]["detail"]
            .as_str()
            .unwrap()
            .contains("no article has a field"),
        "{answers:?}"
    );
    assert_eq!(article_ids(&answers[2]["answer"]), ["faq.txt"]);
}

#[test]
fn bad_requests_return_problem_documents() {
    let dir = with_books();
    let server = Server::start(&dir, &["-c", "books"]);
    let search = "/v1/collections/books/search";
    for (path, status, texts) in [
        ("?q=", 400, &["the question is empty"][..]),
        ("", 400, &["missing field `q`"]),
        ("?q=x&k=0", 400, &["k = 0: expected 1 to 10000"]),
        ("?q=x&k=9000&offset=2000", 400, &["k + offset = 11000"]),
        (
            "?q=x&k=101&explain=true",
            400,
            &["k, with explain = 101: expected 1 to 100"],
        ),
        (
            "?q=x&k=10&offset=1000&diverse=0.5",
            400,
            &["k + offset, with diverse = 1010"],
        ),
        (
            "?q=x&k=1000&around=100",
            400,
            &["= 201000: expected 1 to 50000"],
        ),
        ("?q=x&k=many", 400, &["a whole number"]),
        ("?q=x&colour=red", 400, &["unknown field `colour`"]),
        ("?q=x&mode=best", 400, &["unknown value `best`"]),
        ("?q=x&filter=year:", 400, &["column 6"]),
        (
            "?q=x&filter=colour:red",
            400,
            &["no article has a field", "year"],
        ),
        (
            "?q=x&dense_weight=2",
            400,
            &["dense_weight = 2: expected 0 to 1"],
        ),
        (
            "?q=x&rerank=../../etc/passwd",
            400,
            &["expected one of none, maxsim, builtin"],
        ),
        ("?q=x&rerank=builtin", 400, &["maxsim looks closer"]),
    ] {
        server
            .get(&format!("{search}{path}"))
            .assert_status(status, texts);
    }
    server
        .get("/v1/collections/none/search?q=x")
        .assert_status(404, &["no collection is called"]);
    server
        .get("/v1/collections/..%2Fbooks/search?q=x")
        .assert_status(404, &["no collection is called"]);
    server.get("/nothing").assert_status(404, &["/docs"]);
    server
        .request("PATCH", "/v1/collections", &[], None)
        .assert_status(405, &["PATCH is not for"]);
    let metrics = server.get("/metrics").text;
    assert!(
        metrics.contains("method=\"other\"") && !metrics.contains("PATCH"),
        "{metrics}"
    );
    let wrong = server.request("DELETE", "/v1/collections", &[], None);
    wrong.assert_status(405, &["DELETE is not for"]);
    assert!(wrong.header("allow").contains("GET"), "{:?}", wrong.headers);
    server
        .request(
            "POST",
            search,
            &[("content-type", "text/plain")],
            Some(b"{}"),
        )
        .assert_status(415, &["application/json"]);
    server
        .request(
            "POST",
            search,
            &[("content-type", "application/json")],
            Some(b"{"),
        )
        .assert_status(400, &[]);
    server
        .send_json("POST", search, &json!({"q": "x", "k": 1.5}))
        .assert_status(422, &["a whole number"]);
    server
        .send_json("POST", search, &json!({"q": "x".repeat(3 << 20)}))
        .assert_status(413, &["expected 2097152 or fewer"]);
    server
        .send_json("POST", search, &json!({"q": "é".repeat(20_001)}))
        .assert_status(400, &["20001 characters"]);
    let batch = json!({"questions": [{"q": "x"}, {"q": "x", "diverse": -1}]});
    server
        .send_json("POST", &format!("{search}/batch"), &batch)
        .assert_status(400, &["questions[1]: diverse = -1"]);
    let batch = json!({"questions": vec![json!({"q": "x", "k": 10_000}); 6]});
    server
        .send_json("POST", &format!("{search}/batch"), &batch)
        .assert_status(400, &["60000 passages in all"]);
}

#[test]
fn articles_can_be_listed_put_uploaded_and_deleted() {
    let dir = with_books();
    let server = Server::start(&dir, &["-c", "books"]);
    let articles = "/v1/collections/books/articles";
    let list = server.get(&format!("{articles}?limit=2")).json();
    assert_eq!(
        (
            list["total"].as_u64(),
            list["articles"].as_array().unwrap().len()
        ),
        (Some(4), 2)
    );
    assert_eq!(
        server.get(&format!("{articles}?prefix=ti")).json()["articles"][0]["id"],
        "tides"
    );
    let odd = server
        .get(&format!("{articles}/docs%2Fa%20b%3F%C3%A9"))
        .json();
    assert_eq!(odd["title"], "Odd");
    server
        .get(&format!("{articles}/none"))
        .assert_status(404, &["no article has the id"]);
    // With a question, every passage is scored and its best sentence located.
    let scored = server
        .get(&format!("{articles}/tides?q=when+are+spring+tides"))
        .json();
    let passage = &scored["passages"][0];
    let span = passage["explanation"]["sentence"]["span"]
        .as_array()
        .unwrap();
    let at = |i: usize| span[i].as_u64().unwrap() as usize;
    assert_eq!(
        &scored["text"].as_str().unwrap()[at(0)..at(1)],
        "Spring tides come at new moon."
    );
    assert!(passage["score"].is_number());

    let new = json!({"title": "Rust", "text": "Iron rusts in wet air.", "metadata": {"year": 2025, "made": "2025-03-01"}});
    server
        .send_json("PUT", &format!("{articles}/rust"), &new)
        .assert_status(201, &["\"added\":true"]);
    server
        .send_json("PUT", &format!("{articles}/rust"), &new)
        .assert_status(200, &["\"changed\":false"]);
    let found = server
        .get("/v1/collections/books/search?q=oxidised+metal&k=1&filter=made:2025-03")
        .json();
    assert_eq!(article_ids(&found), ["rust"]);
    let changed = json!({"text": "Copper turns green in the rain."});
    server
        .send_json("PUT", &format!("{articles}/rust"), &changed)
        .assert_status(200, &["\"changed\":true"]);
    assert_eq!(
        article_ids(
            &server
                .get("/v1/collections/books/search?q=verdigris+on+copper&k=1")
                .json()
        ),
        ["rust"]
    );
    let moved = json!({"text": "Copper turns green in the rain.", "path": "metals/copper.txt"});
    server
        .send_json("PUT", &format!("{articles}/rust"), &moved)
        .assert_status(200, &["\"changed\":true"]);
    assert_eq!(
        server.get(&format!("{articles}/rust")).json()["path"],
        "metals/copper.txt"
    );
    server
        .send_json(
            "PUT",
            &format!("{articles}/x"),
            &json!({"text": "", "title": "X"}),
        )
        .assert_status(400, &["it is empty"]);
    server
        .send_json(
            "PUT",
            &format!("{articles}/x"),
            &json!({"text": "a", "size": 1}),
        )
        .assert_status(422, &["unknown field"]);
    server
        .request("DELETE", &format!("{articles}/rust"), &[], None)
        .assert_status(204, &[]);
    server
        .request("DELETE", &format!("{articles}/rust"), &[], None)
        .assert_status(404, &[]);
    server
        .get(&format!("{articles}/rust"))
        .assert_status(404, &[]);

    let job = server.upload(
        "books",
        &[
            ("notes/a.md", "# Owls\nOwls hunt at night."),
            ("b.txt", "Bats hang upside down."),
            ("c.exe", "MZ\0\0"),
        ],
    );
    assert_eq!(
        (job["phase"].as_str(), job["result"]["added"].as_u64()),
        (Some("done"), Some(2)),
        "{job}"
    );
    assert_eq!(
        article_ids(
            &server
                .get("/v1/collections/books/search?q=birds+of+the+dark&k=1")
                .json()
        ),
        ["notes/a.md"]
    );
    // The upload keeps the articles that were there before.
    assert_eq!(server.get(articles).json()["total"], 6);
    let headers = [("content-type", "multipart/form-data; boundary=edge")];
    let outside =
        b"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../x.txt\"\r\n\r\nx\r\n--edge--\r\n";
    server
        .request("POST", articles, &headers, Some(outside))
        .assert_status(400, &["is not a valid file name"]);
    server
        .request("POST", articles, &headers, Some(b"--edge--\r\n"))
        .assert_status(400, &["no files"]);
    // Ids that no path can hold.
    let article = "/v1/collections/books/article";
    for id in [".", ".."] {
        let path = format!("{article}?id={id}");
        server
            .send_json("PUT", &path, &json!({"text": "Dots are small."}))
            .assert_status(201, &[]);
        server
            .send_json("POST", article, &json!({"id": id, "q": "é".repeat(20_000)}))
            .assert_status(200, &["Dots are small."]);
        server
            .request("DELETE", &path, &[], None)
            .assert_status(204, &[]);
        server
            .send_json("POST", article, &json!({ "id": id }))
            .assert_status(404, &["no article has the id"]);
    }
    assert_eq!(server.stop(), 0);
    assert_eq!(dir.json(0, &["check", "-c", "books"])["sound"], true);
}

#[test]
fn collections_can_be_created_evaluated_checked_compacted_and_deleted() {
    let dir = with_books();
    dir.run(&["serve", "--root", "shelf"])
        .assert_exit(2, &["shelf: No such file"]);
    std::fs::create_dir_all(dir.path("shelf")).unwrap();
    let server = Server::start(&dir, &["-c", "books", "--root", "shelf"]);
    let all = server.get("/v1/collections").json();
    assert_eq!(
        (&all["default"], &all["can_create"]),
        (&json!("books"), &json!(true))
    );
    for name in ["..", "a/b", "", ".hidden", "a b"] {
        server
            .send_json("POST", "/v1/collections", &json!({ "name": name }))
            .assert_status(400, &["is no name"]);
    }
    server
        .send_json(
            "POST",
            "/v1/collections",
            &json!({"name": "new", "chunk_tokens": 3}),
        )
        .assert_status(400, &["chunk_tokens"]);
    let created = server.send_json(
        "POST",
        "/v1/collections",
        &json!({"name": "new", "model": "static", "language": "german"}),
    );
    created.assert_status(201, &["minilm-l6-v2-static", "german"]);
    assert_eq!(created.header("location"), "/v1/collections/new");
    server
        .send_json("POST", "/v1/collections", &json!({"name": "new"}))
        .assert_status(409, &["already"]);
    let faq = "Alles über Käse.\nWoraus ist Käse?\nKäse ist aus Milch und Lab.\nWo reift er?\nEr reift in kühlen Kellern.\n";
    assert_eq!(
        server.upload("new", &[("faq.txt", faq)])["result"]["articles"],
        1
    );

    let started = server.send_json(
        "POST",
        "/v1/collections/new/evaluate",
        &json!({"qa": true, "modes": ["hybrid", "lexical"]}),
    );
    started.assert_status(202, &["\"kind\":\"evaluate\""]);
    assert_eq!(
        started.header("location"),
        format!("/v1/jobs/{}", started.json()["id"].as_str().unwrap())
    );
    let job = server.wait_for_job(&started.json());
    assert_eq!(
        (job["phase"].as_str(), job["result"]["queries"].as_u64()),
        (Some("done"), Some(2)),
        "{job}"
    );
    let report = server.get(&format!("/v1/jobs/{}/report", job["id"].as_str().unwrap()));
    report.assert_status(200, &["<!doctype html", "hybrid"]);
    assert!(report.header("content-security-policy").contains("sandbox"));
    let own = json!({"queries": "{\"_id\": \"1\", \"text\": \"Käse?\"}\n{\"_id\":", "qrels": "{\"query-id\": \"1\", \"answers\": [\"Milch\"]}"});
    let failed = server.wait_for_job(
        &server
            .send_json("POST", "/v1/collections/new/evaluate", &own)
            .json(),
    );
    assert_eq!(failed["phase"], "failed");
    assert!(
        failed["error"]
            .as_str()
            .unwrap()
            .starts_with("queries.jsonl:2: "),
        "{failed}"
    );
    server
        .send_json("POST", "/v1/collections/new/evaluate", &json!({}))
        .assert_status(400, &["which questions?"]);
    server
        .send_json(
            "POST",
            "/v1/collections/new/evaluate",
            &json!({"qa": true, "metrics": ["best"]}),
        )
        .assert_status(400, &["best"]);

    let checked = server.wait_for_job(
        &server
            .send_json("POST", "/v1/collections/new/check", &json!({}))
            .json(),
    );
    assert_eq!(
        (&checked["phase"], &checked["result"]["sound"]),
        (&json!("done"), &json!(true))
    );
    let compacted = server.wait_for_job(
        &server
            .send_json("POST", "/v1/collections/new/compact", &json!({}))
            .json(),
    );
    assert_eq!(
        (&compacted["phase"], &compacted["result"]["segments_after"]),
        (&json!("done"), &json!(1)),
        "{compacted}"
    );
    server.get("/v1/jobs/99").assert_status(404, &["no job"]);
    assert!(
        server.get("/v1/jobs").json()["jobs"]
            .as_array()
            .unwrap()
            .len()
            >= 5
    );

    server
        .request("DELETE", "/v1/collections/books", &[], None)
        .assert_status(409, &["for its owner"]);
    server
        .request("DELETE", "/v1/collections/new", &[], None)
        .assert_status(204, &[]);
    server.get("/v1/collections/new").assert_status(404, &[]);
    assert!(!dir.path("shelf/new").exists() && dir.path("books").exists());
    let gauges = server.get("/metrics").text;
    assert!(
        gauges.contains("nigh_articles{collection=\"books\"} 4\n"),
        "{gauges}"
    );
    assert!(!gauges.contains("collection=\"new\""), "{gauges}");
    // A collection that appears in the root folder later is served too.
    dir.ok(&["index", "faq.txt", "-c", "shelf/later"]);
    server.wait_until("the new collection", |server| {
        server.get("/v1/collections/later").status == 200
    });
}

#[test]
fn suggest_facets_and_map_endpoints_return_the_expected_entries() {
    let dir = with_books();
    let server = Server::start(&dir, &["-c", "books"]);
    let suggested = server
        .get("/v1/collections/books/suggest?q=cheese+ma")
        .json();
    assert_eq!(
        (&suggested[0]["text"], &suggested[0]["kind"]),
        (&json!("What is cheese made of?"), &json!("question"))
    );
    assert_eq!(
        server.get("/v1/collections/books/suggest?q=ti").json()[0]["text"],
        "Tides"
    );
    let facets = server.get("/v1/collections/books/facets").json();
    let year = facets
        .as_array()
        .unwrap()
        .iter()
        .find(|facet| facet["field"] == "year")
        .unwrap();
    assert_eq!(
        year["values"],
        json!([{"value": "2021", "passages": 2}, {"value": "1999", "passages": 1}])
    );
    assert!(
        facets
            .as_array()
            .unwrap()
            .iter()
            .all(|facet| facet["field"] != "title"),
        "{facets}"
    );
    let map = server.get("/v1/collections/books/map?q=ocean").json();
    assert_eq!(
        map["points"].as_array().unwrap().len() as u64,
        map["passages"].as_u64().unwrap()
    );
    assert_eq!(map["neighbours"][0]["article_id"], "tides");
    assert!(
        map["question"]
            .as_array()
            .unwrap()
            .iter()
            .all(Value::is_number)
    );
    assert!(server.get("/v1/collections/books/map").json()["question"].is_null());
}

#[test]
fn api_keys_permit_what_their_role_allows() {
    let dir = with_books();
    let key = |name: &str, role: &str| {
        dir.ok(&["key", "add", name, "--role", role])
            .stdout
            .trim()
            .to_owned()
    };
    let (read, write, admin) = (key("r", "read"), key("w", "write"), key("a", "admin"));
    assert!(
        !std::fs::read_to_string(dir.path("keys.toml"))
            .unwrap()
            .contains(&read)
    );
    let mut server = Server::start(&dir, &["-c", "books", "--keys", "keys.toml"]);
    let refused = server.get("/v1/collections");
    refused.assert_status(401, &["Authorization: Bearer"]);
    assert_eq!(refused.header("www-authenticate"), "Bearer");
    for public in [
        "/healthz",
        "/readyz",
        "/",
        "/openapi.json",
        "/docs/",
        "/docs/start.js",
        "/docs/swagger-ui.css",
    ] {
        server.get(public).assert_status(200, &[]);
    }
    server.get("/metrics").assert_status(401, &[]);
    server
        .send_json("POST", "/mcp", &json!({}))
        .assert_status(401, &[]);
    server.key = Some(format!("{read}x"));
    server.get("/v1/collections").assert_status(401, &[]);
    let put = |server: &Server| {
        server
            .send_json(
                "PUT",
                "/v1/collections/books/articles/x",
                &json!({"text": "Some text."}),
            )
            .status
    };
    let compact = |server: &Server| {
        server
            .send_json("POST", "/v1/collections/books/compact", &json!({}))
            .status
    };
    for (key, may_write, may_compact) in [(read, 403, 403), (write, 201, 403), (admin, 200, 202)] {
        server.key = Some(key);
        server
            .get("/v1/collections/books/search?q=x")
            .assert_status(200, &[]);
        server
            .get("/metrics")
            .assert_status(200, &["nigh_http_requests_total"]);
        assert_eq!((put(&server), compact(&server)), (may_write, may_compact));
    }
}

#[test]
fn cancelling_a_job_requires_the_role_that_may_start_it() {
    let dir = with_books();
    let key = |name: &str, role: &str| {
        dir.ok(&["key", "add", name, "--role", role])
            .stdout
            .trim()
            .to_owned()
    };
    let (read, write) = (key("r", "read"), key("w", "write"));
    let mut server = Server::start(
        &dir,
        &["-c", "books", "--keys", "keys.toml", "--threads", "1"],
    );
    server.key = Some(write);
    let text: String = (0..40_000)
        .map(|n| format!("Sentence number {n} speaks of {}.\n\n", n * 7919))
        .collect();
    let upload = server.start_upload("books", &[("long.txt", &text), (".DS_Store", "x")]);
    let path = format!("/v1/jobs/{}", upload["id"].as_str().unwrap());
    server.wait_until("the upload", |server| {
        server.get(&path).json()["phase"] == "running"
    });
    let write = server.key.replace(read);
    server
        .request("DELETE", &path, &[], None)
        .assert_status(403, &["role write"]);
    // An evaluation does not wait for the running upload.
    let judged = server
        .send_json(
            "POST",
            "/v1/collections/books/evaluate",
            &json!({"qa": true}),
        )
        .json();
    assert_eq!(server.wait_for_job(&judged)["phase"], "done");
    let again = server
        .send_json(
            "POST",
            "/v1/collections/books/evaluate",
            &json!({"qa": true}),
        )
        .json();
    server
        .request(
            "DELETE",
            &format!("/v1/jobs/{}", again["id"].as_str().unwrap()),
            &[],
            None,
        )
        .assert_status(202, &[]);
    server.key = write;
    server
        .request("DELETE", &path, &[], None)
        .assert_status(202, &[]);
    let stopped = server.wait_for_job(&upload);
    assert_eq!(
        (&stopped["phase"], &stopped["result"]["interrupted"]),
        (&json!("cancelled"), &json!(true))
    );
    assert_eq!(
        server
            .get("/v1/collections/books/search?q=yeast&k=1")
            .json()["hits"][0]["article_id"],
        "bread"
    );
    assert_eq!(server.stop(), 0);
    assert_eq!(dir.json(0, &["check", "-c", "books"])["sound"], true);
}

#[test]
fn second_interrupt_aborts_requests_in_flight() {
    let dir = with_books();
    let mut server = Server::start(&dir, &["-c", "books", "--threads", "1", "--timeout", "600"]);
    let questions: Vec<Value> = (0..1000)
        .map(|n| json!({"q": format!("question {n}"), "rerank": "maxsim"}))
        .collect();
    let (base, batch) = (
        server.base.clone(),
        json!({ "questions": questions }).to_string(),
    );
    let client = std::thread::spawn(move || {
        let path = format!("{base}/v1/collections/books/search/batch");
        ureq::post(path)
            .content_type("application/json")
            .send(batch)
            .map(|reply| reply.status().as_u16())
    });
    server.wait_until("the batch", |server| server.in_flight() == 1);
    server.interrupt();
    server.wait_until_closed();
    assert!(
        server.process.try_wait().unwrap().is_none(),
        "the first signal must let requests in flight finish"
    );
    assert_eq!(server.stop(), 0);
    assert!(
        client.join().unwrap().is_err(),
        "the second signal must abort the request"
    );
}

#[test]
fn idle_connection_is_closed() {
    let dir = with_books();
    let server = Server::start(&dir, &["-c", "books"]);
    let mut stream = TcpStream::connect(server.base.trim_start_matches("http://")).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    assert_eq!(
        stream.read(&mut [0; 16]).unwrap(),
        0,
        "the server closes the connection"
    );
}

#[test]
fn unread_request_body_is_drained_to_keep_the_connection_alive() {
    let dir = with_books();
    let server = Server::start(&dir, &["-c", "books"]);
    let mut stream = TcpStream::connect(server.base.trim_start_matches("http://")).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    // Twice: the second request reuses the connection on which a late body was drained.
    for _ in 0..2 {
        stream
            .write_all(b"POST /v1/collections/books/check HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n")
            .unwrap();
        std::thread::sleep(Duration::from_millis(200));
        stream.write_all(b"{}").unwrap();
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]).to_lowercase();
        assert!(
            answer.starts_with("http/1.1 202") && !answer.contains("connection: close"),
            "{answer}"
        );
    }
    // If the body never arrives, the response closes the connection.
    stream
        .write_all(b"POST /v1/collections/books/check HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 202") && answer.to_lowercase().contains("connection: close"),
        "{answer}"
    );
}

#[test]
fn remote_access_requires_keys_tls_and_allowed_origins() {
    let dir = with_books();
    dir.run(&["serve", "-c", "books", "--listen", "0.0.0.0:0"])
        .assert_exit(2, &["make an API key first"]);
    dir.ok(&["key", "add", "me", "--role", "admin"]);
    dir.run(&[
        "serve",
        "-c",
        "books",
        "--listen",
        "0.0.0.0:0",
        "--keys",
        "keys.toml",
    ])
    .assert_exit(2, &["--tls-cert"]);
    dir.put("empty.toml", "");
    dir.run(&[
        "serve",
        "-c",
        "books",
        "--listen",
        "0.0.0.0:0",
        "--keys",
        "empty.toml",
        "--plain",
    ])
    .assert_exit(2, &["API key"]);
    for origin in ["*", "https://app.example/", "app.example"] {
        dir.run(&["serve", "-c", "books", "--allow-origin", origin])
            .assert_exit(2, &["expected a scheme, a host"]);
    }
    let certificate = ["--tls-cert", "none.pem", "--tls-key", "none.pem"];
    dir.run(&[&["serve", "-c", "books"], &certificate[..]].concat())
        .assert_exit(2, &["none.pem"]);
    dir.run(&["serve", "-c", "nowhere"])
        .assert_exit(2, &["no collection at"]);
    let server = Server::start(&dir, &["-c", "books", "--host", "search.example"]);
    let search = "/v1/collections/books/search?q=x";
    let status_with =
        |headers: &[(&str, &str)]| server.request("GET", search, headers, None).status;
    // DNS rebinding, and cross-origin requests.
    assert_eq!(status_with(&[("host", "evil.example")]), 421);
    assert_eq!(status_with(&[("host", "search.example")]), 200);
    assert_eq!(status_with(&[("origin", "https://evil.example")]), 403);
    assert_eq!(status_with(&[("origin", &server.base)]), 200);
    let page = server.get("/");
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("access-control-allow-origin"), "");
    let other = Server::start(
        &dir,
        &["-c", "books", "--allow-origin", "https://app.example"],
    );
    let allowed = other.request("GET", search, &[("origin", "https://app.example")], None);
    assert_eq!(
        (
            allowed.status,
            allowed.header("access-control-allow-origin")
        ),
        (200, "https://app.example")
    );
}

#[test]
fn new_commits_become_visible_without_failed_requests() {
    let dir = with_books();
    let server = Server::start(&dir, &["-c", "books"]);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut sent = 0;
            while !stop.load(Ordering::Relaxed) {
                let reply = server.get(&format!("/v1/collections/books/search?q=number+{sent}"));
                assert_eq!(reply.status, 200, "{}", reply.text);
                sent += 1;
            }
            sent
        });
        for round in 0..5 {
            let text = format!(
                "{{\"_id\": \"new\", \"text\": \"Round {round} of the newest article about zebras.\"}}"
            );
            dir.put("new.jsonl", text);
            dir.ok(&["index", "new.jsonl", "-c", "books"]);
        }
        dir.ok(&["compact", "-c", "books"]);
        server.wait_until("the last commit", |server| {
            let found = server
                .get("/v1/collections/books/search?q=zebras&k=1&mode=lexical")
                .json();
            found["hits"][0]["text"]
                .as_str()
                .is_some_and(|text| text.contains("Round 4"))
        });
        stop.store(true, Ordering::Relaxed);
        assert!(client.join().unwrap() > 10);
    });
}

#[test]
fn shutdown_finishes_requests_in_flight() {
    let dir = with_books();
    let server = Server::start(&dir, &["-c", "books"]);
    let base = server.base.clone();
    let questions: Vec<Value> = (0..150)
        .map(|n| json!({"q": format!("question number {n} about tides"), "explain": true}))
        .collect();
    let batch = json!({ "questions": questions }).to_string();
    let client = std::thread::spawn(move || {
        let reply = ureq::post(format!("{base}/v1/collections/books/search/batch"))
            .content_type("application/json")
            .send(batch);
        reply.unwrap().body_mut().read_to_string().unwrap()
    });
    server.wait_until("the batch", |server| server.in_flight() == 1);
    assert_eq!(server.stop(), 0);
    let answers: Value = serde_json::from_str(&client.join().unwrap()).unwrap();
    assert_eq!(answers["answers"].as_array().unwrap().len(), 150);
}

#[test]
fn search_returns_429_with_retry_after_when_the_queue_is_full() {
    let dir = with_books();
    let server = Server::start(&dir, &["-c", "books", "--threads", "1"]);
    let mut statuses = std::collections::BTreeMap::new();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..64)
            .map(|n| {
                let server = &server;
                scope.spawn(move || {
                    server.get(&format!(
                        "/v1/collections/books/search?q=crowd+{n}&explain=true&rerank=maxsim"
                    ))
                })
            })
            .collect();
        for reply in clients {
            let reply = reply.join().unwrap();
            if reply.status == 429 {
                reply.assert_status(429, &["try again"]);
                assert_eq!(reply.header("retry-after"), "1");
            }
            *statuses.entry(reply.status).or_insert(0) += 1;
        }
    });
    assert!(
        statuses.keys().all(|status| [200, 429].contains(status)),
        "{statuses:?}"
    );
    assert!(
        statuses[&200] >= 17 && statuses.contains_key(&429),
        "{statuses:?}"
    );
    server
        .get("/v1/collections/books/search?q=after")
        .assert_status(200, &[]);
}

#[test]
fn embeddings_endpoint_follows_the_openai_api() {
    let dir = with_books();
    let server = Server::start(&dir, &["-c", "books"]);
    let embed = |body: Value| server.send_json("POST", "/v1/embeddings", &body);
    let floats = embed(json!({"model": "builtin", "input": ["The moon.", "Bread."]})).json();
    let vector = |at: usize| -> Vec<f64> {
        floats["data"][at]["embedding"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_f64().unwrap())
            .collect()
    };
    assert_eq!(
        (vector(0).len(), floats["data"][1]["index"].as_u64()),
        (384, Some(1))
    );
    assert!((vector(0).iter().map(|v| v * v).sum::<f64>() - 1.0).abs() < 1e-4);
    let packed = embed(
        json!({"model": "static", "input": "The moon.", "encoding_format": "base64", "user": "me"}),
    )
    .json();
    assert_eq!(
        packed["data"][0]["embedding"].as_str().unwrap().len(),
        (256 * 4usize).div_ceil(3) * 4
    );
    embed(json!({"model": "gpt", "input": "x"})).assert_status(404, &["minilm-l6-v2-int8"]);
    embed(json!({"model": "builtin", "input": []})).assert_status(400, &["0 texts"]);
    embed(json!({"model": "builtin", "input": "x", "dimensions": 10})).assert_status(400, &["384"]);
    assert_eq!(
        server.get("/v1/models").json()["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn mcp_works_over_stdio_and_http() {
    let dir = with_books();
    let message = |id: u64, method: &str, params: Value| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
    let call = |name: &str, arguments: Value| json!({ "name": name, "arguments": arguments });
    let requests = [
        message(1, "initialize", hello.clone()),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        message(2, "tools/list", json!({})),
        message(
            3,
            "tools/call",
            call("search", json!({"question": "what pulls the sea", "k": 1})),
        ),
        message(4, "tools/call", call("get_article", json!({"id": "bread"}))),
        message(5, "tools/call", call("list_collections", json!({}))),
        message(6, "tools/call", call("evaluate", json!({}))),
        message(
            7,
            "tools/call",
            call("search", json!({"question": "x", "mode": "best"})),
        ),
    ];
    let mut command = dir.command(&["mcp", "-c", "books"]);
    let mut process = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    let mut lines =
        std::io::BufRead::lines(std::io::BufReader::new(process.stdout.take().unwrap()));
    let mut replies = std::collections::HashMap::new();
    for request in requests {
        std::io::Write::write_all(&mut input, format!("{request}\n").as_bytes()).unwrap();
        if request.get("id").is_some() {
            let reply: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            replies.insert(reply["id"].as_u64().unwrap(), reply["result"].clone());
        }
    }
    drop(input);
    assert!(process.wait().unwrap().success());
    let tools: Vec<&str> = replies[&2]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        tools,
        ["evaluate", "get_article", "list_collections", "search"]
    );
    assert_eq!(
        replies[&3]["structuredContent"]["hits"][0]["article_id"],
        "tides"
    );
    assert!(
        replies[&3]["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("The moon pulls the oceans.")
    );
    assert!(
        replies[&4]["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("Sourdough")
    );
    assert_eq!(
        replies[&5]["structuredContent"]["collections"][0]["articles"],
        4
    );
    assert_eq!(replies[&6]["structuredContent"]["queries"], 1);
    assert_eq!(replies[&7]["isError"], true);

    let server = Server::start(&dir, &["-c", "books"]);
    let accept = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ];
    let body = message(1, "initialize", hello).to_string();
    let reply = server.request("POST", "/mcp", &accept, Some(body.as_bytes()));
    reply.assert_status(200, &["\"name\":\"nigh\""]);
}

#[test]
fn incomplete_request_times_out_with_408() {
    let dir = with_books();
    let server = Server::start(&dir, &["-c", "books", "--timeout", "1"]);
    let mut stream =
        std::net::TcpStream::connect(server.base.trim_start_matches("http://")).unwrap();
    let host = server.base.trim_start_matches("http://");
    let incomplete = format!(
        "POST /v1/collections/books/search HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{{"
    );
    stream.write_all(incomplete.as_bytes()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut reply = [0; 4096];
    let n = stream.read(&mut reply).unwrap();
    let reply = String::from_utf8_lossy(&reply[..n]);
    assert!(
        reply.starts_with("HTTP/1.1 408 ") && reply.contains("longer than 1 s"),
        "{reply}"
    );
}

#[test]
fn serve_uses_tls_with_a_given_certificate() {
    let dir = with_books();
    let certificate =
        rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
            .unwrap();
    dir.put("cert.pem", certificate.cert.pem());
    dir.put("key.pem", certificate.signing_key.serialize_pem());
    let roots = [ureq::tls::Certificate::from_pem(certificate.cert.pem().as_bytes()).unwrap()];
    let tls = ureq::tls::TlsConfig::builder()
        .root_certs(ureq::tls::RootCerts::new_with_certs(&roots))
        .build();
    let agent = ureq::Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .build()
        .into();
    let args = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "-c",
        "books",
        "--tls-cert",
        "cert.pem",
        "--tls-key",
        "key.pem",
    ];
    let server = Server::spawn(dir.command(&args), Some(agent));
    assert!(server.base.starts_with("https://"));
    let reply = server.get("/v1/collections/books/search?q=yeast&k=1");
    assert_eq!(
        article_ids(&reply.assert_status(200, &[]).json()),
        ["bread"]
    );
    assert!(
        reply
            .header("strict-transport-security")
            .starts_with("max-age=")
    );
    dir.put("key.pem", "no key");
    dir.run(&args).assert_exit(2, &["cert.pem, key.pem: "]);
}
