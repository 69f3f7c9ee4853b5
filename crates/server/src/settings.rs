//! Server settings.

use ingest::read::sandbox::Sandbox;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::Location;

/// Everything that can be configured about a server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// A collection to serve. It is the default where a request names none.
    pub collection: Option<Location>,
    /// A folder whose collections are all served, and where new ones are created.
    pub root: Option<PathBuf>,
    /// A file of API keys. If given, every request for collection data needs one of them.
    pub key_file: Option<PathBuf>,
    /// PEM files of the certificate chain and its private key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether to listen on other than loopback addresses without TLS, as behind a proxy that
    /// terminates it.
    pub allow_plain_http: bool,
    /// Names to accept in the `Host` header besides those of this machine.
    pub allowed_hosts: Vec<String>,
    /// Origins of other sites whose pages may send requests.
    pub allowed_origins: Vec<String>,
    /// The path below which a proxy serves this server, such as `/search`.
    pub base_path: Option<String>,
    /// Rerankers to offer besides the built-in ones, by name or folder.
    pub rerankers: Vec<String>,
    /// How many worker threads answer questions.
    pub threads: usize,
    /// The longest that a request may take; embeddings have ten minutes, uploads and MCP calls an
    /// hour.
    pub timeout: Duration,
    /// The largest request body other than an upload, in bytes.
    pub body_limit: usize,
    /// The largest upload, in bytes.
    pub upload_limit: usize,
    /// The largest article, in bytes.
    pub article_limit: u64,
    /// Where uploaded files are read whose parsers may crash; `None` for this process.
    pub sandbox: Option<Arc<Sandbox>>,
}

impl Settings {
    /// The defaults: no collection, no keys, no TLS.
    pub fn new(listen: SocketAddr, threads: usize) -> Self {
        Self {
            listen,
            collection: None,
            root: None,
            key_file: None,
            tls: None,
            allow_plain_http: false,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            base_path: None,
            rerankers: Vec::new(),
            threads,
            timeout: Duration::from_secs(30),
            body_limit: 2 << 20,
            upload_limit: 1 << 30,
            article_limit: 16 << 20,
            sandbox: None,
        }
    }
}
