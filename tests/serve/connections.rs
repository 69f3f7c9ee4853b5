//! Connections: slow, idle and too many clients; shutdown.

use super::with_books;
use crate::common::server::Server;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

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
