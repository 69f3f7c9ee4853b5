//! The commands that serve others.

use super::OnCollection;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `nigh serve`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh serve                                     this folder's collection, at http://127.0.0.1:7700
  nigh serve -c books --listen 127.0.0.1:8000
  nigh serve --root collections                  all in a folder, and new ones from the page
  nigh key add me --role admin --keys keys.toml
  nigh serve --listen 0.0.0.0:443 --keys keys.toml --tls-cert cert.pem --tls-key key.pem

The page is at /, the API at /v1 with its description at /openapi.json and a page to try it at
/docs, the Model Context Protocol at /mcp, metrics at /metrics. Only this machine can reach it
unless --listen says otherwise; then API keys and TLS are needed. New commits, by nigh index for
instance, are taken up while it runs. Ctrl-C finishes what is under way and stops.")]
pub struct Serve {
    #[command(flatten)]
    pub on: OnCollection,
    /// Serve every collection in this folder too, and make new ones there
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7700")]
    pub listen: SocketAddr,
    /// A file of API keys, which nigh key makes: without one of them nobody is answered
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,
    /// The certificate chain for TLS
    #[arg(long, value_name = "PEM", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The private key for TLS
    #[arg(long, value_name = "PEM", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Let keys come without TLS, from a proxy that has it
    #[arg(long)]
    pub plain: bool,
    /// A name by which the server may be called, besides localhost
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
    /// Another site whose pages may ask, such as https://example.org
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// A cross-encoder that questions may ask for, by name or folder
    #[arg(long, value_name = "MODEL")]
    pub reranker: Vec<String>,
    /// How many threads answer [default: one a core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// How many seconds a request may take
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub timeout: u32,
    /// The largest upload, in bytes
    #[arg(long, value_name = "N", default_value_t = 1 << 30)]
    pub max_upload_bytes: u64,
    /// What to log on standard error: warn, info (a line a request), debug, or by module
    #[arg(long, value_name = "FILTER", env = "NIGH_LOG", default_value = "warn")]
    pub log: String,
}

/// `nigh mcp`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh mcp -c ~/notes/.nigh                      for a client that starts it itself
  {\"mcpServers\": {\"nigh\": {\"command\": \"nigh\", \"args\": [\"mcp\", \"-c\", \"/home/me/notes/.nigh\"]}}}

Tools: search, get_article, list_collections, evaluate. Over HTTP the same is at /mcp of nigh serve.")]
pub struct Mcp {
    #[command(flatten)]
    pub on: OnCollection,
    /// Serve every collection in this folder too
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// How many threads answer [default: one a core]
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

/// What can be done with API keys.
#[derive(Debug, Subcommand)]
pub enum KeyWhat {
    /// Make a key, and show it once
    Add(KeyAdd),
    /// List the names and roles of keys
    #[command(after_help = "Examples:
  nigh key list --keys /etc/nigh/keys.toml")]
    List(KeyFile),
    /// Take a key back; a server that runs is to be started again
    Remove(KeyRemove),
}

/// Which file.
#[derive(Debug, ClapArgs)]
pub struct KeyFile {
    /// The file of keys
    #[arg(long, value_name = "FILE", default_value = "keys.toml")]
    pub keys: PathBuf,
}

/// `nigh key add`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh key add me --role admin
  nigh key add page --role read --keys /etc/nigh/keys.toml

The file keeps hashes of keys alone: a key that is lost cannot be found out again.")]
pub struct KeyAdd {
    /// Whose key it is.
    pub name: String,
    /// What its holder may do
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
    /// Whose key it is.
    pub name: String,
    #[command(flatten)]
    pub file: KeyFile,
}

/// What the holder of a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// Ask, read, judge
    Read,
    /// Also add and delete articles
    Write,
    /// Also make, compact and remove collections
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
