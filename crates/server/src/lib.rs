//! Serves collections over HTTP and MCP, and a web page to search them with.
//!
//! Takes [`Settings`] and gives a running server. [`serve`] listens for HTTP: the API under `/v1`
//! (described at `/openapi.json`, with Swagger UI at `/docs`), the web page at `/`, the Model
//! Context Protocol at `/mcp`, Prometheus metrics at `/metrics`, and `/healthz` and `/readyz`.
//! [`serve_mcp`] speaks MCP over standard input and output. One worker thread per core answers
//! questions from a bounded queue. Each answer comes from a single commit; new commits are picked
//! up in the background. Long work runs as a job.
//!
//! This crate never exposes collection data to other machines without an API key, never reads a
//! path that a client names, and never prints: it logs through `tracing`.

#![deny(missing_docs)]

mod api_docs;
mod app;
mod blocking;
mod drain_body;
mod etag;
mod evaluation;
mod file_name;
mod file_stamp;
mod guard;
mod jobs;
mod json_body;
mod key_file;
mod keys;
mod lenient_number;
mod map;
mod mcp;
mod mcp_arguments;
mod metrics;
mod mount;
mod openai;
mod page;
mod pool;
mod problem;
mod question;
mod routes;
mod served;
mod settings;
mod signals;
mod suggest;
mod tasks;
mod tls;
mod unpack_body;
mod uploads;
mod words;

pub use keys::{Error as KeyError, Keys, Role};
pub use settings::Settings;

use app::{App, SharedApp};
use axum::Extension;
use axum_server::Handle;
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;
use tls::Certificate;
use tokio::sync::watch;

/// How long requests in progress may take to finish once the server has been told to stop.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the running job may take then. One that needs longer goes on at the next start.
const JOB_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(25);
/// How often to look for newer commits.
const REFRESH_INTERVAL: Duration = Duration::from_millis(500);
/// The most threads that run blocking work, jobs included.
const MAX_BLOCKING_THREADS: usize = 64;
/// How long a client may take to send the headers of a request.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the server could not start, or why the MCP session failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is reachable from other machines, but there is no API key.
    #[error("{listen} can be reached from other machines, so it needs API keys")]
    KeysRequired {
        /// The address from the settings.
        listen: SocketAddr,
    },
    /// The address is reachable from other machines, but API keys would be sent in the clear.
    #[error("{listen} can be reached from other machines, and API keys would be sent unencrypted")]
    TlsRequired {
        /// The address from the settings.
        listen: SocketAddr,
    },
    /// The address cannot be bound, or the listener failed.
    #[error("{listen}: {source}")]
    Listen {
        /// The address from the settings.
        listen: SocketAddr,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// An allowed origin that is not an origin: a browser would never send it.
    #[error(
        "{origin}: expected a scheme, a host and perhaps a port, such as https://notes.example:8443"
    )]
    InvalidOrigin {
        /// The origin from the settings.
        origin: String,
    },
    /// A path to serve below that is none.
    #[error("--base-path {path}: expected a path such as /search, without a slash at its end")]
    InvalidBasePath {
        /// The path from the settings.
        path: String,
    },
    /// The certificate chain or its private key cannot be used.
    #[error("{cert}, {key}: {source}")]
    Tls {
        /// The certificate chain.
        cert: PathBuf,
        /// The private key.
        key: PathBuf,
        /// Why they were rejected.
        source: std::io::Error,
    },
    /// A collection, or the folder of collections, cannot be opened.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The key file cannot be read.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A model cannot be loaded.
    #[error(transparent)]
    Model(#[from] engine::Error),
    /// The operating system refused to start a thread.
    #[error("cannot start threads: {0}")]
    Threads(std::io::Error),
    /// The MCP session ended with an error.
    #[error("Model Context Protocol: {0}")]
    Protocol(String),
}

/// Serves HTTP until Ctrl-C or SIGTERM, then lets requests in progress finish. Calls `ready` with
/// the bound address once the server accepts connections.
///
/// # Errors
/// Whatever prevents the server from starting: see [`Error`].
pub fn serve(settings: Settings, ready: impl FnOnce(SocketAddr)) -> Result<(), Error> {
    let runtime = runtime()?;
    let served = runtime.block_on(run(App::new(settings)?, ready));
    // Whatever did not finish in time ends here. Commits are atomic, so nothing is left half
    // written.
    runtime.shutdown_background();
    served
}

/// Speaks the Model Context Protocol over standard input and output until the client disconnects.
///
/// # Errors
/// Those of [`serve`], and [`Error::Protocol`].
pub fn serve_mcp(settings: Settings) -> Result<(), Error> {
    let runtime = runtime()?;
    let app = App::new(settings)?;
    let served = runtime.block_on(async {
        let refreshing = tokio::spawn(refresh_loop(app.clone()));
        let served = mcp::over_stdio(app).await;
        refreshing.abort();
        served
    });
    // A blocking read of standard input may still be pending.
    runtime.shutdown_background();
    served
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .enable_all()
        .build()
        .map_err(Error::Threads)
}

async fn run(app: SharedApp, ready: impl FnOnce(SocketAddr)) -> Result<(), Error> {
    let reload = signals::reloads();
    let tls = match app.settings.tls.clone() {
        None => None,
        Some(files) => Some(Certificate::load(files).await?),
    };
    let listen = app.settings.listen;
    let listen_error = |source| Error::Listen { listen, source };
    let listener = TcpListener::bind(listen).map_err(listen_error)?;
    listener.set_nonblocking(true).map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;
    let handle = Handle::new();
    let (force, mut forced) = watch::channel(false);
    tokio::spawn(shutdown_on_signal(app.clone(), handle.clone(), force));
    let refreshing = tokio::spawn(refresh_loop(app.clone()));
    let base_path = app.settings.base_path.clone().unwrap_or_default();
    let router = mount::mount(routes::router(&app), base_path);
    tasks::resume(&app);
    ready(address);
    match tls {
        None => {
            let mut server = axum_server::from_tcp(listener)
                .map_err(listen_error)?
                .handle(handle);
            set_header_timeouts(server.http_builder());
            let server = server.first_request_timeout(HEADER_READ_TIMEOUT);
            server
                .serve(router.into_make_service())
                .await
                .map_err(listen_error)?;
        }
        Some(certificate) => {
            let mut server = axum_server::from_tcp_rustls(listener, certificate.config.clone())
                .map_err(listen_error)?
                .handle(handle);
            set_header_timeouts(server.http_builder());
            let server = server.first_request_timeout(HEADER_READ_TIMEOUT);
            let router = router.layer(Extension(guard::Https));
            tokio::spawn(certificate.keep_current(reload));
            server
                .serve(router.into_make_service())
                .await
                .map_err(listen_error)?;
        }
    }
    refreshing.abort();
    tokio::select! {
        () = app.jobs.wait_running() => {}
        () = tokio::time::sleep(SHUTDOWN_TIMEOUT) => tracing::warn!("a job did not stop in time"),
        _ = forced.wait_for(|force| *force) => {}
    }
    Ok(())
}

/// Disconnects clients that stop sending.
fn set_header_timeouts(builder: &mut Builder<TokioExecutor>) {
    builder.http1().header_read_timeout(HEADER_READ_TIMEOUT);
    builder.http2().keep_alive_interval(HEADER_READ_TIMEOUT);
}

/// Picks up commits made by other processes, and runs the upkeep of the metrics recorder.
async fn refresh_loop(app: SharedApp) {
    loop {
        tokio::time::sleep(REFRESH_INTERVAL).await;
        let app = app.clone();
        let refresh = move || {
            app.collections.refresh();
            // Histogram samples accumulate until upkeep moves them into buckets.
            app.metrics.run_upkeep();
        };
        // The panic hook has logged a panic already; the next round may succeed.
        let _ = tokio::task::spawn_blocking(refresh).await;
    }
}

/// On the first signal, shuts down gracefully; on the second, immediately.
async fn shutdown_on_signal(
    app: SharedApp,
    handle: Handle<SocketAddr>,
    force: watch::Sender<bool>,
) {
    signals::shutdown().await;
    tracing::info!(
        "shutting down once requests in progress are finished; signal again to stop immediately"
    );
    app.jobs.close();
    if app.jobs.any_running() {
        tracing::warn!(
            "finishing the running job; signal again to stop now: it goes on at the next start"
        );
    }
    handle.graceful_shutdown(Some(SHUTDOWN_TIMEOUT));
    let finish_jobs = async {
        let _ = tokio::time::timeout(JOB_SHUTDOWN_TIMEOUT, app.jobs.wait_running()).await;
        // Event streams end now.
        app.jobs.stop();
    };
    let ((), ()) = tokio::join!(finish_jobs, async {
        signals::shutdown().await;
        app.jobs.stop();
        force.send_replace(true);
        handle.shutdown();
    });
}
