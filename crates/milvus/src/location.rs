//! Where a collection is, and how to come in.

use std::path::PathBuf;

/// What such a location begins with.
pub const SCHEME: &str = "milvus";
const DEFAULT_PORT: u16 = 19530;
const DEFAULT_DATABASE: &str = "default";
/// Milvus allows 255 bytes, and one of the two collections has a longer name.
const MAX_NAME_BYTES: usize = 240;

/// `milvus://HOST[:PORT]/[DATABASE/]COLLECTION`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// `HOST:DEFAULT_PORT`
    pub address: String,
    /// The database.
    pub database: String,
    /// The collection of passages; that of articles has `_articles` after it.
    pub collection: String,
}

/// How to come in.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// `user:password`, or an API key.
    pub token: Option<String>,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Who vouches for the server, if it is none of those that the system knows.
    pub ca: Option<PathBuf>,
}

impl Location {
    /// Reads a location.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |problem: &str| format!("{text}: {problem}; expected milvus://HOST[:PORT]/[DATABASE/]COLLECTION");
        let rest = text.strip_prefix(SCHEME).and_then(|rest| rest.strip_prefix("://"));
        let (host, path) = rest.and_then(|rest| rest.split_once('/')).ok_or_else(|| wrong("no collection in it"))?;
        let (database, collection) = path.split_once('/').unwrap_or((DEFAULT_DATABASE, path));
        for name in [database, collection] {
            let begins = name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
            if !begins || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(wrong(&format!("{name:?} is no name of letters, digits and _ that begins with no digit")));
            }
            if name.len() > MAX_NAME_BYTES {
                return Err(wrong(&format!("a name of {} bytes, over the limit of {MAX_NAME_BYTES}", name.len())));
            }
        }
        let port = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map(|(_, port)| port.parse::<u16>());
        let address = match port {
            _ if host.is_empty() || host.starts_with(':') => return Err(wrong("no host in it")),
            Some(Err(_)) => return Err(wrong("its port is no number of 1 to 65535")),
            Some(Ok(_)) => host.to_owned(),
            None => format!("{host}:{DEFAULT_PORT}"),
        };
        Ok(Self { address, database: database.to_owned(), collection: collection.to_owned() })
    }

    /// The collection in which articles are.
    pub fn articles_collection(&self) -> String {
        format!("{}_articles", self.collection)
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{SCHEME}://{}/{}/{}", self.address, self.database, self.collection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_read_and_what_is_wrong_is_said() {
        let of = |text: &str| Location::parse(text).map(|location| location.to_string());
        assert_eq!(of("milvus://host/books").unwrap(), "milvus://host:19530/default/books");
        assert_eq!(of("milvus://10.0.0.1:99/shelf/books").unwrap(), "milvus://10.0.0.1:99/shelf/books");
        assert_eq!(of("milvus://[::1]/books").unwrap(), "milvus://[::1]:19530/default/books");
        assert_eq!(of("milvus://[::1]:7/books").unwrap(), "milvus://[::1]:7/default/books");
        for (text, problem) in [
            ("milvus://host", "no collection"),
            ("milvus://host/", "\"\" is no name"),
            ("milvus://host/a/b/c", "\"b/c\" is no name"),
            ("milvus://host/9a", "\"9a\" is no name"),
            ("milvus://host/a-b", "\"a-b\" is no name"),
            ("milvus:///a", "no host"),
            ("milvus://host:x/a", "its port"),
        ] {
            let said = of(text).unwrap_err();
            assert!(said.contains(problem) && said.contains("expected milvus://HOST"), "{said}");
        }
    }
}
