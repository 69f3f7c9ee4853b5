//! What the operating system's signals ask for: to stop, or to read files again.

use std::sync::Arc;
use tokio::sync::Notify;

/// Waits for Ctrl-C or SIGTERM.
pub async fn shutdown() {
    let interrupt = async {
        // If no handler can be installed, Ctrl-C simply ends the process.
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

/// Tells of every SIGHUP, which otherwise would end the process. The handler is in place when this
/// returns.
pub fn reloads() -> Arc<Notify> {
    let reload = Arc::new(Notify::new());
    #[cfg(unix)]
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) {
        Ok(mut signal) => {
            let told = reload.clone();
            tokio::spawn(async move {
                while signal.recv().await.is_some() {
                    told.notify_one();
                }
            });
        }
        Err(error) => tracing::warn!(%error, "cannot handle SIGHUP"),
    }
    reload
}
