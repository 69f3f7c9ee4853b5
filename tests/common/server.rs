//! Starts `nigh serve` on a free port for one test, and sends requests to it.
#![allow(dead_code, reason = "no test module uses all of it")]

use super::TestDir;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use ureq::Agent;

pub struct Server {
    pub process: Child,
    pub base: String,
    agent: Agent,
    /// The API key, sent with every request.
    pub key: Option<String>,
}

/// A response: status, headers, body.
pub struct Reply {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts the status, that the body contains each of `texts`, and that an error is a problem
    /// document (RFC 9457).
    pub fn assert_status(&self, status: u16, texts: &[&str]) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        if status >= 400 {
            assert_eq!(
                self.header("content-type"),
                "application/problem+json",
                "{}",
                self.text
            );
            let problem = self.json();
            assert_eq!(
                (problem["type"].as_str(), problem["status"].as_u64()),
                (Some("about:blank"), Some(status.into()))
            );
            assert!(!problem["title"].as_str().unwrap().is_empty());
        }
        for text in texts {
            assert!(
                self.text.contains(text),
                "{text:?} expected in: {}",
                self.text
            );
        }
        self
    }
}

impl Server {
    /// Starts the server in `dir` and waits until it listens.
    pub fn start(dir: &TestDir, args: &[&str]) -> Self {
        Self::spawn(
            dir.command(&[&["serve", "--listen", "127.0.0.1:0"], args].concat()),
            None,
        )
    }

    /// Starts `command` and waits until it listens; `agent` replaces the default HTTP client.
    pub fn spawn(mut command: Command, agent: Option<Agent>) -> Self {
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let Some((base, _)) = line.split_once(" is up") else {
            let mut stderr = String::new();
            process
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut stderr)
                .unwrap();
            panic!("the server did not start: {line}{stderr}");
        };
        let agent = agent.unwrap_or_else(|| {
            Agent::config_builder()
                .http_status_as_error(false)
                .build()
                .into()
        });
        Self {
            base: base.to_owned(),
            process,
            agent,
            key: None,
        }
    }

    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Reply {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let request = request.body(body.unwrap_or_default().to_vec()).unwrap();
        let mut response = self
            .agent
            .run(request)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let text = response.body_mut().read_to_string().unwrap();
        Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text,
        }
    }

    pub fn get(&self, path: &str) -> Reply {
        self.request("GET", path, &[], None)
    }

    pub fn send_json(&self, method: &str, path: &str, body: &Value) -> Reply {
        self.request(
            method,
            path,
            &[("content-type", "application/json")],
            Some(body.to_string().as_bytes()),
        )
    }

    /// Uploads files and waits until they are indexed; returns the finished job.
    pub fn upload(&self, collection: &str, files: &[(&str, &str)]) -> Value {
        self.wait_for_job(&self.start_upload(collection, files))
    }

    /// Uploads files; returns the job without waiting for it.
    pub fn start_upload(&self, collection: &str, files: &[(&str, &str)]) -> Value {
        self.try_upload(collection, files)
            .assert_status(202, &[])
            .json()
    }

    /// Uploads files; returns the reply, whatever its status.
    pub fn try_upload(&self, collection: &str, files: &[(&str, &str)]) -> Reply {
        let mut body = String::new();
        for (name, text) in files {
            body += &format!(
                "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{text}\r\n"
            );
        }
        body += "--edge--\r\n";
        let headers = [("content-type", "multipart/form-data; boundary=edge")];
        self.request(
            "POST",
            &format!("/v1/collections/{collection}/articles"),
            &headers,
            Some(body.as_bytes()),
        )
    }

    /// Follows the events of a job until it ends; returns the job with its result.
    pub fn wait_for_job(&self, job: &Value) -> Value {
        let id = job["id"].as_str().unwrap();
        let events = self.get(&format!("/v1/jobs/{id}/events"));
        events.assert_status(200, &["data:"]);
        self.get(&format!("/v1/jobs/{id}")).json()
    }

    /// Polls `condition` until it holds.
    pub fn wait_until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        super::wait_until(what, || condition(self));
    }

    /// The number of requests in flight, not counting this one.
    pub fn in_flight(&self) -> usize {
        let metrics = self.get("/metrics").text;
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix("nigh_http_requests_in_flight "));
        line.unwrap().parse::<usize>().unwrap() - 1
    }

    /// Waits until the server no longer accepts connections.
    pub fn wait_until_closed(&self) {
        let address = self.base.trim_start_matches("http://");
        super::wait_until("the port to close", || {
            std::net::TcpStream::connect(address).is_err()
        });
    }

    /// Sends SIGINT, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal("INT");
    }

    /// Sends a signal to the process.
    pub fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Sends SIGINT and waits for the process to end; returns its exit code.
    pub fn stop(mut self) -> i32 {
        self.interrupt();
        self.process.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails if the process has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
