//! A gRPC client for Milvus that retries failed calls, within a time limit.
//!
//! The official Rust client cannot search on some server versions in use, and pins other crates to
//! old versions (see ARCHITECTURE.md).

use crate::location::{Access, CollectionUrl};
use crate::proto::{
    GetLoadingProgress, GetVersion, KeyValuePair, LoadCollection, Response, Rpc,
    Status as ResponseStatus,
};
use base64::Engine;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use store::{Error, RemoteCause, Result};
use tokio::runtime::Runtime;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

/// Time limits of connecting and of a single call.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// How long reads and writes are retried. A restarting server needs most of a minute.
const READ_RETRY_TIMEOUT: Duration = Duration::from_secs(20);
const WRITE_RETRY_TIMEOUT: Duration = Duration::from_secs(240);
/// Exponential backoff between retries.
const MIN_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// A page of 10,000 vectors exceeds tonic's default of 4 MB.
const MAX_MESSAGE_BYTES: usize = 256 << 20;
/// Milvus' error codes for too many requests, current and before 2.3, and for a collection that is
/// not loaded.
const CODE_RATE_LIMIT: i32 = 8;
const OLD_CODE_RATE_LIMIT: i32 = 49;
const CODE_NOT_LOADED: i32 = 101;
/// Reasons that servers give, under a generic code, while their components restart.
const TRANSIENT_REASONS: [&str; 5] = [
    "node not match",
    "node not found",
    "session not found",
    "not ready",
    "not healthy",
];
/// The most of a server's reason that an error message shows.
const MAX_REASON_BYTES: usize = 300;

/// Why a call failed.
struct Failure {
    /// The server's reason, or the error of the connection.
    reason: String,
    cause: RemoteCause,
    /// Whether the same call may succeed later.
    is_retriable: bool,
    /// The collection exists but has to be loaded before it can be searched.
    is_not_loaded: bool,
    /// The server has received too many such calls.
    is_rate_limited: bool,
}

impl Failure {
    fn new(reason: String, is_retriable: bool) -> Self {
        Self {
            reason,
            cause: RemoteCause::Other,
            is_retriable,
            is_not_loaded: false,
            is_rate_limited: false,
        }
    }
}

/// What the server supports, by its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerCapabilities {
    /// BM25 full-text search.
    pub full_text_search: bool,
    /// Milvus-lite: a single Python process for development. Its graphs lose rows under filters,
    /// and its BM25 scores have the opposite sign.
    pub is_lite: bool,
}

impl ServerCapabilities {
    fn from_version(version: &str) -> Self {
        if version.starts_with("milvus_lite") {
            return Self {
                full_text_search: true,
                is_lite: true,
            };
        }
        let mut numbers = version
            .trim_start_matches('v')
            .split(|c: char| !c.is_ascii_digit());
        let mut next = || {
            numbers
                .next()
                .and_then(|number| number.parse::<u32>().ok())
                .unwrap_or_default()
        };
        Self {
            full_text_search: (next(), next()) >= (2, 5),
            is_lite: false,
        }
    }
}

/// A connection to a server.
pub struct Client {
    /// `Some` until the client is dropped.
    runtime: Option<Runtime>,
    channel: Channel,
    /// Metadata of every call.
    headers: Vec<(&'static str, AsciiMetadataValue)>,
    location: CollectionUrl,
    pub capabilities: ServerCapabilities,
}

impl Client {
    /// Connects, and asks for the server's version.
    pub fn open(location: &CollectionUrl, access: &Access) -> Result<Self> {
        let connect_error = |answer: String| Error::Remote {
            location: location.to_string(),
            cause: cause_of(&answer, access.tls),
            answer,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| connect_error(error.to_string()))?;
        let header = |text: String| {
            AsciiMetadataValue::try_from(text).map_err(|error| connect_error(error.to_string()))
        };
        let mut headers = vec![("dbname", header(location.database.clone())?)];
        if let Some(token) = &access.token {
            let encoded = base64::engine::general_purpose::STANDARD.encode(token);
            headers.push(("authorization", header(encoded)?));
        }
        let endpoint = endpoint(location, access, connect_error)?;
        let started = Instant::now();
        let mut pause = MIN_BACKOFF;
        let channel = loop {
            // The endpoint's own timeout covers the TCP connection but not the TLS handshake.
            let failure = match runtime.block_on(async {
                tokio::time::timeout(READ_RETRY_TIMEOUT, endpoint.connect()).await
            }) {
                Ok(Ok(channel)) => break channel,
                Ok(Err(error)) => error_chain(&error),
                Err(_) => format!("timed out after {} s", READ_RETRY_TIMEOUT.as_secs()),
            };
            if started.elapsed() > CONNECT_TIMEOUT {
                return Err(connect_error(format!("no Milvus answers there: {failure}")));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(MAX_BACKOFF);
        };
        let capabilities = ServerCapabilities {
            full_text_search: false,
            is_lite: false,
        };
        let mut client = Self {
            runtime: Some(runtime),
            channel,
            headers,
            location: location.clone(),
            capabilities,
        };
        let version = client.read(GetVersion {}).map_err(|error| match error {
            Error::Remote {
                location,
                answer,
                cause: RemoteCause::Other,
            } => Error::Remote {
                location,
                cause: cause_of(&answer, access.tls),
                answer,
            },
            other => other,
        })?;
        client.capabilities = ServerCapabilities::from_version(&version.version);
        Ok(client)
    }

    pub fn location(&self) -> &CollectionUrl {
        &self.location
    }

    /// An error about this collection.
    pub fn error(&self, answer: impl Into<String>) -> Error {
        self.error_with_cause(answer, RemoteCause::Other)
    }

    /// An error about this collection that a user can do something about.
    pub fn error_with_cause(&self, answer: impl Into<String>, cause: RemoteCause) -> Error {
        Error::Remote {
            location: self.location.to_string(),
            answer: answer.into(),
            cause,
        }
    }

    /// Calls something that changes nothing.
    pub fn read<C: Rpc>(&self, request: C) -> Result<C::Response> {
        self.with_retries(READ_RETRY_TIMEOUT, request)
    }

    /// Calls something that changes data. It must be idempotent, because it is retried.
    pub fn write<C: Rpc>(&self, request: C) -> Result<C::Response> {
        self.with_retries(WRITE_RETRY_TIMEOUT, request)
    }

    /// Like [`Client::write`], but counts as successful if the server has rate-limited it.
    pub fn write_unless_rate_limited<C: Rpc>(&self, request: C) -> Result<()> {
        match self.try_call(request.clone()) {
            Ok(_) => Ok(()),
            Err(failure) if failure.is_rate_limited => Ok(()),
            Err(_) => self.write(request).map(|_| ()),
        }
    }

    /// Whether a collection is fully loaded and can be searched.
    pub fn is_loaded(&self, collection: &str) -> bool {
        self.try_call(GetLoadingProgress {
            collection_name: collection.to_owned(),
        })
        .is_ok_and(|response| response.progress >= 100)
    }

    /// Calls until it succeeds, fails for good, or `timeout` is over.
    fn with_retries<C: Rpc>(&self, timeout: Duration, request: C) -> Result<C::Response> {
        let (started, mut pause) = (Instant::now(), MIN_BACKOFF);
        loop {
            let failure = match self.try_call(request.clone()) {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            if !failure.is_retriable || started.elapsed() + pause > timeout {
                return Err(self.error_with_cause(failure.reason, failure.cause));
            }
            if failure.is_not_loaded {
                // After a restart nothing has loaded it yet. If loading fails, so does the next
                // try.
                for name in [
                    self.location.collection.clone(),
                    self.location.articles_collection(),
                ] {
                    let _ = self.try_call(LoadCollection {
                        collection_name: name,
                    });
                }
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(MAX_BACKOFF);
        }
    }

    fn try_call<C: Rpc>(&self, request: C) -> Result<C::Response, Failure> {
        let Some(runtime) = &self.runtime else {
            return Err(Failure::new("the connection is closed".to_owned(), false));
        };
        let mut grpc = Grpc::new(self.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let mut request = Request::new(request);
        for (name, value) in &self.headers {
            request.metadata_mut().insert(*name, value.clone());
        }
        let response = runtime.block_on(async {
            let response = async {
                let ready = grpc.ready().await;
                ready.map_err(|error| Status::unavailable(error_chain(&error)))?;
                let codec: ProstCodec<C, C::Response> = ProstCodec::default();
                grpc.unary(request, PathAndQuery::from_static(C::PATH), codec)
                    .await
            };
            tokio::time::timeout(CALL_TIMEOUT, response).await
        });
        let response = match response {
            Ok(Ok(response)) => response.into_inner(),
            Ok(Err(status)) => return Err(failure_from_rpc(&status)),
            Err(_) => {
                return Err(Failure::new(
                    format!("no answer within {} s", CALL_TIMEOUT.as_secs()),
                    true,
                ));
            }
        };
        match response.status() {
            Some(status) if status.code != 0 || status.error_code != 0 => {
                Err(failure_from_response(status))
            }
            _ => Ok(response),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Dropping a runtime blocks, which panics inside another runtime, such as that of a server.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn failure_from_response(status: &ResponseStatus) -> Failure {
    let is_not_loaded = status.code == CODE_NOT_LOADED;
    let is_transient = TRANSIENT_REASONS
        .iter()
        .any(|text| status.reason.contains(text));
    let is_rate_limited =
        status.code == CODE_RATE_LIMIT || status.error_code == OLD_CODE_RATE_LIMIT;
    let is_retriable = status.retriable || is_not_loaded || is_transient || is_rate_limited;
    // Keep the end: some reasons start with a long stack trace.
    let from = status.reason.len().saturating_sub(MAX_REASON_BYTES);
    let reason = status.reason[status.reason.ceil_char_boundary(from)..].to_owned();
    Failure {
        is_not_loaded,
        is_rate_limited,
        ..Failure::new(reason, is_retriable)
    }
}

fn failure_from_rpc(status: &Status) -> Failure {
    let is_retriable = matches!(
        status.code(),
        // A broken connection is "unknown", a call that timed out is "cancelled".
        Code::Unavailable
            | Code::Unknown
            | Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
    );
    if status.code() == Code::Unauthenticated {
        return Failure {
            cause: RemoteCause::Credentials,
            ..Failure::new(status.message().to_owned(), is_retriable)
        };
    }
    Failure::new(
        append_causes(status.message().to_owned(), status),
        is_retriable,
    )
}

/// An error with its sources: tonic's own message is only "transport error".
fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    append_causes(error.to_string(), error)
}

fn append_causes(mut text: String, error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// Why a connection failed. tonic has only the text of what rustls and the system say.
fn cause_of(answer: &str, tls: bool) -> RemoteCause {
    let says = |words: &[&str]| words.iter().any(|word| answer.contains(word));
    match tls {
        true if says(&["UnknownIssuer"]) => RemoteCause::UntrustedCertificate,
        true if says(&["InvalidContentType"]) => RemoteCause::NoTls,
        false if says(&["broken pipe", "connection reset"]) => RemoteCause::PerhapsTls,
        _ => RemoteCause::Other,
    }
}

fn endpoint(
    location: &CollectionUrl,
    access: &Access,
    connect_error: impl Fn(String) -> Error,
) -> Result<Endpoint> {
    let scheme = if access.tls { "https" } else { "http" };
    let transport_error = |error: tonic::transport::Error| connect_error(error_chain(&error));
    let endpoint = Endpoint::from_shared(format!("{scheme}://{}", location.address))
        .map_err(transport_error)?;
    let endpoint = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    if !access.tls {
        return Ok(endpoint);
    }
    let read = |path: &PathBuf| {
        let unreadable =
            |error: std::io::Error| connect_error(format!("{}: {error}", path.display()));
        std::fs::read(path).map_err(unreadable)
    };
    let tls = match &access.ca {
        Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(path)?)),
        None => ClientTlsConfig::new().with_enabled_roots(),
    };
    endpoint.tls_config(tls).map_err(transport_error)
}

/// A key-value parameter of a request.
pub fn parameter(key: &str, value: impl ToString) -> KeyValuePair {
    KeyValuePair {
        key: key.to_owned(),
        value: value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_follow_from_the_version() {
        let parse = ServerCapabilities::from_version;
        assert_eq!(
            parse("milvus_lite-3.2.2"),
            ServerCapabilities {
                full_text_search: true,
                is_lite: true
            }
        );
        for (version, full_text_search) in [
            ("v2.3.5-lite", false),
            ("v2.4.15", false),
            ("v2.5.0", true),
            ("2.6.1-dev", true),
            ("v3.0", true),
            ("?", false),
        ] {
            assert_eq!(
                parse(version),
                ServerCapabilities {
                    full_text_search,
                    is_lite: false
                },
                "{version}"
            );
        }
    }
}
