//! Arguments of the commands that serve collections.

use super::CollectionArg;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `nigh serve`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh serve                                     the collection .nigh, at http://127.0.0.1:7700
  nigh serve -c books --listen 127.0.0.1:8000
  nigh serve --root collections                  all collections in a folder
  nigh key add me --role admin --keys keys.toml
  nigh serve --listen 0.0.0.0:443 --keys keys.toml --tls-cert cert.pem --tls-key key.pem

The web page is at /, the API at /v1 (described at /openapi.json, with a console at /docs), the
Model Context Protocol at /mcp, and metrics at /metrics. By default only this machine can connect;
other addresses need API keys and TLS. Changes to collections, such as by nigh index, to the key file
and to the certificate are picked up while the server runs. Ctrl-C stops the server after it has
finished running requests; a second Ctrl-C stops it at once. Unfinished jobs, with their uploaded
files, are resumed at the next start.")]
pub struct Serve {
    #[command(flatten)]
    pub target: CollectionArg,
    /// Also serve all collections in DIR, and create new ones there
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Listen on this address
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7700")]
    pub listen: SocketAddr,
    /// Require API keys, which `nigh key add` writes to FILE
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,
    /// Use this certificate chain for TLS
    #[arg(long, value_name = "PEM", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Use this private key for TLS
    #[arg(long, value_name = "PEM", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Accept API keys over plain HTTP, from a reverse proxy that terminates TLS
    #[arg(long)]
    pub plain: bool,
    /// Accept NAME in the Host header, besides localhost
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
    /// Allow cross-origin requests from ORIGIN, such as https://example.org or app://obsidian.md
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// Serve below PATH, such as /search, behind a proxy that does not strip PATH from requests
    #[arg(long, value_name = "PATH")]
    pub base_path: Option<String>,
    /// Let requests use this cross-encoder; a name or a folder
    #[arg(long, value_name = "MODEL")]
    pub reranker: Vec<String>,
    /// Search on N threads [default: number of cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Time out requests after N seconds; embeddings have ten minutes, uploads and /mcp an hour
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub timeout: u32,
    /// Reject uploads of more than N bytes
    #[arg(long, value_name = "N", default_value_t = 1 << 30)]
    pub max_upload_bytes: u64,
    /// Log to standard error at this level: warn, info (one line per request), debug, or per
    /// module
    #[arg(long, value_name = "FILTER", env = "NIGH_LOG", default_value = "warn")]
    pub log: String,
}

/// `nigh mcp`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh mcp -c ~/notes/.nigh                      command for an MCP client to run
  {\"mcpServers\": {\"nigh\": {\"command\": \"nigh\", \"args\": [\"mcp\", \"-c\", \"/home/me/notes/.nigh\"]}}}

Tools: search, get_article, list_collections, evaluate. nigh serve offers the same over HTTP, at /mcp.")]
pub struct Mcp {
    #[command(flatten)]
    pub target: CollectionArg,
    /// Also serve all collections in DIR
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Search on N threads [default: number of cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// `nigh key`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh key add me --role admin
  nigh key list
  nigh key remove me")]
pub struct Key {
    /// What to do.
    #[command(subcommand)]
    pub what: KeyWhat,
}

/// The subcommands of `nigh key`.
#[derive(Debug, Subcommand)]
pub enum KeyWhat {
    /// Create a key and print it once
    Add(KeyAdd),
    /// List the names and roles of all keys
    #[command(after_help = "Examples:
  nigh key list --keys /etc/nigh/keys.toml")]
    List(KeyFile),
    /// Revoke a key; running servers refuse it at once
    Remove(KeyRemove),
}

/// Names the key file.
#[derive(Debug, ClapArgs)]
pub struct KeyFile {
    /// Store keys in FILE
    #[arg(long, value_name = "FILE", default_value = "keys.toml")]
    pub keys: PathBuf,
}

/// `nigh key add`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh key add me --role admin
  nigh key add page --role read --keys /etc/nigh/keys.toml

The file stores only hashes of the keys: a lost key cannot be recovered.")]
pub struct KeyAdd {
    /// The name of the key.
    pub name: String,
    /// Allow the key to do this
    #[arg(long, value_enum)]
    pub role: RoleArg,
    #[command(flatten)]
    pub file: KeyFile,
}

/// `nigh key remove`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh key remove me")]
pub struct KeyRemove {
    /// The name of the key.
    pub name: String,
    #[command(flatten)]
    pub file: KeyFile,
}

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// Search and evaluate
    Read,
    /// Also add and delete articles
    Write,
    /// Also create, compact and delete collections
    Admin,
}

impl From<RoleArg> for server::Role {
    fn from(arg: RoleArg) -> Self {
        match arg {
            RoleArg::Read => Self::Read,
            RoleArg::Write => Self::Write,
            RoleArg::Admin => Self::Admin,
        }
    }
}
