//! State shared by all requests.

use crate::jobs::Jobs;
use crate::key_file::KeyFile;
use crate::keys::Keys;
use crate::pool::{ModelRegistry, WorkerPool};
use crate::served::Collections;
use crate::settings::Settings;
use crate::{Error, metrics, mount};
use axum::body::Bytes;
use axum::http::uri::Authority;
use metrics_exporter_prometheus::PrometheusHandle;
use moka::sync::Cache;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Memory for cached answers, in bytes.
const ANSWER_CACHE_BYTES: u64 = 64 << 20;
/// How many jobs of each queue run at once: they share the cores with questions.
const MAX_RUNNING_JOBS: usize = 1;

/// The most requests in progress at once, including those that wait for a worker thread.
const MAX_IN_FLIGHT: usize = 1024;

/// State shared by all requests.
pub struct App {
    pub settings: Settings,
    pub collections: Collections,
    pub models: Arc<ModelRegistry>,
    pub pool: WorkerPool,
    pub jobs: Jobs,
    /// One permit for each request in progress.
    pub in_flight: Semaphore,
    pub keys: Option<KeyFile>,
    /// Search responses as JSON, by snapshot id and question.
    pub answer_cache: Cache<(u64, String), Bytes>,
    pub metrics: PrometheusHandle,
}

/// The state of every handler.
pub type SharedApp = Arc<App>;

impl App {
    /// How many threads a job uses: half of them, so that the rest can answer questions.
    pub fn job_threads(&self) -> usize {
        self.settings.threads.div_ceil(2)
    }

    pub fn new(mut settings: Settings) -> std::result::Result<SharedApp, Error> {
        for origin in &mut settings.allowed_origins {
            *origin = as_browsers_write(origin);
        }
        let keys = settings
            .key_file
            .as_deref()
            .map(KeyFile::open)
            .transpose()?;
        check_exposure(&settings, keys.as_ref().map(KeyFile::keys).as_deref())?;
        let collections =
            Collections::open(settings.collection.as_ref(), settings.root.as_deref())?;
        let models = Arc::new(ModelRegistry::default());
        // Load models now, so that a missing one is an error at startup and not at the first
        // question.
        for served in collections.all() {
            match models.embedder(&served.snapshot().collection.manifest().model.name) {
                Ok(_) => {}
                Err(error) if collections.default_name() == Some(&served.name) => {
                    return Err(error.into());
                }
                // One broken collection does not keep the others from being served.
                Err(error) => {
                    tracing::error!(collection = served.name, %error, "cannot load the model; searches will fail")
                }
            }
        }
        for name in &settings.rerankers {
            models.reranker(name)?;
        }
        let pool = WorkerPool::new(settings.threads, models.clone()).map_err(Error::Threads)?;
        let answer_cache = Cache::builder()
            .max_capacity(ANSWER_CACHE_BYTES)
            .weigher(|(_, question): &(u64, String), answer: &Bytes| {
                u32::try_from(question.len() + answer.len() + 128).unwrap_or(u32::MAX)
            })
            .build();
        Ok(Arc::new(Self {
            collections,
            models,
            pool,
            jobs: Jobs::new(MAX_RUNNING_JOBS),
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
            keys,
            answer_cache,
            metrics: metrics::prometheus(),
            settings,
        }))
    }
}

/// Refuses settings that would expose collections, or API keys in the clear, to other machines by
/// accident.
fn check_exposure(settings: &Settings, keys: Option<&Keys>) -> std::result::Result<(), Error> {
    if let Some(origin) = settings
        .allowed_origins
        .iter()
        .find(|origin| !is_origin(origin))
    {
        return Err(Error::InvalidOrigin {
            origin: origin.clone(),
        });
    }
    if let Some(path) = settings
        .base_path
        .as_ref()
        .filter(|path| !mount::is_base_path(path))
    {
        return Err(Error::InvalidBasePath { path: path.clone() });
    }
    if settings.listen.ip().is_loopback() {
        return Ok(());
    }
    if keys.is_none_or(Keys::is_empty) {
        return Err(Error::KeysRequired {
            listen: settings.listen,
        });
    }
    if settings.tls.is_none() && !settings.allow_plain_http {
        return Err(Error::TlsRequired {
            listen: settings.listen,
        });
    }
    Ok(())
}

/// Whether a browser could send this as an `Origin`: a scheme, a host, perhaps a port, and nothing
/// else. Apps and extensions have schemes of their own.
fn is_origin(origin: &str) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else {
        return false;
    };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        // Its pages have the origin `null`.
        && scheme != "file";
    is_scheme
        && !host.is_empty()
        && !host.contains(['/', '@', '?', '#', '*'])
        && host.parse::<Authority>().is_ok()
}

/// An origin as browsers write it: in lower case, and without a port that is the scheme's own.
fn as_browsers_write(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    let own_port = [("https://", ":443"), ("http://", ":80")]
        .into_iter()
        .find(|(scheme, port)| origin.starts_with(scheme) && origin.ends_with(port));
    match own_port {
        Some((_, port)) => origin[..origin.len() - port.len()].to_owned(),
        None => origin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_origin_accepts_only_scheme_host_and_port() {
        for origin in [
            "https://notes.example",
            "http://localhost:5173",
            "http://[::1]:80",
            "app://obsidian.md",
            "chrome-extension://abcdefghijklmnop",
            "tauri://localhost",
            "vscode-webview://0f8a",
        ] {
            assert!(is_origin(origin), "{origin}");
        }
        for origin in [
            "*",
            "https://*",
            "notes.example",
            "https://a.example/",
            "https://",
            "file://x",
            "http://a b",
            "://a",
            "1x://a",
            "null",
        ] {
            assert!(!is_origin(origin), "{origin}");
        }
    }

    #[test]
    fn origins_are_compared_as_browsers_write_them() {
        for (given, written) in [
            ("https://Notes.Example:443", "https://notes.example"),
            ("http://notes.example:80", "http://notes.example"),
            ("http://notes.example:443", "http://notes.example:443"),
            ("app://obsidian.md", "app://obsidian.md"),
        ] {
            assert_eq!(as_browsers_write(given), written);
        }
    }
}
