//! The Milvus settings of `nigh.toml` and the environment.

use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The table `[milvus]`. `NIGH_MILVUS_TOKEN`, `_TLS`, `_CA` and `_INDEX` take precedence.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    not(feature = "milvus"),
    expect(dead_code, reason = "a build without Milvus reads the same nigh.toml")
)]
pub struct Settings {
    token: Option<String>,
    tls: Option<bool>,
    ca: Option<PathBuf>,
    index: Option<String>,
}

#[cfg(feature = "milvus")]
pub use ::milvus::Backend;

#[cfg(feature = "milvus")]
impl Settings {
    /// The backend with these settings. A relative `ca` is resolved against `folder`, which holds
    /// nigh.toml.
    pub fn backend(&self, folder: &Path) -> anyhow::Result<Backend> {
        let env_var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let tls = match env_var("NIGH_MILVUS_TLS").as_deref() {
            None => self.tls.unwrap_or(false),
            Some("1" | "true") => true,
            Some("0" | "false") => false,
            Some(other) => anyhow::bail!("NIGH_MILVUS_TLS={other}: expected 1 or 0"),
        };
        let index = match env_var("NIGH_MILVUS_INDEX")
            .as_ref()
            .or(self.index.as_ref())
            .map(String::as_str)
        {
            None => None,
            Some("hnsw") => Some(::milvus::IndexKind::Hnsw),
            Some("flat") => Some(::milvus::IndexKind::Flat),
            Some(other) => anyhow::bail!(
                "{other:?} (NIGH_MILVUS_INDEX, or index under [milvus] in nigh.toml): expected hnsw or flat"
            ),
        };
        let ca = env_var("NIGH_MILVUS_CA").map(PathBuf::from);
        let access = ::milvus::Access {
            token: env_var("NIGH_MILVUS_TOKEN").or_else(|| self.token.clone()),
            tls,
            ca: ca.or_else(|| self.ca.as_ref().map(|ca| folder.join(ca))),
        };
        Ok(Backend { access, index })
    }
}

/// Stands for the backend, and names the missing feature.
#[cfg(not(feature = "milvus"))]
#[derive(Debug, Default)]
pub struct Backend;

#[cfg(not(feature = "milvus"))]
impl Settings {
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "the same call in a build with Milvus can fail"
    )]
    pub fn backend(&self, _folder: &Path) -> anyhow::Result<Backend> {
        Ok(Backend)
    }
}

#[cfg(not(feature = "milvus"))]
impl Backend {
    #[expect(clippy::unused_self, reason = "a build with Milvus has settings")]
    pub fn locate(&self, url: &str) -> store::Result<store::Location> {
        Err(store::Error::Location {
            url: url.to_owned(),
            reason: store::LocationError::NotBuiltIn {
                backend: "Milvus",
                feature: "milvus",
            },
        })
    }
}
