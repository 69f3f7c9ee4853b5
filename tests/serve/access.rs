//! Who may do what: keys, roles, TLS, remote access.

use super::{article_ids, with_books};
use crate::common::server::Server;
use serde_json::json;

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
