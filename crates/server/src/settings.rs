//! How to serve.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How to serve.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// A collection to serve.
    pub collection: Option<PathBuf>,
    /// A folder whose collections are all served, and where new ones are made.
    pub root: Option<PathBuf>,
    /// A file of API keys; with it, nothing of a collection is given without one.
    pub keys: Option<PathBuf>,
    /// Certificate chain and private key, as PEM files.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether keys may cross a network without TLS, as behind a proxy that has it.
    pub plain: bool,
    /// Names by which the server may be called besides those of this machine.
    pub hosts: Vec<String>,
    /// Origins of other sites whose pages may ask.
    pub origins: Vec<String>,
    /// Rerankers besides the built-in ones, by name or folder.
    pub rerankers: Vec<String>,
    /// How many threads answer.
    pub threads: usize,
    /// How long a request may take.
    pub timeout: Duration,
    /// The largest body of a request, in bytes, uploads aside.
    pub body_limit: usize,
    /// The largest upload, in bytes.
    pub upload_limit: usize,
    /// The most bytes of one article.
    pub article_limit: u64,
}

impl Settings {
    /// The defaults, on this machine alone.
    pub fn new(listen: SocketAddr, threads: usize) -> Self {
        Self {
            listen,
            collection: None,
            root: None,
            keys: None,
            tls: None,
            plain: false,
            hosts: Vec::new(),
            origins: Vec::new(),
            rerankers: Vec::new(),
            threads,
            timeout: Duration::from_secs(30),
            body_limit: 2 << 20,
            upload_limit: 1 << 30,
            article_limit: 16 << 20,
        }
    }
}
