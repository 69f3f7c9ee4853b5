//! Articles and collections: listed, changed, evaluated, deleted.

use super::{article_ids, with_books};
use crate::common::server::Server;
use serde_json::json;

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
    // Ids are as long as those of indexed files may be.
    for (bytes, status) in [(1024, 201), (1025, 400)] {
        server
            .send_json("PUT", &format!("{articles}/{}", "x".repeat(bytes)), &new)
            .assert_status(status, &[]);
    }
    server
        .request(
            "DELETE",
            &format!("{articles}/{}", "x".repeat(1024)),
            &[],
            None,
        )
        .assert_status(204, &[]);
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
        .assert_status(409, &["only its owner can remove it"]);
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
