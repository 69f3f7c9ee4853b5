//! Where a collection is, and how to connect to the server.

use std::path::PathBuf;
use store::{Error, LocationError, Result};

/// The scheme of the URLs.
pub const SCHEME: &str = "milvus";
const DEFAULT_PORT: u16 = 19530;
const DEFAULT_DATABASE: &str = "default";
/// Milvus allows 255 bytes, and the name of the articles' collection has a suffix.
const MAX_NAME_BYTES: usize = 240;

/// `milvus://HOST[:PORT]/[DATABASE/]COLLECTION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionUrl {
    /// `HOST:PORT`.
    pub address: String,
    /// The Milvus database.
    pub database: String,
    /// The Milvus collection of passages; that of articles has the suffix `_articles`.
    pub collection: String,
}

/// How to connect to a server.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// `user:password`, or an API key.
    pub token: Option<String>,
    /// Whether to use TLS.
    pub tls: bool,
    /// A PEM file with the CA certificate, for servers that the system's root certificates do not
    /// cover.
    pub ca: Option<PathBuf>,
}

impl CollectionUrl {
    /// Parses a URL.
    pub fn parse(text: &str) -> Result<Self> {
        let error = |found: &str| Error::Location {
            url: text.to_owned(),
            reason: LocationError::Malformed {
                found: found.to_owned(),
                expected: "milvus://HOST[:PORT]/[DATABASE/]COLLECTION",
            },
        };
        let rest = text
            .strip_prefix(SCHEME)
            .and_then(|rest| rest.strip_prefix("://"));
        let (host, path) = rest
            .and_then(|rest| rest.split_once('/'))
            .ok_or_else(|| error("no collection in it"))?;
        let (database, collection) = path.split_once('/').unwrap_or((DEFAULT_DATABASE, path));
        for name in [database, collection] {
            let starts_well = name
                .bytes()
                .next()
                .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
            if !starts_well
                || !name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            {
                return Err(error(&format!(
                    "{name:?} is not a name of letters, digits and _ that begins with a letter or _"
                )));
            }
            if name.len() > MAX_NAME_BYTES {
                return Err(error(&format!(
                    "a name of {} bytes, over the limit of {MAX_NAME_BYTES}",
                    name.len()
                )));
            }
        }
        let port = host
            .rsplit_once(':')
            .filter(|(_, port)| !port.ends_with(']'))
            .map(|(_, port)| port.parse::<u16>());
        let address = match port {
            _ if host.is_empty() || host.starts_with(':') => return Err(error("no host in it")),
            Some(Err(_)) => return Err(error("its port is not a number from 1 to 65535")),
            Some(Ok(_)) => host.to_owned(),
            None => format!("{host}:{DEFAULT_PORT}"),
        };
        Ok(Self {
            address,
            database: database.to_owned(),
            collection: collection.to_owned(),
        })
    }

    /// The Milvus collection of articles.
    pub fn articles_collection(&self) -> String {
        format!("{}_articles", self.collection)
    }
}

impl std::fmt::Display for CollectionUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{SCHEME}://{}/{}/{}",
            self.address, self.database, self.collection
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_accepts_locations_and_explains_what_is_wrong() {
        let parse = |text: &str| CollectionUrl::parse(text).map(|url| url.to_string());
        assert_eq!(
            parse("milvus://host/books").unwrap(),
            "milvus://host:19530/default/books"
        );
        assert_eq!(
            parse("milvus://10.0.0.1:99/shelf/books").unwrap(),
            "milvus://10.0.0.1:99/shelf/books"
        );
        assert_eq!(
            parse("milvus://[::1]/books").unwrap(),
            "milvus://[::1]:19530/default/books"
        );
        assert_eq!(
            parse("milvus://[::1]:7/books").unwrap(),
            "milvus://[::1]:7/default/books"
        );
        for (text, problem) in [
            ("milvus://host", "no collection"),
            ("milvus://host/", "\"\" is not a name"),
            ("milvus://host/a/b/c", "\"b/c\" is not a name"),
            ("milvus://host/9a", "\"9a\" is not a name"),
            ("milvus://host/a-b", "\"a-b\" is not a name"),
            ("milvus:///a", "no host"),
            ("milvus://host:x/a", "its port"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(
                error.contains(problem) && error.contains("expected milvus://HOST"),
                "{error}"
            );
        }
    }
}
