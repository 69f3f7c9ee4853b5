//! What `nigh serve` has acknowledged stays so: through uploads with odd files, restarts, renewed
//! certificates and changed keys.

use crate::common::TestDir;
use crate::common::server::Server;
use serde_json::{Value, json};

/// A folder with an empty collection, `notes`, in `shelf`.
fn with_notes() -> TestDir {
    let dir = TestDir::new();
    let first = json!({"_id": "first", "text": "The first note."});
    dir.put("first.jsonl", first.to_string());
    dir.ok(&[
        "index",
        "first.jsonl",
        "-c",
        "shelf/notes",
        "--model",
        "static",
    ]);
    dir
}

fn start(dir: &TestDir) -> Server {
    Server::start(dir, &["--root", "shelf", "--threads", "1"])
}

fn article_count(server: &Server) -> u64 {
    let notes = server.get("/v1/collections/notes").json();
    notes["stats"]["articles"].as_u64().unwrap()
}

fn ids(server: &Server) -> Vec<String> {
    let list = server
        .get("/v1/collections/notes/articles?limit=1000")
        .json();
    let articles = list["articles"].as_array().unwrap();
    articles
        .iter()
        .map(|article| article["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Uploads parts of a form, each with the rest of its Content-Disposition, and waits for the job.
fn upload_parts(server: &Server, parts: &[(&[u8], &str)]) -> Value {
    let mut body = Vec::new();
    for (disposition, text) in parts {
        body.extend(b"--edge\r\nContent-Disposition: form-data; name=\"file\"; ");
        body.extend(*disposition);
        body.extend(format!("\r\n\r\n{text}\r\n").as_bytes());
    }
    body.extend(b"--edge--\r\n");
    let headers = [("content-type", "multipart/form-data; boundary=edge")];
    let reply = server.request(
        "POST",
        "/v1/collections/notes/articles",
        &headers,
        Some(&body),
    );
    server.wait_for_job(&reply.assert_status(202, &[]).json())
}

#[test]
fn every_part_of_an_upload_becomes_an_article_or_a_note() {
    let dir = with_notes();
    let server = start(&dir);
    let long = format!("filename=\"{}.txt\"", "潮".repeat(90));
    let job = upload_parts(
        &server,
        &[
            (b"filename=\"owls.txt\"", "Owls hunt at night."),
            (b"filename=\"owls.txt\"", "Other owls."),
            (b"filename=\"bats\"", "Bats hang."),
            (b"filename=\"bats/one.txt\"", "One bat."),
            (b"filename=\"Call 9:45.txt\"", "A call."),
            (b"filename=\"k\xe4se.txt\"", "Cheese in Latin-1."),
            (b"filename*=UTF-8''%C3%A9clair.txt", "Cake."),
            (b"filename=\"=?iso-8859-1?Q?=FCber.txt?=\"", "Over."),
            (b"filename=\".secret\"", "hidden"),
            (b"filename=\"up/../../out.txt\"", "outside"),
            (long.as_bytes(), "long name"),
            (b"filename=\"blank.txt\"", " \n"),
            (b"filename=\"tool.exe\"", "MZ\0\0\u{1}"),
            (b"charset=utf-8", "a field without a file"),
            (b"filename=\"nigh.collection\"", "looks like a collection"),
        ],
    );
    assert_eq!(job["phase"], "done", "{job}");
    let expected = [
        "Call 9:45.txt",
        "bats",
        "first",
        "käse.txt",
        "owls.txt",
        "éclair.txt",
        "über.txt",
    ];
    assert_eq!(ids(&server), expected);
    let notes: Vec<&str> = job["notes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note.as_str().unwrap())
        .collect();
    for named in [
        "owls.txt: another file",
        "bats/one.txt: another file",
        ".secret: hidden",
        "up/../../out.txt: its name is not a valid",
        "潮.txt: its name is longer",
        "blank.txt: ",
        "tool.exe: ",
        "the part \"file\": it has no file name",
        "nigh.collection: the name is that",
    ] {
        assert!(
            notes.iter().any(|note| note.contains(named)),
            "{named}: {notes:?}"
        );
    }
    assert_eq!(notes.len(), 9, "{notes:?}");
    // No note, and nothing in the result, tells where the server keeps its files.
    let folder = dir.path("shelf").canonicalize().unwrap();
    for private in [folder.to_str().unwrap(), "/files", "jobs/"] {
        assert!(!job.to_string().contains(private), "{private}: {job}");
    }
}

#[test]
fn an_upload_without_a_file_that_can_be_used_is_refused_by_name() {
    let dir = with_notes();
    let server = start(&dir);
    server
        .try_upload("notes", &[("../x.txt", "x"), (".y", "y")])
        .assert_status(
            400,
            &["../x.txt: its name is not a valid", ".y: hidden name"],
        );
    let articles = "/v1/collections/notes/articles";
    server
        .request(
            "POST",
            articles,
            &[("content-type", "text/plain")],
            Some(b"x"),
        )
        .assert_status(415, &["multipart/form-data"]);
    let headers = [("content-type", "multipart/form-data; boundary=edge")];
    let cut =
        b"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.txt\"\r\n\r\nhalf";
    server
        .request("POST", articles, &headers, Some(cut))
        .assert_status(400, &[]);
    let packed = [headers[0], ("content-encoding", "gzip")];
    server
        .request("POST", articles, &packed, Some(b"no gzip"))
        .assert_status(400, &["damaged"]);
    // What was received of them is gone, and no job is.
    assert_eq!(server.get("/v1/jobs").json()["jobs"], json!([]));
    let kept = std::fs::read_dir(dir.path("shelf/notes/jobs")).unwrap();
    assert_eq!(kept.count(), 0);
}

fn records(count: usize) -> String {
    let record = |n: usize| {
        let text = format!("Record {n} speaks of {}. ", n * 7919).repeat(3);
        format!("{}\n", json!({"_id": format!("r{n}"), "text": text}))
    };
    (0..count).map(record).collect()
}

#[test]
fn acknowledged_uploads_are_finished_after_a_restart_and_job_ids_are_never_reused() {
    for signal in ["TERM", "KILL"] {
        let dir = with_notes();
        let mut server = start(&dir);
        let first = server.start_upload("notes", &[("big.jsonl", &records(3000))]);
        let second = server.start_upload(
            "notes",
            &[("small.txt", "A small note."), ("a.exe", "MZ\0")],
        );
        let evaluated = server.send_json("POST", "/v1/collections/notes/check", &json!({}));
        let third = evaluated.assert_status(202, &[]).json();
        server.wait_until("the first job", |server| {
            let job = format!("/v1/jobs/{}", first["id"].as_str().unwrap());
            server.get(&job).json()["phase"] == "running"
        });
        server.signal(signal);
        server.process.wait().unwrap();
        let server = start(&dir);
        for job in [&first, &second, &third] {
            let job = server.wait_for_job(job);
            assert_eq!(job["phase"], "done", "{signal}: {job}");
        }
        assert_eq!(article_count(&server), 3002);
        // The files are needed no more.
        let kept = dir
            .path("shelf/notes/jobs")
            .join(first["id"].as_str().unwrap());
        assert!(!kept.join("files").exists());
        let cancelled = server.start_upload("notes", &[("more.jsonl", &records(3000))]);
        server
            .request(
                "DELETE",
                &format!("/v1/jobs/{}", cancelled["id"].as_str().unwrap()),
                &[],
                None,
            )
            .assert_status(202, &[]);
        let cancelled = server.wait_for_job(&cancelled);
        assert_eq!(server.stop(), 0);
        // Jobs that ended are known, and not taken up again.
        let server = start(&dir);
        let jobs = server.get("/v1/jobs").json();
        let listed: Vec<&Value> = jobs["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|job| &job["id"])
            .collect();
        assert_eq!(
            listed,
            [&cancelled["id"], &third["id"], &second["id"], &first["id"]]
        );
        assert_eq!(jobs["jobs"][0]["phase"], cancelled["phase"]);
        let second = server
            .get(&format!("/v1/jobs/{}", second["id"].as_str().unwrap()))
            .json();
        assert_eq!(second["result"]["articles"], 1, "{second}");
        assert!(
            second["notes"][0].as_str().unwrap().contains("a.exe"),
            "{second}"
        );
    }
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    use std::io::Write;
    let dir = with_notes();
    let server = start(&dir);
    let mut stream =
        std::net::TcpStream::connect(server.base.trim_start_matches("http://")).unwrap();
    stream
        .write_all(b"POST /v1/collections/notes/articles HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=edge\r\ncontent-length: 9999\r\n\r\n--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.txt\"\r\n\r\nhalf of it")
        .unwrap();
    let jobs = dir.path("shelf/notes/jobs");
    let count = || std::fs::read_dir(&jobs).map_or(0, Iterator::count);
    crate::common::wait_until("the upload to begin", || count() == 1);
    drop(stream);
    crate::common::wait_until("what was received to be deleted", || count() == 0);
}

#[test]
fn two_servers_of_one_collection_do_not_take_each_others_jobs() {
    let dir = with_notes();
    let one = start(&dir);
    let job = one.start_upload("notes", &[("big.jsonl", &records(1500))]);
    let other = start(&dir);
    let jobs = other.get("/v1/jobs").json();
    let listed = jobs["jobs"].as_array().unwrap();
    assert!(listed.iter().all(|job| job["phase"] == "done"), "{jobs}");
    assert_eq!(one.wait_for_job(&job)["phase"], "done");
}

/// A new certificate and its key.
fn renew(dir: &TestDir) -> Vec<u8> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    dir.put("cert.pem", made.cert.pem());
    dir.put("key.pem", made.signing_key.serialize_pem());
    made.cert.pem().into_bytes()
}

/// Whether a new connection to the server trusts this certificate.
fn serves(base: &str, certificate: &[u8]) -> bool {
    let roots = [ureq::tls::Certificate::from_pem(certificate).unwrap()];
    let tls = ureq::tls::TlsConfig::builder()
        .root_certs(ureq::tls::RootCerts::new_with_certs(&roots))
        .build();
    let agent: ureq::Agent = ureq::Agent::config_builder().tls_config(tls).build().into();
    agent.get(format!("{base}/healthz")).call().is_ok()
}

#[test]
fn renewed_certificates_are_served_without_a_restart_and_sighup_never_ends_the_server() {
    let dir = with_notes();
    let first = renew(&dir);
    let args = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--root",
        "shelf",
        "--tls-cert",
        "cert.pem",
        "--tls-key",
        "key.pem",
    ];
    let mut server = Server::spawn(dir.command(&args), None);
    assert!(serves(&server.base, &first));
    let second = renew(&dir);
    server.signal("HUP");
    crate::common::wait_until("the second certificate", || serves(&server.base, &second));
    assert!(!serves(&server.base, &first));
    // Without a signal, too.
    let third = renew(&dir);
    crate::common::wait_until("the third certificate", || serves(&server.base, &third));
    // A key that does not fit changes nothing.
    dir.put("key.pem", "no key");
    server.signal("HUP");
    let fourth = renew(&dir);
    crate::common::wait_until("the fourth certificate", || serves(&server.base, &fourth));
    assert!(server.process.try_wait().unwrap().is_none());
    // Without TLS there is nothing to read again.
    let mut plain = start(&dir);
    plain.signal("HUP");
    plain.get("/healthz").assert_status(200, &[]);
    assert!(plain.process.try_wait().unwrap().is_none());
}

#[test]
fn keys_that_are_added_or_removed_count_at_once() {
    let dir = with_notes();
    let add = |name: &str| {
        dir.ok(&["key", "add", name, "--role", "read"])
            .stdout
            .trim()
            .to_owned()
    };
    let first = add("first");
    let mut server = Server::start(&dir, &["--root", "shelf", "--keys", "keys.toml"]);
    server.key = Some(first);
    server.get("/v1/collections").assert_status(200, &[]);
    let second = add("second");
    dir.ok(&["key", "remove", "first"]);
    server
        .get("/v1/collections")
        .assert_status(401, &["this API key is not known here"]);
    server.key = Some(second);
    server.get("/v1/collections").assert_status(200, &[]);
}
