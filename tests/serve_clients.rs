//! `nigh serve` with the clients and proxies that people have: their protocols, in whole.

use crate::common::TestDir;
use crate::common::server::{Reply, Server};
use serde_json::{Value, json};
use std::io::Write;

fn with_notes() -> TestDir {
    let dir = TestDir::new();
    dir.put(
        "owls.txt",
        "Owls hunt at night.\n\nThey fly without a sound.",
    );
    dir.put("bats.txt", "Bats hang upside down.");
    dir.ok(&["index", "owls.txt", "bats.txt", "-c", "notes"]);
    dir
}

#[test]
fn faults_of_a_request_are_told_in_words_and_never_are_the_servers() {
    let dir = with_notes();
    let server = Server::start(&dir, &["-c", "notes"]);
    let collection = "/v1/collections/notes";
    let refused = |reply: Reply, words: &str| {
        assert!(
            (400..500).contains(&reply.status),
            "{words}: {} {}",
            reply.status,
            reply.text
        );
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(words), "{words}: {detail}");
        for rust in [
            "u32", "usize", "f64", "struct", "enum", "untagged", "variant", "serde", "Option",
            "sequence", "map",
        ] {
            assert!(!detail.contains(rust), "{rust}: {detail}");
        }
    };
    let post =
        |path: &str, body: Value| server.send_json("POST", &format!("{collection}/{path}"), &body);
    for (path, body, words) in [
        ("search", json!({"q": 5}), "q: "),
        ("search", json!({"q": "x", "k": "many"}), "k: "),
        ("search", json!({"q": "x", "k": 1e30}), "k: "),
        ("search", json!({"q": "x", "mode": 5}), "mode: "),
        (
            "search",
            json!({"q": "x", "dense_weight": "half"}),
            "dense_weight: ",
        ),
        ("search", json!({"q": "x", "explain": "yes"}), "explain: "),
        ("search", json!([]), "expected an object"),
        ("search", json!("x"), "expected an object"),
        (
            "search/batch",
            json!({"questions": [{"q": "x"}, {"q": "x", "around": "wide"}]}),
            "questions[1].around: ",
        ),
        ("evaluate", json!({"seed": "x"}), "seed: "),
        ("evaluate", json!({"modes": "dense"}), "modes: "),
        ("article", json!({"id": 7}), "id: "),
        ("map", json!({"q": []}), "q: "),
    ] {
        refused(post(path, body), words);
    }
    for (query, words) in [
        ("search?q=x&explain=yes", "explain: "),
        ("search?q=x&dense_weight=half", "dense_weight: "),
        ("search?q=x&offset=99999999999999999999", "offset: "),
        ("search?q=x&q=y", "duplicate field `q`"),
        ("articles?limit=all", "limit: "),
        ("articles?offset=-1", "offset: "),
        ("suggest?q=x&limit=x", "limit: "),
        ("articles/%ff", "UTF-8"),
    ] {
        refused(server.get(&format!("{collection}/{query}")), words);
    }
    let put = |body: Value| server.send_json("PUT", &format!("{collection}/articles/x"), &body);
    refused(put(json!({"text": 5})), "text: ");
    refused(put(json!({"text": "a", "metadata": [1]})), "metadata: ");
    let unnamed = server.get("/v1/collections/none/search?q=x");
    unnamed.assert_status(404, &["there are: notes"]);
}

#[test]
fn embeddings_and_their_errors_are_those_of_openai() {
    let dir = with_notes();
    dir.ok(&["key", "add", "me", "--role", "read"]);
    let server = Server::start(&dir, &["-c", "notes"]);
    let embed = |body: Value| server.send_json("POST", "/v1/embeddings", &body);
    for (body, status, words) in [
        (json!({"model": "builtin", "input": []}), 400, "0 texts"),
        (json!({"model": "builtin", "input": ""}), 400, "input[0]: "),
        (
            json!({"model": "builtin", "input": {}}),
            400,
            "expected a text or a list of texts",
        ),
        (
            json!({"model": "builtin", "input": [9906, 1917]}),
            400,
            "arrays of tokens are not supported",
        ),
        (
            json!({"model": "builtin", "input": [[9906], [1917]]}),
            400,
            "arrays of tokens are not supported",
        ),
        (
            json!({"model": "builtin", "input": ["a", null]}),
            400,
            "expected a text or a list of texts",
        ),
        (json!({"model": "builtin"}), 400, "missing field `input`"),
        (
            json!({"model": "builtin", "input": "a", "encoding_format": "hex"}),
            400,
            "encoding_format: ",
        ),
        (
            json!({"model": "builtin", "input": "a", "dimensions": 64}),
            400,
            "dimensions: ",
        ),
        (
            json!({"model": "text-embedding-3-small", "input": "a"}),
            404,
            "text-embedding-3-small",
        ),
    ] {
        let reply = embed(body);
        reply.assert_status(status, &[words]);
        let error = &reply.json()["error"];
        assert!(
            error["message"].as_str().unwrap().contains(words),
            "{error}"
        );
        assert_eq!(error["type"], "invalid_request_error");
        assert!(
            error["code"].is_null() || error["code"] == "model_not_found",
            "{error}"
        );
    }
    // Null is as if it were not there; numbers come as they come.
    let nulls = json!({"model": "builtin", "input": "a", "encoding_format": null, "dimensions": null, "input_type": null, "user": null});
    embed(nulls).assert_status(200, &[]);
    embed(json!({"model": "builtin", "input": "a", "dimensions": "384"})).assert_status(200, &[]);
    // As many texts as are promised, in the order in which they came.
    let texts: Vec<String> = (0..2048).map(|n| format!("text {}", n % 2)).collect();
    let many = embed(json!({"model": "static", "input": texts}));
    let many = many.assert_status(200, &[]).json();
    let data = many["data"].as_array().unwrap();
    assert_eq!((data.len(), &data[2047]["index"]), (2048, &json!(2047)));
    assert!(
        data[0]["embedding"] == data[2046]["embedding"]
            && data[0]["embedding"] != data[1]["embedding"]
    );
    for id in ["builtin", "minilm-l6-v2-int8"] {
        let model = server.get(&format!("/v1/models/{id}")).json();
        assert_eq!(
            (&model["id"], &model["object"]),
            (&json!("minilm-l6-v2-int8"), &json!("model"))
        );
    }
    let unknown = server.get("/v1/models/gpt-4");
    assert_eq!(
        unknown.assert_status(404, &[]).json()["error"]["code"],
        "model_not_found"
    );
    let wrong = server.get("/v1/embeddings");
    assert!(wrong.assert_status(405, &[]).json()["error"]["message"].is_string());
    // Others have no such member.
    assert!(server.get("/v1/nothing").json()["error"].is_null());
    let mut keyed = Server::start(&dir, &["-c", "notes", "--keys", "keys.toml"]);
    keyed.key = Some("nigh_wrong".to_owned());
    let refused = keyed.get("/v1/models");
    assert_eq!(
        refused.assert_status(401, &[]).json()["error"]["code"],
        "invalid_api_key"
    );
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn http_is_spoken_in_whole() {
    let dir = with_notes();
    let server = Server::start(&dir, &["-c", "notes"]);
    let search = "/v1/collections/notes/search";
    let post = |encoding: &str, body: &[u8]| {
        let headers = [
            ("content-type", "application/json; charset=utf-8"),
            ("content-encoding", encoding),
        ];
        server.request("POST", search, &headers, Some(body))
    };
    let question = r#"{"q": "what hunts at night", "k": 1}"#;
    for encoding in ["gzip", "GZIP", "x-gzip"] {
        post(encoding, &gzip(question)).assert_status(200, &["owls.txt"]);
    }
    post("identity", question.as_bytes()).assert_status(200, &["owls.txt"]);
    post("br", question.as_bytes()).assert_status(415, &["expected gzip"]);
    post("gzip, gzip", &gzip(question)).assert_status(415, &["gzip, gzip"]);
    post("gzip", question.as_bytes()).assert_status(400, &["the body is incomplete"]);
    // What is small when packed is limited all the same.
    post("gzip", &gzip(&" ".repeat(20_000_000))).assert_status(413, &["larger"]);

    let tag = server.get("/").header("etag").to_owned();
    let status = |value: &str| {
        server
            .request("GET", "/", &[("if-none-match", value)], None)
            .status
    };
    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"x\", {tag}"),
        "*".to_owned(),
    ] {
        assert_eq!(status(&known), 304, "{known}");
    }
    assert_eq!(status("\"x\""), 200);
}

#[test]
fn pages_of_allowed_origins_may_use_the_api_and_mcp() {
    let dir = with_notes();
    let origin = "app://notes.example";
    let server = Server::start(
        &dir,
        &[
            "-c",
            "notes",
            "--allow-origin",
            origin,
            "--allow-origin",
            "HTTPS://Page.Example:443",
        ],
    );
    for path in ["/mcp", "/v1/collections/notes/search"] {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "mcp-protocol-version"),
        ];
        let preflight = server.request("OPTIONS", path, &headers, None);
        assert_eq!(
            (
                preflight.status,
                preflight.header("access-control-allow-origin")
            ),
            (200, origin)
        );
        let allowed: Vec<&str> = preflight
            .header("access-control-allow-headers")
            .split(',')
            .collect();
        for header in [
            "authorization",
            "content-type",
            "accept",
            "mcp-protocol-version",
            "mcp-session-id",
            "mcp-method",
            "last-event-id",
        ] {
            assert!(allowed.contains(&header), "{header}: {allowed:?}");
        }
    }
    let asked =
        |origin: &str| server.request("GET", "/v1/collections", &[("origin", origin)], None);
    let allowed = asked("https://page.example");
    assert_eq!(
        (
            allowed.status,
            allowed.header("access-control-allow-origin")
        ),
        (200, "https://page.example")
    );
    assert!(
        allowed
            .header("access-control-expose-headers")
            .contains("mcp-session-id")
    );
    for foreign in [
        "app://notes.example.evil",
        "app://other",
        "https://page.example:444",
        "null",
    ] {
        let refused = asked(foreign);
        assert_eq!(
            (
                refused.status,
                refused.header("access-control-allow-origin")
            ),
            (403, ""),
            "{foreign}"
        );
    }
}

fn call(server: &Server, method: &str, params: Value, version: Option<&str>) -> Reply {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let mut headers = vec![
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ];
    if let Some(version) = version {
        headers.extend([("mcp-protocol-version", version), ("mcp-method", method)]);
    }
    server.request("POST", "/mcp", &headers, Some(body.as_bytes()))
}

#[test]
fn tools_take_arguments_as_language_models_send_them() {
    let dir = with_notes();
    let server = Server::start(&dir, &["-c", "notes"]);
    let tool = |name: &str, arguments: Value| -> (bool, String) {
        let reply = call(
            &server,
            "tools/call",
            json!({"name": name, "arguments": arguments}),
            None,
        );
        let result = reply.assert_status(200, &[]).json()["result"].clone();
        (
            result["isError"] == true,
            result["content"][0]["text"].as_str().unwrap().to_owned(),
        )
    };
    for more in [
        json!({"mode": ""}),
        json!({"mode": " Hybrid "}),
        json!({"collection": ""}),
        json!({"rerank": null}),
        json!({"filter": ""}),
        json!({"k": "5"}),
        json!({"k": 5.0}),
        json!({"k": "5.0"}),
        json!({"k": ""}),
        json!({"around": "1"}),
    ] {
        let mut arguments = json!({"question": "what hunts at night"});
        arguments
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let (failed, text) = tool("search", arguments);
        assert!(!failed && text.contains("Owls hunt"), "{more}: {text}");
    }
    for (name, arguments, words) in [
        ("search", json!({"question": "x", "k": "many"}), "k: "),
        (
            "search",
            json!({"question": "x", "limit": 3}),
            "unknown argument `limit`, expected one of `question`",
        ),
        (
            "search",
            json!({"question": ""}),
            "missing argument `question`",
        ),
        (
            "search",
            json!({"question": "x", "collection": "none"}),
            "there are: notes",
        ),
        (
            "search",
            json!({"question": "x", "mode": "best"}),
            "expected hybrid, dense or lexical; found \"best\"",
        ),
        (
            "get_article",
            json!({"id": "none#0"}),
            "no article has the id",
        ),
        (
            "list_collections",
            json!({"all": true}),
            "unknown argument `all`",
        ),
        (
            "evaluate",
            json!({"questions": [{"question": "x"}]}),
            "questions[0]: missing argument `answers`",
        ),
    ] {
        let (failed, text) = tool(name, arguments);
        assert!(
            failed && text.contains(words) && !text.contains("u32"),
            "{words}: {text}"
        );
    }
    let (_, text) = tool("get_article", json!({"id": "owls.txt", "offset": "6"}));
    assert!(
        text.contains("unt at night") || text.contains("hunt at night"),
        "{text}"
    );
    // A passage's id, which the search gives beside the article's.
    let (failed, text) = tool("get_article", json!({"id": "owls.txt#0"}));
    assert!(!failed && text.contains("Owls hunt"), "{text}");
    let pairs = json!([{"question": "what hunts", "answers": ["hunt at night"]}]).to_string();
    let (failed, text) = tool("evaluate", json!({"questions": pairs}));
    assert!(!failed && text.starts_with("1 questions"), "{text}");
}

#[test]
fn the_newest_revision_of_mcp_is_spoken() {
    let dir = with_notes();
    let server = Server::start(&dir, &["-c", "notes"]);
    let newest = "2026-07-28";
    let meta = json!({"io.modelcontextprotocol/protocolVersion": newest, "io.modelcontextprotocol/clientCapabilities": {}});
    let found = call(
        &server,
        "server/discover",
        json!({ "_meta": meta }),
        Some(newest),
    );
    found.assert_status(200, &[newest, "2025-06-18"]);
    let tools = call(
        &server,
        "tools/list",
        json!({ "_meta": meta }),
        Some(newest),
    );
    tools.assert_status(200, &["get_article"]);
    // Those of before are spoken, too.
    let hello = json!({"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
    let welcome = call(&server, "initialize", hello, None).json();
    assert_eq!(welcome["result"]["protocolVersion"], "2025-03-26");
}

#[test]
fn the_server_works_below_a_path_of_a_proxy() {
    let dir = with_notes();
    let wrong = dir.run(&["serve", "-c", "notes", "--base-path", "search/"]);
    wrong.assert_exit(2, &["expected a path such as /search"]);
    let server = Server::start(&dir, &["-c", "notes", "--base-path", "/team/search"]);
    // Whether the proxy takes the path off or not.
    for prefix in ["/team/search", ""] {
        let found = server.get(&format!("{prefix}/v1/collections/notes/search?q=night&k=1"));
        found.assert_status(200, &["owls.txt"]);
        server
            .get(&format!("{prefix}/"))
            .assert_status(200, &["<script"]);
        server
            .get(&format!("{prefix}/docs/"))
            .assert_status(200, &[]);
        let started = server.send_json(
            "POST",
            &format!("{prefix}/v1/collections/notes/check"),
            &json!({}),
        );
        assert!(
            started
                .header("location")
                .starts_with("/team/search/v1/jobs/"),
            "{}",
            started.header("location")
        );
    }
    server.get("/team/searching").assert_status(404, &[]);
    let plain = Server::start(&dir, &["-c", "notes"]);
    let started = plain.request(
        "POST",
        "/v1/collections/notes/check",
        &[("x-forwarded-prefix", "/deep/down/")],
        None,
    );
    assert!(
        started
            .header("location")
            .starts_with("/deep/down/v1/jobs/"),
        "{}",
        started.header("location")
    );
    // Nothing on the page or in the description of the API leads to the root of the site.
    let page = plain.get("/").text;
    assert!(!page.contains("=\"/"), "{page}");
    assert_eq!(plain.get("/openapi.json").json()["servers"][0]["url"], ".");
    let events = plain.get(&format!(
        "/v1/jobs/{}/events",
        started.json()["id"].as_str().unwrap()
    ));
    assert_eq!(events.header("x-accel-buffering"), "no");
    // The page behind a proxy that names another host: the browser vouches for it.
    let origin = ("origin", "https://site.example");
    let asked = |headers: &[(&str, &str)]| {
        plain
            .request("GET", "/v1/collections", headers, None)
            .status
    };
    assert_eq!(asked(&[origin, ("sec-fetch-site", "same-origin")]), 200);
    assert_eq!(asked(&[origin, ("sec-fetch-site", "cross-site")]), 403);
    assert_eq!(asked(&[origin]), 403);
}
