//! Calls to the server: tried again where that may help, and waited for no longer than is said.
//!
//! The official client for Rust is not used: it does not search on every version of the server that is out there, and
//! holds back other crates (see ARCHITECTURE.md).

use crate::location::{Access, Location};
use crate::proto::{Answer, Call, GetLoadingProgress, GetVersion, LoadCollection, Pair, Status as Said};
use base64::Engine;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use store::{Error, Result};
use tokio::runtime::Runtime;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

/// How long a connection may take, and a call.
const CONNECT: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_secs(120);
/// How long a question is tried again, and a change: a server that is started again needs most of a minute.
const ASKING: Duration = Duration::from_secs(20);
const CHANGING: Duration = Duration::from_secs(240);
/// How long until the first and at most until the next try.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A page of 10,000 vectors is more than the 4 MB that tonic allows by itself.
const LARGEST: usize = 256 << 20;
/// Milvus's codes for too many requests at once, of today and of before, and for a collection that was not loaded.
const RATE_LIMIT: i32 = 8;
const OLD_RATE_LIMIT: i32 = 49;
const NOT_LOADED: i32 = 101;
/// What servers say, under a code for anything, when a part of them was started again and the others do not know yet.
const STARTING: [&str; 5] = ["node not match", "node not found", "session not found", "not ready", "not healthy"];
/// How much of a reason is said.
const LONGEST_REASON: usize = 300;

/// Why a call failed.
struct Failure {
    problem: String,
    /// The same call may do better later.
    passes: bool,
    /// The server has the collection, but not where it can be searched.
    is_not_loaded: bool,
    /// The server has had too many such calls of late.
    is_too_many: bool,
}

impl Failure {
    fn new(problem: String, passes: bool) -> Self {
        Self { problem, passes, is_not_loaded: false, is_too_many: false }
    }
}

/// What a server of this version can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// Looks for words (BM25).
    pub words: bool,
    /// Runs in one process of Python, for development: its graphs lose rows under conditions, and its BM25 has the sign turned.
    pub lite: bool,
}

impl Abilities {
    fn of(version: &str) -> Self {
        if version.starts_with("milvus_lite") {
            return Self { words: true, lite: true };
        }
        let mut numbers = version.trim_start_matches('v').split(|c: char| !c.is_ascii_digit());
        let mut next = || numbers.next().and_then(|number| number.parse::<u32>().ok()).unwrap_or_default();
        Self { words: (next(), next()) >= (2, 5), lite: false }
    }
}

/// A connection to a server.
pub struct Wire {
    /// There until it is dropped.
    runtime: Option<Runtime>,
    channel: Channel,
    /// What is said with every call.
    headers: Vec<(&'static str, AsciiMetadataValue)>,
    location: Location,
    pub abilities: Abilities,
}

impl Wire {
    /// Connects.
    pub fn open(location: &Location, access: &Access) -> Result<Self> {
        let refused = |problem: String| Error::Remote { location: location.to_string(), problem };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| refused(error.to_string()))?;
        let header = |text: String| AsciiMetadataValue::try_from(text).map_err(|error| refused(error.to_string()));
        let mut headers = vec![("dbname", header(location.database.clone())?)];
        if let Some(token) = &access.token {
            let encoded = base64::engine::general_purpose::STANDARD.encode(token);
            headers.push(("authorization", header(encoded)?));
        }
        let endpoint = endpoint(location, access).map_err(refused)?;
        let connected = Instant::now();
        let mut pause = FIRST_PAUSE;
        let channel = loop {
            // What the endpoint has a limit for is the connection, and not what is said over it to encrypt.
            let problem = match runtime.block_on(async { tokio::time::timeout(ASKING, endpoint.connect()).await }) {
                Ok(Ok(channel)) => break channel,
                Ok(Err(error)) => causes(&error),
                Err(_) => format!("timed out after {} s", ASKING.as_secs()),
            };
            if connected.elapsed() > CONNECT {
                let hint = hint(&problem, access.tls);
                return Err(refused(format!("no Milvus answers there: {problem}{hint}")));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
        let abilities = Abilities { words: false, lite: false };
        let mut wire = Self { runtime: Some(runtime), channel, headers, location: location.clone(), abilities };
        let version = wire.ask(GetVersion {}).map_err(|error| match error {
            Error::Remote { location, problem } => {
                let hint = hint(&problem, access.tls);
                Error::Remote { location, problem: format!("{problem}{hint}") }
            }
            other => other,
        })?;
        wire.abilities = Abilities::of(&version.version);
        Ok(wire)
    }

    pub fn location(&self) -> &Location {
        &self.location
    }

    /// An error about this collection.
    pub fn wrong(&self, problem: impl Into<String>) -> Error {
        Error::Remote { location: self.location.to_string(), problem: problem.into() }
    }

    /// Asks something that changes nothing.
    pub fn ask<C: Call>(&self, call: C) -> Result<C::Answer> {
        self.tried(ASKING, call)
    }

    /// Changes something; done twice it is as done once.
    pub fn change<C: Call>(&self, call: C) -> Result<C::Answer> {
        self.tried(CHANGING, call)
    }

    /// Changes something that need not be now: done, too, where the server has no room for it.
    pub fn offer<C: Call>(&self, call: C) -> Result<()> {
        match self.once(call.clone()) {
            Ok(_) => Ok(()),
            Err(failure) if failure.is_too_many => Ok(()),
            Err(_) => self.change(call).map(|_| ()),
        }
    }

    /// Whether the server has a collection where it can be searched, whole.
    pub fn is_loaded(&self, collection: &str) -> bool {
        self.once(GetLoadingProgress { collection_name: collection.to_owned() })
            .is_ok_and(|answer| answer.progress >= 100)
    }

    /// One call, and more of the same while that may help.
    fn tried<C: Call>(&self, patience: Duration, call: C) -> Result<C::Answer> {
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let failure = match self.once(call.clone()) {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if !failure.passes || begun.elapsed() + pause > patience {
                return Err(self.wrong(failure.problem));
            }
            if failure.is_not_loaded {
                // After a restart nobody has asked for it yet. Whether that went well the next try says.
                for name in [self.location.collection.clone(), self.location.articles()] {
                    let _ = self.once(LoadCollection { collection_name: name });
                }
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn once<C: Call>(&self, call: C) -> Result<C::Answer, Failure> {
        let Some(runtime) = &self.runtime else {
            return Err(Failure::new("the connection is closed".to_owned(), false));
        };
        let mut grpc =
            Grpc::new(self.channel.clone()).max_decoding_message_size(LARGEST).max_encoding_message_size(LARGEST);
        let mut request = Request::new(call);
        for (name, value) in &self.headers {
            request.metadata_mut().insert(*name, value.clone());
        }
        let answer = runtime.block_on(async {
            let answer = async {
                let ready = grpc.ready().await;
                ready.map_err(|error| Status::unavailable(causes(&error)))?;
                let codec: ProstCodec<C, C::Answer> = ProstCodec::default();
                grpc.unary(request, PathAndQuery::from_static(C::PATH), codec).await
            };
            tokio::time::timeout(CALL, answer).await
        });
        let answer = match answer {
            Ok(Ok(answer)) => answer.into_inner(),
            Ok(Err(status)) => return Err(refused(&status)),
            Err(_) => {
                return Err(Failure::new(format!("no answer within {} s", CALL.as_secs()), true));
            }
        };
        match answer.status() {
            Some(said) if said.code != 0 || said.error_code != 0 => Err(told(said)),
            _ => Ok(answer),
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // A runtime that waits for its own end must not be dropped by a thread of another one, such as a server's.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn told(said: &Said) -> Failure {
    let is_not_loaded = said.code == NOT_LOADED;
    let is_starting = STARTING.iter().any(|words| said.reason.contains(words));
    let is_too_many = said.code == RATE_LIMIT || said.error_code == OLD_RATE_LIMIT;
    let passes = said.retriable || is_not_loaded || is_starting || is_too_many;
    // Some reasons begin with pages of where in the server it happened.
    let from = said.reason.len().saturating_sub(LONGEST_REASON);
    let problem = said.reason[said.reason.ceil_char_boundary(from)..].to_owned();
    Failure { problem, passes, is_not_loaded, is_too_many }
}

fn refused(status: &Status) -> Failure {
    let passes = matches!(
        status.code(),
        // A connection that broke is "unknown"; a call that took too long is "cancelled".
        Code::Unavailable | Code::Unknown | Code::Cancelled | Code::DeadlineExceeded | Code::Aborted
    );
    let problem = match status.code() {
        Code::Unauthenticated => {
            format!("{}; NIGH_MILVUS_TOKEN is user:password, or an API key", status.message())
        }
        _ => with_causes(status.message().to_owned(), status),
    };
    Failure::new(problem, passes)
}

/// What is wrong, with its causes: by itself such an error says "transport error".
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    with_causes(error.to_string(), error)
}

fn with_causes(mut said: String, error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !said.contains(&more) {
            said = format!("{said}: {more}");
        }
        cause = error.source();
    }
    said
}

/// What to do about a connection that was not made.
fn hint(problem: &str, tls: bool) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| problem.contains(word));
    match tls {
        true if says(&["UnknownIssuer"]) => "; NIGH_MILVUS_CA is the certificate of who vouches for it",
        true if says(&["InvalidContentType"]) => "; it does not encrypt: without NIGH_MILVUS_TLS",
        false if says(&["broken pipe", "connection reset"]) => "; if it encrypts: NIGH_MILVUS_TLS=1",
        _ => "",
    }
}

fn endpoint(location: &Location, access: &Access) -> Result<Endpoint, String> {
    let scheme = if access.tls { "https" } else { "http" };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{}", location.address)).map_err(|error| causes(&error))?;
    let endpoint = endpoint
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    if !access.tls {
        return Ok(endpoint);
    }
    let read = |path: &PathBuf| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let tls = match &access.ca {
        Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(path)?)),
        None => ClientTlsConfig::new().with_enabled_roots(),
    };
    endpoint.tls_config(tls).map_err(|error| causes(&error))
}

/// A parameter.
pub fn parameter(key: &str, value: impl ToString) -> Pair {
    Pair { key: key.to_owned(), value: value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_say_what_servers_can_do() {
        let of = Abilities::of;
        assert_eq!(of("milvus_lite-3.2.2"), Abilities { words: true, lite: true });
        for (version, words) in [
            ("v2.3.5-lite", false),
            ("v2.4.15", false),
            ("v2.5.0", true),
            ("2.6.1-dev", true),
            ("v3.0", true),
            ("?", false),
        ] {
            assert_eq!(of(version), Abilities { words, lite: false }, "{version}");
        }
    }
}
