//! What all requests share.

use crate::hosted::Collections;
use crate::jobs::Jobs;
use crate::keys::Keys;
use crate::pool::{Models, Pool};
use crate::problem::{Problem, Result};
use crate::settings::Settings;
use crate::{Error, metrics};
use axum::body::Bytes;
use axum::http::uri::Authority;
use metrics_exporter_prometheus::PrometheusHandle;
use moka::sync::Cache;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How much memory remembered answers may take, in bytes.
const CACHED: u64 = 64 << 20;
/// How many jobs run at once, evaluations and others: they share the cores with questions.
const JOBS: usize = 1;

/// How many requests are answered at once, those included that wait for a thread.
const AT_ONCE: usize = 1024;

/// What all requests share.
pub struct App {
    pub settings: Settings,
    pub collections: Collections,
    pub models: Arc<Models>,
    pub pool: Pool,
    pub jobs: Jobs,
    /// A place for each request.
    pub room: Semaphore,
    pub keys: Option<Keys>,
    /// Answers by snapshot and question.
    pub answers: Cache<(u64, String), Bytes>,
    pub metrics: PrometheusHandle,
}

/// The state of every handler.
pub type Shared = Arc<App>;

impl App {
    /// On how many threads a job works: the other half of the cores is for questions.
    pub fn job_threads(&self) -> usize {
        self.settings.threads.div_ceil(2)
    }

    pub fn new(settings: Settings) -> std::result::Result<Shared, Error> {
        let keys = settings.keys.as_deref().map(Keys::read).transpose()?;
        check(&settings, keys.as_ref())?;
        let collections = Collections::open(settings.collection.as_deref(), settings.root.as_deref())?;
        let models = Arc::new(Models::default());
        // What cannot be loaded is better known now than at the first question.
        for hosted in collections.all() {
            match models.embedder(&hosted.snapshot().collection.manifest().model.name) {
                Ok(_) => {}
                Err(error) if collections.default_name() == Some(&hosted.name) => return Err(error.into()),
                // The others can be asked all the same.
                Err(error) => tracing::error!(collection = hosted.name, %error, "cannot be asked"),
            }
        }
        for name in &settings.rerankers {
            models.reranker(name)?;
        }
        let pool = Pool::new(settings.threads, models.clone()).map_err(Error::Threads)?;
        let answers = Cache::builder()
            .max_capacity(CACHED)
            .weigher(|(_, question): &(u64, String), answer: &Bytes| {
                u32::try_from(question.len() + answer.len() + 128).unwrap_or(u32::MAX)
            })
            .build();
        Ok(Arc::new(Self {
            collections,
            models,
            pool,
            jobs: Jobs::new(JOBS),
            room: Semaphore::new(AT_ONCE),
            keys,
            answers,
            metrics: metrics::recorder(),
            settings,
        }))
    }
}

/// Nothing is to be reached from elsewhere by accident.
fn check(settings: &Settings, keys: Option<&Keys>) -> std::result::Result<(), Error> {
    if let Some(origin) = settings.origins.iter().find(|origin| !is_origin(origin)) {
        return Err(Error::Origin { origin: origin.clone() });
    }
    if settings.listen.ip().is_loopback() {
        return Ok(());
    }
    if keys.is_none_or(Keys::is_empty) {
        return Err(Error::Open { listen: settings.listen });
    }
    if settings.tls.is_none() && !settings.plain {
        return Err(Error::Plain { listen: settings.listen });
    }
    Ok(())
}

/// Whether browsers would say it of a page: a scheme, a host, perhaps a port, and no more.
fn is_origin(origin: &str) -> bool {
    let plain = |host: &str| !host.is_empty() && !host.contains(['/', '@', '?', '#', '*']);
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    host.is_some_and(|host| plain(host) && host.parse::<Authority>().is_ok())
}

/// Work that reads files, on a thread where it may wait.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work))
        .await
        .unwrap_or_else(|_| Err(Problem::internal(&"a thread panicked")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_as_browsers_say_them() {
        for origin in ["https://notes.example", "http://localhost:5173", "http://[::1]:80"] {
            assert!(is_origin(origin), "{origin}");
        }
        for origin in ["*", "https://*", "notes.example", "https://a.example/", "https://", "file://x", "http://a b"] {
            assert!(!is_origin(origin), "{origin}");
        }
    }
}
