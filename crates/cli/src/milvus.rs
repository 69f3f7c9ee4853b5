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
impl Settings {
    /// Registers the backend for `milvus://` locations. A relative `ca` is resolved against
    /// `folder`, which holds nigh.toml.
    pub fn register(&self, folder: &Path) -> anyhow::Result<()> {
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
        ::milvus::register(access, index);
        Ok(())
    }
}

#[cfg(not(feature = "milvus"))]
impl Settings {
    /// Registers a backend for `milvus://` locations that fails and names the missing feature.
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "the same call in a build with Milvus can fail"
    )]
    pub fn register(&self, _folder: &Path) -> anyhow::Result<()> {
        store::register("milvus", Box::new(NotBuiltIn));
        Ok(())
    }
}

#[cfg(not(feature = "milvus"))]
struct NotBuiltIn;

#[cfg(not(feature = "milvus"))]
impl NotBuiltIn {
    fn error<T>(location: &str) -> store::Result<T> {
        let problem =
            format!("{location}: this build has no Milvus; build with `--features milvus`");
        Err(store::Error::Location { problem })
    }
}

#[cfg(not(feature = "milvus"))]
impl store::Remote for NotBuiltIn {
    fn open(&self, location: &str) -> store::Result<Box<dyn store::Collection>> {
        Self::error(location)
    }

    fn create(
        &self,
        location: &str,
        _: store::Manifest,
    ) -> store::Result<Box<dyn store::Collection>> {
        Self::error(location)
    }

    fn exists(&self, location: &str) -> store::Result<bool> {
        Self::error(location)
    }
}
