//! `nigh mcp`, and MCP over HTTP.

use super::with_books;
use crate::common::server::Server;
use serde_json::{Value, json};

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
