//! Requests to a server over loopback: bodies of every operation that takes one, and the query string
//! of the search.

use server::Settings;
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::time::Duration;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

struct Served {
    agent: Agent,
    address: String,
    _root: tempfile::TempDir,
}

/// The operations that an input's first byte selects from: method, path, content type.
const OPERATIONS: [(&str, &str, &str); 9] = [
    ("POST", "/v1/collections/notes/search", JSON),
    ("POST", "/v1/collections/notes/search/batch", JSON),
    ("POST", "/v1/collections/notes/evaluate", JSON),
    ("POST", "/v1/embeddings", JSON),
    ("POST", "/v1/collections", JSON),
    ("PUT", "/v1/collections/notes/articles/tides", JSON),
    (
        "POST",
        "/v1/collections/notes/articles",
        "multipart/form-data; boundary=b",
    ),
    ("POST", "/mcp", JSON),
    ("GET", "/v1/collections/notes/search?", ""),
];
const JSON: &str = "application/json";

pub fn send(input: &[u8]) {
    let Some((choice, body)) = input.split_first() else {
        return;
    };
    let Some(&(method, path, kind)) = OPERATIONS.get(usize::from(*choice)) else {
        return;
    };
    let served = served();
    let response = if method == "GET" {
        let query: String = String::from_utf8_lossy(body)
            .chars()
            .filter(|c| c.is_ascii_graphic() && *c != '#')
            .collect();
        let Ok(request) = Request::get(format!("{}{path}{query}", served.address)).body(()) else {
            return;
        };
        served.agent.run(request)
    } else {
        let uri = format!("{}{path}", served.address);
        served.agent.run(
            Request::builder()
                .method(method)
                .uri(uri)
                .header("content-type", kind)
                .header("accept", "application/json, text/event-stream")
                .body(body)
                .expect("a request"),
        )
    };
    let created = assert_no_server_error(response);
    if let Some(location) = created.filter(|_| path == "/v1/collections") {
        assert_no_server_error(
            served
                .agent
                .delete(format!("{}{location}", served.address))
                .call(),
        );
    }
}

/// Asserts that there is a response and that its status is no server error. Returns the location of
/// a created resource.
fn assert_no_server_error(response: Result<Response<Body>, ureq::Error>) -> Option<String> {
    let mut response = response.expect("an answer");
    let status = response.status().as_u16();
    let location = response
        .headers()
        .get("location")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    // A stream of events may be endless, so it is not read.
    let is_stream = response
        .headers()
        .get("content-type")
        .is_some_and(|kind| kind == "text/event-stream");
    let text = if is_stream {
        String::new()
    } else {
        response.body_mut().read_to_string().expect("a body")
    };
    assert!(status < 500 || status == 503, "{status}: {text}");
    location.filter(|_| status == 201)
}

fn served() -> &'static Served {
    static SERVED: OnceLock<Served> = OnceLock::new();
    SERVED.get_or_init(|| {
        let root = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        let mut settings = Settings::new(([127, 0, 0, 1], 0).into(), 1);
        settings.root = Some(root.path().to_owned());
        let (sender, receiver) = channel();
        std::thread::spawn(move || server::serve(settings, |address| sender.send(address).expect("a receiver")));
        let address = format!("http://{}", receiver.recv_timeout(Duration::from_secs(60)).expect("a server"));
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(20)));
        let agent: Agent = config.build().into();
        let new = agent.post(format!("{address}/v1/collections")).content_type(JSON);
        assert_eq!(new.send(r#"{"name": "notes", "model": "static"}"#).expect("an answer").status(), 201);
        let put = agent.put(format!("{address}/v1/collections/notes/articles/tides")).content_type(JSON);
        let article =
            r#"{"title": "Tides", "text": "The moon pulls the sea. Tides rise.", "metadata": {"source": "reuters"}}"#;
        let reply = put.send(article).expect("an answer").into_body().read_to_string().expect("a body");
        assert!(reply.contains("tides") || reply.contains("\"added\""), "{reply}");
        Served { agent, address, _root: root }
    })
}
