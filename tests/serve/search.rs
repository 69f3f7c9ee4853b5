//! Searches, suggestions, embeddings; bad requests.

use super::{article_ids, with_books};
use crate::common::server::Server;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

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
