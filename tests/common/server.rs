//! A server of its own for a test, on a port of its own.
#![allow(dead_code, reason = "each test file uses its part")]

use super::Place;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use ureq::Agent;

pub struct Server {
    pub process: Child,
    pub base: String,
    agent: Agent,
    /// Sent with every request.
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

    /// It has this status and, if that is an error, is a problem that says each of `words`.
    pub fn said(&self, status: u16, words: &[&str]) -> &Self {
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
        for word in words {
            assert!(
                self.text.contains(word),
                "{word:?} expected in: {}",
                self.text
            );
        }
        self
    }
}

impl Server {
    /// Starts it in the folder of `place` and waits until it listens.
    pub fn start(place: &Place, args: &[&str]) -> Self {
        Self::of(
            place.command(&[&["serve", "--listen", "127.0.0.1:0"], args].concat()),
            None,
        )
    }

    /// Starts `command` and waits until it listens; `agent` is the client, if it is to be a special
    /// one.
    pub fn of(mut command: Command, agent: Option<Agent>) -> Self {
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
            let mut said = String::new();
            process
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut said)
                .unwrap();
            panic!("it did not start: {line}{said}");
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

    pub fn ask(
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
        self.ask("GET", path, &[], None)
    }

    pub fn send(&self, method: &str, path: &str, body: &Value) -> Reply {
        self.ask(
            method,
            path,
            &[("content-type", "application/json")],
            Some(body.to_string().as_bytes()),
        )
    }

    /// Uploads files, and waits until they are indexed. Gives the job.
    pub fn upload(&self, collection: &str, files: &[(&str, &str)]) -> Value {
        self.ended(&self.begin_upload(collection, files))
    }

    /// Uploads files. Gives the job.
    pub fn begin_upload(&self, collection: &str, files: &[(&str, &str)]) -> Value {
        self.try_upload(collection, files).said(202, &[]).json()
    }

    /// Uploads files. Gives the answer.
    pub fn try_upload(&self, collection: &str, files: &[(&str, &str)]) -> Reply {
        let mut body = String::new();
        for (name, text) in files {
            body += &format!(
                "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{text}\r\n"
            );
        }
        body += "--edge--\r\n";
        let headers = [("content-type", "multipart/form-data; boundary=edge")];
        self.ask(
            "POST",
            &format!("/v1/collections/{collection}/articles"),
            &headers,
            Some(body.as_bytes()),
        )
    }

    /// Waits for the end of a job by its events; gives it with its result.
    pub fn ended(&self, job: &Value) -> Value {
        let id = job["id"].as_str().unwrap();
        let events = self.get(&format!("/v1/jobs/{id}/events"));
        events.said(200, &["data:"]);
        self.get(&format!("/v1/jobs/{id}")).json()
    }

    /// Waits until something is so.
    pub fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        super::until(what, || is_so(self));
    }

    /// How many requests have no response yet, this one aside.
    pub fn in_flight(&self) -> usize {
        let metrics = self.get("/metrics").text;
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix("nigh_http_requests_in_flight "));
        line.unwrap().parse::<usize>().unwrap() - 1
    }

    /// Waits until nobody can connect any more.
    pub fn until_closed(&self) {
        let address = self.base.trim_start_matches("http://");
        super::until("its end", || std::net::TcpStream::connect(address).is_err());
    }

    /// Asks it to stop, as Ctrl-C does.
    pub fn interrupt(&self) {
        let id = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Asks it to stop and waits until it has; gives its exit code.
    pub fn stop(mut self) -> i32 {
        self.interrupt();
        self.process.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
