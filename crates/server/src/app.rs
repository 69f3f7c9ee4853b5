//! State shared by all requests.

use crate::jobs::Jobs;
use crate::keys::Keys;
use crate::pool::{ModelRegistry, WorkerPool};
use crate::served::Collections;
use crate::settings::Settings;
use crate::{Error, metrics};
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
    pub keys: Option<Keys>,
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

    pub fn new(settings: Settings) -> std::result::Result<SharedApp, Error> {
        let keys = settings.key_file.as_deref().map(Keys::read).transpose()?;
        check_exposure(&settings, keys.as_ref())?;
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
/// else.
fn is_origin(origin: &str) -> bool {
    let plain = |host: &str| !host.is_empty() && !host.contains(['/', '@', '?', '#', '*']);
    let host = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    host.is_some_and(|host| plain(host) && host.parse::<Authority>().is_ok())
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
        ] {
            assert!(!is_origin(origin), "{origin}");
        }
    }
}
