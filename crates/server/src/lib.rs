//! Collections over HTTP and MCP, with a page to ask them.
//!
//! [`serve`] listens: the API under `/v1` (described at `/openapi.json`, to be tried at `/docs`), the page at
//! `/`, the Model Context Protocol at `/mcp`, `/metrics` for Prometheus, `/healthz` and `/readyz`. [`serve_mcp`] speaks
//! the same protocol over standard input and output. Questions are answered by a thread a core behind a queue with an end;
//! each is answered from one commit, and new commits are taken up between questions. Long work is a job.
//!
//! This crate gives nothing of a collection without a key where others than this machine can reach it, reads no path that a
//! client names, and writes to its log only, through `tracing`.

#![deny(missing_docs)]

mod api_docs;
mod app;
mod ask;
mod guard;
mod hosted;
mod jobs;
mod keys;
mod map;
mod mcp;
mod metrics;
mod number;
mod page;
mod pool;
mod problem;
mod rest;
mod routes;
mod settings;
mod suggest;

pub use keys::{Error as KeyError, Keys, Role};
pub use settings::Settings;

use app::{App, Shared};
use axum::Extension;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;

/// How long requests that are under way may take after the server was told to stop.
const GRACE: Duration = Duration::from_secs(30);
/// How often a newer commit is looked for.
const LOOK: Duration = Duration::from_millis(500);
/// How many threads wait for files, jobs included.
const BLOCKING: usize = 64;
/// How long a client may take to send a request's headers.
const HEADERS: Duration = Duration::from_secs(10);

/// Everything that serving can report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Others could reach it, and nothing keeps them out.
    #[error(
        "{listen} can be reached from other machines: make an API key first (nigh key add NAME --keys keys.toml) and give --keys"
    )]
    Open {
        /// Where it was to listen.
        listen: SocketAddr,
    },
    /// Keys would cross a network for all to read.
    #[error(
        "{listen} can be reached from other machines: give --tls-cert and --tls-key, or --plain behind a proxy that has TLS"
    )]
    Plain {
        /// Where it was to listen.
        listen: SocketAddr,
    },
    /// It cannot listen.
    #[error("{listen}: {source}")]
    Listen {
        /// Where it was to listen.
        listen: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A page's origin that no page can have.
    #[error(
        "--allow-origin {origin}: expected a scheme, a host and perhaps a port, such as https://notes.example:8443"
    )]
    Origin {
        /// What was given.
        origin: String,
    },
    /// The certificate or its key cannot be used.
    #[error("{cert}, {key}: {source}")]
    Tls {
        /// The certificate chain.
        cert: PathBuf,
        /// The private key.
        key: PathBuf,
        /// What is wrong with them.
        source: std::io::Error,
    },
    /// There is neither a collection nor a folder of them.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The keys cannot be read.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A model cannot be had.
    #[error(transparent)]
    Model(#[from] engine::Error),
    /// Threads cannot be started.
    #[error("threads cannot be started: {0}")]
    Threads(std::io::Error),
    /// A client of the Model Context Protocol said something unintelligible.
    #[error("Model Context Protocol: {0}")]
    Protocol(String),
}

/// Serves until it is told to stop by Ctrl-C or SIGTERM, then finishes what is under way. `ready` is told where it
/// listens, once it does.
///
/// # Errors
/// When it cannot begin: see [`Error`].
pub fn serve(settings: Settings, ready: impl FnOnce(SocketAddr)) -> Result<(), Error> {
    let runtime = runtime()?;
    let served = runtime.block_on(serving(App::new(settings)?, ready));
    // What would not end in time ends here; every commit stands.
    runtime.shutdown_background();
    served
}

/// Speaks the Model Context Protocol over standard input and output, until the client goes away.
///
/// # Errors
/// When it cannot begin, or the client is unintelligible.
pub fn serve_mcp(settings: Settings) -> Result<(), Error> {
    let runtime = runtime()?;
    let app = App::new(settings)?;
    let served = runtime.block_on(async {
        let looking = tokio::spawn(keep_up(app.clone()));
        let served = mcp::over_stdio(app).await;
        looking.abort();
        served
    });
    // A read of standard input may still be waiting for more.
    runtime.shutdown_background();
    served
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING)
        .enable_all()
        .build()
        .map_err(Error::Threads)
}

async fn serving(app: Shared, ready: impl FnOnce(SocketAddr)) -> Result<(), Error> {
    let tls = match app.settings.tls.clone() {
        None => None,
        Some((cert, key)) => {
            // Already there if this process serves twice.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let config = RustlsConfig::from_pem_file(&cert, &key).await;
            Some(config.map_err(|source| Error::Tls { cert, key, source })?)
        }
    };
    let listen = app.settings.listen;
    let failed = |source| Error::Listen { listen, source };
    let listener = TcpListener::bind(listen).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let handle = Handle::new();
    let (hurry, mut hurried) = watch::channel(false);
    tokio::spawn(stop_on_signal(app.clone(), handle.clone(), hurry));
    let looking = tokio::spawn(keep_up(app.clone()));
    let router = routes::router(&app);
    ready(address);
    match tls {
        None => {
            let mut server = axum_server::from_tcp(listener).map_err(failed)?.handle(handle);
            patience(server.http_builder());
            let server = server.first_request_timeout(HEADERS);
            server.serve(router.into_make_service()).await.map_err(failed)?;
        }
        Some(config) => {
            let mut server = axum_server::from_tcp_rustls(listener, config).map_err(failed)?.handle(handle);
            patience(server.http_builder());
            let server = server.first_request_timeout(HEADERS);
            let router = router.layer(Extension(guard::Https));
            server.serve(router.into_make_service()).await.map_err(failed)?;
        }
    }
    looking.abort();
    tokio::select! {
        () = app.jobs.wait() => {}
        () = tokio::time::sleep(GRACE) => tracing::warn!("a job did not stop in time"),
        _ = hurried.wait_for(|hurry| *hurry) => {}
    }
    Ok(())
}

/// Who sends nothing more is not waited for.
fn patience(builder: &mut Builder<TokioExecutor>) {
    builder.http1().header_read_timeout(HEADERS);
    builder.http2().keep_alive_interval(HEADERS);
}

/// Takes up commits that others make, and keeps the house.
async fn keep_up(app: Shared) {
    loop {
        tokio::time::sleep(LOOK).await;
        let app = app.clone();
        let look = move || {
            app.collections.refresh();
            // Single measurements pile up until they are put into their buckets.
            app.metrics.run_upkeep();
        };
        // A panic there is logged by its own hook; the next look may go better.
        let _ = tokio::task::spawn_blocking(look).await;
    }
}

/// Stops at the first signal when what is under way is finished, at the second at once.
async fn stop_on_signal(app: Shared, handle: Handle<SocketAddr>, hurry: watch::Sender<bool>) {
    signal().await;
    tracing::info!("stopping: what is under way is finished first; another signal stops at once");
    // Those who follow a job are let go by its end.
    app.jobs.stop_all();
    handle.graceful_shutdown(Some(GRACE));
    signal().await;
    hurry.send_replace(true);
    handle.shutdown();
}

/// Waits for Ctrl-C or SIGTERM.
async fn signal() {
    let interrupt = async {
        // Without the signal there is only the end of the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => _ = signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
